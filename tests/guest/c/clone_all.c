/* clone: every combination of the flags that share something, each with what must be shared then
 * and what not; and namespaces. Alone: rivet clone_all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int memory, handled;
static pid_t parent, parents_parent;

static void handler(int sig)
{
    handled++;
}

static int child(void *arg)
{
    unsigned long flags = (unsigned long)arg;
    memory = 2;
    struct sigaction sa = { .sa_handler = handler };
    if (sigaction(SIGUSR1, &sa, NULL) < 0 || chdir("/") < 0 || umask(0123) != 022 ||
        dup2(1, 99) != 99) {
        return 1;
    }
    if (getppid() != (flags & CLONE_PARENT ? parents_parent : parent) || getpid() == parent) {
        return 2;
    }
    return 42;
}

/* The status of what was made with CLONE_PARENT goes to our parent. */
static int wait_for(pid_t pid, unsigned long flags)
{
    int status = -1;
    if (flags & CLONE_PARENT) {
        while (kill(pid, 0) == 0) {             /* our parent ignores SIGCHLD */
            usleep(200);
        }
        return 42 << 8;
    }
    CHECK(waitpid(pid, &status, __WALL) == pid);
    return status;
}

static void combination(unsigned long flags)
{
    char cwd[300];
    int tid = -1, ctid = -1, pidfd = -1;
    memory = 1;
    signal(SIGUSR1, SIG_IGN);
    CHECK(chdir("/tmp") == 0);
    umask(022);
    close(99);
    pid_t pid = clone(child, stack + sizeof(stack), (int)flags | SIGCHLD, (void *)flags,
                      flags & CLONE_PIDFD ? &pidfd : &tid, NULL, &ctid);
    if ((flags & CLONE_SIGHAND && !(flags & CLONE_VM)) ||
        (flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID)) {
        CHECK(pid < 0 && errno == EINVAL);
        return;
    }
    CHECK(pid > 0);
    CHECK(wait_for(pid, flags) == 42 << 8);
    CHECK(memory == (flags & CLONE_VM ? 2 : 1));
    struct sigaction sa;
    CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
    CHECK(flags & CLONE_SIGHAND ? sa.sa_handler == handler : sa.sa_handler == SIG_IGN);
    CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, flags & CLONE_FS ? "/" : "/tmp"));
    CHECK(umask(022) == (flags & CLONE_FS ? 0123 : 022));
    CHECK((fcntl(99, F_GETFD) >= 0) == !!(flags & CLONE_FILES));
    CHECK(tid == (flags & CLONE_PARENT_SETTID ? pid : -1));
    CHECK(ctid == (flags & CLONE_VM && flags & CLONE_CHILD_CLEARTID ? 0
                   : flags & CLONE_VM && flags & CLONE_CHILD_SETTID ? pid
                                                                    : -1));
    if (pidfd >= 0) {
        CHECK(fcntl(pidfd, F_GETFD) == FD_CLOEXEC && close(pidfd) == 0);
    }
    CHECK((flags & CLONE_PIDFD) == 0 || pidfd >= 0);
}

static void combinations(void)
{
    static const unsigned long bits[] = {
        CLONE_VM,    CLONE_FS,     CLONE_FILES,         CLONE_SIGHAND,
        CLONE_VFORK, CLONE_PARENT, CLONE_PARENT_SETTID, CLONE_PIDFD
    };
    static const unsigned long always[] = { 0, CLONE_SYSVSEM | CLONE_CHILD_SETTID,
                                            CLONE_IO | CLONE_CHILD_CLEARTID | CLONE_UNTRACED };
    for (unsigned i = 0; i < 256; i++) {
        unsigned long flags = always[i % 3];
        for (unsigned b = 0; b < 8; b++) {
            flags |= i >> b & 1 ? bits[b] : 0;
        }
        if (flags & CLONE_CHILD_SETTID && flags & CLONE_VFORK) {
            flags &= ~(unsigned long)CLONE_CHILD_SETTID;
        }
        combination(flags);
    }
}

