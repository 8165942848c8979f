/* class: fp. Spectral norm. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
static double el(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }
static void mv(int n, const double *v, double *o, int t) { for (int i = 0; i < n; i++) { double s = 0; for (int j = 0; j < n; j++) s += (t ? el(j, i) : el(i, j)) * v[j]; o[i] = s; } }
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2500;
    double *u = malloc(n * 8), *v = malloc(n * 8), *t = malloc(n * 8), a = 0, b = 0;
    for (int i = 0; i < n; i++) u[i] = 1;
    for (int k = 0; k < 10; k++) { mv(n, u, t, 0); mv(n, t, v, 1); mv(n, v, t, 0); mv(n, t, u, 1); }
    for (int i = 0; i < n; i++) { a += u[i] * v[i]; b += v[i] * v[i]; }
    printf("%.9f\n", sqrt(a / b));
}
