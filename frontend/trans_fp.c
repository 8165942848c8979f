/*
 * frontend/trans_fp.c: see trans_fp.h.
 *
 * Results go straight into the global of f[rd]: between an op and the fcanon that follows it
 * nothing can fault, so nobody sees the NaN in between.
 */
#include "frontend/trans_fp.h"

/* The rounding mode of an insn: false when it is a reserved one. */
static bool get_round(const DisasContext *dc, const DecodedInsn *d, IrRound *rm)
{
    unsigned r = d->rm == IR_ROUND_DYN ? dc->frm : d->rm;
    *rm = (IrRound)r;
    return r <= IR_RMM;
}

/* The host's mode while the guest's frm is dc->frm; see cpu_set_frm(). */
static IrRound host_round(const DisasContext *dc)
{
    return dc->frm <= IR_RUP ? (IrRound)dc->frm : IR_RNE;
}

/* f[r] as an input of an op of type t. */
static IrTemp *get_f(DisasContext *dc, unsigned r, IrType t)
{
    if (t == IR_F64 || (dc->boxed >> r & 1)) {
        return dc->g->f[r];
    }
    IrTemp *v = ir_temp_new(dc->base.ir, IR_FP);
    ir_gen_funbox(dc->base.ir, IR_F32, v, dc->g->f[r]);
    return v;
}

/* Note that f[r] now holds a result of type t. */
static void set_boxed(DisasContext *dc, unsigned r, IrType t)
{
    uint32_t bit = UINT32_C(1) << r;
    dc->boxed = t == IR_F32 ? dc->boxed | bit : dc->boxed & ~bit;
}

/* Emit op, whose rounding the host can do, in mode rm. */
static void gen_rounded(DisasContext *dc, IrRound rm, IrOpcode opc, IrType t, IrTemp *out,
                        unsigned nin, IrTemp *const in[3])
{
    IrContext *ir = dc->base.ir;
    bool change = rm != host_round(dc);

    if (change) {
        ir_gen_set_round(ir, IR_I64, rm);
    }
    ir_build(ir, opc, t, out, nin, in[0], in[1], in[2], NULL, 0, 0, 0);
    if (change) {
        ir_gen_set_round(ir, IR_I64, host_round(dc));
    }
}

/* Emit op in mode RMM. */
static void gen_rmm(DisasContext *dc, FrmmOp op, IrType t, IrTemp *out, IrTemp *a, IrTemp *b,
                    IrTemp *c)
{
    IrContext *ir = dc->base.ir;
    IrTemp *zero = ir_const(ir, 0);
    ir_gen_call(ir, HELPER_frmm, out, 4, a, b ? b : zero, c ? c : zero,
                ir_const(ir, op | (t == IR_F64 ? FRMM_F64 : 0u)));
}

bool trans_fp_load(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    ir_gen_guest_ld(dc->base.ir, t, dc->g->f[d->rd], trans_get_x(dc, d->rs1), (uint64_t)d->imm,
                    t == IR_F32 ? MO_32 : MO_64);
    set_boxed(dc, d->rd, t);
    return true;
}

/* A single's store takes the low half as it is. */
bool trans_fp_store(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    ir_gen_guest_st(dc->base.ir, t, trans_get_x(dc, d->rs1), dc->g->f[d->rs2], (uint64_t)d->imm,
                    t == IR_F32 ? MO_32 : MO_64);
    return true;
}

bool trans_fp_arith(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc, unsigned nin,
                    FrmmOp frmm)
{
    IrRound rm;
    if (!get_round(dc, d, &rm)) {
        return false;
    }
    const uint8_t regs[3] = { d->rs1, d->rs2, d->rs3 };
    IrTemp *in[3] = { NULL };
    for (unsigned i = 0; i < nin; i++) {
        /* a repeated register is unboxed once */
        unsigned same = 0;
        while (regs[same] != regs[i]) {
            same++;
        }
        in[i] = same < i ? in[same] : get_f(dc, regs[i], t);
    }
    IrTemp *out = dc->g->f[d->rd];
    if (rm == IR_RMM) {
        gen_rmm(dc, frmm, t, out, in[0], in[1], in[2]);
    } else {
        gen_rounded(dc, rm, opc, t, out, nin, in);
        if (nin < 3) {
            ir_gen_fcanon(dc->base.ir, t, out, out);
        }
    }
    set_boxed(dc, d->rd, t);
    return true;
}

bool trans_fp_minmax(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc)
{
    IrTemp *a = get_f(dc, d->rs1, t), *b = get_f(dc, d->rs2, t);
    ir_build(dc->base.ir, opc, t, dc->g->f[d->rd], 2, a, b, NULL, NULL, 0, 0, 0);
    set_boxed(dc, d->rd, t);
    return true;
}

