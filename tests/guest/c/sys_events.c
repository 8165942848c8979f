/* Job control, timers, descriptors that tell of events, asynchronous I/O, locks, pipes without
 * copies. Alone: rivet sys_events; the line of the first check that failed is printed. What the
 * kernel lacks is passed over. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int hits, last_code, last_status, last_value;
static volatile pid_t last_pid;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    hits++;
    last_code = info->si_code;
    last_pid = info->si_pid;
    last_status = info->si_status;
    last_value = info->si_value.sival_int;
}

static void handle(int sig, int flags)
{
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };
    CHECK(sigaction(sig, &sa, NULL) == 0);
    hits = 0;
}

/* Block sig and wait until it was handled n times in all. */
static void wait_for_hits(int sig, int n)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, &old);
    while (hits < n) {
        sigsuspend(&old);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* In a process group of its own, which we keep from being an orphaned one: those do not stop. */
static pid_t pauser(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    CHECK(setpgid(pid, pid) == 0);
    return pid;
}

static void stop_and_continue(void)
{
    int status;
    siginfo_t info;
    handle(SIGCHLD, SA_RESTART);
    pid_t pid = pauser();
    kill(pid, SIGSTOP);
    wait_for_hits(SIGCHLD, 1);      /* the kernel looks for the status after it has let waitpid() see it */
    CHECK(last_code == CLD_STOPPED && last_pid == pid && last_status == SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
          WSTOPSIG(status) == SIGSTOP);
    kill(pid, SIGCONT);
    CHECK(waitid(P_PID, (id_t)pid, &info, WCONTINUED) == 0);
    CHECK(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT && info.si_signo == SIGCHLD);
    wait_for_hits(SIGCHLD, 2);
    CHECK(last_code == CLD_CONTINUED);
    kill(pid, SIGTSTP);
    CHECK(waitid(P_PID, (id_t)pid, &info, WSTOPPED) == 0 && info.si_status == SIGTSTP);
    kill(pid, SIGTERM);                         /* waits while it is stopped */
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

    handle(SIGCHLD, SA_NOCLDSTOP | SA_RESTART);
    pid = pauser();
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && hits == 0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid && status == SIGKILL);
    wait_for_hits(SIGCHLD, 1);
    CHECK(last_code == CLD_KILLED && last_status == SIGKILL);

    struct sigaction sa = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
    pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    CHECK(waitpid(pid, &status, 0) < 0 && errno == ECHILD);     /* it leaves nothing behind */
    signal(SIGCHLD, SIG_DFL);
}

/* A process in the background of a terminal is stopped when it uses it. */
static void terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), status;
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
        return;
    }
    pid_t session = fork();
    if (session == 0) {
        CHECK(setsid() > 0);
        int tty = open(ptsname(master), O_RDWR);        /* becomes the controlling one */
        struct termios t;
        CHECK(tty >= 0 && tcgetattr(tty, &t) == 0 && tcgetpgrp(tty) == getpid());
        t.c_lflag |= TOSTOP;
        CHECK(tcsetattr(tty, TCSANOW, &t) == 0);
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            CHECK(write(tty, "x", 1) == 1);
            char c;
            CHECK(read(tty, &c, 1) == 1 && c == 'y');
            _exit(9);
        }
        setpgid(job, job);
        CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) &&
              WSTOPSIG(status) == SIGTTOU);
        CHECK(tcsetpgrp(tty, job) == 0 && kill(-job, SIGCONT) == 0);
        CHECK(waitpid(job, &status, 0) == job && status == 9 << 8);
        _exit(0);
    }
    char c = 0;
    while (read(master, &c, 1) == 1 && c != 'x') {
    }
    CHECK(c == 'x' && write(master, "y\n", 2) == 2);
    CHECK(waitpid(session, &status, 0) == session && status == 0);
    close(master);
}

static void timers(void)
{
    handle(SIGUSR1, 0);
    struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    ev.sigev_value.sival_int = 4711;
    ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    timer_t t;
    struct itimerspec when = { { 0, 1000000 }, { 0, 1000000 } }, left;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0 && timer_settime(t, 0, &when, NULL) == 0);
    wait_for_hits(SIGUSR1, 3);
    CHECK(last_code == SI_TIMER && last_value == 4711);
    CHECK(timer_gettime(t, &left) == 0 && left.it_interval.tv_nsec == 1000000);
    CHECK(timer_getoverrun(t) >= 0 && timer_delete(t) == 0);
    ev.sigev_notify = SIGEV_NONE;
    CHECK(timer_create(CLOCK_REALTIME, &ev, &t) == 0 && timer_delete(t) == 0);
    ev.sigev_signo = 99;
    ev.sigev_notify = SIGEV_SIGNAL;
    CHECK(timer_create(CLOCK_REALTIME, &ev, &t) < 0 && errno == EINVAL);

    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    uint64_t n = 0;
    CHECK(fd >= 0 && read(fd, &n, 8) < 0 && errno == EAGAIN);
    CHECK(timerfd_settime(fd, 0, &when, NULL) == 0);
    struct pollfd p = { fd, POLLIN, 0 };
    CHECK(poll(&p, 1, 10000) == 1 && read(fd, &n, 8) == 8 && n >= 1);
    close(fd);

    fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(fd >= 0 && read(fd, &n, 8) == 8 && n == 1);
    n = 5;
    CHECK(write(fd, &n, 8) == 8 && read(fd, &n, 8) == 8 && n == 1);
    close(fd);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK);
    struct signalfd_siginfo si;
    CHECK(fd >= 0 && sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 31 }) == 0);
    CHECK(read(fd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == (uint32_t)SIGRTMIN + 3);
    CHECK(si.ssi_int == 31 && si.ssi_pid == (uint32_t)getpid() && si.ssi_code == SI_QUEUE);
    close(fd);
}

