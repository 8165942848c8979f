/*
 * tests/diff/program.c: see program.h.
 *
 * A block's body is a list of units. Branches lead forward to the start of one, so a block always
 * ends; some bodies are wrapped into a counted loop, and some of its units into another in it.
 */
#include <string.h>

#include "frontend/cpu.h"
#include "tests/diff/encode.h"
#include "tests/diff/gen.h"
#include "tests/diff/program.h"
#include "tests/diff/values.h"

enum { CSR_FCSR = 3, CB_MAX = 254 };      /* the farthest that c.beqz leads */

static const struct {
    const char *name;
    uint8_t weight[KIND_COUNT];
} classes[] = {
    /*           INT  M  A ZB  F  D  C MEM BRANCH IDIOM */
    { "int",    { 10, 0, 0, 0, 0, 0, 2, 1, 1, 0 } },
    { "m",      { 4, 10, 0, 0, 0, 0, 1, 0, 1, 0 } },
    { "a",      { 4, 0, 10, 0, 0, 0, 0, 3, 1, 0 } },
    { "zb",     { 4, 0, 0, 10, 0, 0, 1, 0, 1, 0 } },
    { "f",      { 1, 0, 0, 0, 16, 0, 0, 2, 1, 0 } },
    { "d",      { 1, 0, 0, 0, 4, 12, 0, 2, 1, 0 } },
    { "c",      { 1, 0, 0, 0, 0, 0, 10, 2, 2, 0 } },
    { "mem",    { 3, 0, 0, 0, 0, 0, 1, 10, 1, 0 } },
    { "branch", { 6, 0, 0, 0, 0, 0, 3, 1, 6, 0 } },
    { "idiom",  { 1, 0, 0, 0, 0, 0, 1, 0, 1, 12 } },
    { "flow",   { 2, 0, 0, 0, 3, 6, 1, 1, 9, 1 } },
    { "all",    { 6, 3, 2, 4, 5, 5, 5, 4, 4, 2 } },
};
const char *const program_classes[] = { "int", "m", "a", "zb", "f", "d", "c", "mem", "branch",
                                        "idiom", "flow", "all", NULL };

static void append_prologue(GByteArray *code, uint32_t init_addr)
{
    append_li(code, RV_T6, init_addr);
    append(code, enc_i(RV_ld, RV_T5, RV_T6, offsetof(Init, fcsr)), 4);
    append(code, enc_i(RV_csrrw, 0, RV_T5, CSR_FCSR), 4);
    for (unsigned i = 0; i < 32; i++) {
        append(code, enc_i(RV_fld, i, RV_T6, (int)(offsetof(Init, f) + 8 * i)), 4);
    }
    for (unsigned i = 1; i < 32; i++) {     /* x31, the address, last */
        append(code, enc_i(RV_ld, i, RV_T6, (int)(offsetof(Init, x) + 8 * i)), 4);
    }
}

/* Where field `member` of the Dump lies, seen from BASE_ADDR. */
#define DUMP(member) ((int)offsetof(Dump, member) - SCRATCH_BELOW)

static void append_dump(GByteArray *code, unsigned base)
{
    for (unsigned i = 0; i < 32; i++) {
        append(code, enc_s(RV_sd, i, base, DUMP(x) + (int)(8 * i)), 4);
    }
    for (unsigned i = 0; i < 32; i++) {
        append(code, enc_s(RV_fsd, i, base, DUMP(f) + (int)(8 * i)), 4);
    }
    append(code, enc_i(RV_csrrs, RV_RA, 0, CSR_FCSR), 4);
    append(code, enc_s(RV_sd, RV_RA, base, DUMP(fcsr)), 4);
    append(code, enc_i(RV_addi, RV_A1, base, -SCRATCH_BELOW), 4);
    append(code, enc_i(RV_addi, RV_A0, 0, 1), 4);
    append_li(code, RV_A2, sizeof(Dump));
    append(code, enc_i(RV_addi, RV_A7, 0, 64), 4);      /* write */
    append(code, word_of(RV_ecall), 4);
}

