/* execve of this program itself, in all ways: arguments, environment, descriptors, signals,
 * scripts, memory files; and the errors. Needs /proc and a directory for files ($TMPDIR or /tmp).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[4096], dir[4096];

/* What the new program says of itself. */
static int child_main(int argc, char **argv)
{
    printf("  child:");
    for (int i = 0; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        printf(" [%s]", slash ? slash + 1 : argv[i]);
    }
    printf(" env %s", getenv("WHO") ? getenv("WHO") : "-");
    sigset_t m;
    struct sigaction sa;
    sigprocmask(SIG_BLOCK, NULL, &m);
    printf(" blocked");
    for (int s = 1; s < 65; s++) {
        if (sigismember(&m, s) == 1) {
            printf(" %d", s);
        }
    }
    printf(" ignored");
    for (int s = 1; s < 65; s++) {
        if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) {
            printf(" %d", s);
        }
    }
    printf(" fd9 %s", fcntl(9, F_GETFD) >= 0 ? "open" : "closed");
    int fds = 0;
    for (int fd = 3; fd < 64; fd++) {
        fds += fd != 9 && fcntl(fd, F_GETFD) >= 0;
    }
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[n < 0 ? 0 : n] = '\0';
    printf(" other %d exe %s", fds,
           strcmp(exe, self) == 0 ? "self"
           : strstr(exe, "memfd") ? "memfd"
                                  : exe);
    char comm[16] = "";
    prctl(PR_GET_NAME, comm);
    if (argc > 0 && strcmp(argv[0], "byfd") == 0) {
        printf(" comm %s called %s", comm, (const char *)getauxval(AT_EXECFN));
    }
    printf("\n");
    return 42;
}

