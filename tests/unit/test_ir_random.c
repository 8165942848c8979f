/*
 * tests/unit/test_ir_random.c: random IR means the same before and after the passes.
 *
 * Random TBs are run by the interpreter on random envs as built, after ir_optimize(), and after
 * ir_liveness(); env, memory, flags and the way out must be the same. Accesses with MO_ALIGN leave
 * the TB in the middle, so the law of exact state is tested with them. Then what liveness
 * says is taken at its word: dead inputs are overwritten with garbage, and writes of globals that
 * need not reach their home are renamed to temps; still nothing may change.
 *
 * RIVET_SEED and RIVET_ROUNDS repeat a failure or search longer.
 */
#include "test_ir.h"

#include "ir/sig.h"

enum { MEM_SIZE = 8192, MAX_OPS = 40, POOL = 24 };

typedef struct Gen {
    GRand *rand;
    IrContext *ir;
    IrTemp *ints[POOL], *fps[POOL];     /* temps that may be read now */
    unsigned nints, nfps;
    unsigned slots;
} Gen;

static unsigned below(Gen *g, unsigned n)
{
    return (unsigned)g_rand_int_range(g->rand, 0, (gint32)n);
}

static bool chance(Gen *g, unsigned percent)
{
    return below(g, 100) < percent;
}

static uint64_t random_u64(GRand *r)
{
    static const uint64_t special[] = {
        0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000,
        0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
        ~0ull, ~1ull, 0xffffffff80000000, 0xffffffff7fffffff, 0xffffffff00000000,
        0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
        0x7ff8000000000000, 0x7ff0000000000001, 0x0000000000000001, 0x000fffffffffffff,
        0x7fefffffffffffff, 0x41dfffffffc00000, 0x43e0000000000000,
        0xffffffff3f800000, 0xffffffff7f800000, 0xffffffff7fc00000, 0xffffffff7f800001,
        0xffffffff00000001, 0xffffffff7f7fffff, 0xffffffffffc00000, 0xffffffff4f000000,
    };
    uint64_t v = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    switch (g_rand_int_range(r, 0, 5)) {
    case 0:
        return special[g_rand_int_range(r, 0, G_N_ELEMENTS(special))];
    case 1:
        return (uint64_t)(int64_t)(int32_t)v;
    case 2:
        return v & 0xfff;
    case 3:
        return (uint64_t)0 - (v & 0xfff);
    default:
        return v;
    }
}

static IrTemp *int_value(Gen *g)
{
    if (g->nints && chance(g, 40)) {
        return g->ints[below(g, g->nints)];
    }
    return chance(g, 20) ? ir_const(g->ir, random_u64(g->rand)) : test_x(g->ir, 1 + below(g, 6));
}

static IrTemp *fp_value(Gen *g)
{
    return g->nfps && chance(g, 50) ? g->fps[below(g, g->nfps)] : test_f(g->ir, below(g, 5));
}

static void pool_add(IrTemp **pool, unsigned *n, IrTemp *t, Gen *g)
{
    for (unsigned i = 0; i < *n; i++) {
        if (pool[i] == t) {
            return;
        }
    }
    pool[*n < POOL ? (*n)++ : below(g, POOL)] = t;
}

/* Somewhere to write to; *made is set if it is a temp, to be pooled after the op is complete. */
static IrTemp *output(Gen *g, IrClass cls)
{
    if (chance(g, 55)) {
        return cls == IR_INT ? test_x(g->ir, 1 + below(g, 6)) : test_f(g->ir, below(g, 5));
    }
    if (chance(g, 20) && (cls == IR_INT ? g->nints : g->nfps)) {
        return cls == IR_INT ? g->ints[below(g, g->nints)] : g->fps[below(g, g->nfps)];
    }
    return ir_temp_new(g->ir, cls);
}

static void written(Gen *g, IrTemp *t)
{
    if (t && t->kind == IR_TEMP) {
        if (t->cls == IR_INT) {
            pool_add(g->ints, &g->nints, t, g);
        } else {
            pool_add(g->fps, &g->nfps, t, g);
        }
    }
}

