/*
 * view.c: what a program sees whose root is a directory. Run as root.sh says; prints what is wrong.
 *
 *   /view     this program           /etc/motd "motd"        /abs -> /etc/motd
 *   /to-view -> /view                /script #!/to-view      /dir/to-script -> /script
 *   /etc/up -> ../../../../etc/motd  /dir/abs -> /etc/motd   /etc/dir -> /dir      /loop -> /loop
 *   /host is a dynamic program of the host's
 *   argv[3] is there if users are emulated
 *   /secret does not exist inside; ../secret and argv[2] (its host path) do, outside
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/openat2.h>

static int failed;

static void check_(int ok, const char *what, int line)
{
    if (!ok) {
        printf("line %d: %s (errno %d)\n", line, what, errno);
        failed = 1;
    }
}
#define CHECK(x) check_(!!(x), #x, __LINE__)

static int same(const char *path, const char *text)
{
    char buf[64] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0) {
        buf[0] = 0;
    }
    close(fd);
    return !strcmp(buf, text);
}

static int link_is(const char *path, const char *want)
{
    char buf[PATH_MAX] = "";
    ssize_t n = readlink(path, buf, sizeof(buf) - 1);
    if (n < 0 || strcmp(buf, want)) {
        printf("%s -> '%s', not '%s'\n", path, buf, want);
        return 0;
    }
    return 1;
}

static int cwd_is(const char *want)
{
    char buf[PATH_MAX] = "";
    if (!getcwd(buf, sizeof(buf)) || strcmp(buf, want)) {
        printf("cwd '%s', not '%s'\n", buf, want);
        return 0;
    }
    return 1;
}

static int missing(const char *path)
{
    return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void paths(const char *outside)
{
    CHECK(cwd_is("/"));
    CHECK(same("/etc/motd", "motd\n"));
    CHECK(same("etc/motd", "motd\n"));
    CHECK(same("/abs", "motd\n") && same("abs", "motd\n"));
    CHECK(same("/etc/up", "motd\n") && same("etc/up", "motd\n"));
    CHECK(same("/etc/dir/abs", "motd\n") && same("etc/dir/abs", "motd\n"));
    CHECK(same("/../../etc/motd", "motd\n") && same("../../etc/motd", "motd\n"));
    CHECK(missing("/secret") && missing("../secret") && missing("/../secret"));
    CHECK(missing("/etc/../../secret"));
    CHECK(missing(outside));
    CHECK(open("/loop", O_RDONLY) < 0 && errno == ELOOP);
    CHECK(open("/abs", O_RDONLY | O_NOFOLLOW) < 0 && errno == ELOOP);
    CHECK(open("/etc/motd/x", O_RDONLY) < 0 && errno == ENOTDIR);
    CHECK(open("", O_RDONLY) < 0 && errno == ENOENT);
    CHECK(link_is("/abs", "/etc/motd") && link_is("etc/up", "../../../../etc/motd"));
    struct stat a, b;
    CHECK(stat("/", &a) == 0 && stat("/..", &b) == 0 && a.st_ino == b.st_ino);
    CHECK(lstat("/abs", &a) == 0 && S_ISLNK(a.st_mode));
    CHECK(stat("/abs", &a) == 0 && S_ISREG(a.st_mode) && a.st_uid == 0 && a.st_gid == 0);
    CHECK(lstat("/etc/dir/", &a) == 0 && S_ISDIR(a.st_mode));
}

static void dirs(void)
{
    int etc = open("/etc", O_RDONLY | O_DIRECTORY), root = open("/", O_PATH | O_DIRECTORY);
    struct stat st;
    CHECK(etc >= 0 && root >= 0);
    int fd = openat(etc, "up", O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    CHECK((fd = openat(etc, "dir/abs", O_RDONLY)) >= 0);
    close(fd);
    CHECK((fd = openat(root, "../../abs", O_RDONLY)) >= 0);
    close(fd);
    CHECK(openat(root, "../secret", O_RDONLY) < 0 && errno == ENOENT);
    CHECK(fstatat(etc, "../abs", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK(fstatat(etc, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
    struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT };
    fd = syscall(SYS_openat2, root, "/abs", &how, sizeof(how));
    CHECK(fd >= 0 || errno == ENOSYS);
    close(fd);
    how.resolve = RESOLVE_BENEATH;
    fd = syscall(SYS_openat2, root, "abs", &how, sizeof(how));
    CHECK(fd < 0 && (errno == EXDEV || errno == ENOSYS));
    how.resolve = RESOLVE_NO_SYMLINKS;
    fd = syscall(SYS_openat2, AT_FDCWD, "/abs", &how, sizeof(how));
    CHECK(fd < 0 && (errno == ELOOP || errno == ENOSYS));
    CHECK(openat(9999, "x", O_RDONLY) < 0 && errno == EBADF);
    CHECK(chdir("/etc/dir") == 0 && cwd_is("/dir"));
    CHECK(same("../etc/motd", "motd\n") && same("abs", "motd\n"));
    CHECK(chdir("..") == 0 && cwd_is("/") && chdir("..") == 0 && cwd_is("/"));
    CHECK(fchdir(etc) == 0 && cwd_is("/etc") && same("up", "motd\n"));
    CHECK(chdir("/") == 0);
    close(etc);
    close(root);
}

static void changes(void)
{
    struct stat st;
    int fd;
    CHECK(mkdir("/new", 0755) == 0 && mkdir("/etc/dir/sub", 0755) == 0);
    CHECK((fd = open("/etc/dir/sub/file", O_CREAT | O_EXCL | O_WRONLY, 0600)) >= 0);
    CHECK(write(fd, "x\n", 2) == 2 && close(fd) == 0);
    CHECK(symlink("/dir/sub/file", "/new/link") == 0 && same("/new/link", "x\n"));
    CHECK(symlink("/dir/sub/made", "/new/dangling") == 0);
    CHECK(open("/new/dangling", O_CREAT | O_EXCL | O_WRONLY, 0600) < 0 && errno == EEXIST);
    CHECK((fd = open("/new/dangling", O_CREAT | O_WRONLY, 0600)) >= 0 && close(fd) == 0);
    CHECK(stat("/dir/sub/made", &st) == 0);
    CHECK(link("/new/link", "/new/hard") == 0);
    CHECK(lstat("/new/hard", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(linkat(AT_FDCWD, "/new/link", AT_FDCWD, "/new/hard2", AT_SYMLINK_FOLLOW) == 0);
    CHECK(lstat("/new/hard2", &st) == 0 && S_ISREG(st.st_mode));
    CHECK(rename("/new/hard2", "/etc/dir/sub/moved") == 0 && same("/dir/sub/moved", "x\n"));
    CHECK(truncate("/new/link", 0) == 0 && same("/dir/sub/file", ""));
    CHECK(chmod("/new/link", 0640) == 0);
    CHECK(stat("/dir/sub/file", &st) == 0 && (st.st_mode & 0777) == 0640);
    CHECK(chown("/new/link", 0, 0) == 0 && lchown("/new/link", 0, 0) == 0);
    CHECK(chown("/new/link", 12, 34) == 0);
    CHECK(utimensat(AT_FDCWD, "/new/link", NULL, 0) == 0);
    CHECK(mkfifo("/new/fifo", 0600) == 0 && stat("/new/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK(mknod("/new/null", S_IFCHR | 0666, 1 << 8 | 3) == 0);
    struct statfs fs;
    CHECK(statfs("/new/link", &fs) == 0);
    CHECK(getxattr("/new/link", "user.none", NULL, 0) < 0 && errno != ENOENT);
    int in = inotify_init1(IN_CLOEXEC);
    CHECK(in >= 0 && inotify_add_watch(in, "/etc/dir", IN_CREATE) >= 0);
    CHECK(mkdir("/dir/watched", 0700) == 0);
    char event[512];
    CHECK(read(in, event, sizeof(event)) > 0);
    CHECK(!strcmp(((struct inotify_event *)event)->name, "watched"));
    close(in);
    CHECK(unlink("/new/link") == 0 && stat("/dir/sub/file", &st) == 0);
    CHECK(rmdir("/etc/dir/watched") == 0 && missing("/dir/watched"));
    CHECK(rmdir("/") < 0);
}

/* Who owns it, asked in every way. */
static int is_of(const char *path, unsigned uid, unsigned gid)
{
    struct stat st;
    struct statx x;
    int fd = open(path, O_RDONLY), at = open("/new", O_PATH), ok = 1;
    ok &= stat(path, &st) == 0 && st.st_uid == uid && st.st_gid == gid;
    ok &= lstat(path, &st) == 0 && st.st_uid == uid && st.st_gid == gid;
    ok &= fstat(fd, &st) == 0 && st.st_uid == uid && st.st_gid == gid;
    ok &= fstatat(at, path + strlen("/new/"), &st, 0) == 0 && st.st_uid == uid && st.st_gid == gid;
    ok &= statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0 && x.stx_uid == uid &&
          x.stx_gid == gid;
    close(fd);
    close(at);
    return ok;
}

