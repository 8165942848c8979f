/*
 * tests/unit/test_syscall_layout.c: what the forwarding of system calls rests on.
 *
 * The numbers are those of riscv64 (asm-generic), written down from its headers; the names are compiled
 * for x86-64. A structure or constant that is not the same here must not be in a forwarded call.
 * Those that differ are at the end, with the layouts that linux-user converts to.
 */
#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <termios.h>
#include <utime.h>

#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/fanotify.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>

#include "linux-user/abi_structs.h"
#include "tests/unit/suite.h"

typedef struct Row {
    const char *what;
    uint64_t here, riscv;
} Row;

#define SIZE(type, size) { "sizeof(" #type ")", sizeof(type), size },
#define FIELD(type, field, offset) { #type "." #field, offsetof(type, field), offset },
#define CONST(name, value) { #name, (uint32_t)name, value },

static const Row same_structs[] = {
    SIZE(struct flock, 32)
        FIELD(struct flock, l_type, 0) FIELD(struct flock, l_whence, 2)
        FIELD(struct flock, l_start, 8) FIELD(struct flock, l_len, 16)
        FIELD(struct flock, l_pid, 24)
    SIZE(struct f_owner_ex, 8)
        FIELD(struct f_owner_ex, type, 0) FIELD(struct f_owner_ex, pid, 4)
    SIZE(struct statfs, 120)
        FIELD(struct statfs, f_type, 0) FIELD(struct statfs, f_bsize, 8)
        FIELD(struct statfs, f_blocks, 16) FIELD(struct statfs, f_bfree, 24)
        FIELD(struct statfs, f_bavail, 32) FIELD(struct statfs, f_files, 40)
        FIELD(struct statfs, f_ffree, 48) FIELD(struct statfs, f_fsid, 56)
        FIELD(struct statfs, f_namelen, 64) FIELD(struct statfs, f_frsize, 72)
        FIELD(struct statfs, f_flags, 80)
    SIZE(struct statx, 256)
        FIELD(struct statx, stx_mask, 0) FIELD(struct statx, stx_attributes, 8)
        FIELD(struct statx, stx_mode, 28) FIELD(struct statx, stx_ino, 32)
        FIELD(struct statx, stx_size, 40) FIELD(struct statx, stx_atime, 64)
        FIELD(struct statx, stx_mtime, 112) FIELD(struct statx, stx_rdev_major, 128)
        FIELD(struct statx, stx_dev_major, 136)
    SIZE(struct dirent64, 280)
        FIELD(struct dirent64, d_ino, 0) FIELD(struct dirent64, d_off, 8)
        FIELD(struct dirent64, d_reclen, 16) FIELD(struct dirent64, d_type, 18)
        FIELD(struct dirent64, d_name, 19)
    SIZE(struct timespec, 16)
        FIELD(struct timespec, tv_sec, 0) FIELD(struct timespec, tv_nsec, 8)
    SIZE(struct timeval, 16)
        FIELD(struct timeval, tv_sec, 0) FIELD(struct timeval, tv_usec, 8)
    SIZE(struct itimerspec, 32)
        FIELD(struct itimerspec, it_interval, 0) FIELD(struct itimerspec, it_value, 16)
    SIZE(struct timex, 208)
        FIELD(struct timex, modes, 0) FIELD(struct timex, offset, 8) FIELD(struct timex, freq, 16)
        FIELD(struct timex, maxerror, 24) FIELD(struct timex, status, 40)
        FIELD(struct timex, constant, 48) FIELD(struct timex, time, 72)
        FIELD(struct timex, tick, 88) FIELD(struct timex, ppsfreq, 96)
        FIELD(struct timex, tai, 160)
    SIZE(struct rusage, 144)
        FIELD(struct rusage, ru_utime, 0) FIELD(struct rusage, ru_stime, 16)
        FIELD(struct rusage, ru_maxrss, 32) FIELD(struct rusage, ru_minflt, 64)
        FIELD(struct rusage, ru_inblock, 88) FIELD(struct rusage, ru_nivcsw, 136)
    SIZE(struct rlimit, 16)
        FIELD(struct rlimit, rlim_cur, 0) FIELD(struct rlimit, rlim_max, 8)
    SIZE(struct sysinfo, 112)
        FIELD(struct sysinfo, uptime, 0) FIELD(struct sysinfo, loads, 8)
        FIELD(struct sysinfo, totalram, 32) FIELD(struct sysinfo, procs, 80)
        FIELD(struct sysinfo, totalhigh, 88) FIELD(struct sysinfo, mem_unit, 104)
    SIZE(struct utsname, 390)
        FIELD(struct utsname, sysname, 0) FIELD(struct utsname, nodename, 65)
        FIELD(struct utsname, release, 130) FIELD(struct utsname, version, 195)
        FIELD(struct utsname, machine, 260) FIELD(struct utsname, domainname, 325)
    SIZE(struct tms, 32)
        FIELD(struct tms, tms_utime, 0) FIELD(struct tms, tms_cstime, 24)
    SIZE(struct iovec, 16)
        FIELD(struct iovec, iov_base, 0) FIELD(struct iovec, iov_len, 8)
    SIZE(struct msghdr, 56)
        FIELD(struct msghdr, msg_name, 0) FIELD(struct msghdr, msg_namelen, 8)
        FIELD(struct msghdr, msg_iov, 16) FIELD(struct msghdr, msg_iovlen, 24)
        FIELD(struct msghdr, msg_control, 32) FIELD(struct msghdr, msg_controllen, 40)
        FIELD(struct msghdr, msg_flags, 48)
    SIZE(struct mmsghdr, 64)
        FIELD(struct mmsghdr, msg_hdr, 0) FIELD(struct mmsghdr, msg_len, 56)
    SIZE(struct cmsghdr, 16)
        FIELD(struct cmsghdr, cmsg_len, 0) FIELD(struct cmsghdr, cmsg_level, 8)
        FIELD(struct cmsghdr, cmsg_type, 12)
    SIZE(struct ucred, 12)
        FIELD(struct ucred, pid, 0) FIELD(struct ucred, uid, 4) FIELD(struct ucred, gid, 8)
    SIZE(struct sockaddr_un, 110)
        FIELD(struct sockaddr_un, sun_family, 0) FIELD(struct sockaddr_un, sun_path, 2)
    SIZE(struct sockaddr_in, 16)
        FIELD(struct sockaddr_in, sin_family, 0) FIELD(struct sockaddr_in, sin_port, 2)
        FIELD(struct sockaddr_in, sin_addr, 4)
    SIZE(struct sockaddr_in6, 28)
        FIELD(struct sockaddr_in6, sin6_port, 2) FIELD(struct sockaddr_in6, sin6_flowinfo, 4)
        FIELD(struct sockaddr_in6, sin6_addr, 8) FIELD(struct sockaddr_in6, sin6_scope_id, 24)
    SIZE(struct sockaddr_storage, 128)
        FIELD(struct sockaddr_storage, ss_family, 0)
    SIZE(struct ifreq, 40)
        FIELD(struct ifreq, ifr_name, 0) FIELD(struct ifreq, ifr_data, 16)
    SIZE(struct ifconf, 16)
        FIELD(struct ifconf, ifc_len, 0) FIELD(struct ifconf, ifc_req, 8)
    SIZE(struct linger, 8)
        FIELD(struct linger, l_onoff, 0) FIELD(struct linger, l_linger, 4)
    SIZE(struct pollfd, 8)
        FIELD(struct pollfd, fd, 0) FIELD(struct pollfd, events, 4)
        FIELD(struct pollfd, revents, 6)
    SIZE(fd_set, 128)
    SIZE(struct inotify_event, 16)
        FIELD(struct inotify_event, wd, 0) FIELD(struct inotify_event, mask, 4)
        FIELD(struct inotify_event, cookie, 8) FIELD(struct inotify_event, len, 12)
    SIZE(struct signalfd_siginfo, 128)
        FIELD(struct signalfd_siginfo, ssi_signo, 0) FIELD(struct signalfd_siginfo, ssi_pid, 12)
        FIELD(struct signalfd_siginfo, ssi_fd, 20) FIELD(struct signalfd_siginfo, ssi_ptr, 48)
        FIELD(struct signalfd_siginfo, ssi_addr, 72)
    SIZE(siginfo_t, 128)
        FIELD(siginfo_t, si_signo, 0) FIELD(siginfo_t, si_errno, 4) FIELD(siginfo_t, si_code, 8)
        FIELD(siginfo_t, si_pid, 16) FIELD(siginfo_t, si_uid, 20) FIELD(siginfo_t, si_status, 24)
        FIELD(siginfo_t, si_addr, 16) FIELD(siginfo_t, si_value, 24) FIELD(siginfo_t, si_band, 16)
        FIELD(siginfo_t, si_fd, 24) FIELD(siginfo_t, si_utime, 32)
    SIZE(struct sigevent, 64)
        FIELD(struct sigevent, sigev_value, 0) FIELD(struct sigevent, sigev_signo, 8)
        FIELD(struct sigevent, sigev_notify, 12)
    SIZE(stack_t, 24)
        FIELD(stack_t, ss_sp, 0) FIELD(stack_t, ss_flags, 8) FIELD(stack_t, ss_size, 16)
    SIZE(struct shmid_ds, 112)
        FIELD(struct shmid_ds, shm_perm, 0) FIELD(struct shmid_ds, shm_segsz, 48)
        FIELD(struct shmid_ds, shm_atime, 56) FIELD(struct shmid_ds, shm_dtime, 64)
        FIELD(struct shmid_ds, shm_ctime, 72) FIELD(struct shmid_ds, shm_cpid, 80)
        FIELD(struct shmid_ds, shm_lpid, 84) FIELD(struct shmid_ds, shm_nattch, 88)
    SIZE(struct shminfo, 72)
        FIELD(struct shminfo, shmmax, 0) FIELD(struct shminfo, shmall, 32)
    SIZE(struct shm_info, 48)
        FIELD(struct shm_info, used_ids, 0) FIELD(struct shm_info, shm_tot, 8)
        FIELD(struct shm_info, swap_successes, 40)
    SIZE(struct msqid_ds, 120)
        FIELD(struct msqid_ds, msg_perm, 0) FIELD(struct msqid_ds, msg_stime, 48)
        FIELD(struct msqid_ds, msg_rtime, 56) FIELD(struct msqid_ds, msg_ctime, 64)
        FIELD(struct msqid_ds, msg_qnum, 80) FIELD(struct msqid_ds, msg_qbytes, 88)
        FIELD(struct msqid_ds, msg_lspid, 96)
    SIZE(struct msginfo, 32)
        FIELD(struct msginfo, msgpool, 0) FIELD(struct msginfo, msgseg, 28)
    SIZE(struct ipc_perm, 48)
        FIELD(struct ipc_perm, uid, 4) FIELD(struct ipc_perm, gid, 8)
        FIELD(struct ipc_perm, cuid, 12) FIELD(struct ipc_perm, cgid, 16)
        FIELD(struct ipc_perm, mode, 20)
    SIZE(struct sembuf, 6)
        FIELD(struct sembuf, sem_num, 0) FIELD(struct sembuf, sem_op, 2)
        FIELD(struct sembuf, sem_flg, 4)
    SIZE(struct seminfo, 40)
        FIELD(struct seminfo, semmap, 0) FIELD(struct seminfo, semaem, 36)
    SIZE(struct mq_attr, 64)
        FIELD(struct mq_attr, mq_flags, 0) FIELD(struct mq_attr, mq_maxmsg, 8)
        FIELD(struct mq_attr, mq_msgsize, 16) FIELD(struct mq_attr, mq_curmsgs, 24)
    SIZE(struct winsize, 8)
        FIELD(struct winsize, ws_row, 0) FIELD(struct winsize, ws_ypixel, 6)
    SIZE(struct open_how, 24)
        FIELD(struct open_how, flags, 0) FIELD(struct open_how, mode, 8)
        FIELD(struct open_how, resolve, 16)
    SIZE(struct iocb, 64)
        FIELD(struct iocb, aio_data, 0) FIELD(struct iocb, aio_key, 8)
        FIELD(struct iocb, aio_lio_opcode, 16) FIELD(struct iocb, aio_fildes, 20)
        FIELD(struct iocb, aio_buf, 24) FIELD(struct iocb, aio_nbytes, 32)
        FIELD(struct iocb, aio_offset, 40) FIELD(struct iocb, aio_flags, 56)
        FIELD(struct iocb, aio_resfd, 60)
    SIZE(struct io_event, 32)
        FIELD(struct io_event, data, 0) FIELD(struct io_event, obj, 8)
        FIELD(struct io_event, res, 16) FIELD(struct io_event, res2, 24)
    SIZE(struct io_uring_params, 120)
        FIELD(struct io_uring_params, sq_entries, 0) FIELD(struct io_uring_params, features, 20)
        FIELD(struct io_uring_params, sq_off, 40) FIELD(struct io_uring_params, cq_off, 80)
    SIZE(struct io_uring_sqe, 64)
        FIELD(struct io_uring_sqe, opcode, 0) FIELD(struct io_uring_sqe, fd, 4)
        FIELD(struct io_uring_sqe, off, 8) FIELD(struct io_uring_sqe, addr, 16)
        FIELD(struct io_uring_sqe, len, 24) FIELD(struct io_uring_sqe, user_data, 32)
        FIELD(struct io_uring_sqe, buf_index, 40)
    SIZE(struct io_uring_cqe, 16)
        FIELD(struct io_uring_cqe, user_data, 0) FIELD(struct io_uring_cqe, res, 8)
        FIELD(struct io_uring_cqe, flags, 12)
    SIZE(struct perf_event_attr, 128)
        FIELD(struct perf_event_attr, type, 0) FIELD(struct perf_event_attr, config, 8)
        FIELD(struct perf_event_attr, sample_period, 16)
        FIELD(struct perf_event_attr, read_format, 32)
        FIELD(struct perf_event_attr, wakeup_events, 48)
        FIELD(struct perf_event_attr, branch_sample_type, 72)
        FIELD(struct perf_event_attr, sample_max_stack, 108)
    SIZE(struct fanotify_event_metadata, 24)
        FIELD(struct fanotify_event_metadata, event_len, 0)
        FIELD(struct fanotify_event_metadata, mask, 8)
        FIELD(struct fanotify_event_metadata, fd, 16)
        FIELD(struct fanotify_event_metadata, pid, 20)
    SIZE(struct file_handle, 8)
        FIELD(struct file_handle, handle_bytes, 0) FIELD(struct file_handle, handle_type, 4)
        FIELD(struct file_handle, f_handle, 8)
    SIZE(struct __user_cap_header_struct, 8)
        FIELD(struct __user_cap_header_struct, version, 0)
        FIELD(struct __user_cap_header_struct, pid, 4)
    SIZE(struct __user_cap_data_struct, 12)
        FIELD(struct __user_cap_data_struct, effective, 0)
        FIELD(struct __user_cap_data_struct, inheritable, 8)
    SIZE(struct dqblk, 72)
        FIELD(struct dqblk, dqb_bhardlimit, 0) FIELD(struct dqblk, dqb_valid, 64)
    SIZE(struct utimbuf, 16)
        FIELD(struct utimbuf, actime, 0) FIELD(struct utimbuf, modtime, 8)
    SIZE(struct mount_attr, 32)
        FIELD(struct mount_attr, attr_set, 0) FIELD(struct mount_attr, propagation, 16)
        FIELD(struct mount_attr, userns_fd, 24)
    SIZE(struct landlock_ruleset_attr, 8)
        FIELD(struct landlock_ruleset_attr, handled_access_fs, 0)
    SIZE(struct uffdio_copy, 40)
        FIELD(struct uffdio_copy, dst, 0) FIELD(struct uffdio_copy, src, 8)
        FIELD(struct uffdio_copy, len, 16) FIELD(struct uffdio_copy, mode, 24)
        FIELD(struct uffdio_copy, copy, 32)
    SIZE(struct clone_args, 88)
        FIELD(struct clone_args, flags, 0) FIELD(struct clone_args, stack, 40)
        FIELD(struct clone_args, tls, 56) FIELD(struct clone_args, set_tid, 64)
        FIELD(struct clone_args, cgroup, 80)
    SIZE(struct robust_list_head, 24)
        FIELD(struct robust_list_head, list, 0) FIELD(struct robust_list_head, futex_offset, 8)
        FIELD(struct robust_list_head, list_op_pending, 16)
};

