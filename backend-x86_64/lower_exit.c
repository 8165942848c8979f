/*
 * backend-x86_64/lower_exit.c: the ways out of a TB.
 *
 * Direct: a patchable jmp, jcc or call, whose rel32 first goes to the slot's stub:
 *     mov edx, slot;  lea rax, [tb header];  jmp leave
 * of which the stubs of a TB share the second half. A third of all code is stubs: the aim's pc is
 * not in them, the loop takes it from the slot.
 *
 * Indirect: the jump cache is probed inline at (pc & mask << 1) * 8; after a miss a common stub
 * looks in the second one, and leaves with rax = 0.
 *
 * Calls push the guest return address, then `call`: so [rsp] is the landing pad and [rsp + 8] the
 * guest address for which it is right. Also an unchained or missed call leaves the two there: the
 * loop runs the callee, whose ret_ptr then finds them. A poll before a call leaves without them,
 * and that one return will miss, which costs a jump cache probe.
 *
 * Behind its landing pad a TB may go on (IR_landing). The pad's jump is no jump then but a test
 * with the same 4 bytes, which does nothing, until the TB is dropped.
 *
 * Every TB entry and exit has rsp 16-aligned: the two pushes make 16 bytes.
 */
#include <assert.h>

#include "backend-x86_64/internal.h"

enum { LANDING_DROP = 8 };
enum { CALL_REL32 = 0xe8, JMP_REL32 = 0xe9, TEST_EAX_IMM32 = 0xa9 };

static void store_pc(BackendContext *be, uint64_t pc)
{
    emit_store_imm(&be->e, env_disp(be, be->cfg.layout.pc), pc, RAX);
}

static void emit_header_and_leave(BackendContext *be)
{
    if (be->leave_tail && be->e.ptr - be->leave_tail < 120) {
        emit_jmp_to(&be->e, be->leave_tail);
        return;
    }
    be->leave_tail = be->e.ptr;
    x86_rip(&be->e, X86_LEA, 1, RAX, be->tb_header);
    emit_jmp_to(&be->e, be->cfg.leave);
}

void emit_leave(BackendContext *be, uint32_t why)
{
    emit_mov_ri(&be->e, RDX, why);
    emit_header_and_leave(be);
}

/* ---- slots ---- */

static void cold_slot_stub(BackendContext *be, ColdStub *s)
{
    unsigned slot = (unsigned)s->k[0];
    be->res->slots[slot].stub = emit_pos(&be->e);
    if (slot) {
        emit_leave(be, BACKEND_EXIT_SLOT | slot);
    } else {
        emit_zero(&be->e, RDX);
        emit_header_and_leave(be);
    }
}

static ColdStub *queue_slot(BackendContext *be, ColdFn *fn, const IrOp *op, uint64_t slot,
                            uint8_t *field)
{
    ColdStub *s = cold_new(be, fn, op, NULL, NOREG);
    s->harmless = true;
    s->k[0] = slot;
    cold_from(s, field);
    return s;
}

/* Does the TB call itself? */
static bool is_recursion(const BackendContext *be, uint64_t pc)
{
    const IrOp *first = be->ir->head.next;
    return first->opcode == IR_insn_start && first->k[0] == pc;
}

/* Does the poll of this jump count? */
static bool counts(const BackendContext *be, const IrOp *op, uint64_t slot, uint64_t pc)
{
    if (!be->counting || !be->cfg.layout.polls_left) {
        return false;
    }
    return (be->pins->counted >> slot & 1) ||
           (pc <= be->pc && (op->opcode != IR_call_tb || is_recursion(be, pc)));
}

/* The rel32 that e->ptr stands behind is the jump of the slot. */
static void use_slot(BackendContext *be, const IrOp *op, uint64_t slot, uint64_t pc)
{
    uint8_t *field = be->e.ptr - 4;
    assert(slot < be->res->nslots && ((uintptr_t)field & 63) <= 60);
    be->res->slots[slot].patch = (uint32_t)(field - be->e.base);
    be->res->slots[slot].pc = pc;
    be->res->slots[slot].counted = counts(be, op, slot, pc);
    be->res->slots[slot].inner = 0;
    queue_slot(be, cold_slot_stub, op, slot, field);
}

