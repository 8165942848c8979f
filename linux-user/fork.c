/*
 * linux-user/fork.c: fork and vfork.
 *
 * fork: with the flags that the C library's fork() has, that is used: it leaves malloc and stdio
 * usable in the child. Other flags (namespaces, another exit signal, a pidfd) take the bare system
 * call; of a process with other threads at work its child then hopes that none of them was in
 * malloc.
 *
 * The locks of the map, the translator and the CPUs are held from before the copy until the host's
 * fork() returns. A guest with UFFD_FEATURE_EVENT_FORK can hang by this: the kernel has copied the
 * memory, but keeps the parent's thread until another one has read the event. That one may wait in
 * read(); should it come from poll() and need code that is not translated, or mmap() before it has
 * read, it waits for our locks. Not to be had otherwise: the copy is made page by page while other
 * threads run, so that without the locks code buffer and maps could be torn in the child, and
 * neither a parent's thread nor the child, which starts later, learns that the copy is complete.
 *
 * vfork (CLONE_VM | CLONE_VFORK, also posix_spawn's): the child really shares the memory, and the
 * parent's thread sleeps in the kernel until the child has called execve or exit. It has a CPU, a
 * Task and a table of actions of its own, and borrows what the sleeping thread does not use
 * meanwhile: its C stack (below the frames in use), its thread-local storage, its signal stack. The
 * parent frees what the child has left behind. Source: kernel/fork.c.
 */
#include <alloca.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "exec/image.h"
#include "linux-user/mdwe.h"
#include "linux-user/mmap.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal.h"
#include "linux-user/syscall.h"
#include "linux-user/thread.h"
#include "linux-user/uring.h"

/* Done by us for a child that has a copy of our memory. */
#define EMULATED_FLAGS                                                                             \
    ((uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_SETTLS |   \
                CLONE_DETACHED) | CLONE_CLEAR_SIGHAND)

enum { STACK_GAP = 2048 };      /* between the sleeping parent's frames and the child's */

/* safe_syscall.S */
abi_long host_clone(const uint64_t regs[6], int (*fn)(void *), void *arg);

static void fill_clone_args(struct clone_args *ca, const CloneRequest *rq, uint64_t flags)
{
    memset(ca, 0, sizeof(*ca));
    ca->flags = flags;
    ca->pidfd = flags & CLONE_PIDFD ? (uint64_t)(uintptr_t)g2h(rq->pidfd) : 0;
    ca->exit_signal = (uint64_t)rq->exit_signal;
    ca->set_tid = (uint64_t)(uintptr_t)g2h_or_null(rq->set_tid);
    ca->set_tid_size = rq->set_tid_size;
    ca->cgroup = rq->cgroup;
}

/* clone() has one argument for the two. */
static uint64_t parent_arg(const CloneRequest *rq, uint64_t flags)
{
    return flags & CLONE_PIDFD           ? (uint64_t)(uintptr_t)g2h(rq->pidfd)
           : flags & CLONE_PARENT_SETTID ? (uint64_t)(uintptr_t)g2h(rq->parent_tid)
                                         : 0;
}

/* ---- fork ---- */

static abi_long bare_fork(const CloneRequest *rq, uint64_t flags)
{
    if (rq->is_clone3) {
        struct clone_args ca;
        fill_clone_args(&ca, rq, flags);
        return host_syscall(SYS_clone3, &ca, sizeof(ca));
    }
    return host_syscall(SYS_clone, flags | (uint64_t)rq->exit_signal, NULL, parent_arg(rq, flags),
                        NULL, 0);
}

/* Its parent, if that is the process which made it. */
static int maker(const CloneRequest *rq)
{
    return rq->flags & CLONE_PARENT ? 0 : (int)host_syscall(SYS_getppid);
}

