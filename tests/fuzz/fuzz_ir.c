/*
 * tests/fuzz/fuzz_ir.c: what the passes make of a TB means what was built.
 *
 * Input: a seed of the registers, fp state, then guest code. It is translated as one TB; addresses
 * of memory are cut down to a small memory of its own. The IR runs in the interpreter as built,
 * after ir_optimize() and after ir_liveness(); registers, memory, flags and the way out must agree.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/translate.h"
#include "ir/build.h"

enum { MEM_SIZE = 8192, MEM_MASK = 4095, PC = 0x10000, MAX_CODE = 600,
       HEADER = 12 /* seed and fp state before the code */ };

typedef struct Outcome {
    CPURISCVState env;
    uint8_t mem[MEM_SIZE];          /* guest address 0 is in its middle: displacements are signed */
    IrExit exit;
    uint32_t fflags, round;
    int raised;                     /* exception of a helper, or 0 */
    uint64_t raised_pc;
} Outcome;

typedef struct Input {
    const uint8_t *code;
    size_t size;
} Input;

static IrContext *ir;
static RiscvGlobals globals;
static jmp_buf raise_jmp;
static int raised;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);       /* libFuzzer's */

void cpu_raise_exception(CPURISCVState *env, CPUException excp)
{
    raised = excp;
    longjmp(raise_jmp, 1);
}

void cpu_ecall(CPURISCVState *env, vaddr pc)
{
    env->gpr[RV_A0] ^= env->gpr[RV_A7] * 3 + pc;
}

static bool stays(uint64_t nr)
{
    return nr & 1;
}

static unsigned fetch(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    const Input *in = opaque;
    uint64_t off = pc - PC;
    if (off >= in->size) {
        return 0;
    }
    unsigned n = len < in->size - off ? len : (unsigned)(in->size - off);
    memcpy(buf, in->code + off, n);
    return n;
}

/* Keep every access inside the memory; op->k of loads and stores is a displacement of 12 bits. */
static void tame_memory(void)
{
    for (IrOp *op = ir->head.next; op != &ir->head; op = op->next) {
        if (op->opcode < IR_guest_ld || op->opcode > IR_guest_cmpxchg) {
            continue;
        }
        IrTemp *t = ir_temp_new(ir, IR_INT);
        ir->cursor = op;
        ir_gen_and(ir, IR_I64, t, op->in[0], ir_const(ir, MEM_MASK / 2));
        ir->cursor = NULL;
        op->in[0] = t;
    }
}

static void run(const Outcome *start, Outcome *end)
{
    *end = *start;
    static IrInterpState st;
    st = (IrInterpState){ .env = &end->env,
                          .guest_base = (uintptr_t)end->mem + MEM_SIZE / 2 - MEM_MASK / 4,
                          .fflags = start->fflags, .round = start->round };
    raised = 0;
    memset(&end->exit, 0, sizeof(end->exit));
    if (setjmp(raise_jmp) == 0) {
        end->exit = ir_interp(ir, &st);
        end->exit.slot = 0;                 /* renumbered when a branch goes */
    }
    end->raised = raised;
    end->raised_pc = raised ? st.pc : 0;
    end->fflags = st.fflags;
    end->round = st.round;
}

static void must_be_same(const Outcome *want, const Outcome *got, const char *stage)
{
    bool ok = want->raised == got->raised && want->raised_pc == got->raised_pc &&
              memcmp(&want->env, &got->env, sizeof(want->env)) == 0 &&
              memcmp(want->mem, got->mem, MEM_SIZE) == 0 && want->exit.kind == got->exit.kind &&
              want->exit.pc == got->exit.pc && want->exit.reason == got->exit.reason &&
              want->fflags == got->fflags && want->round == got->round;
    if (!ok) {
        fprintf(stderr, "differs after %s:\n", stage);
        ir_dump(ir, stderr);
        for (unsigned i = 0; i < 32; i++) {
            if (want->env.gpr[i] != got->env.gpr[i]) {
                fprintf(stderr, "x%u %#lx, should be %#lx\n", i, got->env.gpr[i], want->env.gpr[i]);
            }
            if (want->env.fpr[i] != got->env.fpr[i]) {
                fprintf(stderr, "f%u %#lx, should be %#lx\n", i, got->env.fpr[i], want->env.fpr[i]);
            }
        }
        abort();
    }
}