/* Given away, to anybody and back; made by somebody else. */
static void owners(void)
{
    int fd, status;
    struct stat st;
    CHECK(mkdir("/new", 0755) == 0 || errno == EEXIST);
    CHECK((fd = open("/new/owned", O_CREAT | O_EXCL | O_WRONLY, 0444)) >= 0);
    if (fsetxattr(fd, "user.test", "x", 1, 0) < 0 && errno != EACCES) {
        close(fd); /* nothing to remember them by */
        return;
    }
    CHECK(is_of("/new/owned", 0, 0));
    CHECK(chown("/new/owned", 12, 34) == 0 && is_of("/new/owned", 12, 34));
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0444);
    CHECK(fchown(fd, 56, -1) == 0 && is_of("/new/owned", 56, 34));
    CHECK(chown("/new/owned", -1, 78) == 0 && is_of("/new/owned", 56, 78));
    CHECK(symlink("owned", "/new/to-owned") == 0 && lchown("/new/to-owned", 1, 1) == 0);
    CHECK(is_of("/new/owned", 56, 78));
    CHECK(chown("/new/to-owned", 0, 0) == 0 && is_of("/new/owned", 0, 0));
    CHECK(mkdir("/new/shared", 0755) == 0 && chmod("/new/shared", 01777) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setgid(34) == 0 && setuid(12) == 0);
        CHECK((fd = open("/new/shared/made", O_CREAT | O_WRONLY, 0644)) >= 0);
        CHECK(is_of("/new/shared/made", 12, 34) && is_of("/new/owned", 0, 0));
        CHECK(mkdir("/new/shared/dir", 0755) == 0 && is_of("/new/shared/dir", 12, 34));
        CHECK(open("/new/shared/made", O_CREAT | O_EXCL | O_WRONLY, 0644) < 0 && errno == EEXIST);
        CHECK((fd = open("/new/shared/made", O_CREAT | O_WRONLY, 0644)) >= 0);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(is_of("/new/shared/made", 12, 34) && unlink("/new/shared/made") == 0);
    CHECK(rmdir("/new/shared/dir") == 0 && rmdir("/new/shared") == 0);
    CHECK(unlink("/new/owned") == 0 && unlink("/new/to-owned") == 0);
    close(fd);
}

