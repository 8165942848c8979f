/* What execve answers to ELF files that are no programs, or whose interpreter is none, and to
 * scripts without a name: the process goes on. And which odd ones it starts. Alone: rivet exec_elf.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

enum { CODE = 0x400, NAME = 0x800, SIZE = 0x3000 };

static union {
    unsigned char bytes[0x10000];
    struct {
        Elf64_Ehdr eh;
        Elf64_Phdr ph[2];
    };
} im;
static char dir[] = "/tmp/exec_elf.XXXXXX", path[64], other[64];
static unsigned machine;

static void write_file(const char *to, size_t size, mode_t mode)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    CHECK(fd >= 0 && write(fd, im.bytes, size) == (ssize_t)size);
    CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* A program of one segment. */
static void plain(void)
{
    memset(&im, 0, sizeof(im));
    memcpy(im.eh.e_ident, "\177ELF\2\1\1", 7);
    im.eh.e_type = ET_EXEC;
    im.eh.e_machine = machine;
    im.eh.e_version = 1;
    im.eh.e_entry = 0x10000 + CODE;
    im.eh.e_phoff = 64;
    im.eh.e_ehsize = 64;
    im.eh.e_phentsize = sizeof(Elf64_Phdr);
    im.eh.e_phnum = 1;
    im.ph[0] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, 0x10000, 0x10000, 0x1000, 0x1000, 0x1000 };
}

/* And with an interpreter. */
static void with_interp(const char *name)
{
    plain();
    im.eh.e_phnum = 2;
    im.ph[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = NAME, .p_filesz = strlen(name) + 1 };
    strcpy((char *)im.bytes + NAME, name);
}

static void refused(int error, size_t size)
{
    static char *argv[] = { "x", NULL }, *envp[] = { NULL };
    write_file(path, size, 0700);
    FAILS(error, execve(path, argv, envp));
}

#define BAD(error, ...)                                                                            \
    do {                                                                                           \
        plain();                                                                                   \
        __VA_ARGS__;                                                                               \
        refused(error, SIZE);                                                                      \
    } while (0)

static void headers(void)
{
    BAD(ENOEXEC, im.eh.e_type = ET_NONE);
    BAD(ENOEXEC, im.eh.e_type = ET_REL);
    BAD(ENOEXEC, im.eh.e_type = ET_CORE);
    BAD(ENOEXEC, im.eh.e_machine = EM_AARCH64);
    BAD(ENOEXEC, im.eh.e_phentsize = 0);
    BAD(ENOEXEC, im.eh.e_phentsize = 32);
    BAD(ENOEXEC, im.eh.e_phnum = 0);
    BAD(ENOEXEC, im.eh.e_phnum = 1200);
    BAD(ENOEXEC, im.eh.e_phoff = 0x100000);
    BAD(ENOEXEC, im.eh.e_phoff = 1ull << 63);
    static const size_t sizes[] = { 0, 1, 16, 19, 20, 63, 64, 119 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        plain();
        refused(ENOEXEC, sizes[i]);
    }
}

static void names(void)
{
#define BAD_INTERP(error, name, ...)                                                               \
    do {                                                                                           \
        with_interp(name);                                                                         \
        __VA_ARGS__;                                                                               \
        refused(error, SIZE);                                                                      \
    } while (0)
    BAD_INTERP(ENOENT, "/no/such");
    BAD_INTERP(ENOENT, "/no/such", im.eh.e_type = ET_DYN);
    BAD_INTERP(ENOENT, "/no/such", im.ph[0].p_type = PT_NULL);
    BAD_INTERP(ENOEXEC, "/no/such", im.ph[1].p_filesz--);
    BAD_INTERP(ENOEXEC, "");
    BAD_INTERP(ENOEXEC, "/no", im.ph[1].p_filesz = PATH_MAX + 1);
    BAD_INTERP(ENOENT, "/no", im.ph[1].p_filesz = PATH_MAX);
    BAD_INTERP(EIO, "/no/such", im.ph[1].p_offset = 0x100000);
    BAD_INTERP(EACCES, "/tmp");
}

/* The interpreter is there, and is none. */
static void interps(void)
{
#define BAD_OTHER(error, size, mode, ...)                                                          \
    do {                                                                                           \
        plain();                                                                                   \
        __VA_ARGS__;                                                                               \
        write_file(other, size, mode);                                                             \
        with_interp(other);                                                                        \
        refused(error, SIZE);                                                                      \
    } while (0)
    BAD_OTHER(EACCES, SIZE, 0600);
    BAD_OTHER(EIO, 63, 0700);
    BAD_OTHER(ELIBBAD, SIZE, 0700, memcpy(im.bytes, "#!/bin/sh\n", 10));
    BAD_OTHER(ELIBBAD, SIZE, 0700, im.eh.e_machine = EM_AARCH64);
    BAD_OTHER(ELIBBAD, SIZE, 0700, im.eh.e_phnum = 0);
}

