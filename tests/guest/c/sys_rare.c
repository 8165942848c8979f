/* System calls that few programs use, each with a result: kexec, attributes of files and trees,
 * quota, messages that notify, faults handled by userfaultfd, futexes of all sizes; and which of
 * two errors comes first. Alone: rivet sys_rare. What the kernel lacks or forbids here is passed
 * over. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#define BAD 8L                                          /* an address that never is mapped */

/* The call failed because it is not to be had. */
static int not_here(long ret)
{
    return ret < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EOPNOTSUPP);
}

static int ended(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* Nobody boots another kernel from a guest. */
static void kexec(void)
{
#ifdef __riscv
    FAILS(EPERM, syscall(SYS_kexec_load, 0L, 0L, NULL, 0L));
    FAILS(EPERM, syscall(SYS_kexec_file_load, -1, -1, 0L, NULL, 0L));
#endif
}

/* ---- files ---- */

static char dir[] = "/tmp/sys_rare.XXXXXX";

static void attributes(void)
{
    struct { uint64_t xflags; uint32_t extsize, nextents, projid, cowextsize; } a = { 0 };
    CHECK(sizeof(a) == 24);
    int d = open(dir, O_RDONLY | O_DIRECTORY);
    int fd = openat(d, "file", O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0);
    if (syscall(468, d, "file", &a, sizeof(a), 0) == 0) {           /* file_getattr */
        uint64_t was = a.xflags;
        a.xflags |= 0x40;                                           /* NOATIME */
        if (syscall(469, d, "file", &a, sizeof(a), 0) == 0) {       /* file_setattr */
            a.xflags = 0;
            CHECK(syscall(468, d, "file", &a, sizeof(a), 0) == 0 && a.xflags == (was | 0x40));
        }
        FAILS(EINVAL, syscall(468, d, "file", &a, 8L, 0));
        FAILS(EFAULT, syscall(468, d, "file", BAD, sizeof(a), 0));
        FAILS(EINVAL, syscall(468, d, "file", &a, sizeof(a), 0x8000));
        FAILS(ENOENT, syscall(468, d, "none", &a, sizeof(a), 0));
    } else {
        CHECK(not_here(-1) || errno == ENOTTY);
    }
    struct { uint64_t set, clear, propagation, userns; } attr = { .set = 1 };   /* RDONLY */
    int tree = (int)syscall(467, AT_FDCWD, dir, 1 | O_CLOEXEC, &attr, sizeof(attr));  /* open_tree_attr, CLONE */
    CHECK(not_here(tree) || tree >= 0);
    if (tree >= 0) {
        FAILS(EROFS, openat(tree, "other", O_CREAT | O_RDWR, 0600));
        int again = openat(tree, "file", O_RDONLY);
        CHECK(again >= 0 && close(again) == 0 && close(tree) == 0);
    }
    long r = syscall(SYS_quotactl, 0x800007 << 8, "/dev/null", 0, NULL);       /* Q_GETQUOTA */
    CHECK(not_here(r) || (r < 0 && errno == ENOTBLK));
    CHECK(syscall(443, fd, 0x800007 << 8, 0, NULL) < 0 && errno != EFAULT);     /* quotactl_fd */
    close(fd);
    unlinkat(d, "file", 0);
    close(d);
}

/* ---- messages ---- */

static volatile int notified, code, value;

static void on_notify(int sig, siginfo_t *info, void *context)
{
    notified++;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static void messages(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/sys_rare.%d", getpid());
    struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 64 };
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (q < 0) {
        return;
    }
    CHECK(mq_unlink(name) == 0);
    struct sigaction sa = { .sa_sigaction = on_notify, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGRTMIN + 5, &sa, NULL) == 0);
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5 };
    ev.sigev_value.sival_int = 1234;
    CHECK(mq_notify(q, &ev) == 0);
    FAILS(EBUSY, mq_notify(q, &ev));
    CHECK(mq_send(q, "one", 3, 0) == 0);
    CHECK(notified == 1 && code == SI_MESGQ && value == 1234);
    CHECK(mq_send(q, "two", 3, 0) == 0 && notified == 1);
    struct timespec past = { 1, 0 };
    FAILS(ETIMEDOUT, mq_timedsend(q, "three", 5, 0, &past));
    char buf[64];
    CHECK(mq_receive(q, buf, 64, NULL) == 3 && !memcmp(buf, "one", 3));
    FAILS(EMSGSIZE, mq_receive(q, buf, 63, NULL));
    CHECK(mq_close(q) == 0);
}

/* ---- faults that another thread handles ---- */

static int uffd;