static void sockets(void)
{
    struct sockaddr_un at = { AF_UNIX, "/dir/sock" }, got;
    socklen_t size = sizeof(got);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    struct stat st;
    CHECK(bind(s, (void *)&at, sizeof(at)) == 0 && listen(s, 1) == 0);
    CHECK(lstat("/dir/sock", &st) == 0 && S_ISSOCK(st.st_mode));
    CHECK(getsockname(s, (void *)&got, &size) == 0 && !strcmp(got.sun_path, "/dir/sock"));
    strcpy(at.sun_path, "etc/dir/sock");
    CHECK(connect(c, (void *)&at, sizeof(at)) == 0);
    size = sizeof(got);
    CHECK(getpeername(c, (void *)&got, &size) == 0 && !strcmp(got.sun_path, "/dir/sock"));
    close(s);
    close(c);
    int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0);
    strcpy(at.sun_path, "/dir/dgram");
    CHECK(bind(d, (void *)&at, sizeof(at)) == 0);
    CHECK(sendto(e, "a", 1, 0, (void *)&at, sizeof(at)) == 1);
    struct iovec iov = { "b", 1 };
    struct msghdr msg = {
        .msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &iov, .msg_iovlen = 1
    };
    CHECK(sendmsg(e, &msg, 0) == 1);
    char buf[4];
    CHECK(recv(d, buf, 4, 0) == 1 && buf[0] == 'a' && recv(d, buf, 4, 0) == 1 && buf[0] == 'b');
    strcpy(at.sun_path, "dir/sent");
    CHECK(bind(e, (void *)&at, sizeof(at)) == 0);
    strcpy(at.sun_path, "/dir/dgram");
    CHECK(sendto(e, "c", 1, 0, (void *)&at, sizeof(at)) == 1);
    size = sizeof(got);
    CHECK(recvfrom(d, buf, 4, 0, (void *)&got, &size) == 1 && !strcmp(got.sun_path, "dir/sent"));
    close(d);
    close(e);
}

