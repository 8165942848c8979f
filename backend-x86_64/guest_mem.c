/*
 * backend-x86_64/guest_mem.c: guest memory: loads, stores, atomics, fences.
 *
 * A guest address is a host address plus guest_base, which lies in the gs base when it is not 0: an
 * access is one host instruction that may fault, with all guest state in its place. Everything that
 * the instruction would overwrite is scratch or the op's own output, written only after the access.
 *
 * x86-64's ordering (TSO) gives every guest fence but store-load; lock-prefixed instructions are
 * full barriers. Source: Intel SDM volume 3, 9.2.
 */
#include <assert.h>

#include "backend-x86_64/internal.h"

enum { PREFIX_GS = 0x65, PREFIX_LOCK = 0xf0 };

/* base + disp; base NOREG: an absolute address. */
typedef struct Addr {
    int base;
    int32_t disp;
} Addr;

static Addr make_addr(BackendContext *be, Opnd o, int64_t disp)
{
    if (o.kind == OPND_REG && fits_s32(disp)) {
        return (Addr){ o.reg, (int32_t)disp };
    }
    int t;
    if (o.kind == OPND_IMM) {
        int64_t a = (int64_t)((uint64_t)o.imm + (uint64_t)disp);
        if (fits_s32(a)) {
            return (Addr){ NOREG, (int32_t)a };
        }
        t = ra_temp(be, IR_INT);
        emit_mov_ri(&be->e, t, (uint64_t)a);
        return (Addr){ t, 0 };
    }
    t = ra_temp(be, IR_INT);
    emit_mov_ri(&be->e, t, (uint64_t)disp);
    emit_alu(&be->e, ALU_ADD, 1, t, o);
    return (Addr){ t, 0 };
}

/* Prefixes go first: lock, gs, then the instruction's own. */
static void emit_access(BackendContext *be, X86Insn i, unsigned w, int reg, Addr a)
{
    if (be->cfg.use_gs) {
        emit_u8(&be->e, PREFIX_GS);
    }
    if (a.base == NOREG) {
        x86_ra(&be->e, i, w, reg, a.disp);
    } else {
        x86_rm(&be->e, i, w, reg, a.base, a.disp);
    }
}

static void emit_locked(BackendContext *be, X86Insn i, unsigned w, int reg, Addr a)
{
    emit_u8(&be->e, PREFIX_LOCK);
    emit_access(be, i, w, reg, a);
}

static void cold_misaligned(BackendContext *be, ColdStub *s)
{
    const BackendLayout *l = &be->cfg.layout;
    emit_store_imm(&be->e, env_disp(be, l->pc), s->pc, RAX);
    emit_pins_leave(be);
    emit_leave(be, BACKEND_EXIT_REASON | l->reason_misaligned);
}

static void check_align(BackendContext *be, const IrOp *op, IrMemOp mo, Addr a)
{
    unsigned low = (1u << (mo & MO_SIZE)) - 1;
    if (!(mo & MO_ALIGN) || !low) {
        return;
    }
    Emit *e = &be->e;
    X86Cond cc = X86_NE;
    bool always = false;
    if (a.base == NOREG) {
        if (!(a.disp & (int32_t)low)) {
            return;
        }
        always = true;
    } else if (!(a.disp & (int32_t)low)) {
        x86_rr(e, X86_TEST8_rm_b, 0, 0, a.base);
        emit_u8(e, low);
    } else {
        int t = ra_temp(be, IR_INT);
        emit_lea(e, 0, t, a.base, a.disp);
        x86_rr(e, X86_TEST8_rm_b, 0, 0, t);
        emit_u8(e, low);
    }
    ColdStub *s = cold_new(be, cold_misaligned, op, NULL, NOREG);
    if (always) {
        cold_jmp(be, s);
    } else {
        cold_jcc(be, cc, s);
    }
}

/* ---- loads and stores ---- */

void lower_guest_ld(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const struct {
        X86Insn insn;
        uint8_t w;
    } ld[2][4] = {
        { { X86_MOVZX8, 0 }, { X86_MOVZX16, 0 }, { X86_MOV_r_rm, 0 }, { X86_MOV_r_rm, 1 } },
        { { X86_MOVSX8, 1 }, { X86_MOVSX16, 1 }, { X86_MOVSXD, 1 }, { X86_MOV_r_rm, 1 } },
    };
    IrMemOp mo = (IrMemOp)op->k[1];
    unsigned size = mo & MO_SIZE;
    Addr a = make_addr(be, in[0], (int64_t)op->k[0]);
    check_align(be, op, mo, a);
    if (d >= XMM0) {
        emit_access(be, size == MO_32 ? X86_MOVSS : X86_MOVSD, 0, d, a);
        if (op->type == IR_F32) {
            x86_rm(&be->e, X86_ORPS, 0, d, RBP,
                   const_disp(be, offsetof(BackendConsts, box32_low)));
        }
        return;
    }
    bool sign = (mo & MO_SIGN) && !(op->type == IR_I32 && size == MO_32);
    emit_access(be, ld[sign][size].insn, op->type == IR_I32 ? 0 : ld[sign][size].w, d, a);
}

