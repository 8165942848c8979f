/*
 * backend-x86_64/lower_fp.c: emitters of the fp ops (conversions: lower_fp_cvt.c).
 *
 * A value is in the low half of an xmm register; above it lies anything. A single is boxed: its
 * bits 63..32 are ones, and every emitter keeps them so by choosing from where the host insn takes
 * the part that it does not compute. The guest's sticky flags are the host's, so no host insn may
 * run that raises more than the op does: that decides the order of insns and what goes to helpers.
 * (The host's denormal flag, MXCSR.DE, has no counterpart and may be raised at will.)
 *
 * With HOST_AVX all arithmetic is in three-operand form; without, the path is x86-64-v2 (SSE4.1).
 *
 * Source: Intel SDM volume 1, 4.8.3.5 and chapter 14.5 (NaN results, FMA exceptions), volume 2.
 */
#include <assert.h>

#include "backend-x86_64/lower_fp.h"

/* ---- building blocks ---- */

void fp_op2(BackendContext *be, X86Insn i, int d, Opnd b)
{
    if (have(be, HOST_AVX)) {
        vex_rro(&be->e, i, 0, d, d, b);
    } else {
        x86_ro(&be->e, i, 0, d, b);
    }
}

void fp_op3(BackendContext *be, X86Insn i, int d, int a, Opnd b)
{
    if (have(be, HOST_AVX)) {
        vex_rro(&be->e, i, 0, d, a, b);
        return;
    }
    assert(d == a || !opnd_is_reg(b, d));
    emit_movx(&be->e, d, a);
    x86_ro(&be->e, i, 0, d, b);
}

void fp_ones(BackendContext *be, int d)
{
    fp_op2(be, X86_PCMPEQD, d, opnd_reg(d));
}

void fp_zero(BackendContext *be, int d)
{
    fp_op2(be, X86_XORPS, d, opnd_reg(d));
}

void fp_comi(BackendContext *be, X86Insn i, int a, Opnd b)
{
    if (have(be, HOST_AVX)) {
        vex_rro(&be->e, i, 0, a, 0, b);
    } else {
        x86_ro(&be->e, i, 0, a, b);
    }
}

void fp_get(BackendContext *be, int d, Opnd x)
{
    if (x.kind == OPND_REG) {
        emit_movx(&be->e, d, x.reg);
    } else {
        emit_load(&be->e, d, x.disp);
    }
}

static void cold_helper(BackendContext *be, ColdStub *s)
{
    uint32_t out = 1u << s->out;
    cold_save(be, s, out);
    for (unsigned i = 0; i < IR_MAX_IN; i++) {
        if (s->in[i].kind != OPND_IMM || s->in[i].imm >= 0) {
            emit_helper_arg(be, i, s->in[i], RAX);
        }
    }
    emit_helper_call(be, (unsigned)s->k[0]);
    if (s->out >= XMM0) {
        x86_rr(&be->e, X86_MOVD_x_r, 1, s->out, RAX);
    } else {
        emit_mov_rr(&be->e, 1, s->out, RAX);
    }
    cold_restore(be, s, out);
    cold_return(be, s);
}

ColdStub *fp_cold_helper(BackendContext *be, unsigned nr, const IrOp *op, const Opnd *in, int out)
{
    ColdStub *s = cold_new(be, cold_helper, op, in, out);
    s->k[0] = nr;
    for (unsigned i = op->nin; i < IR_MAX_IN; i++) {
        s->in[i] = opnd_imm(-1);        /* not passed */
    }
    return s;
}

void fp_always_helper(BackendContext *be, ColdStub *s)
{
    cold_jmp(be, s);
    cold_back(be, s);
}

/* ---- arithmetic ---- */

void lower_fp2(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    static const X86Insn insns[][2] = {
        [IR_fadd - IR_fadd] = { X86_ADDSS, X86_ADDSD },
        [IR_fsub - IR_fadd] = { X86_SUBSS, X86_SUBSD },
        [IR_fmul - IR_fadd] = { X86_MULSS, X86_MULSD },
        [IR_fdiv - IR_fadd] = { X86_DIVSS, X86_DIVSD },
    };
    X86Insn i = insns[op->opcode - IR_fadd][is_f64(op)];
    int a = in[0].reg;
    Opnd b = in[1];

    if (!have(be, HOST_AVX) && out != a && opnd_is_reg(b, out)) {
        if (ir_op_info[op->opcode].flags & IRF_COMMUTES) {
            b = in[0];
            a = out;
        } else {
            int t = ra_temp(be, IR_FP);
            emit_movx(&be->e, t, out);
            b = opnd_reg(t);
        }
    }
    fp_op3(be, i, out, a, b);
}

