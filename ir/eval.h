/*
 * ir/eval.h: the meaning of the PURE integer ops, as a C function. Private to ir/: the interpreter
 * runs it, the optimizer folds with it.
 */
#ifndef IR_EVAL_H
#define IR_EVAL_H

#include "ir/ops.h"

/* True for mov .. movcond: the ops that ir_eval_int() knows. */
static inline bool ir_is_int_op(IrOpcode opc)
{
    return opc >= IR_mov && opc <= IR_movcond;
}
_Static_assert(IR_mov < IR_add && IR_movcond < IR_env_ld, "integer ops lie together in ops.def");

/* Result of opc at type t (i32 or i64) on the inputs v[]; k0 is the condition, if it has one. */
uint64_t ir_eval_int(IrOpcode opc, IrType t, const uint64_t v[4], uint64_t k0);

#endif
