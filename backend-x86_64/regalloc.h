/*
 * backend-x86_64/regalloc.h: where IR values are while code is being emitted.
 *
 * A local allocator that walks forward over the ops. Kinds of values:
 *   pinned global    its host register (x86_pin_int[], x86_pin_fp[]) is its only home in the TB;
 *                    never moved, never evicted, never in env inside generated code
 *   other global     home in env. A copy may be cached in a scratch register; writes go through to
 *                    env at once, unless op->sync says that nobody can see the store
 *   temp             in a scratch register, or in its spill slot, or both
 *   constant         immediate; may be cached in a scratch register
 * Scratch: rax rcx rdx, xmm0..xmm3. At a set_label every cached copy is forgotten.
 *
 * Each op: the driver (codegen.c) resolves the inputs by the op's row in lower.def into Opnds,
 * picks the output register, calls the emitter, and then writes the output home. So an emitter gets
 *   in[i]   an operand of a kind its row allows: register, [rbp + disp], or imm32 (sign-extended)
 *   out     the host register to leave the result in
 * and must not change any input register except one equal to `out` (and those its row clobbers).
 * It may ask for as many scratch registers as its row has declared, by ra_temp().
 */
#ifndef BACKEND_REGALLOC_H
#define BACKEND_REGALLOC_H

#include "backend-x86_64/codegen.h"
#include "backend-x86_64/emit.h"

extern const int8_t x86_pin_int[BACKEND_MAX_PIN_INT];   /* rbx rsi rdi r8 .. r15 */
extern const int8_t x86_pin_fp[BACKEND_MAX_PIN_FP];     /* xmm4 .. xmm15 */

enum {
    RA_SPILL_SLOTS = 24,        /* the eight of layout.spill that follow serve cold stubs */
    RA_ALL_SLOTS = 32,          /* what then follows, lower_fma.c */
    RA_SCRATCH_INT = 1 << RAX | 1 << RCX | 1 << RDX,
    RA_SCRATCH_FP = 1 << XMM0 | 1 << XMM1 | 1 << XMM2 | 1 << XMM3,
    RA_SCRATCH = RA_SCRATCH_INT | RA_SCRATCH_FP,
};

/* What an input may be. The class (int, fp) is that of the value. Constants are always IN_RI-able
 * when they fit in 32 bits; others are put in a register. */
typedef enum InKind {
    IN_NONE,
    IN_R = 1,                   /* register */
    IN_RM = 3,                  /* register or [rbp + disp] (64 valid bits there) */
    IN_RI = 5,                  /* register or imm32 */
    IN_RMI = 7,
    IN_A = 8 | 1,               /* in rax; the emitter may overwrite it (rax must be in CLOBBER or
                                   be the output) */
    IN_C = 16 | 1,              /* in rcx, likewise */
    IN_K = 32,                  /* a constant that the emitter looks up in the op */
} InKind;
enum { IN_BIT_M = 2, IN_BIT_I = 4, IN_BIT_A = 8, IN_BIT_C = 16, IN_BIT_K = 32 };

/* The output register. */
typedef enum OutKind {
    OUT_NONE,
    OUT_R,                      /* any of the class; may be the same as any input register */
    OUT_E,                      /* early: differs from every input register */
    OUT_A, OUT_D,               /* the result is left in rax, rdx */
} OutKind;

typedef struct BackendContext BackendContext;

/* An emitter. in[] has op->nin operands. out is NOREG when the op has no output. */
typedef void LowerFn(BackendContext *be, const IrOp *op, const Opnd *in, int out);

typedef struct LowerRow {
    LowerFn *fn;
    uint8_t out;                /* OutKind */
    uint8_t in[IR_MAX_IN];      /* InKind */
    uint8_t clobber;            /* bits 1 << RAX, RCX, RDX: free for the emitter to change; no input
                                   but IN_A/IN_C is there, nothing alive is there */
    uint8_t itemps, xtemps;     /* most calls of ra_temp() of each class */
} LowerRow;
extern const LowerRow lower_table[IR_OP_COUNT];

/* For emitters: a scratch register, until the end of the op. Emits nothing. */
int ra_temp(BackendContext *be, IrClass cls);

/* For the driver. */
void ra_begin(BackendContext *be);              /* new TB: all temps of be->ir */
void ra_end(BackendContext *be);                /* also when it was given up */
void ra_resolve(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in, int *out);
void ra_finish(BackendContext *be, const IrOp *op, int out);    /* result to its home, deaths */
void ra_label(BackendContext *be);              /* control comes from elsewhere: no caches */
void ra_sync_globals(BackendContext *be);       /* control may go elsewhere: env is exact */
/* Before a helper call: all that is alive leaves the scratch registers, int and fp. */
void ra_spill_all(BackendContext *be);
void ra_random(BackendContext *be);             /* random_regalloc */

#endif
