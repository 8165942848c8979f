/*
 * core_dump.c: what is left of a process that dies by a signal: the wait status and the core file.
 * Says nothing where core files go elsewhere (core_pattern, hard limit). Passes natively as well.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MARK = 0x12345678 };

static int failed;

static void check_(int ok, const char *what, int line)
{
    if (!ok) {
        printf("line %d: %s (errno %d)\n", line, what, errno);
        failed = 1;
    }
}
#define CHECK(x) check_(!!(x), #x, __LINE__)

static int mark = MARK;
static char *hidden, *touched, *shared, *no_access;     /* the same in parent and child */
static volatile int started;

static void *spin(void *arg)
{
    for (started++;;) {
    }
}

static void *sleep_on(void *arg)
{
    started++;
    for (;;) {
        pause();
    }
}

/* How the child ends. */
enum { BY_FAULT, BY_ABORT, BY_QUIT, BY_TERM, BY_TRAP, BY_OTHER };

static void end(int how)
{
    switch (how) {
    case BY_FAULT:
        *(volatile int *)16 = 1;
    case BY_ABORT:
        abort();
    case BY_QUIT:
        kill(getpid(), SIGQUIT);
        break;
    case BY_TERM:
        raise(SIGTERM);
        break;
    case BY_TRAP:
        __builtin_trap();
    case BY_OTHER:
        raise(SIGXCPU);
        break;
    }
    for (;;) {
        pause();
    }
}

/* Run a child with `limit` for its core file; its wait status, its pid in *pid. */
static int crash(int how, rlim_t limit, int threads, int dumpable, pid_t *pid)
{
    struct rlimit l;
    getrlimit(RLIMIT_CORE, &l);
    l.rlim_cur = limit;
    *pid = fork();
    if (*pid == 0) {
        setrlimit(RLIMIT_CORE, &l);
        prctl(PR_SET_DUMPABLE, dumpable);
        pthread_t t;
        started = 0;
        for (int i = 0; i < threads; i++) {
            pthread_create(&t, NULL, i & 1 ? sleep_on : spin, NULL);
        }
        while (started < threads) {
        }
#ifdef __riscv
        __asm__ volatile("fmv.d.x fs3, %0" : : "r"(0x4004000000000000l) : "fs3");
#endif
        end(how);
    }
    int status;
    return waitpid(*pid, &status, 0) == *pid ? status : -1;
}

/* The core file, or NULL. */
static char *load(const char *name, size_t *size)
{
    int fd = open(name, O_RDONLY);
    struct stat st;
    char *p = NULL;
    if (fd >= 0) {
        fstat(fd, &st);
        *size = st.st_size;
        p = st.st_size ? mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
        close(fd);
    }
    return p;
}

static const Elf64_Phdr *segment_of(const char *core, const void *addr)
{
    const Elf64_Ehdr *eh = (void *)core;
    const Elf64_Phdr *ph = (void *)(core + eh->e_phoff);
    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD && (unsigned long)addr - ph[i].p_vaddr < ph[i].p_memsz) {
            return &ph[i];
        }
    }
    return NULL;
}

/* What the core file has at addr, or NULL. */
static const void *at(const char *core, const void *addr)
{
    const Elf64_Phdr *ph = segment_of(core, addr);
    unsigned long offset = ph ? (unsigned long)addr - ph->p_vaddr : 0;
    return ph && offset < ph->p_filesz ? core + ph->p_offset + offset : NULL;
}

typedef struct Notes {
    int threads, files, fpregs, auxv, psinfo;
    int first_pid, first_sig;
    siginfo_t info;
    double fs3;
} Notes;

static void read_note(Notes *n, const Elf64_Nhdr *h, const char *desc, const char *exe)
{
    switch (h->n_type) {
    case NT_PRSTATUS:
        if (!n->threads++) {
            const struct elf_prstatus *st = (void *)desc;
            n->first_pid = st->pr_pid;
            n->first_sig = st->pr_cursig;
            CHECK(st->pr_info.si_signo == st->pr_cursig && !st->pr_info.si_code);
        }
        CHECK(h->n_descsz == sizeof(struct elf_prstatus));
        break;
    case NT_PRPSINFO:
        n->psinfo++;
        CHECK(h->n_descsz == sizeof(struct elf_prpsinfo));
        CHECK(!strncmp(((struct elf_prpsinfo *)desc)->pr_psargs, "core-test a b", 13));
        break;
    case NT_SIGINFO:
        memcpy(&n->info, desc, sizeof(n->info));
        break;
    case NT_AUXV:
        n->auxv++;
        break;
    case NT_FILE:
        n->files = memmem(desc, h->n_descsz, exe, strlen(exe) + 1) != NULL;
        break;
    case NT_PRFPREG:
#ifdef __riscv
        if (!n->fpregs) {
            memcpy(&n->fs3, desc + 19 * 8, 8);
        }
#endif
        n->fpregs++;
        break;
    }
}

