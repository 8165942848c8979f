/*
 * backend-x86_64/lower_fp_cvt.c: emitters of the fp conversions and of moves of bits between the
 * register files.
 *
 * The guest saturates and raises only invalid when the rounded value does not fit; the host gives
 * the "indefinite" 100..0 and raises invalid. So the indefinite goes to a cold stub, or to a helper
 * where the flags have to be made too, and what the host could answer wrongly (an unsigned kind
 * through a wider signed conversion) is told apart before anything can raise inexact.
 *
 * Source: Intel SDM volume 2 (CVTSD2SI, CVTTSD2SI, ROUNDSD); RISC-V unprivileged manual, 21.7.
 */
#include <assert.h>

#include "backend-x86_64/lower_fp.h"

static bool is_unsigned(uint64_t kind)
{
    return kind == IR_U32 || kind == IR_U64;
}

static bool is_32(uint64_t kind)
{
    return kind == IR_S32 || kind == IR_U32;
}

/* ---- fp to fp ---- */

void lower_fcvt_ff(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    if (is_f64(op)) {
        /* The rest of the register is of no interest: take it from where no wait is needed. */
        if (have(be, HOST_AVX) && in[0].kind == OPND_REG) {
            vex_rro(&be->e, X86_CVTSS2SD, 0, out, in[0].reg, in[0]);
        } else {
            fp_get(be, out, in[0]);
            fp_op2(be, X86_CVTSS2SD, out, opnd_reg(out));
        }
    } else {
        int d = opnd_is_reg(in[0], out) ? ra_temp(be, IR_FP) : out;
        fp_ones(be, d);
        if (have(be, HOST_AVX)) {
            vex_rro(&be->e, X86_CVTSD2SS, 0, out, d, in[0]);
        } else {
            x86_ro(&be->e, X86_CVTSD2SS, 0, d, in[0]);
            emit_movx(&be->e, out, d);
        }
    }
}

/* ---- integer to fp ---- */

/* out = (fp)src, src an integer of 32 or 64 bits; out has been set up. */
static void cvt_from(BackendContext *be, const IrOp *op, int out, unsigned w, Opnd src)
{
    X86Insn i = by_type(op, X86_CVTSI2SS, X86_CVTSI2SD);
    if (have(be, HOST_AVX)) {
        vex_rro(&be->e, i, w, out, out, src);
    } else {
        x86_ro(&be->e, i, w, out, src);
    }
}

/* 2^63 and above: halve, keeping the lost bit as a sticky one so that the rounding is the same, and
 * double the result, which is exact. */
static void cold_from_u64(BackendContext *be, ColdStub *s)
{
    int t = s->r[0], u = s->r[1];
    emit_mov(&be->e, 1, t, s->in[0]);
    emit_mov_rr(&be->e, 0, u, t);
    emit_shift_i(&be->e, SH_SHR, 1, t, 1);
    emit_alu(&be->e, ALU_AND, 0, u, opnd_imm(1));
    emit_alu(&be->e, ALU_OR, 1, t, opnd_reg(u));
    cvt_from(be, s->op, s->out, 1, opnd_reg(t));
    fp_op2(be, by_type(s->op, X86_ADDSS, X86_ADDSD), s->out, opnd_reg(s->out));
    cold_return(be, s);
}

/*
 * A rounding mode other than the one in force. An integer of no more bits than the format has is
 * exact in any: only the others go to the helper. Returns the stub, or NULL if all integers of the
 * kind fit.
 */
static ColdStub *check_exact(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    uint64_t kind = op->k[0];
    unsigned w = !is_32(kind), precision = is_f64(op) ? 53 : 24;
    if (!w && precision > 32) {
        return NULL;
    }
    ColdStub *s = fp_cold_helper(be, be->cfg.helper.fcvt_fi_slow, op, in, out);
    s->in[1] = opnd_imm((int64_t)kind);
    s->in[2] = opnd_imm((int64_t)op->k[1]);
    s->in[3] = opnd_imm(is_f64(op));
    int t = ra_temp(be, IR_INT);
    emit_mov(&be->e, w, t, in[0]);
    if (is_unsigned(kind)) {
        emit_shift_i(&be->e, SH_SHR, w, t, precision);
        cold_jcc(be, X86_NE, s);
    } else {
        emit_shift_i(&be->e, SH_SAR, w, t, precision);
        emit_alu(&be->e, ALU_ADD, w, t, opnd_imm(1));       /* 0 or -1: all sign */
        emit_alu(&be->e, ALU_CMP, w, t, opnd_imm(1));
        cold_jcc(be, X86_A, s);
    }
    return s;
}

