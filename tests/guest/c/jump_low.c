/*
 * Jumps and returns to addresses that mark empty places in the predictors: each is a fault at the
 * address with bit 0 cleared.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static sigjmp_buf env;
static void *fault;

static void on_segv(int sig, siginfo_t *info, void *uc)
{
    fault = info->si_addr;
    siglongjmp(env, 1);
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    for (int round = 0; round < 2; round++) {
        for (long to = 0; to < 8; to++) {
            for (int how = 0; how < 3; how++) {
                if (sigsetjmp(env, 1)) {
                    printf("%ld %d %p\n", to, how, fault);
                } else if (how == 0) {
                    __asm__ volatile("mv ra, %0\n ret" : : "r"(to) : "ra", "memory");
                } else if (how == 1) {
                    __asm__ volatile("jr %0" : : "r"(to) : "memory");
                } else {
                    __asm__ volatile("jalr %0" : : "r"(to) : "ra", "memory");
                }
            }
        }
    }
    return 0;
}