void lower_fsqrt(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    X86Insn i = by_type(op, X86_SQRTSS, X86_SQRTSD);
    if (have(be, HOST_AVX) && in[0].kind == OPND_REG) {
        vex_rro(&be->e, i, 0, out, in[0].reg, in[0]);
    } else {
        fp_get(be, out, in[0]);
        fp_op2(be, i, out, opnd_reg(out));
    }
}

/*
 * The host's min and max return the second operand when the operands are zeros or one is a NaN, so
 * taking it both ways round and joining the signs is right for all but NaN. Those go to the helper
 * first, because the host would raise invalid for quiet ones.
 */
void lower_fminmax(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    bool max = op->opcode == IR_fmax;
    X86Insn i = max ? by_type(op, X86_MAXSS, X86_MAXSD) : by_type(op, X86_MINSS, X86_MINSD);
    int a = in[0].reg, b = in[1].reg;
    int t = ra_temp(be, IR_FP);

    ColdStub *s = fp_cold_helper(be, be->cfg.helper.fminmax_slow, op, in, out);
    s->in[3] = opnd_imm(max | is_f64(op) << 1);
    fp_comi(be, by_type(op, X86_UCOMISS, X86_UCOMISD), a, in[1]);
    cold_jcc(be, X86_P, s);
    if (out == b) {
        b = a;
        a = out;
    }
    fp_op3(be, i, t, b, opnd_reg(a));
    fp_op3(be, i, out, a, opnd_reg(b));
    fp_op2(be, max ? X86_ANDPS : X86_ORPS, out, opnd_reg(t));
    cold_back(be, s);
}

/* ---- NaN boxes and canonical NaN ---- */

/* Nothing that comes out of host arithmetic is a signalling NaN. */
static bool never_signalling(const BackendContext *be, const IrOp *op)
{
    for (const IrOp *p = op->prev; p != &be->ir->head; p = p->prev) {
        if (p->opcode == IR_set_label || p->opcode == IR_call) {
            return false;
        }
        if (p->out == op->in[0]) {
            return (p->opcode >= IR_fadd && p->opcode <= IR_fcanon) || p->opcode == IR_fcvt_ff;
        }
    }
    return false;
}

static void cold_fcanon(BackendContext *be, ColdStub *s)
{
    if (s->k[0]) {
        x86_rm(&be->e, X86_LDMXCSR, 0, 0, RBP, fp_scratch(be));
    }
    emit_load(&be->e, s->out, fp_nan(be, s->op).disp);
    cold_return(be, s);
}

/* One of out, r[0] is a NaN, or both are. */
static void cold_fcanon_pair(BackendContext *be, ColdStub *s)
{
    const int r[2] = { s->out, s->r[0] };
    for (unsigned i = 0; i < 2; i++) {
        fp_comi(be, by_type(s->op, X86_UCOMISS, X86_UCOMISD), r[i], opnd_reg(r[i]));
        uint8_t *number = emit_jcc8(&be->e, X86_NP);
        emit_load(&be->e, r[i], fp_nan(be, s->op).disp);
        emit_here8(&be->e, number);
    }
    cold_return(be, s);
}

/* An fcanon that leaves its value in the register where it is, and so can be checked in one go with
 * another. */
static bool can_pair(const BackendContext *be, const IrOp *op, IrType t)
{
    return op->opcode == IR_fcanon && op->type == t && op->in[0] == op->out &&
           op->out->kind == IR_GLOBAL && op->out->reg > XMM3 && never_signalling(be, op);
}

/* Side by side, the first of a pair does the work of both: how many such come before op? */
static unsigned run_before(const BackendContext *be, const IrOp *op)
{
    unsigned n = 0;
    for (const IrOp *p = op->prev; can_pair(be, p, (IrType)op->type); p = p->prev) {
        n++;
    }
    return n;
}

void lower_fcanon(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    _Static_assert(IR_fcanon > IR_fmax && IR_fmax > IR_fmadd && IR_fmadd > IR_fadd &&
                   IR_funbox > IR_fcanon, "never_signalling() goes by a range of ops");
    IrType t = (IrType)op->type;
    if (can_pair(be, op, t)) {
        if (run_before(be, op) % 2 == 1) {
            return;
        }
        if (can_pair(be, op->next, t)) {
            ColdStub *s = cold_new(be, cold_fcanon_pair, op, in, out);
            s->r[0] = op->next->out->reg;
            s->harmless = true;
            fp_comi(be, by_type(op, X86_UCOMISS, X86_UCOMISD), out, opnd_reg(s->r[0]));
            cold_jcc(be, X86_P, s);
            cold_back(be, s);
            return;
        }
    }
    ColdStub *s = cold_new(be, cold_fcanon, op, in, out);
    s->k[0] = !never_signalling(be, op);
    emit_movx(&be->e, out, in[0].reg);
    if (s->k[0]) {
        /* The test would raise invalid for a signalling NaN: the stub puts MXCSR back. */
        x86_rm(&be->e, X86_STMXCSR, 0, 0, RBP, fp_scratch(be));
    }
    fp_comi(be, by_type(op, X86_UCOMISS, X86_UCOMISD), out, opnd_reg(out));
    cold_jcc(be, X86_P, s);
    cold_back(be, s);
}

