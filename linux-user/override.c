/*
 * linux-user/override.c: see override.h. Source: path_resolution(7), capabilities(7).
 */
#include "linux-user/override.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux-user/host_nr.h"
#include "linux-user/ids.h"
#include "linux-user/path.h"
#include "linux-user/sys_common.h"

enum { MAX_LENT = 32 };

/* Files whose modes have more bits for a while, by descriptors that stay valid under other
 * names. */
typedef struct Loan {
    unsigned n;
    struct {
        int fd;
        mode_t had, has;
    } file[MAX_LENT];
} Loan;

static bool change_mode(int fd, mode_t mode)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
    return chmod(path, mode) == 0;
}

/* Takes fd over, which may be -1. */
static void lend(Loan *loan, int fd)
{
    struct stat st;
    if (fd >= 0 && loan->n < MAX_LENT && fstat(fd, &st) == 0 && st.st_uid == ids.host_uid) {
        mode_t had = st.st_mode & 07777;
        mode_t has = had | (S_ISDIR(st.st_mode) ? 0700 : S_ISLNK(st.st_mode) ? 0 : 0600);
        if (has != had && change_mode(fd, has)) {
            loan->file[loan->n].fd = fd;
            loan->file[loan->n].had = had;
            loan->file[loan->n++].has = has;
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* What has another mode by now keeps it. */
static void take_back(Loan *loan)
{
    while (loan->n > 0) {
        int fd = loan->file[--loan->n].fd;
        struct stat st;
        if (fstat(fd, &st) == 0 && (st.st_mode & 07777) == loan->file[loan->n].has) {
            change_mode(fd, loan->file[loan->n].had);
        }
        close(fd);
    }
}

/* Where relative paths begin: "." could not be opened. */
static int open_start(int dirfd)
{
    return dirfd != AT_FDCWD ? fcntl(dirfd, F_DUPFD_CLOEXEC, 0)
                             : open("/proc/thread-self/cwd", O_PATH | O_CLOEXEC);
}

/* The directories that path leads through, first to last, and if `last` what it names. */
static void lend_path(Loan *loan, int dirfd, const char *path, bool last)
{
    char part[PATH_MAX], buf[PATH_MAX];
    if (path[0] != '/') {
        lend(loan, open_start(dirfd));
    }
    for (size_t n = strspn(path, "/"); path[n]; n += strspn(path + n, "/")) {
        n += strcspn(path + n, "/");
        memcpy(part, path, n);
        part[n] = '\0';
        const char *host = path[n] || last ? path_resolve_at(dirfd, part, buf, PATH_FOLLOW) : NULL;
        if (!host) {
            return;
        }
        lend(loan, openat(dirfd, host, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
}

/* Is the call about what is in the file that its path names? */
static bool looks_into(const SyscallRow *row)
{
    switch (row->host_nr) {
    case __NR_openat:
    case __NR_openat2:
    case __NR_truncate:
    case __NR_faccessat:
    case __NR_faccessat2:
    case __NR_chdir:
    case __NR_chroot:
    case __NR_inotify_add_watch:
    case __NR_renameat2:        /* a directory has an entry of its parent */
        return true;
    default:
        return false;
    }
}

abi_long override_refused(CPUState *cpu, const SyscallRow *row, const abi_ulong *a)
{
    Loan loan = { 0 };
    if (!ids.on || ids.host_uid == 0 || !ids_capable(CAP_DAC_OVERRIDE) || !row->path_mask ||
        row->ret == ARG_EXEC) {
        return -EACCES;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(row->arg); i++) {
        char *path = row->path_mask >> i & 1 && a[i] ? guest_strdup(a[i]) : NULL;
        if (path && strlen(path) < PATH_MAX) {
            int dirfd = i > 0 && row->arg[i - 1] == ARG_DIRFD ? (int)a[i - 1] : AT_FDCWD;
            lend_path(&loan, dirfd, path, looks_into(row));
        }
        g_free(path);
    }
    abi_long ret = loan.n > 0 ? row->handler(cpu, a) : -EACCES;
    take_back(&loan);
    return ret;
}
