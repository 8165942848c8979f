/*
 * tests/unit/test_emulate.c: rv_emulate() does what the translation does.
 *
 * Each row of insns.def with random operands and registers, once emulated and once as IR in the
 * interpreter; env and the memory around what the registers point to must come out the same.
 */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/emulate.h"
#include "frontend/translate.h"
#include "tests/unit/suite.h"

enum { RUNS = 400, DATA = 8192, ECALL = 0x73, CODE = 8 };

static IrContext *ir;
static RiscvGlobals globals;
static RvExtSet exts;
static _Alignas(4096) uint8_t code[4096];
static _Alignas(4096) uint8_t data[DATA];

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Values that arithmetic is wrong about, if about any. */
static uint64_t value(void)
{
    static const uint64_t odd[] = { 0, 1, 2, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT32_MAX,
                                    INT32_MAX, 0x80000000u, 0xffffffff80000000u, 31, 63 };
    uint64_t r = rnd();
    return r & 1 ? odd[r / 2 % G_N_ELEMENTS(odd)] : r & 2 ? rnd() : rnd() >> (r / 4 % 64);
}

static unsigned fetch(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    memcpy(buf, code + (pc - (uint64_t)code), len);
    return len;
}

static uint64_t translated(CPURISCVState *env)
{
    DisasContext dc = { 0 };
    ir_reset(ir);
    dc.base.ir = ir;
    dc.base.pc_first = env->pc;
    dc.base.max_insns = 1;
    dc.base.fetch = fetch;
    dc.g = &globals;
    dc.exts = exts;
    translator_loop(&riscv_translator_ops, &dc.base);
    IrInterpState st = { .env = env };
    return ir_interp(ir, &st).pc;
}

/* One run of a row; false if the row is not emulated. */
static bool compare(unsigned row, bool pointers)
{
    static uint8_t before[DATA], emulated[DATA];
    const RvRow *r = rv_row(row);
    uint32_t word = rv_row_random(row, &seed), stop = ECALL;
    DecodedInsn d;
    if (pointers && rv_decode(word, exts, &d) && d.rs1 == 0) {
        return false;                       /* x0 points nowhere */
    }
    memcpy(code + CODE, &word, 4);
    memcpy(code + CODE + r->len, &stop, 4);
    CPURISCVState a = { .pc = (uint64_t)code + CODE, .fp_status = FP_STATUS_RESET };
    for (unsigned i = 1; i < 32; i++) {
        a.gpr[i] = pointers ? (uint64_t)data + DATA / 2 + rnd() % 64 : value();
    }
    for (unsigned i = 0; i < 32; i++) {
        a.fpr[i] = rnd();
    }
    for (unsigned i = 0; i < DATA; i += 8) {
        uint64_t v = rnd();
        memcpy(data + i, &v, 8);
    }
    memcpy(before, data, DATA);
    CPURISCVState b = a;
    RvEmulated e = rv_emulate(&a, 0, exts, (uint64_t)code, (uint64_t)code + sizeof(code));
    if (e == RV_EMU_OTHER || (r->id == RV_ecall && e == RV_EMU_ECALL)) {
        ck_assert(memcmp(&a, &b, sizeof(a)) == 0);
        return false;
    }
    ck_assert_int_ne(e, RV_EMU_END);
    memcpy(emulated, data, DATA);
    memcpy(data, before, DATA);
    b.pc = translated(&b);
    ck_assert_msg(a.pc == b.pc, "%s %08x: goes to %#lx, not %#lx", r->name, word, a.pc, b.pc);
    for (unsigned i = 0; i < 32; i++) {
        ck_assert_msg(a.gpr[i] == b.gpr[i], "%s %08x: x%u is %#lx, not %#lx", r->name, word, i,
                      a.gpr[i], b.gpr[i]);
        ck_assert_msg(a.fpr[i] == b.fpr[i], "%s %08x: f%u is %#lx, not %#lx", r->name, word, i,
                      a.fpr[i], b.fpr[i]);
    }
    ck_assert_msg(memcmp(emulated, data, DATA) == 0, "%s %08x: memory differs", r->name, word);
    return true;
}

static bool touches_memory(const RvRow *r)
{
    unsigned op = r->len == 4 ? r->match & 0x7f : 0;
    return op == 0x03 || op == 0x23 || op == 0x07 || op == 0x27 ||
           (r->len == 2 && (strstr(r->name, "c.l") || strstr(r->name, "c.s") ||
                            strstr(r->name, "c.f")));
}

START_TEST(test_rows)
{
    unsigned emulated = 0;
    for (unsigned row = 0; row < rv_row_count(); row++) {
        bool memory = touches_memory(rv_row(row)), any = false;
        for (unsigned n = 0; n < RUNS; n++) {
            any |= compare(row, memory || n % 4 == 0);
        }
        emulated += any;
    }
    ck_assert_uint_gt(emulated, 100);
}
END_TEST

/* The insn at the end of the range that has no second half there, and the end itself. */
START_TEST(test_end)
{
    uint32_t addi = 0x00150513;
    memcpy(code + sizeof(code) - 2, &addi, 2);
    CPURISCVState env = { .pc = (uint64_t)code + sizeof(code) - 2 };
    vaddr lo = (vaddr)code, hi = lo + sizeof(code);
    ck_assert_int_eq(rv_emulate(&env, 0, exts, lo, hi), RV_EMU_END);
    ck_assert_uint_eq(env.pc, hi - 2);
    code[sizeof(code) - 2] = 0x05;              /* c.addi a0, 1 */
    code[sizeof(code) - 1] = 0x05;
    ck_assert_int_eq(rv_emulate(&env, 0, exts, lo, hi), RV_EMU_END);
    ck_assert_uint_eq(env.pc, hi);
    ck_assert_uint_eq(env.gpr[RV_A0], 1);
}
END_TEST

int main(void)
{
    rv_decode_init();
    char *err = NULL;
    if (!rv_cpu_model("max", &exts, &err)) {
        return 1;
    }
    ir_set_helpers(riscv_helpers, riscv_helper_count);
    ir = ir_new();
    riscv_translate_init(ir, &globals);
    Suite *s = suite_create("emulate");
    TCase *t = tcase_create("emulate");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_rows);
    tcase_add_test(t, test_end);
    suite_add_tcase(s, t);
    int failed = run_suite(s);
    ir_free(ir);
    return failed;
}