static void cold_funbox(BackendContext *be, ColdStub *s)
{
    emit_load(&be->e, s->out, FP_CONST(be, nan32).disp);
    cold_return(be, s);
}

void lower_funbox(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    ColdStub *s = cold_new(be, cold_funbox, op, in, out);
    if (in[0].kind == OPND_MEM) {
        emit_alu_mi(&be->e, ALU_CMP, 0, RBP, in[0].disp + 4, -1);
        cold_jcc(be, X86_NE, s);
        emit_load(&be->e, out, in[0].disp);
    } else {
        emit_movx(&be->e, out, in[0].reg);
        /* CF: no bit of the constant is missing */
        fp_comi(be, X86_PTEST, in[0].reg, FP_CONST(be, box32_low));
        cold_jcc(be, X86_AE, s);
    }
    cold_back(be, s);
}

/* ---- signs ---- */

void lower_fsign(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    if (op->opcode == IR_fneg) {
        fp_op3(be, X86_XORPS, out, in[0].reg,
               is_f64(op) ? FP_CONST(be, sign64) : FP_CONST(be, sign32));
    } else {
        fp_op3(be, X86_ANDPS, out, in[0].reg,
               is_f64(op) ? FP_CONST(be, abs64) : FP_CONST(be, abs32));
    }
}

void lower_fsgnj(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    Opnd sign = is_f64(op) ? FP_CONST(be, sign64) : FP_CONST(be, sign32);
    Opnd abs = is_f64(op) ? FP_CONST(be, abs64) : FP_CONST(be, abs32);
    int t = ra_temp(be, IR_FP);

    fp_op3(be, op->opcode == IR_fsgnjn ? X86_ANDNPS : X86_ANDPS, t, in[1].reg, sign);
    if (op->opcode == IR_fsgnjx) {
        fp_op3(be, X86_XORPS, out, in[0].reg, opnd_reg(t));
    } else {
        fp_op3(be, X86_ANDPS, out, in[0].reg, abs);
        fp_op2(be, X86_ORPS, out, opnd_reg(t));
    }
}

/* ---- comparisons ---- */

/* The predicates: equality is quiet, the others signal, as the ops do. */
void lower_fcmp(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    enum { CMP_EQ = 0, CMP_LT = 1, CMP_LE = 2 };
    int t = ra_temp(be, IR_FP);

    fp_op3(be, by_type(op, X86_CMPSS, X86_CMPSD), t, in[0].reg, in[1]);
    emit_u8(&be->e, op->opcode == IR_feq ? CMP_EQ : op->opcode == IR_flt ? CMP_LT : CMP_LE);
    x86_rr(&be->e, X86_MOVD_r_x, 0, t, out);
    emit_alu(&be->e, ALU_AND, 0, out, opnd_imm(1));
}

/* Normal numbers inline: exponent field neither 0 nor all ones; 64 for positive ones, 2 for
 * negative. */
void lower_fclass(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    enum { POSITIVE_NORMAL = 64, NEGATIVE_NORMAL = 2 };
    bool d = is_f64(op);
    unsigned mantissa = d ? 52 : 23, max_exponent = d ? 0x7ff : 0xff;
    int t = ra_temp(be, IR_INT);
    ColdStub *s = fp_cold_helper(be, be->cfg.helper.fclass_slow, op, in, out);
    s->in[1] = opnd_imm(d);

    if (in[0].kind == OPND_MEM) {
        emit_mov(&be->e, d, t, in[0]);
    } else {
        x86_rr(&be->e, X86_MOVD_r_x, d, in[0].reg, t);
    }
    emit_mov_rr(&be->e, d, out, t);
    emit_shift_i(&be->e, SH_SHR, d, out, mantissa);
    emit_alu(&be->e, ALU_AND, 0, out, opnd_imm(max_exponent));
    emit_alu(&be->e, ALU_SUB, 0, out, opnd_imm(1));
    emit_alu(&be->e, ALU_CMP, 0, out, opnd_imm(max_exponent - 2));
    cold_jcc(be, X86_A, s);
    emit_shift_i(&be->e, SH_SAR, d, t, d ? 63 : 31);
    emit_alu(&be->e, ALU_AND, 0, t, opnd_imm(NEGATIVE_NORMAL - POSITIVE_NORMAL));
    emit_lea(&be->e, 0, out, t, POSITIVE_NORMAL);
    cold_back(be, s);
}

