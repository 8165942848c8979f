/*
 * frontend/trans_csr.c: Zicsr with the csrs a user program has (fflags, frm, fcsr, the counters),
 * and Zifencei.
 *
 * frm is part of the TB's key, so reading it is a constant and a write that changes it ends the TB
 * by EXCP_FLAGS, with the new value stored; one that leaves it as it is costs a compare. fflags
 * live in the host's fp status: reads and writes of them stay inside the TB.
 *
 * Source: volume I, "Zicsr" (which forms read and write), "F" (fcsr), "Zicntr", "Zihpm".
 */
#include "frontend/trans_fp.h"

enum {
    CSR_FFLAGS = 0x001,
    CSR_FRM = 0x002,
    CSR_FCSR = 0x003,
    CSR_CYCLE = 0xc00,
    CSR_TIME = 0xc01,
    CSR_INSTRET = 0xc02,
    CSR_HPMCOUNTER3 = 0xc03,
    CSR_HPMCOUNTER31 = 0xc1f,
};

typedef enum CsrOp { CSR_SWAP, CSR_SET, CSR_CLEAR } CsrOp;

static bool csr_exists(const DisasContext *dc, unsigned csr)
{
    switch (csr) {
    case CSR_FFLAGS:
    case CSR_FRM:
    case CSR_FCSR:
        return RV_HAS(dc->exts, F);
    case CSR_CYCLE:
    case CSR_TIME:
    case CSR_INSTRET:
        return RV_HAS(dc->exts, Zicntr);
    default:
        return csr >= CSR_HPMCOUNTER3 && csr <= CSR_HPMCOUNTER31 && RV_HAS(dc->exts, Zihpm);
    }
}

static IrTemp *call_counter(DisasContext *dc, unsigned helper)
{
    IrTemp *t = ir_temp_new(dc->base.ir, IR_INT);
    ir_gen_call(dc->base.ir, helper, t, 0, NULL, NULL, NULL, NULL);
    return t;
}

static IrTemp *csr_read(DisasContext *dc, unsigned csr)
{
    IrContext *ir = dc->base.ir;
    IrTemp *t;
    switch (csr) {
    case CSR_FFLAGS:
    case CSR_FCSR:
        t = ir_temp_new(ir, IR_INT);
        ir_gen_fflags_get(ir, IR_I64, t);
        if (csr == CSR_FCSR && dc->frm) {
            ir_gen_or(ir, IR_I64, t, t, ir_const(ir, (uint64_t)dc->frm << 5));
        }
        return t;
    case CSR_FRM:
        return ir_const(ir, dc->frm);
    case CSR_CYCLE:
        return call_counter(dc, HELPER_rdcycle);
    case CSR_TIME:
        return call_counter(dc, HELPER_rdtime);
    case CSR_INSTRET:
        return call_counter(dc, HELPER_rdinstret);
    default:
        return ir_const(ir, 0);
    }
}

/* What the op makes of old and src, at csr's width not yet cut off. */
static IrTemp *new_value(DisasContext *dc, CsrOp op, IrTemp *old, IrTemp *src)
{
    IrContext *ir = dc->base.ir;
    IrTemp *t = ir_temp_new(ir, IR_INT);
    switch (op) {
    case CSR_SWAP:
        ir_gen_mov(ir, IR_I64, t, src);                 /* rd may be the source */
        break;
    case CSR_SET:
        ir_gen_or(ir, IR_I64, t, old, src);
        break;
    case CSR_CLEAR:
        ir_gen_andn(ir, IR_I64, t, old, src);
        break;
    }
    return t;
}

/* frm = bits shift+2..shift of v; the last thing an insn does. */
static void write_frm(DisasContext *dc, IrTemp *v, unsigned shift)
{
    IrContext *ir = dc->base.ir;
    IrTemp *t = ir_temp_new(ir, IR_INT);
    if (shift) {
        ir_gen_shr(ir, IR_I64, t, v, ir_const(ir, shift));
        v = t;
    }
    ir_gen_and(ir, IR_I64, t, v, ir_const(ir, 7));
    int slot = trans_new_slot(dc, 1);
    ir_gen_brcond_tb(ir, IR_I64, t, ir_const(ir, dc->frm), IR_COND_EQ, (uint64_t)slot,
                     trans_next_pc(dc));
    ir_gen_env_st(ir, IR_I32, t, offsetof(CPURISCVState, frm));
    trans_exit(dc, EXCP_FLAGS, trans_next_pc(dc));
}

static bool gen_csr(DisasContext *dc, const DecodedInsn *d, CsrOp op, IrTemp *src, bool write)
{
    unsigned csr = (unsigned)d->imm;
    if (!csr_exists(dc, csr) || (write && csr >> 10 == 3)) {
        return false;
    }
    IrTemp *old = d->rd || (write && op != CSR_SWAP) ? csr_read(dc, csr) : NULL;
    IrTemp *v = write ? new_value(dc, op, old, src) : NULL;
    if (d->rd) {
        ir_gen_mov(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), old);
    }
    if (!write) {
        return true;
    }
    if (csr != CSR_FRM) {
        ir_gen_fflags_set(dc->base.ir, IR_I64, v);
    }
    if (csr != CSR_FFLAGS) {
        write_frm(dc, v, csr == CSR_FCSR ? 5 : 0);
    }
    return true;
}

