/*
 * linux-user/seccomp.c: seccomp(2). Source: kernel/seccomp.c.
 *
 * Filters are a chain from the newest to the oldest, shared by the tasks that inherited them, and
 * never change. Task.seccomp is set by its own thread, or with TSYNC by another one under
 * seccomp_lock, to a chain that contains the old one.
 *
 * A filter with a listener: its shadow on the host sends calls from NOTIFY_NR on to the listener.
 * A call that the guest's filter wants to be told of is made as number NOTIFY_NR + nr; so the
 * supervisor's descriptor, its wake-ups, ids and injected descriptors are the host kernel's.
 * Numbers and the answer "go on" are converted on the supervisor's side. Not had:
 * instruction_pointer in the notification, which reads 0.
 */
#include "linux-user/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/fork_page.h"
#include "linux-user/bpf_filter.h"
#include "linux-user/loader.h"
#include "linux-user/ptrace_private.h"
#include "linux-user/sys_common.h"
#include "linux-user/thread.h"

enum {
    NOTIFY_NR = 0x20000000,
    NOTIFY_NR_MASK = NOTIFY_NR - 1,
    INSNS_PER_PATH = (1 << 18) / sizeof(struct sock_filter),
    INSNS_PER_FILTER = 4,           /* what the kernel counts for a filter besides its program */
    SYS_SECCOMP_ = 1,               /* si_code of SIGSYS */
};
/* A supervisor's "go on" on its way through the host kernel, where the call itself does not exist.
 */
#define NOTIFY_GO_ON ((abi_long)0x7269766574476f4f)
#define KNOWN_FLAGS                                                                                \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |        \
     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | FLAG_WAIT_KILLABLE)
#define FLAG_WAIT_KILLABLE 0x20u

typedef struct SeccompFilter {
    struct SeccompFilter *older;
    _Atomic unsigned refs;          /* tasks and newer filters */
    bool listens;
    uint16_t len;
    uint32_t cost;                  /* of its insns, as the kernel counts them */
    struct sock_filter insn[];
} SeccompFilter;

/* The filter of a task in strict mode. */
static SeccompFilter strict = { .refs = 1 };

static FORK_PAGE pthread_mutex_t seccomp_lock = PTHREAD_MUTEX_INITIALIZER;

int seccomp_mode(const Task *task)
{
    SeccompFilter *f = atomic_load(&task->seccomp);
    return !f ? SECCOMP_MODE_DISABLED : f == &strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
}

/* ---- life of filters ---- */

static SeccompFilter *filter_ref(SeccompFilter *f)
{
    if (f) {
        atomic_fetch_add(&f->refs, 1);
    }
    return f;
}

static void filter_unref(SeccompFilter *f)
{
    while (f && atomic_fetch_sub(&f->refs, 1) == 1) {
        SeccompFilter *older = f->older;
        g_free(f);
        f = older;
    }
}

static void set_filter(Task *task, SeccompFilter *f)
{
    filter_ref(f);
    filter_unref(atomic_exchange(&task->seccomp, f));
}

void seccomp_inherit(Task *task, Task *from)
{
    pthread_mutex_lock(&seccomp_lock);
    set_filter(task, atomic_load(&from->seccomp));
    pthread_mutex_unlock(&seccomp_lock);
}

void seccomp_drop(Task *task)
{
    set_filter(task, NULL);
}

void seccomp_fork_child(void)
{
    pthread_mutex_init(&seccomp_lock, NULL);
}

/* ---- what becomes of a call ---- */

/* End the calling thread, and of a process that has no other the whole of it, as if by sig. */
static abi_long kill_thread(CPUState *cpu, Task *task, int sig)
{
    if (task->is_vfork_child || thread_is_alone()) {
        signal_die(cpu, sig);
    }
    task->exit_code = sig;
    task->exiting = true;
    return SYSCALL_NO_RESULT;
}

static abi_long judge_strict(CPUState *cpu, Task *task, abi_ulong nr)
{
    enum { GUEST_read = 63, GUEST_write = 64, GUEST_exit = 93, GUEST_rt_sigreturn = 139 };
    if (nr == GUEST_read || nr == GUEST_write || nr == GUEST_exit || nr == GUEST_rt_sigreturn) {
        return SECCOMP_GO_ON;
    }
    return kill_thread(cpu, task, SIGKILL);
}

static int32_t action_of(uint32_t verdict)
{
    return (int32_t)(verdict & SECCOMP_RET_ACTION_FULL);
}

/* The strictest verdict of all filters, of those the newest, which is put in *by. */
static uint32_t strictest(const SeccompFilter *f, const struct seccomp_data *data,
                          const SeccompFilter **by)
{
    uint32_t verdict = SECCOMP_RET_ALLOW;
    for (; f; f = f->older) {
        uint32_t v = bpf_filter_run(f->insn, data);
        if (action_of(v) < action_of(verdict)) {
            verdict = v;
            *by = f;
        }
    }
    return verdict;
}

