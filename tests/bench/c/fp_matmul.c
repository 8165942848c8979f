/* class: fp. Matrix product, float and double. */
#include <stdio.h>
#include <stdlib.h>
enum { N = 240 };
static double a[N][N], b[N][N], c[N][N];
static float fa[N][N], fb[N][N], fc[N][N];
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 50;
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) { fa[i][j] = a[i][j] = (i * j % 17) * .25; fb[i][j] = b[i][j] = (i + j) % 13 - 6; }
    for (int r = 0; r < rounds; r++) for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) {
        double s = 0;
        float f = 0;
        for (int k = 0; k < N; k++) { s += a[i][k] * b[k][j]; f += fa[i][k] * fb[k][j]; }
        c[i][j] += s;
        fc[i][j] += f;
    }
    double t = 0;
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) t += c[i][j] * (i ^ j) + fc[i][j];
    printf("%.3f\n", t);
}
