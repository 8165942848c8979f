/*
 * exec/cpu_exec.h: the virtual CPU and the loop that runs it.
 *
 * One CPUState per guest thread, created by cpu_create(), used by its own thread only, except
 * exit_request, which any thread or signal handler may set through cpu_request_exit().
 */
#ifndef EXEC_CPU_EXEC_H
#define EXEC_CPU_EXEC_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend-x86_64/codegen.h"
#include "frontend/cpu.h"
#include "frontend/decode.h"

enum {
    JUMP_CACHE_BITS = 12,
    RAS_BYTES = 64 * 1024,      /* return-prediction stack: 4,096 calls deep */
    RAS_GUARD = 4096,           /* inaccessible page below it */
    MAX_HELPERS = 96,
    COLD_PAGES = 32,
    YOUNG_BITS = 8,
};

/* Memory fault of the guest, in the terms of its kernel. */
typedef struct CPUFault {
    uint64_t addr;              /* si_addr */
    int sig;                    /* SIGSEGV or SIGBUS */
    int code;                   /* si_code: SEGV_MAPERR, SEGV_ACCERR, BUS_ADRALN, BUS_ADRERR, ... */
} CPUFault;

typedef struct CPUState {
    _Alignas(64) CPURISCVState env;     /* first: env and cpu have the same address */
    /* what generated code uses, reached from env */
    uint32_t exit_request;
    int32_t polls_left;         /* of its own thread, but for requests */
    uint32_t host_mxcsr;
    uint64_t host_sp, ras_sp, ras_bottom, helper_ra;
    BackendMark marks[BACKEND_MARKS];
    uint64_t helper_args[4];
    uint64_t scratch[4];
    uint64_t spill[BACKEND_SPILL_SLOTS];
    BackendConsts consts;
    uint64_t helper_table[MAX_HELPERS];

    /* C side */
    _Atomic uint32_t interrupt; /* cpu_request_exit() was called */
    int32_t poll_period;        /* polls from one sample to the next */
    CPUFault fault;             /* valid after EXCP_FAULT */
    IrInterpState *interp_state;    /* -tier interp: the IR being interpreted, else NULL */
    bool emulating;         /* in rv_emulate() or section_run(): env is exact (cold.c, section.c) */
    uint32_t rseq_signature;    /* if env.rseq_cs is one */
    struct SectionRunner *section;      /* of section.c, NULL: none yet */
    uint32_t cold_generation;   /* cold_page[] can be executed in this generation of mappings */
    uint64_t cold_page[COLD_PAGES];     /* by low bits of the page number */
    uint8_t cold_limit[COLD_PAGES];     /* how often a block there is emulated */
    uint32_t young_left;   /* counts of cold code in young_count[] until the table of all is used */
    uint32_t young_count[1 << YOUNG_BITS];
    sigjmp_buf jmp_env;         /* cpu_loop_exit() */
    CPUException exception;     /* pending when jmp_env is taken */
    _Atomic int running;        /* inside cpu_exec(), see cpu_exclusive_begin() */
    bool second_used;           /* second_cache has entries */
    uint32_t flags_seen;        /* TB flags the jump caches and RAS were filled under */
    uint8_t *ras;               /* RAS_GUARD inaccessible bytes, then RAS_BYTES */
    void *opaque;               /* linux-user's Task */
    struct CPUState *next;      /* list of all CPUs */
    struct CPUState *next_idle; /* ... of those that no thread has */

    /* of generated code again; what is before lies in one page, for each that is written after a
     * fork is copied */
    JumpCacheEntry jump_cache[1 << JUMP_CACHE_BITS];
    JumpCacheEntry second_cache[1 << BACKEND_SECOND_CACHE_BITS];
} CPUState;

_Static_assert(offsetof(CPUState, jump_cache) <= 4096, "one page, then the caches");

static inline CPUState *env_cpu(CPURISCVState *env)
{
    return (CPUState *)env;
}

/* Where an empty return-prediction stack starts: see codegen.h for what lies there and above. */
static inline uint64_t cpu_ras_bottom(const CPUState *cpu)
{
    return (uint64_t)(cpu->ras + RAS_GUARD + RAS_BYTES - 32 - BACKEND_RAS_SLACK);
}

/* Options of the engine, set by main before exec_init(), then constant. */
typedef struct ExecOptions {
    RvExtSet exts;
    bool one_insn_per_tb;
    bool no_chain;
    bool optimize;              /* default true */
    bool stats;                 /* count for -stats */
    /* System calls without an exit (cpu.h, cpu_ecall()): which may be made so, NULL: none. */
    bool (*ecall_stays)(uint64_t nr);
    unsigned hot; /* runs of a backward jump until its loop becomes a region, by samples; 0:
                     never, 1: at once, with all code that can be seen to be in it */
    unsigned cold;            /* entries of a block before it is translated; 0: translate at once */
    bool interp;                /* -tier interp: run the IR by ir_interp() instead of code */
    uint64_t guest_base;
    size_t code_buffer_size;    /* default 256 MiB of address space */
    uint32_t host_features;
    const char *image_dir;      /* where translated code is kept (image.h); NULL: nowhere */
    int image_at;             /* ... a descriptor to find it from, for image_dir is "."; else any */
    uint64_t image_limit;       /* ... and how many bytes of it, not exact */
    bool random_regalloc;
    bool perf_map;
    uint64_t seed;
} ExecOptions;
extern ExecOptions exec_options;

