/*
 * tests/diff/program.c: see program.h.
 *
 * A block's body is a list of units: one random insn, or a few that belong together (address and
 * access, lr and sc, call and return). Branches lead forward to the start of a unit, so a block
 * always ends; some bodies are wrapped into a counted loop.
 */
#include <stdbool.h>
#include <string.h>

#include "frontend/cpu.h"
#include "frontend/decode.h"
#include "tests/diff/encode.h"
#include "tests/diff/program.h"
#include "tests/diff/values.h"

enum { UNIT_MAX = 12, MAX_TRIES = 64, CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

typedef enum Kind {
    KIND_INT, KIND_M, KIND_A, KIND_ZB, KIND_F, KIND_D, KIND_C, KIND_MEM, KIND_BRANCH, KIND_COUNT,
    KIND_NONE = KIND_COUNT,
} Kind;

static const struct {
    const char *name;
    uint8_t weight[KIND_COUNT];
} classes[] = {
    /*           INT  M  A ZB  F  D  C MEM BRANCH */
    { "int",    { 10, 0, 0, 0, 0, 0, 2, 1, 1 } },
    { "m",      { 4, 10, 0, 0, 0, 0, 1, 0, 1 } },
    { "a",      { 4, 0, 10, 0, 0, 0, 0, 3, 1 } },
    { "zb",     { 4, 0, 0, 10, 0, 0, 1, 0, 1 } },
    { "f",      { 1, 0, 0, 0, 16, 0, 0, 2, 1 } },
    { "d",      { 1, 0, 0, 0, 4, 12, 0, 2, 1 } },
    { "c",      { 1, 0, 0, 0, 0, 0, 10, 2, 2 } },
    { "mem",    { 3, 0, 0, 0, 0, 0, 1, 10, 1 } },
    { "branch", { 6, 0, 0, 0, 0, 0, 3, 1, 6 } },
    { "all",    { 6, 3, 2, 4, 5, 5, 5, 4, 3 } },
};
const char *const program_classes[] = { "int", "m", "a", "zb", "f", "d", "c", "mem", "branch",
                                        "all", NULL };

/* Operand letters of a row, see formats.def; a compressed insn has those of what it stands for. */
static const char *row_operands(const RvRow *row)
{
    static const char *const of_format[] = {
#define FORMAT(id, operands, rd, rs1, rs2, imm, valid) operands,
#include "frontend/formats.def"
#undef FORMAT
    };
    for (unsigned r = 0; row->len == 2 && r < rv_row_count(); r++) {
        if (rv_row(r)->id == row->id && rv_row(r)->len == 4) {
            return of_format[rv_row(r)->format];
        }
    }
    return of_format[row->format];
}

/* An insn of a unit; when target is not 0 it leads to the start of that many units further on. */
typedef struct Piece {
    uint32_t word;
    uint8_t len;
    uint8_t target;
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
    /* the block in work */
    unsigned base, count;       /* reserved registers, besides sp */
    uint8_t pool[8];            /* registers favoured, so that insns depend on each other */
} Gen;

static unsigned below(Gen *g, unsigned n)
{
    return rng_below(&g->seed, n);
}

static bool skipped(RvInsnId id)
{
    static const uint16_t list[] = {
        RV_ILLEGAL,
#define SKIP(i, reason, date) RV_##i,
#include "tests/diff/skip.def"
#undef SKIP
    };
    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (list[i] == id) {
            return true;
        }
    }
    return false;
}

static Kind row_kind(const RvRow *r)
{
    switch (r->id) {
    case RV_ecall: case RV_ebreak: case RV_csrrw: case RV_csrrs: case RV_csrrc: case RV_csrrwi:
    case RV_csrrsi: case RV_csrrci:
        return KIND_NONE;
    case RV_lb: case RV_lh: case RV_lw: case RV_ld: case RV_lbu: case RV_lhu: case RV_lwu:
    case RV_sb: case RV_sh: case RV_sw: case RV_sd: case RV_flw: case RV_fsw: case RV_fld:
    case RV_fsd:
        return KIND_MEM;
    case RV_jal: case RV_jalr: case RV_beq: case RV_bne: case RV_blt: case RV_bge: case RV_bltu:
    case RV_bgeu:
        return KIND_BRANCH;
    default:
        break;
    }
    switch (r->ext) {
    case RV_EXT_I: case RV_EXT_Zifencei: case RV_EXT_Zihintpause:
        return KIND_INT;
    case RV_EXT_M:
        return KIND_M;
    case RV_EXT_A:
        return KIND_A;
    case RV_EXT_F:
        return KIND_F;
    case RV_EXT_D:
        return KIND_D;
    case RV_EXT_C:
        return KIND_C;
    case RV_EXT_Zba: case RV_EXT_Zbb: case RV_EXT_Zbs:
        return KIND_ZB;
    default:
        return KIND_NONE;
    }
}

