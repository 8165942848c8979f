/*
 * linux-user/elf_load.c: an ELF file becomes a guest process image. Source: fs/binfmt_elf.c, the
 * System V gABI, the RISC-V ELF psABI.
 *
 * All that a file can have wrong is found in read_image() before anything is mapped. The program
 * headers go through libelf from a copy in memory that has no section table (which is none of our
 * business, and may be missing or damaged), so that a large file is never read as a whole.
 *
 * Addresses: ET_EXEC where it says, PIE at PIE_BASE, the interpreter as libraries (code_file.h), or
 * where the host likes. When an ET_EXEC cannot have its addresses, guest_base moves the whole
 * guest. brk follows the program.
 */
#include "linux-user/loader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux-user/code_file.h"
#include "linux-user/mmap.h"
#include "linux-user/path.h"

enum { HEAD_BYTES = 4096, MAX_PHDRS = 65536 / sizeof(Elf64_Phdr) };

#define PIE_BASE ((abi_ulong)0x2aaaaaa000)
#define GUEST_BASE_STEP ((abi_ulong)1 << 36)
#define TASK_END (((abi_ulong)1 << 47) - 4096)

Process process = { .exec_fd = -1 };

typedef struct Image {
    int fd;
    const char *path;               /* for messages */
    uint64_t file_size;
    GElf_Ehdr eh;
    GElf_Phdr *ph;                  /* eh.e_phnum of them */
    char *interp;                   /* PT_INTERP or NULL */
    abi_ulong lo, hi;               /* page-aligned span of the PT_LOADs */
    abi_ulong align;
    abi_ulong bias;                 /* where it went, once mapped */
} Image;

static bool fail(GError **err, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(GError **err, const char *path, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: %s", path, text);
    g_free(text);
    return false;
}

static abi_ulong page_down(abi_ulong x)
{
    return x & ~(abi_ulong)4095;
}

static abi_ulong page_up(abi_ulong x)
{
    return page_down(x + 4095);
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        { EM_X86_64, "x86-64" },  { EM_386, "i386" },   { EM_AARCH64, "AArch64" },
        { EM_ARM, "ARM" },        { EM_PPC64, "PowerPC64" }, { EM_PPC, "PowerPC" },
        { EM_S390, "s390" },      { EM_MIPS, "MIPS" },  { EM_SPARCV9, "SPARC64" },
        { EM_IA_64, "IA-64" },    { EM_68K, "m68k" },   { 258, "LoongArch" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].machine == machine) {
            return names[i].name;
        }
    }
    return NULL;
}

static unsigned ident_machine(const unsigned char *head)
{
    return head[EI_DATA] == ELFDATA2MSB ? head[18] << 8 | head[19] : head[19] << 8 | head[18];
}

ExecKind exec_kind(int fd)
{
    unsigned char head[20];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n >= 2 && memcmp(head, "#!", 2) == 0) {
        return EXEC_SCRIPT;
    }
    if (n < (ssize_t)sizeof(head) || memcmp(head, ELFMAG, SELFMAG) != 0) {
        return EXEC_UNKNOWN;
    }
    unsigned machine = ident_machine(head);
    if (machine == EM_X86_64 || machine == EM_386) {
        return EXEC_HOST;
    }
    bool ours = machine == EM_RISCV && head[EI_CLASS] == ELFCLASS64 && head[EI_DATA] == ELFDATA2LSB;
    return ours ? EXEC_RISCV : EXEC_OTHER_ELF;
}