static void proc(void)
{
    struct stat a, b;
    char name[64];
    if (access("/proc/self/stat", F_OK) < 0) {
        return;
    }
    CHECK(link_is("/proc/self/exe", "/view"));
    CHECK(link_is("/proc/self/root", "/") && link_is("/proc/self/cwd", "/"));
    CHECK(chdir("/dir") == 0 && link_is("/proc/self/cwd", "/dir"));
    CHECK(same("/proc/self/cwd/abs", "motd\n") && same("/proc/self/cwd/../abs", "motd\n"));
    CHECK(same("/proc/self/root/abs", "motd\n") && missing("/proc/self/root/../secret"));
    snprintf(name, sizeof(name), "/proc/%d/root/etc/up", (int)getpid());
    CHECK(same(name, "motd\n"));
    CHECK(chdir("/") == 0);
    int fd = open("/dir", O_RDONLY);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK(link_is(name, "/dir"));
    snprintf(name, sizeof(name), "/proc/self/fd/%d/abs", fd);
    CHECK(same(name, "motd\n"));
    snprintf(name, sizeof(name), "/dev/fd/%d/../etc/up", fd);
    CHECK(access("/dev/fd", F_OK) < 0 || same(name, "motd\n"));
    close(fd);
    int p[2];
    CHECK(pipe(p) == 0 && write(p[1], "p", 1) == 1);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
    CHECK((fd = open(name, O_RDONLY)) >= 0 && read(fd, name, 1) == 1 && name[0] == 'p');
    close(fd);
    CHECK(stat("/proc/self/exe", &a) == 0 && stat("/view", &b) == 0 && a.st_ino == b.st_ino);
    CHECK(access("/dev/null", F_OK) == 0 && access("/sys/kernel", F_OK) == 0);
    FILE *maps = fopen("/proc/self/maps", "r");
    int found = 0;
    for (char line[512]; maps && fgets(line, sizeof(line), maps);) {
        char *slash = strchr(line, '/');
        found |= slash && !strcmp(slash, "/view\n");
        CHECK(!slash || !strcmp(slash, "/view\n"));
    }
    CHECK(found);
}

