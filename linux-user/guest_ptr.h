/*
 * linux-user/guest_ptr.h: the only door between guest addresses and host pointers.
 *
 * guest_base is 0 by default (law 3: addresses are the same on both sides) and constant after the
 * program is loaded. A guest pointer handed to the host kernel through g2h() needs no check: the
 * kernel answers EFAULT. Structures that *we* read or write go through guest_read()/guest_write(),
 * which never fault: they answer false, and the caller returns -EFAULT.
 */
#ifndef LINUX_USER_GUEST_PTR_H
#define LINUX_USER_GUEST_PTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t abi_ulong;
typedef int64_t abi_long;

extern uint64_t guest_base;

static inline void *g2h(abi_ulong addr)
{
    return (void *)(uintptr_t)(addr + guest_base);
}

/* As g2h(), but the guest's NULL stays NULL. */
static inline void *g2h_or_null(abi_ulong addr)
{
    return addr ? g2h(addr) : NULL;
}

static inline abi_ulong h2g(const void *p)
{
    return (abi_ulong)(uintptr_t)p - guest_base;
}

/* Fault-safe copies (process_vm_readv-free: a fixup in the SIGSEGV handler makes them return
 * false). */
bool guest_read(void *dst, abi_ulong src, size_t n);
bool guest_write(abi_ulong dst, const void *src, size_t n);
/* Length of the guest string without NUL, at most max; -1 on a fault. */
abi_long guest_strnlen(abi_ulong s, size_t max);
/* Is the word in [start, end), at an even address? Whole pages; what cannot be read does not hold
 * it. */
bool guest_find(abi_ulong start, abi_ulong end, uint32_t word);
/* Copy of a guest string (g_free), NULL on a fault. */
char *guest_strdup(abi_ulong s);
/* Called by the host signal handler: true if ucontext's pc was inside a guarded copy; the context
 * is then set to its failure return. */
bool guest_copy_fixup(void *ucontext);

#endif
