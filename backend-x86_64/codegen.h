/*
 * backend-x86_64/codegen.h: IR -> x86-64 code. The one entry is backend_gen_code().
 *
 * The code is position independent as a whole: it reaches env through rbp, helpers through a table
 * in env, other TBs and the common stubs by relative jumps inside one code buffer. The only
 * absolute values in it are guest addresses.
 *
 * State inside generated code
 *   rbp            env + layout.env_bias
 *   rsp            the return-prediction stack of this CPU (BackendLayout.ras_sp), 16-aligned
 *   pinned         layout.pin_int[i] (env offset of a guest register) lives in host register
 *                  x86_pin_int[i] across TBs; layout.pin_fp[i] likewise in an xmm register
 *   scratch        rax rcx rdx and xmm0..xmm3: dead at every TB boundary
 *   MXCSR          the guest's fp status (env->fp_status while outside)
 *   gs             guest_base, when it is not 0 (BackendConfig.use_gs)
 * All other globals are in env at every TB boundary, MAY_FAULT op and call: written through.
 *
 * Return prediction: call_tb/call_ptr push the guest return address and `call` the callee; ret_ptr
 * compares it with [rsp+8] and `ret`s, or falls back to the jump cache. The landing pad after the
 * call drops the 8 bytes and jumps to slot (call's slot + 1). A return that does not match (after a
 * longjmp, say) is looked for in the BACKEND_RAS_SEARCH entries below, so that the stack gets in
 * step again, before the jump cache is asked. Running past either end of the RAS is harmless: the
 * bottom and the BACKEND_RAS_SLACK bytes above it hold return address 1, which only a return to 1
 * matches, and the bottom entry's landing pad is the stub that answers that one; at the top is a
 * guard page, on which a fault is answered by setting rsp to the bottom (exec does that) and going
 * on.
 *
 * Not thread-safe per BackendContext; one context per translating thread or under tb_lock.
 */
#ifndef BACKEND_CODEGEN_H
#define BACKEND_CODEGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ir.h"

enum { BACKEND_MAX_PIN_INT = 11, BACKEND_MAX_PIN_FP = 12 };
enum { BACKEND_MAX_PINS = BACKEND_MAX_PIN_INT + BACKEND_MAX_PIN_FP, BACKEND_MAX_SLOTS = 62 };
enum { BACKEND_SPILL_SLOTS = 40 };
enum { BACKEND_RAS_SEARCH = 16, BACKEND_RAS_SLACK = 16 * (BACKEND_RAS_SEARCH + 1) };
#define BACKEND_EXIT_REQUESTED UINT32_MAX

/* Host CPU features, from CPUID; each can be masked off for tests (env RIVET_HOST_FEATURES=-avx512,
 * -avx2,-fma,-bmi2,...). */
typedef enum HostFeature {
    HOST_AVX = 1, HOST_AVX2 = 2, HOST_FMA = 4, HOST_BMI1 = 8, HOST_BMI2 = 16, HOST_LZCNT = 32,
    HOST_AVX512 = 64,           /* F, DQ, BW, VL together */
    HOST_ERMS = 128, HOST_FSGSBASE = 256, HOST_PCLMUL = 512,
} HostFeature;
uint32_t backend_host_features(void);
/* What the CPU has not of x86-64-v2, which the emulator and all generated code stand on; NULL: it
 * has all. */
const char *backend_host_lacks(void);
/* "-avx2,-bmi2" switches off; returns false at an unknown word. */
bool backend_parse_features(const char *spec, uint32_t *features);

/* Where things lie, as byte offsets from env. Filled in by exec, constant afterwards. */
typedef struct BackendLayout {
    int32_t env_bias;           /* rbp = env + env_bias, so that hot fields get short displacements;
                                   the low half of rbp shall not be 0 (polls compare with it) */
    int32_t pc;                 /* u64: guest pc, stored when leaving */
    int32_t fp_status;          /* u32: MXCSR image */
    int32_t exit_request;       /* u32: BACKEND_EXIT_REQUESTED asks generated code to leave at the
                                   next poll; else 0 */
    int32_t host_sp;            /* u64: C stack pointer while inside */
    int32_t host_mxcsr;         /* u32: C's MXCSR, kept by the prologue */
    int32_t ras_sp;             /* u64: return-prediction stack pointer while outside */
    int32_t ras_bottom;         /* u64: ... when the stack is empty */
    int32_t marks;              /* BackendMark[BACKEND_MARKS] */
    int32_t helper_args;        /* u64[4] */
    int32_t helper_ra;          /* u64: where the helper call that runs returns to, to unwind */
    int32_t helper_table;       /* pointers to functions, by helper number, in env's block */
    int32_t scratch;            /* u64[4]: for the emitters */
    int32_t spill;              /* u64[BACKEND_SPILL_SLOTS]: spill slots of temps, and the like */
    int32_t jump_cache;         /* JumpCacheEntry[1 << jump_cache_bits] */
    int32_t second_cache;       /* JumpCacheEntry[1 << BACKEND_SECOND_CACHE_BITS] */
    int32_t consts;             /* BackendConsts, 64-aligned */
    uint32_t jump_cache_bits;
    unsigned npin_int, npin_fp;
    int32_t pin_int[BACKEND_MAX_PIN_INT];   /* env offsets, hottest first */
    int32_t pin_fp[BACKEND_MAX_PIN_FP];
    uint32_t reason_misaligned;     /* exit_tb reason used when a MO_ALIGN check fails */
    /* i32: polls that count take 1 off, and leave when it is below 0; so exit_request is seen only
     * where this is set below 0 too. Offset 0: no poll counts. */
    int32_t polls_left;
} BackendLayout;