/* bare: not by the C library's fork(). */
static void fork_child(CPUState *cpu, const CloneRequest *rq, bool bare)
{
    Task *task = cpu->opaque;
    ptrace_child_begins(task);
    task->tid = (int)host_syscall(SYS_gettid);
    task->made_by = maker(rq);
    task->is_vfork_child = false;
    task->dispatch.on = false;
    task->robust_list = 0;
    task->clear_child_tid = rq->flags & CLONE_CHILD_CLEARTID ? rq->child_tid : 0;
    mmap_fork_child();
    mdwe_fork_child();
    uring_fork_child();
    exec_fork_child(cpu);
    mmap_forget_unforked();
    image_fork_child(bare);
    seccomp_fork_child();
    thread_fork_child();
    signal_fork_child(cpu);
    ptrace_child(task, &task->trace);
    ptrace_fork_child();
    clone_set_registers(cpu, rq);
    if (rq->flags & CLONE_CHILD_SETTID) {
        guest_write(rq->child_tid, &task->tid, sizeof(task->tid));
    }
    if (rq->flags & CLONE_CLEAR_SIGHAND) {
        signal_clear_handlers(task);
    }
}

static abi_long do_fork(CPUState *cpu, const CloneRequest *rq)
{
    Task *task = cpu->opaque;
    uint64_t flags = rq->flags & ~(EMULATED_FLAGS | CLONE_VM);
    bool plain = !flags && rq->exit_signal == SIGCHLD && !rq->set_tid_size;

    mmap_fork_prepare();
    exec_fork_prepare();
    signal_fork_prepare(task);
    abi_long pid;
    if (plain) {
        pid = fork();
        pid = pid < 0 ? -errno : pid;
    } else {
        pid = bare_fork(rq, flags);
    }
    if (pid == 0) {
        fork_child(cpu, rq, !plain);
        return 0;
    }
    signal_fork_parent(task);
    exec_fork_parent();
    mmap_fork_parent();
    if (pid > 0 && (rq->flags & CLONE_PARENT_SETTID)) {
        int32_t tid = (int32_t)pid;
        guest_write(rq->parent_tid, &tid, sizeof(tid));
    }
    return pid;
}

/* ---- vfork ---- */

/* What a caller that goes on while its child runs waits for. */
typedef struct ChildReport {
    CPUState *cpu;                  /* the child's */
    const CloneRequest *rq;
    _Atomic uint32_t done;          /* futex flag: pid is valid, nobody will look here again */
    abi_long pid;
} ChildReport;

typedef struct VforkStart {
    CPUState *cpu;
    const CloneRequest *rq;
    ChildReport *report;            /* or NULL */
    int32_t pid;                    /* in the parent's namespace; only with a report */
} VforkStart;

static int vfork_child(void *opaque)
{
    const VforkStart *start = opaque;
    Task *task = start->cpu->opaque;
    current_task = task;
    task->tid = (int)host_syscall(SYS_gettid);
    task->made_by = maker(start->rq);
    if (start->rq->flags & CLONE_CLEAR_SIGHAND) {
        signal_clear_handlers(task);
    }
    ChildReport *report = start->report;
    if (report) {
        signal_catch_fatal(task);
        if (start->rq->flags & CLONE_PARENT_SETTID) {
            guest_write(start->rq->parent_tid, &start->pid, sizeof(start->pid));
        }
        report->pid = start->pid;
        futex_flag_set(&report->done);
    }
    signal_unblock_host(task);
    cpu_loop(start->cpu);
}

/* The child left frames below top without unwinding them: AddressSanitizer would take them for
 * ours. */
static void stack_unpoison(uintptr_t top)
{
#ifdef __SANITIZE_ADDRESS__
    enum { CHILD_STACK = 512 * 1024 };
    __asan_unpoison_memory_region((void *)(top - CHILD_STACK), CHILD_STACK);
#endif
}

/* With a report the child's pid comes in start.pid, through CLONE_PARENT_SETTID; clone() has one
 * argument for that and for a pidfd. */
