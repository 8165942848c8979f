/*
 * exec/cpu_exec.c: the loop that runs translated code.
 */
#include "exec/cpu_exec.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "exec/code_buffer.h"
#include "exec/cold.h"
#include "exec/cpu_set.h"
#include "exec/image.h"
#include "exec/log.h"
#include "exec/section.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "frontend/translate.h"

ExecOptions exec_options;

/* ---- prediction state ---- */

void cpu_reset_prediction(CPUState *cpu)
{
    memset(cpu->jump_cache, 0, sizeof(cpu->jump_cache));
    if (cpu->second_used) {
        memset(cpu->second_cache, 0, sizeof(cpu->second_cache));
        cpu->second_used = false;
    }
    jump_caches_init(cpu);
    cpu_reset_return_stack(cpu);
}

static void entry_set(CPUState *cpu, JumpCacheEntry *e, const TranslationBlock *tb)
{
    jump_cache_clear(cpu, e);
    __atomic_store_n(&e->code, (uint64_t)tb_code(tb), __ATOMIC_RELAXED);
    __atomic_store_n(&e->pc, tb->pc, __ATOMIC_SEQ_CST);
    if (atomic_load(&tb->invalid)) {    /* dropped meanwhile: its dropper may have missed us */
        jump_cache_clear(cpu, e);
    }
}

/* What is pushed out of the first cache is wanted again, or it would not have got there twice: a
 * program whose jumps fit in the first touches nothing of the second. */
static void jump_cache_add(CPUState *cpu, const TranslationBlock *tb)
{
    JumpCacheEntry *e = jump_cache_entry(cpu, tb->pc);
    if (__atomic_load_n(&e->pc, __ATOMIC_RELAXED) > 2) {
        cpu->second_used = true;
        entry_set(cpu, second_cache_entry(cpu, tb->pc), tb);
    }
    entry_set(cpu, e, tb);
}

static void entry_drop(CPUState *cpu, JumpCacheEntry *e, const TranslationBlock *tb)
{
    if (__atomic_load_n(&e->pc, __ATOMIC_SEQ_CST) == tb->pc) {
        jump_cache_clear(cpu, e);
    }
}

static void jump_cache_drop_one(CPUState *cpu, void *opaque)
{
    const TranslationBlock *tb = opaque;
    entry_drop(cpu, jump_cache_entry(cpu, tb->pc), tb);
    entry_drop(cpu, second_cache_entry(cpu, tb->pc), tb);
}

void cpu_jump_cache_drop(const TranslationBlock *tb)
{
    cpu_foreach(jump_cache_drop_one, (void *)tb);
}

static void reset_prediction_one(CPUState *cpu, void *opaque)
{
    cpu_reset_prediction(cpu);
}

void tb_flush_all(CPUState *self)
{
    cpu_exclusive_begin(self);
    pthread_mutex_lock(&tb_lock);
    tb_cache_reset();
    code_buffer_reset();
    pthread_mutex_unlock(&tb_lock);
    cpu_foreach(reset_prediction_one, NULL);
    stat_inc(STAT_flush);
    cpu_exclusive_end(self);
}

void cpu_restore_host_mask(const void *mask)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
}

/* ---- running ---- */

void cpu_loop_exit(CPUState *cpu)
{
    siglongjmp(cpu->jmp_env, 1);
}

uint32_t exec_cflags(void)
{
    return (exec_options.one_insn_per_tb ? 1 : 0) |
           (backend_config.no_chain ? CF_NO_CHAIN : 0) | (exec_options.optimize ? CF_OPT : 0);
}

static void log_entry(const CPUState *cpu, const TranslationBlock *tb)
{
    if (!log_in_filter(cpu->env.pc)) {
        return;
    }
    FILE *f = log_begin();
    if (log_enabled(LOG_EXEC)) {
        fprintf(f, "Trace %016llx insns %d flags %x\n", (unsigned long long)cpu->env.pc,
                tb ? tb->insns : 0, cpu_tb_flags(&cpu->env));
    }
    if (log_enabled(LOG_CPU)) {
        for (unsigned i = 0; i < 32; i++) {
            fprintf(f, " x%-2u %016llx%s", i, (unsigned long long)cpu->env.gpr[i],
                    i % 4 == 3 ? "\n" : "");
        }
        for (unsigned i = 0; i < 32; i++) {
            fprintf(f, " f%-2u %016llx%s", i, (unsigned long long)cpu->env.fpr[i],
                    i % 4 == 3 ? "\n" : "");
        }
        fprintf(f, " fflags %02x frm %u\n", cpu_fflags(&cpu->env), cpu->env.frm);
    }
    log_end(f);
}

