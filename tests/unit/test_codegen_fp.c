/*
 * test_codegen_fp.c: fp ops through the backend against the IR interpreter.
 *
 * Each case compiles small TBs and runs them on special and random values in the four rounding
 * modes, comparing every register and the sticky flags. Operands are pinned registers, fields of
 * env and temps, often the same one twice; host features are masked one after the other. A last
 * case faults and looks at what the signal context gives back of pinned registers and status.
 * RIVET_TEST_FP_COUNT scales the number of TBs (default 1).
 */
#include <check.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <glib.h>

#include "backend-x86_64/codegen.h"
#include "frontend/helper_fpu.h"
#include "ir/build.h"
#include "tests/unit/suite.h"

#define BOX UINT64_C(0xffffffff00000000)

enum { CODE_BYTES = 1 << 20, RAS_SIZE = 64 * 1024, EXIT_REASON = 5, MXCSR_RESET = 0x1f80 };

/* What exec's CPUState is to the backend. */
typedef struct TestEnv {
    _Alignas(64) uint64_t gpr[32];
    uint64_t fpr[32];
    uint64_t pc;
    uint32_t fp_status, exit_request, host_mxcsr;
    uint64_t host_sp, ras_sp, helper_ra, helper_args[4], scratch[4];
    uint64_t spill[BACKEND_SPILL_SLOTS];
    BackendConsts consts;
    uint64_t helpers[8];
    JumpCacheEntry jump_cache[16];
} TestEnv;

#define FIELD(f) ((int32_t)offsetof(TestEnv, f))

static IrContext *ir;
static IrTemp *gpr[32], *fpr[32];
static TestEnv env, env_interp;
static uint8_t *code;
static size_t stubs_size;
static BackendConfig cfg;

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 0x2545f4914f6cdd1du;
}

static unsigned below(unsigned n)
{
    return (unsigned)((rnd() >> 32) % n);
}

/* ---- values ---- */

static uint64_t bits64(double d)
{
    uint64_t v;
    memcpy(&v, &d, 8);
    return v;
}

static uint64_t bits32(float f)
{
    uint32_t v;
    memcpy(&v, &f, 4);
    return BOX | v;
}

static const uint64_t special64[] = {
    0, 1, 0xfffffffffffff, 0x10000000000000, 0x3ff0000000000000, 0x3fe0000000000000,
    0x3ff8000000000000, 0x4004000000000000, 0x7fefffffffffffff, 0x7ff0000000000000,
    0x7ff8000000000000, 0x7ff8000000000123, 0x7ff0000000000001, 0x7ff7ffffffffffff,
    0x41dfffffffc00000 /* 2^31-1 */, 0x41dfffffffe00000 /* 2^31-.5 */, 0x41e0000000000000,
    0x41e0000000100000 /* 2^31+.5 */, 0x41efffffffe00000 /* 2^32-1 */, 0x41effffffff00000,
    0x41f0000000000000, 0x41f0000000080000, 0x43dfffffffffffff, 0x43e0000000000000,
    0x43efffffffffffff, 0x43f0000000000000, 0x3feccccccccccccd /* .9 */, 0x3ca0000000000000,
    0x3fefffffffffffff, 0x3ff0000000000001, 0x38100000e0000000 /* tiny for a single */,
    0x47efffffefffffff, 0x47effffff0000000 /* huge for a single */, 0x3690000000000000,
};

static const uint32_t special32[] = {
    0, 1, 0x7fffff, 0x800000, 0x3f800000, 0x3f000000, 0x3fc00000, 0x40200000, 0x7f7fffff,
    0x7f800000, 0x7fc00000, 0x7fc00123, 0x7f800001, 0x7fbfffff, 0x4effffff, 0x4f000000, 0x4f000001,
    0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000, 0x3f666666, 0x3f7fffff,
    0x3f800001, 0x1e000000, 0x0c000000,
};

static uint64_t value64(void)
{
    uint64_t v;
    switch (below(8)) {
    default:
        v = special64[below(G_N_ELEMENTS(special64))];
        break;
    case 4:
        v = rnd();
        break;
    case 5:
        v = (uint64_t)(1023 - 70 + below(140)) << 52 | rnd() >> 12;
        break;
    case 6:
        v = bits64((double)((int64_t)rnd() >> below(64)) + 0.25 * below(4));
        break;
    case 7:
        v = special64[below(G_N_ELEMENTS(special64))] + below(5) - 2;
        break;
    }
    return v ^ (rnd() & UINT64_C(1) << 63);
}

