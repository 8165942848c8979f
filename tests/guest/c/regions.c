/* Hot loops: exact registers at faults in each block of one, signals that change registers in one,
 * code that changes while it runs, threads in the same one. Prints what hardware would. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum { A0 = 10, A1 = 11, S3 = 19, S9 = 25 };

/* ---- faults ---- */

/* Two loops, one in the other, three blocks that access memory through t0, t1, t2. Each fault is
 * mended by its handler. a0: table of addresses, a1: how many. */
extern char loops_start[], loops_end[];
uint64_t loops(uint64_t **table, long n);
__asm__(
    ".text\n.globl loops, loops_start, loops_end\n.align 2\n"
    "loops: addi sp, sp, -96\n"
    "sd s3, 0(sp); sd s4, 8(sp); sd s5, 16(sp); sd s6, 24(sp); sd s7, 32(sp); sd s8, 40(sp)\n"
    "sd s9, 48(sp); sd s10, 56(sp); sd s11, 64(sp); sd s2, 72(sp)\n"
    "li s3, 3; li s4, 4; li s5, 5; li s6, 6; li s7, 7; li s8, 8; li s9, 9; li s10, 10; li s11, 11\n"
    "li a2, 12; li a3, 13; li a4, 14; li a5, 15; li a6, 16; li a7, 17; li t3, 28; li t4, 29; li t5, 30; li t6, 31; li s2, 0\n"
    "fcvt.d.l fs2, s3; fcvt.d.l fs3, s4; fcvt.d.l ft8, s5; fcvt.s.l ft9, s6; fcvt.d.l fa5, s7\n"
    "loops_start:\n"
    "ld t0, 0(a0); ld t1, 8(a0); ld t2, 16(a0); addi a0, a0, 24\n"
    "add s3, s3, a6; xor s4, s4, s3; ld a6, 0(t0); add s5, s5, a6; fadd.d fs2, fs2, fs3\n"
    "li t6, 3\n"
    "1: addw s6, s6, t6; slli a7, s6, 3; xor s7, s7, a7\n"
    "andi a7, s7, 4; beqz a7, 2f\n"
    "lw t3, 4(t1); add s8, s8, t3; mv t4, s8; fmadd.d fs3, fs2, fs3, ft8; fadd.s ft9, ft9, ft9\n"
    "2: add s9, s9, s7; sd s9, 8(t2); sub s10, s10, s9; addiw t5, t5, 7; addi t6, t6, -1; bnez t6, 1b\n"
    "fcvt.d.l fs3, s6; fdiv.d ft8, fs3, fs2; fsqrt.s ft9, ft9\n"
    "xor s11, s11, s10; add s2, s2, s11; addi a1, a1, -1; bnez a1, loops_start\n"
    "loops_end:\n"
    "xor a0, s2, t4\n"
    "ld s3, 0(sp); ld s4, 8(sp); ld s5, 16(sp); ld s6, 24(sp); ld s7, 32(sp); ld s8, 40(sp)\n"
    "ld s9, 48(sp); ld s10, 56(sp); ld s11, 64(sp); ld s2, 72(sp)\n"
    "addi sp, sp, 96; ret\n");

static uint64_t hash, faults;
static uint64_t good[4] = { 11, 22, 33, 44 };

static void mix(uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    uint64_t pc = uc->uc_mcontext.__gregs[0];
    mix((uint64_t)si->si_addr);
    mix(pc - (uint64_t)loops_start);
    for (int i = 5; i < 32; i++) {      /* ra, sp, gp, tp differ from run to run */
        mix(i == A0 || i == 8 || i == 9 ? 0 : uc->uc_mcontext.__gregs[i]);
    }
    for (int i = 0; i < 32; i++) {
        mix(uc->uc_mcontext.__fpregs.__d.__f[i]);
    }
    mix(uc->uc_mcontext.__fpregs.__d.__fcsr);
    faults++;
    for (int i = 5; i <= 7; i++) {
        if (uc->uc_mcontext.__gregs[i] < 4096) {
            uc->uc_mcontext.__gregs[i] = (uint64_t)good;
        }
    }
}

