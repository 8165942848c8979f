/*
 * linux-user/ptrace_wait.c: wait() of a tracer, see ptrace.h.
 *
 * Any thread may wait for what another one traces, but only the tracer may ask the host about a
 * stop and let the tracee go on. So the one that waits leaves the question in the tracee's record
 * and kicks the tracer, which answers at its next TB boundary.
 */
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "linux-user/proc_self.h"
#include "linux-user/ptrace_private.h"

_Atomic uint32_t ptrace_questions;

/* The thread of ours that traces tid, 0: none. */
static pid_t tracer_of(pid_t tid)
{
    pid_t tracer = tracee_status(tid, "\nTracerPid:");
    return tracer && host_syscall(SYS_tgkill, getpid(), tracer, 0) == 0 ? tracer : 0;
}

/* As ptrace_wait(), of another thread's tracee. */
static bool ask_tracer(pid_t pid, pid_t tracer, int *status)
{
    static const struct timespec a_while = { 0, 100000000 };
    siginfo_t kick;
    ptrace_make_kick(&kick);
    Tracee *t = tracee_of(pid, tracer);
    if (!t) {
        t = tracee_add_of(pid, tracer);
        t->starting = true;
    }
    t->question_code = *status >> 8;
    atomic_store(&t->question, QUESTION_ASKED);
    atomic_fetch_add(&ptrace_questions, 1);
    while (atomic_load(&t->question) != QUESTION_ANSWERED) {
        if (host_syscall(SYS_rt_tgsigqueueinfo, getpid(), tracer, SIGILL, &kick) < 0) {
            uint32_t asked = QUESTION_ASKED;            /* the tracer is gone */
            if (atomic_compare_exchange_strong(&t->question, &asked, QUESTION_NONE)) {
                atomic_fetch_sub(&ptrace_questions, 1);
            }
            return true;
        }
        host_syscall(SYS_futex, &t->question, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, QUESTION_ASKED,
                     &a_while, NULL, 0);
    }
    atomic_store(&t->question, QUESTION_NONE);
    *status = t->answer << 8 | 0x7f;
    return t->answer;
}

/* The stop that was asked about may have been passed over meanwhile, and t stopped again: that is
 * the one to look at, and nobody is to wait for it any more. */
static int newest_stop(const Tracee *t)
{
    siginfo_t si;
    memset(&si, 0, sizeof(si));
    host_syscall(SYS_waitid, P_PID, t->tid, &si, WSTOPPED | WNOHANG | __WALL, NULL);
    return si.si_pid ? si.si_status : t->question_code;
}

void ptrace_answer(Task *task)
{
    ptrace_begin(task);
    for (Tracee *t = tracee_first(); t; t = t->next) {
        if (t->tracer == task->tid && atomic_load(&t->question) == QUESTION_ASKED) {
            t->answer = tracee_look(t, newest_stop(t));
            atomic_fetch_sub(&ptrace_questions, 1);
            atomic_store(&t->question, QUESTION_ANSWERED);
            host_syscall(SYS_futex, &t->question, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
        }
    }
    ptrace_end(task);
}

void ptrace_begin(Task *task)
{
    task->trace.busy = 1;
}

void ptrace_end(Task *task)
{
    task->trace.busy = 0;
    if (task->trace.missed) {
        task->trace.missed = 0;
        ptrace_scan();
    }
}

/* pid has ended (or goes on), whosever tracee it was. */
static void wait_end(pid_t pid, int *status, bool stays)
{
    Tracee *t = tracee_first();
    while (t && t->tid != pid) {
        t = t->next;
    }
    if (t && t->ended && WIFEXITED(*status)) {
        *status = t->exit_code << 8;
    }
    if (t && !WIFCONTINUED(*status) && !stays) {
        tracee_drop(t);
    }
}

bool ptrace_wait(pid_t pid, int *status)
{
    Tracee *t = tracee_find(pid);
    if (!WIFSTOPPED(*status)) {
        wait_end(pid, status, false);
        return true;
    }
    if (!t) {
        siginfo_t si;
        if (host_ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == -ESRCH) {
            pid_t tracer = tracer_of(pid);      /* 0: an ordinary child, stopped */
            return !tracer || tracer == current_task->tid || ask_tracer(pid, tracer, status);
        }
        t = tracee_add(pid);
        t->starting = true;
    }
    int code = tracee_look(t, *status >> 8);
    *status = code << 8 | 0x7f;
    return code;
}

bool ptrace_waitid(siginfo_t *info, bool stays)
{
    bool stopped = info->si_code == CLD_TRAPPED || info->si_code == CLD_STOPPED;
    int status = stopped                             ? info->si_status << 8 | 0x7f
                 : info->si_code == CLD_CONTINUED ? 0xffff
                 : info->si_code == CLD_EXITED    ? info->si_status << 8
                                                  : info->si_status;
    if (!stopped) {
        wait_end(info->si_pid, &status, stays);
    } else if (!ptrace_wait(info->si_pid, &status)) {
        return false;
    }
    if (stopped || info->si_code == CLD_EXITED) {
        info->si_status = status >> 8;
    }
    return true;
}
