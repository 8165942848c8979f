/* Signal frames: siginfo, registers seen and changed by the handler, masks, alternate stacks, and
 * frames that cannot be used. Alone: rivet signals_frame; each line says what was seen. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf out;
static volatile siginfo_t last;
static volatile int depth, calls;
static char *stack_lo;
static size_t stack_len;

static void on(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = fn;
    sa.sa_flags = SA_SIGINFO | flags;
    sigaction(sig, &sa, NULL);
}

static int status_of(void (*fn)(void))
{
    int st;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    waitpid(pid, &st, 0);
    return WIFSIGNALED(st) ? WTERMSIG(st) : 1000 + WEXITSTATUS(st);
}

/* ---- faults: the exact pc, and going on after it ---- */

extern char load_insn[], illegal_insn[], break_insn[];

static void skip(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    char *pc = (char *)uc->uc_mcontext.__gregs[REG_PC];
    char *want = sig == SIGSEGV ? load_insn : sig == SIGILL ? illegal_insn : break_insn;
    printf("signal %d code %d pc %d addr %d a1 %lx\n", sig, info->si_code, pc == want,
           sig == SIGSEGV ? info->si_addr == (void *)0x10 : info->si_addr == want,
           uc->uc_mcontext.__gregs[REG_A0 + 1]);
    uc->uc_mcontext.__gregs[REG_PC] += 4;
    uc->uc_mcontext.__gregs[REG_A0] = 4711;
}

static void faults(void)
{
    long a0;
    on(SIGSEGV, skip, 0);
    on(SIGILL, skip, 0);
    on(SIGTRAP, skip, 0);
    asm volatile(".option push\n.option norvc\nli a0, 0x10\nli a1, 0xabcd\n"
                 "load_insn: ld a0, 0(a0)\nmv %0, a0\nli a1, 0x1234\n"
                 "illegal_insn: .word 0xffffffff\nli a1, 0x5678\nbreak_insn: ebreak\n.option pop"
                 : "=r"(a0) : : "a0", "a1", "memory");
    printf("a0 %ld\n", a0);
}

/* ---- floating point state ---- */

static void fp_handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    union __riscv_mc_fp_state *fp = &uc->uc_mcontext.__fpregs;
    printf("fs0 in frame %llx fcsr %x\n", (unsigned long long)fp->__d.__f[8], fp->__d.__fcsr);
    fp->__d.__f[8] = 0x4008000000000000;
    fp->__d.__fcsr = 0x61;
    asm volatile("fcvt.d.w fs0, zero; fscsr zero" ::: "fs0");
}

static void fp_state(void)
{
    double v = 2.5;
    unsigned fcsr;
    on(SIGUSR1, fp_handler, 0);
    pid_t pid = getpid(), tid = gettid();
    register long a0 asm("a0") = pid;
    register long a1 asm("a1") = tid;
    register long a2 asm("a2") = SIGUSR1;
    register long a7 asm("a7") = SYS_tgkill;
    asm volatile("fmv.d fs0, %1\nli t0, 0x44\nfscsr t0\necall\nfmv.d %1, fs0\nfrcsr %2\nfscsr zero"
                 : "+r"(a0), "+f"(v), "=r"(fcsr) : "r"(a1), "r"(a2), "r"(a7)
                 : "fs0", "t0", "memory");
    printf("fs0 after %g fcsr %x\n", v, fcsr);
}

/* ---- masks and flags ---- */

static void show_mask(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("handler %d: usr1 %d usr2 %d hup %d; frame: usr1 %d usr2 %d hup %d\n", sig,
           sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGHUP),
           sigismember(&uc->uc_sigmask, SIGUSR1), sigismember(&uc->uc_sigmask, SIGUSR2),
           sigismember(&uc->uc_sigmask, SIGHUP));
}

static void nest(int sig, siginfo_t *info, void *context)
{
    int d = ++depth;
    if (d < 3) {
        raise(sig);
    }
    printf("leave %d at depth %d of %d\n", sig, d, depth);
}

static void change_mask_in_frame(int sig, siginfo_t *info, void *context)
{
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGHUP);
}

static void masks(void)
{
    struct sigaction sa, old;
    sigset_t set, now;
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = show_mask;
    sa.sa_flags = SA_SIGINFO;
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    raise(SIGUSR1);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);

    depth = 0;
    on(SIGUSR2, nest, SA_NODEFER);
    raise(SIGUSR2);
    depth = 0;
    on(SIGUSR2, nest, 0);
    raise(SIGUSR2);

    on(SIGUSR1, show_mask, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    printf("reset to default %d\n", old.sa_handler == SIG_DFL);

    on(SIGUSR1, change_mask_in_frame, 0);
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("mask from frame: hup %d\n", sigismember(&now, SIGHUP));
    sigprocmask(SIG_SETMASK, &set, NULL);

    printf("kill %d %d stop %d 65 %d\n", sigaction(SIGKILL, &sa, NULL), errno,
           sigaction(SIGSTOP, &sa, NULL), (int)syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
}

/* ---- alternate stacks ---- */

static int inside(void *p)
{
    return (char *)p > stack_lo && (char *)p <= stack_lo + stack_len;
}

static void alt_handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    stack_t now, set = { 0 };
    int here;
    sigaltstack(NULL, &now);
    set.ss_flags = SS_DISABLE;
    int r = sigaltstack(&set, NULL);
    printf("on stack %d flags %d frame flags %d change %d %d\n", inside(&here), now.ss_flags,
           uc->uc_stack.ss_flags, r, r ? errno : 0);
    if (sig == SIGUSR1) {
        raise(SIGUSR2);
    }
}

static void disarm_handler(int sig, siginfo_t *info, void *context)
{
    stack_t now;
    int here;
    sigaltstack(NULL, &now);
    printf("disarmed: on stack %d flags %x\n", inside(&here), (unsigned)now.ss_flags);
}

