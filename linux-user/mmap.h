/*
 * linux-user/mmap.h: the guest's address space.
 *
 * Owns the map of guest pages (which are mapped, with which protection, whether executable for the
 * guest) under mmap_lock. Host pages never are PROT_EXEC: the guest's PROT_EXEC is a bit in this
 * map (guest PROT_EXEC without PROT_READ maps readable). A change drops exactly the TBs it touches.
 * The lock is held during the host's call: between this and the map's change, another thread could
 * map there. So a reader of userfaultfd's events of unmapping or moving, for whom the kernel lets
 * that call wait, hangs if it changes mappings before it reads.
 * Returns are -errno or the result, as the system calls say.
 */
#ifndef LINUX_USER_MMAP_H
#define LINUX_USER_MMAP_H

#include "linux-user/task.h"

abi_long guest_mmap(abi_ulong addr, abi_ulong len, int prot, int flags, int fd, abi_ulong off);
abi_long guest_munmap(abi_ulong addr, abi_ulong len);
abi_long guest_mprotect(abi_ulong addr, abi_ulong len, int prot);
abi_long guest_mremap(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                      abi_ulong new_addr);
abi_long guest_madvise(abi_ulong addr, abi_ulong len, int advice);
abi_long guest_brk(abi_ulong brk);
abi_long guest_shmat(int id, abi_ulong addr, int flags);
abi_long guest_shmdt(abi_ulong addr);

/* For the host signal handler: a write fault at addr was on a page that is watched for writes to
 * code; it is writable now, and its TBs are gone: run on. */
bool guest_code_written(abi_ulong addr);
/* A system call failed by EFAULT: stop watching. True if anything was watched: try it again. */
bool guest_code_unwatch_all(void);

/* The guest has set its RLIMIT_AS and RLIMIT_DATA: from now on they are kept; ~0: no limit. The
 * host's are left alone, because the emulator's own mappings would count. */
void guest_set_limits(abi_ulong as, abi_ulong data);

/* mlockall() with these flags, of which MCL_FUTURE counts here: what is mapped from now on is
 * locked. 0 ends that, and so does fork(). */
void guest_lock_future(int mcl);

/* The size of the guest's address space: addresses are below it. It is the host's, less guest_base,
 * or what guest_reserve() has set before anything was mapped (-R), leaving stack_size at its end
 * for the stack. Such a space is filled as the kernel fills it, from the top, and guest_base is
 * where the host has room for it, if it was 0; false: it has none. */
bool guest_reserve(abi_ulong size, abi_ulong stack_size);
bool guest_reserved(void);
abi_ulong guest_reserved_top(void);     /* where room is looked for first: below the stack */
abi_ulong task_size(void);

/* Record what the loader mapped itself (stack, vDSO) without a host call. */
void guest_map_add(abi_ulong start, abi_ulong end, int prot, const char *name);
/* The same for what the host's kernel makes longer, downwards, when the guest touches what is
 * below. */
void guest_map_add_growing(abi_ulong start, abi_ulong end, int prot, const char *name);

/* Memory that the host maps for the guest by another call than these, and writes to; and what it is
 * about to unmap so. */
void guest_map_add_shared(abi_ulong start, abi_ulong end, int prot);
void guest_map_forget(abi_ulong start, abi_ulong end);

/* The guest's protection of the page at addr: PROT_* bits, or -1 when it is not mapped. */
int guest_page_prot(abi_ulong addr);
/* Where what is mapped for the guest from the page addr on ends, at most at end; addr: none. */
abi_ulong guest_mapped_end(abi_ulong addr, abi_ulong end);
/* True when [addr, addr+len) overlaps something mapped for the guest. */
bool guest_range_used(abi_ulong addr, abi_ulong len);

/* Walk the map in address order (for /proc/self/maps); name is a static or interned string or "".
 * Called with mmap_lock held by the walk itself. */
typedef void GuestMapFn(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name);
void guest_map_walk(GuestMapFn *fn, void *opaque);
/* How many bytes are mapped. */
abi_ulong guest_map_size(void);
void guest_map_name(abi_ulong start, abi_ulong end, const char *name);

void mmap_fork_prepare(void);
void mmap_fork_parent(void);
void mmap_fork_child(void);
/* In the child, as soon as TBs can be dropped: what MADV_DONTFORK kept out of it. */
void mmap_forget_unforked(void);

#endif
