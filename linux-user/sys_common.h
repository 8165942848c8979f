/*
 * linux-user/sys_common.h: what the sys_*.c files share, besides syscall.h.
 */
#ifndef LINUX_USER_SYS_COMMON_H
#define LINUX_USER_SYS_COMMON_H

#include <glib.h>
#include <limits.h>
#include <sys/un.h>
#include <time.h>

#include "linux-user/path.h"
#include "linux-user/strace.h"
#include "linux-user/syscall.h"

/* A pointer for the host kernel, as an argument. */
static inline abi_ulong host_arg(const void *p)
{
    return (abi_ulong)(uintptr_t)p;
}

/* The guest's pointer as an argument of a host call; NULL stays NULL. */
static inline abi_ulong shift_arg(abi_ulong addr)
{
    return addr ? addr + guest_base : 0;
}

/* The row of the call that runs now. */
static inline const SyscallRow *current_row(const CPUState *cpu)
{
    return syscall_row(cpu->env.gpr[RV_A7]);
}

/* Forward the row with its arguments converted (syscall_convert.c) when guest_base or -L ask for
 * it. */
abi_long forward_call(const SyscallRow *row, const abi_ulong *a, HostCall *call);

/* An address that no process has, for a call that has to fail: the kernel says which error is
 * first. */
#define NOWHERE ((abi_ulong)1 << 63)

/* The guest path at addr, relative to dirfd, for the host kernel: the guest's own string, or what
 * path_resolve_at() made of it in buf; or -errno, which path_failed() tells. */
abi_ulong path_arg(abi_ulong dirfd, abi_ulong addr, PathFinal final, char buf[PATH_MAX]);
static inline bool path_failed(abi_ulong path)
{
    return path > (abi_ulong)-4096;
}

/* The same for a call with AT_* flags: AT_SYMLINK_NOFOLLOW decides. */
static inline abi_ulong path_arg_at(abi_ulong dirfd, abi_ulong addr, abi_ulong flags,
                                    char buf[PATH_MAX])
{
    return path_arg(dirfd, addr, flags & 0x100 ? PATH_NOFOLLOW : PATH_FOLLOW, buf);
}

/* A copy of such a path for us to read: false when it is nowhere (by now), or too long. */
bool path_copy(abi_ulong path, char buf[PATH_MAX]);

/* sys_net.c: the address of a Unix socket is a path. For the host, where that is another one: made
 * of the guest's of *len bytes, which may change; to be closed after the call. */
typedef struct SocketName {
    struct sockaddr_un un;
    int dir;                        /* of a path that does not fit, or -1 */
} SocketName;
abi_ulong socket_name_arg(SocketName *n, abi_ulong addr, abi_ulong *len, PathFinal final);
void socket_name_close(SocketName *n);
/* The host has written an address of len bytes to addr, where there was room for `room`: as the
 * guest calls it. Returns its length. */
uint32_t socket_name_to_guest(abi_ulong addr, uint32_t room, uint32_t len);

/* sys_time.c: what restart_syscall goes on with, set by a call that answers ERESTART_RESTARTBLOCK:
 * one with a relative timeout, which a signal without a handler does not begin anew. */
typedef struct RestartBlock {
    abi_long (*go_on)(const struct RestartBlock *block);    /* NULL: nothing */
    struct timespec end;
    abi_ulong a[3];
} RestartBlock;
extern __thread RestartBlock restart_block;
struct timespec timespec_add(struct timespec x, struct timespec y);

/* With a guest_base: an argument that may be a number or a pointer. Numbers are never mapped. */
abi_ulong maybe_pointer(abi_ulong arg);

/* File descriptors that belong to the emulator (sys_file.c). No call takes one as its first
 * argument (syscall_run()), and the guest can neither close nor replace them. fd_own() moves *fd
 * out of the guest's way, close-on-exec, and keeps *fd up to date when it has to move again; *fd
 * must live as long as it is owned. */
void fd_own(int *fd);
void fd_disown(int *fd);
bool fd_is_ours(int fd);
extern _Atomic int fd_owned_count;
/* The guest has another RLIMIT_NOFILE. */
void fd_limit_changed(void);

/* For what has to open files of its own where the guest's limit leaves it no descriptor: some more,
 * until fd_room_end(), which leaves errno. False: the hard limit is not for us to raise. */
typedef struct FdRoom {
    unsigned long cur, max; /* the guest's RLIMIT_NOFILE; both 0: nothing was done */
} FdRoom;
bool fd_room_make(FdRoom *room);
void fd_room_end(FdRoom *room);

#endif
