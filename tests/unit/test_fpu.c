/*
 * tests/unit/test_fpu.c: soft arithmetic and fp helpers, against tables and against the host's SSE.
 *
 * The host is the oracle in its four rounding modes, flags included. For RMM the oracle is built
 * from the host's RNE and truncated results and an exact comparison with the midpoint (singles:
 * the comparison is exact in doubles). RIVET_TEST_FPU_COUNT sets the random checks per row.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include "frontend/helper_fpu.h"
#include "frontend/helper_softfp.h"
#include "tests/unit/suite.h"

#define BOX UINT64_C(0xffffffff00000000)
#define QNAN64 UINT64_C(0x7ff8000000000000)
#define QNAN32 (BOX | 0x7fc00000u)

enum { MXCSR_DEFAULT = 0x1f80, HOST_MODES = 4 };

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 0x2545f4914f6cdd1du;
}

static unsigned count(void)
{
    const char *s = getenv("RIVET_TEST_FPU_COUNT");
    return s ? (unsigned)atoi(s) : 100000;
}

static double as_f64(uint64_t v)
{
    double d;
    memcpy(&d, &v, 8);
    return d;
}

static uint64_t f64_bits(double d)
{
    uint64_t v;
    memcpy(&v, &d, 8);
    return v;
}

static float as_f32(uint64_t v)
{
    float f;
    uint32_t w = (uint32_t)v;
    memcpy(&f, &w, 4);
    return f;
}

static uint64_t f32_bits(float f)
{
    uint32_t w;
    memcpy(&w, &f, 4);
    return BOX | w;
}

static bool nan_bits(bool f64, uint64_t v)
{
    return f64 ? isnan(as_f64(v)) : isnan(as_f32(v));
}

static uint64_t canon(bool f64, uint64_t v)
{
    if (nan_bits(f64, v)) {
        return f64 ? QNAN64 : QNAN32;
    }
    return f64 ? v : v | BOX;
}

static unsigned csr_flags(unsigned m)
{
    return (m >> 5 & 1) | (m >> 3 & 2) | (m >> 1 & 4) | (m << 1 & 8) | (m << 4 & 16);
}

/* Random operands: specials, edges of the exponent range, few fraction bits (ties), neighbours. */
static uint64_t rnd_fp(bool f64, uint64_t near)
{
    static const uint64_t special64[] = {
        0, 0x3ff0000000000000, 0x7ff0000000000000, QNAN64, 0x7ff0000000000001, 0x7ff4000000000000,
        1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x3fe0000000000000,
        0x3ff8000000000000, 0x41dfffffffc00000, 0x41e0000000000000, 0x43e0000000000000,
        0x43f0000000000000, 0x41f0000000000000, 0x43dfffffffffffff, 0x7ff8000000000001,
        0x3fdfffffffffffff, 0x4004000000000000,
    };
    static const uint32_t special32[] = {
        0, 0x3f800000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fa00000, 1, 0x007fffff, 0x00800000,
        0x7f7fffff, 0x3f000000, 0x3fc00000, 0x4effffff, 0x4f000000, 0x5f000000, 0x5f800000,
        0x4f800000, 0x5effffff, 0x7fc00001, 0x3effffff, 0x40200000,
    };
    uint64_t sign = (rnd() & 1) << (f64 ? 63 : 31);
    unsigned fb = f64 ? 52 : 23;
    uint64_t emask = f64 ? 0x7ff : 0xff, fmask = (UINT64_C(1) << fb) - 1, v;
    uint64_t e, f;

    switch (rnd() % 8) {
    case 0:
        v = f64 ? special64[rnd() % 21] : special32[rnd() % 21];
        return v | sign | (f64 ? 0 : BOX);
    case 1:
        e = rnd() & emask;
        f = rnd();
        break;
    case 2:     /* few bits at the top and perhaps one at the bottom */
        e = emask / 2 + rnd() % 64 - 32;
        f = (rnd() & 0xf) << (fb - 4) | (rnd() % 3 == 0);
        break;
    case 3:     /* near the bottom */
        e = rnd() % 4;
        f = rnd() >> rnd() % 64;
        break;
    case 4:     /* near the top */
        e = emask - 1 - rnd() % 3;
        f = rnd() | ((rnd() & 1) ? fmask : 0);
        break;
    case 5:     /* near the other operand */
        e = (near >> fb & emask) + rnd() % 5 - 2;
        f = near + rnd() % 5 - 2;
        break;
    case 6:     /* cancelling the other operand */
        sign = ~near & UINT64_C(1) << (f64 ? 63 : 31);
        e = near >> fb;
        f = near ^ (rnd() & 1 ? 0 : UINT64_C(1) << rnd() % fb);
        break;
    default:
        e = emask / 2 + rnd() % 256 - 128;
        f = rnd();
        break;
    }
    return sign | (e & emask) << fb | (f & fmask) | (f64 ? 0 : BOX);
}