/* How many nops to put in front so that a rel32 at p does not cross a 64-byte line. */
static unsigned line_pad(const uint8_t *p)
{
    unsigned at = (uintptr_t)p & 63;
    return at > 60 ? 64 - at : 0;
}

static void emit_slot_jmp(BackendContext *be, const IrOp *op, uint64_t slot, uint64_t pc)
{
    emit_nops(&be->e, line_pad(be->e.ptr + 1));
    emit_jmp32(&be->e);
    use_slot(be, op, slot, pc);
}

/* ---- polls ---- */

/* exit_request is 0 or all ones. Any register lies between: comparing with one fuses with the jump,
 * which comparing memory with an immediate would not. */
static const X86Cond POLL_HIT = X86_AE;

static void emit_poll_test(BackendContext *be)
{
    x86_rm(&be->e, X86_CMP_rm_r, 0, RBP, RBP, env_disp(be, be->cfg.layout.exit_request));
}

/* Leave instead of jumping through slot k[0]. */
static void cold_poll_slot(BackendContext *be, ColdStub *s)
{
    emit_pins_leave(be);
    emit_leave(be, BACKEND_EXIT_POLL_SLOT | (uint32_t)s->k[0]);
}

/* A poll for a jump through a slot, if it needs one: it goes backward, or counts. The stub is
 * queued by finish_poll(), after the slot's. */
static uint8_t *emit_slot_poll(BackendContext *be, const IrOp *op, uint64_t slot, uint64_t pc)
{
    if (counts(be, op, slot, pc)) {
        x86_rm(&be->e, X86_DEC_rm, 0, 0, RBP, env_disp(be, be->cfg.layout.polls_left));
        return emit_jcc32(&be->e, X86_S);
    }
    if (pc > be->pc) {
        return NULL;
    }
    emit_poll_test(be);
    return emit_jcc32(&be->e, POLL_HIT);
}

static ColdStub *finish_poll(BackendContext *be, const IrOp *op, const Opnd *in, ColdFn *fn,
                             uint8_t *field, uint64_t slot)
{
    if (!field) {
        return NULL;
    }
    ColdStub *s = cold_new(be, fn, op, in, NOREG);
    s->harmless = true;
    s->k[0] = slot;
    cold_from(s, field);
    return s;
}

static void cold_poll(BackendContext *be, ColdStub *s)
{
    emit_pins_leave(be);
    store_pc(be, s->k[0]);
    emit_leave(be, BACKEND_EXIT_POLL);
}

void lower_poll(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    emit_poll_test(be);
    finish_poll(be, op, in, cold_poll, emit_jcc32(&be->e, POLL_HIT), op->k[0]);
}

/* ---- direct exits ---- */

void lower_goto_tb(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    uint8_t *poll = emit_slot_poll(be, op, op->k[0], op->k[1]);
    emit_pins_leave(be);
    emit_slot_jmp(be, op, op->k[0], op->k[1]);
    finish_poll(be, op, in, cold_poll_slot, poll, op->k[0]);
}

/* A branch out of a TB with its own pins. */
static void cold_slot_jmp(BackendContext *be, ColdStub *s)
{
    uint8_t *poll = emit_slot_poll(be, s->op, s->k[0], s->k[1]);
    emit_pins_leave(be);
    emit_slot_jmp(be, s->op, s->k[0], s->k[1]);
    finish_poll(be, s->op, NULL, cold_poll_slot, poll, s->k[0]);
}

/* Asked to leave: decide the branch here; only when it is taken, the loop is left. Else the next
 * poll that counts is to leave, however many of these come first. */
