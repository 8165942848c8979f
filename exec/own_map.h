/*
 * exec/own_map.h: where the emulator's own memory lies.
 *
 * Left to itself the kernel puts a new mapping into the highest hole that has room, and those are
 * among the guest's mappings: a hole that the guest has made on purpose, for a stack to grow into
 * or to map something there next, would not stay one. So what the emulator maps while the guest
 * runs, and what the C library maps for it (stacks of threads, heaps), lies in a range that no
 * guest asks for.
 */
#ifndef EXEC_OWN_MAP_H
#define EXEC_OWN_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* size bytes of zeroed memory, touched when used; MAP_FAILED when there is none. To be given back
 * with munmap(). */
void *own_map(size_t size);

/* The guest has so many mappings that it may reach the kernel's limit: have memory for that time.
 * By one thread at a time; again, nothing happens. */
void own_reserve(void);

/* Have at once what would come in page faults, each some 1 us: the whole pages in [p, p + size),
 * for writing, or as they are (where nothing is yet, the page of zeros, which takes no memory). A
 * hint. */
void own_touch(const void *p, size_t size, bool write);

#endif
