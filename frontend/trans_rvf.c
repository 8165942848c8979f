/*
 * frontend/trans_rvf.c: extension F, single precision (manual volume I, chapter "F").
 */
#include "frontend/trans_fp.h"

TRANS_FP_BOTH(_s, IR_F32)
TRANS_FP(flw, trans_fp_load(dc, d, IR_F32))
TRANS_FP(fsw, trans_fp_store(dc, d, IR_F32))
TRANS_FP(fmv_x_w, trans_fp_mv_to_x(dc, d, IR_I32))
TRANS_FP(fmv_w_x, trans_fp_mv_from_x(dc, d, IR_I32))
