/*
 * linux-user/guest_map.c: the treap behind guest_map.h.
 *
 * Ordered by start address, heap-ordered by a random priority. Ranges are disjoint, so ordering by
 * start also orders by end. Nodes come from a static array first (a short program never allocates),
 * then from blocks that are never given back: the peak is what is kept.
 */
#include "linux-user/guest_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <glib.h>

#include "exec/own_map.h"

typedef struct Node Node;
struct Node {
    MapRange r;
    uint32_t prio;
    Node *left, *right;             /* right links the free list too */
};

enum { FIRST_NODES = 96, BLOCK_NODES = 256, MANY = 4096 };

static Node first_nodes[FIRST_NODES];
static unsigned first_used;
static Node *free_nodes;
static Node *root;
static size_t count;
static uint32_t prio_state = 2463534242u;

static Node *node_new(const MapRange *r)
{
    Node *n = free_nodes;
    if (n) {
        free_nodes = n->right;
    } else if (first_used < FIRST_NODES) {
        n = &first_nodes[first_used++];
    } else {
        Node *block = g_new(Node, BLOCK_NODES);
        if (count >= MANY) {
            own_reserve();
        }
        for (unsigned i = 1; i < BLOCK_NODES; i++) {
            block[i].right = free_nodes;
            free_nodes = &block[i];
        }
        n = block;
    }
    prio_state ^= prio_state << 13;
    prio_state ^= prio_state >> 17;
    prio_state ^= prio_state << 5;
    n->r = *r;
    n->prio = prio_state;
    n->left = n->right = NULL;
    count++;
    return n;
}

/* Part t into those that start below key and the others. */
static void split(Node *t, abi_ulong key, Node **below, Node **above)
{
    while (t) {
        if (t->r.start < key) {
            *below = t;
            below = &t->right;
            t = t->right;
        } else {
            *above = t;
            above = &t->left;
            t = t->left;
        }
    }
    *below = *above = NULL;
}

/* All of a lies below all of b. */
static Node *join(Node *a, Node *b)
{
    Node *top;
    Node **at = &top;
    while (a && b) {
        if (a->prio > b->prio) {
            *at = a;
            at = &a->right;
            a = a->right;
        } else {
            *at = b;
            at = &b->left;
            b = b->left;
        }
    }
    *at = a ? a : b;
    return top;
}

static void insert(const MapRange *r)
{
    Node *n = node_new(r);
    Node **at = &root;
    while (*at && (*at)->prio >= n->prio) {
        at = r->start < (*at)->r.start ? &(*at)->left : &(*at)->right;
    }
    split(*at, r->start, &n->left, &n->right);
    *at = n;
}

static void erase(abi_ulong start)
{
    Node **at = &root;
    while ((*at)->r.start != start) {
        at = start < (*at)->r.start ? &(*at)->left : &(*at)->right;
    }
    Node *n = *at;
    *at = join(n->left, n->right);
    n->right = free_nodes;
    free_nodes = n;
    count--;
}

static Node *next_node(abi_ulong addr)
{
    Node *best = NULL;
    for (Node *t = root; t;) {
        if (t->r.end > addr) {
            best = t;
            t = t->left;
        } else {
            t = t->right;
        }
    }
    return best;
}

const MapRange *guest_map_next(abi_ulong addr)
{
    Node *n = next_node(addr);
    return n ? &n->r : NULL;
}

const MapRange *guest_map_below(abi_ulong addr)
{
    const MapRange *best = NULL;
    for (Node *t = root; t;) {
        if (t->r.start < addr) {
            best = &t->r;
            t = t->right;
        } else {
            t = t->left;
        }
    }
    return best;
}

const MapRange *guest_map_find(abi_ulong addr)
{
    const MapRange *r = guest_map_next(addr);
    return r && r->start <= addr ? r : NULL;
}

bool guest_map_part(abi_ulong start, abi_ulong end, MapRange *part)
{
    const MapRange *r = start < end ? guest_map_next(start) : NULL;
    if (!r || r->start >= end) {
        return false;
    }
    *part = *r;
    part->start = MAX(r->start, start);
    part->end = MIN(r->end, end);
    return true;
}

