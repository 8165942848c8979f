/*
 * ir/liveness.c: what is read again, and who can see it. One backward scan, no loops.
 *
 * Three facts are kept about each value, going backwards:
 *   live   a later op reads it before it is overwritten, or (globals) somebody can see it
 *   wide   ... and looks at more than its low half
 *   seen   globals only: somebody outside of the TB's own data flow can see it in its home
 * Observers of all globals: MAY_FAULT ops (before they write their output), ways out of the TB,
 * brcond, labels, and helpers that are not IRH_PURE. The way along a branch is not followed: at a
 * label, everything is live.
 *
 * Removes ops without an effect whose output is dead; fills op->dead and op->sync; makes a mov of
 * an extension from 32 bits if nobody looks at what it extends to; and turns
 *      op t, ... ; mov g, t        into        op g, ...
 * when t dies there. Ops with FP_FLAGS stay, with bit 7 of op->dead when nobody reads the output.
 */
#include "ir/ir.h"

#include "ir/opt.h"

enum { OUT_DEAD = 0x80 };

/* How far above a mov, or a rotation, its source's definition may lie to be retargeted. */
enum { MOV_REACH = 4, ROTATE_REACH = 32 };

/*
 * What is known of a value lies in its pass_bits: LIVE and WIDE, and above them the time when it
 * was last cleared. Time counts from the end of the TB, and on from TB to TB. All that an observer
 * does is to note the time: a global that was not written since is live, wide and seen. The last op
 * is an observer, so no global needs to be reset.
 */
enum { LIVE = 1, WIDE = 2, SEEN = 4, TIME_SHIFT = 8 };

typedef struct Liveness {
    uint64_t now, observed;
} Liveness;

static inline unsigned state_of(const Liveness *lv, const IrTemp *t)
{
    bool seen = t->kind == IR_GLOBAL && t->pass_bits >> TIME_SHIFT < lv->observed;
    return (unsigned)(t->pass_bits & (LIVE | WIDE)) | (seen ? LIVE | WIDE | SEEN : 0);
}

static bool is_pure_call(const IrOp *op)
{
    return op->opcode == IR_call && ir_helpers[op->k[0]].flags == IRH_PURE;
}

static inline bool observes_globals(const IrOp *op, unsigned flags)
{
    return (flags & (IRF_MAY_FAULT | IRF_ENDS_BB | IRF_ENDS_TB)) && !is_pure_call(op);
}

static inline bool is_removable(const IrOp *op, unsigned flags)
{
    return (flags & IRF_PURE) || op->opcode == IR_env_ld || is_pure_call(op);
}

/* Bit i: the low half of the output depends on the low half of input i only. */
static const uint8_t keeps_low_half[IR_OP_COUNT] = {
    [IR_mov] = 1, [IR_add] = 3, [IR_sub] = 3, [IR_mul] = 3, [IR_and] = 3, [IR_or] = 3, [IR_xor] = 3,
    [IR_andn] = 3, [IR_orn] = 3, [IR_xnor] = 3, [IR_shl] = 1, [IR_movcond] = 4 | 8,
};

/* mov d, s where s is a temp that dies: let the op that makes s write d instead. May remove ops
 * before mov that write d, too. */
static bool retarget(IrContext *ir, const Liveness *lv, IrOp *mov)
{
    IrTemp *d = mov->out, *s = mov->in[0];
    if (s->kind != IR_TEMP || (state_of(lv, s) & LIVE)) {
        return false;
    }
    IrOp *p = mov->prev;
    for (unsigned n = 0; n < MOV_REACH && p != &ir->head; p = p->prev) {
        n += p->opcode != IR_insn_start;
        if (p->out == s) {
            p->out = d;
            return true;
        }
        unsigned flags = ir_op_info[p->opcode].flags;
        if (observes_globals(p, flags)) {
            return false;
        }
        if (p->out == d) {
            /* Nobody reads this one: mov comes before anybody could. */
            if (!is_removable(p, flags)) {
                return false;
            }
            ir_op_remove(ir, p);
            continue;
        }
        for (unsigned i = 0; i < p->nin; i++) {
            if (p->in[i] == d || p->in[i] == s) {
                return false;
            }
        }
    }
    return false;
}

