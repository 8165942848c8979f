/* What requests of io_uring point to: events of epoll, paths of files that only the guest has.
 * Alone: rivet uring_epoll; the line of the first check that failed is printed. Nothing is checked
 * where the kernel has no io_uring. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

enum { ENTRIES = 8, OP_EPOLL_WAIT = 59, NO_SQARRAY = 1 << 16 };

static int ring;
static uint8_t *sq;
static struct io_uring_sqe *sqes;
static struct io_uring_params params;
static unsigned sqe_size;

static int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags)
{
    return (int)syscall(SYS_io_uring_enter, fd, submit, wait, flags, NULL, 0);
}

static int open_ring(unsigned flags)
{
    memset(&params, 0, sizeof(params));
    params.flags = flags;
    sqe_size = flags & IORING_SETUP_SQE128 ? 128 : 64;
    ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring < 0) {
        return 0;
    }
    CHECK(params.features & IORING_FEAT_SINGLE_MMAP);
    size_t len = params.cq_off.cqes + params.cq_entries * 16;
    sq = mmap(NULL, len + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
              IORING_OFF_SQ_RING);
    sqes = mmap(NULL, params.sq_entries * sqe_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                IORING_OFF_SQES);
    CHECK(sq != MAP_FAILED && sqes != MAP_FAILED);
    return 1;
}

static uint32_t *field(uint32_t off)
{
    return (uint32_t *)(sq + off);
}

/* The next free request, already in the ring. */
static struct io_uring_sqe *next_sqe(void)
{
    uint32_t tail = *field(params.sq_off.tail), index = tail & *field(params.sq_off.ring_mask);
    struct io_uring_sqe *s = (struct io_uring_sqe *)((uint8_t *)sqes + index * sqe_size);
    memset(s, 0, sqe_size);
    if (!(params.flags & NO_SQARRAY)) {
        field(params.sq_off.array)[index] = index;
    }
    __atomic_store_n(field(params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
    return s;
}

static struct io_uring_sqe *ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    struct io_uring_sqe *s = next_sqe();
    s->opcode = IORING_OP_EPOLL_CTL;
    s->fd = epfd;
    s->off = (uint64_t)fd;
    s->len = (uint32_t)op;
    s->addr = (uint64_t)(uintptr_t)ev;
    return s;
}

static int result(void)
{
    uint32_t head = *field(params.cq_off.head);
    CHECK(head != __atomic_load_n(field(params.cq_off.tail), __ATOMIC_ACQUIRE));
    struct io_uring_cqe *c =
        (struct io_uring_cqe *)(sq + params.cq_off.cqes) + (head & *field(params.cq_off.ring_mask));
    int res = c->res;
    __atomic_store_n(field(params.cq_off.head), head + 1, __ATOMIC_RELEASE);
    return res;
}

static void use_ring(unsigned fd, unsigned flags)
{
    struct epoll_event ev[3] = { { .events = EPOLLIN, .data.u64 = 0x1122334455667788 },
                                 { .events = EPOLLOUT, .data.u64 = 0x99aabbccddeeff00 },
                                 { .events = EPOLLIN, .data.u64 = 0x0102030405060708 } };
    struct epoll_event out[4];
    int p[2], ep = epoll_create1(0);
    CHECK(ep >= 0 && pipe(p) == 0);

    /* two at once; the requests stay as the program wrote them */
    struct io_uring_sqe *s = ctl(ep, EPOLL_CTL_ADD, p[0], &ev[0]);
    ctl(ep, EPOLL_CTL_ADD, p[1], &ev[1]);
    CHECK(enter(fd, 2, 2, IORING_ENTER_GETEVENTS | flags) == 2);
    CHECK(s->addr == (uint64_t)(uintptr_t)&ev[0] && s->opcode == IORING_OP_EPOLL_CTL);
    CHECK(result() == 0 && result() == 0);
    CHECK(ev[0].data.u64 == 0x1122334455667788 && ev[1].events == EPOLLOUT);

    CHECK(epoll_wait(ep, out, 4, 1000) == 1);
    CHECK(out[0].events == EPOLLOUT && out[0].data.u64 == 0x99aabbccddeeff00);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(epoll_wait(ep, out, 4, 1000) == 2);
    CHECK(out[0].data.u64 + out[1].data.u64 == 0x1122334455667788 + 0x99aabbccddeeff00);

    ctl(ep, EPOLL_CTL_MOD, p[0], &ev[2]);
    ctl(ep, EPOLL_CTL_DEL, p[1], NULL);
    next_sqe()->opcode = IORING_OP_NOP;
    ctl(ep, EPOLL_CTL_ADD, p[0], &ev[0]);
    CHECK(enter(fd, 4, 0, flags) == 4);
    CHECK(result() == 0 && result() == 0 && result() == 0 && result() == -EEXIST);
    CHECK(epoll_wait(ep, out, 4, 1000) == 1 && out[0].data.u64 == 0x0102030405060708);

    ctl(ep, EPOLL_CTL_MOD, p[0], NULL);
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1 && result() == -EFAULT);

