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
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "exec/fork_page.h"
#include "exec/image.h"
#include "exec/log.h"
#include "exec/stats.h"
#include "linux-user/mmap.h"
#include "linux-user/rseq.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal.h"
#include "linux-user/syscall.h"

enum { HOST_STACK = 512 * 1024 };

__thread Task *current_task;

/* Guest threads of this process: the last one prints the statistics. */
static FORK_PAGE _Atomic int thread_count = 1;

/* How a thread begins. Neither waits for the other to run: who comes first does what a parent does
 * before its child runs (settle()). */
typedef struct ThreadStart {
    CloneRequest rq;
    bool reports;                   /* the parent waits for result, which can be an error */
    _Atomic uint32_t done;          /* futex: result is valid */
    _Atomic uint32_t settled;       /* futex: SettledState */
    abi_long result;
} ThreadStart;

typedef enum SettledState { SETTLED_NOT, SETTLED_BUSY, SETTLED_AWAITED, SETTLED } SettledState;

/* Every Task is one of these. */
typedef struct ThreadTask {
    Task task;
    ThreadStart start;
    _Atomic int users;          /* of this memory: the thread, and its parent while that makes it */
} ThreadTask;

/* Tasks of ended threads with their signal stacks, for the next ones: a thread that never allocates
 * needs no part of the heap of its own. */
enum { MAX_IDLE_TASKS = 32 };
static FORK_PAGE ThreadTask first_task;         /* never freed */
static FORK_PAGE _Atomic(Task *) idle_tasks[MAX_IDLE_TASKS] = { &first_task.task };

bool thread_is_alone(void)
{
    return atomic_load(&thread_count) == 1;
}

/* ---- Task ---- */

static Task *task_alloc(void)
{
    for (unsigned i = 0; i < MAX_IDLE_TASKS; i++) {
        Task *task = atomic_load(&idle_tasks[i]) ? atomic_exchange(&idle_tasks[i], NULL) : NULL;
        if (task) {
            void *stack = task->host_altstack;
            memset(task, 0, sizeof(ThreadTask));
            task->host_altstack = stack;
            atomic_store(&((ThreadTask *)task)->users, 1);
            return task;
        }
    }
    ThreadTask *made = g_new0(ThreadTask, 1);
    atomic_store(&made->users, 1);
    return &made->task;
}

Task *task_new(CPUState *cpu)
{
    Task *task = task_alloc();
    task->cpu = cpu;
    task->altstack.flags = SS_DISABLE;
    task->tid = (int)host_syscall(SYS_gettid);
    cpu->opaque = task;
    current_task = task;
    return task;
}

Task *task_inherit(CPUState *cpu, Task *from)
{
    Task *task = task_alloc();
    task->cpu = cpu;
    task->altstack.flags = SS_DISABLE;
    task->sigmask = from->sigmask;
    task->sighand = from->sighand;
    task->made_by = from->made_by;
    cpu->opaque = task;
    if (from->seccomp) {
        seccomp_inherit(task, from);
    }
    ptrace_child(task, &from->trace);
    return task;
}

static void task_release(Task *task)
{
    if (atomic_fetch_sub(&((ThreadTask *)task)->users, 1) > 1) {
        return;
    }
    for (unsigned i = 0; i < MAX_IDLE_TASKS; i++) {
        Task *none = NULL;
        if (atomic_compare_exchange_strong(&idle_tasks[i], &none, task)) {
            return;
        }
    }
    signal_free_stack(task);
    if (task != &first_task.task) {
        g_free(task);
    }
}

