/*
 * tests/unit/test_codegen_exits.c: the ways out of a TB, one by one.
 * links: tests/unit/codegen_machine.c
 *
 * Chaining, return prediction, jump cache, polls; the unwind map, alignment checks, and a code
 * buffer that is too small.
 */
#include "tests/unit/codegen_machine.h"
#include "tests/unit/suite.h"

static Machine plain_machine(void)
{
    env_reset();
    return machine_new(make_config(backend_host_features(), 11, false, false, 1), 0);
}

static void start_program(Machine *m)
{
    ir_reset(m->ir);
    ir_gen_insn_start(m->ir, IR_I64, 0x10000, 4);
}

/* Put a finished program at its own place, so that several can jump to each other. */
static uint8_t *finish_program(Machine *m, unsigned place)
{
    ir_verify(m->ir);
    ir_liveness(m->ir);
    ck_assert(generate_at(m, 64 + place * 4096));
    check_result(m);
    return m->code;
}

static void expect_exit(Machine *m, const uint8_t *code, bool tb, uint64_t why, uint64_t pc)
{
    BackendExit x = enter(m, code);
    ck_assert_uint_eq(x.why, why);
    ck_assert_uint_eq(env.pc, pc);
    ck_assert_ptr_eq(x.tb, tb ? m->header : NULL);
}

static void jump_cache_put(uint64_t pc, const uint8_t *code)
{
    JumpCacheEntry *e = &env.jump_cache[(pc >> 1) & ((1 << JC_BITS) - 1)];
    e->pc = pc;
    e->code = (uintptr_t)code;
}

static const uint8_t *make_ret(Machine *m, unsigned place)
{
    start_program(m);
    ir_gen_ret_ptr(m->ir, IR_I64, m->gpr[1]);
    return finish_program(m, place);
}

START_TEST(test_call_return)
{
    Machine m = plain_machine();
    const uint8_t *ret = make_ret(&m, 1);
    uint64_t ras_sp = env.ras_sp;

    start_program(&m);
    m.ir->nslots = 2;
    ir_gen_call_tb(m.ir, IR_I64, 0, 0x10800, 0x10004);
    uint8_t *call = finish_program(&m, 0);
    expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 0, 0x10800);
    ck_assert_uint_eq(env.ras_sp, ras_sp - 16);
    ck_assert_uint_eq(((uint64_t *)env.ras_sp)[1], 0x10004);

    env.gpr[1] = 0x10004;       /* predicted: through the landing pad to slot 1 */
    expect_exit(&m, ret, true, BACKEND_EXIT_SLOT | 1, 0x10004);
    ck_assert_uint_eq(env.ras_sp, ras_sp);

    /* chained */
    backend_patch_jump(call + m.res.slots[0].patch, ret);
    expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 1, 0x10004);
    ck_assert_uint_eq(env.ras_sp, ras_sp);
    env.gpr[1] = 0x10010;       /* not what was predicted */
    expect_exit(&m, call, false, BACKEND_EXIT_LOOKUP, 0x10010);
    ck_assert_uint_eq(env.ras_sp, ras_sp - 16);
    env.ras_sp = ras_sp;
    expect_exit(&m, ret, false, BACKEND_EXIT_LOOKUP, 0x10010);  /* at the bottom */
    machine_free(&m);
}
END_TEST

/* A TB that goes on behind its call, until it is told not to; what it had in registers is gone by
 * then. */
