/*
 * exec/region_translate.c: see region_translate.h.
 *
 * The blocks of a frame come in the order of addresses; behind a call that goes on inside, all of
 * its callee's. So the label of what is behind a call or a return is mostly the next one, and goes.
 */
#include "exec/region_translate.h"

#include <string.h>

#include <glib.h>

#include "exec/region_guess.h"
#include "exec/tb_gen.h"
#include "ir/build.h"
#include "ir/sig.h"

enum {
    MAX_SLOTS = 60 - (int)REGION_MAX_GUESSES,   /* ir_op_slots() */
    MAX_EXITS = MAX_SLOTS, MAX_MISSES = 64,
    MAX_UNROLLED = 16,          /* insns of a loop that is there twice */
};
_Static_assert(MAX_SLOTS <= (int)BACKEND_MAX_SLOTS, "slots of a region");
_Static_assert(REGION_MAX_INSNS * 4 <= (int)TB_MAX_BYTES &&
               REGION_MAX_BLOCK_INSNS < (int)TB_MAX_INSNS, "ranges, blocks");

/* A way out by direct jumps. The first jump has a slot of its own, all others share one. */
typedef struct Exit {
    uint64_t pc;
    IrLabel *label;             /* of the shared one, or NULL */
    uint64_t from, note;        /* pc of a jump to it */
} Exit;

/* A computed jump that goes elsewhere than was taken for granted. */
typedef struct Miss {
    IrLabel *label;
    IrOp op;
    const RegionNode *node;
    uint64_t note;
    IrLabel *back;              /* of a call: where it comes back to */
} Miss;

typedef struct Translator {
    const RegionCode *code;
    const RegionFrame *frame;   /* being translated */
    Exit exit[MAX_EXITS];
    Miss miss[MAX_MISSES];
    unsigned nexits, nmisses;
    uint32_t nslots;
    uint16_t ret_label[REGION_MAX_FRAMES];      /* where a frame returns to */
    RegionTranslation *result;
} Translator;

static unsigned fetch_node(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    Translator *t = opaque;
    for (unsigned back = 0; back <= 2; back += 2) {
        int i = region_find_node(t->code, t->frame, pc - back);
        if (i >= 0 && back + len <= t->code->node[i].len) {
            memcpy(buf, (const uint8_t *)&t->code->node[i].word + back, len);
            return len;
        }
    }
    return 0;
}

/* The label of the block of frame f at pc, or NULL. */
static IrLabel *label_at(Translator *t, IrContext *ir, const RegionFrame *f, uint64_t pc)
{
    int i = region_find_node(t->code, f, pc);
    return i >= 0 && t->code->node[i].leader ? ir->labels[t->code->node[i].label] : NULL;
}

/* What an insn_start says besides, in k[2]: its weight, and whether it is in a function that was
 * called. */
enum { NOTE_WEIGHT = 0xffff, NOTE_CALLED = 0x10000 };

unsigned region_weight(const IrOp *insn_start)
{
    return MAX((unsigned)insn_start->k[2] & NOTE_WEIGHT, 1);
}

static uint64_t note_of(const RegionFrame *f, const RegionNode *n)
{
    return n->weight | (f->level ? NOTE_CALLED : 0);
}

/* A jump out of the region to pc, by op, gets a slot; or a label to jump to is returned. */
static IrLabel *leave_by(Translator *t, IrContext *ir, IrOp *op, unsigned pc_k, uint64_t from,
                         uint64_t note)
{
    uint64_t pc = op->k[pc_k];
    Exit *e = t->exit;
    while (e < &t->exit[t->nexits] && e->pc != pc) {
        e++;
    }
    if (e < &t->exit[t->nexits]) {
        if (!e->label) {
            e->label = ir_label_new(ir);
            e->from = from;
            e->note = note;
        }
        return e->label;
    }
    if (t->nexits < MAX_EXITS) {
        t->exit[t->nexits++] = (Exit){ .pc = pc };
    }
    op->k[pc_k - 1] = t->nslots++;
    return NULL;
}

static void jump_to_label(IrOp *op, IrLabel *label)
{
    bool cond = op->opcode == IR_brcond_tb;
    op->opcode = cond ? IR_brcond : IR_br;
    op->k[cond] = label->index;
    label->refs++;
}