static uint64_t value32(void)
{
    uint32_t v;
    switch (below(8)) {
    default:
        v = special32[below(G_N_ELEMENTS(special32))];
        break;
    case 4:
        v = (uint32_t)rnd();
        break;
    case 5:
        v = (127 - 40 + below(110)) << 23 | (uint32_t)(rnd() >> 41);
        break;
    case 6:
        v = (uint32_t)bits32((float)((int64_t)rnd() >> below(64)) + 0.25f * (float)below(4));
        break;
    case 7:
        v = special32[below(G_N_ELEMENTS(special32))] + below(5) - 2;
        break;
    }
    return BOX | (v ^ (uint32_t)(rnd() & 0x80000000u));
}

static uint64_t value_int(void)
{
    static const uint64_t special[] = {
        0, 1, 2, UINT64_MAX, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX,
        UINT64_C(1) << 63, 0xffffffff80000000, 0x20000000000001, 0x1000001, 0x8000000000000400,
        0x8000000000000401, 0xfffffffffffffbff, 0xfffffffffffffc00, 0x8000008000000001,
    };
    return below(2) ? special[below(G_N_ELEMENTS(special))] : rnd() >> below(64);
}

/* Boxed single, or one of which a bit is missing, or anything. */
static uint64_t value_raw(void)
{
    uint64_t v = value32();
    switch (below(4)) {
    case 0:
        return v ^ UINT64_C(1) << (32 + below(32));
    case 1:
        return value64();
    default:
        return v;
    }
}

/* What a fp register holds. */
typedef enum ValueKind { VALUE_F32, VALUE_F64, VALUE_RAW } ValueKind;

static uint64_t fp_value(ValueKind k)
{
    return k == VALUE_F32 ? value32() : k == VALUE_F64 ? value64() : value_raw();
}

/* Values that meet each other's exceptions: inf * 0 + NaN is rare among all. */
static uint64_t extreme_value(ValueKind k)
{
    static const uint64_t f64[] = { 0, 0x7ff0000000000000, 0x7ff8000000000001, 0x7ff0000000000001,
                                    0x3ff0000000000000, 0x7fefffffffffffff };
    static const uint32_t f32[] = { 0, 0x7f800000, 0x7fc00001, 0x7f800001, 0x3f800000, 0x7f7fffff };
    unsigned i = below(6);
    return k == VALUE_F32 ? (BOX | f32[i]) ^ (rnd() & 0x80000000u)
                          : f64[i] ^ (rnd() & UINT64_C(1) << 63);
}

/* ---- the machine ---- */

static uint32_t fflags_of(uint32_t mxcsr)
{
    return (mxcsr >> 5 & 1) | (mxcsr >> 3 & 2) | (mxcsr >> 1 & 4) | (mxcsr << 1 & 8) |
           (mxcsr << 4 & 16);
}

static uint32_t mxcsr_of(uint32_t fflags, uint32_t round)
{
    static const uint8_t rc[] = { [IR_RNE] = 0, [IR_RDN] = 1, [IR_RUP] = 2, [IR_RTZ] = 3 };
    return MXCSR_RESET | (uint32_t)rc[round] << 13 | (fflags & 1) << 5 | (fflags & 2) << 3 |
           (fflags & 4) << 1 | (fflags & 8) >> 1 | (fflags & 16) >> 4;
}

/* Registers 8 up are pinned. */
static const BackendLayout layout = {
    .env_bias = 128,
    .pc = FIELD(pc),
    .fp_status = FIELD(fp_status),
    .exit_request = FIELD(exit_request),
    .host_sp = FIELD(host_sp),
    .host_mxcsr = FIELD(host_mxcsr),
    .ras_sp = FIELD(ras_sp),
    .helper_args = FIELD(helper_args),
    .helper_ra = FIELD(helper_ra),
    .helper_table = FIELD(helpers),
    .scratch = FIELD(scratch),
    .spill = FIELD(spill),
    .jump_cache = FIELD(jump_cache),
    .consts = FIELD(consts),
    .jump_cache_bits = 4,
    .npin_int = BACKEND_MAX_PIN_INT,
    .npin_fp = BACKEND_MAX_PIN_FP,
};

