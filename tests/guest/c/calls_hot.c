/* Hot calls: what a callee changes (registers, the rounding mode, the code behind its call, the
 * place that it returns to), faults behind a call, jumps out of many calls, signals in recursion.
 * Prints what hardware would. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum { N = 6000 };

/* ---- registers ---- */

/* The caller knows a4, a5, t3, t5 before its calls, the callee has changed them behind; ra is not
 * what the call left in it. fa5 held a single, and is a double. */
uint64_t registers(uint64_t n);
__asm__(
    ".text\n.align 2\n.globl registers\n"
    "change: addi a5, a5, 3; slli a4, a4, 2; xori t3, t3, 9; add t5, t5, a5; mv t0, ra; li ra, 77; fcvt.d.l fa5, a5; jr t0\n"
    "registers: addi sp, sp, -16; sd ra, 0(sp); li a1, 0; li t4, 0\n"
    "1: li a5, 5; li a4, 6; li t3, 7; lui t5, 0x12345; fcvt.s.l fa5, a5; jal change\n"
    "add a1, a1, a5; xor a1, a1, a4; add a1, a1, t3; sub a1, a1, t5; add a1, a1, ra; fcvt.l.d t6, fa5; add a1, a1, t6\n"
    "li a5, 1; li a4, 2; la t1, change; fcvt.s.l fa5, a4; jalr t1; slli a5, a5, 3; add a1, a1, a5; xor a1, a1, a4\n"
    "fcvt.l.d t6, fa5; add a1, a1, t6; slli t6, a1, 5; xor a1, a1, t6; add t4, t4, a1; addi a0, a0, -1; bnez a0, 1b\n"
    "mv a0, t4; ld ra, 0(sp); addi sp, sp, 16; ret\n");

/* ---- rounding mode ---- */

uint64_t rounding(uint64_t n, double a, double b);
__asm__(
    ".globl rounding\n"
    "set_mode: fsrm t0; ret\n"
    "rounding: addi sp, sp, -16; sd ra, 0(sp); li a1, 0\n"
    "1: andi t0, a0, 3; fdiv.d fa2, fa0, fa1; jal set_mode; fdiv.d fa3, fa0, fa1; fmv.x.d t1, fa2; fmv.x.d t2, fa3\n"
    "add a1, a1, t1; slli t3, a1, 3; xor a1, a1, t3; add a1, a1, t2; addi a0, a0, -1; bnez a0, 1b\n"
    "fsrmi 0; mv a0, a1; ld ra, 0(sp); addi sp, sp, 16; ret\n");

/* ---- returns to elsewhere ---- */

uint64_t elsewhere(uint64_t n);
__asm__(
    ".globl elsewhere\n"
    "skip: andi t0, a0, 63; bnez t0, 2f; addi ra, ra, 4\n2: ret\n"
    "elsewhere: addi sp, sp, -16; sd ra, 0(sp); li a1, 0\n"
    ".option push\n.option norvc\n"
    "1: jal skip; addi a1, a1, 5; addi a1, a1, 1; .option pop\n addi a0, a0, -1; bnez a0, 1b\n"
    "mv a0, a1; ld ra, 0(sp); addi sp, sp, 16; ret\n");

/* ---- faults ---- */

extern char after_call[];
uint64_t faulting(uint64_t n, uint64_t *p);
__asm__(
    ".globl faulting, after_call\n"
    "leaf: addi a5, a5, 1; addi t5, t5, 2; ret\n"
    "faulting: addi sp, sp, -16; sd ra, 0(sp); li t4, 0; li a5, 0; li t5, 0\n"
    "1: mv a4, a1; andi a3, a0, 1023; bnez a3, 2f; li a4, 0\n"
    "2: jal leaf; addi a3, a5, 7; addi t3, t5, 9\nafter_call: ld a2, 0(a4); add t4, t4, a2; add t4, t4, a3; add t4, t4, t3\n"
    "addi a0, a0, -1; bnez a0, 1b\n"
    "mv a0, t4; ld ra, 0(sp); addi sp, sp, 16; ret\n");

static uint64_t seen, forty = 40;