/* Is it for us at all? head is the ELF header as far as the file has it. */
static bool check_ident(const Image *im, const unsigned char *head, size_t n, GError **err)
{
    if (n < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0) {
        return fail(err, im->path, "not an ELF file");
    }
    if (n < sizeof(Elf64_Ehdr)) {
        return fail(err, im->path, "truncated ELF header");
    }
    unsigned machine = ident_machine(head);
    if (machine != EM_RISCV) {
        const char *name = machine_name(machine);
        return name ? fail(err, im->path, "a program for %s, not for RISC-V", name)
                    : fail(err, im->path, "a program for ELF machine %u, not for RISC-V", machine);
    }
    if (head[EI_DATA] == ELFDATA2MSB) {
        return fail(err, im->path, "a big-endian RISC-V program; only little-endian ones run");
    }
    if (head[EI_CLASS] == ELFCLASS32) {
        return fail(err, im->path, "a 32-bit RISC-V program (RV32); only RV64 runs");
    }
    if (head[EI_CLASS] != ELFCLASS64 || head[EI_DATA] != ELFDATA2LSB) {
        return fail(err, im->path, "corrupt ELF header (class %u, data encoding %u)",
                    head[EI_CLASS], head[EI_DATA]);
    }
    return true;
}

static bool check_header(const Image *im, const Elf64_Ehdr *eh, GError **err)
{
    if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) {
        return fail(err, im->path, "not an executable (ELF type %u)", eh->e_type);
    }
    if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 || eh->e_phnum > MAX_PHDRS) {
        return fail(err, im->path, "corrupt ELF header (%u program headers of %u bytes)",
                    eh->e_phnum, eh->e_phentsize);
    }
    if (eh->e_phoff > im->file_size ||
        eh->e_phnum * sizeof(Elf64_Phdr) > im->file_size - eh->e_phoff) {
        return fail(err, im->path, "truncated: its program headers lie behind its end");
    }
    return true;
}

/* Fill im->eh and im->ph through libelf. */
static bool read_headers(Image *im, GError **err)
{
    unsigned char head[HEAD_BYTES];
    ssize_t n = pread(im->fd, head, sizeof(head), 0);
    if (n < 0) {
        return fail(err, im->path, "cannot read it: %s", g_strerror(errno));
    }
    if (!check_ident(im, head, (size_t)n, err)) {
        return false;
    }
    Elf64_Ehdr eh;
    memcpy(&eh, head, sizeof(eh));
    if (!check_header(im, &eh, err)) {
        return false;
    }
    /* header | program headers, and no sections; a version that libelf takes: the kernel does not
     * look at it */
    uint64_t phoff = eh.e_phoff;
    size_t ph_bytes = eh.e_phnum * sizeof(Elf64_Phdr), size = sizeof(eh) + ph_bytes;
    char *copy = g_malloc(size);
    eh.e_phoff = sizeof(eh);
    eh.e_shoff = eh.e_shnum = eh.e_shstrndx = 0;
    eh.e_ident[EI_VERSION] = EV_CURRENT;
    eh.e_version = EV_CURRENT;
    memcpy(copy, &eh, sizeof(eh));
    bool ok;
    if (phoff + ph_bytes <= (uint64_t)n) {
        memcpy(copy + sizeof(eh), head + phoff, ph_bytes);
        ok = true;
    } else {
        ok = pread(im->fd, copy + sizeof(eh), ph_bytes, (off_t)phoff) == (ssize_t)ph_bytes;
    }
    Elf *elf = NULL;
    if (ok) {
        elf_version(EV_CURRENT);
        elf = elf_memory(copy, size);
        ok = elf && gelf_getehdr(elf, &im->eh);
    }
    im->ph = g_new0(GElf_Phdr, eh.e_phnum);
    for (int i = 0; ok && i < eh.e_phnum; i++) {
        ok = gelf_getphdr(elf, i, &im->ph[i]);
    }
    if (!ok) {
        fail(err, im->path, "corrupt ELF header (%s)", elf_errmsg(-1));
    }
    elf_end(elf);
    g_free(copy);
    im->eh.e_phoff = phoff;
    return ok;
}

/* Its last page of the file is zero from the segment's end on. */
static bool must_clear(const GElf_Phdr *ph)
{
    return ph->p_filesz && ph->p_memsz > ph->p_filesz && (ph->p_vaddr + ph->p_filesz) & 4095;
}

/* The file reaches that page: the segment may end behind it, touching its pages there is SIGBUS. */
static bool end_is_there(const Image *im, const GElf_Phdr *ph)
{
    return page_down(ph->p_offset + ph->p_filesz) < im->file_size;
}

