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
 * Removes ops without an effect whose output is dead; fills op->dead and op->sync; makes a mov of an
 * extension from 32 bits if nobody looks at what it extends to; and turns
 *      op t, ... ; mov g, t        into        op g, ...
 * when t dies there. Ops with FP_FLAGS stay, with bit 7 of op->dead when nobody reads the output.
 */
#include "ir/ir.h"

#include <glib.h>

#include "ir/opt.h"

enum { OUT_DEAD = 0x80, GLOBAL_WORDS = (IR_MAX_GLOBALS + 63) / 64 };

/* How far above a mov its source's definition may lie to be retargeted. */
enum { MOV_REACH = 4 };

typedef struct Liveness {
    uint64_t *live, *wide;      /* bitmaps by temp index; globals come first */
    uint64_t seen[GLOBAL_WORDS];
    uint64_t globals[GLOBAL_WORDS];
} Liveness;

static inline bool bit_get(const uint64_t *map, unsigned i)
{
    return map[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *map, unsigned i)
{
    map[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void bit_clear(uint64_t *map, unsigned i)
{
    map[i / 64] &= ~((uint64_t)1 << (i % 64));
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

/* The low half of op's output depends on the low half of input i only. */
static inline bool keeps_low_half(const IrOp *op, unsigned i)
{
    switch (op->opcode) {
    case IR_mov:
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_andn:
    case IR_orn:
    case IR_xnor:
        return true;
    case IR_shl:
        return i == 0;
    case IR_movcond:
        return i >= 2;
    default:
        return false;
    }
}

/* mov d, s where s is a temp that dies: let the op that makes s write d instead. May remove ops
 * before mov that write d, too. */
static bool retarget(IrContext *ir, Liveness *lv, IrOp *mov)
{
    IrTemp *d = mov->out, *s = mov->in[0];
    if (s->kind != IR_TEMP || bit_get(lv->live, s->index)) {
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

/* First all deaths, then all lives: the same temp may be in two inputs. */
static inline void read_inputs(Liveness *lv, IrOp *op, bool wide)
{
    for (unsigned i = 0; i < op->nin; i++) {
        op->dead |= (uint8_t)(!bit_get(lv->live, op->in[i]->index) << i);
    }
    for (unsigned i = 0; i < op->nin; i++) {
        bit_set(lv->live, op->in[i]->index);
        if (opt_bits_read(op, i) > 32 && (wide || !keeps_low_half(op, i))) {
            bit_set(lv->wide, op->in[i]->index);
        }
    }
}

void ir_liveness(IrContext *ir)
{
    size_t words = MAX((ir->ntemps + 63) / 64, (uint32_t)GLOBAL_WORDS);
    Liveness lv = { .live = ir_alloc(ir, 2 * words * 8) };
    lv.wide = lv.live + words;
    for (unsigned w = 0; w < GLOBAL_WORDS; w++) {
        unsigned n = MIN(MAX(ir->nglobals, w * 64) - w * 64, 64u);
        lv.globals[w] = n ? ~(uint64_t)0 >> (64 - n) : 0;
    }

    IR_FOREACH_REVERSE_SAFE(ir, op) {
        if (op->opcode == IR_insn_start) {      /* half of all ops */
            op->dead = op->sync = 0;
            continue;
        }
        unsigned flags = ir_op_info[op->opcode].flags;
        IrTemp *out = op->out;
        bool wide = out && bit_get(lv.wide, out->index);
        op->dead = 0;
        op->sync = 0;
        if (out) {
            if ((op->opcode == IR_ext32s || op->opcode == IR_ext32u) && !wide) {
                op->opcode = IR_mov;
                op->type = IR_I64;
                if (op->in[0] == out) {
                    ir_op_remove(ir, op);
                    continue;
                }
            }
            bool dead = !bit_get(lv.live, out->index);
            if (dead && is_removable(op, flags)) {
                ir_op_remove(ir, op);
                continue;
            }
            if (op->opcode == IR_mov) {
                bool gone = retarget(ir, &lv, op);
                op_p = op->prev;
                if (gone) {
                    ir_op_remove(ir, op);
                    continue;
                }
            }
            op->dead = dead ? OUT_DEAD : 0;
            bit_clear(lv.live, out->index);
            bit_clear(lv.wide, out->index);
            if (out->kind == IR_GLOBAL) {
                op->sync = bit_get(lv.seen, out->index);
                bit_clear(lv.seen, out->index);
            }
        } else if (is_removable(op, flags)) {
            ir_op_remove(ir, op);
            continue;
        }
        if (observes_globals(op, flags)) {
            for (unsigned w = 0; w < GLOBAL_WORDS; w++) {
                lv.live[w] |= lv.globals[w];
                lv.wide[w] |= lv.globals[w];
                lv.seen[w] = lv.globals[w];
            }
        }
        read_inputs(&lv, op, wide);
    }
}
