/*
 * linux-user/override.h: what root may do with files whose mode forbids it.
 *
 * An emulated root (ids.h) with CAP_DAC_OVERRIDE is for the kernel a plain user, whom the modes of
 * his own files bind. A system call that was refused is made again while the files and directories
 * that its paths lead through have the bits that were missing. Others may see these bits meanwhile,
 * and a new st_ctime after. In a user namespace the kernel knows better, and there is nothing to
 * do.
 */
#ifndef LINUX_USER_OVERRIDE_H
#define LINUX_USER_OVERRIDE_H

#include "linux-user/strace.h"

/* After the row's handler has returned -EACCES: what the call returns. */
abi_long override_refused(CPUState *cpu, const SyscallRow *row, const abi_ulong *a);

#endif
