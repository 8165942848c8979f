/* Hot loops that call: functions that return elsewhere, targets that change, faults and signals
 * inside of functions that are called, longjmp out of them, code that is changed by a function
 * which returns into it. Prints what hardware would. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

static uint64_t hash;

static void mix(uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
}

/* ---- faults in a function, which then returns elsewhere ---- */

/* a0: table of addresses, a1: how many. t0 is read by a leaf; another function saves ra and calls
 * it through a pointer. A handler may let the leaf return to `elsewhere`. */
extern char fault_first[], elsewhere[], fault_loop[], fault_end[];
uint64_t faulting(uint64_t **table, long n);
__asm__(
    ".text\n.globl faulting, fault_first, elsewhere, fault_loop, fault_end\n.option push\n.option norelax\n.align 2\n"
    "faulting: addi sp, sp, -48; sd ra, 0(sp); sd s2, 8(sp); sd s3, 16(sp); sd s4, 24(sp); sd s5, 32(sp)\n"
    "li s2, 0; li s3, 3; li s4, 5; la s5, 7f; li t1, 0; li t3, 28; li t4, 29; li t5, 30; li t6, 31\n"
    "li a2, 12; li a3, 13; li a4, 14; li a5, 15; li a6, 16; li a7, 17; li t2, 7\n"
    "fault_loop: ld t0, 0(a0); addi a0, a0, 8\n"
    "jal 6f\n"
    "add s2, s2, s3; jal 8f\n"
    "elsewhere: xor s4, s4, s2; addi t1, t1, 1; addi a1, a1, -1; bnez a1, fault_loop\n"
    "xor a0, s2, s4; slli t1, t1, 3; add a0, a0, t1\n"
    "ld ra, 0(sp); ld s2, 8(sp); ld s3, 16(sp); ld s4, 24(sp); ld s5, 32(sp); addi sp, sp, 48; ret\n"
    "6: fault_first: addi s3, s3, 7; ld t2, 0(t0); xor s3, s3, t2; ret\n"          /* a leaf */
    "7: addi t3, t3, 1; lw t4, 8(t0); add s4, s4, t4; ret\n"                       /* called through s5 */
    "8: addi sp, sp, -16; sd ra, 0(sp); jalr s5; slli t5, t4, 1; add s4, s4, t5\n"
    "jalr s5; ld ra, 0(sp); addi sp, sp, 16; ret\n"
    "fault_end: nop\n.option pop\n");

static uint64_t good[4] = { 11, 22, 33, 44 }, faults, moved;

static void on_fault(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    uint64_t *x = (uint64_t *)uc->uc_mcontext.__gregs, base = (uint64_t)fault_loop;
    mix((uint64_t)si->si_addr);
    mix(x[0] - base);
    mix(x[1] - base);
    for (int i = 5; i < 32; i++) {
        mix((i >= 8 && i <= 10) || (i >= 21 && i <= 27) ? 0 : x[i]);   /* those that are set here */
    }
    if (++faults % 3 == 0 && x[0] - (uint64_t)fault_first < 8) {
        x[1] = (uint64_t)elsewhere;     /* the leaf does not return to where it was called from */
        moved++;
    }
    x[5] = (uint64_t)good;
}

static void test_faults(void)
{
    enum { N = 30000 };
    uint64_t **table = malloc(N * sizeof(*table));
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    for (int round = 0; round < 3; round++) {
        for (long i = 0; i < N; i++) {
            table[i] = i > N / 3 && i % 97 == 0 ? (uint64_t *)(i % 64 * 8) : good;
        }
        uint64_t r = faulting(table, N);
        printf("faults %lu, moved %lu, %016lx, result %016lx\n", faults, moved, hash, r);
    }
    free(table);
}

/* ---- targets ---- */

#define NOINLINE __attribute__((noinline))
typedef uint64_t Fn(uint64_t);
static NOINLINE uint64_t f_add(uint64_t x) { return x + 3; }
static NOINLINE uint64_t f_mul(uint64_t x) { return x * 5; }
static NOINLINE uint64_t f_xor(uint64_t x) { return x ^ x >> 7; }
static NOINLINE uint64_t f_sum(uint64_t n)
{
    uint64_t s = 0;
    while (n & 15) {
        s += n--;
    }
    return s;
}
static NOINLINE uint64_t f_two(uint64_t x) { return f_add(x) ^ f_mul(x + 1); }
static Fn *volatile fn[4] = { f_add, f_add, f_add, f_add };

