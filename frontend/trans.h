/*
 * frontend/trans.h: what the trans_*.c files share. Private to frontend/.
 */
#ifndef FRONTEND_TRANS_H
#define FRONTEND_TRANS_H

#include "frontend/translate.h"
#include "ir/build.h"

#define INSN(id, ...) bool trans_##id(DisasContext *dc, const DecodedInsn *d);
#define RVC(id, ...)
#include "frontend/insns.def"
#undef INSN
#undef RVC

/* Value of x[r] (the constant 0 for x0); destination for x[r] (a throw-away temp for x0). */
IrTemp *trans_get_x(DisasContext *dc, unsigned r);
IrTemp *trans_dst_x(DisasContext *dc, unsigned r);

/* A new jump slot, or -1 when the TB has no more (the caller ends the TB with goto_ptr). */
int trans_new_slot(DisasContext *dc, unsigned n);

/* End the TB with a jump to a known pc (goto_tb, or exit through lookup when slots ran out). */
void trans_goto(DisasContext *dc, uint64_t pc);

/* End the TB with exit_tb(reason) at pc. */
void trans_exit(DisasContext *dc, CPUException reason, uint64_t pc);

#endif