static void test_faults(void)
{
    enum { N = 9000 };
    uint64_t **table = malloc(N * 3 * sizeof(*table));
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    for (int round = 0; round < 3; round++) {
        for (long i = 0; i < N * 3; i++) {
            table[i] = i > 3 * N / 2 && i % 211 == 0 ? (uint64_t *)(i % 64 * 8) : good;
        }
        uint64_t r = loops(table, N);
        printf("faults %d: %lu, %016lx, result %016lx\n", round, faults, hash, r);
    }
    free(table);
}

/* ---- signals ---- */

extern uint64_t spin(uint64_t n);
__asm__(
    ".globl spin\nspin: addi sp, sp, -16; sd s9, 0(sp); li s9, 0; li t3, 0; li t4, 0; li t5, 0\n"
    "1: addi t3, t3, 1; add t4, t4, t3; addi t5, t5, 2; addi t3, t3, 1; beqz s9, 1b\n"
    "sub a0, t3, t5; ld s9, 0(sp); addi sp, sp, 16; ret\n");

static atomic_int spinning;

/* A loop of one block, which may be translated as several rounds: it ends, and faults, in each. */
extern char round_start[];
uint64_t rounds(uint64_t **p, long n);
__asm__(
    ".globl rounds, round_start\n"
    "rounds: li t1, 1; li a4, 2; li a5, 3; fcvt.d.l fa5, a1; fcvt.d.l fa4, t1\n"
    "round_start: ld t0, 0(a0); addi a0, a0, 8; fdiv.d fa5, fa4, fa5; ld t1, 0(t0); add a4, a4, t1\n"
    "fmadd.d fa5, fa5, fa5, fa4; xor a5, a5, a4; addi a1, a1, -1; bnez a1, round_start\n"
    "fmv.x.d a1, fa5; xor a4, a4, a1; xor a0, a4, a5; ret\n");

static void on_round(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    unsigned long *r = uc->uc_mcontext.__gregs;
    mix(r[0] - (uint64_t)round_start);
    mix(r[5]);
    mix(r[6]);
    mix(r[A1]);
    mix(r[14]);
    mix(r[15]);
    mix(uc->uc_mcontext.__fpregs.__d.__f[15]);
    r[5] = (uint64_t)good;
    faults++;
}