/* The units' bytes, branches resolved. */
static void append_units(GByteArray *code, Unit *units, unsigned n)
{
    unsigned offset = code->len;
    for (unsigned i = 0; i < n; i++) {
        units[i].offset = offset;
        for (unsigned k = 0; k < units[i].n; k++) {
            offset += units[i].piece[k].len;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        Unit *u = &units[i];
        unsigned at[UNIT_MAX];
        for (unsigned k = 0; k < u->n; k++) {
            Piece *p = &u->piece[k];
            at[k] = code->len;
            while (p->target) {
                unsigned t = i + (unsigned)p->target, to = t < n ? units[t].offset : offset;
                int d = (int)(to - at[p->from]);
                if (p->len == 4 || (p->word >> 13 & 7) == 5 || d <= CB_MAX) {
                    p->word = set_displacement(p->word, d);
                    break;
                }
                p->target--;
            }
            append(code, p->word, p->len);
        }
    }
}

/* Some of the units become a counted loop. It ends too when it was entered in its middle. */
static void add_inner_loop(Gen *g, Unit *units, unsigned n)
{
    unsigned first = gen_below(g, n - 2), last = first + 2 + gen_below(g, n - first - 2);
    units[first].n = units[last].n = 0;
    unit_add(&units[first], enc_i(RV_addi, g->inner, 0, 2 + (int)gen_below(g, 12)), 4);
    unit_add(&units[last], enc_i(RV_addi, g->inner, g->inner, -1), 4);
    unit_add(&units[last], word_of(RV_blt) | g->inner << 20, 4);
    units[last].piece[1].target = (int8_t)((int)first + 1 - (int)last);
    units[last].piece[1].from = 1;
}

static void gen_block(Gen *g, Block *b, unsigned index, unsigned ninsns)
{
    g->base = 8 + gen_below(g, 8);
    do {
        g->count = 3 + gen_below(g, 29);
    } while (g->count == g->base);
    do {
        g->inner = 6 + gen_below(g, 26);
    } while (g->inner == g->base || g->inner == g->count);
    for (unsigned i = 0; i < 8; i++) {
        do {
            g->pool[i] = (uint8_t)(i < 4 ? 8 + gen_below(g, 8) : gen_below(g, 32));
        } while (gen_is_reserved(g, g->pool[i]));
    }
    bool loop = gen_below(g, 3) == 0;
    bool single = g->weight[KIND_F] > g->weight[KIND_D];

    for (unsigned i = 0; i < 32; i++) {
        b->init.x[i] = i ? random_x(&g->seed) : 0;
        b->init.f[i] = random_f(&g->seed, single);
    }
    b->init.x[RV_SP] = BASE_ADDR;
    b->init.x[g->base] = BASE_ADDR;
    b->init.x[g->inner] = 0;
    b->init.x[g->count] = loop ? 2 + gen_below(g, 30) : 0;
    b->init.fcsr = gen_below(g, 5) << 5 | (gen_below(g, 2) ? gen_below(g, 32) : 0);

    b->code = g_byte_array_new();
    append_prologue(b->code, (uint32_t)(DATA_ADDR + sizeof(Dump) + index * sizeof(Init)));
    Unit *units = g_new0(Unit, ninsns);
    for (unsigned i = 0; i < ninsns; i++) {
        gen_unit(g, &units[i]);
    }
    if (ninsns >= 3 && gen_below(g, 3) == 0) {
        add_inner_loop(g, units, ninsns);
    }
    b->body = b->code->len;
    append_units(b->code, units, ninsns);
    g_free(units);
    if (loop) {
        append(b->code, enc_i(RV_addi, g->count, g->count, -1), 4);
        append(b->code, set_displacement(word_of(RV_bne) | g->count << 15,
                                         (int)(b->body - b->code->len)), 4);
    }
    b->body_end = b->code->len;
    append_dump(b->code, g->base);
}

bool program_generate(Program *p, uint64_t seed, const char *class_name, unsigned nblocks,
                      unsigned ninsns)
{
    Gen g = { .seed = (seed + 1) * 0x9e3779b97f4a7c15u };
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strcmp(classes[i].name, class_name) == 0) {
            g.weight = classes[i].weight;
        }
    }
    if (g.weight == NULL) {
        return false;
    }
    for (unsigned i = 0; i < 16; i++) {
        rng_next(&g.seed);
    }
    gen_collect_rows(&g);
    for (unsigned i = 0; i < SCRATCH_SIZE; i++) {
        p->scratch[i] = (uint8_t)rng_next(&g.seed);
    }
    p->nblocks = nblocks;
    p->blocks = g_new0(Block, nblocks);
    uint64_t addr = TEXT_ADDR;
    for (unsigned i = 0; i < nblocks; i++) {
        gen_block(&g, &p->blocks[i], i, ninsns);
        p->blocks[i].addr = addr;
        addr += p->blocks[i].code->len;
    }
    GByteArray *last = p->blocks[nblocks - 1].code;
    append(last, enc_i(RV_addi, RV_A0, 0, 0), 4);
    append(last, enc_i(RV_addi, RV_A7, 0, 93), 4);      /* exit */
    append(last, word_of(RV_ecall), 4);
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        g_array_free(g.rows[k], true);
    }
    return true;
}

void program_free(Program *p)
{
    for (unsigned i = 0; i < p->nblocks; i++) {
        g_byte_array_free(p->blocks[i].code, true);
    }
    g_free(p->blocks);
}
