/*
 * System calls are made without leaving the block of code that they are in. What may come before
 * the next insn still does: a signal raised by the call, new code behind the ecall written while it
 * waits, another call by the same ecall.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile long handled;

static void on_signal(int sig)
{
    handled++;
}

/* The call, and the counter of handled signals by the very next insn. */
static long call_then_look(long nr, long a, long b, long c, long *seen)
{
    register long a7 __asm__("a7") = nr;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long t0 __asm__("t0");
    __asm__ volatile("ecall\n\tld %1, %5"
                     : "+r"(a0), "=&r"(t0)
                     : "r"(a7), "r"(a1), "r"(a2), "m"(handled)
                     : "memory");
    *seen = t0;
    return a0;
}

static void signals(void)
{
    int fds[2], late = 0, wrong = 0;
    long seen;
    signal(SIGPIPE, on_signal);
    signal(SIGUSR1, on_signal);
    pipe(fds);
    close(fds[0]);
    for (int i = 0; i < 200; i++) {
        handled = 0;
        wrong += call_then_look(SYS_write, fds[1], (long)"x", 1, &seen) != -32;
        late += seen != 1;
        wrong += call_then_look(SYS_getpid, 0, 0, 0, &seen) != getpid();
        wrong += call_then_look(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1, &seen) != 0;
        late += seen != 2;
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGUSR1);
        late += handled != 2;
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        late += handled != 3;
    }
    close(fds[1]);
    printf("late %d wrong %d\n", late, wrong);
}

/* int waiter(int fd, char *buf): read(fd, buf, 1), then `li a0, N`; N is written while it waits. */
static int fds_in[2], fds_out[2];
static uint32_t *code;
static int waiter_tid;
enum { ROUNDS = 50 };

static void set_result(int v)
{
    code[3] = (uint32_t)v << 20 | 0x513;
    __builtin___clear_cache((char *)code, (char *)(code + 8));
}

static void *waits(void *arg)
{
    char c;
    int (*fn)(int, char *) = (int (*)(int, char *))(void *)code;
    long stale = 0;
    waiter_tid = (int)syscall(SYS_gettid);
    for (int i = 0; i < ROUNDS; i++) {
        write(fds_out[1], "w", 1);
        int got = fn(fds_in[0], &c);
        stale += got != c;
    }
    return (void *)stale;
}

/* Is the thread tid in a system call that waits? */
static int sleeps(int tid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    FILE *f = fopen(path, "r");
    if (f) {
        fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
    }
    char *state = strrchr(text, ')');
    return state && state[2] == 'S';
}

static void rewritten(void)
{
    pthread_t t;
    void *stale;
    char c;
    pipe(fds_in);
    pipe(fds_out);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[0] = 0x00100613;       /* li a2, 1 */
    code[1] = 0x03f00893;       /* li a7, 63 */
    code[2] = 0x00000073;       /* ecall */
    code[4] = 0x00008067;       /* ret */
    set_result(0);
    pthread_create(&t, NULL, waits, NULL);
    for (int i = 1; i <= ROUNDS; i++) {
        read(fds_out[0], &c, 1);
        while (!sleeps(waiter_tid)) {
        }
        set_result(i);
        c = (char)i;
        write(fds_in[1], &c, 1);
    }
    pthread_join(t, &stale);
    printf("stale %ld\n", (long)stale);
}

/* The number is not known when the code is translated. */
static void numbers(void)
{
    static const long nr[] = { SYS_getpid, SYS_getppid, SYS_gettid, 0x7fff, SYS_getuid };
    long want[] = { getpid(), getppid(), syscall(SYS_gettid), -38, getuid() }, seen;
    int wrong = 0;
    for (int i = 0; i < 500; i++) {
        wrong += call_then_look(nr[i % 5], 0, 0, 0, &seen) != want[i % 5];
    }
    printf("numbers wrong %d\n", wrong);
}

int main(void)
{
    signals();
    rewritten();
    numbers();
    return 0;
}
