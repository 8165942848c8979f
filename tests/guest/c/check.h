/* What the guest tests in C check with. Also built natively: nothing here knows the machine. */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* True, or the process ends here: children of a test say so by their status. */
#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #x, errno);                      \
            _exit(__LINE__ % 255 + 1);                                                             \
        }                                                                                          \
    } while (0)

/* The call answers -1 with that error. */
#define FAILS(e, x)                                                                                \
    do {                                                                                           \
        errno = 0;                                                                                 \
        CHECK((long)(x) == -1);                                                                    \
        CHECK(errno == (e));                                                                       \
    } while (0)

#endif
