/*
 * frontend/translator.h: the guest-neutral half of translation.
 *
 * translator_loop() drives a frontend through its TranslatorOps and fills an IrContext with one
 * TB. It knows nothing of RISC-V; a second guest is a second TranslatorOps.
 */
#ifndef FRONTEND_TRANSLATOR_H
#define FRONTEND_TRANSLATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/ir.h"

typedef enum DisasJumpType {
    DISAS_NEXT,                 /* go on with the next insn */
    DISAS_TOO_MANY,             /* stop here; tb_stop emits the jump to pc_next */
    DISAS_NORETURN,             /* the insn has emitted the way out */
} DisasJumpType;

typedef struct DisasContextBase {
    IrContext *ir;
    uint64_t pc_first;          /* first guest pc of the TB */
    uint64_t pc_next;           /* pc of the insn being translated; after it: of the next */
    DisasJumpType is_jmp;
    uint32_t num_insns, max_insns;  /* max_insns 0: as many as fit */
    uint32_t nslots;            /* jump slots handed out so far */
    uint32_t tb_flags;          /* part of the TB's key (cpu_tb_flags) */
    uint32_t cflags;            /* CF_* */
    /* Guest bytes at pc: returns how many of `len` could be read (execute permission and
     * presence), 0 when not even the first: set by the caller. */
    unsigned (*fetch)(void *opaque, uint64_t pc, void *buf, unsigned len);
    void *fetch_opaque;
    /* What fetch would give for pc_first on, without asking: window_size bytes (may be 0, may grow
     * while the TB is translated). */
    const uint8_t *window;
    unsigned window_size;
} DisasContextBase;

enum {
    CF_COUNT_MASK = 0x1ff,      /* stop after so many insns (0: as many as fit) */
    CF_NO_CHAIN = 0x200,        /* exits go to the loop */
    CF_OPT = 0x400,             /* run the optimizer */
};

/* A TB starts no insn TB_MAX_BYTES or more behind its first, so it touches two pages at most. */
enum { TB_MAX_INSNS = 128, TB_MAX_SLOTS = 14, TB_MAX_BYTES = 2048 };

/* At the start of every insn at least this many slots are free: enough for any way to end a TB. */
enum { TB_RESERVED_SLOTS = 2 };

typedef struct TranslatorOps {
    void (*init_disas_context)(DisasContextBase *dc);
    void (*tb_start)(DisasContextBase *dc);
    /* Fetch the insn at pc_next and emit its insn_start. When it cannot be fetched whole:
     *   not the TB's first: set DISAS_TOO_MANY, emit nothing;
     *   the first: emit exit_tb(EXCP_FAULT), set DISAS_NORETURN (exec raises the fetch fault);
     *              pc_next moves past the insn if its length could be seen, else it stays. */
    void (*insn_start)(DisasContextBase *dc);
    /* Translate the insn that insn_start found, advance pc_next. It may take following insns
     * with it (fusion): then it emits their insn_start and counts them in num_insns. */
    void (*translate_insn)(DisasContextBase *dc);
    void (*tb_stop)(DisasContextBase *dc);
    void (*disas_log)(const DisasContextBase *dc, FILE *f);
} TranslatorOps;

/* Translate one TB from dc->pc_first on. The caller has filled ir (reset), pc_first, tb_flags,
 * cflags, max_insns, fetch and fetch_opaque, and what the frontend's own context asks for. */
void translator_loop(const TranslatorOps *ops, DisasContextBase *dc);

#endif
