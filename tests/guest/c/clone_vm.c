/* clone() with CLONE_VM for a process that is neither a thread nor a vfork child: it shares the
 * memory and runs at the same time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int step, handled;
static volatile pid_t tid_word, child_word;
static char stack[8][65536] __attribute__((aligned(16)));

static void *top(int i)
{
    return stack[i] + sizeof(stack[i]);
}

static void handler(int sig)
{
    handled += sig == SIGUSR1 ? 1 : 100;
}

static void wait_for(int value)
{
    while (step != value) {
        usleep(1000);
    }
}

static int ping(void *arg)
{
    for (int i = 1; i < 20; i += 2) {       /* both sides run */
        wait_for(i);
        step = i + 1;
    }
    return 3;
}

static int of_parent(void *arg)
{
    step = getppid() == *(pid_t *)arg && tid_word == getpid() && syscall(SYS_gettid) == getpid();
    *(void **)((char *)arg + 8) = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                       -1, 0);
    strcpy(*(void **)((char *)arg + 8), "mapped by the child");
    return 4;
}

static int own_actions(void *arg)
{
    signal(SIGUSR1, SIG_IGN);
    return 0;
}

static int shares_files(void *arg)
{
    int fd = open("/dev/null", O_RDWR);
    return fd < 0 || dup2(fd, 77) != 77 || chdir("/dev");
}

static int execs(void *arg)
{
    char *args[] = { "sh", "-c", "exit 6", NULL };
    execv("/bin/sh", args);
    return 1;
}

static int crashes(void *arg)
{
    *(volatile int *)16 = 1;
    return 0;
}

static int forks(void *arg)
{
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        step = 1000;                        /* a copy */
        _exit(8);
    }
    return waitpid(pid, &st, 0) == pid && step != 1000 ? WEXITSTATUS(st) : 1;
}

static int grandchild(void *arg)
{
    step = 50;
    return 0;
}

static int nested(void *arg)
{
    int st;
    pid_t pid = clone(grandchild, top(1), CLONE_VM | SIGCHLD, NULL);
    return waitpid(pid, &st, 0) == pid && step == 50 ? 9 : 1;
}

static int sleeps(void *arg)
{
    pause();
    return 0;
}

struct orphan_info {
    pid_t parent;
    int fd;
};

static int orphan(void *arg)
{
    struct orphan_info info = *(struct orphan_info *)arg;
    while (getppid() == info.parent) {
        usleep(1000);
    }
    return write(info.fd, "o", 1) != 1;
}

static void terminate(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGTERM);
    }
}

static int status(pid_t pid, int options)
{
    int st = -1;
    if (pid < 0 || waitpid(pid, &st, options) != pid) {
        return -errno;
    }
    return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

int main(void)
{
    pid_t pid = clone(ping, top(0), CLONE_VM | SIGCHLD, NULL);
    for (int i = 0; i < 20; i += 2) {
        wait_for(i);
        step = i + 1;
    }
    wait_for(20);
    printf("ping: %d\n", status(pid, 0));

    struct { pid_t me; void *p; } info = { getpid() };
    pid = clone(of_parent, top(0), CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD,
                &info, &tid_word, NULL, &child_word);
    printf("tid %d status %d", tid_word == pid, status(pid, 0));
    printf(" in the child %d, %s\n", step, (char *)info.p);

    signal(SIGUSR1, handler);
    status(clone(own_actions, top(0), CLONE_VM | SIGCHLD, NULL), 0);
    raise(SIGUSR1);
    printf("own actions: %d", handled);
    status(clone(own_actions, top(0), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL), 0);
    raise(SIGUSR1);
    printf(" shared actions: %d\n", handled);

    status(clone(shares_files, top(0), CLONE_VM | SIGCHLD, NULL), 0);
    printf("own files: %d", fcntl(77, F_GETFD) == -1);
    status(clone(shares_files, top(0), CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, NULL), 0);
    char cwd[100];
    printf(" shared files: %d %s\n", fcntl(77, F_GETFD) == 0, getcwd(cwd, sizeof(cwd)));

    signal(SIGUSR2, handler);
    handled = 0;
    pid = clone(grandchild, top(0), CLONE_VM | SIGUSR2, NULL);
    int st, plain = waitpid(pid, &st, 0) == -1 && errno == ECHILD;
    printf("exit signal: %d %d", plain, status(pid, __WALL));
    printf(" %d\n", handled);

    printf("execve: %d\n", status(clone(execs, top(0), CLONE_VM | SIGCHLD, NULL), 0));
    printf("crash: %d\n", status(clone(crashes, top(0), CLONE_VM | SIGCHLD, NULL), 0));
    printf("fork: %d\n", status(clone(forks, top(0), CLONE_VM | SIGCHLD, NULL), 0));
    printf("nested: %d\n", status(clone(nested, top(0), CLONE_VM | SIGCHLD, NULL), 0));
    pid = clone(sleeps, top(0), CLONE_VM | SIGCHLD, NULL);
    terminate(pid);
    printf("killed: %d\n", status(pid, 0));

    pid_t pids[8];
    int ok = 0;
    for (int i = 0; i < 8; i++) {
        pids[i] = clone(sleeps, top(i), CLONE_VM | SIGCHLD, NULL);
    }
    for (int i = 0; i < 8; i++) {
        terminate(pids[i]);
        ok += status(pids[i], 0) == 1000 + SIGTERM;
    }
    printf("many: %d\n", ok);
    errno = 0;
    pid = clone(sleeps, top(0), CLONE_SIGHAND | SIGCHLD, NULL);
    printf("CLONE_SIGHAND alone: %d %d\n", pid, errno == EINVAL);
    /* the parent ends first */
    fflush(stdout);
    int p[2];
    char byte = 0;
    pipe(p);
    if (fork() == 0) {
        struct orphan_info orphan_info = { getpid(), p[1] };
        clone(orphan, top(0), CLONE_VM | SIGCHLD, &orphan_info);
        _exit(0);
    }
    wait(NULL);
    ok = read(p[0], &byte, 1) == 1;
    printf("orphan: %d %c\n", ok, byte);
    return 0;
}
