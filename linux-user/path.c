/*
 * linux-user/path.c: see path.h.
 *
 * A path is walked component by component inside the prefix, so that a symbolic link there,
 * absolute or not, and ".." stay inside: the part walked so far never holds a link. Nothing is
 * remembered between calls (the guest may change the prefix); a path whose first directories are
 * not under the prefix of -L costs one host call.
 *
 * Some trees are the host's: under -L those of the running system and of the user's own files,
 * always; under --root those that root.c found missing, where the walk enters them and comes back
 * to the root by "..". The links of /proc that are no text (fd/5, cwd) are the kernel's when they
 * come last.
 */
#include "linux-user/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

/* The prefix without a trailing slash, resolved once: the guest may change its directory. */
static char prefix[PATH_MAX];
static size_t prefix_len;
static bool is_root;
static unsigned root_trees;

const char *const path_trees[PATH_TREES] = { "/proc", "/sys", "/dev" };
static const char *const host_trees[] = { "/proc", "/sys", "/dev", "/tmp", "/var/tmp" };

void path_init(const char *ld_prefix)
{
    prefix_len = 0;
    is_root = false;
    if (ld_prefix && *ld_prefix && realpath(ld_prefix, prefix) && strcmp(prefix, "/") != 0) {
        prefix_len = strlen(prefix);
    }
}

void path_init_root(const char *dir, unsigned trees)
{
    prefix_len = strlen(dir);
    memcpy(prefix, dir, prefix_len + 1);
    is_root = true;
    root_trees = trees;
}

bool path_has_prefix(void)
{
    return prefix_len != 0;
}

bool path_is_root(void)
{
    return is_root;
}

const char *path_prefix(void)
{
    return prefix_len ? prefix : "";
}

