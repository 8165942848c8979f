/*
 * tests/unit/codegen_machine.c: see codegen_machine.h.
 */
#include "tests/unit/codegen_machine.h"

#include <sys/mman.h>

TestEnv env;
JumpCacheEntry second_cache[1 << BACKEND_SECOND_CACHE_BITS];
_Alignas(64) uint8_t guest_mem[MEM_SIZE];
_Alignas(4096) uint8_t ras[RAS_SIZE];
uint64_t helper_ra_seen;
static uint8_t *code_buf;

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
    [HELPER_MIX] = { "mix", helper_mix, 4, 1, IRH_PURE },
    [HELPER_TOUCH] = { "touch", helper_touch, 1, 1, IRH_READS | IRH_WRITES },
};

/* ---- configurations ---- */

/* Pinned by preference; gpr[2] and gpr[20] are pointers, one pinned and one not. */
static const uint8_t pin_gpr[] = { 10, 2, 11, 12, 13, 8, 9, 14, 15, 5, 1 };
static const uint8_t pin_fpr[] = { 10, 11, 12, 13, 8, 9, 14, 15, 0, 1, 2, 3 };

BackendConfig make_config(uint32_t features, unsigned npin, bool random, bool gs,
                                 uint64_t seed)
{
    BackendConfig cfg = {
        .features = features, .use_gs = gs, .random_regalloc = random, .seed = seed,
    };
    BackendLayout *l = &cfg.layout;
    l->env_bias = 128;
#define FIELD(f) l->f = offsetof(TestEnv, f)
    FIELD(pc), FIELD(fp_status), FIELD(exit_request), FIELD(host_sp), FIELD(host_mxcsr),
        FIELD(ras_sp), FIELD(ras_bottom), FIELD(marks), FIELD(helper_args), FIELD(helper_ra),
        FIELD(helper_table), FIELD(scratch), FIELD(spill), FIELD(jump_cache), FIELD(consts);
#undef FIELD
    l->jump_cache_bits = JC_BITS;
    l->second_cache = (int32_t)((char *)second_cache - (char *)&env);
    l->reason_misaligned = REASON_MISALIGNED;
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

Machine machine_new(BackendConfig cfg, uintptr_t guest_base)
{
    static char names[64][8];
    Machine m = { .cfg = cfg, .ir = ir_new(), .guest_base = guest_base };
    m.be = backend_new(&m.cfg);
    for (unsigned i = 0; i < G_N_ELEMENTS(second_cache); i++) {
        second_cache[i].pc = ~(uint64_t)0;
    }
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

void machine_free(Machine *m)
{
    backend_free(m->be);
    ir_free(m->ir);
}

void env_reset(void)
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
    env.ras_sp = env.ras_bottom = (uintptr_t)(ras + RAS_SIZE - 64 - BACKEND_RAS_SLACK);
    env.fp_status = 0x1f80;
}

bool generate_at(Machine *m, unsigned offset)
{
    m->header = code_buf + 65536;
    m->code = m->header + 64 + offset;
    return backend_gen_code(m->be, m->ir, m->code, CODE_SIZE - 131072, m->header, &m->res);
}

/* Copy it to other places, as a file of translated code does. */
static void move_code(Machine *m)
{
    uint8_t *to = code_buf + CODE_SIZE - 131072;
    size_t stubs = 4096, code = (size_t)(m->code - code_buf) & 63;
    BackendMove by = { .stubs = code_buf, .stubs_size = stubs, .stubs_by = to - code_buf };
    by.header_by = to + stubs + rnd_below(1000) * 8 - m->header;
    by.code_by = to + 16384 + code - m->code;
    if (m->res.size > 65536) {
        return;
    }
    memcpy(to, code_buf, stubs);
    memcpy(m->code + by.code_by, m->code, m->res.size);
    for (unsigned i = 0; i < m->res.nrelocs; i++) {
        backend_move_field(m->code + m->res.relocs[i], &by);
    }
    memset(m->code, 0xcc, m->res.size);
    m->code += by.code_by;
    m->header += by.header_by;
}

BackendExit enter(Machine *m, const void *code)
{
    BackendExit e = ((BackendEnterFn *)(uintptr_t)m->cfg.enter)(&env, code);
    /* As the loop does: the pc is that of the slot, which is one of the program made last. */
    bool poll = e.why & BACKEND_EXIT_POLL_SLOT;
    if (poll || e.why < BACKEND_EXIT_LOOKUP) {
        env.pc = m->res.slots[e.why & 0xff].pc;
        e.why = poll ? BACKEND_EXIT_POLL : e.why;
    }
    return e;
}

/* xorshift */
uint64_t rng_state;

uint64_t rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

unsigned rnd_below(unsigned n)
{
    return (unsigned)((rnd() >> 33) % n);
}

static const uint64_t edge[] = {
    0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
    -1ull, -2ull, -128ull, -129ull, -0x80000000ull, -0x80000001ull, 0x00ff00ff00ff00ff,
    0x0100008000ff0001, 0x123456789abcdef0,
};

uint64_t rnd_value(void)
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

uint64_t seed_now;

static void complain(Machine *m, const TestEnv *want, const char *what)
{
    fprintf(stderr, "codegen: %s differs; seed %" PRIu64 ", features %#x, pins %u, random %d\n",
            what, seed_now, m->cfg.features, m->cfg.layout.npin_int, m->cfg.random_regalloc);
    for (unsigned i = 0; want && i < VISIBLE / 8; i++) {
        uint64_t w = ((const uint64_t *)want)[i], g = ((const uint64_t *)&env)[i];
        if (w != g) {
            fprintf(stderr, "  %s[%u]: interp %016" PRIx64 ", code %016" PRIx64 "\n",
                    i < 32 ? "gpr" : i < 64 ? "fpr" : "misc", i % 32, w, g);
        }
    }
    ir_dump(m->ir, stderr);
    backend_disas(stderr, m->code, m->res.size, 0);
}

void check_result(const Machine *m)
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
               ((got.why & 0x3ff) == want.reason || (got.why & 0x3ff) == REASON_MISALIGNED);
    }
}

bool run_both(Machine *m, unsigned times)
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
    if (rnd_below(2)) {
        move_code(m);
        check_result(m);
    }
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

void machine_init(void)
{
    code_buf = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(code_buf != MAP_FAILED);
    ir_set_helpers(helpers, G_N_ELEMENTS(helpers));
}
