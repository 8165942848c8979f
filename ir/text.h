/*
 * ir/text.h: the names that dump.c writes and parse.c reads. Private to ir/.
 */
#ifndef IR_TEXT_H
#define IR_TEXT_H

#include "ir/ir.h"

/* Names of the values of constant i of an op, NULL-ended and indexed by value (a NULL-named hole
 * is an empty string), or NULL if the constant is a plain number. */
const char *const *ir_text_k_names(IrOpcode opc, unsigned i);

#endif
