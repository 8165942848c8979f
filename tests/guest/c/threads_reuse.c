/* A thread gets what an ended one has left: its virtual CPU with predictions, its signal stack.
 * Nothing of the old one may show: neither code that has changed since, nor rounding mode, fp
 * flags, signal state. */
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUNDS = 60 };

static uint32_t *code;
static volatile double one = 1, three = 3;

static void *check(void *arg)
{
    long bad = 0, round = (long)arg;
    int (*fn)(void) = (int (*)(void))(void *)code;
    for (int i = 0; i < 20; i++) {
        bad |= fn() != round ? 1 : 0;
    }
    bad |= fegetround() != FE_TONEAREST || one / three != 0x1.5555555555555p-2 ? 2 : 0;
    bad |= fetestexcept(FE_DIVBYZERO) ? 16 : 0;
    stack_t ss;
    sigaltstack(NULL, &ss);
    bad |= ss.ss_flags != SS_DISABLE ? 4 : 0;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    bad |= sigismember(&set, SIGUSR1) ? 8 : 0;

    static char stack[32][65536];
    ss = (stack_t){ .ss_sp = stack[round % 32], .ss_size = 65536 };
    sigaltstack(&ss, NULL);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_kill(pthread_self(), SIGUSR1);      /* stays pending, and ends with us */
    fesetround(FE_UPWARD);
    feraiseexcept(FE_DIVBYZERO);
    if (round % 7 == 0) {
        pthread_exit((void *)bad);
    }
    return (void *)bad;
}

static void set_code(int v)
{
    code[0] = (uint32_t)v << 20 | 0x513;        /* li a0, v */
    code[1] = 0x00008067;                       /* ret */
    __builtin___clear_cache((char *)code, (char *)(code + 2));
}

static void *detached(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

int main(void)
{
    long bad = 0;
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < ROUNDS; i++) {
        pthread_t t[2];
        void *r;
        set_code((int)i);
        for (int n = 0; n < 2; n++) {
            pthread_create(&t[n], NULL, check, (void *)i);
        }
        for (int n = 0; n < 2; n++) {
            pthread_join(t[n], &r);
            bad |= (long)r;
        }
    }
    printf("left over: %ld\n", bad);

    int ended = 0;
    for (int i = 0; i < 300; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, detached, &ended) == 0) {
            pthread_detach(t);
        } else {
            i--;
        }
    }
    while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < 300) {
        usleep(100);
    }
    printf("detached: %d\n", ended);
    return 0;
}
