/*
 * linux-user/host_kernel.c: how new the host's kernel is.
 */
#include "linux-user/host_kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

bool host_kernel_has(unsigned major, unsigned minor)
{
    struct utsname u;
    unsigned its_major, its_minor;
    return uname(&u) == 0 && sscanf(u.release, "%u.%u", &its_major, &its_minor) == 2 &&
           (its_major > major || (its_major == major && its_minor >= minor));
}