START_TEST(test_landing)
{
    for (int indirect = 0; indirect < 2; indirect++) {
        Machine m = plain_machine();
        const uint8_t *ret = make_ret(&m, 1);
        uint64_t ras_sp = env.ras_sp;
        unsigned back = !indirect;      /* its slot */

        start_program(&m);
        m.ir->nslots = back + 1;
        ir_gen_add(m.ir, IR_I64, m.gpr[28], m.gpr[28], ir_const(m.ir, 1));
        if (indirect) {
            ir_gen_call_ptr(m.ir, IR_I64, m.gpr[10], 0, 0x10004);
        } else {
            ir_gen_call_tb(m.ir, IR_I64, 0, 0x10800, 0x10004);
        }
        ir_gen_landing(m.ir, IR_I64);
        ir_gen_add(m.ir, IR_I64, m.gpr[29], m.gpr[28], ir_const(m.ir, 100));
        ir_gen_exit_tb(m.ir, IR_I64, 5, 0x10010);
        uint8_t *call = finish_program(&m, 0);
        uint8_t *patch = call + m.res.slots[back].patch;
        ck_assert(backend_is_way_back(patch) && backend_lands(patch));

        env.gpr[28] = 1;
        env.gpr[10] = 0x10800;
        expect_exit(&m, call, !indirect, indirect ? BACKEND_EXIT_LOOKUP : BACKEND_EXIT_SLOT,
                    0x10800);
        env.gpr[28] = 7;
        env.gpr[1] = 0x10004;
        expect_exit(&m, ret, true, BACKEND_EXIT_REASON | 5, 0x10010);
        ck_assert_uint_eq(env.gpr[29], 107);
        ck_assert_uint_eq(env.ras_sp, ras_sp);

        expect_exit(&m, call, !indirect, indirect ? BACKEND_EXIT_LOOKUP : BACKEND_EXIT_SLOT,
                    0x10800);
        backend_unland(patch);
        ck_assert(backend_is_way_back(patch) && !backend_lands(patch));
        expect_exit(&m, ret, true, BACKEND_EXIT_SLOT | back, 0x10004);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        machine_free(&m);
    }
}
END_TEST

/* setjmp() marks, calls pile up, longjmp() unwinds to before setjmp()'s own call. */
START_TEST(test_unwind)
{
    Machine m = plain_machine();
    uint64_t bottom = env.ras_sp;

    start_program(&m);
    ir_gen_call_mark(m.ir, IR_I64, m.gpr[2]);
    ir_gen_exit_tb(m.ir, IR_I64, 5, 0x10000);
    const uint8_t *mark = finish_program(&m, 0);
    start_program(&m);
    ir_gen_call_unwind(m.ir, IR_I64, m.gpr[2]);
    ir_gen_goto_ptr(m.ir, IR_I64, m.gpr[10]);
    const uint8_t *unwind = finish_program(&m, 1);
    start_program(&m);
    m.ir->nslots = 2;
    ir_gen_call_tb(m.ir, IR_I64, 0, 0x10800, 0x10004);
    const uint8_t *call = finish_program(&m, 2);

    static const struct {
        unsigned calls_before, calls_after;
        uint64_t sp;            /* at unwind; marked: 0x7000 */
        int entries;            /* left at the end */
    } rows[] = {
        { 1, 0, 0x7000, 0 }, { 2, 3, 0x7000, 1 }, { 2, 3, 0x7080, 5 }, { 2, 3, 0x7010, 5 },
        { 0, 0, 0x7000, 0 }, { 0, 2, 0x7000, 2 }, { 20, 30, 0x7000, 19 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        env.ras_sp = bottom;
        for (unsigned n = 0; n < rows[i].calls_before; n++) {
            expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 0, 0x10800);
        }
        env.gpr[2] = 0x7000;
        expect_exit(&m, mark, true, BACKEND_EXIT_REASON | 5, 0x10000);
        for (unsigned n = 0; n < rows[i].calls_after; n++) {
            expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 0, 0x10800);
        }
        env.gpr[2] = rows[i].sp;
        env.gpr[10] = 0x2000;
        expect_exit(&m, unwind, false, BACKEND_EXIT_LOOKUP, 0x2000);
        ck_assert_msg(env.ras_sp == bottom - 16 * (uint64_t)rows[i].entries, "row %u: %ld", i,
                      (long)(bottom - env.ras_sp) / 16);
    }
    env.ras_sp = bottom;        /* entries that the mark counts on are gone */
    env.gpr[2] = 0x7000;
    expect_exit(&m, unwind, false, BACKEND_EXIT_LOOKUP, 0x2000);
    ck_assert_uint_eq(env.ras_sp, bottom);
    machine_free(&m);
}
END_TEST

