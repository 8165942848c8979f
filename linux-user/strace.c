/*
 * linux-user/strace.c: print system calls: `pid name(args) = result`.
 *
 * Arguments are decoded by the kinds of syscalls.def. A call is printed when it begins, without its
 * end; the end follows on the same line, or, when something else was printed in between, on a line of
 * its own: `pid <... name resumed>) = result`. Buffers that the call fills are printed at the end.
 *
 * `open_line` says whose line is unfinished; it changes only between log_begin() and log_end().
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "exec/log.h"
#include "linux-user/sys_common.h"

enum { SHOWN_BYTES = 32, SHOWN_STRING = 256, SHOWN_ITEMS = 8 };

static _Atomic int open_line;   /* tid, 0: none */

/* --- names -------------------------------------------------------------------------------------- */

typedef struct Name {
    uint64_t value;
    const char *name;
} Name;

#define N(x) { (uint64_t)(x), #x }

static const Name open_flags[] = {
    N(O_TMPFILE), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK),
    N(O_SYNC), N(O_DSYNC), N(O_ASYNC), N(O_DIRECT), { 0100000, "O_LARGEFILE" }, N(O_DIRECTORY),
    N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH),
};
static const Name at_names[] = {
    N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT),
    N(AT_EMPTY_PATH), { 0x2000, "AT_STATX_FORCE_SYNC" }, { 0x4000, "AT_STATX_DONT_SYNC" },
    N(AT_RECURSIVE), N(O_CLOEXEC),
};
static const Name access_names[] = { N(R_OK), N(W_OK), N(X_OK) };
static const Name prot_names[] = {
    N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), N(PROT_GROWSUP),
};
static const Name map_names[] = {
    N(MAP_SHARED_VALIDATE), N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS),
    N(MAP_GROWSDOWN), N(MAP_DENYWRITE), N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE),
    N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC),
    N(MAP_FIXED_NOREPLACE),
};
static const Name clone_names[] = {
    N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD), N(CLONE_PTRACE),
    N(CLONE_VFORK), N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS), N(CLONE_SYSVSEM),
    N(CLONE_SETTLS), N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED),
    N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP), N(CLONE_NEWUTS), N(CLONE_NEWIPC),
    N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET), N(CLONE_IO),
};
static const Name madv_names[] = {
    N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED),
    N(MADV_FREE), N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE),
    N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP), N(MADV_DODUMP),
    N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD), N(MADV_PAGEOUT), N(MADV_POPULATE_READ),
    N(MADV_POPULATE_WRITE), { 102, "MADV_GUARD_INSTALL" }, { 103, "MADV_GUARD_REMOVE" },
};
static const Name whence_names[] = {
    N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE),
};
static const Name fcntl_names[] = {
    N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW),
    N(F_SETOWN), N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX), N(F_GETOWN_EX),
    N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETLEASE), N(F_GETLEASE), N(F_NOTIFY),
    N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS), N(F_GET_SEALS),
};
static const Name ioctl_names[] = {
    { 0x5401, "TCGETS" },     { 0x5402, "TCSETS" },     { 0x5403, "TCSETSW" },
    { 0x5404, "TCSETSF" },    { 0x5409, "TCSBRK" },     { 0x540b, "TCFLSH" },
    { 0x540e, "TIOCSCTTY" },  { 0x540f, "TIOCGPGRP" },  { 0x5410, "TIOCSPGRP" },
    { 0x5413, "TIOCGWINSZ" }, { 0x5414, "TIOCSWINSZ" }, { 0x541b, "FIONREAD" },
    { 0x5421, "FIONBIO" },    { 0x5422, "TIOCNOTTY" },  { 0x5429, "TIOCGSID" },
    { 0x5450, "FIONCLEX" },   { 0x5451, "FIOCLEX" },    { 0x802c542a, "TCGETS2" },
    { 0x80045430, "TIOCGPTN" }, { 0x40045431, "TIOCSPTLCK" }, { 0x8912, "SIOCGIFCONF" },
    { 0x40049409, "FICLONE" }, { 0xc020660b, "FS_IOC_FIEMAP" }, { 0x80086601, "FS_IOC_GETFLAGS" },
};
static const Name epoll_names[] = { N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD) };
static const Name epoll_events[] = {
    N(EPOLLIN), N(EPOLLPRI), N(EPOLLOUT), N(EPOLLERR), N(EPOLLHUP), N(EPOLLRDHUP),
    N(EPOLLEXCLUSIVE), N(EPOLLWAKEUP), N(EPOLLONESHOT), N(EPOLLET),
};
static const Name futex_names[] = {
    N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_FD), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE),
    N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI),
    N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI), N(FUTEX_CMP_REQUEUE_PI),
    { 13, "FUTEX_LOCK_PI2" },
};
static const Name clock_names[] = {
    N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID),
    N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME),
    N(CLOCK_REALTIME_ALARM), N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI),
};
static const Name sighow_names[] = { N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK) };
static const Name rlimit_names[] = {
    N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS),
    N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS),
    N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE), N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME),
};
static const Name prctl_names[] = {
    { 1, "PR_SET_PDEATHSIG" },     { 2, "PR_GET_PDEATHSIG" },    { 3, "PR_GET_DUMPABLE" },
    { 4, "PR_SET_DUMPABLE" },      { 8, "PR_SET_KEEPCAPS" },     { 15, "PR_SET_NAME" },
    { 16, "PR_GET_NAME" },         { 22, "PR_SET_SECCOMP" },     { 23, "PR_CAPBSET_READ" },
    { 24, "PR_CAPBSET_DROP" },     { 29, "PR_SET_TIMERSLACK" },  { 35, "PR_SET_MM" },
    { 36, "PR_SET_CHILD_SUBREAPER" }, { 38, "PR_SET_NO_NEW_PRIVS" }, { 39, "PR_GET_NO_NEW_PRIVS" },
    { 47, "PR_CAP_AMBIENT" },      { 55, "PR_SET_TAGGED_ADDR_CTRL" },
    { 56, "PR_GET_TAGGED_ADDR_CTRL" }, { 69, "PR_RISCV_V_SET_CONTROL" },
    { 70, "PR_RISCV_V_GET_CONTROL" }, { 71, "PR_RISCV_SET_ICACHE_FLUSH_CTX" },
    { 0x53564d41, "PR_SET_VMA" },
};
static const Name af_names[] = {
    N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), N(AF_ALG),
    N(AF_VSOCK),
};
static const Name socktype_names[] = {
    N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_RDM), N(SOCK_SEQPACKET),
};
static const Name socktype_flags[] = { N(SOCK_CLOEXEC), N(SOCK_NONBLOCK) };