static void machine_init(void)
{
    static IrHelperFn *const helpers[] = { helper_fcvt_if_slow, helper_fcvt_fi_slow,
                                           helper_fma_slow, helper_fminmax_slow,
                                           helper_fclass_slow };
    ir = ir_new();
    for (unsigned i = 0; i < 32; i++) {
        gpr[i] = ir_global_new(ir, IR_INT, g_strdup_printf("x%u", i), FIELD(gpr) + 8 * (int)i);
        fpr[i] = ir_global_new(ir, IR_FP, g_strdup_printf("f%u", i), FIELD(fpr) + 8 * (int)i);
    }
    cfg.layout = layout;
    for (int i = 0; i < BACKEND_MAX_PIN_INT; i++) {
        cfg.layout.pin_int[i] = FIELD(gpr) + 8 * (8 + i);
    }
    for (int i = 0; i < BACKEND_MAX_PIN_FP; i++) {
        cfg.layout.pin_fp[i] = FIELD(fpr) + 8 * (8 + i);
    }
    cfg.helper.fcvt_if_slow = 0;
    cfg.helper.fcvt_fi_slow = 1;
    cfg.helper.fma_slow = 2;
    cfg.helper.fminmax_slow = 3;
    cfg.helper.fclass_slow = 4;
    code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    ck_assert_ptr_ne(code, MAP_FAILED);
    stubs_size = (backend_gen_stubs(&cfg, code, CODE_BYTES) + 63) & ~(size_t)63;
    ck_assert_uint_gt(stubs_size, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(helpers); i++) {
        env.helpers[i] = (uint64_t)(uintptr_t)helpers[i];
    }
    backend_init_consts(&env.consts);
    char *ras = mmap(NULL, RAS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(ras, MAP_FAILED);
    env.ras_sp = (uint64_t)(uintptr_t)ras + RAS_SIZE - 64 - BACKEND_RAS_SLACK;
}

/* ---- making a TB ---- */

static void tb_begin(void)
{
    ir_reset(ir);
    ir_gen_insn_start(ir, IR_I64, 0x1000, 4);
}

static void tb_compile(BackendContext *be)
{
    BackendResult res;
    ir_gen_exit_tb(ir, IR_I64, EXIT_REASON, 0x1004);
    ir_verify(ir);
    ir_liveness(ir);
    ck_assert(backend_gen_code(be, ir, code + stubs_size, CODE_BYTES - stubs_size, code, &res));
    ck_assert_uint_eq(res.nslots, 0);
}

static void fail_tb(const TestEnv *before, const char *what)
{
    BackendContext *be = backend_new(&cfg);
    BackendResult res;
    ir_dump(ir, stderr);
    if (backend_gen_code(be, ir, code + stubs_size, CODE_BYTES - stubs_size, code, &res)) {
        backend_disas(stderr, code + stubs_size, res.size, 0);
    }
    for (unsigned i = 0; i < 32; i++) {
        fprintf(stderr, "x%-2u %016lx -> %016lx  want %016lx%s\n", i, before->gpr[i], env.gpr[i],
                env_interp.gpr[i], env.gpr[i] == env_interp.gpr[i] ? "" : "  ***");
    }
    for (unsigned i = 0; i < 32; i++) {
        fprintf(stderr, "f%-2u %016lx -> %016lx  want %016lx%s\n", i, before->fpr[i], env.fpr[i],
                env_interp.fpr[i], env.fpr[i] == env_interp.fpr[i] ? "" : "  ***");
    }
    ck_abort_msg("%s; features %#x, random_regalloc %d", what, cfg.features, cfg.random_regalloc);
}

/* Run the TB in both machines from what is in env.gpr and env.fpr. */
static void tb_run(uint32_t fflags, uint32_t round)
{
    TestEnv before = env;
    env_interp = env;
    IrInterpState st = { .env = &env_interp, .fflags = fflags, .round = round };
    IrExit x = ir_interp(ir, &st);
    ck_assert_uint_eq(x.reason, EXIT_REASON);

    env.fp_status = mxcsr_of(fflags, round);
    uint64_t ras_sp = env.ras_sp;
    unsigned host_mxcsr = __builtin_ia32_stmxcsr();
    BackendExit e = ((BackendEnterFn *)(uintptr_t)cfg.enter)(&env, code + stubs_size);
    ck_assert_uint_eq(e.why, BACKEND_EXIT_REASON | EXIT_REASON);
    ck_assert_uint_eq(env.pc, 0x1004);
    ck_assert_uint_eq(env.ras_sp, ras_sp);
    ck_assert_uint_eq(__builtin_ia32_stmxcsr(), host_mxcsr);
    if (memcmp(env.gpr, env_interp.gpr, sizeof(env.gpr)) ||
        memcmp(env.fpr, env_interp.fpr, sizeof(env.fpr))) {
        fail_tb(&before, "registers differ");
    }
    if ((env.fp_status & ~0x3fu) != (mxcsr_of(0, st.round) & ~0x3fu)) {
        fail_tb(&before, "rounding mode differs");
    }
    if (fflags_of(env.fp_status) != st.fflags) {
        fail_tb(&before, g_strdup_printf("round %u: flags %#x -> %#x, wanted %#x", round, fflags,
                                         fflags_of(env.fp_status), st.fflags));
    }
}

/* ---- operands ---- */

static bool is_pin(unsigned r)
{
    return r >= 8 && r < 8 + BACKEND_MAX_PIN_INT;
}

/* A global: 2 and 3 are in env, 8 to 10 pinned. Few, so that operands often coincide. */
static unsigned pick_global(void)
{
    static const uint8_t from[] = { 2, 3, 8, 9, 10 };
    return from[below(sizeof(from))];
}

static IrTemp *pick_in(IrClass cls)
{
    unsigned r = pick_global();
    IrTemp *g = cls == IR_FP ? fpr[r] : gpr[r];
    if (below(4) && is_pin(r)) {
        return g;
    }
    if (below(3) == 0) {
        IrTemp *t = ir_temp_new(ir, cls);
        ir_gen_mov(ir, cls == IR_FP ? IR_F64 : IR_I64, t, g);
        return t;
    }
    return g;
}

static IrTemp *pick_out(IrClass cls)
{
    return below(4) == 0 ? ir_temp_new(ir, cls)
           : cls == IR_FP ? fpr[pick_global()] : gpr[pick_global()];
}

/* A temp that nobody reads would take its op with it. */
static void keep(IrTemp *t)
{
    if (t->kind == IR_TEMP) {
        if (t->cls == IR_FP) {
            ir_gen_mov(ir, IR_F64, fpr[28], t);
        } else {
            ir_gen_mov(ir, IR_I64, gpr[28], t);
        }
    }
}

/* ---- one op at a time ---- */

typedef struct OpCase {
    IrOpcode opc;
    bool canon;                 /* the op's NaN is any */
    uint8_t types;              /* bit 1 << IrType */
    bool kinds, rounds;         /* k[0] an IrIntKind, k[1] an IrRound */
} OpCase;

#define F_BOTH (1 << IR_F32 | 1 << IR_F64)
#define I_BOTH (1 << IR_I32 | 1 << IR_I64)

static const OpCase op_cases[] = {
    { IR_fadd, true, F_BOTH, false, false },    { IR_fsub, true, F_BOTH, false, false },
    { IR_fmul, true, F_BOTH, false, false },    { IR_fdiv, true, F_BOTH, false, false },
    { IR_fsqrt, true, F_BOTH, false, false },   { IR_fmadd, false, F_BOTH, false, false },
    { IR_fmsub, false, F_BOTH, false, false },  { IR_fnmsub, false, F_BOTH, false, false },
    { IR_fnmadd, false, F_BOTH, false, false }, { IR_fmin, false, F_BOTH, false, false },
    { IR_fmax, false, F_BOTH, false, false },   { IR_fcanon, false, F_BOTH, false, false },
    { IR_funbox, false, 1 << IR_F32, false, false },
    { IR_fneg, false, F_BOTH, false, false },   { IR_fabs, false, F_BOTH, false, false },
    { IR_fsgnj, false, F_BOTH, false, false },  { IR_fsgnjn, false, F_BOTH, false, false },
    { IR_fsgnjx, false, F_BOTH, false, false }, { IR_feq, false, F_BOTH, false, false },
    { IR_flt, false, F_BOTH, false, false },    { IR_fle, false, F_BOTH, false, false },
    { IR_fclass, false, F_BOTH, false, false }, { IR_fcvt_ff, true, F_BOTH, false, false },
    { IR_fcvt_fi, false, F_BOTH, true, true }, { IR_fcvt_if, false, F_BOTH, true, true },
    { IR_ftrunc, false, F_BOTH, false, false },
    { IR_fmv_if, false, I_BOTH, false, false }, { IR_fmv_fi, false, I_BOTH, false, false },
};

static const IrRound host_rounds[] = { IR_RNE, IR_RTZ, IR_RDN, IR_RUP };
static const IrRound all_rounds[] = { IR_RNE, IR_RTZ, IR_RDN, IR_RUP, IR_RMM, IR_ROUND_DYN };

/* k[1] of an op: fcvt_fi has no RMM. */
static IrRound round_of(const OpCase *c, unsigned i)
{
    return !c->rounds ? IR_RNE : c->opc == IR_fcvt_fi && all_rounds[i] == IR_RMM ? IR_ROUND_DYN
                                                                                 : all_rounds[i];
}

static IrClass out_class(IrOpcode opc)
{
    return ir_op_info[opc].sig[0] == 'd' ? IR_INT : IR_FP;
}

static IrClass in_class(IrOpcode opc)
{
    return ir_op_info[opc].sig[2] == 'd' ? IR_INT : IR_FP;
}

static ValueKind in_values(IrOpcode opc, IrType t)
{
    if (opc == IR_funbox || opc == IR_fmv_if || opc == IR_fmv_fi) {
        return VALUE_RAW;
    }
    if (opc == IR_fcvt_ff) {
        return t == IR_F32 ? VALUE_F64 : VALUE_F32;
    }
    return t == IR_F32 ? VALUE_F32 : VALUE_F64;
}

static void gen_op(IrOpcode opc, IrType t, IrTemp *out, IrTemp *const in[3], uint64_t k0,
                   uint64_t k1, bool canon)
{
    ir_build(ir, opc, t, out, ir_op_info[opc].nin, in[0], in[1], in[2], NULL, k0, k1, 0);
    if (canon) {
        ir_gen_fcanon(ir, t, out, out);
    }
}

/* env as it is, in all rounding modes. */
static void run_rounds(void)
{
    uint32_t fflags = below(4) ? 0 : below(32);
    for (unsigned m = 0; m < G_N_ELEMENTS(host_rounds); m++) {
        TestEnv again = env;
        tb_run(fflags, host_rounds[m]);
        env = again;
    }
}

static void run_values(ValueKind kind, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        bool extreme = below(4) == 0;
        for (unsigned r = 0; r < 32; r++) {
            env.fpr[r] = extreme ? extreme_value(kind) : fp_value(kind);
            env.gpr[r] = value_int();
        }
        run_rounds();
    }
}

