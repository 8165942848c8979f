/*
 * ir/opt.h: what the files of the optimizer share. Private to ir/.
 *
 * The optimizer walks the ops once, forwards. For each value it knows, valid until the next label
 * that something jumps to:
 *   rep     another value that is equal: where to read it from. Small constants, else a global
 *           rather than a temp, else the older one
 *   bits    which of its bits are known, and how many copies of the sign bit it has on top
 *   fp      what is known of it as an fp value
 *   def     the op that made it, usable while that op's inputs are what they were
 * "What they were" is told by versions: each write gives its temp a new number; constants have 0.
 */
#ifndef IR_OPT_H
#define IR_OPT_H

#include "ir/ir.h"

/* Known bits. A bit in neither mask is unknown; sbits: the top sbits bits are all equal. */
typedef struct OptBits {
    uint64_t zeros, ones;
    unsigned sbits;
} OptBits;

enum {
    OPT_FP_BOXED = 1,           /* its upper half is all ones */
    OPT_FP_CANON32 = 2,         /* as a single (double), it is no NaN but the canonical one */
    OPT_FP_CANON64 = 4,
    OPT_FP_NUM32 = 8,           /* it is no NaN at all; implies CANON */
    OPT_FP_NUM64 = 16,
};

typedef struct OptInfo {
    IrTemp *rep;
    IrOp *def;
    uint64_t zeros, ones;
    uint32_t version, rep_version;
    uint32_t def_version[2];    /* of the first two inputs of def */
    uint32_t serial;            /* of def: its place in the TB */
    uint32_t epoch;             /* Opt's, or what stands here is of no interest */
    uint8_t sbits, fp;
    IrOp *shift;                /* the last shift of it by a constant, for pair_shifts() */
} OptInfo;

typedef struct Opt {
    IrContext *ir;
    OptInfo *info;              /* by temp index; constants have none */
    uint32_t epoch;             /* what has another one in info[] is forgotten; never 0 */
    uint32_t version;           /* last one given out */
    uint32_t serial;            /* of the current op */
    uint16_t *label_refs;       /* jumps to each label */
    bool slots_changed;         /* a jump slot may have gone */
    bool has_fcanon;            /* opt_defer_canon() may find work */
    /* merge_in_place(): the op just before, if it reads its own output; what was known of that
     * output before it; a name for the value between it and the current op */
    IrOp *last;
    OptInfo before;
    IrTemp *between;
    uint32_t max_temps;         /* info[] has room for so many */
} Opt;

/* A temp is read in place of what was made from it at most this many ops after that was made: host
 * registers are few, and longer lives need more of them. */
enum { OPT_REACH = 8 };

void opt_info_forget(Opt *o, const IrTemp *t);

static inline OptInfo *opt_info(Opt *o, const IrTemp *t)
{
    OptInfo *i = &o->info[t->index];
    if (i->epoch != o->epoch) {
        opt_info_forget(o, t);
    }
    return i;
}

static inline uint32_t opt_version(Opt *o, const IrTemp *t)
{
    return t->kind == IR_CONST ? 0 : opt_info(o, t)->version;
}

static inline bool opt_fits32(uint64_t v)
{
    return (int64_t)v == (int32_t)v;
}

/* The op that made t's value, if its inputs still hold what it read; else NULL. */
static inline IrOp *opt_def(Opt *o, const IrTemp *t)
{
    if (t->kind == IR_CONST) {
        return NULL;
    }
    const OptInfo *i = opt_info(o, t);
    IrOp *def = i->def;
    if (!def || (def->nin > 0 && opt_version(o, def->in[0]) != i->def_version[0]) ||
        (def->nin > 1 && opt_version(o, def->in[1]) != i->def_version[1])) {
        return NULL;
    }
    return def;
}

/* The same, if its first input may well be read instead of t: a global, or near. */
static inline IrOp *opt_def_near(Opt *o, const IrTemp *t)
{
    IrOp *def = opt_def(o, t);
    if (def && def->in[0]->kind == IR_TEMP && o->serial - opt_info(o, t)->serial > OPT_REACH) {
        return NULL;
    }
    return def;
}

/* Make op something else, with the same output. */
void opt_to_mov(IrOp *op, IrTemp *from);
void opt_to_const(Opt *o, IrOp *op, uint64_t value);
static inline void opt_to_unary(IrOp *op, IrOpcode opc, IrType t, IrTemp *a)
{
    op->opcode = (uint8_t)opc;
    op->type = (uint8_t)t;
    op->nin = 1;
    op->in[0] = a;
}
static inline void opt_to_binary(IrOp *op, IrOpcode opc, IrType t, IrTemp *a, IrTemp *b)
{
    op->opcode = (uint8_t)opc;
    op->type = (uint8_t)t;
    op->nin = 2;
    op->in[0] = a;
    op->in[1] = b;
}

/* opt_fold.c: one simplification of an integer op, compare or branch; true if op changed. */
bool opt_fold(Opt *o, IrOp *op);
/* How a condition comes out: 0, 1, or -1 for unknown. */
int opt_decide(Opt *o, IrCond c, IrType t, const IrTemp *a, const IrTemp *b);
/* Improve a comparison (cond in op->k[0], inputs 0 and 1); true if op changed. */
bool opt_fold_compare(Opt *o, IrOp *op);

/* opt_bits.c */
OptBits opt_bits_of(Opt *o, const IrTemp *t);
OptBits opt_bits_of_result(Opt *o, const IrOp *op);
/* How many low bits of input i op looks at. */
unsigned opt_bits_read_narrow(const IrOp *op, unsigned i);
/* Ops that may look at less than their type's. */
extern const uint8_t opt_reads_narrow[IR_OP_COUNT];
static inline unsigned opt_bits_read(const IrOp *op, unsigned i)
{
    return op->type != IR_I32 && !opt_reads_narrow[op->opcode] ? 64 : opt_bits_read_narrow(op, i);
}
/* A value with the same low n bits as t, by undoing extensions. */
IrTemp *opt_bits_narrow(Opt *o, IrTemp *t, unsigned n);
/* The same, however far away it was made. */
IrTemp *opt_bits_root(Opt *o, IrTemp *t, unsigned n);

/* opt_fp.c: one simplification of an fp op; what is known of an op's result (OPT_FP_*). */
bool opt_fp_fold(Opt *o, IrOp *op);
unsigned opt_fp_result(Opt *o, const IrOp *op);

/* opt_canon.c: move fcanon ops down to where their NaN can be seen. Works on the final ops. */
void opt_defer_canon(IrContext *ir);

#endif
