/* Processes: fork, true vfork, clone() and clone3() with their flags, wait statuses. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};
#define CLEAR_SIGHAND 0x100000000ull

static volatile int shared;
static volatile int handled;

static void handler(int sig)
{
    handled++;
}

static void forks(void)
{
    int st, x = 1;
    pid_t pid = fork();
    if (pid == 0) {
        x = 2;
        _exit(40 + x);
    }
    pid_t r = waitpid(pid, &st, 0);
    printf("fork: child %d status %d x %d\n", r == pid, WEXITSTATUS(st), x);

    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        raise(SIGKILL);
    }
    waitpid(pid, &st, WUNTRACED);
    printf("stopped %d by %d", WIFSTOPPED(st), WSTOPSIG(st) == SIGSTOP);
    kill(pid, SIGCONT);
    waitpid(pid, &st, 0);
    printf(" killed %d by %d\n", WIFSIGNALED(st), WTERMSIG(st));

    pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    siginfo_t info;
    struct rusage ru;
    memset(&info, 0, sizeof(info));
    long w = syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, &ru);
    printf("waitid %ld code %d status %d pid %d", w, info.si_code == CLD_EXITED, info.si_status,
           info.si_pid == pid);
    printf(" again %d", waitpid(pid, &st, 0) == pid);
    printf(" none left %d\n", waitpid(-1, &st, 0) == -1 && errno == ECHILD);

    signal(SIGCHLD, SIG_IGN);
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    printf("ignored SIGCHLD: wait %d\n", waitpid(pid, &st, 0) == -1 && errno == ECHILD);
    struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_NOCLDSTOP };
    sigaction(SIGCHLD, &sa, NULL);
    handled = 0;
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, &st, WUNTRACED);
    int at_stop = handled;
    kill(pid, SIGCONT);
    while (waitpid(pid, &st, 0) != pid) {
    }
    printf("SA_NOCLDSTOP: at stop %d, in all %d\n", at_stop, handled);
    signal(SIGCHLD, SIG_DFL);
}

static void *busy(void *p)
{
    while (!*(volatile int *)p) {
        free(malloc(100));
    }
    return NULL;
}

/* Fork with other threads in malloc and in generated code. */
static void fork_among_threads(void)
{
    enum { N = 4, FORKS = 40 };
    pthread_t t[N];
    static volatile int stop;
    int ok = 0;
    for (int i = 0; i < N; i++) {
        pthread_create(&t[i], NULL, busy, (void *)&stop);
    }
    for (int i = 0; i < FORKS; i++) {
        int st;
        pid_t pid = fork();
        if (pid == 0) {
            char *p = malloc(5000);
            memset(p, i, 5000);
            _exit(p[4999]);
        }
        waitpid(pid, &st, 0);
        ok += WIFEXITED(st) && WEXITSTATUS(st) == i;
    }
    stop = 1;
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
    }
    printf("fork among threads: %d of %d\n", ok, FORKS);
}

static void vforks(void)
{
    int st;
    shared = 1;
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 2;
        usleep(20000);
        shared++;
        _exit(5);
    }
    printf("vfork: shared %d at once", shared);
    waitpid(pid, &st, 0);
    printf(" status %d\n", WEXITSTATUS(st));

    /* actions and masks are the child's own */
    signal(SIGUSR1, handler);
    handled = 0;
    pid = vfork();
    if (pid == 0) {
        sigset_t s;
        signal(SIGUSR1, SIG_IGN);
        sigfillset(&s);
        sigprocmask(SIG_BLOCK, &s, NULL);
        kill(getpid(), SIGUSR1);
        _exit(0);
    }
    waitpid(pid, &st, 0);
    raise(SIGUSR1);
    printf("our handler after vfork: %d\n", handled);

    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGUSR1);
        _exit(handled);
    }
    waitpid(pid, &st, 0);
    printf("handler in the vfork child: %d\n", WEXITSTATUS(st));

    pid = vfork();
    if (pid == 0) {
        *(volatile int *)16 = 1;
    }
    waitpid(pid, &st, 0);
    printf("crash in the vfork child: %d\n", WTERMSIG(st));

    pid = vfork();
    if (pid == 0) {
        pid_t inner = vfork();
        if (inner == 0) {
            shared = 77;
            _exit(0);
        }
        waitpid(inner, &st, 0);
        _exit(shared);
    }
    waitpid(pid, &st, 0);
    printf("vfork in vfork: %d\n", WEXITSTATUS(st));
    for (int i = 0; i < 200; i++) {
        pid = vfork();
        if (pid == 0) {
            shared = i;
            _exit(i);
        }
        waitpid(pid, &st, 0);
        if (WEXITSTATUS(st) != i || shared != i) {
            printf("vfork %d: %d %d\n", i, WEXITSTATUS(st), shared);
        }
    }
}

