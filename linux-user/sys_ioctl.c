/*
 * linux-user/sys_ioctl.c: ioctl.
 *
 * Nearly every request has the same number and the same layout on riscv64 and x86-64, and is
 * forwarded as it is. The exceptions are rows of a table here. Source: include/uapi/linux/loop.h,
 * fs.h.
 */
#include <linux/loop.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "linux-user/nested.h"
#include "linux-user/proc_self.h"
#include "linux-user/seccomp.h"
#include "linux-user/sys_common.h"

/* struct loop_info with asm-generic's __kernel_old_dev_t, which is 32 bits; x86-64's has 64. */
typedef struct GuestLoopInfo {
    int32_t number;
    uint32_t device;
    uint64_t inode;
    uint32_t rdevice;
    /* from here on the same on both sides */
    int32_t offset, encrypt_type, encrypt_key_size, flags;
    char name[LO_NAME_SIZE];
    uint8_t encrypt_key[LO_KEY_SIZE];
    uint64_t init[2];
    char reserved[4];
} GuestLoopInfo;
_Static_assert(sizeof(GuestLoopInfo) == 160 && sizeof(struct loop_info) == 168, "struct loop_info");

enum {
    LOOP_SAME = offsetof(GuestLoopInfo, encrypt_key) + LO_KEY_SIZE - offsetof(GuestLoopInfo, offset)
};
_Static_assert(LOOP_SAME == offsetof(struct loop_info, lo_encrypt_key) + LO_KEY_SIZE -
                                offsetof(struct loop_info, lo_offset),
               "what is copied in one piece");

static abi_long loop_set_status(abi_ulong fd, abi_ulong arg)
{
    GuestLoopInfo g;
    if (!guest_read(&g, arg, sizeof(g))) {
        return -EFAULT;
    }
    struct loop_info h = {
        .lo_number = g.number,
        .lo_device = g.device,
        .lo_inode = g.inode,
        .lo_rdevice = g.rdevice,
        .lo_init = { g.init[0], g.init[1] },
    };
    memcpy(&h.lo_offset, &g.offset, LOOP_SAME);
    return host_call(__NR_ioctl, fd, LOOP_SET_STATUS, host_arg(&h), 0, 0, 0);
}

static abi_long loop_get_status(abi_ulong fd, abi_ulong arg)
{
    struct loop_info h;
    abi_long ret = host_call(__NR_ioctl, fd, LOOP_GET_STATUS, host_arg(&h), 0, 0, 0);
    if (ret < 0) {
        return ret;
    }
    GuestLoopInfo g = {
        .number = h.lo_number,
        .device = (uint32_t)h.lo_device,
        .inode = h.lo_inode,
        .rdevice = (uint32_t)h.lo_rdevice,
        .init = { h.lo_init[0], h.lo_init[1] },
    };
    memcpy(&g.offset, &h.lo_offset, LOOP_SAME);
    return guest_write(arg, &g, sizeof(g)) ? 0 : -EFAULT;
}

/* A virtual machine of the host runs the host's code. */
static abi_long refused(abi_ulong fd, abi_ulong arg)
{
    return -ENOTTY;
}

enum { KVM_TYPE = 0xae, KVM_GET_API = 0xae00, KVM_CREATE = 0xae01 };

static const struct IoctlRow {
    uint32_t request;
    abi_long (*handler)(abi_ulong fd, abi_ulong arg);
} ioctl_rows[] = {
    { LOOP_SET_STATUS, loop_set_status },
    { LOOP_GET_STATUS, loop_get_status },
    { PROCMAP_QUERY_, proc_self_query },
    { (uint32_t)SECCOMP_IOCTL_NOTIF_RECV, seccomp_notif_recv },
    { (uint32_t)SECCOMP_IOCTL_NOTIF_SEND, seccomp_notif_send },
    { KVM_GET_API, refused },
    { KVM_CREATE, refused },
};

abi_long sys_ioctl(CPUState *cpu, const abi_ulong *a)
{
    uint32_t request = (uint32_t)a[1];
    for (unsigned i = 0; i < G_N_ELEMENTS(ioctl_rows); i++) {
        if (ioctl_rows[i].request == request) {
            return ioctl_rows[i].handler(a[0], a[2]);
        }
    }
    const NestedRow *nested = guest_base ? nested_find(__NR_ioctl, a) : NULL;
    if (nested) {
        return nested_call(nested, safe_syscall, a, a);
    }
    return safe_syscall(__NR_ioctl, a[0], request, maybe_pointer(a[2]), 0, 0, 0);
}
