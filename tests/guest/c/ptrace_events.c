/*
 * ptrace(2): PTRACE_O_TRACE* events and the children that come with them, seccomp, ATTACH, SEIZE,
 * INTERRUPT, LISTEN, EXITKILL, threads. What is printed is the kernel's on any architecture.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static pid_t getppid_before;

static void start(void (*child)(void), int traced)
{
    fflush(stdout);
    second = 0;
    *shared = 0;
    tracee = fork();
    if (tracee == 0) {
        if (traced) {
            ptrace(PTRACE_TRACEME, 0, 0, 0);
            raise(SIGSTOP);
        }
        child();
        _exit(77);
    }
    if (traced) {
        wait_for(tracee, "start");
    }
}

static void forks(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(4);
    }
    int status;
    waitpid(pid, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void vforks(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        _exit(4);
    }
    int status;
    waitpid(pid, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void *thread(void *arg)
{
    *shared = 1;
    return NULL;
}

static void threads(void)
{
    outlive(thread);
}

/* The child that comes with the event: its first stop, then it runs to its end. */
static void follow(const char *name, int event)
{
    int status = wait_for(tracee, name);
    if (status >> 16 != event) {
        return;
    }
    pid_t child = (pid_t)message(tracee);
    who(child);
    wait_for(child, "first stop");
    ask(PTRACE_CONT, tracee, 0, 0);
    ask(PTRACE_CONT, child, 0, 0);
}

static void fork_event(void)
{
    start(forks, 1);
    ask(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
    ask(PTRACE_CONT, tracee, 0, 0);
    follow("fork", PTRACE_EVENT_FORK);
    wait_for(second, "child's end");
    int status = wait_for(tracee, "SIGCHLD");
    ask(PTRACE_CONT, tracee, 0, WSTOPSIG(status));
    wait_for(tracee, "end");
}

static void vfork_event(void)
{
    start(vforks, 1);
    ask(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
    ask(PTRACE_CONT, tracee, 0, 0);
    follow("vfork", PTRACE_EVENT_VFORK);
    wait_for(second, "child's end");
    wait_for(tracee, "done");
    printf("message %d\n", message(tracee) == second);
    ask(PTRACE_CONT, tracee, 0, 0);
    int status = wait_for(tracee, "SIGCHLD");
    ask(PTRACE_CONT, tracee, 0, WSTOPSIG(status));
    wait_for(tracee, "end");
}

static void clone_event(void)
{
    start(threads, 1);
    ask(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACECLONE);
    ask(PTRACE_CONT, tracee, 0, 0);
    follow("clone", PTRACE_EVENT_CLONE);
    wait_for(second, "thread's end");
    *shared = 2;
    wait_for(tracee, "end");
}

static void execs(void)
{
    execl("/proc/self/exe", "ptrace_events", "exit", NULL);
}

static void exec_event(void)
{
    start(execs, 1);
    ask(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "exec");
    printf("message %d\n", message(tracee) == tracee);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "exit");
    printf("message %#lx\n", message(tracee));
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
}

/* A filter hands getppid to the tracer; without one there is no such call. */
static void filtered(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0x123),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { 4, code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
    long traced = syscall(SYS_getppid);
    raise(SIGSTOP);
    errno = 0;
    long alone = syscall(SYS_getppid);
    _exit(traced == getppid_before && alone == -1 && errno == ENOSYS ? 6 : 7);
}

static void seccomp_event(void)
{
    struct __ptrace_syscall_info in;
    getppid_before = getpid();
    start(filtered, 1);
    ask(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACESECCOMP);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "seccomp");
    memset(&in, 0, sizeof(in));
    ptrace(PTRACE_GET_SYSCALL_INFO, tracee, sizeof(in), &in);
    printf("message %#lx op %d data %#x %d\n", message(tracee), in.op, in.seccomp.ret_data,
           in.seccomp.nr == SYS_getppid);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "SIGSTOP");
    ask(PTRACE_SETOPTIONS, tracee, 0, 0);
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "end");
}

static void loops(void)
{
    for (;;) {
        ++*shared;
    }
}

static void sleeps(void)
{
    sigset_t none;
    sigemptyset(&none);
    *shared = 1;
    for (;;) {
        sigsuspend(&none);
        ++*shared;
    }
}

static void began(void)
{
    while (!*shared) {
        sched_yield();
    }
}

