/*
 * linux-user/syscall_convert.c: forwarded calls whose arguments must change on the way.
 *
 * Two reasons: guest_base is not 0 (every pointer moves, also those inside iovec and msghdr), or -L
 * or --root is in force (paths are resolved). Everything is decided by the kinds in syscalls.def,
 * and for pointers inside other structures by nested.def, which also says what is not converted.
 */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "linux-user/nested.h"
#include "linux-user/proc_self.h"
#include "linux-user/sys_common.h"

enum {
    MAX_IOV = 1024,             /* UIO_MAXIOV; the kernel refuses more */
    AT_SYMLINK_NOFOLLOW_ = 0x100,
    AT_SYMLINK_FOLLOW_ = 0x400,
};

abi_ulong path_arg(abi_ulong dirfd, abi_ulong addr, PathFinal final, char buf[PATH_MAX])
{
    if (path_failed(addr)) {
        return NOWHERE;                 /* it is not one of our errors */
    }
    if (final == PATH_FOLLOW && G_UNLIKELY(proc_names_exe(addr))) {
        char exe[PATH_MAX];
        const char *program = proc_exe((int)dirfd, addr, exe);
        if (program) {
            const char *host = proc_exe_host(program, buf);
            return host_arg(host == exe ? strcpy(buf, exe) : host);
        }
    }
    if (!addr || !path_has_prefix()) {
        return shift_arg(addr);
    }
    char *path = guest_strdup(addr);
    if (!path) {
        return shift_arg(addr);         /* the kernel says EFAULT */
    }
    const char *host = path_resolve_at((int)dirfd, path, buf, final);
    int err = errno;
    bool same = host == path;
    g_free(path);
    return !host ? (abi_ulong)-err : same ? shift_arg(addr) : host_arg(buf);
}

bool path_copy(abi_ulong path, char buf[PATH_MAX])
{
    abi_ulong at = path - guest_base;
    abi_long len = guest_strnlen(at, PATH_MAX);
    return len >= 0 && len < PATH_MAX && guest_read(buf, at, (size_t)len + 1);
}

/* Host copy of a guest iovec array (g_free), or NULL when the kernel shall find the fault
 * itself. */
static struct iovec *iov_copy(abi_ulong addr, abi_ulong count)
{
    if (!addr || count == 0 || count > MAX_IOV) {
        return NULL;
    }
    struct iovec *iov = g_new(struct iovec, count);
    if (!guest_read(iov, addr, count * sizeof(*iov))) {
        g_free(iov);
        return NULL;
    }
    for (abi_ulong i = 0; i < count; i++) {
        iov[i].iov_base = (void *)(uintptr_t)shift_arg((abi_ulong)(uintptr_t)iov[i].iov_base);
    }
    return iov;
}

/* Host copy of an array of guest pointers (g_free), or NULL as above. */
static abi_ulong *pointers_copy(abi_ulong addr, abi_ulong count)
{
    enum { MAX_POINTERS = 1 << 20 };
    if (!addr || count == 0 || count > MAX_POINTERS) {
        return NULL;
    }
    abi_ulong *p = g_new(abi_ulong, count);
    if (!guest_read(p, addr, count * sizeof(*p))) {
        g_free(p);
        return NULL;
    }
    for (abi_ulong i = 0; i < count; i++) {
        p[i] = shift_arg(p[i]);
    }
    return p;
}

/* In: the guest's msghdr in *m; out: one with host pointers. Returns the iovec to free. */
static struct iovec *msg_to_host(struct msghdr *m)
{
    struct iovec *iov = iov_copy((abi_ulong)(uintptr_t)m->msg_iov, m->msg_iovlen);
    m->msg_iov = iov ? iov : (void *)(uintptr_t)shift_arg((abi_ulong)(uintptr_t)m->msg_iov);
    m->msg_control = (void *)(uintptr_t)shift_arg((abi_ulong)(uintptr_t)m->msg_control);
    return iov;
}

/* What the kernel wrote into a msghdr goes to the guest's one. */
static void msg_results(struct msghdr *guest, const struct msghdr *host)
{
    guest->msg_namelen = host->msg_namelen;
    guest->msg_controllen = host->msg_controllen;
    guest->msg_flags = host->msg_flags;
}

/* One msghdr (stride 56) or an array of mmsghdr (stride 64): with a mmsghdr the length follows. */
typedef struct MsgArray {
    abi_ulong addr;
    size_t stride, count;
    bool sends;                     /* sendmsg, sendmmsg: their names go to the host */
    uint8_t *guest, *host;
    struct iovec **iov;
    SocketName *name;
} MsgArray;

