/*
 * linux-user/mdwe.h: PR_SET_MDWE, memory-deny-write-execute: no new mapping is writable and
 * executable at once, and none becomes executable. Source: map_deny_write_exec() of
 * include/linux/mman.h, kernel/sys.c.
 *
 * The host is not told: the emulator makes code of its own. So what the host runs for the guest is
 * not held to it.
 */
#ifndef LINUX_USER_MDWE_H
#define LINUX_USER_MDWE_H

#include "linux-user/guest_ptr.h"

enum { MDWE_REFUSE_EXEC_GAIN = 1, MDWE_NO_INHERIT = 2 };

/* The bits of the process; setting them: 0 or -errno. */
abi_ulong mdwe_get(void);
abi_long mdwe_set(abi_ulong bits);

/* Those that a copy of the address space and the next program have. */
abi_ulong mdwe_inherited(void);
void mdwe_fork_child(void);

/* May memory with protection `old` not get `new`? A new mapping has its own as both. */
bool mdwe_denies(int old, int new);

#endif
