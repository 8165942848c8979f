/*
 * exec/region_guess.h: what a region takes for granted. Private to exec/region.c.
 */
#ifndef EXEC_REGION_GUESS_H
#define EXEC_REGION_GUESS_H

#include "frontend/cpu.h"
#include "ir/ir.h"

enum { REGION_MAX_GUESSES = 10 };

/* Use what env says to simplify the IR of a region that starts at pc, before the optimizer. Returns
 * the number of guards, which have the slots from 0 on. */
unsigned region_guess(IrContext *ir, const CPURISCVState *env, uint64_t pc);
/* After the optimizer: the globals are ordinary ones again. */
void region_forget_guesses(IrContext *ir);

#endif
