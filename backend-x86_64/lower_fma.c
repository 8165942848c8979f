/*
 * backend-x86_64/lower_fma.c: the fused multiply-adds, and when their results are checked.
 *
 * A NaN result goes to the helper for two reasons: the op's NaN is canonical, and the host does not
 * raise invalid for inf * 0 + quiet NaN. The helper need not see c: of the NaN results those that
 * are c's doing have raised what they must, so a quiet NaN in its place adds just what the product
 * raises. It may be asked for any product of the ops that have run: it raises nothing that they do
 * not.
 *
 * So a check can wait for that of a later fused op, up to FMA_GROUP of them, if the way there is
 * straight, nothing on it can fault or sees flags or the NaN, and the factors stay where they are.
 * They do in pinned registers, but one that the op itself overwrites, which is kept in memory. A
 * sum that goes on in the later op makes a NaN of it too and needs no test; two others are tested
 * together. Invariant: be->nfma is 0 but on such a way, at whose end lower_fma() comes by again.
 *
 * Source: Intel SDM volume 1, chapter 14.5 (FMA exceptions).
 */
#include "backend-x86_64/lower_fp.h"

/* How far the later op may be. */
enum { FMA_REACH = 12 };

static bool is_fma(const IrOp *op)
{
    _Static_assert(IR_fmsub == IR_fmadd + 1 && IR_fnmsub == IR_fmadd + 2 &&
                   IR_fnmadd == IR_fmadd + 3, "the rows' order is the helper's numbering");
    return op->opcode >= IR_fmadd && op->opcode <= IR_fnmadd;
}

static uint32_t reg_bit(const IrTemp *t)
{
    return t && t->reg >= 0 ? 1u << t->reg : 0;
}

static uint32_t input_bits(const IrOp *op)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < op->nin; i++) {
        bits |= reg_bit(op->in[i]);
    }
    return bits;
}

/* Can the check of op wait, and those that wait already go on waiting? */
static bool can_wait(const BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    uint32_t outs = 1u << out, factors = 0;
    if (be->nfma == FMA_GROUP - 1 || (RA_SCRATCH >> out & 1)) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (RA_SCRATCH >> in[i].reg & 1) {
            return false;
        }
        factors |= in[i].reg != out ? 1u << in[i].reg : 0;
    }
    for (unsigned i = 0; i < be->nfma; i++) {
        const FmaOwed *f = &be->fma[i];
        outs |= f->out != NOREG ? 1u << f->out : 0;
        for (unsigned j = 0; j < 2; j++) {
            factors |= f->factor[j] != NOREG ? 1u << f->factor[j] : 0;
        }
    }
    const IrOp *q = op->next;
    for (unsigned n = 0; n < FMA_REACH; q = q->next) {
        if (q->opcode == IR_insn_start) {
            continue;
        }
        uint32_t written = reg_bit(q->out);
        if (is_fma(q)) {
            return q->type == op->type && !(written & factors) &&
                   !(written & outs & ~input_bits(q));
        }
        if ((ir_op_info[q->opcode].flags &
             (IRF_SIDE_EFFECT | IRF_MAY_FAULT | IRF_ENDS_BB | IRF_ENDS_TB)) ||
            (written & (outs | factors)) ||
            ((input_bits(q) & outs) && ir_sees_nan(q, (IrType)op->type))) {
            return false;
        }
        n++;
    }
    return false;
}

static int32_t factor_slot(const BackendContext *be, unsigned i, unsigned j)
{
    return env_disp(be, be->cfg.layout.spill + 8 * (RA_ALL_SLOTS + 2 * (int32_t)i + (int32_t)j));
}

/* One of the results is a NaN: all the products raise what they raise. */
static void cold_fma(BackendContext *be, ColdStub *s)
{
    const FmaOwed *owed = (const FmaOwed *)(uintptr_t)s->k[0];
    unsigned n = (unsigned)s->k[1];
    cold_save(be, s, 0);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = 0; j < 2; j++) {
            if (owed[i].factor[j] != NOREG) {
                emit_store(&be->e, factor_slot(be, i, j), owed[i].factor[j]);
            }
        }
    }
    emit_pins_leave(be);
    for (unsigned i = 0; i < n; i++) {
        emit_helper_arg(be, 0, opnd_mem(factor_slot(be, i, 0)), RAX);
        emit_helper_arg(be, 1, opnd_mem(factor_slot(be, i, 1)), RAX);
        emit_helper_arg(be, 2, fp_nan(be, s->op), RAX);
        emit_helper_arg(be, 3, opnd_imm((owed[i].op->opcode - IR_fmadd) | is_f64(s->op) << 2), RAX);
        emit_helper_call_left(be, be->cfg.helper.fma_slow);
    }
    emit_pins_enter(be);
    cold_restore(be, s, 0);
    for (unsigned i = 0; i < n; i++) {
        int r = owed[i].out;
        if (r != NOREG) {
            fp_comi(be, by_type(s->op, X86_UCOMISS, X86_UCOMISD), r, opnd_reg(r));
            uint8_t *number = emit_jcc8(&be->e, X86_NP);
            emit_load(&be->e, r, fp_nan(be, s->op).disp);
            emit_here8(&be->e, number);
        }
    }
    cold_return(be, s);
}

