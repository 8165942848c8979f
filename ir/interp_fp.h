/*
 * ir/interp_fp.h: the fp half of the interpreter. Private to ir/.
 */
#ifndef IR_INTERP_FP_H
#define IR_INTERP_FP_H

#include "ir/ir.h"

static inline uint64_t ir_fp_box(uint32_t v)
{
    return (uint64_t)0xffffffff << 32 | v;
}

/* Result of an fp op (fadd .. fmv_fi) on raw inputs; raises *fflags (IrFpFlags). round: IrRound. */
uint64_t ir_fp_eval(const IrOp *op, const uint64_t in[IR_MAX_IN], uint32_t round,
                    uint32_t *fflags);

/* Put the host's fp unit under the guest's rounding mode and flags, around a helper call; leave
 * gives the flags and restores what enter returned. */
uint32_t ir_fp_enter(uint32_t round, uint32_t fflags);
uint32_t ir_fp_leave(uint32_t saved);

#endif
