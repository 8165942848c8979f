/*
 * frontend/helper_softfp.h: IEEE-754 binary32 and binary64 arithmetic in integers.
 *
 * Exact results and exception flags in all five RISC-V rounding modes, for what the host cannot do:
 * round to nearest with ties away from zero (RMM), fused multiply-add without FMA3, and saturating
 * conversions. No host floating point is used, so the host's own sticky flags stay as they are.
 * NaN results are the canonical NaN; tininess is detected after rounding (as RISC-V and SSE do).
 *
 * Operands are raw bits; of a single only the low 32 bits count. Single results come back boxed
 * (upper half ones). Pure functions of their arguments, but for s->flags, which they only add to.
 */
#ifndef FRONTEND_HELPER_SOFTFP_H
#define FRONTEND_HELPER_SOFTFP_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/ops.h"

typedef struct SoftFp {
    bool f64;                   /* the format: binary64, else binary32 */
    IrRound rm;                 /* never IR_ROUND_DYN */
    unsigned flags;             /* IrFpFlags raised so far */
} SoftFp;

/* Which operands of a fused multiply-add are negated. Numbered like the IR ops, from fmadd. */
typedef enum SoftFma {
    SOFT_FMADD,                 /*  a*b + c */
    SOFT_FMSUB,                 /*  a*b - c */
    SOFT_FNMSUB,                /* -a*b + c */
    SOFT_FNMADD,                /* -a*b - c */
} SoftFma;
_Static_assert(IR_fmsub - IR_fmadd == SOFT_FMSUB, "order of the fused ops");
_Static_assert(IR_fnmsub - IR_fmadd == SOFT_FNMSUB, "order of the fused ops");
_Static_assert(IR_fnmadd - IR_fmadd == SOFT_FNMADD, "order of the fused ops");

uint64_t softfp_fma(SoftFp *s, uint64_t a, uint64_t b, uint64_t c, SoftFma variant);
uint64_t softfp_add(SoftFp *s, uint64_t a, uint64_t b);
uint64_t softfp_sub(SoftFp *s, uint64_t a, uint64_t b);
uint64_t softfp_mul(SoftFp *s, uint64_t a, uint64_t b);
uint64_t softfp_div(SoftFp *s, uint64_t a, uint64_t b);
uint64_t softfp_sqrt(SoftFp *s, uint64_t a);

/* To s's format from the other one. */
uint64_t softfp_from_fp(SoftFp *s, uint64_t a);
/* Integer (32-bit kinds: low half of v) to fp, and fp to integer: saturating, NaN to the greatest
 * integer, 32-bit kinds sign-extended to 64 bits. */
uint64_t softfp_from_int(SoftFp *s, uint64_t v, IrIntKind kind);
uint64_t softfp_to_int(SoftFp *s, uint64_t a, IrIntKind kind);

/* minimumNumber and maximumNumber of IEEE 754-2019, -0 < +0; a signalling NaN raises NV. */
uint64_t softfp_minmax(SoftFp *s, uint64_t a, uint64_t b, bool max);
/* RISC-V's ten-bit class mask. */
uint64_t softfp_class(const SoftFp *s, uint64_t a);

#endif