static void cold_poll_brcond(BackendContext *be, ColdStub *s)
{
    if (be->res->slots[s->k[0]].counted) {
        x86_rm(&be->e, X86_MOV_rm_i, 0, 0, RBP, env_disp(be, be->cfg.layout.polls_left));
        emit_u32(&be->e, 0);
    }
    X86Cond cc = emit_cmp(be, s->op, (IrCond)s->op->k[0], s->in, s->r[0]);
    emit_jcc_to(&be->e, (X86Cond)(cc ^ 1), s->back);
    cold_poll_slot(be, s);
}

void lower_brcond_tb(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    int tmp = cmp_needs_temp(in) ? ra_temp(be, IR_INT) : NOREG;
    uint64_t slot = op->k[1], pc = op->k[2];
    uint8_t *poll = be->pins->n ? NULL : emit_slot_poll(be, op, slot, pc);
    uint8_t *start = e->ptr;
    X86Cond cc = emit_cmp(be, op, (IrCond)op->k[0], in, tmp);
    unsigned pad = line_pad(e->ptr + 2);
    if (pad) {      /* in front of the compare, which fuses with the jump */
        size_t n = (size_t)(e->ptr - start);
        memmove(start + pad, start, n);
        e->ptr = start;
        emit_nops(e, pad);
        e->ptr += n;
    }
    emit_jcc32(e, cc);
    if (be->pins->n) {
        queue_slot(be, cold_slot_jmp, op, slot, e->ptr - 4)->k[1] = pc;
    } else {
        use_slot(be, op, slot, pc);
    }
    ColdStub *s = finish_poll(be, op, in, cold_poll_brcond, poll, slot);
    if (s) {
        s->r[0] = (int8_t)tmp;
        cold_back(be, s);
    }
}

/* The register that the op just before put value in, as a call does with its return address. */
static int register_with(const BackendContext *be, const IrOp *op, uint64_t value)
{
    const IrOp *p = op->prev;
    while (p != &be->ir->head && p->opcode == IR_insn_start) {
        p = p->prev;
    }
    return p != &be->ir->head && p->opcode == IR_mov && p->in[0]->kind == IR_CONST &&
           p->in[0]->value == value ? p->out->reg : NOREG;
}

static void emit_push_return(BackendContext *be, const IrOp *op, uint64_t pc)
{
    int r = be->pins->n ? NOREG : register_with(be, op, pc);
    if (r >= 0) {
        emit_push_r(&be->e, r);
    } else if (fits_s32((int64_t)pc)) {
        emit_u8(&be->e, 0x68);
        emit_u32(&be->e, (uint32_t)pc);
    } else {
        int tmp = ra_temp(be, IR_INT);
        emit_mov_ri(&be->e, tmp, pc);
        emit_push_r(&be->e, tmp);
    }
}

/* lea rsp, [rsp + 8] */
static const uint8_t landing_pad[] = { 0x48, 0x8d, 0x64, 0x24, LANDING_DROP };

/* Behind a call: jump to where the guest goes on; or go on there, until backend_unland(). */
static void emit_landing_pad(BackendContext *be, const IrOp *op, uint64_t slot, uint64_t pc)
{
    Emit *e = &be->e;
    emit_nops(e, line_pad(e->ptr + sizeof(landing_pad) + 1));
    memcpy(e->ptr, landing_pad, sizeof(landing_pad));
    e->ptr += sizeof(landing_pad);
    emit_jmp32(e);
    use_slot(be, op, slot, pc);
    if (ir_call_lands(op)) {
        e->ptr[-5] = TEST_EAX_IMM32;
    }
}

bool backend_is_call(const uint8_t *patch)
{
    return patch[-1] == CALL_REL32;
}

bool backend_is_way_back(const uint8_t *patch)
{
    return memcmp(patch - 1 - sizeof(landing_pad), landing_pad, sizeof(landing_pad)) == 0;
}

bool backend_lands(const uint8_t *patch)
{
    return patch[-1] == TEST_EAX_IMM32;
}

void backend_unland(uint8_t *patch)
{
    __atomic_store_n(patch - 1, JMP_REL32, __ATOMIC_RELAXED);
}

