/*
 * linux-user/proc_exe.c: the exe links of guest processes, which lead to the emulator on the host.
 * Source: proc(5).
 *
 * A path that ends in "exe" is looked at before the call. A symbolic link of another name is found
 * out when what it led to is the emulator: then the path is walked link by link, and only if one of
 * them is such a link is the guest's program meant. Ours is process.exec_path, or open as
 * process.exec_fd: a file without a name, one that lies on a mount of its own; that of another
 * process which runs under the same emulator is the file that is mapped where its code begins.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/proc_self.h"
#include "linux-user/sys_common.h"

bool proc_is_emulator(uint64_t dev, uint64_t ino)
{
    /* the same in every process of ours; 0: not known yet */
    static _Atomic uint64_t our_dev, our_ino;
    struct stat we;
    if (G_UNLIKELY(!our_ino) && stat("/proc/thread-self/exe", &we) == 0) {
        our_dev = we.st_dev;
        our_ino = we.st_ino;
    }
    return our_ino && ino == our_ino && dev == our_dev;
}

/* The process of directory dir runs the same emulator as we. */
static bool is_rivet(const char *dir)
{
    char link[PATH_MAX + 8];
    struct stat it;
    snprintf(link, sizeof(link), "%s/exe", dir);
    return stat(link, &it) == 0 && proc_is_emulator(it.st_dev, it.st_ino);
}

/* Where its code begins, 0 when that is not for us to know. */
static abi_ulong start_code_of(const char *dir)
{
    enum { START_CODE = 26, AFTER_COMM = 3 }; /* proc(5), fields count from 1 */
    char path[PATH_MAX + 8];
    snprintf(path, sizeof(path), "%s/stat", dir);
    char *text = proc_host_text(path), *at = strrchr(text, ')');
    for (unsigned field = AFTER_COMM; at && field <= START_CODE; field++) {
        at = strchr(at + 1, ' ');
    }
    abi_ulong start = at ? strtoul(at, NULL, 10) : 0;
    g_free(text);
    return start;
}

/* The guest's path of the file that another process has mapped at addr. */
static bool file_mapped_at(const char *dir, abi_ulong addr, char path[PATH_MAX])
{
    char maps[PATH_MAX + 8];
    bool found = false;
    snprintf(maps, sizeof(maps), "%s/maps", dir);
    char *text = proc_host_text(maps);
    char **lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l && !found; l++) {
        ProcMapLine m;
        if (proc_map_line(*l, &m) && addr >= m.start && addr < m.end && m.name[0] == '/') {
            const char *prefix = path_prefix();
            size_t len = strlen(prefix);
            bool inside = len && strncmp(m.name, prefix, len) == 0 && m.name[len] == '/';
            found = g_strlcpy(path, inside ? m.name + len : m.name, PATH_MAX) < PATH_MAX;
        }
    }
    g_strfreev(lines);
    g_free(text);
    return found;
}

/* dir is the directory of some process. */
static const char *exe_of(char dir[PATH_MAX], char path[PATH_MAX])
{
    if (proc_is_our_task(dir)) {
        return process.exec_path;
    }
    abi_ulong start = is_rivet(dir) ? start_code_of(dir) : 0;
    return start && file_mapped_at(dir, start, path) ? path : NULL;
}

bool proc_names_exe(abi_ulong path)
{
    char tail[PROC_TAIL];
    return strcmp(proc_last_name(path, tail), "exe") == 0;
}

const char *proc_exe(int dirfd, abi_ulong path, char buf[PATH_MAX])
{
    char dir[PATH_MAX], first;
    if (!path || !guest_read(&first, path, 1)) {
        return NULL;
    }
    bool is = first ? proc_names_exe(path) && proc_path_lies(dirfd, shift_arg(path), "exe", dir)
                    : dirfd >= 0 && proc_fd_lies(dirfd, "exe", dir);
    return is ? exe_of(dir, buf) : NULL;
}

/* Put the text of the link that is open as fd in place of `path`, which led to it; false: it is
 * none. */
static bool follow(int fd, char path[PATH_MAX])
{
    char self[40], at[PATH_MAX], text[PATH_MAX];
    snprintf(self, sizeof(self), "/proc/thread-self/fd/%d", fd);
    ssize_t n = readlinkat(fd, "", text, sizeof(text) - 1);
    ssize_t m = readlink(self, at, sizeof(at) - 1);
    if (n <= 0 || m <= 0) {
        return false;
    }
    text[n] = at[m] = '\0';
    char *slash = strrchr(at, '/');
    if (text[0] == '/' || !slash) {
        return g_strlcpy(path, text, PATH_MAX) < PATH_MAX;
    }
    slash[1] = '\0';
    return g_strlcpy(path, at, PATH_MAX) < PATH_MAX && g_strlcat(path, text, PATH_MAX) < PATH_MAX;
}

const char *proc_exe_behind(int dirfd, abi_ulong host_path, char buf[PATH_MAX])
{
    enum { MAX_LINKS = 40 };
    char path[PATH_MAX], dir[PATH_MAX];
    bool found = false, on = path_copy(host_path, path);
    for (unsigned i = 0; i < MAX_LINKS && on && !found; i++) {
        int fd = openat(dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        found = fd >= 0 && proc_fd_lies(fd, "exe", dir);
        on = fd >= 0 && !found && follow(fd, path);
        if (fd >= 0) {
            close(fd);
        }
    }
    return found ? exe_of(dir, buf) : NULL;
}

const char *proc_exe_host(const char *exe, char buf[PATH_MAX])
{
    if (exe == process.exec_path && process.exec_fd >= 0) {
        snprintf(buf, PATH_MAX, "/proc/thread-self/fd/%d", process.exec_fd);
        return buf;
    }
    return path_resolve(exe, buf, true);
}

bool proc_runs_file(const struct stat *file)
{
    bool runs = false;
    struct dirent *e;
    DIR *proc = opendir("/proc");
    while (proc && !runs && (e = readdir(proc))) {
        char dir[PATH_MAX], path[PATH_MAX], buf[PATH_MAX];
        if (e->d_name[0] < '0' || e->d_name[0] > '9') {
            continue;
        }
        snprintf(dir, sizeof(dir), "/proc/%s", e->d_name);
        const char *exe = exe_of(dir, path);
        struct stat st;
        runs = exe && stat(proc_exe_host(exe, buf), &st) == 0 && st.st_ino == file->st_ino &&
               st.st_dev == file->st_dev;
    }
    if (proc) {
        closedir(proc);
    }
    return runs;
}

static abi_long open_program(const char *path, int flags)
{
    char buf[PATH_MAX];
    if (flags & (O_ACCMODE | O_TRUNC) && !(flags & O_PATH)) {
        return -ETXTBSY;
    }
    path = proc_exe_host(path, buf);
    return safe_syscall(__NR_openat, (abi_ulong)AT_FDCWD, host_arg(path), (abi_ulong)flags, 0, 0,
                        0);
}

abi_long proc_exe_open(char dir[PATH_MAX], int flags)
{
    char exe[PATH_MAX];
    const char *path = exe_of(dir, exe);
    return path ? open_program(path, flags) : PROC_NOT_OURS;
}

abi_long proc_exe_opened(abi_long fd, int dirfd, abi_ulong host_path, int flags)
{
    char exe[PATH_MAX];
    const char *path = proc_exe_behind(dirfd, host_path, exe);
    return path ? proc_instead(fd, open_program(path, flags & ~O_NOFOLLOW), flags) : fd;
}
