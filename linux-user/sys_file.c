/*
 * linux-user/sys_file.c: files, paths and descriptors.
 *
 * Owns the list of descriptors that belong to the emulator: few, so a scan of a fixed array. Open
 * flags, fcntl commands and ioctl numbers are asm-generic on both sides and pass unchanged; struct
 * stat is converted.
 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux-user/abi_structs.h"
#include "linux-user/ids.h"
#include "linux-user/mmap.h"
#include "linux-user/owner.h"
#include "linux-user/proc_self.h"
#include "linux-user/sys_common.h"

/* --- descriptors of ours ---------------------------------------------------------------------- */

enum { MAX_OWNED = 8 };

static int *_Atomic owned[MAX_OWNED];
_Atomic int fd_owned_count;

bool fd_is_ours(int fd)
{
    for (unsigned i = 0; i < MAX_OWNED; i++) {
        const int *p = owned[i];
        if (fd >= 0 && p && *p == fd) {
            return true;
        }
    }
    return false;
}

/* Another number for fd: beyond the guest's limit, where it is none of those that the guest may
 * have; if that cannot be, or would take a large table, where programs seldom look. -1: there is
 * none. */
static int move_away(int fd)
{
    enum { FAR = 4096, USUAL = 1024, GAP = 16 };
    struct rlimit rl = { .rlim_cur = USUAL };
    FdRoom room;
    int to = -1;
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur <= FAR && fd_room_make(&room)) {
        to = fcntl(fd, F_DUPFD_CLOEXEC, (int)rl.rlim_cur);
        fd_room_end(&room);
    }
    if (to < 0) {
        int limit = (int)MIN(rl.rlim_cur, USUAL);
        to = fcntl(fd, F_DUPFD_CLOEXEC, limit > 2 * GAP ? limit - GAP : 3);
    }
    return to >= 0 ? to : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void fd_own(int *fd)
{
    int to = move_away(*fd);
    if (to >= 0) {
        close(*fd);
        *fd = to;
    }
    for (unsigned i = 0; i < MAX_OWNED; i++) {
        int *none = NULL;
        if (atomic_compare_exchange_strong(&owned[i], &none, fd)) {
            fd_owned_count++;
            return;
        }
    }
    g_assert_not_reached();
}

void fd_disown(int *fd)
{
    for (unsigned i = 0; i < MAX_OWNED; i++) {
        int *mine = fd;
        if (atomic_compare_exchange_strong(&owned[i], &mine, NULL)) {
            fd_owned_count--;
            return;
        }
    }
}

bool fd_room_make(FdRoom *room)
{
    enum { ROOM = 16 };
    struct rlimit rl, more;
    if (getrlimit(RLIMIT_NOFILE, &rl) < 0) {
        return false;
    }
    more.rlim_cur = rl.rlim_cur + ROOM;
    more.rlim_max = MAX(rl.rlim_max, more.rlim_cur);
    if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
        return false;
    }
    *room = (FdRoom){rl.rlim_cur, rl.rlim_max};
    return true;
}

void fd_room_end(FdRoom *room)
{
    if (room->cur || room->max) {
        int err = errno;
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){room->cur, room->max});
        *room = (FdRoom){0};
        errno = err;
    }
}

/* The guest is about to put a file of its own at number fd: make room. */
static bool make_room(int fd)
{
    for (unsigned i = 0; i < MAX_OWNED; i++) {
        int *p = owned[i];
        if (p && *p == fd) {
            int to = move_away(fd);
            if (to < 0) {
                return false;
            }
            *p = to;
        }
    }
    return true;
}

void fd_limit_changed(void)
{
    struct rlimit rl;
    for (unsigned i = 0; i < MAX_OWNED && getrlimit(RLIMIT_NOFILE, &rl) == 0; i++) {
        int *p = owned[i];
        int to = p && (rlim_t)*p < rl.rlim_cur ? move_away(*p) : -1;
        if (to >= 0) {
            close(*p);
            *p = to;
        }
    }
}

