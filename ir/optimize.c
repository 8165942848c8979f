/*
 * ir/optimize.c: the driver of the optimizer. What it knows about values is described in opt.h.
 *
 * One forward scan. Each op first gets better inputs (copies and small constants propagated,
 * extensions undone that it does not look at), then is simplified until nothing changes, then what
 * it makes is recorded. Unreachable ops go. Writes of globals stay where they are, so the law of
 * exact state holds by itself; liveness removes the dead ones later.
 *
 * Linear; allocates from the arena only.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

#include "ir/eval.h"
#include "ir/opt.h"
#include "ir/sig.h"

enum {
    MAX_STEPS = 8,              /* simplifications of one op: each makes it simpler */
    SPARE_TEMPS = 64,           /* room for those that pair_shifts() makes, constants included */
};

/* Forget all about t: as if it had just been written by somebody unknown. */
void opt_info_forget(Opt *o, const IrTemp *t)
{
    o->info[t->index] = (OptInfo){ .version = ++o->version, .epoch = o->epoch, .sbits = 1,
                                   .fp = t->boxed ? OPT_FP_BOXED : 0 };
}

static void forget_all(Opt *o)
{
    o->epoch = ++o->ir->opt_epoch;
    if (!o->epoch) {
        memset(o->info, 0, o->ir->opt_cap * sizeof(o->info[0]));
        o->epoch = ++o->ir->opt_epoch;
    }
}

static void forget_globals(Opt *o)
{
    for (unsigned i = 0; i < o->ir->nglobals; i++) {
        o->info[i].epoch = 0;
    }
}

/* Where to read t's value from. */
static IrTemp *find(Opt *o, IrTemp *t)
{
    while (t->kind != IR_CONST) {
        const OptInfo *i = opt_info(o, t);
        if (!i->rep || opt_version(o, i->rep) != i->rep_version) {
            break;
        }
        t = i->rep;
    }
    return t;
}

static void improve_inputs(Opt *o, IrOp *op)
{
    for (unsigned n = 0; n < op->nin; n++) {
        IrTemp *t = op->in[n];
        if (t->kind != IR_CONST) {
            t = find(o, t);
        }
        if (t->cls == IR_INT && op->opcode != IR_mov) {
            unsigned bits = opt_bits_read(op, n);
            if (bits < 64) {
                t = find(o, opt_bits_narrow(o, t, bits));
                if (t->kind == IR_CONST && !opt_fits32(t->value)) {
                    t = ir_const(o->ir, (uint64_t)(int64_t)(int32_t)t->value);
                }
            }
        }
        op->in[n] = t;
    }
}

/* Address of a memory access: x + c becomes a displacement. */
static bool fold_address(Opt *o, IrOp *op)
{
    if (op->opcode != IR_guest_ld && op->opcode != IR_guest_st) {
        return false;
    }
    IrTemp *base = op->in[0];
    if (base->kind == IR_CONST) {
        uint64_t sum = base->value + op->k[0];
        if (op->k[0] == 0 || !opt_fits32(sum)) {
            return false;
        }
        op->in[0] = ir_const(o->ir, sum);
        op->k[0] = 0;
        return true;
    }
    const IrOp *def = opt_def_near(o, base);
    if (!def || def->opcode != IR_add || def->type != IR_I64 || def->in[1]->kind != IR_CONST) {
        return false;
    }
    uint64_t disp = op->k[0] + def->in[1]->value;
    if (!opt_fits32(disp)) {
        return false;
    }
    op->in[0] = def->in[0];
    op->k[0] = disp;
    return true;
}

static void remove_op(Opt *o, IrOp *op)
{
    int label_k = ir_op_label_k((IrOpcode)op->opcode);
    if (label_k >= 0 && op->opcode != IR_set_label) {
        o->label_refs[op->k[label_k]]--;
    }
    if (label_k >= 0) {
        o->ir->labels[op->k[label_k]]->refs--;
    }
    o->slots_changed |= ir_op_slots(op) != 0;
    ir_op_remove(o->ir, op);
}

