/*
 * exec/region_translate.h: from the code of a region to its IR. Private to exec/region*.c.
 *
 * Jumps between blocks of the region go to labels. A call that goes on inside is a jump, too, and
 * so is the return from it: guarded, where the link register may have changed. Nothing of that is
 * on the stack of return predictions: frames that are left in their midst will miss there once. A
 * call that does not go on inside is a real one, which comes back to its label (IR_comes_back).
 * Guards of computed jumps lead, if they fail, to what the jump would be outside of a region.
 */
#ifndef EXEC_REGION_TRANSLATE_H
#define EXEC_REGION_TRANSLATE_H

#include "exec/region_code.h"
#include "ir/ir.h"

typedef struct RegionTranslation {
    bool needs_alone;               /* TranslationBlock's */
    unsigned inside, outside;       /* calls that go on inside; that come back */
} RegionTranslation;

/* Into tb_gen_begin()'s IR. false: it needs too many jump slots. tb_lock. */
bool region_translate(RegionCode *c, RegionTranslation *result);

/* How often the insn runs for each time that the region is entered, about. */
unsigned region_weight(const IrOp *insn_start);

/* The slots by which functions that were called are left in their midst. */
uint64_t region_called_exits(const IrContext *ir);

#endif
