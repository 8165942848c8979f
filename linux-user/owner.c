/*
 * linux-user/owner.c: see owner.h.
 */
#include "linux-user/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "linux-user/ids.h"
#include "linux-user/sys_common.h"

static const char attribute[] = "user.rivet.owner";

enum { NAME_SIZE = PATH_MAX + 40 };

/* A name of (dirfd, path) for calls that know no dirfd; NULL: path cannot be read any more. */
static const char *name_of(int dirfd, abi_ulong path, char buf[NAME_SIZE])
{
    char text[PATH_MAX] = "";
    if (path && !path_copy(path, text)) {
        return NULL;
    }
    if (text[0] == '/' || dirfd == AT_FDCWD) {
        return strcpy(buf, text[0] ? text : ".");
    }
    snprintf(buf, NAME_SIZE, "/proc/thread-self/fd/%d%s%s", dirfd, text[0] ? "/" : "", text);
    return buf;
}

static bool may_have_one(mode_t mode)
{
    return S_ISREG(mode) || S_ISDIR(mode);
}

static bool recall(const char *name, uint32_t *uid, uint32_t *gid)
{
    char text[32];
    ssize_t n = getxattr(name, attribute, text, sizeof(text) - 1);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    return sscanf(text, "%u:%u", uid, gid) == 2;
}

void owner_show(int dirfd, abi_ulong path, mode_t mode, uint32_t *uid, uint32_t *gid)
{
    char buf[NAME_SIZE];
    if (G_LIKELY(!ids.on)) {
        return;
    }
    const char *name =
        *uid == ids.host_uid && may_have_one(mode) ? name_of(dirfd, path, buf) : NULL;
    if (!name || !recall(name, uid, gid)) {
        *uid = ids_show_uid(*uid);
        *gid = ids_show_gid(*gid);
    }
}

/* The kernel lets write attributes who may write to the file: its owner does, whatever its mode. */
static void keep(const char *name, const struct stat *st, uint32_t uid, uint32_t gid)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%u:%u", uid, gid);
    bool lend = !(st->st_mode & S_IWUSR) && chmod(name, (st->st_mode & 07777) | S_IWUSR) == 0;
    if (uid == 0 && gid == 0) {
        removexattr(name, attribute);
    } else {
        setxattr(name, attribute, text, (size_t)n, 0);
    }
    if (lend) {
        chmod(name, st->st_mode & 07777);
    }
}

void owner_give(int dirfd, abi_ulong path, bool follow, uint32_t uid, uint32_t gid)
{
    enum { KEEPS = -1 };
    char buf[NAME_SIZE], name[40];
    struct stat st;
    const char *file = name_of(dirfd, path, buf);
    int fd = file ? open(file, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW)) : -1;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == ids.host_uid && may_have_one(st.st_mode)) {
        uint32_t has_uid = st.st_uid, has_gid = st.st_gid;
        owner_show(fd, 0, st.st_mode, &has_uid, &has_gid);
        snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", fd);
        keep(name, &st, uid == (uint32_t)KEEPS ? has_uid : uid,
             gid == (uint32_t)KEEPS ? has_gid : gid);
    }
    if (fd >= 0) {
        close(fd);
    }
}

bool owner_differs(void)
{
    return G_UNLIKELY(ids.on) && (ids.user.fs != 0 || ids.group.fs != 0);
}

void owner_made(int dirfd, abi_ulong path)
{
    owner_give(dirfd, path, path == 0, ids.user.fs, ids.group.fs);
}
