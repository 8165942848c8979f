/*
 * tests/unit/test_codegen.c: the backend against ir_interp.
 *
 * A program of IR runs on a fake env twice, interpreted and as host code, from the same start, and
 * all of env, guest memory, the way out and the fp flags must agree:
 *   - every integer op with every kind of operand (pinned, env, temp, constant, twice the same) and
 *     of output (pinned, env, temp, one of the inputs), on edge values;
 *   - random programs of all ops, with host features masked off, few or many pinned registers, and
 *     the allocator spilling at random;
 *   - the ways out one by one: chaining, return prediction, jump cache, polls.
 *
 * A failure prints seed, IR and host code. To repeat it alone: CODEGEN_SEED=seed test_codegen.
 * CODEGEN_RUNS=n changes the number of random programs.
 */
#include <asm/prctl.h>
#include <check.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend-x86_64/codegen.h"
#include "ir/build.h"
#include "ir/ir.h"

enum { JC_BITS = 6, MEM_SIZE = 512, RAS_SIZE = 4096, CODE_SIZE = 1 << 20, NMISC = 8 };

typedef struct TestEnv {
    _Alignas(64) uint64_t gpr[32], fpr[32];
    uint64_t misc[NMISC];       /* env_ld, env_st */
    uint64_t pc;
    uint32_t fp_status, exit_request, host_mxcsr;
    uint64_t host_sp, ras_sp, helper_ra, fault_addr, helper_args[4], scratch[4], spill[32];
    BackendConsts consts;
    uint64_t helper_table[8];
    JumpCacheEntry jump_cache[1 << JC_BITS];
} TestEnv;

static TestEnv env;
static _Alignas(64) uint8_t guest_mem[MEM_SIZE];
static _Alignas(4096) uint8_t ras[RAS_SIZE];
static uint8_t *code_buf;
static uint64_t helper_ra_seen;

/* The part of env that the guest (and the interpreter) knows. */
enum { VISIBLE = offsetof(TestEnv, pc) };

/* ---- helpers callable from the programs ---- */

static uint64_t helper_mix(void *e, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return (a * 3 + b * 5) ^ (c * 7 - d);
}

static uint64_t helper_touch(void *e, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    TestEnv *te = e;
    helper_ra_seen = te->helper_ra;
    uint64_t sum = a;
    for (unsigned i = 1; i < 32; i++) {
        sum = sum * 31 + te->gpr[i] + te->fpr[i] * 3;
    }
    te->gpr[10] ^= sum;
    te->gpr[25] += sum;
    te->fpr[9] = sum;
    te->fpr[31] = ~sum;
    return sum;
}

static const IrHelper helpers[] = {
    { "mix", helper_mix, 4, 1, IRH_PURE },
    { "touch", helper_touch, 1, 1, IRH_READS | IRH_WRITES },
};

/* ---- configurations ---- */

/* Pinned by preference; gpr[2] and gpr[20] are pointers, one pinned and one not. */
static const uint8_t pin_gpr[] = { 10, 2, 11, 12, 13, 8, 9, 14, 15, 5, 1 };
static const uint8_t pin_fpr[] = { 10, 11, 12, 13, 8, 9, 14, 15, 0, 1, 2, 3 };
enum { PTR_PINNED = 2, PTR_ENV = 20 };

static BackendConfig make_config(uint32_t features, unsigned npin, bool random, bool gs,
                                 uint64_t seed)
{
    BackendConfig cfg = {
        .features = features, .use_gs = gs, .random_regalloc = random, .seed = seed,
    };
    BackendLayout *l = &cfg.layout;
    l->env_bias = 128;
#define FIELD(f) l->f = offsetof(TestEnv, f)
    FIELD(pc), FIELD(fp_status), FIELD(exit_request), FIELD(host_sp), FIELD(host_mxcsr),
    FIELD(ras_sp), FIELD(helper_args), FIELD(helper_ra), FIELD(helper_table), FIELD(scratch),
    FIELD(spill), FIELD(jump_cache), FIELD(consts), FIELD(fault_addr);
#undef FIELD
    l->jump_cache_bits = JC_BITS;
    l->reason_misaligned = 99;
    l->npin_int = MIN(npin, BACKEND_MAX_PIN_INT);
    l->npin_fp = MIN(npin, BACKEND_MAX_PIN_FP);
    for (unsigned i = 0; i < l->npin_int; i++) {
        l->pin_int[i] = (int32_t)offsetof(TestEnv, gpr[pin_gpr[i]]);
    }
    for (unsigned i = 0; i < l->npin_fp; i++) {
        l->pin_fp[i] = (int32_t)offsetof(TestEnv, fpr[pin_fpr[i]]);
    }
    ck_assert_uint_ne(backend_gen_stubs(&cfg, code_buf, 65536), 0);
    return cfg;
}

/* ---- one program, both ways ---- */

typedef struct Machine {
    IrContext *ir;
    IrTemp *gpr[32], *fpr[32];
    BackendConfig cfg;
    BackendContext *be;
    uintptr_t guest_base;
    uint8_t *code;              /* of the last program */
    uint8_t *header;
    BackendResult res;
} Machine;