static __attribute__((noinline)) abi_long vfork_host(CPUState *child, const CloneRequest *rq,
                                                     ChildReport *report)
{
    uint64_t flags = rq->flags & ~((uint64_t)CLONE_SETTLS | CLONE_DETACHED | CLONE_CLEAR_SIGHAND);
    uint64_t child_tid = (uint64_t)(uintptr_t)g2h_or_null(rq->child_tid);
    uintptr_t top = ((uintptr_t)alloca(64) - STACK_GAP) & ~(uintptr_t)15;
    uint64_t regs[6];
    struct clone_args ca;
    VforkStart start = {child, rq, report, 0};
    uint64_t parent_tid = (uint64_t)(uintptr_t)g2h_or_null(rq->parent_tid);

    if (report) {
        flags |= CLONE_VFORK | CLONE_PARENT_SETTID;
        parent_tid = (uint64_t)(uintptr_t)&start.pid;
    }
    if (rq->is_clone3 || (report && flags & CLONE_PIDFD)) {
        fill_clone_args(&ca, rq, flags);
        ca.exit_signal = flags & CLONE_PARENT ? 0 : ca.exit_signal;
        ca.child_tid = child_tid;
        ca.parent_tid = parent_tid;
        ca.stack = top - STACK_GAP;
        ca.stack_size = STACK_GAP;
        memcpy(regs, (uint64_t[]){ SYS_clone3, (uintptr_t)&ca, sizeof(ca), 0, 0, 0 }, sizeof(regs));
    } else {
        uint64_t parent = report ? parent_tid : parent_arg(rq, flags);
        memcpy(
            regs,
            (uint64_t[]){ SYS_clone, flags | (uint64_t)rq->exit_signal, top, parent, child_tid, 0 },
            sizeof(regs));
    }
    abi_long pid = host_clone(regs, vfork_child, &start);
    stack_unpoison(top);
    return pid;
}

/* A CPU and a Task for a child that shares our memory; NULL: no memory. */
static CPUState *sharing_child_new(CPUState *cpu, const CloneRequest *rq)
{
    Task *task = cpu->opaque;
    CPUState *child = cpu_clone(cpu);
    if (!child) {
        return NULL;
    }
    Task *child_task = task_inherit(child, task);
    clone_set_registers(child, rq);
    child_task->is_vfork_child = true;
    if (rq->flags & CLONE_VFORK) {
        child_task->altstack = task->altstack;      /* as the kernel */
    }
    child_task->sighand =
        rq->flags & CLONE_SIGHAND ? signal_share_actions(task) : signal_copy_actions(task);
    return child;
}

/* It has called execve, or ended, or never begun. */
static void sharing_child_free(CPUState *child)
{
    Task *child_task = child->opaque;
    cpu_destroy(child);
    signal_free_actions(child_task->sighand);
    task_free(child_task);
}

static abi_long do_vfork(CPUState *cpu, const CloneRequest *rq)
{
    CPUState *child = sharing_child_new(cpu, rq);
    if (!child) {
        return -EAGAIN;
    }
    abi_long pid = vfork_host(child, rq, NULL);
    current_task = cpu->opaque;
    sharing_child_free(child);
    return pid;
}

static void *sharing_thread(void *opaque)
{
    ChildReport *report = opaque;
    CPUState *child = report->cpu;
    abi_long pid = vfork_host(child, report->rq, report);
    if (pid < 0) {
        report->pid = pid;
        futex_flag_set(&report->done);
    }
    current_task = NULL;
    sharing_child_free(child);
    return NULL;
}

static abi_long do_clone_vm(CPUState *cpu, const CloneRequest *rq)
{
    ChildReport report = { .cpu = sharing_child_new(cpu, rq), .rq = rq };
    if (!report.cpu) {
        return -EAGAIN;
    }
    if (!host_thread_start(cpu->opaque, sharing_thread, &report)) {
        sharing_child_free(report.cpu);
        return -EAGAIN;
    }
    futex_flag_wait(&report.done);
    return report.pid;
}

abi_long process_create(CPUState *cpu, const CloneRequest *rq)
{
    if (!(rq->flags & CLONE_VM)) {
        return do_fork(cpu, rq);
    }
    return rq->flags & CLONE_VFORK ? do_vfork(cpu, rq) : do_clone_vm(cpu, rq);
}