/* An address inside the memory: 0 .. 2047 plus what displacements add. */
static IrTemp *address(Gen *g)
{
    IrTemp *t = ir_temp_new(g->ir, IR_INT);
    ir_gen_and(g->ir, IR_I64, t, int_value(g), ir_const(g->ir, chance(g, 50) ? 0x7f8 : 0x7ff));
    while (chance(g, 40)) {
        IrTemp *u = chance(g, 50) ? t : ir_temp_new(g->ir, IR_INT);
        ir_gen_add(g->ir, IR_I64, u, t, ir_const(g->ir, below(g, 512)));
        t = u;
    }
    return t;
}

/* fp input for an op of type t: singles have to be boxed. */
static IrTemp *fp_input(Gen *g, IrType t)
{
    IrTemp *v = fp_value(g);
    if (t == IR_F32) {
        IrTemp *u = ir_temp_new(g->ir, IR_FP);
        ir_gen_funbox(g->ir, IR_F32, u, v);
        v = u;
    }
    return v;
}

static uint64_t random_memop(Gen *g, IrOpcode opc, IrType t)
{
    uint64_t align = chance(g, 15) ? MO_ALIGN : 0;
    if (t == IR_F32) {
        return MO_32 | align;
    }
    if (t == IR_F64) {
        return (opc == IR_guest_st && chance(g, 30) ? MO_32 : MO_64) | align;
    }
    unsigned max = t == IR_I32 ? 3 : 4;
    uint64_t size = opc == IR_guest_amo || opc == IR_guest_cmpxchg ? MO_32 + below(g, max - 2)
                                                                    : below(g, max);
    return size | align | (chance(g, 50) ? MO_SIGN : 0);
}

static uint64_t random_k(Gen *g, const IrOp *op, unsigned i, char letter)
{
    switch (letter) {
    case 'c':
        return below(g, IR_COND_COUNT);
    case 'o':
        return random_memop(g, (IrOpcode)op->opcode, (IrType)op->type);
    default:
        break;
    }
    switch (op->opcode) {
    case IR_insn_start:
        return i == 0 ? g->ir->nops * 4 : 4;
    case IR_env_ld:
    case IR_env_st:
        return 512 + 8 * below(g, 3);
    case IR_guest_ld:
    case IR_guest_st:
        return below(g, 1024);
    case IR_guest_amo:
        return below(g, IR_AMO_COUNT);
    case IR_fcvt_fi:
        return i && chance(g, 30) ? IR_ROUND_DYN : below(g, 4);
    case IR_fcvt_if:
        return i == 0 ? below(g, 4) : chance(g, 30) ? IR_ROUND_DYN : below(g, 5);
    case IR_set_round:
        return below(g, 4);
    case IR_brcond_tb:
        return i == 1 ? g->slots++ : 0x1000 + g->slots * 16;
    default:
        return below(g, 16);
    }
}

static void random_call(Gen *g)
{
    static const uint8_t percents[H_COUNT] = { 40, 15, 15, 15, 15 };
    unsigned h = 0;
    for (unsigned n = below(g, 100); n >= percents[h]; h++) {
        n -= percents[h];
    }
    IrTemp *a = int_value(g), *b = chance(g, 50) ? int_value(g) : fp_value(g);
    IrTemp *out = ir_helpers[h].has_out && chance(g, 80) ? output(g, IR_INT) : NULL;
    ir_gen_call(g->ir, h, out, ir_helpers[h].nargs, a, b, NULL, NULL);
    written(g, out);
}