/* fmv: a copy of a whole register, but that a single that is not boxed becomes the NaN. */
static void gen_fmv(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    IrTemp *out = dc->g->f[d->rd], *in = dc->g->f[d->rs1];
    uint32_t boxed = dc->boxed >> d->rs1 & 1;

    if (t == IR_F32 && !boxed) {
        ir_gen_funbox(dc->base.ir, IR_F32, out, in);
        boxed = 1;
    } else if (d->rd != d->rs1) {
        ir_gen_mov(dc->base.ir, IR_F64, out, in);
    }
    dc->boxed = (dc->boxed & ~(UINT32_C(1) << d->rd)) | boxed << d->rd;
}

bool trans_fp_sgnj(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc, IrOpcode same)
{
    if (d->rs1 == d->rs2 && same == IR_mov) {
        gen_fmv(dc, d, t);
        return true;
    }
    IrTemp *out = dc->g->f[d->rd], *a = get_f(dc, d->rs1, t);
    if (d->rs1 == d->rs2) {
        ir_build(dc->base.ir, same, t, out, 1, a, NULL, NULL, NULL, 0, 0, 0);
    } else {
        IrTemp *b = get_f(dc, d->rs2, t);
        ir_build(dc->base.ir, opc, t, out, 2, a, b, NULL, NULL, 0, 0, 0);
    }
    set_boxed(dc, d->rd, t);
    return true;
}

bool trans_fp_cmp(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc)
{
    IrTemp *a = get_f(dc, d->rs1, t), *b = get_f(dc, d->rs2, t);
    ir_build(dc->base.ir, opc, t, trans_dst_x(dc, d->rd), 2, a, b, NULL, NULL, 0, 0, 0);
    return true;
}

bool trans_fp_class(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    ir_gen_fclass(dc->base.ir, t, trans_dst_x(dc, d->rd), get_f(dc, d->rs1, t));
    return true;
}

bool trans_fp_to_int(DisasContext *dc, const DecodedInsn *d, IrType t, IrIntKind kind)
{
    IrRound rm;
    if (!get_round(dc, d, &rm)) {
        return false;
    }
    /* Truncation has a host insn of its own, the mode in force another. */
    if (rm == host_round(dc) && rm != IR_RTZ) {
        rm = IR_ROUND_DYN;
    }
    IrTemp *a = get_f(dc, d->rs1, t);
    ir_gen_fcvt_if(dc->base.ir, t, trans_dst_x(dc, d->rd), a, kind, rm);
    return true;
}

IrTemp *trans_fp_truncated(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    IrTemp *a = get_f(dc, d->rs1, t), *out = ir_temp_new(dc->base.ir, IR_INT);
    ir_gen_ftrunc(dc->base.ir, t, out, a);
    return out;
}

bool trans_fp_from_int(DisasContext *dc, const DecodedInsn *d, IrType t, IrIntKind kind)
{
    IrContext *ir = dc->base.ir;
    IrRound rm;
    if (!get_round(dc, d, &rm)) {
        return false;
    }
    IrTemp *a = trans_get_x(dc, d->rs1), *out = dc->g->f[d->rd];
    bool exact = t == IR_F64 && (kind == IR_S32 || kind == IR_U32);

    if (exact || rm == host_round(dc)) {
        ir_gen_fcvt_fi(ir, t, out, a, kind, IR_ROUND_DYN);
    } else if (rm == IR_RMM) {
        gen_rmm(dc, FRMM_FCVT_FI, t, out, a, ir_const(ir, kind), NULL);
    } else {
        ir_gen_fcvt_fi(ir, t, out, a, kind, rm);
    }
    set_boxed(dc, d->rd, t);
    return true;
}

bool trans_fp_from_fp(DisasContext *dc, const DecodedInsn *d, IrType t)
{
    IrContext *ir = dc->base.ir;
    IrRound rm;
    if (!get_round(dc, d, &rm)) {
        return false;
    }
    IrTemp *in[3] = { get_f(dc, d->rs1, t == IR_F32 ? IR_F64 : IR_F32) };
    IrTemp *out = dc->g->f[d->rd];

    if (t == IR_F32 && rm == IR_RMM) {
        gen_rmm(dc, FRMM_FCVT_FF, t, out, in[0], NULL, NULL);
    } else {
        /* widening is exact */
        gen_rounded(dc, t == IR_F64 ? host_round(dc) : rm, IR_fcvt_ff, t, out, 1, in);
        ir_gen_fcanon(ir, t, out, out);
    }
    set_boxed(dc, d->rd, t);
    return true;
}

bool trans_fp_mv_to_x(DisasContext *dc, const DecodedInsn *d, IrType it)
{
    ir_gen_fmv_if(dc->base.ir, it, trans_dst_x(dc, d->rd), dc->g->f[d->rs1]);
    return true;
}

bool trans_fp_mv_from_x(DisasContext *dc, const DecodedInsn *d, IrType it)
{
    ir_gen_fmv_fi(dc->base.ir, it, dc->g->f[d->rd], trans_get_x(dc, d->rs1));
    set_boxed(dc, d->rd, it == IR_I32 ? IR_F32 : IR_F64);
    return true;
}
