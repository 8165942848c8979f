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
    uint32_t num_insns, max_insns;
    uint32_t nslots;            /* jump slots handed out so far */
    uint32_t tb_flags;          /* part of the TB's key (cpu_tb_flags) */
    uint32_t cflags;            /* CF_* */
    /* Guest bytes at pc: returns how many of `len` could be read (execute permission and
     * presence), 0 when not even the first: set by the caller. */
    unsigned (*fetch)(void *opaque, uint64_t pc, void *buf, unsigned len);
    void *fetch_opaque;
} DisasContextBase;

enum {
    CF_COUNT_MASK = 0x1ff,      /* stop after so many insns (0: as many as fit) */
    CF_NO_CHAIN = 0x200,        /* exits go to the loop */
    CF_OPT = 0x400,             /* run the optimizer */
};

enum { TB_MAX_INSNS = 128, TB_MAX_SLOTS = 14, TB_MAX_BYTES = 2048 };

typedef struct TranslatorOps {
    void (*init_disas_context)(DisasContextBase *dc);
    void (*tb_start)(DisasContextBase *dc);
    void (*insn_start)(DisasContextBase *dc);
    /* Translate one insn at pc_next, emit its insn_start, advance pc_next. When the insn cannot be
     * fetched and it is not the TB's first, it sets DISAS_TOO_MANY and leaves pc_next; when it is
     * the first, it emits exit_tb(EXCP_FAULT): exec raises the fetch fault at that pc. */
    void (*translate_insn)(DisasContextBase *dc);
    void (*tb_stop)(DisasContextBase *dc);
    void (*disas_log)(const DisasContextBase *dc, FILE *f);
} TranslatorOps;

void translator_loop(const TranslatorOps *ops, DisasContextBase *dc);

#endif
