/*
 * linux-user/strace.c: print system calls: `pid name(args) = result`.
 *
 * Arguments are decoded by the kinds of syscalls.def. One line a call, written at once when it is
 * over, so that processes and threads do not mix theirs. A call that is going to wait (or may not
 * return) is announced: `pid name(args <unfinished ...>`, and ends as `pid <... name resumed>) =
 * result`. What the call fills in is printed at the end.
 */
#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "exec/log.h"
#include "linux-user/strace_private.h"
#include "linux-user/sys_common.h"

enum { SHOWN_BYTES = 32, SHOWN_STRING = 256, SHOWN_ITEMS = 8 };

/* --- values in guest memory
 * --------------------------------------------------------------------- */

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

static void put_string(GString *s, abi_ulong addr)
{
    char buf[SHOWN_STRING];
    abi_long n = addr ? guest_strnlen(addr, sizeof(buf)) : -1;
    if (n < 0 || !guest_read(buf, addr, (size_t)n)) {
        strace_put_pointer(s, addr);
        return;
    }
    put_quoted(s, buf, (size_t)n, n == (abi_long)sizeof(buf));
}

static void put_buffer(GString *s, abi_ulong addr, abi_ulong size)
{
    char buf[SHOWN_BYTES];
    size_t n = MIN(size, sizeof(buf));
    if (!addr || !guest_read(buf, addr, n)) {
        strace_put_pointer(s, addr);
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
        strace_put_pointer(s, addr);
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
        strace_put_pointer(s, addr);
        return;
    }
    g_string_append(s, "{");
    if (act.handler <= 1) {
        g_string_append(s, act.handler ? "SIG_IGN" : "SIG_DFL");
    } else {
        strace_put_pointer(s, act.handler);
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
        strace_put_pointer(s, addr);
        return;
    }
    g_string_append_c(s, '{');
    strace_put_family(s, u.family);
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
        strace_put_pointer(s, addr);
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
        strace_put_pointer(s, addr);
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
        strace_put_pointer(s, addr);
        return;
    }
    g_string_append_c(s, '{');
    strace_put_epoll_events(s, ev.events);
    g_string_append_printf(s, ", %#lx}", ev.data);
}

/* What a call has filled in: st_mode and st_size of the guest's struct stat. */
static void put_stat(GString *s, abi_ulong addr)
{
    uint32_t mode;
    int64_t size;
    if (!guest_read(&mode, addr + 16, sizeof(mode)) ||
        !guest_read(&size, addr + 48, sizeof(size))) {
        strace_put_pointer(s, addr);
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
        strace_put_pointer(s, addr);
    }
}

/* --- one argument
 * ------------------------------------------------------------------------------- */

/* A pointer whose target the guest has filled in before the call. */
static bool put_input(GString *s, ArgKind kind, abi_ulong v, abi_ulong next)
{
    switch (kind) {
    case ARG_PATH:
    case ARG_PATHNF:
    case ARG_PATHENT:
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
            strace_put_pointer(s, v);
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

/* --- one call
 * ----------------------------------------------------------------------------------- */

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
            strace_put_value(s, kind, a[i]);
        } else if (!put_input(s, kind, a[i], next) &&
                   !(last_chance && *ret >= 0 && a[i] && put_output(s, kind, a[i], next, *ret))) {
            strace_put_pointer(s, a[i]);
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

/* Calls that wait: for `events` on the descriptor in argument 0, or (0) for something else. */
static const struct {
    const char *name;
    short events;
} waits[] = {
    { "read", POLLIN },         { "readv", POLLIN },        { "recvfrom", POLLIN },
    { "recvmsg", POLLIN },      { "recvmmsg", POLLIN },     { "accept", POLLIN },
    { "accept4", POLLIN },      { "write", POLLOUT },       { "writev", POLLOUT },
    { "sendto", POLLOUT },      { "sendmsg", POLLOUT },     { "sendmmsg", POLLOUT },
    { "connect", 0 },           { "wait4", 0 },             { "waitid", 0 },
    { "futex", 0 },             { "futex_wait", 0 },        { "futex_waitv", 0 },
    { "nanosleep", 0 },         { "clock_nanosleep", 0 },   { "restart_syscall", 0 },
    { "ppoll", 0 },             { "pselect6", 0 },          { "epoll_pwait", 0 },
    { "epoll_pwait2", 0 },      { "rt_sigsuspend", 0 },     { "rt_sigtimedwait", 0 },
    { "msgrcv", 0 },            { "semop", 0 },             { "semtimedop", 0 },
    { "mq_timedreceive", 0 },   { "io_getevents", 0 },      { "io_uring_enter", 0 },
};

static bool will_wait(const SyscallRow *row, const abi_ulong *a)
{
    unsigned i = 0;
    while (i < G_N_ELEMENTS(waits) && strcmp(waits[i].name, row->name) != 0) {
        i++;
    }
    if (row->ret == ARG_EXEC || i == G_N_ELEMENTS(waits)) {
        return row->ret == ARG_EXEC;
    }
    if (!strcmp(row->name, "futex")) {
        unsigned op = a[1] & FUTEX_CMD_MASK;
        return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI ||
               op == FUTEX_WAIT_REQUEUE_PI;
    }
    struct pollfd p = { .fd = (int)a[0], .events = waits[i].events };
    return !p.events || (p.fd >= 0 && poll(&p, 1, 0) == 0);
}

static void write_line(GString *s)
{
    g_string_append_c(s, '\n');
    FILE *f = log_begin();
    fputs(s->str, f);
    fflush(f);
    log_end(f);
    g_string_free(s, TRUE);
}

static GString *begin_line(void)
{
    GString *s = g_string_new(NULL);
    g_string_printf(s, "%d ", (int)host_syscall(__NR_gettid));
    return s;
}

static abi_long call_unknown(abi_ulong nr, const abi_ulong *a)
{
    GString *s = begin_line();
    g_string_append_printf(s, "syscall_%lu(%#lx, %#lx, %#lx) = -1 ENOSYS", nr, a[0], a[1], a[2]);
    write_line(s);
    return -ENOSYS;
}

abi_long strace_call(CPUState *cpu, abi_ulong nr, const SyscallRow *row, const abi_ulong *args)
{
    abi_ulong a[6];
    memcpy(a, args, sizeof(a));         /* they lie in registers: the call may change them */
    if (!row) {
        return call_unknown(nr, a);
    }
    GString *s = begin_line();
    g_string_append_printf(s, "%s(", row->name);
    unsigned done = put_args(s, row, a, 0, NULL);
    bool over = row->ret == ARG_NORET;
    bool announced = over || will_wait(row, a);
    if (announced) {
        g_string_append(s, over ? ") = ?" : " <unfinished ...>");
        write_line(s);
        s = NULL;
    }
    char *begun = s ? g_string_free(s, FALSE) : NULL;
    abi_long ret = syscall_run(cpu, row, args);
    if (over) {
        return ret;
    }
    s = begin_line();
    if (!begun) {
        g_string_append_printf(s, "<... %s resumed>", row->name);
    } else {
        char *rest = strchr(begun, ' ');        /* a new process has a number of its own */
        g_string_append(s, rest + 1);
        g_free(begun);
    }
    put_args(s, row, a, done, &ret);
    g_string_append(s, ") = ");
    put_result(s, row, ret);
    write_line(s);
    return ret;
}