static void msg_name_to_host(struct msghdr *m, SocketName *name)
{
    abi_ulong len = m->msg_namelen;
    m->msg_name = (void *)(uintptr_t)socket_name_arg(name, (abi_ulong)(uintptr_t)m->msg_name, &len,
                                                     true);
    m->msg_namelen = (socklen_t)len;
}

/* A name that was sent is as it was; one that was received may be another for the guest. */
static void msg_name_from_host(const MsgArray *ma, const struct msghdr *guest, struct msghdr *host)
{
    if (ma->sends) {
        host->msg_namelen = guest->msg_namelen;
    } else if (path_is_root() && guest->msg_name) {
        host->msg_namelen = socket_name_to_guest((abi_ulong)(uintptr_t)guest->msg_name,
                                                 guest->msg_namelen, host->msg_namelen);
    }
}

static bool msgs_copy(MsgArray *ma, abi_ulong addr, size_t stride, abi_ulong count, bool sends)
{
    *ma = (MsgArray){ .addr = addr, .stride = stride, .count = MIN(count, MAX_IOV),
                      .sends = sends };
    size_t bytes = ma->count * stride;
    ma->guest = g_malloc0(bytes + 1);
    if (!addr || !guest_read(ma->guest, addr, bytes)) {
        g_free(ma->guest);
        return false;
    }
    ma->host = g_memdup2(ma->guest, bytes + 1);
    ma->iov = g_new0(struct iovec *, ma->count + 1);
    ma->name = g_new0(SocketName, ma->count + 1);
    for (size_t i = 0; i < ma->count; i++) {
        struct msghdr *m = (struct msghdr *)(ma->host + i * stride);
        ma->iov[i] = msg_to_host(m);
        ma->name[i].dir = -1;
        if (sends) {
            msg_name_to_host(m, &ma->name[i]);
        } else {
            m->msg_name = (void *)(uintptr_t)shift_arg((abi_ulong)(uintptr_t)m->msg_name);
        }
    }
    return true;
}

static void msgs_finish(MsgArray *ma, abi_long ret)
{
    size_t done = ret < 0 ? 0 : ma->stride == sizeof(struct msghdr) ? 1 : (size_t)ret;
    for (size_t i = 0; i < ma->count; i++) {
        uint8_t *guest = ma->guest + i * ma->stride;
        uint8_t *host = ma->host + i * ma->stride;
        socket_name_close(&ma->name[i]);
        if (i < done) {
            msg_name_from_host(ma, (struct msghdr *)guest, (struct msghdr *)host);
            msg_results((struct msghdr *)guest, (const struct msghdr *)host);
            memcpy(guest + sizeof(struct msghdr), host + sizeof(struct msghdr),
                   ma->stride - sizeof(struct msghdr));
        }
        g_free(ma->iov[i]);
    }
    if (done) {
        guest_write(ma->addr, ma->guest, MIN(done, ma->count) * ma->stride);
    }
    g_free(ma->name);
    g_free(ma->iov);
    g_free(ma->host);
    g_free(ma->guest);
}

/* The row's AT_* flags if it has such an argument. */
static abi_ulong at_flags(const SyscallRow *row, const abi_ulong *a)
{
    for (unsigned i = 0; i < 6; i++) {
        if (row->arg[i] == ARG_ATFLAGS) {
            return a[i];
        }
    }
    return 0;
}

static PathFinal path_final(const SyscallRow *row, unsigned i, abi_ulong flags)
{
    switch (row->arg[i]) {
    case ARG_PATHENT:
        return PATH_ENTRY;
    case ARG_PATHNF:
        return flags & AT_SYMLINK_FOLLOW_ ? PATH_FOLLOW : PATH_NOFOLLOW;
    default:
        return flags & AT_SYMLINK_NOFOLLOW_ ? PATH_NOFOLLOW : PATH_FOLLOW;
    }
}