static abi_long trap(CPUState *cpu, const struct seccomp_data *data, uint32_t reason)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSYS;
    info.si_code = SYS_SECCOMP_;
    info.si_errno = (int)reason;
    info.si_call_addr = (void *)(uintptr_t)data->instruction_pointer;
    info.si_syscall = data->nr;
    info.si_arch = data->arch;
    signal_force_info(cpu, &info);
    return SYSCALL_NO_RESULT;
}

static abi_long ask_supervisor(const SeccompFilter *by, abi_ulong nr, const abi_ulong *a)
{
    if (!by->listens) {
        return -ENOSYS;
    }
    abi_long ret =
        safe_syscall(NOTIFY_NR | (long)(nr & NOTIFY_NR_MASK), a[0], a[1], a[2], a[3], a[4], a[5]);
    return ret == NOTIFY_GO_ON ? SECCOMP_GO_ON : ret;
}

static abi_long judge(CPUState *cpu, abi_ulong *call, const abi_ulong *a, bool traced);

/* The tracer has had its say: filters judge what it made of the call. */
static abi_long ask_tracer(CPUState *cpu, abi_ulong *nr, const abi_ulong *a, uint32_t reason)
{
    bool make;
    if (!ptrace_seccomp(cpu, (uint16_t)reason, &make)) {
        return -ENOSYS;
    }
    *nr = cpu->env.gpr[RV_A7];
    return make ? judge(cpu, nr, a, true) : (abi_long)a[0];
}

static abi_long judge(CPUState *cpu, abi_ulong *call, const abi_ulong *a, bool traced)
{
    enum { ERRNO_MAX = 4095 };
    Task *task = cpu->opaque;
    abi_ulong nr = *call;
    const SeccompFilter *f = atomic_load(&task->seccomp), *by = NULL;
    if (vdso_answers(cpu->env.pc - 4, nr) ||
        (task->trace.basics.options & TRACE_SUSPEND_SECCOMP)) {
        return SECCOMP_GO_ON;
    }
    if (f == &strict) {
        return judge_strict(cpu, task, nr);
    }
    struct seccomp_data data = {
        .nr = (int)nr,
        .arch = AUDIT_ARCH_RISCV64,
        .instruction_pointer = cpu->env.pc,
        .args = { a[0], a[1], a[2], a[3], a[4], a[5] },
    };
    uint32_t verdict = strictest(f, &data, &by), reason = verdict & SECCOMP_RET_DATA;
    switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
        return SECCOMP_GO_ON;
    case SECCOMP_RET_ERRNO:
        return -(abi_long)MIN(reason, ERRNO_MAX);
    case SECCOMP_RET_TRAP:
        return trap(cpu, &data, reason);
    case SECCOMP_RET_USER_NOTIF:
        return ask_supervisor(by, nr, a);
    case SECCOMP_RET_TRACE:
        return traced ? SECCOMP_GO_ON : ask_tracer(cpu, call, a, reason);
    case SECCOMP_RET_KILL_THREAD:
        return kill_thread(cpu, task, SIGSYS);
    default:                        /* KILL_PROCESS, and whatever may come */
        signal_die(cpu, SIGSYS);
    }
}

abi_long seccomp_judge(CPUState *cpu, abi_ulong *nr, const abi_ulong *a)
{
    abi_long verdict = judge(cpu, nr, a, false);
    bool restarts = verdict <= -ERESTARTSYS_ && verdict >= -ERESTART_RESTARTBLOCK_;
    if (restarts && !((Task *)cpu->opaque)->signal_pending) {
        /* Of a filter, a supervisor or a tracer. Such codes mean something where a signal is to be
         * delivered; otherwise this is a result as any other. */
        cpu->env.gpr[RV_A0] = (uint64_t)verdict;
        return SYSCALL_NO_RESULT;
    }
    return verdict;
}

/* ---- installation ---- */

/* The guest's struct sock_fprog; x86-64's has the same layout. */
typedef struct Fprog {
    uint16_t len;
    abi_ulong insns;
} Fprog;
_Static_assert(sizeof(Fprog) == 16 && offsetof(Fprog, insns) == 8, "struct sock_fprog");

static abi_long host_install(abi_ulong flags, const struct sock_fprog *prog)
{
    return host_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
}

