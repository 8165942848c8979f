/*
 * linux-user/hwprobe.c: keys and bits of riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst).
 *
 * The bits follow from the ISA string of exec_options.exts, so that the system call, /proc/cpuinfo
 * and the decoder agree. Computed once, then read-only.
 */
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "exec/cpu_exec.h"
#include "frontend/cpu.h"
#include "linux-user/hwprobe.h"
#include "linux-user/mmap.h"

enum {
    KEY_MVENDORID, KEY_MARCHID, KEY_MIMPID, KEY_BASE_BEHAVIOR, KEY_IMA_EXT_0, KEY_CPUPERF_0,
    KEY_ZICBOZ_BLOCK_SIZE, KEY_HIGHEST_VIRT_ADDRESS, KEY_TIME_CSR_FREQ, KEY_MISALIGNED_SCALAR_PERF,
    KEY_MISALIGNED_VECTOR_PERF, KEY_VENDOR_EXT_THEAD_0, KEY_ZICBOM_BLOCK_SIZE,
    KEY_VENDOR_EXT_SIFIVE_0, KEY_VENDOR_EXT_MIPS_0, KEY_ZICBOP_BLOCK_SIZE, KEY_IMA_EXT_1, KEY_COUNT,
};

enum {
    BASE_BEHAVIOR_IMA = 1,
    MISALIGNED_FAST = 3,
    MISALIGNED_UNSUPPORTED = 4,
    CACHE_BLOCK = 64,
};

/* A bit of KEY_IMA_EXT_0 or _1 and the extensions that must all be there. "a|b": one of them. */
typedef struct ExtBit {
    uint8_t bit;
    const char *needs[2];
} ExtBit;

static const ExtBit ext_0[] = {
    { 0, { "f", "d" } }, { 1, { "c" } }, { 2, { "v" } },
    { 3, { "zba" } }, { 4, { "zbb" } }, { 5, { "zbs" } }, { 6, { "zicboz" } }, { 7, { "zbc" } },
    { 8, { "zbkb" } }, { 9, { "zbkc" } }, { 10, { "zbkx" } }, { 11, { "zknd" } },
    { 12, { "zkne" } },
    { 13, { "zknh" } }, { 14, { "zksed" } }, { 15, { "zksh" } }, { 16, { "zkt" } },
    { 17, { "zvbb" } }, { 18, { "zvbc" } }, { 19, { "zvkb|zvbb" } }, { 20, { "zvkg" } },
    { 21, { "zvkned" } }, { 22, { "zvknha|zvknhb" } }, { 23, { "zvknhb" } }, { 24, { "zvksed" } },
    { 25, { "zvksh" } }, { 26, { "zvkt" } }, { 27, { "zfh" } }, { 28, { "zfhmin|zfh" } },
    { 29, { "zihintntl" } }, { 30, { "zvfh" } }, { 31, { "zvfhmin|zvfh" } }, { 32, { "zfa" } },
    { 33, { "ztso" } }, { 34, { "zacas" } }, { 35, { "zicond" } }, { 36, { "zihintpause" } },
    { 37, { "zve32x|v" } }, { 38, { "zve32f|v" } }, { 39, { "zve64x|v" } }, { 40, { "zve64f|v" } },
    { 41, { "zve64d|v" } }, { 42, { "zimop" } }, { 43, { "zca" } }, { 44, { "zcb" } },
    { 45, { "zcd" } }, { 47, { "zcmop" } }, { 48, { "zawrs" } }, { 49, { "supm" } },
    { 50, { "zicntr" } }, { 51, { "zihpm" } }, { 52, { "zfbfmin" } }, { 53, { "zvfbfmin" } },
    { 54, { "zvfbfwma" } }, { 55, { "zicbom" } }, { 56, { "zaamo" } }, { 57, { "zalrsc" } },
    { 58, { "zabha" } }, { 59, { "zalasr" } }, { 60, { "zicbop" } }, { 61, { "zilsd" } },
    { 62, { "zclsd" } }, { 63, { "zicfilp" } },     /* 46, Zcf, is RV32 only */
};
static const ExtBit ext_1[] = {
    { 0, { "zicfiss" } },
};

