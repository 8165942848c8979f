/*
 * test_elf_load.c: good and bad ELF files, the first stack, the vDSO.
 * links: linux-user/elf_load.c linux-user/stack.c linux-user/ids.c linux-user/vdso.c linux-user/mmap.c linux-user/mdwe.c linux-user/mremap.c linux-user/host_kernel.c linux-user/shm.c linux-user/address_space.c linux-user/guest_code.c linux-user/code_file.c linux-user/guest_map.c linux-user/guest_ptr.c linux-user/guest_copy.S linux-user/path.c linux-user/options.c linux-user/options_set.c
 *
 * Check runs every test in a process of its own, so that each loads into a fresh address space.
 */
#include <check.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux-user/loader.h"
#include "linux-user/mmap.h"
#include "linux-user/path.h"
#include "tests/unit/suite.h"

/* header, two segments: code in the first page of the file, data and bss from the second one on */
typedef struct TestElf {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[4];
    char interp[32];
    char pad[4096 - 64 - 4 * 56 - 32];
    char data[256];
} TestElf;

enum { ENTRY = 0x200, DATA_SIZE = 256, BSS_SIZE = 3 * 4096 };

static TestElf make_elf(int type, uint64_t base)
{
    TestElf e = {
        .eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                .e_type = (Elf64_Half)type, .e_machine = EM_RISCV, .e_version = 1,
                .e_entry = base + ENTRY, .e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56,
                .e_phnum = 3, .e_shoff = 0x123456, .e_shnum = 9, .e_shentsize = 64 },
        .ph = {
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = base, .p_filesz = 4096,
              .p_memsz = 4096, .p_align = 4096 },
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 4096,
              .p_vaddr = base + 0x3000, .p_filesz = DATA_SIZE, .p_memsz = DATA_SIZE + BSS_SIZE,
              .p_align = 4096 },
            { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
        },
    };
    memset(e.data, 0x5a, sizeof(e.data));
    return e;
}

static int file_with(const void *bytes, size_t n)
{
    char name[] = "/tmp/rivet-elf-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    ck_assert_int_eq(pwrite(fd, "garbage after the data", 22, (off_t)n), 22);
    unlink(name);
    return fd;
}

/* AddressSanitizer's shadow lies where programs are put otherwise: they end up among other
 * mappings, and their heap need not have room. */
#ifdef __SANITIZE_ADDRESS__
enum { SHADOWED = 1 };
#else
enum { SHADOWED = 0 };
#endif

static bool load(const TestElf *e, GError **err)
{
    int fd = file_with(e, sizeof(*e));
    bool ok = elf_load(fd, "./x", err);
    close(fd);
    return ok;
}

static void check_image(abi_ulong base)
{
    ck_assert_uint_eq(process.load_bias + process.start_code - process.load_bias, base);
    ck_assert_uint_eq(process.entry, base + ENTRY);
    ck_assert_uint_eq(process.elf_entry, base + ENTRY);
    ck_assert_uint_eq(process.phdr, base + 64);
    ck_assert_uint_eq(process.phnum, 3);
    ck_assert_uint_eq(process.start_brk, base + 0x3000 + 4 * 4096);
    ck_assert_int_eq(guest_page_prot(base), PROT_READ | PROT_EXEC);
    ck_assert_int_eq(guest_page_prot(base + 0x1000), -1);        /* the hole */
    ck_assert_int_eq(guest_page_prot(base + 0x3000), PROT_READ | PROT_WRITE);
    const unsigned char *data = g2h(base + 0x3000);
    ck_assert_int_eq(data[0], 0x5a);
    ck_assert_int_eq(data[DATA_SIZE - 1], 0x5a);
    for (int i = DATA_SIZE; i < DATA_SIZE + BSS_SIZE; i++) {
        ck_assert_int_eq(data[i], 0);
    }
    ck_assert_int_eq(guest_brk(0), (abi_long)process.start_brk);
    if (!SHADOWED) {
        ck_assert_int_eq(guest_brk(process.start_brk + 100000),
                         (abi_long)process.start_brk + 100000);
    }
}

START_TEST(exec)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    ck_assert(load(&e, NULL));
    ck_assert_uint_eq(guest_base, 0);
    check_image(0x10000);
}
END_TEST

START_TEST(pie)
{
    TestElf e = make_elf(ET_DYN, 0);
    ck_assert(load(&e, NULL));
    ck_assert_uint_ne(process.load_bias, 0);
    check_image(process.load_bias);
}
END_TEST

