/* For the case sanitizers: argv[1] says what is wrong. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *volatile lost;
static int shared;

static __attribute__((noinline)) void lose(size_t size)
{
    lost = malloc(size);
    lost = NULL;
}

static void *count(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        shared++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    char *p = malloc(10), *volatile q = p;
    char array[10];
    volatile int n = argc > 2 ? atoi(argv[2]) : 0;
    pthread_t t;
    switch (argv[1][0]) {
    case 'h':
        q[n] = 1;
        break;
    case 's':
        array[n] = 1;
        printf("%d\n", array[n]);
        break;
    case 'f':
        free(p);
        return q[n];
    case 'l':
        lose(n);
        break;
    case 'o':
        printf("%d\n", 0x7fffffff + n);
        break;
    case 't':
        pthread_create(&t, NULL, count, NULL);
        count(NULL);
        pthread_join(t, NULL);
        break;
    }
    free(p);
    puts("end");
    return 0;
}