static bool is_reserved(const Gen *g, unsigned r)
{
    return r == RV_SP || r == g->base || r == g->count;
}

/* A register that a unit may write. */
static unsigned free_reg(Gen *g)
{
    for (;;) {
        unsigned r = below(g, 2) ? g->pool[below(g, 8)] : below(g, 32);
        if (r != 0 && !is_reserved(g, r)) {
            return r;
        }
    }
}

static void add_piece(Unit *u, uint32_t word, unsigned len)
{
    g_assert(u->n < UNIT_MAX);
    u->piece[u->n++] = (Piece){ .word = word, .len = (uint8_t)len };
}

/* Some of the register fields of a 32-bit word set to favoured registers. */
static uint32_t favour(Gen *g, const RvRow *row, uint32_t word)
{
    static const struct {
        const char *letters;
        unsigned lo;
    } field[] = { { "dD", 7 }, { "sSm", 15 }, { "tT", 20 }, { "Q", 27 } };
    for (unsigned i = 0; i < 4; i++) {
        if (strpbrk(row_operands(row), field[i].letters) && below(g, 4) != 0) {
            word &= ~(31u << field[i].lo);
            word |= (uint32_t)g->pool[below(g, 8)] << field[i].lo;
        }
    }
    return word;
}

/* A random word of row r that decodes as such and spares the reserved registers. */
static bool random_insn(Gen *g, unsigned r, DecodedInsn *d)
{
    const RvRow *row = rv_row(r);
    const char *ops = row_operands(row);
    bool rounds = (row->ext == RV_EXT_F || row->ext == RV_EXT_D) && (row->mask >> 12 & 7) == 0 &&
                  row->len == 4;

    for (unsigned i = 0; i < MAX_TRIES; i++) {
        uint32_t word = rv_row_random(r, &g->seed);
        if (row->len == 4) {
            word = favour(g, row, word);
        }
        if (!rv_decode(word, g->exts, d) || d->row != r) {
            continue;
        }
        if (strchr(ops, 'd') && is_reserved(g, d->rd)) {
            continue;
        }
        if (rounds && (d->rm == 5 || d->rm == 6)) {
            continue;
        }
        return true;
    }
    return false;
}

/* A random insn of a kind other than MEM, A and BRANCH. */
static void gen_simple(Gen *g, Unit *u, Kind kind)
{
    DecodedInsn d;
    do {
    } while (!random_insn(g, g_array_index(g->rows[kind], unsigned,
                                           below(g, g->rows[kind]->len)), &d));
    add_piece(u, d.word, d.len);
}

/* A look at or a change of fflags, frm and fcsr; frm stays a legal mode. */
static void gen_csr(Gen *g, Unit *u)
{
    unsigned rd = below(g, 4) ? free_reg(g) : 0;
    switch (below(g, 6)) {
    case 0:
        add_piece(u, enc_i(RV_csrrs, rd, 0, CSR_FFLAGS + (int)below(g, 3)), 4);
        break;
    case 1:
        add_piece(u, enc_i(RV_csrrw, rd, below(g, 32), CSR_FFLAGS), 4);
        break;
    case 2: {
        static const RvInsnId op[3] = { RV_csrrwi, RV_csrrsi, RV_csrrci };
        add_piece(u, enc_i(op[below(g, 3)], rd, below(g, 32), below(g, 2) ? CSR_FFLAGS : CSR_FCSR),
                  4);
        break;
    }
    case 3:
        add_piece(u, enc_i(RV_csrrci, rd, below(g, 32), CSR_FRM), 4);
        break;
    case 4:
        add_piece(u, enc_i(below(g, 2) ? RV_csrrs : RV_csrrc, rd, below(g, 32), CSR_FFLAGS), 4);
        break;
    default:
        add_piece(u, enc_i(RV_csrrwi, rd, below(g, 5), CSR_FRM), 4);
        break;
    }
}

static void gen_mem(Gen *g, Unit *u)
{
    bool computed = below(g, 3) == 0;
    unsigned addr = free_reg(g);
    DecodedInsn d;

    for (;;) {
        unsigned r = g_array_index(g->rows[KIND_MEM], unsigned, below(g, g->rows[KIND_MEM]->len));
        if (!random_insn(g, r, &d)) {
            continue;
        }
        uint32_t word = d.word;
        if (d.len == 4) {
            unsigned base = computed ? addr : below(g, 4) ? g->base : RV_SP;
            rv_decode((word & ~(31u << 15)) | base << 15, g->exts, &d);
        } else if ((d.rs1 != g->base && d.rs1 != RV_SP) || computed) {
            continue;
        }
        if (d.imm >= -SCRATCH_BELOW && d.imm <= (computed ? 0 : SCRATCH_ABOVE - 8)) {
            break;
        }
    }
    if (computed) {
        add_piece(u, enc_i(RV_andi, addr, below(g, 32), 0x3ff), 4);
        add_piece(u, enc_r(RV_add, addr, addr, g->base), 4);
    }
    add_piece(u, d.word, d.len);
}

