/*
 * backend-x86_64/abi.c: the border between C and generated code.
 *
 * Owns the three common stubs (enter, leave, call_helper) and the constants that generated code
 * reads. Invariants:
 *   - host_sp is C's rsp inside `enter`, 16-aligned, so a helper can be called on it as it is;
 *   - ras_sp is 16-aligned whenever C code runs, also when a helper leaves by siglongjmp: the
 *     return address of the call to call_helper is not counted in it;
 *   - outside generated code the guest's fp status is in env->fp_status. While a helper runs, MXCSR
 *     is still the guest's and rules; env has a copy from before the call for helpers that leave.
 *
 * Source: System V ABI, AMD64 supplement, 3.2.1 (callee-saved registers) and 3.2.3.
 */
#include <assert.h>

#include "backend-x86_64/internal.h"

enum { STUB_BYTES = 2048, STUB_ALIGN = 64 };

static const int callee_saved[] = { RBX, RBP, R12, R13, R14, R15 };
enum { NUM_SAVED = sizeof(callee_saved) / sizeof(callee_saved[0]) };

static void emit_pop_r(Emit *e, int r)
{
    if (r >= R8) {
        emit_u8(e, 0x41);
    }
    emit_u8(e, 0x58 | (r & 7));
}

static void emit_ret(Emit *e)
{
    emit_u8(e, 0xc3);
}

/* Every environment field is reached from rbp. */
static int32_t field_disp(const BackendLayout *l, int32_t offset)
{
    return offset - l->env_bias;
}

static void emit_pins(Emit *e, const BackendLayout *l, void (*emit_one)(Emit *, int, int32_t))
{
    for (unsigned i = 0; i < l->npin_int; i++) {
        emit_one(e, x86_pin_int[i], field_disp(l, l->pin_int[i]));
    }
    for (unsigned i = 0; i < l->npin_fp; i++) {
        emit_one(e, x86_pin_fp[i], field_disp(l, l->pin_fp[i]));
    }
}

static void emit_pin_store(Emit *e, int r, int32_t disp)
{
    emit_store(e, disp, r);
}

static void emit_align(Emit *e)
{
    while ((uintptr_t)e->ptr % STUB_ALIGN) {
        emit_u8(e, 0xcc);
    }
}

static void gen_enter(Emit *e, const BackendLayout *l)
{
    for (unsigned i = 0; i < NUM_SAVED; i++) {
        emit_push_r(e, callee_saved[i]);
    }
    /* return address + 6 registers: 8 more make it a multiple of 16 */
    _Static_assert((1 + NUM_SAVED) % 2 == 1, "padding of 8 bytes is right");
    emit_alu(e, ALU_SUB, 1, RSP, opnd_imm(8));
    emit_lea(e, 1, RBP, RDI, l->env_bias);
    emit_mov_rr(e, 1, RAX, RSI);
    emit_store(e, field_disp(l, l->host_sp), RSP);
    x86_rm(e, X86_STMXCSR, 0, 0, RBP, field_disp(l, l->host_mxcsr));
    x86_rm(e, X86_LDMXCSR, 0, 0, RBP, field_disp(l, l->fp_status));
    emit_pins(e, l, emit_load);
    emit_load(e, RSP, field_disp(l, l->ras_sp));
    x86_rr(e, X86_JMP_rm, 0, 0, RAX);
}

static void gen_leave(Emit *e, const BackendLayout *l)
{
    emit_pins(e, l, emit_pin_store);
    x86_rm(e, X86_STMXCSR, 0, 0, RBP, field_disp(l, l->fp_status));
    x86_rm(e, X86_LDMXCSR, 0, 0, RBP, field_disp(l, l->host_mxcsr));
    emit_store(e, field_disp(l, l->ras_sp), RSP);
    emit_load(e, RSP, field_disp(l, l->host_sp));
    emit_alu(e, ALU_ADD, 1, RSP, opnd_imm(8));
    for (unsigned i = NUM_SAVED; i-- > 0;) {
        emit_pop_r(e, callee_saved[i]);
    }
    emit_ret(e);
}

