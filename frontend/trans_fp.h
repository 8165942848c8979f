/*
 * frontend/trans_fp.h: translation shared by F and D. Private to trans_rvf.c and trans_rvd.c.
 *
 * t is IR_F32 or IR_F64, the format of the insn. Every function returns what trans_<id> returns:
 * false for an illegal insn. TRANS_FP_BOTH makes the trans_ functions of all insns that exist in
 * both extensions, S being the ending of their ids.
 *
 * Single registers: an input passes through funbox unless dc->boxed knows it boxed; every single
 * result is boxed and sets its bit there, every double result clears it.
 */
#ifndef FRONTEND_TRANS_FP_H
#define FRONTEND_TRANS_FP_H

#include "frontend/helper_fpu.h"
#include "frontend/trans.h"

bool trans_fp_load(DisasContext *dc, const DecodedInsn *d, IrType t);
bool trans_fp_store(DisasContext *dc, const DecodedInsn *d, IrType t);

/* Arithmetic of nin inputs that rounds; frmm is what computes it in mode RMM. */
bool trans_fp_arith(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc, unsigned nin,
                    FrmmOp frmm);
/* fmin and fmax */
bool trans_fp_minmax(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc);
/* Sign injections; same is the op that stands for equal sources (fmv, fneg, fabs). */
bool trans_fp_sgnj(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc, IrOpcode same);
/* feq, flt, fle: x[rd] */
bool trans_fp_cmp(DisasContext *dc, const DecodedInsn *d, IrType t, IrOpcode opc);
bool trans_fp_class(DisasContext *dc, const DecodedInsn *d, IrType t);
bool trans_fp_to_int(DisasContext *dc, const DecodedInsn *d, IrType t, IrIntKind kind);
bool trans_fp_from_int(DisasContext *dc, const DecodedInsn *d, IrType t, IrIntKind kind);
/* f[rs1], rounded to zero, as a 64-bit integer that nothing was raised for. */
IrTemp *trans_fp_truncated(DisasContext *dc, const DecodedInsn *d, IrType t);
/* To format t from the other one. */
bool trans_fp_from_fp(DisasContext *dc, const DecodedInsn *d, IrType t);
/* Raw bits between x and f; it is the IR_I32 or IR_I64 half of the move. */
bool trans_fp_mv_to_x(DisasContext *dc, const DecodedInsn *d, IrType it);
bool trans_fp_mv_from_x(DisasContext *dc, const DecodedInsn *d, IrType it);

#define TRANS_FP(id, call) \
    bool trans_##id(DisasContext *dc, const DecodedInsn *d) \
    { \
        return call; \
    }

#define TRANS_FP_BOTH(S, t) \
    TRANS_FP(fadd##S, trans_fp_arith(dc, d, t, IR_fadd, 2, FRMM_FADD)) \
    TRANS_FP(fsub##S, trans_fp_arith(dc, d, t, IR_fsub, 2, FRMM_FSUB)) \
    TRANS_FP(fmul##S, trans_fp_arith(dc, d, t, IR_fmul, 2, FRMM_FMUL)) \
    TRANS_FP(fdiv##S, trans_fp_arith(dc, d, t, IR_fdiv, 2, FRMM_FDIV)) \
    TRANS_FP(fsqrt##S, trans_fp_arith(dc, d, t, IR_fsqrt, 1, FRMM_FSQRT)) \
    TRANS_FP(fmadd##S, trans_fp_arith(dc, d, t, IR_fmadd, 3, FRMM_FMADD)) \
    TRANS_FP(fmsub##S, trans_fp_arith(dc, d, t, IR_fmsub, 3, FRMM_FMSUB)) \
    TRANS_FP(fnmsub##S, trans_fp_arith(dc, d, t, IR_fnmsub, 3, FRMM_FNMSUB)) \
    TRANS_FP(fnmadd##S, trans_fp_arith(dc, d, t, IR_fnmadd, 3, FRMM_FNMADD)) \
    TRANS_FP(fmin##S, trans_fp_minmax(dc, d, t, IR_fmin)) \
    TRANS_FP(fmax##S, trans_fp_minmax(dc, d, t, IR_fmax)) \
    TRANS_FP(fsgnj##S, trans_fp_sgnj(dc, d, t, IR_fsgnj, IR_mov)) \
    TRANS_FP(fsgnjn##S, trans_fp_sgnj(dc, d, t, IR_fsgnjn, IR_fneg)) \
    TRANS_FP(fsgnjx##S, trans_fp_sgnj(dc, d, t, IR_fsgnjx, IR_fabs)) \
    TRANS_FP(feq##S, trans_fp_cmp(dc, d, t, IR_feq)) \
    TRANS_FP(flt##S, trans_fp_cmp(dc, d, t, IR_flt)) \
    TRANS_FP(fle##S, trans_fp_cmp(dc, d, t, IR_fle)) \
    TRANS_FP(fclass##S, trans_fp_class(dc, d, t)) \
    TRANS_FP(fcvt_w##S, trans_fp_to_int(dc, d, t, IR_S32)) \
    TRANS_FP(fcvt_wu##S, trans_fp_to_int(dc, d, t, IR_U32)) \
    TRANS_FP(fcvt_l##S, trans_fp_to_int(dc, d, t, IR_S64)) \
    TRANS_FP(fcvt_lu##S, trans_fp_to_int(dc, d, t, IR_U64)) \
    TRANS_FP(fcvt##S##_w, trans_fp_from_int(dc, d, t, IR_S32)) \
    TRANS_FP(fcvt##S##_wu, trans_fp_from_int(dc, d, t, IR_U32)) \
    TRANS_FP(fcvt##S##_l, trans_fp_from_int(dc, d, t, IR_S64)) \
    TRANS_FP(fcvt##S##_lu, trans_fp_from_int(dc, d, t, IR_U64))

#endif
