/*
 * linux-user/ptrace.h: ptrace(2) between guests. Source: kernel/ptrace.c, kernel/signal.c,
 * arch/riscv/kernel/ptrace.c.
 *
 * The relation of tracer and tracee is the host's, and so are wait, group stops, options about life
 * and death, and what happens when one of them dies. But the state of a guest is exact only between
 * TBs, so what a guest tracer sees as a stop is a *guest stop*: the tracee (ptrace.c) describes it
 * in its TraceState, sends itself SIGILL with the code TRACE_STOP, and is stopped by that. The
 * tracer (ptrace_tracer.c) recognises it, reads the description, leaves its answer there, and lets
 * the tracee go on without the signal. Stops of the host's that have no meaning for the guest are
 * passed over: a signal that the host has just dequeued is put into TraceState, and the tracee gets
 * a *kick* (SIGILL, code TRACE_KICK) instead, whose handler records it for delivery at the next TB
 * boundary, where it becomes a guest stop. Stops that happen in the kernel (clone events, exit,
 * group stops) are guest stops as they are.
 *
 * While the tracee is stopped its TraceState belongs to the tracer, else to the tracee; except raw,
 * stop_info, stop_pending, interrupt, which the tracer fills in before a kick.
 */
#ifndef LINUX_USER_PTRACE_H
#define LINUX_USER_PTRACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "exec/cpu_exec.h"
#include "linux-user/guest_ptr.h"

/* si_code of the host's SIGILL: none that a kernel or a C library uses. */
enum { TRACE_STOP = 0x52565000, TRACE_KICK = -0x52565001 };

/* Numbers of linux/ptrace.h that the C library's header has not. */
enum {
    TRACE_EVENT_FORK = 1, TRACE_EVENT_VFORK, TRACE_EVENT_CLONE, TRACE_EVENT_EXEC,
    TRACE_EVENT_VFORK_DONE, TRACE_EVENT_EXIT, TRACE_EVENT_SECCOMP, TRACE_EVENT_STOP = 128,
    TRACE_SYSGOOD = 1,          /* options; the others are 1 << event */
    TRACE_SUSPEND_SECCOMP = 1 << 21,
};
enum { SYSCALL_OP_NONE, SYSCALL_OP_ENTRY, SYSCALL_OP_EXIT, SYSCALL_OP_SECCOMP };
/* Said to the tracer by a stop that is none for the guest. */
enum { TRACE_ENDS, TRACE_BIRTHS };

typedef struct TraceBasics {
    uint32_t on;                /* traced */
    uint32_t syscalls;          /* stop at system calls */
    uint32_t seized;
    uint32_t options;           /* the guest's PTRACE_O_* */
} TraceBasics;

typedef struct TraceState {
    TraceBasics basics;
    /* a stop */
    int32_t status;            /* signal | event << 8; 0: no stop, the tracer is told `aside` */
    uint32_t aside; /* TRACE_ENDS: by exit(2) of `message`; _BIRTHS: the host's options of births
                     * are to be `message` */
    uint32_t syscall_op;
    siginfo_t info;
    uint64_t message;           /* PTRACE_GETEVENTMSG */
    abi_ulong orig_a0;
    /* the answer */
    uint32_t resumed;           /* the tracer has seen the stop */
    int32_t signal;             /* to be delivered */
    uint32_t sigmask_set;
    uint64_t sigmask;
    uint32_t code_written;      /* translated code may be stale */
    int32_t tracer, tracer_uid; /* si_pid of a signal that the tracer made */
    /* with a kick */
    siginfo_t raw;              /* si_signo != 0: a signal that the host has dequeued */
    siginfo_t stop_info;
    uint32_t stop_pending;      /* a SIGSTOP of that description */
    uint32_t interrupt;         /* PTRACE_INTERRUPT */
    /* told to the tracer */
    int32_t pass;               /* this signal is to act on the host */
    uint32_t clone_event;       /* a clone call is being made for the guest, which is this event */
    uint32_t child_traced;      /* and its child is traced from its beginning */
    uint32_t own_event;         /* or a thread of ours makes the child, and this is our own stop */
    uint32_t births;            /* and meanwhile the host's options of births are not the guest's */
    uint32_t gone;              /* the thread ends, this is nobody's */
    /* what the handler saw while it stops */
    volatile uint32_t kicked;   /* a kick */
    volatile uint32_t unseen;   /* the stop itself: there is no tracer any more */
    /* the thread's own, as a tracer */
    volatile uint32_t busy;     /* ptrace_begin() */
    volatile uint32_t missed;   /* SIGCHLD came meanwhile */
    volatile uint32_t undisturbed;  /* EINTR came of a SIGCHLD that the guest does not hear of */
} TraceState;

struct Task;

/* ---- tracee ---- */

/* Signal-delivery stop. Returns the signal to deliver, with *info, or 0. */
int ptrace_signal(CPUState *cpu, int sig, siginfo_t *info);
/* What a kick asked for, at a TB boundary. */
void ptrace_attend(CPUState *cpu);
/* The system call in the registers, pc behind the ecall, with its stops; as syscall_dispatch(). */
__attribute__((noinline)) abi_long ptrace_syscall(CPUState *cpu);
/* A call that ended by EINTR goes on when no handler ran: some signals interrupt only because of
 * us. */
bool ptrace_restarts(struct Task *task, abi_ulong nr);
/* In the host's signal handler: a signal of ours. A kick may leave a signal in *raw to record. */
bool ptrace_own_signal(struct Task *task, int sig, const siginfo_t *info, siginfo_t *raw);

/* Before a clone call of the guest, which then begins, with ptrace_child(), as its parent was
 * told. The host blocks no SIGILL. */
void ptrace_clone(CPUState *cpu, uint64_t flags, int exit_signal);
void ptrace_child(struct Task *task, const TraceState *parent);
/* Before the child has its tid: nobody can attach to it until ptrace_child(). */
void ptrace_child_begins(struct Task *task);
/* A clone call of a traced thread has made this child, or failed. */
void ptrace_cloned(CPUState *cpu, abi_long child);
/* A thread that does not lead its process ends: the host will not tell with which code. */
void ptrace_thread_ends(CPUState *cpu);
/* execve: what the new image is told (g_free), NULL: not traced; and its first stops. */
char *ptrace_exec_argument(const struct Task *task);
void ptrace_exec_done(CPUState *cpu, const char *argument);
/* SECCOMP_RET_TRACE: false when no tracer wants it. The call in the registers may be another now,
 * and is to be made or not; its result is then in a0. */
bool ptrace_seccomp(CPUState *cpu, uint16_t data, bool *make);

/* ---- tracer ---- */

/* pid's wait status *status: false when the guest is not to see it. */
bool ptrace_wait(pid_t pid, int *status);
/* The same for waitid(); `stays`: it was called with WNOWAIT. */
bool ptrace_waitid(siginfo_t *info, bool stays);
/* Around requests and waiting, which the handler of SIGCHLD must not disturb. */
void ptrace_begin(struct Task *task);
void ptrace_end(struct Task *task);
/* Other threads ask what the stops of this one's tracees mean to the guest. */
extern _Atomic uint32_t ptrace_questions;
void ptrace_answer(struct Task *task);
/* In the host's handler of SIGCHLD: false when the guest is not to hear of it; *info is corrected.
 * ptrace_scan() alone: a kick. */
bool ptrace_child_signal(siginfo_t *info);
void ptrace_scan(void);
/* In the child of a fork: it has no tracees. */
void ptrace_fork_child(void);
/* The guest has a descriptor by which it can write to the memory of other processes. */
void ptrace_memory_opened(void);

#endif
