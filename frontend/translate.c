/*
 * frontend/translate.c: the RISC-V TranslatorOps, and the services that trans_*.c share.
 *
 * A TB is a superblock: one entry, a run of contiguous guest code. Conditional branches leave it by
 * brcond_tb and translation goes on behind them, until an unconditional jump, an exit, or one of
 * translator_loop()'s limits, or where the caller wants it to join another. A call ends it, or has
 * a landing behind it, if the caller wants that.
 *
 * Known constants (lui, auipc, li and what addi, slli make of them) are tracked per register from
 * the TB's start, so that auipc + jalr becomes a direct call. What is known stays known over
 * brcond_tb; every write goes through trans_dst_x(), which forgets.
 */
#include "frontend/translate.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "frontend/helper.h"
#include "frontend/trans.h"

static bool (*const trans_table[RV_COUNT])(DisasContext *, const DecodedInsn *) = {
#define INSN(id, ...) [RV_##id] = trans_##id,
#define RVC(id, ...)
#include "frontend/insns.def"
#undef INSN
#undef RVC
};

const IrHelper riscv_helpers[] = {
#define HELPER(name, nargs, has_out, flags) { #name, helper_##name, nargs, has_out, flags },
#include "frontend/helper.def"
#undef HELPER
};
const unsigned riscv_helper_count = HELPER_COUNT;

static DisasContext *riscv_dc(DisasContextBase *base)
{
    _Static_assert(offsetof(DisasContext, base) == 0, "the base comes first");
    return (DisasContext *)base;
}

void riscv_translate_init(IrContext *ir, RiscvGlobals *g)
{
    static const char *const x_names[32] = {
        "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
        "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
        "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "x31",
    };
    static const char *const f_names[32] = {
        "f0",  "f1",  "f2",  "f3",  "f4",  "f5",  "f6",  "f7",  "f8",  "f9",  "f10",
        "f11", "f12", "f13", "f14", "f15", "f16", "f17", "f18", "f19", "f20", "f21",
        "f22", "f23", "f24", "f25", "f26", "f27", "f28", "f29", "f30", "f31",
    };
    g->x[0] = NULL;
    for (unsigned i = 1; i < 32; i++) {
        g->x[i] = ir_global_new(ir, IR_INT, x_names[i],
                                (int32_t)(offsetof(CPURISCVState, gpr) + 8 * i));
    }
    for (unsigned i = 0; i < 32; i++) {
        g->f[i] = ir_global_new(ir, IR_FP, f_names[i],
                                (int32_t)(offsetof(CPURISCVState, fpr) + 8 * i));
    }
}

/* ---- services for trans_*.c ---- */

IrTemp *trans_get_x(DisasContext *dc, unsigned r)
{
    return r ? dc->g->x[r] : ir_const(dc->base.ir, 0);
}

IrTemp *trans_dst_x(DisasContext *dc, unsigned r)
{
    dc->const_known &= ~(UINT32_C(1) << r);
    return r ? dc->g->x[r] : ir_temp_new(dc->base.ir, IR_INT);
}

void trans_set_const(DisasContext *dc, unsigned r, uint64_t v)
{
    if (r) {
        ir_gen_mov(dc->base.ir, IR_I64, dc->g->x[r], ir_const(dc->base.ir, v));
        dc->const_known |= UINT32_C(1) << r;
        dc->const_val[r] = v;
    }
}

bool trans_const_x(const DisasContext *dc, unsigned r, uint64_t *v)
{
    *v = r ? dc->const_val[r] : 0;
    return !r || (dc->const_known >> r & 1);
}

void trans_forget(DisasContext *dc)
{
    dc->boxed = 0;
    dc->const_known = 0;
    dc->sp_loaded = false;
}

bool trans_alone(DisasContext *dc)
{
    dc->needs_alone |= dc->alone;
    return dc->alone;
}

uint64_t trans_next_pc(const DisasContext *dc)
{
    return dc->pc + dc->len;
}

int trans_new_slot(DisasContext *dc, unsigned n)
{
    if (dc->base.nslots + n > TB_MAX_SLOTS) {
        return -1;
    }
    int slot = (int)dc->base.nslots;
    dc->base.nslots += n;
    return slot;
}

void trans_goto(DisasContext *dc, uint64_t pc)
{
    int slot = trans_new_slot(dc, 1);
    if (slot >= 0) {
        ir_gen_goto_tb(dc->base.ir, IR_I64, (uint64_t)slot, pc);
    } else {
        ir_gen_goto_ptr(dc->base.ir, IR_I64, ir_const(dc->base.ir, pc));
    }
    dc->base.is_jmp = DISAS_NORETURN;
}

