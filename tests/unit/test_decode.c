/*
 * tests/unit/test_decode.c: the instruction table, the decoder, the disassembler, the cpu models.
 *
 * The words are what binutils assembles; those of Zcb, Zicond and Zimop, which it does not know
 * yet, are from the manual. Branch targets are relative to PC.
 */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/decode.h"
#include "tests/unit/suite.h"

#define PC 0x10000

static RvExtSet all(void)
{
    RvExtSet exts;
    char *err = NULL;
    ck_assert(rv_cpu_model("max", &exts, &err));
    return exts;
}

static RvExtSet model(const char *spec)
{
    RvExtSet exts;
    char *err = NULL;
    ck_assert_msg(rv_cpu_model(spec, &exts, &err), "%s: %s", spec, err);
    return exts;
}

static const struct {
    uint32_t word;
    const char *text;
} words[] = {
    { 0x12345537, "lui a0,0x12345" },
    { 0xfffff2b7, "lui t0,0xfffff" },
    { 0x00001197, "auipc gp,0x1" },
    { 0x001000ef, "jal 0x10800" },
    { 0xffdff06f, "j 0xfffc" },
    { 0xff838367, "jalr t1,-8(t2)" },
    { 0x000780e7, "jalr a5" },
    { 0x01028067, "jr 16(t0)" },
    { 0x00008067, "ret" },
    { 0x7eb50fe3, "beq a0,a1,0x10ffe" },
    { 0x80941063, "bne s0,s1,0xf000" },
    { 0x00050863, "beqz a0,0x10010" },
    { 0x01f05863, "blez t6,0x10010" },
    { 0x02d04063, "bgtz a3,0x10020" },
    { 0x04b56063, "bltu a0,a1,0x10040" },
    { 0xfff58503, "lb a0,-1(a1)" },
    { 0x7ff5c503, "lbu a0,2047(a1)" },
    { 0x800ede03, "lhu t3,-2048(t4)" },
    { 0x000d6d83, "lwu s11,0(s10)" },
    { 0x00853083, "ld ra,8(a0)" },
    { 0xfea58fa3, "sb a0,-1(a1)" },
    { 0x01ef9f23, "sh t5,30(t6)" },
    { 0x00052223, "sw zero,4(a0)" },
    { 0x81b23023, "sd s11,-2048(tp)" },
    { 0x05d00893, "li a7,93" },
    { 0x80058513, "addi a0,a1,-2048" },
    { 0x0055a513, "slti a0,a1,5" },
    { 0x0015b513, "seqz a0,a1" },
    { 0xfff5c513, "not a0,a1" },
    { 0xfff56513, "ori a0,a0,-1" },
    { 0x03f59513, "slli a0,a1,0x3f" },
    { 0x4205d513, "srai a0,a1,0x20" },
    { 0x01498933, "add s2,s3,s4" },
    { 0x40b00533, "neg a0,a1" },
    { 0x00b03533, "snez a0,a1" },
    { 0x0003029b, "sext.w t0,t1" },
    { 0x41f5d51b, "sraiw a0,a1,0x1f" },
    { 0x40c5853b, "subw a0,a1,a2" },
    { 0x0ff0000f, "fence" },
    { 0x0310000f, "fence rw,w" },
    { 0x8330000f, "fence.tso" },
    { 0x0000100f, "fence.i" },
    { 0x0100000f, "pause" },
    { 0x00000073, "ecall" },
    { 0x00100073, "ebreak" },
    { 0xc0001073, "unimp" },
    { 0x12359573, "csrrw a0,0x123,a1" },
    { 0x00102573, "frflags a0" },
    { 0x00159073, "fsflags a1" },
    { 0x003fe573, "csrrsi a0,fcsr,31" },
    { 0xc0102473, "rdtime s0" },
    { 0x00215073, "fsrmi 2" },
    { 0x02c5a533, "mulhsu a0,a1,a2" },
    { 0x027372bb, "remuw t0,t1,t2" },
    { 0x1005a52f, "lr.w a0,(a1)" },
    { 0x1605b52f, "lr.d.aqrl a0,(a1)" },
    { 0x1ac5b52f, "sc.d.rl a0,a2,(a1)" },
    { 0x04c5a02f, "amoadd.w.aq zero,a2,(a1)" },
    { 0xe063b2af, "amomaxu.d t0,t1,(t2)" },
    { 0xffc12007, "flw ft0,-4(sp)" },
    { 0x7fb43c27, "fsd fs11,2040(s0)" },
    { 0x68c5f543, "fmadd.s fa0,fa1,fa2,fa3" },
    { 0xfbee9e4b, "fnmsub.d ft8,ft9,ft10,ft11,rtz" },
    { 0x02c5f553, "fadd.d fa0,fa1,fa2" },
    { 0x18c5b553, "fdiv.s fa0,fa1,fa2,rup" },
    { 0x5a00f053, "fsqrt.d ft0,ft1" },
    { 0x20b59553, "fneg.s fa0,fa1" },
    { 0x22948453, "fmv.d fs0,fs1" },
    { 0x22c5a553, "fsgnjx.d fa0,fa1,fa2" },
    { 0x28c58553, "fmin.s fa0,fa1,fa2" },
    { 0xa2b52553, "feq.d a0,fa0,fa1" },
    { 0xe0051553, "fclass.s a0,fa0" },
    { 0xc2051553, "fcvt.w.d a0,fa0,rtz" },
    { 0xd0357553, "fcvt.s.lu fa0,a0" },
    { 0x42058553, "fcvt.d.s fa0,fa1" },
    { 0xd2050553, "fcvt.d.w fa0,a0" },
    { 0xe0050553, "fmv.x.w a0,fa0" },
    { 0xf2050553, "fmv.d.x fa0,a0" },
    { 0x20c5e533, "sh3add a0,a1,a2" },
    { 0x08c5853b, "add.uw a0,a1,a2" },
    { 0x0805853b, "zext.w a0,a1" },
    { 0x0a85951b, "slli.uw a0,a1,0x28" },
    { 0x40c5f533, "andn a0,a1,a2" },
    { 0x6005951b, "clzw a0,a1" },
    { 0x0805c53b, "zext.h a0,a1" },
    { 0x60459513, "sext.b a0,a1" },
    { 0x63f5d513, "rori a0,a1,0x3f" },
    { 0x60c5953b, "rolw a0,a1,a2" },
    { 0x2875d513, "orc.b a0,a1" },
    { 0x6b85d513, "rev8 a0,a1" },
    { 0x0ac5f533, "maxu a0,a1,a2" },
    { 0x4bf5d513, "bexti a0,a1,0x3f" },
    { 0x48c59533, "bclr a0,a1,a2" },
    { 0x0ac5b533, "clmulh a0,a1,a2" },
    { 0x0045200f, "cbo.zero (a0)" },
    { 0x0022a00f, "cbo.flush (t0)" },
    { 0x04356013, "prefetch.w 64(a0)" },
    { 0x00d00073, "wrs.nto" },
    { 0x1fe8, "addi a0,sp,1020" },
    { 0x5de8, "lw a0,124(a1)" },
    { 0x7ce0, "ld s0,248(s1)" },
    { 0x2588, "fld fa0,8(a1)" },
    { 0xe81c, "sd a5,16(s0)" },
    { 0xb500, "fsd fs0,40(a0)" },
    { 0x0001, "nop" },
    { 0x1f81, "addi t6,t6,-32" },
    { 0x257d, "addiw a0,a0,31" },
    { 0x5501, "li a0,-32" },
    { 0x7101, "addi sp,sp,-512" },
    { 0x7501, "lui a0,0xfffe0" },
    { 0x917d, "srli a0,a0,0x3f" },
    { 0x8405, "srai s0,s0,0x1" },
    { 0x9bfd, "andi a5,a5,-1" },
    { 0x8d0d, "sub a0,a0,a1" },
    { 0x8c25, "xor s0,s0,s1" },
    { 0x8d4d, "or a0,a0,a1" },
    { 0x8d6d, "and a0,a0,a1" },
    { 0x9d0d, "subw a0,a0,a1" },
    { 0x9d2d, "addw a0,a0,a1" },
    { 0xb001, "j 0xf800" },
    { 0xcd7d, "beqz a0,0x100fe" },
    { 0xf081, "bnez s1,0xff00" },
    { 0x1286, "slli t0,t0,0x21" },
    { 0x3dfe, "fld fs11,504(sp)" },
    { 0x50fe, "lw ra,252(sp)" },
    { 0x7dfe, "ld s11,504(sp)" },
    { 0x8282, "jr t0" },
    { 0x842a, "mv s0,a0" },
    { 0x9002, "ebreak" },
    { 0x9502, "jalr a0" },
    { 0x946e, "add s0,s0,s11" },
    { 0xbfaa, "fsd fa0,504(sp)" },
    { 0xc002, "sw zero,0(sp)" },
    { 0xe406, "sd ra,8(sp)" },
    { 0x809c, "lbu a5,0(s1)" },
    { 0x8174, "lbu a3,3(a0)" },
    { 0x8630, "lhu a2,2(a2)" },
    { 0x84ec, "lh a1,2(s1)" },
    { 0x89c8, "sb a0,1(a1)" },
    { 0x8ea8, "sh a0,2(a3)" },
    { 0x9edd, "mul a3,a3,a5" },
    { 0x9e61, "zext.b a2,a2" },
    { 0x9de5, "sext.b a1,a1" },
    { 0x9f69, "zext.h a4,a4" },
    { 0x9f6d, "sext.h a4,a4" },
    { 0x9e71, "zext.w a2,a2" },
    { 0x9c75, "not s0,s0" },
    { 0x6081, "nop" },
    { 0x0fdc5bb3, "czero.eqz s7,s8,t4" },
    { 0x0f9df7b3, "czero.nez a5,s11,s9" },
    { 0xcdc2c8f3, "mop.r.28 a7,t0" },
    { 0x8335c6f3, "mop.rr.0 a3,a1,s3" },
};

