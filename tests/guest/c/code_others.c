/* Code that was written elsewhere runs fresh after the fence: by another process through shared
 * memory, a file, its /proc/PID/mem, process_vm_writev; through a second mapping of a file or
 * System V memory; and what may not be executed is not. Alone: rivet code_others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

enum { PAGE = 4096, ROUNDS = 100 };
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)

/* A function that returns n. */
static size_t function(unsigned char code[8], int n)
{
#ifdef __riscv
    uint32_t words[2] = { (uint32_t)n << 20 | 0x513, 0x00008067 };  /* li a0, n; ret */
    memcpy(code, words, 8);
#else
    unsigned char bytes[8] = { 0xb8, (unsigned char)n, (unsigned char)(n >> 8), 0, 0, 0xc3 };
    memcpy(code, bytes, 8);
#endif
    return 8;
}

static int run(void *code)
{
    __builtin___clear_cache((char *)code, (char *)code + 8);
    return ((int (*)(void))code)();
}

static int order[2], answer[2];

/* The other process does what it is told, n times: write(n) there, then we run. */
static void with_another(void *code,
                         void (*writes)(void *code, pid_t pid, const unsigned char *bytes))
{
    unsigned char bytes[8];
    int n;
    CHECK(pipe(order) == 0 && pipe(answer) == 0);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    pid_t pid = fork();
    if (pid == 0) {
        close(order[1]);
        while (read(order[0], &n, sizeof(n)) == sizeof(n)) {
            function(bytes, n);
            writes(code, getppid(), bytes);
            CHECK(write(answer[1], "x", 1) == 1);
        }
        _exit(0);
    }
    close(order[0]);
    close(answer[1]);
    for (int i = 1; i <= ROUNDS; i++) {
        char c;
        CHECK(write(order[1], &i, sizeof(i)) == sizeof(i) && read(answer[0], &c, 1) == 1);
        CHECK(run(code) == i);
        CHECK(run(code) == i);
    }
    close(order[1]);
    close(answer[0]);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void *second;
static int file;

static void in_shared_memory(void *code, pid_t pid, const unsigned char *bytes)
{
    memcpy(second, bytes, 8);
}

static void in_file(void *code, pid_t pid, const unsigned char *bytes)
{
    CHECK(pwrite(file, bytes, 8, PAGE) == 8);
}

static void in_memory_file(void *code, pid_t pid, const unsigned char *bytes)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/mem", (int)pid);
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0 && pwrite(fd, bytes, 8, (off_t)(uintptr_t)code) == 8 && close(fd) == 0);
}

static void by_writev(void *code, pid_t pid, const unsigned char *bytes)
{
    struct iovec from = { (void *)bytes, 8 }, to = { code, 8 };
    CHECK(process_vm_writev(pid, &from, 1, &to, 1, 0) == 8);
}

