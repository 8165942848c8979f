/*
 * linux-user/path.c: the overlay of -L.
 *
 * A path is walked component by component inside the prefix, so that a symbolic link there,
 * absolute or not, and ".." stay inside: the part walked so far never holds a link. Nothing is remembered
 * between calls (the guest may change the prefix); a path whose first directories are not in the
 * prefix costs one host call.
 *
 * Trees that belong to the running system or hold the user's own files are always the host's.
 */
#include "linux-user/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

/* The prefix without a trailing slash, resolved once: the guest may change its directory. */
static char prefix[PATH_MAX];
static size_t prefix_len;

static const char *const host_trees[] = { "/proc", "/sys", "/dev", "/tmp", "/var/tmp" };

void path_init(const char *ld_prefix)
{
    prefix_len = 0;
    if (ld_prefix && *ld_prefix && realpath(ld_prefix, prefix) && strcmp(prefix, "/") != 0) {
        prefix_len = strlen(prefix);
    }
}

bool path_has_prefix(void)
{
    return prefix_len != 0;
}

const char *path_prefix(void)
{
    return prefix_len ? prefix : "";
}

static bool host_only(const char *path)
{
    for (size_t i = 0; i < sizeof(host_trees) / sizeof(host_trees[0]); i++) {
        size_t n = strlen(host_trees[i]);
        if (strncmp(path, host_trees[i], n) == 0 && (path[n] == '/' || path[n] == '\0')) {
            return true;
        }
    }
    return false;
}

/* A walk: `out` holds prefix and what is resolved, `todo` what is left (at the end of its buffer,
 * so that the text of a link can be put before it). */
typedef struct Walk {
    char *out;
    size_t len;
    char buf[2 * PATH_MAX];
    char *todo;
    int links;
} Walk;

static bool push_todo(Walk *w, const char *text, size_t n)
{
    if ((size_t)(w->todo - w->buf) < n + 1) {
        return false;
    }
    *--w->todo = '/';
    w->todo -= n;
    memcpy(w->todo, text, n);
    return true;
}

/* Append one component and look at it. False: the path is not in the prefix. */
static bool step(Walk *w, const char *name, size_t n, bool last, bool follow)
{
    if (w->len + 1 + n >= PATH_MAX) {
        return false;
    }
    w->out[w->len] = '/';
    memcpy(w->out + w->len + 1, name, n);
    w->out[w->len + 1 + n] = '\0';
    char link[PATH_MAX];
    ssize_t m = readlink(w->out, link, sizeof(link));
    if (m < 0) {
        if (errno != EINVAL && errno != EACCES) {
            return false;
        }
        w->len += 1 + n;                /* no link; or unreadable: the host call will say so */
        return true;
    }
    if (last && !follow) {
        w->len += 1 + n;
        return true;
    }
    if (++w->links > MAX_LINKS || m == 0 || !push_todo(w, link, (size_t)m)) {
        return false;
    }
    w->len = link[0] == '/' ? prefix_len : w->len;
    w->out[w->len] = '\0';
    return true;
}

static bool walk(Walk *w, bool follow)
{
    for (;;) {
        w->todo += strspn(w->todo, "/");
        size_t n = strcspn(w->todo, "/");
        if (n == 0) {
            return true;
        }
        const char *name = w->todo;
        w->todo += n;
        if (n == 1 && name[0] == '.') {
            continue;
        }
        if (n == 2 && name[0] == '.' && name[1] == '.') {
            while (w->len > prefix_len && w->out[--w->len] != '/') {
            }
            w->out[w->len] = '\0';
            continue;
        }
        bool last = w->todo[strspn(w->todo, "/")] == '\0';
        if (!step(w, name, n, last, follow)) {
            return false;
        }
    }
}

const char *path_resolve(const char *path, char *buf, bool follow)
{
    if (!prefix_len || path[0] != '/' || host_only(path)) {
        return path;
    }
    size_t n = strlen(path);
    if (n >= PATH_MAX) {
        return path;
    }
    Walk w;
    w.out = buf;
    w.len = prefix_len;
    w.links = 0;
    memcpy(buf, prefix, prefix_len + 1);
    w.todo = w.buf + sizeof(w.buf) - n - 1;
    memcpy(w.todo, path, n + 1);
    bool slash = path[n - 1] == '/';
    if (!walk(&w, follow || slash)) {
        return path;
    }
    if (slash && w.len + 1 < PATH_MAX) {
        buf[w.len++] = '/';
        buf[w.len] = '\0';
    }
    return buf;
}
