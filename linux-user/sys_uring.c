/*
 * linux-user/sys_uring.c: io_uring.
 * Source: io_uring/io_uring.c, io_uring/epoll.c, io_uring/register.c.
 *
 * Requests lie in memory shared with the kernel and have the same layout on both sides, but for
 * struct epoll_event and paths. So io_uring_enter() looks at the requests it is about to submit:
 *   EPOLL_CTL    its event is read while the call submits it: for the time of the call the request
 *                points to a copy in the host's layout
 *   OPENAT, ...  so are paths, which may lead elsewhere (-L, --root): the host's takes the place of
 *                the guest's; a file of /proc that is ours to make is opened at once, and the
 *                request is one that completes with its descriptor
 *   CONNECT, ... so are the names of Unix sockets (--root); those that come back are the host's
 *   EPOLL_WAIT   its events are written some time later: it gets an opcode that no kernel has, and
 *                completes with EINVAL as on a kernel before 6.15; a probe says so
 * With IORING_SETUP_SQPOLL a thread of the kernel takes requests at any time: there the guest's
 * events are read as the host lays them out, and its paths are the host's; in a root by paths it is
 * refused. With a guest_base every pointer in a request would be wrong: there is no io_uring then,
 * as when an administrator has switched it off.
 *
 * Owns the list of rings: where the guest has mapped them. A ring is known by the descriptor that
 * io_uring_setup() gave, or by its index in the thread's registered rings. An entry outlives its
 * descriptor and is used again with it. The memory is the guest's: read through guest_read().
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/fork_page.h"
#include "linux-user/abi_structs.h"
#include "linux-user/host_kernel.h"
#include "linux-user/ids.h"
#include "linux-user/mmap.h"
#include "linux-user/proc_self.h"
#include "linux-user/sys_common.h"
#include "linux-user/uring.h"

/* Newer than the C library's headers */
enum {
    SETUP_NO_MMAP = 1 << 14,
    SETUP_REGISTERED_FD_ONLY = 1 << 15,
    SETUP_NO_SQARRAY = 1 << 16,
    REGISTER_RESIZE_RINGS = 33,
    REGISTER_USE_REGISTERED_RING = 1u << 31,
    OP_BIND = 56,
    OP_EPOLL_WAIT = 59,
    OP_NONE = 0xff,
    NOP_INJECT_RESULT = 1,
    MAX_REGISTERED = 16,
};

typedef struct Ring {
    int fd;
    uint32_t flags;
    struct io_sqring_offsets off;
    abi_ulong sq, sqes;             /* where the guest has mapped them; 0: not yet */
} Ring;

static FORK_PAGE pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;
static Ring *rings;                 /* rings_lock; a few */
static unsigned rings_count;
static __thread int registered[MAX_REGISTERED];     /* index in rings plus 1, 0: none */