START_TEST(test_words)
{
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        DecodedInsn d;
        char text[96];
        ck_assert_msg(rv_decode(words[i].word, all(), &d), "%08x %s", words[i].word, words[i].text);
        ck_assert_uint_eq(d.len, (words[i].word & 3) == 3 ? 4 : 2);
        size_t n = rv_disas(&d, PC, text, sizeof(text));
        ck_assert_msg(!strcmp(text, words[i].text), "%08x: '%s', not '%s'", words[i].word, text,
                      words[i].text);
        ck_assert_uint_eq(n, strlen(text));
    }
}
END_TEST

/* Only compressed rows have operands that are reserved. */
START_TEST(test_rows_decode_to_themselves)
{
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (unsigned r = 0; r < rv_row_count(); r++) {
        const RvRow *row = rv_row(r);
        unsigned good = 0;
        for (unsigned i = 0; i < 500; i++) {
            DecodedInsn d;
            uint32_t w = rv_row_random(r, &seed);
            ck_assert_uint_eq(w & row->mask, row->match);
            if (!rv_decode(w, all(), &d)) {
                ck_assert_msg(row->len == 2, "%s: %08x is illegal", row->name, w);
                continue;
            }
            const RvRow *got = rv_row(d.row);
            good += d.row == r;
            ck_assert_uint_eq(d.id, got->id);
            ck_assert_uint_eq(d.len, row->len);
            ck_assert_uint_lt(d.rd | d.rs1 | d.rs2 | d.rs3, 32);
            ck_assert_msg(d.row == r || (__builtin_popcount(got->mask) >
                                         __builtin_popcount(row->mask) &&
                                         (w & got->mask) == got->match),
                          "%s: %08x became %s", row->name, w, got->name);
        }
        ck_assert_msg(good > 0, "%s never decodes", row->name);
    }
}
END_TEST