static unsigned scale(void)
{
    const char *s = getenv("RIVET_TEST_FP_COUNT");
    return s ? (unsigned)atoi(s) : 1;
}

static void check_op(const OpCase *c, IrType t, uint64_t k0, uint64_t k1)
{
    BackendContext *be = backend_new(&cfg);
    for (unsigned i = 0; i < 20 * scale(); i++) {
        tb_begin();
        IrTemp *in[3];
        for (unsigned j = 0; j < 3; j++) {
            in[j] = j && below(6) == 0 ? in[0] : pick_in(in_class(c->opc));
            if (in_class(c->opc) == IR_INT && below(4) == 0) {
                in[j] = ir_const(ir, below(3) ? value_int() : 0);
            }
        }
        IrTemp *out = pick_out(out_class(c->opc));
        gen_op(c->opc, t, out, in, k0, k1, c->canon);
        keep(out);
        tb_compile(be);
        run_values(in_values(c->opc, t), 25);
    }
    backend_free(be);
}

/* ---- features ---- */

static const char *const feature_sets[] = { "", "-avx512", "-fma", "-avx2", "-avx", "-avx,-bmi2" };

static void set_features(unsigned i)
{
    cfg.features = backend_host_features();
    ck_assert(backend_parse_features(feature_sets[i], &cfg.features));
}