/* Where the ring of descriptor fd is in rings[], plus 1; 0: not there. Under rings_lock. */
static int ring_index(int fd)
{
    for (unsigned i = 0; i < rings_count; i++) {
        if (rings[i].fd == fd && fd >= 0) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* Returns its index plus 1. */
static int ring_add(const Ring *r)
{
    pthread_mutex_lock(&rings_lock);
    int i = ring_index(r->fd);
    if (!i) {
        rings = g_renew(Ring, rings, rings_count + 1);
        i = (int)++rings_count;
    }
    rings[i - 1] = *r;
    pthread_mutex_unlock(&rings_lock);
    return i;
}

static bool ring_find(Ring *r, abi_ulong fd, bool is_registered)
{
    pthread_mutex_lock(&rings_lock);
    int i = !is_registered ? ring_index((int)fd) : fd < MAX_REGISTERED ? registered[fd] : 0;
    if (i) {
        *r = rings[i - 1];
    }
    pthread_mutex_unlock(&rings_lock);
    return i != 0;
}

void uring_mapped(int fd, abi_ulong off, abi_ulong addr)
{
    if (G_LIKELY(!rings)) {
        return;
    }
    pthread_mutex_lock(&rings_lock);
    int i = ring_index(fd);
    if (i && (off == IORING_OFF_SQ_RING || off == IORING_OFF_CQ_RING)) {
        rings[i - 1].sq = addr;     /* one mapping with two offsets since 5.4 */
    } else if (i && off == IORING_OFF_SQES) {
        rings[i - 1].sqes = addr;
    }
    pthread_mutex_unlock(&rings_lock);
}

/* Can a request complete with a result of our own? */
static bool have_results(void)
{
    enum { RESULTS_MAJOR = 6, RESULTS_MINOR = 11 };
    return host_kernel_has(RESULTS_MAJOR, RESULTS_MINOR);
}

abi_long sys_io_uring_setup(CPUState *cpu, const abi_ulong *a)
{
    struct io_uring_params p;
    /* With a guest_base requests and completions have addresses everywhere. Where a ring lies is
     * for the host to choose, which knows no -R. In a root by paths some requests are ours. */
    if (guest_base || guest_reserved() || (path_is_root() && !have_results())) {
        return -ENOSYS;
    }
    if (path_is_root() && guest_read(&p, a[1], sizeof(p)) && p.flags & IORING_SETUP_SQPOLL) {
        return -EPERM;
    }
    abi_long ret = host_call(__NR_io_uring_setup, a[0], a[1], 0, 0, 0, 0);
    if (ret < 0 || !guest_read(&p, a[1], sizeof(p))) {
        return ret;
    }
    bool no_fd = p.flags & SETUP_REGISTERED_FD_ONLY;
    Ring r = { .fd = no_fd ? -1 : (int)ret, .flags = p.flags, .off = p.sq_off };
    if (p.flags & SETUP_NO_MMAP) {
        r.sqes = p.sq_off.resv2;    /* user_addr in newer headers */
        r.sq = p.cq_off.resv2;
    }
    int i = ring_add(&r);
    if (no_fd && ret < MAX_REGISTERED) {
        registered[ret] = i;
    }
    return ret;
}

/* --- requests about to be submitted ----------------------------------------------------------- */

/* A request changed for the time of one call. */
typedef struct Patch {
    abi_ulong sqe;
    struct io_uring_sqe old, now;
    uint32_t nth;  /* of the requests that the call is to submit */
    int fd;        /* that `now` completes with, or -1 */
    void *held[2]; /* what `now` points to (g_free) */
    SocketName name;
} Patch;

/* A request that completes with `result`: one that does nothing. */
static void become_result(struct io_uring_sqe *sqe, abi_long result)
{
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_NOP,
        .flags = sqe->flags,
        .rw_flags = NOP_INJECT_RESULT,
        .len = (uint32_t)result,
        .user_data = sqe->user_data,
        .personality = sqe->personality,
    };
}

static bool patch_epoll(Patch *p)
{
    GuestEpollEvent ev;
    if (p->old.opcode == OP_EPOLL_WAIT) {
        p->now.opcode = OP_NONE;
        return true;
    }
    if (p->old.len == EPOLL_CTL_DEL || !guest_read(&ev, p->old.addr, sizeof(ev))) {
        return false;
    }
    struct epoll_event *event = p->held[0] = g_new0(struct epoll_event, 1);
    event->events = ev.events;
    event->data.u64 = ev.data;
    p->now.addr = host_arg(event);
    return true;
}

/* The path in *addr, relative to dirfd, may be another one for the host. */
static bool patch_path(Patch *p, __u64 *addr, int dirfd, PathFinal final)
{
    char *buf = g_malloc(PATH_MAX);
    abi_ulong path = path_arg((abi_ulong)dirfd, *addr, final, buf);
    if (path == *addr || path_failed(path)) {
        g_free(buf);
        if (path != *addr) {
            become_result(&p->now, (abi_long)path);
        }
        return path != *addr;
    }
    p->held[p->held[0] != NULL] = buf;
    *addr = path;
    return true;
}

static bool patch_open(Patch *p)
{
    struct open_how how = { .flags = p->old.open_flags };
    if (p->old.opcode == IORING_OP_OPENAT2 && !guest_read(&how, p->old.off, sizeof(how))) {
        return false;
    }
    if (how.resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)) {
        return false;
    }
    bool plain = !how.resolve && !p->old.file_index && !(p->old.flags & IOSQE_FIXED_FILE);
    abi_long fd = PROC_NOT_OURS;
    if (plain && have_results()) {
        fd = proc_self_open(p->old.fd, p->old.addr, (int)how.flags);
    }
    if (fd != PROC_NOT_OURS) {
        become_result(&p->now, fd);
        p->fd = (int)MAX(fd, -1);
        return true;
    }
    return patch_path(p, &p->now.addr, p->old.fd,
                      how.flags & O_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW);
}

