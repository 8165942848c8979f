/*
 * tests/unit/test_ir_interp.c: the interpreter against rows of expected values. Inputs are in
 * x1..x4 or f1..f3, the result in x10 or f10.
 */
#include "test_ir.h"

static IrExit run_text(IrContext *ir, const char *op, TestEnv *env, IrInterpState *st)
{
    char *text = g_strconcat(op, "\nexit_tb 7, 0x99\n", NULL);
    test_ir_parse(ir, text);
    g_free(text);
    st->env = env;
    return ir_interp(ir, st);
}

START_TEST(test_integer)
{
    static const uint64_t min32 = 0x80000000, min64 = 1ull << 63, m1 = ~0ull;
    const struct { const char *op; uint64_t a, b, want; } rows[] = {
        { "mov.i64 x10, x1", m1, 0, m1 },
        { "add.i64 x10, x1, x2", m1, 2, 1 },
        { "add.i32 x10, x1, x2", 0xffffffff, 2, 1 },
        { "add.i32 x10, x1, x2", 0x7fffffff, 1, 0x80000000 },
        { "sub.i32 x10, x1, x2", 0, 1, 0xffffffff },
        { "mul.i64 x10, x1, x2", 0x100000001, 0x100000001, 0x200000001 },
        { "mul.i32 x10, x1, x2", 0x10001, 0x10001, 0x20001 },
        { "mulhs.i64 x10, x1, x2", m1, m1, 0 },
        { "mulhs.i64 x10, x1, x2", min64, min64, 0x4000000000000000 },
        { "mulhs.i64 x10, x1, x2", min64, 2, m1 },
        { "mulhs.i32 x10, x1, x2", min32, 2, 0xffffffff },
        { "mulhu.i64 x10, x1, x2", m1, m1, m1 - 1 },
        { "mulhu.i32 x10, x1, x2", m1, m1, 0xfffffffe },
        { "mulhsu.i64 x10, x1, x2", m1, m1, m1 },
        { "mulhsu.i64 x10, x1, x2", 1, m1, 0 },
        { "mulhsu.i32 x10, x1, x2", m1, m1, 0xffffffff },
        { "divs.i64 x10, x1, x2", -7ull, 2, -3ull },
        { "divs.i64 x10, x1, x2", -7ull, 0, m1 },
        { "divs.i64 x10, x1, x2", min64, m1, min64 },
        { "divs.i32 x10, x1, x2", min32, m1, min32 },
        { "divs.i32 x10, x1, x2", 5, 0, 0xffffffff },
        { "divu.i64 x10, x1, x2", m1, 16, m1 >> 4 },
        { "divu.i64 x10, x1, x2", 3, 0, m1 },
        { "divu.i32 x10, x1, x2", m1, 16, 0x0fffffff },
        { "rems.i64 x10, x1, x2", -7ull, 2, m1 },
        { "rems.i64 x10, x1, x2", -7ull, 0, -7ull },
        { "rems.i64 x10, x1, x2", min64, m1, 0 },
        { "rems.i32 x10, x1, x2", min32, m1, 0 },
        { "rems.i32 x10, x1, x2", m1, 0, 0xffffffff },
        { "remu.i64 x10, x1, x2", 17, 5, 2 },
        { "remu.i32 x10, x1, x2", 0xf00000011, 0, 0x11 },
        { "and.i64 x10, x1, x2", 0xff0f, 0x0fff, 0x0f0f },
        { "or.i32 x10, x1, x2", 0xf0000000f, 0xf0, 0xff },
        { "xor.i64 x10, x1, x2", m1, 1, m1 - 1 },
        { "andn.i64 x10, x1, x2", 0xff, 0x0f, 0xf0 },
        { "orn.i32 x10, x1, x2", 0, 1, 0xfffffffe },
        { "xnor.i64 x10, x1, x2", 5, 5, m1 },
        { "shl.i64 x10, x1, x2", 1, 63, min64 },
        { "shl.i64 x10, x1, x2", 1, 64, 1 },
        { "shl.i32 x10, x1, x2", 3, 31, min32 },
        { "shl.i32 x10, x1, x2", 3, 33, 6 },
        { "shr.i64 x10, x1, x2", m1, 60, 15 },
        { "shr.i32 x10, x1, x2", m1, 4, 0x0fffffff },
        { "sar.i64 x10, x1, x2", min64, 63, m1 },
        { "sar.i32 x10, x1, x2", min32, 4, 0xf8000000 },
        { "sar.i32 x10, x1, x2", 0x100000000, 4, 0 },
        { "rotl.i64 x10, x1, x2", min64 | 1, 1, 3 },
        { "rotl.i32 x10, x1, x2", min32 | 1, 1, 3 },
        { "rotl.i32 x10, x1, x2", 0x12345678, 32, 0x12345678 },
        { "rotr.i64 x10, x1, x2", 1, 1, min64 },
        { "rotr.i32 x10, x1, x2", 1, 4, 0x10000000 },
        { "rotr.i64 x10, x1, x2", 5, 0, 5 },
        { "ext8s x10, x1", 0x180, 0, 0xffffffffffffff80 },
        { "ext16s x10, x1", 0x18000, 0, 0xffffffffffff8000 },
        { "ext32s x10, x1", 0x180000000, 0, 0xffffffff80000000 },
        { "ext8u x10, x1", m1, 0, 0xff },
        { "ext16u x10, x1", m1, 0, 0xffff },
        { "ext32u x10, x1", m1, 0, 0xffffffff },
        { "bswap.i64 x10, x1", 0x0102030405060708, 0, 0x0807060504030201 },
        { "bswap.i32 x10, x1", 0x0102030405060708, 0, 0x08070605 },
        { "clz.i64 x10, x1", 1, 0, 63 },
        { "clz.i64 x10, x1", 0, 0, 64 },
        { "clz.i32 x10, x1", 1, 0, 31 },
        { "clz.i32 x10, x1", 0xf00000000, 0, 32 },
        { "ctz.i64 x10, x1", 8, 0, 3 },
        { "ctz.i64 x10, x1", 0, 0, 64 },
        { "ctz.i32 x10, x1", 0xf00000000, 0, 32 },
        { "popcnt.i64 x10, x1", m1, 0, 64 },
        { "popcnt.i32 x10, x1", m1, 0, 32 },
        { "orc_b.i64 x10, x1", 0x0100200000800000, 0, 0xff00ff0000ff0000 },
        { "orc_b.i32 x10, x1", 0x0100200000800000, 0, 0x00ff0000 },
        { "clmul.i64 x10, x1, x2", 0x8000000000000003, 7, 0x8000000000000009 },
        { "clmulh.i64 x10, x1, x2", 0x8000000000000003, 7, 3 },
        { "clmulh.i64 x10, x1, x2", m1, m1, 0x5555555555555555 },
        { "clmul.i32 x10, x1, x2", 0x1ffffffff, 3, 1 },
        { "clmulh.i32 x10, x1, x2", 0x1ffffffff, 3, 1 },
        { "mins.i64 x10, x1, x2", m1, 1, m1 },
        { "minu.i64 x10, x1, x2", m1, 1, 1 },
        { "maxs.i32 x10, x1, x2", m1, 1, 1 },
        { "maxu.i32 x10, x1, x2", m1, 1, 0xffffffff },
        { "setcond.i64 x10, x1, x2, lt", m1, 0, 1 },
        { "setcond.i64 x10, x1, x2, ltu", m1, 0, 0 },
        { "setcond.i32 x10, x1, x2, eq", 0x100000000, 0, 1 },
        { "movcond.i64 x10, x1, x2, x3, x4, eq", 1, 1, 33 },
        { "movcond.i64 x10, x1, x2, x3, x4, ne", 1, 1, 0x100000044 },
        { "movcond.i32 x10, x1, x2, x3, x4, ne", 1, 1, 0x44 },
        { "fmv_if.i64 x10, f1", 0, 0, 0x8000000090000000 },
        { "fmv_if.i32 x10, f1", 0, 0, 0xffffffff90000000 },
        { "env_ld.i64 x10, 512", 0, 0, 0xabcdef0123456789 },
        { "env_ld.i32 x10, 512", 0, 0, 0x23456789 },
        { "env_st.i32 x1, 512\nenv_ld.i64 x10, 512", 0x1111111122222222, 0, 0xabcdef0122222222 },
        { "fflags_get x10", 0, 0, 0 },
        { "fflags_set x1\nfflags_get x10", 0xff, 0, 0x1f },
        { "call x10, pure, x1, x2", 5, 6, 15 + (6 ^ 0x55) },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        TestEnv env = { .x = { [1] = rows[i].a, [2] = rows[i].b, [3] = 33, [4] = 0x100000044 },
                        .f = { [1] = 0x8000000090000000 }, .field = { 0xabcdef0123456789 } };
        IrInterpState st = { 0 };
        IrExit e = run_text(ir, rows[i].op, &env, &st);
        ck_assert_int_eq(e.kind, IR_EXIT_TB);
        ck_assert_uint_eq(e.reason, 7);
        ck_assert_uint_eq(e.pc, 0x99);
        ck_assert_msg(env.x[10] == rows[i].want, "%s of %#lx, %#lx: %#lx, expected %#lx",
                      rows[i].op, rows[i].a, rows[i].b, env.x[10], rows[i].want);
    }
    ir_free(ir);
}
END_TEST

