/*
 * tests/diff/idioms.c: sequences as compilers write them, which optimizers know and may take for
 * something they are not: over three or four registers only, so that insns read each other's
 * results, copies of them, and registers that were overwritten in between.
 */
#include <string.h>

#include "frontend/cpu.h"
#include "tests/diff/encode.h"
#include "tests/diff/gen.h"
#include "tests/diff/program.h"

typedef struct Window {
    unsigned reg[4];
    unsigned shift;             /* a rotation's: 1 to 31 or 63 */
    bool word;                  /* of 32 bits */
    unsigned depth;             /* width of a field: shifted up and down again */
} Window;

static unsigned pick(Gen *g, const Window *w)
{
    return w->reg[gen_below(g, 4)];
}

static void add_r(Gen *g, Unit *u, const Window *w, RvInsnId id)
{
    unit_add(u, enc_r(id, pick(g, w), pick(g, w), pick(g, w)), 4);
}

static void add_i(Gen *g, Unit *u, const Window *w, RvInsnId id, int imm)
{
    unit_add(u, enc_i(id, pick(g, w), pick(g, w), imm), 4);
}

/* One half of a rotation, or of the extraction of a field. */
static void add_shift(Gen *g, Unit *u, const Window *w)
{
    static const RvInsnId wide[] = { RV_slli, RV_srli, RV_srai },
                          narrow[] = { RV_slliw, RV_srliw, RV_sraiw };
    static const uint8_t left_or_right[] = { 0, 0, 0, 1, 1, 1, 2 };
    unsigned width = w->word ? 32 : 64, n = w->shift;
    unsigned kind = left_or_right[gen_below(g, 7)];
    switch (gen_below(g, 6)) {
    case 0: case 1:
        n = width - n;
        break;
    case 2:
        n = width - w->depth;
        break;
    default:
        break;
    }
    add_i(g, u, w, (w->word ? narrow : wide)[kind], (int)n);
}

static void add_extension(Gen *g, Unit *u, const Window *w)
{
    switch (gen_below(g, 7)) {
    case 0: case 1:
        add_i(g, u, w, RV_addiw, gen_below(g, 3) ? 0 : (int)gen_below(g, 64) - 32);
        break;
    case 2:
        unit_add(u, enc_r(RV_add_uw, pick(g, w), pick(g, w), 0), 4);
        break;
    case 3:
        unit_add(u, enc_r(RV_zext_h, pick(g, w), pick(g, w), 0), 4);
        break;
    case 4:
        add_i(g, u, w, RV_andi, gen_below(g, 2) ? 255 : (1 << gen_below(g, 11)) - 1);
        break;
    default:
        add_r(g, u, w, gen_below(g, 2) ? RV_addw : RV_subw);
        break;
    }
}

static void add_compare(Gen *g, Unit *u, const Window *w)
{
    unsigned z = pick(g, w);
    switch (gen_below(g, 6)) {
    case 0:
        add_i(g, u, w, RV_sltiu, (int)gen_below(g, 3));
        break;
    case 1:
        unit_add(u, enc_r(RV_sltu, pick(g, w), 0, z), 4);
        break;
    case 2:
        add_i(g, u, w, RV_slti, (int)gen_below(g, 3) - 1);
        break;
    case 3:
        add_i(g, u, w, RV_xori, (int)gen_below(g, 3) - 1);
        break;
    case 4:     /* z ? -1 : 0, and then a mask */
        unit_add(u, enc_r(RV_sub, z, 0, z), 4);
        add_r(g, u, w, RV_and);
        break;
    default:
        add_r(g, u, w, gen_below(g, 2) ? RV_slt : RV_sltu);
        break;
    }
}

/* An element of an array near BASE_ADDR. */
static void add_element(Gen *g, Unit *u, const Window *w)
{
    static const struct {
        RvInsnId load, store, index;
        uint8_t shift;
    } size[] = {
        { RV_lbu, RV_sb, RV_add, 0 },    { RV_lh, RV_sh, RV_sh1add, 1 },
        { RV_lhu, RV_sh, RV_add_uw, 0 }, { RV_lw, RV_sw, RV_sh2add, 2 },
        { RV_lwu, RV_sw, RV_sh2add_uw, 2 }, { RV_ld, RV_sd, RV_sh3add, 3 },
    };
    unsigned k = gen_below(g, 6), i = pick(g, w), a = pick(g, w);
    unit_add(u, enc_i(RV_andi, i, pick(g, w), 0x3f), 4);
    if (gen_below(g, 2)) {
        unit_add(u, enc_i(RV_slli, a, i, size[k].shift), 4);
        unit_add(u, enc_r(RV_add, a, a, g->base), 4);
    } else {
        unit_add(u, enc_r(size[k].index, a, i, g->base), 4);
    }
    int at = (int)gen_below(g, 256) - 128;
    if (gen_below(g, 2)) {
        unit_add(u, enc_i(size[k].load, pick(g, w), a, at), 4);
    } else {
        unit_add(u, enc_s(size[k].store, pick(g, w), a, at), 4);
    }
}

/* A forward branch on what was just computed. */
static void add_branch(Gen *g, Unit *u, const Window *w)
{
    static const RvInsnId id[] = { RV_beq, RV_bne, RV_blt, RV_bge, RV_bltu, RV_bgeu };
    unsigned b = gen_below(g, 2) ? pick(g, w) : 0;
    unit_add(u, word_of(id[gen_below(g, 6)]) | pick(g, w) << 15 | b << 20, 4);
    u->piece[u->n - 1].target = (int8_t)(1 + gen_below(g, 3));
    u->piece[u->n - 1].from = (uint8_t)(u->n - 1);
}

void gen_idiom(Gen *g, Unit *u)
{
    static const RvInsnId both[] = { RV_or, RV_add, RV_xor, RV_and, RV_sub };
    Window w = { .word = gen_below(g, 2) };
    for (unsigned i = 0; i < 4; i++) {
        w.reg[i] = gen_free_reg(g);
    }
    w.shift = 1 + gen_below(g, w.word ? 31 : 63);
    w.depth = gen_below(g, 2) ? 8u << gen_below(g, w.word ? 2 : 3) : 1 + gen_below(g, 31);
    while (u->n < 8 && (u->n < 3 || gen_below(g, 8))) {
        switch (gen_below(g, 16)) {
        case 0: case 1: case 2: case 3: case 4:
            add_shift(g, u, &w);
            break;
        case 5: case 6: case 7:
            add_i(g, u, &w, RV_addi, 0);                /* a copy */
            break;
        case 8: case 9:
            add_extension(g, u, &w);
            break;
        case 10:
            add_compare(g, u, &w);
            break;
        case 11:
            unit_add(u, enc_i(RV_addi, pick(g, &w), 0, (int)gen_below(g, 4096) - 2048), 4);
            break;
        case 12:
            add_element(g, u, &w);
            break;
        default:
            add_r(g, u, &w, both[gen_below(g, 5)]);
            break;
        }
    }
    if (gen_below(g, 8) == 0) {
        add_branch(g, u, &w);
    }
}
