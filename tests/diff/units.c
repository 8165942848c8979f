/*
 * tests/diff/units.c: see gen.h.
 */
#include <string.h>

#include "frontend/cpu.h"
#include "tests/diff/encode.h"
#include "tests/diff/gen.h"
#include "tests/diff/program.h"
#include "tests/diff/values.h"

enum { MAX_TRIES = 64, CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

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

unsigned gen_below(Gen *g, unsigned n)
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
    case RV_EXT_Zba: case RV_EXT_Zbb: case RV_EXT_Zbc: case RV_EXT_Zbs:
        return KIND_ZB;
    default:
        return KIND_NONE;
    }
}

bool gen_is_reserved(const Gen *g, unsigned r)
{
    return r == RV_SP || r == g->base || r == g->count || r == g->inner;
}

/* A register that a unit may write. */
unsigned gen_free_reg(Gen *g)
{
    for (;;) {
        unsigned r = gen_below(g, 2) ? g->pool[gen_below(g, 8)] : gen_below(g, 32);
        if (r != 0 && !gen_is_reserved(g, r)) {
            return r;
        }
    }
}

void unit_add(Unit *u, uint32_t word, unsigned len)
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
        if (strpbrk(row_operands(row), field[i].letters) && gen_below(g, 4) != 0) {
            word &= ~(31u << field[i].lo);
            word |= (uint32_t)g->pool[gen_below(g, 8)] << field[i].lo;
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
        if (strchr(ops, 'd') && gen_is_reserved(g, d->rd)) {
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
                                           gen_below(g, g->rows[kind]->len)), &d));
    unit_add(u, d.word, d.len);
}

/* A look at or a change of fflags, frm and fcsr; frm stays a legal mode. */
static void gen_csr(Gen *g, Unit *u)
{
    unsigned rd = gen_below(g, 4) ? gen_free_reg(g) : 0;
    switch (gen_below(g, 6)) {
    case 0:
        unit_add(u, enc_i(RV_csrrs, rd, 0, CSR_FFLAGS + (int)gen_below(g, 3)), 4);
        break;
    case 1:
        unit_add(u, enc_i(RV_csrrw, rd, gen_below(g, 32), CSR_FFLAGS), 4);
        break;
    case 2: {
        static const RvInsnId op[3] = { RV_csrrwi, RV_csrrsi, RV_csrrci };
        int csr = gen_below(g, 2) ? CSR_FFLAGS : CSR_FCSR;
        unit_add(u, enc_i(op[gen_below(g, 3)], rd, gen_below(g, 32), csr), 4);
        break;
    }
    case 3:
        unit_add(u, enc_i(RV_csrrci, rd, gen_below(g, 32), CSR_FRM), 4);
        break;
    case 4:
        unit_add(u, enc_i(gen_below(g, 2) ? RV_csrrs : RV_csrrc, rd, gen_below(g, 32),
                          CSR_FFLAGS), 4);
        break;
    default:
        unit_add(u, enc_i(RV_csrrwi, rd, gen_below(g, 5), CSR_FRM), 4);
        break;
    }
}

static void gen_mem(Gen *g, Unit *u)
{
    bool computed = gen_below(g, 3) == 0;
    unsigned addr = gen_free_reg(g);
    DecodedInsn d;

    for (;;) {
        unsigned r = g_array_index(g->rows[KIND_MEM], unsigned,
                                   gen_below(g, g->rows[KIND_MEM]->len));
        if (!random_insn(g, r, &d)) {
            continue;
        }
        uint32_t word = d.word;
        if (d.len == 4) {
            unsigned base = computed ? addr : gen_below(g, 4) ? g->base : RV_SP;
            rv_decode((word & ~(31u << 15)) | base << 15, g->exts, &d);
        } else if ((d.rs1 != g->base && d.rs1 != RV_SP) || computed) {
            continue;
        }
        if (d.imm >= -SCRATCH_BELOW && d.imm <= (computed ? 0 : SCRATCH_ABOVE - 8)) {
            break;
        }
    }
    if (computed) {
        unit_add(u, enc_i(RV_andi, addr, gen_below(g, 32), 0x3ff), 4);
        unit_add(u, enc_r(RV_add, addr, addr, g->base), 4);
    }
    unit_add(u, d.word, d.len);
}

