/* What a kernel does and emulators forget: truncated ancillary data, System V structures, all
 * signals, clone flags, /proc about states and memory, user namespaces. Alone: rivet sys_kernel;
 * the line of the first check that failed is printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/prctl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int ended(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, __WALL) == pid);
    return status;
}

/* ---- ancillary data ---- */

static void send_fds(int sock, const int *fds, int n)
{
    char control[CMSG_SPACE(4 * sizeof(int))] = "", byte = 'x';
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                        .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
    CHECK(sendmsg(sock, &m, 0) == 1);
}

/* Receive into `room` bytes of control; *m tells what came. */
static void receive(int sock, char *control, size_t room, struct msghdr *m, int flags)
{
    static char byte;
    static struct iovec iov = { &byte, 1 };
    memset(control, 0x5a, 256);
    *m = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                          .msg_controllen = room };
    CHECK(recvmsg(sock, m, flags) == 1 && byte == 'x');
}

static void ancillary(void)
{
    int s[2], fds[2], got[2];
    _Alignas(16) char control[256];
    struct msghdr m;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && pipe(fds) == 0);

    send_fds(s[0], fds, 2);
    receive(s[1], control, CMSG_SPACE(2 * sizeof(int)), &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(2 * sizeof(int)));
    CHECK(!(m.msg_flags & MSG_CTRUNC) && (m.msg_flags & MSG_CMSG_CLOEXEC));
    memcpy(got, CMSG_DATA(c), sizeof(got));
    CHECK(fcntl(got[0], F_GETFD) == FD_CLOEXEC && got[0] != fds[0]);
    close(got[0]);
    close(got[1]);

    /* room for one of two */
    send_fds(s[0], fds, 2);
    receive(s[1], control, CMSG_LEN(sizeof(int)), &m, 0);
    c = CMSG_FIRSTHDR(&m);
    CHECK((m.msg_flags & MSG_CTRUNC) && c && c->cmsg_len == CMSG_LEN(sizeof(int)));
    memcpy(got, CMSG_DATA(c), sizeof(int));
    CHECK(control[CMSG_LEN(sizeof(int))] == 0x5a && fcntl(got[0], F_GETFD) == 0);
    close(got[0]);

    /* for the header only, for less, for nothing */
    static const size_t rooms[] = { sizeof(struct cmsghdr), sizeof(struct cmsghdr) - 1, 3, 0 };
    for (unsigned i = 0; i < 4; i++) {
        send_fds(s[0], fds, 1);
        receive(s[1], control, rooms[i], &m, 0);
        CHECK((m.msg_flags & MSG_CTRUNC) && m.msg_controllen <= rooms[i]);
        CHECK(control[rooms[i]] == 0x5a);
        int next = dup(fds[0]);
        CHECK(next == got[0]);                  /* no descriptor was left over */
        close(next);
    }

    /* credentials, short of room for all of them */
    int on = 1;
    CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
    CHECK(send(s[0], "x", 1, 0) == 1);
    receive(s[1], control, 256, &m, 0);
    c = CMSG_FIRSTHDR(&m);
    struct ucred cred;
    CHECK(c && c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(cred)));
    memcpy(&cred, CMSG_DATA(c), sizeof(cred));
    CHECK(cred.pid == getpid() && cred.uid == getuid());
    CHECK(send(s[0], "x", 1, 0) == 1);
    receive(s[1], control, CMSG_LEN(4), &m, 0);
    CHECK((m.msg_flags & MSG_CTRUNC) && m.msg_controllen == CMSG_LEN(4));

    m.msg_control = (void *)8;
    m.msg_controllen = 64;
    FAILS(EFAULT, sendmsg(s[0], &m, 0));
    FAILS(EFAULT, syscall(SYS_recvmsg, s[1], 8L, 0L));
    m.msg_iovlen = 5000;
    FAILS(EMSGSIZE, sendmsg(s[0], &m, 0));
    close(s[0]);
    close(s[1]);
    close(fds[0]);
    close(fds[1]);
}

/* ---- System V, fcntl ---- */

