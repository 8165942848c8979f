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

/* Tell the kernel what to show of this process. sp: the guest's stack pointer at its start;
 * host_brk: where the emulator's own heap began. Once, before the guest runs. */
void proc_self_publish(abi_ulong sp, abi_ulong host_brk);

/* Open (dirfd, path) when it is such a file: the new fd or -errno; PROC_NOT_OURS: go on as
 * usual. */
abi_long proc_self_open(int dirfd, abi_ulong path, int flags);

/* fd (or -errno) was opened by (dirfd, host_path), which was PROC_NOT_OURS; when it is such a file
 * all the same, one with our text takes its place. */
abi_long proc_self_opened(abi_long fd, int dirfd, abi_ulong host_path, int flags);

/* The guest goes back to the beginning of fd: a text of ours is made anew. When proc_texts_made. */
void proc_self_renew(int fd);

/* ---- proc_exe.c ---- */

/* Does the guest's path end like an exe link? */
bool proc_names_exe(abi_ulong path);
/* Where the exe link (dirfd, path) of a guest process leads, ours or another's: the guest's path,
 * which may be in buf. NULL when it is none. An empty path asks about dirfd itself. */
const char *proc_exe(int dirfd, abi_ulong path, char buf[PATH_MAX]);
/* The same for any path that leads to the emulator: does it by such a link? */
const char *proc_exe_behind(int dirfd, abi_ulong host_path, char buf[PATH_MAX]);
/* Where the host finds what one of these two has told. */
const char *proc_exe_host(const char *exe, char buf[PATH_MAX]);
bool proc_is_emulator(uint64_t dev, uint64_t ino);
/* Open the program of the process of directory dir, as proc_self_open(); and as
 * proc_self_opened(). */
abi_long proc_exe_open(char dir[PATH_MAX], int flags);
abi_long proc_exe_opened(abi_long fd, int dirfd, abi_ulong host_path, int flags);
/* True when the file is the program of a guest process, ours or another's that we may look at. */
bool proc_runs_file(const struct stat *file);

/* ---- which file a path means ---- */

enum { PROC_TAIL = 13 }; /* room for the longest name of such a file after a slash */
/* The last component of a guest path, in tail, if it is as short as the names of such files; else
 * "". */
const char *proc_last_name(abi_ulong path, char tail[PROC_TAIL]);
/* fd, or (dirfd, host_path) without following it, lies on a proc mount and is called name: its
 * directory. */
bool proc_fd_lies(int fd, const char *name, char dir[PATH_MAX]);
bool proc_path_lies(int dirfd, abi_ulong host_path, const char *name, char dir[PATH_MAX]);
/* "<mount>/<pid>[/task/<tid>]" is of this process, asked of the mount itself: its numbers may be
 * those of another pid namespace. */
bool proc_is_our_task(char *dir);

/* ---- proc_text.c ---- */

extern bool proc_texts_made;
/* A descriptor, the lowest that was free, on which `text` is read, opened as `flags` say: the text
 * of the file `path` of /proc. */
abi_long proc_text_fd(const char *path, const GString *text, int flags);
/* True when fd reads such a text, of that path. */
bool proc_text_of(int fd, char path[PATH_MAX]);
/* What fstat() found: if that is such a text, *st becomes that of its file. */
void proc_text_stat(int fd, struct stat *st);
/* What a link of /proc/PID/fd says, which is changed: such a text has the name of its file. */
const char *proc_text_shown(char *target);
/* What is open as fd is open as `number` instead, whose file is closed. */
abi_long proc_take_place(int fd, int number, int flags);
/* fd was opened, and `made` is what the guest should have had of it: a descriptor, which takes
 * fd's place; PROC_NOT_OURS: fd is right; or an error, and fd is closed. */
abi_long proc_instead(abi_long fd, abi_long made, int flags);

/* ---- texts ---- */

/* A file of the host's /proc in full, g_free(); "" when it cannot be read. */
char *proc_host_text(const char *path);

/* One line of a maps file. */
typedef struct ProcMapLine {
    abi_ulong start, end, offset, inode;
    char perms[5], host_perms[5];   /* the guest's in a guest's line */
    unsigned major, minor;
    char *name;                 /* to the end of the line, or "" */
} ProcMapLine;

/* proc_maps.c: read such a line; name points into it. */
bool proc_map_line(char *line, ProcMapLine *m);

/* The text of /proc/self/maps, g_string_free(); for crash reports as well. */
GString *proc_self_maps(void);
GString *proc_self_smaps(void);
/* The same of the guest process whose directory of /proc it is; NULL: none that we may look
 * into. */
GString *proc_other_maps(const char *dir);
GString *proc_other_smaps(const char *dir);
/* What smaps_rollup of that directory shows where smaps is this text. */
GString *proc_rollup(const char *dir, const GString *smaps);

/* The size of its address space; false: likewise. */
bool proc_other_size(const char *dir, abi_ulong *size);

/* The ioctl on maps, linux/fs.h of 6.11. */
enum { PROCMAP_QUERY_ = (int)0xc0686611 };
abi_long proc_self_query(abi_ulong fd, abi_ulong arg);

#endif