#define PUT_NAME(s, v, table) put_name(s, v, table, G_N_ELEMENTS(table))
#define PUT_BITS(s, v, table) put_bits(s, v, table, G_N_ELEMENTS(table))

static void put_name(GString *s, uint64_t v, const Name *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].value == v) {
            g_string_append(s, table[i].name);
            return;
        }
    }
    g_string_append_printf(s, "%#lx", v);
}

/* "A|B|0x40"; "0" when no bit is set. Rows of several bits must stand before their parts. */
static void put_bits(GString *s, uint64_t v, const Name *table, size_t n)
{
    const char *sep = "";
    for (size_t i = 0; i < n; i++) {
        if (table[i].value && (v & table[i].value) == table[i].value) {
            g_string_append_printf(s, "%s%s", sep, table[i].name);
            v &= ~table[i].value;
            sep = "|";
        }
    }
    if (v || !*sep) {
        g_string_append_printf(s, v ? "%s%#lx" : "%s%lu", sep, v);
    }
}

const char *strace_errno_name(int err, char buf[16])
{
    const char *name = strerrorname_np(err);
    switch (err) {
    case ERESTARTSYS_:
        return "ERESTARTSYS";
    case ERESTARTNOINTR_:
        return "ERESTARTNOINTR";
    case ERESTARTNOHAND_:
        return "ERESTARTNOHAND";
    case ERESTART_RESTARTBLOCK_:
        return "ERESTART_RESTARTBLOCK";
    }
    if (!name) {
        snprintf(buf, 16, "errno %d", err);
    }
    return name ? name : buf;
}

