/* class: fp. libm functions, conversions, compares. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 15000000, t = 0;
    double s = 0;
    for (long i = 1; i < n; i++) {
        double x = i * 1e-3;
        s += sin(x) * exp(-x / 1000) + sqrt(x) - log(x) + fmin(x, s) * 1e-9 + floor(x);
        t += (long)(s * 1e-3) + (s > x) + (int)(float)x;
    }
    printf("%.6e %ld\n", s, t);
}
