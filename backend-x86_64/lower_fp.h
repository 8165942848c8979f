/*
 * backend-x86_64/lower_fp.h: shared by lower_fp.c, lower_fma.c and lower_fp_cvt.c only.
 */
#ifndef BACKEND_LOWER_FP_H
#define BACKEND_LOWER_FP_H

#include <stddef.h>

#include "backend-x86_64/internal.h"

/* The value `field` of BackendConsts, as an operand. */
#define FP_CONST(be, field) opnd_mem(const_disp(be, offsetof(BackendConsts, field)))

static inline bool is_f64(const IrOp *op)
{
    return op->type == IR_F64;
}

/* The single's insn or the double's. */
static inline X86Insn by_type(const IrOp *op, X86Insn ss, X86Insn sd)
{
    return is_f64(op) ? sd : ss;
}

/* The canonical NaN of op's type. */
static inline Opnd fp_nan(const BackendContext *be, const IrOp *op)
{
    return is_f64(op) ? FP_CONST(be, nan64) : FP_CONST(be, nan32);
}

/* d = op(d, b), keeping what d has above the result. */
void fp_op2(BackendContext *be, X86Insn i, int d, Opnd b);
/* d = op(a, b); d may be a, and with AVX b too. What is above the result comes from a. */
void fp_op3(BackendContext *be, X86Insn i, int d, int a, Opnd b);
/* All bits of d, whatever was in it: sets the upper half of a single that is put there next. */
void fp_ones(BackendContext *be, int d);
void fp_zero(BackendContext *be, int d);
/* d = x, a value in a register or in memory. */
void fp_get(BackendContext *be, int d, Opnd x);
/* Compare, setting ZF PF CF. */
void fp_comi(BackendContext *be, X86Insn i, int a, Opnd b);

/* A stub that calls helper nr with the op's inputs and leaves its result in out. The caller sets
 * what else the helper gets in s->in[]. */
ColdStub *fp_cold_helper(BackendContext *be, unsigned nr, const IrOp *op, const Opnd *in, int out);

/* The stub is all that the op is. */
void fp_always_helper(BackendContext *be, ColdStub *s);

/* Displacement of the fp emitters' own 8 bytes of layout.scratch. */
static inline int32_t fp_scratch(const BackendContext *be)
{
    return env_disp(be, be->cfg.layout.scratch + 24);
}

#endif
