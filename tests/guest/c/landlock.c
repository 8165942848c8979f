/* landlock: a domain that allows the program itself, and nothing else, to be executed. Alone: rivet
 * landlock. Nothing is checked where the kernel has no landlock. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { NR_create = 444, NR_add = 445, NR_restrict = 446, PATH_BENEATH = 1 };
enum { EXECUTE = 1 << 0, READ_FILE = 1 << 2 };

struct beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int main(int argc, char **argv)
{
    if (argc > 1) {
        return 7;
    }
    if (syscall(NR_create, NULL, 0L, 1L) < 1) {
        return 0;
    }
    uint64_t handled = EXECUTE | READ_FILE;
    int rules = (int)syscall(NR_create, &handled, sizeof(handled), 0L);
    CHECK(rules >= 0);
    struct beneath self = { EXECUTE | READ_FILE, open(argv[0], O_PATH) };
    CHECK(self.parent >= 0 && syscall(NR_add, rules, PATH_BENEATH, &self, 0L) == 0);
    static const char *const libraries[] = { "/lib", "/lib64", "/usr/lib", "/usr/lib64" };
    for (int i = 0; i < 4; i++) {               /* of a program that is linked dynamically */
        struct beneath lib = { EXECUTE | READ_FILE, open(libraries[i], O_PATH) };
        CHECK(lib.parent < 0 || syscall(NR_add, rules, PATH_BENEATH, &lib, 0L) == 0);
    }
    CHECK(open("/etc/passwd", O_RDONLY) >= 0);
    CHECK(syscall(NR_restrict, rules, 0L) < 0 || geteuid() == 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(NR_restrict, rules, 0L) == 0);
    CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
    FAILS(EACCES, open("/proc/self/status", O_RDONLY));
    FAILS(EACCES, open("/proc/cpuinfo", O_RDONLY));
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        CHECK(errno == EACCES);
        execl(argv[0], argv[0], "again", NULL);
        CHECK(!"execl");
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 7 << 8);
    return 0;
}
