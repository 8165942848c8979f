/* Files: struct stat, open flags, /proc of the guest, epoll, close_range. Alone: rivet sys_files;
 * the exit status is the line of the first check that failed, modulo 256, and the line is printed.
 * */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

static void stats(void)
{
    char name[] = "/tmp/rivet-stat-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && fchmod(fd, 0640) == 0 && ftruncate(fd, 123456) == 0);
    struct stat st, st2;
    struct statx sx;
    CHECK(fstat(fd, &st) == 0 && stat(name, &st2) == 0);
    CHECK(statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &sx) == 0);
    CHECK(st.st_size == 123456 && st2.st_size == 123456 && sx.stx_size == 123456);
    CHECK(st.st_mode == (S_IFREG | 0640) && st2.st_mode == st.st_mode && sx.stx_mode == st.st_mode);
    CHECK(st.st_ino == sx.stx_ino && st.st_nlink == 1 && st.st_uid == getuid());
    CHECK(major(st.st_dev) == sx.stx_dev_major && minor(st.st_dev) == sx.stx_dev_minor);
    CHECK(st.st_blksize == (int)sx.stx_blksize && st.st_blocks == (long)sx.stx_blocks);
    CHECK(st.st_mtim.tv_sec == sx.stx_mtime.tv_sec && st.st_mtim.tv_nsec == sx.stx_mtime.tv_nsec);
    CHECK(st.st_ctim.tv_sec == sx.stx_ctime.tv_sec && st.st_atim.tv_sec == sx.stx_atime.tv_sec);
    CHECK(unlink(name) == 0 && stat(name, &st) < 0 && errno == ENOENT);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    CHECK(syscall(SYS_fstat, fd, (void *)8) < 0 && errno == EFAULT);
    CHECK(open("/tmp", O_DIRECTORY | O_RDONLY) >= 0);
    CHECK(open("/dev/null", O_DIRECTORY | O_RDONLY) < 0 && errno == ENOTDIR);
    CHECK(open("/proc/self/exe", O_NOFOLLOW | O_RDONLY) < 0 && errno == ELOOP);
    int ap = open("/dev/null", O_WRONLY | O_APPEND | O_NONBLOCK);
    CHECK((fcntl(ap, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) ==
          (O_WRONLY | O_APPEND | O_NONBLOCK));
    struct iovec iov[2] = { { "ab", 2 }, { "cd", 2 } };
    CHECK(writev(fd, iov, 2) == 4);
    char buf[8] = "";
    CHECK(pread(fd, buf, 4, 0) == 4 && !memcmp(buf, "abcd", 4));
    close(ap);
    close(fd);
}

static char *slurp(const char *path, size_t *len)
{
    static char text[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    size_t n = 0;
    ssize_t r;
    while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
        n += (size_t)r;
    }
    text[n] = 0;
    close(fd);
    if (len) {
        *len = n;
    }
    return text;
}

/* The protection of the mapping that holds p, as /proc/self/maps says. */
static void map_of(const void *p, char perms[5], char name[256])
{
    char *save, *text = slurp("/proc/self/maps", NULL);
    uintptr_t last = 0;
    strcpy(perms, "none");
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        unsigned long s, e;
        char pr[5], nm[256] = "";
        CHECK(sscanf(l, "%lx-%lx %4s %*x %*x:%*x %*u %255s", &s, &e, pr, nm) >= 3);
        CHECK(s >= last && s < e);
        last = e;
        if ((uintptr_t)p >= s && (uintptr_t)p < e) {
            strcpy(perms, pr);
            strcpy(name, nm);
        }
    }
}

static int data_word = 1;

