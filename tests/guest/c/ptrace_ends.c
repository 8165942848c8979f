/*
 * ptrace(2): how tracees end, children that share the memory and run at once, programs of another
 * kind, and timeouts under a tracer that interrupts all the time. What is printed is the kernel's
 * on any architecture.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trace.h"

enum { STACK = 64 * 1024, ALL = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE };

/* Stopped by its own SIGSTOP, with these options. */
static void start(void (*child)(void), long options)
{
    fflush(stdout);
    second = 0;
    *shared = 0;
    tracee = fork();
    if (tracee == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        child();
        _exit(77);
    }
    int status;
    waitpid(tracee, &status, 0);
    ask(PTRACE_SETOPTIONS, tracee, 0, options | PTRACE_O_EXITKILL);
    ask(PTRACE_CONT, tracee, 0, 0);
}

/* An event with a child: its first stop, then both run. */
static void follow(const char *name)
{
    int status = wait_for(tracee, name);
    if (status >> 16 == 0) {
        exit(1);
    }
    pid_t child = (pid_t)message(tracee);
    who(child);
    wait_for(child, "first stop");
    ask(PTRACE_CONT, tracee, 0, 0);
    ask(PTRACE_CONT, child, 0, 0);
}

static void *thread(void *arg)
{
    syscall(SYS_exit, 0x107);
    return NULL;
}

static void threads(void)
{
    outlive(thread);
}

static void thread_status(void)
{
    start(threads, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT);
    follow("clone");
    wait_for(second, "thread's exit");
    printf("message %#lx\n", message(second));
    ask(PTRACE_CONT, second, 0, 0);
    wait_for(second, "thread's end");
    *shared = 2;
    wait_for(tracee, "exit");
    printf("message %#lx\n", message(tracee));
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
}

/* A tracer that does not wait does not hold up a thread that ends. */
static void thread_unwaited(void)
{
    siginfo_t si;
    start(threads, PTRACE_O_TRACECLONE);
    follow("clone");
    memset(&si, 0, sizeof(si));
    if (waitid(P_PID, second, &si, WEXITED | WNOWAIT | __WALL)) {
        perror("waitid");
    }
    printf("waitid %d %d %s\n", si.si_code == CLD_EXITED, si.si_status, who(si.si_pid));
    wait_for(second, "thread's end");
    *shared = 2;
    wait_for(tracee, "end");
}

static void *waits(void *arg)
{
    *shared = 1;
    for (;;) {
        pause();
    }
}

static void group(void)
{
    pthread_t t;
    pthread_create(&t, NULL, waits, NULL);
    while (!*shared) {
        sched_yield();
    }
    _exit(9);
}

static void group_exit(void)
{
    start(group, PTRACE_O_TRACECLONE);
    follow("clone");
    wait_for(second, "other thread");
    wait_for(tracee, "leader");
}

static int sharing(void *arg)
{
    *(volatile int *)arg = 3;
    _exit(4);
}

/* The child is no thread, shares the memory, and its parent does not wait. */
static void clones(int flags)
{
    static char stack[STACK] __attribute__((aligned(16)));
    static volatile int word;
    int status = 0;
    pid_t pid = clone(sharing, stack + STACK, CLONE_VM | flags, (void *)&word);
    while (waitpid(pid, &status, __WALL) != pid) {
        /* SIGCHLD */
    }
    _exit(word == 3 ? WEXITSTATUS(status) : 50);
}

static void clones_silent(void)
{
    clones(0);
}

static void clones_child(void)
{
    clones(SIGCHLD);
}

/* options: of births; none that names this one, no event. */
static void sharing_event(void (*child)(void), long options, const char *name)
{
    start(child, options);
    if (name) {
        follow(name);
        wait_for(second, "child's end");
    }
    for (int status; (status = wait_for(tracee, "parent")), WIFSTOPPED(status);) {
        ask(PTRACE_CONT, tracee, 0, WSTOPSIG(status));
    }
    int status;
    printf("nobody else: %d\n", waitpid(-1, &status, __WALL));
}

/* Not a program of this kind, where that is another. */
static void execs(void)
{
    execl("/bin/true", "true", NULL);
    _exit(60);
}

static void forks_and_execs(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execs();
    }
    waitpid(pid, NULL, 0);
    _exit(6);
}

static void exec_event(void)
{
    start(execs, PTRACE_O_TRACEEXEC);
    wait_for(tracee, "exec");
    printf("message %d\n", message(tracee) == tracee);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
    start(execs, 0);
    wait_for(tracee, "exec");
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
    start(forks_and_execs, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC);
    follow("fork");
    wait_for(second, "exec");
    ask(PTRACE_CONT, second, 0, 0);
    wait_for(second, "child's end");
    wait_for(tracee, "SIGCHLD");
    ask(PTRACE_CONT, tracee, 0, SIGCHLD);
    wait_for(tracee, "end");
}