static Machine machine_new(BackendConfig cfg, uintptr_t guest_base)
{
    static char names[64][8];
    Machine m = { .cfg = cfg, .ir = ir_new(), .guest_base = guest_base };
    m.be = backend_new(&m.cfg);
    for (int i = 0; i < 32; i++) {
        snprintf(names[i], 8, "x%d", i);
        snprintf(names[32 + i], 8, "fr%d", i);
        m.gpr[i] = i ? ir_global_new(m.ir, IR_INT, names[i], (int32_t)offsetof(TestEnv, gpr[i]))
                     : NULL;
    }
    for (int i = 0; i < 32; i++) {
        m.fpr[i] = ir_global_new(m.ir, IR_FP, names[32 + i], (int32_t)offsetof(TestEnv, fpr[i]));
    }
    return m;
}

static void machine_free(Machine *m)
{
    backend_free(m->be);
    ir_free(m->ir);
}

static void env_reset(void)
{
    memset(&env, 0, sizeof(env));
    backend_init_consts(&env.consts);
    for (unsigned i = 0; i < G_N_ELEMENTS(helpers); i++) {
        env.helper_table[i] = (uintptr_t)helpers[i].fn;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(env.jump_cache); i++) {
        env.jump_cache[i].pc = ~(uint64_t)0;
    }
    memset(ras, 0xff, sizeof(ras));
    env.ras_sp = (uintptr_t)(ras + RAS_SIZE - 64);
    env.fp_status = 0x1f80;
}

static bool generate_at(Machine *m, unsigned offset)
{
    m->header = code_buf + 65536;
    m->code = m->header + 64 + offset;
    return backend_gen_code(m->be, m->ir, m->code, CODE_SIZE - 131072, m->header, &m->res);
}

static BackendExit enter(Machine *m, const void *code)
{
    return ((BackendEnterFn *)(uintptr_t)m->cfg.enter)(&env, code);
}

/* xorshift: the same programs everywhere */
static uint64_t rng_state;
static uint64_t rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static unsigned rnd_below(unsigned n)
{
    return (unsigned)((rnd() >> 33) % n);
}

static const uint64_t edge[] = {
    0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
    -1ull, -2ull, -128ull, -129ull, -0x80000000ull, -0x80000001ull, 0x00ff00ff00ff00ff,
    0x0100008000ff0001, 0x123456789abcdef0,
};

static uint64_t rnd_value(void)
{
    switch (rnd_below(4)) {
    case 0:
        return rnd();
    case 1:
        return (uint64_t)(int64_t)(int32_t)rnd();
    default:
        return edge[rnd_below(G_N_ELEMENTS(edge))];
    }
}

static void fill_state(Machine *m, TestEnv *start)
{
    env_reset();
    for (unsigned i = 1; i < 32; i++) {
        env.gpr[i] = rnd_value();
    }
    for (unsigned i = 0; i < 32; i++) {
        env.fpr[i] = rnd_below(2) ? rnd_value() : rnd_value() | 0xffffffff00000000;
    }
    for (unsigned i = 0; i < NMISC; i++) {
        env.misc[i] = rnd_value();
    }
    for (unsigned i = 0; i < MEM_SIZE; i += 8) {
        uint64_t v = rnd_value();
        memcpy(guest_mem + i, &v, 8);
    }
    env.gpr[PTR_PINNED] = env.gpr[PTR_ENV] = (uintptr_t)guest_mem + MEM_SIZE / 2 - m->guest_base;
    *start = env;
}

static uint64_t seed_now;

static void complain(Machine *m, const TestEnv *want, const char *what)
{
    fprintf(stderr, "codegen: %s differs; seed %" PRIu64 ", features %#x, pins %u, random %d\n", what,
            seed_now, m->cfg.features, m->cfg.layout.npin_int, m->cfg.random_regalloc);
    for (unsigned i = 0; want && i < VISIBLE / 8; i++) {
        uint64_t w = ((const uint64_t *)want)[i], g = ((const uint64_t *)&env)[i];
        if (w != g) {
            fprintf(stderr, "  %s[%u]: interp %016" PRIx64 ", code %016" PRIx64 "\n",
                    i < 32 ? "gpr" : i < 64 ? "fpr" : "misc", i % 32, w, g);
        }
    }
    ir_dump(m->ir, stderr);
    backend_disas(stderr, m->code, m->res.size);
}

static void check_result(const Machine *m)
{
    for (unsigned i = 0; i < m->res.nslots; i++) {
        const BackendSlot *s = &m->res.slots[i];
        ck_assert_uint_le(((uintptr_t)m->code + s->patch) & 63, 60);
        ck_assert_uint_lt(s->stub, m->res.size);
        int32_t rel;
        memcpy(&rel, m->code + s->patch, 4);
        ck_assert_int_eq((int64_t)s->patch + 4 + rel, s->stub);
    }
    for (unsigned i = 1; i < m->res.ninsns; i++) {
        ck_assert_uint_lt(m->res.insns[i - 1].host, m->res.insns[i].host);
    }
}

