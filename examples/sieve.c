/*
 * examples/sieve.c: a guest program that needs nothing but a C library.
 *
 *   riscv64-linux-gnu-gcc -O2 -static -o sieve examples/sieve.c
 *   build/rivet sieve 1000000
 *   78498 primes below 1000000, the last is 999983
 */
#include <stdio.h>
#include <stdlib.h>

/* The loop that examples/run.sh shows from guest code to host code. */
__attribute__((noinline)) void strike_out(char *composite, long step, long limit)
{
    for (long i = step * step; i < limit; i += step) {
        composite[i] = 1;
    }
}

int main(int argc, char **argv)
{
    long limit = argc > 1 ? atol(argv[1]) : 1000000, count = 0, last = 0;
    char *composite = calloc((size_t)limit + 1, 1);
    for (long i = 2; i < limit; i++) {
        if (!composite[i]) {
            count++;
            last = i;
            if (i * i < limit) {
                strike_out(composite, i, limit);
            }
        }
    }
    printf("%ld primes below %ld, the last is %ld\n", count, limit, last);
    free(composite);
    return 0;
}