START_TEST(test_ops)
{
    const OpCase *c = &op_cases[_i];
    for (unsigned f = 0; f < G_N_ELEMENTS(feature_sets); f++) {
        set_features(f);
        cfg.random_regalloc = f & 1;
        cfg.seed = f;
        for (unsigned t = 0; t < IR_TYPE_COUNT; t++) {
            for (unsigned kind = 0; kind < (c->kinds ? 4u : 1u) && (c->types >> t & 1); kind++) {
                for (unsigned m = 0; m < (c->rounds ? G_N_ELEMENTS(all_rounds) : 1); m++) {
                    check_op(c, (IrType)t, kind, round_of(c, m));
                }
            }
        }
    }
}
END_TEST

/* ---- many ops, many live values ---- */

enum { MIX_OPS = 24, MIX_TEMPS = 5 };

/* f2..f4 and f8..f12 hold doubles, f5..f7 and f13..f16 boxed singles. */
static bool holds_f32(unsigned r)
{
    return (r >= 5 && r <= 7) || (r >= 13 && r <= 16);
}

typedef struct Mix {
    IrTemp *f64[MIX_TEMPS + 8], *f32[MIX_TEMPS + 7], *x[MIX_TEMPS + 8];
    unsigned nf64, nf32, nx;
} Mix;

