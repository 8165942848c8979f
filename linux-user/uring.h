/*
 * linux-user/uring.h: what io_uring's system calls (sys_uring.c) must be told.
 */
#ifndef LINUX_USER_URING_H
#define LINUX_USER_URING_H

#include "linux-user/guest_ptr.h"

/* The guest has mapped offset `off` of descriptor fd at addr: of a ring, it is remembered. */
void uring_mapped(int fd, abi_ulong off, abi_ulong addr);
/* In the child of a fork: no other thread holds the lock. */
void uring_fork_child(void);

#endif