/*
 * A rotation is the one op whose input may have been made far above (pair_shifts() in optimize.c):
 *      op t, ... ; ... ; rotl g, t         becomes         op g, ... ; ... ; rotl g, g
 * when t dies there and nobody can tell. Then t needs no register beside g's.
 */
static void rotate_in_place(IrContext *ir, const Liveness *lv, IrOp *rot)
{
    IrTemp *g = rot->out, *t = rot->in[0];
    if (g->kind != IR_GLOBAL || t->kind != IR_TEMP || (state_of(lv, t) & LIVE) || rot->in[1] == g) {
        return;
    }
    IrOp *def = rot->prev;
    for (unsigned n = 0; def->out != t; def = def->prev) {
        unsigned flags = ir_op_info[def->opcode].flags;
        n += def->opcode != IR_insn_start;
        if (def == &ir->head || n == ROTATE_REACH || observes_globals(def, flags)) {
            return;
        }
        if (def->out == g) {            /* nobody reads this one */
            if (!is_removable(def, flags)) {
                return;
            }
            ir_op_remove(ir, def);
            continue;
        }
        for (unsigned i = 0; i < def->nin; i++) {
            if (def->in[i] == g) {
                return;
            }
        }
    }
    def->out = g;
    for (IrOp *op = def->next;; op = op->next) {
        for (unsigned i = 0; i < op->nin; i++) {
            op->in[i] = op->in[i] == t ? g : op->in[i];
        }
        if (op == rot) {
            return;
        }
    }
}

/* First all deaths, then all lives: the same temp may be in two inputs. */
static inline void read_inputs(const Liveness *lv, IrOp *op, bool wide)
{
    unsigned n = op->nin, dead = op->dead;
    for (unsigned i = 0; i < n; i++) {
        dead |= (~state_of(lv, op->in[i]) & LIVE) << i;
    }
    op->dead = (uint8_t)dead;
    for (unsigned i = 0; i < n; i++) {
        bool whole = wide || !(keeps_low_half[op->opcode] >> i & 1);
        op->in[i]->pass_bits |= whole && opt_bits_read(op, i) > 32 ? LIVE | WIDE : LIVE;
    }
}

/* True if op is gone: nobody reads what it makes, or another op makes it now. */
static bool remove_or_retarget(IrContext *ir, const Liveness *lv, IrOp *op, unsigned flags,
                               unsigned state)
{
    IrTemp *out = op->out;
    if ((op->opcode == IR_ext32s || op->opcode == IR_ext32u) && !(state & WIDE)) {
        op->opcode = IR_mov;
        op->type = IR_I64;
    }
    return (!(state & LIVE) && is_removable(op, flags)) ||
           (op->opcode == IR_mov && op->in[0] == out) ||
           (op->opcode == IR_mov && retarget(ir, lv, op));
}

void ir_liveness(IrContext *ir)
{
    Liveness lv = { .now = ir->liveness_time, .observed = ir->liveness_time };
    if (ir->liveness_done) {        /* else they are new */
        for (uint32_t i = ir->nglobals; i < ir->ntemps; i++) {
            ir->temps[i]->pass_bits = 0;
        }
    }
    /* An op that is removed still knows the one before it. */
    for (IrOp *op = ir->head.prev; op != &ir->head; op = op->prev) {
        op->dead = op->sync = 0;
        if (op->opcode == IR_insn_start) {      /* half of all ops */
            continue;
        }
        unsigned flags = ir_op_info[op->opcode].flags;
        IrTemp *out = op->out;
        unsigned state = 0;
        if (out) {
            state = state_of(&lv, out);
            if (remove_or_retarget(ir, &lv, op, flags, state)) {
                ir_op_remove(ir, op);
                continue;
            }
            if (op->opcode == IR_rotl || op->opcode == IR_rotr) {
                rotate_in_place(ir, &lv, op);
            }
            op->dead = state & LIVE ? 0 : OUT_DEAD;
            op->sync = (state & SEEN) != 0;
            out->pass_bits = ++lv.now << TIME_SHIFT;
        } else if (is_removable(op, flags)) {
            ir_op_remove(ir, op);
            continue;
        }
        if (observes_globals(op, flags)) {
            lv.observed = ++lv.now;
        }
        read_inputs(&lv, op, state & WIDE);
    }
    ir->liveness_time = lv.now;
    ir->liveness_done = true;
}
