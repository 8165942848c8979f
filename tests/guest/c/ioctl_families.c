/* ioctl: one or two requests of each family that programs use, each with a result that a wrong
 * number, size or layout would spoil. Devices that are not there are passed over. Alone: rivet
 * ioctl_families. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "check.h"

/* struct termios2 of asm-generic/termbits.h */
struct kernel_termios2 {
    uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
    uint8_t c_line, c_cc[19];
    uint32_t c_ispeed, c_ospeed;
};
#define GETS2 _IOR('T', 0x2A, struct kernel_termios2)
#define SETS2 _IOW('T', 0x2B, struct kernel_termios2)

static void terminals(void)
{
    int on = 1, n = -1, master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) {
        return;
    }
    CHECK(ioctl(master, TIOCSPTLCK, &(int){ 0 }) == 0 && ioctl(master, TIOCGPTN, &n) == 0 &&
          n >= 0);
    int tty = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(tty >= 0 && isatty(tty));
    struct termios t, back;
    CHECK(tcgetattr(tty, &t) == 0 && (t.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON));
    CHECK(t.c_cc[VINTR] == 3 && t.c_cc[VEOF] == 4 && t.c_cc[VERASE] == 127);
    CHECK(cfgetospeed(&t) == B38400);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 3;
    t.c_cc[VTIME] = 7;
    CHECK(tcsetattr(tty, TCSADRAIN, &t) == 0 && tcgetattr(tty, &back) == 0);
    CHECK(back.c_lflag == t.c_lflag && back.c_cc[VMIN] == 3 && back.c_cc[VTIME] == 7);
    struct kernel_termios2 t2;
    CHECK(ioctl(tty, GETS2, &t2) == 0 && t2.c_cc[VMIN] == 3 && t2.c_ospeed == 38400);
    t2.c_cflag = (t2.c_cflag & ~0x100fu) | 0x1000;      /* BOTHER: any speed */
    t2.c_ospeed = t2.c_ispeed = 12345;
    CHECK(ioctl(tty, SETS2, &t2) == 0 && ioctl(tty, GETS2, &t2) == 0 && t2.c_ospeed == 12345);
    struct winsize w = { 33, 99, 1, 2 }, seen = { 0 };
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0 && ioctl(tty, TIOCGWINSZ, &seen) == 0);
    CHECK(memcmp(&w, &seen, sizeof(w)) == 0);
    CHECK(write(master, "abcd", 4) == 4);
    for (n = 0; n < 4;) {               /* a worker of the kernel carries them over */
        CHECK(poll(&(struct pollfd){ tty, POLLIN, 0 }, 1, 10000) == 1 &&
              ioctl(tty, FIONREAD, &n) == 0);
    }
    CHECK(n == 4);
    CHECK(ioctl(tty, TCFLSH, TCIFLUSH) == 0 && ioctl(tty, FIONREAD, &n) == 0 && n == 0);
    CHECK(ioctl(tty, TIOCEXCL) == 0);
    CHECK(ioctl(tty, TIOCNXCL) == 0 && ioctl(tty, TIOCOUTQ, &n) == 0 && n == 0);
    CHECK(ioctl(tty, TIOCGETD, &n) == 0 && n == 0);
    CHECK(ioctl(master, TIOCPKT, &on) == 0 && ioctl(master, TIOCGPKT, &n) == 0 && n == 1);
    FAILS(ENOTTY, tcgetpgrp(tty));                      /* not our controlling one */
    FAILS(EFAULT, ioctl(tty, TCGETS, 8L));
    FAILS(EFAULT, ioctl(tty, TIOCGWINSZ, 8L));
    pid_t pid = fork();
    if (pid == 0) {
        pid_t pgrp = -1;
        CHECK(setsid() > 0 && ioctl(tty, TIOCSCTTY, 0) == 0 && ioctl(tty, TIOCGPGRP, &pgrp) == 0);
        CHECK(pgrp == getpid() && ioctl(tty, TIOCGSID, &pgrp) == 0 && pgrp == getpid());
        signal(SIGHUP, SIG_IGN);
        CHECK(ioctl(tty, TIOCNOTTY) == 0);
        FAILS(ENXIO, open("/dev/tty", O_RDWR));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(tty);
    close(master);
}