static void mix_begin(Mix *m)
{
    m->nf64 = m->nf32 = m->nx = 0;
    for (unsigned r = 2; r <= 16; r++) {
        if (holds_f32(r)) {
            m->f32[m->nf32++] = fpr[r];
        } else {
            m->f64[m->nf64++] = fpr[r];
        }
        if (r <= 4 || (r >= 8 && r <= 12)) {
            m->x[m->nx++] = gpr[r];
        }
    }
}

static IrTemp *mix_in(const Mix *m, IrClass cls, bool f32)
{
    return cls == IR_INT ? m->x[below(m->nx)]
           : f32         ? m->f32[below(m->nf32)]
                         : m->f64[below(m->nf64)];
}

/* Any output of the class: a new temp is added to the pool by mix_add(). */
static IrTemp *mix_out(const Mix *m, IrClass cls, bool f32)
{
    unsigned n = cls == IR_INT ? m->nx - 8 : f32 ? m->nf32 - 7 : m->nf64 - 8;
    return n < MIX_TEMPS && below(2) ? ir_temp_new(ir, cls) : mix_in(m, cls, f32);
}

static void mix_add(Mix *m, IrTemp *t, bool f32)
{
    IrTemp **pool = t->cls == IR_INT ? m->x : f32 ? m->f32 : m->f64;
    unsigned *n = t->cls == IR_INT ? &m->nx : f32 ? &m->nf32 : &m->nf64;
    for (unsigned i = 0; i < *n; i++) {
        if (pool[i] == t) {
            return;
        }
    }
    pool[(*n)++] = t;
}

static void mix_status_op(Mix *m)
{
    switch (below(3)) {
    case 0:
        ir_gen_set_round(ir, IR_I64, host_rounds[below(4)]);
        break;
    case 1: {
        IrTemp *t = mix_out(m, IR_INT, false);
        ir_gen_fflags_get(ir, IR_I64, t);
        mix_add(m, t, false);
        break;
    }
    default:
        ir_gen_fflags_set(ir, IR_I64,
                          below(2) ? ir_const(ir, below(32)) : mix_in(m, IR_INT, false));
        break;
    }
}

static void mix_op(Mix *m)
{
    const OpCase *c = &op_cases[below(G_N_ELEMENTS(op_cases))];
    if (below(8) == 0) {
        mix_status_op(m);
        return;
    }
    IrType t;
    do {
        t = (IrType)below(IR_TYPE_COUNT);
    } while (!(c->types >> t & 1));
    ValueKind v = in_values(c->opc, t);
    bool out_f32 = t == IR_F32 || t == IR_I32;
    IrTemp *in[3];
    for (unsigned j = 0; j < 3; j++) {
        in[j] = mix_in(m, in_class(c->opc), v == VALUE_RAW ? below(2) : v == VALUE_F32);
    }
    IrTemp *out = mix_out(m, out_class(c->opc), out_f32);
    gen_op(c->opc, t, out, in, c->kinds ? below(4) : 0, round_of(c, below(6)),
           c->canon);
    mix_add(m, out, out_f32);
}