START_TEST(pie_aligned)
{
    TestElf e = make_elf(ET_DYN, 0);
    e.ph[0].p_align = e.ph[1].p_align = 1 << 21;
    ck_assert(load(&e, NULL));
    ck_assert_uint_eq(process.load_bias & 0x1fffff, 0);
    check_image(process.load_bias);
}
END_TEST

/* The emulator lies at these addresses: the guest moves as a whole. */
START_TEST(exec_collides)
{
    static char mine[4096];
    abi_ulong base = (abi_ulong)(uintptr_t)mine & ~(abi_ulong)4095;
    TestElf e = make_elf(ET_EXEC, base);
    mine[0] = 77;
    GError *err = NULL;
    if (!load(&e, &err)) {          /* nowhere in 47 bits */
        ck_assert_ptr_nonnull(strstr(err->message, "addresses"));
        return;
    }
    ck_assert_uint_ne(guest_base, 0);
    check_image(base);
    ck_assert_int_eq(mine[0], 77);
}
END_TEST

START_TEST(exec_at_zero)
{
    TestElf e = make_elf(ET_EXEC, 0);
    if (geteuid() == 0) {
        guest_base = 1ul << 45;     /* the superuser could have address 0 */
    }
    ck_assert(load(&e, NULL));
    ck_assert_uint_ne(guest_base, 0);
    check_image(0);
}
END_TEST

START_TEST(missing_interp)
{
    TestElf e = make_elf(ET_DYN, 0);
    e.eh.e_phnum = 4;
    strcpy(e.interp, "/no/such/ld.so");
    e.ph[3] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(TestElf, interp),
                            .p_filesz = 15, .p_memsz = 15 };
    GError *err = NULL;
    ck_assert(!load(&e, &err));
    ck_assert_ptr_nonnull(strstr(err->message, "/no/such/ld.so"));
    ck_assert_ptr_nonnull(strstr(err->message, "-L"));
}
END_TEST

/* One field wrong: offset in TestElf, bytes, value, part of the message. */
#define EH(f) offsetof(TestElf, eh.f), sizeof(((TestElf *)0)->eh.f)
#define PH(i, f) offsetof(TestElf, ph[i].f), sizeof(((TestElf *)0)->ph[i].f)
static const struct {
    size_t at, size;
    uint64_t value;
    const char *message;
} broken[] = {
    { EH(e_ident[0]), 0, "not an ELF file" },
    { EH(e_ident[EI_CLASS]), ELFCLASS32, "RV32" },
    { EH(e_ident[EI_CLASS]), 9, "corrupt" },
    { EH(e_ident[EI_DATA]), 7, "corrupt" },
    { EH(e_machine), EM_X86_64, "x86-64" },
    { EH(e_machine), EM_AARCH64, "AArch64" },
    { EH(e_machine), 12345, "machine 12345" },
    { EH(e_type), ET_REL, "not an executable" },
    { EH(e_phnum), 0, "corrupt" },
    { EH(e_phnum), 0xffff, "corrupt" },
    { EH(e_phnum), 1000, "truncated" },
    { EH(e_phentsize), 55, "corrupt" },
    { EH(e_phoff), 0xfffffffffffff000, "truncated" },
    { EH(e_entry), 0x90000000, "entry point" },
    { PH(0, p_flags), PF_R, "entry point" },
    { PH(0, p_type), PT_NULL, "entry point" },
    { PH(1, p_filesz), 1 << 20, "corrupt" },
    { PH(1, p_memsz), ~0ull, "corrupt" },
    { PH(1, p_memsz), 1ull << 46, "cannot map" },
    { PH(1, p_vaddr), 1ull << 48, "corrupt" },
    { PH(1, p_vaddr), 0x13001, "corrupt" },
    { PH(1, p_offset), 1ull << 40, "truncated" },
};

START_TEST(refused)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    memcpy((char *)&e + broken[_i].at, &broken[_i].value, broken[_i].size);
    GError *err = NULL;
    ck_assert(!load(&e, &err));
    ck_assert_msg(strstr(err->message, broken[_i].message) && !strchr(err->message, '\n') &&
                  g_str_has_prefix(err->message, "./x: "), "%s", err->message);
}
END_TEST

START_TEST(big_endian)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    e.eh.e_ident[EI_DATA] = ELFDATA2MSB;
    e.eh.e_machine = __builtin_bswap16(EM_RISCV);
    GError *err = NULL;
    ck_assert(!load(&e, &err));
    ck_assert_ptr_nonnull(strstr(err->message, "big-endian"));
}
END_TEST

