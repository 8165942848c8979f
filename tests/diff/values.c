/*
 * tests/diff/values.c: see values.h.
 */
#include "tests/diff/values.h"

uint64_t rng_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545f4914f6cdd1du >> 16 ^ *seed << 48;
}

unsigned rng_below(uint64_t *seed, unsigned n)
{
    return (unsigned)((rng_next(seed) >> 8) % n);
}

uint64_t random_x(uint64_t *seed)
{
    static const uint64_t special[] = {
        0, 1, 2, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
        0xffffffff80000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
        0xfffffffffffffffe, 0x5555555555555555, 0x00ff00ff00ff00ff, 0x8000000080000000,
    };
    switch (rng_below(seed, 6)) {
    case 0: case 1:
        return special[rng_below(seed, sizeof special / sizeof special[0])];
    case 2:
        return rng_next(seed) >> rng_below(seed, 64);
    case 3:
        return -(rng_next(seed) >> rng_below(seed, 64));
    case 4:
        return (uint64_t)(int64_t)(int32_t)rng_next(seed);
    default:
        return rng_next(seed);
    }
}

/* Bits of a number with fb fraction bits and an exponent field up to emask. */
static uint64_t random_fp(uint64_t *seed, unsigned fb, uint64_t emask)
{
    uint64_t one = UINT64_C(1) << fb, frac = rng_next(seed) & (one - 1), e = emask / 2;
    uint64_t sign = (uint64_t)rng_below(seed, 2) * (emask + 1) << fb;

    switch (rng_below(seed, 12)) {
    case 0:                             /* zero, or the subnormal next to it */
        return sign | (rng_below(seed, 3) == 0);
    case 1:                             /* infinity */
        return sign | emask << fb;
    case 2:                             /* NaNs */
        return sign | emask << fb | one >> 1 | (rng_below(seed, 2) ? frac : 0);
    case 3:
        return sign | emask << fb | (frac & ~(one >> 1)) | 1;
    case 4:                             /* subnormal, and the smallest normals */
        return sign | (uint64_t)rng_below(seed, 3) << fb | frac >> rng_below(seed, fb);
    case 5:                             /* greatest */
        return sign | (emask - 1 - rng_below(seed, 2)) << fb |
               (rng_below(seed, 2) ? one - 1 : frac);
    case 6: case 7:                     /* few bits: exact results and ties */
        return sign | (e + rng_below(seed, 32) - 16) << fb |
               (uint64_t)rng_below(seed, 8) << (fb - 3);
    case 8:                             /* around the integer limits, with a fraction */
        return sign | (e + 29 + rng_below(seed, 36)) << fb | (rng_below(seed, 2) ? one - 1 : frac);
    case 9:                             /* all of the range */
        return sign | (rng_next(seed) & emask) << fb | frac;
    default:
        return sign | (e + rng_below(seed, 8) - 4) << fb | frac;
    }
}

uint64_t random_f(uint64_t *seed, bool mostly_single)
{
    const uint64_t box = UINT64_C(0xffffffff00000000);
    unsigned k = rng_below(seed, 16);
    if (k == 0) {
        return rng_next(seed);
    }
    if (k == 1) {                       /* nearly boxed */
        return random_fp(seed, 23, 0xff) | (box & ~(UINT64_C(1) << (32 + rng_below(seed, 32))));
    }
    bool single = mostly_single ? k > 3 : k < 6;
    return single ? random_fp(seed, 23, 0xff) | box : random_fp(seed, 52, 0x7ff);
}
