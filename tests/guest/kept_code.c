/*
 * tests/guest/kept_code.c: what exec/image.h promises, from outside.
 *
 *   kept_code RIVET PROGRAM1 PROGRAM2 memory|no-memory [SEED]
 *
 * The programs are kept_subject.c with VALUE 1 and 2. no-memory: no limit on RIVET's address space,
 * as sanitizers need it. All happens in a directory of its own.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/image_private.h"

typedef struct Result {
    int status;
    char out[256];
    long attached, translated, saved;
} Result;

static const char *rivet;
static char want[3][256];               /* by VALUE: the right output */
static uint64_t seed = 1;

static _Noreturn void fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "kept_code: seed %llu: ", (unsigned long long)seed);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    exit(1);
}

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static void *read_file(const char *name, size_t *n)
{
    struct stat st;
    int fd = open(name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail("cannot read %s: %s", name, strerror(errno));
    }
    char *p = malloc((size_t)st.st_size + 1);
    *n = (size_t)st.st_size;
    if (!p || read(fd, p, *n) != (ssize_t)*n) {
        fail("cannot read %s", name);
    }
    p[*n] = '\0';
    close(fd);
    return p;
}

/* In place: the same inode. */
static void write_file(const char *name, const void *p, size_t n, int mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd) < 0) {
        fail("cannot write %s: %s", name, strerror(errno));
    }
}

static long counter(const char *text, const char *name)
{
    const char *p = strstr(text, name);
    return p ? atol(p + strlen(name)) : -1;
}

/* Start `rivet -stats -cache CACHE PROGRAM here`; its output goes to NAME.out, NAME.err. CACHE may
 * be NULL: where the environment says. */
static pid_t start(const char *cache, const char *program, const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        char path[300];
        snprintf(path, sizeof(path), "%s.out", name);
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        snprintf(path, sizeof(path), "%s.err", name);
        int err = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, 1);
        dup2(err, 2);
        if (cache) {
            execl(rivet, rivet, "-stats", "-cache", cache, program, "here", (char *)NULL);
        }
        execl(rivet, rivet, "-stats", program, "here", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static Result finish(pid_t pid, const char *name)
{
    Result r = { 0 };
    char path[300];
    size_t n;
    while (waitpid(pid, &r.status, 0) < 0 && errno == EINTR) {
    }
    snprintf(path, sizeof(path), "%s.out", name);
    char *out = read_file(path, &n);
    snprintf(r.out, sizeof(r.out), "%s", out);
    free(out);
    snprintf(path, sizeof(path), "%s.err", name);
    char *err = read_file(path, &n);
    r.attached = counter(err, "image_attached");
    r.translated = counter(err, "tb_translated");
    r.saved = counter(err, "image_saved");
    free(err);
    return r;
}

static Result run(const char *cache, const char *program)
{
    return finish(start(cache, program, "run"), "run");
}

static void check(const char *what, const Result *r, int value)
{
    if (r->status || strcmp(r->out, want[value]) != 0) {
        fail("%s: status %#x, output '%s', not '%s'", what, r->status, r->out, want[value]);
    }
}

/* The only image in the directory. */
static void image_in(const char *dir, char *path, size_t size)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned count = 0;
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(path, size, "%s/%s", dir, e->d_name);
            count++;
        }
    }
    if (d) {
        closedir(d);
    }
    if (count != 1) {
        fail("%u files in %s, not 1", count, dir);
    }
}

static void remove_dir(const char *dir)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command)) {
        fail("cannot remove %s", dir);
    }
}

/* The third run translates next to nothing; the second, what the first has emulated. */
static void test_warm(void)
{
    Result cold = run("c", "./prog");
    check("cold", &cold, 1);
    Result warm = run("c", "./prog");
    check("second", &warm, 1);
    warm = run("c", "./prog");
    check("warm", &warm, 1);
    if (cold.attached || !cold.saved || warm.attached != 1 ||
        warm.translated > cold.translated / 4) {
        fail("cold: %ld attached, %ld translated, %ld saved; warm: %ld, %ld, %ld", cold.attached,
             cold.translated, cold.saved, warm.attached, warm.translated, warm.saved);
    }
    struct stat st;
    char path[300];
    image_in("c", path, sizeof(path));
    if (stat("c", &st) < 0 || (st.st_mode & 0777) != 0700 || stat(path, &st) < 0 ||
        (st.st_mode & 077)) {
        fail("others may look into the cache");
    }
}

/* Header and index damaged, or the file cut: it is not used, and is replaced. */
static void test_damage(unsigned times)
{
    char path[300];
    size_t n;
    image_in("c", path, sizeof(path));
    uint8_t *good = read_file(path, &n);
    const ImageHeader *h = (const void *)good;
    for (unsigned i = 0; i < times; i++) {
        uint8_t *bad = malloc(n);
        size_t size = n;
        memcpy(bad, good, n);
        switch (below(4)) {
        case 0:
            size = below((unsigned)n);
            break;
        case 1:
            size = below(sizeof(*h) + 64);
            break;
        case 2:
            bad[below(sizeof(*h))] ^= (uint8_t)(1 << below(8));
            break;
        default:
            bad[h->index + below((unsigned)n - h->index)] ^= (uint8_t)(1 << below(8));
            break;
        }
        write_file(path, bad, size, 0600);
        Result r = run("c", "./prog");
        check("damaged image", &r, 1);
        if (r.attached || !r.saved) {
            fail("a damaged image: %ld attached, %ld saved", r.attached, r.saved);
        }
        free(bad);
    }
    Result r = run("c", "./prog");
    check("after damage", &r, 1);
    if (r.attached != 1) {
        fail("a damaged image was not replaced");
    }
    free(good);
}