/* Check all that waits, op being the last. */
static void check_owed(BackendContext *be, const IrOp *op, int out)
{
    FmaOwed *owed = ir_alloc(be->ir, sizeof(be->fma));
    ColdStub *s = cold_new(be, cold_fma, op, NULL, out);
    int r[FMA_GROUP];
    unsigned n = 0;
    for (unsigned i = 0; i < be->nfma; i++) {
        owed[i] = be->fma[i];
        if (owed[i].out != NOREG) {
            r[n++] = owed[i].out;
        }
    }
    s->k[0] = (uintptr_t)owed;
    s->k[1] = be->nfma;
    s->live |= RA_SCRATCH & 1u << out;
    be->nfma = 0;
    for (unsigned i = 0; i < n; i += 2) {
        Opnd other = opnd_reg(r[i + 1 < n ? i + 1 : i]);
        fp_comi(be, by_type(op, X86_UCOMISS, X86_UCOMISD), r[i], other);
        cold_jcc(be, X86_P, s);
    }
    cold_back(be, s);
}

static void check_one(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    const FmaOwed *f = &be->fma[0];
    Opnd args[IR_MAX_IN] = { opnd_reg(f->factor[0]), opnd_reg(f->factor[1]), in[2] };
    ColdStub *s = fp_cold_helper(be, be->cfg.helper.fma_slow, op, args, out);
    s->in[2] = fp_nan(be, op);
    s->in[3] = opnd_imm((op->opcode - IR_fmadd) | is_f64(op) << 2);
    be->nfma = 0;
    fp_comi(be, by_type(op, X86_UCOMISS, X86_UCOMISD), out, opnd_reg(out));
    cold_jcc(be, X86_P, s);
    cold_back(be, s);
}

/* What the op overwrites of its factors, for the stub. */
static void keep_factor(BackendContext *be, FmaOwed *self, int out, bool waits)
{
    int keep = NOREG;
    if (!waits) {
        keep = ra_temp(be, IR_FP);
        emit_movx(&be->e, keep, out);
    }
    for (unsigned j = 0; j < 2; j++) {
        if (self->factor[j] == out) {
            if (waits) {
                emit_store(&be->e, factor_slot(be, be->nfma - 1, j), out);
            }
            self->factor[j] = (int8_t)keep;
        }
    }
}

void lower_fma(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    static const X86Insn insns[4][2] = {
        { X86_VFMADD213, X86_VFMADD231 },
        { X86_VFMSUB213, X86_VFMSUB231 },
        { X86_VFNMADD213, X86_VFNMADD231 },
        { X86_VFNMSUB213, X86_VFNMSUB231 },
    };
    unsigned variant = (unsigned)(op->opcode - IR_fmadd), w = is_f64(op);
    if (!have(be, HOST_FMA)) {
        ColdStub *s = fp_cold_helper(be, be->cfg.helper.fma_slow, op, in, out);
        s->in[3] = opnd_imm(variant | w << 2);
        fp_always_helper(be, s);
        return;
    }
    int a = in[0].reg, b = in[1].reg;
    Opnd c = in[2];
    bool waits = can_wait(be, op, in, out);
    for (unsigned i = 0; i < be->nfma; i++) {
        if (be->fma[i].out == out) {
            be->fma[i].out = NOREG;     /* op reads it: can_wait() has seen to that */
        }
    }
    FmaOwed *self = &be->fma[be->nfma++];
    *self = (FmaOwed){ .op = op, .factor = { (int8_t)a, (int8_t)b }, .out = (int8_t)out };
    /* The single forms are the double's opcodes with W = 0; VEX.W is all that differs. */
    if (out == a || out == b) {
        keep_factor(be, self, out, waits);
        vex_rro(&be->e, insns[variant][0], w, out, out == a ? b : a, c);
    } else if (opnd_is_reg(c, out)) {
        vex_rrr(&be->e, insns[variant][1], w, out, a, b);
    } else {
        emit_movx(&be->e, out, a);
        vex_rro(&be->e, insns[variant][0], w, out, b, c);
    }
    if (waits) {
        return;
    }
    if (be->nfma == 1) {
        check_one(be, op, in, out);
    } else {
        check_owed(be, op, out);
    }
}
