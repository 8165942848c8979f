/*
 * tests/diff/encode.h: guest insns from operands, the fixed bits taken from insns.def.
 */
#ifndef TESTS_DIFF_ENCODE_H
#define TESTS_DIFF_ENCODE_H

#include <glib.h>
#include <stdint.h>

#include "frontend/decode.h"

/* The fixed bits of the 32-bit row of id. */
uint32_t word_of(RvInsnId id);
uint32_t enc_r(RvInsnId id, unsigned rd, unsigned rs1, unsigned rs2);
uint32_t enc_i(RvInsnId id, unsigned rd, unsigned rs1, int imm);
uint32_t enc_s(RvInsnId id, unsigned rs2, unsigned rs1, int imm);

/* word, a branch or jump of 16 or 32 bits, with its displacement set to d; of any other insn the
 * immediate of format I. */
uint32_t set_displacement(uint32_t word, int d);

void append(GByteArray *code, uint32_t word, unsigned len);
/* rd = value, below 2^31 */
void append_li(GByteArray *code, unsigned rd, uint32_t value);

#endif