START_TEST(test_overlapping_rows_differ_in_specificity)
{
    for (unsigned a = 0; a < rv_row_count(); a++) {
        for (unsigned b = a + 1; b < rv_row_count(); b++) {
            const RvRow *x = rv_row(a), *y = rv_row(b);
            if (x->len == y->len && ((x->match ^ y->match) & x->mask & y->mask) == 0) {
                ck_assert_msg(__builtin_popcount(x->mask) != __builtin_popcount(y->mask),
                              "%s and %s overlap", x->name, y->name);
            }
        }
    }
}
END_TEST

/* The decoder against a plain search of the table, over all 16-bit words and many of 32. */
START_TEST(test_buckets)
{
    uint64_t seed = 1;
    for (uint32_t i = 0; i < 0x30000; i++) {
        uint32_t w = i;
        if (i >= 0x10000) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            w = (uint32_t)(seed >> 32) | 3;
        } else if ((w & 3) == 3) {
            continue;
        }
        int best = -1;
        for (unsigned r = 0; r < rv_row_count(); r++) {
            const RvRow *row = rv_row(r);
            if (row->len == ((w & 3) == 3 ? 4 : 2) && (w & row->mask) == row->match &&
                (best < 0 || __builtin_popcount(row->mask) >
                                 __builtin_popcount(rv_row((unsigned)best)->mask))) {
                best = (int)r;
            }
        }
        DecodedInsn d;
        char text[96];
        bool ok = rv_decode(w, all(), &d);
        ck_assert_msg(!ok || (int)d.row == best, "%08x", w);
        ck_assert_msg(ok || best < 0 || rv_row((unsigned)best)->len == 2, "%08x", w);
        ck_assert_uint_gt(rv_disas(&d, PC, text, sizeof(text)), 0);
        ck_assert_uint_lt(strlen(text), sizeof(text) - 1);
    }
}
END_TEST

