/* class: atomic. Atomics and mutexes, one thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 20000000;
    _Atomic long a = 0;
    _Atomic int b = 0;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    long plain = 0;
    for (long i = 0; i < n; i++) {
        atomic_fetch_add(&a, i);
        int e = (int)i;
        atomic_compare_exchange_strong(&b, &e, (int)i + 1);
        pthread_mutex_lock(&m);
        plain++;
        pthread_mutex_unlock(&m);
    }
    printf("%ld %d %ld\n", (long)a, (int)b, plain);
}
