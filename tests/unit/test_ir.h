/*
 * tests/unit/test_ir.h: what the tests of ir/ share: an env with globals x1..x31 and f0..f31, a few
 * helpers of every kind, text in and out.
 */
#ifndef TEST_IR_H
#define TEST_IR_H

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ir/build.h"
#include "ir/ir.h"

typedef struct TestEnv {
    uint64_t x[32];
    uint64_t f[32];
    uint64_t field[4];          /* for env_ld, env_st: at offsets 512 .. 543 */
} TestEnv;

enum { H_PURE, H_READS, H_WRITES, H_RAISES, H_NOTHING, H_COUNT };

static inline uint64_t test_h_pure(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return a0 * 3 + (a1 ^ 0x55);
}

static inline uint64_t test_h_reads(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    TestEnv *e = env;
    uint64_t sum = a0;
    for (unsigned i = 1; i < 32; i++) {
        sum = sum * 5 + e->x[i] + e->f[i];
    }
    return sum;
}

static inline uint64_t test_h_writes(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    TestEnv *e = env;
    e->x[3] ^= a0;
    e->x[5] += e->x[3];
    e->f[2] ^= a0;
    return e->x[5];
}

static inline uint64_t test_h_raises(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return test_h_reads(env, a0, 0, 0, 0) + 1;
}

static inline uint64_t test_h_nothing(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    ((TestEnv *)env)->field[3]++;
    return 0;
}

static inline void test_ir_set_helpers(void)
{
    static const IrHelper helpers[H_COUNT] = {
        [H_PURE] = { "pure", test_h_pure, 2, 1, IRH_PURE },
        [H_READS] = { "reads", test_h_reads, 1, 1, IRH_READS },
        [H_WRITES] = { "writes", test_h_writes, 1, 1, IRH_READS | IRH_WRITES },
        [H_RAISES] = { "raises", test_h_raises, 1, 1, IRH_RAISES },
        [H_NOTHING] = { "nothing", test_h_nothing, 0, 0, 0 },
    };
    ir_set_helpers(helpers, H_COUNT);
}

/* A context whose temps[0..30] are x1..x31 and temps[31..62] f0..f31. */
static inline IrContext *test_ir_new(void)
{
    static const char *const names[] = {
        "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
        "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
        "x28", "x29", "x30", "x31", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9",
        "f10", "f11", "f12", "f13", "f14", "f15", "f16", "f17", "f18", "f19", "f20", "f21", "f22",
        "f23", "f24", "f25", "f26", "f27", "f28", "f29", "f30", "f31",
    };
    test_ir_set_helpers();
    IrContext *ir = ir_new();
    for (int i = 0; i < 63; i++) {
        ir_global_new(ir, i < 31 ? IR_INT : IR_FP, names[i], (i + 1) * 8);
    }
    return ir;
}

static inline IrTemp *test_x(IrContext *ir, unsigned n)
{
    return ir->temps[n - 1];
}

static inline IrTemp *test_f(IrContext *ir, unsigned n)
{
    return ir->temps[31 + n];
}

/* Dump as a string (free()). */
static inline char *test_ir_text(const IrContext *ir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ir_dump(ir, f);
    fclose(f);
    char *copy = strdup(text);
    free(text);
    return copy;
}

/* Parse text that must be right. */
static inline void test_ir_parse(IrContext *ir, const char *text)
{
    char *err = NULL;
    ir_reset(ir);
    if (!ir_parse(ir, text, &err)) {
        ck_abort_msg("%s in:\n%s", err, text);
    }
    char *bad = ir_verify_error(ir);
    if (bad) {
        ck_abort_msg("%s in:\n%s", bad, text);
    }
}

static inline int test_ir_run(const char *name, void (*add)(TCase *))
{
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60);
    add(tc);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
