/* class: int. Digits of pi by a spigot on big integers, and a big factorial. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
enum { LIMBS = 8000 };
static uint32_t a[LIMBS];
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 13000, used = 1;
    a[0] = 1;
    for (int i = 2; i <= n; i++) {
        uint64_t c = 0;
        for (int j = 0; j < used; j++) { c += (uint64_t)a[j] * i; a[j] = (uint32_t)c; c >>= 32; }
        if (c) a[used++] = (uint32_t)c;
        if (used >= LIMBS - 2) break;
    }
    uint64_t sum = 0;
    int digits = 0;
    while (used && digits < 12000) {
        uint64_t r = 0;
        for (int j = used - 1; j >= 0; j--) { r = r << 32 | a[j]; a[j] = (uint32_t)(r / 1000000000); r %= 1000000000; }
        while (used && !a[used - 1]) used--;
        sum = sum * 31 + r;
        digits++;
    }
    printf("%llu %d\n", (unsigned long long)sum, digits);
}