START_TEST(test_call_ptr)
{
    static const uint64_t ret_pc[] = { 0x10004, 0x7fff12345678 };
    Machine m = plain_machine();
    const uint8_t *ret = make_ret(&m, 1);
    uint64_t ras_sp = env.ras_sp;
    for (unsigned i = 0; i < G_N_ELEMENTS(ret_pc); i++) {
        start_program(&m);
        m.ir->nslots = 1;
        IrTemp *t = ir_temp_new(m.ir, IR_INT);
        ir_gen_add(m.ir, IR_I64, t, m.gpr[10], ir_const(m.ir, 2));
        ir_gen_call_ptr(m.ir, IR_I64, t, 0, ret_pc[i]);
        uint8_t *call = finish_program(&m, 0);
        env.gpr[10] = 0x2ffe;
        env.gpr[1] = ret_pc[i];
        expect_exit(&m, call, false, BACKEND_EXIT_LOOKUP, 0x3000);
        ck_assert_uint_eq(env.ras_sp, ras_sp - 16);
        expect_exit(&m, ret, true, BACKEND_EXIT_SLOT | 0, ret_pc[i]);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        jump_cache_put(0x3000, ret);
        expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 0, ret_pc[i]);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        env.exit_request = BACKEND_EXIT_REQUESTED;
        expect_exit(&m, call, true, BACKEND_EXIT_POLL, 0x3000);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        env.exit_request = 0;
        jump_cache_put(0x3000, NULL);
        env.jump_cache[(0x3000 >> 1) & ((1 << JC_BITS) - 1)].pc = ~(uint64_t)0;
    }
    machine_free(&m);
}
END_TEST

START_TEST(test_jump_cache)
{
    Machine m = plain_machine();
    start_program(&m);
    ir_gen_exit_tb(m.ir, IR_I64, 3, 0xabcdef0123);
    uint8_t *end = finish_program(&m, 1);
    for (unsigned i = 0; i < 3; i++) {
        start_program(&m);
        IrTemp *t = i == 0 ? m.gpr[10] : i == 1 ? m.gpr[25] : ir_temp_new(m.ir, IR_INT);
        if (i == 2) {
            ir_gen_sub(m.ir, IR_I64, t, m.gpr[10], ir_const(m.ir, 0));
        }
        ir_gen_goto_ptr(m.ir, IR_I64, t);
        uint8_t *jump = finish_program(&m, 0);
        for (uint64_t pc = 0x7ffff0000000; pc < 0x7ffff0000400; pc += 2) {
            env.gpr[10] = env.gpr[25] = pc;
            expect_exit(&m, jump, false, BACKEND_EXIT_LOOKUP, pc);
            jump_cache_put(pc, end);
            env.gpr[10] = env.gpr[25] = pc + 1;         /* bit 0 does not count */
            expect_exit(&m, jump, false, BACKEND_EXIT_LOOKUP, pc);
            env.gpr[10] = env.gpr[25] = pc;
            expect_exit(&m, jump, true, BACKEND_EXIT_REASON | 3, 0xabcdef0123);
            env.exit_request = BACKEND_EXIT_REQUESTED;
            expect_exit(&m, jump, true, BACKEND_EXIT_POLL, pc);
            env.exit_request = 0;
        }
    }
    machine_free(&m);
}
END_TEST

START_TEST(test_second_jump_cache)
{
    Machine m = plain_machine();
    uint64_t ras_sp = env.ras_sp;
    start_program(&m);
    ir_gen_exit_tb(m.ir, IR_I64, 3, 0xabcdef0123);
    uint8_t *end = finish_program(&m, 1);
    const uint8_t *ret = make_ret(&m, 2);
    start_program(&m);
    ir_gen_goto_ptr(m.ir, IR_I64, m.gpr[10]);
    uint8_t *jump = finish_program(&m, 3);
    start_program(&m);
    m.ir->nslots = 1;
    ir_gen_mov(m.ir, IR_I64, m.gpr[1], ir_const(m.ir, 0x5678));
    ir_gen_call_ptr(m.ir, IR_I64, m.gpr[10], 0, 0x5678);
    uint8_t *call = finish_program(&m, 0);
    for (uint64_t pc = 0x7ffff0000000; pc < 0x7ffff0100000; pc += 0x1526) {
        JumpCacheEntry *e = &second_cache[backend_second_index(pc)];
        env.gpr[10] = pc;
        expect_exit(&m, jump, false, BACKEND_EXIT_LOOKUP, pc);
        *e = (JumpCacheEntry){ pc, (uint64_t)end };
        expect_exit(&m, jump, true, BACKEND_EXIT_REASON | 3, 0xabcdef0123);
        env.gpr[10] = pc + 1;
        expect_exit(&m, jump, false, BACKEND_EXIT_LOOKUP, pc);
        env.gpr[1] = pc;
        expect_exit(&m, ret, true, BACKEND_EXIT_REASON | 3, 0xabcdef0123);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        /* a call found there returns to its landing pad */
        e->code = (uint64_t)ret;
        env.gpr[10] = pc;
        expect_exit(&m, call, true, BACKEND_EXIT_SLOT | 0, 0x5678);
        ck_assert_uint_eq(env.ras_sp, ras_sp);
        e->pc = ~(uint64_t)0;
    }
    machine_free(&m);
}
END_TEST

