/*
 * linux-user/ptrace.c: the traced side of ptrace(2), see ptrace.h.
 */
#include "linux-user/ptrace.h"

#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>

#include "linux-user/loader.h"
#include "linux-user/ptrace_private.h"
#include "linux-user/signal_private.h"
#include "linux-user/strace.h"
#include "linux-user/syscall.h"

/* The tracer is gone: nobody saw the stop. */
static void untrace(TraceState *t)
{
    t->basics.on = t->basics.syscalls = t->basics.options = t->basics.seized = t->interrupt = 0;
}

/* Stop as t->status, info, message say. The host blocks no SIGILL now. */
static void guest_stop(CPUState *cpu)
{
    Task *task = cpu->opaque;
    TraceState *t = &task->trace;
    siginfo_t si;
    memset(&si, 0, sizeof(si));
    si.si_signo = SIGILL;
    si.si_code = TRACE_STOP;
    si.si_addr = task;
    t->resumed = t->sigmask_set = t->code_written = 0;
    /* A kick that is pending takes the place of the stop: of each signal there is one at a time.
     * The end of a thread is not answered. */
    do {
        t->kicked = t->unseen = 0;
        host_syscall(SYS_rt_tgsigqueueinfo, host_syscall(SYS_getpid), host_syscall(SYS_gettid),
                     SIGILL, &si);
    } while (t->kicked && !t->unseen && !t->resumed && (t->status || t->aside != TRACE_ENDS));
    cpu->env.gpr[0] = 0;
    cpu->env.res_addr = ~(uint64_t)0;
    t->syscall_op = SYSCALL_OP_NONE;
    if (!t->resumed) {
        untrace(t);
    }
    if (t->code_written) {
        guest_code_fenced(0, ~(vaddr)4095);
        tb_revalidate_all();
    }
    if (t->sigmask_set) {
        if (task->restore_sigmask) {
            task->saved_sigmask = t->sigmask & ~UNBLOCKABLE;
        } else {
            task->sigmask = t->sigmask & ~UNBLOCKABLE;
        }
        task->signal_pending = 1;           /* delivery brings the host's mask up to date */
    }
    if (t->interrupt || t->stop_pending) {
        task->signal_pending = 1;
        cpu_request_exit(cpu);
    }
}

/* A stop that the kernel describes by SIGTRAP and a code, which is its status as well. */
static void trap_stop(CPUState *cpu, int code, uint64_t message)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    memset(&t->info, 0, sizeof(t->info));
    t->info.si_signo = SIGTRAP;
    t->info.si_code = code;
    t->info.si_pid = (pid_t)host_syscall(SYS_gettid);
    t->info.si_uid = (uid_t)host_syscall(SYS_getuid);
    t->status = code;
    t->message = message;
    t->signal = 0;
    guest_stop(cpu);
}

static void event_stop(CPUState *cpu, int event, uint64_t message)
{
    trap_stop(cpu, SIGTRAP | event << 8, message);
}

/* ---- signals ---- */

int ptrace_signal(CPUState *cpu, int sig, siginfo_t *info)
{
    Task *task = cpu->opaque;
    TraceState *t = &task->trace;
    t->info = *info;
    t->status = t->signal = sig;
    t->message = 0;
    guest_stop(cpu);
    if (!t->resumed && !t->unseen) {
        return 0; /* the tracer waited for the stop, and ended: the signal went with it */
    }
    if (!t->resumed || !t->signal) {
        return t->signal;
    }
    *info = t->info;
    if (info->si_signo != t->signal) {
        memset(info, 0, sizeof(*info));
        info->si_signo = t->signal;
        info->si_pid = t->tracer;
        info->si_uid = (uid_t)t->tracer_uid;
    }
    if (t->signal != sig && (task->sigmask & sig_bit(t->signal) & ~UNBLOCKABLE)) {
        host_syscall(SYS_rt_tgsigqueueinfo, host_syscall(SYS_getpid), host_syscall(SYS_gettid),
                     t->signal, info);
        return 0;
    }
    return t->signal;
}

void ptrace_attend(CPUState *cpu)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    if (ptrace_questions) {
        ptrace_answer(cpu->opaque);
    }
    if (t->interrupt) {
        t->interrupt = 0;
        event_stop(cpu, TRACE_EVENT_STOP, 0);
    }
    if (t->stop_pending) {
        siginfo_t info = t->stop_info;
        t->stop_pending = 0;
        signal_deliver(cpu, SIGSTOP, &info);
    }
}

