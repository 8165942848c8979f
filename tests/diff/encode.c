/*
 * tests/diff/encode.c: see encode.h.
 */
#include "frontend/cpu.h"
#include "tests/diff/encode.h"

uint32_t word_of(RvInsnId id)
{
    for (unsigned i = 0; i < rv_row_count(); i++) {
        if (rv_row(i)->id == id && rv_row(i)->len == 4) {
            return rv_row(i)->match;
        }
    }
    g_assert_not_reached();
}

uint32_t enc_r(RvInsnId id, unsigned rd, unsigned rs1, unsigned rs2)
{
    return word_of(id) | rd << 7 | rs1 << 15 | rs2 << 20;
}

uint32_t enc_i(RvInsnId id, unsigned rd, unsigned rs1, int imm)
{
    return word_of(id) | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

uint32_t enc_s(RvInsnId id, unsigned rs2, unsigned rs1, int imm)
{
    uint32_t u = (uint32_t)imm;
    return word_of(id) | (u & 31) << 7 | rs1 << 15 | rs2 << 20 | (u >> 5 & 127) << 25;
}

uint32_t set_displacement(uint32_t word, int d)
{
    uint32_t u = (uint32_t)d;
#define BITS(lo, n, to) ((u >> (lo) & ((1u << (n)) - 1)) << (to))
    if ((word & 3) != 3) {
        if ((word >> 13 & 7) == 5) {    /* CJ */
            return (word & ~0x1ffcu) | BITS(11, 1, 12) | BITS(4, 1, 11) | BITS(8, 2, 9) |
                   BITS(10, 1, 8) | BITS(6, 1, 7) | BITS(7, 1, 6) | BITS(1, 3, 3) | BITS(5, 1, 2);
        }
        return (word & ~0x1c7cu) | BITS(8, 1, 12) | BITS(3, 2, 10) | BITS(6, 2, 5) |
               BITS(1, 2, 3) | BITS(5, 1, 2);   /* CB */
    }
    switch (word & 0x7f) {
    case 0x63:  /* B */
        return (word & ~0xfe000f80u) | BITS(12, 1, 31) | BITS(5, 6, 25) | BITS(1, 4, 8) |
               BITS(11, 1, 7);
    case 0x6f:  /* J */
        return (word & ~0xfffff000u) | BITS(20, 1, 31) | BITS(1, 10, 21) | BITS(11, 1, 20) |
               BITS(12, 8, 12);
    default:    /* I: jalr, or addi to an address */
        return (word & ~0xfff00000u) | BITS(0, 12, 20);
    }
#undef BITS
}

void append(GByteArray *code, uint32_t word, unsigned len)
{
    uint8_t bytes[4] = { (uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
                         (uint8_t)(word >> 24) };
    g_byte_array_append(code, bytes, len);
}

void append_li(GByteArray *code, unsigned rd, uint32_t value)
{
    append(code, word_of(RV_lui) | rd << 7 | ((value + 0x800) & 0xfffff000u), 4);
    append(code, enc_i(RV_addi, rd, rd, (int)(value & 0xfff)), 4);
}
