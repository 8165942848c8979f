/* What /proc and /sys say of the processor, of this process and of another: the same by whatever
 * path, and coherent with each other. Alone: rivet proc_view. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

static char text[1 << 18];

static const char *read_fd(int fd)
{
    size_t n = 0;
    ssize_t r;
    CHECK(fd >= 0);
    while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
        n += (size_t)r;
    }
    CHECK(r == 0);
    text[n] = 0;
    close(fd);
    return text;
}

static const char *slurp(const char *path)
{
    return read_fd(open(path, O_RDONLY | O_CLOEXEC));
}

/* ---- the processor ---- */

/* Is `ext` in the line "isa\t\t: rv64..."? One letter is among the first ones. */
static int has(const char *isa, const char *ext)
{
    char word[40];
    if (strlen(ext) == 1) {
        const char *c = isa + 4;
        while (islower((unsigned char)*c) && *c != *ext) {
            c++;
        }
        return *c == *ext;
    }
    snprintf(word, sizeof(word), "_%s", ext);
    const char *at = strstr(isa, word);
    return at && !isalnum((unsigned char)at[strlen(word)]);
}

static void is_riscv(const char *cpuinfo)
{
#ifdef __riscv
    CHECK(strstr(cpuinfo, "isa\t\t: rv64ima") && strstr(cpuinfo, "mmu\t\t: sv"));
    CHECK(!strstr(cpuinfo, "vendor_id") && !strstr(cpuinfo, "uarch\t\t: qemu"));
#endif
}

/* As any file: the lowest number, closed on exec when that is asked for. */
static void numbers(const char *name)
{
    int lowest = dup(0), fd;
    close(lowest);
    CHECK((fd = open(name, O_RDONLY)) == lowest && fcntl(fd, F_GETFD) == 0 && close(fd) == 0);
    CHECK((fd = open(name, O_RDONLY | O_CLOEXEC)) == lowest && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && close(fd) == 0);
}

static void by_all_paths(void)
{
    char dir[] = "/tmp/proc_view.XXXXXX", name[64], link[64];
    CHECK(mkdtemp(dir));
    int proc = open("/proc", O_RDONLY | O_DIRECTORY), etc = open("/etc", O_RDONLY | O_DIRECTORY);
    int path = open("/proc/cpuinfo", O_PATH);
    CHECK(proc >= 0 && etc >= 0 && path >= 0);
    is_riscv(slurp("/proc/cpuinfo"));
    numbers("/proc/cpuinfo");
    is_riscv(read_fd(openat(proc, "cpuinfo", O_RDONLY)));
    is_riscv(read_fd(openat(proc, "./sys/../cpuinfo", O_RDONLY)));
    is_riscv(read_fd(openat(etc, "../proc/cpuinfo", O_RDONLY)));
    is_riscv(slurp("/proc/self/root/proc/cpuinfo"));
    is_riscv(slurp("//proc//self/../cpuinfo"));
    snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
    is_riscv(slurp(link));
    static const char *const names[] = { "cpuinfo", "other" };
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
        CHECK(symlink("/proc/cpuinfo", name) == 0);
        is_riscv(slurp(name));
        numbers(name);
        FAILS(ELOOP, open(name, O_RDONLY | O_NOFOLLOW));
        struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, 0 };
        int fd = (int)syscall(437, AT_FDCWD, name, &how, sizeof(how));     /* openat2 */
        if (fd >= 0) {
            is_riscv(read_fd(fd));
        }
        CHECK(unlink(name) == 0);
        CHECK(symlink("/proc/self/maps", name) == 0);
        CHECK(!strstr(slurp(name), "rivet\n") && strstr(text, "/proc_view"));
        CHECK(unlink(name) == 0);
    }
    snprintf(name, sizeof(name), "%s/dir", dir);
    CHECK(symlink("/proc", name) == 0);
    snprintf(name, sizeof(name), "%s/dir/cpuinfo", dir);
    is_riscv(slurp(name));
    snprintf(name, sizeof(name), "%s/dir", dir);
    CHECK(unlink(name) == 0 && rmdir(dir) == 0);
    close(proc);
    close(etc);
    close(path);
}

/* sysconf, /sys and cpuinfo count the same processors. */
static void processors(void)
{
    int listed = 0, dirs = 0;
    for (const char *p = slurp("/proc/cpuinfo"); (p = strstr(p, "processor\t: ")); p++) {
        CHECK(atoi(p + 12) == listed);
        listed++;
    }
    CHECK(listed == sysconf(_SC_NPROCESSORS_ONLN));
    DIR *d = opendir("/sys/devices/system/cpu");
    for (struct dirent *e; d && (e = readdir(d));) {
        dirs += !strncmp(e->d_name, "cpu", 3) && isdigit((unsigned char)e->d_name[3]);
    }
    if (d) {
        closedir(d);
        CHECK(dirs == sysconf(_SC_NPROCESSORS_CONF));
        FILE *f = fopen("/sys/devices/system/cpu/online", "r");
        CHECK(f && fgetc(f) == '0');
        fclose(f);
    }
}

