/* class: int. FNV and xorshift over a buffer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 2000;
    static unsigned char buf[1 << 16];
    uint64_t x = 88172645463325252ull, h = 0;
    for (int r = 0; r < rounds; r++) {
        for (unsigned i = 0; i < sizeof buf; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            buf[i] = (unsigned char)x;
        }
        uint32_t f = 2166136261u;
        for (unsigned i = 0; i < sizeof buf; i++) {
            f = (f ^ buf[i]) * 16777619u;
        }
        h = h * 31 + f;
    }
    printf("%llu\n", (unsigned long long)h);
}
