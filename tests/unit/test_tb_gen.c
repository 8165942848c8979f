/*
 * tests/unit/test_tb_gen.c: the whole pipeline on blocks as long and heavy as they come: each row of
 * insns.def by itself, with random operands, until the TB ends. No table on the way may overflow,
 * and a TB must fit the smallest code buffer that -tb-size takes.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exec/code_buffer.h"
#include "exec/cpu_exec.h"
#include "exec/tb_cache.h"
#include "frontend/translator.h"
#include "tests/unit/suite.h"

enum { RUNS = 6 };

static _Alignas(4096) uint8_t code[2 * TB_MAX_BYTES];

unsigned guest_fetch(vaddr pc, void *buf, unsigned len, CPUFault *fault)
{
    uint64_t off = pc - (uint64_t)code;
    unsigned n = off < sizeof(code) ? (unsigned)(sizeof(code) - off) : 0;
    n = n < len ? n : len;
    memcpy(buf, code + off, n);
    return n;
}

static void fill(unsigned row, uint64_t *seed, bool same)
{
    unsigned len = rv_row(row)->len;
    uint32_t word = rv_row_random(row, seed);
    for (size_t at = 0; at + len <= sizeof(code); at += len) {
        memcpy(code + at, &word, len);
        word = same ? word : rv_row_random(row, seed);
    }
}

/* A TB at the start of code; an insn that ends TBs makes it short, which is fine. */
static void generate(CPUState *cpu, uint32_t cflags, const char *name)
{
    bool full;
    uint64_t pc = (uint64_t)code;
    uint32_t flags = cpu_tb_flags(&cpu->env);
    TranslationBlock *tb = tb_gen_code(cpu, pc, flags, cflags, &full);
    if (!tb && full) {
        tb_flush_all(cpu);
        tb = tb_gen_code(cpu, pc, flags, cflags, &full);
    }
    ck_assert_msg(tb != NULL, "no TB of many %s: %s", name, full ? "does not fit" : "fault");
    ck_assert_uint_ge(tb->insns, 1);
    tb_invalidate_range(pc, pc + sizeof(code) - 1);
}

static void all_rows(uint32_t cflags)
{
    exec_options.code_buffer_size = CODE_BUFFER_MIN;
    exec_options.seed = 1;
    char *err = NULL;
    ck_assert(rv_cpu_model("max", &exec_options.exts, &err));
    exec_init();
    CPUState *cpu = cpu_create();
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (unsigned row = 0; row < rv_row_count(); row++) {
        for (unsigned i = 0; i < RUNS; i++) {
            cpu_set_frm(&cpu->env, i % 5);
            fill(row, &seed, i & 1);
            generate(cpu, cflags, rv_row(row)->name);
        }
    }
}

START_TEST(test_optimized)
{
    exec_options.host_features = backend_host_features();
    all_rows(CF_OPT);
}
END_TEST

START_TEST(test_as_built)
{
    exec_options.host_features = backend_host_features();
    all_rows(0);
}
END_TEST

START_TEST(test_plain_host)
{
    all_rows(CF_OPT);
}
END_TEST

START_TEST(test_random_regalloc)
{
    exec_options.random_regalloc = true;
    exec_options.host_features = backend_host_features();
    all_rows(CF_OPT);
}
END_TEST

START_TEST(test_random_regalloc_plain_host)
{
    exec_options.random_regalloc = true;
    all_rows(0);
}
END_TEST

START_TEST(test_guest_base)
{
    exec_options.guest_base = (uint64_t)1 << 36;
    exec_options.host_features = backend_host_features();
    all_rows(CF_OPT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tb_gen");
    TCase *tc = tcase_create("tb_gen");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_optimized);
    tcase_add_test(tc, test_as_built);
    tcase_add_test(tc, test_plain_host);
    tcase_add_test(tc, test_random_regalloc);
    tcase_add_test(tc, test_random_regalloc_plain_host);
    tcase_add_test(tc, test_guest_base);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