/* One host instruction under its own MXCSR: xmm0 op= xmm1, xmm2. */
#define HOST_ASM(text) \
    __asm__ volatile("movq %[a], %%xmm0\n\tmovq %[b], %%xmm1\n\tmovq %[c], %%xmm2\n\t" \
                     "ldmxcsr %[m]\n\t" text "\n\tstmxcsr %[m]\n\tldmxcsr %[d]\n\t" \
                     "movq %%xmm0, %[a]" \
                     : [a] "+r"(a), [m] "+m"(m), [n] "+r"(n) \
                     : [b] "r"(b), [c] "r"(c), [d] "m"(dflt) \
                     : "xmm0", "xmm1", "xmm2")
#define HOST_FN(name, text64, text32, out) \
    static uint64_t host_##name(bool f64, uint64_t a, uint64_t b, uint64_t c, IrRound rm, \
                                unsigned *flags) \
    { \
        static const uint8_t rc[HOST_MODES] = { 0, 3, 1, 2 }; \
        uint32_t m = MXCSR_DEFAULT | (uint32_t)rc[rm] << 13, dflt = MXCSR_DEFAULT; \
        uint64_t n = a; \
        if (f64) { \
            HOST_ASM(text64); \
        } else { \
            HOST_ASM(text32); \
        } \
        (void)n; \
        *flags = csr_flags(m); \
        return out; \
    }
HOST_FN(add, "addsd %%xmm1, %%xmm0", "addss %%xmm1, %%xmm0", canon(f64, a))
HOST_FN(sub, "subsd %%xmm1, %%xmm0", "subss %%xmm1, %%xmm0", canon(f64, a))
HOST_FN(mul, "mulsd %%xmm1, %%xmm0", "mulss %%xmm1, %%xmm0", canon(f64, a))
HOST_FN(div, "divsd %%xmm1, %%xmm0", "divss %%xmm1, %%xmm0", canon(f64, a))
HOST_FN(sqrt, "sqrtsd %%xmm0, %%xmm0", "sqrtss %%xmm0, %%xmm0", canon(f64, a))
HOST_FN(fmadd, "vfmadd213sd %%xmm2, %%xmm1, %%xmm0", "vfmadd213ss %%xmm2, %%xmm1, %%xmm0",
        canon(f64, a))
HOST_FN(fmsub, "vfmsub213sd %%xmm2, %%xmm1, %%xmm0", "vfmsub213ss %%xmm2, %%xmm1, %%xmm0",
        canon(f64, a))
HOST_FN(fnmsub, "vfnmadd213sd %%xmm2, %%xmm1, %%xmm0", "vfnmadd213ss %%xmm2, %%xmm1, %%xmm0",
        canon(f64, a))
HOST_FN(fnmadd, "vfnmsub213sd %%xmm2, %%xmm1, %%xmm0", "vfnmsub213ss %%xmm2, %%xmm1, %%xmm0",
        canon(f64, a))
/* f64: the format of the result */
HOST_FN(cvt_ff, "cvtss2sd %%xmm0, %%xmm0", "cvtsd2ss %%xmm0, %%xmm0", canon(f64, a))
HOST_FN(from_s64, "cvtsi2sd %[n], %%xmm0", "cvtsi2ss %[n], %%xmm0", canon(f64, a))
HOST_FN(to_s64, "cvtsd2si %%xmm0, %[n]", "cvtss2si %%xmm0, %[n]", n)

