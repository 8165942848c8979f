/* class: signal. raise() with a handler, and blocked and unblocked signals. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
static volatile long hits;
static void h(int s) { hits += s; }
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 300000;
    struct sigaction sa = { .sa_handler = h };
    sigset_t u, o;
    sigaction(SIGUSR1, &sa, 0);
    sigemptyset(&u);
    sigaddset(&u, SIGUSR1);
    for (long i = 0; i < n; i++) {
        raise(SIGUSR1);
        if (i % 8 == 0) { sigprocmask(SIG_BLOCK, &u, &o); raise(SIGUSR1); sigprocmask(SIG_SETMASK, &o, 0); }
    }
    printf("%ld\n", hits);
}
