/*
 * linux-user/signal.c: from host signals to the guest's. Source: kernel/signal.c.
 *
 * Owns the host's signal handler and the records in Task; the tables of actions are
 * signal_action.c's.
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

enum { RESTART_SYSCALL = 128 };         /* its number on riscv64 */
enum { HOST_ALTSTACK = 64 * 1024 };     /* AVX-512 and AMX state, and the handler's own frames */

extern char __executable_start[];   /* the linker's */
extern char safe_syscall_start[], safe_syscall_end[], safe_syscall_interrupted[];
abi_long safe_syscall_asm(volatile sig_atomic_t *pending, long nr, abi_ulong a0, abi_ulong a1,
                          abi_ulong a2, abi_ulong a3, abi_ulong a4, abi_ulong a5);

abi_long safe_syscall(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3, abi_ulong a4,
                      abi_ulong a5)
{
    return safe_syscall_asm(&current_task->signal_pending, nr, a0, a1, a2, a3, a4, a5);
}

/* ---- the host's mask ---- */

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

void signal_requeue(int sig, const siginfo_t *info)
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
        signal_requeue(sig, info);
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
    signal_end_by(sig);
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

void signal_host_handler(int sig, siginfo_t *info, void *context)
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
        if (sig == SIGCHLD && signal_watching && !child_signal(task, &told, uc)) {
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
    signal_end_by(sig);
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

/* The interrupted system call is made again (pc is at its ecall) unless it is one that handlers
 * end. ERESTARTSYS needs no look at SA_RESTART: the host kernel has had it and would have said
 * EINTR. The signal came before the call then, whose file may be one that never answers EINTR. */
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
    GuestSigaction sa = *signal_action_of(sh, sig);
    if (sa.handler > GUEST_SIG_IGN && (sa.flags & SA_RESETHAND)) {
        GuestSigaction dfl = sa;
        dfl.handler = GUEST_SIG_DFL;
        signal_action_set(sh, sig, &dfl);
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
    GuestSigaction *sa = signal_action_of(task->sighand, sig);
    if (sa->handler == GUEST_SIG_IGN || (task->sigmask & sig_bit(sig))) {
        GuestSigaction dfl = *sa;
        dfl.handler = GUEST_SIG_DFL;
        signal_action_set(task->sighand, sig, &dfl);
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
            signal_requeue(sig, &blocked);
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

void signal_init_thread(Task *task)
{
    if (!task->sighand) {                   /* the first thread: what the process was given */
        task->sighand = &process_sighand;
        task->sigmask = host_mask_get() & ~UNBLOCKABLE;
        host_mask_set(task->sigmask & ~FAULT_SIGNALS);
    }
    bool stack = signal_make_stack(task);
    stack_t ss = { .ss_sp = task->host_altstack, .ss_size = HOST_ALTSTACK };
    if (!stack || sigaltstack(&ss, NULL)) {
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

bool signal_make_stack(Task *task)
{
    if (!task->host_altstack) {
        void *p = own_map(HOST_ALTSTACK);
        task->host_altstack = p == MAP_FAILED ? NULL : p;
    }
    return task->host_altstack != NULL;
}

void signal_free_stack(Task *task)
{
    if (task->host_altstack) {
        munmap(task->host_altstack, HOST_ALTSTACK);
    }
}

void signal_fork_child(CPUState *cpu)
{
    Task *task = cpu->opaque;
    pthread_mutex_init(&task->sighand->lock, NULL);
    task->fault_pending = 0;
    task->signal_pending = 0;
}
