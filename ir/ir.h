/*
 * ir/ir.h: the intermediate representation of one translation block.
 *
 * An IrContext owns everything of the TB being translated; it is reused for the next TB after
 * ir_reset(), so a TB costs no malloc. Every IrTemp, IrOp and IrLabel lives in its arena and
 * dies at ir_reset(). Not shared between threads: each translating thread has its own context.
 *
 * Values: every temp is 64 bits wide and belongs to a class, integer or fp (see ops.def for what
 * the op's type means). Kinds:
 *   global    a guest register, lives in env at env_offset; made once by ir_global_new(), survives
 *             ir_reset(); read and written by any op
 *   temp      alive within an extended basic block: it may live on after brcond and brcond_tb
 *             (the way that falls through) but not past a set_label
 *   constant  interned literal, integer class only, never an output
 *
 * Law of exact state: at each MAY_FAULT op and each way out of the TB, every global has the value
 * that the guest would see before the current guest insn (at a fault) or after it (at an exit).
 */
#ifndef IR_IR_H
#define IR_IR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ir/ops.h"

enum {
    IR_MAX_GLOBALS = 80,
    IR_MAX_IN = 4,
    IR_MAX_K = 3,
};

typedef enum IrTempKind { IR_GLOBAL, IR_TEMP, IR_CONST } IrTempKind;

typedef struct IrTemp {
    uint8_t kind;               /* IrTempKind */
    uint8_t cls;                /* IrClass */
    uint16_t index;             /* in ir->temps[]; globals first */
    int32_t env_offset;         /* global: byte offset in env */
    uint64_t value;             /* constant */
    const char *name;           /* global: static string; temp: NULL, or its name in parsed text */
    /* Scratch of the pass that runs, reset by it: */
    uint64_t pass_bits;
    void *pass_ptr;
    /* Owned by the backend's register allocator: */
    int8_t reg;                 /* host register or -1 */
    uint8_t mem_valid;          /* its memory home holds the value */
    bool boxed;                 /* fp global: holds a boxed single at every op of this TB. For the
                                   optimizer; who says so takes it back before the next TB */
    int16_t slot;               /* spill slot or -1 */
    uint32_t uses;              /* scratch */
} IrTemp;

typedef struct IrLabel {
    uint16_t index;
    uint16_t refs;
    bool set;
    uint32_t host_offset;       /* backend's */
    void *pass_ptr;
} IrLabel;

typedef struct IrOp {
    struct IrOp *prev, *next;
    uint8_t opcode;             /* IrOpcode */
    uint8_t type;               /* IrType */
    uint8_t nin;                /* inputs in use */
    uint8_t dead;               /* liveness: bit i: input i dies here; bit 7: output is not read.
                                   The same temp in two inputs: both bits. Globals die only when
                                   overwritten before they can be seen, never at MAY_FAULT ops */
    uint8_t sync;               /* liveness: bit 0 = the output global must reach its home (else a
                                   later write replaces it before anyone can see it) */
    IrTemp *out;                /* or NULL */
    IrTemp *in[IR_MAX_IN];
    uint64_t k[IR_MAX_K];       /* by the signature; a label is its index */
} IrOp;

typedef struct IrContext {
    IrOp head;                  /* sentinel of the circular op list */
    IrTemp **temps;
    uint32_t ntemps, ntemps_cap, nglobals;
    IrLabel **labels;
    uint32_t nlabels, nlabels_cap;
    uint32_t nops;
    uint32_t nslots;            /* jump slots used: 0 .. nslots-1 */
    uint8_t *arena_at, *arena_end;      /* free part of the current block */
    struct IrArenaBlock *arena, *arena_first;
    IrTemp **const_hash;        /* interning table, chained by pass-independent links */
    struct OptInfo *opt_info;   /* optimize.c; of opt_cap temps */
    uint32_t opt_cap, opt_epoch;
    uint64_t liveness_time;     /* liveness.c */
    bool liveness_done;
    void *cursor;               /* ops are inserted before this op (NULL: at the end) */
} IrContext;

IrContext *ir_new(void);
void ir_free(IrContext *ir);
void ir_reset(IrContext *ir);                       /* forget the TB, keep the globals */
void *ir_alloc(IrContext *ir, size_t size);         /* zeroed, 16-aligned, until ir_reset() */
void *ir_alloc_raw(IrContext *ir, size_t size);     /* the same, contents undefined */

IrTemp *ir_global_new(IrContext *ir, IrClass cls, const char *name, int32_t env_offset);
IrTemp *ir_temp_new(IrContext *ir, IrClass cls);
IrTemp *ir_const(IrContext *ir, uint64_t value);    /* same value, same pointer within a TB */
IrLabel *ir_label_new(IrContext *ir);

IrOp *ir_op_new(IrContext *ir, IrOpcode opc, IrType t);     /* appended (or before ir->cursor) */
void ir_op_remove(IrContext *ir, IrOp *op);
void ir_op_insert_before(IrContext *ir, IrOp *at, IrOp *op);
IrOp *ir_op_alloc(IrContext *ir, IrOpcode opc, IrType t);   /* in no list yet */

