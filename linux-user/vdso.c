/*
 * linux-user/vdso.c: the shared object that the kernel gives to every process. Source:
 * arch/riscv/kernel/vdso/, the System V gABI, the GNU symbol versioning scheme.
 *
 * One page, a constant of this program: header, dynamic symbols with version LINUX_4.15, and
 * functions that make their system call. Linked at 0, so that offsets are addresses. There are both
 * hash tables, as kernels had for long (the newest: GNU's alone), each of one bucket, a list of all
 * symbols. Debuggers want section headers as well. Unwinders know a signal frame by the two insns
 * of rt_sigreturn.
 */
#include "linux-user/loader.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "linux-user/mmap.h"

/* FN(name, system call number, insns that come before it); rt_sigreturn first */
#define VDSO_FUNCTIONS(FN)               \
    FN(rt_sigreturn, 139, )              \
    FN(clock_gettime, 113, )             \
    FN(gettimeofday, 169, )              \
    FN(clock_getres, 114, )              \
    FN(getcpu, 168, )                    \
    FN(flush_icache, 259, )              \
    FN(riscv_hwprobe, 258, )             \
    FN(getrandom, 278, GETRANDOM_PARAMS)

/*
 * getrandom(buffer, len, flags, state, state_len): with a state_len of -1 and nothing else it
 * describes the states that callers are to map (struct vgetrandom_opaque_params at state). Ours do
 * not use theirs.
 */
#define GETRANDOM_PARAMS \
    0xfff00293, 0x04571463, /* li t0, -1; bne a4, t0, the call */ \
        0x00b56333, 0x00c36333, /* or t1, a0, a1; or t1, t1, a2 */ \
        0x02031e63, /* bnez t1, the call */ \
        0x09000293, 0x0056a023, /* size_of_opaque_state 144 */ \
        0x00300293, 0x0056a223, /* mmap_prot: PROT_READ | PROT_WRITE */ \
        0x02800293, 0x0056a423, /* mmap_flags: MAP_DROPPABLE | MAP_ANONYMOUS */ \
        0x0006a623, 0x0006b823, 0x0006bc23, 0x0206b023, 0x0206b423, 0x0206b823, \
        0x0206bc23, /* reserved */ \
        INSN_RET,

enum {
#define FN(name, nr, ...) NR_##name = nr,
    VDSO_FUNCTIONS(FN)
#undef FN
};

enum {
#define FN(name, nr, ...) VDSO_##name,
    VDSO_FUNCTIONS(FN)
#undef FN
    VDSO_COUNT,
    NSYMS = 1 + VDSO_COUNT + 1,     /* null, functions, the version's own */
    NDYN = 11,
    HASH_LINUX_4_15 = 0xae77f75,    /* ELF hash of "LINUX_4.15" */
    HASH_SONAME = 0xdeebfa1,        /* of "linux-vdso.so.1" */
};

/* SECTION(name, type, flags, field of the image, link, info, size of entries) */
#define VDSO_SECTIONS(SECTION)                                                            \
    SECTION(dynsym, SHT_DYNSYM, SHF_ALLOC, sym, SECTION_dynstr, 1, sizeof(Elf64_Sym))     \
    SECTION(dynstr, SHT_STRTAB, SHF_ALLOC, str, 0, 0, 0)                                  \
    SECTION(dynamic, SHT_DYNAMIC, SHF_ALLOC, dyn, SECTION_dynstr, 0, sizeof(Elf64_Dyn))   \
    SECTION(text, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text, 0, 0, 0)

enum {
    SECTION_null,
#define SECTION(name, ...) SECTION_##name,
    VDSO_SECTIONS(SECTION)
#undef SECTION
    SECTION_COUNT,
};

#define VERSION "LINUX_4.15"
#define SONAME "linux-vdso.so.1"

typedef struct Strings {
    char nul[1];
    char soname[sizeof(SONAME)];
    char version[sizeof(VERSION)];
#define FN(name, nr, ...) char name[sizeof("__vdso_" #name)];
    VDSO_FUNCTIONS(FN)
#undef FN
#define SECTION(name, ...) char section_##name[sizeof("." #name)];
    VDSO_SECTIONS(SECTION)
#undef SECTION
} Strings;

typedef struct Function {
    uint32_t insn[24];
} Function;

typedef struct VersionDef {
    Elf64_Verdef def;
    Elf64_Verdaux aux;
} VersionDef;

typedef struct VdsoImage {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdr[2];
    Elf64_Sym sym[NSYMS];
    Elf64_Dyn dyn[NDYN];
    VersionDef verdef[2];
    struct {
        uint32_t nbucket, nchain, bucket[1], chain[NSYMS];
    } hash;
    struct {
        uint32_t nbucket, first, nbloom, shift;
        uint64_t bloom[1];              /* which keeps nothing out */
        uint32_t bucket[1], chain[NSYMS - 1];
    } gnu_hash;
    uint16_t versym[NSYMS];
    Strings str;
    _Alignas(16) Function text[VDSO_COUNT];
    Elf64_Shdr shdr[SECTION_COUNT];
} VdsoImage;

_Static_assert(sizeof(VdsoImage) <= 4096, "the vDSO is one page");

enum {
    INSN_ECALL = 0x00000073,
    INSN_RET = 0x00008067,          /* jalr x0, 0(ra) */
};
#define INSN_LI_A7(n) ((uint32_t)(n) << 20 | 17 << 7 | 0x13)     /* addi a7, x0, n */

#define AT(field) offsetof(VdsoImage, field)

