/*
 * linux-user/root.c: --root. Source: mount_namespaces(7), user_namespaces(7), pivot_root(2).
 *
 * The kernel does it: a mount namespace of our own in which dir is the root, and /proc, /sys and
 * /dev are the host's unless dir has its own. A user who may not make one makes a user namespace
 * first, where he is root; he is the only user there, so the others are emulated (sys_ids.c). The
 * emulator stays reachable by a descriptor (exec.c). Children are inside already.
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
#include "linux-user/thread.h"

/* What belongs to the running system, with something that is there only when it is mounted. */
static const struct {
    const char *dir, *probe;
    mode_t type;
} system_dirs[] = {
    { "proc", "proc/self", S_IFDIR },
    { "sys", "sys/kernel", S_IFDIR },
    { "dev", "dev/null", S_IFCHR },
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

static bool bind_system_dirs(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(system_dirs); i++) {
        struct stat st;
        char host[16];
        if (stat(system_dirs[i].probe, &st) == 0 && (st.st_mode & S_IFMT) == system_dirs[i].type) {
            continue;
        }
        snprintf(host, sizeof(host), "/%s", system_dirs[i].dir);
        if (mount(host, system_dirs[i].dir, NULL, MS_BIND | MS_REC, NULL) < 0 && errno != ENOENT) {
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
           bind_system_dirs() && syscall(SYS_pivot_root, ".", ".") == 0 &&
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

bool root_enter(const char *name, GError **err)
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
    const char *cwd = inside(dir, cwd_buf);
    if (geteuid() == 0 && works(enter_as_root, dir, cwd)) {
        return enter_as_root(dir, cwd);
    }
    if (works(enter_as_user, dir, cwd) && enter_as_user(dir, cwd)) {
        ids_emulate(NULL);
        return true;
    }
    g_set_error(err, RIVET_LOAD_ERROR, 1,
                "-root %s: neither a mount namespace nor a user namespace can be made here", name);
    return false;
}
