/*
 * frontend/trans_rvi.c: RV64I, with the hints and cache operations that live in its space
 * (Zihintpause, Zicbom, Zicboz, Zicbop, Zawrs, Zimop).
 *
 * W insns compute at i32 and sign-extend: the i32 ops of the IR yield zero-extended results. A
 * write to x0 is dropped, but loads to x0 are still performed.
 */
#include "frontend/trans.h"

/* ---- constants ---- */

bool trans_lui(DisasContext *dc, const DecodedInsn *d)
{
    trans_set_const(dc, d->rd, (uint64_t)d->imm);
    return true;
}

bool trans_auipc(DisasContext *dc, const DecodedInsn *d)
{
    trans_set_const(dc, d->rd, dc->pc + (uint64_t)d->imm);
    return true;
}

/* ---- jumps ---- */

/* A call has been emitted: end the TB, or go on where the call returns to. */
static void land(DisasContext *dc)
{
    enum { MIN_INSNS = 6, MIN_BYTES = 32 };     /* for less it would not be worth it */
    const DisasContextBase *b = &dc->base;
    uint64_t ret = trans_next_pc(dc);
    dc->base.is_jmp = DISAS_NORETURN;
    if (dc->lands && b->num_insns + MIN_INSNS <= b->max_insns &&
        b->nslots + 2 + TB_RESERVED_SLOTS <= TB_MAX_SLOTS &&
        ret + MIN_BYTES - b->pc_first < TB_MAX_BYTES && dc->lands(dc, ret)) {
        ir_gen_landing(b->ir, IR_I64);
        trans_forget(dc);
        dc->base.is_jmp = DISAS_NEXT;
    }
}

/* x[rd] = return address, then go to a known target. */
static void jump_known(DisasContext *dc, unsigned rd, uint64_t target)
{
    uint64_t ret = trans_next_pc(dc);
    trans_set_const(dc, rd, ret);
    int slot = trans_is_link(rd) ? trans_new_slot(dc, 2) : -1;
    if (slot >= 0) {
        ir_gen_call_tb(dc->base.ir, IR_I64, (uint64_t)slot, target, ret);
        land(dc);
    } else {
        trans_goto(dc, target);
    }
}

bool trans_jal(DisasContext *dc, const DecodedInsn *d)
{
    jump_known(dc, d->rd, dc->pc + (uint64_t)d->imm);
    return true;
}

bool trans_jalr(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    uint64_t base, ret = trans_next_pc(dc);
    if (trans_const_x(dc, d->rs1, &base)) {
        jump_known(dc, d->rd, (base + (uint64_t)d->imm) & ~UINT64_C(1));
        return true;
    }
    /* The target's bit 0 is dropped by the ops that jump. */
    IrTemp *target = trans_get_x(dc, d->rs1);
    if (d->imm || d->rd == d->rs1) {
        target = ir_temp_new(ir, IR_INT);
        ir_gen_add(ir, IR_I64, target, trans_get_x(dc, d->rs1), ir_const(ir, (uint64_t)d->imm));
    }
    trans_set_const(dc, d->rd, ret);
    /*
     * rd link  rs1 link            the manual's hint
     *   no       no                none
     *   no       yes               pop; longjmp() pops back to where setjmp() was
     *   yes      no, or rd == rs1  push
     *   yes      another           pop, then push: a switch of coroutines. The depth stays, and
     *                              the prediction of the entry is lost: a plain jump.
     */
    int slot = -1;
    if (trans_is_link(d->rd) && (!trans_is_link(d->rs1) || d->rd == d->rs1)) {
        slot = trans_new_slot(dc, 1);
    }
    if (slot >= 0) {
        ir_gen_call_ptr(ir, IR_I64, target, (uint64_t)slot, ret);
        land(dc);
        return true;
    }
    if (!trans_is_link(d->rd) && trans_is_link(d->rs1) && dc->sp_loaded) {
        ir_gen_call_unwind(ir, IR_I64, dc->g->x[RV_SP]);
        ir_gen_goto_ptr(ir, IR_I64, target);
    } else if (!trans_is_link(d->rd) && trans_is_link(d->rs1)) {
        ir_gen_ret_ptr(ir, IR_I64, target);
    } else {
        ir_gen_goto_ptr(ir, IR_I64, target);
    }
    dc->base.is_jmp = DISAS_NORETURN;
    return true;
}

/* Leave the TB if the condition holds, go on behind the branch if not. */
static bool branch(DisasContext *dc, const DecodedInsn *d, IrCond cond)
{
    uint64_t target = dc->pc + (uint64_t)d->imm;
    if (d->rs1 == d->rs2) {
        if (cond == IR_COND_EQ || cond == IR_COND_GE || cond == IR_COND_GEU) {
            trans_goto(dc, target);
        }
        return true;
    }
    int slot = trans_new_slot(dc, 1);
    ir_gen_brcond_tb(dc->base.ir, IR_I64, trans_get_x(dc, d->rs1), trans_get_x(dc, d->rs2), cond,
                     (uint64_t)slot, target);
    return true;
}

