/*
 * tests/fuzz/fuzz_decode.c: any word decodes to something sound, the same way twice, and has a
 * text.
 *
 * Input: 8 bytes of extension set, then words.
 */
#include <assert.h>
#include <string.h>

#include "frontend/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(uint32_t word, RvExtSet exts)
{
    DecodedInsn d, again;
    char text[128];
    memset(&d, 0xa5, sizeof(d));
    memset(&again, 0x5a, sizeof(again));
    bool ok = rv_decode(word, exts, &d);
    assert(d.len == ((word & 3) == 3 ? 4 : 2));
    assert(ok == (d.id != RV_ILLEGAL));
    assert(rv_decode(word, exts, &again) == ok);
    if (ok) {
        assert(d.id < RV_COUNT && d.row < rv_row_count() && again.id == d.id && again.row == d.row);
        assert(d.rd < 32 && d.rs1 < 32 && d.rs2 < 32 && d.rs3 < 32 && d.rm < 8);
        assert(again.rd == d.rd && again.rs1 == d.rs1 && again.rs2 == d.rs2 && again.imm == d.imm);
        const RvRow *row = rv_row(d.row);
        assert((d.word & row->mask) == row->match && exts >> row->ext & 1);
    }
    size_t n = rv_disas(&d, 0x10000, text, sizeof(text));
    assert(n > 0 && n < sizeof(text) && strlen(text) == n);
    rv_disas(&d, 0x10000, text, 4);
    assert(strlen(text) < 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        rv_decode_init();
        ready = true;
    }
    RvExtSet exts;
    if (size < sizeof(exts)) {
        return 0;
    }
    memcpy(&exts, data, sizeof(exts));
    for (size_t at = sizeof(exts); at + 4 <= size; at += 4) {
        uint32_t word;
        memcpy(&word, data + at, sizeof(word));
        one(word, exts);
        one(word, ~(RvExtSet)0);
    }
    return 0;
}