static void system_v(void)
{
    struct shmid_ds shm = { 0 };
    struct msqid_ds msg = { 0 };
    struct semid_ds sem = { 0 };
    union { int val; struct semid_ds *buf; } arg = { .buf = &sem };
    time_t now = time(NULL);

    int id = shmget(IPC_PRIVATE, 12345, 0640);
    if (id >= 0) {
        CHECK(shmctl(id, IPC_STAT, &shm) == 0);
        CHECK((shm.shm_perm.mode & 07777) == 0640 && !(shm.shm_perm.mode & ~01777));
        CHECK(shm.shm_segsz == 12345 && shm.shm_cpid == getpid() && shm.shm_nattch == 0);
        CHECK(shm.shm_perm.cuid == geteuid() && shm.shm_ctime >= now - 2 &&
              shm.shm_ctime <= now + 60);
        struct shm_info info;
        int top = shmctl(0, SHM_INFO, (struct shmid_ds *)&info), found = 0;
        for (int i = 0; i <= top; i++) {
            found |= shmctl(i, SHM_STAT_ANY, &shm) == id && shm.shm_segsz == 12345;
        }
        CHECK(found && shmctl(id, IPC_RMID, NULL) == 0);
    }
    id = msgget(IPC_PRIVATE, 0600);
    if (id >= 0) {
        struct { long type; char text[5]; } out = { 3, "text" }, in;
        CHECK(msgsnd(id, &out, 5, 0) == 0 && msgctl(id, IPC_STAT, &msg) == 0);
        CHECK((msg.msg_perm.mode & 07777) == 0600 && !(msg.msg_perm.mode & ~0777));
        CHECK(msg.msg_qnum == 1 && msg.__msg_cbytes == 5 && msg.msg_lspid == getpid());
        CHECK(msg.msg_stime >= now - 2 && msg.msg_rtime == 0);
        CHECK(msgrcv(id, &in, 5, -5, 0) == 5 && in.type == 3 && !strcmp(in.text, "text"));
        FAILS(ENOMSG, msgrcv(id, &in, 5, 0, IPC_NOWAIT));
        CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    }
    id = semget(IPC_PRIVATE, 3, 0606);
    if (id >= 0) {
        CHECK(semctl(id, 0, IPC_STAT, arg) == 0);
        CHECK((sem.sem_perm.mode & 07777) == 0606 && !(sem.sem_perm.mode & ~0777));
        CHECK(sem.sem_nsems == 3 && sem.sem_ctime >= now - 2);
        arg.val = 7;
        CHECK(semctl(id, 1, SETVAL, arg) == 0 && semctl(id, 1, GETVAL) == 7);
        CHECK(semctl(id, 1, GETPID) == getpid() && semctl(id, 0, IPC_RMID) == 0);
    }
}

static void created(void)
{
    enum { CREATED_QUERY = 1024 + 4 };
    char name[] = "/tmp/sys_kernel.XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    int made = fcntl(fd, CREATED_QUERY);
    if (made >= 0) {                            /* Linux 6.12 */
        CHECK(made == 1);
        int again = open(name, O_RDWR | O_CREAT, 0600);
        CHECK(again >= 0 && fcntl(again, CREATED_QUERY) == 0);
        close(again);
    } else {
        CHECK(errno == EINVAL);
    }
    close(fd);
    unlink(name);
}

/* ---- signals ---- */

static volatile int seen_sig, seen_value;

static void on_value(int sig, siginfo_t *info, void *context)
{
    seen_sig = sig;
    seen_value = info->si_value.sival_int;
}

static void all_signals(void)
{
    for (int sig = 1; sig <= 64; sig++) {
        if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33) {
            continue;                           /* the last two are the C library's */
        }
        struct sigaction sa = { .sa_sigaction = on_value, .sa_flags = SA_SIGINFO }, old;
        CHECK(sigaction(sig, &sa, &old) == 0);
        seen_sig = 0;
        CHECK(sigqueue(getpid(), sig, (union sigval){ .sival_int = sig * 3 }) == 0);
        CHECK(seen_sig == sig && seen_value == sig * 3);
        CHECK(sigaction(sig, &old, NULL) == 0);
    }
    pid_t pid = fork();
    if (pid == 0) {
        signal(64, SIG_DFL);
        raise(64);
        _exit(1);
    }
    int status = ended(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 64);
    FAILS(EINVAL, kill(getpid(), 65));
}

static _Atomic int stop, hits;

static void hit_a(int sig)
{
    hits++;
}

static void hit_b(int sig)
{
    hits++;
}

static void *flips(void *arg)
{
    for (unsigned i = 0; !stop; i++) {
        signal(SIGUSR1, i % 3 == 0 ? SIG_IGN : i % 3 == 1 ? hit_a : hit_b);
    }
    return arg;
}

/* The action changes while signals arrive: each finds one or the other. */
static void changing_actions(void)
{
    pthread_t t;
    signal(SIGUSR1, SIG_IGN);
    CHECK(pthread_create(&t, NULL, flips, NULL) == 0);
    for (int i = 0; i < 20000 || (hits == 0 && i < 2000000); i++) {
        kill(getpid(), SIGUSR1);
    }
    stop = 1;
    CHECK(pthread_join(t, NULL) == 0 && hits > 0);
    signal(SIGUSR1, SIG_DFL);
}

/* ---- clone ---- */

