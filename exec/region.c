/*
 * exec/region.c: the second tier. A hot loop becomes one TB, a region, with pins of its own.
 *
 * Backward jumps of TBs count down (TBJump.count). At zero the jump's aim is taken for the header of a
 * loop: the code reachable from there is followed as far as TBs show that it has run; what gets back
 * to the header by a backward jump is the loop, inner loops included, calls not. Its basic blocks are
 * translated in the order of addresses into one IR, where jumps between them go to labels; all others
 * stay jump slots. The registers used most, weighted by the depth of loops, are the pins.
 *
 * A region has the key of the TB at its header and is found in its place; that one stays behind it for
 * the day when the region is dropped, because its code has changed. Every cycle inside holds a poll,
 * which is also how CPUs get out of a region that was dropped.
 *
 * All under tb_lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "exec/code_buffer.h"
#include "exec/log.h"
#include "exec/region_guess.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "exec/tb_gen.h"
#include "ir/build.h"

enum {
    MAX_NODES = 800,            /* insns looked at */
    MAX_INSNS = 400,            /* insns in a region */
    MAX_BLOCK_INSNS = 100,
    MAX_RANGES = 64, MAX_LOOPS = 24, MAX_DEPTH = 5,
    MAX_SLOTS = 60 - (int)REGION_MAX_GUESSES,   /* ir_op_slots() */
    HASH_BITS = 11,
};
_Static_assert(MAX_SLOTS <= (int)BACKEND_MAX_SLOTS, "slots of a region");
_Static_assert(MAX_INSNS * 4 <= (int)TB_MAX_BYTES && MAX_BLOCK_INSNS < (int)TB_MAX_INSNS, "ranges, blocks");

/* An insn that was looked at. */
typedef struct Node {
    uint64_t pc;
    uint32_t word;
    uint8_t len, kind;          /* InsnFlowKind */
    bool in;                    /* in the region */
    bool mark;                  /* in the loop that is being looked at */
    bool leader;                /* first of a block */
    bool header;                /* aim of a backward jump inside */
    uint8_t depth;              /* loops around it */
    uint16_t label;             /* of a leader */
    int16_t next, target;       /* nodes that it leads to, or -1 */
    uint64_t target_pc;
} Node;

typedef struct RegionBuilder {
    CPUState *cpu;
    uint64_t pc;                /* the header */
    uint32_t flags, cflags;
    Node node[MAX_NODES];
    unsigned nnodes, ninsns;
    uint16_t hash[1 << HASH_BITS];      /* by pc: index of a node + 1 */
    uint64_t work[MAX_NODES];
    unsigned nwork;
    /* guest code read last */
    uint64_t chunk_pc;
    unsigned chunk_len;
    uint8_t chunk[128];
    bool needs_alone;           /* TranslationBlock's */
    TbRegion *region;
} RegionBuilder;

static RegionBuilder *builder;  /* made when the first loop is hot */

/* ---- which code ---- */

static uint16_t *hash_slot(RegionBuilder *b, uint64_t pc)
{
    for (uint64_t h = pc >> 1;; h++) {
        uint16_t *s = &b->hash[h & ((1 << HASH_BITS) - 1)];
        if (!*s || b->node[*s - 1].pc == pc) {
            return s;
        }
    }
}
_Static_assert(MAX_NODES < 1 << HASH_BITS, "the hash has room");

static int find_node(RegionBuilder *b, uint64_t pc)
{
    return (int)*hash_slot(b, pc) - 1;
}

static bool read_code(RegionBuilder *b, uint64_t pc, uint8_t *p, unsigned len)
{
    if (pc - b->chunk_pc >= b->chunk_len || b->chunk_len - (pc - b->chunk_pc) < len) {
        CPUFault fault;
        b->chunk_pc = pc;
        b->chunk_len = guest_fetch(pc, b->chunk, sizeof(b->chunk), &fault);
        if (b->chunk_len < len) {
            return false;
        }
    }
    memcpy(p, b->chunk + (pc - b->chunk_pc), len);
    return true;
}

/* Has a jump to pc been taken? */
static bool has_run(RegionBuilder *b, uint64_t pc)
{
    return exec_options.hot == 1 || tb_lookup(pc, b->flags, b->cflags) != NULL;
}