static const Row same_constants[] = {
    CONST(O_CREAT, 0x40) CONST(O_EXCL, 0x80) CONST(O_NOCTTY, 0x100) CONST(O_TRUNC, 0x200)
    CONST(O_APPEND, 0x400) CONST(O_NONBLOCK, 0x800) CONST(O_DSYNC, 0x1000) CONST(O_SYNC, 0x101000)
    CONST(O_ASYNC, 0x2000) CONST(O_DIRECT, 0x4000) CONST(O_DIRECTORY, 0x10000)
    CONST(O_NOFOLLOW, 0x20000) CONST(O_NOATIME, 0x40000) CONST(O_CLOEXEC, 0x80000)
    CONST(O_PATH, 0x200000) CONST(O_TMPFILE, 0x410000) CONST(F_GETLK, 0x5) CONST(F_SETLK, 0x6)
    CONST(F_SETLKW, 0x7) CONST(F_SETOWN, 0x8) CONST(F_SETSIG, 0xa) CONST(F_SETOWN_EX, 0xf)
    CONST(F_OFD_SETLKW, 0x26) CONST(F_DUPFD_CLOEXEC, 0x406) CONST(F_RDLCK, 0) CONST(F_UNLCK, 0x2)
    CONST(MAP_SHARED, 0x1) CONST(MAP_PRIVATE, 0x2) CONST(MAP_FIXED, 0x10)
    CONST(MAP_ANONYMOUS, 0x20) CONST(MAP_GROWSDOWN, 0x100) CONST(MAP_LOCKED, 0x2000)
    CONST(MAP_NORESERVE, 0x4000) CONST(MAP_POPULATE, 0x8000) CONST(MAP_STACK, 0x20000)
    CONST(MAP_HUGETLB, 0x40000) CONST(MAP_FIXED_NOREPLACE, 0x100000)
    CONST(PROT_GROWSDOWN, 0x1000000) CONST(MCL_CURRENT, 0x1) CONST(MCL_ONFAULT, 0x4)
    CONST(MS_SYNC, 0x4) CONST(MADV_DONTNEED, 0x4) CONST(MADV_FREE, 0x8) CONST(SOL_SOCKET, 0x1)
    CONST(SO_REUSEADDR, 0x2) CONST(SO_TYPE, 0x3) CONST(SO_ERROR, 0x4) CONST(SO_BROADCAST, 0x6)
    CONST(SO_SNDBUF, 0x7) CONST(SO_RCVBUF, 0x8) CONST(SO_KEEPALIVE, 0x9) CONST(SO_LINGER, 0xd)
    CONST(SO_PASSCRED, 0x10) CONST(SO_PEERCRED, 0x11) CONST(SO_RCVTIMEO, 0x14)
    CONST(SO_SNDTIMEO, 0x15) CONST(SO_ACCEPTCONN, 0x1e) CONST(SO_PEERSEC, 0x1f)
    CONST(SO_DOMAIN, 0x27) CONST(SO_REUSEPORT, 0xf) CONST(SOCK_STREAM, 0x1) CONST(SOCK_DGRAM, 0x2)
    CONST(SOCK_NONBLOCK, 0x800) CONST(SOCK_CLOEXEC, 0x80000) CONST(MSG_NOSIGNAL, 0x4000)
    CONST(SIGBUS, 0x7) CONST(SIGUSR1, 0xa) CONST(SIGUSR2, 0xc) CONST(SIGCHLD, 0x11)
    CONST(SIGSTOP, 0x13) CONST(SIGSYS, 0x1f) CONST(SIG_BLOCK, 0) CONST(SIG_SETMASK, 0x2)
    CONST(SA_SIGINFO, 0x4) CONST(SA_RESTART, 0x10000000) CONST(SA_ONSTACK, 0x8000000)
    CONST(SA_NODEFER, 0x40000000) CONST(RLIMIT_NPROC, 0x6) CONST(RLIMIT_NOFILE, 0x7)
    CONST(RLIMIT_MEMLOCK, 0x8) CONST(RLIMIT_AS, 0x9) CONST(RLIMIT_RTTIME, 0xf) CONST(EAGAIN, 0xb)
    CONST(EDEADLK, 0x23) CONST(ENAMETOOLONG, 0x24) CONST(ENOSYS, 0x26) CONST(ELOOP, 0x28)
    CONST(ENOTSOCK, 0x58) CONST(ETIMEDOUT, 0x6e) CONST(EOVERFLOW, 0x4b) CONST(EILSEQ, 0x54)
    CONST(ECANCELED, 0x7d) CONST(ERFKILL, 0x84) CONST(TCGETS, 0x5401) CONST(TCSETS, 0x5402)
    CONST(TIOCGWINSZ, 0x5413) CONST(TIOCSCTTY, 0x540e) CONST(TIOCGPGRP, 0x540f)
    CONST(TIOCGPTN, 0x80045430) CONST(TIOCSPTLCK, 0x40045431) CONST(FIONREAD, 0x541b)
    CONST(FIONBIO, 0x5421) CONST(FIOCLEX, 0x5451) CONST(FIOASYNC, 0x5452)
    CONST(SIOCGIFCONF, 0x8912) CONST(SIOCATMARK, 0x8905) CONST(FS_IOC_GETFLAGS, 0x80086601)
    CONST(FICLONE, 0x40049409) CONST(BLKGETSIZE64, 0x80081272) CONST(POLLIN, 0x1)
    CONST(POLLOUT, 0x4) CONST(POLLRDHUP, 0x2000) CONST(EPOLL_CLOEXEC, 0x80000)
    CONST(EFD_SEMAPHORE, 0x1) CONST(TFD_NONBLOCK, 0x800) CONST(IN_CLOEXEC, 0x80000)
    CONST(SFD_CLOEXEC, 0x80000) CONST(IPC_STAT, 0x2) CONST(SEM_STAT, 0x12) CONST(GETALL, 0xd)
    CONST(SETVAL, 0x10) CONST(SHM_RDONLY, 0x1000) CONST(MSG_NOERROR, 0x1000) CONST(ICANON, 0x2)
    CONST(ECHO, 0x8) CONST(B38400, 0xf) CONST(CBAUD, 0x100f) CONST(VMIN, 0x6) CONST(VTIME, 0x5)
};

