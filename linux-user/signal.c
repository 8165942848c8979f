/*
 * linux-user/signal.c: from host signals to the guest's. Source: kernel/signal.c.
 *
 * Owns the host's signal handlers, the tables of guest actions, and the records in Task.
 *
 * Of an ordinary signal at most one is recorded (Task.pending_*): from then on all are blocked on
 * the host, so the rest waits there in the kernel's own queues and order, until
 * signal_deliver_pending() has used the record and gives the host the guest's mask again. SIGSEGV,
 * SIGBUS and SIGILL sent by somebody have a record each (Task.fault_*), which is all that a kernel
 * keeps of them; these stay there while the guest blocks them.
 *
 * Everything here runs on the thread whose Task it touches; its handler interrupts at any
 * instruction.
 */
#include "linux-user/mmap.h"
#include "linux-user/signal_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <glib.h>

#include "exec/fork_page.h"
#include "exec/log.h"
#include "exec/own_map.h"
#include "linux-user/coredump.h"
#include "linux-user/rseq.h"
#include "linux-user/syscall.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#define SA_EXPOSE_TAGBITS_ 0x800
#define GUEST_SA_FLAGS                                                                             \
    ((uint64_t)(uint32_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART |     \
                          SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS_))

enum { RESTART_SYSCALL = 128 };         /* its number on riscv64 */
enum { HOST_ALTSTACK = 64 * 1024 };     /* AVX-512 and AMX state, and the handler's own frames */

/* struct sigaction of the x86-64 kernel */
typedef struct HostSigaction {
    uintptr_t handler;
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
} HostSigaction;

/* Actions of a process (or of a vfork child, which has a copy). */
typedef struct SigHand {
    pthread_mutex_t lock;
    _Atomic unsigned users;     /* of a copy: processes that share it by CLONE_SIGHAND */
    uint64_t known;             /* actions set by us; the others are what the host inherited */
    GuestSigaction action[SIGNALS + 1];
} SigHand;

/* The one global: the table of the process. A vfork child's is reached from its Task only. */
static FORK_PAGE SigHand process_sighand = { .lock = PTHREAD_MUTEX_INITIALIZER, .users = 1 };

/* Some thread is a tracer: SIGCHLD always comes to us. */
static bool watching;

extern char __executable_start[];   /* the linker's */
extern char safe_syscall_start[], safe_syscall_end[], safe_syscall_interrupted[];
abi_long safe_syscall_asm(volatile sig_atomic_t *pending, long nr, abi_ulong a0, abi_ulong a1,
                          abi_ulong a2, abi_ulong a3, abi_ulong a4, abi_ulong a5);
void host_sigreturn(void);

abi_long safe_syscall(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3, abi_ulong a4,
                      abi_ulong a5)
{
    return safe_syscall_asm(&current_task->signal_pending, nr, a0, a1, a2, a3, a4, a5);
}

/* ---- the host's mask ---- */

static void host_mask_set(uint64_t mask)
{
    host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_BYTES);
}

static uint64_t host_mask_get(void)
{
    uint64_t mask = 0;
    host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, SIGSET_BYTES);
    return mask;
}

static void host_mask_block(void)
{
    host_mask_set(~FAULT_SIGNALS);
}

void signal_block_host(void)
{
    host_mask_set(~(uint64_t)0);
}

/* The guest's mask, unless a record keeps everything blocked. All is blocked on the host now. */
void signal_unblock_host(Task *task)
{
    if (task->pending_sig) {
        host_mask_block();
    } else {
        host_mask_set(task->sigmask & ~FAULT_SIGNALS);
    }
}

static void fault_signals_check(Task *task)
{
    if (task->fault_pending & ~task->sigmask) {
        task->signal_pending = 1;
    }
}

/* What happens between the look at pending_sig and the host call is recorded by the handler, which
 * then finds its blocked mask undone: record() sends a second one back to the queue. */
bool signal_change_mask(Task *task, uint64_t mask)
{
    mask &= ~UNBLOCKABLE;
    if (task->pending_sig && (mask & sig_bit(task->pending_sig))) {
        return false;
    }
    host_mask_set(mask & ~FAULT_SIGNALS);
    int sig = task->pending_sig;
    if (sig) {
        host_mask_block();
        if (!(task->sigmask & sig_bit(sig)) && (mask & sig_bit(sig))) {
            return false;
        }
    }
    task->sigmask = mask;
    fault_signals_check(task);
    return true;
}

