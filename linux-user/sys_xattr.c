/*
 * linux-user/sys_xattr.c: extended attributes. Source: xattr(7), capabilities(7).
 *
 * Forwarded, unless users are emulated. Then an access control list that names others counts as
 * set; capabilities of a file that the kernel does not take are kept in an attribute of ours, and
 * those that tell of ours (owner.h) are not listed.
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>

#include "linux-user/ids.h"
#include "linux-user/sys_common.h"

#define OURS "user.rivet."
static const char capability[] = "security.capability";
static const char kept[] = OURS "capability";
_Static_assert(sizeof(kept) >= sizeof(capability), "a list of names does not grow");

static bool name_begins(abi_ulong name, const char *text, size_t n)
{
    char buf[32];
    return guest_read(buf, name, n) && memcmp(buf, text, n) == 0;
}

/* The call again, about what is kept. */
static abi_long call_kept(CPUState *cpu, const abi_ulong *a)
{
    const abi_ulong b[6] = { a[0], host_arg(kept), a[2], a[3], a[4], a[5] };
    return sys_forward(cpu, b);
}

abi_long sys_setxattr(CPUState *cpu, const abi_ulong *a)
{
    static const char acl[] = "system.posix_acl_";
    abi_long ret = sys_forward(cpu, a);
    if (G_LIKELY(!ids.on) || (ret != -EPERM && ret != -EINVAL)) {
        return ret;
    }
    if (ids_capable(CAP_FOWNER) && name_begins(a[1], acl, sizeof(acl) - 1)) {
        return 0;
    }
    bool keeps = ret == -EPERM && ids_capable(CAP_SETFCAP) &&
                 name_begins(a[1], capability, sizeof(capability));
    return keeps ? call_kept(cpu, a) : ret;
}

/* getxattr, removexattr and their like. */
abi_long sys_xattr(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = sys_forward(cpu, a);
    bool may_be_kept = G_UNLIKELY(ids.on) && (ret == -ENODATA || ret == -EPERM) &&
                       name_begins(a[1], capability, sizeof(capability));
    return may_be_kept ? call_kept(cpu, a) : ret;
}

/* What the guest may know of the names in list, n bytes; how many these are. */
static size_t filter_names(char *list, size_t n)
{
    char *to = list;
    for (char *at = list, *next; at < list + n; at = next) {
        next = at + strlen(at) + 1;
        const char *name = strcmp(at, kept) == 0 ? capability
                           : g_str_has_prefix(at, OURS) ? ""
                                                        : at;
        size_t size = *name ? strlen(name) + 1 : 0;
        memmove(to, name, size);
        to += size;
    }
    return (size_t)(to - list);
}

/* The size alone is one that is enough. */
abi_long sys_listxattr(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = sys_forward(cpu, a);
    if (G_LIKELY(!ids.on) || ret <= 0 || !a[2]) {
        return ret;
    }
    char *list = g_malloc((size_t)ret + 1);
    if (guest_read(list, a[1], (size_t)ret)) {
        list[ret] = '\0';
        ret = (abi_long)filter_names(list, (size_t)ret);
        guest_write(a[1], list, (size_t)ret);
    }
    g_free(list);
    return ret;
}

bool ids_file_caps(int fd, struct vfs_cap_data *caps)
{
    struct vfs_ns_cap_data all = { 0 };
    ssize_t n = fgetxattr(fd, capability, &all, sizeof(all));
    if (n < 0 && ids.on) {
        n = fgetxattr(fd, kept, &all, sizeof(all));
    }
    memcpy(caps, &all, sizeof(*caps));
    return n >= (ssize_t)sizeof(*caps);
}
