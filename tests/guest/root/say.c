/*
 * say.c: a program that tells how it was started; see run_as.sh. The first argument says what to
 * do:
 *   say [NAME...]       arguments, variables A and B, release, AT_SECURE, whether Zba is there
 *   exec PROGRAM ARG... execve() with the environment as it is
 *   bare PROGRAM ARG... with an empty one
 *   watch PROGRAM ARG... the same in a child; how it ends
 *   fall                a fault
 *   cat FILE...         files, relative ones from a descriptor of /etc
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(int argc, char **argv)
{
    struct utsname u;
    struct { int64_t key; uint64_t value; } zba = { 4 };
    uname(&u);
    syscall(258, &zba, 1L, 0L, NULL, 0);
    for (int i = 0; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        printf("%s ", slash ? slash + 1 : argv[i]);
    }
    printf("A=%s B=%s %s secure %lu zba %d uid %d\n", getenv("A") ? getenv("A") : "-",
           getenv("B") ? getenv("B") : "-", u.release, getauxval(AT_SECURE),
           (int)(zba.value >> 3 & 1), geteuid() == getuid());
}

static void cat(const char *name)
{
    char buf[100];
    int dir = open("/etc", O_RDONLY | O_DIRECTORY), fd = openat(dir, name, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf));
    printf("%s: %.*s", name, n > 0 ? (int)n : 2, n > 0 ? buf : "-\n");
    close(fd);
    close(dir);
}

int main(int argc, char **argv)
{
    char *none[] = { NULL };
    const char *what = argc > 1 ? argv[1] : "say";
    int status;
    if (!strcmp(what, "watch") && fork()) {
        wait(&status);
        printf("status %x\n", status);
        return 0;
    }
    if (!strcmp(what, "exec") || !strcmp(what, "watch")) {
        execv(argv[2], argv + 2);
    } else if (!strcmp(what, "bare")) {
        execve(argv[2], argv + 2, none);
    } else if (!strcmp(what, "fall")) {
        *(volatile int *)16 = 1;
    } else if (!strcmp(what, "cat")) {
        for (int i = 2; i < argc; i++) {
            cat(argv[i]);
        }
        return 0;
    } else {
        say(argc, argv);
        return 0;
    }
    return errno;
}