START_TEST(test_polls)
{
    Machine m = plain_machine();
    for (unsigned offset = 0; offset < 64; offset++) {
        for (int backward = 0; backward < 2; backward++) {
            uint64_t pc = backward ? 0x10000 : 0x10004;
            uint64_t why = backward ? BACKEND_EXIT_POLL : BACKEND_EXIT_SLOT;
            start_program(&m);
            m.ir->nslots = 2;
            ir_gen_brcond_tb(m.ir, IR_I64, m.gpr[25 + offset % 2], m.gpr[26], IR_COND_LTU, 0, pc);
            ir_gen_goto_tb(m.ir, IR_I64, 1, 0x20000);
            ir_verify(m.ir);
            ir_liveness(m.ir);
            ck_assert(generate_at(&m, offset));
            check_result(&m);
            for (unsigned r = 0; r < 2; r++) {
                env.exit_request = r ? BACKEND_EXIT_REQUESTED : 0;
                env.gpr[25] = 1;
                env.gpr[26] = 2;
                if (offset % 2 == 0) {
                    expect_exit(&m, m.code, true, r ? why : BACKEND_EXIT_SLOT, pc);
                }
                env.gpr[25] = 2;
                expect_exit(&m, m.code, true, BACKEND_EXIT_SLOT | 1, 0x20000);
            }
            start_program(&m);
            m.ir->nslots = 1;
            ir_gen_goto_tb(m.ir, IR_I64, 0, pc);
            finish_program(&m, 0);
            expect_exit(&m, m.code, true, why, pc);
            start_program(&m);
            m.ir->nslots = 2;
            ir_gen_call_tb(m.ir, IR_I64, 0, pc, 0x10004);
            finish_program(&m, 0);
            expect_exit(&m, m.code, true, why, pc);
            env_reset();
        }
    }
    machine_free(&m);
}
END_TEST

/* A poll that is answered from a loop chained to itself. */
START_TEST(test_chained_loop)
{
    Machine m = plain_machine();
    start_program(&m);
    m.ir->nslots = 2;
    ir_gen_add(m.ir, IR_I64, m.gpr[10], m.gpr[10], ir_const(m.ir, -1ull));
    ir_gen_brcond_tb(m.ir, IR_I64, m.gpr[10], ir_const(m.ir, 0), IR_COND_NE, 0, 0x10000);
    ir_gen_goto_tb(m.ir, IR_I64, 1, 0x10004);
    uint8_t *loop = finish_program(&m, 0);
    env.gpr[10] = 3;
    expect_exit(&m, loop, true, BACKEND_EXIT_SLOT | 0, 0x10000);
    ck_assert_uint_eq(env.gpr[10], 2);
    backend_patch_jump(loop + m.res.slots[0].patch, loop);
    env.gpr[10] = 1000000;
    expect_exit(&m, loop, true, BACKEND_EXIT_SLOT | 1, 0x10004);
    ck_assert_uint_eq(env.gpr[10], 0);
    env.gpr[10] = 1000000;
    env.exit_request = BACKEND_EXIT_REQUESTED;
    expect_exit(&m, loop, true, BACKEND_EXIT_POLL, 0x10000);
    ck_assert_uint_eq(env.gpr[10], 999999);
    backend_patch_jump(loop + m.res.slots[0].patch, loop + m.res.slots[0].stub);
    env.exit_request = 0;
    expect_exit(&m, loop, true, BACKEND_EXIT_SLOT | 0, 0x10000);
    machine_free(&m);
}
END_TEST

