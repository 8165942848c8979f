/* The program by whatever path leads to /proc/PID/exe: links of other names, relative ones, chains,
 * and every call that follows them. Alone: rivet exe_links. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "check.h"

static char dir[] = "/tmp/exe_links.XXXXXX", self[4096], name[128];
static struct stat program;

static int same(const struct stat *st)
{
    return st->st_dev == program.st_dev && st->st_ino == program.st_ino;
}

static void is_program(int dirfd, const char *path)
{
    struct stat st;
    struct statx stx;
    CHECK(fstatat(dirfd, path, &st, 0) == 0 && same(&st));
    CHECK(statx(dirfd, path, 0, STATX_BASIC_STATS, &stx) == 0 && stx.stx_ino == program.st_ino);
    static const int flags[] = {O_RDONLY, O_PATH, O_RDONLY | O_CLOEXEC};
    int lowest = dup(0);
    close(lowest);
    for (unsigned i = 0; i < 3; i++) {
        int fd = openat(dirfd, path, flags[i]);
        CHECK(fd == lowest && fstat(fd, &st) == 0 && same(&st));
        CHECK((fcntl(fd, F_GETFD) == FD_CLOEXEC) == (i == 2) && close(fd) == 0);
    }
    CHECK(openat(dirfd, path, O_RDWR) < 0 && (errno == ETXTBSY || errno == EACCES));
    CHECK(faccessat(dirfd, path, X_OK, 0) == 0);
}

static int runs(const char *path)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, "again", "again", NULL);
        _exit(99);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *link_to(const char *target, const char *as)
{
    snprintf(name, sizeof(name), "%s/%s", dir, as);
    CHECK(symlink(target, name) == 0);
    return name;
}

static void by_links(void)
{
    char proc_exe[64], text[64] = "";
    snprintf(proc_exe, sizeof(proc_exe), "/proc/%d/exe", (int)getpid());
    static const char *const names[] = {"exe", "other"};
    for (unsigned i = 0; i < 2; i++) {
        is_program(AT_FDCWD, link_to(proc_exe, names[i]));
        CHECK(unlink(name) == 0);
        is_program(AT_FDCWD, link_to("/proc/self/exe", names[i]));
        CHECK(runs(name) == 7);
        CHECK(readlink(name, text, sizeof(text)) == 14 && !memcmp(text, "/proc/self/exe", 14));
        FAILS(ELOOP, open(name, O_RDONLY | O_NOFOLLOW));
        struct stat st;
        CHECK(lstat(name, &st) == 0 && S_ISLNK(st.st_mode));
        link_to(names[i], "chain");
        is_program(AT_FDCWD, name);
        CHECK(runs(name) == 7);
        int at = open(dir, O_PATH);
        is_program(at, "chain");
        is_program(at, "../../proc/self/exe");
        close(at);
        CHECK(unlink(name) == 0);
        link_to(".", "here");
        snprintf(name, sizeof(name), "%s/here/%s", dir, names[i]);
        is_program(AT_FDCWD, name);
        snprintf(name, sizeof(name), "%s/here", dir);
        CHECK(unlink(name) == 0);
        snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
        CHECK(unlink(name) == 0);
    }
}

static void by_descriptors(void)
{
    char path[64];
    int proc = open("/proc/self", O_PATH), fd;
    is_program(proc, "exe");
    is_program(proc, "../self/exe");
    is_program(proc, "cwd/../../../../../../../../../proc/self/exe");
    snprintf(path, sizeof(path), "/proc/self/fd/%d/exe", proc);
    is_program(AT_FDCWD, path);
    CHECK(runs(path) == 7);
    CHECK((fd = open(link_to("/proc/self/exe", "other"), O_PATH)) >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    is_program(AT_FDCWD, path);
    CHECK(runs(path) == 7);
    CHECK(readlink(path, name, sizeof(name)) == (ssize_t)strlen(self) &&
          !memcmp(name, self, strlen(self)));
    close(fd);
    snprintf(name, sizeof(name), "%s/other", dir);
    CHECK(unlink(name) == 0);
    close(proc);
}

/* What is done to the link is done to the program. */
static void other_calls(void)
{
    struct statfs a, b;
    struct stat st;
    struct timespec times[2] = {{1000, 0}, {2000, 0}};
    CHECK(statfs("/proc/self/exe", &a) == 0 && statfs(self, &b) == 0 && a.f_type == b.f_type);
    CHECK(utimensat(AT_FDCWD, "/proc/self/exe", times, 0) == 0 || errno == EPERM || errno == EROFS);
    CHECK(stat(self, &st) == 0 && (st.st_mtime == 2000 || errno == EPERM || errno == EROFS));
    times[1] = program.st_mtim;
    utimensat(AT_FDCWD, self, times, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return !strcmp(argv[0], "again") ? 7 : 8;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    CHECK(n > 0 && stat(self, &program) == 0 && mkdtemp(dir));
    by_links();
    by_descriptors();
    other_calls();
    CHECK(rmdir(dir) == 0);
    return 0;
}
