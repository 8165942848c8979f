/*
 * ir/ops.h: names and static facts of the IR operations, all from ops.def.
 */
#ifndef IR_OPS_H
#define IR_OPS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum IrOpcode {
#define IR_OP(name, sig, flags) IR_##name,
#include "ir/ops.def"
#undef IR_OP
    IR_OP_COUNT,
} IrOpcode;

typedef enum IrType { IR_I32, IR_I64, IR_F32, IR_F64, IR_TYPE_COUNT } IrType;
typedef enum IrClass { IR_INT, IR_FP } IrClass;

static inline IrClass ir_type_class(IrType t)
{
    return t >= IR_F32 ? IR_FP : IR_INT;
}

typedef enum IrOpFlags {
    IRF_PURE = 1,
    IRF_COMMUTES = 2,
    IRF_FP_FLAGS = 4,
    IRF_MAY_FAULT = 8,
    IRF_SIDE_EFFECT = 16,
    IRF_ENDS_BB = 32,
    IRF_ENDS_TB = 64,
} IrOpFlags;

/* Conditions; bit 0 inverts. */
typedef enum IrCond {
    IR_COND_EQ, IR_COND_NE,
    IR_COND_LT, IR_COND_GE,         /* signed */
    IR_COND_LTU, IR_COND_GEU,       /* unsigned */
    IR_COND_LE, IR_COND_GT,
    IR_COND_LEU, IR_COND_GTU,
    IR_COND_COUNT,
} IrCond;
_Static_assert((IR_COND_EQ ^ 1) == IR_COND_NE, "conditions invert by bit 0");
_Static_assert((IR_COND_LT ^ 1) == IR_COND_GE, "conditions invert by bit 0");
_Static_assert((IR_COND_LEU ^ 1) == IR_COND_GTU, "conditions invert by bit 0");

static inline IrCond ir_cond_invert(IrCond c)
{
    return (IrCond)(c ^ 1);
}

IrCond ir_cond_swap(IrCond c);          /* the condition with its operands exchanged */
bool ir_cond_eval(IrCond c, IrType t, uint64_t a, uint64_t b);

/* What a guest memory access does. Little endian only. */
typedef enum IrMemOp {
    MO_8, MO_16, MO_32, MO_64,          /* log2 of the size */
    MO_SIZE = 3,
    MO_SIGN = 4,                        /* sign-extend to 64 bits (else zero-extend) */
    MO_ALIGN = 8,                       /* a misaligned address raises the alignment fault */
} IrMemOp;

typedef enum IrAmo {
    IR_AMO_SWAP, IR_AMO_ADD, IR_AMO_AND, IR_AMO_OR, IR_AMO_XOR,
    IR_AMO_MINS, IR_AMO_MAXS, IR_AMO_MINU, IR_AMO_MAXU, IR_AMO_COUNT,
} IrAmo;

typedef enum IrFence { IR_FENCE_LL = 1, IR_FENCE_LS = 2, IR_FENCE_SL = 4, IR_FENCE_SS = 8 } IrFence;

/* Rounding; the numbers are those of IEEE-754 as RISC-V writes them in frm. */
typedef enum IrRound {
    IR_RNE, IR_RTZ, IR_RDN, IR_RUP, IR_RMM,
    IR_ROUND_DYN = 7,                   /* the mode in force */
} IrRound;

typedef enum IrIntKind { IR_S32, IR_U32, IR_S64, IR_U64 } IrIntKind;

/* Sticky fp exception flags. */
typedef enum IrFpFlags { IR_NX = 1, IR_UF = 2, IR_OF = 4, IR_DZ = 8, IR_NV = 16 } IrFpFlags;

typedef struct IrOpInfo {
    const char *name;
    const char *sig;        /* "r_rr_n" */
    uint8_t nout, nin, nk;  /* counts by the signature; `call` has 0 here: see op->nin */
    uint8_t flags;          /* IrOpFlags */
} IrOpInfo;

extern const IrOpInfo ir_op_info[IR_OP_COUNT];
extern const char *const ir_type_name[IR_TYPE_COUNT];
extern const char *const ir_cond_name[IR_COND_COUNT];

#endif