static void start_state(Outcome *o, uint64_t seed, uint32_t fp)
{
    static const uint64_t special[] = { 0, 1, ~0ull, 1ull << 63, 0x7fffffff, 0xffffffff80000000,
                                        0x3ff0000000000000, 0x7ff0000000000000, 0x7ff8000000000000,
                                        0xffffffff3f800000, 0xffffffff7fc00000, 0x7ff0000000000001,
                                        0xffffffff7f800001, 0x000fffffffffffff, 16, 63 };
    memset(o, 0, sizeof(*o));
    for (unsigned i = 0; i < 64; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t v = seed >> 60 & 1 ? special[seed >> 56 & 15] : seed ^ seed >> 29;
        *(i < 32 ? &o->env.gpr[i] : &o->env.fpr[i - 32]) = v;
    }
    o->env.gpr[0] = 0;
    for (unsigned i = 0; i < MEM_SIZE; i++) {
        o->mem[i] = (uint8_t)(seed >> (i & 31)) ^ (uint8_t)(i * 37);
    }
    o->env.fp_status = FP_STATUS_RESET;
    o->env.res_addr = fp >> 8 & 1 ? ~0ull : 64;
    cpu_set_frm(&o->env, fp & 7);
    o->fflags = fp >> 3 & 31;
    o->round = o->env.frm < IR_RMM ? o->env.frm : IR_RNE;
}

static uint64_t no_clock(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return 12345;
}

static void init(void)
{
    static IrHelper helpers[HELPER_COUNT];
    memcpy(helpers, riscv_helpers, sizeof(helpers));
    helpers[HELPER_rdcycle].fn = helpers[HELPER_rdtime].fn = helpers[HELPER_rdinstret].fn =
        no_clock;
    rv_decode_init();
    ir_set_helpers(helpers, HELPER_COUNT);
    ir = ir_new();
    riscv_translate_init(ir, &globals);
}

/* Half of the mutations put a valid insn somewhere: chance seldom makes one. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15u | 1;
    if (!ir) {
        init();
    }
    if (seed & 1 || max_size < HEADER + 8) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    unsigned row = (unsigned)(seed >> 1) % rv_row_count(), len = rv_row(row)->len;
    uint32_t word = rv_row_random(row, &s);
    if (size < HEADER) {
        memset(data + size, 0x5a, HEADER - size);
        size = HEADER;
    }
    size_t at = HEADER + (size - HEADER) / 2 * (s >> 8 & 0xff) / 256 * 2;
    if (s >> 16 & 3 && size + len <= max_size) {        /* insert, else overwrite */
        memmove(data + at + len, data + at, size - at);
        size += len;
    } else if (at + len > size) {
        size = at + len <= max_size ? at + len : size;
        len = at + len <= max_size ? len : 0;
    }
    memcpy(data + at, &word, len);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Outcome start, want, got;
    uint64_t seed;
    uint32_t fp;
    if (!ir) {
        init();
    }
    if (size < HEADER + 2 || size > MAX_CODE) {
        return 0;
    }
    memcpy(&seed, data, sizeof(seed));
    memcpy(&fp, data + sizeof(seed), sizeof(fp));
    Input in = { data + HEADER, size - HEADER };
    start_state(&start, seed, fp);

    static DisasContext dc;
    memset(&dc, 0, sizeof(dc));
    ir_reset(ir);
    dc.base.ir = ir;
    dc.base.pc_first = dc.base.pc_next = PC;
    dc.base.tb_flags = cpu_tb_flags(&start.env);
    dc.base.fetch = fetch;
    dc.base.fetch_opaque = &in;
    dc.g = &globals;
    dc.exts = ~(RvExtSet)0;
    dc.ecall_stays = stays;
    dc.alone = fp >> 9 & 1;
    translator_loop(&riscv_translator_ops, &dc.base);
    ir->nslots = dc.base.nslots;
    tame_memory();

    ir_verify(ir);
    run(&start, &want);
    ir_optimize(ir);
    ir_verify(ir);
    run(&start, &got);
    must_be_same(&want, &got, "ir_optimize");
    ir_liveness(ir);
    ir_verify(ir);
    run(&start, &got);
    must_be_same(&want, &got, "ir_liveness");
    return 0;
}