/* riscv_hwprobe, AT_HWCAP and cpuinfo tell the same extensions. */
static void extensions(void)
{
#ifdef __riscv
    static const char *const ext_0[] = {
        [1] = "c", [2] = "v", [3] = "zba", [4] = "zbb", [5] = "zbs", [6] = "zicboz", [7] = "zbc",
        [8] = "zbkb", [9] = "zbkc", [10] = "zbkx", [11] = "zknd", [12] = "zkne", [13] = "zknh",
        [14] = "zksed", [15] = "zksh", [16] = "zkt", [27] = "zfh", [29] = "zihintntl", [32] = "zfa",
        [33] = "ztso", [34] = "zacas", [35] = "zicond", [36] = "zihintpause", [42] = "zimop",
        [43] = "zca", [44] = "zcb", [45] = "zcd", [46] = "zcf", [47] = "zcmop", [48] = "zawrs",
        [50] = "zicntr", [51] = "zihpm", [55] = "zicbom", [56] = "zaamo", [57] = "zalrsc",
        [58] = "zabha", [60] = "zicbop",
    };
    struct {
        int64_t key;
        uint64_t value;
    } p[] = { { 4 }, { 6 }, { 12 }, { 15 }, { 0 }, { 1 }, { 2 } };
    CHECK(syscall(258, p, 7L, 0L, NULL, 0) == 0);
    const char *isa = strstr(slurp("/proc/cpuinfo"), "isa\t\t: ") + 7;
    *strchr(isa, '\n') = 0;
    for (unsigned bit = 0; bit < sizeof(ext_0) / sizeof(ext_0[0]); bit++) {
        if (ext_0[bit] && (p[0].value >> bit & 1) != (uint64_t)has(isa, ext_0[bit])) {
            printf("%s: hwprobe and %s differ\n", ext_0[bit], isa);
            exit(1);
        }
    }
    CHECK((p[0].value & 1) == (uint64_t)(has(isa, "f") && has(isa, "d")));
    CHECK((p[1].value != 0) == has(isa, "zicboz") && (p[2].value != 0) == has(isa, "zicbom"));
    CHECK((p[3].value != 0) == has(isa, "zicbop"));
    unsigned long hwcap = getauxval(AT_HWCAP);
    for (const char *c = "imafdcv"; *c; c++) {
        char letter[2] = { *c };
        CHECK((hwcap >> (*c - 'a') & 1) == (unsigned long)has(isa, letter));
    }
    unsigned long vendor = 1;
    CHECK(sscanf(strstr(slurp("/proc/cpuinfo"), "mvendorid\t: "), "mvendorid\t: %lx", &vendor) ==
          1);
    CHECK(vendor == p[4].value);
#endif
}

/* ---- processes ---- */

static char *marked, path[64];

static const char *file(pid_t pid, const char *name)
{
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return path;
}

static int fd_of(pid_t pid, const char *name, int flags)
{
    return open(file(pid, name), flags | O_CLOEXEC);
}

/* Is [at, at + size) one line of the maps of pid, with these permissions? */
static int mapped(pid_t pid, const char *name, const void *at, size_t size, const char *perms)
{
    char line[80];
    snprintf(line, sizeof(line), "%08lx-%08lx %s", (long)at, (long)at + (long)size, perms);
    return strstr(read_fd(fd_of(pid, name, O_RDONLY)), line) != NULL;
}

static unsigned long stat_field(pid_t pid, unsigned field)
{
    char *save, *word = NULL;
    strtok_r(strrchr((char *)read_fd(fd_of(pid, "stat", O_RDONLY)), ')'), " ", &save);
    for (unsigned i = 3; i <= field; i++) {
        word = strtok_r(NULL, " \n", &save);
    }
    return word ? strtoul(word, NULL, 10) : 0;
}

static void no_emulator(pid_t pid, const char *name)
{
    const char *maps = read_fd(fd_of(pid, name, O_RDONLY));
    CHECK(strstr(maps, "/proc_view\n") && strstr(maps, "[stack]") && strstr(maps, "[vdso]"));
    CHECK(!strstr(maps, "/rivet\n") && !strstr(maps, "/qemu"));
}