static void *vfork_thread(void *p)
{
    long ok = 0;
    for (int i = 0; i < 50; i++) {
        int st;
        volatile int mine = 0;
        pid_t pid = vfork();
        if (pid == 0) {
            mine = i + 1;
            _exit(i);
        }
        waitpid(pid, &st, 0);
        ok += WEXITSTATUS(st) == i && mine == i + 1;
    }
    return (void *)ok;
}

static void vfork_in_threads(void)
{
    enum { N = 4 };
    pthread_t t[N];
    long sum = 0;
    for (int i = 0; i < N; i++) {
        pthread_create(&t[i], NULL, vfork_thread, NULL);
    }
    for (int i = 0; i < N; i++) {
        void *r;
        pthread_join(t[i], &r);
        sum += (long)r;
    }
    printf("vfork in threads: %ld\n", sum);
}

static void clones(void)
{
    int st, ctid = 0, ptid = 0;
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID | CLONE_PARENT_SETTID, 0,
                               &ptid, 0, &ctid);
    if (pid == 0) {
        _exit(ctid == getpid());
    }
    waitpid(pid, &st, 0);
    printf("clone: parent_tid %d child_tid in the child %d, here %d\n", ptid == pid,
           WEXITSTATUS(st), ctid);

    signal(SIGUSR2, handler);
    handled = 0;
    pid = (pid_t)syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0);
    if (pid == 0) {
        _exit(9);
    }
    pid_t plain = waitpid(pid, &st, 0);
    int err = errno;
    pid_t all = waitpid(pid, &st, __WALL);
    printf("exit signal USR2: wait %d %d, with __WALL %d, handled %d\n", plain, err == ECHILD,
           all == pid, handled);

    int pidfd = -1;
    pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, 0, &pidfd, 0, 0);
    if (pid == 0) {
        _exit(4);
    }
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    int r = waitid(3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED);
    printf("pidfd %d waitid %d status %d\n", pidfd >= 0, r, info.si_status);
    close(pidfd);

    struct args a;
    memset(&a, 0, sizeof(a));
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    a.flags = CLEAR_SIGHAND;
    a.exit_signal = SIGCHLD;
    pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0) {
        struct sigaction one, two;
        sigaction(SIGUSR1, NULL, &one);
        sigaction(SIGUSR2, NULL, &two);
        _exit((one.sa_handler == SIG_DFL) + 2 * (two.sa_handler == SIG_IGN));
    }
    waitpid(pid, &st, 0);
    printf("clone3 clears handlers: %d\n", WEXITSTATUS(st));

    static char stack[65536] __attribute__((aligned(16)));
    a.flags = CLONE_VM | CLONE_VFORK | CLEAR_SIGHAND;
    shared = 0;
    register long a0 asm("a0") = (long)&a;
    register long a1 asm("a1") = 64;
    register long a7 asm("a7") = SYS_clone3;
    a.flags = CLONE_VM | CLONE_VFORK;
    a.stack = (uint64_t)stack;
    a.stack_size = sizeof(stack);
    asm volatile(
        "ecall\n bnez a0, 1f\n addi sp, sp, -16\n li t0, 123\n sd t0, 0(sp)\n ld t1, 0(sp)\n"
        "sw t1, 0(%3)\n li a0, 6\n li a7, 93\n ecall\n1:"
        : "+r"(a0)
        : "r"(a1), "r"(a7), "r"(&shared)
        : "memory", "t0", "t1");
    pid = (pid_t)a0;
    waitpid(pid, &st, 0);
    printf("clone3 vfork on a stack: status %d shared %d\n", WEXITSTATUS(st), shared);

    a.stack = 0;
    errno = 0;
    r = (int)syscall(SYS_clone3, &a, sizeof(a));
    printf("stack size without stack %d %d\n", r, errno == EINVAL);
    a.stack_size = 0;
    r = (int)syscall(SYS_clone3, &a, 8);
    printf("too small %d %d\n", r, errno == EINVAL);
    a.flags = SIGCHLD;
    r = (int)syscall(SYS_clone3, &a, sizeof(a));
    printf("signal in flags %d %d\n", r, errno == EINVAL);
    struct {
        struct args a;
        uint64_t more;
    } big = { .a = { .exit_signal = SIGCHLD }, .more = 1 };
    r = (int)syscall(SYS_clone3, &big, sizeof(big));
    printf("unknown field %d %d\n", r, errno == E2BIG);
    r = (int)syscall(SYS_clone3, 8, sizeof(a));
    printf("bad address %d %d\n", r, errno == EFAULT);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    forks();
    fork_among_threads();
    vforks();
    vfork_in_threads();
    clones();
    return 0;
}
