/*
 * linux-user/sys_ids.c: users and groups. Source: kernel/sys.c, kernel/groups.c, credentials(7).
 *
 * Forwarded, unless they are emulated: then the process has ids of its own that follow the kernel's
 * rules, an owner that cannot be given is remembered (owner.h), and a device that cannot be made is
 * an empty file.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "linux-user/ids.h"
#include "linux-user/owner.h"
#include "linux-user/sys_common.h"

enum { MAX_GROUPS = 65536, NO_ID = -1 };

/* ---- what is told ---- */

abi_long sys_getuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return ids.user.real;
}

abi_long sys_geteuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return ids.user.effective;
}

abi_long sys_getgid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return ids.group.real;
}

abi_long sys_getegid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return ids.group.effective;
}

static abi_long get_three(const Ids *i, const abi_ulong *a)
{
    return guest_write(a[0], &i->real, sizeof(i->real)) &&
                   guest_write(a[1], &i->effective, sizeof(i->effective)) &&
                   guest_write(a[2], &i->saved, sizeof(i->saved))
               ? 0
               : -EFAULT;
}

abi_long sys_getresuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return get_three(&ids.user, a);
}

abi_long sys_getresgid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return get_three(&ids.group, a);
}

/* ---- what is set ---- */

static bool may_set(const Ids *i)
{
    return ids_capable(i == &ids.user ? CAP_SETUID : CAP_SETGID);
}

static abi_long set_all(Ids *i, Ids new)
{
    Ids old = *i;
    *i = new;
    if (i == &ids.user) {
        ids_users_changed(&old);
    }
    return 0;
}

static bool is_one_of(uint32_t id, const Ids *i)
{
    return id == i->real || id == i->effective || id == i->saved;
}

static abi_long set_one(Ids *i, uint32_t id)
{
    if (id == (uint32_t)NO_ID) {
        return -EINVAL;
    }
    if (may_set(i)) {
        return set_all(i, (Ids){ id, id, id, id });
    }
    if (id != i->real && id != i->saved) {
        return -EPERM;
    }
    return set_all(i, (Ids){ i->real, id, i->saved, id });
}

static abi_long set_real_effective(Ids *i, uint32_t real, uint32_t effective)
{
    Ids new = *i;
    bool set_real = real != (uint32_t)NO_ID, set_effective = effective != (uint32_t)NO_ID;
    if (!may_set(i) && ((set_real && real != i->real && real != i->effective) ||
                             (set_effective && !is_one_of(effective, i)))) {
        return -EPERM;
    }
    new.real = set_real ? real : i->real;
    new.effective = new.fs = set_effective ? effective : i->effective;
    if (set_real || (set_effective && effective != i->real)) {
        new.saved = new.effective;
    }
    return set_all(i, new);
}

static abi_long set_three(Ids *i, uint32_t real, uint32_t effective, uint32_t saved)
{
    const uint32_t want[] = { real, effective, saved };
    for (unsigned k = 0; k < 3; k++) {
        if (want[k] != (uint32_t)NO_ID && !is_one_of(want[k], i) && !may_set(i)) {
            return -EPERM;
        }
    }
    Ids new = *i;
    new.real = real != (uint32_t)NO_ID ? real : i->real;
    new.effective = effective != (uint32_t)NO_ID ? effective : i->effective;
    new.saved = saved != (uint32_t)NO_ID ? saved : i->saved;
    new.fs = new.effective;
    return set_all(i, new);
}

static abi_long set_fs(Ids *i, uint32_t id)
{
    uint32_t old = i->fs;
    if (id != (uint32_t)NO_ID && (may_set(i) || is_one_of(id, i) || id == old)) {
        set_all(i, (Ids){ i->real, i->effective, i->saved, id });
    }
    return old;
}

abi_long sys_setuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_one(&ids.user, (uint32_t)a[0]);
}

abi_long sys_setgid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_one(&ids.group, (uint32_t)a[0]);
}

abi_long sys_setreuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_real_effective(&ids.user, (uint32_t)a[0], (uint32_t)a[1]);
}

abi_long sys_setregid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_real_effective(&ids.group, (uint32_t)a[0], (uint32_t)a[1]);
}

abi_long sys_setresuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_three(&ids.user, (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2]);
}

abi_long sys_setresgid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_three(&ids.group, (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2]);
}

abi_long sys_setfsuid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_fs(&ids.user, (uint32_t)a[0]);
}

abi_long sys_setfsgid(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    return set_fs(&ids.group, (uint32_t)a[0]);
}

abi_long sys_getgroups(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    int size = (int)a[0];
    if (size < 0 || (size && (unsigned)size < ids.group_count)) {
        return -EINVAL;
    }
    return !size || guest_write(a[1], ids.groups, ids.group_count * sizeof(uint32_t))
               ? (abi_long)ids.group_count
               : -EFAULT;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

abi_long sys_setgroups(CPUState *cpu, const abi_ulong *a)
{
    if (G_LIKELY(!ids.on)) {
        return sys_forward(cpu, a);
    }
    if (!ids_capable(CAP_SETGID)) {
        return -EPERM;
    }
    unsigned n = (unsigned)a[0];
    if (n > MAX_GROUPS) {
        return -EINVAL;
    }
    uint32_t *new = g_new(uint32_t, n + 1);
    if (!guest_read(new, a[1], n * sizeof(*new))) {
        g_free(new);
        return -EFAULT;
    }
    qsort(new, n, sizeof(*new), compare_ids);
    g_free(ids.groups);
    ids.groups = new;
    ids.group_count = n;
    return 0;
}

/* ---- owners, devices ---- */

/* fchown, fchownat: only root may give files away, and does. */
abi_long sys_chown(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    abi_long ret = sys_forward(cpu, a);
    bool refused = ret == -EPERM || ret == -EINVAL;
    if (G_LIKELY(!ids.on) || (ret && !refused) || !ids_capable(CAP_CHOWN)) {
        return ret;
    }
    if (!current_row(cpu)->path_mask) {
        owner_give((int)a[0], 0, true, (uint32_t)a[1], (uint32_t)a[2]);
        return 0;
    }
    abi_ulong path = path_arg_at(a[0], a[1], a[4], buf);
    owner_give((int)a[0], path, !(a[4] & AT_SYMLINK_NOFOLLOW), (uint32_t)a[2], (uint32_t)a[3]);
    return 0;
}

/* What is made by somebody else than root is his. */
static abi_long made_at(const abi_ulong *a, abi_long ret)
{
    char buf[PATH_MAX];
    if (ret == 0 && owner_differs()) {
        owner_made((int)a[0], path_arg(a[0], a[1], PATH_NOFOLLOW, buf));
    }
    return ret;
}

abi_long sys_mkdirat(CPUState *cpu, const abi_ulong *a)
{
    return made_at(a, sys_forward(cpu, a));
}

abi_long sys_mknodat(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = sys_forward(cpu, a);
    if (ret == -EPERM && ids.on && ids_capable(CAP_MKNOD)) {
        const abi_ulong file[6] = { a[0], a[1], S_IFREG | (a[2] & 07777) };
        ret = sys_forward(cpu, file);
    }
    return made_at(a, ret);
}
