/*
 * tests/unit/test_ir_text.c: dump and parse, and what the verifier refuses.
 */
#include "test_ir.h"

#include <signal.h>

#include "ir/sig.h"

START_TEST(test_round_trip)
{
    static const char text[] =
        "insn_start 0x10078 4\n"
        "nop\n"
        "add.i64 x10, x11, $0x8\n"
        "guest_ld.i64 t70, x2, $16, u64\n"
        "guest_ld.i64 t3, x2, $-16, s32a\n"
        "guest_ld.f32 f70, x2, $0, u32\n"
        "guest_st.f64 x2, f3, $0x10000, u64\n"
        "guest_amo.i64 x5, x6, t70, maxu, s32\n"
        "guest_cmpxchg.i32 x5, x6, t70, $0x1, u32a\n"
        "fence $15\n"
        "brcond.i32 x1, $0xffffffffffffffff, ltu, L1\n"
        "br L0\n"
        "set_label L0\n"
        "movcond.i64 x1, x2, x3, x4, x5, ge\n"
        "ext32s x1, x2\n"
        "mov.f64 f1, f2\n"
        "env_ld.i64 x1, $512\n"
        "env_st.f64 f1, $520\n"
        "fmadd.f64 f1, f2, f3, f4\n"
        "fcvt_ff.f32 f1, f2\n"
        "fcvt_fi.f64 f1, x1, u64, rdn\n"
        "fcvt_if.f32 x1, f1, s32, rmm\n"
        "fcvt_if.f64 x1, f1, u64, dyn\n"
        "fmv_if.i32 x1, f1\n"
        "fmv_fi.i64 f1, x1\n"
        "flt.f32 x1, f1, f2\n"
        "set_round rup\n"
        "fflags_get x1\n"
        "fflags_set $0x1f\n"
        "call x7, pure, x1, f1\n"
        "call nothing\n"
        "call writes, x1\n"
        "set_label L1\n"
        "brcond_tb.i64 x10, $0x0, eq, $0, $0x10090\n"
        "brcond_tb.i64 x10, x11, gtu, $1, $0xffffffffffff0000\n"
        "call_ptr x1, $2, $0x10090\n"
        "call_tb $3, $0x10090, $0x10094\n"
        "goto_ptr x1\n"
        "ret_ptr x1\n"
        "goto_tb $5, $0x1234\n"
        "exit_tb $3, $0x10090\n";
    IrContext *ir = test_ir_new();
    test_ir_parse(ir, text);
    ck_assert_uint_eq(ir->nslots, 6);
    char *out = test_ir_text(ir);
    ck_assert_str_eq(out, text);
    test_ir_parse(ir, out);
    char *again = test_ir_text(ir);
    ck_assert_str_eq(again, text);
    free(out);
    free(again);
    ir_free(ir);
}
END_TEST

