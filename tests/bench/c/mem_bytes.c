/* class: mem. Byte loops: count, reverse, compare, search. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 1 << 16 };
static char a[N], b[N];
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 8000;
    long s = 0;
    for (int i = 0; i < N; i++) a[i] = (char)(i * 7 % 251);
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) b[N - 1 - i] = a[i];
        int count[256] = { 0 };
        for (int i = 0; i < N; i++) count[(unsigned char)b[i]]++;
        const char *p = memchr(a, r % 251, N);
        s += count[r % 251] + (p ? p - a : 0) + memcmp(a, b, N);
        a[r % N] ^= 1;
    }
    printf("%ld\n", s);
}