const char *strace_signal_name(int sig, char buf[16])
{
    const char *name = sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;
    if (name) {
        snprintf(buf, 16, "SIG%s", name);
    } else if (sig >= 32 && sig <= 64) {
        snprintf(buf, 16, "SIGRT_%d", sig - 32);
    } else {
        snprintf(buf, 16, "%d", sig);
    }
    return buf;
}

/* --- values in guest memory --------------------------------------------------------------------- */

static void put_quoted(GString *s, const char *p, size_t n, bool more)
{
    g_string_append_c(s, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        switch (c) {
        case '\n':
            g_string_append(s, "\\n");
            break;
        case '\t':
            g_string_append(s, "\\t");
            break;
        case '\r':
            g_string_append(s, "\\r");
            break;
        case '"':
        case '\\':
            g_string_append_c(s, '\\');
            g_string_append_c(s, (char)c);
            break;
        default:
            if (c >= 32 && c < 127) {
                g_string_append_c(s, (char)c);
            } else {
                bool digit = i + 1 < n && g_ascii_isdigit(p[i + 1]);
                g_string_append_printf(s, digit ? "\\%03o" : "\\%o", c);
            }
        }
    }
    g_string_append(s, more ? "\"..." : "\"");
}

static void put_pointer(GString *s, abi_ulong addr)
{
    if (addr) {
        g_string_append_printf(s, "%#lx", addr);
    } else {
        g_string_append(s, "NULL");
    }
}

static void put_string(GString *s, abi_ulong addr)
{
    char buf[SHOWN_STRING];
    abi_long n = addr ? guest_strnlen(addr, sizeof(buf)) : -1;
    if (n < 0 || !guest_read(buf, addr, (size_t)n)) {
        put_pointer(s, addr);
        return;
    }
    put_quoted(s, buf, (size_t)n, n == (abi_long)sizeof(buf));
}

static void put_buffer(GString *s, abi_ulong addr, abi_ulong size)
{
    char buf[SHOWN_BYTES];
    size_t n = MIN(size, sizeof(buf));
    if (!addr || !guest_read(buf, addr, n)) {
        put_pointer(s, addr);
        return;
    }
    put_quoted(s, buf, n, size > n);
}

static void put_strings(GString *s, abi_ulong addr)
{
    g_string_append_c(s, '[');
    for (unsigned i = 0;; i++, addr += sizeof(abi_ulong)) {
        abi_ulong p;
        if (!addr || !guest_read(&p, addr, sizeof(p)) || !p) {
            break;
        }
        g_string_append(s, i ? ", " : "");
        if (i == SHOWN_ITEMS) {
            g_string_append(s, "...");
            break;
        }
        put_string(s, p);
    }
    g_string_append_c(s, ']');
}

/* n numbers of 8 bytes as pairs "{a, b}": timespec, timeval, rlimit and what is made of them. */
static void put_longs(GString *s, abi_ulong addr, unsigned n)
{
    int64_t v[4];
    if (!addr || !guest_read(v, addr, n * sizeof(v[0]))) {
        put_pointer(s, addr);
        return;
    }
    for (unsigned i = 0; i < n; i += 2) {
        g_string_append_printf(s, "%s{%ld, %ld}", i ? ", " : "", v[i], v[i + 1]);
    }
}

static void put_sigset(GString *s, uint64_t set)
{
    char buf[16];
    const char *sep = "";
    bool most = __builtin_popcountll(set) > 32;
    g_string_append(s, most ? "~[" : "[");
    for (int sig = 1; sig <= 64; sig++) {
        if ((set >> (sig - 1) & 1) != most) {
            const char *name = strace_signal_name(sig, buf);
            g_string_append_printf(s, "%s%s", sep, name + 3);
            sep = " ";
        }
    }
    g_string_append_c(s, ']');
}

