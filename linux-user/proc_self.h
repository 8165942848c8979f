/*
 * linux-user/proc_self.h: the guest's view of /proc.
 *
 * The files that would show the emulator (or the host's processor) are recognised by what they are,
 * not by how the path is spelled: when the last component is one of a few names the path is opened
 * with O_PATH and asked where it lies; what a link of another name led to is asked when it is open.
 */
#ifndef LINUX_USER_PROC_SELF_H
#define LINUX_USER_PROC_SELF_H

#include <glib.h>
#include <limits.h>
#include <sys/stat.h>

#include "linux-user/guest_ptr.h"

#define PROC_NOT_OURS ((abi_long)-0x10000)

/* Tell the kernel what to show of this process. sp: the guest's stack pointer at its start; host_brk:
 * where the emulator's own heap began. Once, before the guest runs. */
void proc_self_publish(abi_ulong sp, abi_ulong host_brk);

/* Open (dirfd, path) when it is such a file: the new fd or -errno; PROC_NOT_OURS: go on as usual. */
abi_long proc_self_open(int dirfd, abi_ulong path, int flags);

/* fd (or -errno) was opened by a path that was PROC_NOT_OURS; when it is such a file all the same, one with
 * our text takes its place. */
abi_long proc_self_opened(abi_long fd, int flags);

/* Where the exe link (dirfd, path) of a guest process leads, ours or another's: the guest's path, which
 * may be in buf. NULL when it is none. An empty path asks about dirfd itself. */
const char *proc_exe(int dirfd, abi_ulong path, char buf[PATH_MAX]);
/* (dirfd, path), a path of ours, is the exe link of this process: it means process.exec_path. */
bool proc_self_path_is_exe(int dirfd, const char *path);

/* True when the file is the program of a guest process, ours or another's that we may look at. */
bool proc_runs_file(const struct stat *file);

/* True when fd reads the text that proc_self_open() made of the file called name. */
bool proc_self_is_text(int fd, const char *name);

/* A file of the host's /proc in full, g_free(); "" when it cannot be read. */
char *proc_host_text(const char *path);

/* One line of a maps file. */
typedef struct ProcMapLine {
    abi_ulong start, end, offset, inode;
    char perms[5];
    unsigned major, minor;
    char *name;                 /* to the end of the line, or "" */
} ProcMapLine;

/* proc_maps.c: read such a line; name points into it. */
bool proc_map_line(char *line, ProcMapLine *m);

/* The text of /proc/self/maps, g_string_free(); for crash reports as well. */
GString *proc_self_maps(void);
GString *proc_self_smaps(void);
/* The same of the guest process whose directory of /proc it is; NULL: none that we may look into. */
GString *proc_other_maps(const char *dir);
GString *proc_other_smaps(const char *dir);

/* The ioctl on the former, linux/fs.h of 6.11. */
enum { PROCMAP_QUERY_ = (int)0xc0686611 };
abi_long proc_self_query(abi_ulong fd, abi_ulong arg);

#endif