static void gen_atomic(Gen *g, Unit *u)
{
    unsigned addr = g->base;
    if (below(g, 4)) {
        addr = free_reg(g);
        add_piece(u, enc_i(RV_addi, addr, g->base, ((int)below(g, 256) - 128) * 8), 4);
    }
    if (below(g, 4) == 0) {
        /* lr, perhaps something harmless, sc of the same width */
        bool wide = below(g, 2);
        unsigned old = free_reg(g);
        while (old == addr) {
            old = free_reg(g);
        }
        uint32_t aqrl = below(g, 4) << 25;
        add_piece(u, enc_r(wide ? RV_lr_d : RV_lr_w, old, addr, 0) | aqrl, 4);
        if (below(g, 2)) {
            add_piece(u, enc_r(RV_add, old, old, below(g, 32)), 4);
        }
        add_piece(u, enc_r(wide ? RV_sc_d : RV_sc_w, free_reg(g), addr, below(g, 32)), 4);
        return;
    }
    DecodedInsn d;
    do {
    } while (!random_insn(g, g_array_index(g->rows[KIND_A], unsigned,
                                           below(g, g->rows[KIND_A]->len)), &d) ||
             d.id == RV_lr_w || d.id == RV_lr_d);
    /* A lone sc fails: every lr has had its own. */
    add_piece(u, (d.word & ~(31u << 15)) | addr << 15, 4);
}

/* A call of the next-but-one insn, which returns. */
static void gen_call(Gen *g, Unit *u)
{
    unsigned link = g->count != RV_T0 && below(g, 4) == 0 ? RV_T0 : RV_RA;
    unsigned rd;
    do {
        rd = free_reg(g);
    } while (rd == link);
    add_piece(u, set_displacement(enc_r(RV_jal, link, 0, 0), 8), 4);
    add_piece(u, set_displacement(word_of(RV_jal), 12), 4);
    add_piece(u, enc_r(RV_add, rd, rd, below(g, 32)), 4);
    add_piece(u, enc_i(RV_jalr, 0, link, 0), 4);
}

static unsigned reg_but(Gen *g, unsigned a, unsigned b, unsigned c)
{
    unsigned r;
    do {
        r = free_reg(g);
    } while (r == a || r == b || r == c);
    return r;
}

/* A call, by a register, of one of two functions that follow: by data, so that it may change from
 * round to round of a loop. The second one may return to behind both, though it was not called from
 * there. */
static void gen_computed_call(Gen *g, Unit *u)
{
    unsigned link = g->count != RV_T0 && below(g, 4) == 0 ? RV_T0 : RV_RA;
    unsigned which = reg_but(g, link, link, link), to = reg_but(g, link, which, which);
    unsigned rd = reg_but(g, link, link, link);
    bool elsewhere = below(g, 3) == 0;
    add_piece(u, word_of(RV_auipc) | to << 7, 4);                           /* 0 */
    add_piece(u, enc_i(RV_andi, which, below(g, 32), below(g, 2) ? 8 : 0), 4);
    add_piece(u, enc_r(RV_add, to, to, which), 4);
    add_piece(u, enc_i(RV_addi, to, to, 24), 4);
    add_piece(u, enc_i(RV_jalr, link, to, 0), 4);                           /* 16 */
    add_piece(u, set_displacement(word_of(RV_jal), elsewhere ? 24 : 20), 4);
    add_piece(u, enc_r(RV_add, rd, rd, below(g, 32)), 4);                   /* 24 */
    add_piece(u, enc_i(RV_jalr, 0, link, 0), 4);
    add_piece(u, elsewhere ? enc_i(RV_addi, link, link, 24) : enc_r(RV_xor, rd, rd, below(g, 32)),
              4);
    add_piece(u, enc_i(RV_jalr, 0, link, 0), 4);                            /* 36 */
    if (elsewhere) {
        add_piece(u, enc_r(RV_sub, rd, rd, which), 4);                      /* 40, not reached */
    }
}