static void overflow_alt(int sig, siginfo_t *info, void *context)
{
    calls++;
    raise(sig);
}

static void overflow_run(void)
{
    stack_t ss = { .ss_sp = stack_lo, .ss_size = 8192 };
    sigaltstack(&ss, NULL);
    on(SIGUSR1, overflow_alt, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR1);
}

static void altstack(void)
{
    stack_t ss = { 0 }, old;
    stack_len = 65536;
    stack_lo = mmap(NULL, stack_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(NULL, &old);
    printf("first flags %d\n", old.ss_flags);
    ss.ss_sp = stack_lo;
    ss.ss_size = 100;
    int r = sigaltstack(&ss, NULL);
    printf("too small %d %d\n", r, errno);
    ss.ss_size = stack_len;
    ss.ss_flags = 77;
    r = sigaltstack(&ss, NULL);
    printf("bad flags %d %d\n", r, errno);
    ss.ss_flags = 0;
    sigaltstack(&ss, NULL);
    on(SIGUSR1, alt_handler, SA_ONSTACK);
    on(SIGUSR2, alt_handler, SA_ONSTACK);
    raise(SIGUSR1);
    on(SIGUSR2, alt_handler, 0);
    raise(SIGUSR2);
    ss.ss_flags = (int)(1u << 31);
    sigaltstack(&ss, NULL);
    on(SIGUSR1, disarm_handler, SA_ONSTACK);
    raise(SIGUSR1);
    sigaltstack(NULL, &old);
    printf("armed again %d %x\n", old.ss_sp == stack_lo, (unsigned)old.ss_flags);
    printf("overflow of it: %d\n", status_of(overflow_run));
}

/* ---- death ---- */

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)0 = 1;
}

static void blocked_fault(void)
{
    sigset_t s;
    on(SIGSEGV, skip, 0);
    sigfillset(&s);
    sigprocmask(SIG_BLOCK, &s, NULL);
    *(volatile int *)0 = 1;
}

static void bad_stack(void)
{
    on(SIGUSR1, skip, 0);
    register long a0 asm("a0") = getpid();
    register long a1 asm("a1") = SIGUSR1;
    register long a7 asm("a7") = SYS_kill;
    asm volatile("li sp, 16\necall\n" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
}

static void bad_return(void)
{
    syscall(SYS_rt_sigreturn);
}

static void tamper(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    memset((char *)&uc->uc_mcontext + 256 + 516, 1, 4);
}

static void bad_reserved(void)
{
    on(SIGUSR1, tamper, 0);
    raise(SIGUSR1);
}

static void async_segv(void)
{
    raise(SIGSEGV);
}

static void to_child(void)
{
    const int sigs[] = { SIGABRT, SIGTERM, SIGFPE, SIGRTMIN + 3, SIGCHLD, SIGURG, SIGBUS };
    for (unsigned i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            signal(sigs[i], SIG_DFL);
            kill(getpid(), sigs[i]);
            _exit(7);
        }
        int st;
        waitpid(pid, &st, 0);
        printf("default of %d: signaled %d %d\n", sigs[i], WIFSIGNALED(st),
               WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
    }
}

/* ---- faults sent by somebody ---- */

static void note(int sig, siginfo_t *info, void *context)
{
    last = *info;
    calls++;
}

static void sent_faults(void)
{
    sigset_t s, pend;
    on(SIGSEGV, note, 0);
    on(SIGBUS, note, 0);
    calls = 0;
    kill(getpid(), SIGSEGV);
    printf("sent: calls %d code %d pid %d\n", calls, last.si_code, last.si_pid == getpid());
    sigemptyset(&s);
    sigaddset(&s, SIGSEGV);
    sigaddset(&s, SIGBUS);
    sigprocmask(SIG_BLOCK, &s, NULL);
    raise(SIGSEGV);
    raise(SIGBUS);
    sigpending(&pend);
    printf("blocked: calls %d pending %d %d\n", calls, sigismember(&pend, SIGSEGV),
           sigismember(&pend, SIGBUS));
    siginfo_t info;
    struct timespec zero = { 0, 0 };
    int r = sigtimedwait(&s, &info, &zero);
    printf("waited for %d code %d\n", r, info.si_code);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    printf("unblocked: calls %d signal %d\n", calls, last.si_signo);
    siginfo_t q = { .si_signo = SIGSEGV, .si_code = SEGV_ACCERR };
    q.si_addr = (void *)0x1230;
    r = (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, &q);
    printf("requeued %d: calls %d code %d addr %p\n", r, calls, last.si_code, last.si_addr);
}

/* ---- siglongjmp out, and contexts ---- */

static void jump(int sig, siginfo_t *info, void *context)
{
    siglongjmp(out, sig);
}

static void jumps(void)
{
    on(SIGSEGV, jump, 0);
    int n = 0;
    for (volatile int i = 0; i < 1000; i++) {
        if (!sigsetjmp(out, 1)) {
            *(volatile char *)(uintptr_t)i = 1;
        } else {
            n++;
        }
    }
    printf("jumped out %d times\n", n);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    faults();
    fp_state();
    masks();
    altstack();
    printf("ignored fault: %d\n", status_of(ignored_fault));
    signal(SIGSEGV, SIG_DFL);
    printf("blocked fault: %d\n", status_of(blocked_fault));
    printf("no stack for the frame: %d\n", status_of(bad_stack));
    printf("sigreturn without a frame: %d\n", status_of(bad_return));
    printf("reserved word set: %d\n", status_of(bad_reserved));
    printf("raise(SIGSEGV): %d\n", status_of(async_segv));
    to_child();
    sent_faults();
    jumps();
    return 0;
}