/* Every op, made with its signature. */
START_TEST(test_round_trip_of_every_op)
{
    IrContext *ir = test_ir_new();
    for (unsigned opc = 0; opc < IR_OP_COUNT; opc++) {
        for (unsigned t = 0; t < IR_TYPE_COUNT; t++) {
            if (!(ir_type_mask(opc) >> t & 1) || (!ir_type_matters(opc) && t != IR_I64)) {
                continue;
            }
            ir_reset(ir);
            const IrOpInfo *info = &ir_op_info[opc];
            ir_label_new(ir);
            IrOp *op = ir_op_new(ir, opc, t);
            op->nin = opc == IR_call ? 2 : info->nin;
            for (unsigned i = 0; i < op->nin; i++) {
                bool fp = opc != IR_call && ir_sig_class(ir_sig_ins(info)[i], t) == IR_FP;
                op->in[i] = fp ? test_f(ir, 4 + i) : test_x(ir, 4 + i);
            }
            if (info->nout) {
                op->out = ir_temp_new(ir, ir_sig_class(ir_sig_out(info), t));
            }
            char *text = test_ir_text(ir), *err = NULL;
            ir_reset(ir);
            if (!ir_parse(ir, text, &err)) {
                ck_abort_msg("%s in: %s", err, text);
            }
            char *again = test_ir_text(ir);
            ck_assert_str_eq(text, again);
            ck_assert_uint_eq(ir->head.next->opcode, opc);
            ck_assert_uint_eq(ir->head.next->type, t);
            free(text);
            free(again);
        }
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_comments_and_blanks)
{
    IrContext *ir = test_ir_new();
    test_ir_parse(ir, "# a comment\n\n   mov x1,x2   # another\n\texit_tb 1 , 0x20\n");
    char *out = test_ir_text(ir);
    ck_assert_str_eq(out, "mov.i64 x1, x2\nexit_tb $1, $32\n");
    free(out);
    ir_free(ir);
}
END_TEST

START_TEST(test_parse_errors)
{
    static const struct { const char *text, *err; } rows[] = {
        { "bogus x1", "line 1: no such op: bogus" },
        { "nop\nadd.i65 x1, x2, x3", "line 2: no such type: add.i65" },
        { "add.i64 x1, x2", "line 1: operand missing" },
        { "add.i64 x1, x2, x3, x4", "line 1: one operand too many: x4" },
        { "add.i64 x1, x2, y3", "line 1: no such value: y3" },
        { "add.i64 x1, x2, $z", "line 1: not a number: $z" },
        { "add.i64 x1, x2, $12q", "line 1: not a number: $12q" },
        { "setcond.i64 x1, x2, x3, xx", "line 1: no such condition: xx" },
        { "guest_ld.i64 x1, x2, $0, u65", "line 1: not a MemOp: u65" },
        { "guest_ld.i64 x1, x2, $0, u", "line 1: not a MemOp: u" },
        { "br x1", "line 1: not a label: x1" },
        { "call x1, unheard", "line 1: no such helper: unheard" },
        { "call", "line 1: operand missing" },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *err = NULL;
        ir_reset(ir);
        ck_assert_msg(!ir_parse(ir, rows[i].text, &err), "accepted: %s", rows[i].text);
        ck_assert_str_eq(err, rows[i].err);
        g_free(err);
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_verify_refuses)
{
    static const struct { const char *text, *err; } rows[] = {
        { "", "control runs off the end" },
        { "mov.i64 x1, x2", "control runs off the end" },
        { "add.i64 x1, t70, x2\nexit_tb 1, 0",
          "temp read before it is written in its extended basic block: add.i64 x1, t70, x2" },
        { "mov.i64 t70, x1\nset_label L0\nmov.i64 x1, t70\nexit_tb 1, 0",
          "temp read before it is written in its extended basic block: mov.i64 x1, t70" },
        { "mov.i64 t70, x1\nexit_tb 1, 0\nmov.i64 x1, t70\nexit_tb 1, 0",
          "temp read before it is written in its extended basic block: mov.i64 x1, t70" },
        { "add.i64 x1, x2, f1\nexit_tb 1, 0", "input of the wrong class: add.i64 x1, x2, f1" },
        { "fadd.f64 x1, f2, f1\nexit_tb 1, 0", "output of the wrong class: fadd.f64 x1, f2, f1" },
        { "add.f64 f1, f1, f1\nexit_tb 1, 0", "type not for this op: add.f64 f1, f1, f1" },
        { "fadd.i64 x1, x1, x1\nexit_tb 1, 0", "type not for this op: fadd.i64 x1, x1, x1" },
        { "mov.i32 x1, x1\nexit_tb 1, 0", "type not for this op: mov.i32 x1, x1" },
        { "mov.i64 $5, x1\nexit_tb 1, 0", "output is a constant: mov.i64 $0x5, x1" },
        { "br L0\nexit_tb 1, 0", "label is never set" },
        { "set_label L0\nset_label L0\nexit_tb 1, 0", "label set twice: set_label L0" },
        { "goto_tb 1, 0", "jump slots have a hole" },
        { "brcond_tb x1, x2, eq, 0, 0\ngoto_tb 0, 0", "jump slot used twice: goto_tb $0, $0" },
        { "call_tb 0, 0, 0\ngoto_tb 1, 0", "jump slot used twice: goto_tb $1, $0" },
        { "goto_tb 0, 0\nlanding\nexit_tb 1, 0", "landing not behind a call: landing" },
        { "mov.i64 t70, x1\ncall_tb 0, 0, 0\nlanding\nmov.i64 x1, t70\nexit_tb 1, 0",
          "temp read before it is written in its extended basic block: mov.i64 x1, t70" },
        { "guest_ld.i32 x1, x2, 0, u64\nexit_tb 1, 0",
          "MemOp wider than the type: guest_ld.i32 x1, x2, $0, u64" },
        { "guest_ld.f64 f1, x2, 0, u32\nexit_tb 1, 0",
          "MemOp does not fit f64: guest_ld.f64 f1, x2, $0, u32" },
        { "set_round rmm\nexit_tb 1, 0", "bad IrRound: set_round rmm" },
        { "call x1, nothing\nexit_tb 1, 0", "helper has no output: call x1, nothing" },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *err = NULL;
        ir_reset(ir);
        ck_assert_msg(ir_parse(ir, rows[i].text, &err), "%s: %s", rows[i].text, err);
        err = ir_verify_error(ir);
        ck_assert_msg(err != NULL, "accepted: %s", rows[i].text);
        ck_assert_str_eq(err, rows[i].err);
        g_free(err);
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_verify_accepts)
{
    static const char *const rows[] = {
        "exit_tb 1, 0",
        "mov.i64 t70, x1\nbrcond_tb x1, x2, eq, 0, 0\nmov.i64 x1, t70\ngoto_tb 1, 0",
        "set_label L0\nbrcond x1, x2, eq, L1\nbr L0\nset_label L1\nexit_tb 1, 0",
        "set_label L0\nbr L0",
        "call_tb 0, 0x10, 0x14",
        "call_ptr x1, 0, 0x14",
        "call_ptr x1, 0, 0x14\nlanding\nexit_tb 1, 0",
        "guest_st.f64 x1, f1, 0, u32\nexit_tb 1, 0",
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        test_ir_parse(ir, rows[i]);
        ck_assert(ir_verify(ir));
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_verify_aborts)
{
    IrContext *ir = test_ir_new();
    ir_gen_mov(ir, IR_I64, test_x(ir, 1), ir_temp_new(ir, IR_INT));
    fclose(stderr);
    stderr = fopen("/dev/null", "w");
    ir_verify(ir);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, test_round_trip);
    tcase_add_test(tc, test_round_trip_of_every_op);
    tcase_add_test(tc, test_comments_and_blanks);
    tcase_add_test(tc, test_parse_errors);
    tcase_add_test(tc, test_verify_refuses);
    tcase_add_test(tc, test_verify_accepts);
    tcase_add_test_raise_signal(tc, test_verify_aborts, SIGABRT);
}

int main(void)
{
    return test_ir_run("ir_text", add);
}
