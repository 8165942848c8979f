/*
 * tests/diff/values.h: random numbers, and register contents that are likely to matter.
 */
#ifndef TESTS_DIFF_VALUES_H
#define TESTS_DIFF_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* The next number of the sequence whose state is *seed (never 0); one below n. */
uint64_t rng_next(uint64_t *seed);
unsigned rng_below(uint64_t *seed, unsigned n);

/* Extremes, small and large numbers. */
uint64_t random_x(uint64_t *seed);
/* Doubles, boxed singles and what is not quite boxed: zeros, infinities, NaNs, subnormals, numbers
 * of few bits, integer limits. */
uint64_t random_f(uint64_t *seed, bool mostly_single);

#endif
