/*
 * frontend/trans_rva.c: A, atomics.
 *
 * An AMO is one guest_amo, a full barrier on the host whatever aq and rl say. lr loads and
 * remembers address, size and value in env; sc compares all three and stores by compare-exchange,
 * so a value that changed and changed back in between goes unnoticed. Misaligned addresses fault
 * (MO_ALIGN). Any sc, successful or not, ends the reservation.
 *
 * While nobody else looks at memory (trans_alone()), a load and a store do: guest signal handlers
 * run between blocks only.
 */
#include "frontend/trans.h"

static void gen_amo_value(IrContext *ir, IrType t, IrAmo amo, IrTemp *out, IrTemp *old, IrTemp *v)
{
    switch (amo) {
    case IR_AMO_SWAP:
        ir_gen_mov(ir, IR_I64, out, v);
        break;
    case IR_AMO_ADD:
        ir_gen_add(ir, t, out, old, v);
        break;
    case IR_AMO_AND:
        ir_gen_and(ir, t, out, old, v);
        break;
    case IR_AMO_OR:
        ir_gen_or(ir, t, out, old, v);
        break;
    case IR_AMO_XOR:
        ir_gen_xor(ir, t, out, old, v);
        break;
    case IR_AMO_MINS:
        ir_gen_mins(ir, t, out, old, v);
        break;
    case IR_AMO_MAXS:
        ir_gen_maxs(ir, t, out, old, v);
        break;
    case IR_AMO_MINU:
        ir_gen_minu(ir, t, out, old, v);
        break;
    default:
        ir_gen_maxu(ir, t, out, old, v);
        break;
    }
}

/* rd is written last: the store may fault. */
static void gen_amo_alone(DisasContext *dc, const DecodedInsn *d, IrAmo amo, IrMemOp size)
{
    IrContext *ir = dc->base.ir;
    IrTemp *addr = trans_get_x(dc, d->rs1), *v = trans_get_x(dc, d->rs2);
    IrTemp *old = ir_temp_new(ir, IR_INT), *value = ir_temp_new(ir, IR_INT);
    IrMemOp sign = size == MO_32 ? MO_SIGN : 0;
    ir_gen_guest_ld(ir, IR_I64, old, addr, 0, size | sign | MO_ALIGN);
    gen_amo_value(ir, size == MO_64 ? IR_I64 : IR_I32, amo, value, old, v);
    ir_gen_guest_st(ir, IR_I64, addr, value, 0, size);
    if (d->rd) {
        ir_gen_mov(ir, IR_I64, trans_dst_x(dc, d->rd), old);
    }
}

static bool gen_amo(DisasContext *dc, const DecodedInsn *d, IrAmo amo, IrMemOp size)
{
    IrContext *ir = dc->base.ir;
    IrTemp *addr = trans_get_x(dc, d->rs1), *v = trans_get_x(dc, d->rs2);
    if (trans_alone(dc)) {
        gen_amo_alone(dc, d, amo, size);
        return true;
    }
    if (size == MO_64) {
        ir_gen_guest_amo(ir, IR_I64, trans_dst_x(dc, d->rd), addr, v, amo, MO_64 | MO_ALIGN);
        return true;
    }
    IrTemp *old = ir_temp_new(ir, IR_INT);
    ir_gen_guest_amo(ir, IR_I32, old, addr, v, amo, MO_32 | MO_ALIGN);
    if (d->rd) {
        ir_gen_ext32s(ir, IR_I64, trans_dst_x(dc, d->rd), old);
    }
    return true;
}

#define TRANS_AMO(id, amo) \
    bool trans_##id##_w(DisasContext *dc, const DecodedInsn *d) \
    { \
        return gen_amo(dc, d, amo, MO_32); \
    } \
    bool trans_##id##_d(DisasContext *dc, const DecodedInsn *d) \
    { \
        return gen_amo(dc, d, amo, MO_64); \
    }
TRANS_AMO(amoswap, IR_AMO_SWAP)
TRANS_AMO(amoadd, IR_AMO_ADD)
TRANS_AMO(amoand, IR_AMO_AND)
TRANS_AMO(amoor, IR_AMO_OR)
TRANS_AMO(amoxor, IR_AMO_XOR)
TRANS_AMO(amomin, IR_AMO_MINS)
TRANS_AMO(amomax, IR_AMO_MAXS)
TRANS_AMO(amominu, IR_AMO_MINU)
TRANS_AMO(amomaxu, IR_AMO_MAXU)

