/*
 * SIGCHLD of tracees, and a tracer that does not wait: a tracee that runs is not held up by that.
 * What is printed is the kernel's on any architecture.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_parent[2], to_child[2];
static volatile int signals, status_seen, code_seen, pid_seen;

static void handler(int sig, siginfo_t *si, void *uc)
{
    signals++;
    status_seen = si->si_status;
    code_seen = si->si_code;
    pid_seen = si->si_pid;
}

static __attribute__((noinline)) int deep(int n)
{
    volatile char local[16];
    local[0] = (char)n;
    return n ? deep(n - 1) + local[0] : 0;
}

static void child(void)
{
    char c;
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    while (read(to_child[0], &c, 1) == 1) {
        switch (c) {
        case 'd':
            deep(20000);
            break;
        case 's':
            raise(SIGUSR1);
            break;
        }
        if (write(to_parent[1], &c, 1) != 1) {
            break;
        }
    }
    _exit(9);
}

static void tell(char c)
{
    if (write(to_child[1], &c, 1) != 1) {
        printf("write: %s\n", strerror(errno));
    }
}

static void hear(const char *what)
{
    char c = '?';
    ssize_t n = read(to_parent[0], &c, 1);
    printf("%s: %c %s\n", what, c, n < 0 ? strerror(errno) : "");
    fflush(stdout);
}

static void wait_for(pid_t pid)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    printf("%s %#x\n", got == pid ? "status" : strerror(errno), status);
    fflush(stdout);
}

static void seen(const char *what, pid_t pid)
{
    printf("%s: %d signals, status %d code %d pid %d\n", what, signals, status_seen, code_seen,
           pid_seen == pid);
    fflush(stdout);
    signals = status_seen = code_seen = pid_seen = 0;
}

int main(void)
{
    if (pipe(to_parent) || pipe(to_child)) {
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(to_child[1]);
        child();
    }
    wait_for(pid);
    ptrace(PTRACE_CONT, pid, 0, 0);
    tell('d');
    hear("no handler");
    tell('d');
    struct pollfd p = { to_parent[0], POLLIN, 0 };
    printf("poll %d\n", poll(&p, 1, 60000));
    hear("no handler, poll");

    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGCHLD, &sa, NULL);
    tell('d');
    hear("handler");
    seen("none", pid);

    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    tell('s');
    sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
    seen("trapped", pid);
    wait_for(pid);
    siginfo_t si;
    printf("signal %d\n", ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0 ? si.si_signo : errno);
    ptrace(PTRACE_CONT, pid, 0, 0);
    hear("suppressed");

    sa.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &sa, NULL);
    tell('s');
    wait_for(pid);
    seen("SA_NOCLDSTOP", pid);
    ptrace(PTRACE_CONT, pid, 0, 0);
    hear("suppressed");

    signal(SIGCHLD, SIG_DFL);
    ptrace(PTRACE_CONT, pid, 0, 0);
    close(to_child[1]);
    wait_for(pid);
    return 0;
}