void guest_map_clear(abi_ulong start, abi_ulong end)
{
    for (;;) {
        Node *n = next_node(start);
        if (!n || n->r.start >= end) {
            return;
        }
        if (n->r.start < start) {
            MapRange rest = n->r;
            n->r.end = start;
            if (rest.end > end) {
                rest.start = end;
                insert(&rest);
                return;
            }
        } else if (n->r.end > end) {
            n->r.start = end;           /* still between its neighbours: the order holds */
            return;
        } else {
            erase(n->r.start);
        }
    }
}

static bool mergeable(const MapRange *a, const MapRange *b)
{
    return a->end == b->start && a->prot == b->prot && a->code == b->code &&
           a->unforked == b->unforked && a->file == b->file && a->tag == b->tag &&
           a->name == b->name;
}

void guest_map_set(const MapRange *r)
{
    MapRange m = *r;
    guest_map_clear(m.start, m.end);
    Node *above = next_node(m.end);
    if (above && mergeable(&m, &above->r)) {
        m.end = above->r.end;
        erase(above->r.start);
    }
    Node *below = m.start ? next_node(m.start - 1) : NULL;
    if (below && mergeable(&below->r, &m)) {
        below->r.end = m.end;
        return;
    }
    insert(&m);
}

abi_ulong guest_map_run_end(abi_ulong addr, abi_ulong limit)
{
    while (addr < limit) {
        const MapRange *r = guest_map_find(addr);
        if (!r) {
            break;
        }
        addr = r->end;
    }
    return addr < limit ? addr : limit;
}

bool guest_map_any(abi_ulong start, abi_ulong end, int prot)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return false;
        }
        if (r->prot & prot) {
            return true;
        }
        a = r->end;
    }
    return false;
}

/* Rewrite every mapped part of [start, end): prot, code, unforked unless -1, name unless NULL. */
static void rewrite(abi_ulong start, abi_ulong end, int prot, int code, int unforked,
                    const char *name)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return;
        }
        MapRange m = *r;
        m.start = MAX(m.start, start);
        m.end = MIN(m.end, end);
        a = m.end;
        m.prot = prot >= 0 ? prot : m.prot;
        m.file = m.prot & PROT_WRITE || !(m.prot & PROT_EXEC) ? 0 : m.file;
        m.code = code >= 0 ? (uint8_t)code : m.code;
        m.unforked = unforked >= 0 ? unforked : m.unforked;
        m.name = name ? name : m.name;
        if (m.prot != r->prot || m.code != r->code || m.unforked != r->unforked ||
            m.name != r->name) {
            guest_map_set(&m);
        }
    }
}

void guest_map_protect(abi_ulong start, abi_ulong end, int prot)
{
    rewrite(start, end, prot, -1, -1, NULL);
}

void guest_map_mark(abi_ulong start, abi_ulong end, MapCode code)
{
    rewrite(start, end, -1, code, -1, NULL);
}

void guest_map_unfork(abi_ulong start, abi_ulong end, bool unforked)
{
    rewrite(start, end, -1, -1, unforked, NULL);
}

void guest_map_rename(abi_ulong start, abi_ulong end, const char *name)
{
    rewrite(start, end, -1, -1, -1, name);
}

bool guest_map_walk_other(GuestMapPeek *peek, uint64_t distance, GuestMapRangeFn *fn, void *opaque)
{
    enum { DEPTH_MAX = 200 };           /* of a treap with more ranges than memory has room for */
    Node above[DEPTH_MAX];              /* whose left side is being visited */
    unsigned depth = 0;
    abi_ulong last = 0;
    uint64_t at;
    if (!peek(opaque, (uint64_t)(uintptr_t)&root + distance, &at, sizeof(at))) {
        return false;
    }
    while (at || depth) {
        if (at) {
            if (depth == DEPTH_MAX || !peek(opaque, at, &above[depth], sizeof(Node))) {
                return false;
            }
            at = (uint64_t)(uintptr_t)above[depth++].left;
            continue;
        }
        const Node *n = &above[--depth];
        if (n->r.start < last || n->r.start >= n->r.end) {
            return false;
        }
        last = n->r.end;
        fn(opaque, &n->r);
        at = (uint64_t)(uintptr_t)n->right;
    }
    return last != 0;
}

size_t guest_map_count(void)
{
    return count;
}
