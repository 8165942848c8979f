/*
 * linux-user/ptrace_private.h: what the files of the tracing side share.
 */
#ifndef LINUX_USER_PTRACE_PRIVATE_H
#define LINUX_USER_PTRACE_PRIVATE_H

#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/sys_common.h"

typedef enum TraceeState {
    TRACEE_RUNNING,
    TRACEE_STOPPED,                 /* guest stop: it waits in guest_stop() */
    TRACEE_IN_KERNEL,            /* the host's stop is the guest's: clone event, exit, group stop */
    TRACEE_LISTENING,
} TraceeState;

typedef enum QuestionState { QUESTION_NONE, QUESTION_ASKED, QUESTION_ANSWERED } QuestionState;

typedef struct Tracee {
    struct Tracee *next;
    pid_t tid, tracer;
    TraceeState state;
    bool starting;                  /* no guest stop since its birth or its execve() */
    bool foreign;                   /* a program of the host's kind (ptrace_foreign.c) */
    bool seized, options_set;       /* by us, on the host */
    bool signalled;                 /* the guest has had the SIGCHLD of this stop */
    bool reported;                  /* the guest knows it */
    bool ended;                     /* by exit(2), with exit_code, though the host may say 0 */
    int exit_code;
    _Atomic uint32_t question;      /* futex: QuestionState, of another thread that waits */
    int question_code, answer;
    abi_ulong task;                 /* its Task; 0: not known */
    uint64_t base;                  /* its guest_base */
    unsigned writes_seen;
    TraceState ts;                  /* while it is stopped and `task` is known: */
    uint64_t env;                   /* where its CPURISCVState is */
    uint64_t sigmask;
} Tracee;

/* Where a field of TraceState is in a Task. */
#define TRACE_FIELD(field) (offsetof(Task, trace) + offsetof(TraceState, field))

enum {
    OPTIONS_KNOWN = 0x3000ff,       /* PTRACE_O_MASK */
    OPTIONS_HOST = 0x30006e,        /* EXITKILL, SUSPEND_SECCOMP, and the events of processes but
                                     * for EXEC: what the host does for guests */
    OPTION_EXEC = 1 << TRACE_EVENT_EXEC,
    OPTIONS_BIRTHS = 1 << TRACE_EVENT_FORK | 1 << TRACE_EVENT_VFORK | 1 << TRACE_EVENT_CLONE,
};

static inline abi_long host_ptrace(long request, pid_t tid, uint64_t addr, const void *data)
{
    return host_syscall(SYS_ptrace, request, tid, addr, data);
}

/* A thread's record of tid, or NULL; a new one. */
Tracee *tracee_of(pid_t tid, pid_t tracer);
Tracee *tracee_add_of(pid_t tid, pid_t tracer);
/* The list of all, by `next`. */
Tracee *tracee_first(void);
/* The calling thread's; away with it. */
Tracee *tracee_find(pid_t tid);
Tracee *tracee_add(pid_t tid);
void tracee_drop(Tracee *t);

/* Memory of any process that may be traced, host addresses. */
bool tracee_read(pid_t tid, uint64_t addr, void *buf, size_t n);
bool tracee_write(pid_t tid, uint64_t addr, const void *buf, size_t n);

/* tid runs the same emulator as we; st: its executable. */
bool tracee_is_guest(pid_t tid, struct stat *st);
/* How far its executable is from ours in memory; false: it runs another. */
bool tracee_distance(pid_t tid, uint64_t *distance);
/* The Task of thread tid and its guest_base; 0: it has none (yet). */
abi_ulong tracee_find_task(pid_t tid, uint64_t *base);
bool tracee_know_task(Tracee *t);

/* t is stopped on the host: for the guest as well? Returns the stop's code (status >> 8) or 0. The
 * calling thread is its tracer. */
int tracee_look(Tracee *t, int host_code);

/* A foreign one's registers as the guest has them; and back, as far as a call is about to be made
 * or to return. */
bool foreign_fetch(Tracee *t, CPURISCVState *env);
bool foreign_store(const Tracee *t, const CPURISCVState *env);
/* The stop, which is that of a system call or not. */
void foreign_describe(Tracee *t, const siginfo_t *si);
bool foreign_at_syscall(const siginfo_t *si);

/* The number in that line of /proc/TID/status, "\nTgid:"; 0: none. */
pid_t tracee_status(pid_t tid, const char *field);

void ptrace_make_kick(siginfo_t *kick);
/* Interrupt it: it looks at its TraceState. */
bool tracee_kick(const Tracee *t);
/* The host's options that the guest's imply; false: the tracer may not set them. It is stopped. */
bool tracee_set_options(Tracee *t, uint32_t options);

#endif
