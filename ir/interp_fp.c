/*
 * ir/interp_fp.c: exact fp semantics of the IR.
 *
 * Arithmetic runs on the host's SSE unit between ir_fp_enter() and ir_fp_leave(), through inline
 * assembly or a volatile pointer, so that no compiler folds or moves it out from between. All that
 * looks at NaNs, sign, classes, min/max and comparisons, and the conversion to integers, works on
 * bits. Tininess is detected after rounding by both x86 and RISC-V.
 */
#include "ir/interp_fp.h"

#include <math.h>
#include <string.h>

#include <glib.h>
#include <xmmintrin.h>

/* A floating point format, and a value taken apart. */
typedef struct Format {
    unsigned bits, frac_bits, exp_bits;
    uint64_t sign, canonical_nan, default_nan;
} Format;

static const Format format32 = { 32, 23, 8, 0x80000000u, 0x7fc00000u, 0xffc00000u };
static const Format format64 = { 64, 52, 11, 0x8000000000000000u, 0x7ff8000000000000u,
                                 0xfff8000000000000u };

static const Format *format_of(IrType t)
{
    return t == IR_F32 ? &format32 : &format64;
}

static uint64_t frac_of(const Format *f, uint64_t v)
{
    return v & (((uint64_t)1 << f->frac_bits) - 1);
}

static unsigned exp_of(const Format *f, uint64_t v)
{
    return (unsigned)(v >> f->frac_bits) & ((1u << f->exp_bits) - 1);
}

static unsigned exp_max(const Format *f)
{
    return (1u << f->exp_bits) - 1;
}

static bool is_nan(const Format *f, uint64_t v)
{
    return exp_of(f, v) == exp_max(f) && frac_of(f, v) != 0;
}

static bool is_snan(const Format *f, uint64_t v)
{
    return is_nan(f, v) && !(v >> (f->frac_bits - 1) & 1);
}

static bool is_inf(const Format *f, uint64_t v)
{
    return exp_of(f, v) == exp_max(f) && frac_of(f, v) == 0;
}

static bool is_zero(const Format *f, uint64_t v)
{
    return (v & (f->sign - 1)) == 0;
}

static uint64_t raw(const Format *f, uint64_t v)
{
    return f->bits == 32 ? (uint32_t)v : v;
}

static uint64_t boxed(const Format *f, uint64_t v)
{
    return f->bits == 32 ? ir_fp_box((uint32_t)v) : v;
}

/* MXCSR: flags in bits 0..5 (IE DE ZE OE UE PE), all masked by 0x1f80, rounding in bits 13..14. */
uint32_t ir_fp_enter(uint32_t round, uint32_t fflags)
{
    static const uint8_t rc[8] = { [IR_RNE] = 0, [IR_RTZ] = 3, [IR_RDN] = 1, [IR_RUP] = 2 };
    uint32_t saved = _mm_getcsr();
    uint32_t m = 0x1f80u | (uint32_t)rc[round & 7] << 13;
    m |= (fflags & IR_NX) << 5 | (fflags & IR_UF) << 3 | (fflags & IR_OF) << 1 |
         (fflags & IR_DZ) >> 1 | (fflags & IR_NV) >> 4;
    _mm_setcsr(m);
    return saved;
}

uint32_t ir_fp_leave(uint32_t saved)
{
    uint32_t m = _mm_getcsr();
    _mm_setcsr(saved);
    return (m >> 5 & IR_NX) | (m >> 3 & IR_UF) | (m >> 1 & IR_OF) | (m << 1 & IR_DZ) |
           (m << 4 & IR_NV);
}

static double (*volatile fma_double)(double, double, double) = fma;
static float (*volatile fma_float)(float, float, float) = fmaf;

static uint64_t from_double(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof(v));
    return v;
}

static double to_double(uint64_t v)
{
    double d;
    memcpy(&d, &v, sizeof(d));
    return d;
}

static uint32_t from_float(float f)
{
    uint32_t v;
    memcpy(&v, &f, sizeof(v));
    return v;
}

static float to_float(uint64_t v)
{
    uint32_t w = (uint32_t)v;
    float f;
    memcpy(&f, &w, sizeof(f));
    return f;
}

