/*
 * backend-x86_64/lower.c: emitters of integer ops, moves, helper calls and branches inside a TB.
 *
 * An emitter gets operands of the kinds its row in lower.def allows, and `d`, the register for the
 * result, which may be the register of any input: where a sequence writes d before it has read all
 * inputs, it looks for that. No flags live from one op to the next. w is 0 for 32-bit ops, whose
 * 32-bit host forms clear the upper half of the result by themselves.
 */
#include <assert.h>

#include "backend-x86_64/internal.h"

const uint8_t x86_cond[IR_COND_COUNT] = {
    [IR_COND_EQ] = X86_E,  [IR_COND_NE] = X86_NE,  [IR_COND_LT] = X86_L,  [IR_COND_GE] = X86_GE,
    [IR_COND_LTU] = X86_B, [IR_COND_GEU] = X86_AE, [IR_COND_LE] = X86_LE, [IR_COND_GT] = X86_G,
    [IR_COND_LEU] = X86_BE, [IR_COND_GTU] = X86_A,
};

static inline unsigned width(const IrOp *op)
{
    return op->type == IR_I64;
}

static inline unsigned bits(const IrOp *op)
{
    return op->type == IR_I64 ? 64 : 32;
}

/* ---- moves ---- */

void lower_nop(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
}

void lower_mov(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    if (d < XMM0) {
        if (in[0].kind == OPND_IMM && in[0].imm == 0) {
            emit_zero(&be->e, d);
        } else {
            emit_mov(&be->e, 1, d, in[0]);
        }
    } else if (in[0].kind == OPND_MEM) {
        emit_load(&be->e, d, in[0].disp);
    } else {
        emit_movx(&be->e, d, in[0].reg);
    }
}

/* Move to d before an operation on it; nothing if it is there. */
static void move_to(Emit *e, unsigned w, int d, Opnd s)
{
    if (!opnd_is_reg(s, d)) {
        emit_mov(e, w, d, s);
    }
}

/* ---- add, sub, and, or, xor ---- */

static void swap_opnd(Opnd *a, Opnd *b)
{
    Opnd t = *a;
    *a = *b;
    *b = t;
}

/* d = a + b for two registers, neither of them d. */
static void emit_lea_sum(Emit *e, unsigned w, int d, int a, int b)
{
    if ((a & 7) == RBP) {       /* as a base, rbp and r13 cost a displacement */
        int t = a;
        a = b;
        b = t;
    }
    x86_rx(e, X86_LEA, w, d, a, b, 0, 0);
}

void lower_add(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (opnd_is_reg(b, d) || a.kind == OPND_IMM) {
        swap_opnd(&a, &b);
    }
    if (opnd_is_reg(a, d) || a.kind != OPND_REG) {
        move_to(e, w, d, a);
        emit_alu(e, ALU_ADD, w, d, b);
    } else if (b.kind == OPND_REG) {
        emit_lea_sum(e, w, d, a.reg, b.reg);
    } else if (b.kind == OPND_IMM) {
        emit_lea(e, w, d, a.reg, (int32_t)b.imm);
    } else {
        emit_mov_rr(e, w, d, a.reg);
        emit_alu(e, ALU_ADD, w, d, b);
    }
}

static bool emit_and_ext(Emit *e, unsigned w, int d, Opnd a, Opnd b)
{
    if (b.kind != OPND_IMM || a.kind == OPND_IMM || (b.imm != 0xff && b.imm != 0xffff)) {
        return false;
    }
    x86_ro(e, b.imm == 0xff ? X86_MOVZX8 : X86_MOVZX16, 0, d, a);
    return true;
}

