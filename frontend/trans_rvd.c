/*
 * frontend/trans_rvd.c: extension D, double precision (manual volume I, chapter "D").
 */
#include "frontend/trans_fp.h"

TRANS_FP_BOTH(_d, IR_F64)
TRANS_FP(fld, trans_fp_load(dc, d, IR_F64))
TRANS_FP(fsd, trans_fp_store(dc, d, IR_F64))
TRANS_FP(fcvt_s_d, trans_fp_from_fp(dc, d, IR_F32))
TRANS_FP(fcvt_d_s, trans_fp_from_fp(dc, d, IR_F64))
TRANS_FP(fmv_x_d, trans_fp_mv_to_x(dc, d, IR_I64))
TRANS_FP(fmv_d_x, trans_fp_mv_from_x(dc, d, IR_I64))
