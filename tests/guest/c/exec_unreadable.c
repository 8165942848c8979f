/* execve of a program that may be executed but not read: a copy of /bin/true, which the host runs.
 * One that sets the user, and gets no arguments: it has argv[0]. And AT_EXECVE_CHECK: may it be
 * executed. Alone: rivet exec_unreadable. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Make a copy; name is a template. */
static void copy(const char *original, char *name, mode_t mode)
{
    int from = open(original, O_RDONLY), to = mkstemp(name);
    CHECK(from >= 0 && to >= 0);
    while (sendfile(to, from, NULL, 1 << 20) > 0) {
    }
    CHECK(fchmod(to, mode) == 0 && close(to) == 0);
    close(from);
}

static void set_user(char *const envp[])
{
    char name[] = "/tmp/set_user.XXXXXX", *const nothing[] = { NULL };
    int status;
    copy("/proc/self/exe", name, 06755);
    pid_t pid = fork();
    if (pid == 0) {
        execve(name, nothing, envp);
        CHECK(!"execve");
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    unlink(name);
}

int main(int argc, char **argv_)
{
    if (argc != 1 || !*argv_[0]) {
        return argc != 1;
    }
    enum { EXECVE_CHECK = 0x10000 };
    char name[] = "/tmp/unreadable.XXXXXX";
    char *const argv[] = { name, NULL }, *const envp[] = { NULL };
    int status;
    copy("/bin/true", name, 0111);
    set_user(envp);

    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0) {
            CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        }
        CHECK(open(name, O_RDONLY) < 0 && errno == EACCES);
        execve(name, argv, envp);
        CHECK(!"execve");
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);

    if (syscall(SYS_execveat, AT_FDCWD, name, argv, envp, EXECVE_CHECK) == 0) {     /* Linux 6.14 */
        CHECK(chmod(name, 0644) == 0);
        CHECK(syscall(SYS_execveat, AT_FDCWD, name, argv, envp, EXECVE_CHECK) < 0 &&
              errno == EACCES);
        CHECK(syscall(SYS_execveat, AT_FDCWD, "/", argv, envp, EXECVE_CHECK) < 0 &&
              errno == EACCES);
        CHECK(syscall(SYS_execveat, AT_FDCWD, "/no/file", argv, envp, EXECVE_CHECK) < 0 &&
              errno == ENOENT);
    } else {
        CHECK(errno == EINVAL);
    }
    unlink(name);
    return 0;
}