#define BOX 0xffffffff00000000u
#define S(v) (BOX | (v))
#define ONE64 0x3ff0000000000000u
#define TWO64 0x4000000000000000u
#define INF64 0x7ff0000000000000u
#define MAX64 0x7fefffffffffffffu
#define MIN64 0x0010000000000000u       /* smallest normal */
#define QNAN64 0x7ff8000000000000u
#define SNAN64 0x7ff0000000000001u
#define NAN64 0xfff8000000000000u       /* what the interpreter makes when any NaN will do */
#define NEG 0x8000000000000000u
#define NAN32 S(0xffc00000u)
#define QNAN32 S(0x7fc00000u)
#define SNAN32 S(0x7f800001u)
#define ONE32 S(0x3f800000u)
#define NEG32 0x80000000u
#define THIRD64 0x3fd5555555555555u

START_TEST(test_fp)
{
    static const struct {
        const char *op;
        int round;
        uint64_t a, b, c, want;
        unsigned flags;
    } rows[] = {
        { "fadd.f64 f10, f1, f2", IR_RNE, ONE64, ONE64, 0, TWO64, 0 },
        { "fadd.f64 f10, f1, f2", IR_RNE, ONE64, 1, 0, ONE64, IR_NX },
        { "fadd.f64 f10, f1, f2", IR_RUP, ONE64, 1, 0, ONE64 + 1, IR_NX },
        { "fadd.f64 f10, f1, f2", IR_RDN, ONE64, NEG | 1, 0, ONE64 - 1, IR_NX },
        { "fadd.f64 f10, f1, f2", IR_RTZ, MAX64, MAX64, 0, MAX64, IR_OF | IR_NX },
        { "fadd.f64 f10, f1, f2", IR_RNE, MAX64, MAX64, 0, INF64, IR_OF | IR_NX },
        { "fadd.f64 f10, f1, f2", IR_RNE, INF64, NEG | INF64, 0, NAN64, IR_NV },
        { "fadd.f64 f10, f1, f2", IR_RNE, QNAN64, ONE64, 0, NAN64, 0 },
        { "fadd.f64 f10, f1, f2", IR_RNE, ONE64, SNAN64, 0, NAN64, IR_NV },
        { "fadd.f64 f10, f1, f2", IR_RDN, ONE64, NEG | ONE64, 0, NEG, 0 },
        { "fadd.f32 f10, f1, f2", IR_RNE, ONE32, ONE32, 0, S(0x40000000), 0 },
        { "fadd.f32 f10, f1, f2", IR_RNE, SNAN32, ONE32, 0, NAN32, IR_NV },
        { "fsub.f64 f10, f1, f2", IR_RNE, ONE64, ONE64, 0, 0, 0 },
        { "fsub.f64 f10, f1, f2", IR_RDN, ONE64, ONE64, 0, NEG, 0 },
        { "fsub.f32 f10, f1, f2", IR_RNE, ONE32, ONE32, 0, S(0), 0 },
        { "fmul.f64 f10, f1, f2", IR_RNE, MIN64, THIRD64, 0, 0x0005555555555555, IR_UF | IR_NX },
        { "fmul.f64 f10, f1, f2", IR_RNE, MIN64, 0x3fe0000000000000, 0, MIN64 >> 1, 0 },
        { "fmul.f64 f10, f1, f2", IR_RNE, INF64, 0, 0, NAN64, IR_NV },
        { "fmul.f32 f10, f1, f2", IR_RUP, S(1), S(1), 0, S(1), IR_UF | IR_NX },
        { "fdiv.f64 f10, f1, f2", IR_RNE, ONE64, 0x4008000000000000, 0, THIRD64, IR_NX },
        { "fdiv.f64 f10, f1, f2", IR_RUP, ONE64, 0x4008000000000000, 0, THIRD64 + 1, IR_NX },
        { "fdiv.f64 f10, f1, f2", IR_RNE, ONE64, NEG, 0, NEG | INF64, IR_DZ },
        { "fdiv.f64 f10, f1, f2", IR_RNE, 0, 0, 0, NAN64, IR_NV },
        { "fdiv.f32 f10, f1, f2", IR_RNE, ONE32, S(0), 0, S(0x7f800000), IR_DZ },
        { "fsqrt.f64 f10, f1", IR_RNE, 0x4010000000000000, 0, 0, TWO64, 0 },
        { "fsqrt.f64 f10, f1", IR_RNE, NEG | ONE64, 0, 0, NAN64, IR_NV },
        { "fsqrt.f64 f10, f1", IR_RNE, NEG, 0, 0, NEG, 0 },
        { "fsqrt.f32 f10, f1", IR_RTZ, S(0x40000000), 0, 0, S(0x3fb504f3), IR_NX },
        /* 1/3 * 3 - 1 shows the single rounding */
        { "fmsub.f64 f10, f1, f2, f3", IR_RNE, THIRD64, 0x4008000000000000, ONE64,
          0xbc90000000000000, 0 },
        { "fmadd.f64 f10, f1, f2, f3", IR_RNE, ONE64, TWO64, ONE64, 0x4008000000000000, 0 },
        { "fnmsub.f64 f10, f1, f2, f3", IR_RNE, ONE64, TWO64, ONE64, NEG | ONE64, 0 },
        { "fnmadd.f64 f10, f1, f2, f3", IR_RNE, ONE64, TWO64, ONE64, 0xc008000000000000, 0 },
        { "fnmadd.f64 f10, f1, f2, f3", IR_RNE, ONE64, 0, 0, NEG, 0 },
        { "fmadd.f64 f10, f1, f2, f3", IR_RNE, INF64, 0, QNAN64, QNAN64, IR_NV },
        { "fmadd.f64 f10, f1, f2, f3", IR_RNE, 0, INF64, ONE64, QNAN64, IR_NV },
        { "fmadd.f64 f10, f1, f2, f3", IR_RNE, QNAN64, ONE64, SNAN64, QNAN64, IR_NV },
        { "fmadd.f64 f10, f1, f2, f3", IR_RNE, QNAN64, ONE64, ONE64, QNAN64, 0 },
        { "fmadd.f32 f10, f1, f2, f3", IR_RNE, ONE32, ONE32, ONE32, S(0x40000000), 0 },
        { "fmsub.f32 f10, f1, f2, f3", IR_RUP, S(1), S(1), S(0), S(1), IR_UF | IR_NX },
        { "fmin.f64 f10, f1, f2", IR_RNE, 0, NEG, 0, NEG, 0 },
        { "fmax.f64 f10, f1, f2", IR_RNE, NEG, 0, 0, 0, 0 },
        { "fmin.f64 f10, f1, f2", IR_RNE, QNAN64, ONE64, 0, ONE64, 0 },
        { "fmin.f64 f10, f1, f2", IR_RNE, SNAN64, ONE64, 0, ONE64, IR_NV },
        { "fmin.f64 f10, f1, f2", IR_RNE, NAN64, SNAN64, 0, QNAN64, IR_NV },
        { "fmax.f32 f10, f1, f2", IR_RNE, S(0xff800000), S(0xbf800000), 0, S(0xbf800000), 0 },
        { "fmin.f32 f10, f1, f2", IR_RNE, S(0xff800000), S(0xbf800000), 0, S(0xff800000), 0 },
        { "fcanon.f64 f10, f1", IR_RNE, SNAN64, 0, 0, QNAN64, 0 },
        { "fcanon.f64 f10, f1", IR_RNE, INF64, 0, 0, INF64, 0 },
        { "fcanon.f32 f10, f1", IR_RNE, NAN32, 0, 0, QNAN32, 0 },
        { "funbox.f32 f10, f1", IR_RNE, ONE32, 0, 0, ONE32, 0 },
        { "funbox.f32 f10, f1", IR_RNE, 0x3f800000, 0, 0, QNAN32, 0 },
        { "funbox.f32 f10, f1", IR_RNE, SNAN32, 0, 0, SNAN32, 0 },
        { "fneg.f64 f10, f1", IR_RNE, SNAN64, 0, 0, NEG | SNAN64, 0 },
        { "fneg.f32 f10, f1", IR_RNE, ONE32, 0, 0, ONE32 | NEG32, 0 },
        { "fabs.f32 f10, f1", IR_RNE, ONE32 | NEG32, 0, 0, ONE32, 0 },
        { "fsgnj.f64 f10, f1, f2", IR_RNE, ONE64, NEG, 0, NEG | ONE64, 0 },
        { "fsgnjn.f64 f10, f1, f2", IR_RNE, ONE64, NEG, 0, ONE64, 0 },
        { "fsgnjx.f32 f10, f1, f2", IR_RNE, ONE32 | NEG32, S(NEG32), 0, ONE32, 0 },
        { "feq.f64 x10, f1, f2", IR_RNE, 0, NEG, 0, 1, 0 },
        { "feq.f64 x10, f1, f2", IR_RNE, QNAN64, QNAN64, 0, 0, 0 },
        { "feq.f64 x10, f1, f2", IR_RNE, QNAN64, SNAN64, 0, 0, IR_NV },
        { "flt.f64 x10, f1, f2", IR_RNE, NEG | ONE64, ONE64, 0, 1, 0 },
        { "flt.f64 x10, f1, f2", IR_RNE, NEG, 0, 0, 0, 0 },
        { "flt.f64 x10, f1, f2", IR_RNE, QNAN64, 0, 0, 0, IR_NV },
        { "fle.f32 x10, f1, f2", IR_RNE, S(NEG32), S(0), 0, 1, 0 },
        { "fle.f32 x10, f1, f2", IR_RNE, QNAN32, S(0), 0, 0, IR_NV },
        { "fclass.f64 x10, f1", IR_RNE, NEG | INF64, 0, 0, 1 << 0, 0 },
        { "fclass.f64 x10, f1", IR_RNE, NEG | ONE64, 0, 0, 1 << 1, 0 },
        { "fclass.f64 x10, f1", IR_RNE, NEG | 1, 0, 0, 1 << 2, 0 },
        { "fclass.f64 x10, f1", IR_RNE, NEG, 0, 0, 1 << 3, 0 },
        { "fclass.f64 x10, f1", IR_RNE, 0, 0, 0, 1 << 4, 0 },
        { "fclass.f32 x10, f1", IR_RNE, S(1), 0, 0, 1 << 5, 0 },
        { "fclass.f32 x10, f1", IR_RNE, ONE32, 0, 0, 1 << 6, 0 },
        { "fclass.f32 x10, f1", IR_RNE, S(0x7f800000), 0, 0, 1 << 7, 0 },
        { "fclass.f32 x10, f1", IR_RNE, SNAN32, 0, 0, 1 << 8, 0 },
        { "fclass.f32 x10, f1", IR_RNE, QNAN32, 0, 0, 1 << 9, 0 },
        { "fcvt_ff.f32 f10, f1", IR_RNE, ONE64 + 1, 0, 0, ONE32, IR_NX },
        { "fcvt_ff.f32 f10, f1", IR_RUP, ONE64 + 1, 0, 0, ONE32 + 1, IR_NX },
        { "fcvt_ff.f32 f10, f1", IR_RNE, MAX64, 0, 0, S(0x7f800000), IR_OF | IR_NX },
        { "fcvt_ff.f32 f10, f1", IR_RNE, 1, 0, 0, S(0), IR_UF | IR_NX },
        { "fcvt_ff.f32 f10, f1", IR_RNE, SNAN64, 0, 0, NAN32, IR_NV },
        { "fcvt_ff.f64 f10, f1", IR_RNE, ONE32, 0, 0, ONE64, 0 },
        { "fcvt_ff.f64 f10, f1", IR_RNE, S(1), 0, 0, 0x36a0000000000000, 0 },
        { "fcvt_ff.f64 f10, f1", IR_RNE, QNAN32, 0, 0, NAN64, 0 },
        { "fmv_fi.i64 f10, x1", IR_RNE, 0, 0, 0, 5, 0 },
        { "fmv_fi.i32 f10, x1", IR_RNE, 0, 0, 0, S(5), 0 },
        { "set_round rup\nfadd.f64 f10, f1, f2", IR_RNE, ONE64, 1, 0, ONE64 + 1, IR_NX },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned before = 0; before < 32; before += 31) {
            TestEnv env = { .f = { [1] = rows[i].a, [2] = rows[i].b, [3] = rows[i].c },
                            .x = { [1] = 5 } };
            IrInterpState st = { .round = (uint32_t)rows[i].round, .fflags = before };
            run_text(ir, rows[i].op, &env, &st);
            bool to_x = strstr(rows[i].op, " x10") != NULL;
            uint64_t got = to_x ? env.x[10] : env.f[10];
            ck_assert_msg(got == rows[i].want && st.fflags == (rows[i].flags | before),
                          "row %u, %s: %#lx flags %u, expected %#lx flags %u", i, rows[i].op, got,
                          st.fflags, rows[i].want, rows[i].flags | before);
        }
    }
    ir_free(ir);
}
END_TEST

