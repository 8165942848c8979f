/* class: thread. Create and join many short threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *one(void *p) { return (void *)((long)p + 1); }
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 10000;
    long s = 0;
    for (int i = 0; i < n; i++) { pthread_t t; void *r; pthread_create(&t, 0, one, (void *)(long)i); pthread_join(t, &r); s += (long)r; }
    printf("%ld\n", s);
}