void lower_alu(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const uint8_t alu_of[IR_OP_COUNT] = {
        [IR_sub] = ALU_SUB, [IR_and] = ALU_AND, [IR_or] = ALU_OR, [IR_xor] = ALU_XOR,
    };
    Emit *e = &be->e;
    X86Alu alu = (X86Alu)alu_of[op->opcode];
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (alu == ALU_SUB) {
        if (opnd_is_reg(b, d) && !opnd_is_reg(a, d)) {
            x86_rr(e, X86_NEG, w, 0, d);
            if (a.kind != OPND_IMM || a.imm != 0) {
                emit_alu(e, ALU_ADD, w, d, a);
            }
            return;
        }
        if (a.kind == OPND_IMM && a.imm == 0) {
            emit_mov(e, w, d, b);
            x86_rr(e, X86_NEG, w, 0, d);
            return;
        }
        if (b.kind == OPND_IMM && a.kind == OPND_REG && a.reg != d && b.imm != INT32_MIN) {
            emit_lea(e, w, d, a.reg, (int32_t)-b.imm);
            return;
        }
    } else {
        if (opnd_is_reg(b, d) || a.kind == OPND_IMM) {
            swap_opnd(&a, &b);
        }
        if (alu == ALU_AND && emit_and_ext(e, w, d, a, b)) {
            return;
        }
    }
    move_to(e, w, d, a);
    /* Clearing the upper half is what the 32-bit form does for nothing. */
    if (alu == ALU_AND && b.kind == OPND_IMM && b.imm >= 0) {
        w = 0;
    }
    emit_alu(e, alu, w, d, b);
}

void lower_andn(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (b.kind == OPND_IMM) {
        move_to(e, w, d, a);
        emit_alu(e, ALU_AND, w, d, opnd_imm(~b.imm));
    } else if (have(be, HOST_BMI1) && b.kind == OPND_REG && a.kind != OPND_IMM) {
        vex_rro(e, X86_ANDN, w, d, b.reg, a);
    } else if (opnd_is_reg(a, d)) {
        emit_alu(e, ALU_OR, w, d, b);       /* a & ~b = (a | b) ^ b */
        if (opnd_is_reg(b, d)) {
            emit_zero(e, d);
        } else {
            emit_alu(e, ALU_XOR, w, d, b);
        }
    } else {
        move_to(e, w, d, b);
        x86_rr(e, X86_NOT, w, 0, d);
        emit_alu(e, ALU_AND, w, d, a);
    }
}

void lower_orn(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (b.kind == OPND_IMM) {
        move_to(e, w, d, a);
        emit_alu(e, ALU_OR, w, d, opnd_imm(~b.imm));
    } else if (opnd_is_reg(a, d)) {
        if (opnd_is_reg(b, d)) {
            emit_mov(e, w, d, opnd_imm(-1));
            return;
        }
        x86_rr(e, X86_NOT, w, 0, d);        /* a | ~b = ~(~a & b) */
        emit_alu(e, ALU_AND, w, d, b);
        x86_rr(e, X86_NOT, w, 0, d);
    } else {
        move_to(e, w, d, b);
        x86_rr(e, X86_NOT, w, 0, d);
        emit_alu(e, ALU_OR, w, d, a);
    }
}

void lower_xnor(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (opnd_is_reg(b, d) || a.kind == OPND_IMM) {
        swap_opnd(&a, &b);
    }
    move_to(e, w, d, a);
    if (b.kind == OPND_IMM) {
        emit_alu(e, ALU_XOR, w, d, opnd_imm(~b.imm));
    } else {
        emit_alu(e, ALU_XOR, w, d, b);
        x86_rr(e, X86_NOT, w, 0, d);
    }
}

/* ---- mul ---- */

void lower_mul(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (opnd_is_reg(b, d) || a.kind == OPND_IMM) {
        swap_opnd(&a, &b);
    }
    if (b.kind == OPND_IMM) {
        if (a.kind == OPND_IMM) {
            emit_mov(e, w, d, a);
            a = opnd_reg(d);
        }
        if (fits_s8(b.imm)) {
            x86_ro(e, X86_IMUL_rmb, w, d, a);
            emit_u8(e, (uint8_t)b.imm);
        } else {
            x86_ro(e, X86_IMUL_rmi, w, d, a);
            emit_u32(e, (uint32_t)b.imm);
        }
        return;
    }
    move_to(e, w, d, a);
    x86_ro(e, X86_IMUL_r_rm, w, d, b);
}

/* in[0] in rax; result rdx */
void lower_mulh(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    x86_ro(&be->e, op->opcode == IR_mulhs ? X86_IMUL : X86_MUL, width(op), 0, in[1]);
}

