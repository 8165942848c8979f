/* class: int. Sieve of Eratosthenes and collatz lengths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 3000000, count = 0, best = 0;
    for (int r = 0; r < 12; r++) {
        char *c = calloc(n, 1);
        for (long i = 2; i < n; i++) {
            if (!c[i]) { count++; for (long j = i * i; j < n; j += i) c[j] = 1; }
        }
        free(c);
    }
    for (unsigned long i = 1; i < 1000000; i++) {
        unsigned long x = i, len = 0;
        while (x != 1) { x = x & 1 ? 3 * x + 1 : x >> 1; len++; }
        if (len > (unsigned long)best) best = len;
    }
    printf("%ld %ld\n", count, best);
}