void lower_fcvt_fi(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    uint64_t kind = op->k[0];
    bool in_force = op->k[1] == IR_ROUND_DYN;
    ColdStub *inexact = in_force ? NULL : check_exact(be, op, in, out);
    /* The insn merges into its destination: make that a box, or free of the past. */
    if (is_f64(op)) {
        fp_zero(be, out);
    } else {
        fp_ones(be, out);
    }
    if (kind == IR_U32) {
        int t = ra_temp(be, IR_INT);
        emit_mov(&be->e, 0, t, in[0]);
        cvt_from(be, op, out, 1, opnd_reg(t));
    } else if (kind == IR_U64 && in_force) {
        ColdStub *s = cold_new(be, cold_from_u64, op, in, out);
        s->r[0] = (int8_t)ra_temp(be, IR_INT);
        s->r[1] = (int8_t)ra_temp(be, IR_INT);
        if (in[0].kind == OPND_REG) {
            emit_alu(&be->e, ALU_CMP, 1, in[0].reg, opnd_imm(0));
        } else {
            emit_alu_mi(&be->e, ALU_CMP, 1, RBP, in[0].disp, 0);
        }
        cold_jcc(be, X86_S, s);
        cvt_from(be, op, out, 1, in[0]);
        cold_back(be, s);
    } else {
        cvt_from(be, op, out, kind != IR_S32, in[0]);
    }
    if (inexact) {
        cold_back(be, inexact);
    }
}

/* ---- fp to integer ---- */

/* The immediate of roundsd for a rounding mode. */
enum { ROUND_MXCSR = 4, ROUND_QUIET = 8 };      /* quiet: inexact is not raised */

static unsigned round_imm(uint64_t rm)
{
    static const uint8_t imm[] = { [IR_RNE] = 0, [IR_RDN] = 1, [IR_RUP] = 2, [IR_RTZ] = 3 };
    return rm == IR_ROUND_DYN ? ROUND_MXCSR : imm[rm];
}

/* d = a rounded to an integral value */
static void emit_round(BackendContext *be, const IrOp *op, int d, int a, unsigned imm)
{
    X86Insn i = by_type(op, X86_ROUNDSS, X86_ROUNDSD);
    if (have(be, HOST_AVX)) {
        vex_rrr(&be->e, i, 0, d, a, a);
    } else {
        x86_rr(&be->e, i, 0, d, a);
    }
    emit_u8(&be->e, imm);
}

/* out = (int)a. truncate: else by the mode in force */
static void cvt_to(BackendContext *be, const IrOp *op, int out, unsigned w, int a, bool truncate)
{
    X86Insn i = truncate ? by_type(op, X86_CVTTSS2SI, X86_CVTTSD2SI)
                         : by_type(op, X86_CVTSS2SI, X86_CVTSD2SI);
    if (have(be, HOST_AVX)) {
        vex_rrr(&be->e, i, w, out, 0, a);
    } else {
        x86_rr(&be->e, i, w, out, a);
    }
}

/* To the stub unless low < a < high. Unordered raises invalid, as the op does. */
static void check_range(BackendContext *be, const IrOp *op, int a, ColdStub *s)
{
    X86Insn i = by_type(op, X86_COMISS, X86_COMISD);
    bool d = is_f64(op), u32 = op->k[0] == IR_U32;
    fp_comi(be, i, a, d ? FP_CONST(be, f64_m1) : FP_CONST(be, f32_m1));
    cold_jcc(be, X86_BE, s);
    if (u32) {
        fp_comi(be, i, a, d ? FP_CONST(be, f64_2p32) : FP_CONST(be, f32_2p32));
    } else {
        fp_comi(be, i, a, d ? FP_CONST(be, f64_2p63) : FP_CONST(be, f32_2p63));
    }
    cold_jcc(be, X86_AE, s);
}

