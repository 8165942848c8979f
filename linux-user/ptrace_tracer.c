/*
 * linux-user/ptrace_tracer.c: what a tracer knows of its tracees, and which of their stops the
 * guest sees (ptrace.h).
 *
 * Owns the list of tracees. A record is used by its tracer's thread only, as the kernel demands of
 * every request; the list itself is locked. Tracer and tracee run the same executable, so the
 * structures of the tracee are read where they lie: at the address that comes with a stop, or found
 * through the list of CPUs, whose address differs from ours as the executables' do.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "exec/fork_page.h"
#include "linux-user/proc_self.h"
#include "linux-user/ptrace_private.h"
#include "linux-user/signal_private.h"

extern char __executable_start[];   /* the linker's */

/* Records are never freed, and only added at the head: handlers of signals read the list. */
static FORK_PAGE pthread_mutex_t tracees_lock = PTHREAD_MUTEX_INITIALIZER;
static Tracee *_Atomic tracees;

void ptrace_fork_child(void)
{
    pthread_mutex_init(&tracees_lock, NULL);
    tracees = NULL;
    ptrace_questions = 0;
}

/* ---- records ---- */

Tracee *tracee_first(void)
{
    return tracees;
}

Tracee *tracee_of(pid_t tid, pid_t tracer)
{
    Tracee *t = tracees;
    while (t && (t->tid != tid || t->tracer != tracer)) {
        t = t->next;
    }
    return t;
}

Tracee *tracee_find(pid_t tid)
{
    return tracee_of(tid, current_task->tid);
}

Tracee *tracee_add(pid_t tid)
{
    return tracee_add_of(tid, current_task->tid);
}

Tracee *tracee_add_of(pid_t tid, pid_t tracer)
{
    pthread_mutex_lock(&tracees_lock);
    Tracee *t = tracee_of(0, 0);
    if (!t) {
        t = g_new0(Tracee, 1);
        t->next = tracees;
        tracees = t;
    }
    t->tid = tid;
    t->tracer = tracer;
    pthread_mutex_unlock(&tracees_lock);
    signal_watch_children(current_task);
    return t;
}

void tracee_drop(Tracee *t)
{
    pthread_mutex_lock(&tracees_lock);
    Tracee *next = t->next;
    memset(t, 0, sizeof(*t));
    t->next = next;
    pthread_mutex_unlock(&tracees_lock);
}

/* ---- its memory ---- */

bool tracee_read(pid_t tid, uint64_t addr, void *buf, size_t n)
{
    struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)addr, n };
    return host_syscall(SYS_process_vm_readv, tid, &local, 1, &remote, 1, 0) == (abi_long)n;
}

bool tracee_write(pid_t tid, uint64_t addr, const void *buf, size_t n)
{
    struct iovec local = { (void *)buf, n }, remote = { (void *)(uintptr_t)addr, n };
    return host_syscall(SYS_process_vm_writev, tid, &local, 1, &remote, 1, 0) == (abi_long)n;
}

bool tracee_is_guest(pid_t tid, struct stat *st)
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/%d/exe", tid);
    return stat(link, st) == 0 && proc_is_emulator(st->st_dev, st->st_ino);
}

/* How far the executable of tid is from ours; false: it runs another. */
bool tracee_distance(pid_t tid, uint64_t *distance)
{
    char path[32];
    struct stat st;
    bool found = false;
    if (!tracee_is_guest(tid, &st)) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/maps", tid);
    char *text = proc_host_text(path);
    for (char *line = text, *end; !found && (end = strchr(line, '\n')); line = end + 1) {
        ProcMapLine m;
        *end = '\0';
        if (proc_map_line(line, &m) && m.inode == st.st_ino && m.offset == 0) {
            *distance = m.start - (uint64_t)(uintptr_t)__executable_start;
            found = true;
        }
    }
    g_free(text);
    return found;
}

/* A thread that ends has no Task any more; what is there may be another's. */
static bool is_task_of(pid_t tid, abi_ulong task)
{
    int32_t its_tid;
    uint32_t gone;
    return tracee_read(tid, task + offsetof(Task, tid), &its_tid, sizeof(its_tid)) &&
           tracee_read(tid, task + TRACE_FIELD(gone), &gone, sizeof(gone)) && its_tid == tid &&
           !gone;
}

