/*
 * Code mapped from a file as libraries are: mapped, unmapped, mapped again, written to, replaced in
 * part, its file changed. The file lies beside this program and stays, so that kept translations of
 * its code are there when this runs again.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 4, FUNCTIONS = 48, STRIDE = 64, TIMES = 12 };

typedef int Function(int);

/* add a0, a0, value, after some steps that jump about. */
static void make_function(uint32_t *code, int value)
{
    *code++ = 0x00050463;                               /* beqz a0, +8 */
    *code++ = 0x0040006f;                               /* j +4 */
    *code++ = (uint32_t)value << 20 | 0x50513;          /* addi a0, a0, value */
    *code++ = 0x00008067;                               /* ret */
}

static void make_page(uint8_t *page, int value)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        make_function((uint32_t *)(page + i * STRIDE), value + i);
    }
}

static void make_file(uint8_t *file, int value)
{
    static const uint8_t ident[20] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 3, [18] = 243 };
    memset(file, 0, PAGES * PAGE);
    memcpy(file, ident, sizeof(ident));
    for (int p = 1; p < PAGES; p++) {
        make_page(file + p * PAGE, value + p * 100);
    }
}

static int call_page(const uint8_t *page)
{
    int sum = 0;
    for (int n = 0; n < TIMES; n++) {
        for (int i = 0; i < FUNCTIONS; i++) {
            sum += ((Function *)(page + i * STRIDE))(i & 1);
        }
    }
    return sum;
}

static void call_all(const char *what, const uint8_t *map)
{
    printf("%s:", what);
    for (int p = 1; p < PAGES; p++) {
        printf(" %d", call_page(map + p * PAGE));
    }
    putchar('\n');
    fflush(stdout);
}

static uint8_t *map_file(int fd)
{
    void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

static void protect(void *p, int prot)
{
    if (mprotect(p, PAGE, prot)) {
        perror("mprotect");
        exit(1);
    }
}

/* A file with these contents; one that is there and has them is not touched. */
static int open_file(const char *name, const uint8_t *contents)
{
    static uint8_t old[PAGES * PAGE + 1];
    int fd = open(name, O_RDWR | O_CREAT, 0755);
    if (fd >= 0 &&
        (read(fd, old, sizeof(old)) != PAGES * PAGE || memcmp(old, contents, PAGES * PAGE))) {
        if (ftruncate(fd, 0) || pwrite(fd, contents, PAGES * PAGE, 0) != PAGES * PAGE) {
            exit(1);
        }
    }
    return fd;
}

int main(int argc, char **argv)
{
    static uint8_t file[PAGES * PAGE];
    char name[512];
    snprintf(name, sizeof(name), "%s.code", argv[0]);
    make_file(file, 1);
    int fd = open_file(name, file);
    if (fd < 0) {
        strcpy(name, "/tmp/code_file.XXXXXX");
        fd = mkstemp(name);
        unlink(name);
        pwrite(fd, file, sizeof(file), 0);
    }

    uint8_t *map = map_file(fd);
    call_all("mapped", map);
    munmap(map, PAGES * PAGE);
    map = map_file(fd);
    call_all("again", map);
    call_all("twice", map_file(fd));                    /* two mappings at once */

    /* A page is written to. */
    protect(map + PAGE, PROT_READ | PROT_WRITE);
    make_page(map + PAGE, 500);
    protect(map + PAGE, PROT_READ | PROT_EXEC);
    __builtin___clear_cache((char *)map + PAGE, (char *)map + 2 * PAGE);
    call_all("written", map);
    protect(map + PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    make_page(map + PAGE, 600);
    __builtin___clear_cache((char *)map + PAGE, (char *)map + 2 * PAGE);
    call_all("written, executable", map);

    /* Another page of the file in its place; then one that is no file's. */
    mmap(map + PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE);
    call_all("replaced", map);
    uint8_t *anon = mmap(map + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
    make_page(anon, 700);
    protect(anon, PROT_READ | PROT_EXEC);
    __builtin___clear_cache((char *)anon, (char *)anon + PAGE);
    call_all("anonymous", map);

    /* A child sees and changes its own. */
    pid_t pid = fork();
    if (pid == 0) {
        protect(map + 3 * PAGE, PROT_READ | PROT_WRITE);
        make_page(map + 3 * PAGE, 800);
        protect(map + 3 * PAGE, PROT_READ | PROT_EXEC);
        __builtin___clear_cache((char *)map + 3 * PAGE, (char *)map + 4 * PAGE);
        call_all("child", map);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    call_all("parent", map);
    munmap(map, PAGES * PAGE);

    /* The file itself changes. One of a temporary name, whose number may have been another's. */
    char temp[] = "/tmp/code_file.XXXXXX";
    int fd2 = mkstemp(temp);
    unlink(temp);
    for (int value = 1; value < 1000; value += 300) {
        make_file(file, value);
        pwrite(fd2, file, sizeof(file), 0);
        map = map_file(fd2);
        call_all("file", map);
        munmap(map, PAGES * PAGE);
    }
    return status;
}