/* The temps that are left go to globals. */
static void mix_end(Mix *m)
{
    for (unsigned i = 8; i < m->nf64; i++) {
        ir_gen_mov(ir, IR_F64, fpr[16 + i], m->f64[i]);
    }
    for (unsigned i = 7; i < m->nf32; i++) {
        ir_gen_fneg(ir, IR_F32, fpr[10 + i], m->f32[i]);
    }
    for (unsigned i = 8; i < m->nx; i++) {
        ir_gen_mov(ir, IR_I64, gpr[16 + i], m->x[i]);
    }
}

START_TEST(test_mix)
{
    for (unsigned f = 0; f < G_N_ELEMENTS(feature_sets); f++) {
        set_features(f);
        cfg.random_regalloc = _i;
        cfg.seed = 77 + f;
        BackendContext *be = backend_new(&cfg);
        for (unsigned i = 0; i < 400 * scale(); i++) {
            Mix m;
            tb_begin();
            mix_begin(&m);
            for (unsigned j = 0; j < MIX_OPS; j++) {
                mix_op(&m);
            }
            mix_end(&m);
            tb_compile(be);
            for (unsigned j = 0; j < 10; j++) {
                for (unsigned r = 0; r < 32; r++) {
                    env.fpr[r] = fp_value(holds_f32(r) ? VALUE_F32 : VALUE_F64);
                    env.gpr[r] = value_int();
                }
                tb_run(below(2) ? 0 : below(32), host_rounds[below(4)]);
            }
        }
        backend_free(be);
    }
}
END_TEST

/* ---- faults ---- */

static sigjmp_buf fault_jmp;

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
    backend_sync_from_ucontext(&cfg, &env, ucontext, NULL);
    siglongjmp(fault_jmp, 1);
}

/* Generated code's rsp is no stack for a handler. */
static void catch_faults(void)
{
    static uint8_t stack[64 * 1024];
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
    ck_assert_int_eq(sigaction(SIGSEGV, &sa, NULL), 0);
}

static void fault_prefix(void)
{
    tb_begin();
    for (unsigned r = 8; r < 8 + BACKEND_MAX_PIN_INT; r++) {
        ir_gen_add(ir, IR_I64, gpr[r], gpr[r], gpr[r - 4]);
    }
    for (unsigned r = 8; r < 8 + BACKEND_MAX_PIN_FP; r++) {
        ir_gen_fdiv(ir, IR_F64, fpr[r], fpr[r], fpr[r - 4]);
        ir_gen_fcanon(ir, IR_F64, fpr[r], fpr[r]);
    }
}

/* Runs of fcanon side by side, of pinned registers and others, are checked in pairs. */
START_TEST(test_canon_runs)
{
    set_features((unsigned)_i);
    BackendContext *be = backend_new(&cfg);
    for (unsigned i = 0; i < 60 * scale(); i++) {
        IrType t = i & 1 ? IR_F32 : IR_F64;
        unsigned first = 7 + below(3), n = 1 + below(5);    /* f7 lies in env, f8 on are pinned */
        tb_begin();
        for (unsigned j = 0; j < n; j++) {
            IrTemp *in[3] = { fpr[first + below(n)], fpr[first + below(n)] };
            ir_build(ir, IR_fadd + below(4), t, fpr[first + j], 2, in[0], in[1], NULL, NULL, 0, 0,
                     0);
        }
        for (unsigned j = 0; j < n; j++) {
            ir_gen_fcanon(ir, t, fpr[first + j], fpr[first + j]);
        }
        tb_compile(be);
        run_values(t == IR_F32 ? VALUE_F32 : VALUE_F64, 40);
    }
    backend_free(be);
}
END_TEST

/* Fused ops whose checks wait for each other, with what overwrites their factors, sees a NaN, or
 * goes on with it in between. */
