/*
 * linux-user/signal_action.c: what the guest does with each signal, and what the host does for it.
 * Source: kernel/signal.c.
 *
 * Owns the tables of guest actions. A signal has our handler on the host where the guest has one,
 * where its default action is ours (a core file), and always where it may be a fault of ours; else
 * the host acts as the guest wants.
 */
#include <signal.h>
#include <string.h>

#include <glib.h>

#include "linux-user/ptrace_private.h"
#include "linux-user/rseq.h"
#include "linux-user/signal_private.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#define SA_EXPOSE_TAGBITS_ 0x800
#define GUEST_SA_FLAGS                                                                             \
    ((uint64_t)(uint32_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART |     \
                          SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS_))

/* struct sigaction of the x86-64 kernel */
typedef struct HostSigaction {
    uintptr_t handler;
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
} HostSigaction;

_Alignas(4096) FORK_PAGE SigHand process_sighand = { .lock = PTHREAD_MUTEX_INITIALIZER,
                                                     .users = 1 };

bool signal_watching;

void host_sigreturn(void);

/* Of SIGCHLD when there are tracees: always ours. */
static void watch_children(const GuestSigaction *sa)
{
    bool handled = sa->handler > GUEST_SIG_IGN;
    HostSigaction h = { .flags = SA_RESTORER | SA_SIGINFO | SA_ONSTACK, .restorer = host_sigreturn,
                        .handler = (uintptr_t)signal_host_handler, .mask = ~FAULT_SIGNALS };
    h.flags |= handled ? sa->flags & SA_RESTART : SA_RESTART;
    h.flags |= sa->handler == GUEST_SIG_IGN ? SA_NOCLDWAIT : sa->flags & SA_NOCLDWAIT;
    host_syscall(SYS_rt_sigaction, SIGCHLD, &h, NULL, SIGSET_BYTES);
}

/* Signals whose default action is ours. A process that shares its parent's memory must not end
 * where it holds a lock of ours: any end but by SIGKILL is ours then. */
static uint64_t caught_by_default(void)
{
    return current_task && current_task->is_vfork_child ? FATAL_SIGNALS : DUMP_SIGNALS;
}

static void host_action_set(int sig, const GuestSigaction *sa)
{
    if (sig == SIGCHLD && signal_watching) {
        watch_children(sa);
        return;
    }
    HostSigaction h = { .flags = SA_RESTORER, .restorer = host_sigreturn };
    bool handled = sa->handler > GUEST_SIG_IGN;
    if (sig_bit(sig) & FAULT_SIGNALS) {
        h.handler = (uintptr_t)signal_host_handler;
        h.flags |= SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        h.flags |= handled ? sa->flags & SA_RESTART : SA_RESTART;
        h.mask = ~FAULT_SIGNALS;
    } else if (handled) {
        h.handler = (uintptr_t)signal_host_handler;
        h.flags |=
            SA_SIGINFO | SA_ONSTACK | (sa->flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT));
        h.mask = ~FAULT_SIGNALS;
    } else if (sa->handler == GUEST_SIG_DFL && (sig_bit(sig) & caught_by_default())) {
        h.handler = (uintptr_t)signal_host_handler;
        h.flags |= SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        h.mask = ~FAULT_SIGNALS;
    } else {
        h.handler = sa->handler;
        h.flags |= sa->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    }
    host_syscall(SYS_rt_sigaction, sig, &h, NULL, SIGSET_BYTES);
}

GuestSigaction *signal_action_of(SigHand *sh, int sig)
{
    GuestSigaction *sa = &sh->action[sig];
    if (!(sh->known & sig_bit(sig))) {
        sh->known |= sig_bit(sig);
        HostSigaction h = { 0 };
        host_syscall(SYS_rt_sigaction, sig, NULL, &h, SIGSET_BYTES);
        sa->handler = h.handler == GUEST_SIG_IGN ? GUEST_SIG_IGN : GUEST_SIG_DFL;
        sa->flags = h.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    }
    return sa;
}

