/*
 * linux-user/mdwe.c: see mdwe.h.
 */
#include "linux-user/mdwe.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "exec/fork_page.h"

static FORK_PAGE _Atomic abi_ulong mdwe_bits;   /* once set, never changed */

abi_ulong mdwe_get(void)
{
    return mdwe_bits;
}

abi_long mdwe_set(abi_ulong bits)
{
    abi_ulong none = 0;
    if (bits & ~(abi_ulong)(MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT) || bits == MDWE_NO_INHERIT) {
        return -EINVAL;
    }
    return atomic_compare_exchange_strong(&mdwe_bits, &none, bits) || none == bits ? 0 : -EPERM;
}

abi_ulong mdwe_inherited(void)
{
    return mdwe_bits & MDWE_NO_INHERIT ? 0 : mdwe_bits;
}

void mdwe_fork_child(void)
{
    mdwe_bits = mdwe_inherited();
}

bool mdwe_denies(int old, int new)
{
    return mdwe_bits && new & PROT_EXEC && (new & PROT_WRITE || !(old & PROT_EXEC));
}
