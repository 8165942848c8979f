/* class: fp. Radix-2 FFT, forward and back. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
enum { N = 1 << 15 };
static double re[N], im[N];
static void fft(int dir)
{
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) { double t = re[i]; re[i] = re[j]; re[j] = t; t = im[i]; im[i] = im[j]; im[j] = t; }
    }
    for (int len = 2; len <= N; len <<= 1) {
        double ang = dir * 2 * M_PI / len, wr = cos(ang), wi = sin(ang);
        for (int i = 0; i < N; i += len) {
            double cr = 1, ci = 0;
            for (int j = 0; j < len / 2; j++) {
                int p = i + j, q = p + len / 2;
                double xr = re[q] * cr - im[q] * ci, xi = re[q] * ci + im[q] * cr;
                re[q] = re[p] - xr; im[q] = im[p] - xi; re[p] += xr; im[p] += xi;
                double t = cr * wr - ci * wi; ci = cr * wi + ci * wr; cr = t;
            }
        }
    }
    if (dir < 0) for (int i = 0; i < N; i++) { re[i] /= N; im[i] /= N; }
}
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    for (int i = 0; i < N; i++) re[i] = (i * 37 % 101) - 50;
    while (rounds--) { fft(1); fft(-1); }
    double e = 0;
    for (int i = 0; i < N; i++) e += fabs(re[i] - ((i * 37 % 101) - 50));
    printf("%d\n", e < 1e-4);
}
