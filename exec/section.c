/*
 * exec/section.c: see section.h.
 */
#include "exec/section.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <glib.h>

#include "exec/cold.h"
#include "exec/own_map.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "exec/tb_gen.h"

bool section_watching;

/* ---- accesses ---- */

typedef struct SectionAccess {
    uint64_t made, value;
} SectionAccess;
typedef SectionAccess SectionOpFn(uint64_t *cs, uint64_t held, const SectionDescriptor *mine,
                                  void *p, uint64_t value, uint64_t expected);

/* section_access.S */
typedef struct SectionOp {
    uint32_t entry, start, end;
} SectionOp;
enum { OP_LOAD = 0, OP_STORE = 4, OP_CAS = 8 - MO_32, OPS = 10, LOST = 4 };
extern const uint8_t section_code[] __attribute__((visibility("hidden")));
extern const uint8_t section_code_end[] __attribute__((visibility("hidden")));
extern const SectionOp section_ops[OPS] __attribute__((visibility("hidden")));

/* A copy of section_code with its signature; never freed. */
typedef struct SectionCode {
    uint32_t signature;
    struct SectionCode *next;
    const uint8_t *code;
    SectionDescriptor op[OPS];
} SectionCode;

static _Atomic(SectionCode *) section_codes;

static const uint8_t *code_copy(uint32_t signature)
{
    size_t size = (size_t)(section_code_end - section_code);
    uint8_t *p = own_map(size);
    if (p != MAP_FAILED) {
        memcpy(p, section_code, size);
        memcpy(p, &signature, sizeof(signature));
    }
    if (p == MAP_FAILED || mprotect(p, size, PROT_READ | PROT_EXEC)) {
        fprintf(stderr, "rivet: no memory for restartable sections\n");
        exit(1);
    }
    return p;
}

/* Two threads may make the same one: both are good. */
static const SectionCode *code_for(uint32_t signature)
{
    for (const SectionCode *c = atomic_load(&section_codes); c; c = c->next) {
        if (c->signature == signature) {
            return c;
        }
    }
    SectionCode *c = g_new0(SectionCode, 1);
    c->signature = signature;
    c->code = code_copy(signature);
    for (unsigned i = 0; i < OPS; i++) {
        c->op[i] = (SectionDescriptor){
            .start = (uint64_t)c->code + section_ops[i].start,
            .length = section_ops[i].end - section_ops[i].start,
            .abort = (uint64_t)c->code + LOST,
        };
    }
    c->next = atomic_load(&section_codes);
    while (!atomic_compare_exchange_weak(&section_codes, &c->next, c)) {
    }
    return c;
}

/* ---- the interpreter ---- */

/* IR of the code at pc, up to end at most, or of one insn. */
typedef struct SectionPiece {
    IrContext *ir;
    RiscvGlobals globals;
    uint64_t pc, end;           /* end 0: one insn */
    uint32_t flags, avail;
    uint8_t bytes[TB_MAX_BYTES];
} SectionPiece;

/* What runs the sections of one CPU. */
typedef struct SectionRunner {
    SectionPiece store, inside; /* run last, and perhaps again: what entered a section, and what is in it */
    /* the section that is running */
    uint64_t *cs;               /* rseq_cs */
    uint64_t entered;           /* what the guest has stored there, 0: it has left */
    uint64_t held;              /* what is there if nothing has happened since */
    const SectionCode *code;
} SectionRunner;

static SectionAccess call_op(const SectionRunner *r, unsigned op, void *p, uint64_t value,
                             uint64_t expected)
{
    SectionOpFn *fn = (SectionOpFn *)(uintptr_t)(r->code->code + section_ops[op].entry);
    return fn(r->cs, r->held, &r->code->op[op], p, value, expected);
}

/* IrInterpState.access in a section. */
static bool access_in_section(void *opaque, IrAccess kind, void *p, unsigned size_log2,
                              uint64_t value, uint64_t expected, uint64_t *out)
{
    static const unsigned first[] = { [IR_ACCESS_LOAD] = OP_LOAD, [IR_ACCESS_STORE] = OP_STORE,
                                      [IR_ACCESS_CAS] = OP_CAS };
    SectionRunner *r = opaque;
    unsigned op = first[kind] + size_log2;
    bool changes = p == r->cs && kind == IR_ACCESS_STORE;
    SectionAccess a = call_op(r, op, p, value, expected);
    if (!a.made) {
        return false;
    }
    r->held = changes ? value : (uint64_t)&r->code->op[op];
    r->entered = changes ? value : r->entered;
    *out = p == r->cs ? r->entered : a.value;
    return true;
}