void signal_set_mask(Task *task, uint64_t mask)
{
    host_mask_block();
    task->sigmask = mask & ~UNBLOCKABLE;
    fault_signals_check(task);
    signal_unblock_host(task);
}

void signal_temp_mask(Task *task, uint64_t mask)
{
    if (!task->restore_sigmask) {
        task->saved_sigmask = task->sigmask;
        task->restore_sigmask = true;
    }
    task->sigmask = mask & ~UNBLOCKABLE;
    fault_signals_check(task);
}

/* ---- the host handler ---- */

static int fault_index(int sig)
{
    return sig == SIGSEGV ? 0 : sig == SIGBUS ? 1 : 2;
}

/* Send a signal back into the queue of this thread. It is blocked on the host. */
static void requeue(int sig, const siginfo_t *info)
{
    host_syscall(SYS_rt_tgsigqueueinfo, host_syscall(SYS_getpid), host_syscall(SYS_gettid), sig,
                 info);
}

static void record(Task *task, int sig, const siginfo_t *info)
{
    if (sig_bit(sig) & FAULT_SIGNALS) {
        if (!(task->fault_pending & sig_bit(sig))) {
            task->fault_pending |= sig_bit(sig);
            task->fault_info[fault_index(sig)] = *info;
        }
        if (task->sigmask & sig_bit(sig)) {
            return;
        }
    } else if (task->pending_sig) {
        requeue(sig, info);
    } else {
        task->pending_info = *info;
        task->pending_sig = sig;
    }
    task->signal_pending = 1;
    cpu_request_exit(task->cpu);
}

/* A fault of our own code: say where, and die as of any other crash. */
static _Noreturn void die_of_own_fault(const Task *task, int sig, const siginfo_t *info,
                                       const ucontext_t *uc)
{
    char line[200];
    int n = snprintf(line, sizeof(line),
                     "rivet: internal error: host signal %d at rivet+%#llx, address %p, guest pc "
                     "%#llx\n",
                     sig,
                     (unsigned long long)uc->uc_mcontext.gregs[REG_RIP] -
                         (unsigned long long)(uintptr_t)__executable_start,
                     info->si_addr, task ? (unsigned long long)task->cpu->env.pc : 0ull);
    if (write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* nobody to tell */
    }
    HostSigaction dfl = { .handler = 0, .flags = SA_RESTORER, .restorer = host_sigreturn };
    host_syscall(SYS_rt_sigaction, sig, &dfl, NULL, SIGSET_BYTES);
    host_mask_set(~sig_bit(sig));
    host_syscall(SYS_tgkill, host_syscall(SYS_getpid), host_syscall(SYS_gettid), sig);
    host_syscall(SYS_exit_group, 128 + sig);
    __builtin_unreachable();
}

static bool is_fault(int sig, const siginfo_t *info)
{
    return info->si_code > 0 &&
           (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP);
}