/* Control does not get past op: remove what follows, to the next label that is used. */
static void remove_unreachable(Opt *o, const IrOp *op)
{
    if (ir_call_lands(op)) {
        return;
    }
    for (IrOp *n = op->next; n != &o->ir->head; n = op->next) {
        if (n->opcode == IR_set_label && o->label_refs[n->k[0]] > 0) {
            break;
        }
        remove_op(o, n);
    }
}

enum { STAYS, CHANGED, REMOVED };

/* brcond, brcond_tb */
static int simplify_branch(Opt *o, IrOp *op)
{
    int r = opt_decide(o, (IrCond)op->k[0], (IrType)op->type, op->in[0], op->in[1]);
    if (r == 0) {
        remove_op(o, op);
        return REMOVED;
    }
    if (r < 0) {
        return opt_fold_compare(o, op) ? CHANGED : STAYS;
    }
    op->opcode = op->opcode == IR_brcond ? IR_br : IR_goto_tb;
    op->type = IR_I64;
    op->nin = 0;
    op->k[0] = op->k[1];
    op->k[1] = op->k[2];
    return CHANGED;
}

/* One step for op, whatever it is. */
static int simplify(Opt *o, IrOp *op)
{
    if (op->opcode == IR_mov) {
        if (find(o, op->out) == op->in[0]) {
            remove_op(o, op);
            return REMOVED;
        }
        return STAYS;
    }
    if (ir_is_int_op((IrOpcode)op->opcode)) {
        return opt_fold(o, op) ? CHANGED : STAYS;
    }
    switch (op->opcode) {
    case IR_brcond:
    case IR_brcond_tb:
        return simplify_branch(o, op);
    case IR_br:
        if (op->next->opcode == IR_set_label && op->next->k[0] == op->k[0]) {
            remove_op(o, op);
            return REMOVED;
        }
        return STAYS;
    case IR_guest_ld:
    case IR_guest_st:
        return fold_address(o, op) ? CHANGED : STAYS;
    default:
        return opt_fp_fold(o, op) ? CHANGED : STAYS;
    }
}

/* mov d, s: d is another name of s; if s is a temp and d a global, d is the better one. */
static void record_copy(Opt *o, const IrOp *op)
{
    IrTemp *d = op->out, *s = op->in[0];
    if (s->kind == IR_CONST) {
        OptBits bits = opt_bits_of(o, s);
        OptInfo *i = opt_info(o, d);
        *i = (OptInfo){ .version = ++o->version, .zeros = bits.zeros, .ones = bits.ones,
                        .epoch = o->epoch, .sbits = (uint8_t)bits.sbits };
        /* A large constant costs an instruction at each use: rather read it from here. */
        i->rep = opt_fits32(s->value) ? s : NULL;
        return;
    }
    OptInfo *is = opt_info(o, s), *id = opt_info(o, d);
    *id = *is;
    id->shift = NULL;                       /* was before there was a d */
    id->version = ++o->version;
    if (s->kind == IR_TEMP && d->kind == IR_GLOBAL) {
        id->rep = NULL;
        is->rep = d;
        is->rep_version = id->version;
    } else {
        id->rep = s;
        id->rep_version = is->version;
    }
}

/* A quick answer for most ops: nothing is known about the bits of the result. */
static bool nothing_known(Opt *o, const IrOp *op)
{
    if (op->opcode == IR_guest_ld) {
        return (op->k[1] & MO_SIZE) == MO_64;
    }
    if ((op->opcode == IR_add || op->opcode == IR_sub) && op->type == IR_I64 &&
        op->in[0]->kind != IR_CONST) {
        const OptInfo *i = opt_info(o, op->in[0]);
        return i->zeros == 0 && i->sbits <= 2;
    }
    return false;
}

