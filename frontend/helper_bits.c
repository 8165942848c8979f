/*
 * frontend/helper_bits.c: bit manipulation without a counterpart in the IR. Pure.
 */
#include "frontend/helper.h"

uint64_t helper_clmul(void *env, uint64_t a, uint64_t b, uint64_t a2, uint64_t a3)
{
    uint64_t r = 0;
    for (; b; b &= b - 1) {
        r ^= a << __builtin_ctzll(b);
    }
    return r;
}

/* Bits 126..63: a's bit i times b's bit j counts when i + j >= 63. */
uint64_t helper_clmulr(void *env, uint64_t a, uint64_t b, uint64_t a2, uint64_t a3)
{
    uint64_t r = 0;
    for (; b; b &= b - 1) {
        r ^= a >> (63 - __builtin_ctzll(b));
    }
    return r;
}

uint64_t helper_clmulh(void *env, uint64_t a, uint64_t b, uint64_t a2, uint64_t a3)
{
    return helper_clmulr(env, a, b, 0, 0) >> 1;
}