/* A child of a tracer did something. False: the guest is not to hear of it; *info is corrected. */
static bool child_signal(Task *task, siginfo_t *info, const ucontext_t *uc)
{
    const GuestSigaction *sa = &task->sighand->action[SIGCHLD];
    char *pc = (char *)(uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    bool interrupted = pc == safe_syscall_end && uc->uc_mcontext.gregs[REG_RAX] == -EINTR;
    bool in_call = interrupted || (pc >= safe_syscall_start && pc < safe_syscall_end);
    bool told = true;
    if (task->trace.busy && !in_call) {
        task->trace.missed = 1;
    } else {
        told = ptrace_child_signal(info);
    }
    bool stop = info->si_code == CLD_TRAPPED || info->si_code == CLD_STOPPED ||
                info->si_code == CLD_CONTINUED;
    told = told && !(stop && (sa->flags & SA_NOCLDSTOP)) &&
           (sa->handler > GUEST_SIG_IGN || task->trace.basics.on);
    task->trace.undisturbed |= interrupted && !told;
    return told;
}

static void host_handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    Task *task = current_task;
    int saved_errno = errno;
    siginfo_t traced, told = *info;
    bool ours = ptrace_own_signal(task, sig, info, &traced);

    if (!ours && is_fault(sig, info)) {
        if (sig == SIGSEGV && info->si_code == SEGV_ACCERR &&
            guest_code_written((uint64_t)(uintptr_t)info->si_addr - guest_base)) {
            errno = saved_errno;
            return;
        }
        if (!guest_copy_fixup(uc) &&
            !(task && cpu_handle_host_fault(task->cpu, sig, info->si_code,
                                            (uint64_t)(uintptr_t)info->si_addr, uc))) {
            die_of_own_fault(task, sig, info, uc);
        }
    } else if (task) {
        if (sig == SIGCHLD && watching && !child_signal(task, &told, uc)) {
            errno = saved_errno;
            return;
        }
        if (!ours) {
            record(task, sig, &told);
        } else if (traced.si_signo) {
            record(task, traced.si_signo, &traced);
        }
        if (task->pending_sig) {
            uint64_t all = ~FAULT_SIGNALS;
            memcpy(&uc->uc_sigmask, &all, sizeof(all));
        }
        char *pc = (char *)(uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
        if (task->signal_pending && pc >= safe_syscall_start && pc < safe_syscall_end) {
            uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)safe_syscall_interrupted;
        }
    }
    errno = saved_errno;
}

/* ---- actions ---- */

/* Of SIGCHLD when there are tracees: always ours. */
static void watch_children(const GuestSigaction *sa)
{
    bool handled = sa->handler > GUEST_SIG_IGN;
    HostSigaction h = { .flags = SA_RESTORER | SA_SIGINFO | SA_ONSTACK, .restorer = host_sigreturn,
                        .handler = (uintptr_t)host_handler, .mask = ~FAULT_SIGNALS };
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
    if (sig == SIGCHLD && watching) {
        watch_children(sa);
        return;
    }
    HostSigaction h = { .flags = SA_RESTORER, .restorer = host_sigreturn };
    bool handled = sa->handler > GUEST_SIG_IGN;
    if (sig_bit(sig) & FAULT_SIGNALS) {
        h.handler = (uintptr_t)host_handler;
        h.flags |= SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        h.flags |= handled ? sa->flags & SA_RESTART : SA_RESTART;
        h.mask = ~FAULT_SIGNALS;
    } else if (handled) {
        h.handler = (uintptr_t)host_handler;
        h.flags |=
            SA_SIGINFO | SA_ONSTACK | (sa->flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT));
        h.mask = ~FAULT_SIGNALS;
    } else if (sa->handler == GUEST_SIG_DFL && (sig_bit(sig) & caught_by_default())) {
        h.handler = (uintptr_t)host_handler;
        h.flags |= SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        h.mask = ~FAULT_SIGNALS;
    } else {
        h.handler = sa->handler;
        h.flags |= sa->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    }
    host_syscall(SYS_rt_sigaction, sig, &h, NULL, SIGSET_BYTES);
}

/* The action of sig, learnt from the host the first time. The table is locked. */
static GuestSigaction *action_of(SigHand *sh, int sig)
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

static void action_set(SigHand *sh, int sig, const GuestSigaction *sa)
{
    sh->action[sig] = *sa;
    sh->known |= sig_bit(sig);
    host_action_set(sig, sa);
}

void signal_watch_children(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    const GuestSigaction *sa = action_of(task->sighand, SIGCHLD);
    watching = true;
    watch_children(sa);
    pthread_mutex_unlock(&task->sighand->lock);
}

abi_long signal_action(CPUState *cpu, int sig, abi_ulong act, abi_ulong oldact, abi_ulong size)
{
    SigHand *sh = ((Task *)cpu->opaque)->sighand;
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
    old = *action_of(sh, sig);
    if (act) {
        sa.mask &= ~UNBLOCKABLE;
        sa.flags &= GUEST_SA_FLAGS;
        action_set(sh, sig, &sa);
    }
    pthread_mutex_unlock(&sh->lock);
    if (act && sa.handler > GUEST_SIG_IGN) {
        rseq_handler_set(cpu);
    }
    return oldact && !guest_write(oldact, &old, sizeof(old)) ? -EFAULT : 0;
}