/* Users are emulated: what the host would say of the owner is not for the guest. */
static bool patch_statx(CPUState *cpu, Patch *p)
{
    abi_ulong a[6] = { (abi_ulong)p->old.fd, p->old.addr, p->old.statx_flags, p->old.len,
                       p->old.off };
    if (ids.on && have_results()) {
        become_result(&p->now, sys_statx(cpu, a));
        return true;
    }
    return patch_path(p, &p->now.addr, p->old.fd,
                      p->old.statx_flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW);
}

/* The name of a Unix socket at *addr, of *len bytes. */
static bool patch_name(Patch *p, __u64 *addr, abi_ulong *len, PathFinal final)
{
    abi_ulong name = socket_name_arg(&p->name, *addr, len, final);
    bool other = name != *addr;
    if (other) {                        /* p itself moves */
        p->held[0] = g_memdup2(&p->name.un, sizeof(p->name.un));
        *addr = host_arg(p->held[0]);
    }
    return other;
}

static bool patch_address(Patch *p, PathFinal final)
{
    abi_ulong len = p->old.addr2;
    bool other = patch_name(p, &p->now.addr, &len, final);
    p->now.addr2 = len;
    return other;
}

static bool patch_send(Patch *p)
{
    abi_ulong len = p->old.addr_len;
    bool other = patch_name(p, &p->now.addr2, &len, PATH_FOLLOW);
    p->now.addr_len = (uint16_t)len;
    return other;
}

static bool patch_message(Patch *p)
{
    struct msghdr m;
    if (!guest_read(&m, p->old.addr, sizeof(m))) {
        return false;
    }
    __u64 name = (abi_ulong)(uintptr_t)m.msg_name;
    abi_ulong len = m.msg_namelen;
    if (!patch_name(p, &name, &len, PATH_FOLLOW)) {
        return false;
    }
    m.msg_name = (void *)(uintptr_t)name;
    m.msg_namelen = (socklen_t)len;
    p->held[1] = g_memdup2(&m, sizeof(m));
    p->now.addr = host_arg(p->held[1]);
    return true;
}

static bool patch_two_paths(Patch *p, PathFinal first)
{
    bool a = patch_path(p, &p->now.addr, p->old.fd, first);
    bool b = patch_path(p, &p->now.addr2, (int)p->old.len, PATH_ENTRY);
    return a || b;
}

static bool patch_make(CPUState *cpu, Patch *p, abi_ulong addr)
{
    if (!guest_read(&p->old, addr, sizeof(p->old))) {
        return false;
    }
    p->sqe = addr;
    p->now = p->old;
    switch (p->old.opcode) {
    case IORING_OP_EPOLL_CTL:
    case OP_EPOLL_WAIT:
        return patch_epoll(p);
    case IORING_OP_OPENAT:
    case IORING_OP_OPENAT2:
        return patch_open(p);
    case IORING_OP_STATX:
        return patch_statx(cpu, p);
    case IORING_OP_SETXATTR:
    case IORING_OP_GETXATTR:
        return patch_path(p, &p->now.addr3, AT_FDCWD, PATH_FOLLOW);
    case IORING_OP_CONNECT:
        return patch_address(p, PATH_FOLLOW);
    case OP_BIND:
        return patch_address(p, PATH_ENTRY);
    case IORING_OP_SEND:
    case IORING_OP_SEND_ZC:
        return patch_send(p);
    case IORING_OP_SENDMSG:
    case IORING_OP_SENDMSG_ZC:
        return patch_message(p);
    case IORING_OP_UNLINKAT:
    case IORING_OP_MKDIRAT:
        return patch_path(p, &p->now.addr, p->old.fd, PATH_ENTRY);
    case IORING_OP_SYMLINKAT:
        return patch_path(p, &p->now.addr2, p->old.fd, PATH_ENTRY);
    case IORING_OP_RENAMEAT:
        return patch_two_paths(p, PATH_ENTRY);
    case IORING_OP_LINKAT:
        return patch_two_paths(p, p->old.hardlink_flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW
                                                                            : PATH_NOFOLLOW);
    default:
        return false;
    }
}

