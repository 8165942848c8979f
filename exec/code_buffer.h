/*
 * exec/code_buffer.h: the executable memory. See tb.h for its layout.
 *
 * One mapping for the life of the process, reserved at exec_init() and touched as it fills. All
 * functions but the readers need tb_lock.
 */
#ifndef EXEC_CODE_BUFFER_H
#define EXEC_CODE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CodeBuffer {
    uint8_t *base, *end;        /* the mapping */
    uint8_t *first;             /* after the common stubs */
    uint8_t *code;              /* next free byte of code */
    uint8_t *meta;              /* lowest byte of metadata in use */
} CodeBuffer;

extern CodeBuffer code_buffer;

/* Any TB fits an empty buffer of this size (tests/unit/test_tb_gen.c). */
enum { CODE_BUFFER_MIN = 64 << 10 };

/* Reserve size bytes, or CODE_BUFFER_MIN if that is more; exits with a message when the host refuses. */
void code_buffer_init(size_t size);
/* size bytes of zeroed metadata, 16-aligned, or NULL when full. */
void *code_buffer_alloc_meta(size_t size);
void code_buffer_reset(void);

static inline bool code_buffer_contains(const void *p)
{
    return (const uint8_t *)p >= code_buffer.base && (const uint8_t *)p < code_buffer.end;
}

#endif
