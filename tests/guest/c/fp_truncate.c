/*
 * "Does this double fit", as JavaScript engines ask: convert with invalid cleared, look at invalid,
 * put the flags back. The translator makes one operation of that; here it must give what the same
 * instructions give apart, flags included, for every kind of number and with registers that
 * coincide.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint64_t old, n, v, flags;
} Result;

#define SEQUENCE(gap, cvt, mv, tail, old_r, n_r, v_r) \
    __asm__ volatile("fsflags %[f]\n" mv " ft1, %[x]\n.balign 8\n" \
                     "csrrci " old_r ", fflags, 16\n" gap cvt " " n_r ", ft1, rtz\n" gap \
                     "frflags " v_r "\n" gap "andi " v_r ", " v_r ", 16\n" gap tail \
                     "fsflags " old_r "\n" \
                     "sd " old_r ", 0(%[r])\nsd " n_r ", 8(%[r])\nsd " v_r ", 16(%[r])\n" \
                     "frflags t0\nsd t0, 24(%[r])\n" \
                     : : [r] "r"(r), [f] "r"(flags), [x] "r"(x) \
                     : "t0", "t1", "t2", "t3", "t4", "ft1", "memory")

#define BOTH(name, cvt, mv, tail, old_r, n_r, v_r) \
    static void __attribute__((noinline)) name##_fused(uint64_t x, uint64_t flags, Result *r) \
    { \
        SEQUENCE("", cvt, mv, tail, old_r, n_r, v_r); \
    } \
    static void __attribute__((noinline)) name##_apart(uint64_t x, uint64_t flags, Result *r) \
    { \
        SEQUENCE("fence\n", cvt, mv, tail, old_r, n_r, v_r); \
    }

BOTH(seqz, "fcvt.w.d", "fmv.d.x", "seqz t3, t3\n", "t1", "t2", "t3")
BOTH(bit, "fcvt.w.d", "fmv.d.x", "", "t1", "t2", "t3")
BOTH(single, "fcvt.w.s", "fmv.w.x", "seqz t3, t3\n", "t1", "t2", "t3")
BOTH(unboxed, "fcvt.w.s", "fmv.d.x", "", "t1", "t2", "t3")
BOTH(same_nv, "fcvt.w.d", "fmv.d.x", "seqz t2, t2\n", "t1", "t2", "t2")
BOTH(same_old, "fcvt.w.d", "fmv.d.x", "seqz t3, t3\n", "t1", "t1", "t3")
BOTH(same_ov, "fcvt.w.d", "fmv.d.x", "", "t1", "t2", "t1")
BOTH(wide, "fcvt.l.d", "fmv.d.x", "seqz t3, t3\n", "t1", "t2", "t3")

typedef void Fn(uint64_t x, uint64_t flags, Result *r);
static const struct {
    const char *name;
    Fn *fused, *apart;
    int single;
} rows[] = {
    { "seqz", seqz_fused, seqz_apart, 0 },          { "bit", bit_fused, bit_apart, 0 },
    { "single", single_fused, single_apart, 1 },    { "unboxed", unboxed_fused, unboxed_apart, 0 },
    { "n is v", same_nv_fused, same_nv_apart, 0 },  { "n is old", same_old_fused, same_old_apart, 0 },
    { "v is old", same_ov_fused, same_ov_apart, 0 }, { "wide", wide_fused, wide_apart, 0 },
};

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 11 ^ *seed << 40;
}

int main(void)
{
    static const double numbers[] = {
        0, 0.5, 1, 1.5, 2147483646.5, 2147483647, 2147483647.5, 2147483648, 2147483649, 4294967296,
        5e9, 9.2e18, 9223372036854774784.0, 9223372036854775808.0, 1e19, 1e300, 5e-324, 1e-310,
    };
    static const uint64_t bits[] = {
        0x7ff0000000000000, 0x7ff0000000000001, 0x7ff8000000000000, 0x7fffffffffffffff,
        0xffffffff7f800000, 0xffffffff7f800001, 0xffffffff7fc00000, 0xffffffffcf000000,
        0xffffffff4f000000, 0xffffffff4effffff, 0xffffffffcf000001, 0xffffffff5f000000,
    };
    uint64_t seed = 1;
    unsigned wrong = 0, checked = 0;
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t x;
        if (i < 36) {
            double d = i & 1 ? -numbers[i / 2] : numbers[i / 2];
            memcpy(&x, &d, 8);
        } else if (i < 60) {
            x = bits[(i - 36) / 2] ^ (uint64_t)(i & 1) << 63;
        } else if (i < 1000) {
            x = next(&seed);
        } else {                /* exponents around those of the limits */
            x = (next(&seed) & ~(UINT64_C(0x7ff) << 52)) | (uint64_t)(1023 + 28 + i % 38) << 52;
        }
        for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            uint64_t in = x;
            if (rows[k].single && i < 36) {
                float f = (float)numbers[i / 2];
                in = 0;
                memcpy(&in, &f, 4);
                in |= (uint64_t)(i & 1) << 31;
            }
            Result a, b;
            uint64_t flags = i % 32;
            rows[k].fused(in, flags, &a);
            rows[k].apart(in, flags, &b);
            checked++;
            if (memcmp(&a, &b, sizeof(a)) != 0 && ++wrong < 20) {
                printf("%s of %#lx, flags %#lx: %#lx %#lx %#lx %#lx, apart %#lx %#lx %#lx %#lx\n",
                       rows[k].name, in, flags, a.old, a.n, a.v, a.flags, b.old, b.n, b.v, b.flags);
            }
        }
    }
    Result r;
    seqz_fused(0x41f0000000000000, 1, &r);
    printf("2^32: %ld fits %lu flags %lu\n", (long)r.n, r.v, r.flags);
    printf("%u compared, %u differ\n", checked, wrong);
    return wrong != 0;
}