static void attach(void (*child)(void), const char *name)
{
    start(child, 0);
    began();
    ask(PTRACE_ATTACH, tracee, 0, 0);
    wait_for(tracee, name);
    int before = *shared;
    errno = 0;
    printf("word %d\n",
           (int)ptrace(PTRACE_PEEKDATA, tracee, (void *)shared, 0) == before && !errno);
    ask(PTRACE_CONT, tracee, 0, 0);
    kill(tracee, SIGWINCH);         /* ignored by default */
    wait_for(tracee, "SIGWINCH");
    ask(PTRACE_CONT, tracee, 0, SIGWINCH);
    kill(tracee, SIGTERM);
    wait_for(tracee, "SIGTERM");
    ask(PTRACE_DETACH, tracee, 0, SIGKILL);
    wait_for(tracee, "end");
}

static void seize(void (*child)(void), const char *name)
{
    siginfo_t si;
    start(child, 0);
    began();
    ask(PTRACE_SEIZE, tracee, 0, PTRACE_O_TRACESYSGOOD);
    int status;
    printf("%s: %d\n", name, waitpid(tracee, &status, WNOHANG));
    ask(PTRACE_INTERRUPT, tracee, 0, 0);
    wait_for(tracee, "interrupt");
    ask(PTRACE_GETSIGINFO, tracee, 0, (long)&si);
    printf("siginfo %d %#x\n", si.si_signo, si.si_code);
    ask(PTRACE_CONT, tracee, 0, 0);
    kill(tracee, SIGSTOP);
    wait_for(tracee, "SIGSTOP");
    ask(PTRACE_CONT, tracee, 0, SIGSTOP);
    wait_for(tracee, "group stop");
    ask(PTRACE_LISTEN, tracee, 0, 0);
    kill(tracee, SIGCONT);
    wait_for(tracee, "trap");
    ask(PTRACE_CONT, tracee, 0, 0);
    wait_for(tracee, "SIGCONT");
    ask(PTRACE_CONT, tracee, 0, SIGCONT);
    ask(PTRACE_INTERRUPT, tracee, 0, 0);
    wait_for(tracee, "interrupt");
    ask(PTRACE_SYSCALL, tracee, 0, 0);
    kill(tracee, SIGKILL);
    do {
        waitpid(tracee, &status, __WALL);
    } while (WIFSTOPPED(status));
    printf("%s\n", describe(status));
}

/* Stopped before anybody looked. */
static void seize_stopped(void)
{
    start(sleeps, 0);
    began();
    int status;
    kill(tracee, SIGSTOP);
    waitpid(tracee, &status, WUNTRACED);
    printf("stopped: %s\n", describe(status));
    ask(PTRACE_SEIZE, tracee, 0, 0);
    wait_for(tracee, "seized");
    ask(PTRACE_CONT, tracee, 0, 0);
    kill(tracee, SIGCONT);
    status = wait_for(tracee, "continued");
    if (status >> 16) {
        ask(PTRACE_CONT, tracee, 0, 0);
        wait_for(tracee, "SIGCONT");
    }
    kill(tracee, SIGKILL);
    wait_for(tracee, "end");
}


/* The tracer dies: its tracee runs on, or is killed. */
static void orphan(long options)
{
    fflush(stdout);
    *shared = 0;
    pid_t victim = fork();
    if (victim == 0) {
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
        loops();
    }
    began();
    pid_t tracer = fork();
    if (tracer == 0) {
        int status;
        ptrace(PTRACE_SEIZE, victim, 0, options);
        ptrace(PTRACE_INTERRUPT, victim, 0, 0);
        waitpid(victim, &status, __WALL);
        _exit(WIFSTOPPED(status) ? 0 : 1);
    }
    int status;
    waitpid(tracer, &status, 0);
    printf("tracer: %s\n", describe(status));
    if (!options) {
        for (int now = *shared; *shared == now;) {
            sched_yield();
        }
        kill(victim, SIGUSR1);
    }
    waitpid(victim, &status, 0);
    printf("victim: %s\n", describe(status));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return 3;
    }
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fork_event();
    vfork_event();
    clone_event();
    exec_event();
    seccomp_event();
    attach(loops, "attach to a loop");
    attach(sleeps, "attach to a call");
    seize(loops, "seize a loop");
    seize(sleeps, "seize a call");
    seize_stopped();
    orphan(0);
    orphan(PTRACE_O_EXITKILL);
    return 0;
}
