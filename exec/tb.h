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

/* A patchable jump of a TB. Protected by tb_lock. */
typedef struct TBJump {
    uint64_t pc;                    /* guest pc it goes to */
    uint8_t *patch;                 /* its rel32 field */
    const uint8_t *stub;            /* where it goes when unchained */
    TranslationBlock *to;           /* chained to, or NULL */
    struct TBJump *next, **pprev;   /* in to->incoming */
} TBJump;

struct TranslationBlock {
    uint64_t pc;
    uint32_t flags;
    uint32_t cflags;
    uint8_t *code;
    uint32_t code_size;             /* bytes of host code, cold stubs included */
    uint32_t size;                  /* bytes of guest code from pc on, without gaps */
    uint16_t insns;
    uint16_t nslots;
    _Atomic bool invalid;           /* dropped: no new entry, no chaining */
    bool shared;                    /* guest code lies in a shared mapping: aliases may write it */
    uint8_t *map;                   /* unwind map (unwind.c) */
    uint32_t map_size;
    uint64_t hash;                  /* of the guest bytes, for revalidation */
    TranslationBlock *_Atomic hash_next;
    TranslationBlock *page_next[2]; /* lists of the (at most two) guest pages touched */
    TBJump *incoming;
    TBJump jump[];
};

#endif
