/*
 * tests/guest/mutate_elf.c: damaged headers bring no emulator down.
 *
 *   mutate_elf RIVET PROGRAM [COUNT [SEED]]
 *
 * COUNT times (1000) the ELF header and program headers of PROGRAM are damaged at random, or the
 * file is cut short, and RIVET runs it. It must say one line and exit with status 1, or run a
 * guest, which may do anything but write to stderr: end, die of a signal, loop. A guest gone wild
 * must not do harm: root lends it the rights of nobody, so that its kill(-1, SIGKILL) finds none of
 * our processes.
 */
#include <elf.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static void mutate(uint8_t *file, size_t head)
{
    static const uint64_t values[] = { 0, 1, 2, 0xff, 0x1000, 0xfff, 0x7fffffff, 0x80000000,
                                       0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
                                       0xfffffffffffff000, 0xffffffffffffffff };
    static const unsigned sizes[] = { 1, 2, 4, 8 };
    for (unsigned n = 1 + below(4); n; n--) {
        unsigned size = sizes[below(4)], at = below((unsigned)head - 8) / size * size;
        switch (below(3)) {
        case 0:
            file[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            memcpy(file + at, &values[below(sizeof(values) / sizeof(values[0]))], size);
            break;
        default:
            file[at] = (uint8_t)below(256);
            break;
        }
    }
}

static void save(const char *name, const void *p, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd)) {
        perror(name);
        exit(2);
    }
}

static void become_harmless(void)
{
    struct rlimit cpu = { 2, 2 }, none = { 0, 0 }, file = { 1 << 20, 1 << 20 };
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &file);
    if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
                           setresuid(65534, 65534, 65534))) {
        _exit(126);
    }
}

/* Run it for at most a second; returns the wait status, and the start of its stderr in text. */
static int run(int rivet, const char *name, char *text, size_t size)
{
    int p[2];
    if (pipe(p)) {
        exit(2);
    }
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(p[1], 2);
        setpgid(0, 0);
        become_harmless();
        fexecve(rivet, (char *[]){ "rivet", (char *)name, NULL }, environ);
        _exit(127);
    }
    close(p[1]);
    size_t n = 0;
    struct pollfd pf = { .fd = p[0], .events = POLLIN };
    while (n < size - 1 && poll(&pf, 1, 1000) > 0) {
        ssize_t k = read(p[0], text + n, size - 1 - n);
        if (k <= 0) {
            break;
        }
        n += (size_t)k;
    }
    text[n] = '\0';
    int status, ended = waitpid(pid, &status, n ? 0 : WNOHANG);
    for (int ms = 0; !ended && ms < 1000; ms += 5) {
        usleep(5000);
        ended = waitpid(pid, &status, WNOHANG);
    }
    if (!ended) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    close(p[0]);
    return status;
}

/* A refusal is one line and status 1; a guest says nothing. */
static int is_fine(int status, const char *text)
{
    const char *end = strchr(text, '\n');
    if (!*text) {
        return !(WIFEXITED(status) && (WEXITSTATUS(status) & ~1) == 126);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 && strncmp(text, "rivet: ", 7) == 0 &&
           end && !end[1] && !strstr(text, "internal error");
}

int main(int argc, char **argv)
{
    static uint8_t original[1 << 20], file[1 << 20];
    if (argc < 3) {
        return 2;
    }
    unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 1000,
             first = argc > 4 ? (unsigned)atoi(argv[4]) : 1;
    int fd = open(argv[2], O_RDONLY);
    ssize_t size = read(fd, original, sizeof(original));
    Elf64_Ehdr eh;
    memcpy(&eh, original, sizeof(eh));
    size_t head = eh.e_phoff + eh.e_phnum * sizeof(Elf64_Phdr);
    if (size < (ssize_t)head) {
        fprintf(stderr, "%s is no ELF file\n", argv[2]);
        return 2;
    }
    char dir[] = "/tmp/mutate-XXXXXX", text[4096];
    int rivet = open(argv[1], O_PATH | O_CLOEXEC);
    if (rivet < 0 || !mkdtemp(dir) || chdir(dir) || chmod(".", 0755)) {
        perror(argv[1]);
        return 2;
    }
    unsigned refused = 0, bad = 0;
    for (unsigned i = first; i < first + count; i++) {
        seed = i * 0x9e3779b97f4a7c15u | 1;
        memcpy(file, original, (size_t)size);
        size_t n = (size_t)size;
        if (below(8)) {
            mutate(file, head);
        } else {
            n = below(2) ? below((unsigned)size) : below((unsigned)head);
        }
        save("mutant", file, n);
        int status = run(rivet, "./mutant", text, sizeof(text));
        refused += *text != 0;
        if (!is_fine(status, text)) {
            bad++;
            printf("status %#x, %s\nrepeat: %s %s %s 1 %u\n", status, text, argv[0], argv[1],
                   argv[2], i);
        }
        unlink("mutant");
    }
    if (chdir("/") || rmdir(dir)) {
        perror(dir);
    }
    printf("%u mutants: %u refused, %u bad\n", count, refused, bad);
    return bad != 0;
}