static char path[] = "/tmp/sys_events.XXXXXX";

static void file_events(int file)
{
    int fd = inotify_init1(IN_NONBLOCK);
    if (fd >= 0) {
        char buf[512];
        int watch = inotify_add_watch(fd, path, IN_MODIFY | IN_ATTRIB);
        CHECK(watch > 0 && write(file, "a", 1) == 1 && read(fd, buf, sizeof(buf)) >= 16);
        struct inotify_event *e = (void *)buf;
        CHECK(e->wd == watch && e->mask == IN_MODIFY && inotify_rm_watch(fd, watch) == 0);
        close(fd);
    }
    /* a lock of another process; one that belongs to the open file */
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
    CHECK(fcntl(file, F_SETLK, &l) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock q = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
        CHECK(fcntl(file, F_GETLK, &q) == 0 && q.l_type == F_WRLCK && q.l_pid == getppid());
        CHECK(q.l_start == 10 && q.l_len == 5);
        q = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 12, .l_len = 1 };
        CHECK(fcntl(file, F_SETLK, &q) < 0 && (errno == EAGAIN || errno == EACCES));
        CHECK(fcntl(file, F_OFD_SETLK, &q) < 0 && errno == EAGAIN);
        handle(SIGALRM, 0);
        struct itimerval soon = { { 0, 20000 }, { 0, 20000 } };
        setitimer(ITIMER_REAL, &soon, NULL);
        CHECK(fcntl(file, F_SETLKW, &q) < 0 && errno == EINTR && hits > 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    l.l_type = F_UNLCK;
    CHECK(fcntl(file, F_SETLK, &l) == 0);
    l.l_type = F_WRLCK;
    l.l_pid = 0;
    int again = open(path, O_RDWR);
    CHECK(fcntl(file, F_OFD_SETLK, &l) == 0 && fcntl(again, F_OFD_SETLK, &l) < 0 &&
          errno == EAGAIN);
    close(again);

    struct f_owner_ex own = { F_OWNER_TID, (pid_t)syscall(SYS_gettid) }, back;
    int s[2];
    CHECK(pipe(s) == 0 && fcntl(s[0], F_SETOWN_EX, &own) == 0 &&
          fcntl(s[0], F_GETOWN_EX, &back) == 0);
    CHECK(back.type == F_OWNER_TID && back.pid == own.pid);
    handle(SIGRTMIN + 4, 0);
    CHECK(fcntl(s[0], F_SETSIG, SIGRTMIN + 4) == 0 && fcntl(s[0], F_SETFL, O_ASYNC) == 0);
    CHECK(write(s[1], "x", 1) == 1);
    wait_for_hits(SIGRTMIN + 4, 1);
    CHECK(last_code == POLL_IN);
    close(s[0]);
    close(s[1]);
}

static void pipes(int file)
{
    int a[2], b[2];
    char buf[16] = "";
    CHECK(pipe(a) == 0 && pipe(b) == 0 && fcntl(a[1], F_SETPIPE_SZ, 65536) >= 65536);
    struct iovec iov = { "vmspliced", 9 };
    CHECK(vmsplice(a[1], &iov, 1, 0) == 9 && tee(a[0], b[1], 9, 0) == 9);
    CHECK(read(b[0], buf, 16) == 9 && !strcmp(buf, "vmspliced"));
    loff_t at = 100;
    CHECK(splice(a[0], NULL, file, &at, 9, 0) == 9 && at == 109);
    memset(buf, 0, sizeof(buf));
    CHECK(pread(file, buf, 9, 100) == 9 && !strcmp(buf, "vmspliced"));
    CHECK(splice(a[0], NULL, b[1], NULL, 9, SPLICE_F_NONBLOCK) < 0 && errno == EAGAIN);
    int n;
    CHECK(write(b[1], "four", 4) == 4 && ioctl(b[0], FIONREAD, &n) == 0 && n == 4);
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}

static void asynchronous(int file)
{
    aio_context_t ctx = 0;
    if (syscall(SYS_io_setup, 4, &ctx) < 0) {
        return;
    }
    char buf[16] = "";
    struct iocb write_cb = {
        .aio_data = 1,
        .aio_lio_opcode = IOCB_CMD_PWRITE,
        .aio_fildes = (uint32_t)file,
        .aio_buf = (uintptr_t) "async",
        .aio_nbytes = 5,
        .aio_offset = 200,
    };
    struct iocb read_cb = {
        .aio_data = 2,
        .aio_lio_opcode = IOCB_CMD_PREAD,
        .aio_fildes = (uint32_t)file,
        .aio_buf = (uintptr_t)buf,
        .aio_nbytes = 5,
        .aio_offset = 200,
    };
    struct iocb *list[] = { &write_cb };
    struct io_event ev[2];
    CHECK(syscall(SYS_io_submit, ctx, 1L, list) == 1);
    CHECK(syscall(SYS_io_getevents, ctx, 1L, 2L, ev, NULL) == 1 && ev[0].data == 1 &&
          ev[0].res == 5);
    list[0] = &read_cb;
    CHECK(syscall(SYS_io_submit, ctx, 1L, list) == 1);
    CHECK(syscall(SYS_io_pgetevents, ctx, 1L, 2L, ev, NULL, NULL) == 1 && ev[0].data == 2 &&
          ev[0].res == 5);
    CHECK(!strcmp(buf, "async"));

    /* Its ring is memory like other memory, and may move. */
    enum { PAGE = 4096 };
    void *to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect((void *)ctx, PAGE, PROT_READ) == 0);
    CHECK(mremap((void *)ctx, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    CHECK(mprotect((void *)ctx, PAGE, PROT_READ) < 0 && errno == ENOMEM);
    CHECK(mprotect(to, PAGE, PROT_READ | PROT_WRITE) == 0);
    ctx = (aio_context_t)to;
    CHECK(syscall(SYS_io_submit, ctx, 1L, list) == 1);
    CHECK(syscall(SYS_io_getevents, ctx, 1L, 2L, ev, NULL) == 1 && ev[0].data == 2);
    CHECK(syscall(SYS_io_destroy, ctx) == 0);
    CHECK(mprotect(to, PAGE, PROT_READ) < 0 && errno == ENOMEM);
    CHECK(syscall(SYS_io_destroy, ctx) < 0 && errno == EINVAL);
}

static void attributes(void)
{
    char name[64] = "", file[64] = "";
    CHECK(prctl(PR_SET_NAME, "a name of its own") == 0 && prctl(PR_GET_NAME, name) == 0);
    FILE *f = fopen("/proc/self/comm", "r");
    CHECK(f && fgets(file, sizeof(file), f) && !strcmp(file, "a name of its o\n"));
    fclose(f);
    CHECK(!strcmp(name, "a name of its o"));
    CHECK(personality(0xffffffff) >= 0);
    int old = personality(0xffffffff);
    CHECK(personality((unsigned)old | SHORT_INODE) == old &&
          personality((unsigned)old) == (old | SHORT_INODE));
    struct utsname u;
    CHECK(personality(PER_LINUX32) == old && uname(&u) == 0 && personality((unsigned)old) >= 0);
#ifdef __riscv
    CHECK(!strcmp(u.machine, "riscv32"));
#endif
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    CHECK(errno == 0 && nice < 19 && setpriority(PRIO_PROCESS, 0, nice + 1) == 0);
    CHECK(getpriority(PRIO_PROCESS, 0) == nice + 1);
    cpu_set_t cpus, one;
    CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &cpus)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == cpu);
    CHECK(sched_setaffinity(0, sizeof(cpus), &cpus) == 0);
    struct sched_param sp = { 0 };
    CHECK(sched_setscheduler(0, SCHED_BATCH, &sp) == 0 && sched_getscheduler(0) == SCHED_BATCH);
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t prio;
        uint64_t t[3];
    } attr;
    CHECK(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == 0 && attr.policy == SCHED_BATCH);
    CHECK(attr.nice == nice + 1);

    /* handlers do not come along */
    handle(SIGUSR2, 0);
    signal(SIGHUP, SIG_IGN);
    struct clone_args ca = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
    pid_t pid = (pid_t)syscall(SYS_clone3, &ca, sizeof(ca));
    if (pid == 0) {
        struct sigaction sa;
        CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
        CHECK(sigaction(SIGHUP, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
        _exit(0);
    }
    int status;
    CHECK((pid < 0 && errno == ENOSYS) || (waitpid(pid, &status, 0) == pid && status == 0));
}

int main(void)
{
    int file = mkstemp(path);
    CHECK(file >= 0);
    stop_and_continue();
    terminal();
    timers();
    file_events(file);
    pipes(file);
    asynchronous(file);
    attributes();
    unlink(path);
    return 0;
}
