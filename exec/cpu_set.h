/*
 * exec/cpu_set.h: all virtual CPUs, and stopping the world. Private to exec/.
 *
 * A CPU is "running" between cpu_enter() and cpu_leave(): it may be inside generated code or hold
 * pointers to TBs. The set includes those kept for threads to come, which do not run.
 */
#ifndef EXEC_CPU_SET_H
#define EXEC_CPU_SET_H

#include "exec/cpu_exec.h"

/* cpu_exclusive_begin() waits for those that run, or that others run not; see cpu_set.c. */
extern _Atomic int exclusive_pending;
extern bool exclusive_fence_ourselves;  /* membarrier(2) does not work here */
void cpu_enter_slow(CPUState *cpu);
void cpu_leave_slow(void);

/* Store to one's own flag, then look at exclusive_pending: true if that is not set. */
static inline bool cpu_set_running(CPUState *cpu, int running)
{
    atomic_store_explicit(&cpu->running, running, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(exclusive_fence_ourselves, 0)) {
        atomic_thread_fence(memory_order_seq_cst);
    }
    return __builtin_expect(!atomic_load(&exclusive_pending), 1);
}

static inline void cpu_enter(CPUState *cpu)
{
    if (!cpu_set_running(cpu, 1)) {
        cpu_enter_slow(cpu);
    }
}

static inline void cpu_leave(CPUState *cpu)
{
    if (!cpu_set_running(cpu, 0)) {
        cpu_leave_slow();
    }
}

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