/* op, a computed jump or call, and what it needs behind it. */
static void place_computed(Translator *t, IrContext *ir, IrOp *op, IrLabel *back)
{
    if (op->opcode != IR_call_ptr) {
        return;
    }
    op->k[0] = t->nslots++;
    if (back) {
        ir->cursor = op;
        ir_gen_comes_back(ir, IR_I64, op->k[0], back);
        ir->cursor = NULL;
        t->result->outside++;
    }
}

/* The computed jump op goes to `want`, where `label` is, or else to its miss. */
static bool guard_computed(Translator *t, IrContext *ir, IrOp *op, const RegionNode *n,
                           uint64_t want, IrLabel *label, IrLabel *back)
{
    if (t->nmisses == MAX_MISSES) {
        return false;
    }
    Miss *m = &t->miss[t->nmisses++];
    *m = (Miss){ .label = ir_label_new(ir), .op = *op, .node = n, .back = back,
                 .note = note_of(t->frame, n) };
    ir->cursor = op;
    ir_gen_brcond(ir, IR_I64, op->in[0], ir_const(ir, want), IR_COND_NE, m->label);
    ir_gen_br(ir, IR_I64, label);
    ir->cursor = NULL;
    ir_op_remove(ir, op);
    return true;
}

/* The last op of a block, n its last insn: a call, a return or another computed jump. */
static bool connect_transfer(Translator *t, IrContext *ir, IrOp *op, const RegionNode *n)
{
    const RegionCode *c = t->code;
    const RegionFrame *f = t->frame, *callee = n->callee ? &c->frame[n->callee] : NULL;
    IrLabel *back = n->next >= 0 ? ir->labels[c->node[n->next].label] : NULL;
    IrLabel *to = callee ? label_at(t, ir, callee, callee->pc) : NULL;
    bool by_global = op->nin && op->in[0]->kind == IR_GLOBAL;
    switch (op->opcode) {
    case IR_call_tb:
        if (callee && callee->pc == op->k[1]) {
            op->k[0] = op->k[1] = 0;
            op->opcode = IR_goto_tb;
            jump_to_label(op, to);
            t->result->inside++;
            return true;
        }
        op->k[0] = t->nslots;
        t->nslots += 2;
        if (back) {
            ir->cursor = op;
            ir_gen_comes_back(ir, IR_I64, op->k[0] + 1, back);
            ir->cursor = NULL;
            t->result->outside++;
        }
        return true;
    case IR_call_ptr:
        if (callee && by_global && guard_computed(t, ir, op, n, callee->pc, to, back)) {
            t->result->inside++;
            return true;
        }
        place_computed(t, ir, op, back);
        return true;
    case IR_goto_ptr:
        if (n->kind == FLOW_GOTO_PTR && n->target >= 0 && by_global) {
            guard_computed(t, ir, op, n, n->target_pc, ir->labels[c->node[n->target].label], NULL);
        }
        return true;
    case IR_ret_ptr:
        if (f->level && n->kind == FLOW_GOTO_PTR && n->reg == f->link && by_global) {
            IrLabel *ret = ir->labels[t->ret_label[f - c->frame]];
            if (f->keeps_link) {
                op->opcode = IR_goto_tb;
                op->nin = 0;
                jump_to_label(op, ret);
            } else {
                guard_computed(t, ir, op, n, f->ret, ret, NULL);
            }
        }
        return true;
    default:
        return true;
    }
}

/* What leaves a block for another one of the region goes to its label; the rest gets slots. */
static void connect_block(Translator *t, IrContext *ir, IrOp *first, const RegionNode *last)
{
    uint64_t note = note_of(t->frame, last), pc = last->pc;
    for (IrOp *op = first, *next; op != &ir->head; op = next) {
        next = op->next;
        if (op->opcode == IR_insn_start) {
            op->k[2] = note;
            pc = op->k[0];
        } else if (op->opcode == IR_goto_tb || op->opcode == IR_brcond_tb) {
            unsigned pc_k = op->opcode == IR_brcond_tb ? 2 : 1;
            IrLabel *label = label_at(t, ir, t->frame, op->k[pc_k]);
            if (!label) {
                label = leave_by(t, ir, op, pc_k, pc, note);
            }
            if (label) {
                jump_to_label(op, label);
            }
        } else if (next == &ir->head) {
            connect_transfer(t, ir, op, last);
        }
    }
}

static IrOp *translate_insns(Translator *t, IrContext *ir, const RegionNode *n, unsigned len)
{
    TbSource src = { .fetch = fetch_node, .opaque = t };
    IrOp *last = ir->head.prev;
    DisasContext dc;
    tb_gen_prepare(&dc, &src, n->pc, t->code->flags, t->code->cflags);
    dc.base.max_insns = len;
    translator_loop(&riscv_translator_ops, &dc.base);
    t->result->needs_alone |= dc.needs_alone;
    return last->next;
}

