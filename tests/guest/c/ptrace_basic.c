/*
 * ptrace(2): TRACEME, signal stops, execution stops, memory, signals changed by the tracer, system
 * call stops. What is printed is the kernel's on any architecture.
 */
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "trace.h"

static volatile long word = 0x1122334455667788;
static volatile int handled, handled_code;

static void handler(int sig, siginfo_t *si, void *uc)
{
    handled = sig;
    handled_code = si->si_code;
}

/* Raw system calls, so that their numbers and order are the same everywhere. */
static pid_t start(void (*child)(void))
{
    fflush(stdout);
    tracee = fork();
    if (tracee == 0) {
        child();
        _exit(77);
    }
    return tracee;
}

static void signals_child(void)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGUSR2, &sa, NULL);
    signal(SIGHUP, SIG_IGN);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) {
        _exit(1);
    }
    raise(SIGSTOP);
    raise(SIGUSR1);             /* delivered as SIGUSR2 */
    if (handled != SIGUSR2) {
        _exit(2);
    }
    handled = 0;
    raise(SIGUSR1);             /* suppressed */
    if (handled) {
        _exit(3);
    }
    raise(SIGHUP);              /* ignored: the tracer sees it */
    raise(SIGCHLD);             /* ignored by default */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);             /* blocked: no stop yet */
    word++;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (handled != SIGUSR1 || handled_code != SI_QUEUE || word != 42) {
        _exit(4);
    }
    raise(SIGTERM);
}

static void signals(void)
{
    siginfo_t si;
    pid_t pid = start(signals_child);
    wait_for(pid, "raise SIGSTOP");
    printf("siginfo %ld", ptrace(PTRACE_GETSIGINFO, pid, 0, &si));
    printf(": %d %s %d\n", si.si_signo, si.si_code == SI_TKILL ? "tkill" : "?", si.si_pid == pid);
    errno = 0;
    long value = ptrace(PTRACE_PEEKDATA, pid, &word, 0);
    printf("word %lx %d\n", value, errno);
    errno = 0;
    value = ptrace(PTRACE_PEEKDATA, pid, (void *)8, 0);
    printf("nothing there: %ld %s\n", value, errno == EIO || errno == EFAULT ? "error" : "none");
    printf("poke %ld\n", ptrace(PTRACE_POKEDATA, pid, &word, 41));
    value = ptrace(PTRACE_CONT, pid, 0, 65L);
    printf("no such signal: %ld %d\n", value, errno == EIO);
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "raise SIGUSR1");
    ask(PTRACE_CONT, pid, 0, SIGUSR2);
    wait_for(pid, "again");
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "ignored");
    ask(PTRACE_CONT, pid, 0, SIGHUP);
    wait_for(pid, "ignored by default");
    ask(PTRACE_CONT, pid, 0, SIGCHLD);
    wait_for(pid, "unblocked");
    ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
    si.si_code = SI_QUEUE;
    ptrace(PTRACE_SETSIGINFO, pid, 0, &si);
    ask(PTRACE_CONT, pid, 0, SIGUSR1);
    wait_for(pid, "SIGTERM");
    printf("running: %ld", ptrace(PTRACE_CONT, pid, 0, SIGTERM));
    value = ptrace(PTRACE_PEEKDATA, pid, &word, 0);
    printf(" %ld %d\n", value, errno == ESRCH);
    wait_for(pid, "end");
}

static void faults_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    *(volatile int *)16 = 1;
}

static void faults(void)
{
    siginfo_t si;
    pid_t pid = start(faults_child);
    wait_for(pid, "start");
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "fault");
    ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
    printf("code %d address %p\n", si.si_code, si.si_addr);
    ask(PTRACE_CONT, pid, 0, SIGSEGV);
    wait_for(pid, "end");
}

static void exec_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execl("/proc/self/exe", "ptrace_basic", "hello", NULL);
}

static void exec(void)
{
    pid_t pid = start(exec_child);
    wait_for(pid, "exec");
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "end");
}

static void detach(void)
{
    pid_t pid = start(faults_child);
    wait_for(pid, "start");
    printf("detach %ld\n", ptrace(PTRACE_DETACH, pid, 0, SIGINT));
    wait_for(pid, "end");
}

static void stop_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    raise(SIGTSTP);
    _exit(5);
}

/* The stop of the whole group: a second report, without siginfo. */
static void group_stop(void)
{
    siginfo_t si;
    setpgid(0, 0);
    pid_t pid = start(stop_child);
    wait_for(pid, "start");
    ask(PTRACE_CONT, pid, 0, SIGSTOP);
    wait_for(pid, "group stop");
    long ret = ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
    printf("siginfo %ld %d\n", ret, errno == EINVAL);
    kill(pid, SIGCONT);
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "continued");
    ask(PTRACE_CONT, pid, 0, SIGCONT);
    wait_for(pid, "tstp");
    ask(PTRACE_CONT, pid, 0, 0);
    wait_for(pid, "end");
}

static void calls_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    syscall(SYS_getppid);
    syscall(SYS_close, -1);
    _exit(6);
}

static void calls(void)
{
    struct __ptrace_syscall_info in;
    pid_t pid = start(calls_child);
    wait_for(pid, "start");
    printf("options %ld\n", ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    long size = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(in), &in);
    printf("op %d size %ld\n", in.op, size);
    for (int n = 0; n < 20; n++) {
        unsigned long message = 99;
        ask(PTRACE_SYSCALL, pid, 0, 0);
        int status = wait_for(pid, "call");
        if (!WIFSTOPPED(status)) {
            break;
        }
        size = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(in), &in);
        ptrace(PTRACE_GETEVENTMSG, pid, 0, &message);
        printf("op %d size %ld message %lu ", in.op, size, message);
        if (in.op == 1) {
            printf("%s %d\n", in.entry.nr == SYS_getppid      ? "getppid"
                              : in.entry.nr == SYS_close      ? "close"
                              : in.entry.nr == SYS_exit_group ? "exit_group"
                                                              : "tgkill's rest",
                   in.entry.nr == SYS_getppid ? 0 : (int)in.entry.args[0]);
        } else {
            printf("%d error %d\n", in.exit.rval == getpid() ? 1 : (int)in.exit.rval,
                   in.exit.is_error);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("%s\n", argv[1]);
        return 3;
    }
    signals();
    faults();
    exec();
    detach();
    group_stop();
    calls();
    return 0;
}