/* The range without the numbers that are ours: in pieces. */
abi_long sys_close_range(CPUState *cpu, const abi_ulong *a)
{
    unsigned first = (unsigned)a[0], last = (unsigned)a[1];
    if (fd_owned_count == 0 || first > last) {
        return host_call(__NR_close_range, a[0], a[1], a[2], 0, 0, 0);
    }
    abi_ulong flags = a[2];
    for (;;) {
        unsigned stop = last;
        bool split = false;
        for (unsigned i = 0; i < MAX_OWNED; i++) {
            const int *p = owned[i];
            if (p && (unsigned)*p >= first && (unsigned)*p <= stop) {
                stop = (unsigned)*p;
                split = true;
            }
        }
        if (!split) {
            return host_call(__NR_close_range, first, last, flags, 0, 0, 0);
        }
        if (stop > first) {
            abi_long ret = host_call(__NR_close_range, first, stop - 1, flags, 0, 0, 0);
            if (ret < 0) {
                return ret;
            }
            flags &= ~2ul;              /* CLOSE_RANGE_UNSHARE: done by the first */
        }
        if (stop == last) {
            return 0;
        }
        first = stop + 1;
    }
}

abi_long sys_dup3(CPUState *cpu, const abi_ulong *a)
{
    if (fd_owned_count && fd_is_ours((int)a[1]) && !make_room((int)a[1])) {
        return -EBADF;
    }
    return host_call(__NR_dup3, a[0], a[1], a[2], 0, 0, 0);
}

abi_ulong maybe_pointer(abi_ulong arg)
{
    return guest_base && guest_page_prot(arg) >= 0 ? arg + guest_base : arg;
}

abi_long sys_fcntl(CPUState *cpu, const abi_ulong *a)
{
    return safe_syscall(__NR_fcntl, a[0], a[1], maybe_pointer(a[2]), 0, 0, 0);
}

/* Is fd the directory of this process's descriptors? */
static bool lists_descriptors(int fd)
{
    char dir[PATH_MAX];
    return (proc_fd_lies(fd, "fd", dir) || proc_fd_lies(fd, "fdinfo", dir)) &&
           proc_is_our_task(dir);
}

/* The number that a name is, of a descriptor of ours. */
static bool names_ours(const char *name)
{
    return g_ascii_isdigit(*name) && fd_is_ours(atoi(name));
}

/* Without our own descriptors: names are looked at first, for most directories have no such. */
abi_long sys_getdents64(CPUState *cpu, const abi_ulong *a)
{
    for (;;) {
        abi_long len = sys_forward(cpu, a), kept = 0;
        if (len <= 0 || fd_owned_count == 0) {
            return len;
        }
        char *buf = g2h(a[1]);
        bool listed = false;
        for (abi_long at = 0, size; at < len; at += size) {
            struct dirent64 *entry = (struct dirent64 *)(buf + at);
            size = entry->d_reclen;
            if (!names_ours(entry->d_name) || !(listed = listed || lists_descriptors((int)a[0]))) {
                memmove(buf + kept, entry, (size_t)size);
                kept += size;
            }
        }
        if (kept > 0) {
            return kept;
        }
    }
}

/* Files of /proc are read as they are when the reader comes to their beginning. */
abi_long sys_lseek(CPUState *cpu, const abi_ulong *a)
{
    if (G_UNLIKELY(proc_texts_made) && a[1] == 0 && (int)a[2] == SEEK_SET) {
        proc_self_renew((int)a[0]);
    }
    return sys_forward(cpu, a);
}

/* pread64, preadv and preadv2 */
abi_long sys_pread(CPUState *cpu, const abi_ulong *a)
{
    if (G_UNLIKELY(proc_texts_made) && a[3] == 0) {
        proc_self_renew((int)a[0]);
    }
    return sys_forward_blocking(cpu, a);
}

/* What a file of /proc reads as is kept by us: of its pages the guest's kernel has none. */
abi_long sys_cachestat(CPUState *cpu, const abi_ulong *a)
{
    static const uint64_t none[5];      /* struct cachestat */
    char path[PATH_MAX];
    abi_long ret = sys_forward(cpu, a);
    if (ret == 0 && proc_text_of((int)a[0], path)) {
        guest_write(a[2], none, sizeof(none));
    }
    return ret;
}

/* --- open ------------------------------------------------------------------------------------- */

