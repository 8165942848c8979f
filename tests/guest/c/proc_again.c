/* Files of /proc that are kept open and read again from the beginning, by lseek() or pread(): they
 * show what is so now. Of this process and of another. Alone: rivet proc_again. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

enum { SIZE = 64 << 20 };

static char text[1 << 18], path[64];

static int open_of(pid_t pid, const char *name)
{
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static const char *by_lseek(int fd)
{
    size_t n = 0;
    ssize_t r;
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
        n += (size_t)r;
    }
    text[n] = 0;
    return text;
}

/* The rest, if there is one, is of the same text. */
static const char *by_pread(int fd)
{
    size_t n = 0;
    ssize_t r;
    while ((r = pread(fd, text + n, sizeof(text) - 1 - n, (off_t)n)) > 0) {
        n += (size_t)r;
    }
    text[n] = 0;
    return text;
}

static const char *by_preadv(int fd)
{
    struct iovec v[2] = {{text, 100}, {text + 100, sizeof(text) - 101}};
    ssize_t n = preadv(fd, v, 2, 0);
    CHECK(n > 0);
    text[n] = 0;
    return text;
}

static const char *(*const ways[])(int) = {by_lseek, by_pread, by_preadv};

/* The number after `name` in a status file. */
static unsigned long number(const char *status, const char *name, int base)
{
    const char *at = strstr(status, name);
    CHECK(at);
    return strtoul(at + strlen(name), NULL, base);
}

static unsigned long stat_field(const char *stat, unsigned field)
{
    const char *at = strrchr(stat, ')');
    for (unsigned i = 3; at && i <= field; i++) {
        at = strchr(at + 1, ' ');
    }
    CHECK(at);
    return strtoul(at, NULL, 10);
}

static void nothing(int sig)
{
}

static void own(void)
{
    int status = open_of(getpid(), "status"), stat = open_of(getpid(), "stat"),
        maps = open("/proc/self/maps", O_RDONLY), statm = open_of(getpid(), "statm");
    for (unsigned i = 0; i < 3; i++) {
        char line[32], name[16];
        unsigned long size = number(by_lseek(status), "VmSize:", 10);
        CHECK(strtoul(by_lseek(statm), NULL, 10) * 4 == size);
        char *p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED && mprotect(p + 8192, 4096, PROT_READ | PROT_WRITE) == 0);
        snprintf(name, sizeof(name), "name-%u", i);
        CHECK(prctl(PR_SET_NAME, name) == 0 && signal(SIGUSR1, nothing) == SIG_DFL);
        CHECK(number(ways[i](status), "VmSize:", 10) >= size + SIZE / 1024);
        CHECK(number(ways[i](status), "SigCgt:\t", 16) == 1ul << (SIGUSR1 - 1));
        CHECK(strstr(ways[i](status), name) && strstr(ways[i](stat), name));
        CHECK(stat_field(ways[i](stat), 23) == number(ways[i](status), "VmSize:", 10) * 1024);
        CHECK(strtoul(ways[i](statm), NULL, 10) * 4 == number(ways[i](status), "VmSize:", 10));
        snprintf(line, sizeof(line), "%08lx-%08lx rw", (long)p + 8192, (long)p + 12288);
        CHECK(strstr(by_lseek(maps), line));
        CHECK(munmap(p, SIZE) == 0 && !strstr(by_pread(maps), line));
        CHECK(signal(SIGUSR1, SIG_DFL) == nothing);
        CHECK(fcntl(status, F_GETFD) == FD_CLOEXEC && fcntl(maps, F_GETFD) == 0);
        CHECK((fcntl(maps, F_GETFL) & O_ACCMODE) == O_RDONLY);
    }
    CHECK(lseek(maps, 1, SEEK_SET) == 1 && by_pread(maps)[0] != 0 && lseek(maps, 0, SEEK_CUR) == 1);
    char link[64], shown[64] = "", file[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", stat);
    snprintf(file, sizeof(file), "/proc/%d/stat", (int)getpid());
    CHECK(readlink(link, shown, sizeof(shown) - 1) > 0 && !strcmp(shown, file));
    close(status);
    close(stat);
    close(maps);
    close(statm);
}

typedef struct Query {
    uint64_t size, query_flags, query_addr;
    uint64_t start, end, flags, page_size, offset, inode;
    uint32_t dev_major, dev_minor, name_size, build_id_size;
    uint64_t name_addr, build_id_addr;
} Query;

static void ask(int maps, const char *at, uint64_t size, uint64_t flags)
{
    Query q = { .size = sizeof(q), .query_addr = (uintptr_t)at + 5 };
    if (ioctl(maps, 0xc0686611, &q) < 0) {
        CHECK(errno == ENOTTY); /* a kernel before 6.11 */
        return;
    }
    CHECK(q.start == (uintptr_t)at && q.end == q.start + size && q.flags == flags &&
          q.page_size == 4096);
}

/* A child does what it is told by a byte. */
static void tell(const int *to, const int *from, char what)
{
    CHECK(write(to[1], &what, 1) == 1 && read(from[0], &what, 1) == 1);
}

static void child_runs(const int *to, const int *from, char *p)
{
    char what;
    while (read(to[0], &what, 1) == 1) {
        if (what == 'm') {
            CHECK(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
        } else if (what == 's') {
            signal(SIGUSR2, nothing);
            signal(SIGSEGV, nothing);
            signal(SIGRTMAX, SIG_IGN);
        } else if (what == 'u') {
            CHECK(munmap(p, SIZE) == 0);
        }
        CHECK(write(from[1], &what, 1) == 1);
    }
    _exit(0);
}

static void another(void)
{
    int to[2], from[2], child_status;
    char *p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        child_runs(to, from, p);
    }
    tell(to, from, 'h');
    int status = open_of(pid, "status"), stat = open_of(pid, "stat"), maps = open_of(pid, "maps"),
        statm = open_of(pid, "statm");
    unsigned long own_size = number(by_lseek(open_of(getpid(), "status")), "VmSize:", 10);
    CHECK(number(by_lseek(status), "VmSize:", 10) == own_size);
    CHECK(number(text, "SigCgt:\t", 16) == 0);
    CHECK(strtoul(by_pread(statm), NULL, 10) * 4 == own_size);
    ask(maps, p, SIZE, 1);
    tell(to, from, 'm');
    tell(to, from, 's');
    ask(maps, p + 4096, 4096, 3);
    char line[32];
    snprintf(line, sizeof(line), "%08lx-%08lx rw", (long)p + 4096, (long)p + 8192);
    CHECK(strstr(by_pread(maps), line));
    CHECK(number(by_pread(status), "SigCgt:\t", 16) ==
          (1ul << (SIGUSR2 - 1) | 1ul << (SIGSEGV - 1)));
    CHECK(number(text, "SigIgn:\t", 16) >> 63);
    CHECK(stat_field(by_lseek(stat), 34) == (1ul << (SIGUSR2 - 1) | 1ul << (SIGSEGV - 1)));
    tell(to, from, 'u');
    CHECK(number(by_pread(status), "VmSize:", 10) == own_size - SIZE / 1024);
    CHECK(stat_field(by_lseek(stat), 23) == (own_size - SIZE / 1024) * 1024);
    CHECK(strtoul(by_lseek(statm), NULL, 10) * 4 == own_size - SIZE / 1024);
    close(to[1]);
    CHECK(waitpid(pid, &child_status, 0) == pid && child_status == 0);
}

int main(void)
{
    own();
    another();
    return 0;
}
