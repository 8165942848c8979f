/*
 * linux-user/ptrace_request.c: the system call ptrace(2), see ptrace.h.
 */
#include <elf.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>

#include "linux-user/ptrace_private.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal_private.h"
#include "linux-user/user_dispatch.h"

/* Grows when memory of a tracee is written. */
static _Atomic unsigned memory_writes;
static _Atomic bool memory_open;

void ptrace_memory_opened(void)
{
    atomic_store(&memory_open, true);
}

/* ---- beginning and end ---- */

/* Its Task; 0: it is no guest. One that has not begun yet is waited for. */
static abi_long find_guest(pid_t tid, abi_ulong *task, uint64_t *base)
{
    enum { TRIES = 1000 };
    struct stat st;
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", tid);
    if (tid <= 0 || access(path, F_OK) < 0) {
        return -ESRCH;
    }
    for (int i = 0; i < TRIES; i++) {
        if (!tracee_is_guest(tid, &st)) {
            *task = 0;
            return 0;
        }
        *task = tracee_find_task(tid, base);
        if (*task) {
            return 0;
        }
        uint64_t distance, cpu = 1;
        if (!tracee_distance(tid, &distance) ||
            !tracee_read(tid, (uint64_t)(uintptr_t)cpu_list_head() + distance, &cpu, sizeof(cpu))) {
            return -EPERM;
        }
        if (cpu && tracee_status(tid, "\nTgid:") != tid) {
            return -ESRCH;                      /* a thread of the emulator's own */
        }
        usleep(1000);
    }
    return -ESRCH;
}

static abi_long attach(long request, pid_t tid, uint32_t options)
{
    abi_ulong task;
    uint64_t base;
    abi_long ret = find_guest(tid, &task, &base);
    if (ret < 0) {
        return ret;
    }
    uint64_t host = (options & (task ? OPTIONS_HOST : OPTIONS_KNOWN)) | OPTION_EXEC;
    host = request == PTRACE_SEIZE ? host : 0;
    ret = host_ptrace(request, tid, 0, (void *)(uintptr_t)host);
    if (ret < 0) {
        return ret;
    }
    Tracee *t = tracee_find(tid);
    if (!t) {
        t = tracee_add(tid);
    }
    t->starting = false;
    t->reported = true;
    t->state = TRACEE_RUNNING;
    t->foreign = !task;
    t->task = task;
    t->base = base;
    t->seized = t->options_set = request == PTRACE_SEIZE;
    TraceBasics basics = { .on = 1, .seized = t->seized, .options = options };
    if (task) {
        tracee_write(tid, task + TRACE_FIELD(basics), &basics, sizeof(basics));
    }
    memset(&t->ts, 0, sizeof(t->ts));
    t->ts.basics = basics;
    return 0;
}

/* One that has given up its rights may not look at its parent, but knows whether it was made by
 * it. */
static bool parent_is_guest(const Task *task)
{
    struct stat st;
    pid_t parent = getppid();
    errno = 0;
    return tracee_is_guest(parent, &st) || (errno == EACCES && parent == task->made_by);
}

static abi_long trace_me(Task *task)
{
    if (!parent_is_guest(task)) {
        return -EPERM;          /* that one would see the emulator */
    }
    abi_long ret = host_ptrace(PTRACE_TRACEME, 0, 0, NULL);
    if (ret == 0) {
        memset(&task->trace, 0, sizeof(task->trace));
        task->trace.basics.on = 1;
    }
    return ret;
}

