/* class: int. SHA-256 of zeros; the constants are computed (fractional parts of cube roots). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static uint32_t k[64], h[8];
static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }
static void block(const uint32_t *m)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) w[i] = m[i];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) s[i] = h[i];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
        uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (int j = 7; j > 0; j--) s[j] = s[j - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1200000, p = 2, c = 0;
    for (; c < 64; p++) {
        int prime = 1;
        for (int d = 2; d * d <= p; d++) prime &= p % d != 0;
        if (!prime) continue;
        double r = cbrt(p), q = sqrt(p);
        k[c] = (uint32_t)((r - (int)r) * 4294967296.0);
        if (c < 8) h[c] = (uint32_t)((q - (int)q) * 4294967296.0);
        c++;
    }
    uint32_t m[16] = { 0 };
    for (int i = 0; i < n; i++) { m[0] = i; block(m); }
    for (int i = 0; i < 8; i++) printf("%08x", h[i]);
    puts("");
}