void trans_exit(DisasContext *dc, CPUException reason, uint64_t pc)
{
    ir_gen_exit_tb(dc->base.ir, IR_I64, reason, pc);
    dc->base.is_jmp = DISAS_NORETURN;
}

/* ---- fetch ---- */

/* Read and decode the insn at pc. Returns its length if all of it could be read, else 0; then
 * *wanted is the length of what could not, or 0 when not even that was to be seen. An insn that is
 * there but means nothing has id RV_ILLEGAL. */
static __attribute__((noinline)) unsigned fetch_by_call(DisasContext *dc, uint64_t pc,
                                                        uint32_t *word, unsigned *wanted)
{
    uint8_t b[4] = { 0 };
    unsigned len = 2;
    *wanted = 0;
    if (dc->base.fetch(dc->base.fetch_opaque, pc, b, 2) < 2) {
        return 0;
    }
    if ((b[0] & 3) == 3) {
        len = *wanted = 4;
        if (dc->base.fetch(dc->base.fetch_opaque, pc + 2, b + 2, 2) < 2) {
            return 0;
        }
    }
    *word = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
    return len;
}

static unsigned fetch_insn(DisasContext *dc, uint64_t pc, DecodedInsn *d, unsigned *wanted)
{
    uint64_t off = pc - dc->base.pc_first;
    uint32_t word;
    unsigned len;
    if (off + sizeof(word) <= dc->base.window_size) {
        memcpy(&word, dc->base.window + off, sizeof(word));
        len = (word & 3) == 3 ? 4 : 2;
    } else {
        len = fetch_by_call(dc, pc, &word, wanted);
        if (!len) {
            return 0;
        }
    }
    rv_decode(word, dc->exts, d);
    return len;
}

unsigned trans_peek_run(DisasContext *dc, DecodedInsn *next, unsigned n)
{
    unsigned wanted, i = 0;
    uint64_t pc = trans_next_pc(dc);
    while (i < n && dc->base.num_insns + i < dc->base.max_insns &&
           pc - dc->base.pc_first < TB_MAX_BYTES && fetch_insn(dc, pc, &next[i], &wanted) != 0) {
        pc += next[i++].len;
    }
    return i;
}

bool trans_peek(DisasContext *dc, DecodedInsn *next)
{
    return trans_peek_run(dc, next, 1) != 0;
}

void trans_take(DisasContext *dc, const DecodedInsn *next)
{
    dc->pc += dc->len;
    dc->len = next->len;
    dc->base.num_insns++;
    ir_gen_insn_start(dc->base.ir, IR_I64, dc->pc, dc->len);
}

/* ---- TranslatorOps ---- */

static void riscv_init_disas_context(DisasContextBase *base)
{
    DisasContext *dc = riscv_dc(base);
    dc->frm = base->tb_flags & 7;
}

static void riscv_tb_start(DisasContextBase *base)
{
    trans_forget(riscv_dc(base));
}

static void riscv_insn_start(DisasContextBase *base)
{
    DisasContext *dc = riscv_dc(base);
    unsigned wanted;
    dc->pc = base->pc_next;
    if (dc->joins && base->num_insns && dc->joins(dc, dc->pc)) {
        base->is_jmp = DISAS_TOO_MANY;
        return;
    }
    dc->len = fetch_insn(dc, dc->pc, &dc->insn, &wanted);
    if (dc->len) {
        ir_gen_insn_start(base->ir, IR_I64, dc->pc, dc->len);
    } else if (base->num_insns) {
        base->is_jmp = DISAS_TOO_MANY;
    } else {
        ir_gen_insn_start(base->ir, IR_I64, dc->pc, wanted);
        trans_exit(dc, EXCP_FAULT, dc->pc);
        base->pc_next += wanted;
    }
}

/* An aligned one of these is seen by the kernel whole or not at all, as rseq_cs has to be
 * stored. */
static bool stores_doubleword(const DecodedInsn *d)
{
    switch (d->id) {
    case RV_sd: case RV_fsd: case RV_sc_d:
    case RV_amoswap_d: case RV_amoadd_d: case RV_amoxor_d: case RV_amoand_d: case RV_amoor_d:
    case RV_amomin_d: case RV_amomax_d: case RV_amominu_d: case RV_amomaxu_d:
        return true;
    default:
        return false;
    }
}

