/*
 * ir/interp.c: runs the IR: the oracle for optimizer and backend.
 *
 * Globals are read from and written to env at each op, so that env is exact at every fault, call
 * and exit. Integer ops come from ir/eval.c, fp from ir/interp_fp.c. Where ops.def lets a NaN be
 * "some" NaN, the interpreter always gives the negative quiet one, which is not the canonical
 * one: a result that lacks its fcanon shows.
 *
 * Guest memory is accessed with host accesses of the op's size, unless the caller makes them; a
 * fault in one is the caller's SIGSEGV, with st->pc naming the guest insn.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

#include "ir/eval.h"
#include "ir/interp_fp.h"

typedef struct Run {
    const IrContext *ir;
    IrInterpState *st;
    uint64_t *val;              /* of temps, by index */
} Run;

static uint64_t read_temp(const Run *r, const IrTemp *t)
{
    switch ((IrTempKind)t->kind) {
    case IR_CONST:
        return t->value;
    case IR_TEMP:
        return r->val[t->index];
    case IR_GLOBAL:
        break;
    }
    uint64_t v;
    memcpy(&v, (const uint8_t *)r->st->env + t->env_offset, sizeof(v));
    return v;
}

static void write_temp(Run *r, const IrTemp *t, uint64_t v)
{
    if (t->kind == IR_GLOBAL) {
        memcpy((uint8_t *)r->st->env + t->env_offset, &v, sizeof(v));
    } else {
        r->val[t->index] = v;
    }
}

/* A value as an op of type t yields it. */
static uint64_t fit(IrType t, uint64_t v)
{
    return t == IR_I32 ? (uint32_t)v : t == IR_F32 ? ir_fp_box((uint32_t)v) : v;
}

static uint64_t extend(IrMemOp mo, uint64_t v)
{
    unsigned drop = 64 - (8u << (mo & MO_SIZE));
    v <<= drop;
    return mo & MO_SIGN ? (uint64_t)((int64_t)v >> drop) : v >> drop;
}

static bool misaligned(IrMemOp mo, uint64_t addr)
{
    return (mo & MO_ALIGN) && (addr & ((1u << (mo & MO_SIZE)) - 1)) != 0;
}

/* Accesses are the guest's: whatever it reads or writes, at null too, is its own affair. */
#define GUEST_ACCESS __attribute__((no_sanitize("undefined")))

GUEST_ACCESS static uint64_t load(const void *p, unsigned size_log2)
{
    uint64_t v = 0;
    memcpy(&v, p, (size_t)1 << size_log2);      /* little endian on both sides */
    return v;
}

static uint64_t amo_compute(IrAmo amo, IrMemOp mo, uint64_t old, uint64_t v)
{
    uint64_t so = extend(mo | MO_SIGN, old), sv = extend(mo | MO_SIGN, v);
    uint64_t uo = extend(mo & ~MO_SIGN, old), uv = extend(mo & ~MO_SIGN, v);
    switch (amo) {
    case IR_AMO_SWAP:
        return v;
    case IR_AMO_ADD:
        return old + v;
    case IR_AMO_AND:
        return old & v;
    case IR_AMO_OR:
        return old | v;
    case IR_AMO_XOR:
        return old ^ v;
    case IR_AMO_MINS:
        return (int64_t)so < (int64_t)sv ? so : sv;
    case IR_AMO_MAXS:
        return (int64_t)so > (int64_t)sv ? so : sv;
    case IR_AMO_MINU:
        return uo < uv ? uo : uv;
    case IR_AMO_MAXU:
        return uo > uv ? uo : uv;
    case IR_AMO_COUNT:
        break;
    }
    g_assert_not_reached();
}

/* Compare-exchange of 1 << log2 bytes; returns the old value and writes new if it was expected. */
static uint64_t cas(void *p, unsigned size_log2, uint64_t expected, uint64_t desired)
{
#define CAS(type) do { \
        type e = (type)expected; \
        __atomic_compare_exchange_n((type *)p, &e, (type)desired, false, __ATOMIC_SEQ_CST, \
                                    __ATOMIC_SEQ_CST); \
        return e; \
    } while (0)
    switch (size_log2) {
    case MO_8:
        CAS(uint8_t);
    case MO_16:
        CAS(uint16_t);
    case MO_32:
        CAS(uint32_t);
    default:
        CAS(uint64_t);
    }
#undef CAS
}

GUEST_ACCESS
bool ir_interp_access(void *opaque, IrAccess kind, void *p, unsigned size_log2, uint64_t value,
                      uint64_t expected, uint64_t *out)
{
    switch (kind) {
    case IR_ACCESS_LOAD:
        *out = load(p, size_log2);
        break;
    case IR_ACCESS_STORE:
        memcpy(p, &value, (size_t)1 << size_log2);
        break;
    case IR_ACCESS_CAS:
        *out = cas(p, size_log2, expected, value);
        break;
    }
    return true;
}