/* What is converted: the layouts of ours have riscv64's numbers. */
static const Row converted[] = {
    SIZE(GuestStat, 128)
        FIELD(GuestStat, dev, 0) FIELD(GuestStat, ino, 8) FIELD(GuestStat, mode, 16)
        FIELD(GuestStat, nlink, 20) FIELD(GuestStat, uid, 24) FIELD(GuestStat, gid, 28)
        FIELD(GuestStat, rdev, 32) FIELD(GuestStat, size, 48) FIELD(GuestStat, blksize, 56)
        FIELD(GuestStat, blocks, 64) FIELD(GuestStat, atime_sec, 72)
        FIELD(GuestStat, mtime_sec, 88) FIELD(GuestStat, ctime_sec, 104)
    SIZE(GuestEpollEvent, 16)
        FIELD(GuestEpollEvent, events, 0) FIELD(GuestEpollEvent, data, 8)
    SIZE(GuestIpcPerm, 48)
        FIELD(GuestIpcPerm, uid, 4) FIELD(GuestIpcPerm, mode, 20) FIELD(GuestIpcPerm, seq, 24)
    SIZE(GuestSemidDs, 88)
        FIELD(GuestSemidDs, otime, 48) FIELD(GuestSemidDs, ctime, 56) FIELD(GuestSemidDs, nsems, 64)
};

