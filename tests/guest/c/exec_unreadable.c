/* execve of a program that may be executed but not read: a copy of /bin/true, which the host runs.
 * And AT_EXECVE_CHECK: may it be executed. Alone: rivet exec_unreadable. */
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

int main(void)
{
    enum { EXECVE_CHECK = 0x10000 };
    char name[] = "/tmp/unreadable.XXXXXX";
    char *const argv[] = { name, NULL }, *const envp[] = { NULL };
    struct stat st;
    int from = open("/bin/true", O_RDONLY), to = mkstemp(name), status;
    CHECK(from >= 0 && to >= 0 && fstat(from, &st) == 0);
    while (sendfile(to, from, NULL, 1 << 20) > 0) {
    }
    CHECK(fchmod(to, 0111) == 0 && close(to) == 0);
    close(from);

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
