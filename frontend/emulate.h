/*
 * frontend/emulate.h: guest insns executed one by one, without translation.
 *
 * For code that runs once or twice: translating an insn costs as much as emulating it some ten
 * times. Only insns that such code is made of have a row in emulate.c; at all others the caller
 * translates. The state is in env, exact before every guest memory access: a host fault needs no
 * unwinding.
 */
#ifndef FRONTEND_EMULATE_H
#define FRONTEND_EMULATE_H

#include "frontend/cpu.h"
#include "frontend/decode.h"

typedef enum RvEmulated {
    RV_EMU_JUMP,                /* a jump was taken; env->pc is its aim */
    RV_EMU_OTHER,               /* env->pc is at an insn that is not emulated (or is none) */
    RV_EMU_ECALL,               /* env->pc is at an ecall */
    RV_EMU_END,                 /* env->pc is at an insn that is not all in [lo, hi) */
} RvEmulated;

/* Run from env->pc on until one of these. [lo, hi) is guest code that can be read (if the mapping
 * goes away meanwhile, reading it faults like a data access). base: host address of guest address
 * 0. */
RvEmulated rv_emulate(CPURISCVState *env, uintptr_t base, RvExtSet exts, vaddr lo, vaddr hi);

#endif