/* Let a stopped tracee run by PTRACE_CONT, SYSCALL or DETACH. */
static abi_long resume(Tracee *t, long request, abi_ulong sig)
{
    if (sig > SIGNALS) {
        return -EIO;
    }
    unsigned writes = atomic_load(&memory_writes);
    TraceState *ts = &t->ts;
    bool detach = request == PTRACE_DETACH, stopped = t->state == TRACEE_STOPPED;
    ts->resumed = 1;
    ts->signal = (int32_t)sig;
    ts->basics.syscalls = request == PTRACE_SYSCALL;
    ts->tracer = getpid();
    ts->tracer_uid = (int32_t)getuid();
    ts->code_written = writes != t->writes_seen || atomic_load(&memory_open);
    if (detach) {
        ts->basics.on = ts->basics.syscalls = ts->basics.options = ts->interrupt = 0;
    }
    t->writes_seen = writes;
    t->state = TRACEE_RUNNING;
    t->signalled = false;
    if (t->task) {
        tracee_write(t->tid, t->task + offsetof(Task, trace), ts, sizeof(*ts));
    }
    long host = detach || t->foreign ? request : PTRACE_CONT;
    abi_long ret = host_ptrace(host, t->tid, 0, stopped ? NULL : (void *)(uintptr_t)sig);
    if (detach) {
        tracee_drop(t);
    }
    return ret;
}

static abi_long interrupt(Tracee *t)
{
    uint32_t one = 1;
    if (!t->seized) {
        return -EIO;
    }
    if (t->foreign || t->state == TRACEE_LISTENING || t->state == TRACEE_IN_KERNEL) {
        return host_ptrace(PTRACE_INTERRUPT, t->tid, 0, NULL);
    }
    if (t->state == TRACEE_STOPPED) {
        t->ts.interrupt = 1;
        return 0;
    }
    if (!tracee_know_task(t) ||
        !tracee_write(t->tid, t->task + TRACE_FIELD(interrupt), &one, sizeof(one))) {
        return -ESRCH;
    }
    return tracee_kick(t) ? 0 : -ESRCH;
}

/* ---- registers ---- */

enum { PRSTATUS_SIZE = 32 * 8, FPREG_SIZE = 33 * 8 };

static bool fetch_env(Tracee *t, CPURISCVState *env)
{
    if (t->foreign) {
        return foreign_fetch(t, env);
    }
    return t->env && tracee_read(t->tid, t->env, env, sizeof(*env));
}

static bool store_env(const Tracee *t, const CPURISCVState *env)
{
    return t->foreign ? foreign_store(t, env)
                      : tracee_write(t->tid, t->env, env, sizeof(*env));
}

static void regs_out(const CPURISCVState *env, abi_ulong note, uint64_t *out)
{
    memset(out, 0, FPREG_SIZE);
    if (note == NT_PRSTATUS) {
        memcpy(out, env->gpr, PRSTATUS_SIZE);
        out[0] = env->pc;
    } else {
        memcpy(out, env->fpr, sizeof(env->fpr));
        out[32] = cpu_fflags(env) | (uint64_t)env->frm << 5;
    }
}

static void regs_in(CPURISCVState *env, abi_ulong note, const uint64_t *in)
{
    if (note == NT_PRSTATUS) {
        memcpy(env->gpr + 1, in + 1, PRSTATUS_SIZE - 8);
        env->pc = in[0];
    } else {
        memcpy(env->fpr, in, sizeof(env->fpr));
        cpu_set_fflags(env, in[32] & 31);
        cpu_set_frm(env, in[32] >> 5 & 7);
    }
}

/* PTRACE_GETREGSET, PTRACE_SETREGSET. There is no vector unit, and no pointer masking. */
static abi_long regset(Tracee *t, bool set, abi_ulong note, abi_ulong iov_addr)
{
    struct { abi_ulong base, len; } iov;
    uint64_t regs[FPREG_SIZE / 8];
    CPURISCVState env;
    if (!guest_read(&iov, iov_addr, sizeof(iov))) {
        return -EFAULT;
    }
    if ((note != NT_PRSTATUS && note != NT_PRFPREG) || iov.len % 8) {
        return -EINVAL;
    }
    iov.len = MIN(iov.len, note == NT_PRSTATUS ? PRSTATUS_SIZE : FPREG_SIZE);
    if (!fetch_env(t, &env)) {
        return -ESRCH;
    }
    regs_out(&env, note, regs);
    if (set) {
        if (!guest_read(regs, iov.base, iov.len)) {
            return -EFAULT;
        }
        regs_in(&env, note, regs);
        if (!store_env(t, &env)) {
            return -ESRCH;
        }
    } else if (!guest_write(iov.base, regs, iov.len)) {
        return -EFAULT;
    }
    return guest_write(iov_addr, &iov, sizeof(iov)) ? 0 : -EFAULT;
}

