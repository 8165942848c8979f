/*
 * linux-user/sys_caps.c: capabilities. Source: capabilities(7), capget(2), prctl(2),
 * security/commoncap.c.
 *
 * Forwarded, unless users are emulated (ids.h): then the sets are the process's own and follow
 * from the emulated users (ids.c).
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/ids.h"
#include "linux-user/sys_common.h"

#define BIT(cap) (1ull << (cap))

/* ---- capget, capset ---- */

/* The guest's header; in *words how many each set has. 0, or what the call returns. */
static abi_long read_header(const abi_ulong *a, struct __user_cap_header_struct *h, unsigned *words)
{
    if (!guest_read(h, a[0], sizeof(*h))) {
        return -EFAULT;
    }
    switch (h->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *words = _LINUX_CAPABILITY_U32S_1;
        break;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *words = _LINUX_CAPABILITY_U32S_3;
        break;
    default:
        h->version = _LINUX_CAPABILITY_VERSION_3;
        return guest_write(a[0], &h->version, sizeof(h->version)) ? -EINVAL : -EFAULT;
    }
    return 0;
}

abi_long sys_capget(CPUState *cpu, const abi_ulong *a)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];
    unsigned words;
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    abi_long ret = read_header(a, &h, &words);
    if (ret < 0) {
        return ret == -EINVAL && !a[1] ? 0 : ret;
    }
    if (h.pid != 0 && h.pid != getpid() && h.pid != (int)syscall(SYS_gettid)) {
        return sys_forward(cpu, a);
    }
    for (unsigned i = 0; i < words; i++) {
        d[i].effective = (uint32_t)(ids.caps.effective >> 32 * i);
        d[i].permitted = (uint32_t)(ids.caps.permitted >> 32 * i);
        d[i].inheritable = (uint32_t)(ids.caps.inheritable >> 32 * i);
    }
    return !a[1] || guest_write(a[1], d, words * sizeof(d[0])) ? 0 : -EFAULT;
}

abi_long sys_capset(CPUState *cpu, const abi_ulong *a)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];
    unsigned words;
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    abi_long ret = read_header(a, &h, &words);
    if (ret < 0) {
        return ret;
    }
    if (h.pid != 0 && h.pid != (int)syscall(SYS_gettid)) {
        return -EPERM;
    }
    if (!guest_read(d, a[1], words * sizeof(d[0]))) {
        return -EFAULT;
    }
    CapState *c = &ids.caps, new = *c;
    new.effective = new.permitted = new.inheritable = 0;
    for (unsigned i = 0; i < words; i++) {
        new.effective |= (uint64_t)d[i].effective << 32 * i & IDS_ALL_CAPS;
        new.permitted |= (uint64_t)d[i].permitted << 32 * i & IDS_ALL_CAPS;
        new.inheritable |= (uint64_t)d[i].inheritable << 32 * i & IDS_ALL_CAPS;
    }
    bool more = ids_capable(CAP_SETPCAP);
    if ((!more && new.inheritable & ~(c->inheritable | c->permitted)) ||
        new.inheritable & ~(c->inheritable | c->bounding) || new.permitted & ~c->permitted ||
        new.effective & ~new.permitted) {
        return -EPERM;
    }
    new.ambient &= new.permitted & new.inheritable;
    *c = new;
    return 0;
}

/* ---- prctl ---- */

static abi_long set_securebits(CapState *c, uint32_t new)
{
    uint32_t old = c->securebits;
    if ((old & SECURE_ALL_LOCKS) >> 1 & (old ^ new) || (old & SECURE_ALL_LOCKS & ~new) ||
        new & ~(uint32_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS) || !ids_capable(CAP_SETPCAP)) {
        return -EPERM;
    }
    c->securebits = new;
    return 0;
}

static abi_long change_ambient(CapState *c, const abi_ulong *a)
{
    uint64_t bit = a[2] <= IDS_LAST_CAP ? BIT(a[2]) : 0;
    if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (a[2] | a[3] | a[4]) {
            return -EINVAL;
        }
        c->ambient = 0;
        return 0;
    }
    if (!bit || a[3] | a[4]) {
        return -EINVAL;
    }
    switch (a[1]) {
    case PR_CAP_AMBIENT_IS_SET:
        return (c->ambient & bit) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->permitted & c->inheritable & bit) ||
            c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE) {
            return -EPERM;
        }
        c->ambient |= bit;
        return 0;
    case PR_CAP_AMBIENT_LOWER:
        c->ambient &= ~bit;
        return 0;
    default:
        return -EINVAL;
    }
}

static abi_long set_keep_caps(CapState *c, abi_ulong on)
{
    if (on > 1) {
        return -EINVAL;
    }
    if (c->securebits & SECBIT_KEEP_CAPS_LOCKED) {
        return -EPERM;
    }
    c->securebits = (c->securebits & ~(uint32_t)SECBIT_KEEP_CAPS) | (on ? SECBIT_KEEP_CAPS : 0);
    return 0;
}

abi_long ids_prctl(const abi_ulong *a)
{
    CapState *c = &ids.caps;
    switch ((int)a[0]) {
    case PR_CAPBSET_READ:
        return a[1] > IDS_LAST_CAP ? -EINVAL : (c->bounding & BIT(a[1])) != 0;
    case PR_CAPBSET_DROP:
        if (!ids_capable(CAP_SETPCAP)) {
            return -EPERM;
        }
        if (a[1] > IDS_LAST_CAP) {
            return -EINVAL;
        }
        c->bounding &= ~BIT(a[1]);
        return 0;
    case PR_GET_SECUREBITS:
        return c->securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(c, (uint32_t)a[1]);
    case PR_GET_KEEPCAPS:
        return (c->securebits & SECBIT_KEEP_CAPS) != 0;
    case PR_SET_KEEPCAPS:
        return set_keep_caps(c, a[1]);
    case PR_CAP_AMBIENT:
        return change_ambient(c, a);
    default:
        return -EINVAL;
    }
}
