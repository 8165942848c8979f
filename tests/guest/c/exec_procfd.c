/* Programs executed by the path of a descriptor that closes; and the directories of a process's
 * descriptors, which list those that it has and no other. Needs /proc. Alone: rivet exec_procfd. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static int status_of(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int executes(const char *path)
{
    char *args[] = {"prog", "child", NULL}, *env[] = {NULL};
    pid_t pid = fork(), spawned;
    if (pid == 0) {
        execve(path, args, env);
        _exit(100 + errno);
    }
    int status = status_of(pid);
    CHECK(posix_spawn(&spawned, path, NULL, NULL, args, env) == 0);
    CHECK(status_of(spawned) == status);
    return status;
}

/* By its descriptor's path, of /proc and /dev, and by a link to that. */
static void executes_all(int fd)
{
    char path[64], link[] = "/tmp/exec_procfd.XXXXXX", name[80];
    CHECK(fd >= 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    CHECK(executes(path) == 42);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
    CHECK(executes(path) == 42);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK(executes(path) == 42);
    CHECK(mkdtemp(link));
    snprintf(name, sizeof(name), "%s/x", link);
    CHECK(symlink(path, name) == 0);
    CHECK(executes(name) == 42);
    CHECK(unlink(name) == 0 && rmdir(link) == 0);
    close(fd);
}

/* Through a directory that closes. */
static void executes_in(void)
{
    char own[4096], path[4200];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    CHECK(n > 0);
    own[n] = 0;
    char *slash = strrchr(own, '/');
    *slash = 0;
    int fd = open(own, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, slash + 1);
    CHECK(executes(path) == 42);
    close(fd);
}

static int copy_in_memory(void)
{
    char buf[65536];
    ssize_t n;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(from >= 0 && to >= 0);
    while ((n = read(from, buf, sizeof(buf))) > 0) {
        CHECK(write(to, buf, (size_t)n) == n);
    }
    close(from);
    CHECK(fcntl(to, F_ADD_SEALS, SEALS) == 0);
    return to;
}

/* All that is listed is open, and all that is open is listed. */
static void listed(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0, open_count = 0;
    CHECK(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            CHECK(fcntl(atoi(entry->d_name), F_GETFD) >= 0);
            count++;
        }
    }
    for (int fd = 0; fd < 4096; fd++) {
        open_count += fcntl(fd, F_GETFD) >= 0;
    }
    CHECK(count == open_count && count > 3);
    closedir(dir);
}

/* The same with room for one entry in each call. */
static void listed_singly(void)
{
    _Alignas(8) char buf[24];
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY), count = 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
        const char *name = buf + 19;
        CHECK(n == 24 && (*name == '.' || fcntl(atoi(name), F_GETFD) >= 0));
        count++;
    }
    CHECK(n == 0 || (errno == EINVAL && count > 3));    /* a name too long for such a buffer */
    close(fd);
}

/* /proc/self/exe is the file that runs, one without a name too. */
static int child(const char *word)
{
    struct stat by_path, by_fd;
    char magic[4];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(fd == 3 && read(fd, magic, 4) == 4 && !memcmp(magic, "\177ELF", 4));
    CHECK(fstat(fd, &by_fd) == 0 && stat("/proc/self/exe", &by_path) == 0);
    CHECK(by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev);
    int seals = fcntl(fd, F_GET_SEALS);
    CHECK(seals == SEALS || (seals == -1 && strcmp(word, "again")));
    close(fd);
    if (seals == SEALS && strcmp(word, "again")) {
        execl("/proc/self/exe", "prog", "again", NULL);
        CHECK(!"executed");
    }
    return 42;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int fd = 3; fd < 10; fd++) {
            CHECK(fcntl(fd, F_GETFD) < 0);
        }
        listed("/proc/self/fd");
        return child(argv[1]);
    }
    for (int fd = 3; fd < 256; fd++) {      /* of whoever started the test */
        close(fd);
    }
    syscall(SYS_landlock_restrict_self, -1, 0);         /* a reason to keep its own file open */
    listed("/proc/self/fd");
    listed("/proc/thread-self/fdinfo");
    listed_singly();
    executes_all(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    executes_all(open("/proc/self/exe", O_PATH | O_CLOEXEC));
    executes_all(copy_in_memory());
    executes_in();
    return 0;
}
