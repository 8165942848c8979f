/* The younger system calls, each used for what it is for. One that the kernel lacks, or that is not
 * allowed here, is passed over. Alone: rivet sys_modern; the line of the first check that failed is
 * printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The call failed because it is not to be had. */
static int not_here(long ret)
{
    return ret < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EOPNOTSUPP);
}

static char dir[] = "/tmp/sys_modern.XXXXXX";
static int dirfd, fd;               /* of dir, and of its file "file", which has 8192 bytes */

static void files(void)
{
    long r;
    struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, 0 };
    r = syscall(437, dirfd, "file", &how, sizeof(how));                    /* openat2 */
    CHECK(not_here(r) || (r >= 0 && close((int)r) == 0));
    how.resolve = 8;                                                       /* BENEATH */
    r = syscall(437, dirfd, "../etc", &how, sizeof(how));
    CHECK(r < 0 && (errno == EXDEV || errno == ENOSYS));
    r = syscall(437, dirfd, "file", &how, sizeof(how) - 1);
    CHECK(r < 0 && (errno == EINVAL || errno == ENOSYS));
    r = syscall(439, dirfd, "file", W_OK, AT_EACCESS);                     /* faccessat2 */
    CHECK(not_here(r) || r == 0);
    r = syscall(452, dirfd, "file", 0640, 0);                              /* fchmodat2 */
    struct stat st;
    CHECK(not_here(r) || (r == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640));

    int out = openat(dirfd, "copy", O_RDWR | O_CREAT, 0600);
    r = syscall(SYS_copy_file_range, fd, &(int64_t){ 100 }, out, NULL, 1000, 0);
    CHECK(r == 1000 || not_here(r) || errno == EXDEV);
    CHECK(r != 1000 || (fstat(out, &st) == 0 && st.st_size == 1000));
    close(out);
    struct iovec iov = { (char[8]){ 0 }, 8 };
    CHECK(syscall(SYS_preadv2, fd, &iov, 1, 5L, 0L, 0) == 8 &&
          !memcmp(iov.iov_base, "56789012", 8));

    struct { uint64_t off, len; } range = { 0, 8192 };
    struct { uint64_t cache, dirty, writeback, evicted, recently; } stat = { 0 };
    r = syscall(451, fd, &range, &stat, 0);                                /* cachestat */
    CHECK(not_here(r) || (r == 0 && stat.cache + stat.evicted <= 2));

    int proc = open("/proc/self/maps", O_RDONLY);
    r = syscall(451, proc, &range, &stat, 0);
    CHECK(not_here(r) || (r == 0 && stat.cache == 0 && stat.evicted == 0));
    close(proc);

    char handle[8 + 128];
    int mount_id, length = 128;
    memcpy(handle, &length, sizeof(length));
    r = syscall(SYS_name_to_handle_at, dirfd, "file", handle, &mount_id, 0);
    CHECK(not_here(r) || r == 0);
    if (r == 0) {
        int mount = open("/tmp", O_RDONLY | O_DIRECTORY), same;
        same = (int)syscall(SYS_open_by_handle_at, mount, handle, O_RDONLY);
        CHECK(not_here(same) || errno == ESTALE || same >= 0);
        close(mount);
    }

    if (fsetxattr(fd, "user.colour", "red", 3, 0) == 0) {
        char value[8] = "";
        struct { uint64_t value; uint32_t size, flags; } args = { (uintptr_t)value, 8, 0 };
        r = syscall(464, dirfd, "file", 0, "user.colour", &args, sizeof(args));    /* getxattrat */
        CHECK(not_here(r) || (r == 3 && !strcmp(value, "red")));
        args = (__typeof__(args)){ (uintptr_t)"blue", 4, 0 };
        r = syscall(463, dirfd, "file", 0, "user.colour", &args, sizeof(args));    /* setxattrat */
        CHECK(not_here(r) || (r == 0 && fgetxattr(fd, "user.colour", value, 8) == 4));
        char list[256];
        r = syscall(465, dirfd, "file", 0, list, sizeof(list));                    /* listxattrat */
        CHECK(not_here(r) || (r >= 12 && memmem(list, (size_t)r, "user.colour", 12)));
        r = syscall(466, dirfd, "file", 0, "user.colour"); /* removexattrat */
        CHECK(not_here(r) || (r == 0 && fgetxattr(fd, "user.colour", value, 8) < 0));
    }
    struct { uint64_t xflags; uint32_t extsize, nextents, projid, cowextsize; } attr = { 0 };
    r = syscall(468, dirfd, "file", &attr, sizeof(attr), 0);               /* file_getattr */
    CHECK(not_here(r) || errno == ENOTTY || r == 0);
}

