/* The vDSO, found and called as a C library does: AT_SYSINFO_EHDR, PT_DYNAMIC, DT_HASH or
 * DT_GNU_HASH, version. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const char *base;
static const uint32_t *hash, *gnu;
static const Elf64_Sym *sym;
static const char *str;
static const uint16_t *versym;
static const Elf64_Verdef *verdef;

static void find_tables(void)
{
    base = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK(base && memcmp(base, ELFMAG, SELFMAG) == 0);
    const Elf64_Ehdr *eh = (const void *)base;
    const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
    CHECK(eh->e_type == ET_DYN && eh->e_machine == EM_RISCV);
    const Elf64_Dyn *dyn = NULL;
    for (int i = 0; i < eh->e_phnum; i++) {
        dyn = ph[i].p_type == PT_DYNAMIC ? (const void *)(base + ph[i].p_vaddr) : dyn;
    }
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const void *p = base + dyn->d_un.d_ptr;
        hash = dyn->d_tag == DT_HASH ? p : hash;
        gnu = dyn->d_tag == DT_GNU_HASH ? p : gnu;
        sym = dyn->d_tag == DT_SYMTAB ? p : sym;
        str = dyn->d_tag == DT_STRTAB ? p : str;
        versym = dyn->d_tag == DT_VERSYM ? p : versym;
        verdef = dyn->d_tag == DT_VERDEF ? p : verdef;
    }
    CHECK(hash && gnu && sym && str && versym && verdef);
}

static uint32_t elf_hash(const char *name)
{
    uint32_t h = 0;
    for (; *name; name++) {
        h = (h << 4) + (unsigned char)*name;
        uint32_t top = h & 0xf0000000;
        h = (h ^ top >> 24) & ~top;
    }
    return h;
}

/* nbucket, first symbol, words of the filter, shift | filter | buckets | chains */
static uint32_t gnu_lookup(const char *name)
{
    uint32_t h = 5381;
    for (const char *c = name; *c; c++) {
        h = h * 33 + (unsigned char)*c;
    }
    const uint64_t *bloom = (const void *)(gnu + 4);
    const uint32_t *bucket = (const void *)(bloom + gnu[2]), *chain = bucket + gnu[0];
    uint64_t bits = 1ull << h % 64 | 1ull << (h >> gnu[3]) % 64;
    if ((bloom[h / 64 % gnu[2]] & bits) != bits) {
        return 0;
    }
    for (uint32_t n = bucket[h % gnu[0]]; n; n++) {
        uint32_t c = chain[n - gnu[1]];
        if ((c ^ h) < 2 && strcmp(str + sym[n].st_name, name) == 0) {
            return n;
        }
        if (c & 1) {
            break;
        }
    }
    return 0;
}

static void *lookup(const char *name)
{
    for (uint32_t n = hash[2 + elf_hash(name) % hash[0]]; n; n = hash[2 + hash[0] + n]) {
        const Elf64_Verdef *v = verdef;
        if (strcmp(str + sym[n].st_name, name) != 0) {
            continue;
        }
        CHECK(gnu_lookup(name) == n);
        CHECK(ELF64_ST_TYPE(sym[n].st_info) == STT_FUNC && sym[n].st_shndx != SHN_UNDEF);
        while (v->vd_ndx != (versym[n] & 0x7fff)) {
            CHECK(v->vd_next);
            v = (const void *)((const char *)v + v->vd_next);
        }
        const Elf64_Verdaux *aux = (const void *)((const char *)v + v->vd_aux);
        CHECK(strcmp(str + aux->vda_name, "LINUX_4.15") == 0);
        return (void *)(base + sym[n].st_value);
    }
    printf("%s is missing\n", name);
    exit(1);
}

struct pair {
    int64_t key;
    uint64_t value;
};

int main(void)
{
    find_tables();
    int (*gettime)(clockid_t, struct timespec *) = lookup("__vdso_clock_gettime");
    int (*getres)(clockid_t, struct timespec *) = lookup("__vdso_clock_getres");
    int (*timeofday)(struct timeval *, void *) = lookup("__vdso_gettimeofday");
    int (*cpu)(unsigned *, unsigned *, void *) = lookup("__vdso_getcpu");
    int (*flush)(void *, void *, unsigned long) = lookup("__vdso_flush_icache");
    int (*hwprobe)(struct pair *, size_t, size_t, void *, unsigned) =
        lookup("__vdso_riscv_hwprobe");
    ssize_t (*random)(void *, size_t, unsigned, void *, size_t) = lookup("__vdso_getrandom");
    CHECK(lookup("__vdso_rt_sigreturn"));
    CHECK(!gnu_lookup("__vdso_time") && gnu_lookup("LINUX_4.15"));

    struct timespec a, b, c;
    CHECK(gettime(CLOCK_MONOTONIC, &a) == 0 &&
          syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0);
    CHECK(gettime(CLOCK_MONOTONIC, &c) == 0);
    CHECK(a.tv_sec * 1000000000 + a.tv_nsec <= b.tv_sec * 1000000000 + b.tv_nsec);
    CHECK(b.tv_sec * 1000000000 + b.tv_nsec <= c.tv_sec * 1000000000 + c.tv_nsec);
    CHECK(gettime(12345, &a) == -EINVAL);
    CHECK(getres(CLOCK_MONOTONIC, &a) == 0 && a.tv_sec == 0 && a.tv_nsec > 0);
    struct timeval tv;
    CHECK(timeofday(&tv, NULL) == 0 && tv.tv_sec >= time(NULL) - 1);
    unsigned n = 12345, node = 12345;
    CHECK(cpu(&n, &node, NULL) == 0 && n < 12345 && node < 12345);
    CHECK(flush(main, (char *)main + 64, 0) == 0);
    struct pair p = { 3, 0 };                   /* BASE_BEHAVIOR: IMA */
    CHECK(hwprobe(&p, 1, 0, NULL, 0) == 0 && p.key == 3 && (p.value & 1));

    struct { uint32_t size, prot, flags, reserved[13]; } params;
    memset(&params, 0x55, sizeof(params));
    CHECK(random(NULL, 0, 0, &params, ~(size_t)0) == 0);
    CHECK(params.size >= 144 && params.size < 4096 && params.prot == (PROT_READ | PROT_WRITE));
    CHECK((params.flags & MAP_ANONYMOUS) && params.reserved[0] == 0 && params.reserved[12] == 0);
    char *state = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t x[4] = { 0 }, y[4] = { 0 };
    CHECK(random(x, sizeof(x), 0, state, params.size) == sizeof(x));
    CHECK(random(y, sizeof(y), 0, state, params.size) == sizeof(y) && memcmp(x, y, sizeof(x)) != 0);
    CHECK(random(x, 8, 0x1000, state, params.size) == -EINVAL);
    CHECK(random(x, 8, 0, NULL, ~(size_t)0) == 8);

    /* no system calls that a filter could see */
    struct sock_filter no_calls[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { sizeof(no_calls) / sizeof(no_calls[0]), no_calls };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0) {
        CHECK(syscall(SYS_getrandom, x, 8, 0) == -1 && errno == EACCES);
        CHECK(gettime(CLOCK_MONOTONIC, &a) == 0 && random(x, 8, 0, state, params.size) == 8);
    }
    return 0;
}