typedef uint64_t HostFn(bool f64, uint64_t a, uint64_t b, uint64_t c, IrRound rm, unsigned *flags);

static const struct {
    const char *name;
    HostFn *host;
    FrmmOp op;
    bool fma;
} arith[] = {
    { "add", host_add, FRMM_FADD, false },
    { "sub", host_sub, FRMM_FSUB, false },
    { "mul", host_mul, FRMM_FMUL, false },
    { "div", host_div, FRMM_FDIV, false },
    { "sqrt", host_sqrt, FRMM_FSQRT, false },
    { "cvt_ff", host_cvt_ff, FRMM_FCVT_FF, false },
    { "fmadd", host_fmadd, FRMM_FMADD, true },
    { "fmsub", host_fmsub, FRMM_FMSUB, true },
    { "fnmsub", host_fnmsub, FRMM_FNMSUB, true },
    { "fnmadd", host_fnmadd, FRMM_FNMADD, true },
};
enum { N_ARITH = sizeof arith / sizeof arith[0] };

static uint64_t soft_arith(SoftFp *s, FrmmOp op, uint64_t a, uint64_t b, uint64_t c)
{
    switch (op) {
    case FRMM_FADD:
        return softfp_add(s, a, b);
    case FRMM_FSUB:
        return softfp_sub(s, a, b);
    case FRMM_FMUL:
        return softfp_mul(s, a, b);
    case FRMM_FDIV:
        return softfp_div(s, a, b);
    case FRMM_FSQRT:
        return softfp_sqrt(s, a);
    case FRMM_FCVT_FF:
        return softfp_from_fp(s, a);
    default:
        return softfp_fma(s, a, b, c, (SoftFma)op);
    }
}

static void mismatch(const char *what, bool f64, IrRound rm, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t got, unsigned gotf, uint64_t want, unsigned wantf)
{
    ck_abort_msg("%s f64=%d rm=%d a=%016llx b=%016llx c=%016llx: got %016llx flags %02x, "
                 "want %016llx flags %02x", what, f64, (int)rm, (unsigned long long)a,
                 (unsigned long long)b, (unsigned long long)c, (unsigned long long)got, gotf,
                 (unsigned long long)want, wantf);
}

/* inf * 0 + quiet NaN is invalid in RISC-V; whether the host flags it is its own affair. */
static bool fma_invalid(bool f64, uint64_t a, uint64_t b)
{
    double x = f64 ? as_f64(a) : (double)as_f32(a), y = f64 ? as_f64(b) : (double)as_f32(b);
    return (isinf(x) && y == 0) || (x == 0 && isinf(y));
}

START_TEST(test_arith_host)
{
    unsigned row = (unsigned)_i / 2;
    bool f64 = _i & 1;
    bool in64 = arith[row].op == FRMM_FCVT_FF ? !f64 : f64;
    if (arith[row].fma && !__builtin_cpu_supports("fma")) {
        return;
    }
    for (unsigned i = 0, n = count(); i < n; i++) {
        IrRound rm = (IrRound)(i % HOST_MODES);
        uint64_t a = rnd_fp(in64, rnd()), b = rnd_fp(in64, a), c = rnd_fp(in64, rnd() & 1 ? a : b);
        unsigned want_flags;
        uint64_t want = arith[row].host(f64, a, b, c, rm, &want_flags);
        if (arith[row].fma && fma_invalid(f64, a, b)) {
            want_flags = IR_NV;
        }
        SoftFp s = { .f64 = f64, .rm = rm };
        uint64_t got = soft_arith(&s, arith[row].op, a, b, c);
        if (got != want || s.flags != want_flags) {
            mismatch(arith[row].name, f64, rm, a, b, c, got, s.flags, want, want_flags);
        }
        if (arith[row].fma) {
            static const uint8_t rc[HOST_MODES] = { 0, 3, 1, 2 };
            _mm_setcsr(MXCSR_DEFAULT | (unsigned)rc[rm] << 13);
            got = helper_fma_slow(NULL, a, b, c, arith[row].op | (f64 ? FMA_SLOW_F64 : 0));
            unsigned flags = csr_flags(_mm_getcsr());
            _mm_setcsr(MXCSR_DEFAULT);
            if (got != want || flags != want_flags) {
                mismatch("fma_slow", f64, rm, a, b, c, got, flags, want, want_flags);
            }
        }
    }
}
END_TEST