static void descriptors(void)
{
    int p[2], n = 1, on = 1, off = 0;
    CHECK(pipe(p) == 0);
    CHECK(ioctl(p[0], FIOCLEX) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    CHECK(ioctl(p[0], FIONCLEX) == 0 && fcntl(p[0], F_GETFD) == 0);
    CHECK(ioctl(p[0], FIONBIO, &on) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
    CHECK(ioctl(p[0], FIONBIO, &off) == 0 && !(fcntl(p[0], F_GETFL) & O_NONBLOCK));
    CHECK(ioctl(p[0], FIOASYNC, &on) == 0 && (fcntl(p[0], F_GETFL) & O_ASYNC));
    CHECK(ioctl(p[0], FIOASYNC, &off) == 0);
    CHECK(write(p[1], "12345", 5) == 5 && ioctl(p[0], FIONREAD, &n) == 0 && n == 5);
    FAILS(EFAULT, ioctl(p[0], FIONREAD, 8L));
    FAILS(ENOTTY, ioctl(p[0], TCGETS, &on));
    FAILS(ENOTTY, ioctl(p[0], 0x12345678, &on));
    FAILS(EBADF, ioctl(-1, FIONREAD, 8L));
    close(p[0]);
    FAILS(EBADF, ioctl(p[0], FIOCLEX));
    close(p[1]);
}

static void sockets(void)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), u[2], n = -1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, u) == 0);
    CHECK(write(u[0], "abc", 3) == 3 && ioctl(u[1], SIOCINQ, &n) == 0 && n == 3);
    CHECK(ioctl(u[0], SIOCOUTQ, &n) == 0 && n > 0);
    pid_t owner = -1;
    CHECK(ioctl(u[0], FIOSETOWN, &(pid_t){ getpid() }) == 0 &&
          ioctl(u[0], SIOCGPGRP, &owner) == 0 && owner == getpid());
    close(u[0]);
    close(u[1]);
    struct ifreq r = { .ifr_name = "lo" };
    if (s < 0 || ioctl(s, SIOCGIFINDEX, &r) < 0) {
        return;
    }
    int index = r.ifr_ifindex;
    CHECK(index > 0 && ioctl(s, SIOCGIFNAME, &r) == 0 && !strcmp(r.ifr_name, "lo"));
    CHECK(ioctl(s, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_LOOPBACK));
    CHECK(ioctl(s, SIOCGIFMTU, &r) == 0 && r.ifr_mtu >= 1280);
    CHECK(ioctl(s, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == 772);
    char room[4096];
    struct ifconf all = { .ifc_len = sizeof(room), .ifc_buf = room };
    CHECK(ioctl(s, SIOCGIFCONF, &all) == 0 && all.ifc_len % (int)sizeof(struct ifreq) == 0);
    for (int i = 0; i < all.ifc_len / (int)sizeof(struct ifreq); i++) {
        struct ifreq *e = (struct ifreq *)room + i;
        CHECK(e->ifr_addr.sa_family == AF_INET && e->ifr_name[0]);
        if (!strcmp(e->ifr_name, "lo")) {
            CHECK(((struct sockaddr_in *)&e->ifr_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
        }
    }
    strcpy(r.ifr_name, "no-such");
    FAILS(ENODEV, ioctl(s, SIOCGIFFLAGS, &r));
    FAILS(EFAULT, ioctl(s, SIOCGIFCONF, 8L));
    close(s);
}

static void file_systems(void)
{
    char a[] = "/tmp/ioctl_families.XXXXXX", b[] = "/tmp/ioctl_families.XXXXXX";
    int fa = mkstemp(a), fb = mkstemp(b);
    long flags = -1;
    CHECK(fa >= 0 && fb >= 0 && write(fa, "to be cloned", 12) == 12);
    if (ioctl(fa, FS_IOC_GETFLAGS, &flags) == 0) {
        CHECK((int)flags >= 0 && flags >> 32 == -1);        /* it writes an int */
        int set = (int)flags | FS_NOATIME_FL, back = 0;
        if (ioctl(fa, FS_IOC_SETFLAGS, &set) == 0) {
            CHECK(ioctl(fa, FS_IOC_GETFLAGS, &back) == 0 && (back & FS_NOATIME_FL));
        }
    } else {
        CHECK(errno == ENOTTY || errno == EOPNOTSUPP);
    }
    struct fsxattr x;
    CHECK(sizeof(x) == 28 &&
          (ioctl(fa, FS_IOC_FSGETXATTR, &x) == 0 || errno == ENOTTY || errno == EOPNOTSUPP));
    if (ioctl(fb, FICLONE, fa) == 0) {
        char buf[12];
        CHECK(pread(fb, buf, 12, 0) == 12 && !memcmp(buf, "to be cloned", 12));
        struct file_clone_range range = { .src_fd = fa, .src_length = 0 };
        CHECK(ioctl(fb, FICLONERANGE, &range) == 0);
    } else {
        CHECK(errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL || errno == ENOTTY);
    }
    FAILS(EBADF, ioctl(fb, FICLONE, -1));
    int block = -1;
    if (ioctl(fa, FIGETBSZ, &block) == 0) {
        CHECK(block >= 512);
    }
    FAILS(ENOTTY, ioctl(fa, BLKGETSIZE64, &flags));
    FAILS(ENOTTY, ioctl(fa, TCGETS, &flags));
    CHECK(close(fa) == 0 && close(fb) == 0 && unlink(a) == 0 && unlink(b) == 0);
}

static void devices(void)
{
    int n = -1, fd = open("/dev/urandom", O_RDONLY);
    if (fd >= 0) {
        CHECK(ioctl(fd, RNDGETENTCNT, &n) == 0 && n >= 0 && n <= 4096);
        FAILS(EFAULT, ioctl(fd, RNDGETENTCNT, 8L));
        close(fd);
    }
    fd = open("/dev/input/event0", O_RDONLY);
    if (fd >= 0) {
        struct input_id id;
        char name[80] = "";
        CHECK(ioctl(fd, EVIOCGVERSION, &n) == 0 && n == 0x010001);
        CHECK(ioctl(fd, EVIOCGID, &id) == 0 && ioctl(fd, EVIOCGNAME(sizeof(name)), name) > 0);
        close(fd);
    }
    fd = open("/dev/null", O_RDWR);
    CHECK(fd >= 0);
    FAILS(ENOTTY, ioctl(fd, EVIOCGVERSION, &n));
    FAILS(ENOTTY, ioctl(fd, 0xae00, 0));                    /* KVM_GET_API_VERSION */
    FAILS(ENOTTY, ioctl(fd, 0xae01, 0));
    close(fd);
    fd = open("/dev/kvm", O_RDWR);
    if (fd >= 0) {
#ifdef __riscv
        FAILS(ENOTTY, ioctl(fd, 0xae00, 0));                /* not a machine of ours */
        FAILS(ENOTTY, ioctl(fd, 0xae01, 0));
#endif
        close(fd);
    }
}

static void disks(void)
{
    static const char *const names[] = { "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0" };
    for (unsigned i = 0; i < 4; i++) {
        int fd = open(names[i], O_RDONLY), size = 0, ro = -1;
        uint64_t bytes = 1;
        unsigned long sectors = 1;
        if (fd < 0) {
            continue;
        }
        CHECK(ioctl(fd, BLKGETSIZE64, &bytes) == 0 && ioctl(fd, BLKGETSIZE, &sectors) == 0);
        CHECK(bytes == sectors * 512 && ioctl(fd, BLKSSZGET, &size) == 0 && size >= 512);
        CHECK(ioctl(fd, BLKROGET, &ro) == 0 && (ro == 0 || ro == 1));
        CHECK(lseek(fd, 0, SEEK_END) == (off_t)bytes);
        close(fd);
    }
}

int main(void)
{
    terminals();
    descriptors();
    sockets();
    file_systems();
    devices();
    disks();
    return 0;
}
