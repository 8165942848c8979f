/*
 * frontend/decode.c: the decoder, built from insns.def and formats.def.
 *
 * rv_decode_init() turns every pattern into mask and match and files the row under each bucket
 * whose words it can match. A bucket is what a few cheap bits tell:
 *
 *   16-bit insns   bits 15:13 and 1:0            32 buckets
 *   OP-FP          bits 31:25 (funct7)          128 buckets
 *   the rest       bits 14:12 and 6:2           256 buckets
 *
 * Inside a bucket rows lie in order of specificity (fixed bits, most first), so the first row that
 * matches and whose extensions are on decides; a handful of compares at most.
 */
#include "frontend/decode.h"

#include <assert.h>
#include <string.h>

#include "frontend/rows.h"

typedef struct RowText {
    const char *name, *pattern;
    uint16_t id;
    uint8_t format, ext, len;
} RowText;

static const RowText row_text[] = {
#define INSN(id, name, fmt, pattern, ext) { name, pattern, RV_##id, FMT_##fmt, RV_EXT_##ext, 4 },
#define RVC(id, name, fmt, pattern, ext, alias) \
    { name, pattern, RV_##alias, FMT_##fmt, RV_EXT_##ext, 2 },
#include "frontend/insns.def"
#undef INSN
#undef RVC
};

_Static_assert(sizeof(row_text) / sizeof(row_text[0]) == ROW_COUNT, "one RvRowId a row");

static RvRow rows[ROW_COUNT];
Filed rv_filed[MAX_FILED];
uint16_t rv_bucket_start[BUCKET_COUNT + 1];

/* The buckets a row reaches are *n in sequence, from the one returned on: the bits that choose a
 * bucket are fixed in every row, but for funct3, which may be free. */
static unsigned row_buckets(const RvRow *r, unsigned *n)
{
    uint32_t chosen_by = r->len == 2 ? 0xe003 : (r->match & 0x7f) == OP_FP ? 0xfe00007f : 0x707f;
    bool free_funct3 = r->len == 4 && (r->mask & chosen_by) == 0x7f;
    assert(free_funct3 || (r->mask & chosen_by) == chosen_by);
    *n = free_funct3 ? 8 : 1;
    return bucket_of(r->match);
}

static void parse_pattern(const char *pattern, unsigned len, uint32_t *mask, uint32_t *match)
{
    unsigned bits = 0;
    *mask = *match = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p == ' ') {
            continue;
        }
        *mask = *mask << 1 | (*p == '0' || *p == '1');
        *match = *match << 1 | (*p == '1');
        bits++;
    }
    assert(bits == len * 8);
}

void rv_decode_init(void)
{
    uint16_t order[ROW_COUNT], next[BUCKET_COUNT + 1];
    unsigned by_bits[34] = { 0 };
    uint8_t ext_of[RV_COUNT] = { 0 };

    memset(rv_bucket_start, 0, sizeof(rv_bucket_start));
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        const RowText *t = &row_text[i];
        RvRow *r = &rows[i];
        r->name = t->name;
        r->id = (RvInsnId)t->id;
        r->format = t->format;
        r->ext = t->ext;
        r->len = t->len;
        parse_pattern(t->pattern, t->len, &r->mask, &r->match);
        by_bits[32 - __builtin_popcount(r->mask) + 1]++;
        if (t->len == 4) {
            ext_of[t->id] = t->ext;
        }
    }
    /* Counting sort, most fixed bits first. */
    for (unsigned i = 1; i < 34; i++) {
        by_bits[i] += by_bits[i - 1];
    }
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        order[by_bits[32 - __builtin_popcount(rows[i].mask)]++] = (uint16_t)i;
    }

    /* Counting sort again, by bucket; it keeps the order inside. */
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        unsigned n, b = row_buckets(&rows[i], &n);
        while (n--) {
            rv_bucket_start[b++ + 1]++;
        }
    }
    for (unsigned b = 0; b < BUCKET_COUNT; b++) {
        rv_bucket_start[b + 1] = (uint16_t)(rv_bucket_start[b + 1] + rv_bucket_start[b]);
    }
    assert(rv_bucket_start[BUCKET_COUNT] <= MAX_FILED);
    memcpy(next, rv_bucket_start, sizeof(next));
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        const RvRow *r = &rows[order[i]];
        unsigned n, b = row_buckets(r, &n);
        while (n--) {
            rv_filed[next[b++]++] = (Filed){ r->mask, r->match,
                                          1ull << r->ext | 1ull << ext_of[r->id], order[i],
                                          (uint16_t)r->id, r->format };
        }
    }
}

/* Operands by the row's format. Returns false when they are reserved. */
static bool extract(RvFormat format, uint32_t w, DecodedInsn *d)
{
    switch (format) {
#define FORMAT(id, ...) \
    case FMT_##id: \
        return extract_##id(w, d);
#include "frontend/formats.def"
#undef FORMAT
    case FMT_COUNT:
        break;
    }
    return false;
}

bool rv_decode(uint32_t word, RvExtSet exts, DecodedInsn *d)
{
    bool wide = (word & 3) == 3;
    uint32_t w = wide ? word : word & 0xffff;
    const Filed *f = rv_find_row(w, exts);

    d->word = w;
    if (wide) {
        d->len = 4;
        d->rs3 = (uint8_t)(w >> 27);
        d->rm = w >> 12 & 7;
        d->aq = w >> 26 & 1;
        d->rl = w >> 25 & 1;
    } else {
        d->len = 2;
        d->rs3 = d->rm = d->aq = d->rl = 0;
    }
    if (f) {
        d->row = f->row;
        d->id = f->id;
        if (extract((RvFormat)f->format, w, d)) {
            return true;
        }
    }
    d->id = RV_ILLEGAL;
    d->row = 0;
    d->rd = d->rs1 = d->rs2 = 0;
    d->imm = 0;
    return false;
}

unsigned rv_row_count(void)
{
    return ROW_COUNT;
}

const RvRow *rv_row(unsigned r)
{
    assert(r < ROW_COUNT);
    return &rows[r];
}

uint32_t rv_row_random(unsigned r, uint64_t *seed)
{
    const RvRow *row = rv_row(r);
    uint64_t x = *seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *seed = x;
    uint32_t free_bits = (uint32_t)(x >> 16) & ~row->mask;
    uint32_t w = row->match | free_bits;
    return row->len == 2 ? w & 0xffff : w;
}