static int run(char *const argv[], int how)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        switch (how) {
        case 0:
            execv(argv[0], argv);
            break;
        case 1:
            fd = open(argv[0], O_RDONLY | O_CLOEXEC);
            fexecve(fd, argv, (char *[]){ NULL });
            break;
        case 2:
            fd = open("/etc", O_RDONLY);
            syscall(SYS_execveat, fd, argv[0], argv, (char *[]){ NULL }, 0);
            break;
        }
        _exit(errno);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void programs(void)
{
    CHECK(run((char *[]){ "/view", "child", "/view", NULL }, 0) == 42);
    CHECK(run((char *[]){ "view", "child", "/view", NULL }, 0) == 42);
    CHECK(run((char *[]){ "/etc/../to-view", "child", "/view", NULL }, 0) == 42);
    CHECK(run((char *[]){ "/view", "child", "/view", NULL }, 1) == 42);
    CHECK(run((char *[]){ "../to-view", "child", "/view", NULL }, 2) == 42);
    CHECK(run((char *[]){ "/script", "x", NULL }, 0) == 43);
    CHECK(run((char *[]){ "./dir/to-script", "x", NULL }, 0) == 43);
    if (access("/proc/self", F_OK) == 0) {
        CHECK(run((char *[]){ "/proc/self/exe", "child", "/view", NULL }, 0) == 42);
    }
    CHECK(run((char *[]){ "/secret", NULL }, 0) == ENOENT);
    CHECK(run((char *[]){ "/etc/motd", NULL }, 0) == EACCES);
    CHECK(run((char *[]){ "/no-interpreter", NULL }, 0) == ENOENT);
    CHECK(run((char *[]){ "/host", NULL }, 0) > 0);     /* its interpreter is outside */
}

/* What a packaging tool does on its way to another user. */
static void users(void)
{
    gid_t groups[] = { 8, 7 }, got[8];
    uid_t r, e, s;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
        CHECK(setgroups(2, groups) == 0 && getgroups(8, got) == 2 && got[1] == 8);
        CHECK(setresgid(42, 42, 42) == 0 && getegid() == 42);
        CHECK(setresuid(-1, 33, -1) == 0 && geteuid() == 33 && getuid() == 0);
        CHECK(setuid(0) == 0 && geteuid() == 0);
        CHECK(setresuid(33, 33, 33) == 0);
        CHECK(getresuid(&r, &e, &s) == 0 && r == 33 && e == 33 && s == 33);
        CHECK(setuid(0) < 0 && errno == EPERM && setgroups(0, NULL) < 0 && errno == EPERM);
        CHECK(run((char *[]){ "/view", "uid", NULL }, 0) == 33);
        exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(geteuid() == 0);
}

static int set_caps(uint64_t effective, uint64_t permitted)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2] = {
        { (uint32_t)effective, (uint32_t)permitted, 0 },
        { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), 0 },
    };
    return (int)syscall(SYS_capset, &h, d);
}

static uint64_t effective_caps(void)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    CHECK(syscall(SYS_capget, &h, d) == 0);
    return d[0].effective | (uint64_t)d[1].effective << 32;
}

/* Rights that outlive the change of user, as setpriv(1) keeps them; and what takes them away. */
static void capabilities(void)
{
    const uint64_t both = 1 << CAP_SETUID | 1 << CAP_SETGID;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK((effective_caps() & both) == both);
        CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1);
        CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME) == 0);
        CHECK(prctl(PR_CAPBSET_READ, CAP_SYS_TIME) == 0 && prctl(PR_CAPBSET_READ, CAP_SETUID) == 1);
        CHECK(setresuid(33, 33, 33) == 0 && effective_caps() == 0);
        CHECK(setresgid(33, 33, 33) < 0 && errno == EPERM);
        CHECK(set_caps(both, both) == 0 && effective_caps() == both);
        CHECK(setresgid(33, 33, 33) == 0);
        CHECK(set_caps(0, 1 << CAP_SETUID) == 0 && setuid(0) < 0 && errno == EPERM);
        CHECK(set_caps(both, both) < 0 && errno == EPERM);
        CHECK(set_caps(1 << CAP_SETUID, 1 << CAP_SETUID) == 0 && setuid(0) == 0);
        CHECK(prctl(PR_SET_KEEPCAPS, 0) == 0 && setuid(33) == 0 && effective_caps() == 0);
        CHECK(set_caps(1 << CAP_SETUID, 1 << CAP_SETUID) < 0 && errno == EPERM);
        CHECK(run((char *[]){ "/view", "uid", NULL }, 0) == 33);
        exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Where the kernel does not decide. */
