/*
 * backend-x86_64/lower_div.c: division; by a constant, as a multiplication by its inverse.
 *
 * The latter all in 64 bits, n = 32-bit dividends extended. With l = ceil(log2 |d|):
 *   unsigned   n / d = n * m >> 64 + p, if m = ceil(2^(64+p) / d) is close enough: m * d - 2^(64+p)
 *              <= 2^p. It is for p = l - 1, or else m of 65 bits, p = l; for n < 2^32 already for
 *              p = 0.
 *   signed     n / |d| = (n * m >> 63 + l) + (n < 0), m = floor(2^(63+l) / |d|) + 1
 * Source: T. Granlund, P. Montgomery, Division by Invariant Integers using Multiplication (1994).
 */
#include "backend-x86_64/internal.h"

static bool is_signed(const IrOp *op)
{
    return op->opcode == IR_divs || op->opcode == IR_rems;
}

/* ---- by what is not known ---- */

/* Divisor 0 or (signed) -1; rdx is divisor + 1, rax the dividend. */
static void cold_div(BackendContext *be, ColdStub *s)
{
    Emit *e = &be->e;
    unsigned w = s->op->type == IR_I64;
    switch (s->op->opcode) {
    case IR_divu:
        emit_mov(e, w, RAX, opnd_imm(-1));
        break;
    case IR_remu:
        emit_mov_rr(e, w, RDX, RAX);
        break;
    case IR_divs: {
        emit_alu(e, ALU_CMP, 0, RDX, opnd_imm(0));
        uint8_t *zero = emit_jcc8(e, X86_NE);
        x86_rr(e, X86_NEG, w, 0, RAX);
        cold_return(be, s);
        emit_here8(e, zero);
        emit_mov(e, w, RAX, opnd_imm(-1));
        break;
    }
    default:    /* rems: rdx is 0, the result, if the divisor is -1 */
        emit_alu(e, ALU_CMP, 0, RDX, opnd_imm(0));
        emit_cmov(e, X86_NE, w, RDX, opnd_reg(RAX));
        break;
    }
    cold_return(be, s);
}

/* in[0] in rax; quotient in rax, remainder in rdx */
void lower_div(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = op->type == IR_I64;
    bool with_sign = is_signed(op);
    const IrTemp *b = op->in[1];
    uint64_t v = w ? b->value : (uint64_t)(int32_t)b->value;
    bool check = b->kind != IR_CONST || v == 0 || (with_sign && v == UINT64_MAX);
    ColdStub *s = NULL;
    if (check) {
        s = cold_new(be, cold_div, op, in, d);
        s->harmless = true;
        if (!with_sign) {
            if (in[1].kind == OPND_REG) {
                emit_alu(e, ALU_CMP, w, in[1].reg, opnd_imm(0));
            } else {
                emit_alu_mi(e, ALU_CMP, w, RBP, in[1].disp, 0);
            }
            cold_jcc(be, X86_E, s);
        } else {
            if (in[1].kind == OPND_REG) {
                emit_lea(e, w, RDX, in[1].reg, 1);
            } else {
                emit_mov(e, w, RDX, in[1]);
                emit_alu(e, ALU_ADD, w, RDX, opnd_imm(1));
            }
            emit_alu(e, ALU_CMP, w, RDX, opnd_imm(1));
            cold_jcc(be, X86_BE, s);
        }
    }
    if (with_sign) {
        if (w) {
            emit_u8(e, 0x48);
        }
        emit_u8(e, 0x99);               /* cdq, cqo */
    } else {
        emit_zero(e, RDX);
    }
    x86_ro(e, with_sign ? X86_IDIV : X86_DIV, w, 0, in[1]);
    if (s) {
        cold_back(be, s);
    }
}

/* ---- by a constant ---- */

/* The divisor, extended. */
static uint64_t divisor(const IrOp *op)
{
    uint64_t v = op->in[1]->value;
    return op->type == IR_I64 ? v : is_signed(op) ? (uint64_t)(int32_t)v : (uint32_t)v;
}

static uint64_t magnitude(const IrOp *op)
{
    uint64_t v = divisor(op);
    return is_signed(op) && (int64_t)v < 0 ? -v : v;
}

bool div_by_const(const IrOp *op)
{
    if (op->in[1]->kind != IR_CONST) {
        return false;
    }
    uint64_t d = magnitude(op);
    return d > 2 && (d & (d - 1));
}

/* rdx = n / d */
static void emit_unsigned(Emit *e, int n, uint64_t d, bool narrow)
{
    unsigned l = 64 - (unsigned)__builtin_clzll(d - 1), p = narrow ? 0 : l - 1;
    unsigned __int128 one = 1, power = one << (64 + p), m = (power + d - 1) / d;
    bool close = narrow || m * d - power <= one << p;
    if (!close) {
        m = ((one << 64) * ((one << l) - d)) / d + 1;       /* without its bit 64 */
    }
    emit_mov_ri(e, RAX, (uint64_t)m);
    x86_rr(e, X86_MUL, 1, 0, n);
    if (!close) {
        emit_mov_rr(e, 1, RAX, n);
        emit_alu(e, ALU_SUB, 1, RAX, opnd_reg(RDX));
        emit_shift_i(e, SH_SHR, 1, RAX, 1);
        emit_alu(e, ALU_ADD, 1, RDX, opnd_reg(RAX));
        p = l - 1;
    }
    if (p) {
        emit_shift_i(e, SH_SHR, 1, RDX, p);
    }
}

static void emit_signed(Emit *e, int n, uint64_t d, bool negative)
{
    unsigned l = 64 - (unsigned)__builtin_clzll(d - 1);
    unsigned __int128 power = (unsigned __int128)1 << (63 + l);
    emit_mov_ri(e, RAX, (uint64_t)(power / d) + 1);         /* less 2^64: hence n is added */
    x86_rr(e, X86_IMUL, 1, 0, n);
    emit_alu(e, ALU_ADD, 1, RDX, opnd_reg(n));
    emit_shift_i(e, SH_SAR, 1, RDX, l - 1);
    emit_mov_rr(e, 1, RAX, n);
    emit_shift_i(e, SH_SHR, 1, RAX, 63);
    emit_alu(e, ALU_ADD, 1, RDX, opnd_reg(RAX));
    if (negative) {
        x86_rr(e, X86_NEG, 1, 0, RDX);
    }
}

/* The quotient in rdx, or the remainder in rax. */
void lower_div_const(BackendContext *be, const IrOp *op, const Opnd *in, int out)
{
    Emit *e = &be->e;
    unsigned w = op->type == IR_I64;
    uint64_t d = divisor(op);
    int n = in[0].reg;
    if (!w || in[0].kind != OPND_REG) {
        n = ra_temp(be, IR_INT);
        if (!w && is_signed(op)) {
            x86_ro(e, X86_MOVSXD, 1, n, in[0]);
        } else {
            emit_mov(e, w, n, in[0]);
        }
    }
    if (is_signed(op)) {
        emit_signed(e, n, magnitude(op), (int64_t)d < 0);
    } else {
        emit_unsigned(e, n, d, !w);
    }
    if (op->opcode == IR_rems || op->opcode == IR_remu) {
        emit_mov_ri(e, RAX, d);
        x86_rr(e, X86_IMUL_r_rm, 1, RDX, RAX);
        emit_mov_rr(e, w, RAX, n);
        emit_alu(e, ALU_SUB, w, RAX, opnd_reg(RDX));
    } else if (!w) {
        emit_mov_rr(e, 0, RDX, RDX);
    }
}