static const struct {
    const char *cpu;
    uint32_t word;
    const char *what;
} illegal[] = {
    { "max", 0x0000, "all zeros" },
    { "max", 0xffffffff, "all ones" },
    { "max", 0x0004, "c.addi4spn by 0" },
    { "max", 0x2001, "c.addiw x0" },
    { "max", 0x6101, "c.addi16sp by 0" },
    { "max", 0x6501, "c.lui 0" },
    { "max,zcmop=off", 0x6081, "c.lui 0, else c.mop.1" },
    { "max", 0x4002, "c.lwsp x0" },
    { "max", 0x6002, "c.ldsp x0" },
    { "max", 0x8002, "c.jr x0" },
    { "max", 0x9c79, "quadrant 1, reserved" },
    { "max", 0x0005200f, "cbo.inval" },
    { "max", 0x30200073, "mret" },
    { "max", 0x10500073, "wfi" },
    { "max", 0x1015a52f, "lr.w with rs2" },
    { "max", 0x06c5f553, "fadd.q" },
    { "rv64", 0x809c, "c.lbu" },
    { "rv64", 0x20c5e533, "sh3add" },
    { "rv64", 0x0fdc5bb3, "czero.eqz" },
    { "rv64,c=off", 0x0001, "c.nop" },
    { "max,d=off", 0x2588, "c.fld" },
    { "max,d=off", 0x02c5f553, "fadd.d" },
    { "max,f=off", 0x02c5f553, "fadd.d" },
    { "max,m=off", 0x9edd, "c.mul" },
    { "rv64i", 0x02c5a533, "mulhsu" },
    { "rv64i", 0x1005a52f, "lr.w" },
    { "rv64i", 0x00102573, "csrrs" },
};

