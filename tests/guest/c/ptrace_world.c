/*
 * Stop the world, as LeakSanitizer does: a process that shares the memory attaches to all threads
 * of its parent, reads their registers, and lets them go. What is printed is the kernel's on any
 * architecture.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, STACK = 256 * 1024 };

static volatile int counter[THREADS], quit, attached, with_regs, changed, errors, go;
static int pipes[2];
static pid_t parent;

static void *spin(void *arg)
{
    while (!quit) {
        counter[(long)arg]++;
    }
    return NULL;
}

static void *wait_in_call(void *arg)
{
    char c;
    counter[(long)arg]++;
    if (read(pipes[0], &c, 1) != 1 || c != 'x') {
        printf("read was disturbed: %s\n", strerror(errno));
    }
    return NULL;
}

/* Only system calls and memory: the parent's threads hold locks. */
static int tracer(void *arg)
{
    pid_t tids[64];
    int n = 0, before[THREADS];
    char path[64];
    while (!go) {
        sched_yield();
    }
    snprintf(path, sizeof(path), "/proc/%d/task", parent);
    for (int again = 1; again;) {
        again = 0;
        DIR *d = opendir(path);
        struct dirent *e;
        while ((e = readdir(d))) {
            pid_t tid = atoi(e->d_name);
            int known = tid == 0;
            for (int i = 0; i < n; i++) {
                known |= tids[i] == tid;
            }
            int status;
            if (known || ptrace(PTRACE_ATTACH, tid, 0, 0)) {
                continue;               /* gone, or none that can be traced */
            }
            if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status) ||
                WSTOPSIG(status) != SIGSTOP) {
                errors++;
            }
            tids[n++] = tid;
            again = 1;
        }
        closedir(d);
    }
    attached = n;
    memcpy(before, (void *)counter, sizeof(before));
    for (int i = 0; i < n; i++) {
        unsigned long regs[128];
        struct iovec iov = { regs, sizeof(regs) };
        with_regs +=
            ptrace(PTRACE_GETREGSET, tids[i], NT_PRSTATUS, &iov) == 0 && iov.iov_len >= 200;
    }
    usleep(1000);
    changed = memcmp(before, (void *)counter, sizeof(before)) != 0;
    for (int i = 0; i < n; i++) {
        errors += ptrace(PTRACE_DETACH, tids[i], 0, 0) != 0;
    }
    return 0;
}

int main(void)
{
    pthread_t t[THREADS];
    parent = getpid();
    if (pipe(pipes)) {
        return 1;
    }
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&t[i], NULL, i & 1 ? wait_in_call : spin, (void *)i);
    }
    for (int i = 0; i < THREADS; i++) {
        while (!counter[i]) {
            sched_yield();
        }
    }
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid =
        clone(tracer, stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, NULL);
    prctl(PR_SET_PTRACER, pid, 0, 0, 0);
    go = 1;
    int status;
    pid_t got;
    do {
        got = waitpid(pid, &status, __WALL);
    } while (got < 0 && errno == EINTR);
    printf("tracer %s %d\n", got == pid ? "ended" : strerror(errno), status);
    printf("attached %d, with registers %d, changed %d, errors %d\n", attached, with_regs, changed,
           errors);
    quit = 1;
    if (write(pipes[1], "xx", 2) != 2) {
        return 2;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    printf("done\n");
    return 0;
}