static void add_work(RegionBuilder *b, uint64_t pc)
{
    if (b->nwork < MAX_NODES && has_run(b, pc)) {
        b->work[b->nwork++] = pc;
    }
}

/* Straight on from pc. */
static void follow(RegionBuilder *b, uint64_t pc)
{
    while (b->nnodes < MAX_NODES) {
        uint16_t *slot = hash_slot(b, pc);
        uint8_t code[4] = { 0 };
        if (*slot || !read_code(b, pc, code, 2) ||
            ((code[0] & 3) == 3 && !read_code(b, pc, code, 4))) {
            return;
        }
        Node *n = &b->node[b->nnodes++];
        *slot = (uint16_t)b->nnodes;
        *n = (Node){ .pc = pc, .next = -1, .target = -1 };
        memcpy(&n->word, code, 4);
        InsnFlow flow = riscv_insn_flow(n->word, exec_options.exts, pc);
        n->len = (uint8_t)flow.len;
        n->kind = (uint8_t)flow.kind;
        n->target_pc = flow.target;
        if (n->kind == FLOW_BRANCH || n->kind == FLOW_JUMP) {
            add_work(b, flow.target);
        }
        if (n->kind == FLOW_JUMP || n->kind == FLOW_END) {
            return;
        }
        pc += n->len;
    }
}

static int by_pc(const void *a, const void *b)
{
    const Node *x = a, *y = b;
    return x->pc < y->pc ? -1 : x->pc > y->pc;
}

static void explore(RegionBuilder *b)
{
    b->nnodes = b->nwork = 0;
    b->chunk_len = 0;
    memset(b->hash, 0, sizeof(b->hash));
    b->work[b->nwork++] = b->pc;
    for (unsigned i = 0; i < b->nwork; i++) {
        follow(b, b->work[i]);
    }
    qsort(b->node, b->nnodes, sizeof(b->node[0]), by_pc);
    memset(b->hash, 0, sizeof(b->hash));
    for (unsigned i = 0; i < b->nnodes; i++) {
        *hash_slot(b, b->node[i].pc) = (uint16_t)(i + 1);
    }
    for (unsigned i = 0; i < b->nnodes; i++) {
        Node *n = &b->node[i];
        if (n->kind != FLOW_JUMP && n->kind != FLOW_END) {
            n->next = (int16_t)find_node(b, n->pc + n->len);
        }
        if (n->kind == FLOW_BRANCH || n->kind == FLOW_JUMP) {
            n->target = (int16_t)find_node(b, n->target_pc);
        }
    }
}

/* Mark what gets to a backward jump to node `head` without passing it. Returns how many. */
static unsigned mark_loop(RegionBuilder *b, int head)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->nnodes; i++) {
        Node *n = &b->node[i];
        n->mark = n->target == head && n->pc >= b->node[head].pc;
        count += n->mark;
    }
    for (unsigned before = 0; count != before;) {
        before = count;
        for (unsigned i = b->nnodes; i-- > 0;) {
            Node *n = &b->node[i];
            if (!n->mark && ((n->next >= 0 && n->next != head && b->node[n->next].mark) ||
                             (n->target >= 0 && n->target != head && b->node[n->target].mark))) {
                n->mark = true;
                count++;
            }
        }
    }
    return count;
}

/* Choose the insns of the region and find the loops in it. */
static bool find_loops(RegionBuilder *b)
{
    int head = find_node(b, b->pc);
    b->ninsns = head < 0 ? 0 : mark_loop(b, head);
    if (!b->ninsns || b->ninsns > MAX_INSNS || !b->node[head].mark) {
        return false;
    }
    for (unsigned i = 0; i < b->nnodes; i++) {
        b->node[i].in = b->node[i].mark;
    }
    unsigned loops = 0;
    for (unsigned i = 0; i < b->nnodes; i++) {
        Node *n = &b->node[i];
        if (n->in && n->target >= 0 && n->target <= (int)i && b->node[n->target].in) {
            b->node[n->target].header = true;
        }
    }
    for (unsigned h = 0; h < b->nnodes; h++) {
        if (!b->node[h].header || ++loops > MAX_LOOPS) {
            continue;
        }
        mark_loop(b, (int)h);
        for (unsigned i = 0; i < b->nnodes; i++) {
            Node *n = &b->node[i];
            n->depth += n->in && n->mark && n->depth < MAX_DEPTH;
        }
    }
    return true;
}