static void test_concurrent(void)
{
    enum { N = 10 };
    pid_t pid[N];
    char name[N][16];
    remove_dir("c");
    for (unsigned i = 0; i < N; i++) {
        snprintf(name[i], sizeof(name[i]), "run%u", i);
        pid[i] = start("c", "./prog", name[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        Result r = finish(pid[i], name[i]);
        check("ten at once", &r, 1);
    }
    Result r = run("c", "./prog");
    check("after ten at once", &r, 1);
    if (r.attached != 1) {
        fail("ten at once left no image");
    }
    char path[300];
    image_in("c", path, sizeof(path));
}

/* Other contents, and all that can be set says that it is the same file. */
static void test_replaced(const char *program1, const char *program2)
{
    size_t n1, n2;
    char path[300];
    struct stat st;
    void *p1 = read_file(program1, &n1), *p2 = read_file(program2, &n2);
    if (n1 != n2 || stat("prog", &st) < 0) {
        fail("the programs differ in size");
    }
    write_file("prog", p2, n2, 0755);
    struct timespec times[2] = { st.st_atim, st.st_mtim };
    utimensat(AT_FDCWD, "prog", times, 0);
    Result r = run("c", "./prog");
    check("replaced", &r, 2);

    /* And now an image that claims to be for the state of the file that is there. */
    image_in("c", path, sizeof(path));
    ImageHeader *h = read_file(path, &n2);
    write_file("prog", p1, n1, 0755);
    stat("prog", &st);
    h->key.id.mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    h->key.id.ctime = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    h->header_hash = image_hash(h, offsetof(ImageHeader, header_hash));
    write_file(path, h, n2, 0600);
    r = run("c", "./prog");
    check("wrong image", &r, 1);
    if (r.attached != 1) {
        fail("the test's own image was refused");
    }
    free(h);
    free(p1);
    free(p2);
}

static void expect_unused(const char *what, const char *cache)
{
    Result r = run(cache, "./prog");
    check(what, &r, 1);
    if (r.attached || r.saved) {
        fail("%s: %ld attached, %ld saved", what, r.attached, r.saved);
    }
}

static void test_directories(void)
{
    expect_unused("off", "off");
    mkdir("open", 0777);
    chmod("open", 0777);
    expect_unused("a directory that all may write", "open");
    if (symlink("c", "link") < 0) {
        fail("symlink: %s", strerror(errno));
    }
    expect_unused("a link", "link");
    write_file("file", "", 0, 0600);
    expect_unused("a file", "file");
    expect_unused("no directory to make it in", "/proc/nothing/here");
}

/* A limit on the size of files does not kill, nor does one on descriptors or memory. */
/* Where it is when nobody says so. */
static void test_default(const char *dir)
{
    char home[300], path[300];
    unsetenv("RIVET_CACHE");
    unsetenv("XDG_CACHE_HOME");
    snprintf(home, sizeof(home), "%s/home", dir);
    setenv("HOME", home, 1);
    for (long n = 0; n < 2; n++) {
        Result r = run(NULL, "./prog");
        check("default directory", &r, 1);
        if (r.attached != n) {
            fail("default directory, run %ld: %ld attached", n, r.attached);
        }
    }
    image_in("home/.cache/rivet", path, sizeof(path));
    setenv("XDG_CACHE_HOME", home, 1);
    Result r = run(NULL, "./prog");
    check("XDG_CACHE_HOME", &r, 1);
    image_in("home/rivet", path, sizeof(path));
}

static void test_limits(bool memory)
{
    static const struct { int what; rlim_t limit; } limits[] = {
        { RLIMIT_FSIZE, 8192 }, { RLIMIT_NOFILE, 16 }, { RLIMIT_AS, 400 << 20 },
    };
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (limits[i].what == RLIMIT_AS && !memory) {
            continue;
        }
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit rl = { limits[i].limit, limits[i].limit };
            remove_dir("c");
            setrlimit(limits[i].what, &rl);
            for (unsigned n = 0; n < 2; n++) {
                Result r = run("c", "./prog");
                check("with a limit", &r, 1);
            }
            _exit(0);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status) {
            fail("limit %u", i);
        }
    }
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/kept_code.XXXXXX";
    if (argc < 5) {
        fail("see the top of the source");
    }
    rivet = realpath(argv[1], NULL);
    const char *program[3] = { NULL, realpath(argv[2], NULL), realpath(argv[3], NULL) };
    seed = argc > 5 ? strtoull(argv[5], NULL, 0) : 1;
    if (!rivet || !program[1] || !program[2] || !mkdtemp(dir) || chdir(dir) < 0) {
        fail("cannot begin");
    }
    for (unsigned value = 1; value <= 2; value++) {
        Result r = run("off", program[value]);
        char begin[16];
        snprintf(begin, sizeof(begin), "value %u,", value);
        if (r.status || strncmp(r.out, begin, strlen(begin)) != 0) {
            fail("without cache: status %#x, '%s'", r.status, r.out);
        }
        strcpy(want[value], r.out);
    }
    size_t n;
    void *p = read_file(program[1], &n);
    write_file("prog", p, n, 0755);
    free(p);
    test_warm();
    test_damage(40);
    test_concurrent();
    test_replaced(program[1], program[2]);
    test_directories();
    test_default(dir);
    test_limits(strcmp(argv[4], "memory") == 0);
    if (chdir("/") < 0) {
        fail("/");
    }
    remove_dir(dir);
    return 0;
}