/*
 * A TB's own pins: in its code, each of these host registers holds another guest register than the
 * layout says. The code behind the TB's entry exchanges them, and each way out and helper call
 * exchanges them back: it is a matter of the TB alone. Registers named by env offset / 8.
 */
typedef struct BackendSwap {
    uint8_t reg;                /* host register */
    uint8_t own, usual;         /* what it holds in the TB, and elsewhere */
    bool written;               /* the TB writes `own` */
} BackendSwap;
typedef struct BackendPins {
    uint32_t n;
    uint64_t counted;           /* slots with polls that count, as those of backward jumps have */
    BackendSwap swap[BACKEND_MAX_PINS];
} BackendPins;

/* How often guest registers are used, by env offset / 8. */
enum { BACKEND_ENV_WORDS = 128 };
typedef struct BackendUses {
    uint32_t count[BACKEND_ENV_WORDS];
    bool fp[BACKEND_ENV_WORDS], written[BACKEND_ENV_WORDS];
} BackendUses;

/* Per-CPU jump caches. The first is probed inline: index = (pc >> 1) & mask. The second by a stub
 * when the first has missed (code that a JIT has aligned shares few entries of the first): index =
 * backend_second_index(pc). An empty entry has a pc that belongs to another index, and so does an
 * odd one: 0, in entry 0: 2. */
enum { BACKEND_SECOND_CACHE_BITS = 14 };
#define BACKEND_SECOND_CACHE_HASH 0x9e3779b1u
typedef struct JumpCacheEntry {
    uint64_t pc;
    uint64_t code;              /* host address */
} JumpCacheEntry;

static inline uint32_t backend_second_index(uint64_t pc)
{
    return (uint32_t)pc * BACKEND_SECOND_CACHE_HASH >> (32 - BACKEND_SECOND_CACHE_BITS);
}

/* Where the return-prediction stack was when the guest saved a stack pointer (setjmp). A longjmp to
 * it goes back there: what was called in between will not return. */
enum { BACKEND_MARKS = 8 };
typedef struct BackendMark {
    uint64_t guest_sp, rsp;
} BackendMark;

/* Constants in memory for SSE, filled by backend_init_consts(). */
typedef struct BackendConsts {
    _Alignas(64) uint64_t sign64[2], abs64[2], sign32[2], abs32[2];
    uint64_t box32[2];          /* 0xffffffff00000000 twice */
    uint64_t box32_low[2];      /* ... and once, then 0 */
    uint64_t nan64[2], nan32[2];    /* canonical; nan32 boxed */
    uint64_t f64_2p63[2], f64_2p32[2], f64_m1[2], f32_2p63[2], f32_2p32[2], f32_m1[2];
    uint8_t mxcsr_to_fflags[64];
    uint8_t fflags_to_mxcsr[32];
} BackendConsts;
void backend_init_consts(BackendConsts *c);

typedef struct BackendConfig {
    BackendLayout layout;
    uint32_t features;          /* HostFeature */
    bool use_gs;                /* guest_base != 0: accesses carry a gs prefix */
    bool no_chain;              /* goto_tb goes to its stub for ever */
    bool random_regalloc;       /* test: spill at random, seed below */
    uint64_t seed;
    /* Numbers in the helper table of the helpers that the backend itself calls for rare cases. All
     * are pure but for the fp flags, take raw bits and return raw bits (or an integer):
     *   fcvt_if_slow(a, IrIntKind, IrRound or 7 = mode in force, f64?)
     *   fcvt_fi_slow(a, IrIntKind, IrRound or 7, f64?)
     *   fma_slow(a, b, c, 0 fmadd 1 fmsub 2 fnmsub 3 fnmadd | 4 for f64)
     *   fminmax_slow(a, b, -, bit 0 max, bit 1 f64)
     *   fclass_slow(a, f64?) */
    struct {
        uint16_t fcvt_if_slow, fcvt_fi_slow, fma_slow, fminmax_slow, fclass_slow;
    } helper;
    /* Common stubs, set by backend_gen_stubs(): addresses in the code buffer */
    const uint8_t *enter;       /* BackendExit enter(env, host code) */
    const uint8_t *leave;       /* rax = TB header | 0, edx = slot or reason code; env->pc stored */
    const uint8_t *ret_miss;    /* rax = target of a ret_ptr that was not predicted */
    const uint8_t *lookup;      /* rax = target that is not in the first jump cache */
    const uint8_t *ras_bottom;  /* landing pad of the RAS's bottom entry */
    const uint8_t *call_helper; /* eax = helper number, arguments in helper_args; result rax */
} BackendConfig;

