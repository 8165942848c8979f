/*
 * exec/code_buffer.h: the executable memory. See tb.h for its layout.
 *
 * One mapping for the life of the process, reserved at exec_init() and touched as it fills, in
 * steps of several pages: a page fault each costs three times as much. All functions but the
 * readers need tb_lock.
 */
#ifndef EXEC_CODE_BUFFER_H
#define EXEC_CODE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CodeBuffer {
    uint8_t *base, *end;        /* room for TBs */
    uint8_t *room_end;          /* ... and behind it, for images (image.h) */
    uint8_t *first;             /* after the common stubs */
    uint8_t *code;              /* next free byte of code */
    uint8_t *meta;              /* lowest byte of metadata in use */
    uint8_t *code_ready;        /* memory is there up to here */
    uint8_t *meta_ready;        /* ... and from here on */
    unsigned flushes;           /* changes with each reset, while no CPU runs */
} CodeBuffer;

extern CodeBuffer code_buffer;

/* Any TB fits an empty buffer of this size (tests/unit/test_tb_gen.c). */
enum { CODE_BUFFER_MIN = 64 << 10 };

/* Reserve size bytes, or CODE_BUFFER_MIN if that is more, and image_room for images; less, and no
 * such room, where the address space is limited. Exits with a message when the host refuses. */
void code_buffer_init(size_t size, size_t image_room);
/* size bytes of metadata, 8-aligned, contents undefined, or NULL when full. */
void *code_buffer_alloc_meta(size_t size);
/* size bytes more of code are about to be written: have memory there. */
void code_buffer_prepare(size_t size);
void code_buffer_reset(void);

/* 32-bit names for things in the buffer; 0 is NULL. */
static inline uint32_t code_buffer_ref(const void *p)
{
    return p ? (uint32_t)((const uint8_t *)p - code_buffer.base) : 0;
}

static inline void *code_buffer_at(uint32_t ref)
{
    return ref ? code_buffer.base + ref : NULL;
}

static inline bool code_buffer_contains(const void *p)
{
    return (const uint8_t *)p >= code_buffer.base && (const uint8_t *)p < code_buffer.room_end;
}

#endif