static bool gen_lr(DisasContext *dc, const DecodedInsn *d, IrMemOp mo)
{
    IrContext *ir = dc->base.ir;
    IrTemp *addr = trans_get_x(dc, d->rs1), *v = ir_temp_new(ir, IR_INT);
    if (d->rl && !trans_alone(dc)) {    /* the one order that TSO does not give a load */
        ir_gen_fence(ir, IR_I64, IR_FENCE_SL);
    }
    ir_gen_guest_ld(ir, IR_I64, v, addr, 0, mo | MO_ALIGN);
    ir_gen_env_st(ir, IR_I64, addr, offsetof(CPURISCVState, res_addr));
    ir_gen_env_st(ir, IR_I64, v, offsetof(CPURISCVState, res_val));
    ir_gen_env_st(ir, IR_I32, ir_const(ir, UINT64_C(1) << (mo & MO_SIZE)),
                  offsetof(CPURISCVState, res_size));
    if (d->rd) {
        ir_gen_mov(ir, IR_I64, trans_dst_x(dc, d->rd), v);
    }
    return true;
}

bool trans_lr_w(DisasContext *dc, const DecodedInsn *d)
{
    return gen_lr(dc, d, MO_32 | MO_SIGN);
}

bool trans_lr_d(DisasContext *dc, const DecodedInsn *d)
{
    return gen_lr(dc, d, MO_64);
}

static bool gen_sc(DisasContext *dc, const DecodedInsn *d, IrMemOp mo)
{
    IrContext *ir = dc->base.ir;
    IrType t = mo == MO_64 ? IR_I64 : IR_I32;
    IrLabel *fail = ir_label_new(ir), *done = ir_label_new(ir);
    IrTemp *addr = trans_get_x(dc, d->rs1), *v = trans_get_x(dc, d->rs2);
    IrTemp *out = d->rd ? trans_dst_x(dc, d->rd) : NULL;

    IrTemp *res_addr = ir_temp_new(ir, IR_INT), *res_size = ir_temp_new(ir, IR_INT);
    ir_gen_env_ld(ir, IR_I64, res_addr, offsetof(CPURISCVState, res_addr));
    ir_gen_brcond(ir, IR_I64, res_addr, addr, IR_COND_NE, fail);
    ir_gen_env_ld(ir, IR_I32, res_size, offsetof(CPURISCVState, res_size));
    ir_gen_brcond(ir, IR_I64, res_size, ir_const(ir, UINT64_C(1) << mo), IR_COND_NE, fail);

    IrTemp *expected = ir_temp_new(ir, IR_INT), *old = ir_temp_new(ir, IR_INT);
    ir_gen_env_ld(ir, IR_I64, expected, offsetof(CPURISCVState, res_val));
    if (trans_alone(dc)) {
        ir_gen_guest_ld(ir, IR_I64, old, addr, 0, mo | MO_ALIGN);
        ir_gen_brcond(ir, t, old, expected, IR_COND_NE, fail);
        ir_gen_guest_st(ir, IR_I64, addr, v, 0, mo & MO_SIZE);
        if (out) {
            ir_gen_mov(ir, IR_I64, out, ir_const(ir, 0));
        }
    } else {
        ir_gen_guest_cmpxchg(ir, t, old, addr, expected, v, mo | MO_ALIGN);
        if (out) {
            ir_gen_setcond(ir, t, out, old, expected, IR_COND_NE);
        }
    }
    ir_gen_br(ir, IR_I64, done);
    ir_gen_set_label(ir, IR_I64, fail);
    if (out) {
        ir_gen_mov(ir, IR_I64, out, ir_const(ir, 1));
    }
    ir_gen_set_label(ir, IR_I64, done);
    ir_gen_env_st(ir, IR_I64, ir_const(ir, ~UINT64_C(0)), offsetof(CPURISCVState, res_addr));
    return true;
}

bool trans_sc_w(DisasContext *dc, const DecodedInsn *d)
{
    return gen_sc(dc, d, MO_32);
}

bool trans_sc_d(DisasContext *dc, const DecodedInsn *d)
{
    return gen_sc(dc, d, MO_64);
}
