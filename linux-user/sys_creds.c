/*
 * linux-user/sys_creds.c: users in the messages of Unix sockets. Source: unix(7), socket(7),
 * cmsg(3).
 *
 * Forwarded, unless users are emulated: then peers are shown as the owners of files are, and what a
 * process says of itself reaches the kernel as what it is there.
 */
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "linux-user/ids.h"
#include "linux-user/sys_common.h"

enum { CONTROL_MAX = 4096 };

/* What an emulated root says to the audit is for the kernel a plain user's, and refused. su and
 * sudo do without where there is none. */
abi_long sys_socket(CPUState *cpu, const abi_ulong *a)
{
    bool audit = G_UNLIKELY(ids.on) && (int)a[0] == AF_NETLINK && (int)a[2] == NETLINK_AUDIT;
    return audit && ids.host_uid != 0 ? -EPROTONOSUPPORT : sys_forward(cpu, a);
}

abi_long sys_getsockopt(CPUState *cpu, const abi_ulong *a)
{
    struct ucred c;
    uint32_t len;
    abi_long ret = sys_forward(cpu, a);
    if (G_UNLIKELY(ids.on) && ret == 0 && (int)a[1] == SOL_SOCKET && (int)a[2] == SO_PEERCRED &&
        guest_read(&len, a[4], sizeof(len)) && len == sizeof(c) &&
        guest_read(&c, a[3], sizeof(c))) {
        c.uid = ids_show_uid(c.uid);
        c.gid = ids_show_gid(c.gid);
        guest_write(a[3], &c, sizeof(c));
    }
    return ret;
}

/* The credentials in the control messages after *at, which starts as NULL; NULL: no more. */
static struct ucred *next_credentials(struct msghdr *m, struct cmsghdr **at)
{
    for (*at = *at ? CMSG_NXTHDR(m, *at) : CMSG_FIRSTHDR(m); *at; *at = CMSG_NXTHDR(m, *at)) {
        if ((*at)->cmsg_level == SOL_SOCKET && (*at)->cmsg_type == SCM_CREDENTIALS &&
            (*at)->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            return (struct ucred *)(void *)CMSG_DATA(*at);
        }
    }
    return NULL;
}

/* The guest's message, its control messages in buf. False: it has none, or more than there is room
 * for. */
static bool read_control(abi_ulong msg, struct msghdr *m, uint8_t *buf, abi_ulong *control)
{
    if (!guest_read(m, msg, sizeof(*m)) || m->msg_controllen < sizeof(struct cmsghdr) ||
        m->msg_controllen > CONTROL_MAX) {
        return false;
    }
    *control = (abi_ulong)(uintptr_t)m->msg_control;
    m->msg_control = buf;
    return guest_read(buf, *control, m->msg_controllen);
}

abi_long sys_recvmsg(CPUState *cpu, const abi_ulong *a)
{
    _Alignas(8) uint8_t buf[CONTROL_MAX];
    struct msghdr m;
    struct cmsghdr *at = NULL;
    struct ucred *c;
    abi_ulong control;
    abi_long ret = sys_forward_blocking(cpu, a);
    if (G_UNLIKELY(ids.on) && ret >= 0 && read_control(a[1], &m, buf, &control)) {
        while ((c = next_credentials(&m, &at)) != NULL) {
            c->uid = ids_show_uid(c->uid);
            c->gid = ids_show_gid(c->gid);
        }
        guest_write(control, buf, m.msg_controllen);
    }
    return ret;
}

/* The kernel refuses users that we are not for it. */
abi_long sys_sendmsg(CPUState *cpu, const abi_ulong *a)
{
    _Alignas(8) uint8_t buf[CONTROL_MAX], was[CONTROL_MAX];
    struct msghdr m;
    struct cmsghdr *at = NULL;
    struct ucred *c;
    abi_ulong control;
    abi_long ret = sys_forward_blocking(cpu, a);
    if (G_LIKELY(ret != -EPERM) || !ids.on || !read_control(a[1], &m, buf, &control)) {
        return ret;
    }
    memcpy(was, buf, m.msg_controllen);
    while ((c = next_credentials(&m, &at)) != NULL) {
        c->uid = ids.host_uid;
        c->gid = ids.host_gid;
    }
    if (memcmp(was, buf, m.msg_controllen) != 0 && guest_write(control, buf, m.msg_controllen)) {
        ret = sys_forward_blocking(cpu, a);
        guest_write(control, was, m.msg_controllen);
    }
    return ret;
}