static NOINLINE uint64_t apply(Fn *volatile *f, uint64_t n, uint64_t x)
{
    for (uint64_t i = 0; i < n; i++) {
        x = f[i & 3](x) + i;
    }
    return x;
}

/* A switch, by a table of jumps. */
static NOINLINE uint64_t machine(const uint8_t *code, uint64_t n)
{
    uint64_t acc = 1, pc = 0;
    while (n--) {
        switch (code[pc++]) {
        case 0: acc += 7; break;
        case 1: acc ^= acc << 3; break;
        case 2: acc = f_sum(acc) + acc; break;
        case 3: acc -= n; break;
        case 4: acc = f_two(acc); break;
        case 5: acc = acc >> 1 | acc << 63; break;
        case 6: pc = 0; break;
        default: acc++; break;
        }
    }
    return acc;
}

static void test_targets(void)
{
    uint64_t x = 1;
    static uint8_t code[4][8] = {
        { 0, 0, 0, 6 }, { 0, 1, 5, 6 }, { 4, 3, 2, 6 }, { 7, 2, 4, 1, 0, 3, 5, 6 }
    };
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 4; i++) {
            x = apply(fn, 6000, x);
            printf("targets %d %d: %016lx\n", round, i, x);
            fn[i] = round == 0   ? f_mul
                    : round == 1 ? f_two
                    : round == 2 ? f_sum
                    : i & 1      ? f_xor
                                 : f_add;
        }
        for (int i = 0; i < 4; i++) {
            printf("machine %016lx\n", machine(code[(i + round) & 3], 9000));
        }
    }
}

/* ---- recursion, longjmp ---- */

static NOINLINE uint64_t fib(uint64_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static NOINLINE uint64_t ack(uint64_t m, uint64_t n)
{
    return !m ? n + 1 : !n ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1));
}

static jmp_buf out;
static NOINLINE uint64_t thrower(uint64_t i, int depth)
{
    if (depth) {
        return thrower(i, depth - 1) + 1;
    }
    if (i % 64 == 63) {
        longjmp(out, (int)(i & 0xff));
    }
    return i;
}

static NOINLINE uint64_t catcher(uint64_t n)
{
    volatile uint64_t i = 0, sum = 0;
    sum += (uint64_t)setjmp(out);
    while (i < n) {
        uint64_t k = i;
        i = k + 1;
        sum += thrower(k, (int)(k & 3));
    }
    return sum;
}

/* ---- a return address that the function changes ---- */

uint64_t returns_elsewhere(uint64_t n);
__asm__(
    ".globl returns_elsewhere\n.option push\n.option norvc\nreturns_elsewhere: addi sp, sp, -16; sd ra, 0(sp); li t1, 0; li t2, 1\n"
    "1: jal 5f\n"
    "2: addi t1, t1, 1\n"                       /* 4 bytes: skipped now and then */
    "3: addi t1, t1, 16; jal t0, 6f; addi t1, t1, 3; addi a0, a0, -1; bnez a0, 1b\n"
    "mv a0, t1; ld ra, 0(sp); addi sp, sp, 16; ret\n"
    "5: andi t3, a0, 255; addi sp, sp, -16; sd ra, 8(sp); bnez t3, 4f; addi ra, ra, 4; sd ra, 8(sp)\n"
    "4: ld ra, 8(sp); addi sp, sp, 16; ret\n"
    "6: slli t3, a0, 54; snez t3, t3; xori t3, t3, 1; slli t3, t3, 2; add t0, t0, t3; jr t0\n.option pop\n");

/* ---- signals ---- */

/* A leaf that spins until s9 is set by a handler, which changes its ra, too. */
extern char spin_leaf[], spin_out[];
uint64_t spins(uint64_t n);
__asm__(
    ".globl spins, spin_leaf, spin_out\nspins: addi sp, sp, -32; sd ra, 0(sp); sd s9, 8(sp); sd s8, 16(sp); li s8, 0\n"
    "1: li s9, 1; jal spin_leaf; addi a0, a0, -1; bnez a0, 1b\n"
    "li s9, 0; jal spin_leaf; li s8, 1\n"
    "spin_out: mv a0, s8; ld ra, 0(sp); ld s9, 8(sp); ld s8, 16(sp); addi sp, sp, 32; ret\n"
    "spin_leaf: addi t3, t3, 1; add t4, t4, t3; addi t5, t5, 2; beqz s9, spin_leaf\n"
    "ret\nspin_end: nop\n");

static void on_alarm(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    unsigned long *x = (unsigned long *)uc->uc_mcontext.__gregs;
    if (x[0] - (uint64_t)spin_leaf < 16 && x[25] == 0) {
        x[25] = 1;
        x[1] = (uint64_t)spin_out;
    }
}

