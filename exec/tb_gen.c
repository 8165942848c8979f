/*
 * exec/tb_gen.c: the pipeline, all stages in a row: guest bytes -> IR -> optimized IR -> host code.
 *
 * One IrContext and one BackendContext serve all threads under tb_lock: translation is rare, and a
 * TB that two threads want is translated once.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <glib.h>

#include "exec/code_buffer.h"
#include "exec/log.h"
#include "exec/perf_map.h"
#include "exec/section.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "exec/tb_gen.h"

enum { MAX_CODE_BYTES = 48 * 1024, USUAL_CODE_BYTES = 2048, MAX_MAP_BYTES = 16 * 1024 };
_Static_assert(BACKEND_MAX_SLOTS <= UINT8_MAX, "TranslationBlock.nslots");
_Static_assert(TB_MAX_BYTES + 64 <= UINT16_MAX && TB_MAX_INSNS <= UINT8_MAX &&
               MAX_MAP_BYTES <= UINT16_MAX, "fields of TranslationBlock");

BackendConfig backend_config;
static IrContext *gen_ir;
static RiscvGlobals gen_globals;
static BackendContext *gen_backend;

void tb_gen_init(void)
{
    gen_ir = ir_new();
    riscv_translate_init(gen_ir, &gen_globals);
    gen_backend = backend_new(&backend_config);
}

uint64_t tb_hash_bytes(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t h = n * 0x9e3779b97f4a7c15u, w;
    for (; n >= 8; n -= 8, b += 8) {
        memcpy(&w, b, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, b, n);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

/* The guest bytes of the TB being translated, read once, so that what was translated is what was
 * hashed even while another thread writes there. */
typedef struct FetchWindow {
    uint64_t pc;
    unsigned avail;
    bool ended;                 /* nothing beyond avail can be fetched */
    CPUFault fault;             /* then: why */
    DisasContextBase *dc;       /* whose window this is */
    uint8_t bytes[TB_MAX_BYTES + 64];
} FetchWindow;

static unsigned window_fetch(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    enum { CHUNK = 128 };
    FetchWindow *w = opaque;
    uint64_t off = pc - w->pc;
    if (off >= sizeof(w->bytes)) {
        return 0;
    }
    while (off + len > w->avail && !w->ended) {
        unsigned want = CHUNK;
        if (want > sizeof(w->bytes) - w->avail) {
            want = (unsigned)sizeof(w->bytes) - w->avail;
        }
        unsigned got =
            want ? guest_fetch(w->pc + w->avail, w->bytes + w->avail, want, &w->fault) : 0;
        w->avail += got;
        w->ended = got < want || !want;
        w->dc->window_size = w->avail;
    }
    if (off >= w->avail) {
        return 0;
    }
    unsigned n = len < w->avail - off ? len : (unsigned)(w->avail - off);
    memcpy(buf, w->bytes + off, n);
    return n;
}

/* In a TB that has become longer: does it go on where control has come back to? */
static bool lands(const DisasContext *dc, uint64_t ret)
{
    return tb_lookup(ret, dc->base.tb_flags, dc->base.cflags) != NULL;
}

/* Is there a TB at pc already? A short one is better had again than jumped to, above all if it ends
 * with a computed jump, as an interpreter's dispatch does: each copy has its own prediction. */
static bool joins(const DisasContext *dc, uint64_t pc)
{
    enum { MIN_INSNS = 16 };
    const TranslationBlock *tb = tb_lookup(pc, dc->base.tb_flags, dc->base.cflags);
    return tb && tb->insns >= MIN_INSNS;
}

IrContext *tb_gen_begin(void)
{
    ir_reset(gen_ir);
    return gen_ir;
}

IrContext *tb_gen_ir_context(void)
{
    return gen_ir;
}

void tb_gen_prepare(DisasContext *dc, const TbSource *src, uint64_t pc, uint32_t flags,
                    uint32_t cflags)
{
    memset(dc, 0, offsetof(DisasContext, const_val));
    dc->base.ir = gen_ir;
    dc->base.pc_first = dc->base.pc_next = pc;
    dc->base.tb_flags = flags;
    dc->base.cflags = cflags;
    dc->base.max_insns = cflags & CF_COUNT_MASK ? cflags & CF_COUNT_MASK : TB_MAX_INSNS;
    dc->base.fetch = src->fetch;
    dc->base.fetch_opaque = src->opaque;
    dc->base.window = src->window;
    dc->g = &gen_globals;
    dc->exts = exec_options.exts;
    dc->alone = memory_is_ours;
    dc->watch_rseq = section_watching;
    dc->ecall_stays = exec_options.interp ? NULL : exec_options.ecall_stays;
}