/* Products whose exact sum with c needs cancellation, under- and overflow: c = -(a * b) nudged. */
START_TEST(test_fma_cancel)
{
    bool f64 = _i & 1;
    if (!__builtin_cpu_supports("fma")) {
        return;
    }
    for (unsigned i = 0, n = count(); i < n; i++) {
        IrRound rm = (IrRound)(i % HOST_MODES);
        uint64_t a = rnd_fp(f64, rnd()), b = rnd_fp(f64, a);
        unsigned flags;
        uint64_t p = host_mul(f64, a, b, 0, (IrRound)(rnd() % HOST_MODES), &flags);
        uint64_t c = (p ^ UINT64_C(1) << (f64 ? 63 : 31)) + (i & 4 ? rnd() % 3 - 1 : 0);
        uint64_t want = host_fmadd(f64, a, b, c, rm, &flags);
        if (fma_invalid(f64, a, b)) {
            flags = IR_NV;
        }
        SoftFp s = { .f64 = f64, .rm = rm };
        uint64_t got = softfp_fma(&s, a, b, c, SOFT_FMADD);
        if (got != want || s.flags != flags) {
            mismatch("fma cancel", f64, rm, a, b, c, got, s.flags, want, flags);
        }
    }
}
END_TEST

/* -1, 0, 1: how |exact result| compares with the midpoint of lo and the next single away from 0.
 * All are finite. */
static int compare_midpoint(FrmmOp op, uint64_t a, uint64_t b, uint64_t lo)
{
    double x = fabs((double)as_f32(a)), y = fabs((double)as_f32(b));
    uint64_t hi = lo + 1;
    double l = fabs((double)as_f32(lo)), h = fabs((double)as_f32(hi));
    if (isinf(h)) {
        h = 0x1p128;
    }
    double mid = (l + h) / 2, left, right;

    switch (op) {
    case FRMM_FMUL:
        left = x * y;
        right = mid;
        break;
    case FRMM_FDIV:
        left = x;
        right = mid * y;
        break;
    case FRMM_FSQRT:
        left = x;
        right = mid * mid;
        break;
    case FRMM_FCVT_FF:
        left = fabs(as_f64(a));
        right = mid;
        break;
    default: {
        double sx = as_f32(a), sy = op == FRMM_FSUB ? -as_f32(b) : as_f32(b);
        left = fabs(sx + sy);   /* inexact only when one is far below the other: no tie then */
        right = mid;
        break;
    }
    }
    return left < right ? -1 : left > right;
}

START_TEST(test_arith_rmm)
{
    unsigned row = (unsigned)_i;
    FrmmOp op = arith[row].op;
    unsigned ties = 0;
    for (unsigned i = 0, n = count(); i < n; i++) {
        bool in64 = op == FRMM_FCVT_FF;
        uint64_t a = rnd_fp(in64, rnd()), b = rnd_fp(in64, a);
        if (op == FRMM_FCVT_FF && (i & 1)) {    /* one bit below a single's last: a tie */
            a = (a & ~UINT64_C(0x3fffffff)) | 0x10000000;
        }
        unsigned flags, ignored;
        uint64_t want = arith[row].host(false, a, b, 0, IR_RNE, &flags);
        uint64_t lo = arith[row].host(false, a, b, 0, IR_RTZ, &ignored);
        if ((flags & IR_NX) && want == lo && compare_midpoint(op, a, b, lo) == 0) {
            want++;
            ties++;
        }
        _mm_setcsr(MXCSR_DEFAULT);
        uint64_t got = helper_frmm(NULL, a, b, 0, op);
        unsigned got_flags = csr_flags(_mm_getcsr());
        _mm_setcsr(MXCSR_DEFAULT);
        if (got != want || got_flags != flags) {
            mismatch(arith[row].name, false, IR_RMM, a, b, 0, got, got_flags, want, flags);
        }
    }
    /* roots have no ties, quotients only among the subnormals */
    bool rare = op == FRMM_FSQRT || op == FRMM_FDIV;
    ck_assert_msg(ties > 0 || rare, "no tie met in %s", arith[row].name);
}
END_TEST