/* And the host's side of the same: as the conversions assume it. */
static const Row host_side[] = {
    SIZE(struct stat, 144)
        FIELD(struct stat, st_nlink, 16) FIELD(struct stat, st_mode, 24)
    SIZE(struct epoll_event, 12)
        FIELD(struct epoll_event, data, 4)
    SIZE(HostSemidDs, 104)
        FIELD(HostSemidDs, otime, 48) FIELD(HostSemidDs, ctime, 64) FIELD(HostSemidDs, nsems, 80)
};

static void check_rows(const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(rows[i].here == rows[i].riscv, "%s: %#llx here, %#llx expected", rows[i].what,
                      (unsigned long long)rows[i].here, (unsigned long long)rows[i].riscv);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))

START_TEST(structures_agree)
{
    CHECK_ROWS(same_structs);
}
END_TEST

START_TEST(constants_agree)
{
    CHECK_ROWS(same_constants);
}
END_TEST

START_TEST(conversions_are_right)
{
    CHECK_ROWS(converted);
    CHECK_ROWS(host_side);
}
END_TEST

/* --- the table ---------------------------------------------------------------------------------- */

typedef struct Call {
    unsigned nr;
    const char *name, *handler;
} Call;

static const Call calls[] = {
#define SYSCALL(nr, name, handler, ...) { nr, #name, #handler },
#include "linux-user/syscalls.def"
#undef SYSCALL
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* Every number of the 64-bit asm-generic table once, in ascending order. */
START_TEST(table_is_complete)
{
    static const struct { unsigned from, to; } ranges[] = {
        { 0, 243 }, { 258, 294 }, { 424, 469 },
    };
    unsigned row = 0;
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        for (unsigned nr = ranges[r].from; nr <= ranges[r].to; nr++, row++) {
            ck_assert_uint_lt(row, CALLS);
            ck_assert_msg(calls[row].nr == nr, "row %u is %u (%s), not %u", row, calls[row].nr,
                          calls[row].name, nr);
        }
    }
    ck_assert_uint_eq(row, CALLS);
}
END_TEST