void lower_call_tb(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    uint64_t slot = op->k[0], pc = op->k[1], ret = op->k[2];
    uint8_t *poll = emit_slot_poll(be, op, slot, pc);
    emit_pins_leave(be);
    emit_push_return(be, op, ret);
    emit_nops(e, line_pad(e->ptr + 1));
    emit_u8(e, CALL_REL32);
    emit_u32(e, 0);
    use_slot(be, op, slot, pc);
    emit_landing_pad(be, op, slot + 1, ret);
    finish_poll(be, op, in, cold_poll_slot, poll, slot);
}

/* The landing pad's jump comes here. All is in env, or has a pin. */
static void cold_comes_back(BackendContext *be, ColdStub *s)
{
    uint32_t *inner = &be->res->slots[s->k[0]].inner;
    *inner = be->ir->labels[s->k[1]]->host_offset;
    if (!be->pins->n && *inner) {
        return;
    }
    *inner = emit_pos(&be->e);
    emit_pins_enter(be);
    emit_label_ref(be, s->k[1], emit_jmp32(&be->e));
}

void lower_comes_back(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    ColdStub *s = cold_new(be, cold_comes_back, op, in, NOREG);
    s->harmless = true;
    s->k[0] = op->k[0];
    s->k[1] = op->k[1];
}

void lower_exit_tb(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    emit_pins_leave(be);
    store_pc(be, op->k[1]);
    emit_leave(be, BACKEND_EXIT_REASON | (uint32_t)op->k[0]);
}

/* ---- indirect exits ---- */

/* The cache entry's words are [rbp + tmp * 8 + probe_disp() (+ 8)]. */
static int32_t probe_disp(const BackendContext *be)
{
    return env_disp(be, be->cfg.layout.jump_cache);
}

/* Flags: equal if the entry for the target pc is there. */
static void emit_probe(BackendContext *be, int target, int tmp)
{
    Emit *e = &be->e;
    emit_mov_rr(e, 0, tmp, target);
    emit_alu(e, ALU_AND, 0, tmp, opnd_imm(((1 << be->cfg.layout.jump_cache_bits) - 1) << 1));
    x86_rx(e, X86_CMP_rm_r, 1, target, RBP, tmp, 3, probe_disp(be));
}

static void emit_through_entry(BackendContext *be, X86Insn jmp_or_call, int tmp)
{
    x86_rx(&be->e, jmp_or_call, 0, 0, RBP, tmp, 3, probe_disp(be) + 8);
}
_Static_assert(sizeof(JumpCacheEntry) == 16 && offsetof(JumpCacheEntry, code) == 8,
               "the probe scales a pc of which bit 0 is not used by 8");

/* env->pc = target without its bit 0. Only here is that bit looked at: a target that has it set is
 * in no cache and on no return stack. */
static void store_target(BackendContext *be, int target)
{
    emit_mov_rr(&be->e, 1, RAX, target);
    emit_alu(&be->e, ALU_AND, 1, RAX, opnd_imm(~1));
    emit_store(&be->e, env_disp(be, be->cfg.layout.pc), RAX);
}

static void cold_poll_ptr(BackendContext *be, ColdStub *s)
{
    store_target(be, s->r[0]);
    emit_leave(be, BACKEND_EXIT_POLL);
}

static void cold_miss(BackendContext *be, ColdStub *s)
{
    emit_mov_rr(&be->e, 1, RAX, s->r[0]);
    if (s->aux) {       /* a call: it returns to here */
        emit_call_to(&be->e, be->cfg.lookup);
        emit_jmp_to(&be->e, s->aux);
    } else {
        emit_jmp_to(&be->e, be->cfg.lookup);
    }
}

static ColdStub *cold_ptr(BackendContext *be, ColdFn *fn, const IrOp *op, int target)
{
    ColdStub *s = cold_new(be, fn, op, NULL, NOREG);
    s->r[0] = (int8_t)target;
    s->harmless = true;
    return s;
}

