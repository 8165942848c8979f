/*
 * frontend/trans_zb.c: bit manipulation (Zba, Zbb, Zbc, Zbs) and conditional zero (Zicond).
 *
 * All of these only compute: with rd = x0 nothing is emitted, which the TRANS macro sees to.
 */
#include "frontend/trans.h"

static IrTemp *temp(DisasContext *dc)
{
    return ir_temp_new(dc->base.ir, IR_INT);
}

static void binary(DisasContext *dc, const DecodedInsn *d, IrOpcode opc)
{
    IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2);
    ir_build(dc->base.ir, opc, IR_I64, trans_dst_x(dc, d->rd), 2, a, b, NULL, NULL, 0, 0, 0);
}

static void unary(DisasContext *dc, const DecodedInsn *d, IrOpcode opc, IrType t)
{
    IrTemp *a = trans_get_x(dc, d->rs1);
    ir_build(dc->base.ir, opc, t, trans_dst_x(dc, d->rd), 1, a, NULL, NULL, NULL, 0, 0, 0);
}

/* ---- Zba ---- */

/* rd = rs2 + (rs1 << sh), rs1 taken as 32 unsigned bits if uw. */
static void shift_add(DisasContext *dc, const DecodedInsn *d, unsigned sh, bool uw)
{
    IrContext *ir = dc->base.ir;
    IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2);
    if (uw) {
        IrTemp *t = d->rs2 || sh ? temp(dc) : trans_dst_x(dc, d->rd);
        ir_gen_ext32u(ir, IR_I64, t, a);
        a = t;
    }
    if (sh) {
        IrTemp *t = temp(dc);
        ir_gen_shl(ir, IR_I64, t, a, ir_const(ir, sh));
        a = t;
    }
    if (d->rs2 || sh) {                                 /* else zext.w, done above */
        ir_gen_add(ir, IR_I64, trans_dst_x(dc, d->rd), a, b);
    }
}

static void slli_uw(DisasContext *dc, const DecodedInsn *d)
{
    IrTemp *t = temp(dc);
    ir_gen_ext32u(dc->base.ir, IR_I64, t, trans_get_x(dc, d->rs1));
    ir_gen_shl(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), t,
               ir_const(dc->base.ir, (uint64_t)d->imm));
}

/* ---- Zbb rotates ---- */

static void rotate(DisasContext *dc, const DecodedInsn *d, IrOpcode opc, IrType type, bool imm)
{
    IrContext *ir = dc->base.ir;
    IrTemp *a = trans_get_x(dc, d->rs1);
    IrTemp *n = imm ? ir_const(ir, (uint64_t)d->imm) : trans_get_x(dc, d->rs2);
    IrTemp *t = type == IR_I32 ? temp(dc) : trans_dst_x(dc, d->rd);
    ir_build(ir, opc, type, t, 2, a, n, NULL, NULL, 0, 0, 0);
    if (type == IR_I32) {
        ir_gen_ext32s(ir, IR_I64, trans_dst_x(dc, d->rd), t);
    }
}

/* ---- Zbc ---- */

/* Bits 126 to 63 of the product. */
static void clmulr(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2);
    IrTemp *low = temp(dc), *high = temp(dc);
    ir_gen_clmul(ir, IR_I64, low, a, b);
    ir_gen_clmulh(ir, IR_I64, high, a, b);
    ir_gen_shr(ir, IR_I64, low, low, ir_const(ir, 63));
    ir_gen_add(ir, IR_I64, high, high, high);
    ir_gen_or(ir, IR_I64, trans_dst_x(dc, d->rd), high, low);
}

/* ---- Zbs: bit n of rs1; n is the immediate or the low 6 bits of rs2 ---- */

static IrTemp *bit_index(DisasContext *dc, const DecodedInsn *d, bool imm)
{
    return imm ? ir_const(dc->base.ir, (uint64_t)d->imm) : trans_get_x(dc, d->rs2);
}

/* rd = rs1 op (1 << n) */
static void bit_op(DisasContext *dc, const DecodedInsn *d, IrOpcode opc, bool imm)
{
    IrContext *ir = dc->base.ir;
    IrTemp *a = trans_get_x(dc, d->rs1), *bit;
    if (imm) {
        uint64_t v = UINT64_C(1) << d->imm;
        bit = ir_const(ir, opc == IR_andn ? ~v : v);    /* andn of a constant is and */
        opc = opc == IR_andn ? IR_and : opc;
    } else {
        bit = temp(dc);
        ir_gen_shl(ir, IR_I64, bit, ir_const(ir, 1), bit_index(dc, d, false));
    }
    ir_build(ir, opc, IR_I64, trans_dst_x(dc, d->rd), 2, a, bit, NULL, NULL, 0, 0, 0);
}