/* No SETOPTIONS before the first execve. */
static void exec_at_once(void)
{
    fflush(stdout);
    tracee = fork();
    if (tracee == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execs();
    }
    wait_for(tracee, "exec at once");
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
}

static int to_tracer[2];

static void stops_twice(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    raise(SIGUSR1);
    _exit(8);
}

/* It may wait, but it may not ask for anything. */
static void *other_thread(void *arg)
{
    wait_for(tracee, "stop");
    printf("not the tracer: %d\n", (int)ptrace(PTRACE_CONT, tracee, 0, 0));
    if (write(to_tracer[1], "", 1) != 1) {
        perror("write");
    }
    wait_for(tracee, "signal");
    if (write(to_tracer[1], "", 1) != 1) {
        perror("write");
    }
    wait_for(tracee, "end");
    close(to_tracer[1]);
    return NULL;
}

/* The tracer sleeps in a call, which is not disturbed, while another thread waits. */
static void wait_by_other(void)
{
    pthread_t t;
    char c;
    ssize_t n;
    fflush(stdout);
    if (pipe(to_tracer)) {
        perror("pipe");
    }
    tracee = fork();
    if (tracee == 0) {
        stops_twice();
    }
    pthread_create(&t, NULL, other_thread, NULL);
    while ((n = read(to_tracer[0], &c, 1)) == 1) {
        ask(PTRACE_CONT, tracee, 0, 0);
    }
    printf("read: %d\n", (int)n);
    pthread_join(t, NULL);
}

static const struct timespec timeout = { 0, 50 * 1000 * 1000 };

static int futex_times_out(void)
{
    static int word;
    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &timeout, NULL, 0) == -1 && errno == ETIMEDOUT;
}

static int sleeps(void)
{
    return nanosleep(&timeout, NULL) == 0;
}

static int polls(void)
{
    struct timespec left = timeout;
    return ppoll(NULL, 0, &left, NULL) == 0;
}

/* Interrupted more often than the timeout is long: if it began anew each time, it would never end.
 * What ppoll() has left counts only while it waits, and who is interrupted where it is stopped
 * stops again at once: so each time it runs for a while. */
static void interrupted(int (*wait)(void), const char *name)
{
    static const struct timespec a_while = { 0, 1000 * 1000 };
    int status;
    fflush(stdout);
    tracee = fork();
    if (tracee == 0) {
        raise(SIGSTOP);
        _exit(wait() ? 8 : 51);
    }
    waitpid(tracee, &status, WUNTRACED);
    ask(PTRACE_SEIZE, tracee, 0, PTRACE_O_EXITKILL);
    kill(tracee, SIGCONT);
    for (;;) {
        if (waitpid(tracee, &status, WNOHANG | __WALL) == 0) {
            ptrace(PTRACE_INTERRUPT, tracee, 0, 0);
            waitpid(tracee, &status, __WALL);
        }
        if (!WIFSTOPPED(status)) {
            break;
        }
        ptrace(PTRACE_CONT, tracee, 0, status >> 16 ? 0 : WSTOPSIG(status));
        nanosleep(&a_while, NULL);
    }
    printf("%s: %s\n", name, describe(status));
}

/* A tracer that ends while its tracee is stopped takes the signal with it if it has waited for the
 * stop. */
static void tracer_ends(int options)
{
    fflush(stdout);
    *shared = 0;
    tracee = fork();
    if (tracee == 0) {
        while (*shared != 2) {
            sched_yield();
        }
        _exit(9);
    }
    pid_t tracer = fork();
    if (tracer == 0) {
        siginfo_t info;
        long ret = ptrace(PTRACE_ATTACH, tracee, 0, 0);
        _exit(ret || waitid(P_PID, (id_t)tracee, &info, WSTOPPED | __WALL | options));
    }
    int status;
    waitpid(tracer, &status, 0);
    printf("tracer %s\n", describe(status));
    if (options & WNOWAIT) {
        waitpid(tracee, &status, WUNTRACED);
        printf("tracee %s\n", describe(status));
        kill(tracee, SIGCONT);
    }
    *shared = 2;
    wait_for(tracee, "end");
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    thread_status();
    thread_unwaited();
    group_exit();
    sharing_event(clones_silent, ALL, "clone");
    sharing_event(clones_child, ALL, "fork");
    sharing_event(clones_silent, PTRACE_O_TRACECLONE, "clone alone");
    sharing_event(clones_child, PTRACE_O_TRACEFORK, "fork alone");
    sharing_event(clones_silent, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK, NULL);
    sharing_event(clones_child, PTRACE_O_TRACECLONE, NULL);
    exec_event();
    exec_at_once();
    wait_by_other();
    interrupted(futex_times_out, "futex");
    interrupted(sleeps, "nanosleep");
    interrupted(polls, "ppoll");
    tracer_ends(0);
    tracer_ends(WNOWAIT);
    return 0;
}