abi_long forward_call(const SyscallRow *row, const abi_ulong *a, HostCall *call)
{
    char path[2][PATH_MAX];             /* no call has more than two */
    unsigned paths = 0;
    SocketName name = { .dir = -1 };
    abi_ulong name_len = 0;
    unsigned name_at = 0;               /* the argument that has its length */
    /* Of arrays. process_vm_readv() has two: that the other process may have another guest_base is
     * not known here. */
    void *copy[2] = { NULL, NULL };
    unsigned copies = 0;
    MsgArray msgs = { 0 };
    abi_ulong flags = at_flags(row, a);
    abi_ulong b[6];
    for (unsigned i = 0; i < 6; i++) {
        ArgKind kind = (ArgKind)row->arg[i];
        b[i] = row->ptr_mask >> i & 1 ? shift_arg(a[i]) : a[i];
        if (row->path_mask >> i & 1) {
            bool relative = i > 0 && row->arg[i - 1] == ARG_DIRFD;
            b[i] = path_arg(relative ? a[i - 1] : (abi_ulong)AT_FDCWD, a[i],
                            path_final(row, i, flags), path[paths++]);
            if (path_failed(b[i])) {
                return (abi_long)b[i];
            }
        } else if (kind == ARG_SOCKADDR && path_is_root()) {
            name_len = a[i + 1];
            name_at = i + 1;
            b[i] = socket_name_arg(&name, a[i], &name_len,
                                   row->host_nr == __NR_bind ? PATH_ENTRY : PATH_FOLLOW);
        } else if (guest_base && (kind == ARG_IOV || kind == ARG_PTRS)) {
            void *array = kind == ARG_IOV ? (void *)iov_copy(a[i], a[i + 1])
                                          : (void *)pointers_copy(a[i], a[i - 1]);
            b[i] = array ? host_arg(array) : b[i];
            copy[copies++] = array;
        } else if ((guest_base || path_is_root()) && (kind == ARG_MSGHDR || kind == ARG_MMSGHDR)) {
            bool one = kind == ARG_MSGHDR;
            bool sends = row->host_nr == __NR_sendmsg || row->host_nr == __NR_sendmmsg;
            size_t stride = one ? sizeof(struct msghdr) : sizeof(struct mmsghdr);
            if (msgs_copy(&msgs, a[i], stride, one ? 1 : a[i + 1], sends)) {
                b[i] = host_arg(msgs.host);
            } else {
                msgs.count = 0;
            }
        }
    }
    if (name_at) {
        b[name_at] = name_len;
    }
    const NestedRow *nested = guest_base ? nested_find(row->host_nr, a) : NULL;
    abi_long ret = nested ? nested_call(nested, call, a, b)
                          : call(row->host_nr, b[0], b[1], b[2], b[3], b[4], b[5]);
    if (msgs.host && msgs.count) {
        msgs_finish(&msgs, ret);
    }
    socket_name_close(&name);
    g_free(copy[0]);
    g_free(copy[1]);
    return ret;
}

/* Where the operation has pointers, bit 0 for the first argument after it. */
abi_long sys_keyctl(CPUState *cpu, const abi_ulong *a)
{
    static const uint8_t pointers[] = {
        [KEYCTL_JOIN_SESSION_KEYRING] = 1, [KEYCTL_UPDATE] = 2, [KEYCTL_DESCRIBE] = 2,
        [KEYCTL_SEARCH] = 6, [KEYCTL_READ] = 2, [KEYCTL_INSTANTIATE] = 2, [KEYCTL_GET_SECURITY] = 2,
        [KEYCTL_INSTANTIATE_IOV] = 2, [KEYCTL_DH_COMPUTE] = 11, [KEYCTL_PKEY_QUERY] = 12,
        [KEYCTL_PKEY_ENCRYPT] = 15, [KEYCTL_PKEY_DECRYPT] = 15, [KEYCTL_PKEY_SIGN] = 15,
        [KEYCTL_PKEY_VERIFY] = 15, [KEYCTL_RESTRICT_KEYRING] = 6, [KEYCTL_CAPABILITIES] = 1,
    };
    unsigned mask = (uint32_t)a[0] < G_N_ELEMENTS(pointers) ? pointers[a[0] & 31] : 0;
    struct iovec *iov = NULL;
    abi_ulong b[5] = { a[0] };
    for (unsigned i = 1; i < 5; i++) {
        b[i] = mask >> (i - 1) & 1 ? shift_arg(a[i]) : a[i];
    }
    if (guest_base && (uint32_t)a[0] == KEYCTL_INSTANTIATE_IOV) {
        iov = iov_copy(a[2], a[3]);
        b[2] = iov ? host_arg(iov) : b[2];
    }
    abi_long ret = host_call(__NR_keyctl, b[0], b[1], b[2], b[3], b[4], 0);
    g_free(iov);
    return ret;
}

/* By SIGEV_THREAD it is a library's thread that waits, and the value points to what that one
 * gets. */
abi_long sys_mq_notify(CPUState *cpu, const abi_ulong *a)
{
    struct sigevent ev;
    if (!guest_base || !a[1] || !guest_read(&ev, a[1], sizeof(ev)) ||
        ev.sigev_notify != SIGEV_THREAD) {
        return sys_forward(cpu, a);
    }
    ev.sigev_value.sival_ptr = g2h_or_null((abi_ulong)(uintptr_t)ev.sigev_value.sival_ptr);
    return host_call(__NR_mq_notify, a[0], host_arg(&ev), 0, 0, 0, 0);
}
