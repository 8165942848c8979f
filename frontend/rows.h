/*
 * frontend/rows.h: the rows of insns.def as the decoder finds them. Private to frontend/.
 *
 * Who knows the row of a word at compile time (a case of a switch over RvRowId) gets its operands
 * by extract_<FORMAT>() without looking at tables; rv_decode() does both for everybody else.
 */
#ifndef FRONTEND_ROWS_H
#define FRONTEND_ROWS_H

#include "frontend/decode.h"

typedef enum RvFormat {
#define FORMAT(id, ...) FMT_##id,
#include "frontend/formats.def"
#undef FORMAT
    FMT_COUNT,
} RvFormat;

typedef enum RvRowId {
#define INSN(id, ...) ROW_##id,
#define RVC(id, ...) ROW_##id,
#include "frontend/insns.def"
#undef INSN
#undef RVC
    ROW_COUNT,
} RvRowId;

enum {
    BUCKET_FP = 256,
    BUCKET_C = BUCKET_FP + 128,
    BUCKET_COUNT = BUCKET_C + 32,
    OP_FP = 0x53,
    MAX_FILED = 512,            /* rows are filed once per bucket they reach into */
};

typedef struct Filed {
    uint32_t mask, match;
    uint64_t need;              /* extensions, all of them */
    uint16_t row, id;
    uint8_t format;
} Filed;

extern Filed rv_filed[MAX_FILED];
extern uint16_t rv_bucket_start[BUCKET_COUNT + 1];

static inline unsigned bucket_of(uint32_t w)
{
    if ((w & 3) != 3) {
        return BUCKET_C + (w >> 13 & 7) * 4 + (w & 3);
    }
    if ((w & 0x7f) == OP_FP) {
        return BUCKET_FP + (w >> 25);
    }
    return (w >> 2 & 31) * 8 + (w >> 12 & 7);
}

/* The row of an insn word (16-bit insns: upper half 0), or NULL. */
static inline const Filed *rv_find_row(uint32_t w, RvExtSet exts)
{
    unsigned b = bucket_of(w);
    const Filed *end = &rv_filed[rv_bucket_start[b + 1]];
    for (const Filed *f = &rv_filed[rv_bucket_start[b]]; f < end; f++) {
        if ((w & f->mask) == f->match && (f->need & ~exts) == 0) {
            return f;
        }
    }
    return NULL;
}

/* Operands by format. False when they are reserved. */
#define X(lo, n) (w >> (lo) & ((1u << (n)) - 1))
#define SX(lo, n) ((int64_t)(int32_t)(w << (32 - (lo) - (n))) >> (32 - (n)))
#define FORMAT(id, ops, rd_, rs1_, rs2_, imm_, valid_)                   \
    static inline bool extract_##id(uint32_t w, DecodedInsn *d)          \
    {                                                                    \
        d->rd = (uint8_t)(rd_);                                          \
        d->rs1 = (uint8_t)(rs1_);                                        \
        d->rs2 = (uint8_t)(rs2_);                                        \
        d->imm = (int64_t)(imm_);                                        \
        return valid_;                                                   \
    }
#include "frontend/formats.def"
#undef FORMAT
#undef X
#undef SX

#endif