/* The host's C library takes the signal of its setxid() when it makes its first thread, and unblocks
 * it. Guests have a C library of their own that uses the same number. */
enum { SIGNAL_OF_LIBC = 33 };

void signal_thread_begin(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    action_of(task->sighand, SIGNAL_OF_LIBC);
    pthread_mutex_unlock(&task->sighand->lock);
}

void signal_thread_end(Task *task)
{
    pthread_mutex_lock(&task->sighand->lock);
    host_action_set(SIGNAL_OF_LIBC, action_of(task->sighand, SIGNAL_OF_LIBC));
    pthread_mutex_unlock(&task->sighand->lock);
    signal_unblock_host(task);
}

/* ---- delivery ---- */

static const char *signal_name(int sig)
{
    const char *name = sigabbrev_np(sig);
    return name ? name : "RT";
}

/* The end by sig; info: why, or NULL. */
static _Noreturn void die(CPUState *cpu, int sig, const siginfo_t *info)
{
    if (log_enabled(LOG_STRACE) || user_options.strace) {
        FILE *f = log_begin();
        fprintf(f, "+++ %d killed by SIG%s +++\n", (int)getpid(), signal_name(sig));
        log_end(f);
    }
    host_mask_block();
    if (sig_bit(sig) & DUMP_SIGNALS) {
        coredump(cpu, sig, info);
    }
    signal_block_host();
    ((Task *)cpu->opaque)->trace.pass = sig;
    HostSigaction dfl = { .handler = 0, .flags = SA_RESTORER, .restorer = host_sigreturn };
    host_syscall(SYS_rt_sigaction, sig, &dfl, NULL, SIGSET_BYTES);
    host_syscall(SYS_tgkill, host_syscall(SYS_getpid), host_syscall(SYS_gettid), sig);
    host_mask_set(~sig_bit(sig));
    /* Still here: the first process of a namespace, which such signals spare. */
    host_syscall(SYS_exit_group, 128 + sig);
    __builtin_unreachable();
}

_Noreturn void signal_die(CPUState *cpu, int sig)
{
    die(cpu, sig, NULL);
}

static void default_action(CPUState *cpu, int sig, const siginfo_t *info)
{
    Task *task = cpu->opaque;
    if ((sig_bit(sig) & FATAL_SIGNALS) && !is_fault(sig, info) && getpid() == 1) {
        return;                     /* the first process of a namespace is spared */
    }
    switch (sig) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
        break;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        task->trace.pass = sig;
        /* The host has the default action as well: let it stop us once this is unblocked. */
        host_syscall(SYS_tgkill, host_syscall(SYS_getpid), host_syscall(SYS_gettid), sig);
        break;
    default:
        die(cpu, sig, info);
    }
}

static void log_signal(int sig, const siginfo_t *info)
{
    if (!log_enabled(LOG_STRACE | LOG_INT) && !user_options.strace) {
        return;
    }
    FILE *f = log_begin();
    if (is_fault(sig, info)) {
        fprintf(f, "--- %d SIG%s {si_signo=%d, si_code=%d, si_addr=%p} ---\n", (int)getpid(),
                signal_name(sig), sig, info->si_code, info->si_addr);
    } else {
        fprintf(f, "--- %d SIG%s {si_signo=%d, si_code=%d, si_pid=%d, si_uid=%u} ---\n",
                (int)getpid(), signal_name(sig), sig, info->si_code, info->si_pid, info->si_uid);
    }
    log_end(f);
}

/* The interrupted system call is made again (pc is at its ecall) unless it is one that handlers end.
 * ERESTARTSYS needs no look at SA_RESTART: the host kernel has had it and would have said EINTR. The
 * signal came before the call then, whose file may be one that never answers EINTR. */
static void decide_restart(CPUState *cpu, Task *task)
{
    int code = task->restart;
    task->restart = 0;
    if (code == ERESTARTNOHAND_ || code == ERESTART_RESTARTBLOCK_) {
        cpu->env.gpr[RV_A0] = (uint64_t)-EINTR;
        cpu->env.pc += 4;
    }
}

