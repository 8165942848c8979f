/*
 * linux-user/root.h: --root, a directory as the guest's root.
 */
#ifndef LINUX_USER_ROOT_H
#define LINUX_USER_ROOT_H

#include <glib.h>
#include <stdbool.h>

/* Make dir the root of this process, before it has threads, and move to the same directory inside
 * or to its root. by_paths: without asking the kernel. False: the error is one line. */
bool root_enter(const char *dir, bool by_paths, GError **err);
/* chroot() under a root that is a matter of paths. */
void root_change(const char *host_dir);

#endif
