/*
 * tests/diff/gen.h: the state of the generator, and the units that blocks are made of.
 *
 * A unit is one random insn, or a few that belong together (address and access, lr and sc, call and
 * return, a mask and the shift that it goes with). Branches lead forward to the start of a unit.
 */
#ifndef TESTS_DIFF_GEN_H
#define TESTS_DIFF_GEN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "frontend/decode.h"

enum { UNIT_MAX = 16 };

typedef enum Kind {
    KIND_INT, KIND_M, KIND_A, KIND_ZB, KIND_F, KIND_D, KIND_C, KIND_MEM, KIND_BRANCH, KIND_IDIOM,
    KIND_COUNT, KIND_NONE = KIND_COUNT,
} Kind;

/* An insn of a unit; when target is not 0 it leads to the start of that many units further on, or
 * back. */
typedef struct Piece {
    uint32_t word;
    uint8_t len;
    int8_t target;
    uint8_t from;               /* the displacement counts from this piece of the unit */
} Piece;

typedef struct Unit {
    Piece piece[UNIT_MAX];
    unsigned n;
    unsigned offset;
} Unit;

typedef struct Gen {
    uint64_t seed;
    RvExtSet exts;
    GArray *rows[KIND_COUNT];   /* of unsigned: row numbers */
    const uint8_t *weight;
    /* the block in work; 0: it has no such register */
    unsigned base, count, inner;    /* reserved registers, besides sp: see gen_block() */
    uint8_t pool[8];            /* registers favoured, so that insns depend on each other */
} Gen;

/* A number below n. */
unsigned gen_below(Gen *g, unsigned n);
bool gen_is_reserved(const Gen *g, unsigned reg);
/* A register that a unit may write. */
unsigned gen_free_reg(Gen *g);
void unit_add(Unit *u, uint32_t word, unsigned len);

void gen_unit(Gen *g, Unit *u);         /* units.c: any, by the weights */
void gen_idiom(Gen *g, Unit *u);        /* idioms.c */

/* The rows that units are made from. */
void gen_collect_rows(Gen *g);

#endif
