/* execve(2) takes no descriptor: of a process that may open no more, by path, of a script, from a
 * vfork; what it executes has the same limit. A file of /proc takes one. Alone: rivet exec_nofile.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

enum { LIMIT = 20 };

static char *self, script[] = "/tmp/exec_nofile.XXXXXX";

static void use_up(void)
{
    struct rlimit rl;
    CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    rl.rlim_cur = LIMIT;
    CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
    while (dup(0) >= 0) {
    }
    CHECK(errno == EMFILE);
}

static int ends(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int executes(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        use_up();
        execl(path, path, "child", NULL);
        _exit(100 + errno);
    }
    return ends(pid);
}

static int spawns(void)
{
    pid_t pid = fork(), child;
    if (pid == 0) {
        char *args[] = {self, "child", NULL};
        use_up();
        int err = posix_spawn(&child, self, NULL, NULL, args, NULL);
        _exit(err ? 100 + err : ends(child));
    }
    return ends(pid);
}

static int child(void)
{
    struct rlimit rl;
    CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur == LIMIT && rl.rlim_max > LIMIT);
    for (int fd = 0; fd < LIMIT + 32; fd++) {
        CHECK((fcntl(fd, F_GETFD) == 0) == (fd < LIMIT));
    }
    FAILS(EMFILE, open("/", O_RDONLY));
    return 42;
}

/* A file of /proc takes the one descriptor that is left, also where the limit cannot be raised, and
 * is read again where there is none. */
static int reads_proc(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit rl = { LIMIT, LIMIT };
        char text[4096];
        CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
        CHECK(getuid() != 0 || setuid(65534) == 0);
        use_up();
        CHECK(close(LIMIT - 1) == 0);
        CHECK(open("/proc/cpuinfo", O_RDONLY) == LIMIT - 1);
        CHECK(read(LIMIT - 1, text, sizeof(text)) > 0 && close(LIMIT - 1) == 0);
        CHECK(open("/proc/self/maps", O_RDONLY) == LIMIT - 1);
        CHECK(read(LIMIT - 1, text, sizeof(text)) > 0 && write(LIMIT - 1, "", 1) == -1);
        CHECK(lseek(LIMIT - 1, 0, SEEK_SET) == 0 && read(LIMIT - 1, text, sizeof(text)) > 0);
        FAILS(EMFILE, open("/proc/self/maps", O_RDONLY));
        _exit(42);
    }
    return ends(pid);
}

int main(int argc, char **argv)
{
    char text[4200];
    self = argv[0];
    if (argc > 1) {
        return child();
    }
    int fd = mkstemp(script);
    snprintf(text, sizeof(text), "#!%s child\n", realpath("/proc/self/exe", NULL));
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
          fchmod(fd, 0755) == 0);
    close(fd);
    CHECK(reads_proc() == 42);
    CHECK(executes(self) == 42);
    CHECK(executes(script) == 42 || strlen(text) > 250);
    CHECK(executes("/nowhere") == 100 + ENOENT);
    CHECK(executes("/etc/passwd") == 100 + EACCES);
    CHECK(spawns() == 42);
    CHECK(unlink(script) == 0);
    return 0;
}