static void find_leaders(RegionBuilder *b)
{
    unsigned run = 0;
    for (unsigned i = 0; i < b->nnodes; i++) {
        const Node *prev = i ? &b->node[i - 1] : NULL;
        Node *n = &b->node[i];
        if (!n->in) {
            continue;
        }
        if (!prev || !prev->in || prev->next != (int)i || prev->kind == FLOW_BRANCH) {
            n->leader = true;
        }
        if (n->target >= 0 && b->node[n->target].in) {
            b->node[n->target].leader = true;
        }
    }
    for (unsigned i = 0; i < b->nnodes; i++) {
        Node *n = &b->node[i];
        run = n->leader ? 0 : run + 1;
        if (n->in && run == MAX_BLOCK_INSNS) {
            n->leader = true;
            run = 0;
        }
    }
}

/* ---- translation ---- */

static unsigned fetch_node(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    RegionBuilder *b = opaque;
    for (unsigned back = 0; back <= 2; back += 2) {
        int i = find_node(b, pc - back);
        if (i >= 0 && back + len <= b->node[i].len) {
            memcpy(buf, (const uint8_t *)&b->node[i].word + back, len);
            return len;
        }
    }
    return 0;
}

/* The label of the block at pc, or -1. */
static int label_at(RegionBuilder *b, uint64_t pc)
{
    int i = find_node(b, pc);
    return i >= 0 && b->node[i].leader ? b->node[i].label : -1;
}

/* What leaves a block for another one of the region goes to its label; the rest gets slots. */
static void connect_block(RegionBuilder *b, IrContext *ir, IrOp *first)
{
    for (IrOp *op = first; op != &ir->head; op = op->next) {
        int label;
        unsigned pc_k = op->opcode == IR_brcond_tb ? 2 : 1;
        switch (op->opcode) {
        case IR_goto_tb:
        case IR_brcond_tb:
            label = label_at(b, op->k[pc_k]);
            if (label >= 0) {
                op->opcode = op->opcode == IR_goto_tb ? IR_br : IR_brcond;
                op->k[pc_k - 1] = (uint64_t)label;
                ir->labels[label]->refs++;
                break;
            }
            op->k[pc_k - 1] = ir->nslots++;
            break;
        case IR_call_tb:
            op->k[0] = ir->nslots;
            ir->nslots += 2;
            break;
        case IR_call_ptr:
            op->k[0] = ir->nslots++;
            break;
        default:
            break;
        }
    }
}

static bool translate_region(RegionBuilder *b)
{
    IrContext *ir = tb_gen_begin();
    TbSource src = { .fetch = fetch_node, .opaque = b };
    unsigned nslots = 0;
    b->needs_alone = false;
    for (unsigned i = 0; i < b->nnodes; i++) {
        if (b->node[i].leader) {
            b->node[i].label = ir_label_new(ir)->index;
        }
    }
    ir_gen_br(ir, IR_I64, ir->labels[label_at(b, b->pc)]);
    for (unsigned i = 0; i < b->nnodes; i++) {
        Node *n = &b->node[i];
        if (!n->leader) {
            continue;
        }
        DisasContext dc;
        unsigned len = 1;
        while (i + len < b->nnodes && b->node[i + len].in && !b->node[i + len].leader) {
            len++;
        }
        IrOp *last = ir->head.prev;
        ir_gen_set_label(ir, IR_I64, ir->labels[n->label]);
        if (n->header) {
            ir_gen_poll(ir, IR_I64, n->pc);
        }
        tb_gen_prepare(&dc, &src, n->pc, b->flags, b->cflags);
        dc.base.max_insns = len;
        translator_loop(&riscv_translator_ops, &dc.base);
        b->needs_alone |= dc.needs_alone;
        ir->nslots = nslots;
        connect_block(b, ir, last->next);
        nslots = ir->nslots;
        if (nslots > MAX_SLOTS) {
            return false;
        }
    }
    return true;
}

