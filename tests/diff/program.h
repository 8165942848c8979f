/*
 * tests/diff/program.h: a random guest program for the differential tester.
 *
 * A program is a row of blocks. A block loads all x and f registers and fcsr with random and
 * special values, runs random insns made from the rows of insns.def, and writes a Dump to stdout.
 * The same seed and class always give the same program. Nothing in it depends on the machine:
 * addresses are fixed, no counters are read, every memory access falls into the scratch window.
 *
 *   data segment   | scratch, SCRATCH_SIZE | x0..x31 | f0..f31 | fcsr | Init of block 0, 1, ...
 *                  ^ DATA_ADDR   ^ BASE_ADDR, what sp and one of x8..x15 hold in all of a block
 */
#ifndef TESTS_DIFF_PROGRAM_H
#define TESTS_DIFF_PROGRAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TEXT_ADDR = 0x100000,
    DATA_ADDR = 0x800000,
    SCRATCH_BELOW = 1024,       /* bytes of scratch below BASE_ADDR */
    SCRATCH_ABOVE = 1032,       /* and from it on: displacement 1024 plus 8 bytes */
    SCRATCH_SIZE = SCRATCH_BELOW + SCRATCH_ABOVE,
    BASE_ADDR = DATA_ADDR + SCRATCH_BELOW,
};

/* What a block starts with; the guest loads it. */
typedef struct Init {
    uint64_t x[32], f[32], fcsr;
} Init;

/* What a block writes. */
typedef struct Dump {
    uint8_t scratch[SCRATCH_SIZE];
    uint64_t x[32], f[32], fcsr;
} Dump;

typedef struct Block {
    Init init;
    GByteArray *code;           /* all of it, prologue and dump included */
    unsigned body, body_end;    /* offsets of the random part in code */
    uint64_t addr;
} Block;

typedef struct Program {
    unsigned nblocks;
    Block *blocks;
    uint8_t scratch[SCRATCH_SIZE];
} Program;

/* Names of the classes of insns, NULL at the end. */
extern const char *const program_classes[];

/* false: no such class. rv_decode_init() has been called. */
bool program_generate(Program *p, uint64_t seed, const char *class_name, unsigned nblocks,
                      unsigned ninsns);
void program_free(Program *p);

/* A static RISC-V ELF file. */
GByteArray *program_elf(const Program *p);

#endif