static void gen_atomic(Gen *g, Unit *u)
{
    unsigned addr = g->base;
    if (gen_below(g, 4)) {
        addr = gen_free_reg(g);
        unit_add(u, enc_i(RV_addi, addr, g->base, ((int)gen_below(g, 256) - 128) * 8), 4);
    }
    if (gen_below(g, 4) == 0) {
        /* lr, perhaps something harmless, sc of the same width */
        bool wide = gen_below(g, 2);
        unsigned old = gen_free_reg(g);
        while (old == addr) {
            old = gen_free_reg(g);
        }
        uint32_t aqrl = gen_below(g, 4) << 25;
        unit_add(u, enc_r(wide ? RV_lr_d : RV_lr_w, old, addr, 0) | aqrl, 4);
        if (gen_below(g, 2)) {
            unit_add(u, enc_r(RV_add, old, old, gen_below(g, 32)), 4);
        }
        unit_add(u, enc_r(wide ? RV_sc_d : RV_sc_w, gen_free_reg(g), addr, gen_below(g, 32)), 4);
        return;
    }
    DecodedInsn d;
    do {
    } while (!random_insn(g, g_array_index(g->rows[KIND_A], unsigned,
                                           gen_below(g, g->rows[KIND_A]->len)), &d) ||
             d.id == RV_lr_w || d.id == RV_lr_d);
    /* A lone sc fails: every lr has had its own. */
    unit_add(u, (d.word & ~(31u << 15)) | addr << 15, 4);
}

/* The units that follow are run in one round of the block's loop only, or in all that come late:
 * code that is met when what is around it has long been translated. */
static void gen_phase(Gen *g, Unit *u)
{
    unsigned t = gen_free_reg(g);
    bool one = gen_below(g, 2);
    unit_add(u, enc_i(one ? RV_addi : RV_sltiu, t, g->count,
                      one ? -1 - (int)gen_below(g, 24) : 1 + (int)gen_below(g, 24)), 4);
    unit_add(u, word_of(one ? RV_bne : RV_beq) | t << 15, 4);
    u->piece[1].target = (int8_t)(2 + gen_below(g, 5));
    u->piece[1].from = 1;
}

/* A call of the next-but-one insn, which returns. */
static void gen_call(Gen *g, Unit *u)
{
    unsigned link = g->count != RV_T0 && gen_below(g, 4) == 0 ? RV_T0 : RV_RA;
    unsigned rd;
    do {
        rd = gen_free_reg(g);
    } while (rd == link);
    unit_add(u, set_displacement(enc_r(RV_jal, link, 0, 0), 8), 4);
    unit_add(u, set_displacement(word_of(RV_jal), 12), 4);
    unit_add(u, enc_r(RV_add, rd, rd, gen_below(g, 32)), 4);
    unit_add(u, enc_i(RV_jalr, 0, link, 0), 4);
}

static unsigned reg_but(Gen *g, unsigned a, unsigned b, unsigned c)
{
    unsigned r;
    do {
        r = gen_free_reg(g);
    } while (r == a || r == b || r == c);
    return r;
}

/* A call, by a register, of one of two functions that follow: by data, so that it may change from
 * round to round of a loop. The second one may return to behind both, though it was not called from
 * there. */
