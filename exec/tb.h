/*
 * exec/tb.h: TranslationBlock, one translated run of guest insns with a single entry.
 *
 * The code buffer is one mapping with host code growing up from its start and the TranslationBlocks
 * (with their jump slots and unwind maps: data that running code does not touch) growing down from
 * its end, so that code stays dense and everything reaches everything by a 32-bit displacement:
 *
 *   | stubs | code of TB 1 | code of TB 2 | ...  free  ... | TB 2, slots, map | TB 1, slots, map |
 *
 * Key: (pc, flags, cflags). Written under tb_lock, except the jump fields inside the code, which are
 * patched by one 4-byte store. Never moved; freed only by a flush of the whole buffer.
 */
#ifndef EXEC_TB_H
#define EXEC_TB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "frontend/cpu.h"

typedef struct TranslationBlock TranslationBlock;

/* A place in the code buffer, by code_buffer_ref(). There is much metadata (half as much as code):
 * pointers would make it half again as large, and a program's start is spent in touching memory. */
typedef uint32_t CodeRef;

/* A patchable jump of a TB. Protected by tb_lock. */
typedef struct TBJump {
    uint64_t pc;                    /* guest pc it goes to */
    CodeRef patch;                  /* its rel32 field */
    CodeRef stub;                   /* where it goes when unchained */
    CodeRef to;                     /* TB that it is chained to, or 0 */
    CodeRef next, prev;             /* TBJumps in to->incoming, or 0 */
} TBJump;

struct TranslationBlock {
    uint64_t pc;
    uint32_t flags;
    uint32_t cflags;
    uint8_t *code;
    uint32_t code_size;             /* bytes of host code, cold stubs included */
    uint16_t size;                  /* bytes of guest code from pc on, without gaps */
    uint16_t map_size;              /* of the unwind map (unwind.c), which lies in front of this */
    _Atomic CodeRef hash_next;
    _Atomic bool invalid;           /* dropped: no new entry, no chaining */
    bool shared;                    /* guest code lies in a shared mapping: aliases may write it */
    uint8_t insns, nslots;
    uint64_t hash;                  /* of the guest bytes, for revalidation */
    CodeRef page_next[2];           /* lists of the (at most two) guest pages touched */
    CodeRef incoming;               /* TBJumps that go to this TB */
    TBJump jump[];
};
_Static_assert(sizeof(TranslationBlock) <= 64 + 8, "one cache line but for the list of jumps");

static inline const uint8_t *tb_map(const TranslationBlock *tb)
{
    return (const uint8_t *)tb - tb->map_size;
}

#endif