#define IR_FOREACH(ir, op) for (IrOp *op = (ir)->head.next; op != &(ir)->head; op = op->next)
#define IR_FOREACH_SAFE(ir, op) \
    for (IrOp *op = (ir)->head.next, *op##_n = op->next; op != &(ir)->head; \
         op = op##_n, op##_n = op->next)
#define IR_FOREACH_REVERSE_SAFE(ir, op) \
    for (IrOp *op = (ir)->head.prev, *op##_p = op->prev; op != &(ir)->head; \
         op = op##_p, op##_p = op->prev)

/* Helpers callable by `call`. */
typedef uint64_t IrHelperFn(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
enum {
    IRH_PURE = 1,               /* reads and writes no guest state, raises nothing */
    IRH_READS = 2,              /* may read globals in env */
    IRH_WRITES = 4,             /* may write globals in env */
    IRH_RAISES = 8,             /* may leave the TB by cpu_loop_exit() */
};
typedef struct IrHelper {
    const char *name;
    IrHelperFn *fn;
    uint8_t nargs, has_out, flags;
} IrHelper;
/* Is op a call behind which the TB goes on? */
static inline bool ir_call_lands(const IrOp *op)
{
    return (op->opcode == IR_call_tb || op->opcode == IR_call_ptr) &&
           op->next->opcode == IR_landing;
}

/* Can op tell one quiet NaN from another in its inputs of type t? (opt_canon.c) */
bool ir_sees_nan(const IrOp *op, IrType t);

/* The helper table that verify, dump, parse, interp and optimize consult. Set once at start. */
void ir_set_helpers(const IrHelper *table, unsigned n);
extern const IrHelper *ir_helpers;
extern unsigned ir_nhelpers;

/* verify.c: aborts with the op's text on malformed IR (types, classes, labels, def before use,
 * temps across labels, slots without holes, last op ENDS_TB or br). Returns true. */
bool ir_verify(const IrContext *ir);
/* The same without the abort: what is wrong (g_free), or NULL. */
char *ir_verify_error(const IrContext *ir);

/* dump.c, parse.c: text form, one op a line:
 *   insn_start 0x10078 4
 *   add.i64 x10, x11, $0x8
 *   guest_ld.i64 t3, x2, $16, u64
 *   brcond_tb.i64 x10, $0x0, eq, $1, $0x10090
 *   call t4, helper_name, x10, t2
 * tN temps, $v constants, Ln labels, globals by name. parse accepts what dump writes and `#`
 * comments; it returns false and sets *err (g_free) with a line number. Temps of fp class are
 * written fN. A name that is a global's is the global: dump numbers temps from nglobals on. Ops
 * without `r` operands show no type (fmv_* apart); a missing type is i64. Numbers $n are decimal
 * or hexadecimal; rounding modes, integer kinds, amos and helpers have names; MemOps are u8 .. s64,
 * followed by `a` when aligned. */
void ir_dump(const IrContext *ir, FILE *f);
void ir_dump_op(const IrContext *ir, const IrOp *op, FILE *f);
bool ir_parse(IrContext *ir, const char *text, char **err);

/* optimize.c: run all passes. Before: ir_verify() holds. After: it still holds, each global has at
 * every MAY_FAULT op and TB exit the value it had before, and ops are no more. */
void ir_optimize(IrContext *ir);

/* liveness.c: remove ops whose outputs are dead, fill op->dead and op->sync. Needs verified IR.
 * Globals are all live at MAY_FAULT ops that the guest could observe and at exits. */
void ir_liveness(IrContext *ir);

/* interp.c: run the IR on env; the oracle for optimizer and backend. Guest memory is accessed at
 * host address guest address + guest_base. fp flags and rounding: *fflags (IrFpFlags), *round. */
typedef enum IrExitKind {
    IR_EXIT_GOTO,               /* goto_tb, brcond_tb, call_tb taken: slot, pc */
    IR_EXIT_PTR,                /* goto_ptr, ret_ptr, call_ptr: pc */
    IR_EXIT_TB,                 /* exit_tb: reason, pc */
} IrExitKind;
typedef struct IrExit {
    IrExitKind kind;
    uint64_t pc;                /* next guest pc */
    uint32_t slot, reason;      /* or IR_INTERP_... */
} IrExit;
#define IR_INTERP_MISALIGNED UINT32_MAX         /* after a failed MO_ALIGN check */
#define IR_INTERP_STOPPED (UINT32_MAX - 1)      /* IrInterpState.access said so; pc is that insn */
typedef enum IrAccess { IR_ACCESS_LOAD, IR_ACCESS_STORE, IR_ACCESS_CAS } IrAccess;
/* An access to guest memory: 1 << size_log2 bytes at p; CAS: value where expected was. *out: what
 * was there (LOAD, CAS). False: nothing was done, stop. */
typedef bool IrAccessFn(void *opaque, IrAccess kind, void *p, unsigned size_log2, uint64_t value,
                        uint64_t expected, uint64_t *out);
IrAccessFn ir_interp_access;        /* plain; opaque is not used */
typedef struct IrInterpState {
    void *env;
    uintptr_t guest_base;
    uint32_t fflags;
    uint32_t round;
    uint64_t pc;                /* of the current insn_start, for faults */
    IrAccessFn *access;         /* NULL: ir_interp_access() */
    void *opaque;
} IrInterpState;
IrExit ir_interp(const IrContext *ir, IrInterpState *st);

#endif