static bool may_need_patch(uint8_t opcode)
{
    static const uint64_t paths =
        1ull << IORING_OP_EPOLL_CTL | 1ull << OP_EPOLL_WAIT | 1ull << IORING_OP_OPENAT |
        1ull << IORING_OP_OPENAT2 | 1ull << IORING_OP_STATX | 1ull << IORING_OP_UNLINKAT |
        1ull << IORING_OP_MKDIRAT | 1ull << IORING_OP_SYMLINKAT | 1ull << IORING_OP_RENAMEAT |
        1ull << IORING_OP_LINKAT | 1ull << IORING_OP_SETXATTR | 1ull << IORING_OP_GETXATTR;
    static const uint64_t names =
        1ull << IORING_OP_CONNECT | 1ull << OP_BIND | 1ull << IORING_OP_SEND |
        1ull << IORING_OP_SEND_ZC | 1ull << IORING_OP_SENDMSG | 1ull << IORING_OP_SENDMSG_ZC;
    uint64_t some = path_is_root() ? paths | names : paths;
    return opcode < 64 && some >> opcode & 1;
}

/* The call returned ret. The place may hold a newer request by now: then it is left alone. */
static void patch_undo(Patch *p, abi_long ret)
{
    struct io_uring_sqe now;
    if (guest_read(&now, p->sqe, sizeof(now)) && memcmp(&now, &p->now, sizeof(now)) == 0) {
        guest_write(p->sqe, &p->old, sizeof(p->old));
    }
    if (p->fd >= 0 && ret <= (abi_long)p->nth) {
        close(p->fd); /* it was not submitted */
    }
    g_free(p->held[0]);
    g_free(p->held[1]);
    socket_name_close(&p->name);
}

/* The patches for the next `count` requests of the ring, or NULL when there are none. */
static GArray *patches_for(CPUState *cpu, const Ring *r, uint32_t count)
{
    uint32_t head, tail, mask;
    if (!r->sq || !r->sqes || r->flags & IORING_SETUP_SQPOLL ||
        !guest_read(&head, r->sq + r->off.head, sizeof(head)) ||
        !guest_read(&tail, r->sq + r->off.tail, sizeof(tail)) ||
        !guest_read(&mask, r->sq + r->off.ring_mask, sizeof(mask))) {
        return NULL;
    }
    count = MIN(count, MIN(tail - head, mask + 1));
    unsigned stride = r->flags & IORING_SETUP_SQE128 ? 128 : 64;
    GArray *patches = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = (head + i) & mask;
        uint8_t opcode;
        if (!(r->flags & SETUP_NO_SQARRAY) &&
            !guest_read(&index, r->sq + r->off.array + 4 * (abi_ulong)index, sizeof(index))) {
            break;
        }
        abi_ulong sqe = r->sqes + (abi_ulong)stride * index;
        Patch p = { .nth = i, .fd = -1, .name.dir = -1 };
        if (index > mask || !guest_read(&opcode, sqe, 1) || !may_need_patch(opcode) ||
            !patch_make(cpu, &p, sqe)) {
            continue;
        }
        if (!patches) {
            patches = g_array_new(FALSE, FALSE, sizeof(Patch));
        }
        g_array_append_val(patches, p);
    }
    return patches;
}

/* The signal mask of the call: argument 4, or what the structure there points to. */
static bool enter_mask(const abi_ulong *a, uint64_t *mask)
{
    abi_ulong set = a[4], size = a[5];
    struct io_uring_getevents_arg arg;
    if (!set || !(a[3] & IORING_ENTER_GETEVENTS)) {
        return false;
    }
    if (a[3] & IORING_ENTER_EXT_ARG) {
        if (size != sizeof(arg) || !guest_read(&arg, set, sizeof(arg))) {
            return false;
        }
        set = arg.sigmask;
        size = arg.sigmask_sz;
    }
    return set && size == sizeof(*mask) && guest_read(mask, set, sizeof(*mask));
}