/* ... before it, where nothing else than rseq_cs matters. */
static bool access_outside(void *opaque, IrAccess kind, void *p, unsigned size_log2, uint64_t value,
                           uint64_t expected, uint64_t *out)
{
    SectionRunner *r = opaque;
    bool done = ir_interp_access(NULL, kind, p, size_log2, value, expected, out);
    if (p == r->cs && (kind == IR_ACCESS_STORE || (kind == IR_ACCESS_CAS && *out == expected))) {
        r->entered = r->held = value;
    }
    return done;
}

static unsigned fetch_kept(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    const SectionPiece *ps = opaque;
    uint64_t off = pc - ps->pc;
    unsigned n = off >= ps->avail ? 0 : ps->avail - off < len ? (unsigned)(ps->avail - off) : len;
    memcpy(buf, ps->bytes + off, n);
    return n;
}

/* The IR for env->pc; end 0: of one insn. False: cpu->fault says why there is none. */
static bool make_ir(CPUState *cpu, SectionPiece *ps, uint64_t end)
{
    CPURISCVState *env = &cpu->env;
    uint8_t now[TB_MAX_BYTES];
    uint64_t left = end - env->pc;
    end = left < 4 ? 0 : end;               /* perhaps the end is in the middle of it */
    unsigned want = !end ? 4 : left < sizeof(now) ? (unsigned)left : (unsigned)sizeof(now);
    unsigned avail = guest_fetch(env->pc, now, want, &cpu->fault);
    if (!avail) {
        return false;
    }
    if (ps->pc == env->pc && ps->end == end && ps->flags == cpu_tb_flags(env) &&
        ps->avail == avail && memcmp(ps->bytes, now, avail) == 0) {
        return true;
    }
    DisasContext dc;
    TbSource src = { .fetch = fetch_kept, .opaque = ps, .window = ps->bytes };
    ps->pc = env->pc;
    ps->end = end;
    ps->flags = cpu_tb_flags(env);
    ps->avail = avail;
    memcpy(ps->bytes, now, avail);
    if (!ps->ir) {
        ps->ir = ir_new();
        riscv_translate_init(ps->ir, &ps->globals);
    }
    ir_reset(ps->ir);
    tb_gen_prepare(&dc, &src, env->pc, ps->flags, exec_cflags());
    dc.base.ir = ps->ir;
    dc.base.max_insns = end ? TB_MAX_INSNS : 1;
    dc.base.window_size = avail;
    dc.g = &ps->globals;
    dc.alone = dc.watch_rseq = false;
    dc.ecall_stays = NULL;
    translator_loop(&riscv_translator_ops, &dc.base);
    return true;
}

static IrExit run_ir(CPUState *cpu, SectionRunner *r, const SectionPiece *ps, IrAccessFn *access)
{
    CPURISCVState *env = &cpu->env;
    IrInterpState st = { .env = env, .fflags = cpu_fflags(env),
                         .round = env->frm < IR_RMM ? env->frm : IR_RNE, .access = access,
                         .opaque = r };
    IrExit e = ir_interp(ps->ir, &st);
    cpu_set_fflags(env, st.fflags);
    cpu_set_frm(env, env->frm);
    return e;
}

static SectionRunner *runner_of(CPUState *cpu)
{
    if (!cpu->section) {
        cpu->section = g_new0(SectionRunner, 1);
    }
    return cpu->section;
}

static void piece_free(SectionPiece *ps)
{
    if (ps->ir) {
        ir_free(ps->ir);
    }
}

void section_free(SectionRunner *r)
{
    if (r) {
        piece_free(&r->store);
        piece_free(&r->inside);
        g_free(r);
    }
}

static CPUException bad_section(CPUState *cpu)
{
    cpu->fault = (CPUFault){ .sig = SIGSEGV, .code = SI_KERNEL };
    return EXCP_FAULT;
}

/* *cs = to, if it is what we have left there. */
static void give_up(SectionRunner *r, uint64_t to)
{
    uint64_t held = r->held;
    /* No lock: only this thread and its kernel write there. */
    __asm__ volatile("cmpxchgq %2, %1" : "+a"(held), "+m"(*r->cs) : "r"(to) : "cc", "memory");
}