/* The Task of thread tid; 0: it has none (yet). */
abi_ulong tracee_find_task(pid_t tid, uint64_t *base)
{
    enum { CPUS_MAX = 1 << 20 };
    struct { void *opaque; uint64_t next; } link;
    _Static_assert(offsetof(CPUState, next) == offsetof(CPUState, opaque) + 8, "read in one piece");
    uint64_t distance, cpu;
    if (!tracee_distance(tid, &distance) ||
        !tracee_read(tid, (uint64_t)(uintptr_t)cpu_list_head() + distance, &cpu, sizeof(cpu)) ||
        !tracee_read(tid, (uint64_t)(uintptr_t)&guest_base + distance, base, sizeof(*base))) {
        return 0;
    }
    for (int i = 0; cpu && i < CPUS_MAX; i++, cpu = link.next) {
        if (!tracee_read(tid, cpu + offsetof(CPUState, opaque), &link, sizeof(link))) {
            return 0;
        }
        uint64_t task = (uint64_t)(uintptr_t)link.opaque;
        if (task && is_task_of(tid, task)) {
            return task;
        }
    }
    return 0;
}

bool tracee_know_task(Tracee *t)
{
    if (!t->task) {
        t->task = tracee_find_task(t->tid, &t->base);
    }
    return t->task;
}

static bool fetch_state(Tracee *t)
{
    Task task;
    if (tracee_know_task(t) && is_task_of(t->tid, t->task) &&
        tracee_read(t->tid, t->task, &task, sizeof(task))) {
        t->ts = task.trace;
        t->env = (uint64_t)(uintptr_t)task.cpu + offsetof(CPUState, env);
        t->sigmask = task.restore_sigmask ? task.saved_sigmask : task.sigmask;
        return true;
    }
    t->task = 0;
    return false;
}

/* ---- stops of the host ---- */

static void go_on(Tracee *t, int sig)
{
    bool syscalls = t->foreign && t->ts.basics.syscalls;
    t->state = TRACEE_RUNNING;
    host_ptrace(syscalls ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, 0, (void *)(uintptr_t)sig);
}

void ptrace_make_kick(siginfo_t *kick)
{
    memset(kick, 0, sizeof(*kick));
    kick->si_signo = SIGILL;
    kick->si_code = TRACE_KICK;
}

/* The host has dequeued a signal: put it into the tracee's TraceState. SIGSTOPs merge, as in a
 * kernel. */
static bool hand_over(const Tracee *t, const siginfo_t *si)
{
    uint32_t one = 1;
    if (si->si_signo != SIGSTOP) {
        return !t->ts.raw.si_signo &&
               tracee_write(t->tid, t->task + TRACE_FIELD(raw), si, sizeof(*si));
    }
    return tracee_write(t->tid, t->task + TRACE_FIELD(stop_info), si, sizeof(*si)) &&
           tracee_write(t->tid, t->task + TRACE_FIELD(stop_pending), &one, sizeof(one));
}

/* The handler of the kick takes it from there. */
static void go_on_with_kick(Tracee *t, const siginfo_t *si)
{
    siginfo_t kick;
    ptrace_make_kick(&kick);
    bool kicked = hand_over(t, si) && host_ptrace(PTRACE_SETSIGINFO, t->tid, 0, &kick) == 0;
    go_on(t, kicked ? SIGILL : si->si_signo);
}

pid_t tracee_status(pid_t tid, const char *field)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    char *text = proc_host_text(path), *at = strstr(text, field);
    pid_t value = at ? atoi(at + strlen(field)) : 0;
    g_free(text);
    return value;
}

bool tracee_kick(const Tracee *t)
{
    siginfo_t kick;
    ptrace_make_kick(&kick);
    return host_syscall(SYS_rt_tgsigqueueinfo, tracee_status(t->tid, "\nTgid:"), t->tid, SIGILL,
                        &kick) == 0;
}

bool tracee_set_options(Tracee *t, uint32_t options)
{
    uint64_t host = (options & (t->foreign ? OPTIONS_KNOWN : OPTIONS_HOST)) | OPTION_EXEC;
    abi_long ret = host_ptrace(PTRACE_SETOPTIONS, t->tid, 0, (void *)(uintptr_t)host);
    t->options_set = ret == 0 || ret == -EPERM;
    return ret != -EPERM;
}

/* A child that the host has attached for us. */
static Tracee *new_child(const Tracee *parent, pid_t tid)
{
    Tracee *t = tracee_find(tid);
    if (!t) {
        t = tracee_add(tid);
        t->starting = true;
    }
    t->seized = parent->seized;
    t->options_set = true;
    if (parent->foreign) {
        t->foreign = true;
        t->starting = false;
        t->ts.basics = parent->ts.basics;
    }
    return t;
}

/* The next stop of tid, of which the host need not tell the guest; false: it has ended. */
static bool next_stop(pid_t tid, int *status)
{
    while (host_syscall(SYS_wait4, tid, status, __WALL, NULL) == -EINTR) {
        /* again */
    }
    return WIFSTOPPED(*status);
}

