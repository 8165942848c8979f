/*
 * exec/cpu_set.h: all virtual CPUs, and stopping the world. Private to exec/.
 *
 * A CPU is "running" between cpu_enter() and cpu_leave(): it may be inside generated code or hold pointers
 * to TBs. The set includes those kept for threads to come, which do not run.
 */
#ifndef EXEC_CPU_SET_H
#define EXEC_CPU_SET_H

#include "exec/cpu_exec.h"

void cpu_enter(CPUState *cpu);
void cpu_leave(CPUState *cpu);
void cpu_reset_return_stack(CPUState *cpu);

static inline JumpCacheEntry *jump_cache_entry(CPUState *cpu, uint64_t pc)
{
    return &cpu->jump_cache[(pc >> 1) & ((1 << JUMP_CACHE_BITS) - 1)];
}

static inline JumpCacheEntry *second_cache_entry(CPUState *cpu, uint64_t pc)
{
    return &cpu->second_cache[backend_second_index(pc)];
}

/* An empty entry holds a pc that is looked for elsewhere. All are 0 but the first, so that pages of
 * the cache are touched only as they are used. */
static inline void jump_cache_clear(CPUState *cpu, JumpCacheEntry *e)
{
    bool first = e == cpu->jump_cache || e == cpu->second_cache;
    __atomic_store_n(&e->pc, first ? 2 : 0, __ATOMIC_SEQ_CST);
}

static inline void jump_caches_init(CPUState *cpu)
{
    jump_cache_clear(cpu, cpu->jump_cache);
    jump_cache_clear(cpu, cpu->second_cache);
}

#endif