static void gen_branch(Gen *g, Unit *u)
{
    if (below(g, 6) == 0) {
        below(g, 2) ? gen_call(g, u) : gen_computed_call(g, u);
        return;
    }
    DecodedInsn d;
    do {
    } while (!random_insn(g, g_array_index(g->rows[KIND_BRANCH], unsigned,
                                           below(g, g->rows[KIND_BRANCH]->len)), &d));
    unsigned first = u->n;
    uint32_t word = d.word;
    if (d.id == RV_jalr) {
        unsigned addr = free_reg(g);
        add_piece(u, word_of(RV_auipc) | addr << 7, 4);
        if (d.len == 4) {
            word = (word & ~(31u << 15)) | addr << 15;
        } else {
            add_piece(u, enc_i(RV_addi, addr, addr, 0), 4);
            u->piece[u->n - 1].target = (uint8_t)(1 + below(g, 6));
            u->piece[u->n - 1].from = (uint8_t)first;
            add_piece(u, (word & ~(31u << 7)) | addr << 7, 2);
            return;
        }
    }
    add_piece(u, word, d.len);
    u->piece[u->n - 1].target = (uint8_t)(1 + below(g, 6));
    u->piece[u->n - 1].from = (uint8_t)(d.id == RV_jalr ? first : u->n - 1);
}

static void gen_unit(Gen *g, Unit *u)
{
    unsigned total = 0;
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        total += g->weight[k];
    }
    unsigned pick = below(g, total);
    Kind kind = 0;
    while (pick >= g->weight[kind]) {
        pick -= g->weight[kind++];
    }
    u->n = 0;
    switch (kind) {
    case KIND_MEM:
        gen_mem(g, u);
        break;
    case KIND_A:
        gen_atomic(g, u);
        break;
    case KIND_BRANCH:
        gen_branch(g, u);
        break;
    case KIND_C:
        if (below(g, 24) == 0) {    /* c.addi16sp 496 or -16, seen and undone */
            add_piece(u, 0x617d | (below(g, 2) ? 0x1000 : 0), 2);
            add_piece(u, enc_i(RV_addi, free_reg(g), RV_SP, 0), 4);
            add_piece(u, enc_i(RV_addi, RV_SP, g->base, 0), 4);
            break;
        }
        gen_simple(g, u, kind);
        break;
    case KIND_F:
    case KIND_D:
        if (below(g, 12) == 0) {
            gen_csr(g, u);
            break;
        }
        gen_simple(g, u, kind);
        break;
    default:
        gen_simple(g, u, kind);
        break;
    }
}

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
            if (p->target) {
                unsigned to = i + p->target < n ? units[i + p->target].offset : offset;
                p->word = set_displacement(p->word, (int)(to - at[p->from]));
            }
            append(code, p->word, p->len);
        }
    }
}

static void gen_block(Gen *g, Block *b, unsigned index, unsigned ninsns)
{
    g->base = 8 + below(g, 8);
    do {
        g->count = 3 + below(g, 29);
    } while (g->count == g->base);
    for (unsigned i = 0; i < 8; i++) {
        do {
            g->pool[i] = (uint8_t)(i < 4 ? 8 + below(g, 8) : below(g, 32));
        } while (is_reserved(g, g->pool[i]));
    }
    bool loop = below(g, 3) == 0;
    bool single = g->weight[KIND_F] > g->weight[KIND_D];

    for (unsigned i = 0; i < 32; i++) {
        b->init.x[i] = i ? random_x(&g->seed) : 0;
        b->init.f[i] = random_f(&g->seed, single);
    }
    b->init.x[RV_SP] = BASE_ADDR;
    b->init.x[g->base] = BASE_ADDR;
    b->init.x[g->count] = loop ? 2 + below(g, 30) : 0;
    b->init.fcsr = below(g, 5) << 5 | (below(g, 2) ? below(g, 32) : 0);

    b->code = g_byte_array_new();
    append_prologue(b->code, (uint32_t)(DATA_ADDR + sizeof(Dump) + index * sizeof(Init)));
    Unit *units = g_new0(Unit, ninsns);
    for (unsigned i = 0; i < ninsns; i++) {
        gen_unit(g, &units[i]);
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

static void collect_rows(Gen *g)
{
    static const RvExt exts[] = {
        RV_EXT_I, RV_EXT_M, RV_EXT_A, RV_EXT_F, RV_EXT_D, RV_EXT_C, RV_EXT_Zicsr,
        RV_EXT_Zifencei, RV_EXT_Zihintpause, RV_EXT_Zba, RV_EXT_Zbb, RV_EXT_Zbs,
    };
    for (unsigned i = 0; i < sizeof exts / sizeof exts[0]; i++) {
        g->exts |= (RvExtSet)1 << exts[i];
    }
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        g->rows[k] = g_array_new(false, false, sizeof(unsigned));
    }
    for (unsigned r = 0; r < rv_row_count(); r++) {
        const RvRow *row = rv_row(r);
        Kind kind = row_kind(row);
        if (kind == KIND_NONE || skipped(row->id) || !(g->exts >> row->ext & 1)) {
            continue;
        }
        /* its destination is always sp: see gen_unit() */
        if (strcmp(row->name, "c.addi16sp") == 0) {
            continue;
        }
        g_array_append_val(g->rows[kind], r);
    }
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
    collect_rows(&g);
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
