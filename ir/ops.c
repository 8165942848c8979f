/*
 * ir/ops.c: the tables behind ir/ops.h, made from ops.def.
 *
 * Each signature has one SIG_ row with its counts: outputs, inputs, constants. A signature without
 * a row does not compile; the unit test compares the rows with the text of the signatures.
 */
#include "ir/ops.h"

#include <glib.h>

#define SIG_n_n_n    0, 0, 0
#define SIG_n_n_k    0, 0, 1
#define SIG_n_n_kk   0, 0, 2
#define SIG_n_n_kkk  0, 0, 3
#define SIG_n_n_l    0, 0, 1
#define SIG_n_n_kl   0, 0, 2
#define SIG_n_rr_cl  0, 2, 2
#define SIG_n_rr_ckk 0, 2, 3
#define SIG_n_d_n    0, 1, 0
#define SIG_n_d_kk   0, 1, 2
#define SIG_n_r_k    0, 1, 1
#define SIG_n_dr_ko  0, 2, 2
#define SIG_r_n_k    1, 0, 1
#define SIG_d_n_n    1, 0, 0
#define SIG_r_r_n    1, 1, 0
#define SIG_d_d_n    1, 1, 0
#define SIG_r_x_n    1, 1, 0
#define SIG_x_d_n    1, 1, 0
#define SIG_d_x_n    1, 1, 0
#define SIG_d_r_n    1, 1, 0
#define SIG_r_d_kk   1, 1, 2
#define SIG_d_r_kk   1, 1, 2
#define SIG_r_rr_n   1, 2, 0
#define SIG_d_rr_n   1, 2, 0
#define SIG_r_rr_c   1, 2, 1
#define SIG_r_rrr_n  1, 3, 0
#define SIG_r_rrrr_c 1, 4, 1
#define SIG_r_d_ko   1, 1, 2
#define SIG_r_dr_ko  1, 2, 2
#define SIG_r_drr_o  1, 3, 1
#define SIG_v_v_k    0, 0, 1

enum {
    PURE = IRF_PURE,
    COMMUTES = IRF_COMMUTES,
    FP_FLAGS = IRF_FP_FLAGS,
    MAY_FAULT = IRF_MAY_FAULT,
    SIDE_EFFECT = IRF_SIDE_EFFECT,
    ENDS_BB = IRF_ENDS_BB,
    ENDS_TB = IRF_ENDS_TB,
};

/* One more expansion, so that SIG_xxx has become three arguments before INFO sees them. */
#define INFO(...) INFO_(__VA_ARGS__)
#define INFO_(nm, sg, fl, no, ni, nc) \
    { .name = nm, .sig = sg, .nout = no, .nin = ni, .nk = nc, .flags = fl }

const IrOpInfo ir_op_info[IR_OP_COUNT] = {
#define IR_OP(name, sig, flags) [IR_##name] = INFO(#name, #sig, (flags), SIG_##sig),
#include "ir/ops.def"
#undef IR_OP
};

const char *const ir_type_name[IR_TYPE_COUNT] = {
    [IR_I32] = "i32", [IR_I64] = "i64", [IR_F32] = "f32", [IR_F64] = "f64",
};

const char *const ir_cond_name[IR_COND_COUNT] = {
    [IR_COND_EQ] = "eq",   [IR_COND_NE] = "ne",   [IR_COND_LT] = "lt", [IR_COND_GE] = "ge",
    [IR_COND_LTU] = "ltu", [IR_COND_GEU] = "geu", [IR_COND_LE] = "le", [IR_COND_GT] = "gt",
    [IR_COND_LEU] = "leu", [IR_COND_GTU] = "gtu",
};

IrCond ir_cond_swap(IrCond c)
{
    static const uint8_t swapped[IR_COND_COUNT] = {
        [IR_COND_EQ] = IR_COND_EQ,   [IR_COND_NE] = IR_COND_NE,   [IR_COND_LT] = IR_COND_GT,
        [IR_COND_GE] = IR_COND_LE,   [IR_COND_LTU] = IR_COND_GTU, [IR_COND_GEU] = IR_COND_LEU,
        [IR_COND_LE] = IR_COND_GE,   [IR_COND_GT] = IR_COND_LT,   [IR_COND_LEU] = IR_COND_GEU,
        [IR_COND_GTU] = IR_COND_LTU,
    };
    return (IrCond)swapped[c];
}

bool ir_cond_eval(IrCond c, IrType t, uint64_t a, uint64_t b)
{
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    if (t == IR_I32) {
        a = (uint32_t)a;
        b = (uint32_t)b;
        sa = (int32_t)a;
        sb = (int32_t)b;
    }
    switch (c) {
    case IR_COND_EQ:
        return a == b;
    case IR_COND_NE:
        return a != b;
    case IR_COND_LT:
        return sa < sb;
    case IR_COND_GE:
        return sa >= sb;
    case IR_COND_LTU:
        return a < b;
    case IR_COND_GEU:
        return a >= b;
    case IR_COND_LE:
        return sa <= sb;
    case IR_COND_GT:
        return sa > sb;
    case IR_COND_LEU:
        return a <= b;
    case IR_COND_GTU:
        return a > b;
    case IR_COND_COUNT:
        break;
    }
    g_assert_not_reached();
}