START_TEST(test_illegal)
{
    for (size_t i = 0; i < G_N_ELEMENTS(illegal); i++) {
        DecodedInsn d;
        ck_assert_msg(!rv_decode(illegal[i].word, model(illegal[i].cpu), &d), "%s",
                      illegal[i].what);
        ck_assert_uint_eq(d.id, RV_ILLEGAL);
        ck_assert_uint_eq(d.len, (illegal[i].word & 3) == 3 ? 4 : 2);
    }
}
END_TEST

/* A hint whose extension is off is what it was before. */
START_TEST(test_fall_back)
{
    DecodedInsn d;
    ck_assert(rv_decode(0x0100000f, model("rv64"), &d));
    ck_assert_uint_eq(d.id, RV_fence);
    ck_assert(rv_decode(0x04356013, model("rv64"), &d));
    ck_assert_uint_eq(d.id, RV_ori);
    ck_assert_int_eq(d.imm, 0x43);
}
END_TEST

#define GC_ISA "rv64imafdc_zicntr_zicsr_zifencei_zaamo_zalrsc_zca_zcd"
#define MAX_ISA "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintntl_" \
    "zihintpause_zihpm_zimop_zaamo_zalrsc_zawrs_zca_zcb_zcd_zcmop_zba_zbb_zbc_zbs_zkt"

static const struct {
    const char *spec, *isa, *err;
} cpus[] = {
    { "max", MAX_ISA, NULL },
    { "any", MAX_ISA, NULL },
    { "", MAX_ISA, NULL },
    { "rv64", GC_ISA, NULL },
    { "rva20u64", GC_ISA, NULL },
    { "rv64i", "rv64i", NULL },
    { "rv64i,m=on,d=true", "rv64imfd_zicsr", NULL },
    { "rv64,zicsr=off", "rv64imac_zifencei_zaamo_zalrsc_zca", NULL },
    { "rv64,zba,zcb=on,v=off",
      "rv64imafdc_zicntr_zicsr_zifencei_zaamo_zalrsc_zca_zcb_zcd_zba", NULL },
    { "rv64,cboz_blocksize=64,vext_spec=v1.0", GC_ISA, NULL },
    { "rv64,cboz_blocksize=32", NULL, "cboz_blocksize" },
    { "rv65", NULL, "unknown cpu model 'rv65'; models: max any rv64" },
    { "rv64,zfoo=on", NULL, "unknown cpu property 'zfoo'" },
    { "rv64,m=maybe", NULL, "'maybe'" },
    { "max,v=on", NULL, "'v' is not supported" },
    { "max,i=off", NULL, "'i'" },
};

START_TEST(test_models)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cpus); i++) {
        RvExtSet exts;
        char *err = NULL;
        bool ok = rv_cpu_model(cpus[i].spec, &exts, &err);
        ck_assert_msg(ok == (cpus[i].isa != NULL), "%s: %s", cpus[i].spec, err);
        if (ok) {
            char *isa = rv_isa_string(exts);
            ck_assert_str_eq(isa, cpus[i].isa);
            g_free(isa);
        } else {
            ck_assert_msg(strstr(err, cpus[i].err) != NULL, "%s: %s", cpus[i].spec, err);
            g_free(err);
        }
    }
}
END_TEST

int main(void)
{
    rv_decode_init();
    Suite *s = suite_create("decode");
    TCase *t = tcase_create("decode");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_words);
    tcase_add_test(t, test_rows_decode_to_themselves);
    tcase_add_test(t, test_overlapping_rows_differ_in_specificity);
    tcase_add_test(t, test_buckets);
    tcase_add_test(t, test_illegal);
    tcase_add_test(t, test_fall_back);
    tcase_add_test(t, test_models);
    suite_add_tcase(s, t);
    return run_suite(s);
}