bool ptrace_own_signal(Task *task, int sig, const siginfo_t *info, siginfo_t *raw)
{
    raw->si_signo = 0;
    if (sig != SIGILL || (info->si_code != TRACE_STOP && info->si_code != TRACE_KICK)) {
        return false;
    }
    if (task && info->si_code == TRACE_STOP) {
        task->trace.unseen = 1;
    } else if (task) {
        TraceState *t = &task->trace;
        t->kicked = 1;
        *raw = t->raw;
        t->raw.si_signo = 0;
        if (!t->busy) {
            ptrace_scan();
        }
        t->undisturbed = 1;
        task->signal_pending = 1;
        cpu_request_exit(task->cpu);
    }
    return true;
}

/* ---- system calls ---- */

static void syscall_stop(CPUState *cpu, uint32_t op)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    t->syscall_op = op;
    trap_stop(cpu, SIGTRAP | (t->basics.options & TRACE_SYSGOOD ? 0x80 : 0), op);
    if (t->signal) {
        host_syscall(SYS_tgkill, host_syscall(SYS_getpid), host_syscall(SYS_gettid), t->signal);
    }
}

/* A stop before the call. a0 shows -ENOSYS meanwhile. False: the tracer wants no call; a0 is its
 * result. */
static bool stop_before(CPUState *cpu, void (*stop)(CPUState *cpu, uint32_t op), uint32_t op)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    uint64_t *gpr = cpu->env.gpr;
    t->orig_a0 = gpr[RV_A0];
    gpr[RV_A0] = (uint64_t)-ENOSYS;
    stop(cpu, op);
    if (!syscall_row(gpr[RV_A7])) {
        return false;
    }
    gpr[RV_A0] = t->orig_a0;
    return true;
}

abi_long ptrace_syscall(CPUState *cpu)
{
    Task *task = cpu->opaque;
    TraceState *t = &task->trace;
    uint64_t *gpr = cpu->env.gpr;
    if (vdso_answers(cpu->env.pc - 4, gpr[RV_A7])) {
        return syscall_dispatch(cpu, gpr[RV_A7], &gpr[RV_A0]);
    }
    abi_long ret = !t->basics.syscalls || stop_before(cpu, syscall_stop, SYSCALL_OP_ENTRY)
                       ? syscall_dispatch(cpu, gpr[RV_A7], &gpr[RV_A0])
                       : (abi_long)gpr[RV_A0];
    if (!t->basics.syscalls || task->exiting) {
        return ret;
    }
    if (ret == SYSCALL_NO_RESULT) {
        syscall_stop(cpu, SYSCALL_OP_EXIT);
        return ret;
    }
    uint64_t a0 = gpr[RV_A0];
    gpr[RV_A0] = (uint64_t)ret;
    syscall_stop(cpu, SYSCALL_OP_EXIT);
    ret = (abi_long)gpr[RV_A0];
    gpr[RV_A0] = a0;
    return ret;
}

static void seccomp_stop(CPUState *cpu, uint32_t data)
{
    ((Task *)cpu->opaque)->trace.syscall_op = SYSCALL_OP_SECCOMP;
    event_stop(cpu, TRACE_EVENT_SECCOMP, data);
}

bool ptrace_seccomp(CPUState *cpu, uint16_t data, bool *make)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    if (!t->basics.on || !(t->basics.options & 1u << TRACE_EVENT_SECCOMP)) {
        return false;
    }
    *make = stop_before(cpu, seccomp_stop, data);
    return true;
}

/* signal(7): what answers EINTR even when no handler runs. */
bool ptrace_restarts(Task *task, abi_ulong nr)
{
    static const uint16_t never[] = {
        4,          /* io_getevents */
        22,         /* epoll_pwait */
        137,        /* rt_sigtimedwait */
        192, 193,   /* semtimedop, semop */
        292,        /* io_pgetevents */
        426,        /* io_uring_enter */
        441,        /* epoll_pwait2 */
    };
    bool ours = (task->signal_pending && task->trace.basics.on) || task->trace.undisturbed;
    task->trace.undisturbed = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(never) && ours; i++) {
        if (nr == never[i]) {
            return false;
        }
    }
    return ours;
}

/* ---- birth, execve ---- */

static void tell_births(CPUState *cpu, uint32_t options)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    t->status = 0;
    t->aside = TRACE_BIRTHS;
    t->message = options;
    t->signal = 0;
    guest_stop(cpu);
}