/* A script's interpreter is a program, or not. */
static void scripts(void)
{
    int n = 0;
#define SCRIPT(error, text)                                                                        \
    do {                                                                                           \
        plain();                                                                                   \
        n = sprintf((char *)im.bytes, "#!%s", text);                                               \
        refused(error, (size_t)n);                                                                 \
    } while (0)
    char line[512];
    SCRIPT(ENOEXEC, "\n");
    SCRIPT(ENOEXEC, " \t\n");
    SCRIPT(ENOENT, "/no/such\n");
    SCRIPT(EACCES, "/tmp\n");
    memset(line, 'x', sizeof(line));
    line[0] = '/';
    line[511] = '\0';
    SCRIPT(ENOEXEC, line);          /* perhaps not all of the name */
    line[253] = '\n';
    SCRIPT(ENOENT, line);
    plain();
    im.eh.e_type = ET_REL;
    write_file(other, SIZE, 0700);
    snprintf(line, sizeof(line), "%s\n", other);
    SCRIPT(ENOEXEC, line);
    with_interp("/no/such");
    write_file(other, SIZE, 0700);
    SCRIPT(ENOENT, line);
}

/* exit(42); exit(the byte at 0x10000 + at) */
static void exits(void)
{
    static const uint32_t rv[] = { 0x02a00513, 0x05d00893, 0x00000073 };
    static const unsigned char x86[] = { 0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 5 };
    memcpy(im.bytes + CODE, machine == EM_RISCV ? (const void *)rv : x86, sizeof(rv));
}

static void exits_byte(unsigned at)
{
    uint32_t rv[] = { 0x00010537 + ((at + 0x800) & ~4095u), 0x00054503 + (at << 20), 0x05d00893,
                      0x00000073 };
    unsigned char x86[] = { 0x0f, 0xb6, 0x3c, 0x25, 0, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 5, 0 };
    at += 0x10000;
    memcpy(x86 + 4, &at, 4);
    memcpy(im.bytes + CODE, machine == EM_RISCV ? (const void *)rv : x86, sizeof(rv));
}

/* Started, it ends with this status of wait(). */
static void starts(int expected, size_t size, int line)
{
    int status;
    write_file(path, size, 0700);
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, "x", NULL);
        _exit(100 + errno);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    status &= ~0x80;        /* a core, perhaps */
    if (status != expected) {
        fprintf(stderr, "line %d: status %#x, not %#x\n", line, status, expected);
    }
    CHECK(status == expected);
}

#define STARTS(status, size, ...)                                                                  \
    do {                                                                                           \
        plain();                                                                                   \
        im.bytes[0xffe] = 7;                                                                       \
        exits();                                                                                   \
        __VA_ARGS__;                                                                               \
        starts(status, size, __LINE__);                                                            \
    } while (0)

static void odd(void)
{
    enum { OK = 42 << 8, SEVEN = 7 << 8, LONG = 0x2000 };
    STARTS(OK, SIZE);
    STARTS(OK, SIZE, im.eh.e_version = 0);
    STARTS(OK, SIZE, im.eh.e_version = 77);
    STARTS(OK, SIZE, im.eh.e_ident[EI_VERSION] = 9);
    STARTS(OK, SIZE, im.eh.e_flags = 8);        /* EF_RISCV_RVE */
    static const uint64_t aligns[] = { 0, 1, 3, 12, 0x1001, 0x3000, ~0ull, 1ull << 50, 1ull << 63 };
    for (unsigned i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
        STARTS(OK, SIZE, im.ph[0].p_align = aligns[i]);
        if (aligns[i] & (aligns[i] - 1)) {
            STARTS(OK, SIZE, im.eh.e_type = ET_DYN; im.ph[0].p_align = aligns[i]);
        }
    }
    /* The file ends first: zeroes to the page's end, and nothing behind that. */
    STARTS(OK, 0x500);
    STARTS(OK, 0x500, im.ph[0].p_filesz = im.ph[0].p_memsz = LONG);
    STARTS(SEVEN, 0xfff, exits_byte(0xffe));
    STARTS(0, 0xffe, exits_byte(0xffe));
    STARTS(SIGBUS, 0x1000, exits_byte(0x1000); im.ph[0].p_filesz = im.ph[0].p_memsz = LONG);
    STARTS(SIGBUS, 0x500, exits_byte(0x1000); im.ph[0].p_filesz = im.ph[0].p_memsz = LONG);
    STARTS(SIGBUS, 0x500, im.ph[0].p_filesz = im.ph[0].p_memsz = LONG; im.eh.e_entry += 0x1000);
    STARTS(SIGBUS, 0x500, im.ph[0].p_offset = 0x10000);
    /* with anonymous pages behind it, whether there is a page to clear or not */
    STARTS(0, 0x500, exits_byte(0x2000); im.ph[0].p_filesz = LONG; im.ph[0].p_memsz = 0x3000);
    STARTS(0, 0x500, exits_byte(0x2000); im.ph[0].p_filesz = 0x1800; im.ph[0].p_memsz = 0x3000);
    STARTS(SIGBUS, 0x500, exits_byte(0x1000); im.ph[0].p_filesz = 0x1800;
           im.ph[0].p_memsz = 0x3000);
    STARTS(0, 0x500, im.ph[0].p_flags |= PF_W; exits_byte(0xffe); im.ph[0].p_filesz = 0xf00;
           im.ph[0].p_memsz = 0x3000);
}

int main(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, &im, 64) == 64 && close(fd) == 0);
    machine = im.eh.e_machine;
    CHECK(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/x", dir);
    snprintf(other, sizeof(other), "%s/y", dir);
    headers();
    names();
    interps();
    scripts();
    odd();
    CHECK(unlink(path) == 0 && unlink(other) == 0 && rmdir(dir) == 0);
    return 0;
}