static void translate(DisasContext *dc, FetchWindow *w, uint64_t pc, uint32_t flags,
                      uint32_t cflags, bool landing)
{
    TbSource src = { .fetch = window_fetch, .opaque = w, .window = w->bytes };
    w->pc = pc;
    w->avail = 0;
    w->ended = false;
    w->dc = &dc->base;
    tb_gen_prepare(dc, &src, pc, flags, cflags);
    dc->lands = landing ? lands : NULL;
    dc->joins = landing ? NULL : joins;
    tb_gen_begin();
    translator_loop(&riscv_translator_ops, &dc->base);
    gen_ir->nslots = dc->base.nslots;
}

static void optimize(uint32_t cflags)
{
    if (cflags & CF_OPT) {
        ir_optimize(gen_ir);
        if (RIVET_SLOW_CHECKS) {
            ir_verify(gen_ir);
        }
    }
    ir_liveness(gen_ir);
}

static void dump_ir(const char *title, uint64_t pc)
{
    FILE *f = log_begin();
    fprintf(f, "---- %s %016" PRIx64 "\n", title, pc);
    ir_dump(gen_ir, f);
    log_end(f);
}

static void dump_host(const TranslationBlock *tb, const BackendResult *res)
{
    FILE *f = log_begin();
    fprintf(f, "---- out_asm %016" PRIx64 " size %u\n", tb->pc, tb->code_size);
    for (unsigned i = 0; i <= res->ninsns; i++) {
        uint32_t from = i ? res->insns[i - 1].host : 0;
        uint32_t to = i < res->ninsns ? res->insns[i].host : res->size;
        if (i) {
            fprintf(f, "  -- guest %016" PRIx64 "\n", res->insns[i - 1].pc);
        }
        if (to > from) {
            backend_disas(f, tb_code(tb) + from, to - from, from);
        }
    }
    log_end(f);
}

/* With -stats: the time since *t goes to the counter, *t becomes now. */
static void lap(StatId id, uint64_t *t)
{
    if (__builtin_expect(stats_enabled, 0)) {
        uint64_t now = stats_now();
        stat_add(id, now - *t);
        *t = now;
    }
}

/* IR of the code at pc, optimized, for the interpreter. tb_lock is held until the next call
 * ends. */
struct IrContext *tb_gen_ir(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags)
{
    DisasContext dc;
    static FetchWindow w;
    translate(&dc, &w, pc, flags, cflags, false);
    if (!w.avail) {
        cpu->fault = w.fault;
        return NULL;
    }
    optimize(cflags);
    return gen_ir;
}

/* Fill in t, for which there is code now. */
static void finish_tb(TranslationBlock *t, const TranslationBlock *draft, const TbRegion *region,
                      const BackendResult *res)
{
    uint8_t tail[MAX_MAP_BYTES];
    assert(res->nslots == gen_ir->nslots);
    size_t relocs_size = tb_relocs_encode(res->relocs, res->nrelocs, tail);
    size_t map_size = tb_map_encode(res->insns, res->ninsns, draft->pc, tail + relocs_size);
    uint8_t *code = code_buffer.code - res->size;
    *t = *draft;
    t->code = tb_ref_to(t, code);
    t->code_size = res->size;
    t->map_size = (uint16_t)map_size;
    t->relocs_size = (uint16_t)relocs_size;
    t->nslots = (uint8_t)res->nslots;
    /* The map ends where t starts. */
    size_t tail_size = relocs_size + map_size;
    code_buffer_alloc_meta(tail_size);
    memcpy((uint8_t *)t - tail_size, tail, tail_size);
    for (unsigned n = 0; n < res->nslots; n++) {
        TBJump *j = &t->jump[n];
        tb_lookup_soon(res->slots[n].pc, draft->flags);     /* for link_known() */
        *j = (TBJump){ .pc = res->slots[n].pc,
                       .patch = tb_ref_to(j, code + res->slots[n].patch),
                       .stub = tb_ref_to(j, code + res->slots[n].stub),
                       .count = res->slots[n].counted ? tb_samples(exec_options.hot)
                                : res->slots[n].inner ? TB_COMES_BACK : TB_NOT_COUNTED };
        if (res->slots[n].inner) {
            backend_patch_jump(code + res->slots[n].patch, code + res->slots[n].inner);
        }
    }
    if (region) {
        t->region = true;
        memcpy(tb_region(t), region, tb_region_bytes(region));
    }
}