static void proc(char **argv)
{
    char perms[5], name[256], exe[PATH_MAX], real[PATH_MAX];
    int local;
    map_of((void *)proc, perms, name);
    CHECK(!strcmp(perms, "r-xp"));
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    CHECK(n > 0);
    exe[n] = 0;
    CHECK(realpath(argv[0], real) && !strcmp(real, exe));
    CHECK(!strcmp(name, exe));
    map_of(&data_word, perms, name);
    CHECK(!strcmp(perms, "rw-p"));
    map_of(&local, perms, name);
    CHECK(perms[0] == 'r' && perms[1] == 'w' && !strcmp(name, "[stack]"));
    void *m =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    map_of(m, perms, name);
    CHECK(!strcmp(perms, "rwxp"));
    mprotect(m, 4096, PROT_NONE);
    map_of(m, perms, name);
    CHECK(!strcmp(perms, "---p"));
    map_of((char *)m + 4096, perms, name);
    CHECK(!strcmp(perms, "rwxp"));
    munmap(m, 8192);
    map_of(m, perms, name);
    CHECK(!strcmp(perms, "none"));
    map_of(malloc(10), perms, name);
    CHECK(!strcmp(perms, "rw-p") && !strcmp(name, "[heap]"));
    CHECK(!strstr(slurp("/proc/self/maps", NULL), "rivet\n"));
    CHECK(strstr(slurp("/proc/self/smaps", NULL), "Rss:"));

    char tail[PATH_MAX];
    n = readlink("/proc/thread-self/exe", tail, sizeof(tail) - 1);
    CHECK(n == (ssize_t)strlen(exe) && !memcmp(tail, exe, (size_t)n));
    CHECK(readlink("/proc/self/exe", tail, 3) == 3);
    CHECK(chdir("/proc/self") == 0);
    n = readlink("exe", tail, sizeof(tail) - 1);
    CHECK(n == (ssize_t)strlen(exe) && !memcmp(tail, exe, (size_t)n));
    CHECK(chdir("/") == 0);
    struct stat a, b;
    CHECK(stat("/proc/self/exe", &a) == 0 && stat(exe, &b) == 0 && a.st_ino == b.st_ino);
    CHECK(lstat("/proc/self/exe", &a) == 0 && S_ISLNK(a.st_mode));
    char magic[20];
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd >= 0 && read(fd, magic, 20) == 20 && !memcmp(magic, "\177ELF", 4) &&
          magic[18] == (char)243);
    close(fd);

    size_t len;
    CHECK(!strcmp(slurp("/proc/self/cmdline", &len), argv[0]));
    CHECK(len == strlen(argv[0]) + 1);
    unsigned long *av = (unsigned long *)slurp("/proc/self/auxv", &len), pagesz = 0;
    for (; av[0]; av += 2) {
        pagesz = av[0] == AT_PAGESZ ? av[1] : pagesz;
    }
    CHECK(pagesz == 4096);
    char *st = strrchr(slurp("/proc/self/stat", NULL), ')');
    unsigned long start_stack = 0;
    for (int field = 2; st && field < 28; field++) {
        st = strchr(st + 1, ' ');
        start_stack = st ? strtoul(st, NULL, 10) : 0;
    }
    CHECK(start_stack > (uintptr_t)&local && start_stack - (uintptr_t)&local < 1 << 20);
    char *ci = slurp("/proc/cpuinfo", NULL);
    CHECK(strstr(ci, "isa\t\t: rv64imafdc") && strstr(ci, "mmu\t\t: sv48") && !strstr(ci, "uarch"));
    CHECK(slurp("/proc/stat", NULL)[0] == 'c');
    struct utsname u;
    CHECK(uname(&u) == 0 && !strcmp(u.machine, "riscv64") && !strcmp(u.sysname, "Linux"));
}

static void polling(void)
{
    int p[2], ep = epoll_create1(EPOLL_CLOEXEC);
    CHECK(ep >= 0 && pipe2(p, O_CLOEXEC) == 0);
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 }, out[3];
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
    struct epoll_event ev2 = { .events = EPOLLOUT, .data.u64 = 0x99aabbccddeeff00 };
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev2) == 0);
    CHECK(epoll_wait(ep, out, 3, 0) == 1 && out[0].data.u64 == ev2.data.u64 &&
          out[0].events == EPOLLOUT);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(epoll_wait(ep, out, 3, 1000) == 2);
    CHECK(out[0].data.u64 + out[1].data.u64 == ev.data.u64 + ev2.data.u64);
    CHECK(epoll_wait(ep, out, 0, 0) < 0 && errno == EINVAL);
    CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL) == 0);
    struct pollfd pf[2] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 } };
    CHECK(poll(pf, 2, 0) == 2 && pf[0].revents == POLLIN && pf[1].revents == POLLOUT);
    fd_set r;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    struct timeval tv = { 1, 0 };
    CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 1 && FD_ISSET(p[0], &r));
    CHECK(dup3(p[0], 100, 0) == 100 && syscall(SYS_close_range, 100, 100, 0) == 0);
    CHECK(fcntl(100, F_GETFD) < 0 && errno == EBADF);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    CHECK(fcntl(p[0], F_GETFD) < 0);
}

int main(int argc, char **argv)
{
    stats();
    proc(argv);
    polling();
    CHECK(syscall(38, AT_FDCWD, "a", AT_FDCWD, "b") < 0 && errno == ENOSYS);
    CHECK(syscall(5000) < 0 && errno == ENOSYS);
    CHECK(syscall(250) < 0 && errno == ENOSYS);
    return 0;
}