static void random_op(Gen *g)
{
    IrOpcode opc;
    do {
        opc = chance(g, 55) ? (IrOpcode)(IR_mov + below(g, IR_movcond - IR_mov + 1))
                            : (IrOpcode)below(g, IR_OP_COUNT);
    } while ((ir_op_info[opc].flags & IRF_ENDS_TB) || opc == IR_set_label || opc == IR_br ||
             opc == IR_landing || opc == IR_comes_back ||
             (opc == IR_brcond_tb && (g->slots >= 6 || chance(g, 50))) || opc == IR_brcond);
    if (opc == IR_call) {
        random_call(g);
        return;
    }
    const IrOpInfo *info = &ir_op_info[opc];
    unsigned mask = ir_type_mask(opc);
    IrType t;
    do {
        t = (IrType)below(g, IR_TYPE_COUNT);
    } while (!(mask >> t & 1));
    if (!ir_type_matters(opc)) {
        t = IR_I64;
    }
    const char *ins = ir_sig_ins(info);
    IrTemp *in[IR_MAX_IN] = { NULL };
    for (unsigned i = 0; i < info->nin; i++) {
        bool is_fp = ir_sig_class(ins[i], t) == IR_FP;
        bool is_address = i == 0 && opc >= IR_guest_ld && opc <= IR_guest_cmpxchg;
        IrType need = opc == IR_fcvt_ff ? (t == IR_F32 ? IR_F64 : IR_F32) : t;
        in[i] = is_address ? address(g) : !is_fp ? int_value(g)
                : ins[i] == 'r' || opc == IR_fcvt_ff ? fp_input(g, need) : fp_value(g);
    }
    if (info->nin >= 2 && chance(g, 6) && ins[0] == ins[1]) {
        in[1] = in[0];
    }
    IrTemp *out = info->nout ? output(g, ir_sig_class(ir_sig_out(info), t)) : NULL;
    IrOp *op = ir_build(g->ir, opc, t, out, info->nin, in[0], in[1], in[2], in[3], 0, 0, 0);
    const char *ks = ir_sig_ks(info);
    for (unsigned i = 0; i < info->nk; i++) {
        op->k[i] = random_k(g, op, i, ks[i]);
    }
    written(g, out);
}

/* The idioms that the optimizer looks for, which chance alone seldom makes. */
static void random_idiom(Gen *g)
{
    IrContext *ir = g->ir;
    IrTemp *x = test_x(ir, 1 + below(g, 6)), *y = int_value(g), *t = ir_temp_new(ir, IR_INT);
    IrType ty = chance(g, 70) ? IR_I64 : IR_I32;
    IrTemp *n = ir_const(ir, chance(g, 60) ? 32 : chance(g, 50) ? 48 : below(g, 64));
    switch (below(g, 10)) {
    case 9:
        ir_gen_sar(ir, ty, t, y, ir_const(ir, 8 * (1 + below(g, 7)) - below(g, 2)));
        ir_build(ir, IR_ext8s + below(g, 6), IR_I64, x, 1, t, NULL, NULL, NULL, 0, 0, 0);
        break;
    case 0:
        ir_gen_shl(ir, ty, x, y, n);
        chance(g, 50) ? ir_gen_shr(ir, ty, x, x, n) : ir_gen_sar(ir, ty, x, x, n);
        break;
    case 1:
        ir_gen_add(ir, IR_I32, t, x, y);
        ir_gen_ext32s(ir, IR_I64, x, t);
        break;
    case 2:
        ir_gen_setcond(ir, ty, x, x, y, below(g, IR_COND_COUNT));
        ir_gen_xor(ir, IR_I64, x, x, ir_const(ir, 1));
        break;
    case 3:
        ir_gen_setcond(ir, ty, t, x, y, below(g, IR_COND_COUNT));
        if (g->slots < 6) {
            ir_gen_brcond_tb(ir, chance(g, 50) ? IR_I64 : IR_I32, t, ir_const(ir, below(g, 3)),
                             chance(g, 50) ? IR_COND_EQ : IR_COND_NE, g->slots,
                             0x1000 + 16 * g->slots);
            g->slots++;
        }
        break;
    case 4:
        ir_gen_add(ir, ty, x, x, ir_const(ir, below(g, 4096)));
        ir_gen_add(ir, ty, x, x, ir_const(ir, random_u64(g->rand)));
        break;
    case 5:
        ir_gen_sub(ir, ty, t, x, y);
        ir_gen_setcond(ir, chance(g, 50) ? IR_I64 : IR_I32, x, t, ir_const(ir, below(g, 2)),
                       below(g, IR_COND_COUNT));
        break;
    case 6:
        ir_gen_fcanon(ir, IR_F64, test_f(ir, 1), test_f(ir, 1));
        ir_gen_fcanon(ir, IR_F64, test_f(ir, 2), test_f(ir, 1));
        break;
    case 7:
        ir_gen_ext32s(ir, IR_I64, t, x);
        ir_gen_setcond(ir, IR_I64, x, t, ir_const(ir, random_u64(g->rand)),
                       below(g, IR_COND_COUNT));
        break;
    default:
        ir_gen_mov(ir, IR_I64, t, y);
        ir_gen_mov(ir, IR_I64, x, t);
        break;
    }
    if (g->ir->head.prev->out == t || chance(g, 30)) {
        for (const IrOp *op = ir->head.prev; op != &ir->head; op = op->prev) {
            if (op->out == t) {
                written(g, t);
                break;
            }
        }
    }
}