static bool check_load(Image *im, const GElf_Phdr *ph, int i, GError **err)
{
    abi_ulong end;
    if (ph->p_filesz > ph->p_memsz || __builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
        end > TASK_END) {
        return fail(err, im->path, "corrupt program header %d (%#lx bytes at %#lx)", i, ph->p_memsz,
                    ph->p_vaddr);
    }
    if ((ph->p_vaddr ^ ph->p_offset) & 4095) {
        return fail(err, im->path,
                    "corrupt program header %d (address %#lx and offset %#lx disagree)", i,
                    ph->p_vaddr, ph->p_offset);
    }
    if (must_clear(ph) && ph->p_flags & PF_W && !end_is_there(im, ph)) {
        return fail(err, im->path, "truncated: segment %d ends behind the end of the file", i);
    }
    if (ph->p_memsz) {
        im->lo = MIN(im->lo, page_down(ph->p_vaddr));
        im->hi = MAX(im->hi, page_up(end));
        if (!(ph->p_align & (ph->p_align - 1))) {       /* no power of two: not looked at */
            im->align = MAX(im->align, ph->p_align);
        }
    }
    return true;
}

static bool read_interp(Image *im, const GElf_Phdr *ph, GError **err)
{
    bool ok = ph->p_filesz >= 2 && ph->p_filesz <= PATH_MAX;
    if (ok) {
        im->interp = g_malloc(ph->p_filesz);
        ssize_t n = pread(im->fd, im->interp, ph->p_filesz, (off_t)ph->p_offset);
        ok = n == (ssize_t)ph->p_filesz && im->interp[n - 1] == '\0' && im->interp[0];
    }
    return ok ? true : fail(err, im->path, "corrupt interpreter name");
}

/* A kernel would start it and let it die of SIGSEGV at once. */
static bool entry_is_code(const Image *im)
{
    for (int i = 0; i < im->eh.e_phnum; i++) {
        const GElf_Phdr *ph = &im->ph[i];
        if (ph->p_type == PT_LOAD && ph->p_flags & PF_X &&
            im->eh.e_entry - ph->p_vaddr < ph->p_memsz) {
            return true;
        }
    }
    return false;
}

