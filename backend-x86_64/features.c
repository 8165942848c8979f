/*
 * backend-x86_64/features.c: what the host CPU can do.
 *
 * Owns the names of the features and what each stands on: switching one off switches off all that
 * need it, so any mask a test asks for is a machine that could exist. A vector extension counts
 * only when the operating system saves its registers (XCR0).
 *
 * Source: Intel SDM volume 2A, CPUID; volume 1, chapter 13 (XGETBV, XCR0).
 */
#include <cpuid.h>
#include <string.h>
#include <sys/platform/x86.h>

#include "backend-x86_64/codegen.h"

typedef struct FeatureName {
    const char *name;
    uint32_t bit;
    uint32_t dependents;        /* go when this one goes */
} FeatureName;

static const FeatureName feature_names[] = {
    { "avx",      HOST_AVX,      HOST_AVX2 | HOST_FMA | HOST_AVX512 },
    { "avx2",     HOST_AVX2,     HOST_AVX512 },
    { "fma",      HOST_FMA,      HOST_AVX512 },
    { "bmi1",     HOST_BMI1,     0 },
    { "bmi2",     HOST_BMI2,     0 },
    { "lzcnt",    HOST_LZCNT,    0 },
    { "avx512",   HOST_AVX512,   0 },
    { "erms",     HOST_ERMS,     0 },
    { "fsgsbase", HOST_FSGSBASE, 0 },
    { "pclmul",   HOST_PCLMUL,   0 },
};

enum { NUM_FEATURES = sizeof(feature_names) / sizeof(feature_names[0]) };

static uint64_t read_xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* What the OS keeps across a context switch: XCR0 bits 1-2 for ymm, 5-7 for opmask and zmm. */
static void os_state(uint32_t leaf1_ecx, bool *ymm, bool *zmm)
{
    *ymm = *zmm = false;
    if (leaf1_ecx & bit_OSXSAVE) {
        uint64_t xcr0 = read_xcr0();
        *ymm = (xcr0 & 0x06) == 0x06;
        *zmm = (xcr0 & 0xe6) == 0xe6;
    }
}

/* As the C library has read it: CPUID traps in a virtual machine, six took 2 % of a start. */
static const unsigned *cpuid_leaf(unsigned index)
{
    return __x86_get_cpuid_feature_leaf(index)->cpuid_array;
}

uint32_t backend_host_features(void)
{
    enum { EBX = 1, ECX = 2 };
    const uint32_t avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    uint32_t f = 0, c = cpuid_leaf(CPUID_INDEX_1)[ECX], b = cpuid_leaf(CPUID_INDEX_7)[EBX];
    bool ymm, zmm;
    os_state(c, &ymm, &zmm);
    if (ymm && (c & bit_AVX)) {
        f |= HOST_AVX;
        f |= c & bit_FMA ? HOST_FMA : 0;
    }
    f |= (f & HOST_AVX) && (b & bit_AVX2) ? HOST_AVX2 : 0;
    f |= (f & HOST_AVX2) && (f & HOST_FMA) && zmm && (b & avx512) == avx512 ? HOST_AVX512 : 0;
    /* BMI's VEX encodings fault when the OS has not switched VEX on. */
    f |= ymm && (b & bit_BMI) ? HOST_BMI1 : 0;
    f |= ymm && (b & bit_BMI2) ? HOST_BMI2 : 0;
    f |= c & bit_PCLMUL ? HOST_PCLMUL : 0;
    f |= b & (1u << 9) ? HOST_ERMS : 0;
    f |= b & bit_FSGSBASE ? HOST_FSGSBASE : 0;
    f |= cpuid_leaf(CPUID_INDEX_80000001)[ECX] & bit_LZCNT ? HOST_LZCNT : 0;
    return f;
}

const char *backend_host_lacks(void)
{
    static const FeatureName needed[] = {
        { "SSE3", bit_SSE3, 0 }, { "SSSE3", bit_SSSE3, 0 }, { "SSE4.1", bit_SSE4_1, 0 },
        { "SSE4.2", bit_SSE4_2, 0 }, { "POPCNT", bit_POPCNT, 0 },
        { "CMPXCHG16B", bit_CMPXCHG16B, 0 },
    };
    enum { ECX = 2 };
    uint32_t c = cpuid_leaf(CPUID_INDEX_1)[ECX];
    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!(c & needed[i].bit)) {
            return needed[i].name;
        }
    }
    return NULL;
}

static bool switch_off(const char *word, size_t len, uint32_t *features)
{
    for (unsigned i = 0; i < NUM_FEATURES; i++) {
        const FeatureName *n = &feature_names[i];
        if (strlen(n->name) == len && !strncmp(n->name, word, len)) {
            *features &= ~(n->bit | n->dependents);
            return true;
        }
    }
    return false;
}

bool backend_parse_features(const char *spec, uint32_t *features)
{
    uint32_t f = *features;
    for (const char *p = spec; *p;) {
        size_t len = strcspn(p, ",");
        if (len > 0 && (p[0] != '-' || !switch_off(p + 1, len - 1, &f))) {
            return false;
        }
        p += len;
        p += *p == ',';
    }
    *features = f;
    return true;
}