static const struct {
    FrmmOp op;
    double a, b, c;
    double want;
    unsigned flags;
} rmm64[] = {
    { FRMM_FADD, 1, 0x1p-53, 0, 1 + 0x1p-52, IR_NX },
    { FRMM_FADD, -1, -0x1p-53, 0, -1 - 0x1p-52, IR_NX },
    { FRMM_FADD, 1, 0x1.8p-54, 0, 1, IR_NX },
    { FRMM_FSUB, 1, 0x1p-54, 0, 1, IR_NX },
    { FRMM_FADD, 1, -1, 0, 0, 0 },
    { FRMM_FADD, -0.0, 0.0, 0, 0, 0 },
    { FRMM_FADD, -0.0, -0.0, 0, -0.0, 0 },
    { FRMM_FSUB, INFINITY, INFINITY, 0, NAN, IR_NV },
    { FRMM_FMUL, 0x1.0000000000001p0, 1.5, 0, 0x1.8000000000002p0, IR_NX },
    { FRMM_FMUL, 0x1p-1074, 0.5, 0, 0x1p-1074, IR_NX | IR_UF },
    { FRMM_FMUL, -0x1p-1074, 0.5, 0, -0x1p-1074, IR_NX | IR_UF },
    { FRMM_FMUL, 0x1p-1074, 0.25, 0, 0, IR_NX | IR_UF },
    { FRMM_FMUL, -0.0, 5, 0, -0.0, 0 },
    { FRMM_FMUL, 0, INFINITY, 0, NAN, IR_NV },
    { FRMM_FMUL, 0x1p1023, 2, 0, INFINITY, IR_OF | IR_NX },
    { FRMM_FDIV, 1, 0, 0, INFINITY, IR_DZ },
    { FRMM_FDIV, 1, 3, 0, 0x1.5555555555555p-2, IR_NX },
    { FRMM_FDIV, 0x1.0000000000001p-1022, 2, 0, 0x0.8000000000001p-1022, IR_NX | IR_UF },
    { FRMM_FSQRT, 2, 0, 0, 0x1.6a09e667f3bcdp0, IR_NX },
    { FRMM_FSQRT, -1, 0, 0, NAN, IR_NV },
    { FRMM_FSQRT, -0.0, 0, 0, -0.0, 0 },
    { FRMM_FMADD, 0x1p-27, 0x1p-26, 1, 1 + 0x1p-52, IR_NX },
    { FRMM_FMSUB, 1, 1, 0x1p-54, 1, IR_NX },
    { FRMM_FNMSUB, 1, 1, 0x1p-53, -0x1.fffffffffffffp-1, 0 },
    { FRMM_FNMADD, 1, 1, 0x1p-53, -1 - 0x1p-52, IR_NX },
    { FRMM_FMADD, INFINITY, 0, NAN, NAN, IR_NV },
    { FRMM_FCVT_FF, 1, 0, 0, 0, 0 },    /* as singles: 0x00000000, +0 */
};

START_TEST(test_rmm_table)
{
    uint64_t got = helper_frmm(NULL, f64_bits(rmm64[_i].a), f64_bits(rmm64[_i].b),
                               f64_bits(rmm64[_i].c), rmm64[_i].op | FRMM_F64);
    unsigned flags = csr_flags(_mm_getcsr());
    uint64_t want = canon(true, f64_bits(rmm64[_i].want));
    if (got != want || flags != rmm64[_i].flags) {
        mismatch("frmm", true, IR_RMM, f64_bits(rmm64[_i].a), f64_bits(rmm64[_i].b),
             f64_bits(rmm64[_i].c), got, flags, want, rmm64[_i].flags);
    }
}
END_TEST

