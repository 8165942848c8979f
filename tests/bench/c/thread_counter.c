/* class: thread. Two threads share a counter, a mutex and a condition. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
static long n;
static _Atomic long counter;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static long guarded, local[2];
static void *work(void *arg)
{
    long id = (long)arg, s = 0;
    for (long i = 0; i < n; i++) {
        s = s * 31 + i;
        if (i % 64 == 0) counter++;
        if (i % 256 == 0) { pthread_mutex_lock(&m); guarded++; pthread_mutex_unlock(&m); }
    }
    local[id] = s;
    return 0;
}
int main(int argc, char **argv)
{
    n = argc > 1 ? atol(argv[1]) : 100000000;
    pthread_t t[2];
    for (long i = 0; i < 2; i++) pthread_create(&t[i], 0, work, (void *)i);
    for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
    printf("%ld %ld %d\n", (long)counter, guarded, local[0] == local[1]);
}
