/*
 * tests/unit/test_ir_core.c: ops table, conditions, context, constants, list and cursor.
 */
#include "test_ir.h"

#include "ir/sig.h"

static unsigned count_letters(const char *s)
{
    unsigned n = 0;
    while (s[n] && s[n] != '_') {
        n++;
    }
    return *s == 'n' || *s == 'v' ? 0 : n;
}

START_TEST(test_signatures)
{
    for (unsigned i = 0; i < IR_OP_COUNT; i++) {
        const IrOpInfo *info = &ir_op_info[i];
        const char *ins = strchr(info->sig, '_') + 1, *ks = strchr(ins, '_') + 1;
        ck_assert_msg(info->nout == count_letters(info->sig), "%s: outputs", info->name);
        ck_assert_msg(info->nin == count_letters(ins), "%s: inputs", info->name);
        ck_assert_msg(info->nk == count_letters(ks), "%s: constants", info->name);
        ck_assert_msg(ir_sig_ks(info) == ks && ir_sig_ins(info) == ins, "%s: sig.h", info->name);
        ck_assert(info->nin <= IR_MAX_IN && info->nk <= IR_MAX_K);
    }
    ck_assert_str_eq(ir_op_info[IR_guest_ld].name, "guest_ld");
    ck_assert_int_eq(ir_op_info[IR_add].flags, IRF_PURE | IRF_COMMUTES);
}
END_TEST

START_TEST(test_conditions)
{
    static const uint64_t values[] = {
        0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, 1ull << 63, ~0ull,
    };
    for (unsigned c = 0; c < IR_COND_COUNT; c++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
            for (unsigned j = 0; j < G_N_ELEMENTS(values); j++) {
                uint64_t a = values[i], b = values[j];
                for (IrType t = IR_I32; t <= IR_I64; t++) {
                    bool r = ir_cond_eval(c, t, a, b);
                    ck_assert(ir_cond_eval(ir_cond_invert(c), t, a, b) == !r);
                    ck_assert(ir_cond_eval(ir_cond_swap(c), t, b, a) == r);
                }
            }
        }
    }
    ck_assert(ir_cond_eval(IR_COND_LT, IR_I64, ~0ull, 0));
    ck_assert(!ir_cond_eval(IR_COND_LTU, IR_I64, ~0ull, 0));
    ck_assert(ir_cond_eval(IR_COND_LT, IR_I32, 0x80000000, 0));
    ck_assert(!ir_cond_eval(IR_COND_LT, IR_I64, 0x80000000, 0));
    ck_assert(ir_cond_eval(IR_COND_EQ, IR_I32, 0x100000001, 1));
    ck_assert(ir_cond_eval(IR_COND_LEU, IR_I64, 5, 5));
}
END_TEST

START_TEST(test_constants_are_interned)
{
    IrContext *ir = test_ir_new();
    for (uint64_t i = 0; i < 3000; i++) {
        ck_assert_ptr_eq(ir_const(ir, i << 8), ir_const(ir, i << 8));
    }
    ck_assert_uint_eq(ir->ntemps, ir->nglobals + 3000);
    for (uint32_t i = 0; i < ir->ntemps; i++) {
        ck_assert_uint_eq(ir->temps[i]->index, i);
        ck_assert_int_eq(ir->temps[i]->reg, -1);
    }
    ir_reset(ir);
    ck_assert_uint_eq(ir->ntemps, 63);
    ck_assert_str_eq(test_x(ir, 10)->name, "x10");
    ck_assert_uint_eq(ir_const(ir, 256)->index, 63);
    ir_free(ir);
}
END_TEST

START_TEST(test_arena)
{
    IrContext *ir = ir_new();
    for (unsigned round = 0; round < 3; round++) {
        for (size_t size = 1; size < 300000; size = size * 3 / 2 + 1) {
            uint8_t *p = ir_alloc(ir, size);
            ck_assert_uint_eq((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < size; i++) {
                ck_assert(p[i] == 0);
            }
            memset(p, 0xaa, size);
        }
        ir_reset(ir);
    }
    ir_free(ir);
}
END_TEST

START_TEST(test_list_and_cursor)
{
    IrContext *ir = test_ir_new();
    IrTemp *x = test_x(ir, 1);
    IrOp *last = ir_gen_exit_tb(ir, IR_I64, 1, 2);
    ir->cursor = last;
    IrOp *a = ir_gen_add(ir, IR_I64, x, x, x);
    IrOp *b = ir_gen_sub(ir, IR_I64, x, x, x);
    ir->cursor = NULL;
    ck_assert_ptr_eq(ir->head.next, a);
    ck_assert_ptr_eq(a->next, b);
    ck_assert_ptr_eq(b->next, last);
    ck_assert_ptr_eq(ir->head.prev, last);
    ck_assert_uint_eq(ir->nops, 3);
    ir_op_remove(ir, b);
    ck_assert_ptr_eq(a->next, last);
    ck_assert_ptr_eq(last->prev, a);
    ck_assert_uint_eq(ir->nops, 2);
    ck_assert(ir_verify(ir));
    IrOp *c = ir_op_alloc(ir, IR_nop, IR_I64);
    ir_op_insert_before(ir, a, c);
    ck_assert_ptr_eq(ir->head.next, c);
    ck_assert(ir_verify(ir));
    ir_free(ir);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, test_signatures);
    tcase_add_test(tc, test_conditions);
    tcase_add_test(tc, test_constants_are_interned);
    tcase_add_test(tc, test_arena);
    tcase_add_test(tc, test_list_and_cursor);
}

int main(void)
{
    return test_ir_run("ir_core", add);
}
