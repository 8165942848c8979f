/*
 * exec/image_dir.c: the files of the cache directory. An image appears there whole, by renaming, or
 * not at all; the oldest make room for new ones.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "exec/image_private.h"

static bool write_all(int fd, const void *p, size_t n)
{
    const char *b = p;
    while (n) {
        ssize_t r = write(fd, b, n);
        if (r <= 0 && errno != EINTR) {
            return false;
        }
        if (r > 0) {
            b += r;
            n -= (size_t)r;
        }
    }
    return true;
}

/* Another limit would kill us. */
static bool file_size_allowed(size_t n)
{
    struct rlimit rl;
    return getrlimit(RLIMIT_FSIZE, &rl) == 0 && n <= rl.rlim_cur;
}

bool image_write_file(const char *path, const void *p, size_t n)
{
    char temp[4096 + 32];
    snprintf(temp, sizeof(temp), "%s.%d", path, (int)getpid());
    if (!file_size_allowed(n)) {
        return false;
    }
    int at = exec_options.image_at;
    int fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && g_mkdir_with_parents(exec_options.image_dir, 0700) == 0) {
        fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, p, n);
    ok &= close(fd) == 0;
    ok = ok && renameat(at, temp, at, path) == 0;
    if (!ok) {
        unlinkat(at, temp, 0);
    }
    return ok;
}

typedef struct Entry {
    char name[40];
    int64_t mtime;
    uint64_t size;
} Entry;

static int by_age(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return (x->mtime > y->mtime) - (x->mtime < y->mtime);
}

/* True once in n bytes, on average. */
static bool is_due(size_t written, uint64_t n)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t dice = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15 >> 32;
    return written >= (n >> 16) * dice >> 16;
}

void image_evict(size_t written)
{
    if (!written || !is_due(written, exec_options.image_limit / 64)) {
        return;
    }
    int fd = openat(exec_options.image_at, exec_options.image_dir,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    GArray *all = g_array_new(FALSE, FALSE, sizeof(Entry));
    uint64_t total = 0;
    while (d && (e = readdir(d)) != NULL) {
        struct stat st;
        Entry x;
        if (strspn(e->d_name, "0123456789abcdef.") == strlen(e->d_name) &&
            strlen(e->d_name) >= 16 &&
            g_strlcpy(x.name, e->d_name, sizeof(x.name)) < sizeof(x.name) &&
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            x.mtime = st.st_mtim.tv_sec;
            x.size = (uint64_t)st.st_blocks * 512;
            total += x.size;
            g_array_append_val(all, x);
        }
    }
    if (total > exec_options.image_limit) {
        qsort(all->data, all->len, sizeof(Entry), by_age);
        for (guint i = 0; i < all->len && total > exec_options.image_limit / 4 * 3; i++) {
            const Entry *x = &g_array_index(all, Entry, i);
            unlinkat(dirfd(d), x->name, 0);
            total -= x->size;
        }
    }
    g_array_free(all, TRUE);
    if (d) {
        closedir(d);
    }
}
