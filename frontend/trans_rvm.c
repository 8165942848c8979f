/*
 * frontend/trans_rvm.c: M, multiplication and division.
 *
 * Division by zero and overflow are defined by the IR ops exactly as the manual has them (M, table
 * "Semantics for division by zero and division overflow"), at i32 as at i64.
 */
#include "frontend/trans.h"

static bool gen_binary(DisasContext *dc, const DecodedInsn *d, IrOpcode opc)
{
    if (d->rd) {
        IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2);
        ir_build(dc->base.ir, opc, IR_I64, trans_dst_x(dc, d->rd), 2, a, b, NULL, NULL, 0, 0, 0);
    }
    return true;
}

/* At i32, sign-extended. */
static bool gen_binary_w(DisasContext *dc, const DecodedInsn *d, IrOpcode opc)
{
    if (d->rd) {
        IrTemp *t = ir_temp_new(dc->base.ir, IR_INT);
        ir_build(dc->base.ir, opc, IR_I32, t, 2, trans_get_x(dc, d->rs1), trans_get_x(dc, d->rs2),
                 NULL, NULL, 0, 0, 0);
        ir_gen_ext32s(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), t);
    }
    return true;
}

#define TRANS(id, call) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        return call; \
    }
TRANS(mul, gen_binary(dc, d, IR_mul))
TRANS(mulh, gen_binary(dc, d, IR_mulhs))
TRANS(mulhsu, gen_binary(dc, d, IR_mulhsu))
TRANS(mulhu, gen_binary(dc, d, IR_mulhu))
TRANS(div, gen_binary(dc, d, IR_divs))
TRANS(divu, gen_binary(dc, d, IR_divu))
TRANS(rem, gen_binary(dc, d, IR_rems))
TRANS(remu, gen_binary(dc, d, IR_remu))
TRANS(mulw, gen_binary_w(dc, d, IR_mul))
TRANS(divw, gen_binary_w(dc, d, IR_divs))
TRANS(divuw, gen_binary_w(dc, d, IR_divu))
TRANS(remw, gen_binary_w(dc, d, IR_rems))
TRANS(remuw, gen_binary_w(dc, d, IR_remu))
