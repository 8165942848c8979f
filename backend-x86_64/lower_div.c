/*
 * backend-x86_64/lower_div.c: division by a constant, as a multiplication by its inverse.
 *
 * All in 64 bits, n = 32-bit dividends extended. With l = ceil(log2 |d|):
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