static bool open_follows(uint64_t flags)
{
    return !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

/* Is (dirfd, path), for the host, a program that guests run? It cannot be opened for writing then;
 * the kernel, which runs the emulator, does not know. Looked at are files that may be executed and
 * are large enough for a program; not into them, which others could notice. */
static bool text_busy(int dirfd, abi_ulong path)
{
    struct stat st;
    abi_long ret = host_call(__NR_newfstatat, (abi_ulong)dirfd, path, host_arg(&st), 0, 0, 0);
    return G_UNLIKELY(ret == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111) &&
           st.st_size > (off_t)sizeof(Elf64_Ehdr) &&
           (proc_is_emulator(st.st_dev, st.st_ino) || proc_runs_file(&st));
}

static bool open_writes(uint64_t flags)
{
    return (flags & O_ACCMODE || flags & O_TRUNC) && !(flags & O_PATH) &&
           (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

/* openat() for the host. What somebody else than root makes is his: so it has to be known whether a
 * file is made. */
static abi_long open_host(const abi_ulong *a, abi_ulong path)
{
    if (G_LIKELY(!(a[2] & O_CREAT) || !owner_differs())) {
        return safe_syscall(__NR_openat, a[0], path, a[2], a[3], 0, 0);
    }
    abi_long fd = safe_syscall(__NR_openat, a[0], path, a[2] | O_EXCL, a[3], 0, 0);
    if (fd >= 0) {
        owner_made((int)fd, 0);
    } else if (fd == -EEXIST && !(a[2] & O_EXCL)) {
        fd = safe_syscall(__NR_openat, a[0], path, a[2], a[3], 0, 0);
    }
    return fd;
}

/* Open for reading without following any link: what is found so has the name that it was asked for
 * by, of which proc_self_open() has known that it is none of ours, and proc_self_opened() has
 * nothing to look for. -ELOOP: to be opened as usual. Where links are met, that is not tried for a
 * while: it costs more than proc_self_opened(). */
static abi_long open_literal(const abi_ulong *a, abi_ulong path)
{
    enum { PLAIN = O_CLOEXEC | O_NONBLOCK | O_LARGEFILE | O_NOATIME | O_NOCTTY, MAX_PAUSE = 63 };
    static __thread unsigned pause, next_pause;
    if (a[2] & ~(abi_ulong)(uint32_t)PLAIN || pause > 0) {
        pause -= pause > 0;
        return -ELOOP;
    }
    struct open_how how = { .flags = a[2], .resolve = RESOLVE_NO_SYMLINKS };
    abi_long fd = safe_syscall(__NR_openat2, a[0], path, host_arg(&how), sizeof(how), 0, 0);
    if (fd == -ELOOP || fd == -ENOSYS || fd == -EPERM) {
        pause = next_pause = MIN(2 * next_pause + 1, MAX_PAUSE);
        return -ELOOP;
    }
    next_pause = 0;
    return fd;
}

/* May block: a FIFO waits for its other end. */
abi_long sys_openat(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    abi_long ret = proc_self_open((int)a[0], a[1], (int)a[2]);
    if (ret != PROC_NOT_OURS) {
        return ret;
    }
    abi_ulong path = path_arg(a[0], a[1], open_follows(a[2]), buf);
    if (path_failed(path)) {
        return (abi_long)path;
    }
    if (open_writes(a[2]) && text_busy((int)a[0], path)) {
        return -ETXTBSY;
    }
    ret = open_literal(a, path);
    return ret == -ELOOP ? proc_self_opened(open_host(a, path), (int)a[0], path, (int)a[2]) : ret;
}

/* openat2() that sees links as they are, below our own root. A relative path starts where it
 * should, and has no links to leave by. */
static abi_long open_in_root(const abi_ulong *a, struct open_how *how)
{
    char first = 0;
    if (!guest_read(&first, a[1], 1) || first != '/') {
        return safe_syscall(__NR_openat2, a[0], shift_arg(a[1]), host_arg(how), sizeof(*how), 0, 0);
    }
    int root = open(path_prefix(), O_PATH | O_CLOEXEC);
    how->resolve |= RESOLVE_IN_ROOT;
    abi_long ret = safe_syscall(__NR_openat2, (abi_ulong)root, shift_arg(a[1]), host_arg(how),
                                sizeof(*how), 0, 0);
    close(root);
    return ret;
}

abi_long sys_openat2(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    struct open_how how = { 0 };
    abi_ulong path = shift_arg(a[1]);
    if (a[3] >= sizeof(how) && guest_read(&how, a[2], sizeof(how)) &&
        !(how.resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH))) {
        abi_long ret =
            how.resolve ? PROC_NOT_OURS : proc_self_open((int)a[0], a[1], (int)how.flags);
        if (ret != PROC_NOT_OURS) {
            return ret;
        }
        if (path_is_root() && how.resolve & RESOLVE_NO_SYMLINKS) {
            return open_in_root(a, &how);
        }
        if (!how.resolve ||
            !proc_names_exe(a[1])) { /* else the host says whether it may be followed */
            path = path_arg(a[0], a[1], open_follows(how.flags), buf);
        }
        if (path_failed(path)) {
            return (abi_long)path;
        }
        if (open_writes(how.flags) && text_busy((int)a[0], path)) {
            return -ETXTBSY;
        }
    }
    abi_long fd = safe_syscall(__NR_openat2, a[0], path, shift_arg(a[2]), a[3], 0, 0);
    return proc_self_opened(fd, (int)a[0], path, (int)how.flags);
}

abi_long sys_truncate(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    abi_ulong path = path_arg((abi_ulong)AT_FDCWD, a[0], true, buf);
    if (path_failed(path)) {
        return (abi_long)path;
    }
    if (text_busy(AT_FDCWD, path)) {
        return -ETXTBSY;
    }
    return host_call(__NR_truncate, path, a[1], 0, 0, 0, 0);
}

/* A link of /proc tells where on the host it leads. */
static bool tells_host_path(abi_ulong dirfd, abi_ulong path)
{
    char link[40], dir[PATH_MAX];
    const char *text = (const char *)(uintptr_t)path;
    if (text[0] == '/') {
        return g_str_has_prefix(text, "/proc/");
    }
    snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", (int)dirfd);
    ssize_t n = readlink((int)dirfd == AT_FDCWD ? "/proc/thread-self/cwd" : link, dir,
                         sizeof(dir) - 1);
    return n >= 5 && memcmp(dir, "/proc", 5) == 0;
}

abi_long sys_readlinkat(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX], text[PATH_MAX];
    const char *shown = (int)a[3] > 0 ? proc_exe((int)a[0], a[1], buf) : NULL;
    if (!shown) {
        abi_ulong path = path_arg(a[0], a[1], PATH_NOFOLLOW, buf);
        if (path_failed(path)) {
            return (abi_long)path;
        }
        abi_ulong size = (int)a[3] > 0 ? sizeof(text) - 1 : a[3];
        abi_long n = host_call(__NR_readlinkat, a[0], path, host_arg(text), size, 0, 0);
        if (n < 0) {
            return n;
        }
        text[n] = '\0';
        shown = proc_text_shown(text);
        if (path_is_root() && tells_host_path(a[0], path)) {
            shown = path_to_guest(shown);
        }
    }
    size_t len = MIN(strlen(shown), a[3]);
    return guest_write(a[2], shown, len) ? (abi_long)len : -EFAULT;
}

abi_long sys_getcwd(CPUState *cpu, const abi_ulong *a)
{
    char host[PATH_MAX];
    if (!path_is_root()) {
        return sys_forward(cpu, a);
    }
    abi_long n = host_call(__NR_getcwd, host_arg(host), sizeof(host), 0, 0, 0, 0);
    if (n < 0) {
        return n;
    }
    const char *cwd = path_to_guest(host);
    size_t len = strlen(cwd) + 1;
    if (len > a[1]) {
        return -ERANGE;
    }
    return guest_write(a[0], cwd, len) ? (abi_long)len : -EFAULT;
}

/* --- stat ------------------------------------------------------------------------------------- */

static abi_long stat_to_guest(abi_ulong to, const struct stat *st)
{
    GuestStat g = {
        .dev = st->st_dev,
        .ino = st->st_ino,
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .rdev = st->st_rdev,
        .size = st->st_size,
        .blksize = (int32_t)st->st_blksize,
        .blocks = st->st_blocks,
        .atime_sec = st->st_atim.tv_sec,
        .atime_nsec = st->st_atim.tv_nsec,
        .mtime_sec = st->st_mtim.tv_sec,
        .mtime_nsec = st->st_mtim.tv_nsec,
        .ctime_sec = st->st_ctim.tv_sec,
        .ctime_nsec = st->st_ctim.tv_nsec,
    };
    return guest_write(to, &g, sizeof(g)) ? 0 : -EFAULT;
}

/* A stat call by a path found the emulator: its path when the guest's program was meant, or
 * NULL. */
static const char *program_meant(abi_ulong dirfd, abi_ulong path, abi_ulong flags,
                                 char buf[PATH_MAX])
{
    char exe[PATH_MAX];
    const char *program =
        flags & AT_SYMLINK_NOFOLLOW ? NULL : proc_exe_behind((int)dirfd, path, exe);
    const char *host = program ? proc_exe_host(program, buf) : NULL;
    return host == exe ? strcpy(buf, exe) : host;
}

abi_long sys_newfstatat(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    struct stat st;
    abi_ulong path = path_arg_at(a[0], a[1], a[3], buf);
    if (path_failed(path)) {
        return (abi_long)path;
    }
    abi_long ret = host_call(__NR_newfstatat, a[0], path, host_arg(&st), a[3], 0, 0);
    const char *program;
    if (G_UNLIKELY(ret == 0 && proc_is_emulator(st.st_dev, st.st_ino)) &&
        (program = program_meant(a[0], path, a[3], buf))) {
        ret = stat(program, &st) < 0 ? -errno : 0;
        path = host_arg(program);
    }
    if (ret == 0 && a[3] & AT_EMPTY_PATH) {
        proc_text_stat((int)a[0], &st);
    }
    if (ret == 0) {
        owner_show((int)a[0], path, st.st_mode, &st.st_uid, &st.st_gid);
    }
    return ret < 0 ? ret : stat_to_guest(a[2], &st);
}

abi_long sys_fstatfs(CPUState *cpu, const abi_ulong *a)
{
    char path[PATH_MAX];
    struct statfs fs;
    abi_long ret = host_call(__NR_fstatfs, a[0], shift_arg(a[1]), 0, 0, 0, 0);
    if (ret == 0 && guest_read(&fs, a[1], sizeof(fs)) && fs.f_type == TMPFS_MAGIC &&
        proc_text_of((int)a[0], path)) {
        ret = host_call(__NR_statfs, host_arg(path), shift_arg(a[1]), 0, 0, 0, 0);
    }
    return ret;
}

abi_long sys_fstat(CPUState *cpu, const abi_ulong *a)
{
    struct stat st;
    abi_long ret = host_call(__NR_fstat, a[0], host_arg(&st), 0, 0, 0, 0);
    if (ret == 0) {
        proc_text_stat((int)a[0], &st);
        owner_show((int)a[0], 0, st.st_mode, &st.st_uid, &st.st_gid);
    }
    return ret < 0 ? ret : stat_to_guest(a[1], &st);
}

abi_long sys_statx(CPUState *cpu, const abi_ulong *a)
{
    char buf[PATH_MAX];
    abi_ulong path = path_arg_at(a[0], a[1], a[2], buf);
    if (path_failed(path)) {
        return (abi_long)path;
    }
    abi_long ret = host_call(__NR_statx, a[0], path, a[2], a[3], shift_arg(a[4]), 0);
    struct statx st;
    const char *program;
    if (ret < 0 || !guest_read(&st, a[4], sizeof(st))) {
        return ret;
    }
    if (G_UNLIKELY(proc_is_emulator(makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino)) &&
        (program = program_meant(a[0], path, a[2], buf))) {
        ret = host_call(__NR_statx, (abi_ulong)AT_FDCWD, host_arg(program), a[2], a[3],
                        shift_arg(a[4]), 0);
    } else if (a[2] & AT_EMPTY_PATH && st.stx_nlink == 0 && proc_text_of((int)a[0], buf)) {
        ret = host_call(__NR_statx, (abi_ulong)AT_FDCWD, host_arg(buf), 0, a[3],
                        shift_arg(a[4]), 0);
    }
    if (G_UNLIKELY(ret == 0 && ids.on) && guest_read(&st, a[4], sizeof(st))) {
        owner_show((int)a[0], path, st.stx_mode, &st.stx_uid, &st.stx_gid);
        guest_write(a[4], &st, sizeof(st));
    }
    return ret;
}
