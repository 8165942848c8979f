/*
 * ir/ir.c: the context: arena, temps, constants, labels, the op list.
 *
 * The arena is a list of blocks that only grows; ir_reset() starts again at the first one, so that
 * in the steady state a TB calls no malloc. Globals and the pointer arrays live outside of it.
 * Every allocation is cleared when it is handed out, not at reset.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

enum { ARENA_BLOCK = 64 * 1024, CONST_BITS = 5, CONST_BUCKETS = 1 << CONST_BITS };

typedef struct IrArenaBlock {
    struct IrArenaBlock *next;
    size_t size;
    _Alignas(16) uint8_t data[];
} IrArenaBlock;

/* A constant with its hash chain; the temp comes first. */
typedef struct ConstNode {
    IrTemp temp;
    struct ConstNode *next;
} ConstNode;

const IrHelper *ir_helpers;
unsigned ir_nhelpers;

void ir_set_helpers(const IrHelper *table, unsigned n)
{
    ir_helpers = table;
    ir_nhelpers = n;
}

static IrArenaBlock *arena_block_new(size_t size)
{
    IrArenaBlock *b = g_malloc(sizeof(*b) + size);
    b->next = NULL;
    b->size = size;
    return b;
}

static void arena_use(IrContext *ir, IrArenaBlock *b)
{
    ir->arena = b;
    ir->arena_at = b->data;
    ir->arena_end = b->data + b->size;
}

IrContext *ir_new(void)
{
    IrContext *ir = g_new0(IrContext, 1);
    ir->head.prev = ir->head.next = &ir->head;
    ir->arena_first = arena_block_new(ARENA_BLOCK);
    arena_use(ir, ir->arena_first);
    ir->ntemps_cap = 1024;
    ir->temps = g_new(IrTemp *, ir->ntemps_cap);
    ir->nlabels_cap = 16;
    ir->labels = g_new(IrLabel *, ir->nlabels_cap);
    ir->const_hash = g_new0(IrTemp *, CONST_BUCKETS);
    return ir;
}

void ir_free(IrContext *ir)
{
    if (!ir) {
        return;
    }
    for (uint32_t i = 0; i < ir->nglobals; i++) {
        g_free(ir->temps[i]);
    }
    for (IrArenaBlock *b = ir->arena_first, *next; b; b = next) {
        next = b->next;
        g_free(b);
    }
    g_free(ir->opt_info);
    g_free(ir->temps);
    g_free(ir->labels);
    g_free(ir->const_hash);
    g_free(ir);
}

void ir_reset(IrContext *ir)
{
    ir->head.prev = ir->head.next = &ir->head;
    ir->ntemps = ir->nglobals;
    ir->nlabels = 0;
    ir->nops = 0;
    ir->nslots = 0;
    ir->cursor = NULL;
    ir->liveness_done = false;
    arena_use(ir, ir->arena_first);
    memset(ir->const_hash, 0, CONST_BUCKETS * sizeof(ir->const_hash[0]));
}

/* The current block is full: take the next one that has room, or a new one. */
static G_GNUC_NO_INLINE void *arena_advance(IrContext *ir, size_t size)
{
    IrArenaBlock *b = ir->arena;
    if (!b->next || b->next->size < size) {
        IrArenaBlock *n = arena_block_new(MAX(size, (size_t)ARENA_BLOCK));
        n->next = b->next;
        b->next = n;
    }
    arena_use(ir, b->next);
    ir->arena_at += size;
    return b->next->data;
}

static inline void *arena_take(IrContext *ir, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    uint8_t *p = ir->arena_at;
    if (G_UNLIKELY((size_t)(ir->arena_end - p) < size)) {
        return arena_advance(ir, size);
    }
    ir->arena_at = p + size;
    return p;
}

void *ir_alloc(IrContext *ir, size_t size)
{
    return memset(arena_take(ir, size), 0, size);
}

void *ir_alloc_raw(IrContext *ir, size_t size)
{
    return arena_take(ir, size);
}

