/*
 * tell.c: a program that tells how it was started. A first argument can be what to do instead:
 *   exec PROGRAM ARG...     execv() with these arguments, argv[0] the first
 *   fd PROGRAM ARG...       the same by a descriptor that execve() closes
 *   memory PROGRAM ARG...   the same with a copy of it in memory
 *   grant PROGRAM           give the file CAP_NET_RAW, permitted and effective
 *   child PROGRAM ARG...    the same as exec in a child by posix_spawn(); how it ended
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static unsigned effective_caps(void)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = { 0 };
    syscall(SYS_capget, &head, sets);
    return sets[0].effective;
}

static void tell(int argc, char **argv)
{
    char exe[256] = "-", comm[32] = "-";
    const char *a = getenv("A");
    int fd = open("/proc/self/comm", O_RDONLY);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n > 0) {
        exe[n] = '\0';
    }
    if (fd >= 0 && (n = read(fd, comm, sizeof(comm) - 1)) > 0) {
        comm[n - 1] = '\0';
    }
    for (int i = 0; i < argc; i++) {
        printf("%s%s", i ? " " : "", argv[i]);
    }
    printf(" | fn %s exe %s comm %s uid %d %d gid %d %d secure %lu caps %x A %s fd %d\n",
           (char *)getauxval(AT_EXECFN), exe, comm, getuid(), geteuid(), getgid(), getegid(),
           getauxval(AT_SECURE), effective_caps(), a ? a : "-", dup(0));
}

static void exec_fd(int fd, char **argv)
{
    extern char **environ;
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

static int copy_in_memory(const char *path)
{
    int from = open(path, O_RDONLY), fd = memfd_create("copy", MFD_CLOEXEC);
    struct stat st;
    fstat(from, &st);
    sendfile(fd, from, NULL, (size_t)st.st_size);
    close(from);
    return fd;
}

static int grant(const char *path)
{
    struct vfs_cap_data caps = {
        .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
        .data[0].permitted = 1u << CAP_NET_RAW,
    };
    return setxattr(path, "security.capability", &caps, sizeof(caps), 0);
}

static int child(char **argv)
{
    extern char **environ;
    pid_t pid;
    int status, e = posix_spawn(&pid, argv[0], NULL, NULL, argv + 1, environ);
    if (e == 0) {
        waitpid(pid, &status, 0);
        printf("ended %x\n", status);
    }
    return errno = e;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "tell";
    if (!strcmp(what, "exec")) {
        execv(argv[2], argv + 3);
    } else if (!strcmp(what, "fd")) {
        exec_fd(open(argv[2], O_PATH | O_CLOEXEC), argv + 3);
    } else if (!strcmp(what, "memory")) {
        exec_fd(copy_in_memory(argv[2]), argv + 3);
    } else if (!strcmp(what, "grant")) {
        if (grant(argv[2]) == 0) {
            return 0;
        }
    } else if (!strcmp(what, "child")) {
        if (child(argv + 2) == 0) {
            return 0;
        }
    } else {
        tell(argc, argv);
        return 0;
    }
    printf("%s: %s\n", argv[2], strerror(errno));
    return 1;
}