/* double -> integer in each mode: results for RNE RTZ RDN RUP RMM. */
START_TEST(test_fcvt_if)
{
    static const double two63 = 9223372036854775808.0, two32 = 4294967296.0;
    const struct { const char *kind; double in; int64_t want[5]; unsigned flags; } rows[] = {
        { "s32", 2.5, { 2, 2, 2, 3, 3 }, IR_NX },
        { "s32", 3.5, { 4, 3, 3, 4, 4 }, IR_NX },
        { "s32", -2.5, { -2, -2, -3, -2, -3 }, IR_NX },
        { "s32", -0.25, { 0, 0, -1, 0, 0 }, IR_NX },
        { "s64", 1e-300, { 0, 0, 0, 1, 0 }, IR_NX },
        { "s64", 0x1p-12, { 0, 0, 0, 1, 0 }, IR_NX },
        { "s64", 0.5, { 0, 0, 0, 1, 1 }, IR_NX },
        { "s32", 7, { 7, 7, 7, 7, 7 }, 0 },
        { "s32", -0.0, { 0, 0, 0, 0, 0 }, 0 },
        { "s32", 2147483647, { INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX }, 0 },
        { "s32", 2147483648, { INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX }, IR_NV },
        { "s32", -2147483648.0, { INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN }, 0 },
        { "s32", -2147483649.0, { INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN }, IR_NV },
        { "u32", two32 - 1, { -1, -1, -1, -1, -1 }, 0 },
        { "u32", two32, { -1, -1, -1, -1, -1 }, IR_NV },
        { "u32", 2147483648, { INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN }, 0 },
        { "u32", -1, { 0, 0, 0, 0, 0 }, IR_NV },
        { "u64", -1, { 0, 0, 0, 0, 0 }, IR_NV },
        { "s64", two63, { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX }, IR_NV },
        { "s64", -two63, { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN }, 0 },
        { "s64", two63 / 2, { 1ll << 62, 1ll << 62, 1ll << 62, 1ll << 62, 1ll << 62 }, 0 },
        { "u64", two63, { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN }, 0 },
        { "u64", 2 * two63, { -1, -1, -1, -1, -1 }, IR_NV },
        { "u64", 1e300, { -1, -1, -1, -1, -1 }, IR_NV },
        { "u64", -1e300, { 0, 0, 0, 0, 0 }, IR_NV },
    };
    static const char *const modes[] = { "rne", "rtz", "rdn", "rup", "rmm" };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned m = 0; m < 5; m++) {
            for (unsigned dyn = 0; dyn < 2; dyn++) {
                char *op = g_strdup_printf("fcvt_if.f64 x10, f1, %s, %s", rows[i].kind,
                                           dyn ? "dyn" : modes[m]);
                TestEnv env = { 0 };
                memcpy(&env.f[1], &rows[i].in, 8);
                IrInterpState st = { .round = dyn ? m : IR_RTZ };
                run_text(ir, op, &env, &st);
                ck_assert_msg(env.x[10] == (uint64_t)rows[i].want[m] && st.fflags == rows[i].flags,
                              "%s of %g in %s: %#lx flags %u", op, rows[i].in, modes[m],
                              env.x[10], st.fflags);
                g_free(op);
            }
        }
    }
    static const struct { const char *op; uint64_t in; int64_t want; unsigned flags; } special[] = {
        { "fcvt_if.f64 x10, f1, s32, rne", QNAN64, INT32_MAX, IR_NV },
        { "fcvt_if.f64 x10, f1, u32, rne", NAN64, -1, IR_NV },
        { "fcvt_if.f64 x10, f1, s64, rne", SNAN64, INT64_MAX, IR_NV },
        { "fcvt_if.f64 x10, f1, u64, rne", QNAN64, -1, IR_NV },
        { "fcvt_if.f64 x10, f1, s64, rne", NEG | INF64, INT64_MIN, IR_NV },
        { "fcvt_if.f64 x10, f1, u64, rne", NEG | INF64, 0, IR_NV },
        { "fcvt_if.f64 x10, f1, u32, rne", INF64, -1, IR_NV },
        { "fcvt_if.f64 x10, f1, s32, rdn", 0xc1e0000000100000, INT32_MIN, IR_NV },
        { "fcvt_if.f64 x10, f1, s32, rtz", 0xc1e0000000100000, INT32_MIN, IR_NX },
        { "fcvt_if.f64 x10, f1, u32, rtz", 0xbfe0000000000000, 0, IR_NX },
        { "fcvt_if.f64 x10, f1, u32, rdn", 0xbfe0000000000000, 0, IR_NV },
        { "fcvt_if.f32 x10, f1, s32, rne", S(0x3fc00000), 2, IR_NX },
        { "fcvt_if.f32 x10, f1, s32, rne", S(0x4f000000), INT32_MAX, IR_NV },
        { "fcvt_if.f32 x10, f1, u64, rne", S(0x5f000000), INT64_MIN, 0 },
        { "fcvt_if.f32 x10, f1, s64, rup", S(1), 1, IR_NX },
        { "ftrunc.f64 x10, f1", 0x3ff8000000000000, 1, 0 },
        { "ftrunc.f64 x10, f1", SNAN64, INT64_MAX, 0 },
        { "ftrunc.f64 x10, f1", NEG | INF64, INT64_MIN, 0 },
        { "ftrunc.f32 x10, f1", S(0x5f000000), INT64_MAX, 0 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(special); i++) {
        TestEnv env = { .f = { [1] = special[i].in } };
        IrInterpState st = { 0 };
        run_text(ir, special[i].op, &env, &st);
        ck_assert_msg(env.x[10] == (uint64_t)special[i].want && st.fflags == special[i].flags,
                      "%s of %#lx: %#lx flags %u", special[i].op, special[i].in, env.x[10],
                      st.fflags);
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_fcvt_fi)
{
    static const struct { const char *op; int round; uint64_t in, want; unsigned flags; } rows[] = {
        { "fcvt_fi.f64 f10, x1, s32, dyn", IR_RNE, 0xffffffff, NEG | ONE64, 0 },
        { "fcvt_fi.f64 f10, x1, u32, dyn", IR_RNE, 0xffffffffffffffff, 0x41efffffffe00000, 0 },
        { "fcvt_fi.f64 f10, x1, s64, dyn", IR_RNE, ~0ull, NEG | ONE64, 0 },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RNE, ~0ull, 0x43f0000000000000, IR_NX },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RTZ, ~0ull, 0x43efffffffffffff, IR_NX },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RNE, 1ull << 63, 0x43e0000000000000, 0 },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RUP, (1ull << 63) + 1, 0x43e0000000000001, IR_NX },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RNE, (1ull << 63) + 0x400, 0x43e0000000000000, IR_NX },
        { "fcvt_fi.f64 f10, x1, u64, dyn", IR_RNE, (1ull << 63) + 0x401, 0x43e0000000000001, IR_NX },
        { "fcvt_fi.f32 f10, x1, s32, dyn", IR_RNE, 0x01000001, S(0x4b800000), IR_NX },
        { "fcvt_fi.f32 f10, x1, s32, dyn", IR_RUP, 0x01000001, S(0x4b800001), IR_NX },
        { "fcvt_fi.f32 f10, x1, u32, dyn", IR_RNE, 0xffffffff, S(0x4f800000), IR_NX },
        { "fcvt_fi.f32 f10, x1, s64, dyn", IR_RNE, 1ull << 63, S(0xdf000000), 0 },
        { "fcvt_fi.f32 f10, x1, u64, dyn", IR_RNE, ~0ull, S(0x5f800000), IR_NX },
        { "fcvt_fi.f32 f10, x1, s64, dyn", IR_RDN, 0, S(0), 0 },
        { "fcvt_fi.f32 f10, x1, s32, rup", IR_RNE, 0x01000001, S(0x4b800001), IR_NX },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        TestEnv env = { .x = { [1] = rows[i].in } };
        IrInterpState st = { .round = (uint32_t)rows[i].round };
        run_text(ir, rows[i].op, &env, &st);
        ck_assert_msg(env.f[10] == rows[i].want && st.fflags == rows[i].flags,
                      "row %u, %s: %#lx flags %u", i, rows[i].op, env.f[10], st.fflags);
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_memory)
{
    static const struct {
        const char *op;
        uint64_t a, want, mem;          /* x2 = a; x10 and the memory at 8 afterwards */
    } rows[] = {
        { "guest_ld.i64 x10, x1, 8, u64", 0, 0x8877665544332281, 0x8877665544332281 },
        { "guest_ld.i64 x10, x1, 8, s8", 0, 0xffffffffffffff81, 0x8877665544332281 },
        { "guest_ld.i64 x10, x1, 8, u8", 0, 0x81, 0x8877665544332281 },
        { "guest_ld.i64 x10, x1, 14, s16", 0, 0xffffffffffff8877, 0x8877665544332281 },
        { "guest_ld.i32 x10, x1, 14, s16", 0, 0xffff8877, 0x8877665544332281 },
        { "guest_ld.i64 x10, x1, 12, s32", 0, 0xffffffff88776655, 0x8877665544332281 },
        { "guest_ld.i64 x10, x1, 9, u32", 0, 0x55443322, 0x8877665544332281 },
        { "guest_st.i64 x1, x2, 8, u8", 0x1ff, 0, 0x88776655443322ff },
        { "guest_st.i64 x1, x2, 12, u32", 5, 0, 0x0000000544332281 },
        { "guest_amo.i64 x10, x3, x2, add, s32", 1, 0x44332281, 0x8877665544332282 },
        { "guest_amo.i64 x10, x3, x2, swap, u64", 1, 0x8877665544332281, 1 },
        { "guest_amo.i64 x10, x4, x2, maxs, s32", 0, 0xffffffff88776655, 0x0000000044332281 },
        { "guest_amo.i64 x10, x4, x2, maxu, s32", 0, 0xffffffff88776655, 0x8877665544332281 },
        { "guest_amo.i64 x10, x4, x2, mins, s32", 0, 0xffffffff88776655, 0x8877665544332281 },
        { "guest_amo.i64 x10, x4, x2, minu, u32", 1, 0x88776655, 0x0000000144332281 },
        { "guest_amo.i64 x10, x3, x2, xor, u64", ~0ull, 0x8877665544332281, 0x778899aabbccdd7e },
        { "guest_amo.i32 x10, x3, x2, or, s32", 2, 0x44332281, 0x8877665544332283 },
        { "guest_amo.i64 x10, x3, x2, and, s64", 0xf, 0x8877665544332281, 1 },
        { "guest_cmpxchg.i64 x10, x3, $0x44332281, x2, s32", 9, 0x44332281, 0x8877665500000009 },
        { "guest_cmpxchg.i64 x10, x3, $0x44332280, x2, s32", 9, 0x44332281, 0x8877665544332281 },
        { "guest_cmpxchg.i64 x10, x3, $0x8877665544332281, x2, u64", 3, 0x8877665544332281, 3 },
        { "guest_ld.f32 f10, x1, 8, u32\nfmv_if.i64 x10, f10", 0, 0xffffffff44332281,
          0x8877665544332281 },
        { "guest_ld.f64 f10, x1, 8, u64\nguest_st.f64 x1, f10, 12, u32\nmov x10, $5", 0, 5,
          0x4433228144332281 },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t mem[4] = { 0, 0x8877665544332281, 0, 0 };
        TestEnv env = { .x = { [1] = 0, [2] = rows[i].a, [3] = 8, [4] = 12 } };
        IrInterpState st = { .guest_base = (uintptr_t)mem };
        run_text(ir, rows[i].op, &env, &st);
        ck_assert_msg(env.x[10] == rows[i].want && mem[1] == rows[i].mem,
                      "%s: %#lx memory %#lx", rows[i].op, env.x[10], mem[1]);
    }
    TestEnv env = { .x = { [1] = 1, [10] = 77 } };
    uint64_t mem[2] = { 1, 2 };
    IrInterpState st = { .guest_base = (uintptr_t)mem };
    IrExit e = run_text(ir, "insn_start 0x500 4\nguest_ld.i64 x10, x1, 0, u16a", &env, &st);
    ck_assert(e.kind == IR_EXIT_TB && e.reason == IR_INTERP_MISALIGNED && e.pc == 0x500);
    ck_assert_uint_eq(env.x[10], 77);
    ir_free(ir);
}
END_TEST

