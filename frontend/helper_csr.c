/*
 * frontend/helper_csr.c: the counters of Zicntr.
 *
 * time runs at RV_TIMEBASE_HZ of the monotonic clock. We count neither cycles nor insns: cycle
 * and instret are nanoseconds of the same clock, so they advance, never go back, and keep the
 * ratio to time that programs calibrate for.
 */
#include <time.h>

#include "frontend/cpu.h"
#include "frontend/helper.h"

static uint64_t monotonic_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t helper_rdtime(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return monotonic_ns() / (1000000000u / RV_TIMEBASE_HZ);
}

uint64_t helper_rdcycle(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return monotonic_ns();
}

uint64_t helper_rdinstret(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return monotonic_ns();
}

uint64_t helper_ecall(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    cpu_ecall(env, a0);
    return 0;
}
