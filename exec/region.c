/*
 * exec/region.c: the second tier. A hot loop becomes one TB, a region, with pins of its own.
 *
 * Backward jumps of TBs are sampled (TBJump.count: so many samples are left). After the last one
 * the jump's aim is taken for the header of a loop: the code reachable from there is followed as
 * far as TBs show that it has run; what gets back to the header by a backward jump is the loop,
 * inner loops and small functions included (region_code.h). If it calls or has computed jumps, a
 * few rounds are watched first, which tells where those go, and what is rare. All of it is
 * translated into one IR (region_translate.h). The registers used most are the pins.
 *
 * A region has the key of the TB at its header and is found in its place; that one stays behind it
 * for the day when the region is dropped, because its code has changed. Every cycle inside holds a
 * poll, which is also how CPUs get out of a region that was dropped.
 *
 * All under tb_lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "exec/code_buffer.h"
#include "exec/log.h"
#include "exec/region_code.h"
#include "exec/region_guess.h"
#include "exec/region_translate.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "exec/tb_gen.h"

enum { MAX_RANGES = 64, LAST_TRY = 16 };

typedef struct RegionBuilder {
    CPUState *cpu;
    bool at_head;               /* its state is that at the header */
    RegionCode *code;
    TbRegion *region;
} RegionBuilder;

static RegionBuilder *builder;  /* made when the first loop is hot */

/* ---- pins ---- */