static const VdsoImage vdso_image = {
    .ehdr = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_DYN, .e_machine = EM_RISCV, .e_version = EV_CURRENT,
        .e_phoff = AT(phdr), .e_flags = 0x5,             /* RVC, double-float ABI */
        .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
        .e_shoff = AT(shdr), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = SECTION_COUNT,
        .e_shstrndx = SECTION_dynstr,
    },
    .phdr = {
        { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = sizeof(VdsoImage),
          .p_memsz = sizeof(VdsoImage), .p_align = 4096 },
        { .p_type = PT_DYNAMIC, .p_flags = PF_R, .p_offset = AT(dyn), .p_vaddr = AT(dyn),
          .p_paddr = AT(dyn), .p_filesz = sizeof(Elf64_Dyn) * NDYN,
          .p_memsz = sizeof(Elf64_Dyn) * NDYN, .p_align = 8 },
    },
    .sym = {
#define FN(name, nr, ...) [1 + VDSO_##name] = {                                                  \
        .st_name = offsetof(Strings, name), .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), \
        .st_shndx = SECTION_text, .st_value = AT(text[VDSO_##name]), .st_size = sizeof(Function) },
        VDSO_FUNCTIONS(FN)
#undef FN
        [1 + VDSO_COUNT] = { .st_name = offsetof(Strings, version),
                             .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                             .st_shndx = SHN_ABS },
    },
    .dyn = {
        { DT_SONAME, { offsetof(Strings, soname) } }, { DT_HASH, { AT(hash) } },
        { DT_GNU_HASH, { AT(gnu_hash) } },
        { DT_STRTAB, { AT(str) } }, { DT_STRSZ, { sizeof(Strings) } },
        { DT_SYMTAB, { AT(sym) } }, { DT_SYMENT, { sizeof(Elf64_Sym) } },
        { DT_VERSYM, { AT(versym) } }, { DT_VERDEF, { AT(verdef) } }, { DT_VERDEFNUM, { 2 } },
        { DT_NULL, { 0 } },
    },
    .verdef = {
        { { VER_DEF_CURRENT, VER_FLG_BASE, 1, 1, HASH_SONAME, sizeof(Elf64_Verdef),
            sizeof(VersionDef) }, { offsetof(Strings, soname), 0 } },
        { { VER_DEF_CURRENT, 0, 2, 1, HASH_LINUX_4_15, sizeof(Elf64_Verdef), 0 },
          { offsetof(Strings, version), 0 } },
    },
    .hash = {
        .nbucket = 1, .nchain = NSYMS, .bucket = { 1 },
#define FN(name, nr, ...) [1 + VDSO_##name] = 2 + VDSO_##name,
        .chain = { VDSO_FUNCTIONS(FN) },
#undef FN
    },
    .gnu_hash = {
        .nbucket = 1, .first = 1, .nbloom = 1, .bloom = { ~(uint64_t)0 }, .bucket = { 1 },
    },
    .versym = {
#define FN(name, nr, ...) [1 + VDSO_##name] = 2,
        VDSO_FUNCTIONS(FN)
#undef FN
        [1 + VDSO_COUNT] = 2,
    },
    .str = {
        .soname = SONAME, .version = VERSION,
#define FN(name, nr, ...) .name = "__vdso_" #name,
        VDSO_FUNCTIONS(FN)
#undef FN
#define SECTION(name, ...) .section_##name = "." #name,
        VDSO_SECTIONS(SECTION)
#undef SECTION
    },
    .text = {
#define FN(name, nr, ...) { { __VA_ARGS__ INSN_LI_A7(nr), INSN_ECALL, INSN_RET } },
        VDSO_FUNCTIONS(FN)
#undef FN
    },
    .shdr = {
#define SECTION(name, type, flags, field, link, info, entry)                                \
        [SECTION_##name] = { offsetof(Strings, section_##name), type, flags, AT(field), AT(field), \
                             sizeof(((VdsoImage *)0)->field), link, info, 8, entry },
        VDSO_SECTIONS(SECTION)
#undef SECTION
    },
};

/* The chain of GNU's table: the hash of each name, with bit 0 for the last one. */
static void chain_gnu(VdsoImage *image)
{
    for (unsigned i = 1; i < NSYMS; i++) {
        uint32_t h = 5381;
        for (const char *c = (const char *)&image->str + image->sym[i].st_name; *c; c++) {
            h = h * 33 + (unsigned char)*c;
        }
        image->gnu_hash.chain[i - 1] = (h & ~1u) | (i == NSYMS - 1);
    }
}

bool vdso_map(GError **err)
{
    abi_long r = guest_mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r >= 0) {
        memcpy(g2h((abi_ulong)r), &vdso_image, sizeof(vdso_image));
        chain_gnu(g2h((abi_ulong)r));
        process.vdso = (abi_ulong)r;
        process.vdso_sigreturn = process.vdso + AT(text[VDSO_rt_sigreturn]);
        r = guest_mprotect(process.vdso, 4096, PROT_READ | PROT_EXEC);
    }
    if (r < 0) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "cannot map the vDSO: %s", g_strerror((int)-r));
        return false;
    }
    guest_map_name(process.vdso, process.vdso + 4096, "[vdso]");
    return true;
}

bool vdso_answers(abi_ulong pc, abi_ulong nr)
{
    abi_ulong text = process.vdso + AT(text);
    return pc - text < sizeof(vdso_image.text) &&
           (nr == NR_clock_gettime || nr == NR_gettimeofday || nr == NR_clock_getres ||
            nr == NR_getrandom || nr == NR_riscv_hwprobe);
}
