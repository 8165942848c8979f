/*
 * exec/region_code.c: see region_code.h.
 */
#include "exec/region_code.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "exec/tb_cache.h"

enum {
    MAX_NODES = 800,                /* looked at for one frame */
    MAX_CALLEE_NODES = 200,
    MAX_INLINE = 60,                /* insns of a function that are taken whether they ran or not */
    MAX_LOOPS = 24,
    HASH_BITS = 11,
};

/* While the code of a frame is being followed. */
typedef struct RegionSearch {
    uint16_t hash[1 << HASH_BITS];  /* by pc: index of a node + 1 - first of the frame */
    uint64_t work[MAX_NODES];
    unsigned nwork;
    RegionReader reader;
} RegionSearch;

_Static_assert(MAX_NODES < 1 << HASH_BITS, "the hash has room");

RegionCode *region_code_new(void)
{
    RegionCode *c = g_malloc0(sizeof(*c) + (REGION_MAX_INSNS + MAX_NODES) * sizeof(c->node[0]));
    c->search = g_new0(RegionSearch, 1);
    return c;
}

/* ---- targets of computed jumps ---- */

uint64_t region_path(uint64_t path, uint64_t call_pc)
{
    return (path ^ call_pc) * 0x9e3779b97f4a7c15u + 1;
}

/* Returns where they go three times out of four, or 0. */
static uint64_t usual_target(const RegionSeen *t, uint64_t path, uint64_t pc)
{
    uint64_t key = region_path(path, pc);
    for (unsigned i = 0; t && i < REGION_TARGETS && t->entry[i].key; i++) {
        if (t->entry[i].key == key) {
            return t->entry[i].hits >= 3 * t->entry[i].misses ? t->entry[i].target : 0;
        }
    }
    return 0;
}

static unsigned runs(const RegionCode *c, const RegionFrame *f, uint64_t pc)
{
    return c->seen->runs[region_seen_index(f->path, pc)];
}

/* ---- following code ---- */

static uint16_t *hash_slot(RegionCode *c, const RegionFrame *f, uint64_t pc)
{
    for (uint64_t h = pc >> 1;; h++) {
        uint16_t *s = &c->search->hash[h & ((1 << HASH_BITS) - 1)];
        if (!*s || c->node[f->first + *s - 1].pc == pc) {
            return s;
        }
    }
}

static bool read_code(RegionReader *r, uint64_t pc, void *p, unsigned len)
{
    if (pc - r->pc >= r->len || r->len - (pc - r->pc) < len) {
        CPUFault fault;
        r->pc = pc;
        r->len = guest_fetch(pc, r->code, sizeof(r->code), &fault);
        if (r->len < len) {
            return false;
        }
    }
    memcpy(p, r->code + (pc - r->pc), len);
    return true;
}

bool region_read_insn(RegionReader *r, uint64_t pc, uint32_t *word)
{
    *word = 0;
    return read_code(r, pc, word, 2) && ((*word & 3) != 3 || read_code(r, pc, word, 4));
}

/* Has a jump to pc been taken? */
static bool has_run(const RegionCode *c, uint64_t pc)
{
    return exec_options.hot == 1 || tb_lookup(pc, c->flags, c->cflags) != NULL;
}

static void add_work(RegionCode *c, uint64_t pc)
{
    if (c->search->nwork < MAX_NODES && has_run(c, pc)) {
        c->search->work[c->search->nwork++] = pc;
    }
}

static bool is_return(const RegionFrame *f, const RegionNode *n)
{
    return f->level && n->kind == FLOW_GOTO_PTR && n->reg == f->link;
}