static void mounts(void)
{
    struct { uint32_t size, spare; uint64_t id, param, ns; } req = { 24, 0, ~(uint64_t)0, 0, 0 };
    uint64_t ids[64];
    long n = syscall(458, &req, ids, 64L, 0); /* listmount of the root */
    CHECK(not_here(n) || n >= 0 || errno == ENOENT);
    struct {
        uint32_t size, options;
        uint64_t mask;
        uint32_t dev_major, dev_minor;
        uint64_t magic;
        char rest[4096];
    } sm;
    struct statx sx;
    CHECK(statx(AT_FDCWD, "/", 0, 0x4000, &sx) == 0);                      /* MNT_ID_UNIQUE */
    if (sx.stx_mask & 0x4000) {
        memcpy(&req.id, (char *)&sx + 0x90, 8);
        req.param = 1;                                                     /* SB_BASIC */
        struct statfs fs;
        CHECK(statfs("/", &fs) == 0);
        long r = syscall(457, &req, &sm, sizeof(sm), 0);                   /* statmount */
        CHECK(not_here(r) || errno == ENOENT ||
              (r == 0 && (sm.mask & 1) && sm.magic == (uint64_t)fs.f_type));
    }
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, O_CLOEXEC);
    CHECK(not_here(tree) || (tree >= 0 && close(tree) == 0));
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 1);
    CHECK(not_here(fs) || errno == ENODEV || (fs >= 0 && close(fs) == 0));
}

static void processes(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    int p = (int)syscall(SYS_pidfd_open, pid, 0);
    if (!not_here(p)) {
        CHECK(p >= 0);
        struct pollfd pfd = { p, POLLIN, 0 };
        CHECK(poll(&pfd, 1, 0) == 0);
        int copy = (int)syscall(SYS_pidfd_getfd, p, fd, 0);
        CHECK(not_here(copy) || (copy >= 0 && close(copy) == 0));
        struct iovec iov = { &pid, 0 };
        long r = syscall(440, p, &iov, 0L, 20, 0); /* process_madvise, COLD */
        CHECK(not_here(r) || r == 0);
        CHECK(syscall(SYS_pidfd_send_signal, p, SIGTERM, NULL, 0) == 0);
        CHECK(poll(&pfd, 1, 10000) == 1);
        siginfo_t info = { 0 };
        CHECK(waitid(3 /* P_PIDFD */, (id_t)p, &info, WEXITED | WNOWAIT) == 0 &&
              info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGTERM);
        close(p);
    } else {
        kill(pid, SIGTERM);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == SIGTERM);
    long r = syscall(SYS_kcmp, getpid(), getpid(), 0, fd, fd);
    CHECK(not_here(r) || r == 0);
    r = syscall(SYS_kcmp, getpid(), getpid(), 0, fd, dirfd);
    CHECK(not_here(r) || r == 1 || r == 2);
    CHECK(syscall(459, 100, NULL, NULL, 0) < 0);                           /* lsm_get_self_attr */
}