/* The thread by which t makes a child that shares its memory (fork.c): brings it, and is let go. */
static void see_to_maker(const Tracee *t, pid_t maker)
{
    int status = 0;
    uint64_t child = 0;
    while (next_stop(maker, &status) && status >> 16 != TRACE_EVENT_VFORK) {
        host_ptrace(PTRACE_CONT, maker, 0, NULL);
    }
    if (!WIFSTOPPED(status)) {
        return;
    }
    host_ptrace(PTRACE_GETEVENTMSG, maker, 0, &child);
    host_ptrace(PTRACE_DETACH, maker, 0, NULL);
    if (next_stop((pid_t)child, &status)) {
        tracee_set_options(new_child(t, (pid_t)child), t->ts.basics.options);
        host_ptrace(PTRACE_CONT, (pid_t)child, 0, NULL);
    }
}

/* t runs a program of the host's kind, and is stopped. */
static void become_foreign(Tracee *t)
{
    t->foreign = true;
    t->starting = false;
    t->base = 0;
    tracee_set_options(t, t->ts.basics.options);
}

/* t has become another program. Returns what wait() shows. */
static int look_at_exec(Tracee *t, pid_t former)
{
    struct stat st;
    if (former != t->tid && tracee_find(former)) {
        tracee_drop(tracee_find(former));       /* that thread has become this one */
    }
    bool was_foreign = t->foreign;
    t->task = 0;
    t->starting = true;
    t->foreign = false;
    if (tracee_is_guest(t->tid, &st)) {
        if (was_foreign) {
            tracee_set_options(t, t->ts.basics.options);
        }
        return 0;                               /* its own stops will come */
    }
    become_foreign(t);
    if (t->ts.basics.options & OPTION_EXEC) {
        return SIGTRAP | TRACE_EVENT_EXEC << 8;
    }
    if (!t->ts.basics.seized) {
        host_syscall(SYS_kill, t->tid, SIGTRAP);
    }
    return 0;
}

/* An event of the host's. Returns what wait() shows, 0: nothing, it goes on. */
static int look_at_event(Tracee *t, int event, int sig)
{
    uint64_t message = 0;
    bool known = !t->foreign && event != TRACE_EVENT_EXEC && fetch_state(t);
    bool wanted = (t->foreign || (known && t->ts.basics.on)) && event < TRACE_EVENT_STOP &&
                  (t->ts.basics.options >> event & 1);
    int code = sig | event << 8;
    host_ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &message);
    switch (event) {
    case TRACE_EVENT_FORK:
    case TRACE_EVENT_VFORK:
    case TRACE_EVENT_CLONE:
        if (known && t->ts.own_event) {
            see_to_maker(t, (pid_t)message);
        } else {
            new_child(t, (pid_t)message);
        }
        wanted = wanted && (t->foreign || t->ts.clone_event == (uint32_t)event);
        break;
    case TRACE_EVENT_EXEC:
        code = look_at_exec(t, (pid_t)message);
        wanted = code;
        break;
    case TRACE_EVENT_STOP:
        wanted = !t->starting;
        t->seized = true;
        break;
    case TRACE_EVENT_EXIT:
        wanted = t->reported;
        t->task = 0; /* nothing is to be written there; registers: as at the last stop */
        break;
    default:
        break;
    }
    if (!wanted) {
        go_on(t, 0);
        return 0;
    }
    t->state = TRACEE_IN_KERNEL;
    return code;
}

/* Has it called execve() before we could ask the host for that event? */
static bool is_foreign(Tracee *t)
{
    struct stat st;
    if (!t->starting || fetch_state(t) || tracee_is_guest(t->tid, &st)) {
        return false;
    }
    become_foreign(t);
    return true;
}

/* What the tracee says to us alone. */
static void hear_aside(Tracee *t)
{
    const uint32_t one = 1;
    if (t->ts.aside == TRACE_BIRTHS) {
        tracee_set_options(t, (t->ts.basics.options & ~(uint32_t)OPTIONS_BIRTHS) |
                                  (uint32_t)t->ts.message);
        tracee_write(t->tid, t->task + TRACE_FIELD(resumed), &one, sizeof(one));
        return;
    }
    t->ended = true;
    t->exit_code = (int)t->ts.message;
}

