/*
 * tests/unit/test_codegen.c: the backend against ir_interp. links: tests/unit/codegen_machine.c
 *
 * A program of IR runs on a fake env twice, interpreted and as host code, from the same start, and
 * all of env, guest memory, the way out and the fp flags must agree:
 *   - every integer op with every kind of operand (pinned, env, temp, constant, twice the same) and
 *     of output (pinned, env, temp, one of the inputs), on edge values;
 *   - random programs of all ops but fp arithmetic, with host features masked off, few or many
 *     pinned registers, and the allocator spilling at random.
 *
 * A failure prints seed, IR and host code. To repeat it alone: CODEGEN_SEED=seed test_codegen.
 * CODEGEN_RUNS=n changes the number of random programs.
 */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/codegen_machine.h"
#include "tests/unit/suite.h"

/* ---- every op, every kind of operand ---- */

typedef enum Kind { K_PIN, K_PIN2, K_ENV, K_ENV2, K_TEMP, K_TEMP_LIVE, K_SMALL, K_BIG, K_SAME,
                    K_COUNT } Kind;

static IrTemp *make_input(Machine *m, Kind k, IrTemp *first, IrTemp **keep)
{
    IrContext *ir = m->ir;
    switch (k) {
    case K_PIN:
        return m->gpr[10];
    case K_PIN2:
        return m->gpr[11];
    case K_ENV:
        return m->gpr[25];
    case K_ENV2:
        return m->gpr[26];
    case K_TEMP:
    case K_TEMP_LIVE: {
        IrTemp *t = ir_temp_new(ir, IR_INT);
        ir_gen_xor(ir, IR_I64, t, m->gpr[8 + rnd_below(2) * 19], ir_const(ir, rnd_below(9)));
        if (k == K_TEMP_LIVE) {
            *keep = t;
        }
        return t;
    }
    case K_SMALL:
        return ir_const(ir, (uint64_t)(int64_t)(int32_t)rnd_value());
    case K_BIG:
        return ir_const(ir, rnd_value());
    default:
        return first ? first : m->gpr[10];
    }
}

static IrTemp *make_output(Machine *m, unsigned kind, IrTemp *const *in, unsigned nin)
{
    switch (kind) {
    case 0:
        return m->gpr[10];
    case 1:
        return m->gpr[12];
    case 2:
        return m->gpr[25];
    case 3:
        return ir_temp_new(m->ir, IR_INT);
    default:
        kind -= 4;
        if (kind < nin && in[kind]->kind != IR_CONST) {
            return in[kind];
        }
        return NULL;
    }
}

static void end_program(Machine *m, IrTemp *out, IrTemp *const *keep, unsigned nkeep)
{
    IrContext *ir = m->ir;
    if (out && out->kind == IR_TEMP) {
        ir_gen_env_st(ir, IR_I64, out, offsetof(TestEnv, misc[0]));
    }
    for (unsigned i = 0; i < nkeep; i++) {
        if (keep[i]) {
            ir_gen_env_st(ir, IR_I64, keep[i], offsetof(TestEnv, misc[1 + i]));
        }
    }
    ir->nslots = 1;
    ir_gen_goto_tb(ir, IR_I64, 0, 0x20000);
}

static bool has_cond(IrOpcode opc)
{
    return strchr(ir_op_info[opc].sig + 2, 'c') != NULL;
}

static bool try_op(Machine *m, IrOpcode opc, IrType type, const Kind *kinds, unsigned out_kind)
{
    IrContext *ir = m->ir;
    unsigned nin = ir_op_info[opc].nin;
    IrTemp *in[4] = { NULL }, *keep[4] = { NULL };
    ir_reset(ir);
    ir_gen_insn_start(ir, IR_I64, 0x10000, 4);
    for (unsigned i = 0; i < nin; i++) {
        in[i] = make_input(m, kinds[i], in[0], &keep[i]);
    }
    IrTemp *out = make_output(m, out_kind, in, nin);
    if (!out) {
        return true;
    }
    uint64_t k0 = has_cond(opc) ? rnd_below(IR_COND_COUNT) : 0;
    ir_build(ir, opc, type, out, nin, in[0], in[1], in[2], in[3], k0, 0, 0);
    end_program(m, out, keep, nin);
    return run_both(m, 6);
}

