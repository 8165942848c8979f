/* Time, sleeps with signals, masks of ppoll and its like, limits, semaphores, hwprobe. Alone: rivet
 * sys_misc; the line of the first check that failed is printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int got;
static sigset_t mask_in_handler;

static void on_alarm(int sig)
{
    got++;
    sigprocmask(SIG_BLOCK, NULL, &mask_in_handler);
}

static void handle(int flags)
{
    struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    got = 0;
}

static void alarm_in(int ms)
{
    struct itimerval it = { .it_value = { 0, ms * 1000 } };
    CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void sleeps(void)
{
    struct timespec req = { 0, 300000000 }, rem = { 9, 9 };
    double t = now();
    handle(SA_RESTART);
    alarm_in(100);
    CHECK(nanosleep(&req, &rem) < 0 && errno == EINTR && got == 1);
    CHECK(rem.tv_sec == 0 && rem.tv_nsec > 50000000 && rem.tv_nsec < 250000000);
    CHECK(now() - t < 0.29);
    /* a signal nobody sees does not end or lengthen it */
    signal(SIGALRM, SIG_IGN);
    t = now();
    alarm_in(50);
    CHECK(nanosleep(&req, &rem) == 0 && now() - t > 0.295 && now() - t < 0.6);
    handle(0);
    struct timespec abs;
    clock_gettime(CLOCK_REALTIME, &abs);
    abs.tv_sec += 1;
    alarm_in(50);
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &abs, NULL) == EINTR && got == 1);
    struct timespec bad = { 0, -1 };
    CHECK(nanosleep(&bad, NULL) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8) < 0 && errno == EFAULT);
    CHECK(syscall(SYS_clock_gettime, 77, &abs) < 0 && errno == EINVAL);
    struct timeval tv;
    CHECK(gettimeofday(&tv, NULL) == 0 && labs(tv.tv_sec - time(NULL)) <= 1);
}

/* SIGALRM is blocked outside and arrives inside only; after the call it is blocked again. */
static void masks(void)
{
    sigset_t block, empty, cur;
    sigemptyset(&empty);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigaddset(&block, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &block, NULL) == 0);
    int ep = epoll_create1(0);
    struct epoll_event ev;
    struct timespec second = { 1, 0 };
    for (int i = 0; i < 4; i++) {
        handle(SA_RESTART);
        alarm_in(20);
        if (i & 1) {
            usleep(40000);      /* pending before the call */
            CHECK(got == 0);
        }
        int r = i < 2 ? ppoll(NULL, 0, &second, &empty) : epoll_pwait(ep, &ev, 1, 1000, &empty);
        CHECK(r < 0 && errno == EINTR && got == 1);
        CHECK(sigismember(&mask_in_handler, SIGALRM) && !sigismember(&mask_in_handler, SIGUSR1));
        CHECK(sigprocmask(SIG_BLOCK, NULL, &cur) == 0 && sigismember(&cur, SIGALRM) &&
              sigismember(&cur, SIGUSR1));
    }
    handle(SA_RESTART);
    alarm_in(20);
    CHECK(pselect(0, NULL, NULL, NULL, &second, &empty) < 0 && errno == EINTR && got == 1);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &cur) == 0 && sigismember(&cur, SIGALRM));
    /* a time-out leaves the mask alone */
    second.tv_sec = 0;
    CHECK(ppoll(NULL, 0, &second, &empty) == 0);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &cur) == 0 && sigismember(&cur, SIGALRM));
    CHECK(syscall(SYS_ppoll, NULL, 0, &second, &empty, 4) < 0 && errno == EINVAL);
    CHECK(sigprocmask(SIG_UNBLOCK, &block, NULL) == 0);
    close(ep);
}

static int pipe_fd[2];

static void *writer(void *arg)
{
    usleep(150000);
    CHECK(write(pipe_fd[1], "x", 1) == 1);
    return NULL;
}