static void choose_pins(const IrContext *ir, BackendPins *pins)
{
    BackendUses uses = { 0 };
    uint32_t weight = 1, cost = 4;
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_insn_start) {
            weight = region_weight(op);
            continue;
        }
        if (op->opcode == IR_call || op->opcode == IR_comes_back) {
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

static int node_by_pc(const void *a, const void *b)
{
    const RegionNode *x = *(RegionNode *const *)a, *y = *(RegionNode *const *)b;
    return x->pc < y->pc ? -1 : x->pc > y->pc;
}

/* Add the runs of code that these nodes are made of, with what was read there. false: too many. */
static bool add_ranges(RegionCode *c, unsigned first, unsigned end, TbRegion *r)
{
    uint8_t bytes[REGION_MAX_INSNS * 4];
    RegionNode *node[REGION_MAX_INSNS];
    unsigned size = 0, n = 0;
    for (unsigned i = first; i < end; i++) {
        node[i - first] = &c->node[i];
    }
    qsort(node, end - first, sizeof(node[0]), node_by_pc);
    for (unsigned i = 0; i < end - first; i++) {    /* a function may be there several times */
        if (!n || node[n - 1]->pc != node[i]->pc) {
            node[n++] = node[i];
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!size) {
            if (r->nranges == MAX_RANGES) {
                return false;
            }
            r->range[r->nranges++].pc = node[i]->pc;
        }
        memcpy(bytes + size, &node[i]->word, node[i]->len);
        size += node[i]->len;
        if (i + 1 == n || node[i + 1]->pc != node[i]->pc + node[i]->len) {
            TbRange *range = &r->range[r->nranges - 1];
            range->size = size;
            range->hash = tb_hash_bytes(bytes, size);
            size = 0;
        }
    }
    return true;
}

static bool find_ranges(RegionCode *c, TbRegion *r)
{
    unsigned loop = c->frame[0].n;
    r->nranges = 0;
    if (!add_ranges(c, 0, loop, r)) {
        return false;
    }
    r->nloop = r->nranges;
    return add_ranges(c, loop, c->nnodes, r);
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

static void log_in_asm(RegionCode *c)
{
    FILE *f = log_begin();
    fprintf(f, "---- in_asm %016" PRIx64 " region of %u insns\n", c->pc, c->nnodes);
    for (unsigned k = 0; k < c->nframes; k++) {
        const RegionFrame *frame = &c->frame[k];
        if (k) {
            fprintf(f, "\n%*scall %u, from %u, returns to 0x%016" PRIx64 "%s\n", 2 * frame->level,
                    "", k, frame->parent, frame->ret, frame->keeps_link ? "" : " if it does");
        }
        REGION_FOREACH_NODE(c, frame, n) {
            DecodedInsn d;
            char text[96];
            rv_decode(n->word, exec_options.exts, &d);
            rv_disas(&d, n->pc, text, sizeof(text));
            fprintf(f, "%s0x%016" PRIx64 ":%*s%s", n->leader ? "\n" : "", n->pc, 2 * n->depth, "",
                    text);
            fprintf(f, n->callee ? "    call %u\n" : "\n", n->callee);
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
static bool closes_loop(RegionCode *c, TranslationBlock *from)
{
    REGION_FOREACH_NODE(c, &c->frame[0], n) {
        if (n->target_pc == c->pc && n->target >= 0 && contains(from, n->pc)) {
            return true;
        }
    }
    return false;
}

/* Is some of it known to be part of a loop that goes through code not seen here? */
static bool part_of_larger_loop(RegionCode *c)
{
    REGION_FOREACH_NODE(c, &c->frame[0], n) {
        const TranslationBlock *tb = tb_lookup(n->pc, c->flags, c->cflags);
        if (tb && tb->no_region) {
            return true;
        }
    }
    return false;
}

static bool make_region(RegionBuilder *b, TranslationBlock *old)
{
    RegionCode *c = b->code;
    if (!find_ranges(c, b->region)) {
        return false;
    }
    if (log_enabled(LOG_IN_ASM) && log_in_filter(c->pc)) {
        log_in_asm(c);
    }
    RegionTranslation t;
    if (!region_translate(c, &t)) {
        return false;
    }
    b->region->nguards = 0;
    if (b->at_head && !(old && old->no_guess)) {
        b->region->nguards = region_guess(tb_gen_ir_context(), &b->cpu->env, c->pc);
    }
    tb_gen_optimize(c->pc, c->cflags);
    region_forget_guesses(tb_gen_ir_context());
    choose_pins(tb_gen_ir_context(), &b->region->pins);
    b->region->pins.counted = region_called_exits(tb_gen_ir_context());
    if (t.outside && !t.inside && !b->region->pins.n) {
        return false;           /* nothing gained */
    }
    TranslationBlock draft = {
        .pc = c->pc, .flags = c->flags, .cflags = c->cflags, .shared = any_shared(b->region),
        .insns = (uint8_t)MIN(c->nnodes, UINT8_MAX), .region = true,
        .needs_alone = t.needs_alone,
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
    for (unsigned n = 0; c->no_rare && n < tb->nslots; n++) {
        if (b->region->pins.counted >> n & 1) {
            tb_jump_count(&tb->jump[n], exec_options.hot * LAST_TRY);
        }
    }
    cpu_jump_cache_drop(tb);
    stat_inc(STAT_regions);
    stat_add(STAT_region_insns, c->nnodes);
    stat_add(STAT_region_inside, t.inside);
    stat_add(STAT_region_outside, t.outside);
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

/* A function in the region is often left: what was seen to run was not all that does. If that was
 * known, too much of it is missing. */
static void run_otherwise(TranslationBlock *region)
{
    tb_drop(region);
    TranslationBlock *old = tb_lookup(region->pc, region->flags, region->cflags);
    if (old) {
        old->no_region = old->no_rare;
        old->no_rare = true;
    }
}

static RegionBuilder *get_builder(void)
{
    if (!builder) {
        builder = g_new0(RegionBuilder, 1);
        builder->code = region_code_new();
        builder->region = g_malloc0(sizeof(TbRegion) + MAX_RANGES * sizeof(TbRange));
    }
    return builder;
}

/* The loop at tb->pc has calls: to watch it, and again after that failed, is worth the while only
 * if it is hotter than others. Returns false if it was long enough. */
static bool wait_longer(TranslationBlock *tb, TBJump *jump)
{
    enum { TRIES = 3, LONGER = 4 };
    if (exec_options.hot == 1 || tb->tries == TRIES) {
        return false;
    }
    tb->tries++;
    tb_jump_count(jump, exec_options.hot * LONGER);
    return true;
}

/* The region of the loop that was found, which is to contain the jump at the end of `from`. */
static bool make_loop(RegionBuilder *b, TranslationBlock *from, TranslationBlock *old)
{
    return closes_loop(b->code, from) && !part_of_larger_loop(b->code) && make_region(b, old);
}

/* Returns false if the loop is to be watched first. */
static bool promote(CPUState *cpu, TranslationBlock *from, unsigned n, bool watched,
                    const RegionSeen *seen)
{
    TBJump *jump = &from->jump[n];
    tb_jump_count(jump, 0);
    TranslationBlock *old = tb_lookup(jump->pc, from->flags, from->cflags);
    if (atomic_load(&from->invalid)) {
        return true;
    }
    if (from->region && (tb_region(from)->pins.counted >> n & 1)) {
        run_otherwise(from);
        return true;
    }
    if (old && old->region && !from->region && !overlaps(old, from)) {
        old = leave_alone(old);
    }
    if (old && (old->region || old->no_region)) {
        return true;
    }
    if (!watched && old && old->tries) {
        return false;
    }
    if (watched && !seen && old && wait_longer(old, jump)) {
        return true;
    }
    RegionBuilder *b = get_builder();
    RegionCode *c = b->code;
    b->cpu = cpu;
    b->at_head = cpu->env.pc == jump->pc;
    c->pc = jump->pc;
    c->flags = from->flags;
    c->cflags = from->cflags;
    c->watched = watched;
    c->seen = seen;
    c->no_rare = old && old->no_rare;
    c->no_calls = false;
    bool found = region_code_find(c);
    if (c->wants_watch) {
        return old && wait_longer(old, jump);
    }
    /* What is not known to come round soon gains nothing by its calls being followed. */
    bool known = !c->calls || seen || exec_options.hot == 1;
    bool made = found && known && make_loop(b, from, old);
    if (found && !made && c->calls) {
        c->no_calls = true;         /* in it there may be a loop without, with the same header */
        made = region_code_find(c) && make_loop(b, from, old);
    }
    if (!made && old) {
        leave_alone(old);
    }
    return true;
}

void tb_region_promote(CPUState *cpu, TranslationBlock *from, unsigned n)
{
    RegionSeen seen;
    uint64_t t0 = stats_enabled ? stats_now() : 0;
    pthread_mutex_lock(&tb_lock);
    bool done = promote(cpu, from, n, false, NULL);
    pthread_mutex_unlock(&tb_lock);
    if (!done) {
        bool back = region_watch(cpu, &seen);
        pthread_mutex_lock(&tb_lock);
        promote(cpu, from, n, true, back ? &seen : NULL);
        pthread_mutex_unlock(&tb_lock);
    }
    if (stats_enabled) {
        stat_add(STAT_region_ns, stats_now() - t0);
    }
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
