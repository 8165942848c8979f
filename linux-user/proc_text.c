/*
 * linux-user/proc_text.c: descriptors on which a text of ours is read in place of a file of /proc.
 *
 * Such a text is a sealed memfd whose name is the path of the file. It is made when the file is
 * opened, and anew when it is read again from its beginning, by lseek() or pread(): what has the
 * same number from then on is another file. Copies of the descriptor, by dup() or in children, keep
 * the old one until they do the same.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "linux-user/proc_self.h"
#include "linux-user/sys_common.h"

#define MEMFD "/memfd:"
#define DELETED " (deleted)"

/* No file of the guest's is sealed like that by chance. */
enum { TEXT_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
enum { MEMFD_NAME_MAX = 249 };

bool proc_texts_made;

const char *proc_text_shown(char *target)
{
    bool is = g_str_has_prefix(target, MEMFD "/") && g_str_has_suffix(target, DELETED);
    if (!is) {
        return target;
    }
    target[strlen(target) - strlen(DELETED)] = '\0';
    return target + strlen(MEMFD);
}

bool proc_text_of(int fd, char path[PATH_MAX])
{
    char link[40], target[PATH_MAX] = "";
    if (fcntl(fd, F_GET_SEALS) != TEXT_SEALS) {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", fd);
    if (readlink(link, target, sizeof(target) - 1) <= 0) {
        return false;
    }
    const char *shown = proc_text_shown(target);
    g_strlcpy(path, shown, PATH_MAX);
    return shown != target;
}

void proc_text_stat(int fd, struct stat *st)
{
    char path[PATH_MAX];
    struct stat file;
    if (st->st_nlink == 0 && S_ISREG(st->st_mode) && proc_text_of(fd, path) &&
        stat(path, &file) == 0) {
        *st = file;
    }
}

abi_long proc_take_place(int fd, int number, int flags)
{
    dup3(fd, number, flags & O_CLOEXEC);
    close(fd);
    return number;
}

abi_long proc_instead(abi_long fd, abi_long made, int flags)
{
    if (made == PROC_NOT_OURS) {
        return fd;
    }
    if (made < 0) {
        close((int)fd);
        return made;
    }
    return proc_take_place((int)made, (int)fd, flags);
}

/* No file of this process may be so long: a pipe, if it has room. */
static abi_long text_pipe(const GString *text, int flags)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC | (flags & O_NONBLOCK)) < 0) {
        return -errno;
    }
    fcntl(p[1], F_SETPIPE_SZ, text->len);
    bool whole = fcntl(p[1], F_GETPIPE_SZ) >= (int)text->len &&
                 write(p[1], text->str, text->len) == (ssize_t)text->len;
    close(p[1]);
    if (!whole) {
        close(p[0]);
        return PROC_NOT_OURS;
    }
    fcntl(p[0], F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    return p[0];
}

abi_long proc_text_fd(const char *path, const GString *text, int flags)
{
    char link[40];
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < text->len) {
        return text_pipe(text, flags);
    }
    size_t len = strlen(path), over = len > MEMFD_NAME_MAX ? len - MEMFD_NAME_MAX : 0;
    int fd = memfd_create(path + over, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->str + done, text->len - done);
        if (n <= 0) {
            close(fd);
            return -ENOMEM;
        }
        done += (size_t)n;
    }
    fcntl(fd, F_ADD_SEALS, TEXT_SEALS);
    /* once more through /proc: read-only, at offset 0, with the flags asked for */
    snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", fd);
    FdRoom room = { 0 };
    int ro = open(link, O_CLOEXEC | (flags & O_NONBLOCK));
    if (ro < 0 && errno == EMFILE && fd_room_make(&room)) {
        ro = open(link, O_CLOEXEC | (flags & O_NONBLOCK));
        fd_room_end(&room);
    }
    proc_texts_made = true;
    if (ro < 0) {           /* no room: the one there is, which its seals protect */
        lseek(fd, 0, SEEK_SET);
        fcntl(fd, F_SETFL, flags & O_NONBLOCK);
        fcntl(fd, F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
        return fd;
    }
    return proc_take_place(ro, fd, flags);
}
