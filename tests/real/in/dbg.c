/* For the cases gdb and strace. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int hits;
const char *text = "some text";

static void handler(int sig)
{
    hits++;
}

int twice(int x)
{
    return x * 2;
}

static int depth(int n)
{
    if (n == 0) {
        return twice(21);
    }
    return depth(n - 1);
}

static void *thread(void *arg)
{
    *(int *)arg = twice(*(int *)arg);
    return NULL;
}

int main(int argc, char **argv)
{
    int sum = 0;
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    for (int i = 1; i <= 3; i++) {
        pthread_t t;
        int n = i;
        pthread_create(&t, NULL, thread, &n);
        pthread_join(t, NULL);
        sum += n;
    }
    int deep = depth(3);
    printf("%d %d %d\n", hits, sum, deep);
    fflush(stdout);
    if (argc > 1) {
        *(volatile char *)16 = 1;
    }
    return 5;
}