/* Straight on from pc. */
static void follow(RegionCode *c, RegionFrame *f, uint64_t pc, unsigned max)
{
    while (f->n < max) {
        uint16_t *slot = hash_slot(c, f, pc);
        uint32_t word;
        if (*slot || !region_read_insn(&c->search->reader, pc, &word)) {
            return;
        }
        RegionNode *n = &c->node[f->first + f->n++];
        *slot = (uint16_t)f->n;
        *n = (RegionNode){ .pc = pc, .word = word, .next = -1, .target = -1 };
        InsnFlow flow = riscv_insn_flow(word, exec_options.exts, pc);
        n->len = flow.len;
        n->kind = flow.kind;
        n->link = flow.link;
        n->reg = flow.reg;
        n->writes = flow.writes;
        n->marks = flow.marks;
        n->rare = c->seen && !c->no_rare && !runs(c, f, pc);
        n->target_pc = flow.target;
        bool computed = n->kind == FLOW_CALL_PTR || (n->kind == FLOW_GOTO_PTR && !is_return(f, n));
        if (computed) {
            n->target_pc = n->reg ? usual_target(c->seen, f->path, pc) : 0;
            c->computed |= n->reg != 0;
        }
        if (n->kind == FLOW_BRANCH || n->kind == FLOW_JUMP ||
            (n->kind == FLOW_GOTO_PTR && computed && n->target_pc)) {
            add_work(c, n->target_pc);
        }
        if (n->kind == FLOW_CALL || n->kind == FLOW_CALL_PTR) {
            if (!c->no_calls) {
                add_work(c, pc + n->len);
            }
            return;
        }
        if (n->kind >= FLOW_GOTO_PTR || n->kind == FLOW_JUMP) {
            return;
        }
        pc += n->len;
    }
}

static int by_pc(const void *a, const void *b)
{
    const RegionNode *x = a, *y = b;
    return x->pc < y->pc ? -1 : x->pc > y->pc;
}

int region_find_node(const RegionCode *c, const RegionFrame *f, uint64_t pc)
{
    unsigned lo = f->first, hi = f->first + f->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (c->node[mid].pc < pc) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < f->first + f->n && c->node[lo].pc == pc ? (int)lo : -1;
}

static void connect_nodes(RegionCode *c, RegionFrame *f)
{
    REGION_FOREACH_NODE(c, f, n) {
        n->next = n->target = -1;
        if (n->kind != FLOW_JUMP && n->kind < FLOW_GOTO_PTR) {
            n->next = (int16_t)region_find_node(c, f, n->pc + n->len);
        }
        if (n->kind == FLOW_BRANCH || n->kind == FLOW_JUMP ||
            (n->kind == FLOW_GOTO_PTR && !is_return(f, n) && n->target_pc)) {
            n->target = (int16_t)region_find_node(c, f, n->target_pc);
        }
    }
}

/* All code of f that is reached from its start. */
static void explore(RegionCode *c, RegionFrame *f, unsigned max)
{
    RegionSearch *s = c->search;
    s->nwork = 0;
    memset(s->hash, 0, sizeof(s->hash));
    s->work[s->nwork++] = f->pc;
    for (unsigned i = 0; i < s->nwork; i++) {
        follow(c, f, s->work[i], max);
    }
    qsort(&c->node[f->first], f->n, sizeof(c->node[0]), by_pc);
    connect_nodes(c, f);
}

/* Mark also what leads to the marked nodes without passing `head`, rare nodes only if `rare`.
 * Returns how many are marked. */
static unsigned mark_back(RegionCode *c, RegionFrame *f, int head, bool rare)
{
    unsigned count = 0, before;
    do {
        before = count;
        count = 0;
        for (unsigned i = f->first + f->n; i-- > f->first;) {
            RegionNode *n = &c->node[i];
            n->mark |= (rare || !n->rare) &&
                       ((n->next >= 0 && n->next != head && c->node[n->next].mark) ||
                        (n->target >= 0 && n->target != head && c->node[n->target].mark));
            count += n->mark;
        }
    } while (count != before);
    return count;
}

/* Mark what gets to a backward jump to node `head` without passing it. */
static unsigned mark_loop(RegionCode *c, RegionFrame *f, int head)
{
    REGION_FOREACH_NODE(c, f, n) {
        n->mark = n->target == head && n->pc >= c->node[head].pc;
    }
    return mark_back(c, f, head, true);
}

/* Mark what gets to a return. */
static unsigned mark_function(RegionCode *c, RegionFrame *f, bool rare)
{
    REGION_FOREACH_NODE(c, f, n) {
        n->mark = is_return(f, n) && (rare || !n->rare);
    }
    return mark_back(c, f, -1, rare);
}

/* Leave the marked nodes. */
static void keep_marked(RegionCode *c, RegionFrame *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++) {
        if (c->node[f->first + i].mark) {
            c->node[f->first + n++] = c->node[f->first + i];
        }
    }
    f->n = n;
    connect_nodes(c, f);
}