static void test_signals(void)
{
    struct sigaction sa = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO };
    struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
    uint64_t wrong = 0;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 10; i++) {
        wrong |= spins(5000);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("signals: %lu\n", wrong);
}

/* ---- code that changes ---- */

static uint32_t *code;

static void flush(void)
{
    __builtin___clear_cache((char *)code, (char *)code + 4096);
}

static uint32_t insn_i(unsigned op, unsigned rd, unsigned f3, unsigned rs1, int imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

/* Called from the loop at 2,500 and 5,000: changes what follows the call, and the leaf. */
static void change(uint64_t left)
{
    if (left == 2500 || left == 5000) {
        code[7] = insn_i(0x13, 9, 0, 9, left == 5000 ? 100 : 10000);
        code[20] = insn_i(0x13, 9, 0, 9, left == 5000 ? 2000000 >> 10 : 5);
        flush();
    }
}

/* s0 = counter, s1 = sum, s2 = change. The leaf is at 20. */
static void make_loop(uint32_t *p)
{
    static const uint32_t head[] = {
        0xfe010113,     /* addi sp, sp, -32 */
        0x00113023,     /* sd ra, 0(sp) */
        0x00813423,     /* sd s0, 8(sp) */
        0x00913823,     /* sd s1, 16(sp) */
        0x00050413,     /* mv s0, a0 */
        0x00000493,     /* li s1, 0 */
        0x05c000ef,     /* 6: jal 29 */
        0x00148493,     /* 7: addi s1, s1, 1 */
        0x034000ef,     /* 8: jal 21 - 1 */
        0xfff40413,     /* addi s0, s0, -1 */
        0xfe0418e3,     /* bnez s0, 6 */
        0x00048513,     /* mv a0, s1 */
        0x00013083,     /* ld ra, 0(sp) */
        0x00813403,     /* ld s0, 8(sp) */
        0x01013483,     /* ld s1, 16(sp) */
        0x02010113,     /* addi sp, sp, 32 */
        0x00008067,     /* ret */
    };
    for (unsigned i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        p[i] = head[i];
    }
    p[8] = 0x030000ef;                              /* jal 20 */
    p[20] = insn_i(0x13, 9, 0, 9, 7);               /* addi s1, s1, 7 */
    p[21] = 0x00008067;                             /* ret */
    p[29] = 0x00040513;                             /* mv a0, s0 */
    p[30] = 0x00000317;                             /* auipc t1, 0 */
    p[31] = 0x01033303;                             /* ld t1, 16(t1) */
    p[32] = 0x00030067;                             /* jr t1 */
    p[34] = (uint32_t)(uint64_t)change;
    p[35] = (uint32_t)((uint64_t)change >> 32);
}

static void test_changed(void)
{
    for (int i = 0; i < 4; i++) {
        make_loop(code);
        flush();
        printf("changed: %lu\n", ((Fn *)code)(8000));
    }
}

/* ---- while a loop is watched, each insn runs once, when it comes late too ---- */

double floats(long n, double x, double y, double z);
__asm__(".text\n.globl floats\n.option push\n.option norelax\n.align 2\n"
        "floats: addi sp, sp, -16; sd ra, 0(sp)\n"
        "1: fadd.d fa0, fa0, fa1; andi t0, a0, 3; addi t0, t0, -2; bnez t0, 3f; fneg.d fa0, fa0\n"
        "3: fmul.d fa0, fa0, fa2; fadd.d fa0, fa0, fa1\n"
        "jal 2f; fsub.d fa0, fa0, fa1; fneg.d fa0, fa0; fadd.d fa0, fa0, fa1\n"
        "addi a0, a0, -1; bnez a0, 1b; ld ra, 0(sp); addi sp, sp, 16; ret\n"
        "2: fneg.d fa0, fa0; fadd.d fa0, fa0, fa2; fneg.d fa0, fa0; ret\n"
        ".option pop\n");

static void test_floats(void)
{
    for (long n = 1; n < 40; n += n / 2 + 1) {
        printf("floats %ld: %a\n", n, floats(n, 0.1, 0.7, 1.0009765625));
    }
    printf("floats: %a\n", floats(600000, 0.1, 0.7, 0.9990234375));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test_faults();
    test_targets();
    printf("fib %lu, ack %lu, longjmp %lu\n", fib(24), ack(2, 300), catcher(20000));
    printf("returns elsewhere: %lu\n", returns_elsewhere(20000));
    test_changed();
    test_floats();
    test_signals();
    return 0;
}