/* csrrw always writes; csrrs and csrrc write unless the source is x0 or the immediate 0. */
bool trans_csrrw(DisasContext *dc, const DecodedInsn *d)
{
    return gen_csr(dc, d, CSR_SWAP, trans_get_x(dc, d->rs1), true);
}

bool trans_csrrs(DisasContext *dc, const DecodedInsn *d)
{
    return gen_csr(dc, d, CSR_SET, trans_get_x(dc, d->rs1), d->rs1 != 0);
}

bool trans_csrrc(DisasContext *dc, const DecodedInsn *d)
{
    return gen_csr(dc, d, CSR_CLEAR, trans_get_x(dc, d->rs1), d->rs1 != 0);
}

bool trans_csrrwi(DisasContext *dc, const DecodedInsn *d)
{
    return gen_csr(dc, d, CSR_SWAP, ir_const(dc->base.ir, d->rs1), true);
}

bool trans_csrrsi(DisasContext *dc, const DecodedInsn *d)
{
    return gen_csr(dc, d, CSR_SET, ir_const(dc->base.ir, d->rs1), d->rs1 != 0);
}

/* Is d a csrrs that only reads fflags, or a csrrw that only writes them? */
static bool is_frflags(const DecodedInsn *d)
{
    return d->id == RV_csrrs && d->imm == CSR_FFLAGS && d->rs1 == 0 && d->rd != 0;
}

static bool is_fsflags(const DecodedInsn *d, unsigned rs1)
{
    return d->id == RV_csrrw && d->imm == CSR_FFLAGS && d->rd == 0 && d->rs1 == rs1;
}

/* The insn x[r] = x[r] op imm? */
static bool is_in_place(const DecodedInsn *d, RvInsnId id, unsigned r, int64_t imm)
{
    return d->id == id && d->rd == r && d->rs1 == r && d->imm == imm;
}

/*
 * What JavaScript engines make of "does this double fit":
 *     csrrci old, fflags, NV;  fcvt.w n, f, rtz;  frflags v;  andi v, v, NV;  [seqz v, v;]  fsflags old
 * Flags end as they began: so convert without raising any, and compare. (A host takes long to tell
 * flags that have just been raised.) Returns false if this is no such sequence.
 */
static bool fuse_truncation(DisasContext *dc, const DecodedInsn *d)
{
    enum { CVT, GET, AND, SEQZ, MAX_RUN = 5 };
    DecodedInsn n[MAX_RUN];
    if (d->imm != CSR_FFLAGS || d->rs1 != IR_NV || !d->rd ||
        trans_peek_run(dc, n, 1) < 1 || (n[CVT].id != RV_fcvt_w_d && n[CVT].id != RV_fcvt_w_s) ||
        n[CVT].rm != IR_RTZ || !csr_exists(dc, CSR_FFLAGS)) {
        return false;
    }
    unsigned run = trans_peek_run(dc, n, MAX_RUN), v = n[GET].rd;
    if (run <= SEQZ || !is_frflags(&n[GET]) || !is_in_place(&n[AND], RV_andi, v, IR_NV)) {
        return false;
    }
    bool inverted = is_in_place(&n[SEQZ], RV_sltiu, v, 1);
    unsigned last = inverted ? SEQZ + 1 : SEQZ;
    if (last >= run || !is_fsflags(&n[last], d->rd) || d->rd == v || d->rd == n[CVT].rd) {
        return false;
    }
    IrContext *ir = dc->base.ir;
    ir_gen_fflags_get(ir, IR_I64, trans_dst_x(dc, d->rd));
    trans_take(dc, &n[CVT]);
    IrTemp *whole = trans_fp_truncated(dc, &n[CVT], n[CVT].id == RV_fcvt_w_d ? IR_F64 : IR_F32);
    IrTemp *fits = ir_temp_new(ir, IR_INT), *out = trans_dst_x(dc, n[CVT].rd);
    ir_gen_maxs(ir, IR_I64, fits, whole, ir_const(ir, (uint64_t)INT32_MIN));
    ir_gen_mins(ir, IR_I64, fits, fits, ir_const(ir, INT32_MAX));
    ir_gen_mov(ir, IR_I64, out, fits);
    for (unsigned i = GET; i <= last; i++) {
        trans_take(dc, &n[i]);
    }
    out = trans_dst_x(dc, v);
    ir_gen_setcond(ir, IR_I64, out, fits, whole, inverted ? IR_COND_EQ : IR_COND_NE);
    if (!inverted) {
        ir_gen_shl(ir, IR_I64, out, out, ir_const(ir, 4));
    }
    return true;
}
_Static_assert(IR_NV == 1 << 4, "fuse_truncation()");

bool trans_csrrci(DisasContext *dc, const DecodedInsn *d)
{
    if (fuse_truncation(dc, d)) {
        return true;
    }
    return gen_csr(dc, d, CSR_CLEAR, ir_const(dc->base.ir, d->rs1), d->rs1 != 0);
}

/* Code this hart wrote becomes visible to its fetches: exec revalidates the TBs. */
bool trans_fence_i(DisasContext *dc, const DecodedInsn *d)
{
    trans_exit(dc, EXCP_FENCE_I, trans_next_pc(dc));
    return true;
}
