/*
 * linux-user/guest_ptr.c: guest memory read and written by us, without ever faulting.
 *
 * The copies themselves are in guest_copy.S; the host's SIGSEGV and SIGBUS handler asks
 * guest_copy_fixup() first. Addresses that the host has no form for (non-canonical) fault as well.
 */
#include "linux-user/guest_ptr.h"

#include <string.h>
#include <ucontext.h>

#include <glib.h>

uint64_t guest_base;

/* guest_copy.S */
extern const char guest_guard_start[], guest_guard_end[], guest_guard_fail[];
long guest_copy_guarded(void *dst, const void *src, size_t n);
long guest_strnlen_guarded(const char *s, size_t max);
long guest_find_guarded(const void *p, size_t n, uint32_t word);

bool guest_read(void *dst, abi_ulong src, size_t n)
{
    return guest_copy_guarded(dst, g2h(src), n) == 0;
}

bool guest_write(abi_ulong dst, const void *src, size_t n)
{
    return guest_copy_guarded(g2h(dst), src, n) == 0;
}

abi_long guest_strnlen(abi_ulong s, size_t max)
{
    return guest_strnlen_guarded(g2h(s), max);
}

bool guest_find(abi_ulong start, abi_ulong end, uint32_t word)
{
    enum { PAGE = 4096 };
    long found = start < end ? guest_find_guarded(g2h(start), end - start, word) : 0;
    if (found < 0 && end - start > PAGE) {      /* page by page, then; the last two bytes with it */
        found = 0;
        for (abi_ulong a = start; a < end && found <= 0; a += PAGE) {
            uint32_t across;
            found = guest_find_guarded(g2h(a), PAGE, word);
            if (found <= 0 && a + PAGE < end && guest_read(&across, a + PAGE - 2, sizeof(across))) {
                found = across == word;
            }
        }
    }
    return found > 0;
}

char *guest_strdup(abi_ulong s)
{
    abi_long len = guest_strnlen(s, SIZE_MAX / 2);
    if (len < 0) {
        return NULL;
    }
    char *copy = g_malloc((size_t)len + 1);
    if (!guest_read(copy, s, (size_t)len)) {
        g_free(copy);
        return NULL;
    }
    copy[len] = '\0';           /* another thread may have changed it in between */
    return copy;
}

bool guest_copy_fixup(void *ucontext)
{
    ucontext_t *uc = ucontext;
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    if (pc < (uintptr_t)guest_guard_start || pc >= (uintptr_t)guest_guard_end) {
        return false;
    }
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)guest_guard_fail;
    return true;
}