static void test_rounds(void)
{
    enum { N = 300000 };
    uint64_t **p = malloc(N * sizeof(*p));
    struct sigaction sa = { .sa_sigaction = on_round, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    hash = faults = 0;
    for (int i = 0; i < N; i++) {
        p[i] = &good[i % 4];
    }
    mix(rounds(p, N));
    for (long n = 1; n < 8; n++) {
        for (long bad = 0; bad <= n; bad++) {
            p[bad] = (uint64_t *)16;
            mix(rounds(p, n));
            p[bad] = &good[bad % 4];
        }
    }
    printf("rounds: %lu faults, %016lx\n", faults, hash);
    free(p);
}


static void on_alarm(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    if (uc->uc_mcontext.__gregs[0] - (uint64_t)spin < 80 && uc->uc_mcontext.__gregs[29]) {
        uc->uc_mcontext.__gregs[S9] = 1;
    }
}

static void test_signals(void)
{
    struct sigaction sa = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO };
    struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    uint64_t wrong = 0;
    for (int i = 0; i < 10; i++) {
        wrong |= spin(0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("signals: %lu\n", wrong);
}

/* ---- divisors ---- */

uint64_t divisions(uint64_t n, uint64_t x, uint64_t d, uint64_t e);
__asm__(
    ".globl divisions\ndivisions: li t0, 0\n"
    "1: divu t1, a1, a2; remu t2, a1, a2; div t3, a1, a3; rem t4, a1, a3; divuw t5, a1, a2; remw t6, a1, a3\n"
    "divw a4, a1, a3; remuw a5, a1, a2\n"
    "add t0, t0, t1; xor t0, t0, t2; add t0, t0, t3; xor t0, t0, t4; add t0, t0, t5; xor t0, t0, t6\n"
    "slli a6, t0, 7; add t0, t0, a4; xor t0, t0, a5; add t0, t0, a6; xor a1, a1, t0; addi a0, a0, -1; bnez a0, 1b\n"
    "mv a0, t0; ret\n");

/* Registers that are divisors in a loop and stay the same in it, until it is entered with others.
 * */
static void test_divisors(void)
{
    static const uint64_t some[] = { 7, 10,   1000000007, 3,  -5ul,  4294967291u,           0,
                                     1, -1ul, 1ul << 63,  64, -64ul, 6148914691236517205ul, ~1ul };
    enum { N = sizeof(some) / sizeof(some[0]) };
    for (int i = 0; i < N; i++) {
        uint64_t r = divisions(5000, 12345 + i, some[i], some[(i * 5 + 2) % N]);
        r ^= divisions(70000, ~0ul << i, some[i], some[(i * 5 + 2) % N]);
        r ^= divisions(5000, 1ul << 63, some[i], some[(i * 3 + 1) % N]);
        printf("divisors %d: %016lx\n", i, r);
    }
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

/* a0 = sum over a1 times of step; in t3, which has no register of the host's usually. */
static unsigned make_loop(uint32_t *p, int step)
{
    unsigned n = 0;
    p[n++] = insn_i(0x13, 28, 0, 0, 0);             /* li t3, 0 */
    p[n++] = insn_i(0x13, 28, 0, 28, step);         /* 1: addi t3, t3, step */
    p[n++] = insn_i(0x13, A1, 0, A1, -1);           /* addi a1, a1, -1 */
    p[n++] = 0xfe059ce3;                            /* bnez a1, 1b */
    p[n++] = insn_i(0x13, A0, 0, 28, 0);            /* mv a0, t3 */
    p[n++] = 0x00008067;                            /* ret */
    return n;
}

typedef uint64_t LoopFn(uint64_t, uint64_t);

static void test_rewritten(void)
{
    uint64_t sum = 0;
    for (int step = 1; step < 30; step++) {
        make_loop(code, step);
        flush();
        sum += ((LoopFn *)code)(0, 5000);
    }
    printf("rewritten: %lu\n", sum);
}

static void *run_for_ever(void *arg)
{
    return (void *)((LoopFn *)code)(0, ~0ul);
}

/* The loop becomes one that ends while a thread is in it. */
static void test_broken(void)
{
    for (int i = 0; i < 10; i++) {
        pthread_t t;
        void *r;
        make_loop(code, 1);
        flush();
        pthread_create(&t, NULL, run_for_ever, NULL);
        usleep(3000);
        __atomic_store_n(&code[3], insn_i(0x13, 0, 0, 0, 0), __ATOMIC_RELAXED);
        flush();
        pthread_join(t, &r);
        if (!r) {
            printf("loop did not run\n");
        }
    }
    printf("broken\n");
}

/* ---- threads ---- */

static pthread_barrier_t barrier;

static void *run_together(void *arg)
{
    uint64_t sum = 0;
    for (int i = 0; i < 40; i++) {
        pthread_barrier_wait(&barrier);
        sum += ((LoopFn *)(code + 16 * i))(0, 20000 + i);
    }
    return (void *)sum;
}

static void test_threads(void)
{
    enum { N = 4 };
    pthread_t t[N];
    for (int i = 0; i < 40; i++) {
        make_loop(code + 16 * i, i + 1);
    }
    flush();
    pthread_barrier_init(&barrier, NULL, N);
    for (long i = 0; i < N; i++) {
        pthread_create(&t[i], NULL, run_together, NULL);
    }
    for (int i = 0; i < N; i++) {
        void *r;
        pthread_join(t[i], &r);
        printf("thread: %lu\n", (uint64_t)r);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test_faults();
    test_rounds();
    test_divisors();
    test_rewritten();
    test_signals();
    test_broken();
    test_threads();
    return 0;
}
