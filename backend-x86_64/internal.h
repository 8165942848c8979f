/*
 * backend-x86_64/internal.h: what the files of the backend share.
 *
 * BackendContext is the whole state of code generation; nothing in it outlives backend_gen_code()
 * but the configuration and the buffers kept for reuse.
 */
#ifndef BACKEND_INTERNAL_H
#define BACKEND_INTERNAL_H

#include "backend-x86_64/codegen.h"
#include "backend-x86_64/emit.h"
#include "backend-x86_64/regalloc.h"

/*
 * A cold stub: code for the rare case, emitted behind the hot code of the TB. An emitter that wants
 * one calls cold_new(), jumps to it with cold_jcc()/cold_jmp(), and says by cold_back() where the
 * stub shall return to (if it does). The callback finds in the stub what it saved there.
 * The allocator is at rest by then: a stub may use only registers that it knows are free (out, its
 * temps), or save the others by cold_save().
 */
typedef struct ColdStub ColdStub;
typedef void ColdFn(BackendContext *be, ColdStub *s);
struct ColdStub {
    ColdFn *emit;
    const IrOp *op;
    uint64_t pc;                /* guest insn it belongs to (unwind map) */
    uint8_t *from[4];           /* rel32 fields of the jumps to it */
    uint8_t *back;              /* set by cold_back() */
    uint8_t *aux;               /* free for the emitter */
    Opnd in[IR_MAX_IN];         /* copy of the op's inputs */
    uint32_t live;              /* scratch registers (1 << reg) that hold something alive */
    int8_t out, nfrom;
    bool harmless;              /* cannot fault and calls nothing: needs no unwind row */
    int8_t r[4];                /* free for the emitter */
    uint64_t k[2];              /* free for the emitter */
};

/* A fused multiply-add whose result is not checked yet (lower_fma.c). */
enum { FMA_GROUP = 4 };
typedef struct FmaOwed {
    const IrOp *op;
    int8_t factor[2];           /* registers; NOREG: in memory, kept for it */
    int8_t out;                 /* register to be tested; NOREG: that of a later one tells */
} FmaOwed;

typedef struct LabelRef {
    uint32_t label;
    uint8_t *field;
} LabelRef;

enum { BE_MAX_COLD = 2048, BE_MAX_INSNS = 4096, BE_MAX_LABEL_REFS = 1024, BE_MAX_RELOCS = 4096 };

struct BackendContext {
    BackendConfig cfg;
    Emit e;
    IrContext *ir;
    const uint8_t *tb_header;
    BackendResult *res;
    uint64_t pc;                /* of the current guest insn */
    const IrOp *op;             /* being lowered, NULL in cold stubs */

    /* allocator (regalloc.c) */
    IrTemp *owner[NREGS];       /* of scratch registers; NULL: free */
    uint32_t locked;            /* registers the current op uses */
    uint32_t owned;             /* bit for each owner[] that is not NULL */
    uint32_t free_slots;        /* bitmap of spill slots */
    bool demoted;               /* an input of the current op was turned into a memory operand */
    uint32_t next_victim[2];
    uint64_t rng;
    const IrContext *last_ir;   /* whose globals are prepared */
    uint32_t last_nglobals;
    int8_t pin_of[BACKEND_ENV_WORDS];   /* env offset / 8 -> pinned host register, or NOREG */
    const BackendPins *pins;    /* of the TB; never NULL */
    bool counting;              /* polls of backward jumps count */

    /* cold stubs, labels, unwind map (codegen.c) */
    ColdStub *cold;
    unsigned ncold;
    LabelRef *label_refs;
    unsigned nlabel_refs;
    BackendInsn *insns;
    unsigned ninsns;
    uint32_t *relocs;
    uint8_t *after_call;        /* end of the last helper call emitted */
    FmaOwed fma[FMA_GROUP];     /* in work or waiting for their check */
    unsigned nfma;
    uint8_t *leave_tail;        /* lea rax, [header]; jmp leave: shared by the stubs; or NULL */
};

/* rbp-relative displacement of a byte offset in env. */
static inline int32_t env_disp(const BackendContext *be, int64_t env_offset)
{
    return (int32_t)(env_offset - be->cfg.layout.env_bias);
}

/* ... of a field of BackendConsts: const_disp(be, offsetof(BackendConsts, sign64)) */
static inline int32_t const_disp(const BackendContext *be, size_t field)
{
    return env_disp(be, be->cfg.layout.consts + (int64_t)field);
}

static inline bool have(const BackendContext *be, uint32_t features)
{
    return (be->cfg.features & features) == features;
}

/* codegen.c: cold stubs */
ColdStub *cold_new(BackendContext *be, ColdFn *fn, const IrOp *op, const Opnd *in, int out);
void cold_from(ColdStub *s, uint8_t *rel32);           /* a jump to it was emitted elsewhere */
void cold_jcc(BackendContext *be, X86Cond cc, ColdStub *s);
void cold_jmp(BackendContext *be, ColdStub *s);
void cold_back(BackendContext *be, ColdStub *s);        /* the stub comes back to here */
void cold_return(BackendContext *be, ColdStub *s);      /* in the callback: jmp to s->back */
/* In the callback: save and reload s->live without `but` (a mask); only around code that clobbers
 * them, such as a helper call. Uses layout.spill[24..31]. */
void cold_save(BackendContext *be, ColdStub *s, uint32_t but);
void cold_restore(BackendContext *be, ColdStub *s, uint32_t but);

/*
 * Call helper nr: the arguments are in layout.helper_args already (emit_helper_arg). Clobbers all
 * scratch registers and the flags, keeps all pinned registers; the result is in rax. In an emitter
 * after ra_spill_all(), in a stub between cold_save() and cold_restore().
 */
void emit_helper_call(BackendContext *be, unsigned nr);
/* The same between emit_pins_leave() and emit_pins_enter(). */
void emit_helper_call_left(BackendContext *be, unsigned nr);
/* helper_args[i] = o (either class); an OPND_MEM goes through tmp, an int scratch register. */
void emit_helper_arg(BackendContext *be, unsigned i, Opnd o, int tmp);

/* lower.c: IrCond -> condition code after cmp */
extern const uint8_t x86_cond[IR_COND_COUNT];
/* Compare in[0] with in[1] at op's width; returns the condition code that stands for cond. tmp: an
 * int register that may be clobbered, needed if both are in memory (cmp_needs_temp), else NOREG. */
X86Cond emit_cmp(BackendContext *be, const IrOp *op, IrCond cond, const Opnd *in, int tmp);
bool cmp_needs_temp(const Opnd *in);

/* pins.c: the usual pins -> the TB's own, and back. Keep scratch registers and flags. */
void emit_pins_enter(BackendContext *be);
void emit_pins_leave(BackendContext *be);

/* lower_exit.c: leave for the loop: rax, edx, jmp. env->pc is stored already. */
void emit_leave(BackendContext *be, uint32_t why);
/* lower.c: the rel32 at field is that of a jump to the label. */
void emit_label_ref(BackendContext *be, uint64_t label, uint8_t *field);
LowerFn lower_shift_cl, lower_div_const;
/* lower_div.c: is op a division that lower_div_const() can do? */
bool div_by_const(const IrOp *op);

/* Emitters, by name in lower.def: LowerFn prototypes. */
#define LOWER(name, fn, out, in0, in1, in2, in3, clobber, itemps, xtemps) LowerFn fn;
#include "backend-x86_64/lower.def"
#undef LOWER

#endif
