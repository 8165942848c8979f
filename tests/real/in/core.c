/* For the case gdb-core: a thread that waits, a variable that is watched, an end by SIGABRT. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int total;
static pthread_barrier_t barrier;

static void *idle(void *arg)
{
    int here = 42;
    pthread_barrier_wait(&barrier);
    for (;;) {
        pause();
    }
    return arg + here;
}

static void add(int n)
{
    total += n;
}

int main(void)
{
    pthread_t t;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&t, NULL, idle, NULL);
    pthread_barrier_wait(&barrier);
    add(1);
    add(2);
    abort();
}
