/*
 * frontend/helper_fpu.h: numbers that the fp helpers of helper.def share with their callers.
 */
#ifndef FRONTEND_HELPER_FPU_H
#define FRONTEND_HELPER_FPU_H

#include "frontend/helper.h"

/* Operation of helper frmm (its a3), or-ed with FRMM_F64 for doubles. It computes with ties away
 * from zero. The fused ones are in the order of SoftFma and of the IR ops. */
typedef enum FrmmOp {
    FRMM_FMADD, FRMM_FMSUB, FRMM_FNMSUB, FRMM_FNMADD,
    FRMM_FADD, FRMM_FSUB, FRMM_FMUL, FRMM_FDIV, FRMM_FSQRT,
    FRMM_FCVT_FF,               /* to the format given by FRMM_F64 from the other one */
    FRMM_FCVT_FI,               /* a0: the integer, a1: IrIntKind */
    FRMM_F64 = 16,
} FrmmOp;

enum { FMA_SLOW_F64 = 4 };      /* a3 of fma_slow: SoftFma | this */
enum { FMINMAX_MAX = 1, FMINMAX_F64 = 2 };      /* a3 of fminmax_slow */

#endif
