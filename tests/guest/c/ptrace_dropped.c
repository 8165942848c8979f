/* ptrace(2) of a child that has given up its parent's rights before it asked to be traced. As
 * nobody in particular it gives up nothing, and the same happens. Alone: rivet ptrace_dropped. */
#define _GNU_SOURCE
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

/* Of a process that may trace any other: without that the child is not to be looked into. */
static int is_root(void)
{
    char line[256];
    unsigned long caps = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "CapEff:\t%lx", &caps);
    }
    fclose(f);
    return getuid() == 0 && (caps >> 19 & 1);
}

static void drop(int drops)
{
    CHECK(!drops || (syscall(SYS_setgid, 65534) == 0 && syscall(SYS_setuid, 65534) == 0));
}

static void *asks(void *arg)
{
    CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
    _exit(5);
}

static void run(int drops, int in_thread)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        drop(drops);
        if (in_thread) {
            pthread_create(&t, NULL, asks, NULL);
            pthread_join(t, NULL);
        }
        asks(NULL);
    }
    pid_t stopped = waitpid(-1, &status, __WALL);
    CHECK(stopped > 0 && (stopped == pid) == !in_thread && WIFSTOPPED(status));
    CHECK(WSTOPSIG(status) == SIGSTOP);
    char regs[1024];
    struct iovec v = {regs, sizeof(regs)};
    CHECK(ptrace(PTRACE_GETREGSET, stopped, NT_PRSTATUS, &v) == 0 && v.iov_len > 200);
    CHECK(ptrace(PTRACE_CONT, stopped, 0, 0) == 0);
    do {
        CHECK(waitpid(-1, &status, __WALL) > 0);
    } while (!in_thread && !WIFEXITED(status));
    if (in_thread) {
        waitpid(pid, &status, __WALL);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

int main(void)
{
    int drops = is_root();
    run(drops, 0);
    run(drops, 1);
    return 0;
}
