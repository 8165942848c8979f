/* class: fp. Five bodies. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
static double p[5][3] = { { 0, 0, 0 }, { 4.8, -1.1, -.1 }, { 8.3, 4.1, -.4 }, { 12.8, -15.1, -.2 }, { 15.3, -25.9, .17 } };
static double v[5][3] = { { 0, 0, 0 }, { .6, 2.8, -.02 }, { -1, 1.8, .008 }, { 1.08, .86, -.01 }, { .97, .59, -.03 } };
static const double m[5] = { 39.4, .037, .011, .0017, .002 };
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 6000000;
    for (long s = 0; s < n; s++) {
        for (int i = 0; i < 5; i++) for (int j = i + 1; j < 5; j++) {
            double d[3], r = 0;
            for (int k = 0; k < 3; k++) { d[k] = p[i][k] - p[j][k]; r += d[k] * d[k]; }
            double mag = .001 / (r * sqrt(r));
            for (int k = 0; k < 3; k++) { v[i][k] -= d[k] * m[j] * mag; v[j][k] += d[k] * m[i] * mag; }
        }
        for (int i = 0; i < 5; i++) for (int k = 0; k < 3; k++) p[i][k] += .001 * v[i][k];
    }
    printf("%.6f %.6f\n", p[0][0], v[4][2]);
}