/* The indefinite of a signed kind, the host's flags being the guest's: the smallest integer if that
 * or too negative, else the largest. */
static void cold_saturate(BackendContext *be, ColdStub *s)
{
    unsigned w = !is_32(s->op->k[0]);
    int64_t min = w ? INT64_MIN : INT32_MIN;
    fp_comi(be, by_type(s->op, X86_UCOMISS, X86_UCOMISD), s->in[0].reg,
            is_f64(s->op) ? FP_CONST(be, f64_m1) : FP_CONST(be, f32_m1));
    emit_mov_ri(&be->e, s->out, (uint64_t)min);
    uint8_t *unordered = emit_jcc8(&be->e, X86_P);
    uint8_t *negative = emit_jcc8(&be->e, X86_B);
    emit_here8(&be->e, unordered);
    emit_mov_ri(&be->e, s->out, (uint64_t)(w ? INT64_MAX : INT32_MAX));
    emit_here8(&be->e, negative);
    cold_return(be, s);
}

/* The indefinite is the one number of which 1 cannot be subtracted. */
static void check_indefinite(BackendContext *be, unsigned w, int out, ColdStub *s)
{
    emit_alu(&be->e, ALU_CMP, w, out, opnd_imm(1));
    cold_jcc(be, X86_O, s);
}

/* Unsigned, rounding otherwise than to zero: the rounded value is made without raising inexact,
 * converted exactly and looked at; inexact is raised when it proved right. */
static void to_unsigned_rounded(BackendContext *be, const IrOp *op, int a, int out, ColdStub *s)
{
    int r = ra_temp(be, IR_FP);
    unsigned imm = round_imm(op->k[1]);

    if (op->k[0] == IR_U64) {
        /* 2^63 and above fit, but not the host's conversion, which would raise invalid. */
        fp_comi(be, by_type(op, X86_COMISS, X86_COMISD), a,
                is_f64(op) ? FP_CONST(be, f64_2p63) : FP_CONST(be, f32_2p63));
        cold_jcc(be, X86_AE, s);
    }
    emit_round(be, op, r, a, imm | ROUND_QUIET);
    cvt_to(be, op, out, 1, r, true);
    if (op->k[0] == IR_U64) {
        emit_alu(&be->e, ALU_CMP, 1, out, opnd_imm(0));
        cold_jcc(be, X86_S, s);
    } else {
        int t = ra_temp(be, IR_INT);
        emit_mov_rr(&be->e, 0, t, out);
        emit_alu(&be->e, ALU_CMP, 1, t, opnd_reg(out));
        cold_jcc(be, X86_NE, s);
    }
    emit_round(be, op, r, a, imm);
}

void lower_fcvt_if(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    uint64_t kind = op->k[0], rm = op->k[1];
    unsigned w = !is_32(kind);
    int a = in[0].reg;
    if (!is_unsigned(kind) && (rm == IR_RTZ || rm == IR_ROUND_DYN)) {
        ColdStub *sat = cold_new(be, cold_saturate, op, in, out);
        cvt_to(be, op, out, w, a, rm == IR_RTZ);
        check_indefinite(be, w, out, sat);
        if (!w) {
            x86_rr(&be->e, X86_MOVSXD, 1, out, out);
        }
        cold_back(be, sat);
        return;
    }
    ColdStub *s = fp_cold_helper(be, be->cfg.helper.fcvt_if_slow, op, in, out);
    s->in[1] = opnd_imm((int64_t)kind);
    s->in[2] = opnd_imm((int64_t)rm);
    s->in[3] = opnd_imm(is_f64(op));

    if (rm == IR_RMM) {
        cold_jmp(be, s);
        cold_back(be, s);
        return;
    }
    if (is_unsigned(kind)) {
        if (rm == IR_RTZ) {
            check_range(be, op, a, s);
            cvt_to(be, op, out, 1, a, true);
        } else {
            to_unsigned_rounded(be, op, a, out, s);
        }
    } else {
        int r = ra_temp(be, IR_FP);
        emit_round(be, op, r, a, round_imm(rm) | ROUND_QUIET);
        cvt_to(be, op, out, w, r, true);
        check_indefinite(be, w, out, s);
        emit_round(be, op, r, a, round_imm(rm));
    }
    if (!w) {
        x86_rr(&be->e, X86_MOVSXD, 1, out, out);
    }
    cold_back(be, s);
}