static void look_at(pid_t pid)
{
    char exe[4096], own[4096], buf[16] = "";
    CHECK(mapped(pid, "maps", marked + 4096, 4096, "rw-p"));
    CHECK(mapped(pid, "smaps", marked + 4096, 4096, "rw-p"));
    no_emulator(pid, "maps");
    no_emulator(pid, "smaps");
    CHECK(strcmp(read_fd(fd_of(pid, "comm", O_RDONLY)), "looked-at\n") == 0);
    CHECK(strstr(read_fd(fd_of(pid, "status", O_RDONLY)), "Name:\tlooked-at\n") == text);
    CHECK(strstr(text, "Threads:\t1\n"));
    ssize_t n = readlink(file(pid, "exe"), exe, sizeof(exe)),
            m = readlink("/proc/self/exe", own, sizeof(own));
    CHECK(n > 0 && n == m && memcmp(exe, own, (size_t)n) == 0);
    uint64_t auxv[100] = { 0 }, phdr = 0, ehdr = 0;
    int fd = fd_of(pid, "auxv", O_RDONLY);
    CHECK(read(fd, auxv, sizeof(auxv)) > 64);
    close(fd);
    for (unsigned i = 0; i < 98 && auxv[i]; i += 2) {
        phdr = auxv[i] == AT_PHDR ? auxv[i + 1] : phdr;
        ehdr = auxv[i] == AT_SYSINFO_EHDR ? auxv[i + 1] : ehdr;
    }
    CHECK(phdr == getauxval(AT_PHDR) && ehdr == getauxval(AT_SYSINFO_EHDR));
    CHECK(stat_field(pid, 26) <= (uintptr_t)look_at && stat_field(pid, 27) > (uintptr_t)look_at);
    CHECK(stat_field(pid, 28) > (uintptr_t)&fd - (1 << 20) &&
          stat_field(pid, 28) < (uintptr_t)&fd + (1 << 20));
    CHECK(stat_field(pid, 20) == 1);

    fd = fd_of(pid, "mem", O_RDWR);
    CHECK(fd >= 0 && pread(fd, buf, 8, (off_t)(uintptr_t)marked + 4096) == 8 &&
          !strcmp(buf, "child's"));
    CHECK(pwrite(fd, "ours", 5, (off_t)(uintptr_t)marked + 4096) == 5);
    FAILS(EIO, pread(fd, buf, 8, 16));
    close(fd);
    struct iovec to = { buf, 8 }, from = { marked + 4096, 8 };
    CHECK(process_vm_readv(pid, &to, 1, &from, 1, 0) == 8 && !strcmp(buf, "ours"));
    DIR *d = opendir(file(pid, "task"));
    int tasks = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        tasks += e->d_name[0] != '.' && atoi(e->d_name) == pid;
    }
    closedir(d);
    CHECK(tasks == 1);
}

static void another(void)
{
    int ready[2];
    char c;
    marked = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(marked != MAP_FAILED && pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(mprotect(marked + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
        strcpy(marked + 4096, "child's");
        prctl(PR_SET_NAME, "looked-at");
        CHECK(write(ready[1], "r", 1) == 1);
        for (;;) {
            pause();
        }
    }
    CHECK(read(ready[0], &c, 1) == 1);
    look_at(pid);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid && marked[4096] == 0);
}

static void nothing(int sig)
{
}

static unsigned long status_field(const char *name, int base)
{
    const char *at = strstr(slurp("/proc/self/status"), name);
    CHECK(at);
    return strtoul(at + strlen(name), NULL, base);
}

/* Signals are the guest's, and so is the size: all that is mapped. */
static void own_status(void)
{
    signal(SIGUSR1, nothing);
    signal(SIGSEGV, SIG_IGN);
    signal(SIGRTMAX, SIG_IGN);
    CHECK(status_field("SigCgt:\t", 16) == 1ul << (SIGUSR1 - 1));
    unsigned long ignored = status_field("SigIgn:\t", 16);
    CHECK((ignored >> (SIGSEGV - 1) & 1) && (ignored >> 63));
    CHECK(stat_field(getpid(), 34) == 1ul << (SIGUSR1 - 1));
    CHECK(stat_field(getpid(), 33) == (ignored & 0x7fffffff));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGILL);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(status_field("SigBlk:\t", 16) == (1ul << (SIGILL - 1) | 1ul << (SIGUSR2 - 1)));
    raise(SIGILL);
    CHECK(status_field("SigPnd:\t", 16) == 1ul << (SIGILL - 1));
    signal(SIGILL, SIG_IGN);
    signal(SIGILL, SIG_DFL);
    CHECK(status_field("SigPnd:\t", 16) == 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    CHECK(status_field("SigCgt:\t", 16) == 0);
    unsigned long size = status_field("VmSize:", 10), all = 0, start, end;
    CHECK(stat_field(getpid(), 23) == size * 1024 && status_field("VmPeak:", 10) >= size);
    for (const char *l = slurp("/proc/self/maps"); l;
         l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL) {
        if (sscanf(l, "%lx-%lx", &start, &end) == 2 && !(start >> 63)) {
            all += end - start;
        }
    }
    CHECK(all == size * 1024);
}

/* A child in seccomp's strict mode, or with two filters. */
static void filtered(int strict)
{
    int go[2], done[2], status;
    unsigned long filters = status_field("Seccomp_filters:\t", 10);
    char c = 0;
    CHECK(pipe(go) == 0 && pipe(done) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog prog = { 1, &allow };
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        if (strict) {
            CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
        } else {
            CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0 &&
                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0 &&
                  status_field("Seccomp:\t", 10) == SECCOMP_MODE_FILTER &&
                  status_field("Seccomp_filters:\t", 10) == filters + 2);
        }
        CHECK(write(done[1], &c, 1) == 1 && read(go[0], &c, 1) == 1);
        syscall(SYS_exit, 0);
    }
    close(done[1]);
    close(go[0]);
    CHECK(read(done[0], &c, 1) == 1);
    CHECK(strstr(read_fd(fd_of(pid, "status", O_RDONLY)),
                 strict ? "Seccomp:\t1\n" : "Seccomp:\t2\n"));
    CHECK(write(go[1], &c, 1) == 1 && waitpid(pid, &status, 0) == pid && status == 0);
    close(done[0]);
    close(go[1]);
}

