/*
 * tests/fuzz/fuzz_elf.c: any bytes load as a guest or are refused with a reason.
 * links: linux-user/elf_load.c linux-user/stack.c linux-user/ids.c linux-user/vdso.c linux-user/mmap.c linux-user/mremap.c linux-user/host_kernel.c linux-user/shm.c linux-user/address_space.c linux-user/guest_code.c linux-user/code_file.c linux-user/guest_map.c linux-user/guest_ptr.c linux-user/guest_copy.S linux-user/path.c linux-user/options.c linux-user/options_set.c
 *
 * Input: two bytes of length, then what a valid file is xored with, so that chance finds the way to
 * the depths. The file is put into a memfd; what was mapped of it is unmapped again, so that each
 * input finds the address space as the first one did.
 */
#include <assert.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux-user/loader.h"
#include "linux-user/mmap.h"
#include "linux-user/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Ranges {
    abi_ulong start[256], end[256];
    unsigned n;
} Ranges;

static void collect(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name)
{
    Ranges *r = opaque;
    if (r->n < 256) {
        r->start[r->n] = start;
        r->end[r->n++] = end;
    }
}

static void unmap_all(void)
{
    static Ranges r;
    do {
        r.n = 0;
        guest_map_walk(collect, &r);
        for (unsigned i = 0; i < r.n; i++) {
            assert(guest_munmap(r.start[i], r.end[i] - r.start[i]) == 0);
        }
    } while (r.n);
}

/* Header, program headers, a name of an interpreter; code and data in pages of their own. */
typedef struct File {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[4];
    char interp[16];
    uint8_t pad[4096 - 64 - 4 * 56 - 16];
    uint8_t data[4096];
} File;

static const File valid = {
    .eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
            .e_type = ET_DYN, .e_machine = EM_RISCV, .e_version = EV_CURRENT, .e_entry = 0x200,
            .e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56, .e_phnum = 4 },
    .ph = { { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 4096, .p_memsz = 4096,
              .p_align = 4096 },
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 4096, .p_vaddr = 0x3000,
              .p_filesz = 4096, .p_memsz = 0x5000, .p_align = 4096 },
            { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
            { .p_type = PT_NULL, .p_offset = offsetof(File, interp), .p_filesz = 10 } },
    .interp = "/dev/null",
};

/* The file that the input stands for; returns its descriptor. */
static int make_file(const uint8_t *data, size_t size)
{
    static union {
        File file;
        uint8_t byte[sizeof(File)];
    } f;
    f.file = valid;
    size_t cut = size >= 2 ? data[0] | (size_t)data[1] << 8 : 0;
    for (size_t i = 2; i < size && i - 2 < sizeof(f); i++) {
        f.byte[i - 2] ^= data[i];
    }
    size_t n = cut && cut < sizeof(f) ? sizeof(f) - cut : sizeof(f);
    int fd = memfd_create("elf", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, &f, n) == (ssize_t)n);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        user_options.ld_prefix = "";
        path_init("");
        ready = true;
    }
    int fd = make_file(data, size);
    exec_kind(fd);
    guest_base = 0;
    process = (Process){ .exec_fd = -1 };
    GError *err = NULL;
    bool ok = elf_load(fd, "input", &err);
    assert(ok == (err == NULL));
    if (err) {
        assert(*err->message);
        g_error_free(err);
    }
    process.entry = 0;                      /* exec is not up */
    unmap_all();
    close(fd);
    return 0;
}