#define TRANS_BRANCH(id, cond) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        return branch(dc, d, cond); \
    }
TRANS_BRANCH(beq, IR_COND_EQ)
TRANS_BRANCH(bne, IR_COND_NE)
TRANS_BRANCH(blt, IR_COND_LT)
TRANS_BRANCH(bge, IR_COND_GE)
TRANS_BRANCH(bltu, IR_COND_LTU)
TRANS_BRANCH(bgeu, IR_COND_GEU)

/* ---- loads and stores ---- */

#define TRANS_LOAD(id, mo) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        IrTemp *base = trans_get_x(dc, d->rs1); \
        ir_gen_guest_ld(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), base, (uint64_t)d->imm, mo); \
        return true; \
    }
TRANS_LOAD(lb, MO_8 | MO_SIGN)
TRANS_LOAD(lh, MO_16 | MO_SIGN)
TRANS_LOAD(lw, MO_32 | MO_SIGN)
TRANS_LOAD(lbu, MO_8)
TRANS_LOAD(lhu, MO_16)
TRANS_LOAD(lwu, MO_32)

#define TRANS_STORE(id, mo) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        ir_gen_guest_st(dc->base.ir, IR_I64, trans_get_x(dc, d->rs1), trans_get_x(dc, d->rs2), \
                        (uint64_t)d->imm, mo); \
        return true; \
    }
TRANS_STORE(sb, MO_8)
TRANS_STORE(sh, MO_16)
TRANS_STORE(sw, MO_32)

bool trans_ld(DisasContext *dc, const DecodedInsn *d)
{
    IrTemp *base = trans_get_x(dc, d->rs1);
    ir_gen_guest_ld(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), base, (uint64_t)d->imm, MO_64);
    dc->sp_loaded |= d->rd == RV_SP && d->rs1 != RV_SP;
    return true;
}

bool trans_sd(DisasContext *dc, const DecodedInsn *d)
{
    IrTemp *v = trans_get_x(dc, d->rs2);
    ir_gen_guest_st(dc->base.ir, IR_I64, trans_get_x(dc, d->rs1), v, (uint64_t)d->imm, MO_64);
    if (d->rs2 == RV_SP && d->rs1 != RV_SP) {
        ir_gen_call_mark(dc->base.ir, IR_I64, v);
    }
    return true;
}

/* ---- register and immediate ---- */

/* Emit x[rd] = op(x[rs1], x[rs2] or imm); nothing for x0. */
#define TRANS_R(id, op) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        if (d->rd) { \
            IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2); \
            ir_gen_##op(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), a, b); \
        } \
        return true; \
    }
#define TRANS_I(id, op) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        if (d->rd) { \
            IrTemp *a = trans_get_x(dc, d->rs1), *b = ir_const(dc->base.ir, (uint64_t)d->imm); \
            ir_gen_##op(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), a, b); \
        } \
        return true; \
    }
#define TRANS_RW(id, op) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        if (d->rd) { \
            IrTemp *t = ir_temp_new(dc->base.ir, IR_INT); \
            ir_gen_##op(dc->base.ir, IR_I32, t, trans_get_x(dc, d->rs1), trans_get_x(dc, d->rs2)); \
            ir_gen_ext32s(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), t); \
        } \
        return true; \
    }
#define TRANS_IW(id, op) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        if (d->rd) { \
            IrTemp *t = ir_temp_new(dc->base.ir, IR_INT); \
            ir_gen_##op(dc->base.ir, IR_I32, t, trans_get_x(dc, d->rs1), \
                        ir_const(dc->base.ir, (uint64_t)d->imm)); \
            ir_gen_ext32s(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), t); \
        } \
        return true; \
    }

TRANS_R(sub, sub)
TRANS_R(sll, shl)
TRANS_R(srl, shr)
TRANS_R(sra, sar)
TRANS_R(xor, xor)
TRANS_R(or, or)
TRANS_R(and, and)
TRANS_I(xori, xor)
TRANS_I(ori, or)
TRANS_I(andi, and)
TRANS_I(srli, shr)
TRANS_I(srai, sar)
TRANS_RW(addw, add)
TRANS_RW(subw, sub)
TRANS_RW(sllw, shl)
TRANS_RW(srlw, shr)
TRANS_RW(sraw, sar)
TRANS_IW(slliw, shl)
TRANS_IW(sraiw, sar)

