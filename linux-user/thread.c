/*
 * linux-user/thread.c: guest threads are host threads.
 *
 * A guest thread runs on a detached pthread with a small stack; its tid is the host's. What the
 * kernel does for a thread that ends (robust futexes, clear_child_tid) is done here, because the
 * host kernel does it for the C library's own thread. Source: kernel/fork.c, kernel/exit.c,
 * kernel/futex/core.c.
 */
#include "linux-user/thread.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>

#include "exec/image.h"
#include "exec/log.h"
#include "exec/stats.h"
#include "linux-user/mmap.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal.h"
#include "linux-user/syscall.h"

enum { HOST_STACK = 512 * 1024 };

__thread Task *current_task;

/* Guest threads of this process: the last one prints the statistics. */
static _Atomic int thread_count = 1;

typedef struct ThreadStart {
    CPUState *cpu;
    const CloneRequest *rq;
    _Atomic uint32_t done;          /* futex: result is valid, the child will not look here again */
    abi_long result;
} ThreadStart;

bool thread_is_alone(void)
{
    return atomic_load(&thread_count) == 1;
}

/* ---- Task ---- */

Task *task_new(CPUState *cpu)
{
    Task *task = g_new0(Task, 1);
    task->cpu = cpu;
    task->altstack.flags = SS_DISABLE;
    task->tid = (int)host_syscall(SYS_gettid);
    cpu->opaque = task;
    current_task = task;
    return task;
}

Task *task_inherit(CPUState *cpu, Task *from)
{
    Task *task = g_new0(Task, 1);
    task->cpu = cpu;
    task->altstack.flags = SS_DISABLE;
    task->sigmask = from->sigmask;
    task->sighand = from->sighand;
    cpu->opaque = task;
    if (from->seccomp) {
        seccomp_inherit(task, from);
    }
    ptrace_child(task, &from->trace);
    return task;
}

void task_free(Task *task)
{
    exec_scratch_free(task->exec_scratch);
    seccomp_drop(task);
    g_free(task);
}

void clone_set_registers(CPUState *cpu, const CloneRequest *rq)
{
    cpu->env.gpr[RV_A0] = 0;
    if (rq->sp) {
        cpu->env.gpr[RV_SP] = rq->sp;
    }
    if (rq->flags & CLONE_SETTLS) {
        cpu->env.gpr[RV_TP] = rq->tls;
    }
}

/* ---- start ---- */

static void futex_wake_all(_Atomic uint32_t *word)
{
    host_syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1 << 30, NULL, NULL, 0);
}

/* A pthread shares all of these; what the guest's does not share is unshared by the thread itself.
 */
static abi_long unshare_rest(uint64_t flags)
{
    uint64_t apart = (~flags & (CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)) |
                     (flags & (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                               CLONE_NEWNET));
    return apart ? host_syscall(SYS_unshare, apart) : 0;
}

static void *thread_main(void *opaque)
{
    ThreadStart *start = opaque;
    CPUState *cpu = start->cpu;
    Task *task = cpu->opaque;
    const CloneRequest *rq = start->rq;
    int32_t tid = (int32_t)host_syscall(SYS_gettid);

    current_task = task;
    task->tid = tid;
    if (guest_base) {
        host_syscall(SYS_arch_prctl, ARCH_SET_GS, guest_base);
    }
    abi_long err = unshare_rest(rq->flags);
    if (err < 0) {
        cpu_destroy(cpu);
        task_free(task);
        start->result = err;
    } else {
        signal_init_thread(task);
        if (rq->flags & CLONE_PARENT_SETTID) {
            guest_write(rq->parent_tid, &tid, sizeof(tid));
        }
        if (rq->flags & CLONE_CHILD_SETTID) {
            guest_write(rq->child_tid, &tid, sizeof(tid));
        }
        if (rq->flags & CLONE_CHILD_CLEARTID) {
            task->clear_child_tid = rq->child_tid;
        }
        atomic_fetch_add(&thread_count, 1);
        start->result = tid;
    }
    futex_flag_set(&start->done);
    if (err < 0) {
        return NULL;
    }
    signal_unblock_host(task);
    cpu_loop_run(cpu);
    if (tid == (int32_t)host_syscall(SYS_getpid)) {     /* this thread has forked: it leads now */
        thread_exit_leader(cpu);
    }
    thread_exit(cpu);
    return NULL;
}

bool host_thread_start(Task *task, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HOST_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    signal_thread_begin(task);
    exec_memory_shared();
    int err = pthread_create(&thread, &attr, fn, arg);
    signal_thread_end(task);
    pthread_attr_destroy(&attr);
    return err == 0;
}

void futex_flag_set(_Atomic uint32_t *flag)
{
    atomic_store(flag, 1);
    futex_wake_all(flag);
}

