/*
 * linux-user/sys_time.c: clocks and sleeps. Timers are forwarded by the table.
 *
 * A relative sleep that a signal without a handler interrupts goes on for the time that was left:
 * the interrupted call leaves its end in the thread's restart block and answers
 * ERESTART_RESTARTBLOCK; cpu_loop then runs restart_syscall (as the kernel does) or turns it into
 * EINTR.
 */
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "linux-user/sys_common.h"

/* Through the C library, which uses the host's vDSO. */
abi_long sys_clock_gettime(CPUState *cpu, const abi_ulong *a)
{
    struct timespec ts;
    if (clock_gettime((clockid_t)(int)a[0], &ts) < 0) {
        return -errno;
    }
    return guest_write(a[1], &ts, sizeof(ts)) ? 0 : -EFAULT;
}

abi_long sys_gettimeofday(CPUState *cpu, const abi_ulong *a)
{
    struct timeval tv;
    struct timezone tz = { 0 };
    if (a[1]) {
        abi_long ret = host_call(__NR_gettimeofday, host_arg(&tv), host_arg(&tz), 0, 0, 0, 0);
        if (ret < 0) {
            return ret;
        }
    } else {
        gettimeofday(&tv, NULL);
    }
    if ((a[0] && !guest_write(a[0], &tv, sizeof(tv))) ||
        (a[1] && !guest_write(a[1], &tz, sizeof(tz)))) {
        return -EFAULT;
    }
    return 0;
}

enum { NSEC = 1000000000 };

__thread RestartBlock restart_block;

/* Relative sleeps on the real-time clock do not follow it when it is set. */
static clockid_t end_clock(clockid_t clock)
{
    return clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : clock;
}

/* The end of time when there is no such sum; nonsense in, nonsense out. */
struct timespec timespec_add(struct timespec x, struct timespec y)
{
    struct timespec r = { .tv_nsec = (long)((uint64_t)x.tv_nsec + (uint64_t)y.tv_nsec) };
    long carry = r.tv_nsec >= NSEC;
    if (__builtin_add_overflow(x.tv_sec, y.tv_sec, &r.tv_sec) ||
        __builtin_add_overflow(r.tv_sec, carry, &r.tv_sec)) {
        r.tv_sec = INT64_MAX;
    }
    r.tv_nsec -= carry * NSEC;
    return r;
}

/* x - y, not below 0. */
static struct timespec ts_sub(struct timespec x, struct timespec y)
{
    struct timespec r = { .tv_sec = x.tv_sec - y.tv_sec, .tv_nsec = x.tv_nsec - y.tv_nsec };
    if (r.tv_nsec < 0) {
        r.tv_nsec += NSEC;
        r.tv_sec--;
    }
    return r.tv_sec < 0 ? (struct timespec){ 0 } : r;
}

static abi_long sleep_on(const RestartBlock *block);

/* For `req`, which ends at `end` of end_clock(). What the host says is left is late by its slack,
 * which would add up from one interruption to the next: it is for the guest alone. rem_addr: where
 * it wants it, or 0. */
static abi_long sleep_until(clockid_t clock, struct timespec end, struct timespec req,
                            abi_ulong rem_addr)
{
    struct timespec rem = req;          /* not entered at all: everything is left */
    restart_block.go_on = NULL;
    abi_long ret = safe_syscall(__NR_clock_nanosleep, (abi_ulong)clock, 0, host_arg(&req),
                                host_arg(&rem), 0, 0);
    if (ret != -ERESTARTSYS_ && ret != -EINTR) {
        return ret;
    }
    if (rem_addr && !guest_write(rem_addr, &rem, sizeof(rem))) {
        return -EFAULT;
    }
    if (rem.tv_sec < 0) {
        return -EINTR;
    }
    restart_block = (RestartBlock){ sleep_on, end, { (abi_ulong)clock, rem_addr } };
    return -ERESTART_RESTARTBLOCK_;
}

static abi_long sleep_on(const RestartBlock *block)
{
    struct timespec now;
    clockid_t clock = (clockid_t)block->a[0];
    if (clock_gettime(end_clock(clock), &now) < 0) {
        return -EINTR;
    }
    return sleep_until(clock, block->end, ts_sub(block->end, now), block->a[1]);
}

/* A clock that cannot be read cannot be slept on either: the host says so. */
static abi_long sleep_relative(clockid_t clock, struct timespec req, abi_ulong rem_addr)
{
    struct timespec now = { 0 };
    clock_gettime(end_clock(clock), &now);
    return sleep_until(clock, timespec_add(now, req), req, rem_addr);
}

abi_long sys_nanosleep(CPUState *cpu, const abi_ulong *a)
{
    struct timespec req;
    if (!guest_read(&req, a[0], sizeof(req))) {
        return -EFAULT;
    }
    return sleep_relative(CLOCK_MONOTONIC, req, a[1]);
}

abi_long sys_clock_nanosleep(CPUState *cpu, const abi_ulong *a)
{
    struct timespec req;
    if (!guest_read(&req, a[2], sizeof(req))) {     /* the clock is looked at first */
        return host_call(__NR_clock_nanosleep, a[0], a[1], 0, 0, 0, 0);
    }
    if (!(a[1] & TIMER_ABSTIME)) {
        return sleep_relative((clockid_t)(int)a[0], req, a[3]);
    }
    abi_long ret = safe_syscall(__NR_clock_nanosleep, a[0], a[1], host_arg(&req), 0, 0, 0);
    return ret == -ERESTARTSYS_ ? -ERESTARTNOHAND_ : ret;
}

/* EINTR without something to restart, as the kernel's do_no_restart_syscall(). */
abi_long sys_restart_syscall(CPUState *cpu, const abi_ulong *a)
{
    RestartBlock block = restart_block;
    restart_block.go_on = NULL;
    return block.go_on ? block.go_on(&block) : -EINTR;
}