void ptrace_clone(CPUState *cpu, uint64_t flags, int exit_signal)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    t->clone_event = t->child_traced = t->own_event = t->births = 0;
    if (!t->basics.on) {
        return;
    }
    uint32_t event = flags & CLONE_VFORK      ? TRACE_EVENT_VFORK
                     : exit_signal != SIGCHLD ? TRACE_EVENT_CLONE
                                              : TRACE_EVENT_FORK;
    bool wanted = !(flags & CLONE_UNTRACED) && (t->basics.options >> event & 1);
    t->child_traced = wanted;
    if (!(flags & CLONE_VM) || flags & (CLONE_THREAD | CLONE_VFORK)) {
        t->clone_event = flags & CLONE_UNTRACED ? 0 : event;
        return;
    }
    /* A child that shares memory and runs beside us is made by a thread of ours, with CLONE_VFORK
     * (fork.c): the host attaches both when all births are asked for, and else neither. */
    t->own_event = wanted ? event : 0;
    t->births = (t->basics.options & OPTIONS_BIRTHS) != (wanted ? OPTIONS_BIRTHS : 0);
    if (t->births) {
        tell_births(cpu, wanted ? OPTIONS_BIRTHS : 0);
    }
}

void ptrace_cloned(CPUState *cpu, abi_long child)
{
    TraceState *t = &((Task *)cpu->opaque)->trace;
    if (t->basics.on && t->births) {
        tell_births(cpu, t->basics.options & OPTIONS_BIRTHS);
    }
    if (t->basics.on && t->own_event && child > 0) {
        event_stop(cpu, (int)t->own_event, (uint64_t)child);
    }
}

void ptrace_thread_ends(CPUState *cpu)
{
    Task *task = cpu->opaque;
    if (task->trace.basics.on) {
        task->trace.aside = TRACE_ENDS;
        trap_stop(cpu, 0, (uint64_t)(uint8_t)task->exit_code);
    }
}

void ptrace_child_begins(Task *task)
{
    atomic_store((_Atomic uint32_t *)&task->trace.gone, 1);
}

void ptrace_child(Task *task, const TraceState *parent)
{
    TraceState *t = &task->trace;
    TraceState from = *parent;
    memset(t, 0, sizeof(*t));
    if (!from.child_traced) {
        return;
    }
    t->basics.on = 1;
    t->basics.seized = from.basics.seized;
    t->basics.options = from.basics.options;
    if (t->basics.seized) {
        t->interrupt = 1;
    } else {
        t->stop_pending = 1;
        t->stop_info.si_signo = SIGSTOP;
    }
    task->signal_pending = 1;
    cpu_request_exit(task->cpu);
}

char *ptrace_exec_argument(const Task *task)
{
    const TraceState *t = &task->trace;
    return t->basics.on ? g_strdup_printf("%x,%x,%x,%d", t->basics.options, t->basics.seized,
                                          t->basics.syscalls, (int)host_syscall(SYS_gettid))
                        : NULL;
}

void ptrace_exec_done(CPUState *cpu, const char *argument)
{
    enum { EXECVE = 221 };
    Task *task = cpu->opaque;
    TraceState *t = &task->trace;
    unsigned former;
    if (sscanf(argument, "%x,%x,%x,%u", &t->basics.options, &t->basics.seized, &t->basics.syscalls,
               &former) != 4) {
        return;
    }
    t->basics.on = 1;
    /* The SIGTRAP that the host sends is ours to send. */
    if (task->sigmask & sig_bit(SIGTRAP)) {
        static const struct timespec now;
        uint64_t set = sig_bit(SIGTRAP);
        host_syscall(SYS_rt_sigtimedwait, &set, NULL, &now, SIGSET_BYTES);
    }
    bool wants_event = t->basics.options & 1u << TRACE_EVENT_EXEC, seized = t->basics.seized;
    if (wants_event) {
        event_stop(cpu, TRACE_EVENT_EXEC, former);
    }
    if (t->basics.syscalls) {
        uint64_t a7 = cpu->env.gpr[RV_A7];
        cpu->env.gpr[RV_A7] = EXECVE;
        syscall_stop(cpu, SYSCALL_OP_EXIT);
        if (cpu->env.gpr[RV_A7] == EXECVE) {
            cpu->env.gpr[RV_A7] = a7;
        }
    }
    if (t->basics.on && !wants_event && !seized) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGTRAP;
        info.si_pid = (pid_t)host_syscall(SYS_getpid);
        info.si_uid = (uid_t)host_syscall(SYS_getuid);
        if (task->sigmask & sig_bit(SIGTRAP)) {
            host_syscall(SYS_tgkill, info.si_pid, info.si_pid, SIGTRAP);
        } else {
            signal_deliver(cpu, SIGTRAP, &info);
        }
    }
    signal_deliver_pending(cpu);
}