/* What the kernel keeps apart is apart, equal permissions or not. */
static void bounds(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(madvise(p + 4096, 4096, MADV_DONTFORK) == 0);
    CHECK(mapped(getpid(), "maps", p + 4096, 4096, "rw-p"));
    CHECK(mapped(getpid(), "smaps", p + 4096, 4096, "rw-p"));
}

/* Whatever a file's size is limited to: these are not written. */
static void limited(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
        is_riscv(slurp("/proc/cpuinfo"));
        numbers("/proc/cpuinfo");
        CHECK(strstr(slurp("/proc/self/maps"), "[stack]"));
        CHECK(strstr(slurp("/proc/self/smaps"), "Rss:") &&
              strstr(slurp("/proc/self/stat"), "(proc_view) R"));
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* What is opened is the file that the path names, of that file system. */
static void are_files(void)
{
    static const char *const names[] = { "/proc/cpuinfo", "/proc/self/maps", "/proc/self/stat",
                                         "/proc/self/limits", "/proc/self/auxv" };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stat named, opened, asked;
        struct statfs fs;
        struct statx x;
        int fd = open(names[i], O_RDONLY);
        CHECK(stat(names[i], &named) == 0 && syscall(SYS_fstat, fd, &opened) == 0);
        CHECK(named.st_dev == opened.st_dev && named.st_ino == opened.st_ino);
        CHECK(named.st_mode == opened.st_mode && opened.st_size == 0 && opened.st_nlink == 1);
        CHECK(syscall(SYS_newfstatat, fd, "", &asked, AT_EMPTY_PATH) == 0);
        CHECK(asked.st_ino == named.st_ino && asked.st_mode == named.st_mode);
        CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
        CHECK(x.stx_ino == named.st_ino && x.stx_size == 0);
        CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC);
        close(fd);
    }
}

static void limits(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit as = { 3ul << 30, 4ul << 30 }, data = { 1 << 30, RLIM_INFINITY };
        CHECK(setrlimit(RLIMIT_AS, &as) == 0 && setrlimit(RLIMIT_DATA, &data) == 0);
        slurp("/proc/self/limits");
        CHECK(strstr(text, "\nMax address space         3221225472           4294967296           "
                           "bytes     \n"));
        CHECK(strstr(text, "\nMax data size             1073741824           unlimited            "
                           "bytes     \n"));
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static long sum_of(const char *file, const char *field)
{
    long sum = 0;
    for (const char *p = slurp(file); (p = strstr(p, field)); p++) {
        sum += p[-1] == '\n' ? atol(p + strlen(field)) : 0;
    }
    return sum;
}

static void rollup(void)
{
    enum { CHANGES = 512 };
    char first[20], rolled[20];
    CHECK(sscanf(slurp("/proc/self/maps"), "%19[0-9a-f]", first) == 1);
    CHECK(sscanf(slurp("/proc/self/smaps_rollup"), "%19[0-9a-f]", rolled) == 1);
    CHECK(strcmp(first, rolled) == 0 && strstr(text, " ---p 00000000 00:00 0 "));
    CHECK(strstr(text, "[rollup]\n"));
    long all = sum_of("/proc/self/smaps", "Rss:");
    CHECK(labs(sum_of("/proc/self/smaps_rollup", "Rss:") - all) < CHANGES);
    CHECK(sum_of("/proc/self/smaps_rollup", "Pss_Anon:") > 0);
}

int main(void)
{
    no_emulator(getpid(), "maps");
    no_emulator(getpid(), "smaps");
    by_all_paths();
    processors();
    extensions();
    own_status();
    bounds();
    filtered(1);
    filtered(0);
    limited();
    are_files();
    limits();
    rollup();
    another();
    return 0;
}