static void random_tb(Gen *g)
{
    ir_reset(g->ir);
    g->nints = g->nfps = g->slots = 0;
    IrLabel *label = NULL;
    unsigned n = 1 + below(g, MAX_OPS);
    for (unsigned i = 0; i < n; i++) {
        if (!label && chance(g, 3)) {
            label = ir_label_new(g->ir);
            ir_gen_brcond(g->ir, chance(g, 50) ? IR_I64 : IR_I32, int_value(g), int_value(g),
                          below(g, IR_COND_COUNT), label);
        } else if (label && chance(g, 15)) {
            ir_gen_set_label(g->ir, IR_I64, label);
            label = NULL;
            g->nints = g->nfps = 0;
        } else if (chance(g, 15)) {
            random_idiom(g);
        } else {
            random_op(g);
        }
    }
    if (label) {
        if (chance(g, 30)) {
            ir_gen_br(g->ir, IR_I64, label);
        }
        ir_gen_set_label(g->ir, IR_I64, label);
        g->nints = 0;
    }
    if (chance(g, 30)) {
        ir_gen_goto_ptr(g->ir, IR_I64, int_value(g));
    } else {
        ir_gen_goto_tb(g->ir, IR_I64, g->slots++, 0x4000);
    }
    g->ir->nslots = g->slots;
}

typedef struct Outcome {
    TestEnv env;
    uint8_t mem[MEM_SIZE];
    IrExit exit;
    uint32_t fflags, round;
    uint64_t fault_pc;
} Outcome;

static void run(const IrContext *ir, const Outcome *start, Outcome *end)
{
    *end = *start;
    IrInterpState st = { .env = &end->env, .guest_base = (uintptr_t)end->mem,
                         .fflags = start->fflags, .round = start->round };
    end->exit = ir_interp(ir, &st);
    end->fflags = st.fflags;
    end->round = st.round;
    end->exit.slot = 0;         /* renumbered when a branch goes */
}

static bool same(const Outcome *a, const Outcome *b)
{
    return memcmp(&a->env, &b->env, sizeof(a->env)) == 0 &&
           memcmp(a->mem, b->mem, sizeof(a->mem)) == 0 && a->exit.kind == b->exit.kind &&
           a->exit.pc == b->exit.pc && a->exit.reason == b->exit.reason &&
           a->fflags == b->fflags && a->round == b->round;
}

static void random_start(GRand *r, Outcome *o)
{
    memset(o, 0, sizeof(*o));
    for (unsigned i = 0; i < 32; i++) {
        o->env.x[i] = random_u64(r);
        o->env.f[i] = random_u64(r);
    }
    for (unsigned i = 0; i < 4; i++) {
        o->env.field[i] = random_u64(r);
    }
    for (unsigned i = 0; i < 512; i++) {
        uint64_t v = random_u64(r);
        memcpy(o->mem + i * 8, &v, 8);
    }
    o->fflags = g_rand_int(r) & 31;
    o->round = g_rand_int(r) & 3;
}