static Notes notes_of(const char *core, const char *exe)
{
    const Elf64_Ehdr *eh = (void *)core;
    const Elf64_Phdr *ph = (void *)(core + eh->e_phoff);
    Notes n = { 0 };
    CHECK(ph->p_type == PT_NOTE && ph->p_align == 4);
    for (const char *p = core + ph->p_offset, *last = p + ph->p_filesz; p < last;) {
        const Elf64_Nhdr *h = (void *)p;
        const char *desc = p + sizeof(*h) + ((h->n_namesz + 3) & ~3u);
        read_note(&n, h, desc, exe);
        p = desc + ((h->n_descsz + 3) & ~3u);
    }
    return n;
}

static void whole_core(const char *name, const char *exe)
{
    size_t size;
    pid_t pid;
    int status = crash(BY_FAULT, RLIM_INFINITY, 2, 1, &pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
    char *core = load(name, &size);
    CHECK(core);
    if (!core) {
        return;
    }
    const Elf64_Ehdr *eh = (void *)core;
    CHECK(eh->e_type == ET_CORE && eh->e_ident[EI_CLASS] == ELFCLASS64);
#ifdef __riscv
    CHECK(eh->e_machine == EM_RISCV);
#endif
    Notes n = notes_of(core, exe);
    CHECK(n.threads == 3 && n.fpregs == 3 && n.psinfo == 1 && n.auxv == 1 && n.files);
    CHECK(n.first_pid == pid && n.first_sig == SIGSEGV);
    CHECK(n.info.si_signo == SIGSEGV && n.info.si_code == SEGV_MAPERR);
    CHECK(n.info.si_addr == (void *)16);
#ifdef __riscv
    CHECK(n.fs3 == 2.5);
#endif
    const int *m = at(core, &mark);
    CHECK(m && *m == MARK);
    CHECK(at(core, touched) && !memcmp(at(core, touched), "touched", 7));
    CHECK(segment_of(core, hidden) && !at(core, hidden));
    CHECK(at(core, shared) && !memcmp(at(core, shared), "shared", 6));
    CHECK(at(core, no_access) && !memcmp(at(core, no_access), "secret", 6));
    CHECK(segment_of(core, no_access)->p_flags == 0);
    munmap(core, size);
}

static void filtered(const char *name)
{
    size_t size;
    pid_t pid;
    int fd = open("/proc/self/coredump_filter", O_RDWR);
    if (fd < 0 || write(fd, "0x12", 4) != 4) {
        return;
    }
    int status = crash(BY_ABORT, RLIM_INFINITY, 0, 1, &pid);
    CHECK(WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
    char *core = load(name, &size);
    CHECK(core && !at(core, touched) && at(core, shared));
    CHECK(pwrite(fd, "0x33", 4, 0) == 4);
    close(fd);
}

static void *fall(void *arg)
{
    for (started++; started < 8;) {
    }
    *(volatile int *)16 = 1;
}

/* Threads that die at the same time: one core file, and a whole one. */
static void together(const char *name, const char *exe)
{
    size_t size;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };
        pthread_t t;
        setpgid(0, 0);
        setrlimit(RLIMIT_CORE, &l);
        started = 0;
        for (int i = 0; i < 8; i++) {
            pthread_create(&t, NULL, fall, NULL);
        }
        sleep_on(NULL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
    kill(-pid, SIGKILL);
    char *core = load(name, &size);
    CHECK(core && at(core, &mark) && *(int *)at(core, &mark) == MARK);
    CHECK(notes_of(core, exe).threads == 9);
}

static void limited(const char *name)
{
    size_t size = 0;
    pid_t pid;
    unlink(name);
    int status = crash(BY_QUIT, 0, 0, 1, &pid);
    CHECK(WTERMSIG(status) == SIGQUIT && !WCOREDUMP(status) && access(name, F_OK) < 0);
    status = crash(BY_QUIT, 4095, 0, 1, &pid);
    CHECK(WTERMSIG(status) == SIGQUIT && !WCOREDUMP(status) && access(name, F_OK) < 0);
    status = crash(BY_QUIT, 5 * PAGE, 1, 1, &pid);
    CHECK(WTERMSIG(status) == SIGQUIT && WCOREDUMP(status));
    CHECK(load(name, &size) && size <= 5 * PAGE);
    unlink(name);
    status = crash(BY_ABORT, RLIM_INFINITY, 0, 0, &pid);
    CHECK(WTERMSIG(status) == SIGABRT && !WCOREDUMP(status) && access(name, F_OK) < 0);
    status = crash(BY_TERM, RLIM_INFINITY, 0, 1, &pid);
    CHECK(WTERMSIG(status) == SIGTERM && !WCOREDUMP(status) && access(name, F_OK) < 0);
}

/* Dispositions are what they were. */
static void others(void)
{
    pid_t pid;
    int status = crash(BY_TRAP, RLIM_INFINITY, 0, 1, &pid);
    CHECK(WIFSIGNALED(status) && WCOREDUMP(status));
    status = crash(BY_OTHER, RLIM_INFINITY, 3, 1, &pid);
    CHECK(WTERMSIG(status) == SIGXCPU && WCOREDUMP(status));
    signal(SIGQUIT, SIG_IGN);
    CHECK(kill(getpid(), SIGQUIT) == 0);
    signal(SIGQUIT, SIG_DFL);
    pid = vfork();
    if (pid == 0) {
        abort();
    }
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGABRT);
    CHECK(prctl(PR_GET_DUMPABLE) == 1);
}

/* Only root has its threads' deaths told of with an absolute name. */
static bool may_make(const char *name)
{
    int fd = geteuid() == 0 ? open(name, O_CREAT | O_WRONLY, 0600) : -1;
    return fd >= 0 && close(fd) == 0 && unlink(name) == 0;
}

/* The name that core files will have, from the current directory; NULL: it varies, or is not for
 * us. */
static const char *core_name(void)
{
    static char pattern[128];
    char uses_pid = '0';
    struct rlimit l;
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    ssize_t n = read(fd, pattern, sizeof(pattern) - 1);
    close(fd);
    fd = open("/proc/sys/kernel/core_uses_pid", O_RDONLY);
    CHECK(read(fd, &uses_pid, 1) == 1);
    close(fd);
    getrlimit(RLIMIT_CORE, &l);
    pattern[n > 0 ? n - 1 : 0] = '\0';
    bool absolute = pattern[0] == '/';
    return (absolute || !strcmp(pattern, "core")) && !strchr(pattern, '%') && uses_pid == '0' &&
                   l.rlim_max == RLIM_INFINITY && (!absolute || may_make(pattern))
               ? pattern
               : NULL;
}

int main(int argc, char **argv)
{
    char exe[4096] = "", dir[] = "/tmp/core-test-XXXXXX";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 1) {
        readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        execl(exe, "core-test", "a", "b", NULL);
        return 1;
    }
    const char *name = core_name();
    if (!name || prctl(PR_GET_DUMPABLE) != 1) {
        return failed;
    }
    readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    CHECK(mkdtemp(dir) && chdir(dir) == 0);
    int rw = PROT_READ | PROT_WRITE, private = MAP_PRIVATE | MAP_ANONYMOUS;
    hidden = mmap(NULL, PAGE, rw, private, -1, 0);
    CHECK(madvise(hidden, PAGE, MADV_DONTDUMP) == 0);
    touched = mmap(NULL, 64 * PAGE, rw, private, -1, 0);
    shared = mmap(NULL, PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    no_access = mmap(NULL, PAGE, rw, private, -1, 0);
    strcpy(hidden, "hidden");
    strcpy(touched, "touched");
    strcpy(shared, "shared");
    strcpy(no_access, "secret");
    mprotect(no_access, PAGE, PROT_NONE);
    whole_core(name, exe);
    filtered(name);
    together(name, exe);
    limited(name);
    others();
    unlink(name);
    CHECK(chdir("/") == 0 && rmdir(dir) == 0);
    return failed;
}
