/*
 * linux-user/path.h: guest paths -> host paths. -L overlays a sysroot: an absolute guest path that
 * exists under the prefix (symbolic links resolved inside it) means the file there, otherwise the
 * host's. /proc/self/exe and its like are answered by sys_file.c, not here.
 */
#ifndef LINUX_USER_PATH_H
#define LINUX_USER_PATH_H

#include <limits.h>
#include <stdbool.h>

void path_init(const char *ld_prefix);
bool path_has_prefix(void);
/* The prefix, absolute and resolved, without a trailing slash; "" when there is none. */
const char *path_prefix(void);
/* The host path for `path`: `path` itself or buf (PATH_MAX). follow: resolve a final symbolic link
 * inside the prefix as well. Never fails: what is not under the prefix is returned unchanged. */
const char *path_resolve(const char *path, char *buf, bool follow);

#endif