void signal_deliver(CPUState *cpu, int sig, const siginfo_t *info)
{
    Task *task = cpu->opaque;
    SigHand *sh = task->sighand;
    siginfo_t traced;

    if (G_UNLIKELY(task->trace.basics.on)) {
        traced = *info;
        info = &traced;
        sig = ptrace_signal(cpu, sig, &traced);
        if (!sig) {
            return;
        }
    }
    log_signal(sig, info);
    pthread_mutex_lock(&sh->lock);
    GuestSigaction sa = *action_of(sh, sig);
    if (sa.handler > GUEST_SIG_IGN && (sa.flags & SA_RESETHAND)) {
        GuestSigaction dfl = sa;
        dfl.handler = GUEST_SIG_DFL;
        action_set(sh, sig, &dfl);
    }
    pthread_mutex_unlock(&sh->lock);

    if (sa.handler == GUEST_SIG_IGN) {
        return;
    }
    if (sa.handler == GUEST_SIG_DFL) {
        default_action(cpu, sig, info);
        return;
    }
    decide_restart(cpu, task);
    rseq_signal(cpu);
    if (!sigframe_setup(cpu, sig, info, &sa)) {
        if (sig == SIGSEGV) {
            die(cpu, SIGSEGV, info);
        }
        signal_force(cpu, SIGSEGV, SI_KERNEL, 0);
    }
}

void signal_force(CPUState *cpu, int sig, int code, abi_ulong addr)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = code;
    info.si_addr = (void *)(uintptr_t)addr;
    signal_force_info(cpu, &info);
}

void signal_force_info(CPUState *cpu, const siginfo_t *info)
{
    Task *task = cpu->opaque;
    int sig = info->si_signo;

    pthread_mutex_lock(&task->sighand->lock);
    GuestSigaction *sa = action_of(task->sighand, sig);
    if (sa->handler == GUEST_SIG_IGN || (task->sigmask & sig_bit(sig))) {
        GuestSigaction dfl = *sa;
        dfl.handler = GUEST_SIG_DFL;
        action_set(task->sighand, sig, &dfl);
    }
    pthread_mutex_unlock(&task->sighand->lock);
    signal_deliver(cpu, sig, info);
    task->signal_pending = 1;       /* signal_deliver_pending() brings the host's mask up to date */
}

uint64_t signal_recorded(const Task *task)
{
    uint64_t set = task->fault_pending;
    return task->pending_sig ? set | sig_bit(task->pending_sig) : set;
}

int signal_take(Task *task, uint64_t set, siginfo_t *info)
{
    uint64_t faults = task->fault_pending & set;
    if (faults) {
        int sig = __builtin_ctzll(faults) + 1;
        *info = task->fault_info[fault_index(sig)];
        __atomic_and_fetch(&task->fault_pending, ~sig_bit(sig), __ATOMIC_RELAXED);
        return sig;
    }
    int sig = task->pending_sig;
    if (!sig || !(set & sig_bit(sig))) {
        return 0;
    }
    *info = task->pending_info;
    task->pending_sig = 0;
    return sig;
}

void signal_deliver_pending(CPUState *cpu)
{
    Task *task = cpu->opaque;
    while (__builtin_expect(task->signal_pending || task->restore_sigmask, 0)) {
        siginfo_t info;
        int sig;
        if (!task->pending_sig) {
            host_mask_block();
        }
        task->signal_pending = 0;
        if (G_UNLIKELY(task->trace.interrupt | task->trace.stop_pending | ptrace_questions)) {
            ptrace_attend(cpu);
        }
        while ((sig = signal_take(task, ~task->sigmask, &info))) {
            signal_deliver(cpu, sig, &info);
        }
        if (task->restore_sigmask) {        /* no handler ran */
            task->restore_sigmask = false;
            task->sigmask = task->saved_sigmask;
            if (task->restart) {            /* what only this mask lets in came before the call */
                task->restart = ERESTARTNOINTR_;
            }
            while ((sig = signal_take(task, ~task->sigmask, &info))) {
                signal_deliver(cpu, sig, &info);
            }
        }
        if (task->pending_sig) {            /* blocked meanwhile, by the handler of another */
            siginfo_t blocked = task->pending_info;
            sig = task->pending_sig;
            task->pending_sig = 0;
            requeue(sig, &blocked);
        }
        fault_signals_check(task);
        signal_unblock_host(task);
    }
    if (task->restart == ERESTART_RESTARTBLOCK_) {
        cpu->env.gpr[RV_A7] = RESTART_SYSCALL;
    }
    task->restart = 0;
}

