/* epoll_wait gives as many events as are ready and asked for. Alone: rivet epoll_many; the line of
 * the first check that failed is printed. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { COUNT = 700 };

int main(void)
{
    static struct epoll_event out[COUNT + 8];
    static char seen[COUNT];
    int ep = epoll_create1(0);
    CHECK(ep >= 0);
    for (int i = 0; i < COUNT; i++) {
        int fd = eventfd(1, 0);
        struct epoll_event ev = { .events = EPOLLIN | EPOLLET,
                                  .data.u64 = 0x123456789a000000 + (uint64_t)i };
        CHECK(fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    }

    /* some, then all that are left, each once */
    int n = epoll_wait(ep, out, 100, 0);
    CHECK(n == 100);
    n += epoll_wait(ep, out + n, COUNT + 8 - n, 0);
    CHECK(n == COUNT && epoll_wait(ep, out + n, 8, 0) == 0);
    for (int i = 0; i < COUNT; i++) {
        uint64_t which = out[i].data.u64 - 0x123456789a000000;
        CHECK(out[i].events == EPOLLIN && which < COUNT && !seen[which]);
        seen[which] = 1;
    }

    CHECK(epoll_wait(ep, out, INT_MAX / (int)sizeof(out[0]) + 1, 0) == -1 && errno == EINVAL);
    CHECK(epoll_wait(ep, out, 0, 0) == -1 && errno == EINVAL);

    /* no room: the event is not lost */
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct epoll_event level = { .events = EPOLLIN };
    int fd = eventfd(1, 0);
    CHECK(none != MAP_FAILED && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &level) == 0);
    CHECK(epoll_wait(ep, (struct epoll_event *)none, 4, 0) == -1 && errno == EFAULT);
    CHECK(epoll_wait(ep, out, 4, 0) == 1);
    return 0;
}