static void others(void)
{
    void *code = mmap(NULL, PAGE, RX, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    second = mremap(code, 0, PAGE, MREMAP_MAYMOVE);                 /* the same pages */
    CHECK(second != MAP_FAILED && mprotect(second, PAGE, RW) == 0);
    with_another(code, in_shared_memory);

    char name[] = "/tmp/code_others.XXXXXX";
    file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, 2 * PAGE) == 0);
    code = mmap(NULL, 2 * PAGE, RX, MAP_SHARED, file, 0);
    if (code != MAP_FAILED) {                                       /* /tmp may be noexec */
        with_another((char *)code + PAGE, in_file);
    }
    code = mmap(NULL, PAGE, RW | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    with_another(code, by_writev);
    with_another(code, in_memory_file);
    code = mmap(NULL, PAGE, RX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    with_another(code, in_memory_file);                             /* as a debugger may */
    close(file);
}

/* ---- within the process ---- */

static void through(void *write_to, void *code)
{
    unsigned char bytes[8];
    for (int i = 1; i <= ROUNDS; i++) {
        function(bytes, i);
        memcpy(write_to, bytes, 8);
        CHECK(run(code) == i);
    }
}

static void second_mappings(void)
{
    int fd = memfd_create("code", 0);
    CHECK(fd >= 0 && ftruncate(fd, 3 * PAGE) == 0);
    char *w = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0),
         *x = mmap(NULL, 3 * PAGE, RX, MAP_SHARED, fd, 0);
    CHECK(w != MAP_FAILED && x != MAP_FAILED);
    through(w, x);
    through(w + PAGE - 4, x + PAGE - 4);                            /* over the edge of a page */
    through(w + PAGE, mremap(x + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                             mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    unsigned char bytes[8];
    for (int i = 1; i <= ROUNDS; i++) {                             /* by the descriptor */
        struct iovec iov = { bytes, 8 };
        function(bytes, i);
        CHECK((i & 1 ? pwrite(fd, bytes, 8, 2 * PAGE) : pwritev(fd, &iov, 1, 2 * PAGE)) == 8);
        CHECK(run(x + 2 * PAGE) == i);
    }
    close(fd);
    int id = shmget(IPC_PRIVATE, PAGE, 0700);
    if (id >= 0) {
        char *sw = shmat(id, NULL, 0), *sx = shmat(id, NULL, SHM_EXEC);
        CHECK(sw != (void *)-1 && sx != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0);
        through(sw, sx);
        CHECK(shmdt(sw) == 0 && shmdt(sx) == 0);
    }
    /* another file in place of the one that ran */
    for (int i = 1; i <= ROUNDS; i++) {
        int other = memfd_create("other", 0);
        function(bytes, i);
        CHECK(pwrite(other, bytes, 8, 0) == 8 && ftruncate(other, PAGE) == 0);
        CHECK(mmap(x, PAGE, RX, MAP_PRIVATE | MAP_FIXED, other, 0) == x && close(other) == 0);
        CHECK(((int (*)(void))x)() == i);
    }
    /* read() writes too */
    char *p = mmap(NULL, PAGE, RW | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pipe_fd[2];
    CHECK(pipe(pipe_fd) == 0);
    for (int i = 1; i <= ROUNDS; i++) {
        function(bytes, i);
        CHECK(write(pipe_fd[1], bytes, 8) == 8 && read(pipe_fd[0], p, 8) == 8 && run(p) == i);
    }
    /* a private page that is thrown away, and one that a fork has copied */
    function(bytes, 5);
    memcpy(p, bytes, 8);
    CHECK(run(p) == 5);
    pid_t pid = fork();
    if (pid == 0) {
        through(p, p);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0 && run(p) == 5);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

/* ---- what may not run ---- */

static sigjmp_buf out;
static siginfo_t fault;
static uintptr_t fault_pc;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    fault = *info;
#ifdef __riscv
    memcpy(&fault_pc, (char *)context + 176, sizeof(fault_pc));
#else
    fault_pc = (uintptr_t)info->si_addr;
#endif
    siglongjmp(out, 1);
}

static int faults(char *code)
{
    fault.si_signo = 0;
    if (!sigsetjmp(out, 1)) {
        ((int (*)(void))(void *)code)();
        return 0;
    }
    CHECK(fault.si_signo == SIGSEGV && fault.si_addr == code && fault_pc == (uintptr_t)code);
    return fault.si_code;
}

static void not_executable(void)
{
    unsigned char bytes[8];
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
    static const int prots[] = { PROT_READ, RW, PROT_NONE };
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    function(bytes, 9);
    memcpy(p, bytes, 8);
    memcpy(p + PAGE, bytes, 8);
    for (int i = 0; i < 3; i++) {
        CHECK(mprotect(p, PAGE, RX) == 0 && run(p) == 9);           /* it ran before */
        CHECK(mprotect(p, PAGE, prots[i]) == 0 && faults(p) == SEGV_ACCERR);
    }
    CHECK(mprotect(p, PAGE, PROT_EXEC) == 0 && faults(p) == 0);
    CHECK(munmap(p, PAGE) == 0 && faults(p) == SEGV_MAPERR);
    CHECK(faults(p + PAGE) == SEGV_ACCERR);                         /* it never might */
    char *stack = (char *)bytes, *heap = malloc(16);
    memcpy(heap, bytes, 8);
    CHECK(faults(stack) == SEGV_ACCERR && faults(heap) == SEGV_ACCERR);
    static char data[16] = { 1 };
    memcpy(data, bytes, 8);
    CHECK(faults(data) == SEGV_ACCERR);
    CHECK(faults((char *)16) == SEGV_MAPERR);
#ifdef __riscv
    /* an instruction whose second half may not be executed: the fault is at the half, the pc at the instruction */
    uint32_t insn = 0x00100513;
    CHECK(mmap(p, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
    memcpy(p + PAGE - 2, &insn, 4);
    CHECK(mprotect(p, PAGE, RX) == 0);
    if (!sigsetjmp(out, 1)) {
        ((void (*)(void))(void *)(p + PAGE - 2))();
    }
    CHECK(fault.si_addr == p + PAGE && fault_pc == (uintptr_t)(p + PAGE - 2) &&
          fault.si_code == SEGV_ACCERR);
#endif
}

int main(void)
{
    others();
    second_mappings();
    not_executable();
    return 0;
}
