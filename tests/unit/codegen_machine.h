/*
 * tests/unit/codegen_machine.h: a fake guest CPU to run the backend's code on, next to the
 * interpreter. One per process; programs are built in machine->ir.
 */
#ifndef TESTS_CODEGEN_MACHINE_H
#define TESTS_CODEGEN_MACHINE_H

#include <check.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend-x86_64/codegen.h"
#include "ir/build.h"
#include "ir/ir.h"

enum { JC_BITS = 6, MEM_SIZE = 512, RAS_SIZE = 4096, CODE_SIZE = 1 << 20, NMISC = 8 };

typedef struct TestEnv {
    _Alignas(64) uint64_t gpr[32], fpr[32];
    uint64_t misc[NMISC];       /* env_ld, env_st */
    uint64_t pc;                /* what precedes it, the interpreter knows too */
    uint32_t fp_status, exit_request, host_mxcsr;
    BackendMark marks[BACKEND_MARKS];
    uint64_t host_sp, ras_sp, ras_bottom, helper_ra, helper_args[4], scratch[4],
        spill[BACKEND_SPILL_SLOTS];
    BackendConsts consts;
    uint64_t helper_table[8];
    JumpCacheEntry jump_cache[1 << JC_BITS];
} TestEnv;

extern TestEnv env;
extern JumpCacheEntry second_cache[1 << BACKEND_SECOND_CACHE_BITS];    /* apart: env is copied often */
extern uint8_t guest_mem[MEM_SIZE];
extern uint8_t ras[RAS_SIZE];
extern uint64_t helper_ra_seen;         /* env.helper_ra during the last call of helper 1 */
extern uint64_t seed_now;               /* named in complaints */

/* gpr[2] and gpr[20] point into guest_mem; the first is pinned. */
enum { PTR_PINNED = 2, PTR_ENV = 20 };
/* Helpers: 0 mixes four values, pure; 1 reads all registers and writes some. */
enum { HELPER_MIX, HELPER_TOUCH, REASON_MISALIGNED = 99 };

typedef struct Machine {
    IrContext *ir;
    IrTemp *gpr[32], *fpr[32];
    BackendConfig cfg;
    BackendContext *be;
    uintptr_t guest_base;
    uint8_t *code;              /* of the last program */
    uint8_t *header;
    BackendResult res;
} Machine;

void machine_init(void);                /* once: code buffer, helpers */
BackendConfig make_config(uint32_t features, unsigned npin, bool random, bool gs, uint64_t seed);
Machine machine_new(BackendConfig cfg, uintptr_t guest_base);
void machine_free(Machine *m);
void env_reset(void);

/* Code for m->ir (verified, liveness done), at an offset from the usual place. */
bool generate_at(Machine *m, unsigned offset);
void check_result(const Machine *m);    /* slots and unwind rows are well-formed */
BackendExit enter(Machine *m, const void *code);

/* Run m->ir `times` times (at most 16) from random states, both ways. False, after a report on
 * stderr, if they differ. Spoils the IR (liveness). */
bool run_both(Machine *m, unsigned times);

/* Random numbers, the same everywhere. */
extern uint64_t rng_state;
uint64_t rnd(void);
unsigned rnd_below(unsigned n);
uint64_t rnd_value(void);               /* edge values preferred */

#endif