abi_long signal_return(CPUState *cpu)
{
    Task *task = cpu->opaque;
    uint64_t mask;
    if (task->pending_sig) {
        return -ERESTARTNOINTR_;
    }
    if (!sigframe_restore(cpu, &mask)) {
        signal_force(cpu, SIGSEGV, SI_KERNEL, 0);
        return SYSCALL_NO_RESULT;
    }
    if (!signal_change_mask(task, mask)) {
        signal_set_mask(task, mask);    /* recorded a moment ago: delivery sends it back to wait */
    }
    return SYSCALL_NO_RESULT;
}

bool signal_queue_self(Task *task, int sig, const siginfo_t *info)
{
    if (!(sig_bit(sig) & FAULT_SIGNALS) || info->si_code <= 0) {
        return false;
    }
    record(task, sig, info);
    return true;
}

/* ---- life of processes and threads ---- */

void signal_init(void)
{
    for (uint64_t set = FAULT_SIGNALS | DUMP_SIGNALS; set; set &= set - 1) {
        int sig = __builtin_ctzll(set) + 1;
        host_action_set(sig, action_of(&process_sighand, sig));
    }
}

void signal_init_thread(Task *task)
{
    if (!task->sighand) {                   /* the first thread: what the process was given */
        task->sighand = &process_sighand;
        task->sigmask = host_mask_get() & ~UNBLOCKABLE;
        host_mask_set(task->sigmask & ~FAULT_SIGNALS);
    }
    if (!task->host_altstack) {
        task->host_altstack = own_map(HOST_ALTSTACK);
    }
    stack_t ss = { .ss_sp = task->host_altstack, .ss_size = HOST_ALTSTACK };
    if (task->host_altstack == MAP_FAILED || sigaltstack(&ss, NULL)) {
        fprintf(stderr, "rivet: no memory for a signal stack\n");
        exit(1);
    }
}

/* All signals are blocked from here to the end of the thread, but for those by which guest_read()
 * learns of a fault; one that was recorded for the process goes back to it. */
void signal_fini_thread(Task *task)
{
    host_mask_block();
    if (task->pending_sig && task->pending_info.si_code != SI_TKILL) {
        pid_t pid = (pid_t)host_syscall(SYS_getpid);
        if (host_syscall(SYS_rt_sigqueueinfo, pid, task->pending_sig, &task->pending_info) < 0) {
            host_syscall(SYS_kill, pid, task->pending_sig);
        }
    }
    stack_t off = { .ss_flags = SS_DISABLE };
    sigaltstack(&off, NULL);
}

void signal_free_stack(Task *task)
{
    if (task->host_altstack) {
        munmap(task->host_altstack, HOST_ALTSTACK);
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

void signal_fork_child(CPUState *cpu)
{
    Task *task = cpu->opaque;
    pthread_mutex_init(&task->sighand->lock, NULL);
    task->fault_pending = 0;
    task->signal_pending = 0;
}

void signal_dispositions(Task *task, uint64_t *caught, uint64_t *ignored)
{
    *caught = *ignored = 0;
    pthread_mutex_lock(&task->sighand->lock);
    for (int sig = 1; sig <= SIGNALS; sig++) {
        abi_ulong handler = action_of(task->sighand, sig)->handler;
        *ignored |= handler == GUEST_SIG_IGN ? sig_bit(sig) : 0;
        *caught |= handler > GUEST_SIG_IGN ? sig_bit(sig) : 0;
    }
    pthread_mutex_unlock(&task->sighand->lock);
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
        host_action_set(sig, action_of(task->sighand, sig));
    }
    pthread_mutex_unlock(&task->sighand->lock);
}

void signal_clear_handlers(Task *task)
{
    SigHand *sh = task->sighand;
    pthread_mutex_lock(&sh->lock);
    for (int sig = 1; sig <= SIGNALS; sig++) {
        if (sh->action[sig].handler > GUEST_SIG_IGN) {
            action_set(sh, sig, &(GuestSigaction){ .handler = GUEST_SIG_DFL });
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
            requeue(sig, &task->fault_info[i]);
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