/* Chain t to what is there already: each of these jumps would leave for the loop once. */
static void link_known(TranslationBlock *t)
{
    for (unsigned n = 0; n < t->nslots; n++) {
        TranslationBlock *to = tb_lookup(t->jump[n].pc, t->flags, t->cflags);
        if (to) {
            tb_link_locked(t, n, to);
        }
    }
}

void tb_gen_set_pins(const BackendPins *pins)
{
    backend_set_pins(gen_backend, pins);
}

void tb_gen_optimize(uint64_t pc, uint32_t cflags)
{
    bool log = log_mask && log_in_filter(pc);
    if (log && log_enabled(LOG_OP)) {
        dump_ir("op", pc);
    }
    if (RIVET_SLOW_CHECKS) {
        ir_verify(gen_ir);
    }
    stat_add(STAT_ir_ops_built, gen_ir->nops);
    optimize(cflags);
    if (log && log_enabled(LOG_OP_OPT)) {
        dump_ir("op_opt", pc);
    }
}

TranslationBlock *tb_gen_emit(const TranslationBlock *draft, const TbRegion *region)
{
    BackendResult res;
    size_t size = sizeof(*draft) + gen_ir->nslots * sizeof(TBJump) +
                  (region ? tb_region_bytes(region) : 0);
    TranslationBlock *t = code_buffer_alloc_meta(size);
    uintptr_t align = tb_code_align(draft) - 1;
    uint8_t *code = (uint8_t *)(((uintptr_t)code_buffer.code + align) & ~align);
    if (!t || code + MAX_CODE_BYTES / 16 + MAX_MAP_BYTES > (uint8_t *)t) {
        return NULL;
    }
    size_t room = (size_t)((uint8_t *)t - code) - MAX_MAP_BYTES;
    code_buffer_prepare(USUAL_CODE_BYTES);
    if (!backend_gen_code(gen_backend, gen_ir, code, room, t, &res) ||
        res.ninsns * 20u + res.nrelocs * 5u > MAX_MAP_BYTES) {
        return NULL;
    }
    code_buffer.code = code + res.size;
    finish_tb(t, draft, region, &res);
    tb_insert(t);
    link_known(t);

    if (log_mask && log_in_filter(t->pc) && log_enabled(LOG_OUT_ASM)) {
        dump_host(t, &res);
    }
    if (exec_options.perf_map) {
        perf_map_add(tb_code(t), t->code_size, t->pc);
    }
    stat_add(STAT_host_bytes, res.size);
    stat_add(STAT_ir_ops_left, gen_ir->nops);
    return t;
}

/* What for code is translated anew. */
typedef enum Remake {
    NOT_REMADE,
    LONGER,                     /* to go on behind calls, with landings */
    UNCOUNTED,                  /* its polls are not to count */
} Remake;

/* The TB at pc, which is to replace `old` (NULL: it is the first). NULL: as tb_gen_code(), or it
 * would not be longer. */
static TranslationBlock *make_tb(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags,
                                 const TranslationBlock *old, Remake remake, bool *full)
{
    static FetchWindow window;      /* tb_lock */
    DisasContext dc;
    uint64_t t0 = stats_enabled ? stats_now() : 0, t1 = t0;
    bool hot = remake == LONGER || (old && old->hot);
    translate(&dc, &window, pc, flags, cflags, hot);
    lap(STAT_frontend_ns, &t1);
    uint32_t size = (uint32_t)(dc.base.pc_next - pc);
    if (!size || window.avail < size) {
        cpu->fault = window.fault;  /* the first insn cannot be fetched (whole) */
        return NULL;
    }
    if (remake == LONGER && size <= old->size) {
        return NULL;
    }
    if (log_enabled(LOG_IN_ASM) && log_in_filter(pc)) {
        FILE *f = log_begin();
        fprintf(f, "---- in_asm %016" PRIx64 "\n", pc);
        riscv_translator_ops.disas_log(&dc.base, f);
        log_end(f);
    }
    tb_gen_optimize(pc, cflags);
    lap(STAT_optimize_ns, &t1);
    TranslationBlock draft = {
        .pc = pc, .flags = flags, .cflags = cflags, .size = (uint16_t)size,
        .insns = (uint8_t)dc.base.num_insns, .shared = guest_code_shared(pc),
        .hash = tb_hash_bytes(window.bytes, size), .needs_alone = dc.needs_alone,
        .hot = hot, .uncounted = remake == UNCOUNTED || (old && old->uncounted),
    };
    backend_set_counting(gen_backend, !draft.uncounted);
    TranslationBlock *tb = tb_gen_emit(&draft, NULL);
    backend_set_counting(gen_backend, true);
    *full = !tb;
    if (tb) {
        lap(STAT_backend_ns, &t1);
        stat_inc(STAT_tb_translated);
        stat_add(STAT_guest_insns, tb->insns);
        stat_add(STAT_guest_bytes, size);
        lap(STAT_translate_ns, &t0);
    }
    return tb;
}

