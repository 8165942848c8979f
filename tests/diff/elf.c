/*
 * tests/diff/elf.c: program_elf(): two segments and a header, no sections.
 */
#include <elf.h>
#include <string.h>

#include "tests/diff/program.h"

enum { PAGE = 4096, RISCV_FLAGS = 0x5 };        /* RVC, double-float ABI */

GByteArray *program_elf(const Program *p)
{
    GByteArray *text = g_byte_array_new(), *data = g_byte_array_new();
    const Init *zero = &(Init){ .fcsr = 0 };

    for (unsigned i = 0; i < p->nblocks; i++) {
        g_byte_array_append(text, p->blocks[i].code->data, p->blocks[i].code->len);
    }
    g_byte_array_append(data, p->scratch, SCRATCH_SIZE);
    g_byte_array_append(data, (const uint8_t *)zero, sizeof(Dump) - SCRATCH_SIZE);
    for (unsigned i = 0; i < p->nblocks; i++) {
        g_byte_array_append(data, (const uint8_t *)&p->blocks[i].init, sizeof(Init));
    }

    uint64_t text_pos = PAGE, data_pos = (text_pos + text->len + PAGE - 1) / PAGE * PAGE;
    Elf64_Ehdr eh = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC, .e_machine = EM_RISCV, .e_version = EV_CURRENT, .e_entry = TEXT_ADDR,
        .e_phoff = sizeof(Elf64_Ehdr), .e_flags = RISCV_FLAGS, .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
    };
    Elf64_Phdr ph[2] = {
        { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = text_pos, .p_vaddr = TEXT_ADDR,
          .p_paddr = TEXT_ADDR, .p_filesz = text->len, .p_memsz = text->len, .p_align = PAGE },
        { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = data_pos, .p_vaddr = DATA_ADDR,
          .p_paddr = DATA_ADDR, .p_filesz = data->len, .p_memsz = data->len, .p_align = PAGE },
    };
    GByteArray *elf = g_byte_array_new();
    g_byte_array_set_size(elf, (guint)(data_pos + data->len));
    memset(elf->data, 0, elf->len);
    memcpy(elf->data, &eh, sizeof eh);
    memcpy(elf->data + sizeof eh, ph, sizeof ph);
    memcpy(elf->data + text_pos, text->data, text->len);
    memcpy(elf->data + data_pos, data->data, data->len);
    g_byte_array_free(text, true);
    g_byte_array_free(data, true);
    return elf;
}