/* Build tables, code buffer, stubs. Call once, single-threaded. */
void exec_init(void);

CPUState *cpu_create(void);                     /* registers 0, fp reset; adds it to the list */
/* With a copy of the guest registers, for a new thread; NULL: no memory. */
CPUState *cpu_clone(const CPUState *from);
void cpu_destroy(CPUState *cpu);                /* by its own thread, or when that never ran */

/* Where the list of all CPUs begins; for a tracer, who follows it in another process. */
CPUState *const *cpu_list_head(void);
/* All CPUs, also those that no thread has (cpu->opaque NULL), kept for the next ones. None is made
 * or destroyed meanwhile. */
void cpu_foreach(void (*fn)(CPUState *cpu, void *opaque), void *opaque);

/* Run until something linux-user must see: ECALL, BREAKPOINT, ILLEGAL, FAULT, INTERRUPT. env is
 * complete and env->pc names the insn (ECALL: the ecall itself; INTERRUPT: where to go on). */
CPUException cpu_exec(CPUState *cpu);

/* Ask the CPU to leave cpu_exec() with EXCP_INTERRUPT soon (async-signal-safe, any thread). The
 * request is cleared when cpu_exec() returns EXCP_INTERRUPT. */
void cpu_request_exit(CPUState *cpu);

/* Leave cpu_exec() at once; the state in env is the guest's. The only siglongjmp. */
_Noreturn void cpu_loop_exit(CPUState *cpu);

/* For the host signal handler, for a synchronous SIGSEGV/SIGBUS/SIGILL/SIGFPE on this thread. If
 * host pc is in generated code (or in a helper called from it that touches guest memory): either
 * fixes the context up and returns (return stack overflow), or puts exact guest state in env, sets
 * cpu->fault from sig/code/addr, and leaves through cpu_loop_exit() with EXCP_FAULT. Returns false
 * when the fault is not the guest's doing; when it returns true the handler shall simply return. */
bool cpu_handle_host_fault(CPUState *cpu, int sig, int code, uint64_t addr, void *ucontext);

/* Stop the world: on return every other CPU is outside cpu_exec() and stays out until _end(). Not
 * from inside cpu_exec() of the caller itself; safe against concurrent callers. */
void cpu_exclusive_begin(CPUState *self);
void cpu_exclusive_end(CPUState *self);

/* TBs and the guest's memory (tb_invalidate.c); all callable while other CPUs run. */
/* mapping gone or changed: drop TBs, inclusive */
void tb_invalidate_range(vaddr start, vaddr last);
void tb_revalidate_range(vaddr start, vaddr last);  /* icache flush: drop TBs whose bytes changed */
void tb_revalidate_all(void);                       /* fence.i */
void tb_flush_all(CPUState *self);

/* From now on others look at guest memory: a second thread, another process through a shared
 * mapping. Call before they can. Until then atomic insns and fences cost nothing; TBs that rely on
 * it are dropped. */
void exec_memory_shared(void);
bool exec_memory_is_ours(void);                     /* it was not called yet */

/* rt_sigprocmask(SIG_SETMASK) on the host, 64 signals. */
void cpu_restore_host_mask(const void *mask);

/* Around fork(): no lock is held by another thread in the child. */
void exec_fork_prepare(void);
void exec_fork_parent(void);
void exec_fork_child(CPUState *self);               /* forgets the other CPUs */

/* Provided by linux-user/ (guest_code.c): copy up to len bytes of guest code at pc. Returns how
 * many bytes are mapped executable and readable from pc on, at most len; 0 sets *fault. */
unsigned guest_fetch(vaddr pc, void *buf, unsigned len, CPUFault *fault);
/* Provided by linux-user/ (cpu_loop.c): make the system call at env->pc, as if cpu_exec() had
 * returned EXCP_ECALL. False when the loop has something to do before the next insn, env says
 * where. */
bool guest_ecall(CPUState *cpu);
/* Provided by linux-user/ (guest_code.c): the guest flushes [start, end) as the ISA asks; from 0:
 * everything. */
void guest_code_fenced(vaddr start, vaddr end);
/* Provided by linux-user/ (guest_code.c): pc lies in a shared mapping, so that its bytes can be
 * written through another mapping of the same object. */
bool guest_code_shared(vaddr pc);

#endif