/* The expected conversion of x, from the host's cvt to s64 under rm where that is in range. */
static int64_t want_to_int(bool f64, uint64_t a, IrIntKind kind, IrRound rm, unsigned *flags)
{
    double x = f64 ? as_f64(a) : (double)as_f32(a);
    static const struct {
        int64_t min, max;
        double above;           /* from here on it saturates in every mode */
    } lim[] = {
        [IR_S32] = { INT32_MIN, INT32_MAX, 0x1p31 },
        [IR_U32] = { 0, (int64_t)(int32_t)UINT32_MAX, 0x1p32 },
        [IR_S64] = { INT64_MIN, INT64_MAX, 0x1p63 },
        [IR_U64] = { 0, (int64_t)UINT64_MAX, 0x1p64 },
    };
    *flags = IR_NV;
    if (isnan(x) || x >= lim[kind].above) {
        return lim[kind].max;
    }
    if (kind == IR_U64 && x >= 0x1p63) {
        *flags = 0;
        return (int64_t)((uint64_t)(int64_t)(x - 0x1p63) + (UINT64_C(1) << 63));
    }
    if (x < -0x1p63) {
        return lim[kind].min;
    }
    unsigned f;
    int64_t r = (int64_t)host_to_s64(f64, a, 0, 0, rm, &f);
    if (kind == IR_U32 ? r > (int64_t)UINT32_MAX : kind == IR_S32 && r > INT32_MAX) {
        return lim[kind].max;
    }
    if (kind != IR_S64 && r < lim[kind].min) {
        return lim[kind].min;
    }
    *flags = f;
    return kind == IR_U32 || kind == IR_S32 ? (int32_t)r : r;
}

START_TEST(test_to_int)
{
    IrIntKind kind = (IrIntKind)(_i / 2);
    bool f64 = _i & 1;
    for (unsigned i = 0, n = count(); i < n; i++) {
        IrRound rm = (IrRound)(i % 5);
        uint64_t a;
        if (i & 8) {    /* halves and integers around the limits */
            static const double base[] = { 0, 0x1p31, 0x1p32, 0x1p63, 0x1p64, 100 };
            double x = base[rnd() % 6] + (double)((int64_t)(rnd() % 33) - 16) / 4;
            x = rnd() & 1 ? -x : x;
            a = f64 ? f64_bits(x) + rnd() % 3 - 1 : f32_bits((float)x);
        } else {
            a = rnd_fp(f64, rnd());
        }
        unsigned want_flags;
        int64_t want;
        if (rm == IR_RMM) {
            double x = f64 ? as_f64(a) : (double)as_f32(a);
            double t = trunc(x), r = fabs(x - t) >= 0.5 ? t + copysign(1, x) : t;
            want = want_to_int(true, f64_bits(isfinite(x) ? r : x), kind, IR_RTZ, &want_flags);
            want_flags |= isfinite(x) && r != x && !(want_flags & IR_NV) ? IR_NX : 0;
        } else {
            want = want_to_int(f64, a, kind, rm, &want_flags);
        }
        /* half the static modes through the current MXCSR */
        static const uint8_t rc[] = { 0, 3, 1, 2 };
        bool dyn = rm != IR_RMM && (i & 16);
        _mm_setcsr(MXCSR_DEFAULT | (dyn ? (unsigned)rc[rm] << 13 : 0));
        uint64_t got = helper_fcvt_if_slow(NULL, a, kind, dyn ? IR_ROUND_DYN : rm, f64);
        unsigned flags = csr_flags(_mm_getcsr());
        _mm_setcsr(MXCSR_DEFAULT);
        if (got != (uint64_t)want || flags != want_flags) {
            mismatch("fcvt_if", f64, rm, a, kind, 0, got, flags, (uint64_t)want, want_flags);
        }
    }
}
END_TEST

