/* class: call. A byte code interpreter by function pointers. */
#include <stdio.h>
#include <stdlib.h>
static long st[64], *sp = st, counter, acc;
static const signed char *pc;
typedef int op(void);
static int push(void) { *++sp = *pc++; return 1; }
static int add(void) { sp--; sp[0] += sp[1]; return 1; }
static int mul(void) { sp--; sp[0] *= sp[1]; return 1; }
static int dup(void) { sp[1] = sp[0]; sp++; return 1; }
static int drop(void) { acc += *sp--; return 1; }
static int loop(void) { int d = *pc++; if (--counter > 0) pc += d; return 1; }
static int halt(void) { return 0; }
static op *const ops[] = { push, add, mul, dup, drop, loop, halt };
int main(int argc, char **argv)
{
    static const signed char code[] = { 3, 0, 3, 2, 0, 7, 1, 3, 1, 4, 5, -12, 6 };
    counter = argc > 1 ? atol(argv[1]) : 20000000;
    pc = code;
    *sp = 1;
    while (ops[(int)*pc++]()) {}
    printf("%ld\n", acc);
}