/* Let everything pass, or tell the listener of what we make for it. */
static abi_long install_shadow(abi_ulong flags)
{
    static struct sock_filter allow[] = {
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    static struct sock_filter notify[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NOTIFY_NR, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { G_N_ELEMENTS(allow), allow };
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
        prog = (struct sock_fprog){ G_N_ELEMENTS(notify), notify };
    }
    return host_install(flags, &prog);
}

static bool path_too_long(const SeccompFilter *f, unsigned cost)
{
    unsigned total = cost;
    for (; f; f = f->older) {
        total += f->cost + INSNS_PER_FILTER;
    }
    return total > INSNS_PER_PATH;
}

static SeccompFilter *filter_new(const struct sock_filter *insn, unsigned len, bool listens)
{
    SeccompFilter *f = g_malloc0(sizeof(*f) + len * sizeof(f->insn[0]));
    f->refs = 1;
    f->len = (uint16_t)len;
    f->cost = bpf_filter_cost(insn, len);
    f->listens = listens;
    memcpy(f->insn, insn, len * sizeof(f->insn[0]));
    return f;
}

typedef struct Sync {
    Task *from;
    SeccompFilter *filter;
} Sync;

static void sync_one(CPUState *cpu, void *opaque)
{
    const Sync *sync = opaque;
    Task *task = cpu->opaque;
    if (task && task->sighand == sync->from->sighand) {
        set_filter(task, sync->filter);
    }
}

static void find_one(CPUState *cpu, void *opaque)
{
    const Task *task = cpu->opaque;
    int *tid = opaque;
    *tid = task && task->tid == *tid ? 0 : *tid;
}

/* The host cannot synchronize thread tid, which the guest has seen end: so will the host soon,
 * and leave it out, but for a leader before Linux 6.11. */
static bool has_ended(abi_long tid)
{
    int find = (int)tid;
    cpu_foreach(find_one, &find);
    return find != 0;
}

/* The host kernel has the last word; what it accepts is in force. */
static abi_long install(CPUState *cpu, abi_ulong flags, SeccompFilter *f)
{
    enum { TRIES = 10000 };
    Task *task = cpu->opaque;
    pthread_mutex_lock(&seccomp_lock);
    SeccompFilter *now = atomic_load(&task->seccomp);
    abi_long ret = path_too_long(now, f->cost) ? -ENOMEM : install_shadow(flags);
    bool is_tid = ret > 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
    for (int i = 0; ret > 0 && is_tid && i < TRIES && has_ended(ret); i++) {
        sched_yield();
        ret = install_shadow(flags);
    }
    if (ret == 0 || (ret > 0 && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))) {
        f->older = filter_ref(now);
        set_filter(task, f);
        if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
            cpu_foreach(sync_one, &(Sync){ task, f });
        }
    }
    filter_unref(f);
    pthread_mutex_unlock(&seccomp_lock);
    return ret;
}

