/*
 * exec/tb_gen.h: the stages of the pipeline, for the two tiers that go through it. Private to
 * exec/.
 *
 * One IrContext for all; tb_lock is held from tb_gen_begin() to the end.
 */
#ifndef EXEC_TB_GEN_H
#define EXEC_TB_GEN_H

#include "exec/tb.h"
#include "frontend/translate.h"

/* Where the translator reads guest code. */
typedef struct TbSource {
    unsigned (*fetch)(void *opaque, uint64_t pc, void *buf, unsigned len);
    void *opaque;
    const uint8_t *window;      /* may be NULL */
} TbSource;

/* Make dc ready to translate at pc, behind what the IR holds. */
void tb_gen_prepare(DisasContext *dc, const TbSource *src, uint64_t pc, uint32_t flags,
                    uint32_t cflags);
/* The IR, empty. */
IrContext *tb_gen_begin(void);
IrContext *tb_gen_ir_context(void);
/* All passes; with the dumps and times that belong to them. */
void tb_gen_optimize(uint64_t pc, uint32_t cflags);
/* Pins for tb_gen_emit() from now on; NULL: the usual ones. */
void tb_gen_set_pins(const BackendPins *pins);
/* Host code of the IR, made a TB, findable and chained. draft: pc, flags, cflags, size, insns,
 * hash, shared. region: NULL, or what is copied behind the jumps. NULL: no room. */
TranslationBlock *tb_gen_emit(const TranslationBlock *draft, const TbRegion *region);

#endif
