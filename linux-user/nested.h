/*
 * linux-user/nested.h: with a guest_base, pointers inside the structures that calls are given
 * (nested.def).
 */
#ifndef LINUX_USER_NESTED_H
#define LINUX_USER_NESTED_H

#include "linux-user/syscall.h"

typedef struct NestedRow NestedRow;

/* The row for host call nr with the guest's arguments a, or NULL. */
const NestedRow *nested_find(long nr, const abi_ulong *a);

/* Make the call with arguments b, but for the one of the row, of which the host gets a copy. */
abi_long nested_call(const NestedRow *row, HostCall *call, const abi_ulong *a, const abi_ulong *b);

#endif
