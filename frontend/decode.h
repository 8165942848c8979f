/*
 * frontend/decode.h: instruction word -> DecodedInsn, and back to text.
 *
 * Everything comes from insns.def (one row an instruction), formats.def (operand layouts) and
 * exts.def (extensions). rv_decode_init() builds masks, matches and buckets once, before any thread
 * starts; afterwards all is read-only.
 */
#ifndef FRONTEND_DECODE_H
#define FRONTEND_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum RvInsnId {
    RV_ILLEGAL,
#define INSN(id, ...) RV_##id,
#define RVC(id, ...)
#include "frontend/insns.def"
#undef INSN
#undef RVC
    RV_COUNT,
} RvInsnId;

typedef enum RvExt {
#define EXT(id, ...) RV_EXT_##id,
#include "frontend/exts.def"
#undef EXT
    RV_EXT_COUNT,
} RvExt;

/* A set of extensions, bit RV_EXT_x. */
typedef uint64_t RvExtSet;

typedef struct DecodedInsn {
    uint16_t id;                /* RvInsnId; compressed ones carry the id they stand for */
    uint16_t row;               /* row in the table of all rows (compressed ones differ from id) */
    uint8_t len;                /* 2 or 4 */
    uint8_t rd, rs1, rs2, rs3;
    uint8_t rm;                 /* fp rounding mode field */
    uint8_t aq, rl;
    int64_t imm;                /* sign-extended; shamt; csr number of Zicsr; pred/succ of fence */
    uint32_t word;              /* raw bits (16-bit insns zero-extended) */
} DecodedInsn;

void rv_decode_init(void);

/* Decode the insn at *word (16-bit insns: low half counts). Returns false, with d->id =
 * RV_ILLEGAL and d->len set by the length bits, when no row of an enabled extension matches or an
 * operand is reserved in the row's format. */
bool rv_decode(uint32_t word, RvExtSet exts, DecodedInsn *d);

/* Text such as "addi a0,sp,16" into buf; pc resolves relative targets. Returns its length. */
size_t rv_disas(const DecodedInsn *d, uint64_t pc, char *buf, size_t size);

/* Rows, for tests and generators: r in 0 .. rv_row_count()-1. */
typedef struct RvRow {
    const char *name;           /* mnemonic */
    RvInsnId id;
    uint32_t mask, match;
    uint8_t format, ext, len;
} RvRow;
unsigned rv_row_count(void);
const RvRow *rv_row(unsigned r);

/* A random word of row r: fixed bits from the row, the rest from *seed (xorshift state). */
uint32_t rv_row_random(unsigned r, uint64_t *seed);

/* Extensions by name ("zba", "c", ...) and by -cpu model ("rv64", "rva20u64", "rva22u64", "max",
 * with ",prop=on|off" lists). rv_cpu_model returns false and an error (g_free) naming the word. */
bool rv_cpu_model(const char *spec, RvExtSet *exts, char **err);
/* The models and the properties, for people. */
void rv_cpu_help(FILE *f);
/* "rv64imafdc_zicntr_zicsr_..." the order of exts.def, g_free. */
char *rv_isa_string(RvExtSet exts);

#define RV_HAS(exts, e) ((exts) >> RV_EXT_##e & 1)

#endif
