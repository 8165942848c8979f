/*
 * exec/cold.c: see cold.h.
 *
 * The counters are a table without chains, shared by all threads and not exact: where two blocks
 * meet in an entry, they count together, so that each is translated in the end. A block whose entry
 * was taken by another counts anew.
 *
 * The child of a fork, which may live for a few calls only, begins with a small table of its own,
 * in the page of its CPU: each page of the other that it wrote to would be copied.
 */
#include "exec/cold.h"

#include <string.h>

#include "exec/image.h"
#include "exec/log.h"
#include "exec/own_map.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "frontend/emulate.h"

/* Where most code has been kept (image.h), what is left is soon worth to be kept as well. */
enum { KEPT_THRESHOLD = 2 };
enum { COUNT_BITS = 6, COUNT_MASK = (1 << COUNT_BITS) - 1, TABLE_BITS = 14, PAGE_BYTES = 4096 };

/* pc bits << COUNT_BITS | times entered. */
static _Alignas(PAGE_BYTES) uint32_t cold_count[1 << TABLE_BITS];
enum { YOUNG_COUNTS = 4096 };
static uint32_t cold_threshold;             /* 0: translate everything at once */
static _Atomic uint32_t map_generation = 1; /* each CPU remembers one page of this generation */

void cold_init(void)
{
    /* Jumps to odd halfwords need C; a log shall show all code. */
    bool usable = RV_HAS(exec_options.exts, C) && !exec_options.interp &&
                  !exec_options.one_insn_per_tb && !log_mask;
    cold_threshold = !usable ? 0 : exec_options.cold < COUNT_MASK ? exec_options.cold : COUNT_MASK;
    if (cold_threshold) {
        own_touch(cold_count, sizeof(cold_count), false);
    }
}

void cold_stop(void)
{
    cold_threshold = 0;
}

void cold_forget_pages(void)
{
    atomic_fetch_add(&map_generation, 1);
}

static uint32_t *count_entry(CPUState *cpu, uint64_t pc)
{
    /* Spread evenly: the table is small, so that a short program touches little memory. */
    uint64_t hash = (pc >> 1) * 0x9e3779b97f4a7c15u;
    return cpu->young_left ? &cpu->young_count[hash >> (64 - YOUNG_BITS)]
                           : &cold_count[hash >> (64 - TABLE_BITS)];
}

static void set_count(CPUState *cpu, uint32_t *e, uint32_t v)
{
    cpu->young_left -= cpu->young_left != 0;
    __atomic_store_n(e, v, __ATOMIC_RELAXED);
}

void cold_fork_child(CPUState *cpu)
{
    cpu->young_left = YOUNG_COUNTS;
}

/* A jump leads to pc: emulate it once more? */
static bool still_cold(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags,
                       bool known_untranslated)
{
    unsigned i = pc / PAGE_BYTES % COLD_PAGES;
    bool known_page = cpu->cold_page[i] == (pc & ~(uint64_t)(PAGE_BYTES - 1));
    uint32_t limit = known_page ? cpu->cold_limit[i] : cold_threshold;
    uint32_t *e = count_entry(cpu, pc), v = __atomic_load_n(e, __ATOMIC_RELAXED);
    uint32_t tag = (uint32_t)(pc >> 1) << COUNT_BITS, n = v & COUNT_MASK;
    if ((v & ~(uint32_t)COUNT_MASK) == tag) {
        if (n >= limit) {
            return false;
        }
    } else {
        if (!known_untranslated && tb_lookup(pc, flags, cflags)) {
            return false;
        }
        if (n >= limit) {
            set_count(cpu, e, 0);
            return false;
        }
    }
    set_count(cpu, e, tag | (n + 1));
    return true;
}

/* Can the page of pc be read and executed? */
static bool enter_page(CPUState *cpu, uint64_t page, uint64_t pc)
{
    uint32_t now = atomic_load(&map_generation);
    if (now != cpu->cold_generation) {
        memset(cpu->cold_page, 0xff, sizeof(cpu->cold_page));
        cpu->cold_generation = now;
    }
    unsigned i = page / PAGE_BYTES % COLD_PAGES;
    if (cpu->cold_page[i] != page) {
        uint8_t bytes[2];
        CPUFault fault;
        if (guest_fetch(pc, bytes, sizeof(bytes), &fault) < sizeof(bytes)) {
            return false;
        }
        cpu->cold_page[i] = page;
        cpu->cold_limit[i] = (uint8_t)cold_threshold;
        if (cold_threshold > KEPT_THRESHOLD && image_attached(pc)) {
            cpu->cold_limit[i] = KEPT_THRESHOLD;
        }
    }
    return true;
}

ColdResult cold_run(CPUState *cpu, uint32_t cflags)
{
    CPURISCVState *env = &cpu->env;
    uint32_t flags = cpu_tb_flags(env);
    if (!cold_threshold || !still_cold(cpu, env->pc, flags, cflags, true)) {
        return COLD_TRANSLATE;
    }
    for (;;) {
        uint64_t page = env->pc & ~(uint64_t)(PAGE_BYTES - 1);
        if (cpu->cold_page[page / PAGE_BYTES % COLD_PAGES] != page && image_attach(env->pc)) {
            return COLD_AGAIN;
        }
        if (!enter_page(cpu, page, env->pc)) {
            return COLD_TRANSLATE;              /* which raises the fault */
        }
        cpu->emulating = true;
        RvEmulated r = rv_emulate(env, exec_options.guest_base, exec_options.exts, page,
                                  page + PAGE_BYTES);
        cpu->emulating = false;
        stat_inc(STAT_emulated);
        switch (r) {
        case RV_EMU_JUMP:
            if (!still_cold(cpu, env->pc, flags, cflags, false)) {
                return COLD_AGAIN;
            }
            break;
        case RV_EMU_OTHER:
            return COLD_TRANSLATE;
        case RV_EMU_ECALL:
            return COLD_ECALL;
        case RV_EMU_END:
            if (env->pc - page < PAGE_BYTES) {
                return COLD_TRANSLATE;          /* an insn on two pages */
            }
            break;
        }
        if (__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST)) {
            return COLD_AGAIN;
        }
    }
}
