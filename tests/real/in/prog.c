#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static sigjmp_buf env;
static void segv(int s, siginfo_t *i, void *u)
{
    (void)u;
    siglongjmp(env, i->si_addr == (void *)0x1000 ? s : -1);
}
static void *sum(void *p)
{
    long s = 0;
    for (long i = 0; i < (long)p; i++) {
        s += i;
    }
    return (void *)s;
}
static int cmp(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
    struct sigaction sa = { .sa_sigaction = segv, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, 0);
    int r = sigsetjmp(env, 1);
    if (!r) *(volatile int *)0x1000 = 1;
    printf("segv %d\n", r);
    pthread_t t[4];
    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, sum, (void *)(i * 1000));
    for (int i = 0; i < 4; i++) { void *v; pthread_join(t[i], &v); printf("%ld ", (long)v); }
    feclearexcept(FE_ALL_EXCEPT);
    volatile double z = 0, x = 1 / z;
    printf("\n%f %d %d\n", x, !!fetestexcept(FE_DIVBYZERO), !!fetestexcept(FE_INEXACT));
    fesetround(FE_UPWARD);
    volatile double one = 1, three = 3;
    printf("%.17g\n", one / three);
    fesetround(FE_TONEAREST);
    printf("%.17g %.9g %a %g\n", one / three, (double)(1.0f / 3), pow(2, .5), fmod(-7.5, 2));
    int a[] = { 5, 3, 9, -1 };
    qsort(a, 4, 4, cmp);
    printf("%d %d %s\n", a[0], a[3], strerror(ENOENT));
    printf("%d\n", mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
                       errno == EINVAL);
    return 0;
}