START_TEST(short_files)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    for (size_t n = 0; n < 400; n += 7) {
        char name[] = "/tmp/rivet-elf-XXXXXX";
        int fd = mkstemp(name);
        unlink(name);
        ck_assert_int_eq(write(fd, &e, n), (ssize_t)n);
        GError *err = NULL;
        ck_assert(!elf_load(fd, "./x", &err));
        ck_assert_msg(strstr(err->message, n < 4 ? "not an ELF" : "truncated"), "%s", err->message);
        g_error_free(err);
        close(fd);
    }
}
END_TEST

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Whatever the headers hold: a clear refusal, or an image. */
START_TEST(mutations)
{
    for (uint64_t n = 0; n < 1000; n++) {
        uint64_t x = 88172645463325252u + n * 0x9e3779b97f4a7c15u;
        TestElf e = make_elf(n & 1 ? ET_EXEC : ET_DYN, n & 1 ? 0x10000 : 0);
        unsigned char *bytes = (unsigned char *)&e;
        for (unsigned k = 1 + next_random(&x) % 4; k > 0; k--) {
            size_t at = next_random(&x) % offsetof(TestElf, interp);
            static const unsigned char special[] = { 0, 1, 0x7f, 0x80, 0xff };
            uint64_t how = next_random(&x) % 3;
            bytes[at] = how == 0 ? special[next_random(&x) % sizeof(special)]
                      : how == 1 ? bytes[at] ^ 1 << next_random(&x) % 8
                                 : (unsigned char)next_random(&x);
        }
        pid_t pid = fork();
        if (pid == 0) {
            GError *err = NULL;
            bool ok = load(&e, &err);
            _exit(ok ? 0 : err && err->message && !strchr(err->message, '\n') ? 1 : 2);
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2, "mutation %lu: status %#x", n,
                      status);
    }
}
END_TEST

START_TEST(first_stack)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    char *argv[] = { "prog", "one", "", NULL }, *envp[] = { "A=1", "LONG=xxxxxxxxxxxxxxxx", NULL };
    char *why;
    ck_assert(rv_cpu_model("rv64", &exec_options.exts, &why));
    ck_assert(load(&e, NULL) && vdso_map(NULL));
    process.exec_arg = "./dir/prog";
    user_options.stack_size = 1 << 20;
    abi_ulong sp;
    ck_assert(stack_build(3, argv, envp, &sp, NULL));
    ck_assert_uint_eq(sp & 15, 0);
    ck_assert_uint_eq(process.stack_bottom - process.stack_limit, 1 << 20);
    ck_assert_int_eq(guest_page_prot(process.stack_limit), PROT_READ | PROT_WRITE);
    ck_assert_int_eq(guest_page_prot(process.stack_limit - 1), -1);
    const uint64_t *p = g2h(sp);
    ck_assert_uint_eq(*p++, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(g2h(*p++), argv[i]);
    }
    ck_assert_uint_eq(*p++, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(g2h(*p++), envp[i]);
    }
    ck_assert_uint_eq(*p++, 0);
    ck_assert_uint_eq(process.auxv, h2g(p));
    uint64_t value[64] = { 0 };
    do {
        ck_assert_uint_lt(p[0], 64);
        value[p[0]] = p[1];
        p += 2;
    } while (p[-2]);
    ck_assert_uint_eq(h2g(p), process.auxv + process.auxv_size);
    ck_assert_str_eq(g2h(value[AT_EXECFN]), "./dir/prog");
    ck_assert_uint_eq(value[AT_PHDR], 0x10040);
    ck_assert_uint_eq(value[AT_ENTRY], 0x10200);
    ck_assert_uint_eq(value[AT_HWCAP], 0x112d);
    ck_assert_uint_eq(value[AT_PAGESZ], 4096);
    ck_assert_uint_eq(value[AT_SYSINFO_EHDR], process.vdso);
    ck_assert_uint_eq(value[AT_UID], getuid());
    ck_assert_uint_eq(value[AT_PLATFORM], 0);
    ck_assert_uint_eq(process.arg_end - process.arg_start, 5 + 4 + 1);
    ck_assert_uint_eq(process.arg_end, process.env_start);
    ck_assert_str_eq(g2h(process.env_start), "A=1");
}
END_TEST