void task_free(Task *task)
{
    task->trace.gone = 1;
    exec_scratch_free(task->exec_scratch);
    seccomp_drop(task);
    task_release(task);
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
static uint64_t flags_to_unshare(uint64_t flags)
{
    return (~flags & (CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)) |
           (flags & (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET));
}

/* The kernel's name for a thread's CPU time is made of its tid. */
static int32_t tid_of(pthread_t thread)
{
    clockid_t clock;
    return pthread_getcpuclockid(thread, &clock) == 0 ? (int32_t)~(clock >> 3) : 0;
}

/* Called by parent and child: on return the tid is known, and written where the parent was told.
 * The child passes itself; a parent that is first knows that thread is there still. */
static void settle(Task *task, pthread_t thread)
{
    ThreadStart *start = &((ThreadTask *)task)->start;
    uint32_t state = SETTLED_NOT;
    if (atomic_compare_exchange_strong(&start->settled, &state, SETTLED_BUSY)) {
        int32_t tid = tid_of(thread);
        task->tid = tid;
        if (start->rq.flags & CLONE_PARENT_SETTID) {
            guest_write(start->rq.parent_tid, &tid, sizeof(tid));
        }
        if (atomic_exchange(&start->settled, SETTLED) == SETTLED_AWAITED) {
            futex_wake_all(&start->settled);
        }
        return;
    }
    while (state != SETTLED) {
        if (state == SETTLED_AWAITED ||
            atomic_compare_exchange_strong(&start->settled, &state, SETTLED_AWAITED)) {
            host_syscall(SYS_futex, &start->settled, FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
                         SETTLED_AWAITED, NULL, NULL, 0);
            state = atomic_load(&start->settled);
        }
    }
}

static void *thread_main(void *opaque)
{
    Task *task = opaque;
    ThreadStart *start = &((ThreadTask *)task)->start;
    const CloneRequest *rq = &start->rq;
    CPUState *cpu = task->cpu;

    current_task = task;
    if (guest_base) {
        host_syscall(SYS_arch_prctl, ARCH_SET_GS, guest_base);
    }
    if (start->reports) {
        abi_long err = host_syscall(SYS_unshare, flags_to_unshare(rq->flags));
        start->result = err;
        futex_flag_set(&start->done);
        if (err < 0) {
            return NULL;            /* all this is the parent's again */
        }
    }
    settle(task, pthread_self());
    int32_t tid = task->tid;
    signal_init_thread(task);
    if (rq->flags & CLONE_CHILD_SETTID) {
        guest_write(rq->child_tid, &tid, sizeof(tid));
    }
    if (rq->flags & CLONE_CHILD_CLEARTID) {
        task->clear_child_tid = rq->child_tid;
    }
    signal_unblock_host(task);
    cpu_loop_run(cpu);
    if (tid == (int32_t)host_syscall(SYS_getpid)) {     /* this thread has forked: it leads now */
        thread_exit_leader(cpu);
    }
    ptrace_thread_ends(cpu);
    thread_exit(cpu);
    return NULL;
}

static int host_thread_create(Task *task, pthread_t *thread, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HOST_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    signal_thread_begin(task);
    exec_memory_shared();
    rseq_attend(task->cpu);
    int err = pthread_create(thread, &attr, fn, arg);
    signal_thread_end(task);
    pthread_attr_destroy(&attr);
    return err;
}

bool host_thread_start(Task *task, void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    return host_thread_create(task, &thread, fn, arg) == 0;
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
    if (!child) {
        return -EAGAIN;
    }
    Task *task = task_inherit(child, cpu->opaque);
    ThreadStart *start = &((ThreadTask *)task)->start;
    pthread_t thread;
    abi_long err = 0;
    clone_set_registers(child, rq);
    start->rq = *rq;
    start->reports = flags_to_unshare(rq->flags) != 0;
    atomic_store(&((ThreadTask *)task)->users, 2);

    ((Task *)cpu->opaque)->made_threads = true;
    atomic_fetch_add(&thread_count, 1);
    if (!signal_make_stack(task) ||
        host_thread_create(cpu->opaque, &thread, thread_main, task) != 0) {
        err = -EAGAIN;
    } else if (start->reports) {
        futex_flag_wait(&start->done);
        err = start->result;
    }
    if (err < 0) {
        atomic_fetch_sub(&thread_count, 1);
        cpu_destroy(child);
        task_release(task);
        task_free(task);
        return err;
    }
    settle(task, thread);
    int32_t tid = task->tid;
    task_release(task);
    return tid;
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
    rseq_thread_exit(task);
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