/* The block ends in a branch to itself: let it go on if it is taken, and jump away if not. */
static bool turn_branch(IrContext *ir, uint64_t pc)
{
    IrOp *end = ir->head.prev, *branch = end->prev;
    if (end->opcode != IR_goto_tb || branch->opcode != IR_brcond_tb || branch->k[2] != pc) {
        return false;
    }
    branch->k[0] ^= 1;
    branch->k[2] = end->k[1];
    ir_op_remove(ir, end);
    return true;
}

/* The block n of len insns. If it is short, and a loop by itself, it is there twice: one poll and
 * one jump back for two rounds. */
static void translate_block(Translator *t, IrContext *ir, const RegionNode *n, unsigned len)
{
    IrOp *first = translate_insns(t, ir, n, len);
    if (n->header && len <= MAX_UNROLLED && turn_branch(ir, n->pc)) {
        connect_block(t, ir, first, &n[len - 1]);
        first = translate_insns(t, ir, n, len);
    }
    connect_block(t, ir, first, &n[len - 1]);
}

static void translate_frame(Translator *t, IrContext *ir, const RegionFrame *f)
{
    const RegionCode *c = t->code;
    for (unsigned i = f->first, len; i < f->first + f->n; i += len) {
        const RegionNode *n = &c->node[i];
        len = 1;
        while (i + len < f->first + f->n && !n[len].leader) {
            len++;
        }
        t->frame = f;
        ir_gen_set_label(ir, IR_I64, ir->labels[n->label]);
        if (n->header) {
            ir_gen_poll(ir, IR_I64, n->pc);
        }
        translate_block(t, ir, n, len);
        if (n[len - 1].callee) {
            translate_frame(t, ir, &c->frame[n[len - 1].callee]);
        }
    }
}

/* Each leader's, and from them those behind calls. */
static void make_labels(Translator *t, RegionCode *c, IrContext *ir)
{
    for (unsigned i = 0; i < c->nnodes; i++) {
        if (c->node[i].leader) {
            c->node[i].label = ir_label_new(ir)->index;
        }
    }
    for (unsigned i = 0; i < c->nnodes; i++) {
        if (c->node[i].callee) {
            t->ret_label[c->node[i].callee] = c->node[c->node[i].next].label;
        }
    }
}

bool region_translate(RegionCode *c, RegionTranslation *result)
{
    static Translator translator;       /* tb_lock */
    Translator *t = &translator;
    IrContext *ir = tb_gen_begin();
    *result = (RegionTranslation){ .needs_alone = false };
    t->code = c;
    t->result = result;
    t->nexits = t->nmisses = t->nslots = 0;
    make_labels(t, c, ir);
    ir_gen_br(ir, IR_I64, label_at(t, ir, &c->frame[0], c->pc));
    translate_frame(t, ir, &c->frame[0]);
    for (unsigned i = 0; i < t->nmisses; i++) {
        const Miss *m = &t->miss[i];
        ir_gen_set_label(ir, IR_I64, m->label);
        ir_gen_insn_start(ir, IR_I64, m->node->pc, m->node->len)->k[2] = m->note;
        IrOp *op = ir_op_new(ir, (IrOpcode)m->op.opcode, IR_I64);
        op->nin = m->op.nin;
        op->in[0] = m->op.in[0];
        memcpy(op->k, m->op.k, sizeof(op->k));
        place_computed(t, ir, op, m->back);
    }
    for (unsigned i = 0; i < t->nexits; i++) {
        const Exit *e = &t->exit[i];
        if (e->label) {
            ir_gen_set_label(ir, IR_I64, e->label);
            ir_gen_insn_start(ir, IR_I64, e->from, 0)->k[2] = e->note;
            ir_gen_goto_tb(ir, IR_I64, t->nslots++, e->pc);
        }
    }
    ir->nslots = t->nslots;
    return t->nslots <= MAX_SLOTS;
}

uint64_t region_called_exits(const IrContext *ir)
{
    uint64_t slots = 0;
    bool called = false;
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_insn_start) {
            called = op->k[2] & NOTE_CALLED;
        } else if (called && (op->opcode == IR_goto_tb || op->opcode == IR_brcond_tb)) {
            slots |= ir_op_slots(op);
        }
    }
    return slots;
}
