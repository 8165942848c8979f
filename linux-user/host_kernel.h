/*
 * linux-user/host_kernel.h: how new the host's kernel is.
 */
#ifndef LINUX_USER_HOST_KERNEL_H
#define LINUX_USER_HOST_KERNEL_H

#include <stdbool.h>

/* Is the host Linux major.minor or newer? For what it does not tell by an error. */
bool host_kernel_has(unsigned major, unsigned minor);

#endif
