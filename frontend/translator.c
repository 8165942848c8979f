/*
 * frontend/translator.c: translator_loop(), the order of events in the translation of a TB.
 *
 * Knows nothing of any guest. A TB ends where its insns say so (DISAS_NORETURN), or before the insn
 * that would be too many, too far, or without the jump slots it may need.
 */
#include "frontend/translator.h"

#include <assert.h>

/* 15 bytes: the longest insn of any guest. */
_Static_assert(TB_MAX_BYTES + 15 <= 4096, "a TB touches two pages at most");

static bool tb_is_full(const DisasContextBase *dc)
{
    return dc->num_insns >= dc->max_insns || dc->pc_next - dc->pc_first >= TB_MAX_BYTES ||
           dc->nslots + TB_RESERVED_SLOTS > TB_MAX_SLOTS;
}

void translator_loop(const TranslatorOps *ops, DisasContextBase *dc)
{
    dc->pc_next = dc->pc_first;
    dc->is_jmp = DISAS_NEXT;
    dc->num_insns = 0;
    dc->nslots = 0;
    if (!dc->max_insns) {
        dc->max_insns = dc->cflags & CF_COUNT_MASK;
    }
    if (!dc->max_insns || dc->max_insns > TB_MAX_INSNS) {
        dc->max_insns = TB_MAX_INSNS;
    }
    ops->init_disas_context(dc);
    ops->tb_start(dc);
    while (dc->is_jmp == DISAS_NEXT) {
        ops->insn_start(dc);
        if (dc->is_jmp != DISAS_NEXT) {
            break;
        }
        dc->num_insns++;
        ops->translate_insn(dc);
        if (dc->is_jmp == DISAS_NEXT && tb_is_full(dc)) {
            dc->is_jmp = DISAS_TOO_MANY;
        }
    }
    ops->tb_stop(dc);
    assert(dc->nslots <= TB_MAX_SLOTS);
    dc->ir->nslots = dc->nslots;
}