/* Overwrite each dead input right after its last use. */
static void poison_dead(IrContext *ir)
{
    IR_FOREACH_SAFE(ir, op) {
        for (unsigned i = 0; i < op->nin; i++) {
            IrTemp *t = op->in[i];
            if (!(op->dead >> i & 1) || t->kind == IR_CONST || t == op->out || ir_op_is_last(op)) {
                continue;
            }
            ir->cursor = op_n;
            if (t->cls == IR_INT) {
                ir_gen_mov(ir, IR_I64, t, ir_const(ir, 0xdeaddeaddeaddeadu));
            } else {
                ir_gen_fmv_fi(ir, IR_I64, t, ir_const(ir, 0xdeaddeaddeaddeadu));
            }
        }
    }
    ir->cursor = NULL;
}

/* Keep a global that need not reach its home in a temp, up to its next write. */
static void rename_unsynced(IrContext *ir)
{
    IR_FOREACH(ir, op) {
        IrTemp *global = op->out;
        if (!global || global->kind != IR_GLOBAL || op->sync) {
            continue;
        }
        op->out = ir_temp_new(ir, global->cls);
        for (IrOp *q = op->next; q != &ir->head; q = q->next) {
            for (unsigned i = 0; i < q->nin; i++) {
                if (q->in[i] == global) {
                    q->in[i] = op->out;
                }
            }
            if (q->out == global || q->opcode == IR_set_label) {
                break;
            }
        }
    }
}

static void compare(const IrContext *ir, const char *stage, const char *before, unsigned seed,
                    const Outcome *start, const Outcome *want)
{
    static Outcome got;
    char *bad = ir_verify_error(ir);
    if (!bad) {
        run(ir, start, &got);
        if (same(want, &got)) {
            return;
        }
    }
    fprintf(stderr, "as built:\n%s\nafter %s:\n", before, stage);
    ir_dump(ir, stderr);
    for (unsigned i = 0; !bad && i < sizeof(TestEnv) / 8; i++) {
        const uint64_t *w = (const uint64_t *)&want->env, *g = (const uint64_t *)&got.env;
        if (w[i] != g[i]) {
            fprintf(stderr, "env[%u]: %#lx, should be %#lx\n", i, g[i], w[i]);
        }
    }
    ck_abort_msg("%s; repeat with RIVET_SEED=%u RIVET_ROUNDS=1", bad ? bad : "wrong outcome", seed);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *v = getenv(name);
    return v ? (unsigned)strtoul(v, NULL, 0) : otherwise;
}

START_TEST(test_random)
{
    static Outcome start, want;
    unsigned first = from_environment("RIVET_SEED", 1);
    unsigned rounds = from_environment("RIVET_ROUNDS", 10000);
    Gen g = { .ir = test_ir_new() };
    for (unsigned seed = first; seed < first + rounds; seed++) {
        g.rand = g_rand_new_with_seed(seed);
        random_tb(&g);
        random_start(g.rand, &start);
        char *before = test_ir_text(g.ir);
        char *bad = ir_verify_error(g.ir);
        if (bad) {
            ck_abort_msg("seed %u: generator made %s in\n%s", seed, bad, before);
        }
        run(g.ir, &start, &want);
        uint32_t nops = g.ir->nops;
        ir_optimize(g.ir);
        compare(g.ir, "optimize", before, seed, &start, &want);
        ck_assert_uint_le(g.ir->nops, nops);
        ir_liveness(g.ir);
        compare(g.ir, "liveness", before, seed, &start, &want);
        if (seed & 1) {
            poison_dead(g.ir);
            compare(g.ir, "poison of dead inputs", before, seed, &start, &want);
        } else {
            rename_unsynced(g.ir);
            compare(g.ir, "renaming of unsynced globals", before, seed, &start, &want);
        }
        free(before);
        g_rand_free(g.rand);
    }
    ir_free(g.ir);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, test_random);
}

int main(void)
{
    return test_ir_run("ir_random", add);
}
