/*
 * requests.c: what requests of io_uring name where the root is a directory: files and Unix sockets.
 * The root is that of view.c. Prints what is wrong; with an argument, that there is no io_uring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../c/check.h"

/* One request of io_uring: its result. */
static int one_request(struct io_uring_sqe sqe)
{
    struct io_uring_params p = { 0 };
    int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
    char *sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    void *sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (sq == MAP_FAILED || sqes == MAP_FAILED) {
        return -ENOSYS;
    }
    memcpy(sqes, &sqe, sizeof(sqe));
    ++*(unsigned *)(sq + p.sq_off.tail);
    int n = (int)syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
    int result = n == 1 ? ((struct io_uring_cqe *)(sq + p.cq_off.cqes))->res : -1000;
    munmap(sq, 4096);
    munmap(sqes, 4096);
    close(ring);
    return result;
}

#define REQUEST(op, at, path, ...) \
    one_request((struct io_uring_sqe){ .opcode = IORING_OP_##op, .fd = at, \
                                       .addr = (uint64_t)(uintptr_t)(path), __VA_ARGS__ })

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    struct statx st;
    struct sockaddr_un at = { AF_UNIX, "/dir/ring" };
    struct io_uring_params poll = { .flags = IORING_SETUP_SQPOLL };
    int fd = REQUEST(OPENAT, AT_FDCWD, "/etc/up"), etc = open("/etc", O_PATH);
    char text[8] = "";
    if (fd == -ENOSYS) {
        puts(argc > 1 ? "no io_uring" : "ok");
        return 0;
    }
    CHECK(read(fd, text, 8) == 5 && !strcmp(text, "motd\n") && close(fd) == 0);
    CHECK((fd = REQUEST(OPENAT, etc, "dir/abs")) >= 0 && close(fd) == 0);
    CHECK(REQUEST(OPENAT, AT_FDCWD, "/secret") == -ENOENT);
    CHECK(REQUEST(OPENAT, etc, "../../secret") == -ENOENT);
    CHECK(REQUEST(OPENAT, AT_FDCWD, "/loop") == -ELOOP);
    CHECK(REQUEST(STATX, AT_FDCWD, "/abs", .len = STATX_BASIC_STATS,
                  .off = (uint64_t)(uintptr_t)&st) == 0);
    CHECK(S_ISREG(st.stx_mode) && st.stx_uid == 0 && st.stx_gid == 0);
    CHECK(REQUEST(MKDIRAT, AT_FDCWD, "/etc/dir/by-ring", .len = 0700) == 0);
    CHECK(rmdir("/dir/by-ring") == 0);
    int s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(s, (void *)&at, sizeof(at)) == 0);
    struct iovec iov = { "a", 1 };
    struct msghdr msg = {
        .msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &iov, .msg_iovlen = 1
    };
    CHECK(REQUEST(SENDMSG, c, &msg, .len = 1) == 1);
    CHECK(REQUEST(SEND, c, "b", .len = 1, .addr2 = (uint64_t)(uintptr_t)&at,
                  .addr_len = sizeof(at)) == 1);
    CHECK(REQUEST(CONNECT, c, &at, .off = sizeof(at)) == 0 && write(c, "c", 1) == 1);
    for (int i = 0; i < 3; i++) {
        CHECK(recv(s, text, 8, MSG_DONTWAIT) == 1 && text[0] == "abc"[i]);
    }
    fd = (int)syscall(SYS_io_uring_setup, 1, &poll);
    CHECK(fd >= 0 || errno == EPERM);
    close(fd);
    close(s);
    close(c);
    close(etc);
    CHECK(unlink("/dir/ring") == 0);
    puts("ok");
    return 0;
}