static void gen_computed_call(Gen *g, Unit *u)
{
    unsigned link = g->count != RV_T0 && gen_below(g, 4) == 0 ? RV_T0 : RV_RA;
    unsigned which = reg_but(g, link, link, link), to = reg_but(g, link, which, which);
    unsigned rd = reg_but(g, link, link, link);
    bool elsewhere = gen_below(g, 3) == 0;
    unit_add(u, word_of(RV_auipc) | to << 7, 4);                           /* 0 */
    unit_add(u, enc_i(RV_andi, which, gen_below(g, 32), gen_below(g, 2) ? 8 : 0), 4);
    unit_add(u, enc_r(RV_add, to, to, which), 4);
    unit_add(u, enc_i(RV_addi, to, to, 24), 4);
    unit_add(u, enc_i(RV_jalr, link, to, 0), 4);                           /* 16 */
    unit_add(u, set_displacement(word_of(RV_jal), elsewhere ? 24 : 20), 4);
    unit_add(u, enc_r(RV_add, rd, rd, gen_below(g, 32)), 4);                   /* 24 */
    unit_add(u, enc_i(RV_jalr, 0, link, 0), 4);
    unit_add(u, elsewhere ? enc_i(RV_addi, link, link, 24)
                          : enc_r(RV_xor, rd, rd, gen_below(g, 32)), 4);
    unit_add(u, enc_i(RV_jalr, 0, link, 0), 4);                            /* 36 */
    if (elsewhere) {
        unit_add(u, enc_r(RV_sub, rd, rd, which), 4);                      /* 40, not reached */
    }
}

static void gen_branch(Gen *g, Unit *u)
{
    if (gen_below(g, 5) == 0) {
        gen_phase(g, u);
        return;
    }
    if (gen_below(g, 6) == 0) {
        gen_below(g, 2) ? gen_call(g, u) : gen_computed_call(g, u);
        return;
    }
    DecodedInsn d;
    do {
    } while (!random_insn(g, g_array_index(g->rows[KIND_BRANCH], unsigned,
                                           gen_below(g, g->rows[KIND_BRANCH]->len)), &d));
    unsigned first = u->n;
    uint32_t word = d.word;
    if (d.id == RV_jalr) {
        unsigned addr = gen_free_reg(g);
        unit_add(u, word_of(RV_auipc) | addr << 7, 4);
        if (d.len == 4) {
            word = (word & ~(31u << 15)) | addr << 15;
        } else {
            unit_add(u, enc_i(RV_addi, addr, addr, 0), 4);
            u->piece[u->n - 1].target = (int8_t)(1 + gen_below(g, 6));
            u->piece[u->n - 1].from = (uint8_t)first;
            unit_add(u, (word & ~(31u << 7)) | addr << 7, 2);
            return;
        }
    }
    unit_add(u, word, d.len);
    u->piece[u->n - 1].target = (int8_t)(1 + gen_below(g, 6));
    u->piece[u->n - 1].from = (uint8_t)(d.id == RV_jalr ? first : u->n - 1);
}

void gen_unit(Gen *g, Unit *u)
{
    unsigned total = 0;
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        total += g->weight[k];
    }
    unsigned pick = gen_below(g, total);
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
    case KIND_IDIOM:
        gen_idiom(g, u);
        break;
    case KIND_C:
        if (gen_below(g, 24) == 0) {    /* c.addi16sp 496 or -16, seen and undone */
            unit_add(u, 0x617d | (gen_below(g, 2) ? 0x1000 : 0), 2);
            unit_add(u, enc_i(RV_addi, gen_free_reg(g), RV_SP, 0), 4);
            unit_add(u, enc_i(RV_addi, RV_SP, g->base, 0), 4);
            break;
        }
        gen_simple(g, u, kind);
        break;
    case KIND_F:
    case KIND_D:
        if (gen_below(g, 12) == 0) {
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

void gen_collect_rows(Gen *g)
{
    static const RvExt exts[] = {
        RV_EXT_I, RV_EXT_M, RV_EXT_A, RV_EXT_F, RV_EXT_D, RV_EXT_C, RV_EXT_Zicsr,
        RV_EXT_Zifencei, RV_EXT_Zihintpause, RV_EXT_Zba, RV_EXT_Zbb, RV_EXT_Zbc, RV_EXT_Zbs,
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