/* As fork(), with other flags. */
static pid_t clone_as_fork(unsigned long flags)
{
    fflush(NULL);
    return (pid_t)syscall(SYS_clone, flags, 0L, 0L, 0L, 0L);
}

static void clone_flags(void)
{
    /* files without memory */
    int value = 1;
    pid_t pid = clone_as_fork(CLONE_FILES | SIGCHLD);
    CHECK(pid >= 0);
    if (pid == 0) {
        value = 2;
        _exit(dup2(1, 77) == 77 ? 0 : 1);
    }
    CHECK(ended(pid) == 0 && value == 1 && fcntl(77, F_GETFD) == 0 && close(77) == 0);

    /* the working directory without memory */
    char before[4096], after[4096];
    CHECK(getcwd(before, sizeof(before)));
    pid = clone_as_fork(CLONE_FS | SIGCHLD);
    if (pid == 0) {
        _exit(chdir("/") == 0 ? 0 : 1);
    }
    CHECK(ended(pid) == 0 && getcwd(after, sizeof(after)) && !strcmp(after, "/"));
    CHECK(chdir(before) == 0);

    /* a child of our parent */
    int fd[2];
    pid_t me = getpid();
    CHECK(pipe(fd) == 0);
    pid = fork();
    if (pid == 0) {
        pid_t brother = clone_as_fork(CLONE_PARENT | SIGCHLD);
        CHECK(brother >= 0);
        if (brother == 0) {
            _exit(getppid() == me ? 5 : 6);
        }
        CHECK(write(fd[1], &brother, sizeof(brother)) == sizeof(brother));
        errno = 0;
        _exit(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD ? 0 : 1);
    }
    pid_t brother;
    CHECK(read(fd[0], &brother, sizeof(brother)) == sizeof(brother));
    CHECK(ended(pid) == 0 && ended(brother) == 5 << 8);
    close(fd[0]);
    close(fd[1]);

    /* another exit signal, or none */
    pid = clone_as_fork(0);
    if (pid == 0) {
        _exit(3);
    }
    int status;
    FAILS(ECHILD, waitpid(pid, &status, 0));
    CHECK(waitpid(pid, &status, __WCLONE) == pid && status == 3 << 8);

    FAILS(EINVAL, clone_as_fork(CLONE_THREAD | SIGCHLD));
    FAILS(EINVAL, clone_as_fork(CLONE_SIGHAND | SIGCHLD));
    FAILS(EINVAL, clone_as_fork(CLONE_NEWNS | CLONE_FS | SIGCHLD));
}

/* The process is alone on the host as well: what wants one thread is done. */
static void namespaces(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) < 0) {
            _exit(errno == EINVAL ? 1 : 0);     /* EINVAL: there are other threads */
        }
        int fd = open("/proc/self/ns/user", O_RDONLY);
        errno = 0;
        /* one's own cannot be entered again; with threads it is EINVAL too, but unshare was done */
        _exit(fd >= 0 && setns(fd, CLONE_NEWUSER) < 0 && errno == EINVAL && getuid() == 65534 ? 0
                                                                                              : 2);
    }
    CHECK(ended(pid) == 0);
}

/* ---- /proc ---- */

static char state_of(const char *path)
{
    char text[512] = "", *p;
    FILE *f = fopen(path, "r");
    if (f) {
        if (!fgets(text, sizeof(text), f)) {
            text[0] = 0;
        }
        fclose(f);
    }
    p = strrchr(text, ')');
    return p ? p[2] : '?';
}

static int becomes(const char *path, char state)
{
    for (int i = 0; i < 5000; i++) {
        if (state_of(path) == state) {
            return 1;
        }
        usleep(2000);
    }
    return 0;
}

static _Atomic pid_t sleeper_tid;
static int sleeper_pipe[2];

static void *sleeper(void *arg)
{
    char c;
    sleeper_tid = (pid_t)syscall(SYS_gettid);
    CHECK(read(sleeper_pipe[0], &c, 1) == 0);
    return arg;
}

static void states(void)
{
    char path[100];
    CHECK(state_of("/proc/self/stat") == 'R');
    CHECK(pipe(sleeper_pipe) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CHECK(becomes(path, 'S'));
    kill(pid, SIGSTOP);
    CHECK(becomes(path, 'T'));
    kill(pid, SIGKILL);
    CHECK(becomes(path, 'Z'));
    CHECK(ended(pid) == SIGKILL);

    pthread_t t;
    CHECK(pthread_create(&t, NULL, sleeper, NULL) == 0);
    while (!sleeper_tid) {
        usleep(1000);
    }
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", sleeper_tid);
    CHECK(becomes(path, 'S'));
    close(sleeper_pipe[1]);
    pthread_join(t, NULL);
    close(sleeper_pipe[0]);
}

/* The value in kB of a field of the mapping at p in smaps, -1: none. */
static long smaps(const void *p, const char *field)
{
    char line[512];
    unsigned long start, end;
    int here = 0;
    long kb = -1;
    FILE *f = fopen("/proc/self/smaps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < strchr(line, ' ')) {
            here = start <= (uintptr_t)p && (uintptr_t)p < end;
        } else if (here && strncmp(line, field, strlen(field)) == 0) {
            kb = atol(line + strlen(field));
        }
    }
    fclose(f);
    return kb;
}

