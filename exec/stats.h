/*
 * exec/stats.h: counters of stats.def, printed by -stats at exit. Process-wide, relaxed atomics.
 */
#ifndef EXEC_STATS_H
#define EXEC_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

typedef enum StatId {
#define STAT(id, help) STAT_##id,
#include "exec/stats.def"
#undef STAT
    STAT_COUNT,
} StatId;

extern bool stats_enabled;
extern _Atomic uint64_t stats_counter[STAT_COUNT];

static inline void stat_add(StatId id, uint64_t n)
{
    if (__builtin_expect(stats_enabled, 0)) {
        atomic_fetch_add_explicit(&stats_counter[id], n, memory_order_relaxed);
    }
}

static inline void stat_inc(StatId id)
{
    stat_add(id, 1);
}

/* For lengths of time. */
static inline uint64_t stats_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void stats_dump(FILE *f);

#endif
