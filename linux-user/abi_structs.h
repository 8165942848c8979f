/*
 * linux-user/abi_structs.h: the kernel structures that riscv64 lays out differently from x86-64.
 *
 * From include/uapi/asm-generic. All others that pass through forwarded calls are the same on both
 * sides: tests/unit/test_syscall_layout.c pins them.
 */
#ifndef LINUX_USER_ABI_STRUCTS_H
#define LINUX_USER_ABI_STRUCTS_H

#include <stdint.h>

/* asm-generic/stat.h */
typedef struct GuestStat {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size;
    int32_t blksize, pad2;
    int64_t blocks;
    int64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
    uint32_t unused[2];
} GuestStat;
_Static_assert(sizeof(GuestStat) == 128, "struct stat of asm-generic");

/* linux/eventpoll.h: packed on x86-64 only */
typedef struct GuestEpollEvent {
    uint32_t events, pad;
    uint64_t data;
} GuestEpollEvent;
_Static_assert(sizeof(GuestEpollEvent) == 16, "struct epoll_event, not packed");

/* asm-generic/ipcbuf.h, the same on both sides */
typedef struct GuestIpcPerm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq, pad2;
    uint64_t unused[2];
} GuestIpcPerm;

/* asm-generic/sembuf.h */
typedef struct GuestSemidDs {
    GuestIpcPerm perm;
    int64_t otime, ctime;
    uint64_t nsems, unused[2];
} GuestSemidDs;
_Static_assert(sizeof(GuestSemidDs) == 88, "struct semid64_ds of asm-generic");

/* The host's: asm/sembuf.h of x86 */
typedef struct HostSemidDs {
    GuestIpcPerm perm;
    int64_t otime, unused1, ctime, unused2;
    uint64_t nsems, unused[2];
} HostSemidDs;
_Static_assert(sizeof(HostSemidDs) == 104, "struct semid64_ds of x86-64");

/* asm-generic struct termios and others are the same on x86-64. */

#endif
