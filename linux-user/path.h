/*
 * linux-user/path.h: guest paths -> host paths, for -L and --root.
 *
 * -L overlays a sysroot: a guest path that exists under the prefix means the file there, otherwise
 * the host's. --root without namespaces (root.c): the prefix is all there is, but for the host's
 * own trees. In both, symbolic links and ".." are resolved inside the prefix, and paths relative to
 * a directory that lies in it as well. /proc/self/exe and its like are answered by proc_self.c.
 */
#ifndef LINUX_USER_PATH_H
#define LINUX_USER_PATH_H

#include <limits.h>
#include <stdbool.h>

void path_init(const char *ld_prefix);
/* dir, absolute and resolved, is the guest's root. trees: which of the host's trees it has, as bits
 * of the PathTree. */
typedef enum PathTree { PATH_PROC, PATH_SYS, PATH_DEV, PATH_TREES } PathTree;
extern const char *const path_trees[PATH_TREES];
void path_init_root(const char *dir, unsigned trees);

bool path_has_prefix(void);
bool path_is_root(void);
/* The prefix, absolute and resolved, without a trailing slash; "" when there is none. */
const char *path_prefix(void);

/* What becomes of a final symbolic link: it is left unless a slash follows; resolved; or left,
 * because the call is about the directory's entry. */
typedef enum PathFinal { PATH_NOFOLLOW, PATH_FOLLOW, PATH_ENTRY } PathFinal;

/* The host path for `path`, which is relative to dirfd: `path` itself or buf (PATH_MAX); what is in
 * buf is absolute. NULL and errno: too many links, or too long; with -L it never fails. */
const char *path_resolve_at(int dirfd, const char *path, char *buf, PathFinal final);
/* The same relative to the current directory; "", which is no file, when it fails. */
const char *path_resolve(const char *path, char *buf, bool follow);

/* What the host calls `host` as the guest calls it: under --root the part below it. */
const char *path_to_guest(const char *host);

#endif