static void all_kinds(Machine *m, IrOpcode opc, IrType type)
{
    unsigned nin = ir_op_info[opc].nin;
    for (unsigned a = 0; a < K_COUNT; a++) {
        for (unsigned b = 0; b < (nin > 1 ? (unsigned)K_COUNT : 1u); b++) {
            for (unsigned o = 0; o < 4 + nin; o++) {
                Kind kinds[4] = { (Kind)a, (Kind)b, (Kind)rnd_below(K_COUNT),
                                  (Kind)rnd_below(K_COUNT) };
                for (unsigned again = 0; again < (nin > 2 ? 4u : 1u); again++) {
                    ck_assert(try_op(m, opc, type, kinds, o));
                    kinds[2] = (Kind)rnd_below(K_COUNT);
                    kinds[3] = (Kind)rnd_below(K_COUNT);
                }
            }
        }
    }
}

static uint32_t pick_features(unsigned i)
{
    uint32_t host = backend_host_features();
    return i == 0 ? host : i == 1 ? 0 : host & (uint32_t)rnd();
}

START_TEST(test_every_int_op)
{
    rng_state = seed_now = 88172645463325252u + (unsigned)_i;
    for (unsigned random = 0; random < 2; random++) {
        BackendConfig cfg = make_config(pick_features((unsigned)_i), 11, random, false, 7);
        Machine m = machine_new(cfg, 0);
        for (unsigned opc = IR_mov; opc <= IR_movcond; opc++) {
            all_kinds(&m, (IrOpcode)opc, IR_I64);
            if (opc != IR_mov) {
                all_kinds(&m, (IrOpcode)opc, IR_I32);
            }
        }
        machine_free(&m);
    }
}
END_TEST

/* Divisions by constants: small ones, near powers of 2, any; dividends near their multiples. */
static uint64_t some_divisor(unsigned i)
{
    uint64_t v = i < 40 ? i : (uint64_t)1 << rnd_below(64);
    v += i < 40 ? 0 : i % 3 ? rnd_below(7) - 3 : rnd() >> rnd_below(64);
    return i & 1 ? -v : v;
}

START_TEST(test_constant_divisors)
{
    rng_state = seed_now = 1181783497276652981u;
    Machine m = machine_new(make_config(pick_features(0), 11, false, false, 7), 0);
    for (unsigned i = 0; i < 1200; i++) {
        IrType t = i & 2 ? IR_I32 : IR_I64;
        uint64_t d = some_divisor(i >> 2);
        ir_reset(m.ir);
        ir_gen_insn_start(m.ir, IR_I64, 0x1000, 4);
        IrTemp *near = ir_temp_new(m.ir, IR_INT), *dc = ir_const(m.ir, d);
        ir_gen_mul(m.ir, IR_I64, near, m.gpr[10], dc);
        ir_gen_sub(m.ir, IR_I64, near, near, ir_const(m.ir, rnd_below(3)));
        ir_gen_divu(m.ir, t, m.gpr[11], m.gpr[10], dc);
        ir_gen_divs(m.ir, t, m.gpr[12], m.gpr[10], dc);
        ir_gen_remu(m.ir, t, m.gpr[25], m.gpr[26], dc);
        ir_gen_rems(m.ir, t, m.gpr[27], m.gpr[10], dc);
        ir_gen_divu(m.ir, t, m.gpr[13], near, dc);
        ir_gen_divs(m.ir, t, m.gpr[14], near, dc);
        ir_gen_remu(m.ir, t, m.gpr[15], near, dc);
        ir_gen_rems(m.ir, t, m.gpr[16], near, dc);
        ir_gen_exit_tb(m.ir, IR_I64, 1, 0x1004);
        ck_assert(run_both(&m, 16));
    }
    machine_free(&m);
}
END_TEST

/* ---- random programs ---- */

enum { POOL = 24 };

typedef struct Gen {
    Machine *m;
    IrTemp *temps[2][POOL];     /* defined ones, by class */
    unsigned ntemps[2];
    IrLabel *label;             /* branched to, not yet set */
    bool fp_ops;                /* also fp arithmetic */
    uint64_t pc;
} Gen;

static IrTemp *pick_global(Gen *g, IrClass cls)
{
    static const uint8_t some[] = { 10, 11, 12, 8, 25, 26, 27, 31, 9 };
    unsigned r = some[rnd_below(G_N_ELEMENTS(some))];
    return cls == IR_INT ? g->m->gpr[r] : g->m->fpr[r];
}