void lower_guest_st(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    static const X86Insn st[4] = { X86_MOV8_rm_r, X86_MOV16_rm_r, X86_MOV_rm_r, X86_MOV_rm_r };
    IrMemOp mo = (IrMemOp)op->k[1];
    unsigned size = mo & MO_SIZE;
    Addr a = make_addr(be, in[0], (int64_t)op->k[0]);
    check_align(be, op, mo, a);
    Emit *e = &be->e;
    if (in[1].kind == OPND_REG) {
        if (in[1].reg >= XMM0) {
            emit_access(be, size == MO_32 ? X86_MOVSS_st : X86_MOVSD_st, 0, in[1].reg, a);
        } else {
            emit_access(be, st[size], size == MO_64, in[1].reg, a);
        }
        return;
    }
    switch (size) {
    case MO_8:
        emit_access(be, X86_MOV8_rm_b, 0, 0, a);
        emit_u8(e, (uint8_t)in[1].imm);
        break;
    case MO_16:
        emit_access(be, X86_MOV16_rm_i, 0, 0, a);
        emit_u8(e, (uint8_t)in[1].imm);
        emit_u8(e, (uint8_t)(in[1].imm >> 8));
        break;
    default:
        emit_access(be, X86_MOV_rm_i, size == MO_64, 0, a);
        emit_u32(e, (uint32_t)in[1].imm);
        break;
    }
}

/* ---- atomics ---- */

/* The old value in rax as the op's type wants it. */
static void extend_old(BackendContext *be, const IrOp *op, IrMemOp mo)
{
    if ((mo & MO_SIZE) != MO_32) {
        return;
    }
    if ((mo & MO_SIGN) && op->type != IR_I32) {
        x86_rr(&be->e, X86_MOVSXD, 1, RAX, RAX);
    } else {
        emit_mov_rr(&be->e, 0, RAX, RAX);
    }
}

/* Nobody reads the old value. */
static bool old_is_dead(const IrOp *op)
{
    return !op->out || ((op->dead & 0x80) && op->out->kind == IR_TEMP);
}

/* lock op [a], v for a result that nobody wants. */
static bool emit_amo_no_result(BackendContext *be, IrAmo amo, unsigned w, Addr a, Opnd v)
{
    static const struct {
        X86Insn reg, imm;
    } plain[] = {
        [IR_AMO_ADD] = { X86_ADD_rm_r, X86_ADD_rm_i },
        [IR_AMO_AND] = { X86_AND_rm_r, X86_AND_rm_i },
        [IR_AMO_OR] = { X86_OR_rm_r, X86_OR_rm_i },
        [IR_AMO_XOR] = { X86_XOR_rm_r, X86_XOR_rm_i },
    };
    if (amo < IR_AMO_ADD || amo > IR_AMO_XOR) {
        return false;
    }
    if (v.kind == OPND_IMM) {
        emit_locked(be, plain[amo].imm, w, 0, a);
        emit_u32(&be->e, (uint32_t)v.imm);
        return true;
    }
    if (v.kind == OPND_MEM) {
        emit_mov(&be->e, w, RAX, v);
        v = opnd_reg(RAX);
    }
    emit_locked(be, plain[amo].reg, w, v.reg, a);
    return true;
}

/* t = what is to be stored, when rax is the old value. */
static void emit_amo_compute(Emit *e, IrAmo amo, unsigned w, int t, Opnd v)
{
    static const uint8_t keep_old_if[] = {
        [IR_AMO_MINS] = X86_L, [IR_AMO_MAXS] = X86_G, [IR_AMO_MINU] = X86_B, [IR_AMO_MAXU] = X86_A,
    };
    static const uint8_t alu[] = {
        [IR_AMO_AND] = ALU_AND, [IR_AMO_OR] = ALU_OR, [IR_AMO_XOR] = ALU_XOR,
    };
    if (amo >= IR_AMO_MINS) {
        emit_mov(e, w, t, v);
        emit_alu(e, ALU_CMP, w, RAX, v);
        emit_cmov(e, (X86Cond)keep_old_if[amo], w, t, opnd_reg(RAX));
    } else {
        emit_mov_rr(e, w, t, RAX);
        emit_alu(e, (X86Alu)alu[amo], w, t, v);
    }
}

void lower_guest_amo(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    IrAmo amo = (IrAmo)op->k[0];
    IrMemOp mo = (IrMemOp)op->k[1];
    unsigned w = (mo & MO_SIZE) == MO_64;
    Addr a = { in[0].reg, 0 };
    assert((mo & MO_SIZE) >= MO_32);
    check_align(be, op, mo, a);
    if (old_is_dead(op) && emit_amo_no_result(be, amo, w, a, in[1])) {
        return;
    }
    if (amo == IR_AMO_SWAP || amo == IR_AMO_ADD) {
        emit_mov(e, w, RAX, in[1]);
        if (amo == IR_AMO_SWAP) {
            emit_access(be, X86_XCHG_rm_r, w, RAX, a);      /* locks by itself */
        } else {
            emit_locked(be, X86_XADD, w, RAX, a);
        }
    } else {
        int t = ra_temp(be, IR_INT);
        emit_access(be, X86_MOV_r_rm, w, RAX, a);
        uint8_t *again = e->ptr;
        emit_amo_compute(e, amo, w, t, in[1]);
        emit_locked(be, X86_CMPXCHG, w, t, a);
        emit_jcc_to(e, X86_NE, again);
    }
    extend_old(be, op, mo);
}

/* Address, expected (rax), new. A failing 32-bit cmpxchg need not write the upper half of rax. */
void lower_guest_cmpxchg(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    IrMemOp mo = (IrMemOp)op->k[0];
    assert((mo & MO_SIZE) >= MO_32);
    Addr a = { in[0].reg, 0 };
    check_align(be, op, mo, a);
    emit_locked(be, X86_CMPXCHG, (mo & MO_SIZE) == MO_64, in[2].reg, a);
    extend_old(be, op, mo);
}

void lower_fence(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    if (op->k[0] & IR_FENCE_SL) {       /* lock or dword [rsp], 0: cheaper than mfence */
        emit_u8(&be->e, PREFIX_LOCK);
        x86_rm(&be->e, X86_OR_rm_b, 0, 0, RSP, 0);
        emit_u8(&be->e, 0);
    }
}