static GHashTable *names;       /* extensions of the guest's processor */
static uint64_t values[KEY_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool has_one_of(const char *list)
{
    char **words = g_strsplit(list, "|", -1);
    bool found = false;
    for (char **w = words; *w; w++) {
        found |= g_hash_table_contains(names, *w);
    }
    g_strfreev(words);
    return found;
}

static uint64_t bits_of(const ExtBit *rows, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bool all = has_one_of(rows[i].needs[0]);
        if (rows[i].needs[1]) {
            all = all && has_one_of(rows[i].needs[1]);
        }
        bits |= (uint64_t)all << rows[i].bit;
    }
    return bits;
}

/* "rv64imafdc_zicntr_zicsr" -> { i, m, a, f, d, c, zicntr, zicsr } */
static void read_isa_string(void)
{
    char *isa = rv_isa_string(exec_options.exts);
    char **words = g_strsplit(isa, "_", -1);
    names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const char *c = strlen(words[0]) > 4 ? words[0] + 4 : ""; *c; c++) {
        g_hash_table_add(names, g_strndup(c, 1));
    }
    for (char **w = words + 1; words[0] && *w; w++) {
        g_hash_table_add(names, g_strdup(*w));
    }
    g_strfreev(words);
    g_free(isa);
}

static void compute(void)
{
    read_isa_string();
    bool vector = has_one_of("v|zve32x");
    values[KEY_BASE_BEHAVIOR] = has_one_of("m") && has_one_of("a") ? BASE_BEHAVIOR_IMA : 0;
    values[KEY_IMA_EXT_0] = bits_of(ext_0, G_N_ELEMENTS(ext_0));
    values[KEY_IMA_EXT_1] = bits_of(ext_1, G_N_ELEMENTS(ext_1));
    values[KEY_CPUPERF_0] = MISALIGNED_FAST;
    values[KEY_ZICBOZ_BLOCK_SIZE] = has_one_of("zicboz") ? CACHE_BLOCK : 0;
    values[KEY_ZICBOM_BLOCK_SIZE] = has_one_of("zicbom") ? CACHE_BLOCK : 0;
    values[KEY_ZICBOP_BLOCK_SIZE] = has_one_of("zicbop") ? CACHE_BLOCK : 0;
    values[KEY_HIGHEST_VIRT_ADDRESS] = guest_reserved() ? task_size() : 1ull << 47;
    values[KEY_TIME_CSR_FREQ] = RV_TIMEBASE_HZ;
    values[KEY_MISALIGNED_SCALAR_PERF] = MISALIGNED_FAST;
    values[KEY_MISALIGNED_VECTOR_PERF] = vector ? MISALIGNED_FAST : MISALIGNED_UNSUPPORTED;
}

bool hwprobe_value(int64_t key, uint64_t *value)
{
    pthread_once(&once, compute);
    *value = 0;
    if (key < 0 || key >= KEY_COUNT) {
        return false;
    }
    *value = values[key];
    return true;
}

bool hwprobe_is_bitmask(int64_t key)
{
    switch (key) {
    case KEY_BASE_BEHAVIOR:
    case KEY_IMA_EXT_0:
    case KEY_IMA_EXT_1:
    case KEY_CPUPERF_0:
    case KEY_VENDOR_EXT_THEAD_0:
    case KEY_VENDOR_EXT_SIFIVE_0:
    case KEY_VENDOR_EXT_MIPS_0:
        return true;
    default:
        return false;
    }
}

bool hwprobe_has(const char *ext)
{
    pthread_once(&once, compute);
    return has_one_of(ext);
}
