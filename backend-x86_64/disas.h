/*
 * backend-x86_64/disas.h: Capstone, opened for x86-64.
 */
#ifndef BACKEND_DISAS_H
#define BACKEND_DISAS_H

#include <stdbool.h>

#include <capstone/capstone.h>

/* Close it with cs_close(). */
bool x86_disas_open(csh *cs);

#endif
