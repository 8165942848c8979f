/*
 * exec/cold.h: code that has run a few times only is emulated, not translated. Private to exec/.
 *
 * Half of a short program's code runs once. Blocks are counted where a jump enters them; at
 * exec_options.cold entries a block is worth its translation.
 */
#ifndef EXEC_COLD_H
#define EXEC_COLD_H

#include "exec/cpu_exec.h"

typedef enum ColdResult {
    COLD_TRANSLATE,             /* env->pc shall be translated, whatever its count */
    COLD_AGAIN,                 /* look at env->pc, or at exit_request, again */
    COLD_ECALL,                 /* env->pc is at an ecall */
} ColdResult;

/* There is no TB at env->pc. Emulate from there until something else must be done. */
ColdResult cold_run(CPUState *cpu, uint32_t cflags);

/* After the engine's options are known. */
void cold_init(void);

/* In the child of a fork. */
void cold_fork_child(CPUState *cpu);

/* From now on all code is translated. */
void cold_stop(void);

/* Mappings of guest memory have changed. */
void cold_forget_pages(void);

#endif