static void bit_extract(DisasContext *dc, const DecodedInsn *d, bool imm)
{
    IrContext *ir = dc->base.ir;
    IrTemp *t = temp(dc);
    ir_gen_shr(ir, IR_I64, t, trans_get_x(dc, d->rs1), bit_index(dc, d, imm));
    ir_gen_and(ir, IR_I64, trans_dst_x(dc, d->rd), t, ir_const(ir, 1));
}

/* ---- Zicond: rd = rs2 cond 0 ? 0 : rs1 ---- */

static void czero(DisasContext *dc, const DecodedInsn *d, IrCond cond)
{
    IrTemp *a = trans_get_x(dc, d->rs1), *c = trans_get_x(dc, d->rs2);
    IrTemp *zero = ir_const(dc->base.ir, 0);
    ir_gen_movcond(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), c, zero, zero, a, cond);
}

#define TRANS(id, call) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        if (d->rd) { \
            call; \
        } \
        return true; \
    }

TRANS(add_uw, shift_add(dc, d, 0, true))
TRANS(sh1add, shift_add(dc, d, 1, false))
TRANS(sh2add, shift_add(dc, d, 2, false))
TRANS(sh3add, shift_add(dc, d, 3, false))
TRANS(sh1add_uw, shift_add(dc, d, 1, true))
TRANS(sh2add_uw, shift_add(dc, d, 2, true))
TRANS(sh3add_uw, shift_add(dc, d, 3, true))
TRANS(slli_uw, slli_uw(dc, d))

TRANS(andn, binary(dc, d, IR_andn))
TRANS(orn, binary(dc, d, IR_orn))
TRANS(xnor, binary(dc, d, IR_xnor))
TRANS(min, binary(dc, d, IR_mins))
TRANS(minu, binary(dc, d, IR_minu))
TRANS(max, binary(dc, d, IR_maxs))
TRANS(maxu, binary(dc, d, IR_maxu))
TRANS(clz, unary(dc, d, IR_clz, IR_I64))
TRANS(ctz, unary(dc, d, IR_ctz, IR_I64))
TRANS(cpop, unary(dc, d, IR_popcnt, IR_I64))
TRANS(clzw, unary(dc, d, IR_clz, IR_I32))
TRANS(ctzw, unary(dc, d, IR_ctz, IR_I32))
TRANS(cpopw, unary(dc, d, IR_popcnt, IR_I32))
TRANS(sext_b, unary(dc, d, IR_ext8s, IR_I64))
TRANS(sext_h, unary(dc, d, IR_ext16s, IR_I64))
TRANS(zext_h, unary(dc, d, IR_ext16u, IR_I64))
TRANS(orc_b, unary(dc, d, IR_orc_b, IR_I64))
TRANS(rev8, unary(dc, d, IR_bswap, IR_I64))
TRANS(rol, rotate(dc, d, IR_rotl, IR_I64, false))
TRANS(ror, rotate(dc, d, IR_rotr, IR_I64, false))
TRANS(rori, rotate(dc, d, IR_rotr, IR_I64, true))
TRANS(rolw, rotate(dc, d, IR_rotl, IR_I32, false))
TRANS(rorw, rotate(dc, d, IR_rotr, IR_I32, false))
TRANS(roriw, rotate(dc, d, IR_rotr, IR_I32, true))

TRANS(clmul, binary(dc, d, IR_clmul))
TRANS(clmulh, binary(dc, d, IR_clmulh))
TRANS(clmulr, clmulr(dc, d))

TRANS(bclr, bit_op(dc, d, IR_andn, false))
TRANS(bclri, bit_op(dc, d, IR_andn, true))
TRANS(bset, bit_op(dc, d, IR_or, false))
TRANS(bseti, bit_op(dc, d, IR_or, true))
TRANS(binv, bit_op(dc, d, IR_xor, false))
TRANS(binvi, bit_op(dc, d, IR_xor, true))
TRANS(bext, bit_extract(dc, d, false))
TRANS(bexti, bit_extract(dc, d, true))

TRANS(czero_eqz, czero(dc, d, IR_COND_EQ))
TRANS(czero_nez, czero(dc, d, IR_COND_NE))