static bool is_below(const char *path, const char *dir, size_t n)
{
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool host_only(const char *path)
{
    for (size_t i = 0; i < sizeof(host_trees) / sizeof(host_trees[0]); i++) {
        if (is_below(path, host_trees[i], strlen(host_trees[i]))) {
            return true;
        }
    }
    return false;
}

/* Is `path`, for the host, in one of its trees that the root has? */
static bool in_tree(const char *path)
{
    for (unsigned i = 0; is_root && i < PATH_TREES; i++) {
        if (root_trees >> i & 1 && is_below(path, path_trees[i], strlen(path_trees[i]))) {
            return true;
        }
    }
    return false;
}

const char *path_to_guest(const char *host)
{
    if (!is_root || !is_below(host, prefix, prefix_len)) {
        return host;
    }
    return host[prefix_len] ? host + prefix_len : "/";
}

/* A walk: `out` holds the host path of what is resolved, `todo` what is left (at the end of its
 * buffer, so that the text of a link can be put before it). */
typedef struct Walk {
    char *out;
    size_t len;
    bool host;                      /* out is in a tree of the host's, not under the prefix */
    char buf[2 * PATH_MAX];
    char *todo;
    int links;
    bool moved;                     /* a link has led back to the root: path is another by now */
    bool slash;                     /* at the end of the path, or of a link there: a directory */
} Walk;

static void set_out(Walk *w, const char *path, size_t n)
{
    memmove(w->out, path, n);
    w->out[n] = '\0';
    w->len = n;
    w->host = !is_below(w->out, prefix, prefix_len);
}

/* What is left begins with a slash, or is nothing. */
static bool push_todo(Walk *w, const char *text, size_t n)
{
    if ((size_t)(w->todo - w->buf) < n) {
        return false;
    }
    w->todo -= n;
    memcpy(w->todo, text, n);
    return true;
}

typedef enum StepResult { STEP_ON, STEP_ABSENT, STEP_FAILED } StepResult;

/* "..", which only a directory has. */
static StepResult step_up(Walk *w)
{
    size_t len = w->len;
    if (len + 4 > PATH_MAX) {
        errno = ENAMETOOLONG;
        return STEP_FAILED;
    }
    memcpy(w->out + len, "/.", 3);
    if (access(w->out, F_OK) < 0) {
        memcpy(w->out + len, "/..", 4);
        w->len += 3;
        return STEP_ABSENT;
    }
    size_t floor = w->host ? 0 : prefix_len;
    while (len > floor && w->out[--len] != '/') {
    }
    if (w->host && len == 0) {
        set_out(w, prefix, prefix_len);
    } else {
        w->out[w->len = len] = '\0';
    }
    return STEP_ON;
}

/* Links of /proc that lead somewhere by themselves: "/a/directory", "pipe:[5]", "net:[7]". */
static bool is_magic(const Walk *w, const char *text)
{
    return w->host && is_below(w->out, "/proc", 5) && (text[0] == '/' || strchr(text, ':'));
}

/* Append what is left as it is: it does not exist, or the kernel knows better. */
static StepResult leave_rest(Walk *w)
{
    size_t n = strlen(w->todo);
    if (w->len + n + 1 >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return STEP_FAILED;
    }
    memcpy(w->out + w->len, w->todo, n + 1);
    w->len += n;
    w->todo += n;
    return STEP_ON;
}

/* w->out, of which the first `before` bytes were known already, is the link `text` of n bytes. */
static StepResult follow_link(Walk *w, size_t before, char *text, size_t n, bool last)
{
    text[n] = '\0';
    if (is_magic(w, text)) {
        if (strcmp(text, "/") == 0) {               /* root, or the cwd of somebody outside */
            set_out(w, prefix, prefix_len);
        } else if (!last && (is_below(text, prefix, prefix_len) || in_tree(text))) {
            set_out(w, text, n);
        }
        return STEP_ON;
    }
    if (!is_root && text[0] == '/' && host_only(text)) {
        set_out(w, text, n);
        return leave_rest(w);
    }
    if (++w->links > MAX_LINKS || n == 0 || !push_todo(w, text, n)) {
        errno = n == 0 ? ENOENT : ELOOP;
        return STEP_FAILED;
    }
    w->slash |= last && text[n - 1] == '/';
    if (text[0] == '/') {
        set_out(w, prefix, prefix_len);
        w->moved = true;
    } else {
        w->out[w->len = before] = '\0';
    }
    return STEP_ON;
}

/* Append one component and look at it. */
static StepResult step(Walk *w, const char *name, size_t n, bool last, bool follow)
{
    size_t before = w->len;
    if (before + 1 + n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return STEP_FAILED;
    }
    w->out[before] = '/';
    memcpy(w->out + before + 1, name, n);
    w->out[w->len = before + 1 + n] = '\0';
    if (before == prefix_len && !w->host && in_tree(w->out + prefix_len)) {
        set_out(w, w->out + prefix_len, n + 1);
    }
    char link[PATH_MAX];
    ssize_t m = readlink(w->out, link, sizeof(link) - 1);
    if (m < 0) {
        /* no link; or unreadable: the host call will say so */
        return errno == EINVAL || errno == EACCES ? STEP_ON : STEP_ABSENT;
    }
    return last && !follow ? STEP_ON : follow_link(w, before, link, (size_t)m, last);
}

static bool is_name(const char *todo, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(todo, name, n) == 0;
}

/* A path that ends so names no entry: rmdir() or rename() of it are errors. */
static void add_dot(Walk *w)
{
    if (w->len + 2 < PATH_MAX) {
        memcpy(w->out + w->len, "/.", 3);
        w->len += 2;
    }
}

static StepResult walk(Walk *w, bool follow)
{
    bool up = is_root;              /* nothing, or "..", was last */
    for (;;) {
        w->todo += strspn(w->todo, "/");
        size_t n = strcspn(w->todo, "/");
        if (n == 0) {
            if (up) {
                add_dot(w);
            }
            return STEP_ON;
        }
        const char *name = w->todo;
        bool last = name[n + strspn(name + n, "/")] == '\0';
        w->todo += n;
        if (is_name(name, n, ".")) {
            if (last) {
                add_dot(w);
                return STEP_ON;
            }
            continue;
        }
        bool is_up = is_name(name, n, "..");
        up = is_up && is_root;
        StepResult r = is_up ? step_up(w) : step(w, name, n, last, follow);
        if (r == STEP_ABSENT && is_root) {
            return leave_rest(w);
        }
        if (r != STEP_ON) {
            return r;
        }
    }
}

/* Where a walk of `path` begins: false when path is not for us. */
static bool begin(Walk *w, int dirfd, const char *path)
{
    if (path[0] == '/') {
        if (!is_root && host_only(path)) {
            return false;
        }
        set_out(w, prefix, prefix_len);
        return true;
    }
    char link[40], dir[PATH_MAX];
    if (dirfd == AT_FDCWD) {
        strcpy(link, "/proc/thread-self/cwd");
    } else {
        snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", dirfd);
    }
    ssize_t n = readlink(link, dir, sizeof(dir) - 1);
    if (n <= 0) {
        return false;
    }
    dir[n] = '\0';
    if (!is_below(dir, prefix, prefix_len) && !in_tree(dir)) {
        return false;
    }
    set_out(w, dir, (size_t)n);
    return true;
}

/* With -L: what is not under the prefix is the host's. */
static const char *beside_prefix(Walk *w, const char *path)
{
    if (!w->moved || w->host || leave_rest(w) != STEP_ON) {
        return path;
    }
    return memmove(w->out, w->out + prefix_len, w->len - prefix_len + 1);
}

const char *path_resolve_at(int dirfd, const char *path, char *buf, PathFinal final)
{
    Walk w = { .out = buf };
    size_t n = prefix_len ? strlen(path) : 0;
    if (n == 0 || n >= PATH_MAX || !begin(&w, dirfd, path)) {
        return path;
    }
    size_t start = w.len;
    w.todo = w.buf + sizeof(w.buf) - n - 1;
    memcpy(w.todo, path, n + 1);
    w.slash = path[n - 1] == '/';
    StepResult r = walk(&w, final == PATH_FOLLOW || (w.slash && final != PATH_ENTRY));
    if (r != STEP_ON) {
        return is_root ? NULL : r == STEP_ABSENT ? beside_prefix(&w, path) : path;
    }
    if (w.slash && w.len + 1 < PATH_MAX && w.out[w.len - 1] != '/') {
        buf[w.len++] = '/';
        buf[w.len] = '\0';
    }
    /* relative and without surprises: as it was, which a socket's address shows */
    bool same = path[0] != '/' && w.len == start + 1 + n && strcmp(buf + start + 1, path) == 0;
    return same ? path : buf;
}

const char *path_resolve(const char *path, char *buf, bool follow)
{
    const char *host = path_resolve_at(AT_FDCWD, path, buf, follow ? PATH_FOLLOW : PATH_NOFOLLOW);
    return host ? host : "";
}
