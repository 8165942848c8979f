/*
 * linux-user/stack.c: the guest's first stack. Source: fs/binfmt_elf.c (create_elf_tables),
 * arch/riscv/include/asm/elf.h (ARCH_DLINFO), the RISC-V ELF psABI.
 *
 *   stack_bottom  8 zero bytes
 *                 path of the program (AT_EXECFN)
 *                 environment strings      env_start .. env_end
 *                 argument strings         arg_start .. arg_end
 *                 16 random bytes (AT_RANDOM)
 *                 auxv | envp | argv | argc                       <- sp, 16-aligned
 *                 ...
 *   stack_limit   as low as it may come
 *
 * With -R the stack ends where the guest's addresses do, else below our own, where the host's
 * kernel leaves room for one that grows; and it grows as that kernel lets it: by the RLIMIT_STACK
 * of the moment. A size of the user's own choice, an executable stack (whose growth would have to
 * be known for its code), and one for which there is no such room are mapped in full, with a guard
 * below.
 */
#include "linux-user/loader.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "linux-user/ids.h"
#include "linux-user/mmap.h"

enum {
    MAX_AUX = 40,
    SIGFRAME_SIZE = 1088,           /* struct rt_sigframe with FP state, 16-aligned */
    USER_HZ = 100,
    AUX_RSEQ_FEATURE_SIZE = 27, AUX_RSEQ_ALIGN = 28,
    AUX_MINSIGSTKSZ = 51,
    AUX_L1I_SIZE = 40, AUX_L1I_GEOMETRY, AUX_L1D_SIZE, AUX_L1D_GEOMETRY, AUX_L2_SIZE,
    AUX_L2_GEOMETRY, AUX_L3_SIZE, AUX_L3_GEOMETRY,
};

#define GUARD_SIZE ((abi_ulong)1 << 20)
#define MIN_STACK ((abi_ulong)128 << 10)
#define FIRST_STACK MIN_STACK                       /* what is mapped of a growing one */
#define OWN_STACK ((abi_ulong)16 << 20)             /* room for ours */
#define DEFAULT_STACK ((abi_ulong)8 << 20)
#define UNLIMITED_STACK ((abi_ulong)1 << 30)        /* what "unlimited" gets, if there is room */

abi_ulong stack_size(void)
{
    abi_ulong size = user_options.stack_size;
    struct rlimit lim;
    if (!size) {
        bool known = getrlimit(RLIMIT_STACK, &lim) == 0;
        size = !known ? DEFAULT_STACK
                      : lim.rlim_cur == RLIM_INFINITY ? UNLIMITED_STACK : lim.rlim_cur;
    }
    size = MIN(size, guest_reserved() ? task_size() / 4 : (abi_ulong)1 << 40);
    return MAX((size + 4095) & ~(abi_ulong)4095, MIN_STACK);
}

/* A stack that grows, if there is room for one of the given size below ours. */
static bool map_growing_stack(abi_ulong size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    abi_ulong ours = (abi_ulong)(uintptr_t)__builtin_frame_address(0) & ~(abi_ulong)4095;
    abi_ulong bottom = guest_reserved() ? task_size() + guest_base : ours - OWN_STACK;
    abi_ulong limit = bottom - size;
    char *room = (char *)(uintptr_t)(limit - GUARD_SIZE),
         *start = (char *)(uintptr_t)(bottom - FIRST_STACK);
    if (user_options.stack_size || process.exec_stack || size >= bottom - GUARD_SIZE) {
        return false;
    }
    char *p = mmap(room, size + GUARD_SIZE, PROT_NONE, flags, -1, 0);
    if (p != MAP_FAILED) {
        munmap(p, size + GUARD_SIZE);
    }
    if (p != room || mmap(start, FIRST_STACK, PROT_READ | PROT_WRITE, flags | MAP_GROWSDOWN, -1,
                          0) != (void *)start) {
        return false;
    }
    madvise(start, FIRST_STACK, MADV_NOHUGEPAGE);
    process.stack_bottom = bottom - guest_base;
    process.stack_limit = limit - guest_base;
    guest_map_add_growing(h2g(start), process.stack_bottom, PROT_READ | PROT_WRITE, "[stack]");
    return true;
}