/* A TB for env->pc; NULL: cpu->fault is set. */
static TranslationBlock *translate_tb(CPUState *cpu, uint32_t cflags)
{
    for (;;) {
        bool full;
        TranslationBlock *tb =
            tb_gen_code(cpu, cpu->env.pc, cpu_tb_flags(&cpu->env), cflags, &full);
        if (tb || !full) {
            return tb;
        }
        cpu_leave(cpu);
        tb_flush_all(cpu);
        cpu_enter(cpu);
    }
}

/* What an exit_tb reason means to the caller of cpu_exec(); EXCP_NONE: go on. */
static CPUException exit_reason(CPUState *cpu, CPUException reason)
{
    switch (reason) {
    case EXCP_FENCE_I:
        guest_code_fenced(0, ~(vaddr)4095);
        tb_revalidate_all();
        return EXCP_NONE;
    case EXCP_SECTION:
        return section_run(cpu, true);
    case EXCP_FLAGS:
        cpu_set_frm(&cpu->env, cpu->env.frm);
        return EXCP_NONE;
    case EXCP_MISALIGNED:
        /* the kernel tells the insn here, not what it accessed */
        cpu->fault = (CPUFault){ .addr = cpu->env.pc, .sig = SIGBUS, .code = BUS_ADRALN };
        return EXCP_FAULT;
    default:
        return reason;
    }
}

CPUException cpu_exit_reason(CPUState *cpu, const IrExit *e)
{
    return exit_reason(cpu, e->reason == IR_INTERP_MISALIGNED ? EXCP_MISALIGNED
                                                              : (CPUException)e->reason);
}

static bool interrupted(CPUState *cpu)
{
    __atomic_store_n(&cpu->polls_left, cpu->poll_period - 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
    cpu_leave(cpu);             /* perhaps somebody stops the world */
    cpu_enter(cpu);
    return atomic_exchange(&cpu->interrupt, 0);
}

/* -tier interp: the IR of each TB is interpreted, nothing is kept. */
static CPUException interpret(CPUState *cpu, uint32_t cflags)
{
    pthread_mutex_lock(&tb_lock);
    IrContext *ir = tb_gen_ir(cpu, cpu->env.pc, cpu_tb_flags(&cpu->env), cflags);
    if (!ir) {
        pthread_mutex_unlock(&tb_lock);
        return EXCP_FAULT;
    }
    IrInterpState st = { .env = &cpu->env,
                         .guest_base = exec_options.guest_base,
                         .fflags = cpu_fflags(&cpu->env),
                         .round = cpu->env.frm < IR_RMM ? cpu->env.frm : IR_RNE };
    cpu->interp_state = &st;
    IrExit e = ir_interp(ir, &st);
    cpu->interp_state = NULL;
    pthread_mutex_unlock(&tb_lock);
    cpu_set_fflags(&cpu->env, st.fflags);
    cpu_set_frm(&cpu->env, cpu->env.frm);
    cpu->env.pc = e.pc;
    return e.kind == IR_EXIT_TB ? cpu_exit_reason(cpu, &e) : EXCP_NONE;
}

static uint64_t slot_pc(const TranslationBlock *tb, uint64_t slot)
{
    return tb->jump[slot].pc;
}

/* A poll at this jump has left. If nobody asked for that, the jump is a sample of those that
 * run. */
static void polled(CPUState *cpu, TranslationBlock *tb, unsigned slot)
{
    enum { LITTLE = 64 };
    __atomic_store_n(&cpu->polls_left, cpu->poll_period - 1, __ATOMIC_SEQ_CST);
    if (!exec_options.hot || __atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST)) {
        return;
    }
    switch (tb_jump_sampled(&tb->jump[slot])) {
    case TB_SAMPLE_USELESS:     /* -tier opt: not each time then */
        cpu->poll_period *= cpu->poll_period < LITTLE ? 2 : 1;
        tb_gen_uncounted(cpu, tb);
        break;
    case TB_SAMPLE_HOT:
        stat_inc(STAT_exit_hot);
        cpu->poll_period = tb_poll_period();
        if (!backend_is_call(tb_ref_at(&tb->jump[slot], tb->jump[slot].patch))) {
            tb_region_promote(cpu, tb, slot);
        }
        tb_gen_extend(cpu, tb, slot);
        break;
    default:
        break;
    }
}

