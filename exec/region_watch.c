/*
 * exec/region_watch.c: where the computed jumps of a loop go, seen by emulating a few rounds of it
 * insn by insn. That is real execution, as in cold.c: nothing is undone, a fault is a fault.
 */
#include "exec/cpu_exec.h"

#include <string.h>

#include "exec/region_code.h"
#include "exec/section.h"
#include "exec/tb_cache.h"
#include "frontend/emulate.h"

/* A round that is longer than a region can be would gain little. */
enum { ROUNDS = 8, MAX_ROUND = 600, MAX_STEPS = 2400, MAX_CALLS = 64 };

static void vote(RegionSeen *t, uint64_t path, uint64_t pc, uint64_t target)
{
    uint64_t key = region_path(path, pc);
    for (unsigned i = 0; i < REGION_TARGETS; i++) {
        struct RegionTarget *e = &t->entry[i];
        if (!e->key) {
            *e = (struct RegionTarget){ .key = key, .target = target };
        }
        if (e->key == key) {
            if (e->target == target) {
                e->hits++;
            } else if (e->misses++ >= e->hits) {
                *e = (struct RegionTarget){ .key = key, .target = target, .hits = 1,
                                            .misses = e->hits };
            }
            return;
        }
    }
}

typedef struct Call {
    uint64_t path, ret;         /* the caller's; where it returns to */
} Call;

/* Insns decoded before, by pc. */
enum { KNOWN = 512 };
typedef struct Known {
    struct KnownInsn {
        uint64_t pc;
        uint8_t kind, len;
    } insn[KNOWN];
    RegionReader reader;
} Known;

static const struct KnownInsn *decode(Known *k, uint64_t pc)
{
    struct KnownInsn *insn = &k->insn[pc / 2 % KNOWN];
    if (insn->pc != pc || !insn->len) {
        uint32_t word;
        if (!region_read_insn(&k->reader, pc, &word)) {
            return NULL;
        }
        InsnFlow flow = riscv_insn_flow(word, exec_options.exts, pc);
        *insn = (struct KnownInsn){ pc, flow.kind, flow.len };
    }
    return insn;
}

/* The insn at pc is none that can be emulated: let it be translated alone. Returns whether all is
 * well and the next one is where control went. */
static bool run_translated(CPUState *cpu, uint64_t pc, unsigned len)
{
    CPURISCVState *env = &cpu->env;
    bool full;
    TranslationBlock *tb = tb_gen_code(cpu, pc, cpu_tb_flags(env),
                                       (exec_cflags() & ~CF_COUNT_MASK) | CF_NO_CHAIN | 1, &full);
    if (!tb) {
        return false;
    }
    BackendExit e = ((BackendEnterFn *)backend_config.enter)(env, tb_code(tb));
    if (e.why & BACKEND_EXIT_REASON) {
        if ((e.why & 0xff) == EXCP_FLAGS) {
            cpu_set_frm(env, env->frm);     /* other code than this loop's goes on */
        }
        return false;                       /* all others come again, they did not get past it */
    }
    if (e.tb == tb && e.why < tb->nslots) {
        env->pc = tb->jump[e.why].pc;
    }
    return env->pc == pc + len;
}

bool region_watch(CPUState *cpu, RegionSeen *seen)
{
    CPURISCVState *env = &cpu->env;
    uint64_t head = env->pc, path = 0;
    Call call[MAX_CALLS];
    unsigned ncalls = 0, round_start = 0;
    bool nested = false;
    Known known;
    memset(seen, 0, sizeof(*seen));
    memset(&known, 0, sizeof(known));
    if (!RV_HAS(exec_options.exts, C) || section_watching) {    /* as for cold_run() */
        return false;
    }
    for (unsigned steps = 0; steps < MAX_STEPS; steps++) {
        uint64_t pc = env->pc;
        const struct KnownInsn *insn = decode(&known, pc);
        if (!insn || __atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED)) {
            return false;
        }
        if (steps - round_start > MAX_ROUND) {
            /* A recursion has led to the same loop again, farther down: perhaps that one is
             * shorter. */
            if (!nested) {
                return false;
            }
            if (pc == head) {
                memset(seen, 0, sizeof(*seen));
                ncalls = 0;
                path = 0;
                round_start = steps;
            }
        }
        nested |= pc == head && ncalls;
        cpu->emulating = true;
        RvEmulated r =
            rv_emulate(env, exec_options.guest_base, exec_options.exts, pc, pc + insn->len);
        cpu->emulating = false;
        if (r == RV_EMU_ECALL || (r == RV_EMU_END && env->pc == pc) ||
            (r == RV_EMU_OTHER &&
             (insn->kind != FLOW_NEXT || !run_translated(cpu, pc, insn->len)))) {
            return false;
        }
        uint8_t *runs = &seen->runs[region_seen_index(path, pc)];
        *runs += *runs < UINT8_MAX;
        if (insn->kind == FLOW_GOTO_PTR && ncalls && env->pc == call[ncalls - 1].ret) {
            path = call[--ncalls].path;
        } else if (insn->kind == FLOW_GOTO_PTR || insn->kind == FLOW_CALL_PTR) {
            vote(seen, path, pc, env->pc);
        }
        if (insn->kind == FLOW_CALL || insn->kind == FLOW_CALL_PTR) {
            if (ncalls == MAX_CALLS) {
                return false;
            }
            call[ncalls++] = (Call){ path, pc + insn->len };
            path = region_path(path, pc);
        }
        if (env->pc == head && !ncalls) {
            round_start = steps;
            if (++seen->rounds == ROUNDS || steps > MAX_STEPS - MAX_ROUND) {
                return true;
            }
        }
    }
    return false;
}