/* Map the stack; a size that there is no room for is tried smaller. */
static bool map_stack(GError **err)
{
    if (map_growing_stack(stack_size())) {
        return true;
    }
    for (abi_ulong size = stack_size();; size = MAX(size / 2 & ~(abi_ulong)4095, MIN_STACK)) {
        void *want = guest_reserved() ? g2h(task_size() - size - GUARD_SIZE) : NULL;
        char *p = mmap(want, size + GUARD_SIZE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK |
                       (want ? MAP_FIXED_NOREPLACE : 0), -1, 0);
        int prot = PROT_READ | PROT_WRITE;
        if (p != MAP_FAILED && mprotect(p + GUARD_SIZE, size, prot) == 0) {
            /* One huge page would cost more than a short program's whole run. */
            madvise(p + GUARD_SIZE, size, MADV_NOHUGEPAGE);
            process.stack_limit = h2g(p + GUARD_SIZE);
            process.stack_bottom = process.stack_limit + size;
            guest_map_add(process.stack_limit, process.stack_bottom,
                          prot | (process.exec_stack ? PROT_EXEC : 0), "[stack]");
            return true;
        }
        int e = errno;
        if (p != MAP_FAILED) {
            munmap(p, size + GUARD_SIZE);
        }
        if (size <= DEFAULT_STACK) {
            g_set_error(err, RIVET_LOAD_ERROR, 1, "cannot map a stack of %lu KiB: %s", size >> 10,
                        g_strerror(e));
            return false;
        }
    }
}

/* The letters of the ISA string, bit (letter - 'a'): what the kernel gives for AT_HWCAP. */
static uint64_t hwcap(void)
{
    char *isa = rv_isa_string(exec_options.exts);
    uint64_t caps = 0;
    for (const char *s = isa + strlen("rv64"); *s && *s != '_'; s++) {
        if (strchr("imafdcv", *s)) {
            caps |= (uint64_t)1 << (*s - 'a');
        }
    }
    g_free(isa);
    return caps;
}

/* 16 bytes for AT_RANDOM; with -seed the same ones in every run. */
static void random_bytes(uint64_t out[2])
{
    if (!exec_options.seed) {
        if (getrandom(out, 16, GRND_NONBLOCK) == 16) {
            return;
        }
        const void *ours = (const void *)getauxval(AT_RANDOM);
        if (ours) {
            memcpy(out, ours, 16);
            return;
        }
    }
    uint64_t x = exec_options.seed;
    for (int i = 0; i < 2; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        out[i] = x ^ x >> 31;
    }
}

typedef struct Aux {
    uint64_t type, value;
} Aux;

/* rseq.c: the host's own, or none. */
static uint64_t host_rseq(uint64_t type)
{
    return guest_base ? 0 : getauxval(type);
}

