/* System calls that a signal interrupts: which restart and which say EINTR, masks of sigsuspend and
 * ppoll, waiting for signals, and the race between a signal and a blocking call. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hits;
static volatile int usr1_blocked_inside;

static void hit(int sig)
{
    sigset_t now;
    hits++;
    sigprocmask(SIG_BLOCK, NULL, &now);
    usr1_blocked_inside = sigismember(&now, SIGUSR1);
}

static void act(int sig, int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = hit;
    sa.sa_flags = flags;
    sigaction(sig, &sa, NULL);
}

/* Wait until the process sleeps in a call: seen thrice, for it may sleep shortly on its way there.
 * */
static void until_asleep(pid_t pid)
{
    char path[40], text[300];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int seen = 0; seen < 3;) {
        usleep(3000);
        memset(text, 0, sizeof(text));
        FILE *f = fopen(path, "r");
        if (!f || !fread(text, 1, sizeof(text) - 1, f)) {
            _exit(1);
        }
        fclose(f);
        const char *name_end = strrchr(text, ')');
        seen = name_end && name_end[2] == 'S' ? seen + 1 : 0;
    }
}

/* A child that sends sig to us `times` times, then writes a byte to fd. */
static pid_t poker(int sig, int times, int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < times; i++) {
            until_asleep(getppid());
            kill(getppid(), sig);
        }
        until_asleep(getppid());
        if (fd >= 0) {
            (void)!write(fd, "x", 1);
        }
        _exit(0);
    }
    return pid;
}

static void report(const char *what, long r)
{
    printf("%s: %s hits %d\n", what,
           r >= 0           ? "result"
           : errno == EINTR ? "EINTR"
                            : "error",
           (int)hits);
    hits = 0;
}

static void calls(int flags)
{
    int p[2];
    char c;
    act(SIGALRM, flags);
    (void)!pipe(p);
    pid_t pid = poker(SIGALRM, 2, p[1]);
    report("read", read(p[0], &c, 1));
    waitpid(pid, NULL, 0);
    hits = 0;

    pid = poker(SIGALRM, 2, -1);
    int st;
    report("waitpid", waitpid(pid, &st, 0));
    waitpid(pid, NULL, 0);
    hits = 0;

    pid = poker(SIGALRM, 1, -1);
    struct timespec ts = { 5, 0 }, rem = { 0, 0 };
    report("nanosleep", nanosleep(&ts, &rem));
    printf("time left %d\n", rem.tv_sec == 4);
    waitpid(pid, NULL, 0);

    pid = poker(SIGALRM, 1, -1);
    report("poll", poll(NULL, 0, 5000));
    waitpid(pid, NULL, 0);

    int ep = epoll_create1(0);
    struct epoll_event ev;
    pid = poker(SIGALRM, 1, -1);
    report("epoll_wait", epoll_wait(ep, &ev, 1, 5000));
    waitpid(pid, NULL, 0);

    pid = poker(SIGALRM, 1, -1);
    report("pause", pause());
    waitpid(pid, NULL, 0);

    sem_t sem;
    sem_init(&sem, 0, 0);
    pid = poker(SIGALRM, 1, -1);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 5;
    report("sem_timedwait", sem_timedwait(&sem, &ts));
    waitpid(pid, NULL, 0);

    int s[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct timeval tv = { 5, 0 };
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    pid = poker(SIGALRM, 1, -1);
    report("recv with timeout", recv(s[0], &c, 1, 0));
    waitpid(pid, NULL, 0);
}

static void masks(void)
{
    sigset_t block, empty, pend;
    sigemptyset(&empty);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_SETMASK, &block, NULL);
    act(SIGALRM, SA_RESTART);
    act(SIGUSR1, SA_RESTART);

    raise(SIGALRM);
    sigset_t just_usr1;
    sigemptyset(&just_usr1);
    sigaddset(&just_usr1, SIGUSR1);
    report("sigsuspend", sigsuspend(&just_usr1));
    printf("the mask of the call held inside %d\n", usr1_blocked_inside);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("and is gone: alrm %d usr1 %d\n", sigismember(&now, SIGALRM),
           sigismember(&now, SIGUSR1));

    raise(SIGALRM);
    raise(SIGUSR1);
    report("sigsuspend for two", sigsuspend(&empty));

    raise(SIGALRM);
    struct timespec ts = { 5, 0 };
    report("ppoll", ppoll(NULL, 0, &ts, &just_usr1));
    printf("mask inside %d\n", usr1_blocked_inside);
    raise(SIGALRM);
    report("pselect", pselect(0, NULL, NULL, NULL, &ts, &just_usr1));
    raise(SIGUSR1);
    ts.tv_sec = 0;
    report("ppoll, still blocked", ppoll(NULL, 0, &ts, &just_usr1));
    sigpending(&pend);
    printf("pending usr1 %d alrm %d\n", sigismember(&pend, SIGUSR1), sigismember(&pend, SIGALRM));
    int ep = epoll_create1(0);
    struct epoll_event ev;
    report("epoll_pwait", epoll_pwait(ep, &ev, 1, 5000, &empty));
    sigprocmask(SIG_SETMASK, &empty, NULL);
}