static void outcome(const char *what, pid_t pid)
{
    int st = 0;
    waitpid(pid, &st, 0);
    printf("%s: %s %d\n", what, WIFSIGNALED(st) ? "signal" : "status",
           WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
}

#define IN_CHILD(what, ...)                                                                        \
    do {                                                                                           \
        fflush(stdout);                                                                            \
        pid_t pid_ = fork();                                                                       \
        if (pid_ == 0) {                                                                           \
            __VA_ARGS__;                                                                           \
            printf("  errno %d\n", errno);                                                         \
            fflush(stdout);                                                                        \
            _exit(1);                                                                              \
        }                                                                                          \
        outcome(what, pid_);                                                                       \
    } while (0)

static char *file(const char *name, const char *text, mode_t mode)
{
    char *path = malloc(strlen(dir) + strlen(name) + 2);
    sprintf(path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
    (void)!write(fd, text, strlen(text));
    fchmod(fd, mode);
    close(fd);
    return path;
}

static void nothing(int sig)
{
}

static void *sleeps(void *p)
{
    for (;;) {
        pause();
    }
    return NULL;
}

static void *execs(void *p)
{
    char *argv[] = { "from-thread", NULL };
    execv(self, argv);
    return NULL;
}

static void *execs_alone(void *p)
{
    char state, *argv[] = { "from-last", NULL };
    do {
        FILE *f = fopen("/proc/self/stat", "r");
        fscanf(f, "%*d (%*[^)]) %c", &state);
        fclose(f);
    } while (state != 'Z');
    execv(self, argv);
    return NULL;
}

static void good(void)
{
    char *argv[] = { "name", "one", "", "three four", NULL };
    char *env[] = { "WHO=me", NULL };
    IN_CHILD("execve", execve(self, argv, env));
    IN_CHILD("no arguments", execve(self, NULL, NULL));
    IN_CHILD("/proc/self/exe", execve("/proc/self/exe", argv, env));
    IN_CHILD("relative", {
        chdir(dir);
        symlink(self, "link");
        execve("link", argv, env);
    });
    IN_CHILD("dash", {
        chdir(dir);
        symlink(self, "-L");
        execve("-L", argv, env);
    });
    IN_CHILD("signals", {
        sigset_t s;
        sigemptyset(&s);
        sigaddset(&s, SIGUSR1);
        sigaddset(&s, SIGSEGV);
        sigaddset(&s, 40);
        sigprocmask(SIG_BLOCK, &s, NULL);
        signal(SIGHUP, SIG_IGN);
        signal(SIGFPE, SIG_IGN);
        signal(SIGBUS, SIG_IGN);
        signal(SIGUSR2, nothing);
        execve(self, argv, env);
    });
    IN_CHILD("descriptors", {
        dup2(1, 9);
        fcntl(dup(1), F_SETFD, FD_CLOEXEC);
        execve(self, argv, env);
    });
    IN_CHILD("from a thread", {
        pthread_t t;
        pthread_create(&t, NULL, sleeps, NULL);
        pthread_create(&t, NULL, execs, NULL);
        pause();
    });
    IN_CHILD("the leader has gone", {
        pthread_t t;
        pthread_create(&t, NULL, execs_alone, NULL);
        syscall(SYS_exit, 0);
    });
    int st;
    pid_t pid = vfork();
    if (pid == 0) {
        execve(self, argv, env);
        _exit(1);
    }
    waitpid(pid, &st, 0);
    printf("vfork: %d\n", WEXITSTATUS(st));
    int e = posix_spawn(&pid, self, NULL, NULL, argv, env);
    waitpid(pid, &st, 0);
    printf("posix_spawn: %d %d\n", e, WEXITSTATUS(st));
    e = posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, env);
    printf("posix_spawn of nothing: %d\n", e == ENOENT);
    int ok = 0;
    for (int i = 0; i < 20; i++) {
        posix_spawn_file_actions_t fa;
        posix_spawn_file_actions_init(&fa);
        posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
        e = posix_spawn(&pid, self, &fa, NULL, argv, env);
        waitpid(pid, &st, 0);
        ok += !e && WEXITSTATUS(st) == 42;
        posix_spawn_file_actions_destroy(&fa);
    }
    printf("posix_spawn again and again: %d\n", ok);
}

static void by_descriptor(void)
{
    char *argv[] = { "byfd", "x", NULL };
    char *env[] = { NULL };
    IN_CHILD("fexecve", {
        int fd = open(self, O_RDONLY | O_CLOEXEC);
        fexecve(fd, argv, env);
    });
    IN_CHILD("execveat O_PATH", {
        int fd = open(self, O_PATH | O_CLOEXEC);
        syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
    });
    IN_CHILD("execveat directory", {
        char *copy = strdup(self);
        *strrchr(copy, '/') = '\0';
        int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        syscall(SYS_execveat, fd, strrchr(self, '/') + 1, argv, env, 0);
    });
    IN_CHILD("memfd", {
        int from = open(self, O_RDONLY | O_CLOEXEC);
        int fd = memfd_create("prog", MFD_CLOEXEC);
        char buf[65536];
        ssize_t n;
        while ((n = read(from, buf, sizeof(buf))) > 0) {
            (void)!write(fd, buf, (size_t)n);
        }
        close(from);
        unsetenv("WHO");
        syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
    });
    IN_CHILD("exe", execve("/proc/self/exe", argv, env));
    IN_CHILD("exe by a relative path", {
        chdir("/proc");
        execve("self/task/../exe", argv, env);
    });
    IN_CHILD("exe of a directory", {
        int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        syscall(SYS_execveat, fd, "exe", argv, env, 0);
    });
    IN_CHILD("link to exe", {
        chdir(dir);
        symlink("/proc/self/exe", "to-exe");
        execve("to-exe", argv, env);
    });
    IN_CHILD("/proc/self/fd", {
        open(self, O_RDONLY | O_CLOEXEC);
        execve("/proc/self/fd/3", argv, env);
    });
    IN_CHILD("execveat empty without flag", {
        int fd = open(self, O_RDONLY | O_CLOEXEC);
        syscall(SYS_execveat, fd, "", argv, env, 0);
    });
    IN_CHILD("execveat nofollow", {
        chdir(dir);
        symlink(self, "link");
        syscall(SYS_execveat, AT_FDCWD, "link", argv, env, AT_SYMLINK_NOFOLLOW);
    });
    IN_CHILD("execveat bad flags", syscall(SYS_execveat, AT_FDCWD, self, argv, env, 0x8000));
    IN_CHILD("execveat bad fd", syscall(SYS_execveat, 77, "", argv, env, AT_EMPTY_PATH));
}

static void scripts(void)
{
    char *argv[] = { "script-argv0", "last", NULL };
    char *env[] = { "WHO=script", NULL };
    char text[5000];
    snprintf(text, sizeof(text), "#!%s\n", self);
    char *plain = file("plain", text, 0755);
    snprintf(text, sizeof(text), "#! %s  -x and more \nrest", self);
    char *arg = file("arg", text, 0755);
    snprintf(text, sizeof(text), "#!%s\n", plain);
    char *nested = file("nested", text, 0755);
    char *missing = file("missing", "#!/no/such/interpreter\n", 0755);
    char *empty = file("empty", "#!\n", 0755);
    char *self_loop = file("loop", "", 0755);
    snprintf(text, sizeof(text), "#!%s\n", self_loop);
    file("loop", text, 0755);
    char *noexec = file("noexec", text, 0644);
    snprintf(text, sizeof(text), "#!%s\n", noexec);
    char *through = file("through", text, 0755);
    IN_CHILD("script", execve(plain, argv, env));
    IN_CHILD("script with argument", execve(arg, argv, env));
    IN_CHILD("script of a script", execve(nested, argv, env));
    IN_CHILD("no interpreter", execve(missing, argv, env));
    IN_CHILD("empty first line", execve(empty, argv, env));
    IN_CHILD("loop", execve(self_loop, argv, env));
    IN_CHILD("interpreter not executable", execve(through, argv, env));
    IN_CHILD("script by closing descriptor", {
        int fd = open(plain, O_RDONLY | O_CLOEXEC);
        syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
    });
}

static void errors(void)
{
    char *argv[] = { "x", NULL };
    char *env[] = { NULL };
    char *text = file("text", "echo hello\n", 0755);
    char *none = file("none", "", 0755);
    char *locked = file("locked", "#!/bin/sh\n", 0644);
    char elf[64] = "\177ELF\2\1\1";
    char *broken = file("broken", elf, 0755);
    char loop[4200], below[4200];
    snprintf(loop, sizeof(loop), "%s/circle", dir);
    symlink(loop, loop);
    snprintf(below, sizeof(below), "%s/below", text);
    IN_CHILD("nothing", execve("/no/such/file", argv, env));
    IN_CHILD("empty name", execve("", argv, env));
    IN_CHILD("directory", execve(dir, argv, env));
    IN_CHILD("not executable", execve(locked, argv, env));
    IN_CHILD("below a file", execve(below, argv, env));
    IN_CHILD("circle of links", execve(loop, argv, env));
    IN_CHILD("text", execve(text, argv, env));
    IN_CHILD("empty file", execve(none, argv, env));
    IN_CHILD("broken ELF", execve(broken, argv, env));
    IN_CHILD("device", execve("/dev/null", argv, env));
    IN_CHILD("bad path", execve((char *)8, argv, env));
    IN_CHILD("bad arguments", execve(self, (char **)8, env));
    IN_CHILD("bad argument", {
        char *bad[] = { "x", (char *)16, NULL };
        execve(self, bad, env);
    });
    IN_CHILD("too long name", {
        char *name = malloc(5000);
        memset(name, 'a', 4999);
        name[4999] = '\0';
        execve(name, argv, env);
    });
    IN_CHILD("too long argument", {
        char *big = malloc(200000);
        memset(big, 'a', 199999);
        big[199999] = '\0';
        char *many[] = { "x", big, NULL };
        execve(self, many, env);
    });
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n] = '\0';
    if (!getenv("EXEC_LIFE_PARENT")) {
        if (getenv("WHO") || argc != 1 || strstr(argv[0], "exec_life") == NULL) {
            return child_main(argc, argv);
        }
    }
    unsetenv("EXEC_LIFE_PARENT");
    for (int fd = 3; fd < 64; fd++) {
        close(fd);
    }
    snprintf(dir, sizeof(dir), "%s/exec_life_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(dir)) {
        return 1;
    }
    good();
    by_descriptor();
    scripts();
    errors();
    char cmd[5000];
    chdir("/");
    static const char *names[] = { "link",    "-L",    "plain",  "arg",    "nested",
                                   "missing", "empty", "loop",   "noexec", "through",
                                   "text",    "none",  "locked", "broken", "circle", "to-exe" };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(cmd, sizeof(cmd), "%s/%s", dir, names[i]);
        unlink(cmd);
    }
    return rmdir(dir);
}