static void gen_call_helper(Emit *e, const BackendLayout *l)
{
    static const int args[4] = { RSI, RDX, RCX, R8 };
    emit_pins(e, l, emit_pin_store);
    x86_rm(e, X86_MOV_r_rm, 1, RCX, RSP, 0);
    emit_store(e, field_disp(l, l->helper_ra), RCX);
    emit_lea(e, 1, RCX, RSP, 8);
    emit_store(e, field_disp(l, l->ras_sp), RCX);
    x86_rm(e, X86_STMXCSR, 0, 0, RBP, field_disp(l, l->fp_status));
    emit_load(e, RSP, field_disp(l, l->host_sp));
    emit_lea(e, 1, RDI, RBP, -l->env_bias);
    for (unsigned i = 0; i < 4; i++) {
        emit_load(e, args[i], field_disp(l, l->helper_args) + (int32_t)i * 8);
    }
    x86_rx(e, X86_CALL_rm, 0, 0, RBP, RAX, 3, field_disp(l, l->helper_table));
    /* The return address still lies below ras_sp: C code ran on the other stack. Returning by it
     * keeps the host's return predictor in step. */
    emit_load(e, RSP, field_disp(l, l->ras_sp));
    emit_lea(e, 1, RSP, RSP, -8);
    emit_pins(e, l, emit_load);
    emit_ret(e);
}

/* rax holds a target with bit 0 perhaps set: leave for the loop with why, env->pc = target. */
static void gen_leave_to_target(Emit *e, const BackendConfig *cfg, uint32_t why)
{
    emit_alu(e, ALU_AND, 1, RAX, opnd_imm(~1));
    emit_store(e, field_disp(&cfg->layout, cfg->layout.pc), RAX);
    emit_alu(e, ALU_XOR, 0, RAX, opnd_reg(RAX));
    emit_mov_ri(e, RDX, why);
    emit_jmp_to(e, cfg->leave);
}

/* Bit 0 of the target, if it is set, is looked at only when we leave: no cache has such a pc. */
static void gen_lookup(Emit *e, const BackendConfig *cfg)
{
    enum { SHIFT = 32 - BACKEND_SECOND_CACHE_BITS - 1 };
    int32_t cache = field_disp(&cfg->layout, cfg->layout.second_cache);
    x86_ro(e, X86_IMUL_rmi, 0, RCX, opnd_reg(RAX));
    emit_u32(e, BACKEND_SECOND_CACHE_HASH);
    emit_shift_i(e, SH_SHR, 0, RCX, SHIFT);
    emit_alu(e, ALU_AND, 0, RCX, opnd_imm(~1));
    x86_rx(e, X86_CMP_rm_r, 1, RAX, RBP, RCX, 3, cache);
    uint8_t *miss = emit_jcc8(e, X86_NE);
    x86_rx(e, X86_JMP_rm, 0, 0, RBP, RCX, 3, cache + 8);
    emit_here8(e, miss);
    gen_leave_to_target(e, cfg, BACKEND_EXIT_LOOKUP);
}

static void gen_ret_miss(Emit *e, const BackendConfig *cfg)
{
    const BackendLayout *l = &cfg->layout;
    int32_t cache = field_disp(l, l->jump_cache);

    x86_rm(e, X86_CMP_rm_r, 0, RBP, RBP, field_disp(l, l->exit_request));
    uint8_t *poll = emit_jcc8(e, X86_AE);
    /* An odd target is in no cache; on the stack it would match the slack. */
    emit_mov_rr(e, 0, RCX, RAX);
    emit_alu(e, ALU_AND, 0, RCX, opnd_imm(1));
    uint8_t *odd = emit_jcc8(e, X86_NE);
    emit_lea(e, 1, RCX, RSP, 16);
    emit_lea(e, 1, RDX, RSP, 16 * (BACKEND_RAS_SEARCH + 1));
    uint8_t *loop = e->ptr;
    x86_rm(e, X86_CMP_rm_r, 1, RAX, RCX, 8);
    uint8_t *found = emit_jcc8(e, X86_E);
    emit_alu(e, ALU_ADD, 1, RCX, opnd_imm(16));
    emit_alu(e, ALU_CMP, 1, RCX, opnd_reg(RDX));
    emit_jcc_to(e, X86_B, loop);

    emit_mov_rr(e, 0, RCX, RAX);
    emit_alu(e, ALU_AND, 0, RCX, opnd_imm(((1 << l->jump_cache_bits) - 1) << 1));
    x86_rx(e, X86_CMP_rm_r, 1, RAX, RBP, RCX, 3, cache);
    emit_jcc_to(e, X86_NE, cfg->lookup);
    x86_rx(e, X86_JMP_rm, 0, 0, RBP, RCX, 3, cache + 8);

    emit_here8(e, found);
    emit_mov_rr(e, 1, RSP, RCX);
    emit_ret(e);
    emit_here8(e, odd);
    gen_leave_to_target(e, cfg, BACKEND_EXIT_LOOKUP);
    emit_here8(e, poll);
    gen_leave_to_target(e, cfg, BACKEND_EXIT_POLL);
}

