/*
 * tests/unit/test_ir_opt.c: folding of single ops, and what liveness says. Longer cases are
 * tests/ir/x.ir.
 */
#include "test_ir.h"

/* `op` alone, and the text it becomes under ir_optimize() (as the first line). */
START_TEST(test_fold)
{
    static const struct { const char *op, *becomes; } rows[] = {
        /* constants */
        { "add.i64 x1, $3, $4", "mov.i64 x1, $0x7" },
        { "add.i32 x1, $0xffffffff, $1", "mov.i64 x1, $0x0" },
        { "sub.i32 x1, $0, $1", "mov.i64 x1, $0xffffffff" },
        { "mul.i64 x1, $-3, $5", "mov.i64 x1, $0xfffffffffffffff1" },
        { "mulhs.i64 x1, $-1, $-1", "mov.i64 x1, $0x0" },
        { "mulhu.i64 x1, $-1, $-1", "mov.i64 x1, $0xfffffffffffffffe" },
        { "mulhsu.i64 x1, $-1, $-1", "mov.i64 x1, $0xffffffffffffffff" },
        { "divs.i64 x1, $7, $0", "mov.i64 x1, $0xffffffffffffffff" },
        { "divs.i32 x1, $0x80000000, $-1", "mov.i64 x1, $0x80000000" },
        { "rems.i32 x1, $0x80000000, $-1", "mov.i64 x1, $0x0" },
        { "shl.i64 x1, $1, $65", "mov.i64 x1, $0x2" },
        { "sar.i32 x1, $0x80000000, $31", "mov.i64 x1, $0xffffffff" },
        { "rotr.i32 x1, $1, $1", "mov.i64 x1, $0x80000000" },
        { "bswap.i64 x1, $0x0102030405060708", "mov.i64 x1, $0x807060504030201" },
        { "clz.i32 x1, $0", "mov.i64 x1, $0x20" },
        { "orc_b.i64 x1, $0x0100ff0020000000", "mov.i64 x1, $0xff00ff00ff000000" },
        { "ext8s x1, $0x80", "mov.i64 x1, $0xffffffffffffff80" },
        { "setcond.i64 x1, $1, $2, lt", "mov.i64 x1, $0x1" },
        { "setcond.i32 x1, $0x100000000, $0, eq", "mov.i64 x1, $0x1" },
        { "movcond.i64 x1, $1, $2, x3, x4, gt", "mov.i64 x1, x4" },
        /* identities */
        { "add.i64 x1, x2, $0", "mov.i64 x1, x2" },
        { "add.i64 x1, $0, x2", "mov.i64 x1, x2" },
        { "add.i32 x1, x2, $0", "ext32u x1, x2" },
        { "add.i64 x1, x1, $0", "exit_tb $1, $0" },
        { "mov.i64 x1, x1", "exit_tb $1, $0" },
        { "sub.i64 x1, x2, x2", "mov.i64 x1, $0x0" },
        { "sub.i64 x1, x2, $5", "add.i64 x1, x2, $0xfffffffffffffffb" },
        { "xor.i64 x1, x2, x2", "mov.i64 x1, $0x0" },
        { "and.i64 x1, x2, x2", "mov.i64 x1, x2" },
        { "and.i64 x1, x2, $0", "mov.i64 x1, $0x0" },
        { "and.i64 x1, x2, $-1", "mov.i64 x1, x2" },
        { "and.i64 x1, x2, $0xff", "ext8u x1, x2" },
        { "and.i64 x1, x2, $0xffff", "ext16u x1, x2" },
        { "and.i64 x1, x2, $0xffffffff", "ext32u x1, x2" },
        { "and.i32 x1, x2, $0xffffffff", "ext32u x1, x2" },
        { "or.i64 x1, x2, $-1", "mov.i64 x1, $0xffffffffffffffff" },
        { "andn.i64 x1, x2, $0xf", "and.i64 x1, x2, $0xfffffffffffffff0" },
        { "andn.i64 x1, $-1, x2", "xor.i64 x1, x2, $0xffffffffffffffff" },
        { "orn.i64 x1, x2, x2", "mov.i64 x1, $0xffffffffffffffff" },
        { "xnor.i64 x1, x2, $0", "xor.i64 x1, x2, $0xffffffffffffffff" },
        { "mul.i64 x1, x2, $8", "shl.i64 x1, x2, $0x3" },
        { "mul.i64 x1, $1, x2", "mov.i64 x1, x2" },
        { "mul.i64 x1, x2, $-1", "sub.i64 x1, $0x0, x2" },
        { "divu.i64 x1, x2, $16", "shr.i64 x1, x2, $0x4" },
        { "remu.i64 x1, x2, $16", "and.i64 x1, x2, $0xf" },
        { "remu.i64 x1, x2, $256", "ext8u x1, x2" },
        { "divs.i64 x1, x2, $1", "mov.i64 x1, x2" },
        { "divs.i64 x1, x2, $4", "divs.i64 x1, x2, $0x4" },
        { "rems.i64 x1, x2, $0", "mov.i64 x1, x2" },
        { "shl.i64 x1, x2, $64", "mov.i64 x1, x2" },
        { "shl.i64 x1, x2, $66", "shl.i64 x1, x2, $0x2" },
        { "minu.i64 x1, x2, $0", "mov.i64 x1, $0x0" },
        { "maxs.i64 x1, x2, x2", "mov.i64 x1, x2" },
        /* comparisons */
        { "setcond.i64 x1, $5, x2, lt", "setcond.i64 x1, x2, $0x5, gt" },
        { "setcond.i64 x1, x2, x2, geu", "mov.i64 x1, $0x1" },
        { "setcond.i64 x1, x2, $0, ltu", "mov.i64 x1, $0x0" },
        { "setcond.i64 x1, x2, $1, ltu", "setcond.i64 x1, x2, $0x0, eq" },
        { "setcond.i64 x1, x2, $0, gtu", "setcond.i64 x1, x2, $0x0, ne" },
        { "setcond.i64 x1, x2, $-1, gt", "setcond.i64 x1, x2, $0x0, ge" },
        { "movcond.i64 x1, x2, x3, x4, x4, gt", "mov.i64 x1, x4" },
        { "brcond_tb.i64 x1, x1, ne, 0, 0x10", "exit_tb $1, $0" },
        { "brcond_tb.i64 x1, x1, eq, 0, 0x10", "goto_tb $0, $16" },
        /* fp */
        { "fsgnj.f64 f1, f2, f2", "mov.f64 f1, f2" },
        { "fsgnjn.f64 f1, f2, f2", "fneg.f64 f1, f2" },
        { "fsgnjx.f32 f1, f2, f2", "fabs.f32 f1, f2" },
        { "fsgnj.f32 f1, f2, f2", "fsgnj.f32 f1, f2, f2" },
        /* addresses */
        { "guest_ld.i64 x1, $0x1000, $16, u64", "guest_ld.i64 x1, $0x1010, $0, u64" },
        { "guest_ld.i64 x1, $0x123456789000, $16, u64",
          "guest_ld.i64 x1, $0x123456789000, $16, u64" },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *text = g_strconcat(rows[i].op, "\nexit_tb 1, 0\n", NULL);
        test_ir_parse(ir, text);
        ir_optimize(ir);
        ck_assert(ir_verify(ir));
        char *got = test_ir_text(ir);
        *strchr(got, '\n') = '\0';
        ck_assert_msg(strcmp(got, rows[i].becomes) == 0, "%s: got %s, expected %s", rows[i].op,
                      got, rows[i].becomes);
        free(got);
        g_free(text);
    }
    ir_free(ir);
}
END_TEST