void lower_goto_ptr(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    int target = in[0].reg, tmp = ra_temp(be, IR_INT);
    emit_pins_leave(be);
    emit_poll_test(be);
    cold_jcc(be, POLL_HIT, cold_ptr(be, cold_poll_ptr, op, target));
    emit_probe(be, target, tmp);
    cold_jcc(be, X86_NE, cold_ptr(be, cold_miss, op, target));
    emit_through_entry(be, X86_JMP_rm, tmp);
}

void lower_call_ptr(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    int target = in[0].reg, tmp = ra_temp(be, IR_INT);
    emit_pins_leave(be);
    emit_poll_test(be);
    cold_jcc(be, POLL_HIT, cold_ptr(be, cold_poll_ptr, op, target));
    emit_push_return(be, op, op->k[1]);
    emit_probe(be, target, tmp);
    ColdStub *miss = cold_ptr(be, cold_miss, op, target);
    cold_jcc(be, X86_NE, miss);
    emit_through_entry(be, X86_CALL_rm, tmp);
    miss->aux = be->e.ptr;
    emit_landing_pad(be, op, op->k[0], op->k[1]);
}

/* ---- setjmp and longjmp ---- */

/* tmp = offset of the mark for a stack pointer, [rbp + tmp + the result] its first word. */
static int32_t emit_mark_offset(BackendContext *be, int sp, int tmp)
{
    _Static_assert(sizeof(BackendMark) == 16 && BACKEND_MARKS == 8,
                   "16-aligned addresses name marks");
    emit_mov_rr(&be->e, 0, tmp, sp);
    emit_alu(&be->e, ALU_AND, 0, tmp, opnd_imm((BACKEND_MARKS - 1) * 16));
    return env_disp(be, be->cfg.layout.marks);
}

void lower_call_mark(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    int tmp = ra_temp(be, IR_INT);
    int32_t disp = emit_mark_offset(be, in[0].reg, tmp);
    x86_rx(&be->e, X86_MOV_rm_r, 1, in[0].reg, RBP, tmp, 0, disp);
    x86_rx(&be->e, X86_MOV_rm_r, 1, RSP, RBP, tmp, 0, disp + 8);
}

/* What lies between rsp and the bottom is valid, so a mark up there may be right and does no harm
 * when it is not. setjmp's own entry, on top when it was made, is gone. */
void lower_call_unwind(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    Emit *e = &be->e;
    int tmp = ra_temp(be, IR_INT);
    int32_t disp = emit_mark_offset(be, in[0].reg, tmp);
    x86_rx(e, X86_CMP_rm_r, 1, in[0].reg, RBP, tmp, 0, disp);
    uint8_t *other = emit_jcc8(e, X86_NE);
    x86_rx(e, X86_MOV_r_rm, 1, tmp, RBP, tmp, 0, disp + 8);
    emit_alu(e, ALU_CMP, 1, tmp, opnd_reg(RSP));
    uint8_t *below = emit_jcc8(e, X86_B);
    emit_alu(e, ALU_CMP, 1, tmp, opnd_mem(env_disp(be, be->cfg.layout.ras_bottom)));
    uint8_t *empty = emit_jcc8(e, X86_AE);
    emit_lea(e, 1, RSP, tmp, 16);
    emit_here8(e, other);
    emit_here8(e, below);
    emit_here8(e, empty);
}

/* The prediction did not hold. */
static void cold_ret(BackendContext *be, ColdStub *s)
{
    emit_mov_rr(&be->e, 1, RAX, s->r[0]);
    emit_jmp_to(&be->e, be->cfg.ret_miss);
}

void lower_ret_ptr(BackendContext *be, const IrOp *op, const Opnd *in, int d)
{
    int target = in[0].reg;
    ColdStub *s = cold_ptr(be, cold_ret, op, target);
    emit_pins_leave(be);
    x86_rm(&be->e, X86_CMP_rm_r, 1, target, RSP, 8);
    cold_jcc(be, X86_NE, s);
    emit_u8(&be->e, 0xc3);
}
