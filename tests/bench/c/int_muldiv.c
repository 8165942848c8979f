/* class: int. 64-bit multiply, divide, modular powers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static uint64_t mulmod(uint64_t a, uint64_t b, uint64_t m) { return (unsigned __int128)a * b % m; }
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 12000000;
    uint64_t acc = 0, x = 12345;
    for (long i = 1; i < n; i++) {
        uint64_t m = 4294967291u, b = x % m, r = 1, e = 65537;
        for (; e; e >>= 1) { if (e & 1) r = mulmod(r, b, m); b = b * b % m; }
        x = x * 6364136223846793005u + i;
        acc += r + x / (i | 1) - (int64_t)x % (int32_t)(i + 7);
    }
    printf("%llu\n", (unsigned long long)acc);
}
