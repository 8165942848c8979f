/*
 * frontend/helper_fpu.c: fp helpers, for the cold paths of generated code and for the rounding mode
 * that the host lacks.
 *
 * They run under the guest's MXCSR: its rounding mode is the dynamic one, and the flags that a
 * computation raises are or-ed into its sticky bits. All arithmetic is that of helper_softfp.c, so
 * nothing else touches MXCSR on the way.
 */
#include <immintrin.h>

#include "frontend/helper_fpu.h"
#include "frontend/helper_softfp.h"

/* MXCSR: IE DE ZE OE UE PE in bits 0..5, RC (nearest, down, up, zero) in bits 13 and 14. */
static IrRound mxcsr_round(void)
{
    static const uint8_t round[4] = { IR_RNE, IR_RDN, IR_RUP, IR_RTZ };
    return (IrRound)round[_mm_getcsr() >> 13 & 3];
}

static void mxcsr_raise(unsigned flags)
{
    if (flags != 0) {
        unsigned bits = (flags & IR_NV ? 0x01 : 0) | (flags & IR_DZ ? 0x04 : 0) |
                        (flags & IR_OF ? 0x08 : 0) | (flags & IR_UF ? 0x10 : 0) |
                        (flags & IR_NX ? 0x20 : 0);
        _mm_setcsr(_mm_getcsr() | bits);
    }
}

uint64_t helper_fcvt_if_slow(void *env, uint64_t a, uint64_t kind, uint64_t rm, uint64_t f64)
{
    SoftFp s = { .f64 = f64, .rm = rm == IR_ROUND_DYN ? mxcsr_round() : (IrRound)rm };
    uint64_t r = softfp_to_int(&s, a, (IrIntKind)kind);
    mxcsr_raise(s.flags);
    return r;
}

uint64_t helper_fcvt_fi_slow(void *env, uint64_t v, uint64_t kind, uint64_t rm, uint64_t f64)
{
    SoftFp s = { .f64 = f64, .rm = rm == IR_ROUND_DYN ? mxcsr_round() : (IrRound)rm };
    uint64_t r = softfp_from_int(&s, v, (IrIntKind)kind);
    mxcsr_raise(s.flags);
    return r;
}

uint64_t helper_fma_slow(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t variant)
{
    SoftFp s = { .f64 = variant & FMA_SLOW_F64, .rm = mxcsr_round() };
    uint64_t r = softfp_fma(&s, a, b, c, (SoftFma)(variant & 3));
    mxcsr_raise(s.flags);
    return r;
}

uint64_t helper_fminmax_slow(void *env, uint64_t a, uint64_t b, uint64_t unused, uint64_t how)
{
    SoftFp s = { .f64 = how & FMINMAX_F64 };
    uint64_t r = softfp_minmax(&s, a, b, how & FMINMAX_MAX);
    mxcsr_raise(s.flags);
    return r;
}

uint64_t helper_fclass_slow(void *env, uint64_t a, uint64_t f64, uint64_t unused, uint64_t unused2)
{
    SoftFp s = { .f64 = f64 };
    return softfp_class(&s, a);
}

uint64_t helper_frmm(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t op)
{
    SoftFp s = { .f64 = op & FRMM_F64, .rm = IR_RMM };
    uint64_t r = 0;

    switch ((FrmmOp)(op & ~(uint64_t)FRMM_F64)) {
    case FRMM_FMADD:
    case FRMM_FMSUB:
    case FRMM_FNMSUB:
    case FRMM_FNMADD:
        r = softfp_fma(&s, a, b, c, (SoftFma)(op & 3));
        break;
    case FRMM_FADD:
        r = softfp_add(&s, a, b);
        break;
    case FRMM_FSUB:
        r = softfp_sub(&s, a, b);
        break;
    case FRMM_FMUL:
        r = softfp_mul(&s, a, b);
        break;
    case FRMM_FDIV:
        r = softfp_div(&s, a, b);
        break;
    case FRMM_FSQRT:
        r = softfp_sqrt(&s, a);
        break;
    case FRMM_FCVT_FF:
        r = softfp_from_fp(&s, a);
        break;
    case FRMM_FCVT_FI:
        r = softfp_from_int(&s, a, (IrIntKind)b);
        break;
    case FRMM_F64:
        break;
    }
    mxcsr_raise(s.flags);
    return r;
}