/* a, shifted left by 1: the sign is gone, bits compare as magnitudes do. */
static void magnitude(BackendContext *be, const IrOp *op, int out, int a)
{
    unsigned w = is_f64(op);
    x86_rr(&be->e, X86_MOVD_r_x, w, a, out);
    emit_alu(&be->e, ALU_ADD, w, out, opnd_reg(out));
}

/* 2^63 and above, infinities, NaNs; no fp insn, which might raise something. */
static void cold_ftrunc(BackendContext *be, ColdStub *s)
{
    unsigned w = is_f64(s->op);
    int a = s->in[0].reg, t = s->r[0];
    magnitude(be, s->op, t, a);
    emit_mov_ri(&be->e, s->out, w ? UINT64_C(0x7ff) << 53 : UINT64_C(0xff) << 24);
    emit_alu(&be->e, ALU_CMP, w, t, opnd_reg(s->out));
    uint8_t *nan = emit_jcc8(&be->e, X86_A);
    x86_rr(&be->e, X86_MOVD_r_x, w, a, t);
    emit_alu(&be->e, ALU_CMP, w, t, opnd_imm(0));
    emit_mov_ri(&be->e, s->out, (uint64_t)INT64_MIN);
    uint8_t *negative = emit_jcc8(&be->e, X86_S);
    emit_here8(&be->e, nan);
    emit_mov_ri(&be->e, s->out, INT64_MAX);
    emit_here8(&be->e, negative);
    cold_return(be, s);
}

void lower_ftrunc(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    unsigned w = is_f64(op), mantissa = w ? 52 : 23, bias = w ? 1023 : 127;
    int a = in[0].reg, r = ra_temp(be, IR_FP);
    ColdStub *s = cold_new(be, cold_ftrunc, op, in, out);
    s->r[0] = (int8_t)ra_temp(be, IR_INT);
    s->harmless = true;
    magnitude(be, op, out, a);
    emit_shift_i(&be->e, SH_SHR, w, out, mantissa + 1);
    emit_alu(&be->e, ALU_CMP, 0, out, opnd_imm(bias + 63));
    cold_jcc(be, X86_AE, s);
    emit_round(be, op, r, a, round_imm(IR_RTZ) | ROUND_QUIET);
    cvt_to(be, op, out, 1, r, true);
    cold_back(be, s);
}

/* ---- bits ---- */

void lower_fmv_if(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    bool narrow = op->type == IR_I32;
    if (in[0].kind == OPND_MEM) {
        x86_rm(&be->e, narrow ? X86_MOVSXD : X86_MOV_r_rm, 1, out, RBP, in[0].disp);
        return;
    }
    x86_rr(&be->e, X86_MOVD_r_x, !narrow, in[0].reg, out);
    if (narrow) {
        x86_rr(&be->e, X86_MOVSXD, 1, out, out);
    }
}

void lower_fmv_fi(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    bool narrow = op->type == IR_I32;
    switch (in[0].kind) {
    case OPND_MEM:
        if (!narrow) {
            emit_load(&be->e, out, in[0].disp);
            return;
        }
        x86_rm(&be->e, X86_MOVSS, 0, out, RBP, in[0].disp);
        break;
    case OPND_IMM:
        if (in[0].imm == 0) {
            fp_zero(be, out);
        } else {
            int t = ra_temp(be, IR_INT);
            emit_mov_ri(&be->e, t, (uint64_t)in[0].imm);
            x86_rr(&be->e, X86_MOVD_x_r, !narrow, out, t);
        }
        break;
    default:
        x86_rr(&be->e, X86_MOVD_x_r, !narrow, out, in[0].reg);
        break;
    }
    if (narrow) {
        fp_op2(be, X86_ORPS, out, FP_CONST(be, box32));
    }
}