static void restarts(void)
{
    char c;
    pthread_t t;
    sigset_t alrm;
    sigemptyset(&alrm);
    sigaddset(&alrm, SIGALRM);
    CHECK(pipe(pipe_fd) == 0);
    handle(0);
    alarm_in(30);
    CHECK(read(pipe_fd[0], &c, 1) < 0 && errno == EINTR && got == 1);
    handle(SA_RESTART);
    pthread_sigmask(SIG_BLOCK, &alrm, NULL);
    CHECK(pthread_create(&t, NULL, writer, NULL) == 0);
    pthread_sigmask(SIG_UNBLOCK, &alrm, NULL);
    alarm_in(30);
    CHECK(read(pipe_fd[0], &c, 1) == 1 && c == 'x' && got == 1);
    pthread_join(t, NULL);
    /* sockets with a time-out do not restart */
    int sv[2];
    struct timeval tv = { 2, 0 };
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
    CHECK(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    handle(SA_RESTART);
    alarm_in(30);
    CHECK(recv(sv[0], &c, 1, 0) < 0 && errno == EINTR && got == 1);
    handle(SA_RESTART);
    alarm_in(30);
    CHECK(poll(NULL, 0, 1000) < 0 && errno == EINTR);
}

static void limits(void)
{
    struct rlimit rl, back;
    CHECK(getrlimit(RLIMIT_AS, &rl) == 0);
    rl.rlim_cur = 1ul << 40;
    CHECK(setrlimit(RLIMIT_AS, &rl) == 0 && getrlimit(RLIMIT_AS, &back) == 0);
    CHECK(back.rlim_cur == 1ul << 40 && back.rlim_max == rl.rlim_max);
    rl.rlim_cur = 2;
    rl.rlim_max = 1;
    CHECK(setrlimit(RLIMIT_AS, &rl) < 0 && errno == EINVAL);
    CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur > 8);
    rl.rlim_cur = 8;
    CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
    CHECK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &back) == 0 && back.rlim_cur == 8);
    struct sysinfo si;
    CHECK(sysinfo(&si) == 0 && si.mem_unit && si.totalram);
    CHECK(mlockall(MCL_ONFAULT) < 0 && errno == EINVAL);
}

/* The next program has the limits, of whatever kind it is. */
static void limits_last(const char *self)
{
    struct rlimit rl = { 1ul << 30, 1ul << 30 };
    int status;
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            CHECK(setrlimit(RLIMIT_AS, &rl) == 0);
            if (i) {
                execl("/bin/sh", "sh", "-c", "test `ulimit -v` = 1048576", NULL);
            } else {
                execl(self, self, "limited", NULL);
            }
            _exit(99);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
}

