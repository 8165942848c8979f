/* class: mem. Copy, scale, add and triad over arrays. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
enum { N = 1 << 18 };
static uint64_t a[N], b[N], c[N];
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 300;
    for (int i = 0; i < N; i++) { a[i] = i; b[i] = i * 3; }
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) c[i] = a[i];
        for (int i = 0; i < N; i++) b[i] = c[i] * 3;
        for (int i = 0; i < N; i++) c[i] = a[i] + b[i];
        for (int i = 0; i < N; i++) a[i] = b[i] + c[i] * 5;
    }
    uint64_t s = 0;
    for (int i = 0; i < N; i++) s = s * 31 + a[i];
    printf("%llu\n", (unsigned long long)s);
}