/* Liveness of the first ops: "dead/sync" in hexadecimal for each op that stays. */
START_TEST(test_liveness)
{
    static const struct { const char *text, *bits; } rows[] = {
        /* the temp dies at its last use, the global lives on */
        { "add.i64 t70, x1, x2\nadd.i64 x3, t70, x1\nexit_tb 1, 0", "0/0 1/1 0/0" },
        /* in both inputs */
        { "mov.i64 t70, x1\nadd.i64 x3, t70, t70\nexit_tb 1, 0", "0/0 3/1 0/0" },
        /* an overwritten global: read by one op, then dead; need not reach its home */
        { "add.i64 x1, x2, x3\nadd.i64 x1, x1, x4\nexit_tb 1, 0", "0/0 1/1 0/0" },
        /* never read: the pure one goes, the fp one stays with a dead output */
        { "add.i64 x1, x2, x3\nmov.i64 x1, x2\nexit_tb 1, 0", "0/1 0/0" },
        { "fadd.f64 f1, f2, f3\nmov.f64 f1, f2\nexit_tb 1, 0", "80/0 0/1 0/0" },
        /* somebody can see it in between */
        { "mov.i64 x1, x2\nguest_ld.i64 x3, x4, 0, u64\nmov.i64 x1, x3\nexit_tb 1, 0",
          "0/1 0/1 0/1 0/0" },
        { "mov.i64 x1, x2\nbrcond_tb x3, x4, eq, 0, 0\nmov.i64 x1, x3\nexit_tb 1, 0",
          "0/1 0/0 0/1 0/0" },
        { "mov.i64 x1, x2\nset_label L0\nmov.i64 x1, x3\nexit_tb 1, 0", "0/1 0/0 0/1 0/0" },
        { "mov.i64 x1, x2\ncall reads, x3\nmov.i64 x1, x3\nexit_tb 1, 0", "0/1 0/0 0/1 0/0" },
        { "mov.i64 x1, x2\ncall nothing\nmov.i64 x1, x3\nexit_tb 1, 0", "0/1 0/0 0/1 0/0" },
        { "mov.i64 x1, x2\ncall x5, pure, x3, x4\nmov.i64 x1, x3\nexit_tb 1, 0",
          "0/1 0/1 0/0" },
        /* a load into a global that is overwritten stays, for its fault */
        { "guest_ld.i64 x1, x2, 0, u64\nmov.i64 x1, x3\nexit_tb 1, 0", "80/0 0/1 0/0" },
        /* the old value of a load's output must survive the fault */
        { "guest_ld.i64 x1, x1, 0, u64\nexit_tb 1, 0", "0/1 0/0" },
        { "add.i64 x1, x1, x2\nexit_tb 1, 0", "1/1 0/0" },
        /* removed: env loads and pure calls nobody reads */
        { "env_ld.i64 t70, 512\ncall t71, pure, x1, x2\nnop\nexit_tb 1, 0", "0/0" },
        { "call t71, reads, x1\nexit_tb 1, 0", "80/0 0/0" },
        /* through a mov: the op writes the global itself */
        { "add.i64 t70, x1, x2\nmov.i64 x3, t70\nexit_tb 1, 0", "0/1 0/0" },
        { "guest_ld.i64 t70, x1, 0, u64\nadd.i64 x5, x5, x6\nmov.i64 x3, t70\nexit_tb 1, 0",
          "0/1 1/1 0/0" },
        { "add.i64 t70, x1, x2\nmov.i64 x4, x3\nmov.i64 x3, t70\nexit_tb 1, 0",
          "0/0 1/1 1/1 0/0" },
        { "add.i64 t70, x1, x2\nguest_st.i64 x1, x2, 0, u64\nmov.i64 x3, t70\nexit_tb 1, 0",
          "0/0 0/0 1/1 0/0" },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        test_ir_parse(ir, rows[i].text);
        ir_liveness(ir);
        ck_assert(ir_verify(ir));
        GString *got = g_string_new(NULL);
        IR_FOREACH(ir, op) {
            g_string_append_printf(got, "%s%x/%x", got->len ? " " : "", op->dead, op->sync);
        }
        ck_assert_msg(strcmp(got->str, rows[i].bits) == 0, "%s\ngot %s, expected %s",
                      rows[i].text, got->str, rows[i].bits);
        g_string_free(got, TRUE);
    }
    ir_free(ir);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, test_fold);
    tcase_add_test(tc, test_liveness);
}

int main(void)
{
    return test_ir_run("ir_opt", add);
}