/* ---- status ---- */

/* MXCSR goes through memory: bits 0..5 flags, 13..14 rounding. */
static void load_mxcsr(BackendContext *be, int t)
{
    x86_rm(&be->e, X86_STMXCSR, 0, 0, RBP, fp_scratch(be));
    x86_rm(&be->e, X86_MOV_r_rm, 0, t, RBP, fp_scratch(be));
}

static void store_mxcsr(BackendContext *be, int t)
{
    x86_rm(&be->e, X86_MOV_rm_r, 0, t, RBP, fp_scratch(be));
    x86_rm(&be->e, X86_LDMXCSR, 0, 0, RBP, fp_scratch(be));
}

void lower_set_round(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    static const uint8_t rc[] = { [IR_RNE] = 0, [IR_RDN] = 1, [IR_RUP] = 2, [IR_RTZ] = 3 };
    int t = ra_temp(be, IR_INT);

    assert(op->k[0] < IR_RMM);
    load_mxcsr(be, t);
    emit_alu(&be->e, ALU_AND, 0, t, opnd_imm(~0x6000));
    if (rc[op->k[0]]) {
        emit_alu(&be->e, ALU_OR, 0, t, opnd_imm(rc[op->k[0]] << 13));
    }
    store_mxcsr(be, t);
}

/*
 * Compilers put frflags and fsflags around comparisons that must be quiet. So fflags_get leaves the
 * image it read in the snapshot, and an fflags_set of that very value compares with it and, rarely,
 * loads it back: no translation of flags either way.
 */
static int32_t fp_snapshot(const BackendContext *be)
{
    return fp_scratch(be) + 4;
}

/* The value that op sets is what the last fflags_get before it gave, under the same rounding mode
 * (which the snapshot holds too). */
static bool sets_what_was_got(const BackendContext *be, const IrOp *op)
{
    for (const IrOp *p = op->prev;
         p != &be->ir->head && p->opcode != IR_set_label && p->opcode != IR_set_round;
         p = p->prev) {
        if (p->out == op->in[0] || p->opcode == IR_fflags_get) {
            return p->out == op->in[0] && p->opcode == IR_fflags_get;
        }
    }
    return false;
}

void lower_fflags_get(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    x86_rm(&be->e, X86_STMXCSR, 0, 0, RBP, fp_snapshot(be));
    x86_rm(&be->e, X86_MOV_r_rm, 0, out, RBP, fp_snapshot(be));
    emit_alu(&be->e, ALU_AND, 0, out, opnd_imm(0x3f));
    x86_rx(&be->e, X86_MOVZX8, 0, out, RBP, out, 0,
           const_disp(be, offsetof(BackendConsts, mxcsr_to_fflags)));
}

/* The table's entry for a number known now. */
static int32_t fflags_image(uint64_t f)
{
    return (f & IR_NV ? 0x01 : 0) | (f & IR_DZ ? 0x04 : 0) | (f & IR_OF ? 0x08 : 0) |
           (f & IR_UF ? 0x10 : 0) | (f & IR_NX ? 0x20 : 0);
}

void lower_fflags_set(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    int t = ra_temp(be, IR_INT);
    load_mxcsr(be, t);
    if (sets_what_was_got(be, op)) {
        emit_alu(&be->e, ALU_CMP, 0, t, opnd_mem(fp_snapshot(be)));
        uint8_t *same = emit_jcc8(&be->e, X86_E);
        x86_rm(&be->e, X86_LDMXCSR, 0, 0, RBP, fp_snapshot(be));
        emit_here8(&be->e, same);
        return;
    }
    emit_alu(&be->e, ALU_AND, 0, t, opnd_imm(~0x3f));
    if (in[0].kind == OPND_IMM) {
        emit_alu(&be->e, ALU_OR, 0, t, opnd_imm(fflags_image((uint64_t)in[0].imm)));
    } else {
        int v = ra_temp(be, IR_INT);
        emit_mov(&be->e, 0, v, in[0]);
        emit_alu(&be->e, ALU_AND, 0, v, opnd_imm(31));
        x86_rx(&be->e, X86_MOVZX8, 0, v, RBP, v, 0,
               const_disp(be, offsetof(BackendConsts, fflags_to_mxcsr)));
        emit_alu(&be->e, ALU_OR, 0, t, opnd_reg(v));
    }
    /* Mostly nothing has changed, and a jump is cheaper than ldmxcsr. */
    emit_alu(&be->e, ALU_CMP, 0, t, opnd_mem(fp_scratch(be)));
    uint8_t *same = emit_jcc8(&be->e, X86_E);
    store_mxcsr(be, t);
    emit_here8(&be->e, same);
}
