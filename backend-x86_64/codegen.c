/*
 * backend-x86_64/codegen.c: the driver. One walk over the ops: resolve operands (regalloc.c), call
 * the op's emitter (lower.def), write the result home; then the cold stubs; then labels.
 *
 * The emitted code of a TB:
 *     hot code, exits included | cold stubs: slow paths, exits of slots, polls
 * Unwind rows (BackendInsn) are in the order of addresses: one at each insn_start that made code,
 * one at each cold stub. A helper call never ends a guest insn's code: a nop follows, so that the
 * return address belongs to the insn that called.
 */
#include <assert.h>

#include <glib.h>

#include "backend-x86_64/internal.h"

enum {
    NONE_ = 0, A = 1 << RAX, C = 1 << RCX, D = 1 << RDX,    /* lower.def's clobber words */
};

const LowerRow lower_table[IR_OP_COUNT] = {
#define LOWER(name, fn_, out_, in0, in1, in2, in3, clobber_, itemps_, xtemps_) \
    [IR_##name] = { .fn = fn_, .out = OUT_##out_, .clobber = clobber_, .itemps = itemps_, \
                    .xtemps = xtemps_, .in = { IN_##in0, IN_##in1, IN_##in2, IN_##in3 } },
#include "backend-x86_64/lower.def"
#undef LOWER
};

/* Shifts by a variable count without BMI2, and rotates: the count is in cl. */
static const LowerRow row_shift_cl = {
    .fn = lower_shift_cl, .out = OUT_R, .in = { IN_RMI, IN_C }, .clobber = C,
};

static const LowerRow row_div_const = {
    .fn = lower_div_const, .out = OUT_D, .in = { IN_RM, IN_K }, .clobber = A | D, .itemps = 1,
};
static const LowerRow row_rem_const = {
    .fn = lower_div_const, .out = OUT_A, .in = { IN_RM, IN_K }, .clobber = A | D, .itemps = 1,
};

/* Computed jumps of a TB with its own pins: the target leaves the pinned registers first. */
static const LowerRow rows_jump[] = {
    [IR_call_ptr - IR_call_ptr] = { .fn = lower_call_ptr, .in = { IN_A }, .clobber = A, .itemps = 2 },
    [IR_goto_ptr - IR_call_ptr] = { .fn = lower_goto_ptr, .in = { IN_A }, .clobber = A, .itemps = 1 },
    [IR_ret_ptr - IR_call_ptr] = { .fn = lower_ret_ptr, .in = { IN_A }, .clobber = A },
};
_Static_assert(IR_goto_ptr == IR_call_ptr + 1 && IR_ret_ptr == IR_call_ptr + 2, "rows_jump");

/* Ops that are more to the driver than their row. */
static const bool is_special[IR_OP_COUNT] = {
    [IR_nop] = true, [IR_set_label] = true, [IR_landing] = true, [IR_br] = true, [IR_brcond] = true,
    [IR_comes_back] = true,
    [IR_shl ... IR_rotr] = true, [IR_divs ... IR_remu] = true, [IR_call_ptr ... IR_ret_ptr] = true,
};

static const LowerRow *choose_row(const BackendContext *be, const IrOp *op)
{
    if (be->pins->n && op->opcode - (unsigned)IR_call_ptr < G_N_ELEMENTS(rows_jump)) {
        return &rows_jump[op->opcode - IR_call_ptr];
    }
    if (op->opcode - (unsigned)IR_shl <= IR_rotr - IR_shl && op->in[1]->kind != IR_CONST &&
        (op->opcode >= IR_rotl || !have(be, HOST_BMI2))) {
        return &row_shift_cl;
    }
    if (op->opcode - (unsigned)IR_divs <= IR_remu - IR_divs && div_by_const(op)) {
        return op->opcode <= IR_divu ? &row_div_const : &row_rem_const;
    }
    return &lower_table[op->opcode];
}
_Static_assert(IR_divu == IR_divs + 1 && IR_rems == IR_divs + 2 && IR_remu == IR_divs + 3,
               "choose_row()");
_Static_assert(IR_shr == IR_shl + 1 && IR_sar == IR_shl + 2 && IR_rotl == IR_shl + 3 &&
               IR_rotr == IR_shl + 4, "choose_row() takes them as a range");

BackendContext *backend_new(const BackendConfig *cfg)
{
    BackendContext *be = g_new0(BackendContext, 1);
    be->cfg = *cfg;
    be->rng = cfg->seed * 2 + 1;
    be->cold = g_new(ColdStub, BE_MAX_COLD);
    be->label_refs = g_new(LabelRef, BE_MAX_LABEL_REFS);
    be->insns = g_new(BackendInsn, BE_MAX_INSNS);
    be->relocs = g_new(uint32_t, BE_MAX_RELOCS);
    backend_set_pins(be, NULL);
    backend_set_counting(be, true);
    return be;
}

void backend_set_counting(BackendContext *be, bool on)
{
    be->counting = on;
}

void backend_free(BackendContext *be)
{
    if (be) {
        g_free(be->cold);
        g_free(be->label_refs);
        g_free(be->insns);
        g_free(be->relocs);
        g_free(be);
    }
}

/* ---- cold stubs ---- */

ColdStub *cold_new(BackendContext *be, ColdFn *fn, const IrOp *op, const Opnd *in, int out)
{
    ColdStub *s = &be->cold[be->ncold++];
    s->emit = fn;
    s->op = op;
    s->pc = be->pc;
    s->back = NULL;
    s->aux = NULL;
    for (unsigned i = 0; i < op->nin && in; i++) {
        s->in[i] = in[i];
    }
    s->live = be->owned;
    s->out = (int8_t)out;
    s->nfrom = 0;
    s->harmless = false;
    return s;
}

void cold_from(ColdStub *s, uint8_t *field)
{
    assert((size_t)s->nfrom < G_N_ELEMENTS(s->from));
    s->from[s->nfrom++] = field;
}

void cold_jcc(BackendContext *be, X86Cond cc, ColdStub *s)
{
    cold_from(s, emit_jcc32(&be->e, cc));
}

void cold_jmp(BackendContext *be, ColdStub *s)
{
    cold_from(s, emit_jmp32(&be->e));
}

void cold_back(BackendContext *be, ColdStub *s)
{
    s->back = be->e.ptr;
}

void cold_return(BackendContext *be, ColdStub *s)
{
    emit_jmp_to(&be->e, s->back);
}

static int32_t cold_slot(const BackendContext *be, unsigned i)
{
    return env_disp(be, be->cfg.layout.spill + 8 * (RA_SPILL_SLOTS + (int32_t)i));
}

void cold_save(BackendContext *be, ColdStub *s, uint32_t but)
{
    unsigned i = 0;
    for (uint32_t m = s->live & ~but; m; m &= m - 1) {
        emit_store(&be->e, cold_slot(be, i++), __builtin_ctz(m));
    }
}

void cold_restore(BackendContext *be, ColdStub *s, uint32_t but)
{
    unsigned i = 0;
    for (uint32_t m = s->live & ~but; m; m &= m - 1) {
        emit_load(&be->e, __builtin_ctz(m), cold_slot(be, i++));
    }
}

/* ---- helper calls ---- */

void emit_helper_arg(BackendContext *be, unsigned i, Opnd o, int tmp)
{
    int32_t disp = env_disp(be, be->cfg.layout.helper_args + 8 * (int32_t)i);
    if (o.kind == OPND_IMM) {
        emit_store_imm(&be->e, disp, (uint64_t)o.imm, tmp);
        return;
    }
    if (o.kind == OPND_MEM) {
        emit_load(&be->e, tmp, o.disp);
        o = opnd_reg(tmp);
    }
    emit_store(&be->e, disp, o.reg);
}

void emit_helper_call_left(BackendContext *be, unsigned nr)
{
    emit_mov_ri(&be->e, RAX, nr);
    emit_call_to(&be->e, be->cfg.call_helper);
    be->after_call = be->e.ptr;
}

void emit_helper_call(BackendContext *be, unsigned nr)
{
    emit_pins_leave(be);
    emit_helper_call_left(be, nr);
    emit_pins_enter(be);
}

/* ---- the walk ---- */

static inline void add_insn_row(BackendContext *be, uint64_t pc)
{
    if (__builtin_expect(be->after_call == be->e.ptr, 0)) {
        emit_nops(&be->e, 1);
    }
    uint32_t host = emit_pos(&be->e);
    BackendInsn *row = &be->insns[be->ninsns];
    if (be->ninsns && row[-1].host == host) {
        row[-1].pc = pc;
    } else if (!be->ninsns || row[-1].pc != pc) {
        row->host = host;
        row->pc = pc;
        be->ninsns++;
    }
}

/* Room for code, one more insn row, and the relocations of an op or stub. */
static inline bool has_room(const BackendContext *be)
{
    return be->e.end - be->e.ptr >= EMIT_MARGIN && be->ninsns < BE_MAX_INSNS &&
           be->e.noutside < BE_MAX_RELOCS - 16;
}

/* Room for the stubs and label references of one more op. */
static inline bool has_room_for_op(const BackendContext *be)
{
    return has_room(be) && be->ncold < BE_MAX_COLD - 8 - 2 * BACKEND_MAX_SLOTS &&
           be->nlabel_refs < BE_MAX_LABEL_REFS - 4 - BACKEND_MAX_SLOTS;
}

/* What a special op needs done first. Its row; NULL: that was all. */
static const LowerRow *prepare_special(BackendContext *be, const IrOp *op)
{
    switch (op->opcode) {
    case IR_nop:
        return NULL;
    case IR_landing:
        ra_label(be);
        return NULL;
    case IR_set_label:
        ra_sync_globals(be);
        ra_label(be);
        be->ir->labels[op->k[0]]->host_offset = emit_pos(&be->e);
        return NULL;
    case IR_br:
    case IR_brcond:
    case IR_comes_back:
        ra_sync_globals(be);
        break;
    default:
        break;
    }
    return choose_row(be, op);
}

static void lower_op(BackendContext *be, const IrOp *op, const LowerRow *row)
{
    Opnd in[IR_MAX_IN];
    int out;
    be->op = op;
    ra_resolve(be, op, row, in, &out);
    row->fn(be, op, in, out);
    ra_finish(be, op, out);
}

static bool lower_ops(BackendContext *be)
{
    IR_FOREACH(be->ir, op) {
        if (op->opcode == IR_insn_start) {      /* half of all ops */
            if (be->ninsns >= BE_MAX_INSNS) {
                return false;
            }
            be->pc = op->k[0];
            add_insn_row(be, be->pc);
            continue;
        }
        if (!has_room_for_op(be)) {
            return false;
        }
        if (be->cfg.random_regalloc && op->opcode != IR_set_label && op->opcode != IR_landing) {
            ra_random(be);
        }
        const LowerRow *row = is_special[op->opcode] ? prepare_special(be, op)
                                                     : &lower_table[op->opcode];
        if (row) {
            lower_op(be, op, row);
        }
    }
    return true;
}

static bool emit_cold_stubs(BackendContext *be)
{
    be->op = NULL;
    for (unsigned i = 0; i < be->ncold; i++) {
        if (!has_room(be)) {
            return false;
        }
        ColdStub *s = &be->cold[i];
        be->pc = s->pc;
        if (!s->harmless) {
            add_insn_row(be, s->pc);
        }
        for (int j = 0; j < s->nfrom; j++) {
            emit_set_rel32(s->from[j], be->e.ptr);
        }
        s->emit(be, s);
    }
    return true;
}

bool backend_gen_code(BackendContext *be, IrContext *ir, uint8_t *code, size_t cap,
                      const void *tb_header, BackendResult *res)
{
    be->e = (Emit){ .ptr = code, .end = code + cap, .base = code, .outside = be->relocs };
    be->ir = ir;
    be->tb_header = tb_header;
    be->res = res;
    be->pc = 0;
    be->ncold = be->nlabel_refs = be->ninsns = 0;
    be->after_call = NULL;
    be->nfma = 0;
    assert(ir->nslots <= G_N_ELEMENTS(res->slots));
    res->nslots = ir->nslots;
    ra_begin(be);
    be->leave_tail = NULL;
    emit_pins_enter(be);
    bool done = lower_ops(be);
    ra_end(be);
    if (!done || !emit_cold_stubs(be)) {
        return false;
    }
    for (unsigned i = 0; i < be->nlabel_refs; i++) {
        LabelRef *ref = &be->label_refs[i];
        emit_set_rel32(ref->field, code + ir->labels[ref->label]->host_offset);
    }
    res->size = emit_pos(&be->e);
    res->insns = be->insns;
    res->ninsns = be->ninsns;
    res->relocs = be->relocs;
    res->nrelocs = be->e.noutside;
    return true;
}