/* Number t and enter it in the table. The other fields are set one by one, see ir_op_alloc(). */
static inline void temp_init(IrContext *ir, IrTemp *t, IrTempKind kind, IrClass cls)
{
    t->kind = (uint8_t)kind;
    t->cls = (uint8_t)cls;
    t->env_offset = 0;
    t->value = 0;
    t->name = NULL;
    t->pass_bits = 0;
    t->pass_ptr = NULL;
    t->mem_valid = 0;
    t->boxed = false;
    t->uses = 0;
    if (G_UNLIKELY(ir->ntemps == ir->ntemps_cap)) {
        ir->ntemps_cap *= 2;
        ir->temps = g_renew(IrTemp *, ir->temps, ir->ntemps_cap);
    }
    assert(ir->ntemps <= UINT16_MAX);
    t->index = (uint16_t)ir->ntemps;
    t->reg = -1;
    t->slot = -1;
    ir->temps[ir->ntemps++] = t;
}

IrTemp *ir_global_new(IrContext *ir, IrClass cls, const char *name, int32_t env_offset)
{
    assert(ir->ntemps == ir->nglobals && ir->nglobals < IR_MAX_GLOBALS);
    IrTemp *t = g_new(IrTemp, 1);
    temp_init(ir, t, IR_GLOBAL, cls);
    t->name = name;
    t->env_offset = env_offset;
    ir->nglobals++;
    return t;
}

IrTemp *ir_temp_new(IrContext *ir, IrClass cls)
{
    IrTemp *t = arena_take(ir, sizeof(*t));
    temp_init(ir, t, IR_TEMP, cls);
    return t;
}

IrTemp *ir_const(IrContext *ir, uint64_t value)
{
    unsigned h = (unsigned)((value * 0x9e3779b97f4a7c15u) >> (64 - CONST_BITS));
    for (ConstNode *n = (ConstNode *)ir->const_hash[h]; n; n = n->next) {
        if (n->temp.value == value) {
            return &n->temp;
        }
    }
    ConstNode *n = arena_take(ir, sizeof(*n));
    temp_init(ir, &n->temp, IR_CONST, IR_INT);
    n->temp.value = value;
    n->next = (ConstNode *)ir->const_hash[h];
    ir->const_hash[h] = &n->temp;
    return &n->temp;
}

IrLabel *ir_label_new(IrContext *ir)
{
    if (ir->nlabels == ir->nlabels_cap) {
        ir->nlabels_cap *= 2;
        ir->labels = g_renew(IrLabel *, ir->labels, ir->nlabels_cap);
    }
    IrLabel *l = ir_alloc(ir, sizeof(*l));
    l->index = (uint16_t)ir->nlabels;
    ir->labels[ir->nlabels++] = l;
    return l;
}

static inline IrOp *op_alloc(IrContext *ir, IrOpcode opc, IrType t)
{
    IrOp *op = arena_take(ir, sizeof(*op));
    /* Field by field: compilers clear a struct of this size with a slow string instruction. */
    op->opcode = (uint8_t)opc;
    op->type = (uint8_t)t;
    op->nin = op->dead = op->sync = 0;
    op->out = NULL;
    op->in[0] = op->in[1] = op->in[2] = op->in[3] = NULL;
    op->k[0] = op->k[1] = op->k[2] = 0;
    return op;
}

IrOp *ir_op_alloc(IrContext *ir, IrOpcode opc, IrType t)
{
    IrOp *op = op_alloc(ir, opc, t);
    op->prev = op->next = NULL;
    return op;
}

void ir_op_insert_before(IrContext *ir, IrOp *at, IrOp *op)
{
    op->prev = at->prev;
    op->next = at;
    at->prev->next = op;
    at->prev = op;
    ir->nops++;
}

IrOp *ir_op_new(IrContext *ir, IrOpcode opc, IrType t)
{
    IrOp *op = op_alloc(ir, opc, t), *at = ir->cursor ? ir->cursor : &ir->head;
    op->prev = at->prev;
    op->next = at;
    at->prev->next = op;
    at->prev = op;
    ir->nops++;
    return op;
}

void ir_op_remove(IrContext *ir, IrOp *op)
{
    op->prev->next = op->next;
    op->next->prev = op->prev;
    ir->nops--;
}