static void memory(void)
{
    long r = syscall(447, 0);                                              /* memfd_secret */
    CHECK(not_here(r) || errno == ENOMEM || r >= 0);
    if (r >= 0) {
        CHECK(ftruncate((int)r, 4096) == 0);
        char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)r, 0);
        CHECK(p != MAP_FAILED || errno == EAGAIN || errno == EPERM);
        if (p != MAP_FAILED) {
            p[0] = 1;
            CHECK(p[0] == 1 && munmap(p, 4096) == 0);
        }
        close((int)r);
    }
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int mode = -1;
    unsigned long nodes[16] = { 1 };
    r = syscall(SYS_get_mempolicy, &mode, nodes, 1024L, p, MPOL_F_ADDR);
    CHECK(not_here(r) || (r == 0 && mode == MPOL_DEFAULT));
    nodes[0] = 1;
    r = syscall(SYS_mbind, p, 4096L, MPOL_BIND, nodes, 16L, 0);
    CHECK(not_here(r) || r == 0);
    if (r == 0) {
        CHECK(syscall(SYS_get_mempolicy, &mode, nodes, 1024L, p, MPOL_F_ADDR) == 0 &&
              mode == MPOL_BIND && nodes[0] == 1);
        p[0] = 1;
        void *pages[1] = { p };
        int node[1] = { -1 };
        CHECK(syscall(SYS_move_pages, 0, 1L, pages, NULL, node, 0) == 0 && node[0] == 0);
    }
    r = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    CHECK(not_here(r) || errno == EINVAL || r >= 0);
    if (r >= 0) {
        struct uffdio_api api = { .api = UFFD_API };
        CHECK(ioctl((int)r, UFFDIO_API, &api) == 0 && (api.ioctls & (1 << _UFFDIO_REGISTER)));
        struct uffdio_register reg = { .range = { (uintptr_t)p + 4096, 4096 },
                                       .mode = UFFDIO_REGISTER_MODE_MISSING };
        CHECK(ioctl((int)r, UFFDIO_REGISTER, &reg) == 0);
        struct uffdio_copy copy = { .dst = (uintptr_t)p + 4096, .src = (uintptr_t)p, .len = 4096 };
        CHECK(ioctl((int)r, UFFDIO_COPY, &copy) == 0 && copy.copy == 4096 && p[4096] == p[0]);
        close((int)r);
    }
    r = syscall(SYS_pkey_alloc, 0, 0);
    CHECK(r < 0 && (errno == ENOSYS || errno == ENOSPC || errno == EINVAL)); /* riscv has no keys */
    munmap(p, 3 * 4096);
}

static void on_notify(union sigval v)
{
}

static void events(void)
{
    int r = (int)syscall(SYS_fanotify_init, 0x200 /* REPORT_FID */ | FAN_CLOEXEC | FAN_NONBLOCK,
                         O_RDONLY);
    CHECK(not_here(r) || errno == EMFILE || errno == EINVAL || r >= 0);
    if (r >= 0) {
        if (syscall(SYS_fanotify_mark, r, FAN_MARK_ADD, FAN_MODIFY | FAN_EVENT_ON_CHILD, dirfd,
                    NULL) == 0) {
            char buf[4096];
            CHECK(pwrite(fd, "0", 1, 0) == 1);
            ssize_t n = read(r, buf, sizeof(buf));
            struct fanotify_event_metadata *m = (void *)buf;
            CHECK(n >= (ssize_t)sizeof(*m) && m->mask & FAN_MODIFY && m->pid == getpid() &&
                  m->fd == FAN_NOFD);
        }
        close(r);
    }
    struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
                                    .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1 };
    r = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    CHECK(not_here(r) || errno == ENOENT || r >= 0);
    if (r >= 0) {
        uint64_t a, b;
        CHECK(read(r, &a, 8) == 8);
        for (volatile int i = 0; i < 100000; i++) {
        }
        CHECK(read(r, &b, 8) == 8 && b > a);
        close(r);
    }
#ifdef __riscv      /* has none */
    attr.type = PERF_TYPE_BREAKPOINT;
    attr.config = 0;
    attr.bp_type = 4;                           /* HW_BREAKPOINT_X */
    attr.bp_addr = (uintptr_t)not_here;
    attr.bp_len = sizeof(long);
    r = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    CHECK(not_here(r) || (r < 0 && errno == ENOENT));
