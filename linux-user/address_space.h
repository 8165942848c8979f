/*
 * linux-user/address_space.h: what the mmap family is made of; for linux-user/mmap.c, mremap.c,
 * shm.c and guest_code.c alone. What everybody else may do is in mmap.h.
 *
 * The host kernel decides and makes the errors; the family keeps it from touching what is not the
 * guest's, and keeps guest_map.h in step. Everything the guest may change is in that map, so the
 * emulator's own mappings are simply those that are not: an operation is given the guest's parts of
 * its range, and a fixed mapping first claims what is nobody's with MAP_FIXED_NOREPLACE.
 *
 * Locks, in the order they are taken:
 *   mmap_lock   one operation at a time, from before its first host call until its TBs are gone
 *   (tb_lock)   exec's, inside tb_invalidate_range()
 *   map_lock    the map itself, for the time of one look or change; nothing is called under it
 * Who holds mmap_lock reads the map without map_lock. guest_fetch() runs under tb_lock and so takes
 * map_lock only.
 *
 * Stale code: the host mapping and the map change first, then the TBs go. A TB made in between saw
 * the new state or is dropped with the old ones.
 */
#ifndef LINUX_USER_ADDRESS_SPACE_H
#define LINUX_USER_ADDRESS_SPACE_H

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "linux-user/guest_map.h"
#include "linux-user/mmap.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE_MASK_LOW ((abi_ulong)0xfff)
#define HOST_TASK_SIZE (((abi_ulong)1 << 47) - 4096)

extern pthread_mutex_t map_lock;

/* Begin an operation on [addr, addr + len), and end it: takes and releases mmap_lock. */
void mmap_begin(abi_ulong addr, abi_ulong len);
void mmap_end(void);

static inline abi_ulong page_up(abi_ulong x)
{
    return (x + PAGE_MASK_LOW) & ~PAGE_MASK_LOW;
}

/* The guest's protection as the host page gets it: never executable, but then readable. */
static inline int host_prot(int prot)
{
    return prot & PROT_EXEC ? (prot & ~PROT_EXEC) | PROT_READ : prot;
}

static inline abi_long host_error(long r)
{
    return r == -1 ? -errno : r;
}

/* Flags for the host's mmap(): is what is mapped now to be locked (guest_lock_future())? And what
 * is to be done afterwards. */
int future_flags(void);
void lock_if_future(abi_ulong start, abi_ulong len);

/* May [addr, addr + len) be in the guest's address space? */
bool in_task(abi_ulong addr, abi_ulong len);

/* The functions from here on are called under mmap_lock. */

/* mmap() that fails with -EEXIST rather than replace. */
abi_long host_mmap_new(abi_ulong addr, abi_ulong len, int prot, int flags, int fd, abi_ulong off);

/* Change the map; all but start, end, prot, tag, name of a range that map_set() makes are zero. */
void map_set_range(const MapRange *r);
void map_set(abi_ulong start, abi_ulong end, int prot, uint64_t tag, const char *name);
void map_clear(abi_ulong start, abi_ulong end);

/* Can the guest have code in [start, end)? To be asked before the map changes; drop_code() after it
 * drops the TBs there if so. */
bool has_code(abi_ulong start, abi_ulong end);
void drop_code(bool had_code, abi_ulong start, abi_ulong end);

/* Before [start, end) is replaced: take the parts that are not mapped for the guest. False when the
 * emulator has something there. unclaim() gives back what nobody overwrote. */
bool claim(abi_ulong start, abi_ulong end);
void unclaim(abi_ulong start, abi_ulong end);

/* With guest_reserved(): the highest place for len bytes that is not mapped for the guest, a
 * multiple of align; 0: there is none. */
abi_ulong room_find(abi_ulong len, abi_ulong align);
/* What ended there is mapped no longer (map_clear() says so itself). */
void room_freed(abi_ulong end);

/* RLIMIT_DATA as guest_set_limits() was told, ~0 when it was not. */
abi_ulong limit_of_data(void);
/* Does a mapping with this protection and tag count for RLIMIT_DATA? */
bool is_data(int prot, uint64_t tag);
/* May `len` bytes be mapped in place of what [start, end) has? */
bool within_limits(abi_ulong len, bool data, abi_ulong start, abi_ulong end);

/* There is a mapping with MAP_GROWSDOWN now: from now on operations ask what it grew by. */
void map_has_growing(void);

/* Make what is watched in [start, end) writable again and mark it (guest_code.c). map_lock is
 * held. */
void unwatch(abi_ulong start, abi_ulong end, MapCode code);

/* MADV_DONTFORK or MADV_DOFORK was said of [start, end). */
void map_unfork(abi_ulong start, abi_ulong end, bool unforked);

abi_long munmap_locked(abi_ulong addr, abi_ulong len);

#endif