static CPUException run(CPUState *cpu)
{
    CPURISCVState *env = &cpu->env;
    BackendEnterFn *enter = (BackendEnterFn *)backend_config.enter;
    uint32_t cflags = exec_cflags();
    TranslationBlock *last = NULL;     /* left through last_slot; gone if there was a flush since */
    unsigned last_slot = 0, last_flushes = 0;

    for (;;) {
        if (__builtin_expect(__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST), 0) &&
            interrupted(cpu)) {
            return EXCP_INTERRUPT;
        }
        if (__builtin_expect(section_watching, 0)) {
            uint64_t start = env->pc;
            CPUException excp = section_run(cpu, false);
            if (excp != EXCP_NONE) {
                return excp;
            }
            if (env->pc != start) {
                last = NULL;
                continue;
            }
        }
        if (__builtin_expect(exec_options.interp, 0)) {
            CPUException excp = interpret(cpu, cflags);
            if (excp != EXCP_NONE) {
                return excp;
            }
            continue;
        }
        if (__builtin_expect(cpu->flags_seen != cpu_tb_flags(env), 0)) {
            cpu->flags_seen = cpu_tb_flags(env);
            cpu_reset_prediction(cpu);
        }
        const void *code;
        JumpCacheEntry *jc = jump_cache_entry(cpu, env->pc);
        if (!last && jc->pc == env->pc && !log_mask) {
            code = (const void *)jc->code;
        } else {
            TranslationBlock *tb = tb_lookup(env->pc, cpu_tb_flags(env), cflags);
            if (!tb && image_attach(env->pc)) {
                tb = tb_lookup(env->pc, cpu_tb_flags(env), cflags);
            }
            if (!tb) {
                uint64_t start = env->pc;
                ColdResult cold = cold_run(cpu, cflags);
                if (cold == COLD_ECALL) {
                    return EXCP_ECALL;
                }
                if (env->pc != start) {
                    last = NULL;
                }
                if (cold == COLD_AGAIN) {
                    continue;
                }
                tb = translate_tb(cpu, cflags);
                if (!tb) {
                    return EXCP_FAULT;
                }
            }
            if (last && last_flushes == code_buffer.flushes) {
                tb_link(last, last_slot, tb);
            } else {
                jump_cache_add(cpu, tb);
            }
            if (log_enabled(LOG_EXEC | LOG_CPU)) {
                log_entry(cpu, tb);
            }
            code = tb_code(tb);
        }
        stat_inc(STAT_loop_entries);
        BackendExit e = enter(env, code);
        last = NULL;
        if (e.why & BACKEND_EXIT_REASON) {
            stat_inc(STAT_exit_reason);
            CPUException excp = exit_reason(cpu, (CPUException)(e.why & 0xff));
            if (excp != EXCP_NONE) {
                return excp;
            }
        } else if (e.why & BACKEND_EXIT_LOOKUP) {
            stat_inc(STAT_exit_lookup);
        } else if (e.why & BACKEND_EXIT_POLL) {
            stat_inc(STAT_exit_poll);
        } else if (e.why & BACKEND_EXIT_POLL_SLOT) {
            stat_inc(STAT_exit_poll);
            env->pc = slot_pc(e.tb, e.why & 0xff);
            polled(cpu, e.tb, e.why & 0xff);
        } else {
            stat_inc(STAT_exit_slot);
            last = e.tb;
            last_slot = (unsigned)e.why;
            env->pc = slot_pc(last, last_slot);
            if (__builtin_expect(last->region, 0) && last_slot < tb_region(last)->nguards) {
                tb_region_refuted(last);
                last = NULL;
            }
            last_flushes = code_buffer.flushes;
        }
    }
}

CPUException cpu_exec(CPUState *cpu)
{
    CPUException excp;
    cpu_enter(cpu);
    if (sigsetjmp(cpu->jmp_env, 0)) {
        /* cpu_loop_exit(): env is complete; MXCSR is still the guest's. */
        _mm_setcsr(cpu->host_mxcsr);
        cpu->emulating = false;
        if (cpu->interp_state) {
            cpu->interp_state = NULL;
            pthread_mutex_unlock(&tb_lock);
        }
        excp = cpu->exception;
    } else {
        excp = run(cpu);
    }
    cpu_leave(cpu);
    if (log_enabled(LOG_INT) && excp != EXCP_ECALL) {
        log_printf(LOG_INT, "exception %d at pc %016llx\n", excp, (unsigned long long)cpu->env.pc);
    }
    return excp;
}

