/*
 * linux-user/sys_net.c: the addresses of sockets, which are the host's but for one thing: that of a
 * Unix socket is a path, and under --root without namespaces the host has another one.
 *
 * A path too long for an address goes through a descriptor of its directory. What a socket is bound
 * to is what it was bound to on the host, so an address with symbolic links comes back without
 * them.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/sys_common.h"

enum { PATH_OFFSET = offsetof(struct sockaddr_un, sun_path) };

void socket_name_close(SocketName *n)
{
    if (n->dir >= 0) {
        close(n->dir);
    }
}

/* The host's path as an address. False: it does not fit, and there is no descriptor. */
static bool set_path(SocketName *n, const char *host)
{
    if (g_strlcpy(n->un.sun_path, host, sizeof(n->un.sun_path)) < sizeof(n->un.sun_path)) {
        return true;
    }
    const char *slash = strrchr(host, '/');
    char *dir = g_strndup(host, (gsize)(slash - host) + 1);
    n->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_free(dir);
    int len = snprintf(n->un.sun_path, sizeof(n->un.sun_path), "/proc/self/fd/%d%s", n->dir, slash);
    return n->dir >= 0 && len < (int)sizeof(n->un.sun_path);
}

abi_ulong socket_name_arg(SocketName *n, abi_ulong addr, abi_ulong *len, PathFinal final)
{
    char path[sizeof(n->un.sun_path) + 1] = "", buf[PATH_MAX];
    abi_ulong size = *len;
    n->dir = -1;
    if (!path_is_root() || !addr || size <= PATH_OFFSET || size > sizeof(n->un) ||
        !guest_read(&n->un, addr, size) || n->un.sun_family != AF_UNIX || !n->un.sun_path[0]) {
        return shift_arg(addr);
    }
    memcpy(path, n->un.sun_path, size - PATH_OFFSET);
    const char *host = path_resolve_at(AT_FDCWD, path, buf, final);
    if (host == path) {
        return shift_arg(addr);
    }
    if (!host || !set_path(n, host)) {
        strcpy(n->un.sun_path, "/proc/self/none");      /* ENOENT, as good as any */
    }
    *len = PATH_OFFSET + strlen(n->un.sun_path) + 1;
    return host_arg(&n->un);
}

uint32_t socket_name_to_guest(abi_ulong addr, uint32_t room, uint32_t len)
{
    struct sockaddr_un un = { 0 };
    uint32_t n = MIN(MIN(room, len), sizeof(un));
    if (n <= PATH_OFFSET || !guest_read(&un, addr, n) || un.sun_family != AF_UNIX) {
        return len;
    }
    char path[sizeof(un.sun_path) + 1] = "";
    memcpy(path, un.sun_path, sizeof(un.sun_path));
    const char *shown = path_to_guest(path);
    if (shown == path) {
        return len;
    }
    size_t size = strlen(shown) + 1;
    guest_write(addr + PATH_OFFSET, shown, MIN(size, n - PATH_OFFSET));
    return PATH_OFFSET + (uint32_t)size;
}

/* getsockname, getpeername, accept, accept4, recvfrom: an address and its length come back. */
abi_long sys_socket_name(CPUState *cpu, const abi_ulong *a)
{
    const SyscallRow *row = current_row(cpu);
    bool waits = row->host_nr != __NR_getsockname && row->host_nr != __NR_getpeername;
    unsigned at = row->host_nr == __NR_recvfrom ? 4 : 1;
    uint32_t room = 0, len = 0;
    bool named = path_is_root() && a[at] && guest_read(&room, a[at + 1], sizeof(room));
    abi_long ret = waits ? sys_forward_blocking(cpu, a) : sys_forward(cpu, a);
    if (named && ret >= 0 && guest_read(&len, a[at + 1], sizeof(len))) {
        len = socket_name_to_guest(a[at], room, len);
        guest_write(a[at + 1], &len, sizeof(len));
    }
    return ret;
}