static uint64_t rnd_int(void)
{
    uint64_t v = rnd() >> rnd() % 64;
    switch (rnd() % 4) {
    case 0:
        return v;
    case 1:
        return -v;
    case 2: /* ties of both formats */
        return (rnd() | UINT64_C(1) << 63) & ~UINT64_C(0) << (rnd() % 2 ? 10 : 39);
    default:
        return (UINT64_C(1) << rnd() % 64) + rnd() % 5 - 2;
    }
}

START_TEST(test_from_int)
{
    IrIntKind kind = (IrIntKind)(_i / 2);
    bool f64 = _i & 1;
    for (unsigned i = 0, n = count(); i < n; i++) {
        IrRound rm = (IrRound)(i % HOST_MODES);
        uint64_t v = rnd_int();
        int64_t x = kind == IR_S32 ? (int32_t)v : kind == IR_U32 ? (uint32_t)v : (int64_t)v;
        unsigned want_flags;
        uint64_t want;
        if (kind == IR_U64 && x < 0) {  /* halve with a sticky bit, then add one to the exponent */
            want = host_from_s64(f64, v >> 1 | (v & 1), 0, 0, rm, &want_flags) +
                   (UINT64_C(1) << (f64 ? 52 : 23));
        } else {
            want = host_from_s64(f64, (uint64_t)x, 0, 0, rm, &want_flags);
        }
        static const uint8_t rc[] = { 0, 3, 1, 2 };
        bool dyn = (v ^ rm) & 1;
        _mm_setcsr(MXCSR_DEFAULT | (unsigned)rc[dyn ? rm : IR_RNE] << 13);
        uint64_t got = helper_fcvt_fi_slow(NULL, v, kind, dyn ? IR_ROUND_DYN : rm, f64);
        unsigned flags = csr_flags(_mm_getcsr());
        _mm_setcsr(MXCSR_DEFAULT);
        if (got != want || flags != want_flags) {
            mismatch("fcvt_fi", f64, rm, v, kind, 0, got, flags, want, want_flags);
        }
        /* RMM: away from zero exactly at ties */
        SoftFp down = { .f64 = f64, .rm = IR_RTZ };
        uint64_t lo = softfp_from_int(&down, v, kind);
        uint64_t hi = down.flags ? lo + 1 : lo;
        if (kind == IR_S64 || kind == IR_U64) {
            uint64_t mag = kind == IR_S64 && x < 0 ? -v : v;
            unsigned lead = mag ? (unsigned)__builtin_clzll(mag) : 0;
            unsigned keep = f64 ? 53 : 24, bits = 64 - lead;
            uint64_t rest = bits > keep ? mag & ((UINT64_C(1) << (bits - keep)) - 1) : 0;
            uint64_t half = bits > keep ? UINT64_C(1) << (bits - keep - 1) : 1;
            want = rest >= half ? hi : lo;
            got = helper_frmm(NULL, v, kind, 0, FRMM_FCVT_FI | (f64 ? FRMM_F64 : 0u));
            if (got != want) {
                mismatch("frmm fcvt_fi", f64, IR_RMM, v, kind, 0, got, 0, want, 0);
            }
        }
    }
}
END_TEST

static bool is_snan(bool f64, uint64_t v)
{
    return nan_bits(f64, v) && !(v >> (f64 ? 51 : 22) & 1);
}