/* What the stop tells of a call: nothing, where the tracer did not ask for marked stops. */
static uint32_t marked_op(const Tracee *t)
{
    bool unmarked = (t->ts.syscall_op == SYSCALL_OP_ENTRY || t->ts.syscall_op == SYSCALL_OP_EXIT) &&
                    !(t->ts.info.si_code & 0x80);
    return unmarked ? SYSCALL_OP_NONE : t->ts.syscall_op;
}

/* struct ptrace_syscall_info */
typedef struct SyscallInfo {
    uint8_t op, reserved;
    uint16_t flags;
    uint32_t arch;
    uint64_t pc, sp;
    union {
        struct { uint64_t nr, args[6]; } entry;
        struct { int64_t rval; uint8_t is_error; } exit;
        struct { uint64_t nr, args[6]; uint32_t data, reserved; } seccomp;
    };
} SyscallInfo;
_Static_assert(offsetof(SyscallInfo, entry) == 24, "struct ptrace_syscall_info");

static abi_long syscall_info(Tracee *t, abi_ulong size, abi_ulong addr)
{
    enum { MAX_ERRNO = 4095 };
    CPURISCVState env;
    SyscallInfo si;
    size_t actual = offsetof(SyscallInfo, entry);
    if (!fetch_env(t, &env)) {
        return -ESRCH;
    }
    memset(&si, 0, sizeof(si));
    si.op = (uint8_t)marked_op(t);
    si.arch = AUDIT_ARCH_RISCV64;
    si.pc = env.pc;
    si.sp = env.gpr[RV_SP];
    switch (si.op) {
    case SYSCALL_OP_ENTRY:
    case SYSCALL_OP_SECCOMP:
        si.entry.nr = env.gpr[RV_A7];
        memcpy(si.entry.args, &env.gpr[RV_A0], sizeof(si.entry.args));
        si.entry.args[0] = t->ts.orig_a0;
        actual = offsetof(SyscallInfo, entry) + sizeof(si.entry);
        if (si.op == SYSCALL_OP_SECCOMP) {
            si.seccomp.data = (uint32_t)t->ts.message;
            actual = offsetof(SyscallInfo, seccomp.data) + sizeof(si.seccomp.data);
        }
        break;
    case SYSCALL_OP_EXIT:
        si.exit.rval = (int64_t)env.gpr[RV_A0];
        si.exit.is_error = (uint64_t)si.exit.rval >= (uint64_t)-MAX_ERRNO;
        actual = offsetof(SyscallInfo, exit.is_error) + 1;
        break;
    default:
        break;
    }
    return guest_write(addr, &si, MIN(actual, size)) ? (abi_long)actual : -EFAULT;
}

/* Linux 6.16: the same structure in the other direction. */
static abi_long set_syscall_info(Tracee *t, abi_ulong size, abi_ulong addr)
{
    CPURISCVState env;
    SyscallInfo si;
    if (size < sizeof(si)) {
        return -EINVAL;
    }
    if (!guest_read(&si, addr, sizeof(si))) {
        return -EFAULT;
    }
    if (si.flags || si.reserved || si.op != marked_op(t) || si.op == SYSCALL_OP_NONE) {
        return -EINVAL;
    }
    if (!fetch_env(t, &env)) {
        return -ESRCH;
    }
    if (si.op == SYSCALL_OP_EXIT) {
        env.gpr[RV_A0] = (uint64_t)si.exit.rval;
    } else {
        if ((int)si.entry.nr != (int64_t)si.entry.nr) {
            return -ERANGE;
        }
        env.gpr[RV_A7] = si.entry.nr;
        if ((int)si.entry.nr != -1) {
            memcpy(&env.gpr[RV_A1], si.entry.args + 1, sizeof(si.entry.args) - 8);
            t->ts.orig_a0 = si.entry.args[0];
        }
    }
    return store_env(t, &env) ? 0 : -ESRCH;
}