static void set_user_id(void)
{
    CHECK(link("/view", "/dir/suid") == 0 && chmod("/dir/suid", 04755) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setuid(33) == 0);
        CHECK(run((char *[]){ "/dir/suid", "suid", NULL }, 0) == 44);
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        CHECK(run((char *[]){ "/dir/suid", "uid", NULL }, 0) == 33);
        exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(unlink("/dir/suid") == 0 && chmod("/view", 0755) == 0);
}

/* Capabilities of a file, which show as its only attribute. */
static void file_capabilities(void)
{
    struct vfs_cap_data caps = {
        .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
        .data[0].permitted = 1 << CAP_NET_RAW,
    }, got;
    char names[64];
    CHECK(link("/view", "/dir/able") == 0 && chown("/view", 12, 34) == 0);
    if (setxattr("/dir/able", "security.capability", &caps, sizeof(caps), 0) == 0) {
        CHECK(getxattr("/dir/able", "security.capability", &got, sizeof(got)) == sizeof(got));
        CHECK(got.data[0].permitted == caps.data[0].permitted);
        CHECK(listxattr("/dir/able", names, sizeof(names)) == sizeof("security.capability"));
        CHECK(!strcmp(names, "security.capability"));
        pid_t pid = fork();
        int status;
        if (pid == 0) {
            CHECK(setuid(33) == 0 && run((char *[]){ "/dir/able", "able", NULL }, 0) == 45);
            exit(failed);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        CHECK(removexattr("/dir/able", "security.capability") == 0);
        CHECK(getxattr("/dir/able", "security.capability", &got, sizeof(got)) < 0);
        CHECK(errno == ENODATA);
    } else {
        CHECK(errno == EOPNOTSUPP);
    }
    CHECK(chown("/view", 0, 0) == 0 && listxattr("/view", names, sizeof(names)) == 0);
    CHECK(unlink("/dir/able") == 0);
}

/* What one socket says of the other's user: what the users themselves say. */
static void credentials(void)
{
    int s[2], on = 1;
    struct ucred c = { 0 };
    socklen_t len = sizeof(c);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && len == sizeof(c));
    CHECK(c.pid == getpid() && c.uid == 0 && c.gid == 0);
    CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
    union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(c))]; } control = { 0 };
    char byte = 'x';
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = sizeof(control) };
    control.h = (struct cmsghdr){ CMSG_LEN(sizeof(c)), SOL_SOCKET, SCM_CREDENTIALS };
    memcpy(CMSG_DATA(&control.h), &c, sizeof(c));
    CHECK(sendmsg(s[0], &m, 0) == 1 && !memcmp(CMSG_DATA(&control.h), &c, sizeof(c)));
    memset(&control, 0, sizeof(control));
    CHECK(recvmsg(s[1], &m, 0) == 1 && control.h.cmsg_type == SCM_CREDENTIALS);
    CHECK(!memcmp(CMSG_DATA(&control.h), &c, sizeof(c)));
    close(s[0]);
    close(s[1]);
}