static CPUException abort_section(CPUState *cpu, SectionRunner *r, const SectionDescriptor *d)
{
    stat_inc(STAT_section_aborts);
    *(volatile uint64_t *)r->cs = 0;
    cpu->env.pc = d->abort;
    return d->flags ? bad_section(cpu) : EXCP_NONE;     /* no kernel knows flags any more */
}

/* From somewhere in the section to where it ends. */
static CPUException run_section(CPUState *cpu, SectionRunner *r, const SectionDescriptor *d)
{
    CPURISCVState *env = &cpu->env;
    uint64_t entered = r->entered;
    stat_inc(STAT_sections);
    r->code = code_for(cpu->rseq_signature);
    while (env->pc - d->start < d->length) {
        if (r->entered != entered) {        /* another one, or none */
            return EXCP_NONE;
        }
        if (__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST) ||
            *(volatile uint64_t *)r->cs != r->held) {
            return abort_section(cpu, r, d);
        }
        if (!make_ir(cpu, &r->inside, d->start + d->length)) {
            give_up(r, entered);
            return EXCP_FAULT;
        }
        env->pc = d->abort;                 /* for faults: the kernel has seen to rseq_cs */
        IrExit e = run_ir(cpu, r, &r->inside, access_in_section);
        if (e.kind == IR_EXIT_TB && e.reason == IR_INTERP_STOPPED) {
            return abort_section(cpu, r, d);
        }
        env->pc = e.pc;
        CPUException excp = e.kind == IR_EXIT_TB ? cpu_exit_reason(cpu, &e) : EXCP_NONE;
        if (excp != EXCP_NONE) {
            give_up(r, entered);          /* a trap, or a system call, which does not belong here */
            return excp;
        }
    }
    if (r->entered == entered) {
        give_up(r, 0);
    }
    return EXCP_NONE;
}

/* One insn outside of it. */
static CPUException run_insn(CPUState *cpu, SectionRunner *r)
{
    if (!make_ir(cpu, &r->store, 0)) {
        return EXCP_FAULT;
    }
    IrExit e = run_ir(cpu, r, &r->store, access_outside);
    cpu->env.pc = e.pc;
    return e.kind == IR_EXIT_TB ? cpu_exit_reason(cpu, &e) : EXCP_NONE;
}

/* From the store to rseq_cs on. */
static CPUException run_stored(CPUState *cpu, SectionRunner *r)
{
    enum { MAX_APPROACH = 4096 };
    for (unsigned steps = 0; r->entered && steps < MAX_APPROACH; steps++) {
        SectionDescriptor d;
        uint32_t found;
        memcpy(&d, (const void *)(uintptr_t)r->entered, sizeof(d));
        memcpy(&found, (const void *)(uintptr_t)(d.abort - sizeof(found)), sizeof(found));
        if (!section_is_valid(&d, found, cpu->rseq_signature)) {
            return bad_section(cpu);
        }
        if (cpu->env.pc - d.start < d.length) {
            return run_section(cpu, r, &d);
        }
        if (__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST) ||
            *(volatile uint64_t *)r->cs != r->held) {
            break;              /* the kernel would clear it, or has done so */
        }
        CPUException excp = run_insn(cpu, r);
        if (excp != EXCP_NONE) {
            return excp;
        }
    }
    give_up(r, 0);
    return EXCP_NONE;
}

static CPUException run_from(CPUState *cpu, bool stores)
{
    SectionRunner *r = runner_of(cpu);
    r->cs = (uint64_t *)(uintptr_t)cpu->env.rseq_cs;
    r->entered = r->held = *(volatile uint64_t *)r->cs;
    CPUException excp = stores ? run_insn(cpu, r) : EXCP_NONE;
    return excp == EXCP_NONE ? run_stored(cpu, r) : excp;
}

CPUException section_run(CPUState *cpu, bool stores)
{
    CPUException excp = EXCP_NONE;
    if (cpu->env.rseq_cs != ~(uint64_t)0) {
        cpu->emulating = true;  /* what faults here is the guest's, at env->pc */
        excp = run_from(cpu, stores);
        cpu->emulating = false;
    }
    return excp;
}

/* ---- for linux-user/ ---- */

void section_set_area(CPUState *cpu, uint64_t area, uint32_t signature)
{
    cpu->env.rseq_cs = area == SECTION_NO_AREA ? ~(uint64_t)0 : area + RSEQ_CS_OFFSET;
    cpu->rseq_signature = signature;
}

void section_watch(CPUState *self)
{
    cpu_exclusive_begin(self);
    section_watching = true;
    cold_stop();
    cpu_exclusive_end(self);
    tb_flush_all(self);
}