static IrTemp *pick_in(Gen *g, IrClass cls)
{
    unsigned how = rnd_below(10);
    if (how < 4 && g->ntemps[cls]) {
        return g->temps[cls][rnd_below(g->ntemps[cls])];
    }
    if (how < 6 && cls == IR_INT) {
        return ir_const(g->m->ir, rnd_value());
    }
    return pick_global(g, cls);
}

static IrTemp *pick_out(Gen *g, IrClass cls)
{
    unsigned how = rnd_below(10);
    if (how < 5) {
        return pick_global(g, cls);
    }
    if (how < 7 && g->ntemps[cls]) {
        return g->temps[cls][rnd_below(g->ntemps[cls])];
    }
    return ir_temp_new(g->m->ir, cls);
}

static void defined(Gen *g, IrTemp *t)
{
    if (t->kind != IR_TEMP) {
        return;
    }
    for (unsigned i = 0; i < g->ntemps[t->cls]; i++) {
        if (g->temps[t->cls][i] == t) {
            return;
        }
    }
    unsigned n = g->ntemps[t->cls];
    if (n < POOL / 2) {
        g->temps[t->cls][g->ntemps[t->cls]++] = t;
    } else {
        g->temps[t->cls][rnd_below(n)] = t;
    }
}

static void gen_int_op(Gen *g)
{
    IrOpcode opc = (IrOpcode)(IR_mov + rnd_below(IR_movcond - IR_mov + 1));
    IrType type = opc == IR_mov || rnd_below(2) ? IR_I64 : IR_I32;
    IrTemp *in[4] = { NULL };
    unsigned nin = ir_op_info[opc].nin;
    for (unsigned i = 0; i < nin; i++) {
        in[i] = pick_in(g, IR_INT);
    }
    IrTemp *out = pick_out(g, IR_INT);
    uint64_t k0 = has_cond(opc) ? rnd_below(IR_COND_COUNT) : 0;
    ir_build(g->m->ir, opc, type, out, nin, in[0], in[1], in[2], in[3], k0, 0, 0);
    defined(g, out);
}

static void new_insn(Gen *g)
{
    g->pc += 4;
    ir_gen_insn_start(g->m->ir, IR_I64, g->pc, 4);
}

static IrTemp *pick_address(Gen *g, int64_t *disp)
{
    Machine *m = g->m;
    uint64_t mid = (uintptr_t)guest_mem + MEM_SIZE / 2 - m->guest_base;
    *disp = (int64_t)rnd_below(MEM_SIZE - 8) - MEM_SIZE / 2;
    switch (rnd_below(4)) {
    case 0:
        return m->gpr[PTR_PINNED];
    case 1:
        return m->gpr[PTR_ENV];
    case 2:
        return ir_const(m->ir, mid);
    default: {
        IrTemp *t = ir_temp_new(m->ir, IR_INT), *i = ir_temp_new(m->ir, IR_INT);
        ir_gen_and(m->ir, IR_I64, i, pick_in(g, IR_INT), ir_const(m->ir, 0x78));
        ir_gen_add(m->ir, IR_I64, t, i, m->gpr[PTR_PINNED]);
        *disp = (int64_t)rnd_below(120) - 128;
        return t;
    }
    }
}