    /* Either not known, or done right, as the probe says. */
    union {
        struct io_uring_probe probe;
        char bytes[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
    } known = { .probe = { 0 } };
    CHECK(syscall(SYS_io_uring_register, ring, IORING_REGISTER_PROBE, &known, 256) == 0);
    int has_wait = known.probe.ops[OP_EPOLL_WAIT].flags & IO_URING_OP_SUPPORTED;
    s = next_sqe();
    s->opcode = OP_EPOLL_WAIT;
    s->fd = ep;
    s->addr = (uint64_t)(uintptr_t)out;
    s->len = 4;
    memset(out, 0, sizeof(out));
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1);
    int r = result();
    CHECK(has_wait == (r != -EINVAL));
    CHECK(r == -EINVAL || (r == 1 && out[0].data.u64 == 0x0102030405060708));
    CHECK(s->opcode == OP_EPOLL_WAIT);
    close(p[0]);
    close(p[1]);
    close(ep);
}

static struct io_uring_sqe *with_path(int op, const char *path)
{
    struct io_uring_sqe *s = next_sqe();
    s->opcode = (uint8_t)op;
    s->fd = AT_FDCWD;
    s->addr = (uint64_t)(uintptr_t)path;
    return s;
}

static int opens(unsigned fd, unsigned flags, const char *path, uint8_t how)
{
    struct io_uring_sqe *s = with_path(IORING_OP_OPENAT, path);
    s->open_flags = O_CLOEXEC;
    s->flags = how;
    s->user_data = 77;
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1);
    CHECK(s->opcode == IORING_OP_OPENAT && s->addr == (uint64_t)(uintptr_t)path &&
          s->user_data == 77);
    return result();
}

static void use_paths(unsigned fd, unsigned flags)
{
    static char text[65536];
    char dir[] = "/tmp/uring.XXXXXX", from[64], to[64];
    for (int how = 0; how <= IOSQE_ASYNC; how += IOSQE_ASYNC) {
        int file = opens(fd, flags, "/proc/cpuinfo", (uint8_t)how);
        CHECK(file >= 0 && fcntl(file, F_GETFD) == FD_CLOEXEC);
        CHECK(read(file, text, sizeof(text) - 1) > 0 && close(file) == 0);
#ifdef __riscv
        struct utsname u;
        unsigned major = 0, minor = 0;
        CHECK(uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2);
        CHECK(strstr(text, "isa\t\t: rv64") || major * 100 + minor < 611);
#endif
        struct stat a, b;
        struct statx x;
        CHECK(stat("/proc/self/exe", &a) == 0);
        CHECK((file = opens(fd, flags, "/proc/self/exe", (uint8_t)how)) >= 0 &&
              fstat(file, &b) == 0);
        CHECK(a.st_ino == b.st_ino && close(file) == 0);
        struct io_uring_sqe *s = with_path(IORING_OP_STATX, "/proc/self/exe");
        s->len = STATX_INO;
        s->off = (uint64_t)(uintptr_t)&x;
        CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1);
        CHECK(result() == 0 && x.stx_ino == a.st_ino);
        CHECK(opens(fd, flags, "/proc/none/cpuinfo", (uint8_t)how) == -ENOENT);
        CHECK(opens(fd, flags, (char *)8, (uint8_t)how) == -EFAULT);
    }
    CHECK(mkdtemp(dir));
    snprintf(from, sizeof(from), "%s/from", dir);
    snprintf(to, sizeof(to), "%s/to", dir);
    with_path(IORING_OP_MKDIRAT, from)->len = 0700;
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1 && result() == 0);
    struct io_uring_sqe *s = with_path(IORING_OP_RENAMEAT, from);
    s->addr2 = (uint64_t)(uintptr_t)to;
    s->len = (uint32_t)AT_FDCWD;
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1 && result() == 0);
    with_path(IORING_OP_UNLINKAT, to)->unlink_flags = AT_REMOVEDIR;
    CHECK(enter(fd, 1, 1, IORING_ENTER_GETEVENTS | flags) == 1 && result() == 0);
    CHECK(rmdir(dir) == 0);
}

int main(void)
{
    static const unsigned setups[] = { 0, IORING_SETUP_SQE128, NO_SQARRAY };
    for (unsigned i = 0; i < sizeof(setups) / sizeof(setups[0]); i++) {
        if (!open_ring(setups[i])) {
            CHECK(errno == ENOSYS || errno == EPERM || errno == EINVAL);
            continue;
        }
        use_ring((unsigned)ring, 0);
        use_paths((unsigned)ring, 0);
        struct io_uring_rsrc_update u = { .offset = ~0u, .data = (uint64_t)ring };
        if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_RING_FDS, &u, 1) == 1) {
            use_ring(u.offset, IORING_ENTER_REGISTERED_RING);
            use_paths(u.offset, IORING_ENTER_REGISTERED_RING);
        }
        close(ring);
    }
    return 0;
}
