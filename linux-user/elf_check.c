/*
 * linux-user/elf_check.c: what execve() answers to an ELF file while it can still fail.
 *
 * These are the kernel's checks up to the point of no return and no others; what is wrong besides,
 * elf_load.c finds in the new process. Source: load_elf_binary() in fs/binfmt_elf.c.
 */
#include "linux-user/loader.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PHDR_BYTES = 65536 };

/* The program headers of fd; NULL: there are none, or not so. */
static Elf64_Phdr *read_phdrs(int fd, const Elf64_Ehdr *eh)
{
    size_t size = eh->e_phnum * sizeof(Elf64_Phdr);
    if (eh->e_phentsize != sizeof(Elf64_Phdr) || !size || size > MAX_PHDR_BYTES) {
        return NULL;
    }
    Elf64_Phdr *ph = g_malloc(size);
    if (pread(fd, ph, size, (off_t)eh->e_phoff) != (ssize_t)size) {
        g_free(ph);
        return NULL;
    }
    return ph;
}

static abi_long read_interp(int fd, const Elf64_Phdr *ph, char interp[PATH_MAX])
{
    if (ph->p_filesz < 2 || ph->p_filesz > PATH_MAX) {
        return -ENOEXEC;
    }
    if (pread(fd, interp, ph->p_filesz, (off_t)ph->p_offset) != (ssize_t)ph->p_filesz) {
        return -EIO;
    }
    return interp[ph->p_filesz - 1] ? -ENOEXEC : 0;
}

abi_long elf_check_program(int fd, char interp[PATH_MAX])
{
    Elf64_Ehdr eh = {0};            /* the kernel knows 256 bytes, zeros behind the end */
    interp[0] = '\0';
    if (pread(fd, &eh, sizeof(eh), 0) < 0 || (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)) {
        return -ENOEXEC;
    }
    Elf64_Phdr *ph = read_phdrs(fd, &eh);
    if (!ph) {
        return -ENOEXEC;
    }
    abi_long ret = 0;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        if (ph[i].p_type == PT_INTERP) {
            ret = read_interp(fd, &ph[i], interp);
            break;
        }
    }
    g_free(ph);
    return ret;
}

abi_long elf_check_interp(int fd)
{
    Elf64_Ehdr eh;
    if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh)) {
        return -EIO;
    }
    if (exec_kind(fd) != EXEC_RISCV) {
        return -ELIBBAD;
    }
    Elf64_Phdr *ph = read_phdrs(fd, &eh);
    g_free(ph);
    return ph ? 0 : -ELIBBAD;
}
