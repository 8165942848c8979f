/*
 * linux-user/owner.h: owners of files where users are emulated (ids.h).
 *
 * For the kernel all files are the real user's. What the guest says they are is kept with them, in
 * an extended attribute "user.rivet.owner" of the form "uid:gid"; a file without is root's.
 * Symbolic links, devices, FIFOs and sockets cannot have one, nor can files where the file system
 * has none: they stay root's. Modes are looked at by the kernel, which knows one user: owners are
 * only shown.
 */
#ifndef LINUX_USER_OWNER_H
#define LINUX_USER_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "linux-user/guest_ptr.h"

/* A file is (dirfd, path), path being an argument for the host; 0, or an empty one: dirfd
 * itself. */

/* In: the owner that the host tells; out: as the guest sees it. */
void owner_show(int dirfd, abi_ulong path, mode_t mode, uint32_t *uid, uint32_t *gid);

/* The guest gives the file to somebody; -1: it keeps that one. */
void owner_give(int dirfd, abi_ulong path, bool follow, uint32_t uid, uint32_t gid);

/* Are new files somebody else's than root's? Then each is given to its maker. */
bool owner_differs(void);
void owner_made(int dirfd, abi_ulong path);

#endif