/* While we are away, the code around the ecall may be dropped, or the whole buffer flushed. */
void cpu_ecall(CPURISCVState *env, vaddr pc)
{
    CPUState *cpu = env_cpu(env);
    unsigned drops = atomic_load_explicit(&tb_drops, memory_order_relaxed);
    env->pc = pc;
    cpu_leave(cpu);
    bool go_on = guest_ecall(cpu);
    cpu_enter(cpu);
    if (__builtin_expect(!go_on || drops != atomic_load_explicit(&tb_drops, memory_order_relaxed),
                         0)) {
        cpu->exception = EXCP_INTERRUPT;
        cpu_loop_exit(cpu);
    }
}

/* ---- start ---- */

static void fill_layout(BackendLayout *l)
{
    /* Hottest first: executed operands of Debian's lua, sort, bash, gawk and python3 (x; these
     * eleven are 83 to 87 % of them) and of nbody, matrix product, mandelbrot and libm loops
     * (f). */
    static const uint8_t hot_x[BACKEND_MAX_PIN_INT] = { RV_A5, RV_A4, RV_SP, RV_A0, RV_A3, RV_S0,
                                                        RV_A1, RV_A2, RV_S1, RV_S2, RV_RA };
    static const uint8_t hot_f[BACKEND_MAX_PIN_FP] = { 15, 14, 13, 10, 8, 12, 11, 0, 9, 1, 18, 16 };

    *l = (BackendLayout){
        .env_bias = 128,
        .pc = offsetof(CPUState, env.pc),
        .fp_status = offsetof(CPUState, env.fp_status),
        .exit_request = offsetof(CPUState, exit_request),
        .host_sp = offsetof(CPUState, host_sp),
        .host_mxcsr = offsetof(CPUState, host_mxcsr),
        .ras_sp = offsetof(CPUState, ras_sp),
        .ras_bottom = offsetof(CPUState, ras_bottom),
        .marks = offsetof(CPUState, marks),
        .helper_args = offsetof(CPUState, helper_args),
        .helper_ra = offsetof(CPUState, helper_ra),
        .helper_table = offsetof(CPUState, helper_table),
        .scratch = offsetof(CPUState, scratch),
        .spill = offsetof(CPUState, spill),
        .jump_cache = offsetof(CPUState, jump_cache),
        .second_cache = offsetof(CPUState, second_cache),
        .consts = offsetof(CPUState, consts),
        .jump_cache_bits = JUMP_CACHE_BITS,
        .npin_int = BACKEND_MAX_PIN_INT,
        .npin_fp = BACKEND_MAX_PIN_FP,
        .reason_misaligned = EXCP_MISALIGNED,
    };
    if (exec_options.hot) {
        l->polls_left = offsetof(CPUState, polls_left);
    }
    for (unsigned i = 0; i < BACKEND_MAX_PIN_INT; i++) {
        l->pin_int[i] = (int32_t)offsetof(CPUState, env.gpr) + 8 * hot_x[i];
    }
    for (unsigned i = 0; i < BACKEND_MAX_PIN_FP; i++) {
        l->pin_fp[i] = (int32_t)offsetof(CPUState, env.fpr) + 8 * hot_f[i];
    }
}

void exec_init(void)
{
    size_t size = exec_options.code_buffer_size ? exec_options.code_buffer_size : (size_t)256 << 20;
    stats_enabled = exec_options.stats;
    rv_decode_init();
    ir_set_helpers(riscv_helpers, riscv_helper_count);
    if (exec_options.one_insn_per_tb || exec_options.no_chain || (log_mask & LOG_NOCHAIN)) {
        exec_options.hot = 0;
    }
    fill_layout(&backend_config.layout);
    backend_config.features = exec_options.host_features;
    backend_config.use_gs = exec_options.guest_base != 0;
    backend_config.no_chain = exec_options.no_chain || (log_mask & LOG_NOCHAIN);
    backend_config.random_regalloc = exec_options.random_regalloc;
    backend_config.seed = exec_options.seed;
    backend_config.helper.fcvt_if_slow = HELPER_fcvt_if_slow;
    backend_config.helper.fma_slow = HELPER_fma_slow;
    backend_config.helper.fminmax_slow = HELPER_fminmax_slow;
    backend_config.helper.fclass_slow = HELPER_fclass_slow;
    backend_config.helper.fcvt_fi_slow = HELPER_fcvt_fi_slow;
    code_buffer_init(size, exec_options.image_dir ? IMAGE_ROOM : 0);
    size_t stubs = backend_gen_stubs(&backend_config, code_buffer.code, 4096);
    code_buffer.code = code_buffer.first = code_buffer.base + ((stubs + 63) & ~(size_t)63);
    tb_cache_init();
    image_init();
    cold_init();
    tb_gen_init();
}
