/* What the tests of ptrace(2) share: who is who, and what a status or a failed request is called.
 * */
#ifndef TESTS_GUEST_TRACE_H
#define TESTS_GUEST_TRACE_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t tracee, second;
static volatile int *shared;        /* seen by parent and child */

static const char *who(pid_t pid)
{
    if (pid == tracee) {
        return "tracee";
    }
    if (!second && pid > 0) {
        second = pid;
    }
    return pid == second ? "second" : "OTHER";
}

static const char *describe(int status)
{
    static char text[100];
    if (WIFSTOPPED(status)) {
        snprintf(text, sizeof(text), "stopped %d event %d", WSTOPSIG(status), status >> 16);
    } else if (WIFSIGNALED(status)) {
        snprintf(text, sizeof(text), "killed %d", WTERMSIG(status));
    } else if (WIFCONTINUED(status)) {
        snprintf(text, sizeof(text), "continued");
    } else {
        snprintf(text, sizeof(text), "exited %d", WEXITSTATUS(status));
    }
    return text;
}

static int wait_for(pid_t pid, const char *what)
{
    int status = -1;
    pid_t got = waitpid(pid, &status, __WALL);
    printf("%s: %s %s\n", what, got < 0 ? strerror(errno) : who(got), describe(status));
    fflush(stdout);
    return status;
}

static long ask(long request, pid_t pid, long addr, long data)
{
    errno = 0;
    long ret = ptrace(request, pid, addr, data);
    if (ret) {
        printf("request %ld of %s: %s\n", request, who(pid), strerror(errno));
        fflush(stdout);
    }
    return ret;
}

static unsigned long message(pid_t pid)
{
    unsigned long m = 0;
    ask(PTRACE_GETEVENTMSG, pid, 0, (long)&m);
    return m;
}

/* A tracee with a thread that ends. It ends itself when the tracer has seen that: *shared == 2. */
static void outlive(void *(*thread)(void *))
{
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    while (*shared != 2) {
        sched_yield();
    }
    _exit(5);
}

#endif