bool trans_add(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    uint64_t v;
    if (!d->rd) {
        return true;
    }
    if (!d->rs1 || !d->rs2) {                           /* c.mv */
        unsigned rs = d->rs1 | d->rs2;
        if (trans_const_x(dc, rs, &v)) {
            trans_set_const(dc, d->rd, v);
        } else {
            IrTemp *a = trans_get_x(dc, rs);
            ir_gen_mov(ir, IR_I64, trans_dst_x(dc, d->rd), a);
        }
    } else {
        IrTemp *a = trans_get_x(dc, d->rs1), *b = trans_get_x(dc, d->rs2);
        ir_gen_add(ir, IR_I64, trans_dst_x(dc, d->rd), a, b);
    }
    return true;
}

bool trans_addi(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    uint64_t v;
    if (!d->rd) {
        return true;
    }
    if (trans_const_x(dc, d->rs1, &v)) {                /* li; lui or auipc + addi */
        trans_set_const(dc, d->rd, v + (uint64_t)d->imm);
    } else if (!d->imm) {
        IrTemp *a = trans_get_x(dc, d->rs1);
        ir_gen_mov(ir, IR_I64, trans_dst_x(dc, d->rd), a);
    } else {
        IrTemp *a = trans_get_x(dc, d->rs1);
        ir_gen_add(ir, IR_I64, trans_dst_x(dc, d->rd), a, ir_const(ir, (uint64_t)d->imm));
    }
    return true;
}

bool trans_addiw(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    uint64_t v;
    if (!d->rd) {
        return true;
    }
    if (trans_const_x(dc, d->rs1, &v)) {                /* lui + addiw */
        trans_set_const(dc, d->rd, (uint64_t)(int64_t)(int32_t)(v + (uint64_t)d->imm));
        return true;
    }
    IrTemp *a = trans_get_x(dc, d->rs1);
    if (d->imm) {
        IrTemp *t = ir_temp_new(ir, IR_INT);
        ir_gen_add(ir, IR_I32, t, a, ir_const(ir, (uint64_t)d->imm));
        a = t;
    }
    ir_gen_ext32s(ir, IR_I64, trans_dst_x(dc, d->rd), a);
    return true;
}

/* slli and srli or srai of one register: extraction of the low bits of x[rs1], which the pair would
 * otherwise overwrite before the optimizer could use it. Returns false if this is no such pair. */
static bool fuse_extension(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    DecodedInsn next;
    unsigned left = (unsigned)d->imm;
    if ((left != 32 && left != 48 && left != 56) || !trans_peek(dc, &next) ||
        (next.id != RV_srli && next.id != RV_srai) || next.rd != d->rd || next.rs1 != d->rd) {
        return false;
    }
    unsigned right = (unsigned)next.imm;
    bool sign = next.id == RV_srai;
    if (right != left && (left != 32 || sign)) {
        return false;
    }
    trans_take(dc, &next);
    IrTemp *a = trans_get_x(dc, d->rs1), *out = trans_dst_x(dc, d->rd);
    if (right == left) {
        static IrOp *(*const ext[2][3])(IrContext *, IrType, IrTemp *, IrTemp *) = {
            { ir_gen_ext32u, ir_gen_ext16u, ir_gen_ext8u },
            { ir_gen_ext32s, ir_gen_ext16s, ir_gen_ext8s },
        };
        ext[sign][left == 32 ? 0 : left == 48 ? 1 : 2](ir, IR_I64, out, a);
    } else {
        IrTemp *t = ir_temp_new(ir, IR_INT);
        ir_gen_ext32u(ir, IR_I64, t, a);
        if (right < 32) {
            ir_gen_shl(ir, IR_I64, out, t, ir_const(ir, 32 - right));
        } else {
            ir_gen_shr(ir, IR_I64, out, t, ir_const(ir, right - 32));
        }
    }
    return true;
}

bool trans_slli(DisasContext *dc, const DecodedInsn *d)
{
    uint64_t v;
    if (!d->rd) {
        return true;
    }
    if (trans_const_x(dc, d->rs1, &v)) {
        trans_set_const(dc, d->rd, v << d->imm);
    } else if (!fuse_extension(dc, d)) {
        IrTemp *a = trans_get_x(dc, d->rs1);
        ir_gen_shl(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), a,
                   ir_const(dc->base.ir, (uint64_t)d->imm));
    }
    return true;
}

bool trans_srliw(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    if (d->rd) {
        IrTemp *a = trans_get_x(dc, d->rs1), *out = trans_dst_x(dc, d->rd);
        if (d->imm) {           /* bit 31 of the result is 0: zero- is sign-extension */
            ir_gen_shr(ir, IR_I32, out, a, ir_const(ir, (uint64_t)d->imm));
        } else {
            ir_gen_ext32s(ir, IR_I64, out, a);
        }
    }
    return true;
}

/* ---- comparisons into registers ---- */

