/* ETXTBSY: a program that runs cannot be written, one that is being written cannot run. Alone:
 * rivet exec_busy; the line of the first check that failed is printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define FAILS(x, e) CHECK((errno = 0, (x) < 0) && errno == (e))

static void copy_self(int to)
{
    char buf[65536];
    ssize_t n;
    int from = open("/proc/self/exe", O_RDONLY);
    CHECK(from >= 0);
    while ((n = read(from, buf, sizeof(buf))) > 0) {
        CHECK(write(to, buf, n) == n);
    }
    close(from);
    CHECK(fchmod(to, 0755) == 0);
}

int main(int argc, char **argv)
{
    char name[] = "/tmp/exec_busy.XXXXXX", c;
    int p[2], q[2], st;
    if (argc > 1) {                         /* the program that runs */
        write(1, "r", 1);
        return read(0, &c, 1) == 1 ? 7 : 8;
    }
    int fd = mkstemp(name);
    CHECK(fd >= 0 && pipe(p) == 0 && pipe(q) == 0);
    copy_self(fd);
    char *args[] = { name, "run", NULL };
    FAILS(execv(name, args), ETXTBSY);
    close(fd);

    CHECK((fd = open(name, O_WRONLY)) >= 0 && close(fd) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[0], 0);
        dup2(q[1], 1);
        execv(name, args);
        _exit(9);
    }
    CHECK(read(q[0], &c, 1) == 1);
    FAILS(open(name, O_WRONLY), ETXTBSY);
    FAILS(open(name, O_RDWR), ETXTBSY);
    FAILS(open(name, O_RDONLY | O_TRUNC), ETXTBSY);
    FAILS(open(name, O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    FAILS(truncate(name, 0), ETXTBSY);
    CHECK((fd = open(name, O_RDONLY)) >= 0 && close(fd) == 0);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 7);
    int watch = inotify_init1(IN_NONBLOCK);
    CHECK(watch < 0 || inotify_add_watch(watch, name, IN_ALL_EVENTS) > 0);
    CHECK((fd = open(name, O_RDWR)) >= 0 && close(fd) == 0);
    struct inotify_event e[4];              /* who watches sees that, and nothing else */
    CHECK(watch < 0 || read(watch, e, sizeof(e)) == 2 * sizeof(e[0]));
    CHECK(watch < 0 || (e[0].mask == IN_OPEN && e[1].mask == IN_CLOSE_WRITE));
    CHECK(unlink(name) == 0);
    FAILS(open("/proc/self/exe", O_RDWR), ETXTBSY);
    return 0;
}