/* Numbers that are easily confused, from the riscv64 headers. */
START_TEST(numbers_of_names)
{
    static const struct { unsigned nr; const char *name; } known[] = {
        { 29, "ioctl" }, { 56, "openat" }, { 64, "write" }, { 79, "newfstatat" }, { 94, "exit_group" },
        { 98, "futex" }, { 117, "ptrace" }, { 139, "rt_sigreturn" }, { 172, "getpid" },
        { 220, "clone" }, { 221, "execve" }, { 222, "mmap" }, { 258, "riscv_hwprobe" },
        { 259, "riscv_flush_icache" }, { 260, "wait4" }, { 261, "prlimit64" }, { 278, "getrandom" },
        { 291, "statx" }, { 293, "rseq" }, { 435, "clone3" }, { 439, "faccessat2" },
        { 451, "cachestat" }, { 454, "futex_wake" }, { 462, "mseal" }, { 469, "file_setattr" },
    };
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        const char *name = NULL;
        for (unsigned i = 0; i < CALLS; i++) {
            name = calls[i].nr == known[k].nr ? calls[i].name : name;
        }
        ck_assert_ptr_nonnull(name);
        ck_assert_str_eq(name, known[k].name);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("syscall_layout");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, structures_agree);
    tcase_add_test(tc, constants_agree);
    tcase_add_test(tc, conversions_are_right);
    tcase_add_test(tc, table_is_complete);
    tcase_add_test(tc, numbers_of_names);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