/* Modes do not bind root: the emulated one neither. */
static void modes(void)
{
    struct stat st;
    int fd = open("/dir/locked", O_WRONLY | O_CREAT | O_EXCL, 0);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    CHECK(same("/dir/locked", "x") && access("/dir/locked", R_OK | W_OK) == 0);
    CHECK((fd = open("/dir/locked", O_WRONLY)) >= 0 && close(fd) == 0);
    CHECK(stat("/dir/locked", &st) == 0 && (st.st_mode & 07777) == 0);
    CHECK(chmod("/dir/locked", 0440) == 0 && truncate("/dir/locked", 0) == 0);
    CHECK(stat("/dir/locked", &st) == 0 && (st.st_mode & 07777) == 0440 && st.st_size == 0);
    CHECK(mkdir("/dir/closed", 0) == 0 && mkdir("/dir/closed/in", 0) == 0);
    CHECK(rename("/dir/locked", "/dir/closed/in/file") == 0 && same("/dir/closed/in/file", ""));
    CHECK(chdir("/dir/closed/in") == 0 && access("file", F_OK) == 0 && chmod("file", 0600) == 0);
    CHECK(symlink("file", "link") == 0 && stat("../in/link", &st) == 0);
    CHECK((st.st_mode & 07777) == 0600 && unlink("link") == 0 && unlink("file") == 0);
    CHECK(stat("/dir/closed/in", &st) == 0 && (st.st_mode & 07777) == 0);
    CHECK(stat("/dir/closed", &st) == 0 && (st.st_mode & 07777) == 0);
    CHECK(chdir("/") == 0 && rmdir("/dir/closed/in") == 0 && rmdir("/dir/closed") == 0);
}

static void root_again(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(chroot("/etc/dir") == 0 && chdir("/") == 0);
        struct stat st;
        CHECK(missing("/etc") && lstat("/abs", &st) == 0 && missing("/abs") && missing("../etc"));
        CHECK(cwd_is("/"));
        CHECK(run((char *[]){ "/sub/view", "child", "/sub/view", NULL }, 0) == 42);
        exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(same("/abs", "motd\n"));
}

static void up_to(struct rlimit *rl, unsigned long max)
{
    unsigned long n = 0;
    rl->rlim_cur = max;
    CHECK(setrlimit(RLIMIT_NOFILE, rl) == 0);
    for (int fd = 0; fd < 8192; fd++) {
        struct stat st;
        int is = fcntl(fd, F_GETFD) >= 0;
        CHECK((fstat(fd, &st) == 0) == is);
        CHECK(is || faccessat(fd, ".", F_OK, 0) < 0);
        n += is;
    }
    while (dup(0) >= 0) {
        n++;
    }
    CHECK(errno == EMFILE && n == max);
}

/* Those of the emulator are not there: nobody can use them, and all that the limit allows are the
 * guest's. Where it is raised as well. */
static void descriptors(void)
{
    struct rlimit rl;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
        if (rl.rlim_max >= 2048) {
            up_to(&rl, 512);
            up_to(&rl, 2048);
        }
        exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "child")) {
        int named = access("/proc/self", F_OK) < 0 || link_is("/proc/self/exe", argv[2]);
        return named && missing("/secret") ? 42 : 1;
    }
    if (!strcmp(what, "script")) {
        return strchr(argv[2], '/') && !access(argv[2], F_OK) && same("/abs", "motd\n") ? 43 : 1;
    }
    if (!strcmp(what, "uid")) {
        return geteuid() == getuid() ? (int)geteuid() : 1;
    }
    if (!strcmp(what, "suid")) {
        return getuid() == 33 && geteuid() == 0 && getauxval(AT_SECURE) && setuid(0) == 0 ? 44 : 1;
    }
    if (!strcmp(what, "able")) {
        return effective_caps() == 1 << CAP_NET_RAW && getauxval(AT_SECURE) ? 45 : 1;
    }
    if (!strcmp(what, "terminals")) {
        puts(access("/dev/pts/ptmx", F_OK) == 0 ? "ok" : "no terminals");
        return 0;
    }
    if (!strcmp(what, "exec")) {            /* in the end a child that is this process */
        execl("/view", "view", "leaf", NULL);
        return 1;
    }
    if (!strcmp(what, "leaf")) {
        return 0;
    }
    CHECK(!getenv("RIVET_ROOT"));
    paths(argv[2]);
    dirs();
    changes();
    owners();
    sockets();
    proc();
    programs();
    descriptors();
    users();
    capabilities();
    modes();
    credentials();
    if (argc > 3) {
        set_user_id();
        file_capabilities();
    }
    CHECK(link("/view", "/dir/sub/view") == 0);
    root_again();
    puts(failed ? "failed" : "ok");
    return failed;
}
