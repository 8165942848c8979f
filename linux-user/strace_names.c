/*
 * linux-user/strace_names.c: numbers as text: flags, constants, signals and errors of system calls.
 *
 * Tables only; the values are asm-generic, the same for the guest and here.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "linux-user/strace_private.h"

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
#define PRCTL(nr, name, handler, kinds) { nr, "PR_" #name },
#include "linux-user/prctl.def"
#undef PRCTL
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
        strace_put_pointer(s, v);
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

void strace_put_value(GString *s, ArgKind kind, abi_ulong v)
{
    if (!put_constant(s, kind, v)) {
        put_number(s, kind, v);
    }
}

void strace_put_family(GString *s, unsigned family)
{
    PUT_NAME(s, family, af_names);
}

void strace_put_epoll_events(GString *s, uint32_t events)
{
    PUT_BITS(s, events, epoll_events);
}

void strace_put_pointer(GString *s, abi_ulong addr)
{
    if (addr) {
        g_string_append_printf(s, "%#lx", addr);
    } else {
        g_string_append(s, "NULL");
    }
}
