/* class: int. A small LZ77 compressor and its decompressor. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 1 << 20, HASH = 1 << 15 };
static unsigned char in[N], out[N * 2], back[N];
static int32_t head[HASH];
static long pack(void)
{
    long o = 0;
    memset(head, -1, sizeof head);
    for (long i = 0; i < N;) {
        long len = 0, at = 0;
        if (i + 4 < N) {
            uint32_t w = in[i] | in[i + 1] << 8 | in[i + 2] << 16 | (uint32_t)in[i + 3] << 24, h = w * 2654435761u >> 17;
            at = head[h];
            head[h] = (int32_t)i;
            if (at >= 0 && i - at < 65536) while (i + len < N && len < 255 && in[at + len] == in[i + len]) len++;
        }
        if (len >= 4) { out[o++] = 1; out[o++] = (unsigned char)len; out[o++] = (unsigned char)(i - at); out[o++] = (unsigned char)((i - at) >> 8); i += len; }
        else { out[o++] = 0; out[o++] = in[i++]; }
    }
    return o;
}
static long unpack(long n)
{
    long i = 0, o = 0;
    while (i < n) {
        if (out[i++]) { long len = out[i], d = out[i + 1] | out[i + 2] << 8; i += 3; while (len--) { back[o] = back[o - d]; o++; } }
        else back[o++] = out[i++];
    }
    return o;
}
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 25;
    uint32_t x = 1;
    for (int i = 0; i < N; i++) { x = x * 1103515245 + 12345; in[i] = (unsigned char)("etaoin shrdlu"[(x >> 16) % 13] + (x >> 28 == 0)); if (i > 5000 && x % 7 == 0) in[i] = in[i - 5000]; }
    long total = 0;
    for (int r = 0; r < rounds; r++) { long n = pack(); total += n + unpack(n); }
    printf("%ld %d\n", total, memcmp(in, back, N));
}
