/*
 * frontend/helper.h: prototypes of the helpers of helper.def.
 */
#ifndef FRONTEND_HELPER_H
#define FRONTEND_HELPER_H

#include <stdint.h>

#define HELPER(name, ...) \
    uint64_t helper_##name(void *env, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
#include "frontend/helper.def"
#undef HELPER

#endif