static void waiting(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    for (int s = SIGRTMIN; s < SIGRTMIN + 4; s++) {
        sigaddset(&set, s);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 6; i++) {
        sigqueue(getpid(), SIGRTMIN + 3 - i % 4, (union sigval){ .sival_int = i });
    }
    for (int i = 0; i < 6; i++) {
        int r = sigwaitinfo(&set, &info);
        printf("sigwaitinfo rt+%d value %d code %d\n", r - SIGRTMIN, info.si_value.sival_int,
               info.si_code == SI_QUEUE);
    }
    struct timespec ts = { 0, 1000000 };
    int r = sigtimedwait(&set, &info, &ts);
    printf("sigtimedwait %d %s\n", r, r < 0 && errno == EAGAIN ? "EAGAIN" : "?");
    int fd = signalfd(-1, &set, 0);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 42 });
    struct signalfd_siginfo si;
    r = (int)read(fd, &si, sizeof(si));
    printf("signalfd %d rt+%d value %d\n", r, (int)si.ssi_signo - SIGRTMIN, si.ssi_int);
    sigset_t raw;
    memset(&raw, 0, sizeof(raw));
    ((unsigned char *)&raw)[3] = 0x80;      /* 32 */
    ((unsigned char *)&raw)[4] = 1;         /* 33 */
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &raw, NULL, 8);
    syscall(SYS_tgkill, getpid(), gettid(), 32);
    syscall(SYS_tgkill, getpid(), gettid(), 33);
    for (int i = 0; i < 2; i++) {
        printf("C library's signal %d\n", (int)syscall(SYS_rt_sigtimedwait, &raw, NULL, NULL, 8));
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* With a timer of 1 ms and reads that block until the next byte, each signal either comes before a
 * read or interrupts it: were one lost, the read would hang, for only the handler writes the byte.
 */
static int race_pipe[2];

static void feed(int sig)
{
    hits++;
    (void)!write(race_pipe[1], "x", 1);
}

static void race(int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = feed;
    sa.sa_flags = flags;
    sigaction(SIGALRM, &sa, NULL);
    (void)!pipe(race_pipe);
    struct itimerval it = { { 0, 500 }, { 0, 500 } }, off = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &it, NULL);
    int got = 0;
    while (got < 1000) {
        char c;
        if (read(race_pipe[0], &c, 1) == 1) {
            got++;
        }
        for (volatile int i = 0; i < got % 97 * 10; i++) {
        }
    }
    setitimer(ITIMER_REAL, &off, NULL);
    printf("race: got %d\n", got);
    hits = 0;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("with SA_RESTART");
    calls(SA_RESTART);
    puts("without");
    calls(0);
    masks();
    waiting();
    race(0);
    race(SA_RESTART);
    return 0;
}
