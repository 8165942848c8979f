/*
 * linux-user/thread.h: guest threads and processes come into being, and end.
 */
#ifndef LINUX_USER_THREAD_H
#define LINUX_USER_THREAD_H

#include <stdatomic.h>

#include "linux-user/task.h"

/* clone() and clone3() in one form. Addresses are the guest's, 0: none. */
typedef struct CloneRequest {
    uint64_t flags;                 /* without the exit signal */
    int exit_signal;
    bool is_clone3;                 /* may use what clone() cannot say */
    abi_ulong sp;                   /* 0: the caller's */
    abi_ulong tls, parent_tid, child_tid, pidfd;
    abi_ulong set_tid, set_tid_size;
    uint64_t cgroup;
} CloneRequest;

/* thread.c: a thread of this process. The caller's signals are blocked on the host; returns the new
 * tid or -errno. */
abi_long thread_create(CPUState *cpu, const CloneRequest *rq);
/* Run fn(arg) on a detached thread of the host. False: there are too many. */
bool host_thread_start(Task *task, void *(*fn)(void *), void *arg);
/* A futex of one process that is set once. */
void futex_flag_set(_Atomic uint32_t *flag);
void futex_flag_wait(_Atomic uint32_t *flag);
/* End of a thread: robust futexes, clear_child_tid, everything that is its own. The leader of the
 * process leaves itself as a zombie. */
void thread_exit(CPUState *cpu);
_Noreturn void thread_exit_leader(CPUState *cpu);
/* exit_group(): what is still to be printed, then the end. */
_Noreturn void process_exit(int code);

/* The process has no other guest thread. */
bool thread_is_alone(void);

/* Registers of the child of a clone call. */
void clone_set_registers(CPUState *cpu, const CloneRequest *rq);
/* After fork(), in the child: it has one thread. */
void thread_fork_child(void);
/* A Task for cpu with what clone() lets a child inherit from `from`. */
Task *task_inherit(CPUState *cpu, Task *from);
void task_free(Task *task);

/* fork.c: a process of its own: fork, or vfork when memory is shared. As thread_create(). */
abi_long process_create(CPUState *cpu, const CloneRequest *rq);

/* exec.c: what a successful execve() left in the memory that a vfork child shares with its parent.
 */
void exec_scratch_free(void *scratch);
/* Keep our own executable reachable whatever becomes of the root directory and /proc. */
void exec_keep_self(void);
/* The same with a descriptor of it that our parent had. */
void exec_adopt_self(int fd);
/* So for the directory of kept code, when another root directory is to come. */
void exec_keep_cache(void);
void exec_adopt_cache(int fd);

#endif
