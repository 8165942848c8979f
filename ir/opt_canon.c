/*
 * ir/opt_canon.c: fcanon ops as late as can be.
 *
 * Guest arithmetic yields the canonical NaN: the frontend puts an fcanon behind each op. Arithmetic
 * on the result does not care which NaN it reads, so the fcanon waits until somebody looks: it
 * moves down to the first op that sees the bits, or that lets others see all globals, and is
 * dropped if the global is overwritten before. Those that end up side by side the backend can check
 * together.
 *
 * One forward scan behind the optimizer's.
 */
#include "ir/opt.h"

typedef struct Waiting {
    IrOp *op[IR_MAX_GLOBALS];   /* by global: its fcanon, out of the list */
    uint16_t order[IR_MAX_GLOBALS];
    unsigned n;                 /* globals in order[]; those of dropped ones have a NULL op */
} Waiting;

bool ir_sees_nan(const IrOp *op, IrType t)
{
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
    case IR_fmin:
    case IR_fmax:
    case IR_feq:
    case IR_flt:
    case IR_fle:
    case IR_fclass:
    case IR_fcvt_if:
    case IR_ftrunc:
        return op->type != t;
    default:
        return true;
    }
}

/* Host arithmetic made the value: fcanon finds a quiet NaN or a number. */
static bool is_arithmetic(const IrOp *op)
{
    return (op->opcode >= IR_fadd && op->opcode <= IR_fsqrt) || op->opcode == IR_fcvt_ff;
}
_Static_assert(IR_fsqrt == IR_fadd + 4, "arithmetic by range");

static void wait(IrContext *ir, Waiting *w, IrOp *op)
{
    unsigned g = op->out->index;
    ir_op_remove(ir, op);
    w->op[g] = op;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->order[i] == g) {
            return;
        }
    }
    w->order[w->n++] = (uint16_t)g;
}

static void wake(IrContext *ir, Waiting *w, IrOp *at, unsigned g)
{
    if (w->op[g]) {
        ir_op_insert_before(ir, at, w->op[g]);
        w->op[g] = NULL;
    }
}

/* All of a type together. */
static void wake_all(IrContext *ir, Waiting *w, IrOp *at)
{
    for (unsigned t = IR_F32; t <= IR_F64; t++) {
        for (unsigned i = 0; i < w->n; i++) {
            const IrOp *op = w->op[w->order[i]];
            if (op && op->type == t) {
                wake(ir, w, at, w->order[i]);
            }
        }
    }
    w->n = 0;
}

void opt_defer_canon(IrContext *ir)
{
    Waiting w = { .n = 0 };
    IR_FOREACH_SAFE(ir, op) {
        const IrTemp *out = op->out;
        if (op->opcode == IR_fcanon && op->in[0] == out && out->kind == IR_GLOBAL &&
            op->prev->out == out && is_arithmetic(op->prev)) {
            wait(ir, &w, op);
            continue;
        }
        if (!w.n) {
            continue;
        }
        if (ir_op_info[op->opcode].flags & (IRF_MAY_FAULT | IRF_ENDS_BB | IRF_ENDS_TB)) {
            wake_all(ir, &w, op);
        }
        for (unsigned i = 0; i < op->nin; i++) {
            const IrTemp *t = op->in[i];
            if (t->kind == IR_GLOBAL && w.op[t->index] &&
                ir_sees_nan(op, (IrType)w.op[t->index]->type)) {
                wake(ir, &w, op, t->index);
            }
        }
        if (out && out->kind == IR_GLOBAL) {
            w.op[out->index] = NULL;
        }
    }
}