/* A return to address 1 matched the bottom entry: put that back and go to address 0. */
static void gen_ras_bottom(Emit *e, const BackendConfig *cfg)
{
    emit_lea(e, 1, RSP, RSP, -8);
    emit_alu(e, ALU_XOR, 0, RAX, opnd_reg(RAX));
    gen_leave_to_target(e, cfg, BACKEND_EXIT_LOOKUP);
}

size_t backend_gen_stubs(BackendConfig *cfg, uint8_t *p, size_t cap)
{
    const BackendLayout *l = &cfg->layout;
    if (cap < STUB_BYTES) {
        return 0;
    }
    Emit e = { .ptr = p, .end = p + cap, .base = p };
    emit_align(&e);
    cfg->enter = e.ptr;
    gen_enter(&e, l);
    emit_align(&e);
    cfg->leave = e.ptr;
    gen_leave(&e, l);
    emit_align(&e);
    cfg->call_helper = e.ptr;
    gen_call_helper(&e, l);
    emit_align(&e);
    cfg->lookup = e.ptr;
    gen_lookup(&e, cfg);
    emit_align(&e);
    cfg->ret_miss = e.ptr;
    gen_ret_miss(&e, cfg);
    emit_align(&e);
    cfg->ras_bottom = e.ptr;
    gen_ras_bottom(&e, cfg);
    assert(e.ptr <= p + STUB_BYTES);
    return (size_t)(e.ptr - p);
}

/* The field does not cross a 64-byte line, so the store is single to the processors that run it. */
void backend_patch_jump(uint8_t *patch, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (patch + 4));
    __atomic_store_n((int32_t *)(void *)patch, rel, __ATOMIC_RELEASE);
}

void backend_move_field(const uint8_t *field, const BackendMove *by)
{
    int32_t rel;
    memcpy(&rel, field, 4);
    bool stub = (size_t)(field + 4 + rel - by->stubs) < by->stubs_size;
    rel += (int32_t)((stub ? by->stubs_by : by->header_by) - by->code_by);
    memcpy((uint8_t *)(uintptr_t)field + by->code_by, &rel, 4);
}

static void fill2(uint64_t *v, uint64_t x)
{
    v[0] = v[1] = x;
}

/* MXCSR bits 0..5: IE DE ZE OE UE PE. DE has no counterpart in the guest. */
static unsigned mxcsr_to_fflags(unsigned m)
{
    return (m & 1 ? IR_NV : 0) | (m & 4 ? IR_DZ : 0) | (m & 8 ? IR_OF : 0) | (m & 16 ? IR_UF : 0) |
           (m & 32 ? IR_NX : 0);
}

void backend_init_consts(BackendConsts *c)
{
    fill2(c->sign64, 1ull << 63);
    fill2(c->abs64, ~(1ull << 63));
    /* Of a boxed single: the sign is bit 31, the upper half stays ones. */
    fill2(c->sign32, 1ull << 31);
    fill2(c->abs32, ~(1ull << 31));
    fill2(c->box32, 0xffffffff00000000ull);
    c->box32_low[0] = 0xffffffff00000000ull;
    c->box32_low[1] = 0;
    fill2(c->nan64, 0x7ff8000000000000ull);
    fill2(c->nan32, 0xffffffff7fc00000ull);
    fill2(c->f64_2p63, 0x43e0000000000000ull);
    fill2(c->f64_2p32, 0x41f0000000000000ull);
    fill2(c->f64_m1, 0xbff0000000000000ull);
    fill2(c->f32_2p63, 0xffffffff5f000000ull);
    fill2(c->f32_2p32, 0xffffffff4f800000ull);
    fill2(c->f32_m1, 0xffffffffbf800000ull);
    for (unsigned m = 0; m < 64; m++) {
        c->mxcsr_to_fflags[m] = (uint8_t)mxcsr_to_fflags(m);
        if (!(m & 2)) {
            c->fflags_to_mxcsr[mxcsr_to_fflags(m)] = (uint8_t)m;
        }
    }
}