void futex_flag_wait(_Atomic uint32_t *flag)
{
    while (!atomic_load(flag)) {
        host_syscall(SYS_futex, flag, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    }
}

abi_long thread_create(CPUState *cpu, const CloneRequest *rq)
{
    CPUState *child = cpu_clone(cpu);
    Task *task = task_inherit(child, cpu->opaque);
    clone_set_registers(child, rq);

    ThreadStart start = { .cpu = child, .rq = rq };
    ((Task *)cpu->opaque)->made_threads = true;
    if (!host_thread_start(cpu->opaque, thread_main, &start)) {
        cpu_destroy(child);
        task_free(task);
        return -EAGAIN;
    }
    futex_flag_wait(&start.done);
    return start.result;
}

void thread_fork_child(void)
{
    atomic_store(&thread_count, 1);
}

/* ---- end ---- */

static bool writable_word(abi_ulong addr)
{
    int prot = addr & 3 ? -1 : guest_page_prot(addr);
    return prot >= 0 && (prot & PROT_WRITE);
}

/* One entry of the robust list; false: stop the walk. */
static bool robust_death(Task *task, abi_ulong addr, bool pi, bool pending)
{
    if (!writable_word(addr)) {
        return false;
    }
    uint32_t *word = g2h(addr);
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    if (pending && !pi && !value) {
        /* Died between the unlock and its wake. */
        host_syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
        return true;
    }
    while ((value & FUTEX_TID_MASK) == (uint32_t)task->tid) {
        uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (__atomic_compare_exchange_n(word, &value, dead, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            if (!pi && (value & FUTEX_WAITERS)) {
                host_syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
            }
            break;
        }
    }
    return true;
}

static bool read_link(abi_ulong at, abi_ulong *entry, bool *pi)
{
    if (!guest_read(entry, at, sizeof(*entry))) {
        return false;
    }
    *pi = *entry & 1;
    *entry &= ~(abi_ulong)1;
    return true;
}

/* Mark the robust mutexes that the thread still holds. */
static void walk_robust_list(Task *task)
{
    abi_ulong head = task->robust_list, entry, pending, next;
    abi_long offset;
    bool pi, pending_pi, next_pi = false;

    if (!head || !read_link(head, &entry, &pi) || !guest_read(&offset, head + 8, sizeof(offset)) ||
        !read_link(head + 16, &pending, &pending_pi)) {
        return;
    }
    for (int limit = ROBUST_LIST_LIMIT; entry != head && limit; limit--) {
        bool more = read_link(entry, &next, &next_pi);
        if (entry != pending && !robust_death(task, entry + (abi_ulong)offset, pi, false)) {
            return;
        }
        if (!more) {
            return;
        }
        entry = next;
        pi = next_pi;
    }
    if (pending) {
        robust_death(task, pending + (abi_ulong)offset, pending_pi, true);
    }
}

static void last_words(void)
{
    image_save();
    if (exec_options.stats) {
        stats_dump(stderr);
    }
    if (log_mask || exec_options.stats) {
        fflush(NULL);
    }
}

void thread_exit(CPUState *cpu)
{
    Task *task = cpu->opaque;
    abi_ulong clear = task->clear_child_tid;
    int code = task->exit_code;

    signal_fini_thread(task);
    walk_robust_list(task);
    if (!guest_base) {
        host_syscall(SYS_set_robust_list, NULL,
                     3 * sizeof(long)); /* the host need not walk it again */
    }
    current_task = NULL;
    cpu_destroy(cpu);
    task_free(task);
    /* Late: who waits for it may think that the thread is gone. */
    if (clear) {
        uint32_t zero = 0;
        if (guest_write(clear, &zero, sizeof(zero))) {
            host_syscall(SYS_futex, g2h(clear), FUTEX_WAKE, 1, NULL, NULL, 0);
        }
    }
    if (atomic_fetch_sub(&thread_count, 1) == 1) {
        last_words();       /* the status of the process is that of its last thread */
        host_syscall(SYS_exit_group, code);
    }
}

_Noreturn void thread_exit_leader(CPUState *cpu)
{
    Task *task = cpu->opaque;
    int code = task->exit_code;
    if (!task->is_vfork_child) {        /* that one's things are its parent's, which wakes up now */
        thread_exit(cpu);
    }
    /* Not to be outlived by helpers of ours, whose status would be the process's. */
    int nr = task->made_threads ? SYS_exit : SYS_exit_group;
    for (;;) {
        host_syscall(nr, code);
    }
}

_Noreturn void process_exit(int code)
{
    if (!current_task->is_vfork_child) {
        last_words();
    }
    for (;;) {
        host_syscall(SYS_exit_group, code);
    }
}