static unsigned make_auxv(Aux *av, abi_ulong execfn, abi_ulong random)
{
    enum { LINE = 64, GEOMETRY = 8 << 16 | LINE };     /* 8 ways */
    const Aux all[] = {
        { AT_SYSINFO_EHDR, process.vdso },
        { AUX_L1I_SIZE, 32 << 10 }, { AUX_L1I_GEOMETRY, GEOMETRY },
        { AUX_L1D_SIZE, 32 << 10 }, { AUX_L1D_GEOMETRY, GEOMETRY },
        { AUX_L2_SIZE, 1 << 20 }, { AUX_L2_GEOMETRY, GEOMETRY },
        { AUX_L3_SIZE, 0 }, { AUX_L3_GEOMETRY, 0 },
        { AUX_MINSIGSTKSZ, SIGFRAME_SIZE },
        { AT_HWCAP, hwcap() },
        { AT_PAGESZ, 4096 },
        { AT_CLKTCK, USER_HZ },
        { AT_PHDR, process.phdr },
        { AT_PHENT, process.phent },
        { AT_PHNUM, process.phnum },
        { AT_BASE, process.interp_base },
        { AT_FLAGS, 0 },
        { AT_ENTRY, process.elf_entry },
        { AT_UID, ids_uid() }, { AT_EUID, ids_euid() },
        { AT_GID, ids_gid() }, { AT_EGID, ids_egid() },
        { AT_SECURE, getauxval(AT_SECURE) || ids_secure() },
        { AT_RANDOM, random },
        { AT_EXECFN, execfn },
        { AUX_RSEQ_FEATURE_SIZE, host_rseq(AUX_RSEQ_FEATURE_SIZE) },
        { AUX_RSEQ_ALIGN, host_rseq(AUX_RSEQ_ALIGN) },
        { AT_NULL, 0 },
    };
    _Static_assert(G_N_ELEMENTS(all) <= MAX_AUX, "room for the auxiliary vector");
    unsigned n = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        bool optional = all[i].type == AT_SYSINFO_EHDR || all[i].type == AUX_RSEQ_FEATURE_SIZE ||
                        all[i].type == AUX_RSEQ_ALIGN;
        if (!optional || all[i].value) {
            av[n++] = all[i];
        }
    }
    return n;
}

static size_t strings_size(char **strings, size_t *count)
{
    size_t bytes = 0, n = 0;
    for (; strings[n]; n++) {
        bytes += strlen(strings[n]) + 1;
    }
    *count = n;
    return bytes;
}

/* Copy the strings to *at on, and their addresses to the table; both move on. */
static void push_strings(char **strings, size_t n, abi_ulong *at, uint64_t **table)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(strings[i]) + 1;
        memcpy(g2h(*at), strings[i], len);
        *(*table)++ = *at;
        *at += len;
    }
    *(*table)++ = 0;
}

bool stack_build(int argc, char **argv, char **envp, abi_ulong *sp, GError **err)
{
    if (!map_stack(err)) {
        return false;
    }
    size_t nargs, nenv;
    size_t arg_bytes = strings_size(argv, &nargs), env_bytes = strings_size(envp, &nenv);
    size_t path_bytes = strlen(process.exec_arg) + 1;
    size_t table_bytes = (1 + nargs + 1 + nenv + 1) * 8 + MAX_AUX * sizeof(Aux);
    abi_ulong size = process.stack_bottom - process.stack_limit;
    if (arg_bytes + env_bytes + path_bytes + table_bytes + 8192 > size) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "the arguments do not fit on a stack of %lu KiB",
                    size >> 10);
        return false;
    }
    abi_ulong execfn = process.stack_bottom - 8 - path_bytes;
    process.env_end = execfn;
    process.env_start = process.arg_end = execfn - env_bytes;
    process.arg_start = process.arg_end - arg_bytes;
    abi_ulong random = (process.arg_start - 16) & ~(abi_ulong)15;
    memcpy(g2h(execfn), process.exec_arg, path_bytes);
    uint64_t bytes[2];
    random_bytes(bytes);
    memcpy(g2h(random), bytes, sizeof(bytes));

    Aux av[MAX_AUX];
    unsigned naux = make_auxv(av, execfn, random);
    *sp = (random - (1 + nargs + 1 + nenv + 1) * 8 - naux * sizeof(Aux)) & ~(abi_ulong)15;
    uint64_t *table = g2h(*sp);
    *table++ = nargs;
    abi_ulong at = process.arg_start;
    push_strings(argv, nargs, &at, &table);
    push_strings(envp, nenv, &at, &table);
    memcpy(table, av, naux * sizeof(Aux));
    process.auxv = h2g(table);
    process.auxv_size = naux * sizeof(Aux);
    process.start_stack = *sp;
    return true;
}