START_TEST(test_minmax)
{
    bool f64 = _i & 1, max = _i & 2;
    for (unsigned i = 0, n = count(); i < n; i++) {
        uint64_t a = rnd_fp(f64, rnd()), b = rnd_fp(f64, a);
        double x = f64 ? as_f64(a) : (double)as_f32(a), y = f64 ? as_f64(b) : (double)as_f32(b);
        uint64_t want;
        if (isnan(x) && isnan(y)) {
            want = f64 ? QNAN64 : QNAN32;
        } else if (isnan(x) || isnan(y)) {
            want = isnan(x) ? b : a;
        } else if (x == y) {
            want = (signbit(x) != 0) != max ? a : b;
        } else {
            want = (x < y) != max ? a : b;
        }
        unsigned want_flags = is_snan(f64, a) || is_snan(f64, b) ? IR_NV : 0;
        _mm_setcsr(MXCSR_DEFAULT);
        uint64_t got = helper_fminmax_slow(NULL, a, b, 0, (max ? FMINMAX_MAX : 0u) |
                                                          (f64 ? FMINMAX_F64 : 0u));
        unsigned flags = csr_flags(_mm_getcsr());
        _mm_setcsr(MXCSR_DEFAULT);
        if (got != want || flags != want_flags) {
            mismatch(max ? "max" : "min", f64, IR_RNE, a, b, 0, got, flags, want, want_flags);
        }
    }
}
END_TEST

static const struct {
    uint64_t f64, f32;
    unsigned bit;
} classes[] = {
    { 0xfff0000000000000, 0xff800000, 0 }, { 0xc000000000000000, 0xbf800000, 1 },
    { 0x8010000000000000, 0x80800000, 1 }, { 0x800fffffffffffff, 0x807fffff, 2 },
    { 0x8000000000000001, 0x80000001, 2 }, { 0x8000000000000000, 0x80000000, 3 },
    { 0, 0, 4 },                           { 1, 1, 5 },
    { 0x000fffffffffffff, 0x007fffff, 5 }, { 0x0010000000000000, 0x00800000, 6 },
    { 0x7fefffffffffffff, 0x7f7fffff, 6 }, { 0x7ff0000000000000, 0x7f800000, 7 },
    { 0x7ff0000000000001, 0x7f800001, 8 }, { 0xfff7ffffffffffff, 0xffbfffff, 8 },
    { 0x7ff8000000000000, 0x7fc00000, 9 }, { 0xffffffffffffffff, 0xffffffff, 9 },
};

START_TEST(test_class)
{
    ck_assert_uint_eq(helper_fclass_slow(NULL, classes[_i].f64, 1, 0, 0), 1u << classes[_i].bit);
    ck_assert_uint_eq(helper_fclass_slow(NULL, BOX | classes[_i].f32, 0, 0, 0),
                      1u << classes[_i].bit);
    /* random ones against the C library */
    for (unsigned i = 0, n = count() / 16; i < n; i++) {
        uint64_t a = rnd_fp(true, rnd());
        double x = as_f64(a);
        unsigned bit = isnan(x) ? (is_snan(true, a) ? 8 : 9)
                       : isinf(x) ? 7 : x == 0 ? 4 : isnormal(x) ? 6 : 5;
        bit = bit < 8 && signbit(x) ? 7 - bit : bit;
        ck_assert_uint_eq(helper_fclass_slow(NULL, a, 1, 0, 0), 1u << bit);
    }
}
END_TEST

/* Flags are or-ed in: what was there stays, and rounding too. */
START_TEST(test_flags_stick)
{
    _mm_setcsr(MXCSR_DEFAULT | 0x6000 | 0x10);
    helper_frmm(NULL, f64_bits(1), f64_bits(0), 0, FRMM_FDIV | FRMM_F64);
    unsigned m = _mm_getcsr();
    _mm_setcsr(MXCSR_DEFAULT);
    ck_assert_uint_eq(m, MXCSR_DEFAULT | 0x6000 | 0x10 | 0x04);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fpu");
    TCase *tc = tcase_create("helpers");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_arith_host, 0, N_ARITH * 2);
    tcase_add_loop_test(tc, test_fma_cancel, 0, 2);
    tcase_add_loop_test(tc, test_arith_rmm, 0, 6);
    tcase_add_loop_test(tc, test_rmm_table, 0, sizeof rmm64 / sizeof rmm64[0]);
    tcase_add_loop_test(tc, test_to_int, 0, 8);
    tcase_add_loop_test(tc, test_from_int, 0, 8);
    tcase_add_loop_test(tc, test_minmax, 0, 4);
    tcase_add_loop_test(tc, test_class, 0, sizeof classes / sizeof classes[0]);
    tcase_add_test(tc, test_flags_stick);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
