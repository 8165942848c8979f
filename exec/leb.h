/*
 * exec/leb.h: numbers of 7 bits a byte, least first, the top bit set in all but the last (LEB128).
 */
#ifndef EXEC_LEB_H
#define EXEC_LEB_H

#include <stdint.h>

static inline uint8_t *leb_put_unsigned(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline const uint8_t *leb_get_unsigned(const uint8_t *p, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0;; shift += 7) {
        *v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80)) {
            return p;
        }
    }
}

#endif
