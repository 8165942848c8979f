/*
 * tests/unit/test_trans_fp.c: the IR of F and D insns, and which of them are illegal.
 *
 * What the insns compute is checked by tests/diff; here: no needless op, boxing facts, rounding.
 */
#include <check.h>
#include <glib.h>
#include <stdlib.h>

#include "frontend/trans.h"
#include "tests/unit/suite.h"

enum { RNE, RTZ, RDN, RUP, RMM, BAD5, BAD6, DYN };

static bool (*const trans[RV_COUNT])(DisasContext *, const DecodedInsn *) = {
#define INSN(id, ...) [RV_##id] = trans_##id,
#define RVC(id, ...)
#include "frontend/insns.def"
#undef INSN
#undef RVC
};

/* rd, rs1, rs2, rs3 = 1, 2, 3, 4 unless `same`: then rs2 = rs1. boxed: bits of f registers. */
static const struct {
    RvInsnId id;
    uint8_t rm, frm;
    uint32_t boxed, boxed_after;
    bool same;
    const char *ir;
} rows[] = {
    { RV_fadd_d, DYN, RNE, 2, 0, false, "fadd.f64 f1, f2, f3\nfcanon.f64 f1, f1\n" },
    { RV_fadd_d, RTZ, RTZ, 0, 0, false, "fadd.f64 f1, f2, f3\nfcanon.f64 f1, f1\n" },
    { RV_fadd_s, DYN, RUP, 12, 14, false, "fadd.f32 f1, f2, f3\nfcanon.f32 f1, f1\n" },
    { RV_fsqrt_d, RDN, RNE, 0, 0, false,
      "set_round rdn\nfsqrt.f64 f1, f2\nset_round rne\nfcanon.f64 f1, f1\n" },
    { RV_fdiv_d, RNE, RMM, 0, 0, false, "fdiv.f64 f1, f2, f3\nfcanon.f64 f1, f1\n" },
    { RV_fmadd_d, DYN, RNE, 0, 0, false, "fmadd.f64 f1, f2, f3, f4\n" },
    { RV_fsgnj_d, 0, RNE, 4, 6, true, "mov.f64 f1, f2\n" },
    { RV_fsgnj_d, 0, RNE, 2, 0, true, "mov.f64 f1, f2\n" },
    { RV_fsgnj_s, 0, RNE, 4, 6, true, "mov.f64 f1, f2\n" },
    { RV_fsgnj_s, 0, RNE, 0, 2, true, "funbox.f32 f1, f2\n" },
    { RV_fsgnjn_d, 0, RNE, 2, 0, true, "fneg.f64 f1, f2\n" },
    { RV_fsgnjx_s, 0, RNE, 4, 6, true, "fabs.f32 f1, f2\n" },
    { RV_fcvt_w_d, RTZ, RNE, 0, 0, false, "fcvt_if.f64 x1, f2, s32, rtz\n" },
    { RV_fcvt_lu_d, DYN, RNE, 0, 0, false, "fcvt_if.f64 x1, f2, u64, dyn\n" },
    { RV_fcvt_l_d, DYN, RTZ, 0, 0, false, "fcvt_if.f64 x1, f2, s64, rtz\n" },
    { RV_fcvt_w_d, RMM, RNE, 0, 0, false, "fcvt_if.f64 x1, f2, s32, rmm\n" },
    { RV_fcvt_d_w, DYN, RMM, 2, 0, false, "fcvt_fi.f64 f1, x2, s32, dyn\n" },
    { RV_fcvt_d_l, DYN, RNE, 2, 0, false, "fcvt_fi.f64 f1, x2, s64, dyn\n" },
    { RV_fcvt_s_lu, RDN, RNE, 0, 2, false, "fcvt_fi.f32 f1, x2, u64, rdn\n" },
    { RV_fcvt_d_w, RDN, RNE, 0, 0, false, "fcvt_fi.f64 f1, x2, s32, dyn\n" },
    { RV_fcvt_d_s, RTZ, RNE, 4, 4, false, "fcvt_ff.f64 f1, f2\nfcanon.f64 f1, f1\n" },
    { RV_fmv_x_w, 0, RNE, 0, 0, false, "fmv_if.i32 x1, f2\n" },
    { RV_fmv_w_x, 0, RNE, 0, 2, false, "fmv_fi.i32 f1, x2\n" },
    { RV_flt_d, 1, RNE, 0, 0, false, "flt.f64 x1, f2, f3\n" },
    { RV_flw, 0, RNE, 0, 2, false, "guest_ld.f32 f1, x2, $0, u32\n" },
    { RV_fsw, 0, RNE, 0, 0, false, "guest_st.f32 x2, f3, $0, u32\n" },
};

static IrContext *ir;
static RiscvGlobals globals;

static bool translate(DisasContext *dc, RvInsnId id, uint8_t rm, uint8_t frm, bool same)
{
    DecodedInsn d = { .id = (uint16_t)id, .rd = 1, .rs1 = 2, .rs2 = same ? 2 : 3, .rs3 = 4,
                      .rm = rm };
    ir_reset(ir);
    dc->base.ir = ir;
    dc->g = &globals;
    dc->frm = frm;
    return trans[id](dc, &d);
}

/* The text of all ops, a line each. g_free() it. */
static char *text(void)
{
    GString *all = g_string_new(NULL);
    IR_FOREACH(ir, op) {
        char *line = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&line, &n);
        ir_dump_op(ir, op, f);
        fclose(f);
        g_string_append_printf(all, "%s\n", g_strstrip(line));
        free(line);
    }
    return g_string_free(all, FALSE);
}

START_TEST(test_ir)
{
    DisasContext dc = { .boxed = rows[_i].boxed };
    ck_assert(translate(&dc, rows[_i].id, rows[_i].rm, rows[_i].frm, rows[_i].same));
    char *s = text();
    ck_assert_str_eq(s, rows[_i].ir);
    g_free(s);
    ck_assert_uint_eq(dc.boxed, rows[_i].boxed_after);
}
END_TEST

/* Reserved modes are illegal wherever there is a mode, also where it cannot matter. */
START_TEST(test_reserved_round)
{
    unsigned seen = 0;
    for (unsigned r = 0; r < rv_row_count(); r++) {
        const RvRow *row = rv_row(r);
        bool fp = row->len == 4 && (row->ext == RV_EXT_F || row->ext == RV_EXT_D);
        bool has_rm = fp && (row->mask >> 12 & 7) == 0;
        if (!fp) {
            continue;
        }
        seen += has_rm;
        for (uint8_t frm = 0; frm < 8; frm++) {
            for (uint8_t rm = 0; rm < 8; rm++) {
                DisasContext dc = { .boxed = 0 };
                bool legal = !has_rm || (rm == DYN ? frm <= RMM : rm <= RMM);
                ck_assert_msg(translate(&dc, row->id, rm, frm, false) == legal,
                              "%s rm %d frm %d", row->name, rm, frm);
            }
        }
    }
    ck_assert_uint_eq(seen, 36);
}
END_TEST

int main(void)
{
    rv_decode_init();
    ir_set_helpers(riscv_helpers, riscv_helper_count);
    ir = ir_new();
    riscv_translate_init(ir, &globals);

    Suite *s = suite_create("trans_fp");
    TCase *tc = tcase_create("ir");
    tcase_add_loop_test(tc, test_ir, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, test_reserved_round);
    suite_add_tcase(s, tc);
    int failed = run_suite(s);
    ir_free(ir);
    return failed;
}
