/* A hole that the program has made for a stack to grow into stays one: nothing of the emulator's
 * comes to lie there, whatever the size of the hole and however many threads begin. Alone: rivet
 * stack_in_hole. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printf("line %d: %s (errno %d)\n", __LINE__, #x, errno);                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { PAGE = 4096, GAP = 256 * PAGE, TOP = 16 * PAGE, THREADS = 4 };

static void *grow(void *limit)
{
    for (volatile char *p = __builtin_frame_address(0); p > (char *)limit; p -= PAGE / 2) {
        *(p - PAGE) = 1;
    }
    return NULL;
}

static void *sleep_on(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

static void stack_of(size_t size)
{
    pthread_t others[THREADS], thread;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_attr_t attr;
    pthread_mutex_lock(&gate);

    /* the threads' own stacks come first: theirs may lie anywhere */
    char *stacks =
        mmap(NULL, THREADS * GAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *room = mmap(NULL, GAP + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stacks != MAP_FAILED && room != MAP_FAILED && munmap(room, GAP + size) == 0);
    char *end = room + GAP + size;
    CHECK(mmap(end - TOP, TOP, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == end - TOP);

    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_attr_init(&attr) == 0 &&
              pthread_attr_setstack(&attr, stacks + i * GAP, GAP) == 0);
        CHECK(pthread_create(&others[i], &attr, sleep_on, &gate) == 0);
    }
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, room + GAP, size) == 0);
    CHECK(pthread_create(&thread, &attr, grow, room + GAP + 2 * PAGE) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(others[i], NULL) == 0);
    }
}

int main(void)
{
    static const size_t sizes[] = { 1, 4, 16, 64, 1, 2 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        stack_of(sizes[i] * 32 * PAGE);
    }
    return 0;
}