static void put_sigaction(GString *s, abi_ulong addr)
{
    struct { abi_ulong handler, flags, mask; } act;     /* riscv has no sa_restorer */
    if (!addr || !guest_read(&act, addr, sizeof(act))) {
        put_pointer(s, addr);
        return;
    }
    g_string_append(s, "{");
    if (act.handler <= 1) {
        g_string_append(s, act.handler ? "SIG_IGN" : "SIG_DFL");
    } else {
        put_pointer(s, act.handler);
    }
    g_string_append_printf(s, ", %#lx, ", act.flags);
    put_sigset(s, act.mask);
    g_string_append_c(s, '}');
}

static void put_sockaddr(GString *s, abi_ulong addr, abi_ulong len)
{
    union {
        sa_family_t family;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u = { 0 };
    char text[INET6_ADDRSTRLEN] = "";
    size_t n = MIN(len, sizeof(u) - 1);
    if (!addr || n < sizeof(u.family) || !guest_read(&u, addr, n)) {
        put_pointer(s, addr);
        return;
    }
    g_string_append_c(s, '{');
    PUT_NAME(s, u.family, af_names);
    switch (u.family) {
    case AF_UNIX:
        g_string_append(s, ", ");
        put_quoted(s, u.un.sun_path, n > sizeof(u.family) && !u.un.sun_path[0]
                                         ? n - sizeof(u.family)
                                         : strnlen(u.un.sun_path, sizeof(u.un.sun_path)), false);
        break;
    case AF_INET:
        g_string_append_printf(s, ", %s:%u", inet_ntop(AF_INET, &u.in.sin_addr, text, sizeof(text)),
                               ntohs(u.in.sin_port));
        break;
    case AF_INET6:
        g_string_append_printf(s, ", [%s]:%u",
                               inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof(text)),
                               ntohs(u.in6.sin6_port));
        break;
    }
    g_string_append_c(s, '}');
}

static void put_iov(GString *s, abi_ulong addr, abi_ulong count)
{
    if (!addr || !count) {
        put_pointer(s, addr);
        return;
    }
    g_string_append_c(s, '[');
    for (abi_ulong i = 0; i < count; i++, addr += sizeof(struct iovec)) {
        abi_ulong v[2];
        g_string_append(s, i ? ", " : "");
        if (i == SHOWN_ITEMS || !guest_read(v, addr, sizeof(v))) {
            g_string_append(s, "...");
            break;
        }
        g_string_append_c(s, '{');
        put_buffer(s, v[0], v[1]);
        g_string_append_printf(s, ", %lu}", v[1]);
    }
    g_string_append_c(s, ']');
}

static void put_msghdr(GString *s, abi_ulong addr)
{
    struct msghdr m;
    if (!addr || !guest_read(&m, addr, sizeof(m))) {
        put_pointer(s, addr);
        return;
    }
    g_string_append(s, "{name=");
    put_sockaddr(s, (abi_ulong)(uintptr_t)m.msg_name, m.msg_namelen);
    g_string_append(s, ", iov=");
    put_iov(s, (abi_ulong)(uintptr_t)m.msg_iov, m.msg_iovlen);
    g_string_append_printf(s, ", controllen=%lu, flags=%#x}", m.msg_controllen,
                           (unsigned)m.msg_flags);
}

static void put_pollfds(GString *s, abi_ulong addr, abi_ulong count)
{
    g_string_append_c(s, '[');
    for (abi_ulong i = 0; addr && i < count; i++, addr += 8) {
        struct { int fd; short events, revents; } p;
        g_string_append(s, i ? ", " : "");
        if (i == SHOWN_ITEMS || !guest_read(&p, addr, sizeof(p))) {
            g_string_append(s, "...");
            break;
        }
        g_string_append_printf(s, "{%d, %#x}", p.fd, (unsigned)p.events);
    }
    g_string_append_c(s, ']');
}