/* The signed first factor counts as a - 2^width when negative: take b off the high half. */
void lower_mulhsu(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    int t = ra_temp(be, IR_INT);
    emit_mov_rr(e, w, t, RAX);
    emit_shift_i(e, SH_SAR, w, t, bits(op) - 1);
    emit_alu(e, ALU_AND, w, t, in[1]);
    x86_ro(e, X86_MUL, w, 0, in[1]);
    emit_alu(e, ALU_SUB, w, RDX, opnd_reg(t));
}

/* ---- shifts ---- */

static const uint8_t shift_of[] = { SH_SHL, SH_SHR, SH_SAR, SH_ROL, SH_ROR };   /* IR_shl .. */

static void emit_shift_imm(BackendContext *be, const IrOp *op, int d, Opnd a, unsigned n)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    X86Shift sh = (X86Shift)shift_of[op->opcode - IR_shl];
    n &= bits(op) - 1;
    if (n == 0) {
        emit_mov(e, w, d, a);
    } else if (sh == SH_SHL && n <= 3 && a.kind == OPND_REG && a.reg != d) {
        if (n == 1) {
            emit_lea_sum(e, w, d, a.reg, a.reg);
        } else {
            x86_rx(e, X86_LEA, w, d, NOREG, a.reg, n, 0);
        }
    } else if (sh <= SH_ROR && have(be, HOST_BMI2) && a.kind != OPND_IMM && !opnd_is_reg(a, d)) {
        unsigned right = sh == SH_ROR ? n : bits(op) - n;
        vex_rro(e, X86_RORX, w, d, 0, a);
        emit_u8(e, right);
    } else {
        move_to(e, w, d, a);
        emit_shift_i(e, sh, w, d, n);
    }
}

/* Immediate count, or any count with BMI2 (rotates by a variable come to lower_shift_cl). */
void lower_shift(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const X86Insn shiftx[] = { X86_SHLX, X86_SHRX, X86_SARX };
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], n = in[1];
    if (op->in[1]->kind == IR_CONST) {
        emit_shift_imm(be, op, d, a, (unsigned)op->in[1]->value);
        return;
    }
    int t = NOREG;
    if (n.kind == OPND_MEM) {
        t = ra_temp(be, IR_INT);
        emit_mov(e, 0, t, n);
        n = opnd_reg(t);
    }
    if (a.kind == OPND_IMM) {
        int r = n.reg == d ? ra_temp(be, IR_INT) : d;
        emit_mov(e, w, r, a);
        a = opnd_reg(r);
    }
    vex_rro(e, shiftx[op->opcode - IR_shl], w, d, n.reg, a);
}

/* The count is in rcx; d is another register. */
void lower_shift_cl(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    move_to(&be->e, width(op), d, in[0]);
    emit_shift_cl(&be->e, (X86Shift)shift_of[op->opcode - IR_shl], width(op), d);
}

/* ---- bits and bytes ---- */

void lower_ext(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const struct {
        X86Insn insn;
        uint8_t w;
    } ext[] = {
        { X86_MOVSX8, 1 }, { X86_MOVSX16, 1 }, { X86_MOVSXD, 1 },
        { X86_MOVZX8, 0 }, { X86_MOVZX16, 0 }, { X86_MOV_r_rm, 0 },
    };
    unsigned i = op->opcode - IR_ext8s;
    x86_ro(&be->e, ext[i].insn, ext[i].w, d, in[0]);
}
_Static_assert(IR_ext16s == IR_ext8s + 1 && IR_ext32s == IR_ext8s + 2 && IR_ext8u == IR_ext8s + 3 &&
               IR_ext16u == IR_ext8s + 4 && IR_ext32u == IR_ext8s + 5, "order of ext[]");

void lower_bswap(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    move_to(&be->e, width(op), d, in[0]);
    emit_bswap(&be->e, width(op), d);
}

void lower_clz(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    if (have(be, HOST_LZCNT)) {
        x86_ro(e, X86_LZCNT, w, d, in[0]);
        return;
    }
    int t = ra_temp(be, IR_INT);
    emit_mov_ri(e, t, w ? 127 : 63);
    x86_ro(e, X86_BSR, w, d, in[0]);
    emit_cmov(e, X86_E, w, d, opnd_reg(t));
    emit_alu(e, ALU_XOR, 0, d, opnd_imm(w ? 63 : 31));
}