START_TEST(too_many_arguments)
{
    TestElf e = make_elf(ET_EXEC, 0x10000);
    g_autofree char *longer = g_strnfill(200000, 'a');
    char *argv[] = { longer, NULL }, *envp[] = { NULL };
    ck_assert(load(&e, NULL));
    process.exec_arg = "x";
    user_options.stack_size = 1 << 17;
    abi_ulong sp;
    g_autoptr(GError) err = NULL;
    ck_assert(!stack_build(1, argv, envp, &sp, &err));
    ck_assert_ptr_nonnull(strstr(err->message, "do not fit"));
}
END_TEST

static uint32_t elf_hash(const char *s)
{
    uint32_t h = 0;
    for (; *s; s++) {
        h = (h << 4) + (unsigned char)*s;
        uint32_t top = h & 0xf0000000;
        h = (h ^ top >> 24) & ~top;
    }
    return h;
}

/* Look the functions up as a C library does: PT_DYNAMIC, hash, version. */
START_TEST(vdso)
{
    static const struct {
        const char *name;
        uint32_t nr;
    } want[] = {
        { "__vdso_rt_sigreturn", 139 },  { "__vdso_clock_gettime", 113 },
        { "__vdso_gettimeofday", 169 },  { "__vdso_clock_getres", 114 },
        { "__vdso_getcpu", 168 },        { "__vdso_flush_icache", 259 },
        { "__vdso_riscv_hwprobe", 258 },
    };
    ck_assert(vdso_map(NULL));
    ck_assert_int_eq(guest_page_prot(process.vdso), PROT_READ | PROT_EXEC);
    const char *base = g2h(process.vdso);
    const Elf64_Ehdr *eh = (const void *)base;
    const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
    ck_assert(ph[0].p_type == PT_LOAD && ph[1].p_type == PT_DYNAMIC);
    const uint32_t *hash = NULL;
    const Elf64_Sym *sym = NULL;
    const char *str = NULL;
    const uint16_t *versym = NULL;
    const Elf64_Verdef *def = NULL;
    for (const Elf64_Dyn *d = (const void *)(base + ph[1].p_offset); d->d_tag; d++) {
        const void *p = base + d->d_un.d_ptr;
        hash = d->d_tag == DT_HASH ? p : hash;
        sym = d->d_tag == DT_SYMTAB ? p : sym;
        str = d->d_tag == DT_STRTAB ? p : str;
        versym = d->d_tag == DT_VERSYM ? p : versym;
        def = d->d_tag == DT_VERDEF ? p : def;
    }
    ck_assert(hash && sym && str && versym && def);
    for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
        uint32_t n = hash[2 + elf_hash(want[i].name) % hash[0]];
        while (n && strcmp(str + sym[n].st_name, want[i].name) != 0) {
            ck_assert_uint_lt(n, hash[1]);
            n = hash[2 + hash[0] + n];
        }
        ck_assert_uint_ne(n, 0);
        const Elf64_Verdef *v = def;
        while (v->vd_ndx != versym[n]) {
            ck_assert_uint_ne(v->vd_next, 0);
            v = (const void *)((const char *)v + v->vd_next);
        }
        const Elf64_Verdaux *aux = (const void *)((const char *)v + v->vd_aux);
        ck_assert_str_eq(str + aux->vda_name, "LINUX_4.15");
        ck_assert_uint_eq(v->vd_hash, elf_hash("LINUX_4.15"));
        const uint32_t *code = (const void *)(base + sym[n].st_value);
        ck_assert_uint_eq(code[0], want[i].nr << 20 | 0x893);    /* li a7,nr */
        ck_assert_uint_eq(code[1], 0x73);                        /* ecall */
        ck_assert_uint_eq(code[2], 0x8067);                      /* ret */
    }
    ck_assert_uint_eq(def->vd_hash, elf_hash("linux-vdso.so.1"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("elf_load");
    TCase *t = tcase_create("elf_load");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, exec);
    tcase_add_test(t, pie);
    tcase_add_test(t, pie_aligned);
    tcase_add_test(t, exec_collides);
    tcase_add_test(t, exec_at_zero);
    tcase_add_test(t, missing_interp);
    tcase_add_loop_test(t, refused, 0, G_N_ELEMENTS(broken));
    tcase_add_test(t, big_endian);
    tcase_add_test(t, short_files);
    tcase_add_test(t, mutations);
    tcase_add_test(t, first_stack);
    tcase_add_test(t, too_many_arguments);
    tcase_add_test(t, vdso);
    suite_add_tcase(s, t);
    return run_suite(s);
}
