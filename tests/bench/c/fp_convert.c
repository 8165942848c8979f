/* class: fp. Conversions, compares, min and max, rounding. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 120000000, s = 0;
    double lo = 1e9, hi = -1e9;
    float f = 0;
    for (long i = 0; i < n; i++) {
        double x = (double)(int32_t)(i * 2654435761u) * 0.001;
        s += (int32_t)x + (int64_t)(x * 1e3) + (uint32_t)(x < 0 ? -x : x);
        if (x < lo) lo = x;
        if (x > hi) hi = x;
        f += (float)x * 1e-6f;
        s += x > lo;
    }
    printf("%ld %.3f %.3f %d\n", s, lo, hi, f == f);
}