void lower_ctz(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    if (have(be, HOST_BMI1)) {
        x86_ro(e, X86_TZCNT, w, d, in[0]);
        return;
    }
    int t = ra_temp(be, IR_INT);
    emit_mov_ri(e, t, w ? 64 : 32);
    x86_ro(e, X86_BSF, w, d, in[0]);
    emit_cmov(e, X86_E, w, d, opnd_reg(t));
}

void lower_popcnt(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    x86_ro(&be->e, X86_POPCNT, width(op), d, in[0]);
}

/* Bytes that are zero compare equal: the complement is the answer. */
void lower_orc_b(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    int x = ra_temp(be, IR_FP), zero = ra_temp(be, IR_FP);
    x86_ro(e, X86_MOVD_x_r, w, x, in[0]);
    x86_rr(e, X86_XORPS, 0, zero, zero);
    x86_rr(e, X86_PCMPEQB, 0, x, zero);
    x86_rr(e, X86_MOVD_r_x, w, x, d);
    x86_rr(e, X86_NOT, w, 0, d);
}

/* A product without carries, bit by bit: the low half from the lowest bit of b on, the high one
 * from its highest. */
static void emit_clmul_loop(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    bool high = op->opcode == IR_clmulh;
    int a = ra_temp(be, IR_INT), b = ra_temp(be, IR_INT);
    emit_mov(e, w, a, in[0]);
    emit_mov(e, w, b, in[1]);
    emit_zero(e, d);
    const uint8_t *again = e->ptr;
    if (high) {
        emit_shift_i(e, SH_SHR, w, a, 1);
        emit_alu(e, ALU_ADD, w, b, opnd_reg(b));
    } else {
        emit_shift_i(e, SH_SHR, w, b, 1);
    }
    uint8_t *was_0 = emit_jcc8(e, X86_AE);
    emit_alu(e, ALU_XOR, w, d, opnd_reg(a));
    emit_here8(e, was_0);
    if (!high) {
        emit_alu(e, ALU_ADD, w, a, opnd_reg(a));
    }
    x86_rr(e, X86_TEST_rm_r, w, b, b);
    emit_jcc_to(e, X86_NE, again);
}

void lower_clmul(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    if (op->type != IR_I64 || !have(be, HOST_PCLMUL)) {
        emit_clmul_loop(be, op, in, d);
        return;
    }
    int a = ra_temp(be, IR_FP), b = ra_temp(be, IR_FP);
    x86_ro(e, X86_MOVD_x_r, 1, a, in[0]);
    x86_ro(e, X86_MOVD_x_r, 1, b, in[1]);
    x86_rr(e, X86_PCLMULQDQ, 0, a, b);
    emit_u8(e, 0);
    if (op->opcode == IR_clmulh) {
        x86_rr(e, X86_PUNPCKHQDQ, 0, a, a);
    }
    x86_rr(e, X86_MOVD_r_x, 1, a, d);
}

/* ---- compare ---- */

bool cmp_needs_temp(const Opnd *in)
{
    return in[0].kind == OPND_MEM && in[1].kind != OPND_REG;
}

X86Cond emit_cmp(BackendContext *be, const IrOp *op, IrCond cond, const Opnd *in, int tmp)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    if (in[0].kind == OPND_REG) {
        emit_alu(e, ALU_CMP, w, in[0].reg, in[1]);
    } else if (in[1].kind == OPND_REG) {
        x86_rm(e, X86_CMP_rm_r, w, in[1].reg, RBP, in[0].disp);
    } else if (in[1].kind == OPND_IMM) {
        emit_alu_mi(e, ALU_CMP, w, RBP, in[0].disp, (int32_t)in[1].imm);
    } else {
        emit_mov(e, w, tmp, in[0]);
        emit_alu(e, ALU_CMP, w, tmp, in[1]);
    }
    return (X86Cond)x86_cond[cond];
}

static int temp_for_cmp(BackendContext *be, const Opnd *in)
{
    return cmp_needs_temp(in) ? ra_temp(be, IR_INT) : NOREG;
}