/* Submitting does not wait; what waits is told by flags. A call that a signal met before it began
 * has submitted nothing: it is made after the handler, unless a mask says that this is awaited. */
static abi_long enter(const abi_ulong *a)
{
    uint64_t mask;
    if (!(a[3] & (IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAIT))) {
        return host_call(__NR_io_uring_enter, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    bool masked = enter_mask(a, &mask);
    abi_long ret = safe_syscall(__NR_io_uring_enter, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (ret == -EINTR && masked) {
        signal_temp_mask(current_task, mask);
    }
    if (ret == -ERESTARTSYS_) {
        ret = masked ? -ERESTARTNOHAND_ : a[1] ? -ERESTARTNOINTR_ : ret;
    }
    return ret;
}

abi_long sys_io_uring_enter(CPUState *cpu, const abi_ulong *a)
{
    Ring r;
    GArray *patches = NULL;
    if ((uint32_t)a[1] && ring_find(&r, a[0], a[3] & IORING_ENTER_REGISTERED_RING)) {
        patches = patches_for(cpu, &r, (uint32_t)a[1]);
    }
    if (G_LIKELY(!patches)) {
        return enter(a);
    }
    for (guint i = 0; i < patches->len; i++) {
        const Patch *p = &g_array_index(patches, Patch, i);
        guest_write(p->sqe, &p->now, sizeof(p->now));
    }
    abi_long ret = enter(a);
    for (guint i = 0; i < patches->len; i++) {
        patch_undo(&g_array_index(patches, Patch, i), ret);
    }
    g_array_free(patches, TRUE);
    return ret;
}

/* --- register --------------------------------------------------------------------------------- */

/* n entries of the thread's table changed: each is the index `offset` and the descriptor `data`. */
static void rings_registered(abi_ulong updates, uint32_t n, bool add)
{
    for (uint32_t i = 0; i < n; i++) {
        struct io_uring_rsrc_update u;
        if (!guest_read(&u, updates + i * sizeof(u), sizeof(u)) || u.offset >= MAX_REGISTERED) {
            continue;
        }
        pthread_mutex_lock(&rings_lock);
        registered[u.offset] = add ? ring_index((int)u.data) : 0;
        pthread_mutex_unlock(&rings_lock);
    }
}

static void ring_resized(abi_ulong fd, bool is_registered, abi_ulong params)
{
    struct io_uring_params p;
    if (!guest_read(&p, params, sizeof(p))) {
        return;
    }
    pthread_mutex_lock(&rings_lock);
    int i = !is_registered ? ring_index((int)fd) : fd < MAX_REGISTERED ? registered[fd] : 0;
    if (i) {
        rings[i - 1].off = p.sq_off;
    }
    pthread_mutex_unlock(&rings_lock);
}

/* The kernel has told which requests it knows, the first n. */
static void probed(abi_ulong probe, uint32_t n)
{
    const uint16_t no_flags = 0;
    if (n > OP_EPOLL_WAIT) {
        guest_write(probe + offsetof(struct io_uring_probe, ops[OP_EPOLL_WAIT].flags), &no_flags,
                    sizeof(no_flags));
    }
}

abi_long sys_io_uring_register(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = safe_syscall(__NR_io_uring_register, a[0], a[1], a[2], a[3], 0, 0);
    uint32_t op = (uint32_t)a[1] & ~REGISTER_USE_REGISTERED_RING;
    if (ret > 0 && (op == IORING_REGISTER_RING_FDS || op == IORING_UNREGISTER_RING_FDS)) {
        rings_registered(a[2], (uint32_t)ret, op == IORING_REGISTER_RING_FDS);
    } else if (ret == 0 && op == REGISTER_RESIZE_RINGS) {
        ring_resized(a[0], (uint32_t)a[1] & REGISTER_USE_REGISTERED_RING, a[2]);
    } else if (ret == 0 && op == IORING_REGISTER_PROBE) {
        probed(a[2], (uint32_t)a[3]);
    }
    return ret;
}

void uring_fork_child(void)
{
    pthread_mutex_init(&rings_lock, NULL);
}