static void mapped(void)
{
    enum { SIZE = 64 * 4096 };
    char *p = mmap(NULL, SIZE + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && mprotect(p + 4096, SIZE, PROT_READ | PROT_WRITE) == 0);
    p += 4096;
    CHECK(smaps(p, "Size:") == SIZE / 1024 && smaps(p, "Rss:") == 0);
    madvise(p, SIZE, MADV_NOHUGEPAGE);
    memset(p, 1, SIZE / 2);
    CHECK(smaps(p, "Rss:") == SIZE / 2048 && smaps(p, "Private_Dirty:") == SIZE / 2048);
    CHECK(smaps(p, "Pss:") == SIZE / 2048 && smaps(p, "Anonymous:") == SIZE / 2048);
    CHECK(munmap(p - 4096, SIZE + 8192) == 0);
}

/* ---- which error is first ---- */

static void first_errors(void)
{
    FAILS(EFAULT, syscall(SYS_clock_gettime, 0, 8L));
    FAILS(EINVAL, syscall(SYS_clock_gettime, 12345, 8L));
    FAILS(EBADF, syscall(SYS_read, -1, 8L, 1L));
    FAILS(EFAULT, syscall(SYS_nanosleep, 8L, 0L));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, 0, 0L, 0L, 8L));
    FAILS(EFAULT, syscall(SYS_rt_sigaction, 0, 8L, 0L, 8L));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, 1, 8L, 0L, 9L));
    FAILS(EINVAL, syscall(SYS_rt_sigprocmask, 99, &stop, 0L, 8L));
    FAILS(EFAULT, syscall(SYS_rt_sigprocmask, 99, 8L, 0L, 8L));
    FAILS(EINVAL, syscall(SYS_rt_sigprocmask, 99, 8L, 0L, 4L));
    FAILS(EBADF, syscall(SYS_epoll_ctl, -1, 1, -1, &stop));
    FAILS(EFAULT, syscall(SYS_epoll_ctl, -1, 1, -1, 8L));
    FAILS(EFAULT, syscall(SYS_pipe2, 8L, 0L));
    FAILS(EINVAL, syscall(SYS_pipe2, 8L, 1L));
    FAILS(EFAULT, syscall(SYS_openat, AT_FDCWD, 8L, 0L));
    FAILS(EFAULT, syscall(SYS_newfstatat, AT_FDCWD, 8L, 8L, 0L));
    FAILS(ENOENT, syscall(SYS_newfstatat, AT_FDCWD, "", 8L, 0L));
    FAILS(EFAULT, syscall(SYS_execve, 8L, 0L, 0L));
    FAILS(ENOENT, syscall(SYS_execve, "/nothing/here", 8L, 8L));
    FAILS(EINVAL, syscall(SYS_wait4, -1, 8L, 0x1000000L, 8L));
    FAILS(ENOSYS, syscall(7777));
    FAILS(ENOSYS, syscall(-1));
}

/* Since Linux 6.15: timers with numbers of one's choice. */
static void chosen_timers(void)
{
    enum { TIMER_CREATE_RESTORE_IDS = 77, OFF = 0, ON = 1, GET = 2 };
    struct utsname u;
    int major = 0, minor = 0, id = 4711;
    CHECK(uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2);
    if (major * 100 + minor < 615) {
        return;
    }
    CHECK(prctl(TIMER_CREATE_RESTORE_IDS, GET, 0, 0, 0) == OFF);
    CHECK(prctl(TIMER_CREATE_RESTORE_IDS, ON, 0, 0, 0) == 0);
    CHECK(prctl(TIMER_CREATE_RESTORE_IDS, GET, 0, 0, 0) == ON);
    CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id) == 0 && id == 4711);
    FAILS(EBUSY, syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    CHECK(syscall(SYS_timer_delete, id) == 0);
    CHECK(prctl(TIMER_CREATE_RESTORE_IDS, OFF, 0, 0, 0) == 0);
}

int main(void)
{
    ancillary();
    system_v();
    created();
    all_signals();
    changing_actions();
    clone_flags();
    namespaces();
    states();
    mapped();
    first_errors();
    chosen_timers();
    return 0;
}