/* guest_ld .. guest_cmpxchg; 0, or IR_INTERP_...: why not. */
static uint32_t run_memory(Run *r, const IrOp *op, const uint64_t in[IR_MAX_IN], uint64_t *out)
{
    bool has_disp = op->opcode == IR_guest_ld || op->opcode == IR_guest_st;
    IrMemOp mo = (IrMemOp)op->k[op->opcode == IR_guest_cmpxchg ? 0 : 1];
    uint64_t addr = in[0] + (has_disp ? op->k[0] : 0);
    unsigned size_log2 = mo & MO_SIZE;
    if (misaligned(mo, addr)) {
        return IR_INTERP_MISALIGNED;
    }
    void *p = (void *)(uintptr_t)(addr + r->st->guest_base), *opaque = r->st->opaque;
    IrAccessFn *access = r->st->access ? r->st->access : ir_interp_access;
    uint64_t v = 0, want;
    bool done;
    switch (op->opcode) {
    case IR_guest_ld:
        done = access(opaque, IR_ACCESS_LOAD, p, size_log2, 0, 0, &v);
        break;
    case IR_guest_st:
        done = access(opaque, IR_ACCESS_STORE, p, size_log2, in[1], 0, &v);
        break;
    case IR_guest_amo:
        done = access(opaque, IR_ACCESS_LOAD, p, size_log2, 0, 0, &v);
        do {
            want = v;
            done = done && access(opaque, IR_ACCESS_CAS, p, size_log2,
                                  amo_compute((IrAmo)op->k[0], mo, v, in[1]), want, &v);
        } while (done && v != want);
        break;
    default:
        done = access(opaque, IR_ACCESS_CAS, p, size_log2, in[2], in[1], &v);
        break;
    }
    *out = extend(mo, v);
    return done ? 0 : IR_INTERP_STOPPED;
}

static uint64_t run_env(Run *r, const IrOp *op, uint64_t v)
{
    uint8_t *p = (uint8_t *)r->st->env + (int64_t)op->k[0];
    bool is32 = op->type == IR_I32 || op->type == IR_F32;
    if (op->opcode == IR_env_st) {
        memcpy(p, &v, is32 ? 4 : 8);
        return 0;
    }
    return load(p, is32 ? MO_32 : MO_64);
}

static uint64_t run_call(Run *r, const IrOp *op, const uint64_t in[IR_MAX_IN])
{
    assert(op->k[0] < ir_nhelpers);
    uint32_t saved = ir_fp_enter(r->st->round, r->st->fflags);
    uint64_t v = ir_helpers[op->k[0]].fn(r->st->env, in[0], in[1], in[2], in[3]);
    r->st->fflags = ir_fp_leave(saved);
    return v;
}

static const IrOp *find_label(const IrContext *ir, uint64_t index)
{
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_set_label && op->k[0] == index) {
            return op;
        }
    }
    g_assert_not_reached();
}

static IrExit exit_goto(uint64_t slot, uint64_t pc)
{
    return (IrExit){ .kind = IR_EXIT_GOTO, .slot = (uint32_t)slot, .pc = pc };
}

IrExit ir_interp(const IrContext *ir, IrInterpState *st)
{
    uint64_t small[512];
    Run run = { .ir = ir, .st = st, .val = small };
    if (ir->ntemps > G_N_ELEMENTS(small)) {
        run.val = g_newa(uint64_t, ir->ntemps);
    }

    const IrOp *op = ir->head.next;
    for (;;) {
        assert(op != &ir->head);
        IrOpcode opc = (IrOpcode)op->opcode;
        IrType t = (IrType)op->type;
        uint64_t in[IR_MAX_IN] = { 0 };
        uint64_t out = 0;
        uint32_t stop;
        for (unsigned i = 0; i < op->nin; i++) {
            in[i] = read_temp(&run, op->in[i]);
        }
        const IrOp *next = op->next;

        switch (opc) {
        case IR_nop:
        case IR_set_label:
            break;
        case IR_insn_start:
            st->pc = op->k[0];
            break;
        case IR_br:
            next = find_label(ir, op->k[0]);
            break;
        case IR_brcond:
            if (ir_cond_eval((IrCond)op->k[0], t, in[0], in[1])) {
                next = find_label(ir, op->k[1]);
            }
            break;
        case IR_env_ld:
        case IR_env_st:
            out = fit(t, run_env(&run, op, in[0]));
            break;
        case IR_guest_ld:
        case IR_guest_st:
        case IR_guest_amo:
        case IR_guest_cmpxchg:
            stop = run_memory(&run, op, in, &out);
            if (stop) {
                return (IrExit){ .kind = IR_EXIT_TB, .pc = st->pc, .reason = stop };
            }
            out = fit(t, out);
            break;
        case IR_fence:
        case IR_poll:
        case IR_landing:
        case IR_comes_back:
        case IR_call_mark:
        case IR_call_unwind:
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            break;
        case IR_set_round:
            st->round = (uint32_t)op->k[0];
            break;
        case IR_fflags_get:
            out = st->fflags;
            break;
        case IR_fflags_set:
            st->fflags = in[0] & 31;
            break;
        case IR_call:
            out = run_call(&run, op, in);
            break;
        case IR_goto_tb:
        case IR_call_tb:
            return exit_goto(op->k[0], op->k[1]);
        case IR_brcond_tb:
            if (ir_cond_eval((IrCond)op->k[0], t, in[0], in[1])) {
                return exit_goto(op->k[1], op->k[2]);
            }
            break;
        case IR_call_ptr:
        case IR_goto_ptr:
        case IR_ret_ptr:
            return (IrExit){ .kind = IR_EXIT_PTR, .pc = in[0] & ~(uint64_t)1 };
        case IR_exit_tb:
            return (IrExit){ .kind = IR_EXIT_TB, .pc = op->k[1], .reason = (uint32_t)op->k[0] };
        default:
            out = ir_is_int_op(opc) ? ir_eval_int(opc, t, in, op->k[0])
                                    : ir_fp_eval(op, in, st->round, &st->fflags);
            break;
        }
        if (op->out) {
            write_temp(&run, op->out, out);
        }
        op = next;
    }
}