/* Leave before the insn if it is going to store to rseq_cs. */
static void watch_rseq(DisasContext *dc, const DecodedInsn *d)
{
    IrContext *ir = dc->base.ir;
    IrTemp *addr = ir_temp_new(ir, IR_INT), *rseq_cs = ir_temp_new(ir, IR_INT);
    IrLabel *other = ir_label_new(ir);
    ir_gen_add(ir, IR_I64, addr, trans_get_x(dc, d->rs1),
               ir_const(ir, d->id == RV_sd || d->id == RV_fsd ? (uint64_t)d->imm : 0));
    ir_gen_env_ld(ir, IR_I64, rseq_cs, offsetof(CPURISCVState, rseq_cs));
    ir_gen_brcond(ir, IR_I64, addr, rseq_cs, IR_COND_NE, other);
    ir_gen_exit_tb(ir, IR_I64, EXCP_SECTION, dc->pc);
    ir_gen_set_label(ir, IR_I64, other);
}

static void riscv_translate_insn(DisasContextBase *base)
{
    DisasContext *dc = riscv_dc(base);
    const DecodedInsn *d = &dc->insn;
    if (dc->watch_rseq && stores_doubleword(d)) {
        watch_rseq(dc, d);
    }
    if (d->id == RV_ILLEGAL || !trans_table[d->id](dc, d)) {
        trans_exit(dc, EXCP_ILLEGAL, dc->pc);
    }
    base->pc_next = trans_next_pc(dc);
}

static void riscv_tb_stop(DisasContextBase *base)
{
    if (base->is_jmp != DISAS_NORETURN) {
        trans_goto(riscv_dc(base), base->pc_next);
    }
}

InsnFlow riscv_insn_flow(uint32_t word, RvExtSet exts, uint64_t pc)
{
    DecodedInsn d;
    InsnFlow f = { .kind = FLOW_NEXT, .len = (word & 3) == 3 ? 4 : 2 };
    rv_decode(word, exts, &d);
    f.target = pc + (uint64_t)d.imm;
    f.writes = UINT32_C(1) << d.rd & ~UINT32_C(1);
    switch (d.id) {
    case RV_beq: case RV_bne: case RV_blt: case RV_bge: case RV_bltu: case RV_bgeu:
        f.kind = FLOW_BRANCH;
        break;
    case RV_jal:
        f.kind = !d.rd ? FLOW_JUMP : trans_is_link(d.rd) ? FLOW_CALL : FLOW_END;
        f.link = d.rd;
        break;
    case RV_jalr:
        f.kind = !trans_is_link(d.rd) ? FLOW_GOTO_PTR
                 : !trans_is_link(d.rs1) || d.rd == d.rs1 ? FLOW_CALL_PTR : FLOW_END;
        f.link = d.rd;
        f.reg = d.imm || d.rd == d.rs1 ? 0 : d.rs1;
        break;
    case RV_ebreak: case RV_fence_i: case RV_ILLEGAL:
        f.kind = FLOW_END;
        break;
    case RV_ecall:
        f.writes = ~UINT32_C(0);
        break;
    case RV_sd:
        f.marks = d.rs2 == RV_SP && d.rs1 != RV_SP;
        break;
    default:
        break;
    }
    return f;
}

static void riscv_disas_log(const DisasContextBase *base, FILE *f)
{
    const DisasContext *dc = (const DisasContext *)base;
    for (uint64_t pc = base->pc_first; pc < base->pc_next;) {
        DecodedInsn d;
        char text[96];
        uint8_t b[4] = { 0 };
        base->fetch(base->fetch_opaque, pc, b, 2);
        if ((b[0] & 3) == 3) {
            base->fetch(base->fetch_opaque, pc + 2, b + 2, 2);
        }
        rv_decode(b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24, dc->exts, &d);
        rv_disas(&d, pc, text, sizeof(text));
        fprintf(f, "0x%016" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", pc, d.len * 2, d.word,
                8 - d.len * 2, "", text);
        pc += d.len;
    }
}

const TranslatorOps riscv_translator_ops = {
    .init_disas_context = riscv_init_disas_context,
    .tb_start = riscv_tb_start,
    .insn_start = riscv_insn_start,
    .translate_insn = riscv_translate_insn,
    .tb_stop = riscv_tb_stop,
    .disas_log = riscv_disas_log,
};