static uint64_t host_arith64(IrOpcode opc, uint64_t va, uint64_t vb, uint64_t vc)
{
    double a = to_double(va), b = to_double(vb);
    switch (opc) {
    case IR_fadd:
        __asm__ volatile("addsd %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fsub:
        __asm__ volatile("subsd %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fmul:
        __asm__ volatile("mulsd %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fdiv:
        __asm__ volatile("divsd %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fsqrt:
        __asm__ volatile("sqrtsd %0, %0" : "+x"(a));
        break;
    default:
        a = fma_double(a, b, to_double(vc));
        break;
    }
    return from_double(a);
}

static uint64_t host_arith32(IrOpcode opc, uint64_t va, uint64_t vb, uint64_t vc)
{
    float a = to_float(va), b = to_float(vb);
    switch (opc) {
    case IR_fadd:
        __asm__ volatile("addss %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fsub:
        __asm__ volatile("subss %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fmul:
        __asm__ volatile("mulss %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fdiv:
        __asm__ volatile("divss %1, %0" : "+x"(a) : "x"(b));
        break;
    case IR_fsqrt:
        __asm__ volatile("sqrtss %0, %0" : "+x"(a));
        break;
    default:
        a = fma_float(a, b, to_float(vc));
        break;
    }
    return from_float(a);
}

/* fadd .. fnmadd; a NaN is the canonical one from the fused ops, the host's from the others */
static uint64_t arith(const IrOp *op, const Format *f, const uint64_t in[3], uint32_t round,
                      uint32_t *fflags)
{
    uint64_t a = raw(f, in[0]), b = raw(f, in[1]), c = raw(f, in[2]);
    bool fused = op->opcode >= IR_fmadd && op->opcode <= IR_fnmadd;
    uint64_t nan = fused ? f->canonical_nan : f->default_nan;
    bool any_nan = false;
    for (unsigned i = 0; i < op->nin; i++) {
        any_nan |= is_nan(f, raw(f, in[i]));
        if (is_snan(f, raw(f, in[i]))) {
            *fflags |= IR_NV;
        }
    }
    /* inf * 0 is invalid even if the addend is a quiet NaN. */
    if (fused && ((is_inf(f, a) && is_zero(f, b)) || (is_zero(f, a) && is_inf(f, b)))) {
        *fflags |= IR_NV;
        return nan;
    }
    if (any_nan) {
        return nan;
    }
    if (op->opcode == IR_fnmsub || op->opcode == IR_fnmadd) {
        a ^= f->sign;
    }
    if (op->opcode == IR_fmsub || op->opcode == IR_fnmadd) {
        c ^= f->sign;
    }
    uint32_t saved = ir_fp_enter(round, 0);
    uint64_t r = f->bits == 32 ? host_arith32((IrOpcode)op->opcode, a, b, c)
                               : host_arith64((IrOpcode)op->opcode, a, b, c);
    *fflags |= ir_fp_leave(saved);
    return is_nan(f, r) ? nan : r;
}

/* Numbers (no NaN) as integers in the same order, -0 just below +0. */
static int64_t order_key(const Format *f, uint64_t v)
{
    int64_t magnitude = (int64_t)(v & (f->sign - 1));
    return v & f->sign ? -magnitude - 1 : magnitude;
}

static uint64_t min_max(bool want_max, const Format *f, uint64_t a, uint64_t b, uint32_t *fflags)
{
    if (is_snan(f, a) || is_snan(f, b)) {
        *fflags |= IR_NV;
    }
    if (is_nan(f, a)) {
        return is_nan(f, b) ? f->canonical_nan : b;
    }
    if (is_nan(f, b)) {
        return a;
    }
    return (order_key(f, a) < order_key(f, b)) != want_max ? a : b;
}

static bool compare(IrOpcode opc, const Format *f, uint64_t a, uint64_t b, uint32_t *fflags)
{
    if (is_nan(f, a) || is_nan(f, b)) {
        if (opc != IR_feq || is_snan(f, a) || is_snan(f, b)) {
            *fflags |= IR_NV;
        }
        return false;
    }
    if (is_zero(f, a) && is_zero(f, b)) {
        return opc != IR_flt;
    }
    int64_t ka = order_key(f, a), kb = order_key(f, b);
    return opc == IR_feq ? ka == kb : opc == IR_flt ? ka < kb : ka <= kb;
}

static unsigned classify(const Format *f, uint64_t v)
{
    bool neg = (v & f->sign) != 0;
    if (is_nan(f, v)) {
        return is_snan(f, v) ? 1u << 8 : 1u << 9;
    }
    if (is_inf(f, v)) {
        return neg ? 1u << 0 : 1u << 7;
    }
    if (is_zero(f, v)) {
        return neg ? 1u << 3 : 1u << 4;
    }
    if (exp_of(f, v) == 0) {
        return neg ? 1u << 2 : 1u << 5;
    }
    return neg ? 1u << 1 : 1u << 6;
}

/* fcvt_ff: a float to double or back. */
static uint64_t convert_format(IrType to, uint64_t v, uint32_t round, uint32_t *fflags)
{
    const Format *from = to == IR_F32 ? &format64 : &format32;
    const Format *f = format_of(to);
    v = raw(from, v);
    if (is_nan(from, v)) {
        *fflags |= is_snan(from, v) ? IR_NV : 0;
        return f->default_nan;
    }
    uint64_t r;
    uint32_t saved = ir_fp_enter(round, 0);
    if (to == IR_F32) {
        float o;
        __asm__ volatile("cvtsd2ss %1, %0" : "=x"(o) : "x"(to_double(v)));
        r = from_float(o);
    } else {
        double o;
        __asm__ volatile("cvtss2sd %1, %0" : "=x"(o) : "x"(to_float(v)));
        r = from_double(o);
    }
    *fflags |= ir_fp_leave(saved);
    return r;
}

/* fcvt_fi. A u64 with its top bit set is halved first, its lost bit kept sticky in bit 0: that
 * rounds the same way, and doubling is exact. */
static uint64_t from_integer(IrType t, IrIntKind kind, uint64_t v, uint32_t round,
                             uint32_t *fflags)
{
    int64_t s = kind == IR_S32 ? (int32_t)v : kind == IR_U32 ? (int64_t)(uint32_t)v : (int64_t)v;
    bool halved = kind == IR_U64 && s < 0;
    if (halved) {
        s = (int64_t)(v >> 1 | (v & 1));
    }
    uint64_t r;
    uint32_t saved = ir_fp_enter(round, 0);
    if (t == IR_F32) {
        float o = 0;
        __asm__ volatile("cvtsi2ssq %1, %0" : "+x"(o) : "r"(s));
        if (halved) {
            __asm__ volatile("addss %0, %0" : "+x"(o));
        }
        r = from_float(o);
    } else {
        double o = 0;
        __asm__ volatile("cvtsi2sdq %1, %0" : "+x"(o) : "r"(s));
        if (halved) {
            __asm__ volatile("addsd %0, %0" : "+x"(o));
        }
        r = from_double(o);
    }
    *fflags |= ir_fp_leave(saved);
    return r;
}

/* Round integer part n, followed by the fraction frac / 2^64 (sticky), in mode. */
static bool rounds_up(uint32_t mode, bool neg, bool odd, uint64_t frac)
{
    const uint64_t half = (uint64_t)1 << 63;
    switch (mode) {
    case IR_RTZ:
        return false;
    case IR_RDN:
        return neg && frac != 0;
    case IR_RUP:
        return !neg && frac != 0;
    case IR_RMM:
        return frac >= half;
    default:
        return frac > half || (frac == half && odd);
    }
}

/* fcvt_if: exact in integers, every rounding mode. */
static uint64_t to_integer(const Format *f, IrIntKind kind, uint64_t v, uint32_t mode,
                           uint32_t *fflags)
{
    bool is_signed = kind == IR_S32 || kind == IR_S64;
    unsigned bits = kind == IR_S32 || kind == IR_U32 ? 32 : 64;
    uint64_t max = is_signed ? ((uint64_t)1 << (bits - 1)) - 1
                             : bits == 32 ? UINT32_MAX : UINT64_MAX;
    bool neg = (v & f->sign) != 0;
    /* magnitude limit on this side of zero */
    uint64_t limit = !neg ? max : is_signed ? max + 1 : 0;

    bool invalid = false, inexact = false;
    uint64_t n = 0;
    if (is_nan(f, v)) {
        invalid = true;
        neg = false;
        limit = max;
    } else if (is_inf(f, v)) {
        invalid = true;
    } else if (!is_zero(f, v)) {
        unsigned e = exp_of(f, v);
        uint64_t m = frac_of(f, v) | (e ? (uint64_t)1 << f->frac_bits : 0);
        /* value = m * 2^shift */
        int shift = (int)MAX(e, 1u) - (int)(exp_max(f) / 2) - (int)f->frac_bits;
        if (shift > 63 || (shift > 0 && m >> (64 - shift) != 0)) {
            invalid = true;
        } else if (shift >= 0) {
            n = m << shift;
        } else {
            unsigned right = (unsigned)-shift;
            uint64_t frac;
            if (right < 64) {
                n = m >> right;
                frac = m << (64 - right);
            } else {
                frac = right == 64 ? m : 1;     /* m < 2^53: below a half either way */
            }
            inexact = frac != 0;
            n += rounds_up(mode, neg, n & 1, frac);
        }
        invalid |= n > limit;
    }
    if (invalid) {
        n = limit;
        *fflags |= IR_NV;
    } else if (inexact) {
        *fflags |= IR_NX;
    }
    n = neg ? 0 - n : n;
    return bits == 32 ? (uint64_t)(int64_t)(int32_t)n : n;
}

uint64_t ir_fp_eval(const IrOp *op, const uint64_t in[IR_MAX_IN], uint32_t round,
                    uint32_t *fflags)
{
    IrType t = (IrType)op->type;
    const Format *f = format_of(t);
    uint64_t a = raw(f, in[0]), b = raw(f, in[1]);
    uint32_t unraised = 0;
    switch (op->opcode) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fmadd:
    case IR_fmsub:
    case IR_fnmsub:
    case IR_fnmadd:
        return boxed(f, arith(op, f, in, round, fflags));
    case IR_fmin:
    case IR_fmax:
        return boxed(f, min_max(op->opcode == IR_fmax, f, a, b, fflags));
    case IR_fcanon:
        return boxed(f, is_nan(f, a) ? f->canonical_nan : a);
    case IR_funbox:
        return t == IR_F64 || in[0] >> 32 == UINT32_MAX ? in[0] : boxed(f, f->canonical_nan);
    case IR_fneg:
        return boxed(f, a ^ f->sign);
    case IR_fabs:
        return boxed(f, a & ~f->sign);
    case IR_fsgnj:
        return boxed(f, (a & ~f->sign) | (b & f->sign));
    case IR_fsgnjn:
        return boxed(f, (a & ~f->sign) | (~b & f->sign));
    case IR_fsgnjx:
        return boxed(f, a ^ (b & f->sign));
    case IR_feq:
    case IR_flt:
    case IR_fle:
        return compare((IrOpcode)op->opcode, f, a, b, fflags);
    case IR_fclass:
        return classify(f, a);
    case IR_fcvt_ff:
        return boxed(f, convert_format(t, in[0], round, fflags));
    case IR_fcvt_fi:
        return boxed(f, from_integer(t, (IrIntKind)op->k[0], in[0],
                                     op->k[1] == IR_ROUND_DYN ? round : (uint32_t)op->k[1],
                                     fflags));
    case IR_fcvt_if:
        return to_integer(f, (IrIntKind)op->k[0], a,
                          op->k[1] == IR_ROUND_DYN ? round : (uint32_t)op->k[1], fflags);
    case IR_ftrunc:
        return to_integer(f, IR_S64, a, IR_RTZ, &unraised);
    case IR_fmv_if:
        return t == IR_I32 ? (uint64_t)(int64_t)(int32_t)in[0] : in[0];
    case IR_fmv_fi:
        return t == IR_I32 ? ir_fp_box((uint32_t)in[0]) : in[0];
    default:
        g_assert_not_reached();
    }
}
