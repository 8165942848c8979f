/*
 * ir/opt_fp.c: which fp values are boxed, canonical, no NaN; the ops that this makes superfluous.
 */
#include "ir/opt.h"

static unsigned known(Opt *o, const IrTemp *t)
{
    return t->cls == IR_FP ? opt_info(o, t)->fp : 0;
}

bool opt_fp_fold(Opt *o, IrOp *op)
{
    bool is32 = op->type == IR_F32;
    IrTemp *a = op->in[0];
    const IrOp *def;
    switch (op->opcode) {
    case IR_funbox:
        if (is32 && !(known(o, a) & OPT_FP_BOXED)) {
            return false;
        }
        opt_to_mov(op, a);
        return true;
    case IR_fcanon:
        o->has_fcanon = true;
        if (!(known(o, a) & (is32 ? OPT_FP_CANON32 : OPT_FP_CANON64))) {
            return false;
        }
        opt_to_mov(op, a);
        return true;
    case IR_fsgnj:
        if (a != op->in[1] || (is32 && !(known(o, a) & OPT_FP_BOXED))) {
            return false;
        }
        opt_to_mov(op, a);
        return true;
    case IR_fsgnjn:
    case IR_fsgnjx:
        if (a != op->in[1]) {
            return false;
        }
        opt_to_unary(op, op->opcode == IR_fsgnjn ? IR_fneg : IR_fabs, (IrType)op->type, a);
        return true;
    case IR_fmv_if:
        def = opt_def_near(o, a);
        if (!def || def->opcode != IR_fmv_fi || (op->type == IR_I64 && def->type == IR_I32)) {
            return false;
        }
        opt_to_unary(op, op->type == IR_I32 ? IR_ext32s : IR_mov, IR_I64, def->in[0]);
        return true;
    case IR_fmv_fi:
        def = opt_def_near(o, a);
        if (!def || def->opcode != IR_fmv_if || op->type != IR_I64 || def->type != IR_I64) {
            return false;
        }
        opt_to_mov(op, def->in[0]);
        return true;
    default:
        return false;
    }
}

unsigned opt_fp_result(Opt *o, const IrOp *op)
{
    bool is32 = op->type == IR_F32;
    unsigned num = is32 ? OPT_FP_NUM32 : OPT_FP_NUM64;
    unsigned canon = is32 ? OPT_FP_CANON32 : OPT_FP_CANON64;
    unsigned box = is32 ? OPT_FP_BOXED : 0;
    unsigned in = op->nin > 0 ? known(o, op->in[0]) : 0;
    switch (op->opcode) {
    case IR_fmadd:
    case IR_fmsub:
    case IR_fnmsub:
    case IR_fnmadd:
    case IR_fmin:
    case IR_fmax:
        return box | canon;
    case IR_fcanon:
        return box | canon | (in & num);
    case IR_fabs:
        return box | (in & (num | canon));
    case IR_fneg:
    case IR_fsgnj:
    case IR_fsgnjn:
    case IR_fsgnjx:
        return box | (in & num ? num | canon : 0);
    case IR_fcvt_ff:
        return box | (in & (is32 ? OPT_FP_NUM64 : OPT_FP_NUM32) ? num | canon : 0);
    case IR_fcvt_fi:
        return box | num | canon;
    case IR_fmv_fi:
        return op->type == IR_I32 ? OPT_FP_BOXED : 0;
    default:
        return box;
    }
}
