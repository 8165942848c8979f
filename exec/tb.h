/*
 * exec/tb.h: TranslationBlock, one translated run of guest insns with a single entry.
 *
 * Lies in the code buffer directly before its host code:
 *
 *   | TranslationBlock | TBJump[nslots] | pad | host code (hot, then cold stubs) | unwind map |
 *   ^ 64-aligned                              ^ tb_code(tb)
 *
 * Key: (pc, flags, cflags). Written under tb_lock, except `jump target` words inside the code, which
 * are patched by one aligned 4-byte store. Never moved; freed only by a flush of the whole buffer.
 */
#ifndef EXEC_TB_H
#define EXEC_TB_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/cpu.h"

typedef struct TranslationBlock TranslationBlock;

/* A patchable jump. Offsets are in bytes from the TranslationBlock. */
typedef struct TBJump {
    uint64_t pc;                    /* guest pc it goes to */
    uint32_t patch;                 /* the rel32 field */
    uint32_t stub;                  /* where it goes when unchained */
    TranslationBlock *to;           /* chained to, or NULL */
    struct TBJump *next;            /* in to->incoming */
    TranslationBlock *from;
} TBJump;

struct TranslationBlock {
    uint64_t pc;
    uint32_t flags;
    uint32_t cflags;
    uint32_t size;                  /* bytes of guest code, from pc on, without gaps */
    uint16_t insns;
    uint16_t nslots;
    uint32_t code;                  /* offset of the host code */
    uint32_t code_size;             /* hot and cold */
    uint32_t map;                   /* offset of the unwind map */
    uint32_t total;                 /* offset of the end */
    bool invalid;                   /* unlinked; no new entry */
    uint8_t tier;
    uint64_t hash;                  /* of the guest bytes, for revalidation */
    TranslationBlock *hash_next;
    TBJump *incoming;
    TranslationBlock *page_next[2]; /* lists of the (at most two) guest pages touched */
    uint64_t exec_count;
    TBJump jump[];
};

static inline const uint8_t *tb_code(const TranslationBlock *tb)
{
    return (const uint8_t *)tb + tb->code;
}

#endif
