/*
 * tests/diff/diff_gen.c: the differential tester's program.
 *
 *   diff_gen OUT SEED CLASS [BLOCKS [INSNS]]               write the guest program of that seed
 *   diff_gen -explain REF GOT SEED CLASS [BLOCKS [INSNS]]  say where two outputs of it differ
 *   diff_gen -classes                                      list the classes
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/decode.h"
#include "tests/diff/program.h"

enum { BLOCKS = 50, INSNS = 30 };

static void list_body(const Block *b)
{
    for (unsigned at = b->body; at < b->body_end;) {
        uint32_t word = 0;
        memcpy(&word, b->code->data + at, MIN(4, b->code->len - at));
        DecodedInsn d;
        char text[128] = "?";
        if (rv_decode(word, ~(RvExtSet)0, &d)) {
            rv_disas(&d, b->addr + at, text, sizeof text);
        }
        printf("  %8llx  %0*x%*s %s\n", (unsigned long long)(b->addr + at), d.len * 2,
               d.len == 2 ? word & 0xffff : word, d.len == 2 ? 4 : 0, "", text);
        at += d.len;
    }
}

static void show_words(const char *what, const uint64_t *ref, const uint64_t *got,
                       const uint64_t *init, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (ref[i] != got[i]) {
            printf("  %s%u: reference %016llx, got %016llx (at the start %016llx)\n", what, i,
                   (unsigned long long)ref[i], (unsigned long long)got[i],
                   (unsigned long long)init[i]);
        }
    }
}

/* Prints the first block whose dumps differ. Returns whether one did. */
static bool explain(const Program *p, const char *ref_file, const char *got_file)
{
    char *data[2];
    gsize len[2];
    const char *file[2] = { ref_file, got_file };
    for (unsigned i = 0; i < 2; i++) {
        if (!g_file_get_contents(file[i], &data[i], &len[i], NULL)) {
            fprintf(stderr, "diff_gen: cannot read %s\n", file[i]);
            exit(2);
        }
    }
    bool found = false;
    for (unsigned k = 0; k < p->nblocks && !found; k++) {
        gsize at = k * sizeof(Dump);
        const Block *b = &p->blocks[k];
        bool missing = at + sizeof(Dump) > len[0] || at + sizeof(Dump) > len[1];
        if (!missing && memcmp(data[0] + at, data[1] + at, sizeof(Dump)) == 0) {
            continue;
        }
        printf("block %u, init at %#llx:\n", k,
               (unsigned long long)(DATA_ADDR + sizeof(Dump) + k * sizeof(Init)));
        if (missing) {
            printf("  no output: reference has %zu bytes, got %zu\n", len[0], len[1]);
        } else {
            Dump ref, got;
            memcpy(&ref, data[0] + at, sizeof ref);
            memcpy(&got, data[1] + at, sizeof got);
            show_words("x", ref.x, got.x, b->init.x, 32);
            show_words("f", ref.f, got.f, b->init.f, 32);
            show_words("fcsr", &ref.fcsr, &got.fcsr, &b->init.fcsr, 1);
            for (unsigned i = 0; i < SCRATCH_SIZE; i++) {
                if (ref.scratch[i] != got.scratch[i]) {
                    printf("  scratch byte at base%+d: reference %02x, got %02x\n",
                           (int)i - SCRATCH_BELOW, ref.scratch[i], got.scratch[i]);
                }
            }
        }
        for (unsigned i = 0; i < 32; i += 2) {
            printf("  x%-2u %016llx x%-2u %016llx  f%-2u %016llx f%-2u %016llx\n", i,
                   (unsigned long long)b->init.x[i], i + 1, (unsigned long long)b->init.x[i + 1],
                   i, (unsigned long long)b->init.f[i], i + 1,
                   (unsigned long long)b->init.f[i + 1]);
        }
        printf("  fcsr %02llx\n", (unsigned long long)b->init.fcsr);
        list_body(b);
        found = true;
    }
    g_free(data[0]);
    g_free(data[1]);
    return found;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "-classes") == 0) {
        for (unsigned i = 0; program_classes[i]; i++) {
            puts(program_classes[i]);
        }
        return 0;
    }
    bool explaining = argc > 1 && strcmp(argv[1], "-explain") == 0;
    int at = explaining ? 4 : 2;
    if (argc < at + 2) {
        fprintf(stderr, "usage: diff_gen OUT SEED CLASS [BLOCKS [INSNS]]\n"
                        "       diff_gen -explain REF GOT SEED CLASS [BLOCKS [INSNS]]\n");
        return 2;
    }
    unsigned blocks = argc > at + 2 ? (unsigned)atoi(argv[at + 2]) : BLOCKS;
    unsigned insns = argc > at + 3 ? (unsigned)atoi(argv[at + 3]) : INSNS;
    Program p;
    rv_decode_init();
    if (blocks == 0 || insns == 0 ||
        !program_generate(&p, strtoull(argv[at], NULL, 0), argv[at + 1], blocks, insns)) {
        fprintf(stderr, "diff_gen: bad number, or no class %s\n", argv[at + 1]);
        return 2;
    }
    int status = 0;
    if (explaining) {
        status = explain(&p, argv[2], argv[3]);
    } else {
        GByteArray *elf = program_elf(&p);
        GError *err = NULL;
        if (!g_file_set_contents(argv[1], (const char *)elf->data, elf->len, &err)) {
            fprintf(stderr, "diff_gen: %s\n", err->message);
            status = 2;
        }
        g_byte_array_free(elf, true);
    }
    program_free(&p);
    return status;
}