static void record(Opt *o, IrOp *op)
{
    bool is_int = ir_is_int_op((IrOpcode)op->opcode);
    OptInfo new = { .epoch = o->epoch, .sbits = 1 };
    if (op->opcode == IR_mov) {
        record_copy(o, op);
        return;
    }
    if (op->out->cls == IR_INT && !nothing_known(o, op)) {
        OptBits bits = opt_bits_of_result(o, op);
        if (is_int && (bits.zeros | bits.ones) == ~(uint64_t)0) {
            opt_to_const(o, op, bits.ones);
            record_copy(o, op);
            return;
        }
        new.zeros = bits.zeros;
        new.ones = bits.ones;
        new.sbits = (uint8_t)bits.sbits;
    } else if (op->out->cls == IR_FP) {
        new.fp = (uint8_t)opt_fp_result(o, op);
    }
    if ((ir_op_info[op->opcode].flags & IRF_PURE) && op->nin - 1u < 2) {
        new.def = op;
        new.serial = o->serial;
        new.def_version[0] = opt_version(o, op->in[0]);
        new.def_version[1] = op->nin > 1 ? opt_version(o, op->in[1]) : 0;
    }
    OptInfo *i = opt_info(o, op->out);
    /* An op in place: the next one may want to look through it. */
    o->last = is_int && new.def && op->in[0] == op->out ? op : NULL;
    if (o->last) {
        o->before = *i;
    }
    new.version = ++o->version;
    *i = new;
}

/* Simplify until nothing changes. */
static int simplify_all(Opt *o, IrOp *op)
{
    for (unsigned step = 0; step < MAX_STEPS; step++) {
        int r = simplify(o, op);
        if (r != CHANGED) {
            return r;
        }
        improve_inputs(o, op);
    }
    return STAYS;
}

static bool reads(const IrOp *op, const IrTemp *t)
{
    for (unsigned i = 0; i < op->nin; i++) {
        if (op->in[i] == t) {
            return true;
        }
    }
    return false;
}

/*
 * "x = f(x); x = g(x)": f's input is gone when g looks for it, though nobody could see the x in
 * between. Give that x another name for a moment; if g then makes do without it, f's op goes.
 */
static void merge_in_place(Opt *o, IrOp *op)
{
    IrOp *f = o->last;
    IrTemp *x = op->out, *between = o->between;
    if (!f || f->out != x || op->in[0] != x || !ir_is_int_op((IrOpcode)op->opcode) ||
        !(op->nin == 1 || (op->nin == 2 && op->in[1]->kind == IR_CONST))) {
        return;
    }
    OptInfo *ix = opt_info(o, x), *ib = opt_info(o, between);
    OptInfo after = *ix;
    *ib = after;
    *ix = o->before;
    f->out = between;
    op->in[0] = between;
    if (simplify(o, op) == CHANGED && !reads(op, between)) {
        ir_op_remove(o->ir, f);
        improve_inputs(o, op);
        return;
    }
    assert(!reads(op, x));
    for (unsigned i = 0; i < op->nin; i++) {
        if (op->in[i] == between) {
            op->in[i] = x;
        }
    }
    f->out = x;
    *ix = after;
}

/* t is to be read by op instead of in[0], which is equal. */
static void reread(Opt *o, IrOp *op, IrTemp *t)
{
    OptInfo *i = op->out == t ? NULL : opt_info(o, op->out);
    op->in[0] = t;
    if (i && i->def == op) {
        i->def_version[0] = opt_version(o, t);
    }
}

static bool shifts_by_const(const IrOp *op)
{
    return (op->opcode == IR_shl || op->opcode == IR_shr) && op->in[1]->kind == IR_CONST;
}

/*
 * Two shifts of one value that meet: the halves of a rotation. fold_rotate() finds them by what
 * they shift: let both name it alike, by a name that lasts. The second often overwrites it ("srlw
 * a5,a5,25"), and 32-bit shifts may see it with its sign extension and without.
 */
