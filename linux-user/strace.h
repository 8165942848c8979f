/*
 * linux-user/strace.h: kinds of system call arguments and results, and the printing of calls.
 *
 * The kinds are the words of syscalls.def. Order matters: from ARG_PTR on they are guest pointers,
 * which forwarded calls shift by guest_base (syscall_convert.c relies on it).
 */
#ifndef LINUX_USER_STRACE_H
#define LINUX_USER_STRACE_H

#include "linux-user/syscall.h"

typedef enum ArgKind {
    ARG__, /* no argument */
    /* results only */
    ARG_NORET, /* does not return: printed before it runs */
    ARG_EXEC, /* does not return when it succeeds: the same */
    /* numbers */
    ARG_INT,
    ARG_UINT,
    ARG_SIZE,
    ARG_OFF,
    ARG_HEX,
    ARG_ADDR,
    ARG_MAYPTR,
    ARG_MODE,
    ARG_FD,
    ARG_DIRFD,
    ARG_PID,
    ARG_UID,
    ARG_GID,
    ARG_SIG,
    /* names of constants */
    ARG_OFLAGS,
    ARG_ATFLAGS,
    ARG_ACCESS,
    ARG_PROT,
    ARG_MAPFLAGS,
    ARG_CLONEFLAGS,
    ARG_MADV,
    ARG_WHENCE,
    ARG_FCNTL,
    ARG_IOCTL,
    ARG_EPOLLOP,
    ARG_FUTEXOP,
    ARG_CLOCK,
    ARG_SIGHOW,
    ARG_RLIMIT,
    ARG_PRCTL,
    ARG_AF,
    ARG_SOCKTYPE,
    /* pointers */
    ARG_PTR, /* printed as a number */
    ARG_PATH,
    ARG_PATHNF,
    ARG_PATHENT,
    ARG_STR,
    ARG_STRV,
    ARG_INBUF, /* length in the next argument */
    ARG_OUTBUF, /* length is the result */
    ARG_FDPAIR,
    ARG_STAT,
    ARG_OUTTIME, /* filled in by the call */
    ARG_TIMESPEC,
    ARG_ITIMERSPEC,
    ARG_ITIMERVAL,
    ARG_SIGSET,
    ARG_SIGACT,
    ARG_RLIM,
    ARG_EPOLLEV,
    ARG_POLLFDS,
    ARG_SOCKADDR,
    ARG_IOV, /* array of iovec, count in the next argument */
    ARG_PTRS, /* array of pointers, count in the argument before */
    ARG_MSGHDR,
    ARG_MMSGHDR, /* array, count in the next argument */
    ARG_KIND_COUNT,
} ArgKind;

typedef struct SyscallRow {
    const char *name;
    abi_long (*handler)(CPUState *cpu, const abi_ulong *a);
    int16_t host_nr;            /* for forwarded calls */
    uint8_t ptr_mask;           /* bit i: argument i is a pointer */
    uint8_t path_mask;          /* bit i: argument i is a path */
    bool has_address;           /* an argument is, or holds, the address of a socket */
    uint8_t ret;                /* ArgKind */
    uint8_t arg[6];             /* ArgKind */
} SyscallRow;

/* The row of a number of the riscv64 table, NULL where it has a hole. */
const SyscallRow *syscall_row(abi_ulong nr);
/* Make the call of a row: the handler, again after what is put right for it. */
abi_long syscall_run(CPUState *cpu, const SyscallRow *row, const abi_ulong *a);

/* Run the row's handler and print the call. */
__attribute__((noinline)) abi_long strace_call(CPUState *cpu, abi_ulong nr, const SyscallRow *row,
                                               const abi_ulong *a);

/* "SIGSEGV" and "EINTR"; numbers without a name come back as text in buf. */
const char *strace_signal_name(int sig, char buf[16]);
const char *strace_errno_name(int err, char buf[16]);

#endif