void signal_action_set(SigHand *sh, int sig, const GuestSigaction *sa)
{
    sh->action[sig] = *sa;
    sh->known |= sig_bit(sig);
    host_action_set(sig, sa);
}

void signal_watch_children(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    const GuestSigaction *sa = signal_action_of(task->sighand, SIGCHLD);
    signal_watching = true;
    watch_children(sa);
    pthread_mutex_unlock(&task->sighand->lock);
}

abi_long signal_action(CPUState *cpu, int sig, abi_ulong act, abi_ulong oldact, abi_ulong size)
{
    Task *task = cpu->opaque;
    SigHand *sh = task->sighand;
    GuestSigaction sa, old;
    if (size != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (act && !guest_read(&sa, act, sizeof(sa))) {
        return -EFAULT;
    }
    if (sig < 1 || sig > SIGNALS || (act && (sig_bit(sig) & UNBLOCKABLE))) {
        return -EINVAL;
    }
    pthread_mutex_lock(&sh->lock);
    old = *signal_action_of(sh, sig);
    if (act) {
        sa.mask &= ~UNBLOCKABLE;
        sa.flags &= GUEST_SA_FLAGS;
        signal_action_set(sh, sig, &sa);
    }
    pthread_mutex_unlock(&sh->lock);
    if (act && sa.handler == GUEST_SIG_IGN) {
        __atomic_and_fetch(&task->fault_pending, ~sig_bit(sig), __ATOMIC_RELAXED);
    }
    if (act && sa.handler > GUEST_SIG_IGN) {
        rseq_handler_set(cpu);
    }
    return oldact && !guest_write(oldact, &old, sizeof(old)) ? -EFAULT : 0;
}

/* The host's C library takes the signal of its setxid() when it makes its first thread, and
 * unblocks it. Guests have a C library of their own that uses the same number. */
enum { SIGNAL_OF_LIBC = 33 };

void signal_thread_begin(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    signal_action_of(task->sighand, SIGNAL_OF_LIBC);
    pthread_mutex_unlock(&task->sighand->lock);
}

void signal_thread_end(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    host_action_set(SIGNAL_OF_LIBC, signal_action_of(task->sighand, SIGNAL_OF_LIBC));
    pthread_mutex_unlock(&task->sighand->lock);
    signal_unblock_host(task);
}

_Noreturn void signal_end_by(int sig)
{
    HostSigaction dfl = { .flags = SA_RESTORER, .restorer = host_sigreturn };
    host_syscall(SYS_rt_sigaction, sig, &dfl, NULL, SIGSET_BYTES);
    host_syscall(SYS_tgkill, host_syscall(SYS_getpid), host_syscall(SYS_gettid), sig);
    host_mask_set(~sig_bit(sig));
    /* Still here: the first process of a namespace, which such signals spare. */
    host_syscall(SYS_exit_group, 128 + sig);
    __builtin_unreachable();
}

/* ---- life of processes and threads ---- */

void signal_init(void)
{
    for (uint64_t set = FAULT_SIGNALS | DUMP_SIGNALS; set; set &= set - 1) {
        int sig = __builtin_ctzll(set) + 1;
        host_action_set(sig, signal_action_of(&process_sighand, sig));
    }
}

void signal_fork_prepare(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
}

void signal_fork_parent(Task *task)
{
    pthread_mutex_unlock(&task->sighand->lock);
}

static void disposition(uint64_t bit, abi_ulong handler, uint64_t *caught, uint64_t *ignored)
{
    *ignored = handler == GUEST_SIG_IGN ? *ignored | bit : *ignored & ~bit;
    *caught = handler > GUEST_SIG_IGN ? *caught | bit : *caught & ~bit;
}

void signal_dispositions(Task *task, uint64_t *caught, uint64_t *ignored)
{
    *caught = *ignored = 0;
    pthread_mutex_lock(&task->sighand->lock);
    for (int sig = 1; sig <= SIGNALS; sig++) {
        disposition(sig_bit(sig), signal_action_of(task->sighand, sig)->handler, caught, ignored);
    }
    pthread_mutex_unlock(&task->sighand->lock);
}

void signal_unblockable_shown(const Task *task, uint64_t *blocked, uint64_t *pending)
{
    *blocked = task->sigmask & FAULT_SIGNALS;
    *pending = task->fault_pending & *blocked;
}

bool signal_dispositions_other(pid_t tid, uint64_t *caught, uint64_t *ignored)
{
    uint64_t base;
    abi_ulong task = tracee_find_task(tid, &base);
    SigHand *at, sh;
    if (!task || !tracee_read(tid, task + offsetof(Task, sighand), &at, sizeof(at)) ||
        !tracee_read(tid, (uintptr_t)at, &sh, sizeof(sh))) {
        return false;
    }
    *caught = 0;
    for (int sig = 1; sig <= SIGNALS; sig++) {
        if (sh.known & sig_bit(sig)) {
            disposition(sig_bit(sig), sh.action[sig].handler, caught, ignored);
        }
    }
    return true;
}

struct SigHand *signal_copy_actions(Task *task)
{
    SigHand *copy = g_new0(SigHand, 1);
    pthread_mutex_init(&copy->lock, NULL);
    copy->users = 1;
    pthread_mutex_lock(&task->sighand->lock);
    copy->known = task->sighand->known;
    memcpy(copy->action, task->sighand->action, sizeof(copy->action));
    pthread_mutex_unlock(&task->sighand->lock);
    return copy;
}

struct SigHand *signal_share_actions(Task *task)
{
    atomic_fetch_add(&task->sighand->users, 1);
    return task->sighand;
}

void signal_free_actions(struct SigHand *sighand)
{
    if (atomic_fetch_sub(&sighand->users, 1) == 1) {
        g_free(sighand);
    }
}

void signal_catch_fatal(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    for (uint64_t set = FATAL_SIGNALS; set; set &= set - 1) {
        int sig = __builtin_ctzll(set) + 1;
        host_action_set(sig, signal_action_of(task->sighand, sig));
    }
    pthread_mutex_unlock(&task->sighand->lock);
}

void signal_clear_handlers(Task *task)
{
    SigHand *sh = task->sighand;
    pthread_mutex_lock(&sh->lock);
    for (int sig = 1; sig <= SIGNALS; sig++) {
        if (sh->action[sig].handler > GUEST_SIG_IGN) {
            signal_action_set(sh, sig, &(GuestSigaction){ .handler = GUEST_SIG_DFL });
        }
    }
    pthread_mutex_unlock(&sh->lock);
}

/* execve() keeps what is ignored and blocked: for the signals that are ours on the host, make the
 * host's state the guest's. Other threads of a process that ignores SIGSEGV must not fault now. */
void signal_exec_prepare(Task *task)
{
    static const int kept[] = { SIGSEGV, SIGBUS, SIGILL, SIGCHLD };
    uint64_t ours = task->sigmask & FAULT_SIGNALS;
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        int sig = kept[i];
        if (task->sighand->action[sig].handler == GUEST_SIG_IGN) {
            HostSigaction ign = { .handler = GUEST_SIG_IGN, .flags = SA_RESTORER,
                                  .restorer = host_sigreturn };
            host_syscall(SYS_rt_sigaction, sig, &ign, NULL, SIGSET_BYTES);
        }
        if (ours & task->fault_pending & sig_bit(sig)) {
            host_mask_set(task->sigmask);
            signal_requeue(sig, &task->fault_info[i]);
        }
    }
    if (ours) {
        host_mask_set(task->sigmask);
    }
}

void signal_exec_failed(Task *task)
{
    static const int kept[] = { SIGSEGV, SIGBUS, SIGILL, SIGCHLD };
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (task->sighand->action[kept[i]].handler == GUEST_SIG_IGN) {
            host_action_set(kept[i], &task->sighand->action[kept[i]]);
        }
    }
    if (task->sigmask & FAULT_SIGNALS) {
        signal_set_mask(task, task->sigmask);
    }
}
