/*
 * frontend/trans.h: what the trans_*.c files share. Private to frontend/.
 *
 * trans_<id>(dc, d) translates one insn: it emits the IR and returns true, or returns false, before
 * it has emitted anything, when the operands are reserved or the insn is illegal here. It ends the
 * TB through trans_goto(), trans_exit() or an own way out followed by DISAS_NORETURN.
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

/* Value of x[r] (the constant 0 for x0); destination for x[r] (a throw-away temp for x0). Take all
 * sources before the destination: taking it forgets what was known of the old value. */
IrTemp *trans_get_x(DisasContext *dc, unsigned r);
IrTemp *trans_dst_x(DisasContext *dc, unsigned r);

/* x[r] = v, remembered for trans_const_x(). */
void trans_set_const(DisasContext *dc, unsigned r, uint64_t v);
/* True, with the value, if x[r] is known at this point of the TB (x0 always is). */
bool trans_const_x(const DisasContext *dc, unsigned r, uint64_t *v);

/* Control comes from elsewhere: nothing is known any more. */
void trans_forget(DisasContext *dc);

/* May the insn be translated as if no other thread, process or device looked at guest memory? Where
 * it is true, the TB lives only as long as that. */
bool trans_alone(DisasContext *dc);

/* x1 and x5 hold return addresses: the hints of the manual's table at JALR. */
static inline bool trans_is_link(unsigned r)
{
    return r == RV_RA || r == RV_T0;
}

/* The pc after the insn being translated. */
uint64_t trans_next_pc(const DisasContext *dc);

/* The first of n jump slots in sequence, or -1 when the TB has no more (the caller ends the TB
 * with goto_ptr). At the start of an insn TB_RESERVED_SLOTS are free. */
int trans_new_slot(DisasContext *dc, unsigned n);

/* End the TB with a jump to a known pc (goto_tb, or exit through lookup when slots ran out). */
void trans_goto(DisasContext *dc, uint64_t pc);

/* End the TB with exit_tb(reason) at pc. */
void trans_exit(DisasContext *dc, CPUException reason, uint64_t pc);

/* Fusion: look at the insn that follows; false if there is none that may belong to this TB.
 * trans_take() then makes it part of the insn being translated: call it before emitting what only
 * the second one does. */
bool trans_peek(DisasContext *dc, DecodedInsn *next);
/* The same for n insns in sequence: how many of them there are. */
unsigned trans_peek_run(DisasContext *dc, DecodedInsn *next, unsigned n);
void trans_take(DisasContext *dc, const DecodedInsn *next);

#endif