/* ---- pins ---- */

static void choose_pins(RegionBuilder *b, const IrContext *ir, BackendPins *pins)
{
    BackendUses uses = { 0 };
    uint32_t weight = 1, cost = 4;
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_insn_start) {
            int i = find_node(b, op->k[0]);
            weight = i < 0 ? 1 : 1u << 3 * b->node[i].depth;
            continue;
        }
        if (op->opcode == IR_call) {
            cost += 4 * weight;
        }
        for (unsigned i = 0; i <= op->nin; i++) {
            const IrTemp *t = i < op->nin ? op->in[i] : op->out;
            if (t && t->kind == IR_GLOBAL) {
                unsigned word = (unsigned)t->env_offset / 8;
                uses.count[word] += weight;
                uses.fp[word] = t->cls == IR_FP;
                uses.written[word] |= i == op->nin;
            }
        }
    }
    backend_choose_pins(&backend_config, &uses, cost, pins);
}

/* ---- the whole ---- */

/* The runs of code that b was made of, with what was read there. false: too many. */
static bool find_ranges(RegionBuilder *b, TbRegion *r)
{
    uint8_t bytes[MAX_INSNS * 4];
    unsigned size = 0;
    r->nranges = 0;
    for (unsigned i = 0; i < b->nnodes; i++) {
        const Node *n = &b->node[i];
        if (!n->in) {
            continue;
        }
        if (!size) {
            if (r->nranges == MAX_RANGES) {
                return false;
            }
            r->range[r->nranges++].pc = n->pc;
        }
        memcpy(bytes + size, &n->word, n->len);
        size += n->len;
        if (i + 1 == b->nnodes || !n[1].in || n[1].pc != n->pc + n->len) {
            TbRange *range = &r->range[r->nranges - 1];
            range->size = size;
            range->hash = tb_hash_bytes(bytes, size);
            size = 0;
        }
    }
    return true;
}

static bool any_shared(const TbRegion *r)
{
    for (unsigned i = 0; i < r->nranges; i++) {
        if (guest_code_shared(r->range[i].pc)) {
            return true;
        }
    }
    return false;
}

static void log_in_asm(RegionBuilder *b)
{
    FILE *f = log_begin();
    fprintf(f, "---- in_asm %016" PRIx64 " region of %u insns\n", b->pc, b->ninsns);
    for (unsigned i = 0; i < b->nnodes; i++) {
        const Node *n = &b->node[i];
        DecodedInsn d;
        char text[96];
        if (n->in) {
            rv_decode(n->word, exec_options.exts, &d);
            rv_disas(&d, n->pc, text, sizeof(text));
            fprintf(f, "%s0x%016" PRIx64 ":%*s%s\n", n->leader ? "\n" : "", n->pc, 2 * n->depth, "",
                    text);
        }
    }
    log_end(f);
}

static bool contains(TranslationBlock *tb, uint64_t pc)
{
    if (!tb->region) {
        return pc - tb->pc < tb->size;
    }
    const TbRegion *r = tb_region(tb);
    for (unsigned i = 0; i < r->nranges; i++) {
        if (pc - r->range[i].pc < r->range[i].size) {
            return true;
        }
    }
    return false;
}

/* Does code of tb, no region, belong to the region? */
static bool overlaps(TranslationBlock *region, const TranslationBlock *tb)
{
    const TbRegion *r = tb_region(region);
    for (unsigned i = 0; i < r->nranges; i++) {
        if (r->range[i].pc < tb->pc + tb->size && r->range[i].pc + r->range[i].size > tb->pc) {
            return true;
        }
    }
    return false;
}

/* Is one of the jumps in `from` a backward jump of the loop? */
static bool closes_loop(RegionBuilder *b, TranslationBlock *from)
{
    for (unsigned i = 0; i < b->nnodes; i++) {
        const Node *n = &b->node[i];
        if (n->in && n->target_pc == b->pc && n->target >= 0 && contains(from, n->pc)) {
            return true;
        }
    }
    return false;
}

