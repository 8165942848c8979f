/*
 * backend-x86_64/disas.c: host code as text, by Capstone.
 *
 * One insn a line: offset, bytes, mnemonic and operands in Intel syntax; jumps show their aim as an
 * offset too. A byte that does not decode is shown as `.byte` and skipped.
 */
#include "backend-x86_64/codegen.h"
#include "backend-x86_64/disas.h"

enum { BYTES_SHOWN = 11 };

static void print_bytes(FILE *f, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < BYTES_SHOWN; i++) {
        if (i < n) {
            fprintf(f, "%02x", p[i]);
        } else {
            fputs("  ", f);
        }
    }
}

void backend_disas(FILE *f, const uint8_t *code, size_t size, uint64_t offset)
{
    csh cs;
    if (!x86_disas_open(&cs)) {
        fprintf(f, "  (no disassembler)\n");
        return;
    }
    cs_insn *insn = cs_malloc(cs);
    const uint8_t *p = code;
    while (size > 0) {
        const uint8_t *start = p;
        if (cs_disasm_iter(cs, &p, &size, &offset, insn)) {
            fprintf(f, "  %04x: ", (unsigned)insn->address);
            print_bytes(f, start, insn->size);
            fprintf(f, "%s %s%s%s\n", insn->size > BYTES_SHOWN ? "+" : " ", insn->mnemonic,
                    insn->op_str[0] ? " " : "", insn->op_str);
        } else {
            fprintf(f, "  %04x: ", (unsigned)offset);
            print_bytes(f, p, 1);
            fprintf(f, "  .byte 0x%02x\n", *p);
            p++, offset++, size--;
        }
    }
    cs_free(insn, 1);
    cs_close(&cs);
}
