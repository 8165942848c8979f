/* Syscall user dispatch: calls become SIGSYS as a range and a byte of memory say. Alone:
 * rivet user_dispatch; the line of the first check that failed is printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { DISPATCH = 59, OFF = 0, ON = 1, INCLUSIVE_ON = 2, ALLOW = 0, BLOCK = 1 };
#ifdef __riscv
enum { ARCH = (int)0xc00000f3, CALL_SIZE = 4 };
#define RESULT __gregs[10]
#define PC __gregs[0]
#define CALL "ecall"
#else
enum { ARCH = (int)0xc000003e, CALL_SIZE = 2 };
#define RESULT gregs[REG_RAX]
#define PC gregs[REG_RIP]
#define CALL "syscall"
#endif

static volatile char selector;
static volatile int caught;
static volatile uintptr_t where;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            selector = ALLOW;                                                                      \
            printf("line %d: %s (errno %d)\n", __LINE__, #x, errno);                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    selector = ALLOW;
    where = (uintptr_t)info->si_call_addr;
    CHECK(sig == SIGSYS && info->si_code == 2 && info->si_errno == 0);
    CHECK(info->si_syscall == SYS_sched_yield && (int)info->si_arch == ARCH);
    CHECK((uintptr_t)uc->uc_mcontext.PC == where);
    uc->uc_mcontext.RESULT = 4242;
    caught++;
}

/* One call from two places that are known. */
#ifdef __riscv
#define YIELD(name)                                                                                \
    long name(void);                                                                               \
    __asm__(".text; .option push; .option norvc; " #name ": li a7, 124; " CALL                     \
            "; .globl " #name "_end; " #name "_end: ret; .option pop");                            \
    extern char name##_end[];
#else
#define YIELD(name) \
    long name(void); \
    __asm__(".text; " #name ": mov $24, %eax; " CALL "; .globl " #name "_end; " #name \
            "_end: ret"); \
    extern char name##_end[];
#endif
YIELD(yield_a)
YIELD(yield_b)

static int dispatch(unsigned long mode, void *start, unsigned long len, volatile char *byte)
{
    return prctl(DISPATCH, mode, start, len, byte);
}

static void *other_thread(void *arg)
{
    return (void *)yield_a();
}

/* The status of a child in which the selector is at `byte`. */
static int child_with(volatile char *byte)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        CHECK(dispatch(ON, NULL, 0, byte) == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* A tracer sees and sets it (Linux 6.4). */
static void by_tracer(void)
{
    enum { SET_CONFIG = 0x4210, GET_CONFIG = 0x4211 };
    struct { uint64_t mode, selector, start, len; } c = { 9, 9, 9, 9 };
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        caught = 0;
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        selector = BLOCK;
        long ret = yield_b();
        raise(SIGSTOP);
        _exit(ret == 4242 && caught == 1 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    if (ptrace(GET_CONFIG, pid, sizeof(c), &c) == 0) {
        CHECK(c.mode == OFF && !c.selector && !c.start && !c.len);
        CHECK(ptrace(GET_CONFIG, pid, sizeof(c) - 1, &c) == -1 && errno == EINVAL);
        CHECK(ptrace(GET_CONFIG, pid, sizeof(c), 8) == -1 && errno == EFAULT);
        c.mode = 7;
        CHECK(ptrace(SET_CONFIG, pid, sizeof(c), &c) == -1 && errno == EINVAL);
        c.mode = ON;
        c.start = (uintptr_t)yield_a_end;
        c.len = 1;
        c.selector = (uintptr_t)&selector;
        CHECK(ptrace(SET_CONFIG, pid, sizeof(c), &c) == 0);
        CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSYS);
        CHECK(ptrace(PTRACE_CONT, pid, 0, SIGSYS) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        c.start = 1;
        CHECK(ptrace(GET_CONFIG, pid, sizeof(c), &c) == 0 && c.mode == ON && c.len == 1);
        CHECK(c.start == (uintptr_t)yield_a_end && c.selector == (uintptr_t)&selector);
        CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        return;
    }
    CHECK(errno == EIO);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGSYS, &sa, NULL) == 0);

    CHECK(dispatch(OFF, (void *)1, 0, NULL) == -1 && errno == EINVAL);
    CHECK(dispatch(OFF, NULL, 0, &selector) == -1 && errno == EINVAL);
    CHECK(dispatch(77, NULL, 0, NULL) == -1 && errno == EINVAL);
    CHECK(dispatch(ON, (void *)1, -1, &selector) == -1 && errno == EINVAL);
    CHECK(dispatch(ON, (void *)8, 0, &selector) == -1 && errno == EINVAL);
    CHECK(dispatch(ON, NULL, 0, (char *)(-1l << 62)) == -1 && errno == EFAULT);
    CHECK(yield_a() == 0 && caught == 0);

    /* all calls */
    CHECK(dispatch(ON, NULL, 0, &selector) == 0);
    CHECK(yield_a() == 0 && caught == 0);
    for (int i = 1; i <= 100; i++) {
        selector = BLOCK;
        CHECK(yield_a() == 4242 && caught == i && where == (uintptr_t)yield_a_end);
        CHECK(selector == ALLOW);
    }

    /* nobody inherits it */
    pthread_t thread;
    void *result;
    CHECK(pthread_create(&thread, NULL, other_thread, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        selector = BLOCK;
        _exit(yield_a() == 0 && caught == 100 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);

    /* all but those of one place; pc behind the call counts */
    CHECK(dispatch(ON, yield_a_end, 1, &selector) == 0);
    selector = BLOCK;
    CHECK(yield_a() == 0 && caught == 100);
    CHECK(yield_b() == 4242 && caught == 101 && where == (uintptr_t)yield_b_end);

    /* only those of one place; not before Linux 6.17 */
    if (dispatch(INCLUSIVE_ON, yield_b_end, 1, &selector) == 0) {
        selector = BLOCK;
        CHECK(yield_a() == 0 && caught == 101);
        CHECK(yield_b() == 4242 && caught == 102);
        CHECK(dispatch(INCLUSIVE_ON, yield_b_end, 0, &selector) == -1 && errno == EINVAL);
    }
    CHECK(dispatch(OFF, NULL, 0, NULL) == 0);
    selector = BLOCK;
    CHECK(yield_a() == 0 && yield_b() == 0);

    by_tracer();

    /* a selector of a third kind, and none that can be read */
    static volatile char third = 2;
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(none != MAP_FAILED);
    int s = child_with(&third);
    CHECK(WIFSIGNALED(s) && WTERMSIG(s) == SIGSYS);
    s = child_with(none);
    CHECK(WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV);
    return 0;
}