static bool set_cond(DisasContext *dc, const DecodedInsn *d, IrTemp *b, IrCond cond)
{
    if (d->rd) {
        IrTemp *a = trans_get_x(dc, d->rs1);
        ir_gen_setcond(dc->base.ir, IR_I64, trans_dst_x(dc, d->rd), a, b, cond);
    }
    return true;
}

bool trans_slt(DisasContext *dc, const DecodedInsn *d)
{
    return set_cond(dc, d, trans_get_x(dc, d->rs2), IR_COND_LT);
}

bool trans_sltu(DisasContext *dc, const DecodedInsn *d)
{
    return set_cond(dc, d, trans_get_x(dc, d->rs2), IR_COND_LTU);
}

bool trans_slti(DisasContext *dc, const DecodedInsn *d)
{
    return set_cond(dc, d, ir_const(dc->base.ir, (uint64_t)d->imm), IR_COND_LT);
}

bool trans_sltiu(DisasContext *dc, const DecodedInsn *d)
{
    return set_cond(dc, d, ir_const(dc->base.ir, (uint64_t)d->imm), IR_COND_LTU);
}

/* ---- memory order, environment ---- */

/* imm: pred in bits 7..4, succ in 3..0, each I O R W. Devices (I, O) order like memory. */
bool trans_fence(DisasContext *dc, const DecodedInsn *d)
{
    unsigned pred = (unsigned)d->imm >> 4, succ = (unsigned)d->imm & 15;
    bool pr = pred & 10, pw = pred & 5, sr = succ & 10, sw = succ & 5;
    unsigned bits = (pr && sr ? IR_FENCE_LL : 0) | (pr && sw ? IR_FENCE_LS : 0) |
                    (pw && sr ? IR_FENCE_SL : 0) | (pw && sw ? IR_FENCE_SS : 0);
    if (bits && !trans_alone(dc)) {
        ir_gen_fence(dc->base.ir, IR_I64, bits);
    }
    return true;
}

bool trans_fence_tso(DisasContext *dc, const DecodedInsn *d)
{
    ir_gen_fence(dc->base.ir, IR_I64, IR_FENCE_LL | IR_FENCE_LS | IR_FENCE_SS);
    return true;
}

bool trans_ecall(DisasContext *dc, const DecodedInsn *d)
{
    uint64_t nr;
    if (!dc->ecall_stays || (trans_const_x(dc, RV_A7, &nr) && !dc->ecall_stays(nr))) {
        trans_exit(dc, EXCP_ECALL, dc->pc);
        return true;
    }
    IrTemp *pc = ir_const(dc->base.ir, dc->pc);
    ir_gen_call(dc->base.ir, HELPER_ecall, NULL, 1, pc, NULL, NULL, NULL);
    dc->const_known &= ~(UINT32_C(1) << RV_A0);
    return true;
}

bool trans_ebreak(DisasContext *dc, const DecodedInsn *d)
{
    trans_exit(dc, EXCP_BREAKPOINT, dc->pc);
    return true;
}

/* ---- hints, cache blocks, may-be-operations ---- */

#define TRANS_NOTHING(id) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        return true; \
    }
TRANS_NOTHING(pause)
TRANS_NOTHING(prefetch_i)
TRANS_NOTHING(prefetch_r)
TRANS_NOTHING(prefetch_w)
TRANS_NOTHING(wrs_nto)          /* a wait may end at any time */
TRANS_NOTHING(wrs_sto)

/* Caches are coherent here; what remains is that the address must be accessible. */
static bool touch(DisasContext *dc, const DecodedInsn *d)
{
    ir_gen_guest_ld(dc->base.ir, IR_I64, ir_temp_new(dc->base.ir, IR_INT),
                    trans_get_x(dc, d->rs1), 0, MO_8);
    return true;
}

bool trans_cbo_clean(DisasContext *dc, const DecodedInsn *d)
{
    return touch(dc, d);
}

bool trans_cbo_flush(DisasContext *dc, const DecodedInsn *d)
{
    return touch(dc, d);
}

bool trans_cbo_zero(DisasContext *dc, const DecodedInsn *d)
{
    enum { BLOCK = 64 };
    IrContext *ir = dc->base.ir;
    IrTemp *base = ir_temp_new(ir, IR_INT);
    ir_gen_and(ir, IR_I64, base, trans_get_x(dc, d->rs1), ir_const(ir, (uint64_t)-BLOCK));
    for (unsigned i = 0; i < BLOCK; i += 8) {
        ir_gen_guest_st(ir, IR_I64, base, ir_const(ir, 0), i, MO_64);
    }
    return true;
}

bool trans_mop_r(DisasContext *dc, const DecodedInsn *d)
{
    trans_set_const(dc, d->rd, 0);
    return true;
}

bool trans_mop_rr(DisasContext *dc, const DecodedInsn *d)
{
    trans_set_const(dc, d->rd, 0);
    return true;
}
