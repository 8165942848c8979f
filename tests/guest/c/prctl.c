/* prctl: memory-deny-write-execute with all that it forbids and how it is handed on; what a kernel
 * for riscv on a machine without vectors and pointer masking answers. All but the last part
 * natively as well (Linux 6.6). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "check.h"

enum { PAGE = 4096, SET_MDWE = 65, GET_MDWE = 66, REFUSE_EXEC_GAIN = 1, NO_INHERIT = 2, BITS = 40 };
enum { R = PROT_READ, W = PROT_WRITE, X = PROT_EXEC, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char self[4096];

/* What a program run by us, after a fork, says of its bits. */
static int bits_of_next(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, "prctl", "bits", (char *)NULL);
        _exit(99);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
          WEXITSTATUS(status) >= BITS);
    return WEXITSTATUS(status) - BITS;
}

static void arguments(void)
{
    CHECK(prctl(GET_MDWE, 0, 0, 0, 0) == 0);
    FAILS(EINVAL, prctl(GET_MDWE, 1, 0, 0, 0));
    FAILS(EINVAL, prctl(SET_MDWE, 4, 0, 0, 0));
    FAILS(EINVAL, prctl(SET_MDWE, NO_INHERIT, 0, 0, 0));
    FAILS(EINVAL, prctl(SET_MDWE, 1, 1, 0, 0));
    CHECK(prctl(SET_MDWE, 0, 0, 0, 0) == 0);
}

static void forbidden(void)
{
    char *p = mmap(NULL, 4 * PAGE, R | W, ANON, -1, 0);
    char *code = mmap(NULL, PAGE, R | X, ANON, -1, 0);
    char *both = mmap(NULL, PAGE, R | W | X, ANON, -1, 0);
    CHECK(p != MAP_FAILED && code != MAP_FAILED && both != MAP_FAILED);
    strcpy(p, "kept");
    CHECK(prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0);
    CHECK(prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0);
    CHECK(prctl(GET_MDWE, 0, 0, 0, 0) == REFUSE_EXEC_GAIN);
    FAILS(EPERM, prctl(SET_MDWE, 0, 0, 0, 0));
    FAILS(EPERM, prctl(SET_MDWE, REFUSE_EXEC_GAIN | NO_INHERIT, 0, 0, 0));

    FAILS(EACCES, mmap(NULL, PAGE, R | W | X, ANON, -1, 0));
    FAILS(EACCES, mmap(p, PAGE, W | X, ANON | MAP_FIXED, -1, 0));
    FAILS(EBADF, mmap(NULL, PAGE, R | W | X, MAP_PRIVATE, -1, 0));
    FAILS(EINVAL, mmap(NULL, 0, R | W | X, ANON, -1, 0));
    CHECK(strcmp(p, "kept") == 0);
    FAILS(EACCES, mprotect(p, PAGE, R | X));
    FAILS(EACCES, mprotect(p, PAGE, R | W | X));
    FAILS(EACCES, mprotect(code, PAGE, R | W | X));
    FAILS(EACCES, mprotect(both, PAGE, R | W | X));

    CHECK(mmap(NULL, PAGE, R | X, ANON, -1, 0) != MAP_FAILED);
    CHECK(mprotect(code, PAGE, X) == 0 && mprotect(both, PAGE, R | X) == 0);
    CHECK(mprotect(code, PAGE, R | W) == 0);
    FAILS(EACCES, mprotect(code, PAGE, R | X));             /* once lost, never had again */

    /* what comes before the first that may not is done */
    CHECK(mmap(p, PAGE, R | X, ANON | MAP_FIXED, -1, 0) == p);
    FAILS(EACCES, mprotect(p, 2 * PAGE, X));
    CHECK(mprotect(p + PAGE, PAGE, R) == 0);

    int id = shmget(IPC_PRIVATE, PAGE, 0700 | IPC_CREAT);
    if (id >= 0) {
        FAILS(EACCES, shmat(id, NULL, SHM_EXEC));
        CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    }
}

static void handed_on(unsigned long bits, int expected)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(prctl(SET_MDWE, bits, 0, 0, 0) == 0 && prctl(GET_MDWE, 0, 0, 0, 0) == (int)bits);
        pid_t child = fork();
        if (child == 0) {
            _exit(prctl(GET_MDWE, 0, 0, 0, 0));
        }
        CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == expected);
        CHECK(bits_of_next() == expected);
        pid_t twice = fork();
        if (twice == 0) {
            _exit(bits_of_next());
        }
        CHECK(waitpid(twice, &status, 0) == twice && WEXITSTATUS(status) == expected);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void of_riscv(void)
{
#ifdef __riscv
    static const int absent[] = { 5,  6,  9,  10, 11, 12, 19, 20, 25,   26, 43, 44,
                                  45, 46, 50, 51, 52, 53, 54, 55, 56,   60, 61, 63,
                                  64, 69, 70, 72, 73, 74, 75, 76, 1000, -1 };
    for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        FAILS(EINVAL, prctl(absent[i], 0, 0, 0, 0));
    }
    enum { ICACHE_FLUSH_CTX = 71 };
    for (unsigned long on = 0; on < 2; on++) {
        CHECK(prctl(ICACHE_FLUSH_CTX, on, 0, 0, 0) == 0 &&
              prctl(ICACHE_FLUSH_CTX, on, 1, 0, 0) == 0);
        FAILS(EINVAL, prctl(ICACHE_FLUSH_CTX, on, 2, 0, 0));
    }
    FAILS(EINVAL, prctl(ICACHE_FLUSH_CTX, 2, 0, 0, 0));
#endif
}

/* Those with pointers, and a number of each kind. */
static void common(void)
{
    int n = -1;
    char name[16];
    CHECK(prctl(PR_SET_PDEATHSIG, 10, 0, 0, 0) == 0 && prctl(PR_GET_PDEATHSIG, &n, 0, 0, 0) == 0 &&
          n == 10);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &n, 0, 0, 0) == 0 && n == 1);
    CHECK(prctl(PR_SET_NAME, "fifteen letters", 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_NAME, name, 0, 0, 0) == 0 && strcmp(name, "fifteen letters") == 0);
    FAILS(EFAULT, prctl(PR_GET_NAME, 8, 0, 0, 0));
    CHECK(prctl(PR_SET_TIMERSLACK, 12345, 0, 0, 0) == 0 &&
          prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == 12345);
    CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1);
    CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    FAILS(EINVAL, prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
    CHECK(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_TIMING, 0, 0, 0, 0) == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return BITS + prctl(GET_MDWE, 0, 0, 0, 0);
    }
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    handed_on(REFUSE_EXEC_GAIN, REFUSE_EXEC_GAIN);
    handed_on(REFUSE_EXEC_GAIN | NO_INHERIT, 0);
    of_riscv();
    common();
    arguments();
    forbidden();
    return 0;
}