void lower_setcond(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    IrCond cond = (IrCond)op->k[0];
    if (cond == IR_COND_LT && in[1].kind == OPND_IMM && in[1].imm == 0) {
        move_to(e, width(op), d, in[0]);
        emit_shift_i(e, SH_SHR, width(op), d, bits(op) - 1);
        return;
    }
    bool busy = opnd_is_reg(in[0], d) || opnd_is_reg(in[1], d);
    int t = temp_for_cmp(be, in);
    if (!busy) {
        emit_zero(e, d);
    }
    X86Cond cc = emit_cmp(be, op, cond, in, t);
    emit_setcc(e, cc, d);
    if (busy) {
        x86_rr(e, X86_MOVZX8, 0, d, d);
    }
}

/* d = in[0] cond in[1] ? in[2] : in[3]. The flags stand while the moves are made; a 32-bit cmov
 * clears the upper half whether it moves or not. */
void lower_movcond(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd x = in[2], y = in[3];
    bool y_from_temp = opnd_is_reg(x, d) && y.kind == OPND_IMM;
    int t = y_from_temp || cmp_needs_temp(in) ? ra_temp(be, IR_INT) : NOREG;
    X86Cond cc = emit_cmp(be, op, (IrCond)op->k[0], in, t);
    if (opnd_is_reg(x, d)) {
        if (y_from_temp) {
            emit_mov(e, w, t, y);
            y = opnd_reg(t);
        }
        emit_cmov(e, (X86Cond)(cc ^ 1), w, d, y);
    } else {
        move_to(e, w, d, y);
        emit_cmov(e, cc, w, d, x);
    }
}

void lower_minmax(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const uint8_t replace_if[] = { X86_G, X86_A, X86_L, X86_B };     /* IR_mins .. */
    Emit *e = &be->e;
    unsigned w = width(op);
    Opnd a = in[0], b = in[1];
    if (opnd_is_reg(b, d)) {
        swap_opnd(&a, &b);
    }
    move_to(e, w, d, a);
    emit_alu(e, ALU_CMP, w, d, b);
    emit_cmov(e, (X86Cond)replace_if[op->opcode - IR_mins], w, d, b);
}
_Static_assert(IR_minu == IR_mins + 1 && IR_maxs == IR_mins + 2 && IR_maxu == IR_mins + 3,
               "order of replace_if[]");

/* ---- branches inside the TB ---- */

void emit_label_ref(BackendContext *be, uint64_t label, uint8_t *field)
{
    be->label_refs[be->nlabel_refs++] = (LabelRef){ .label = (uint32_t)label, .field = field };
}

void lower_br(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    emit_label_ref(be, op->k[0], emit_jmp32(&be->e));
}

void lower_brcond(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    X86Cond cc = emit_cmp(be, op, (IrCond)op->k[0], in, temp_for_cmp(be, in));
    emit_label_ref(be, op->k[1], emit_jcc32(&be->e, cc));
}

/* ---- helper calls, env ---- */

void lower_call(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    for (unsigned i = 0; i < op->nin; i++) {
        emit_helper_arg(be, i, in[i], RAX);
    }
    ra_spill_all(be);
    emit_helper_call(be, (unsigned)op->k[0]);
    if (op->out && op->out->cls == IR_FP) {
        x86_rr(&be->e, X86_MOVD_x_r, 1, d, RAX);
    }
}

void lower_env_ld(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    int32_t disp = env_disp(be, (int64_t)op->k[0]);
    switch (op->type) {
    case IR_F32:
        x86_rm(e, X86_MOVSS, 0, d, RBP, disp);
        x86_rm(e, X86_ORPS, 0, d, RBP, const_disp(be, offsetof(BackendConsts, box32_low)));
        break;
    case IR_F64:
        emit_load(e, d, disp);
        break;
    default:
        emit_mov(e, width(op), d, opnd_mem(disp));
        break;
    }
}

void lower_env_st(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    int32_t disp = env_disp(be, (int64_t)op->k[0]);
    if (in[0].kind == OPND_IMM) {
        x86_rm(e, X86_MOV_rm_i, width(op), 0, RBP, disp);
        emit_u32(e, (uint32_t)in[0].imm);
    } else if (in[0].reg >= XMM0) {
        x86_rm(e, op->type == IR_F32 ? X86_MOVSS_st : X86_MOVSD_st, 0, in[0].reg, RBP, disp);
    } else {
        x86_rm(e, X86_MOV_rm_r, width(op), in[0].reg, RBP, disp);
    }
}
