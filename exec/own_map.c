/*
 * exec/own_map.c: see own_map.h.
 *
 * Addresses go downwards through the range and begin again at its top: with 512 KiB for a thread
 * that is after four million of them, and what is still there then is passed by.
 *
 * A guest may map all that there is, or as often as the kernel allows. It gets no more threads
 * then; but the heap must grow, and has reserves: one mapped from the start, and a large one that
 * is made when the guest has many mappings, whose list may be asked for. They are taken piece by
 * piece and never refilled.
 */
#include "exec/own_map.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#ifndef MADV_POPULATE_WRITE             /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Far below where Linux begins to look for room, and where programs with an address space of their
 * own design (ThreadSanitizer's shadow) expect libraries, which they leave alone. */
#define RANGE_END 0x7c0000000000u
#define RANGE_START 0x7a0000000000u
enum { TRIES = 64 };

static _Atomic uintptr_t next = RANGE_END;

typedef struct Reserve {
    char *start;
    _Atomic size_t size, used;
} Reserve;

enum { LARGE_RESERVE = 1 << 30 };
static char small_reserve[2 << 20] __attribute__((aligned(4096)));
static Reserve reserves[] = { { NULL, 0, 0 }, { small_reserve, sizeof(small_reserve), 0 } };

/* size bytes of the range that were not given out in this round. */
static uintptr_t take(size_t size)
{
    uintptr_t at = next, start;
    do {
        start = (at - RANGE_START < size ? RANGE_END : at) - size;
    } while (!atomic_compare_exchange_weak(&next, &at, start));
    return start;
}

static size_t page_up(size_t size)
{
    return (size + 4095) & ~(size_t)4095;
}

static void *take_piece(Reserve *r, size_t size)
{
    size_t used = r->used;
    do {
        if (size == 0 || size > r->size - used) {
            return MAP_FAILED;
        }
    } while (!atomic_compare_exchange_weak(&r->used, &used, used + size));
    return r->start + used;
}

static void *from_reserves(size_t size)
{
    size = page_up(size);
    void *p = take_piece(&reserves[0], size);
    p = p == MAP_FAILED ? take_piece(&reserves[1], size) : p;
    errno = p == MAP_FAILED ? ENOMEM : errno;
    return p;
}

static void *map_in_range(size_t size, int prot, int flags, int fd, off_t offset)
{
    size_t room = page_up(size);
    for (int i = 0; i < TRIES && room && room <= RANGE_END - RANGE_START; i++) {
        void *at = (void *)take(room);
        void *p = mmap(at, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
        if (p == at) {
            return p;
        }
        if (p != MAP_FAILED) {          /* a kernel before 4.17: it was a hint */
            munmap(p, size);
        } else if (errno != EEXIST) {
            break;
        }
    }
    return mmap(NULL, size, prot, flags, fd, offset);
}

void *own_map(size_t size)
{
    return map_in_range(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1, 0);
}

void own_reserve(void)
{
    Reserve *r = &reserves[0];
    void *p = r->size ? MAP_FAILED : own_map(LARGE_RESERVE);
    if (p != MAP_FAILED) {
        r->start = p;
        r->size = LARGE_RESERVE;
    }
}

void own_touch(const void *p, size_t size, bool write)
{
    const uintptr_t page = 4096;
    uintptr_t start = ((uintptr_t)p + page - 1) & -page, end = ((uintptr_t)p + size) & -page;
    if (start < end) {
        int saved = errno;
        madvise((void *)start, end - start, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
        errno = saved;
    }
}

/* What the C library calls for itself, when it is linked statically (--wrap). Its hints are about
 * alignment, and it looks whether they were followed. */
void *__wrap___mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap___mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    if (flags & MAP_FIXED) {
        return mmap(addr, size, prot, flags, fd, offset);
    }
    void *p = map_in_range(size, prot, flags, fd, offset);
    if (p == MAP_FAILED && errno == ENOMEM && fd < 0 && prot == (PROT_READ | PROT_WRITE)) {
        return from_reserves(size);
    }
    return p;
}