static void put_epoll_event(GString *s, abi_ulong addr)
{
    struct { uint32_t events, pad; uint64_t data; } ev;
    if (!addr || !guest_read(&ev, addr, sizeof(ev))) {
        put_pointer(s, addr);
        return;
    }
    g_string_append_c(s, '{');
    PUT_BITS(s, ev.events, epoll_events);
    g_string_append_printf(s, ", %#lx}", ev.data);
}

/* What a call has filled in: st_mode and st_size of the guest's struct stat. */
static void put_stat(GString *s, abi_ulong addr)
{
    uint32_t mode;
    int64_t size;
    if (!guest_read(&mode, addr + 16, sizeof(mode)) || !guest_read(&size, addr + 48, sizeof(size))) {
        put_pointer(s, addr);
        return;
    }
    g_string_append_printf(s, "{mode=%#o, size=%ld}", mode, size);
}

static void put_fd_pair(GString *s, abi_ulong addr)
{
    int fd[2];
    if (guest_read(fd, addr, sizeof(fd))) {
        g_string_append_printf(s, "[%d, %d]", fd[0], fd[1]);
    } else {
        put_pointer(s, addr);
    }
}

/* --- one argument ------------------------------------------------------------------------------- */

static void put_open_flags(GString *s, abi_ulong v)
{
    static const char *const acc[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
    g_string_append(s, acc[v & O_ACCMODE]);
    if (v & ~(abi_ulong)O_ACCMODE) {
        g_string_append_c(s, '|');
        PUT_BITS(s, (uint32_t)v & ~(uint32_t)O_ACCMODE, open_flags);
    }
}

static void put_futex_op(GString *s, abi_ulong v)
{
    PUT_NAME(s, v & FUTEX_CMD_MASK & 0xffffffff, futex_names);
    g_string_append(s, v & FUTEX_PRIVATE_FLAG ? "|FUTEX_PRIVATE_FLAG" : "");
    g_string_append(s, v & FUTEX_CLOCK_REALTIME ? "|FUTEX_CLOCK_REALTIME" : "");
}

static void put_socket_type(GString *s, abi_ulong v)
{
    PUT_NAME(s, v & 15, socktype_names);
    if (v & ~15ul) {
        g_string_append_c(s, '|');
        PUT_BITS(s, v & ~15ul, socktype_flags);
    }
}

static void put_clone_flags(GString *s, abi_ulong v)
{
    char buf[16];
    PUT_BITS(s, v & ~0xfful, clone_names);
    if (v & 0xff) {
        g_string_append_printf(s, "|%s", strace_signal_name((int)(v & 0xff), buf));
    }
}

/* A name, or for values that are no pointer ones. */
static void put_number(GString *s, ArgKind kind, abi_ulong v)
{
    char buf[16];
    switch (kind) {
    case ARG_INT:
    case ARG_FD:
    case ARG_PID:
    case ARG_UID:
    case ARG_GID:
        g_string_append_printf(s, "%d", (int)v);
        break;
    case ARG_UINT:
    case ARG_SIZE:
        g_string_append_printf(s, "%lu", v);
        break;
    case ARG_OFF:
        g_string_append_printf(s, "%ld", (abi_long)v);
        break;
    case ARG_ADDR:
        put_pointer(s, v);
        break;
    case ARG_MODE:
        g_string_append_printf(s, "%#o", (unsigned)v);
        break;
    case ARG_DIRFD:
        if ((int)v == AT_FDCWD) {
            g_string_append(s, "AT_FDCWD");
        } else {
            g_string_append_printf(s, "%d", (int)v);
        }
        break;
    case ARG_SIG:
        g_string_append(s, strace_signal_name((int)v, buf));
        break;
    default:
        g_string_append_printf(s, "%#lx", v);
    }
}

static bool put_constant(GString *s, ArgKind kind, abi_ulong v)
{
    switch (kind) {
    case ARG_OFLAGS:
        put_open_flags(s, v);
        return true;
    case ARG_ATFLAGS:
        PUT_BITS(s, (uint32_t)v, at_names);
        return true;
    case ARG_ACCESS:
        if (v) {
            PUT_BITS(s, (uint32_t)v, access_names);
        } else {
            g_string_append(s, "F_OK");
        }
        return true;
    case ARG_PROT:
        if (v) {
            PUT_BITS(s, (uint32_t)v, prot_names);
        } else {
            g_string_append(s, "PROT_NONE");
        }
        return true;
    case ARG_MAPFLAGS:
        PUT_BITS(s, (uint32_t)v, map_names);
        return true;
    case ARG_CLONEFLAGS:
        put_clone_flags(s, v);
        return true;
    case ARG_MADV:
        PUT_NAME(s, v, madv_names);
        return true;
    case ARG_WHENCE:
        PUT_NAME(s, v, whence_names);
        return true;
    case ARG_FCNTL:
        PUT_NAME(s, v, fcntl_names);
        return true;
    case ARG_IOCTL:
        PUT_NAME(s, (uint32_t)v, ioctl_names);
        return true;
    case ARG_EPOLLOP:
        PUT_NAME(s, v, epoll_names);
        return true;
    case ARG_FUTEXOP:
        put_futex_op(s, v);
        return true;
    case ARG_CLOCK:
        PUT_NAME(s, v, clock_names);
        return true;
    case ARG_SIGHOW:
        PUT_NAME(s, v, sighow_names);
        return true;
    case ARG_RLIMIT:
        PUT_NAME(s, v, rlimit_names);
        return true;
    case ARG_PRCTL:
        PUT_NAME(s, v, prctl_names);
        return true;
    case ARG_AF:
        PUT_NAME(s, v, af_names);
        return true;
    case ARG_SOCKTYPE:
        put_socket_type(s, v);
        return true;
    default:
        return false;
    }
}

/* A pointer whose target the guest has filled in before the call. */
static bool put_input(GString *s, ArgKind kind, abi_ulong v, abi_ulong next)
{
    switch (kind) {
    case ARG_PATH:
    case ARG_PATHNF:
    case ARG_STR:
        put_string(s, v);
        return true;
    case ARG_STRV:
        put_strings(s, v);
        return true;
    case ARG_INBUF:
        put_buffer(s, v, next);
        return true;
    case ARG_TIMESPEC:
    case ARG_RLIM:
        put_longs(s, v, 2);
        return true;
    case ARG_ITIMERSPEC:
    case ARG_ITIMERVAL:
        put_longs(s, v, 4);
        return true;
    case ARG_SIGSET: {
        uint64_t set;
        if (v && guest_read(&set, v, sizeof(set))) {
            put_sigset(s, set);
        } else {
            put_pointer(s, v);
        }
        return true;
    }
    case ARG_SIGACT:
        put_sigaction(s, v);
        return true;
    case ARG_EPOLLEV:
        put_epoll_event(s, v);
        return true;
    case ARG_POLLFDS:
        put_pollfds(s, v, next);
        return true;
    case ARG_SOCKADDR:
        put_sockaddr(s, v, next);
        return true;
    default:
        return false;
    }
}

/* A pointer whose target the call fills in: shown after a success. */
static bool put_output(GString *s, ArgKind kind, abi_ulong v, abi_ulong next, abi_long ret)
{
    switch (kind) {
    case ARG_OUTBUF:
        put_buffer(s, v, (abi_ulong)ret);
        return true;
    case ARG_FDPAIR:
        put_fd_pair(s, v);
        return true;
    case ARG_STAT:
        put_stat(s, v);
        return true;
    case ARG_OUTTIME:
        put_longs(s, v, 2);
        return true;
    case ARG_IOV:
        put_iov(s, v, next);
        return true;
    case ARG_MSGHDR:
        put_msghdr(s, v);
        return true;
    default:
        return false;
    }
}

static bool is_output(ArgKind kind)
{
    return kind == ARG_OUTBUF || kind == ARG_FDPAIR || kind == ARG_STAT || kind == ARG_OUTTIME ||
           kind == ARG_IOV || kind == ARG_MSGHDR;
}

/* --- one call ----------------------------------------------------------------------------------- */

static unsigned arg_count(const SyscallRow *row)
{
    unsigned n = 0;
    while (n < 6 && row->arg[n] != ARG__) {
        n++;
    }
    return n;
}

/* Arguments [from, n) up to the first output, all of them with `ret`. Returns where it stopped. */
static unsigned put_args(GString *s, const SyscallRow *row, const abi_ulong *a, unsigned from,
                         const abi_long *ret)
{
    unsigned n = arg_count(row), i;
    for (i = from; i < n; i++) {
        ArgKind kind = (ArgKind)row->arg[i];
        abi_ulong next = i < 5 ? a[i + 1] : 0;
        bool last_chance = ret != NULL;
        if (is_output(kind) && !last_chance) {
            break;
        }
        g_string_append(s, i ? ", " : "");
        if (kind < ARG_PTR) {
            if (!put_constant(s, kind, a[i])) {
                put_number(s, kind, a[i]);
            }
        } else if (!put_input(s, kind, a[i], next) &&
                   !(last_chance && *ret >= 0 && a[i] && put_output(s, kind, a[i], next, *ret))) {
            put_pointer(s, a[i]);
        }
    }
    return i;
}

static void put_result(GString *s, const SyscallRow *row, abi_long ret)
{
    char buf[16];
    if (ret == SYSCALL_NO_RESULT) {
        g_string_append(s, "?");
    } else if (ret < 0 && ret > -4096) {
        g_string_append_printf(s, "-1 %s", strace_errno_name((int)-ret, buf));
        g_string_append_printf(s, " (%s)", ret > -ERESTARTSYS_ ? g_strerror((int)-ret)
                                                                : "to be restarted");
    } else if (row && row->ret == ARG_ADDR) {
        g_string_append_printf(s, "%#lx", ret);
    } else {
        g_string_append_printf(s, "%ld", ret);
    }
}

/* Write the beginning of a line, or all of it when it ends in a newline. */
static void write_text(const GString *s, int tid)
{
    FILE *f = log_begin();
    if (open_line) {
        fputs(" <unfinished ...>\n", f);
    }
    fputs(s->str, f);
    open_line = s->str[s->len - 1] == '\n' ? 0 : tid;
    fflush(f);
    log_end(f);
}

/* The end of our line: where it was left, or on a new one. */
static void write_end(const GString *s, int pid, int tid, const char *name)
{
    FILE *f = log_begin();
    if (open_line != tid) {
        fprintf(f, open_line ? " <unfinished ...>\n%d <... %s resumed>" : "%d <... %s resumed>", pid,
                name);
    }
    fputs(s->str, f);
    open_line = 0;
    fflush(f);
    log_end(f);
}

abi_long strace_call(CPUState *cpu, abi_ulong nr, const SyscallRow *row, const abi_ulong *a)
{
    GString *s = g_string_new(NULL);
    int tid = (int)host_syscall(__NR_gettid);
    g_string_printf(s, "%d ", tid);
    if (!row) {
        g_string_append_printf(s, "syscall_%lu(%#lx, %#lx, %#lx) = -1 ENOSYS\n", nr, a[0], a[1], a[2]);
        write_text(s, tid);
        g_string_free(s, TRUE);
        return -ENOSYS;
    }
    g_string_append_printf(s, "%s(", row->name);
    unsigned done = put_args(s, row, a, 0, NULL);
    if (row->ret == ARG_NORET) {
        g_string_append(s, ") = ?\n");
    }
    write_text(s, tid);
    g_string_free(s, TRUE);             /* a call may not return, or return twice */
    abi_long ret = row->handler(cpu, a);
    if (row->ret == ARG_NORET) {
        return ret;
    }
    s = g_string_new(NULL);
    put_args(s, row, a, done, &ret);
    g_string_append(s, ") = ");
    put_result(s, row, ret);
    g_string_append_c(s, '\n');
    write_end(s, tid, (int)host_syscall(__NR_gettid), row->name);
    g_string_free(s, TRUE);
    return ret;
}