static void pair_shifts(Opt *o, IrOp *op)
{
    unsigned width = op->type == IR_I32 ? 32 : 64;
    if (!shifts_by_const(op) || op->in[0]->kind == IR_CONST) {
        return;
    }
    IrTemp *root = width == 32 ? opt_bits_root(o, op->in[0], 32) : op->in[0];
    OptInfo *i = opt_info(o, root);
    IrOp *other = i->shift;
    if (!other || other->prev->next != other ||         /* it is gone */
        !shifts_by_const(other) ||                      /* or its result was a constant */
        other->opcode == op->opcode || other->type != op->type ||
        other->in[1]->value + op->in[1]->value != width) {
        i->shift = op;
        return;
    }
    if (root == op->out) {
        if (o->ir->ntemps >= o->max_temps) {
            return;
        }
        IrTemp *t = ir_temp_new(o->ir, IR_INT);
        IrOp *mov = ir_op_alloc(o->ir, IR_mov, IR_I64);
        mov->out = t;
        mov->in[0] = root;
        mov->nin = 1;
        ir_op_insert_before(o->ir, other, mov);
        OptInfo *it = opt_info(o, t);
        it->zeros = i->zeros;
        it->ones = i->ones;
        it->sbits = i->sbits;
        root = t;
    }
    reread(o, other, root);
    op->in[0] = root;
}

/* Simplify op and learn from it. Its successor may be another one afterwards. */
static void process(Opt *o, IrOp *op)
{
    unsigned flags = ir_op_info[op->opcode].flags;
    if (op->opcode == IR_insn_start) {
        return;
    }
    if (op->opcode == IR_set_label) {
        if (o->label_refs[op->k[0]] == 0) {
            remove_op(o, op);
        } else {
            forget_all(o);
            o->last = NULL;
        }
        return;
    }
    if (op->opcode == IR_landing) {
        forget_all(o);
        o->last = NULL;
        return;
    }
    if (ir_op_is_last(op)) {
        remove_unreachable(o, op);
    }
    improve_inputs(o, op);
    if (simplify_all(o, op) == REMOVED) {
        return;
    }
    if (op->out) {
        if (o->last) {
            merge_in_place(o, op);
            if (simplify_all(o, op) == REMOVED) {
                return;
            }
        }
    } else if ((flags & IRF_ENDS_BB) && ir_op_is_last(op)) {
        remove_unreachable(o, op);      /* a branch has become certain */
    }
    o->last = NULL;
    if (op->opcode == IR_call && (ir_helpers[op->k[0]].flags & IRH_WRITES)) {
        forget_globals(o);
    }
    if (op->out) {
        pair_shifts(o, op);
        record(o, op);
    }
}

/* Branches that never are taken leave holes among the jump slots: close them. */
static void renumber_slots(IrContext *ir)
{
    uint64_t used = 0;
    IR_FOREACH(ir, op) {
        used |= ir_op_slots(op);
    }
    IR_FOREACH(ir, op) {
        if (ir_op_slots(op) || op->opcode == IR_comes_back) {
            uint64_t *slot = &op->k[op->opcode == IR_brcond_tb ? 1 : 0];
            *slot = (unsigned)__builtin_popcountll(used & (((uint64_t)1 << *slot) - 1));
        }
    }
    ir->nslots = (unsigned)__builtin_popcountll(used);
}

static void count_label_refs(Opt *o)
{
    o->label_refs = ir_alloc(o->ir, o->ir->nlabels * sizeof(o->label_refs[0]));
    IR_FOREACH(o->ir, op) {
        int k = ir_op_label_k((IrOpcode)op->opcode);
        if (k >= 0 && op->opcode != IR_set_label) {
            o->label_refs[op->k[k]]++;
        }
    }
}

void ir_optimize(IrContext *ir)
{
    Opt o = { .ir = ir };
    o.between = ir_temp_new(ir, IR_INT);
    o.max_temps = ir->ntemps + SPARE_TEMPS;
    if (ir->opt_cap < o.max_temps) {
        g_free(ir->opt_info);
        ir->opt_cap = ir->ntemps_cap + SPARE_TEMPS;
        ir->opt_info = g_new0(OptInfo, ir->opt_cap);
    }
    o.info = ir->opt_info;
    forget_all(&o);
    if (ir->nlabels) {
        count_label_refs(&o);
    }
    for (IrOp *op = ir->head.next; op != &ir->head; op = op->next) {
        o.serial++;
        process(&o, op);
    }
    if (o.slots_changed) {
        renumber_slots(ir);
    }
    if (o.has_fcanon) {
        opt_defer_canon(ir);
    }
    if (RIVET_SLOW_CHECKS) {
        ir_verify(ir);
    }
}