TranslationBlock *tb_gen_code(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags,
                              bool *full)
{
    *full = false;
    pthread_mutex_lock(&tb_lock);
    TranslationBlock *tb = tb_lookup(pc, flags, cflags);  /* another thread may have been quicker */
    if (!tb && tb_cache_worn()) {
        *full = true;
    } else if (!tb) {
        tb = make_tb(cpu, pc, flags, cflags, NULL, NOT_REMADE, full);
    }
    pthread_mutex_unlock(&tb_lock);
    return tb;
}

/* Make tb anew. Returns what is in its place now. */
static TranslationBlock *replace(CPUState *cpu, TranslationBlock *tb, Remake remake)
{
    bool full;
    TranslationBlock *new = make_tb(cpu, tb->pc, tb->flags, tb->cflags, tb, remake, &full);
    if (!new) {
        return tb;
    }
    new->no_region = tb->no_region;
    new->no_guess = tb->no_guess;
    new->no_rare = tb->no_rare;
    new->tries = tb->tries;
    tb_relink(tb, new);
    tb_drop(tb);
    stat_inc(remake == LONGER ? STAT_extended : STAT_uncounted);
    return new;
}

/* If tb ends with a call that has come back, make it longer. Returns what is in its place now. */
static TranslationBlock *extend(CPUState *cpu, TranslationBlock *tb)
{
    for (unsigned n = 0; n < tb->nslots; n++) {
        const TBJump *j = &tb->jump[n];
        const uint8_t *field = tb_ref_at(j, j->patch);
        if (j->to && j->pc == tb->pc + tb->size && backend_is_way_back(field)) {
            TranslationBlock *longer = replace(cpu, tb, LONGER);
            if (longer != tb) {
                return longer;
            }
        }
    }
    return tb;
}

void tb_gen_uncounted(CPUState *cpu, TranslationBlock *tb)
{
    pthread_mutex_lock(&tb_lock);
    bool stays = tb->region || tb->uncounted || atomic_load(&tb->invalid) ||
                 tb_lookup(tb->pc, tb->flags, tb->cflags) != tb;
    for (unsigned n = 0; n < tb->nslots; n++) {
        stays |= tb->jump[n].count > 0;
    }
    if (!stays) {
        replace(cpu, tb, UNCOUNTED);
    }
    pthread_mutex_unlock(&tb_lock);
}

/* Code that is looked at, by guest pc. */
typedef struct Near {
    uint64_t pc[12];
    unsigned n;
} Near;

static void near_add(Near *near, uint64_t pc)
{
    for (unsigned i = 0; i < near->n; i++) {
        if (near->pc[i] == pc) {
            return;
        }
    }
    if (near->n < G_N_ELEMENTS(near->pc)) {
        near->pc[near->n++] = pc;
    }
}

/* The calls that came back last are still to be seen where the return stack was: who is called by
 * way of a pointer cannot be seen otherwise. */
static void near_add_called(Near *near, const CPUState *cpu)
{
    enum { DEPTH = 8, ENTRY = 16 };
    const uint8_t *p = (const uint8_t *)cpu->ras_sp, *end = cpu->ras + RAS_GUARD;
    for (unsigned i = 0; i < DEPTH && p - end >= ENTRY; i++) {
        uint64_t landing;
        p -= ENTRY;
        memcpy(&landing, p, sizeof(landing));
        const TranslationBlock *tb = tb_find_by_host((const void *)landing);
        if (tb) {
            near_add(near, tb->pc);
        }
    }
}

void tb_gen_extend(CPUState *cpu, TranslationBlock *from, unsigned n)
{
    Near near = { .pc = { from->jump[n].pc }, .n = 1 };
    near_add_called(&near, cpu);
    pthread_mutex_lock(&tb_lock);
    for (unsigned i = 0; i < near.n; i++) {
        TranslationBlock *tb = tb_lookup(near.pc[i], from->flags, from->cflags);
        if (tb && !tb->region) {
            tb = extend(cpu, tb);
            for (unsigned k = 0; k < tb->nslots; k++) {
                near_add(&near, tb->jump[k].pc);
            }
        }
    }
    pthread_mutex_unlock(&tb_lock);
}