static void gen_mem_op(Gen *g)
{
    IrContext *ir = g->m->ir;
    new_insn(g);
    int64_t disp;
    IrTemp *addr = pick_address(g, &disp);
    IrMemOp mo = (IrMemOp)(rnd_below(4) | (rnd_below(2) ? MO_SIGN : 0));
    bool align = rnd_below(4) == 0;
    if (align && rnd_below(8)) {
        disp &= -8;
    }
    if (align) {
        mo |= MO_ALIGN;
    }
    IrTemp *out = NULL;
    switch (rnd_below(8)) {
    case 0:
    case 1:
        out = pick_out(g, IR_INT);
        ir_gen_guest_ld(ir, (mo & MO_SIZE) != MO_64 && rnd_below(4) == 0 ? IR_I32 : IR_I64, out,
                        addr, (uint64_t)disp, mo);
        break;
    case 2:
    case 3:
        ir_gen_guest_st(ir, IR_I64, addr, pick_in(g, IR_INT), (uint64_t)disp, mo & ~MO_SIGN);
        break;
    case 4:
        out = pick_out(g, IR_FP);
        ir_gen_guest_ld(ir, rnd_below(2) ? IR_F32 : IR_F64, out, addr, (uint64_t)disp, MO_64);
        ir->head.prev->k[1] = ir->head.prev->type == IR_F32 ? MO_32 : MO_64;
        break;
    case 5:
        ir_gen_guest_st(ir, rnd_below(2) ? IR_F32 : IR_F64, addr, pick_in(g, IR_FP), (uint64_t)disp,
                        MO_64);
        ir->head.prev->k[1] = ir->head.prev->type == IR_F32 ? MO_32 : MO_64;
        break;
    default: {
        mo = (mo & ~MO_SIZE) | (rnd_below(2) ? MO_32 : MO_64);
        if (addr->kind == IR_CONST || disp) {
            IrTemp *t = ir_temp_new(ir, IR_INT);
            ir_gen_add(ir, IR_I64, t, addr, ir_const(ir, (uint64_t)(disp & -4)));
            addr = t;
        }
        out = pick_out(g, IR_INT);
        if (rnd_below(3)) {
            ir_gen_guest_amo(ir, IR_I64, out, addr, pick_in(g, IR_INT), rnd_below(IR_AMO_COUNT),
                             mo);
        } else {
            IrTemp *expected = pick_in(g, IR_INT);
            if (rnd_below(2)) {
                expected = ir_temp_new(ir, IR_INT);
                ir_gen_guest_ld(ir, IR_I64, expected, addr, 0, mo);
            }
            ir_gen_guest_cmpxchg(ir, IR_I64, out, addr, expected, pick_in(g, IR_INT), mo);
        }
        break;
    }
    }
    if (out) {
        defined(g, out);
    }
}

static void gen_misc_op(Gen *g)
{
    IrContext *ir = g->m->ir;
    IrTemp *out = NULL;
    uint64_t field = offsetof(TestEnv, misc) + 8 * rnd_below(NMISC);
    IrClass cls = rnd_below(3) ? IR_INT : IR_FP;
    IrType type = (IrType)(rnd_below(2) + (cls == IR_FP ? IR_F32 : IR_I32));
    switch (rnd_below(6)) {
    case 0:
        out = pick_out(g, cls);
        ir_gen_env_ld(ir, type, out, field);
        break;
    case 1:
        ir_gen_env_st(ir, type, pick_in(g, cls), field);
        break;
    case 2:
        out = pick_out(g, IR_FP);
        ir_gen_mov(ir, IR_F64, out, pick_in(g, IR_FP));
        break;
    case 3:
        ir_gen_fence(ir, IR_I64, rnd_below(16));
        break;
    case 4:
        out = rnd_below(4) ? pick_out(g, IR_INT) : NULL;
        ir_gen_call(ir, HELPER_MIX, out, 4, pick_in(g, IR_INT), pick_in(g, IR_FP),
                    pick_in(g, IR_INT), pick_in(g, IR_INT));
        break;
    default:
        new_insn(g);
        out = rnd_below(4) ? pick_out(g, cls) : NULL;
        ir_gen_call(ir, HELPER_TOUCH, out, 1, pick_in(g, IR_INT), NULL, NULL, NULL);
        break;
    }
    if (out) {
        defined(g, out);
    }
}

static void gen_branch(Gen *g)
{
    IrContext *ir = g->m->ir;
    if (rnd_below(2) && ir->nslots < 6) {
        new_insn(g);
        uint64_t pc = g->pc + (rnd_below(2) ? 64u : -64u);
        ir_gen_brcond_tb(ir, rnd_below(2) ? IR_I64 : IR_I32, pick_in(g, IR_INT), pick_in(g, IR_INT),
                         (IrCond)rnd_below(IR_COND_COUNT), ir->nslots, pc);
        ir->nslots++;
    } else if (!g->label) {
        g->label = ir_label_new(ir);
        ir_gen_brcond(ir, rnd_below(2) ? IR_I64 : IR_I32, pick_in(g, IR_INT), pick_in(g, IR_INT),
                      (IrCond)rnd_below(IR_COND_COUNT), g->label);
    } else {
        if (rnd_below(2)) {
            IrLabel *other = ir_label_new(ir);
            ir_gen_br(ir, IR_I64, other);
            ir_gen_set_label(ir, IR_I64, g->label);
            g->label = other;
        } else {
            ir_gen_set_label(ir, IR_I64, g->label);
            g->label = NULL;
        }
        g->ntemps[0] = g->ntemps[1] = 0;
    }
}