enum {
    PEEKSIGINFO = 0x4209,
    GETSIGMASK = 0x420a,
    SETSIGMASK = 0x420b,
    SECCOMP_GET_FILTER = 0x420c,
    SECCOMP_GET_METADATA = 0x420d,
    GET_SYSCALL_INFO = 0x420e,
    SET_SYSCALL_USER_DISPATCH_CONFIG = 0x4210,
    GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211,
    SET_SYSCALL_INFO = 0x4212,
};

/* ---- signals ---- */

static abi_long siginfo(Tracee *t, bool set, abi_ulong addr)
{
    siginfo_t si;
    if (t->state != TRACEE_STOPPED) {
        return host_ptrace(set ? PTRACE_SETSIGINFO : PTRACE_GETSIGINFO, t->tid, 0, g2h(addr));
    }
    if (set) {
        if (!guest_read(&si, addr, sizeof(si))) {
            return -EFAULT;
        }
        t->ts.info = si;
        return 0;
    }
    return guest_write(addr, &t->ts.info, sizeof(si)) ? 0 : -EFAULT;
}

static abi_long signal_mask(Tracee *t, bool set, abi_ulong size, abi_ulong addr)
{
    uint64_t mask = t->sigmask;
    if (t->foreign) {
        return host_ptrace(set ? SETSIGMASK : GETSIGMASK, t->tid, size, g2h(addr));
    }
    if (size != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (!set) {
        return guest_write(addr, &mask, sizeof(mask)) ? 0 : -EFAULT;
    }
    if (!guest_read(&mask, addr, sizeof(mask))) {
        return -EFAULT;
    }
    t->sigmask = t->ts.sigmask = mask & ~UNBLOCKABLE;
    t->ts.sigmask_set = 1;
    return 0;
}

/* ---- filters and dispatch of system calls ---- */

/* The host knows the filters by their shadows, and who may see them. */
static abi_long seccomp_filter(Tracee *t, abi_ulong nth, abi_ulong out)
{
    abi_long ret =
        host_ptrace(SECCOMP_GET_FILTER, t->tid, nth, t->foreign ? g2h_or_null(out) : NULL);
    if (ret < 0 || t->foreign) {
        return ret;
    }
    return tracee_know_task(t) ? seccomp_fetch(t->tid, t->task, nth, out) : -ESRCH;
}

static abi_long dispatch_config(Tracee *t, long request, abi_ulong size, abi_ulong addr)
{
    struct { uint64_t mode, selector, start, len; } c;
    UserDispatch d;
    if (t->foreign) {
        return host_ptrace(request, t->tid, size, g2h(addr));
    }
    if (size != sizeof(c)) {
        return -EINVAL;
    }
    if (!tracee_know_task(t)) {
        return -ESRCH;
    }
    abi_ulong at = t->task + offsetof(Task, dispatch);
    if (request == SET_SYSCALL_USER_DISPATCH_CONFIG) {
        if (!guest_read(&c, addr, sizeof(c))) {
            return -EFAULT;
        }
        abi_long ret = user_dispatch_make(&d, c.mode, c.start, c.len, c.selector);
        return ret < 0 || tracee_write(t->tid, at, &d, sizeof(d)) ? ret : -ESRCH;
    }
    if (!tracee_read(t->tid, at, &d, sizeof(d))) {
        return -ESRCH;
    }
    c.mode = d.on;
    c.selector = d.selector;
    c.start = d.start;
    c.len = d.len;
    return guest_write(addr, &c, sizeof(c)) ? 0 : -EFAULT;
}

/* ---- the call ---- */

/* Of a tracee that is stopped. */
static abi_long request_stopped(Tracee *t, long request, abi_ulong addr, abi_ulong data)
{
    abi_long ret;
    uint64_t word;
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        ret = host_ptrace(PTRACE_PEEKDATA, t->tid, addr + t->base, &word);
        return ret == 0 && !guest_write(data, &word, sizeof(word)) ? -EFAULT : ret;
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        atomic_fetch_add(&memory_writes, 1);
        return host_ptrace(PTRACE_POKEDATA, t->tid, addr + t->base, (void *)(uintptr_t)data);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_DETACH:
        return resume(t, request, data);
    case PTRACE_LISTEN:
        ret = host_ptrace(PTRACE_LISTEN, t->tid, 0, NULL);
        t->state = ret == 0 ? TRACEE_LISTENING : t->state;
        return ret;
    case PTRACE_SETOPTIONS:
        if (data & ~(abi_ulong)OPTIONS_KNOWN) {
            return -EINVAL;
        }
        if (!tracee_set_options(t, (uint32_t)data)) {
            return -EPERM;
        }
        t->ts.basics.options = (uint32_t)data;
        return 0;
    case PTRACE_GETEVENTMSG:
        if (t->state == TRACEE_STOPPED || t->ended) {
            word = t->ended ? (uint64_t)t->exit_code << 8 : t->ts.message;
            return guest_write(data, &word, sizeof(word)) ? 0 : -EFAULT;
        }
        return host_ptrace(PTRACE_GETEVENTMSG, t->tid, 0, g2h(data));
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return siginfo(t, request == PTRACE_SETSIGINFO, data);
    case PEEKSIGINFO:
        return host_ptrace(request, t->tid, addr + guest_base, g2h(data));
    case GETSIGMASK:
    case SETSIGMASK:
        return signal_mask(t, request == SETSIGMASK, addr, data);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return regset(t, request == PTRACE_SETREGSET, addr, data);
    case SECCOMP_GET_FILTER:
        return seccomp_filter(t, addr, data);
    case SECCOMP_GET_METADATA:
        return host_ptrace(request, t->tid, addr, g2h(data));
    case SET_SYSCALL_USER_DISPATCH_CONFIG:
    case GET_SYSCALL_USER_DISPATCH_CONFIG:
        return dispatch_config(t, request, addr, data);
    case GET_SYSCALL_INFO:
        return syscall_info(t, addr, data);
    case SET_SYSCALL_INFO:
        return set_syscall_info(t, addr, data);
    default:        /* no single step, no user area, no GETREGS on this architecture */
        return -EIO;
    }
}

static abi_long do_ptrace(CPUState *cpu, const abi_ulong *a)
{
    long request = (long)a[0];
    pid_t tid = (pid_t)a[1];
    if (request == PTRACE_TRACEME) {
        return trace_me(cpu->opaque);
    }
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE) {
        bool seize = request == PTRACE_SEIZE;
        if (seize && (a[2] || a[3] & ~(abi_ulong)OPTIONS_KNOWN)) {
            return -EIO;
        }
        return attach(request, tid, seize ? (uint32_t)a[3] : 0);
    }
    Tracee *t = tracee_find(tid);
    if (!t) {
        return -ESRCH;
    }
    if (request == PTRACE_KILL) {
        return host_ptrace(PTRACE_KILL, tid, 0, NULL);
    }
    if (request == PTRACE_INTERRUPT) {
        return interrupt(t);
    }
    return t->state == TRACEE_STOPPED || t->state == TRACEE_IN_KERNEL
               ? request_stopped(t, request, a[2], a[3])
               : -ESRCH;
}

abi_long sys_ptrace(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    ptrace_begin(task);
    abi_long ret = do_ptrace(cpu, a);
    ptrace_end(task);
    return ret;
}
