/*
 * exec/tb.h: TranslationBlock, one translated run of guest insns with a single entry.
 *
 * The code buffer is one mapping with host code growing up from its start and the TranslationBlocks
 * (with their jump slots and unwind maps: data that running code does not touch) growing down from
 * its end, so that code stays dense and everything reaches everything by a 32-bit displacement:
 *
 *   | stubs | code of TB 1 | code of TB 2 | ...  free  ... | TB 2, slots, map | TB 1, slots, map |
 *
 * A region (region.c) is a TB of the second tier; it has the key of the TB in whose place it is
 * found. Key: (pc, flags, cflags). Written under tb_lock, except the jump fields inside the code,
 * which are patched by one 4-byte store. Never moved; freed only by a flush of the whole buffer.
 *
 * Nothing here says where it lies: what a TB and its jumps refer to is named by the distance from
 * them, so that TBs can be kept in a file and mapped by another process as they are.
 */
#ifndef EXEC_TB_H
#define EXEC_TB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend-x86_64/codegen.h"
#include "frontend/cpu.h"

typedef struct TranslationBlock TranslationBlock;

/* A place in the code buffer, by code_buffer_ref(). There is much metadata (half as much as code):
 * pointers would make it half again as large, and a program's start is spent in touching memory. */
typedef uint32_t CodeRef;

/* Another place in it, as the distance from the structure that holds the ref; 0: none. */
typedef int32_t TBRef;

static inline void *tb_ref_at(const void *from, TBRef ref)
{
    return ref ? (uint8_t *)from + ref : NULL;
}

static inline TBRef tb_ref_to(const void *from, const void *to)
{
    return to ? (TBRef)((const uint8_t *)to - (const uint8_t *)from) : 0;
}

/* TBJump.count of jumps whose polls do not count. */
#define TB_NOT_COUNTED (-1)
#define TB_COMES_BACK (-2)          /* the way back of a call in a region, into the region itself */

/* A patchable jump of a TB. Protected by tb_lock. */
typedef struct TBJump {
    uint64_t pc;                    /* guest pc it goes to */
    TBRef patch;                    /* its rel32 field */
    TBRef stub;                     /* where it goes when unchained */
    TBRef to;                       /* TB that it is chained to, or 0 */
    TBRef next, prev;               /* TBJumps in to->incoming, or 0 */
    int32_t count;              /* < 0, or samples until it is hot; 0: that is not asked any more */
} TBJump;

struct TranslationBlock {
    uint64_t pc;
    uint32_t flags;
    uint32_t cflags;
    TBRef code;
    uint32_t code_size;             /* bytes of host code, cold stubs included */
    uint16_t size;                  /* bytes of guest code from pc on, without gaps */
    uint16_t map_size;              /* of the unwind map (unwind.c), which lies in front of this */
    uint16_t relocs_size;           /* of the list of relocations, in front of that */
    _Atomic bool invalid;           /* dropped: no new entry, no chaining */
    bool shared;                    /* guest code lies in a shared mapping: aliases may write it */
    uint8_t insns, nslots;
    bool hot;                       /* its code begins a cache line */
    uint64_t hash;                  /* of the guest bytes, for revalidation */
    CodeRef page_next[2];           /* lists of the (at most two) guest pages touched */
    TBRef incoming;                 /* TBJumps that go to this TB */
    bool needs_alone;               /* its atomics are none: see exec_memory_shared() */
    bool region;                    /* made of several TBs: a TbRegion lies behind the jumps */
    bool no_region;                 /* not to become the header of one */
    bool no_guess;                /* ... of one that is good for certain values of registers only */
    bool no_rare;                   /* ... of one without what does not run often */
    bool uncounted;                 /* its polls do not count */
    uint8_t tries;                  /* how often it was not, yet: its loop has calls */
    TBJump jump[];
};
_Static_assert(sizeof(TBJump) == 32 && sizeof(TranslationBlock) <= 64 + 8,
               "one cache line but for the list of jumps");

/* A run of guest code that a region was made of. */
typedef struct TbRange {
    uint64_t pc;
    uint64_t hash;
    uint32_t size;
} TbRange;

typedef struct TbRegion {
    BackendPins pins;
    uint32_t nguards;             /* slots 0 to nguards - 1 leave at the start: a guess was wrong */
    uint32_t nranges, nloop;    /* the first nloop ranges are the loop, the rest is what it calls */
    TbRange range[];
} TbRegion;

static inline size_t tb_region_bytes(const TbRegion *r)
{
    return sizeof(*r) + r->nranges * sizeof(r->range[0]);
}

static inline TbRegion *tb_region(TranslationBlock *tb)
{
    return (TbRegion *)&tb->jump[tb->nslots];
}

static inline uint8_t *tb_code(const TranslationBlock *tb)
{
    return tb_ref_at(tb, tb->code);
}

static inline unsigned tb_code_align(const TranslationBlock *tb)
{
    return tb->hot ? 64 : 16;
}

static inline const uint8_t *tb_map(const TranslationBlock *tb)
{
    return (const uint8_t *)tb - tb->map_size;
}

/* Numbers of 7 bits a byte: each is the distance to the next field in the code, 32 bits, that holds
 * a distance to something outside of it: the header, or a common stub. */
static inline const uint8_t *tb_relocs(const TranslationBlock *tb)
{
    return tb_map(tb) - tb->relocs_size;
}

#endif