/* Targets are even, as a frontend makes them: ~0 marks what is empty. */
static IrTemp *pick_target(Gen *g)
{
    IrTemp *t = pick_out(g, IR_INT);
    ir_gen_and(g->m->ir, IR_I64, t, pick_in(g, IR_INT), ir_const(g->m->ir, -2ull));
    if (rnd_below(2)) {
        IrTemp *link = pick_global(g, IR_INT);
        if (link != t) {
            ir_gen_mov(g->m->ir, IR_I64, link, ir_const(g->m->ir, g->pc + 4));
        }
    }
    return t;
}

static void gen_end(Gen *g)
{
    IrContext *ir = g->m->ir;
    if (g->label) {
        ir_gen_set_label(ir, IR_I64, g->label);
        g->ntemps[0] = g->ntemps[1] = 0;
    }
    for (unsigned i = 0; i < NMISC && i < g->ntemps[IR_INT]; i++) {
        ir_gen_env_st(ir, IR_I64, g->temps[IR_INT][i], offsetof(TestEnv, misc) + 8 * i);
    }
    new_insn(g);
    uint64_t pc = g->pc + (rnd_below(2) ? 64u : -64u) + (rnd_below(4) ? 0 : 0x123456789000);
    switch (rnd_below(6)) {
    case 0:
        ir_gen_goto_tb(ir, IR_I64, ir->nslots, pc);
        ir->nslots++;
        break;
    case 1:
        ir_gen_call_tb(ir, IR_I64, ir->nslots, pc, g->pc + 4);
        ir->nslots += 2;
        break;
    case 2:
        ir_gen_call_ptr(ir, IR_I64, pick_target(g), ir->nslots, pc + 4);
        ir->nslots++;
        break;
    case 3:
        ir_gen_goto_ptr(ir, IR_I64, pick_target(g));
        break;
    case 4:
        ir_gen_ret_ptr(ir, IR_I64, pick_target(g));
        break;
    default:
        ir_gen_exit_tb(ir, IR_I64, rnd_below(5), pc);
        break;
    }
}

static bool random_program(Machine *m, uint64_t seed)
{
    seed_now = seed;
    rng_state = seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
    Gen g = { .m = m, .pc = 0x10000 };
    ir_reset(m->ir);
    new_insn(&g);
    unsigned n = 2 + rnd_below(40);
    for (unsigned i = 0; i < n; i++) {
        unsigned what = rnd_below(16);
        if (what < 9) {
            gen_int_op(&g);
        } else if (what < 12) {
            gen_mem_op(&g);
        } else if (what < 14) {
            gen_misc_op(&g);
        } else {
            gen_branch(&g);
        }
    }
    gen_end(&g);
    return run_both(m, 4);
}

static unsigned env_number(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);
    return s ? (unsigned)strtoul(s, NULL, 10) : otherwise;
}

/* The configuration follows from the seed, too. */
static bool random_batch(uint64_t first, unsigned n)
{
    rng_state = first + 77;
    rnd();
    static const unsigned pins[] = { 11, 12, 6, 2 };
    uint32_t features = pick_features((unsigned)(first / 64 % 4));
    unsigned npin = pins[rnd_below(4)];
    bool random = first / 64 % 2, gs = rnd_below(4) == 0;
    uintptr_t base = gs ? (uintptr_t)guest_mem & ~(uintptr_t)0xffff : 0;
    syscall(SYS_arch_prctl, ARCH_SET_GS, base);
    Machine m = machine_new(make_config(features, npin, random, gs, first), base);
    bool ok = true;
    for (unsigned i = 0; i < n && ok; i++) {
        ok = random_program(&m, first + i);
    }
    machine_free(&m);
    return ok;
}

START_TEST(test_random_programs)
{
    unsigned seed = env_number("CODEGEN_SEED", 0);
    if (seed) {     /* the batch up to it: random_regalloc's dice roll on */
        ck_assert(random_batch(seed / 64 * 64, seed % 64 + 1));
        return;
    }
    unsigned runs = env_number("CODEGEN_RUNS", 40000);
    for (unsigned i = 0; i < runs; i += 64) {
        ck_assert(random_batch(i, 64));
    }
}
END_TEST

int main(void)
{
    machine_init();
    Suite *s = suite_create("codegen");
    TCase *tc = tcase_create("codegen");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_every_int_op, 0, 4);
    tcase_add_test(tc, test_constant_divisors);
    tcase_add_test(tc, test_random_programs);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
