/* class: call. setjmp and longjmp out of nested calls. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
static jmp_buf env;
__attribute__((noinline)) static int deep(int n, int v) { if (!n) longjmp(env, v | 1); return deep(n - 1, v) + 1; }
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 40000000;
    volatile long sum = 0, i;
    for (i = 0; i < n; i++) {
        int r = setjmp(env);
        if (!r) sum += deep(5, (int)i & 1023);
        sum += r;
    }
    printf("%ld\n", sum);
}
