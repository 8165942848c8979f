/*
 * linux-user/root.c: --root. Source: mount_namespaces(7), user_namespaces(7), pivot_root(2).
 *
 * The kernel does it: a mount namespace of our own in which dir is the root, and /proc, /sys and
 * /dev are the host's unless dir has its own. A user who may not make one makes a user namespace
 * first, where he is root; he is the only user there, so the others are emulated (sys_ids.c). The
 * emulator stays reachable by a descriptor (exec.c). Children are inside already.
 *
 * Where no namespace can be made, paths are translated instead (path.c), here and in children.
 */
#include "linux-user/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux-user/ids.h"
#include "linux-user/loader.h"
#include "linux-user/path.h"
#include "linux-user/thread.h"

/* What is in the host's trees only when they are mounted. */
static const struct {
    const char *name;
    mode_t type;
} probes[PATH_TREES] = {
    [PATH_PROC] = { "self", S_IFDIR },
    [PATH_SYS] = { "kernel", S_IFDIR },
    [PATH_DEV] = { "pts/ptmx", S_IFCHR },       /* nodes may lie there for ever */
};

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

/* A user namespace in which we are root, and nobody else is anything. */
static bool enter_user_namespace(void)
{
    char uids[32], gids[32];
    snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
    snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", uids) && write_text("/proc/self/gid_map", gids);
}

/* The trees of the host's that dir has a place for and not of its own, as bits. */
static unsigned missing_trees(const char *dir)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < PATH_TREES; i++) {
        struct stat st;
        char place[PATH_MAX + 16];
        int n = snprintf(place, sizeof(place), "%s%s/%s", dir, path_trees[i], probes[i].name);
        bool live = stat(place, &st) == 0 && (st.st_mode & S_IFMT) == probes[i].type;
        place[(size_t)n - strlen(probes[i].name) - 1] = '\0';
        if (!live && stat(place, &st) == 0 && S_ISDIR(st.st_mode)) {
            missing |= 1u << i;
        }
    }
    return missing;
}

static bool bind_trees(const char *dir)
{
    unsigned trees = missing_trees(dir);
    for (unsigned i = 0; i < PATH_TREES; i++) {
        char place[PATH_MAX + 16];
        snprintf(place, sizeof(place), "%s%s", dir, path_trees[i]);
        if (trees >> i & 1 && mount(path_trees[i], place, NULL, MS_BIND | MS_REC, NULL) < 0) {
            return false;
        }
    }
    return true;
}

/* With a mount namespace of our own: dir is its root, cwd the current directory inside. */
static bool change_root(const char *dir, const char *cwd)
{
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
           mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) == 0 && chdir(dir) == 0 &&
           bind_trees(dir) && syscall(SYS_pivot_root, ".", ".") == 0 &&
           umount2(".", MNT_DETACH) == 0 && (chdir(cwd) == 0 || chdir("/") == 0);
}

static bool enter_as_root(const char *dir, const char *cwd)
{
    return unshare(CLONE_NEWNS) == 0 && change_root(dir, cwd);
}

static bool enter_as_user(const char *dir, const char *cwd)
{
    return enter_user_namespace() && change_root(dir, cwd);
}

typedef bool EnterFn(const char *dir, const char *cwd);

/* Does it work from the first step to the last? Tried by a child, because a half is of no use. */
static bool works(EnterFn *enter, const char *dir, const char *cwd)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(!enter(dir, cwd));
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* The current directory as a path under dir; "/" when it is elsewhere. */
static const char *inside(const char *dir, char cwd[PATH_MAX])
{
    size_t n = strlen(dir);
    bool under = getcwd(cwd, PATH_MAX) && strncmp(cwd, dir, n) == 0 && cwd[n] == '/';
    return under ? cwd + n : "/";
}

static bool enter_by_paths(const char *dir)
{
    char cwd[PATH_MAX];
    if (strcmp(inside(dir, cwd), "/") == 0 && chdir(dir) < 0) {
        return false;
    }
    path_init_root(dir, missing_trees(dir));
    if (geteuid() != 0) {
        ids_emulate(NULL);
    }
    return true;
}

bool root_enter(const char *name, bool by_paths, GError **err)
{
    char dir[PATH_MAX], cwd_buf[PATH_MAX];
    struct stat st;
    if (!realpath(name, dir) || stat(dir, &st) < 0 ||
        (!S_ISDIR(st.st_mode) && (errno = ENOTDIR))) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "-root %s: %s", name, g_strerror(errno));
        return false;
    }
    if (strcmp(dir, "/") == 0) {
        return true;
    }
    exec_keep_self();
    exec_keep_cache();
    const char *cwd = inside(dir, cwd_buf);
    bool ok;
    if (!by_paths && geteuid() == 0 && works(enter_as_root, dir, cwd)) {
        ok = enter_as_root(dir, cwd);
    } else if (!by_paths && works(enter_as_user, dir, cwd)) {
        ok = enter_as_user(dir, cwd) && ids_emulate(NULL);
    } else {
        ok = enter_by_paths(dir);
    }
    if (!ok) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "-root %s: %s", name, g_strerror(errno));
    }
    return ok;
}

void root_change(const char *dir)
{
    path_init_root(dir, 0);
}