static void find_loops(RegionCode *c, RegionFrame *f)
{
    unsigned loops = 0;
    REGION_FOREACH_NODE(c, f, n) {
        n->depth = f->depth;
        if (n->target >= 0 && n->target <= (int)(n - c->node)) {
            c->node[n->target].header = true;
        }
    }
    for (unsigned h = f->first; h < f->first + f->n; h++) {
        if (!c->node[h].header || ++loops > MAX_LOOPS) {
            continue;
        }
        mark_loop(c, f, (int)h);
        REGION_FOREACH_NODE(c, f, n) {
            n->depth += n->mark && n->depth < REGION_MAX_DEPTH;
        }
    }
    REGION_FOREACH_NODE(c, f, n) {
        n->weight = (uint16_t)(1u << 3 * n->depth);
        if (c->seen && !c->no_rare) {
            n->weight = (uint16_t)(1 + runs(c, f, n->pc) * 8 / c->seen->rounds);
        }
    }
}

static void find_leaders(RegionCode *c, RegionFrame *f)
{
    unsigned run = 0;
    REGION_FOREACH_NODE(c, f, n) {
        const RegionNode *prev = n - 1;
        if (n == &c->node[f->first] || prev->next != n - c->node || prev->kind != FLOW_NEXT) {
            n->leader = true;
        }
        if (n->target >= 0) {
            c->node[n->target].leader = true;
        }
    }
    REGION_FOREACH_NODE(c, f, n) {
        run = n->leader ? 0 : run + 1;
        if (run == REGION_MAX_BLOCK_INSNS) {
            n->leader = true;
            run = 0;
        }
    }
}

static void finish_frame(RegionCode *c, RegionFrame *f)
{
    keep_marked(c, f);
    find_loops(c, f);
    find_leaders(c, f);
    f->keeps_link = true;
    REGION_FOREACH_NODE(c, f, n) {
        f->keeps_link &= !(n->writes >> f->link & 1) && n->kind != FLOW_CALL &&
                         n->kind != FLOW_CALL_PTR;
    }
    c->nnodes += f->n;
    c->nframes++;
}

static bool any_marks(RegionCode *c, RegionFrame *f)
{
    REGION_FOREACH_NODE(c, f, n) {
        if (n->marks) {
            return true;
        }
    }
    return false;
}

/* Let the call go on inside, if its callee is small. */
static void enter_callee(RegionCode *c, const RegionFrame *caller, RegionNode *call)
{
    uint64_t pc = call->target_pc;
    if (!pc || call->rare || c->nframes == REGION_MAX_FRAMES || caller->level == REGION_MAX_LEVEL ||
        call->next < 0 || (call->kind == FLOW_CALL && !has_run(c, pc))) {
        return;
    }
    RegionFrame *f = &c->frame[c->nframes];
    *f = (RegionFrame){ .pc = pc, .path = region_path(caller->path, call->pc), .first = c->nnodes,
                        .level = (uint8_t)(caller->level + 1), .link = call->link,
                        .ret = call->pc + call->len, .parent = (uint8_t)(caller - c->frame),
                        .depth = call->depth };
    explore(c, f, MAX_CALLEE_NODES);
    unsigned n = mark_function(c, f, true);
    if (c->seen && n > MAX_INLINE) {
        n = mark_function(c, f, false);
    }
    int start = region_find_node(c, f, pc);
    if (n && c->nnodes + n <= REGION_MAX_INSNS && start >= 0 && c->node[start].mark &&
        !any_marks(c, f)) {
        call->callee = (uint8_t)c->nframes;
        finish_frame(c, f);
        c->node[region_find_node(c, f, pc)].leader = true;
    }
}

bool region_code_find(RegionCode *c)
{
    c->nframes = c->nnodes = 0;
    c->wants_watch = c->calls = c->computed = false;
    c->search->reader.len = 0;
    RegionFrame *f = &c->frame[0];
    *f = (RegionFrame){ .pc = c->pc };
    explore(c, f, MAX_NODES);
    int head = region_find_node(c, f, c->pc);
    unsigned n = head < 0 ? 0 : mark_loop(c, f, head);
    if (!n || n > REGION_MAX_INSNS || !c->node[head].mark) {
        c->wants_watch = !n && c->computed && !c->watched;
        return false;
    }
    finish_frame(c, f);
    for (unsigned i = 0; i < c->nframes; i++) {
        REGION_FOREACH_NODE(c, &c->frame[i], call) {
            if (call->kind == FLOW_CALL || call->kind == FLOW_CALL_PTR) {
                c->calls = true;
                if (!c->watched) {
                    c->wants_watch = true;
                    return false;
                }
                enter_callee(c, &c->frame[i], call);
            }
        }
    }
    return true;
}