START_TEST(test_control)
{
    static const struct {
        const char *text;
        IrExitKind kind;
        unsigned slot;
        uint64_t pc, x10;
    } rows[] = {
        { "goto_tb 0, 0x1234", IR_EXIT_GOTO, 0, 0x1234, 0 },
        { "call_tb 0, 0x1234, 0x10", IR_EXIT_GOTO, 0, 0x1234, 0 },
        { "brcond_tb x1, $0, eq, 1, 0x55\ngoto_tb 0, 0x1234", IR_EXIT_GOTO, 1, 0x55, 0 },
        { "brcond_tb x1, $0, ne, 1, 0x55\ngoto_tb 0, 0x1234", IR_EXIT_GOTO, 0, 0x1234, 0 },
        { "goto_ptr $0x77", IR_EXIT_PTR, 0, 0x76, 0 },
        { "ret_ptr $0x78", IR_EXIT_PTR, 0, 0x78, 0 },
        { "call_ptr $0x79, 0, 0x10", IR_EXIT_PTR, 0, 0x78, 0 },
        { "br L0\nmov x10, $1\nset_label L0\ngoto_ptr $0", IR_EXIT_PTR, 0, 0, 0 },
        { "set_label L0\nadd.i64 x10, x10, $3\nbrcond x10, $30, lt, L0\ngoto_ptr $0", IR_EXIT_PTR,
          0, 0, 30 },
    };
    IrContext *ir = test_ir_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        TestEnv env = { 0 };
        IrInterpState st = { .env = &env };
        test_ir_parse(ir, rows[i].text);
        IrExit e = ir_interp(ir, &st);
        ck_assert_msg(e.kind == rows[i].kind && e.pc == rows[i].pc && e.slot == rows[i].slot &&
                      env.x[10] == rows[i].x10, "%s: pc %#lx", rows[i].text, e.pc);
    }
    ir_free(ir);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, test_integer);
    tcase_add_test(tc, test_fp);
    tcase_add_test(tc, test_fcvt_if);
    tcase_add_test(tc, test_fcvt_fi);
    tcase_add_test(tc, test_memory);
    tcase_add_test(tc, test_control);
}

int main(void)
{
    return test_ir_run("ir_interp", add);
}
