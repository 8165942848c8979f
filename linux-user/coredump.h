/*
 * linux-user/coredump.h: the guest's core file.
 */
#ifndef LINUX_USER_COREDUMP_H
#define LINUX_USER_COREDUMP_H

#include "linux-user/signal.h"

/* The process ends by sig, whose default action is a core file; info may be NULL. Write it if the
 * kernel would, and arrange that the kernel, which runs the emulator, says so in the wait status
 * and leaves no file of its own. Faults are not blocked on the host. */
void coredump(CPUState *cpu, int sig, const siginfo_t *info);

#endif
