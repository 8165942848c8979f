/*
 * ir/sig.h: reading the signatures of ops.def. Private to ir/.
 */
#ifndef IR_SIG_H
#define IR_SIG_H

#include "ir/ir.h"

/* "r_rr_n": the output letter, the input letters, the constant letters. */
static inline char ir_sig_out(const IrOpInfo *info)
{
    return info->sig[0];
}

static inline const char *ir_sig_ins(const IrOpInfo *info)
{
    return info->sig + 2;
}

static inline const char *ir_sig_ks(const IrOpInfo *info)
{
    return info->sig + 3 + (info->nin ? info->nin : 1);
}

/* Class of an operand letter in an op of type t. */
static inline IrClass ir_sig_class(char letter, IrType t)
{
    return letter == 'x' ? IR_FP : letter == 'd' ? IR_INT : ir_type_class(t);
}

/* Bit mask of the types that opc can have; all of them if it does not look at its type. */
static inline unsigned ir_type_mask(IrOpcode opc)
{
    const unsigned ints = 1u << IR_I32 | 1u << IR_I64, fps = 1u << IR_F32 | 1u << IR_F64;
    if (opc == IR_mov) {
        return 1u << IR_I64 | 1u << IR_F64;
    }
    if (opc >= IR_fadd && opc <= IR_ftrunc) {
        return fps;
    }
    if ((opc >= IR_ext8s && opc <= IR_ext32u) || (opc >= IR_env_ld && opc <= IR_guest_st)) {
        return ints | fps;
    }
    bool is_int = (opc >= IR_add && opc <= IR_guest_cmpxchg) || opc == IR_fmv_if ||
                  opc == IR_fmv_fi || opc == IR_brcond || opc == IR_brcond_tb;
    return is_int ? ints : ints | fps;
}

/* Does the text of the op carry its type? */
static inline bool ir_type_matters(IrOpcode opc)
{
    if (opc == IR_fmv_if || opc == IR_fmv_fi) {
        return true;
    }
    for (const char *p = ir_op_info[opc].sig; *p; p++) {
        if (*p == 'r') {
            return true;
        }
    }
    return false;
}

/* Mask of the jump slots that op uses; slots above 62 fall off. */
static inline uint64_t ir_op_slots(const IrOp *op)
{
    switch (op->opcode) {
    case IR_goto_tb:
    case IR_call_ptr:
        return op->k[0] < 63 ? (uint64_t)1 << op->k[0] : 0;
    case IR_call_tb:
        return op->k[0] < 62 ? (uint64_t)3 << op->k[0] : 0;
    case IR_brcond_tb:
        return op->k[1] < 63 ? (uint64_t)1 << op->k[1] : 0;
    default:
        return 0;
    }
}

/* The k[] that holds a label, or -1. */
static inline int ir_op_label_k(IrOpcode opc)
{
    return opc == IR_set_label || opc == IR_br ? 0
           : opc == IR_brcond || opc == IR_comes_back ? 1 : -1;
}

/* Control never reaches the op after this one, but for a landing. */
static inline bool ir_op_is_last(const IrOp *op)
{
    return (ir_op_info[op->opcode].flags & IRF_ENDS_TB) || op->opcode == IR_br;
}

#endif