/* Read and check all that the loader uses. */
static bool read_image(Image *im, GError **err)
{
    struct stat st;
    if (fstat(im->fd, &st) < 0) {
        return fail(err, im->path, "%s", g_strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return fail(err, im->path, "is a directory");
    }
    if (!S_ISREG(st.st_mode)) {
        return fail(err, im->path, "not a regular file");
    }
    im->file_size = (uint64_t)st.st_size;
    if (!read_headers(im, err)) {
        return false;
    }
    im->lo = ~(abi_ulong)0;
    im->align = 4096;
    for (int i = 0; i < im->eh.e_phnum; i++) {
        const GElf_Phdr *ph = &im->ph[i];
        if (ph->p_type == PT_LOAD && !check_load(im, ph, i, err)) {
            return false;
        }
        if (ph->p_type == PT_INTERP && !im->interp && !read_interp(im, ph, err)) {
            return false;
        }
    }
    if (im->lo >= im->hi) {
        return fail(err, im->path, "has nothing to load");
    }
    return entry_is_code(im) ? true : fail(err, im->path, "its entry point %#lx is not in its code",
                                           im->eh.e_entry);
}

static int segment_prot(const GElf_Phdr *ph)
{
    return (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
           (ph->p_flags & PF_X ? PROT_EXEC : 0);
}

static bool map_failed(const Image *im, abi_long r, GError **err)
{
    if (r == -ENOMEM) {
        return fail(err, im->path, "cannot map it: out of memory or address space");
    }
    return fail(err, im->path, "cannot map it: %s", g_strerror((int)-r));
}

/* One PT_LOAD: its part of the file, zeroes after that to the page's end, then anonymous pages. */
static bool map_segment(const Image *im, const GElf_Phdr *ph, GError **err)
{
    abi_ulong start = page_down(im->bias + ph->p_vaddr);
    abi_ulong file_end = im->bias + ph->p_vaddr + ph->p_filesz;
    abi_ulong mem_end = page_up(im->bias + ph->p_vaddr + ph->p_memsz);
    int prot = segment_prot(ph);
    abi_ulong anon = start;
    if (ph->p_filesz) {
        anon = page_up(file_end);
        bool clear = must_clear(ph) && end_is_there(im, ph);
        int map_prot = clear ? prot | PROT_READ | PROT_WRITE : prot;
        abi_long r = guest_mmap(start, file_end - start, map_prot, MAP_PRIVATE | MAP_FIXED, im->fd,
                                page_down(ph->p_offset));
        if (r >= 0 && clear) {
            memset(g2h(file_end), 0, anon - file_end);
            r = map_prot == prot ? 0 : guest_mprotect(start, anon - start, prot);
        }
        if (r < 0) {
            return map_failed(im, r, err);
        }
    }
    if (mem_end > anon) {
        abi_long r = guest_mmap(anon, mem_end - anon, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
                                -1, 0);
        if (r < 0) {
            return map_failed(im, r, err);
        }
    }
    return true;
}

static abi_long reserve(abi_ulong addr, abi_ulong size, int fixed)
{
    return guest_mmap(addr, size, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
}

/* Reserve the span of an ET_EXEC, with another guest_base if it must be. `first`: nothing of the
 * guest is mapped yet. */
static abi_long reserve_fixed(const Image *im, bool first)
{
    abi_ulong size = im->hi - im->lo;
    abi_long r = reserve(im->lo, size, MAP_FIXED_NOREPLACE);
    if (r >= 0 || r == -ENOMEM || !first || guest_base) {
        return r;
    }
    for (abi_ulong base = GUEST_BASE_STEP; base + im->hi < TASK_END; base += GUEST_BASE_STEP) {
        guest_base = base;
        r = reserve(im->lo, size, MAP_FIXED_NOREPLACE);
        if (r >= 0) {
            return r;
        }
    }
    guest_base = 0;
    return r;
}

/* Reserve size bytes at a multiple of align, at `want` if that is free, else anywhere. */
static abi_long reserve_anywhere(abi_ulong want, abi_ulong size, abi_ulong align)
{
    if (want) {
        abi_long r = reserve((want + align - 1) & ~(align - 1), size, MAP_FIXED_NOREPLACE);
        if (r >= 0) {
            return r;
        }
    }
    abi_ulong slack = align > 4096 ? align : 0;
    abi_long r = reserve(0, size + slack, 0);
    if (r < 0 || !slack) {
        return r;
    }
    abi_ulong raw = (abi_ulong)r, start = (raw + align - 1) & ~(align - 1);
    if (start > raw) {
        guest_munmap(raw, start - raw);
    }
    if (raw + slack > start) {
        guest_munmap(start + size, raw + slack - start);
    }
    return (abi_long)start;
}

/* The holes between segments, reserved so far, are nobody's. */
static void drop_holes(const Image *im)
{
    abi_ulong at = im->lo;
    while (at < im->hi) {
        abi_ulong next = im->hi, end = at;
        for (int i = 0; i < im->eh.e_phnum; i++) {
            const GElf_Phdr *ph = &im->ph[i];
            abi_ulong s = page_down(ph->p_vaddr), e = page_up(ph->p_vaddr + ph->p_memsz);
            if (ph->p_type != PT_LOAD || !ph->p_memsz) {
                continue;
            }
            if (s <= at && e > end) {
                end = e;
            } else if (s > at && s < next) {
                next = s;
            }
        }
        if (end == at) {
            guest_munmap(im->bias + at, next - at);
            end = next;
        }
        at = end;
    }
}

static bool map_image(Image *im, abi_ulong want, bool first, GError **err)
{
    abi_ulong size = im->hi - im->lo;
    abi_long r = im->eh.e_type == ET_EXEC ? reserve_fixed(im, first)
                                          : reserve_anywhere(want, size, im->align);
    if (r == -EEXIST || r == -EPERM) {
        return fail(err, im->path, "its addresses %#lx to %#lx cannot be had here", im->lo, im->hi);
    }
    if (r < 0) {
        return map_failed(im, r, err);
    }
    im->bias = (abi_ulong)r - im->lo;
    for (int i = 0; i < im->eh.e_phnum; i++) {
        const GElf_Phdr *ph = &im->ph[i];
        if (ph->p_type == PT_LOAD && ph->p_memsz && !map_segment(im, ph, err)) {
            return false;
        }
    }
    drop_holes(im);
    return true;
}

/* Address of the program headers in memory, for AT_PHDR. */
static abi_ulong phdr_address(const Image *im)
{
    for (int i = 0; i < im->eh.e_phnum; i++) {
        const GElf_Phdr *ph = &im->ph[i];
        if (ph->p_type == PT_LOAD && ph->p_offset <= im->eh.e_phoff &&
            im->eh.e_phoff < ph->p_offset + ph->p_filesz) {
            return im->bias + im->eh.e_phoff - ph->p_offset + ph->p_vaddr;
        }
    }
    return 0;
}

/* What /proc/self/stat and brk say of the program. */
static void fill_process(const Image *im)
{
    abi_ulong code_lo = ~(abi_ulong)0, code_hi = 0, data_lo = 0, data_hi = 0;
    for (int i = 0; i < im->eh.e_phnum; i++) {
        const GElf_Phdr *ph = &im->ph[i];
        if (ph->p_type == PT_GNU_STACK) {
            process.exec_stack = ph->p_flags & PF_X;
        }
        if (ph->p_type != PT_LOAD) {
            continue;
        }
        abi_ulong start = im->bias + ph->p_vaddr, end = start + ph->p_filesz;
        code_lo = MIN(code_lo, start);
        data_lo = MAX(data_lo, start);
        code_hi = ph->p_flags & PF_X ? MAX(code_hi, end) : code_hi;
        data_hi = MAX(data_hi, end);
    }
    process.start_code = code_lo;
    process.end_code = code_hi;
    process.start_data = data_lo;
    process.end_data = data_hi;
    process.start_brk = process.brk = im->bias + im->hi;
    process.load_bias = im->bias;
    process.phdr = phdr_address(im);
    process.phnum = im->eh.e_phnum;
    process.phent = sizeof(Elf64_Phdr);
    process.elf_entry = im->bias + im->eh.e_entry;
}

/* Open the interpreter under the prefix, or where it says. */
static bool open_interp(const Image *prog, Image *interp, GError **err)
{
    char buf[PATH_MAX];
    const char *host = path_resolve(prog->interp, buf, true);
    interp->path = prog->interp;
    interp->fd = open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (interp->fd >= 0) {
        return true;
    }
    int e = errno;
    if (*user_options.ld_prefix) {
        return fail(err, prog->path, "cannot open its interpreter %s (nor under -L %s): %s", host,
                    user_options.ld_prefix, g_strerror(e));
    }
    return fail(err, prog->path,
                "cannot open its interpreter %s: %s; -L says under which directory it is", host,
                g_strerror(e));
}

static void free_image(Image *im)
{
    g_free(im->ph);
    g_free(im->interp);
}

static bool load_interp(const Image *prog, Image *im, GError **err)
{
    if (!open_interp(prog, im, err)) {
        return false;
    }
    bool ok = read_image(im, err) && map_image(im, code_file_place(im->fd, 0), false, err);
    close(im->fd);
    return ok;
}

bool elf_load(int fd, const char *path, GError **err)
{
    Image prog = { .fd = fd, .path = path }, interp = { .fd = -1 };
    /* A program without interpreter is a static one, or the interpreter itself run by hand. */
    abi_ulong pie_base = MIN(PIE_BASE, page_down(task_size() / 3 * 2));
    bool ok = read_image(&prog, err) && map_image(&prog, pie_base, true, err);
    if (ok) {
        fill_process(&prog);
    }
    abi_ulong entry = process.elf_entry;
    if (ok && prog.interp) {
        ok = load_interp(&prog, &interp, err);
        process.interp_base = interp.bias + interp.lo;
        entry = interp.bias + interp.eh.e_entry;
    }
    process.entry = entry & ~(abi_ulong)1;      /* the lowest bit of a pc does not exist */
    free_image(&interp);
    free_image(&prog);
    return ok;
}
