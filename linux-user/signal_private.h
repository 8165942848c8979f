/*
 * linux-user/signal_private.h: what signal.c, signal_action.c, sigframe.c and sys_signal.c share.
 */
#ifndef LINUX_USER_SIGNAL_PRIVATE_H
#define LINUX_USER_SIGNAL_PRIVATE_H

#include <pthread.h>
#include <sys/syscall.h>

#include "exec/fork_page.h"
#include "linux-user/signal.h"
#include "linux-user/syscall.h"

enum { SIGNALS = 64, SIGSET_BYTES = 8 };

static inline uint64_t sig_bit(int sig)
{
    return (uint64_t)1 << (sig - 1);
}

/* Signals that always have our handler and are never blocked on the host. */
#define FAULT_SIGNALS (sig_bit(SIGSEGV) | sig_bit(SIGBUS) | sig_bit(SIGILL))
/* Signals that end the process by default, all but SIGKILL. */
#define FATAL_SIGNALS                                                                              \
    (~(sig_bit(SIGKILL) | sig_bit(SIGSTOP) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) |                 \
       sig_bit(SIGTTOU) | sig_bit(SIGCONT) | sig_bit(SIGCHLD) | sig_bit(SIGURG) |                  \
       sig_bit(SIGWINCH)))
/* Signals whose default action is a core file, which is ours to write: they have our handler unless
 * the guest ignores them. */
#define DUMP_SIGNALS                                                                               \
    (FAULT_SIGNALS | sig_bit(SIGQUIT) | sig_bit(SIGTRAP) | sig_bit(SIGABRT) | sig_bit(SIGFPE) |    \
     sig_bit(SIGXCPU) | sig_bit(SIGXFSZ) | sig_bit(SIGSYS))
#define UNBLOCKABLE (sig_bit(SIGKILL) | sig_bit(SIGSTOP))

/* struct sigaction of riscv64 (asm-generic/signal.h: no restorer). The flags' values are x86's. */
typedef struct GuestSigaction {
    abi_ulong handler;          /* 0 SIG_DFL, 1 SIG_IGN */
    uint64_t flags;
    uint64_t mask;
} GuestSigaction;
_Static_assert(sizeof(GuestSigaction) == 24, "struct sigaction of riscv64");

enum { GUEST_SIG_DFL = 0, GUEST_SIG_IGN = 1 };

/* Actions of a process (or of a vfork child, which has a copy). */
typedef struct SigHand {
    pthread_mutex_t lock;
    _Atomic unsigned users;     /* of a copy: processes that share it by CLONE_SIGHAND */
    uint64_t known;             /* actions set by us; the others are what the host inherited */
    GuestSigaction action[SIGNALS + 1];
} SigHand;

/* The table of the process. A vfork child's is reached from its Task only. */
extern SigHand process_sighand;

/* signal_action.c: the action of sig, learnt from the host the first time. The table is locked. */
GuestSigaction *signal_action_of(SigHand *sh, int sig);
/* Make it sa, here and on the host. The table is locked. */
void signal_action_set(SigHand *sh, int sig, const GuestSigaction *sa);

/* Some thread is a tracer: SIGCHLD always comes to us. */
extern bool signal_watching;
/* End the process by the host's default action of sig. */
_Noreturn void signal_end_by(int sig);

/* signal.c: the handler of all that is ours on the host. */
void signal_host_handler(int sig, siginfo_t *info, void *context);
/* Send a signal back into the queue of this thread. It is blocked on the host. */
void signal_requeue(int sig, const siginfo_t *info);

/* The host's mask. */
static inline void host_mask_set(uint64_t mask)
{
    host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_BYTES);
}

static inline uint64_t host_mask_get(void)
{
    uint64_t mask = 0;
    host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, SIGSET_BYTES);
    return mask;
}

/* stack_t of riscv64; x86-64's is the same. */
typedef struct GuestStack {
    abi_ulong sp;
    int32_t flags;
    uint32_t pad;
    uint64_t size;
} GuestStack;
_Static_assert(sizeof(GuestStack) == 24, "stack_t of riscv64");

enum { GUEST_SS_AUTODISARM = (int32_t)0x80000000 };

/* Change the guest's mask. False: a signal that the new mask blocks was recorded before the change;
 * nothing is changed, and the system call is to be restarted after its delivery. */
bool signal_change_mask(Task *task, uint64_t mask);

/* signal.c: deliver sig as the kernel does with one that it has dequeued. */
void signal_deliver(CPUState *cpu, int sig, const siginfo_t *info);

/* sigframe.c: build the frame of sig's handler; the mask is set, the host's mask not yet. False:
 * the frame could not be written. */
bool sigframe_setup(CPUState *cpu, int sig, const siginfo_t *info, const GuestSigaction *sa);
/* Restore registers, mask and alternate stack from the frame at sp. False: it is malformed. */
bool sigframe_restore(CPUState *cpu, uint64_t *mask);

#endif