/* The return address of a helper call, and the byte before it, belong to the insn that calls. */
START_TEST(test_unwind_map)
{
    Machine m = plain_machine();
    start_program(&m);
    m.ir->nslots = 1;
    ir_gen_add(m.ir, IR_I64, m.gpr[10], m.gpr[10], m.gpr[11]);
    ir_gen_insn_start(m.ir, IR_I64, 0x10004, 4);
    ir_gen_call(m.ir, HELPER_TOUCH, NULL, 1, m.gpr[10], NULL, NULL, NULL);
    ir_gen_insn_start(m.ir, IR_I64, 0x10008, 4);
    ir_gen_goto_tb(m.ir, IR_I64, 0, 0x1000c);
    uint8_t *code = finish_program(&m, 0);
    expect_exit(&m, code, true, BACKEND_EXIT_SLOT, 0x1000c);
    for (int back = 0; back < 2; back++) {
        uint64_t pc = 0;
        for (unsigned i = 0; i < m.res.ninsns; i++) {
            if (helper_ra_seen - (unsigned)back >= (uintptr_t)code + m.res.insns[i].host) {
                pc = m.res.insns[i].pc;
            }
        }
        ck_assert_uint_eq(pc, 0x10004);
    }
    machine_free(&m);
}
END_TEST

START_TEST(test_misaligned)
{
    Machine m = plain_machine();
    for (unsigned k = 0; k < 8; k++) {
        start_program(&m);
        m.ir->nslots = 1;
        ir_gen_insn_start(m.ir, IR_I64, 0x10004, 4);
        ir_gen_guest_ld(m.ir, IR_I64, m.gpr[12], m.gpr[10], k, MO_32 | MO_ALIGN);
        ir_gen_goto_tb(m.ir, IR_I64, 0, 0x1000c);
        uint8_t *code = finish_program(&m, 0);
        for (unsigned a = 0; a < 8; a++) {
            env.gpr[10] = (uintptr_t)guest_mem + a;
            env.gpr[12] = 77;
            if ((a + k) % 4) {
                expect_exit(&m, code, true, BACKEND_EXIT_REASON | REASON_MISALIGNED, 0x10004);
                ck_assert_uint_eq(env.gpr[12], 77);
            } else {
                expect_exit(&m, code, true, BACKEND_EXIT_SLOT, 0x1000c);
            }
        }
    }
    machine_free(&m);
}
END_TEST

/* A buffer that is too small: refused, and nothing behind it is touched. */
START_TEST(test_overflow)
{
    Machine m = plain_machine();
    start_program(&m);
    for (unsigned i = 0; i < 200; i++) {
        ir_gen_divs(m.ir, IR_I64, m.gpr[25 + i % 3], m.gpr[26], m.gpr[10]);
    }
    m.ir->nslots = 1;
    ir_gen_goto_tb(m.ir, IR_I64, 0, 0x1000c);
    finish_program(&m, 0);
    uint32_t size = m.res.size;
    for (size_t cap = 0; cap < size; cap += 97) {
        memset(m.code, 0xcc, size + 4096);
        ck_assert(!backend_gen_code(m.be, m.ir, m.code, cap, m.header, &m.res));
        for (size_t i = cap; i < size + 4096; i++) {
            ck_assert_uint_eq(m.code[i], 0xcc);
        }
    }
    machine_free(&m);
}
END_TEST

int main(void)
{
    machine_init();
    Suite *s = suite_create("codegen exits");
    TCase *tc = tcase_create("codegen exits");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, test_call_return);
    tcase_add_test(tc, test_call_ptr);
    tcase_add_test(tc, test_landing);
    tcase_add_test(tc, test_unwind);
    tcase_add_test(tc, test_jump_cache);
    tcase_add_test(tc, test_second_jump_cache);
    tcase_add_test(tc, test_polls);
    tcase_add_test(tc, test_chained_loop);
    tcase_add_test(tc, test_unwind_map);
    tcase_add_test(tc, test_misaligned);
    tcase_add_test(tc, test_overflow);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