static void on_fault(int sig, siginfo_t *si, void *context)
{
    unsigned long *r = ((ucontext_t *)context)->uc_mcontext.__gregs;
    seen = seen * 31 + r[0] - (uint64_t)after_call;
    seen = seen * 31 + r[10] + r[13] * 3 + r[15] * 5 + r[28] * 7 + r[30] * 11;
    r[14] = (uint64_t)&forty;
}

/* ---- code ---- */

static uint32_t *code;          /* 0: caller, 32: callee */

static void flush(void)
{
    __builtin___clear_cache((char *)code, (char *)code + 4096);
}

static uint32_t li(unsigned rd, int imm)
{
    return (uint32_t)imm << 20 | rd << 7 | 0x13;
}

static void make_code(void)
{
    code[0] = 0x00008293;       /* mv t0, ra */
    code[1] = 0x000580e7;       /* jalr a1 */
    code[2] = li(10, 1);
    code[3] = 0x00028067;       /* jr t0 */
    code[32] = 0x00008067;      /* ret */
    flush();
}

typedef uint64_t CodeFn(uint64_t, void *);

/* Called with t0 in use: the caller's own way back. */
void rewrite(void);
__asm__(
    ".globl rewrite\n"
    "rewrite: addi sp, sp, -32; sd t0, 0(sp); sd ra, 8(sp); jal do_rewrite; ld t0, 0(sp); ld ra, 8(sp); addi sp, sp, 32; ret\n");

void do_rewrite(void)
{
    code[2] = li(10, (code[2] >> 20) + 1);
    flush();
}

static void test_code(void)
{
    uint64_t sum = 0;
    make_code();
    for (int i = 0; i < 40000; i++) {
        sum += ((CodeFn *)code)(0, i % 4000 == 3999 ? (void *)rewrite : (void *)(code + 32));
    }
    printf("code: %lu\n", sum);
}

/* Another thread changes the code behind a call while the callee waits for that. */
static _Atomic int stage;

void wait_there(void);
__asm__(
    ".globl wait_there\n"
    "wait_there: addi sp, sp, -32; sd t0, 0(sp); sd ra, 8(sp); jal do_wait; ld t0, 0(sp); ld ra, 8(sp); addi sp, sp, 32; ret\n");

void do_wait(void)
{
    stage = 1;
    while (stage == 1) {
        usleep(100);
    }
}

static void *change_it(void *arg)
{
    while (stage != 1) {
        usleep(100);
    }
    do_rewrite();
    stage = 2;
    return NULL;
}

static void test_other_thread(void)
{
    uint64_t sum = 0;
    for (int k = 0; k < 5; k++) {
        pthread_t t;
        make_code();
        for (int i = 0; i < 10000; i++) {
            sum += ((CodeFn *)code)(0, code + 32);
        }
        stage = 0;
        pthread_create(&t, NULL, change_it, NULL);
        sum += 1000 * ((CodeFn *)code)(0, (void *)wait_there);
        pthread_join(t, NULL);
    }
    printf("other thread: %lu\n", sum);
}

/* ---- longjmp, recursion, signals ---- */

static jmp_buf env;

__attribute__((noinline)) static long deep(long n, long v)
{
    if (!n) {
        if (v % 3 == 0) {
            longjmp(env, (int)(v & 1023) + 1);
        }
        return v;
    }
    return deep(n - 1, v + 1) * 2 + 1;
}

static void test_longjmp(void)
{
    volatile long sum = 0;
    for (volatile long i = 0; i < 20000; i++) {
        int r = setjmp(env);
        sum = sum * 3 + (r ? r : deep(i % 7, i));
    }
    printf("longjmp: %ld\n", sum);
}

__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static long fib(long n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static volatile sig_atomic_t signals;

static void on_alarm(int sig)
{
    signals += fib(7) == 13;
}

static void test_signals(void)
{
    struct itimerval it = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
    int wrong = 0;
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &it, NULL);
    for (int i = 0; i < 200 && (i < 20 || signals < 5); i++) {
        wrong += fib(20) != 6765;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("signals: %d\n", wrong);
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("registers: %016lx\n", registers(N));
    printf("rounding: %016lx\n", rounding(N, 1, 3));
    printf("elsewhere: %lu\n", elsewhere(N));
    uint64_t value = 1;
    printf("faults: %016lx", faulting(N, &value));
    printf(" %016lx\n", seen);
    test_code();
    test_other_thread();
    test_longjmp();
    test_signals();
    return 0;
}