/* Is some of it known to be part of a loop that goes through code not seen here? */
static bool part_of_larger_loop(RegionBuilder *b)
{
    for (unsigned i = 0; i < b->nnodes; i++) {
        if (b->node[i].in) {
            const TranslationBlock *tb = tb_lookup(b->node[i].pc, b->flags, b->cflags);
            if (tb && tb->no_region) {
                return true;
            }
        }
    }
    return false;
}

static bool make_region(RegionBuilder *b, TranslationBlock *from, TranslationBlock *old)
{
    explore(b);
    if (!find_loops(b) || !closes_loop(b, from) || part_of_larger_loop(b)) {
        return false;
    }
    find_leaders(b);
    if (!find_ranges(b, b->region)) {
        return false;
    }
    if (log_enabled(LOG_IN_ASM) && log_in_filter(b->pc)) {
        log_in_asm(b);
    }
    if (!translate_region(b)) {
        return false;
    }
    b->region->nguards = 0;
    if (!old || !old->no_guess) {
        b->region->nguards = region_guess(tb_gen_ir_context(), &b->cpu->env, b->pc);
    }
    tb_gen_optimize(b->pc, b->cflags);
    region_forget_guesses(tb_gen_ir_context());
    choose_pins(b, tb_gen_ir_context(), &b->region->pins);
    TranslationBlock draft = {
        .pc = b->pc, .flags = b->flags, .cflags = b->cflags, .shared = any_shared(b->region),
        .insns = (uint8_t)MIN(b->ninsns, UINT8_MAX), .region = true,
        .needs_alone = b->needs_alone,
    };
    tb_gen_set_pins(&b->region->pins);
    TranslationBlock *tb = tb_gen_emit(&draft, b->region);
    tb_gen_set_pins(NULL);
    if (!tb) {
        return false;
    }
    if (old) {
        tb_relink(old, tb);
    }
    cpu_jump_cache_drop(tb);
    stat_inc(STAT_regions);
    stat_add(STAT_region_insns, b->ninsns);
    return true;
}

/* The loop at tb->pc goes through computed jumps or calls: a region would hold a small part of it.
 * Returns what is at that pc now. */
static TranslationBlock *leave_alone(TranslationBlock *tb)
{
    tb_drop_regions_at(tb->pc);
    tb = tb_lookup(tb->pc, tb->flags, tb->cflags);
    if (tb) {
        tb->no_region = true;
    }
    stat_inc(STAT_region_none);
    return tb;
}

void tb_region_promote(CPUState *cpu, TranslationBlock *from, unsigned n)
{
    TBJump *jump = &from->jump[n];
    uint64_t t0 = stats_enabled ? stats_now() : 0;
    pthread_mutex_lock(&tb_lock);
    tb_jump_count(jump, 0);
    TranslationBlock *old = tb_lookup(jump->pc, from->flags, from->cflags);
    if (atomic_load(&from->invalid)) {
        goto out;
    }
    if (old && old->region && !from->region && !overlaps(old, from)) {
        old = leave_alone(old);
    }
    if (!(old && (old->region || old->no_region))) {
        if (!builder) {
            builder = g_new0(RegionBuilder, 1);
            builder->region = g_malloc0(sizeof(TbRegion) + MAX_RANGES * sizeof(TbRange));
        }
        builder->cpu = cpu;
        builder->pc = jump->pc;
        builder->flags = from->flags;
        builder->cflags = from->cflags;
        if (!make_region(builder, from, old)) {
            if (old) {
                leave_alone(old);
            }
        }
        if (stats_enabled) {
            stat_add(STAT_region_ns, stats_now() - t0);
        }
    }
out:
    pthread_mutex_unlock(&tb_lock);
}

void tb_region_dropped(TranslationBlock *tb)
{
    /* Its loop may become hot again; but not at once, if it keeps changing. */
    for (TBJump *j = tb_ref_at(tb, tb->incoming); j; j = tb_ref_at(j, j->next)) {
        tb_jump_count(j, exec_options.hot * 16);
    }
}

void tb_region_refuted(TranslationBlock *tb)
{
    pthread_mutex_lock(&tb_lock);
    tb_drop(tb);
    TranslationBlock *old = tb_lookup(tb->pc, tb->flags, tb->cflags);
    if (old) {
        old->no_guess = true;
    }
    pthread_mutex_unlock(&tb_lock);
}