/* A signal that the host is about to deliver. */
static int look_at_signal(Tracee *t, const siginfo_t *si)
{
    int sig = si->si_signo;
    if (sig == SIGILL && si->si_code == TRACE_STOP) {
        t->task = (abi_ulong)(uintptr_t)si->si_addr;
        t->starting = false;
        if (!fetch_state(t)) {
            go_on(t, 0);
            return 0;
        }
        if (!t->ts.status) {
            hear_aside(t);
            go_on(t, 0);
            return 0;
        }
        t->state = TRACEE_STOPPED;
        return t->ts.status;
    }
    bool from_kernel = si->si_code == SI_USER && si->si_pid == 0;
    bool fault = si->si_code > 0 &&
                 (sig_bit(sig) & (FAULT_SIGNALS | sig_bit(SIGFPE) | sig_bit(SIGTRAP)));
    if (sig == SIGSTOP && t->starting && from_kernel) {
        go_on(t, 0);            /* of an attached child, which will stop by itself */
    } else if (t->foreign && si->si_code == TRACE_KICK) {
        go_on(t, 0);
    } else if (!t->foreign && (fault || si->si_code == TRACE_KICK)) {
        go_on(t, sig);
    } else if (t->foreign || is_foreign(t)) {
        t->state = TRACEE_IN_KERNEL;
        return sig;
    } else if (!fetch_state(t)) {
        /* Not a guest yet: an execve() that was not foreseen as such raises SIGTRAP. Or not any
         * more. */
        bool nobodys = t->starting ? sig == SIGTRAP && si->si_code == SI_USER : sig == SIGSTOP;
        go_on(t, nobodys ? 0 : sig);
    } else if (t->ts.pass == sig || !t->ts.basics.on) {
        int32_t none = 0;
        tracee_write(t->tid, t->task + TRACE_FIELD(pass), &none, sizeof(none));
        go_on(t, sig);
    } else {
        go_on_with_kick(t, si);
    }
    return 0;
}

int tracee_look(Tracee *t, int host_code)
{
    siginfo_t si;
    long err = host_ptrace(PTRACE_GETSIGINFO, t->tid, 0, &si);
    if (err == -EINVAL) {
        fetch_state(t);
        t->state = TRACEE_IN_KERNEL;
        return host_code;
    }
    if (err < 0) {
        return 0;
    }
    if (!t->options_set) {
        tracee_set_options(t, 0);
    }
    int event = host_code >> 8;
    if (t->foreign) {
        foreign_describe(t, &si);
    }
    if (t->foreign && foreign_at_syscall(&si)) {
        t->state = TRACEE_IN_KERNEL;
        return host_code;
    }
    int code = event ? look_at_event(t, event, host_code & 0xff) : look_at_signal(t, &si);
    t->reported |= code != 0;
    return code;
}

/* ---- SIGCHLD, in the host's handler ---- */

/* See to a stop that the guest has no part in: it need not be waiting for that. True: t runs on. */
static bool pass_over(Tracee *t, siginfo_t *si)
{
    uint32_t status;
    if (t->state != TRACEE_RUNNING || !t->task || !t->options_set ||
        host_ptrace(PTRACE_GETSIGINFO, t->tid, 0, si) < 0) {
        return false;
    }
    int event = si->si_code > 0xff && si->si_code != TRACE_STOP ? si->si_code >> 8 : 0;
    if (si->si_code == TRACE_STOP &&
        (!tracee_read(t->tid, t->task + TRACE_FIELD(status), &status, sizeof(status)) || status)) {
        return false;
    }
    if (event && event != TRACE_EVENT_EXEC) {
        return false;
    }
    if (event) {
        look_at_event(t, event, SIGTRAP);
    } else {
        look_at_signal(t, si);
    }
    return true;
}

void ptrace_scan(void)
{
    Task *self = current_task;
    siginfo_t si;
    uint32_t was_busy = self->trace.busy;
    self->trace.busy = 1;
    for (Tracee *t = tracees; t; t = t->next) {
        if (t->tid && t->tracer == self->tid) {
            while (pass_over(t, &si)) {
                /* until it runs, or stops for the guest */
            }
        }
    }
    self->trace.busy = was_busy;
}

/* The tracer is another thread of ours. */
static void tell_tracers(void)
{
    siginfo_t kick;
    pid_t last = 0;
    ptrace_make_kick(&kick);
    for (Tracee *t = tracees; t; t = t->next) {
        if (t->tid && t->tracer != current_task->tid && t->tracer != last) {
            last = t->tracer;
            host_syscall(SYS_rt_tgsigqueueinfo, getpid(), last, SIGILL, &kick);
        }
    }
}

bool ptrace_child_signal(siginfo_t *info)
{
    siginfo_t si;
    TraceState ts;
    ptrace_scan();
    tell_tracers();
    Tracee *t = tracee_find(info->si_pid);
    if (t && t->ended && info->si_code == CLD_EXITED) {
        info->si_status = t->exit_code;
    }
    if (!t || info->si_code != CLD_TRAPPED) {
        return true;
    }
    if (host_ptrace(PTRACE_GETSIGINFO, t->tid, 0, &si) == -ESRCH) {
        return false;
    }
    if (si.si_signo == SIGILL && si.si_code == TRACE_STOP &&
        tracee_read(t->tid, (uintptr_t)si.si_addr + offsetof(Task, trace), &ts, sizeof(ts))) {
        info->si_status = ts.status & 0x7f;
        bool first = !t->signalled;
        t->signalled = true;
        return first;
    }
    return true;
}