static void *handle_faults(void *p)
{
    for (int left = 3; left > 0; left--) {
        struct uffd_msg m;
        CHECK(read(uffd, &m, sizeof(m)) == sizeof(m) && m.event == UFFD_EVENT_PAGEFAULT);
        static _Alignas(4096) char page[4096];
        uint64_t at = m.arg.pagefault.address & ~4095ull;
        memset(page, 'a' + (int)((at - (uintptr_t)p) >> 12), sizeof(page));
        struct uffdio_copy c = { .dst = at, .src = (uintptr_t)page, .len = 4096 };
        CHECK(ioctl(uffd, UFFDIO_COPY, &c) == 0 && c.copy == 4096);
    }
    return NULL;
}

static void faults(void)
{
    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (uffd < 0) {
        return;
    }
    struct uffdio_api api = { .api = UFFD_API };
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register reg = { .range = { (uintptr_t)p, 3 * 4096 },
                                   .mode = UFFDIO_REGISTER_MODE_MISSING };
    CHECK(ioctl(uffd, UFFDIO_API, &api) == 0 && ioctl(uffd, UFFDIO_REGISTER, &reg) == 0);
    pthread_t t;
    CHECK(pthread_create(&t, NULL, handle_faults, p) == 0);
    CHECK(p[4096 + 17] == 'b' && p[1] == 'a');
    p[2 * 4096] = 'z';
    CHECK(p[2 * 4096] == 'z' && p[3 * 4096 - 1] == 'c');
    CHECK(pthread_join(t, NULL) == 0 && close(uffd) == 0);
}

/* ---- futex2 ---- */

static uint32_t words[3];
static _Atomic long woken;

enum { U32 = 2, PRIVATE = 128 };

static void *waits_for_many(void *p)
{
    struct { uint64_t val, uaddr; uint32_t flags, reserved; } w[3];
    for (int i = 0; i < 3; i++) {
        w[i] = (__typeof__(w[0])){ 0, (uintptr_t)&words[i], U32 | PRIVATE, 0 };
    }
    woken = syscall(449, w, 3, 0, NULL, 0);                         /* futex_waitv */
    return NULL;
}

static void *waits_for_one(void *p)
{
    woken = syscall(455, &words[0], 0L, 2L, U32 | PRIVATE, NULL, CLOCK_MONOTONIC);     /* futex_wait */
    return NULL;
}

/* Wake until somebody was there. */
static void wake(uint32_t *word, unsigned long mask)
{
    long r;
    while ((r = syscall(454, word, mask, 1, U32 | PRIVATE)) == 0) { /* futex_wake */
        usleep(500);
    }
    CHECK(r == 1);
}

static void futexes(void)
{
    if (syscall(454, words, ~0ul >> 32, 1, U32 | PRIVATE) < 0) {
        return;
    }
    pthread_t t;
    woken = -1;
    CHECK(pthread_create(&t, NULL, waits_for_many, NULL) == 0);
    wake(&words[1], 0xffffffff);
    CHECK(pthread_join(t, NULL) == 0 && woken == 1);                /* which of them */
    woken = -1;
    CHECK(pthread_create(&t, NULL, waits_for_one, NULL) == 0);
    CHECK(syscall(454, words, 1L, 1, U32 | PRIVATE) == 0);          /* another bit */
    wake(&words[0], 2);
    CHECK(pthread_join(t, NULL) == 0 && woken == 0);
    FAILS(EINVAL, syscall(454, (char *)words + 1, 1L, 1, U32 | PRIVATE));
    FAILS(EINVAL, syscall(454, words, 1L, 1, 0x40));
}

/* ---- *_STAT_ANY of what is not ours to read ---- */

static void stat_any(void)
{
    enum { MSG_ANY = 13, SEM_ANY = 20, SHM_ANY = 15 };
    struct msqid_ds md;
    struct semid_ds sd;
    struct shmid_ds hd;
    union { struct semid_ds *buf; struct seminfo *info; } arg = { .buf = &sd };
    struct seminfo si;
    int msg = msgget(IPC_PRIVATE, 0), sem = semget(IPC_PRIVATE, 5, 0),
        shm = shmget(IPC_PRIVATE, 4096, 0);
    int found = 0;
    if (msg < 0 || sem < 0 || shm < 0) {
        return;
    }
    for (int i = 0, top = msgctl(0, MSG_INFO, &md); i <= top; i++) {
        found += msgctl(i, MSG_ANY, &md) == msg && md.msg_perm.mode == 0;
    }
    arg.info = &si;
    int top = semctl(0, 0, SEM_INFO, arg);
    CHECK(si.semusz > 0);
    arg.buf = &sd;
    for (int i = 0; i <= top; i++) {
        found += semctl(i, 0, SEM_ANY, arg) == sem && sd.sem_perm.mode == 0 && sd.sem_nsems == 5;
    }
    for (int i = 0, last = shmctl(0, SHM_INFO, &hd); i <= last; i++) {
        found += shmctl(i, SHM_ANY, &hd) == shm && hd.shm_perm.mode == 0 && hd.shm_segsz == 4096;
    }
    CHECK(msgctl(msg, IPC_RMID, NULL) == 0 && semctl(sem, 0, IPC_RMID) == 0 &&
          shmctl(shm, IPC_RMID, NULL) == 0);
    CHECK(found == 3);
}

