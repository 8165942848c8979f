/*
 * linux-user/task.h: what linux-user keeps of a guest thread (Task) and of the process (Process).
 */
#ifndef LINUX_USER_TASK_H
#define LINUX_USER_TASK_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "exec/cpu_exec.h"
#include "linux-user/guest_ptr.h"
#include "linux-user/ptrace.h"

/* prctl(PR_SET_SYSCALL_USER_DISPATCH) (user_dispatch.c) */
typedef struct UserDispatch {
    bool on;
    abi_ulong start, len;           /* calls from here are made */
    abi_ulong selector;             /* where a byte says whether others are, 0: they are not */
} UserDispatch;

/* One guest thread; cpu->opaque points to it. Made by thread.c, which adds to it. Touched by its
 * own thread and its signal handler, except as said. */
typedef struct Task {
    CPUState *cpu;
    int tid;
    /* signals (signal.c) */
    uint64_t sigmask;               /* the guest's blocked set, bit (sig - 1) */
    uint64_t saved_sigmask;         /* to restore after sigsuspend, ppoll, pselect, epoll_pwait */
    bool restore_sigmask;           /* saved_sigmask is in force until the handler frame is made */
    struct { abi_ulong sp; int32_t flags; uint64_t size; } altstack;
    struct SeccompFilter *_Atomic seccomp;  /* filters in force (seccomp.c), NULL: none */
    struct SigHand *sighand;        /* actions; shared by CLONE_SIGHAND, NULL: not set up yet */
    volatile sig_atomic_t signal_pending;   /* something is recorded that can be delivered now */
    volatile sig_atomic_t pending_sig;      /* 0: nothing recorded */
    siginfo_t pending_info;         /* host layout equals the guest's (both 64-bit little endian) */
    uint64_t fault_pending;         /* SIGSEGV, SIGBUS, SIGILL that somebody sent; maybe blocked */
    siginfo_t fault_info[3];        /* in that order */
    int restart;                    /* restart code of the syscall that just ended, or 0 */
    void *host_altstack;            /* private to signal.c */
    void *exec_scratch;             /* private to exec.c: freed by a vfork parent */
    TraceState trace;               /* ptrace.c */
    UserDispatch dispatch;
    /* threads (thread.c) */
    abi_ulong clear_child_tid;
    abi_ulong robust_list;
    uint32_t rseq_size;             /* of the struct rseq that is registered (rseq.c) */
    bool exiting;                   /* exit(2) was called: cpu_loop() ends the thread */
    int exit_code;
    bool is_vfork_child;            /* or any other process that shares its parent's memory */
    bool made_threads;
    int made_by; /* the process that made this one by a clone call; 0: another kind */
} Task;

extern __thread Task *current_task;

/* The guest process. Constant after load unless said otherwise. */
typedef struct Process {
    const char *exec_path;          /* absolute path of the program, as the guest sees it */
    const char *exec_arg;           /* as given */
    int exec_fd; /* the program, where exec_path does not lead to it; else -1 */
    abi_ulong entry, interp_base, load_bias, phdr, phnum, phent, elf_entry;
    abi_ulong start_code, end_code, start_data, end_data, start_brk, brk;   /* brk: mmap_lock */
    abi_ulong stack_bottom, stack_limit, start_stack, arg_start, arg_end, env_start, env_end;
    abi_ulong auxv, auxv_size;      /* the guest's copy */
    abi_ulong vdso, vdso_sigreturn; /* 0: none */
    bool exec_stack;                /* PT_GNU_STACK says so: READ implies EXEC for the stack */
} Process;
extern Process process;

/* Options of linux-user (options.def, options.c), constant after start. */
typedef struct UserOptions {
    const char *ld_prefix;          /* -L, "" when none */
    const char *root;               /* -root, "" when none or entered by a parent */
    bool root_by_paths;             /* -root-paths */
    const char *cpu_model;
    const char *uname_release;      /* -r or NULL */
    const char *argv0;              /* -0 or NULL */
    uint64_t stack_size;            /* -s; 0: RLIMIT_STACK */
    bool strace;
    enum { SMC_AUTO, SMC_FENCE, SMC_STRICT } smc;   /* see guest_code.c */
    bool one_insn_per_tb;
    const char *tier;           /* -tier, or NULL */
    char **inherited; /* options that rivet run for a child gets, NULL-terminated; NULL:
                       * made from the above */
} UserOptions;
extern UserOptions user_options;

/* thread.c: a Task for the calling host thread, which runs cpu: sets cpu->opaque and current_task.
 * For the main thread, before signal_init_thread(). */
Task *task_new(CPUState *cpu);

/* cpu_loop.c: run the guest thread until it calls exit(2): task->exiting is then true. */
void cpu_loop_run(CPUState *cpu);
/* The same for the thread that leads the process, which exit(2) leaves as a zombie. */
_Noreturn void cpu_loop(CPUState *cpu);

#endif
