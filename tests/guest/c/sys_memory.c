/* Memory: brk, mremap, madvise, sealing, locking, protections, forks. Alone: rivet sys_memory; the
 * line of the first check that failed is printed. What a kernel is too old for is not tried. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096 };
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf after_fault;
static siginfo_t fault;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    fault = *info;
    siglongjmp(after_fault, 1);
}

/* The si_code of the fault that a read of *p makes, 0: none; the signal is in fault. */
static int read_fault(const void *p)
{
    fault.si_code = 0;
    if (sigsetjmp(after_fault, 1) == 0) {
        (void)*(const volatile char *)p;
        return 0;
    }
    CHECK(fault.si_addr == p);
    return fault.si_code;
}

static int write_fault(void *p)
{
    if (sigsetjmp(after_fault, 1) == 0) {
        *(volatile char *)p = 1;
        return 0;
    }
    CHECK(fault.si_addr == p);
    return fault.si_code;
}

static char *map(size_t pages, int prot)
{
    char *p = mmap(NULL, pages * PAGE, prot, ANON, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static void program_break(void)
{
    char *now = sbrk(0);
    CHECK(syscall(SYS_brk, -1L) == (long)now);
    CHECK(syscall(SYS_brk, 0L) == (long)now);
    CHECK(syscall(SYS_brk, 1L << 46) == (long)now);
    CHECK(brk(now + 3 * PAGE) == 0 && sbrk(0) == now + 3 * PAGE);
    now[2 * PAGE] = 1;
    CHECK(brk(now) == 0 && sbrk(0) == now);
    CHECK(brk(now + 3 * PAGE) == 0 && now[2 * PAGE] == 0);
}

static void protections(void)
{
    char *p = map(3, RW);
    CHECK(munmap(p + PAGE, PAGE) == 0);
    CHECK(read_fault(p + PAGE) == SEGV_MAPERR && fault.si_signo == SIGSEGV);
    CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
    CHECK(read_fault(p + 5) == SEGV_ACCERR);
    CHECK(mprotect(p, PAGE, PROT_READ) == 0);
    CHECK(read_fault(p + 5) == 0 && write_fault(p + 5) == SEGV_ACCERR);
    FAILS(ENOMEM, mprotect(p, 3 * PAGE, RW));
    CHECK(write_fault(p + 5) == 0);             /* up to the hole it was done */
    FAILS(EINVAL, mprotect(p + 1, PAGE, RW));
    FAILS(EINVAL, mprotect(p, PAGE, 0x1000));

    /* not executable */
    void (*fn)(void) = (void (*)(void))(void *)p;
    if (sigsetjmp(after_fault, 1) == 0) {
        fn();
        CHECK(!"it ran");
    }
    CHECK(fault.si_signo == SIGSEGV && fault.si_code == SEGV_ACCERR && fault.si_addr == p);
    if (sigsetjmp(after_fault, 1) == 0) {
        ((void (*)(void))(void *)(p + PAGE))();
    }
    CHECK(fault.si_code == SEGV_MAPERR && fault.si_addr == p + PAGE);

    FAILS(EEXIST, mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
    FAILS(EINVAL, mmap(NULL, 0, RW, ANON, -1, 0));
    FAILS(EINVAL, mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    FAILS(EBADF, mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    FAILS(ENOMEM, mmap(NULL, (size_t)1 << 62, RW, ANON, -1, 0));

    /* beyond the end of a file */
    int fd = memfd_create("f", 0);
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && read_fault(p) == 0);
    CHECK(read_fault(p + PAGE) == BUS_ADRERR && fault.si_signo == SIGBUS);
    close(fd);
}

static void remaps(void)
{
    char *p = map(8, RW), *q, *to = map(8, RW);
    for (int i = 0; i < 8; i++) {
        p[i * PAGE] = (char)(i + 1);
    }
    CHECK(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p && read_fault(p + 4 * PAGE) == SEGV_MAPERR);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    CHECK(q == to && q[3 * PAGE] == 4 && q[4 * PAGE] == 0 && read_fault(p) == SEGV_MAPERR);
    FAILS(EINVAL, mremap(q, PAGE, PAGE, MREMAP_FIXED, p));
    FAILS(EINVAL, mremap(q, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE));
    FAILS(EFAULT, mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    FAILS(EINVAL, mremap(q, PAGE, 0, 0));
    FAILS(EINVAL, mremap(q + 1, PAGE, PAGE, 0));
    q[0] = 7;
    p = mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (p != MAP_FAILED) {
        CHECK(p != q && p[0] == 7 && q[0] == 0);
    }
    /* holes: a tail with some goes; since 6.17 what lies around them moves */
    p = map(5, RW);
    to = map(5, RW);
    for (int i = 0; i < 5; i++) {
        p[i * PAGE] = (char)(i + 1);
        to[i * PAGE] = (char)(i + 11);
    }
    munmap(p + PAGE, PAGE);
    munmap(p + 3 * PAGE, PAGE);
    q = mremap(p, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (q == MAP_FAILED) {
        CHECK(errno == EFAULT);
        q = p;
    } else {
        CHECK(q == to && q[0] == 1 && q[PAGE] == 12 && q[2 * PAGE] == 3 && q[4 * PAGE] == 5);
        CHECK(read_fault(p) == SEGV_MAPERR && read_fault(p + 4 * PAGE) == SEGV_MAPERR);
        munmap(q + PAGE, PAGE);
    }
    to = map(5, RW);
    CHECK(mremap(q, 5 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && to[0] == 1);
    CHECK(read_fault(q + 4 * PAGE) == SEGV_MAPERR && to[4 * PAGE] == 0);
    /* an old size of 0 makes a second mapping of what is shared */
    p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p[0] = 9;
    q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && q[0] == 9);
    q[0] = 10;
    CHECK(p[0] == 10);
}

static void advice(void)
{
    enum { GUARD_INSTALL = 102, GUARD_REMOVE = 103 };
    char *p = map(4, RW);
    memset(p, 5, 4 * PAGE);
    if (madvise(p + PAGE, PAGE, GUARD_INSTALL) == 0) {
        CHECK(read_fault(p + PAGE) != 0 && fault.si_signo == SIGSEGV);
        CHECK(p[0] == 5 && p[2 * PAGE] == 5);
        CHECK(madvise(p, 4 * PAGE, GUARD_REMOVE) == 0);
        CHECK(read_fault(p + PAGE) == 0 && p[PAGE] == 0 && p[2 * PAGE] == 5);
    }
    CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0);
    FAILS(EINVAL, madvise(p, PAGE, 12345));
    FAILS(EINVAL, madvise(p + 1, PAGE, MADV_DONTNEED));
    CHECK(munmap(p + PAGE, PAGE) == 0);
    memset(p + 2 * PAGE, 6, PAGE);
    FAILS(ENOMEM, madvise(p, 4 * PAGE, MADV_DONTNEED));
    CHECK(p[2 * PAGE] == 0);                    /* behind the hole it was done */

    int fd = memfd_create("f", 0);
    CHECK(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
    char *q = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    memset(q, 8, 2 * PAGE);
    CHECK(madvise(q, PAGE, MADV_REMOVE) == 0 && q[0] == 0 && q[PAGE] == 8);
    FAILS(EINVAL, madvise(p, PAGE, MADV_REMOVE));
    close(fd);
}

static long status_kb(const char *name)
{
    char line[200];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    size_t n = strlen(name);
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            kb = atol(line + n + 1);
        }
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

/* What a child finds. */
static void forks(void)
{
    char *plain = map(1, RW), *wipe = map(1, RW), *gone = map(512, RW);
    char *drop = mmap(NULL, PAGE, RW, MAP_ANONYMOUS | 0x08, -1, 0);     /* MAP_DROPPABLE */
    plain[0] = wipe[0] = gone[0] = 1;
    if (drop != MAP_FAILED) {
        drop[0] = 1;
    }
    CHECK(madvise(wipe, PAGE, MADV_WIPEONFORK) == 0 && madvise(gone, PAGE, MADV_DONTFORK) == 0);
    CHECK(madvise(gone + PAGE, 511 * PAGE, MADV_DONTFORK) == 0);
    CHECK(madvise(gone + 511 * PAGE, PAGE, MADV_DOFORK) == 0);
    long size = status_kb("VmSize");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(plain[0] == 1 && wipe[0] == 0 && read_fault(gone) == SEGV_MAPERR);
        CHECK(read_fault(gone + 511 * PAGE) == 0 && status_kb("VmSize") <= size - 511 * 4);
        CHECK(drop == MAP_FAILED || drop[0] == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(wipe[0] == 1 && gone[0] == 1);
}

/* The guest's memory is locked, not the emulator's. */
static void locks(void)
{
    char *p = map(4, RW);
    long before = status_kb("VmLck");
    if (mlock(p, 4 * PAGE) == 0) {
        CHECK(status_kb("VmLck") == before + 16);
        CHECK(munlock(p, 4 * PAGE) == 0 && status_kb("VmLck") == before);
    }
    FAILS(EINVAL, mlockall(0));
    FAILS(EINVAL, mlockall(0x100));
    struct rlimit limit, none;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    none = (struct rlimit){ 0, limit.rlim_max };
    CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    int may = mlockall(MCL_FUTURE) == 0;        /* CAP_IPC_LOCK */
    CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && munlockall() == 0);
    if (mlockall(MCL_CURRENT) == 0 || may) {
        CHECK(status_kb("VmLck") > 16 && status_kb("VmLck") < 64 * 1024);
        CHECK(munlockall() == 0 && status_kb("VmLck") == 0);
    }
    if (mlockall(MCL_FUTURE) == 0) {
        char *q = map(4, RW);
        unsigned char there[4] = { 0 };
        CHECK(status_kb("VmLck") == 16);
        CHECK(mincore(q, 4 * PAGE, there) == 0 && (there[0] & there[3] & 1));
        CHECK(mremap(q, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE) != MAP_FAILED);
        CHECK(status_kb("VmLck") == 24);
        CHECK(sbrk(2 * PAGE) != (void *)-1 && status_kb("VmLck") == 32);
        pid_t child = fork();
        if (child == 0) {
            map(4, RW);
            CHECK(status_kb("VmLck") == 0);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        CHECK(mlockall(MCL_FUTURE | MCL_ONFAULT) == 0);
        q = map(4, RW);
        CHECK(status_kb("VmLck") == 48);
        CHECK(mincore(q, 4 * PAGE, there) == 0 && !(there[0] & 1));
        CHECK(munlockall() == 0 && status_kb("VmLck") == 0);
        map(4, RW);
        CHECK(status_kb("VmLck") == 0);
    }
    unsigned char in[4];
    memset(p, 1, 2 * PAGE);
    CHECK(mincore(p, 2 * PAGE, in) == 0 && (in[0] & 1) && (in[1] & 1));
    CHECK(munmap(p + PAGE, PAGE) == 0);
    FAILS(ENOMEM, mincore(p, 3 * PAGE, in));
    FAILS(ENOMEM, msync(p, 3 * PAGE, MS_ASYNC));
}

static void sealed(void)
{
    enum { NR_mseal = 462 };
    char *p = map(2, RW);
    if (syscall(NR_mseal, p, 2 * PAGE, 0L) < 0) {
        return;
    }
    FAILS(EPERM, mprotect(p, PAGE, PROT_READ));
    FAILS(EPERM, munmap(p, PAGE));
    FAILS(EPERM, mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    FAILS(EPERM, mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    p[0] = 1;                                   /* still there, and ours */
    FAILS(EINVAL, syscall(NR_mseal, p, PAGE, 1L));
}

static void of_others(void)
{
    char *p = map(1, RW), buf[8] = "";
    strcpy(p, "here");
    struct iovec local = { buf, 5 }, remote = { p, 5 };
    CHECK(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 5 && !strcmp(buf, "here"));
    strcpy(buf, "there");
    local.iov_len = remote.iov_len = 6;
    CHECK(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 6 && !strcmp(p, "there"));
    remote.iov_base = (void *)8;
    FAILS(EFAULT, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
    int fd = open("/proc/self/mem", O_RDWR);
    CHECK(fd >= 0 && pwrite(fd, "mem", 4, (off_t)(uintptr_t)p) == 4 && !strcmp(p, "mem"));
    close(fd);

#ifdef __riscv
    /* code that comes by such a way is run after a fence */
    static const uint32_t ret[2][2] = { { 0x00100513, 0x00008067 }, { 0x00200513, 0x00008067 } };
    uint32_t *code = mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0);
    CHECK(code != MAP_FAILED);
    int (*fn)(void) = (int (*)(void))(void *)code;
    fd = open("/proc/self/mem", O_RDWR);
    for (int i = 0; i < 1000; i++) {
        const void *from = ret[i & 1];
        local = (struct iovec){ (void *)from, 8 };
        remote = (struct iovec){ code, 8 };
        if (i & 2) {
            CHECK(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 8);
        } else {
            CHECK(pwrite(fd, from, 8, (off_t)(uintptr_t)code) == 8);
        }
        __builtin___clear_cache((char *)code, (char *)code + 8);
        CHECK(fn() == (i & 1) + 1);
    }
    close(fd);
    /* and after a barrier that says so, whichever thread fences */
    enum { REGISTER_SYNC_CORE = 1 << 6, SYNC_CORE = 1 << 5 };
    int mem = memfd_create("code", 0);
    CHECK(mem >= 0 && ftruncate(mem, PAGE) == 0);
    char *write_to = mmap(NULL, PAGE, RW, MAP_SHARED, mem, 0);
    char *run = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, mem, 0);
    CHECK(write_to != MAP_FAILED && run != MAP_FAILED);
    fn = (int (*)(void))(void *)run;
    if (syscall(SYS_membarrier, REGISTER_SYNC_CORE, 0, 0) == 0) {
        for (int i = 0; i < 1000; i++) {
            memcpy(write_to, ret[i & 1], 8);
            CHECK(syscall(SYS_membarrier, SYNC_CORE, 0, 0) == 0);
            CHECK(fn() == (i & 1) + 1);
        }
    }
    close(mem);
#endif
}

/* Only who has registered may ask for a private barrier. */
static void barriers(void)
{
    enum { PRIVATE = 1 << 3, REGISTER = 1 << 4, OTHERS = 1 << 6 | 1 << 8, REGISTRATIONS = 1 << 9 };
    long known = syscall(SYS_membarrier, 0, 0, 0);
    if (known < 0 || !(known & PRIVATE)) {
        return;
    }
    FAILS(EINVAL, syscall(SYS_membarrier, PRIVATE, 1, 0));
    FAILS(EPERM, syscall(SYS_membarrier, PRIVATE, 0, 0));
    if (known & REGISTRATIONS) {
        long done = syscall(SYS_membarrier, REGISTRATIONS, 0, 0);
        CHECK(done >= 0 && !(done & REGISTER) == !(done & OTHERS));
    }
    CHECK(syscall(SYS_membarrier, REGISTER, 0, 0) == 0 &&
          syscall(SYS_membarrier, PRIVATE, 0, 0) == 0);
    CHECK(!(known & REGISTRATIONS) || (syscall(SYS_membarrier, REGISTRATIONS, 0, 0) & REGISTER));
}

/* Is the page of the line's address in maps? */
static int in_maps(unsigned long addr)
{
    char line[512];
    unsigned long start, end;
    int found = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof(line), f)) {
        found |= sscanf(line, "%lx-%lx", &start, &end) == 2 && addr >= start && addr < end;
    }
    fclose(f);
    return found;
}

static void nothing_there(unsigned long a)
{
    unsigned char vec[4];
    void *page = (void *)a;
    int mode, status = 0;
    FAILS(ENOMEM, mincore(page, 4096, vec));
    FAILS(ENOMEM, mlock(page, 4096));
    FAILS(ENOMEM, syscall(SYS_mlock2, page, 4096, 0));
    FAILS(ENOMEM, munlock(page, 4096));
    FAILS(ENOMEM, msync(page, 4096, MS_ASYNC));
    FAILS(ENOMEM, madvise(page, 4096, MADV_DONTNEED));
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0) {
        FAILS(EFAULT, syscall(SYS_mbind, page, 4096, 0, NULL, 0, 0));
    }
    if (syscall(462, NULL, 0, 0) == 0) {                /* mseal */
        FAILS(ENOMEM, syscall(462, page, 4096, 0));
    }
}

/* Where maps shows nothing there is nothing, though the host, whose own view of the same process is
 * not made by anybody, may have something. */
static void not_mapped(void)
{
    char line[512];
    unsigned char vec;
    unsigned long addr;
    volatile char deep[256 * 1024];
    nothing_there(1ul << 36 | 0x5000);
    FILE *f = fopen("/proc/self/numa_maps", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lx", &addr) == 1 && !in_maps(addr)) {
            nothing_there(addr);
        }
    }
    if (f) {
        fclose(f);
    }
    deep[0] = 1;            /* the stack has grown */
    CHECK(mincore((void *)((unsigned long)deep & -4096), 4096, &vec) == 0 && vec & 1);
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    program_break();
    protections();
    remaps();
    advice();
    forks();
    locks();
    sealed();
    of_others();
    not_mapped();
    barriers();
    return 0;
}