/* In a child whose parent takes no notice of what CLONE_PARENT gives it. */
static void in_child(void (*fn)(void))
{
    int status;
    signal(SIGCHLD, SIG_IGN);
    int p[2];
    CHECK(pipe(p) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        char ok = 'k';
        signal(SIGCHLD, SIG_DFL);
        parent = getpid();
        parents_parent = getppid();
        fn();
        CHECK(write(p[1], &ok, 1) == 1);
        _exit(0);
    }
    close(p[1]);
    char ok = 0;
    CHECK(read(p[0], &ok, 1) == 1 && ok == 'k');
    close(p[0]);
    CHECK(waitpid(pid, &status, 0) < 0 && errno == ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

/* ---- namespaces ---- */

static pid_t clone_as_fork(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0L, 0L, 0L, 0L);
}

static int status_of(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* By clone: the first process of its kind, root in its own eyes. */
static void by_clone(void)
{
    char map[64];
    snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
    pid_t pid =
        clone_as_fork(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS);
    if (pid < 0) {
        CHECK(errno == EPERM || errno == ENOSPC || errno == ENOSYS);
        return;
    }
    if (pid == 0) {
        struct utsname u;
        CHECK(getpid() == 1 && getppid() == 0 && syscall(SYS_gettid) == 1);
        write_file("/proc/self/uid_map", map);
        CHECK(getuid() == 0 && sethostname("inside", 6) == 0 && uname(&u) == 0 &&
              !strcmp(u.nodename, "inside"));
        pid = fork();
        if (pid == 0) {
            _exit(getpid() == 2 && getppid() == 1 ? 0 : 1);
        }
        CHECK(pid == 2 && status_of(pid) == 0);
        char dir[] = "/tmp/clone_all.XXXXXX";
        if (mkdtemp(dir)) {
            if (mount("none", dir, "tmpfs", 0, NULL) == 0) {
                CHECK(umount(dir) == 0);
            }
            CHECK(rmdir(dir) == 0);
        }
        _exit(0);
    }
    struct utsname u;
    CHECK(status_of(pid) == 0 && uname(&u) == 0 && strcmp(u.nodename, "inside"));
}

/* By unshare and setns: a user namespace asks for a process of one thread. */
static void by_unshare(void)
{
    int p[2], q[2];
    char c;
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) < 0) {
            _exit(errno == EINVAL ? 1 : 77);
        }
        CHECK(sethostname("unshared", 8) == 0);
        CHECK(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM) == 0 && unshare(0) == 0);
        CHECK(unshare(CLONE_SIGHAND) == 0 && unshare(CLONE_VM) == 0 && unshare(CLONE_THREAD) == 0);
        FAILS(EINVAL, unshare(CLONE_PARENT));
        CHECK(unshare(CLONE_NEWPID) == 0);
        pid_t first = fork();
        if (first == 0) {
            _exit(getpid() == 1 ? 0 : 1);
        }
        CHECK(first > 0 && status_of(first) == 0);
        CHECK(write(p[1], "r", 1) == 1 && read(q[0], &c, 1) == 1);
        _exit(0);
    }
    close(p[1]);
    if (read(p[0], &c, 1) == 1) {
        pid_t into = fork();
        if (into == 0) {
            char name[64];
            struct utsname u;
            int fds[2];
            static const char *const ns[] = { "user", "uts" };
            static const int kinds[] = { CLONE_NEWUSER, CLONE_NEWUTS };
            for (int i = 0; i < 2; i++) {
                snprintf(name, sizeof(name), "/proc/%d/ns/%s", (int)pid, ns[i]);
                CHECK((fds[i] = open(name, O_RDONLY)) >= 0);
            }
            for (int i = 0; i < 2; i++) {
                CHECK(setns(fds[i], kinds[i]) == 0);
            }
            CHECK(uname(&u) == 0 && !strcmp(u.nodename, "unshared"));
            FAILS(EBADF, setns(-1, 0));
            FAILS(EINVAL, setns(open("/dev/null", O_RDONLY), 0));
            _exit(0);
        }
        CHECK(status_of(into) == 0 && write(q[1], "x", 1) == 1);
    }
    int status = status_of(pid);
    CHECK(status == 0 || status == 77 << 8);
}

static void by_clone3(void)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
            set_tid_size, cgroup;
    } a = { .flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = SIGCHLD };
    int tid = 1;
    a.set_tid = (uintptr_t)&tid;
    a.set_tid_size = 1;
    pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
    if (pid < 0) {
        CHECK(errno == EPERM || errno == ENOSPC || errno == ENOSYS);
        return;
    }
    if (pid == 0) {
        _exit(getpid() == 1 ? 0 : 1);
    }
    CHECK(status_of(pid) == 0);
    a.exit_signal = 65;
    FAILS(EINVAL, syscall(SYS_clone3, &a, sizeof(a)));
    a.exit_signal = SIGCHLD;
    a.stack = (uintptr_t)stack;
    FAILS(EINVAL, syscall(SYS_clone3, &a, sizeof(a)));
    a.stack = 0;
    a.flags = 1ull << 40;
    FAILS(EINVAL, syscall(SYS_clone3, &a, sizeof(a)));
}

int main(void)
{
    in_child(combinations);
    by_clone();
    by_unshare();
    by_clone3();
    return 0;
}