#endif
    union bpf_attr battr = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 4};
    r = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &battr, sizeof(battr));
    CHECK(not_here(r) || r >= 0);
    if (r >= 0) {
        uint32_t key = 2;
        uint64_t value = 77, back = 0;
        union bpf_attr set = {
            .map_fd = (uint32_t)r, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
        union bpf_attr get = {
            .map_fd = (uint32_t)r, .key = (uintptr_t)&key, .value = (uintptr_t)&back};
        CHECK(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &set, sizeof(set)) == 0);
        CHECK(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &get, sizeof(get)) == 0 && back == 77);
        close(r);
    }
    char name[64];
    snprintf(name, sizeof(name), "/rivet.%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, NULL);
    CHECK(q >= 0 || not_here(-1) || errno == EMFILE || errno == ENOSPC);
    if (q >= 0) {
        struct mq_attr a;
        struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_notify };
        CHECK(mq_getattr(q, &a) == 0 && a.mq_curmsgs == 0 && a.mq_msgsize > 0);
        char *buf = malloc((size_t)a.mq_msgsize);
        CHECK(mq_receive(q, buf, (size_t)a.mq_msgsize, NULL) < 0 && errno == EAGAIN);
        unsigned prio;
        CHECK(mq_send(q, "low", 3, 1) == 0 && mq_send(q, "high", 4, 9) == 0);
        CHECK(mq_receive(q, buf, (size_t)a.mq_msgsize, &prio) == 4 && prio == 9);
        CHECK(mq_receive(q, buf, (size_t)a.mq_msgsize, &prio) == 3 && prio == 1);
        CHECK(mq_notify(q, &ev) == 0 && mq_notify(q, NULL) == 0);
        free(buf);
        mq_close(q);
        mq_unlink(name);
    }
}

static void keys(void)
{
    long id = syscall(SYS_add_key, "user", "rivet:test", "secret", 6L, KEY_SPEC_PROCESS_KEYRING);
    CHECK(not_here(id) || errno == EDQUOT || id > 0);
    if (id > 0) {
        char buf[64] = "";
        CHECK(syscall(SYS_keyctl, KEYCTL_READ, id, buf, sizeof(buf)) == 6 &&
              !strcmp(buf, "secret"));
        CHECK(syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, buf, sizeof(buf)) > 0 &&
              !strncmp(buf, "user;", 5));
        CHECK(syscall(SYS_request_key, "user", "rivet:test", NULL, 0) == id);
        CHECK(syscall(SYS_keyctl, KEYCTL_UPDATE, id, "other", 5L) == 0);
        CHECK(syscall(SYS_keyctl, KEYCTL_REVOKE, id) == 0);
        CHECK(syscall(SYS_keyctl, KEYCTL_READ, id, buf, sizeof(buf)) < 0 && errno == EKEYREVOKED);
    }
}

static uint32_t word;

static void futexes(void)
{
    enum { U32 = 2, PRIVATE = 128 };
    struct timespec past = { 0, 0 };
    long r = syscall(455, &word, 0L, 0xffffffffL, U32 | PRIVATE, &past,
                     CLOCK_MONOTONIC); /* futex_wait */
    CHECK(not_here(r) || (r < 0 && errno == ETIMEDOUT));
    r = syscall(455, &word, 1L, 0xffffffffL, U32 | PRIVATE, NULL, CLOCK_MONOTONIC);
    CHECK(not_here(r) || (r < 0 && errno == EAGAIN));
    r = syscall(454, &word, 0xffffffffL, 1, U32 | PRIVATE); /* futex_wake */
    CHECK(not_here(r) || r == 0);
    struct { uint64_t val, uaddr; uint32_t flags, reserved; } w[2] = {
        { 0, (uintptr_t)&word, U32 | PRIVATE, 0 }, { 1, (uintptr_t)&word, U32 | PRIVATE, 0 }
    };
    r = syscall(449, w, 2, 0, NULL, 0); /* futex_waitv */
    CHECK(not_here(r) || (r < 0 && errno == EAGAIN));
    r = syscall(449, w, 1, 0, &past, CLOCK_MONOTONIC);
    CHECK(not_here(r) || (r < 0 && errno == ETIMEDOUT));
    r = syscall(456, w, 0, 0, 0); /* futex_requeue */
    CHECK(not_here(r) || r == 0 || errno == EAGAIN || errno == EINVAL);
}

int main(void)
{
    CHECK(mkdtemp(dir) && (dirfd = open(dir, O_RDONLY | O_DIRECTORY)) >= 0);
    CHECK((fd = openat(dirfd, "file", O_RDWR | O_CREAT, 0600)) >= 0);
    for (int i = 0; i < 8192; i += 10) {
        CHECK(write(fd, "0123456789", 10) == 10);
    }
    CHECK(ftruncate(fd, 8192) == 0);
    files();
    mounts();
    processes();
    memory();
    events();
    keys();
    futexes();
    unlinkat(dirfd, "file", 0);
    unlinkat(dirfd, "copy", 0);
    rmdir(dir);
    return 0;
}