/* ---- which error is first ---- */

static void first_errors(void)
{
    int p[2];
    CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
    FAILS(EFAULT, syscall(SYS_read, p[0], BAD, 1L));
    FAILS(EFAULT, syscall(SYS_write, p[1], BAD, 1L));
    FAILS(EINVAL, syscall(SYS_readv, p[0], BAD, -1L));
    FAILS(EFAULT, syscall(SYS_readv, p[0], BAD, 1L));
    FAILS(EFAULT, syscall(SYS_ppoll, BAD, 1L, NULL, NULL, 8L));
    FAILS(EFAULT, syscall(SYS_ppoll, NULL, 0L, BAD, NULL, 4L));     /* the time is read before the size is seen */
    FAILS(EINVAL, syscall(SYS_ppoll, NULL, 0L, NULL, BAD, 4L));
    FAILS(EFAULT, syscall(SYS_ppoll, NULL, 0L, NULL, BAD, 8L));
    FAILS(EFAULT, syscall(SYS_ppoll, NULL, 0L, BAD, &words, 4L));
    FAILS(EINVAL, syscall(SYS_ppoll, NULL, 0L, NULL, &words, 4L));
    FAILS(EFAULT, syscall(SYS_pselect6, 0L, NULL, NULL, NULL, BAD, (long[]){ (long)&words, 4 }));
    FAILS(EINVAL, syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, (long[]){ (long)&words, 4 }));
    FAILS(EFAULT, syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, (long[]){ BAD, 8 }));
    FAILS(EFAULT, syscall(SYS_openat, AT_FDCWD, -1L, 0L));          /* an address, not an error */
    FAILS(EFAULT, syscall(SYS_newfstatat, AT_FDCWD, -2L, &words, 0L));
    FAILS(EINVAL, syscall(SYS_newfstatat, -1L, -1L, -1L, -1L));
    FAILS(EFAULT, syscall(SYS_execve, -2L, NULL, NULL));
    FAILS(EFAULT, syscall(SYS_chdir, -4000L));
    FAILS(EFAULT, syscall(SYS_truncate, -1L, 0L));
    FAILS(EFAULT, syscall(SYS_pselect6, 0L, NULL, NULL, NULL, BAD, NULL));
    FAILS(EFAULT, syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, BAD));
    FAILS(EINVAL, syscall(SYS_pselect6, -1L, BAD, NULL, NULL, NULL, NULL));
    FAILS(EBADF, syscall(SYS_epoll_pwait, -1L, BAD, 1L, 0L, NULL, 8L));
    FAILS(EFAULT, syscall(SYS_epoll_pwait, -1L, BAD, 0L, 0L, BAD, 8L));
    int ep = epoll_create1(0);
    FAILS(EINVAL, syscall(SYS_epoll_pwait, ep, BAD, 0x7fffffffL, 0L, NULL, 8L));
    long r = syscall(441, ep, BAD, 0x7fffffffL, BAD, NULL, 8L);     /* epoll_pwait2 */
    CHECK(r < 0 && (errno == EFAULT || errno == ENOSYS));
    close(ep);
    FAILS(EFAULT, syscall(SYS_futex, BAD, 0L, 0L, BAD, NULL, 0L));
    FAILS(EINVAL, syscall(SYS_futex, 7L, 0L, 0L, NULL, NULL, 0L));
    FAILS(EFAULT, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0L, BAD, NULL));
    FAILS(EINVAL, syscall(SYS_clock_nanosleep, 77L, 0L, BAD, NULL));
    FAILS(EFAULT, syscall(SYS_rt_sigtimedwait, BAD, NULL, NULL, 8L));
    FAILS(EINVAL, syscall(SYS_rt_sigtimedwait, BAD, NULL, NULL, 4L));
    FAILS(EFAULT, syscall(SYS_rt_sigsuspend, BAD, 8L));
    FAILS(EINVAL, syscall(SYS_rt_sigsuspend, BAD, 4L));
    FAILS(EFAULT, syscall(SYS_rt_sigpending, BAD, 8L));
    FAILS(EINVAL, syscall(SYS_rt_sigpending, BAD, 9L));
    FAILS(EFAULT, syscall(SYS_rt_sigqueueinfo, -1L, 999L, BAD));
    FAILS(EFAULT, syscall(SYS_sigaltstack, BAD, NULL));
    FAILS(EFAULT, syscall(SYS_sigaltstack, NULL, BAD));
    FAILS(EFAULT, syscall(SYS_clone3, BAD, 88L));
    FAILS(EINVAL, syscall(SYS_clone3, BAD, 8L));
    FAILS(E2BIG, syscall(SYS_clone3, BAD, 8192L));
    FAILS(EINVAL, syscall(SYS_prlimit64, 0L, 99L, NULL, NULL));
    FAILS(EFAULT, syscall(SYS_prlimit64, 0L, 3L, BAD, NULL));
    FAILS(EFAULT, syscall(SYS_prlimit64, 0L, 3L, NULL, BAD));
    FAILS(EFAULT, syscall(SYS_waitid, 0L, 0L, BAD, 0L, NULL));
    FAILS(ECHILD, syscall(SYS_wait4, -1L, BAD, 0L, BAD));
    FAILS(EINVAL, syscall(SYS_set_robust_list, BAD, 23L));
    FAILS(EFAULT, syscall(SYS_get_robust_list, 0L, BAD, BAD));
    FAILS(EFAULT, syscall(SYS_sched_setattr, 0L, BAD, 0L));
    FAILS(EINVAL, syscall(SYS_sched_setattr, 0L, NULL, 0L));
    FAILS(EINVAL, syscall(SYS_sched_getattr, 0L, BAD, 8L, 0L));
    FAILS(EFAULT, syscall(SYS_sched_getattr, 0L, BAD, 48L, 0L));
    FAILS(EFAULT, syscall(SYS_getrandom, BAD, 8L, 0L));
    FAILS(EINVAL, syscall(SYS_getrandom, BAD, 8L, 0x100L));
    FAILS(EBADF, syscall(SYS_fstat, -1L, BAD));
    FAILS(EFAULT, syscall(SYS_fstat, p[0], BAD));
    FAILS(EINVAL, syscall(SYS_newfstatat, AT_FDCWD, "/", BAD, 0x100000L));
    FAILS(EINVAL, syscall(SYS_statx, AT_FDCWD, BAD, 0L, 0x80000000L, BAD));
    FAILS(EFAULT, syscall(SYS_getcwd, BAD, 4096L));
    FAILS(ERANGE, syscall(SYS_getcwd, BAD, 1L));
    FAILS(EFAULT, syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", BAD, 100L));
    FAILS(EINVAL, syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", BAD, 0L));
    FAILS(EFAULT, syscall(SYS_uname, BAD));
    FAILS(EINVAL, syscall(SYS_munmap, 1L, 4096L));
    FAILS(EINVAL, syscall(SYS_munmap, 4096L, 0L));
    FAILS(EFAULT, syscall(SYS_process_vm_readv, getpid(), BAD, 1L, BAD, 1L, 0L));
    FAILS(EINVAL, syscall(SYS_process_vm_readv, 1L << 22, BAD, 1L, BAD, 1L, 1L));
    FAILS(EFAULT, syscall(SYS_seccomp, 1L, 0L, BAD));
    FAILS(EINVAL, syscall(SYS_seccomp, 77L, 0L, BAD));
    FAILS(EFAULT, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0L, BAD));
    FAILS(EFAULT, syscall(SYS_setitimer, 0L, BAD, NULL));
    FAILS(EINVAL, syscall(SYS_setitimer, 9L, &words, NULL));
    FAILS(EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD, BAD));
    FAILS(EINVAL, syscall(SYS_timer_create, 99L, NULL, BAD));
    FAILS(EINVAL, syscall(SYS_semctl, -1L, 0L, IPC_STAT, BAD));
    FAILS(EFAULT, syscall(SYS_capget, BAD, BAD));
    FAILS(EFAULT, syscall(SYS_execveat, AT_FDCWD, "/proc/self/exe", BAD, NULL, 0L));
    FAILS(EFAULT, syscall(SYS_execveat, AT_FDCWD, BAD, NULL, NULL, 0x8000L));
    close(p[0]);
    close(p[1]);
}

int main(void)
{
    CHECK(mkdtemp(dir));
    kexec();
    attributes();
    messages();
    faults();
    futexes();
    stat_any();
    first_errors();
    CHECK(rmdir(dir) == 0);
    return 0;
}