static int limited(void)
{
    struct rlimit rl;
    CHECK(getrlimit(RLIMIT_AS, &rl) == 0 && rl.rlim_cur == 1ul << 30 && rl.rlim_max == rl.rlim_cur);
    CHECK(getrlimit(RLIMIT_DATA, &rl) == 0 && rl.rlim_max > 1ul << 30);
    CHECK(mmap(NULL, 1ul << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    return 0;
}

/* Mapped and data bytes are limited, what is there already stays. */
static void memory_limits(void)
{
    enum { MB = 1 << 20, ANON = MAP_PRIVATE | MAP_ANONYMOUS, RW = PROT_READ | PROT_WRITE };
    struct rlimit rl, old_as, old_data;
    CHECK(getrlimit(RLIMIT_AS, &old_as) == 0 && getrlimit(RLIMIT_DATA, &old_data) == 0);
    char *p = mmap(NULL, 100 * MB, PROT_READ, ANON, -1, 0);
    CHECK(p != MAP_FAILED);
    rl = (struct rlimit){ 300 * MB, old_as.rlim_max };
    CHECK(setrlimit(RLIMIT_AS, &rl) == 0);
    CHECK(mmap(NULL, 300 * MB, PROT_READ, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
    char *q = mmap(NULL, 100 * MB, PROT_NONE, ANON, -1, 0);
    CHECK(q != MAP_FAILED);
    CHECK(mremap(q, 100 * MB, 200 * MB, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap(p, 100 * MB, PROT_NONE, ANON | MAP_FIXED, -1, 0) == p);      /* in place of itself */
    CHECK(sbrk(200 * MB) == (void *)-1 && errno == ENOMEM);
    CHECK(munmap(q, 100 * MB) == 0);
    q = mmap(NULL, 150 * MB, PROT_READ, ANON, -1, 0);
    CHECK(q != MAP_FAILED && munmap(q, 150 * MB) == 0);
    CHECK(setrlimit(RLIMIT_AS, &old_as) == 0);

    rl = (struct rlimit){ 60 * MB, old_data.rlim_max };
    CHECK(setrlimit(RLIMIT_DATA, &rl) == 0);
    CHECK(mmap(NULL, 60 * MB, RW, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
    q = mmap(NULL, 60 * MB, PROT_READ, ANON, -1, 0);
    CHECK(q != MAP_FAILED && munmap(q, 60 * MB) == 0);
    CHECK(sbrk(70 * MB) == (void *)-1 && errno == ENOMEM);
    CHECK(setrlimit(RLIMIT_DATA, &old_data) == 0);
    q = mmap(NULL, 60 * MB, RW, ANON, -1, 0);
    CHECK(q != MAP_FAILED && munmap(q, 60 * MB) == 0 && munmap(p, 100 * MB) == 0);
}

static void ipc(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);
    CHECK(id >= 0);
    union { int val; struct semid_ds *buf; unsigned short *array; } arg;
    struct semid_ds ds;
    unsigned short vals[3] = { 1, 2, 3 }, out[3];
    memset(&ds, 0xff, sizeof(ds));
    arg.buf = &ds;
    CHECK(semctl(id, 0, IPC_STAT, arg) == 0 && ds.sem_nsems == 3 && ds.sem_otime == 0);
    CHECK(labs(ds.sem_ctime - time(NULL)) <= 2 && (ds.sem_perm.mode & 0777) == 0600);
    ds.sem_perm.mode = 0640;
    CHECK(semctl(id, 0, IPC_SET, arg) == 0 && semctl(id, 0, IPC_STAT, arg) == 0);
    CHECK((ds.sem_perm.mode & 0777) == 0640);
    arg.array = vals;
    CHECK(semctl(id, 0, SETALL, arg) == 0);
    arg.val = 7;
    CHECK(semctl(id, 1, SETVAL, arg) == 0);
    arg.array = out;
    CHECK(semctl(id, 0, GETALL, arg) == 0 && out[0] == 1 && out[1] == 7 && out[2] == 3);
    struct sembuf op = { 0, -1, 0 };
    CHECK(semop(id, &op, 1) == 0 && semctl(id, 0, GETVAL) == 0);
    handle(SA_RESTART);
    alarm_in(30);
    CHECK(semop(id, &op, 1) < 0 && errno == EINTR);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    int sh = shmget(IPC_PRIVATE, 8192, 0600);
    char *p = shmat(sh, NULL, 0), *q = shmat(sh, NULL, SHM_RDONLY);
    CHECK(sh >= 0 && p != (void *)-1 && q != (void *)-1);
    strcpy(p, "shared");
    CHECK(!strcmp(q, "shared"));
    struct shmid_ds sd;
    CHECK(shmctl(sh, IPC_STAT, &sd) == 0 && sd.shm_nattch == 2 && sd.shm_segsz == 8192);
    CHECK(shmdt(p) == 0 && shmdt(q) == 0 && shmdt(q) < 0 && errno == EINVAL);
    CHECK(shmctl(sh, IPC_RMID, NULL) == 0);
}

struct pair { int64_t key; uint64_t value; };

static long probe(struct pair *p, size_t n, size_t size, void *cpus, unsigned flags)
{
    return syscall(258, p, n, size, cpus, flags);
}

static uint64_t rdtime(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t));
    return t;
}

static void hwprobe(void)
{
    struct pair p[18];
    for (int i = 0; i < 18; i++) {
        p[i] = (struct pair){ i, 99 };
    }
    CHECK(probe(p, 18, 0, NULL, 0) == 0);
    CHECK(p[3].key == 3 && p[3].value == 1);
    CHECK((p[4].value & 3) == 3 && (p[4].value & 4) == 0);
    CHECK(p[5].value == 3 && p[9].value == 3 && p[7].value == 1ull << 47);
    CHECK(p[17].key == -1 && p[17].value == 0);
    /* the frequency is that of rdtime */
    double t = now();
    uint64_t ticks = rdtime();
    usleep(100000);
    ticks = rdtime() - ticks;
    t = (now() - t) * p[8].value;
    CHECK(ticks > t * 0.8 && ticks < t * 1.2);
    uint64_t cpus[16] = { 0 };
    CHECK(probe(p, 1, 8, cpus, 0) < 0 && errno == EINVAL);
    CHECK(probe(p, 1, 8, NULL, 0) < 0 && errno == EFAULT);
    CHECK(probe((void *)8, 1, 0, NULL, 0) < 0 && errno == EFAULT);
    CHECK(probe(p, 1, 0, NULL, 2) < 0 && errno == EINVAL);
    struct pair has = { 4, 3 }, lacks = { 4, 4 }, unknown = { 1000, 0 };
    CHECK(probe(&has, 1, sizeof(cpus), cpus, 1) == 0 && (cpus[0] & 1));
    CHECK(probe(&lacks, 1, sizeof(cpus), cpus, 1) == 0 && cpus[0] == 0);
    cpus[0] = 1;
    CHECK(probe(&unknown, 1, sizeof(cpus), cpus, 1) == 0 && cpus[0] == 0 && unknown.key == -1);
    CHECK(probe(&has, 1, 0, NULL, 1) < 0 && errno == EINVAL);
    CHECK(syscall(259, 0, 0, 2) < 0 && errno == EINVAL);
    CHECK(syscall(259, 0, 0, 1) == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return limited();
    }
    limits_last(realpath("/proc/self/exe", NULL));
    sleeps();
    masks();
    restarts();
    ipc();
    hwprobe();
    memory_limits();
    limits();
    return 0;
}