/* What `enter` returns (rax, rdx). */
typedef struct BackendExit {
    void *tb;                   /* TB that was left (its header), or NULL after a failed lookup */
    uint64_t why;               /* see BACKEND_EXIT_* */
} BackendExit;
enum {
    BACKEND_EXIT_SLOT = 0,      /* | slot: an unchained jump of tb; the slot's pc is to be stored */
    BACKEND_EXIT_LOOKUP = 0x100,    /* indirect jump missed the jump cache; env->pc is its aim */
    BACKEND_EXIT_POLL = 0x200,  /* a poll hit; env->pc is where to go on */
    BACKEND_EXIT_REASON = 0x400,    /* | reason of exit_tb; env->pc stored */
    BACKEND_EXIT_POLL_SLOT = 0x800, /* | slot: a poll hit at this jump; its pc is to be stored */
};
typedef BackendExit BackendEnterFn(void *env, const void *code);

/* Emit the common stubs at p (at most cap bytes); returns their size, 0 if cap is too small. */
size_t backend_gen_stubs(BackendConfig *cfg, uint8_t *p, size_t cap);

typedef struct BackendSlot {
    uint32_t patch;             /* offset of the rel32 in the code, not crossing a 64-byte line */
    uint32_t stub;              /* offset of its stub in the code */
    uint64_t pc;
    uint32_t inner;             /* of comes_back: offset of the way to its label, else 0 */
    bool counted;               /* its poll counts */
} BackendSlot;

/* Unwind map: host code from `host` on belongs to guest insn `pc`. */
typedef struct BackendInsn {
    uint32_t host;
    uint64_t pc;
} BackendInsn;

typedef struct BackendResult {
    uint32_t size;              /* bytes of code, cold stubs included */
    uint32_t nslots, ninsns;
    BackendSlot slots[BACKEND_MAX_SLOTS];
    BackendInsn *insns;         /* owned by the BackendContext, valid until the next call */
    /* Offsets, ascending, of the rel32 fields that name tb_header (or a place behind it) or a
     * common stub: what is to be changed when the code is moved. Slots not included. Owned
     * likewise. */
    const uint32_t *relocs;
    uint32_t nrelocs;
} BackendResult;

typedef struct BackendContext BackendContext;
BackendContext *backend_new(const BackendConfig *cfg);
void backend_free(BackendContext *be);

/*
 * Generate code for ir (verified, liveness done) at `code` (at most cap bytes). `tb_header` is the
 * address that exits report in rax (RIP-relative in the code, so it must keep its distance). Polls
 * of exit_request are emitted at: goto_tb/brcond_tb/call_tb whose pc <= pc of their insn, goto_ptr,
 * call_ptr and poll. Those of backward jumps through slots count, and of calls of the TB itself. A
 * slot that comes back (BackendSlot.inner) is one that leaves at first, too. Returns false when the
 * buffer is too small: nothing is to be kept.
 */
bool backend_gen_code(BackendContext *be, IrContext *ir, uint8_t *code, size_t cap,
                      const void *tb_header, BackendResult *res);

/* The pins that pay in a TB with these uses, when a swap costs as much as `cost` uses. */
void backend_choose_pins(const BackendConfig *cfg, const BackendUses *uses, uint32_t cost,
                         BackendPins *pins);
/* Use these pins for the next TBs; NULL: the layout's. pins must stay. */
void backend_set_pins(BackendContext *be, const BackendPins *pins);
/* The polls of backward jumps count in the next TBs (which is so at first), or do not. */
void backend_set_counting(BackendContext *be, bool on);

/* Point the jump at patch (address of its rel32) to target. Atomic towards running code. */
void backend_patch_jump(uint8_t *patch, const uint8_t *target);

/* Is this jump a call? */
bool backend_is_call(const uint8_t *patch);
/* Does this jump belong to a call's landing pad? */
bool backend_is_way_back(const uint8_t *patch);
/* And does the TB go on behind it? Then it is no jump, until it is made one, to where it was
 * patched to (its stub at first). */
bool backend_lands(const uint8_t *patch);
void backend_unland(uint8_t *patch);

/* Code, the stubs it uses and its tb_header are being copied, each by a distance of its own. */
typedef struct BackendMove {
    const uint8_t *stubs;       /* where they were */
    size_t stubs_size;
    ptrdiff_t code_by, stubs_by, header_by;
} BackendMove;
/* Correct a field of BackendResult.relocs; it is copied already, and was at `field`. */
void backend_move_field(const uint8_t *field, const BackendMove *by);

/* After a fault inside generated code: copy the pinned registers and fp status from the signal
 * context into env. ucontext is a ucontext_t*; pins: those of the TB, or NULL. */
void backend_sync_from_ucontext(const BackendConfig *cfg, void *env, const void *ucontext,
                                const BackendPins *pins);

/* Disassemble host code to f, one insn a line, with Capstone (disas.c). offset: what is
 * printed for the first byte (jumps show their aim the same way). */
void backend_disas(FILE *f, const uint8_t *code, size_t size, uint64_t offset);

#endif
