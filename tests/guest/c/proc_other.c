/* /proc of another process that runs under the emulator: what ps, pidof and start-stop-daemon look
 * at. Alone: rivet proc_other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];

static const char *file(pid_t pid, const char *name)
{
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return path;
}

static void show(const char *name, int fd)
{
    char buf[4096];
    ssize_t n = read(fd, buf, sizeof(buf));
    printf("%s:", name);
    for (ssize_t i = 0, word = 0; i < n; i++) {
        if (i == word) {
            printf(" [%s]", buf + i);
        }
        if (!buf[i]) {
            word = i + 1;
        }
    }
    printf(" %d\n", (int)n);
}

int main(int argc, char **argv)
{
    char self[4096], other[4096], kept[2];
    int ready[2];
    if (argc > 1) {
        write(3, "x", 1);
        pause();
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
    pipe(ready);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ready[1], 3);
        char *args[] = { "some name", "two words", "", "last", NULL };
        char *vars[] = { "A=1", "BB=22", NULL };
        execve(self, args, vars);
        _exit(errno);
    }
    int cmdline = open(file(pid, "cmdline"), O_RDONLY);
    close(ready[1]);
    read(ready[0], kept, 1);

    show("opened before exec", cmdline);
    show("cmdline", open(file(pid, "cmdline"), O_RDONLY));
    show("environ", open(file(pid, "environ"), O_RDONLY));
    n = readlink(file(pid, "exe"), other, sizeof(other) - 1);
    other[n > 0 ? n : 0] = 0;
    printf("exe %d\n", n > 0 && strcmp(self, other) == 0);
    struct stat a, b;
    printf("stat %d %d\n", stat(file(pid, "exe"), &a), stat(self, &b));
    printf("same file %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    int fd = open(file(pid, "exe"), O_RDONLY);
    printf("open %d\n", fd >= 0 && fstat(fd, &a) == 0 && a.st_ino == b.st_ino);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    printf("gone %d\n", readlink(file(pid, "exe"), other, sizeof(other)) < 0 && errno == ENOENT);
    return 0;
}
