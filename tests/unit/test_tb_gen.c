/*
 * tests/unit/test_tb_gen.c: the whole pipeline on blocks as long and heavy as they come: each row
 * of insns.def by itself, with random operands, until the TB ends. No table on the way may
 * overflow, and a TB must fit the smallest code buffer that -tb-size takes. And TBs that are made
 * longer, and that join others.
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

/* A block that calls itself is hot: another takes its place, and goes on where the call returned
 * to. */
START_TEST(test_extend)
{
    static const uint32_t nop = 0x00000013, recurse = 0xffdff0ef, ret = 0x00008067;
    exec_options.host_features = backend_host_features();
    exec_options.code_buffer_size = CODE_BUFFER_MIN;
    exec_options.hot = 100;
    char *err = NULL;
    ck_assert(rv_cpu_model("max", &exec_options.exts, &err));
    exec_init();
    CPUState *cpu = cpu_create();
    bool full;
    uint64_t pc = (uint64_t)code;
    for (unsigned at = 0; at < 80; at += 4) {
        memcpy(code + at, &nop, 4);
    }
    memcpy(code + 4, &recurse, 4);
    memcpy(code + 60, &ret, 4);
    TranslationBlock *tb = tb_gen_code(cpu, pc, 0, CF_OPT, &full);
    ck_assert_uint_eq(tb->size, 8);
    tb_gen_extend(cpu, tb, 0);                  /* the call has not come back */
    ck_assert_ptr_eq(tb_lookup(pc, 0, CF_OPT), tb);
    TranslationBlock *back = tb_gen_code(cpu, pc + 8, 0, CF_OPT, &full);
    tb_link(tb, 1, back);
    tb_gen_extend(cpu, tb, 0);

    TranslationBlock *longer = tb_lookup(pc, 0, CF_OPT);
    ck_assert(longer != tb && atomic_load(&tb->invalid));
    ck_assert_uint_eq(longer->size, 64);
    ck_assert_uint_eq((uintptr_t)tb_code(longer) % 64, 0);
    const TBJump *j = &longer->jump[1];
    const uint8_t *way_back = tb_ref_at(j, j->patch);
    ck_assert(backend_lands(way_back));
    tb_link(longer, 1, back);
    ck_assert(!j->to && backend_lands(way_back));
    tb_gen_extend(cpu, longer, 0);              /* it is as long as can be */
    ck_assert_ptr_eq(tb_lookup(pc, 0, CF_OPT), longer);
    tb_invalidate_range(pc + 20, pc + 20);
    ck_assert(!tb_lookup(pc, 0, CF_OPT) && !backend_lands(way_back));
}
END_TEST

/* A TB ends where a long one begins already, and jumps there; a short one is had again. */
START_TEST(test_join)
{
    static const uint32_t nop = 0x00000013, ret = 0x00008067;
    exec_options.code_buffer_size = CODE_BUFFER_MIN;
    char *err = NULL;
    ck_assert(rv_cpu_model("max", &exec_options.exts, &err));
    exec_init();
    CPUState *cpu = cpu_create();
    bool full;
    uint64_t pc = (uint64_t)code, at_long = pc + 16, at_short = pc + 60;
    for (unsigned at = 0; at < 80; at += 4) {
        memcpy(code + at, &nop, 4);
    }
    memcpy(code + 80, &ret, 4);
    TranslationBlock *tail = tb_gen_code(cpu, at_short, 0, CF_OPT, &full);
    ck_assert_uint_eq(tail->size, 24);
    tail = tb_gen_code(cpu, at_long, 0, CF_OPT, &full);
    ck_assert_uint_eq(tail->size, 68);
    TranslationBlock *tb = tb_gen_code(cpu, pc, 0, CF_OPT, &full);
    ck_assert_uint_eq(tb->size, 16);
    ck_assert_uint_eq(tb->nslots, 1);
    ck_assert_ptr_eq(tb_ref_at(&tb->jump[0], tb->jump[0].to), tail);
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
    tcase_add_test(tc, test_extend);
    tcase_add_test(tc, test_join);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