START_TEST(test_fma_groups)
{
    set_features((unsigned)_i);
    BackendContext *be = backend_new(&cfg);
    for (unsigned i = 0; i < 400 * scale(); i++) {
        IrType t = i & 1 ? IR_F32 : IR_F64;
        unsigned first = 7 + below(3), n = 2 + below(i & 2 ? 3 : 8), nregs = 3 + below(6);
        IrTemp *last = fpr[first];
        tb_begin();
        for (unsigned j = 0; j < n; j++) {
            IrTemp *r[4];
            for (unsigned k = 0; k < 4; k++) {
                r[k] = below(4) ? fpr[first + below(nregs)] : last;
            }
            last = r[0];
            ir_gen_insn_start(ir, IR_I64, 0x1000 + 4 * j, 4);
            switch (below(8)) {
            case 0:
                ir_build(ir, IR_fadd + below(3), t, r[0], 2, r[1], r[2], NULL, NULL, 0, 0, 0);
                ir_gen_fcanon(ir, t, r[0], r[0]);
                break;
            case 1:
                ir_gen_fneg(ir, t, r[0], r[1]);
                break;
            case 2:
                ir_gen_flt(ir, t, gpr[8], r[0], r[1]);
                break;
            default:
                ir_build(ir, IR_fmadd + below(4), t, r[0], 3, r[1], r[2], r[3], NULL, 0, 0, 0);
                break;
            }
        }
        tb_compile(be);
        run_values(t == IR_F32 ? VALUE_F32 : VALUE_F64, 4);
        for (unsigned j = 0; j < 40; j++) {
            /* invalid products, and quiet NaNs that nothing was raised for */
            const double few[] = { 0, -INFINITY, (double)NAN, 1, 2 };
            for (unsigned k = 0; k < 32; k++) {
                double d = few[below(3 + j % 3)];
                env.fpr[k] = t == IR_F32 ? bits32((float)d) : bits64(d);
            }
            run_rounds();
        }
    }
    backend_free(be);
}
END_TEST

START_TEST(test_fault_sync)
{
    set_features(0);
    catch_faults();
    BackendContext *be = backend_new(&cfg);
    for (unsigned i = 0; i < 200; i++) {
        IrInterpState st = { .env = &env_interp, .round = host_rounds[i & 3] };
        for (unsigned r = 0; r < 32; r++) {
            env.fpr[r] = value64();
            env.gpr[r] = value_int();
        }
        TestEnv before = env;
        env_interp = env;
        fault_prefix();
        ir_gen_exit_tb(ir, IR_I64, EXIT_REASON, 0);
        ir_interp(ir, &st);

        fault_prefix();
        ir_gen_guest_ld(ir, IR_I64, gpr[2], ir_const(ir, 0x10), 0, MO_64);
        tb_compile(be);
        env.fp_status = mxcsr_of(0, st.round);
        unsigned host_mxcsr = __builtin_ia32_stmxcsr();
        if (!sigsetjmp(fault_jmp, 1)) {
            ((BackendEnterFn *)(uintptr_t)cfg.enter)(&env, code + stubs_size);
            ck_abort_msg("no fault");
        }
        __builtin_ia32_ldmxcsr(host_mxcsr);
        ck_assert_uint_eq(fflags_of(env.fp_status), st.fflags);
        if (memcmp(env.gpr, env_interp.gpr, sizeof(env.gpr)) ||
            memcmp(env.fpr, env_interp.fpr, sizeof(env.fpr))) {
            fail_tb(&before, "registers differ at the fault");
        }
    }
    backend_free(be);
}
END_TEST

START_TEST(test_features)
{
    uint32_t f = 0xffff;
    ck_assert(backend_parse_features("", &f));
    ck_assert_uint_eq(f, 0xffff);
    ck_assert(backend_parse_features("-avx512,-bmi2", &f));
    ck_assert_uint_eq(f, 0xffffu & ~(HOST_AVX512 | HOST_BMI2));
    ck_assert(backend_parse_features("-avx", &f));
    ck_assert_uint_eq(f & (HOST_AVX | HOST_AVX2 | HOST_FMA | HOST_AVX512), 0);
    uint32_t same = f;
    ck_assert(!backend_parse_features("-lzcnt,-none", &f));
    ck_assert(!backend_parse_features("avx", &f));
    ck_assert(!backend_parse_features("-", &f));
    ck_assert_uint_eq(f, same);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codegen_fp");
    TCase *tc = tcase_create("fp");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, machine_init, NULL);
    tcase_add_test(tc, test_features);
    tcase_add_test(tc, test_fault_sync);
    tcase_add_loop_test(tc, test_ops, 0, G_N_ELEMENTS(op_cases));
    tcase_add_loop_test(tc, test_mix, 0, 2);
    tcase_add_loop_test(tc, test_fma_groups, 0, G_N_ELEMENTS(feature_sets));
    tcase_add_loop_test(tc, test_canon_runs, 0, G_N_ELEMENTS(feature_sets));
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