/* Which BackendExit the interpreter's way out must be. */
static bool same_exit(const Machine *m, IrExit want, BackendExit got)
{
    bool tb = got.tb == m->header;
    switch (want.kind) {
    case IR_EXIT_GOTO:
        return tb && got.why == (BACKEND_EXIT_SLOT | want.slot) && env.pc == want.pc;
    case IR_EXIT_PTR:
        return !got.tb && got.why == BACKEND_EXIT_LOOKUP && env.pc == want.pc;
    default:
        return tb && env.pc == want.pc && got.why >= BACKEND_EXIT_REASON &&
               ((got.why & 0x3ff) == want.reason || (got.why & 0x3ff) == 99);
    }
}

/* Run m->ir `times` times from random states. Spoils the IR (liveness). */
static bool run_both(Machine *m, unsigned times)
{
    enum { MAX_TIMES = 16 };
    static TestEnv start[MAX_TIMES], want[MAX_TIMES];
    static uint8_t mem[MAX_TIMES][MEM_SIZE], want_mem[MAX_TIMES][MEM_SIZE];
    IrExit exits[MAX_TIMES];
    uint32_t fflags[MAX_TIMES];
    ir_verify(m->ir);
    for (unsigned i = 0; i < times; i++) {
        fill_state(m, &start[i]);
        memcpy(mem[i], guest_mem, MEM_SIZE);
        IrInterpState st = { .env = &env, .guest_base = m->guest_base };
        exits[i] = ir_interp(m->ir, &st);
        want[i] = env;
        fflags[i] = st.fflags;
        memcpy(want_mem[i], guest_mem, MEM_SIZE);
    }
    ir_liveness(m->ir);
    ck_assert(generate_at(m, rnd_below(64)));
    check_result(m);
    for (unsigned i = 0; i < times; i++) {
        env = start[i];
        memcpy(guest_mem, mem[i], MEM_SIZE);
        BackendExit got = enter(m, m->code);
        const char *bad = NULL;
        if (!same_exit(m, exits[i], got)) {
            bad = "the way out";
            fprintf(stderr, "want kind %d slot %u reason %u pc %#" PRIx64 ", got why %#" PRIx64
                    " pc %#" PRIx64 "\n", exits[i].kind, exits[i].slot, exits[i].reason,
                    exits[i].pc, got.why, env.pc);
        } else if (memcmp(&env, &want[i], VISIBLE) != 0) {
            bad = "env";
        } else if (memcmp(guest_mem, want_mem[i], MEM_SIZE) != 0) {
            bad = "guest memory";
        } else if (env.consts.mxcsr_to_fflags[env.fp_status & 63] != fflags[i]) {
            bad = "fflags";
        }
        if (bad) {
            complain(m, &want[i], bad);
            return false;
        }
    }
    return true;
}

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
        ir_gen_xor(ir, IR_I64, t, m->gpr[8 + rnd_below(2) * 19], ir_const(ir, edge[rnd_below(8)]));
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
        ir_gen_guest_ld(ir, (mo & MO_SIZE) != MO_64 && rnd_below(4) == 0 ? IR_I32 : IR_I64, out, addr,
                        (uint64_t)disp, mo);
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
            ir_gen_guest_amo(ir, IR_I64, out, addr, pick_in(g, IR_INT), rnd_below(IR_AMO_COUNT), mo);
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
        ir_gen_call(ir, 0, out, 4, pick_in(g, IR_INT), pick_in(g, IR_FP), pick_in(g, IR_INT),
                    pick_in(g, IR_INT));
        break;
    default:
        new_insn(g);
        out = rnd_below(4) ? pick_out(g, cls) : NULL;
        ir_gen_call(ir, 1, out, 1, pick_in(g, IR_INT), NULL, NULL, NULL);
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

/* ---- the ways out ---- */

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
        env.exit_request = 1;
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
            expect_exit(&m, jump, true, BACKEND_EXIT_REASON | 3, 0xabcdef0123);
            env.exit_request = 1;
            expect_exit(&m, jump, true, BACKEND_EXIT_POLL, pc);
            env.exit_request = 0;
        }
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
                env.exit_request = r;
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
    env.exit_request = 1;
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
    ir_gen_call(m.ir, 1, NULL, 1, m.gpr[10], NULL, NULL, NULL);
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
                expect_exit(&m, code, true, BACKEND_EXIT_REASON | 99, 0x10004);
                ck_assert_uint_eq(env.fault_addr, (uintptr_t)guest_mem + a + k);
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
    code_buf = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(code_buf != MAP_FAILED);
    ir_set_helpers(helpers, G_N_ELEMENTS(helpers));
    Suite *s = suite_create("codegen");
    TCase *tc = tcase_create("codegen");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, test_call_return);
    tcase_add_test(tc, test_call_ptr);
    tcase_add_test(tc, test_jump_cache);
    tcase_add_test(tc, test_polls);
    tcase_add_test(tc, test_chained_loop);
    tcase_add_test(tc, test_unwind_map);
    tcase_add_test(tc, test_misaligned);
    tcase_add_test(tc, test_overflow);
    tcase_add_loop_test(tc, test_every_int_op, 0, 4);
    tcase_add_test(tc, test_random_programs);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