static abi_long set_filter_mode(CPUState *cpu, abi_ulong flags, abi_ulong prog)
{
    Fprog fp;
    struct sock_filter insn[BPF_MAXINSNS];
    if (flags & ~(abi_ulong)KNOWN_FLAGS) {
        return -EINVAL;
    }
    if (!guest_read(&fp, prog, sizeof(fp))) {
        fp = (Fprog){ 1, 0 };
        prog = 0;
    }
    /* All that comes before the insns are read: flags, structure, length, privileges. */
    struct sock_fprog unreadable = { fp.len, fp.insns ? (void *)-1 : NULL };
    abi_long ret = host_install(flags, prog ? &unreadable : NULL);
    if (ret != -EFAULT) {
        return ret;
    }
    if (!prog || !guest_read(insn, fp.insns, fp.len * sizeof(insn[0]))) {
        return -EFAULT;
    }
    if (!bpf_filter_check(insn, fp.len)) {
        return -EINVAL;
    }
    return install(cpu, flags,
                   filter_new(insn, fp.len, flags & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

static abi_long set_strict_mode(CPUState *cpu)
{
    Task *task = cpu->opaque;
    if (seccomp_mode(task) == SECCOMP_MODE_FILTER) {
        return -EINVAL;
    }
    set_filter(task, &strict);
    return 0;
}

abi_long sys_seccomp(CPUState *cpu, const abi_ulong *a)
{
    uint32_t op = (uint32_t)a[0], flags = (uint32_t)a[1];
    switch (op) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || a[2] ? -EINVAL : set_strict_mode(cpu);
    case SECCOMP_SET_MODE_FILTER:
        return set_filter_mode(cpu, flags, a[2]);
    default:                        /* questions about the kernel: what it lacks we lack too */
        return host_syscall(SYS_seccomp, op, flags, shift_arg(a[2]));
    }
}

abi_long seccomp_prctl_set(CPUState *cpu, abi_ulong mode, abi_ulong prog)
{
    switch (mode) {
    case SECCOMP_MODE_STRICT:
        return set_strict_mode(cpu);
    case SECCOMP_MODE_FILTER:
        return set_filter_mode(cpu, 0, prog);
    default:
        return -EINVAL;
    }
}

/* ---- execve ---- */

/* The filters in a file: from the oldest to the newest, each a header and its program. */
typedef struct SavedFilter {
    uint16_t len, listens;
} SavedFilter;

static bool save_chain(int fd, const SeccompFilter *f)
{
    if (!f) {
        return true;
    }
    SavedFilter head = { f->len, f->listens };
    ssize_t size = f->len * (ssize_t)sizeof(f->insn[0]);
    return save_chain(fd, f->older) && write(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
           write(fd, f->insn, (size_t)size) == size;
}

int seccomp_save(Task *task)
{
    const SeccompFilter *f = atomic_load(&task->seccomp);
    int fd = memfd_create("seccomp", 0);
    if (fd < 0) {
        return -errno;
    }
    if (!save_chain(fd, f)) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}

bool seccomp_restore(Task *task, int fd)
{
    SavedFilter head;
    struct sock_filter insn[BPF_MAXINSNS];
    SeccompFilter *chain = NULL;
    bool good = lseek(fd, 0, SEEK_SET) == 0;
    while (good && read(fd, &head, sizeof(head)) == (ssize_t)sizeof(head)) {
        ssize_t size = head.len * (ssize_t)sizeof(insn[0]);
        good = head.len && head.len <= BPF_MAXINSNS && read(fd, insn, (size_t)size) == size &&
               bpf_filter_check(insn, head.len);
        if (good) {
            SeccompFilter *f = filter_new(insn, head.len, head.listens);
            f->older = chain;
            chain = f;
        }
    }
    close(fd);
    atomic_store(&task->seccomp, chain);
    return good && chain;
}

/* ---- seen by a tracer ---- */

/* How many filters there are from f on in the memory of tid; *nth: the n-th oldest, or 0. */
static unsigned filters_from(pid_t tid, uint64_t f, uint64_t n, uint64_t *nth)
{
    struct SeccompFilter *older;
    unsigned count = 0;
    if (f && tracee_read(tid, f + offsetof(SeccompFilter, older), &older, sizeof(older))) {
        count = filters_from(tid, (uint64_t)(uintptr_t)older, n, nth) + 1;
        *nth = count == n + 1 ? f : *nth;
    }
    return count;
}

bool seccomp_is_strict(pid_t tid, uint64_t task)
{
    uint64_t newest;
    uint16_t len;
    return tracee_read(tid, task + offsetof(Task, seccomp), &newest, sizeof(newest)) && newest &&
           tracee_read(tid, newest + offsetof(SeccompFilter, len), &len, sizeof(len)) &&
           len == 0;                    /* `strict` has no insns */
}

abi_long seccomp_fetch(pid_t tid, uint64_t task, uint64_t n, abi_ulong out)
{
    struct sock_filter insn[BPF_MAXINSNS];
    uint64_t newest, f = 0;
    uint16_t len;
    if (!tracee_read(tid, task + offsetof(Task, seccomp), &newest, sizeof(newest)) ||
        !filters_from(tid, newest, n, &f) || !f) {
        return -ENOENT;
    }
    if (!tracee_read(tid, f + offsetof(SeccompFilter, len), &len, sizeof(len)) ||
        len > BPF_MAXINSNS ||
        !tracee_read(tid, f + offsetof(SeccompFilter, insn), insn, len * sizeof(insn[0]))) {
        return -ESRCH;
    }
    return !out || guest_write(out, insn, len * sizeof(insn[0])) ? len : -EFAULT;
}

/* ---- listeners ---- */

abi_long seccomp_notif_recv(abi_ulong fd, abi_ulong arg)
{
    struct seccomp_notif notif;
    abi_long ret = safe_syscall(SYS_ioctl, fd, SECCOMP_IOCTL_NOTIF_RECV, shift_arg(arg), 0, 0, 0);
    if (ret == 0 && guest_read(&notif, arg, sizeof(notif)) && (notif.data.nr & NOTIFY_NR)) {
        notif.data.nr &= NOTIFY_NR_MASK;
        notif.data.arch = AUDIT_ARCH_RISCV64;
        notif.data.instruction_pointer = 0;
        guest_write(arg, &notif, sizeof(notif));
    }
    return ret;
}

abi_long seccomp_notif_send(abi_ulong fd, abi_ulong arg)
{
    struct seccomp_notif_resp resp;
    if (guest_read(&resp, arg, sizeof(resp)) && resp.flags == SECCOMP_USER_NOTIF_FLAG_CONTINUE &&
        !resp.val && !resp.error) {
        resp.flags = 0;
        resp.val = NOTIFY_GO_ON;
        return host_syscall(SYS_ioctl, fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
    }
    return host_syscall(SYS_ioctl, fd, SECCOMP_IOCTL_NOTIF_SEND, shift_arg(arg));
}
