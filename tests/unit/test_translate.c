/*
 * tests/unit/test_translate.c: guest insns -> IR, by running the IR in the interpreter.
 *
 * Each row is a few insns, registers before, and one register after. Every row runs twice, one
 * insn a TB and as many as fit, and both must leave the same env. Verified IR in between.
 */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/translate.h"
#include "tests/unit/suite.h"

enum { MAX_CODE = 4096 };

static IrContext *ir;
static RiscvGlobals globals;

typedef struct Guest {
    _Alignas(4096) uint8_t code[MAX_CODE];
    size_t size;
    CPURISCVState env;
    RvExtSet exts;
    IrInterpState st;
    IrExit exit;
    bool alone;
    DisasContext dc;
} Guest;

static Guest guest;
static _Alignas(64) uint64_t data[32];
#define CODE ((uint64_t)guest.code)
#define DATA ((uint64_t)data)

static unsigned fetch(void *opaque, uint64_t pc, void *buf, unsigned len)
{
    const Guest *g = opaque;
    uint64_t off = pc - (uint64_t)g->code;
    if (off >= g->size) {
        return 0;
    }
    unsigned n = (unsigned)MIN(len, g->size - off);
    memcpy(buf, g->code + off, n);
    return n;
}

static void translate(Guest *g, uint64_t pc, unsigned max_insns)
{
    memset(&g->dc, 0, sizeof(g->dc));
    ir_reset(ir);
    g->dc.base.ir = ir;
    g->dc.base.pc_first = pc;
    g->dc.base.max_insns = max_insns;
    g->dc.base.tb_flags = cpu_tb_flags(&g->env);
    g->dc.base.fetch = fetch;
    g->dc.base.fetch_opaque = g;
    g->dc.g = &globals;
    g->dc.exts = g->exts;
    g->dc.alone = g->alone;
    translator_loop(&riscv_translator_ops, &g->dc.base);
    ck_assert(ir_verify(ir));
}

/* Run from the start of the code until a way out that is no jump into the code. */
static void run(Guest *g, unsigned max_insns)
{
    uint64_t pc = (uint64_t)g->code;
    g->st.env = &g->env;
    g->st.round = g->env.frm < IR_RMM ? g->env.frm : IR_RNE;
    for (unsigned n = 0; n < 1000; n++) {
        translate(g, pc, max_insns);
        g->exit = ir_interp(ir, &g->st);
        pc = g->exit.pc;
        if (g->exit.kind == IR_EXIT_TB && g->exit.reason == EXCP_FLAGS) {
            cpu_set_frm(&g->env, g->env.frm);
            g->st.round = g->env.frm < IR_RMM ? g->env.frm : IR_RNE;
        } else if (g->exit.kind == IR_EXIT_TB || pc - (uint64_t)g->code >= g->size) {
            return;
        }
    }
    ck_abort_msg("the guest does not end");
}

static void reset(Guest *g)
{
    memset(g, 0, sizeof(*g));
    char *err = NULL;
    ck_assert(rv_cpu_model("max", &g->exts, &err));
    g->env.res_addr = ~UINT64_C(0);
    g->env.fp_status = FP_STATUS_RESET;
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        data[i] = UINT64_C(0x8182838485868788) + i * UINT64_C(0x0101010101010101);
    }
}

static void put(Guest *g, uint32_t word)
{
    size_t len = (word & 3) == 3 ? 4 : 2;
    memcpy(g->code + g->size, &word, len);
    g->size += len;
}

/* ---- encoders ---- */

#define R_(op, f3, f7, rd, rs1, rs2) \
    ((uint32_t)(op) | (rd) << 7 | (f3) << 12 | (rs1) << 15 | (rs2) << 20 | (uint32_t)(f7) << 25)
#define I_(op, f3, rd, rs1, imm) \
    ((uint32_t)(op) | (rd) << 7 | (f3) << 12 | (rs1) << 15 | ((uint32_t)(imm) & 0xfff) << 20)
#define U_(op, rd, imm20) ((uint32_t)(op) | (rd) << 7 | (uint32_t)(imm20) << 12)
#define S_(f3, rs2, rs1, imm) \
    (0x23u | ((imm) & 31) << 7 | (f3) << 12 | (rs1) << 15 | (rs2) << 20 | \
     ((uint32_t)(imm) >> 5 & 127) << 25)
#define B_(f3, rs1, rs2, imm) \
    (0x63u | ((imm) >> 11 & 1) << 7 | ((imm) >> 1 & 15) << 8 | (f3) << 12 | (rs1) << 15 | \
     (rs2) << 20 | ((imm) >> 5 & 63) << 25 | (uint32_t)((imm) >> 12 & 1) << 31)
#define J_(rd, imm) \
    (0x6fu | (rd) << 7 | ((uint32_t)(imm) & 0xff000) | ((imm) >> 11 & 1) << 20 | \
     ((imm) >> 1 & 1023) << 21 | (uint32_t)((imm) >> 20 & 1) << 31)

#define ADD(d, s, t) R_(0x33, 0, 0, d, s, t)
#define ADDI(d, s, i) I_(0x13, 0, d, s, i)
#define SLLI(d, s, n) I_(0x13, 1, d, s, n)
#define SRLI(d, s, n) I_(0x13, 5, d, s, n)
#define SRAI(d, s, n) I_(0x13, 5, d, s, 0x400 | (n))
#define CSR(f3, d, csr, s) I_(0x73, f3, d, s, csr)
#define AMO(f5, f3, d, t, s) R_(0x2f, f3, (f5) << 2, d, s, t)
#define JALR(d, s, i) I_(0x67, 0, d, s, i)
#define ECALL 0x73u

enum { A0 = 10, A1, A2, A3 };

/* ---- arithmetic: a0 = insns(a0, a1, a2) ---- */

#define MIN64 UINT64_C(0x8000000000000000)
#define MIN32S UINT64_C(0xffffffff80000000)
#define M1 (~UINT64_C(0))
#define RR(op, f3, f7) { R_(op, f3, f7, A0, A1, A2) }
#define RI(op, f3, imm) { I_(op, f3, A0, A1, imm) }

static const struct {
    const char *name;
    uint32_t code[4];
    uint64_t a1, a2, out;
} arith[] = {
    { "lui", { U_(0x37, A0, 0x80000) }, 0, 0, MIN32S },
    { "lui addi", { U_(0x37, A0, 0x12345), ADDI(A0, A0, -1) }, 0, 0, 0x12344fff },
    { "lui addiw wraps", { U_(0x37, A0, 0x80000), I_(0x1b, 0, A0, A0, -1) }, 0, 0, 0x7fffffff },
    { "addi", RI(0x13, 0, -2048), 5, 0, (uint64_t)(5 - 2048) },
    { "mv", RI(0x13, 0, 0), 77, 0, 77 },
    { "slti", RI(0x13, 2, -1), (uint64_t)-2, 0, 1 },
    { "sltiu", RI(0x13, 3, -1), (uint64_t)-2, 0, 1 },
    { "seqz", RI(0x13, 3, 1), 1, 0, 0 },
    { "xori", RI(0x13, 4, -1), 5, 0, ~UINT64_C(5) },
    { "ori", RI(0x13, 6, 0x700), 5, 0, 0x705 },
    { "andi", RI(0x13, 7, -256), 0x12345, 0, 0x12300 },
    { "slli", RI(0x13, 1, 63), 3, 0, MIN64 },
    { "srli", RI(0x13, 5, 63), MIN64, 0, 1 },
    { "srai", RI(0x13, 5, 0x400 | 63), MIN64, 0, M1 },
    { "addiw", RI(0x1b, 0, 1), 0x7fffffff, 0, MIN32S },
    { "sext.w", RI(0x1b, 0, 0), 0x180000000, 0, MIN32S },
    { "slliw", RI(0x1b, 1, 31), 3, 0, MIN32S },
    { "srliw 0", RI(0x1b, 5, 0), 0x80000000, 0, MIN32S },
    { "srliw 1", RI(0x1b, 5, 1), 0xffffffff80000000, 0, 0x40000000 },
    { "sraiw", RI(0x1b, 5, 0x404), 0x1080000000, 0, 0xfffffffff8000000 },
    { "add", RR(0x33, 0, 0), M1, 2, 1 },
    { "sub", RR(0x33, 0, 0x20), 1, 2, M1 },
    { "sll", RR(0x33, 1, 0), 1, 64 + 5, 32 },
    { "slt", RR(0x33, 2, 0), MIN64, 0, 1 },
    { "sltu", RR(0x33, 3, 0), MIN64, 0, 0 },
    { "srl", RR(0x33, 5, 0), M1, 63, 1 },
    { "sra", RR(0x33, 5, 0x20), MIN64, 127, M1 },
    { "addw", RR(0x3b, 0, 0), 0x7fffffff, 1, MIN32S },
    { "subw", RR(0x3b, 0, 0x20), 0, 1, M1 },
    { "sllw", RR(0x3b, 1, 0), 1, 32 + 31, MIN32S },
    { "srlw", RR(0x3b, 5, 0), M1, 32, M1 },
    { "sraw", RR(0x3b, 5, 0x20), 0x80000000, 31, M1 },
    { "mul", RR(0x33, 0, 1), MIN64 + 3, 2, 6 },
    { "mulh", RR(0x33, 1, 1), M1, M1, 0 },
    { "mulhsu", RR(0x33, 2, 1), M1, M1, M1 },
    { "mulhu", RR(0x33, 3, 1), M1, M1, M1 - 1 },
    { "div", RR(0x33, 4, 1), (uint64_t)-7, 2, (uint64_t)-3 },
    { "div 0", RR(0x33, 4, 1), 7, 0, M1 },
    { "div overflow", RR(0x33, 4, 1), MIN64, M1, MIN64 },
    { "divu 0", RR(0x33, 5, 1), 7, 0, M1 },
    { "rem", RR(0x33, 6, 1), (uint64_t)-7, 2, M1 },
    { "rem 0", RR(0x33, 6, 1), 7, 0, 7 },
    { "rem overflow", RR(0x33, 6, 1), MIN64, M1, 0 },
    { "remu 0", RR(0x33, 7, 1), M1, 0, M1 },
    { "mulw", RR(0x3b, 0, 1), 0x40000000, 2, MIN32S },
    { "divw 0", RR(0x3b, 4, 1), 7, UINT64_C(1) << 32, M1 },
    { "divw overflow", RR(0x3b, 4, 1), 0x80000000, 0xffffffff, MIN32S },
    { "divuw 0", RR(0x3b, 5, 1), 7, 0, M1 },
    { "divuw", RR(0x3b, 5, 1), M1, 1, M1 },
    { "remw overflow", RR(0x3b, 6, 1), 0x80000000, 0xffffffff, 0 },
    { "remw 0", RR(0x3b, 6, 1), 0x80000001, 0, MIN32S + 1 },
    { "remuw 0", RR(0x3b, 7, 1), 0x180000001, 0, MIN32S + 1 },
    { "zero-extend", { SLLI(A0, A1, 32), SRLI(A0, A0, 32) }, M1, 0, 0xffffffff },
    { "zero-extend, same", { ADDI(A0, A1, 0), SLLI(A0, A0, 32), SRLI(A0, A0, 32) }, M1, 0,
      0xffffffff },
    { "zero-extend, scale", { SLLI(A0, A1, 32), SRLI(A0, A0, 29) }, M1, 0, 0x7fffffff8 },
    { "zero-extend, cut", { SLLI(A0, A1, 32), SRLI(A0, A0, 40) }, M1, 0, 0xffffff },
    { "zero-extend, not quite", { SLLI(A0, A1, 32), SRLI(A0, A1, 32) }, M1, 0, 0xffffffff },
    { "zext 16", { SLLI(A0, A1, 48), SRLI(A0, A0, 48) }, M1, 0, 0xffff },
    { "sext 16", { SLLI(A0, A1, 48), SRAI(A0, A0, 48) }, 0x8000, 0, (uint64_t)-0x8000 },
    { "sext 8", { SLLI(A0, A1, 56), SRAI(A0, A0, 56) }, 0x80, 0, (uint64_t)-0x80 },
    { "sext 32", { SLLI(A0, A1, 32), SRAI(A0, A0, 32) }, 0x80000000, 0, MIN32S },
    { "sext 32, cut", { SLLI(A0, A1, 32), SRAI(A0, A0, 48) }, 0x80000000, 0, (uint64_t)-0x8000 },
    { "add.uw", RR(0x3b, 0, 4), M1, 1, UINT64_C(1) << 32 },
    { "zext.w", { R_(0x3b, 0, 4, A0, A1, 0) }, M1, 0, 0xffffffff },
    { "sh1add", RR(0x33, 2, 0x10), 3, 100, 106 },
    { "sh2add", RR(0x33, 4, 0x10), 3, 100, 112 },
    { "sh3add", RR(0x33, 6, 0x10), 3, 100, 124 },
    { "sh3add.uw", RR(0x3b, 6, 0x10), M1, 1, UINT64_C(0x7fffffff9) },
    { "slli.uw", { I_(0x1b, 1, A0, A1, 0x80 | 4) }, M1, 0, UINT64_C(0xffffffff0) },
    { "andn", RR(0x33, 7, 0x20), 0xff, 0x0f, 0xf0 },
    { "orn", RR(0x33, 6, 0x20), 0, 0x0f, ~UINT64_C(0x0f) },
    { "xnor", RR(0x33, 4, 0x20), 0xff, 0x0f, ~UINT64_C(0xf0) },
    { "clz", RI(0x13, 1, 0x600), 0, 0, 64 },
    { "ctz", RI(0x13, 1, 0x601), 8, 0, 3 },
    { "cpop", RI(0x13, 1, 0x602), M1, 0, 64 },
    { "sext.b", RI(0x13, 1, 0x604), 0x80, 0, (uint64_t)-0x80 },
    { "sext.h", RI(0x13, 1, 0x605), 0x18000, 0, (uint64_t)-0x8000 },
    { "zext.h", { R_(0x3b, 4, 4, A0, A1, 0) }, M1, 0, 0xffff },
    { "clzw", RI(0x1b, 1, 0x600), UINT64_C(1) << 32, 0, 32 },
    { "ctzw", RI(0x1b, 1, 0x601), UINT64_C(1) << 32, 0, 32 },
    { "cpopw", RI(0x1b, 1, 0x602), M1, 0, 32 },
    { "min", RR(0x33, 4, 5), M1, 1, M1 },
    { "minu", RR(0x33, 5, 5), M1, 1, 1 },
    { "max", RR(0x33, 6, 5), M1, 1, 1 },
    { "maxu", RR(0x33, 7, 5), M1, 1, M1 },
    { "rol", RR(0x33, 1, 0x30), MIN64, 1, 1 },
    { "ror", RR(0x33, 5, 0x30), 1, 65, MIN64 },
    { "rori", RI(0x13, 5, 0x600 | 4), 1, 0, UINT64_C(1) << 60 },
    { "rolw", RR(0x3b, 1, 0x30), 0x40000000, 1, MIN32S },
    { "rorw", RR(0x3b, 5, 0x30), 1, 1, MIN32S },
    { "roriw", RI(0x1b, 5, 0x600 | 1), 1, 0, MIN32S },
    { "orc.b", RI(0x13, 5, 0x287), 0x0100008000000010, 0, 0xff0000ff000000ff },
    { "rev8", RI(0x13, 5, 0x6b8), 0x0102030405060708, 0, 0x0807060504030201 },
    { "clmul", RR(0x33, 1, 5), 7, 5, 27 },
    { "clmulr", RR(0x33, 2, 5), MIN64, MIN64, MIN64 },
    { "clmulh", RR(0x33, 3, 5), MIN64, MIN64, MIN64 >> 1 },
    { "bclr", RR(0x33, 1, 0x24), M1, 64 + 3, ~UINT64_C(8) },
    { "bclri", RI(0x13, 1, 0x480 | 63), M1, 0, M1 >> 1 },
    { "bext", RR(0x33, 5, 0x24), 8, 3, 1 },
    { "bexti", RI(0x13, 5, 0x480 | 2), 8, 0, 0 },
    { "binv", RR(0x33, 1, 0x34), 8, 3, 0 },
    { "binvi", RI(0x13, 1, 0x680 | 63), 0, 0, MIN64 },
    { "bset", RR(0x33, 1, 0x14), 0, 63, MIN64 },
    { "bseti", RI(0x13, 1, 0x280 | 4), 1, 0, 17 },
    { "czero.eqz", RR(0x33, 5, 7), 9, 0, 0 },
    { "czero.eqz not", RR(0x33, 5, 7), 9, 1, 9 },
    { "czero.nez", RR(0x33, 7, 7), 9, 0, 9 },
    { "mop.r.0", { 0x81c5c573 }, 9, 0, 0 },
    { "write to x0", { ADDI(0, A1, 5), ADDI(A0, 0, 7) }, 1, 0, 7 },
    { "x0 stays", { U_(0x37, 0, 5), ADD(A0, 0, A1) }, 3, 0, 3 },
    { "c.li", { 0x557d }, 0, 0, M1 },                              /* c.li a0,-1 */
    { "c.mv c.add", { 0x852e, 0x9532 }, 40, 2, 42 },               /* c.mv a0,a1; c.add a0,a2 */
    { "c.not", { 0x852e, 0x9d75 }, 5, 0, ~UINT64_C(5) },
};

static void check_same(const CPURISCVState *one, const CPURISCVState *many, const char *name)
{
    ck_assert_msg(!memcmp(one->gpr, many->gpr, sizeof(one->gpr)), "%s: long TB differs", name);
    ck_assert_msg(!memcmp(one->fpr, many->fpr, sizeof(one->fpr)), "%s: long TB differs", name);
    ck_assert_uint_eq(one->frm, many->frm);
    ck_assert_uint_eq(one->gpr[0], 0);
}

START_TEST(test_arith)
{
    for (size_t i = 0; i < G_N_ELEMENTS(arith); i++) {
        CPURISCVState one = { 0 };
        for (unsigned pass = 0; pass < 2; pass++) {
            reset(&guest);
            guest.env.gpr[A0] = 0x55aa;
            guest.env.gpr[A1] = arith[i].a1;
            guest.env.gpr[A2] = arith[i].a2;
            for (unsigned n = 0; n < 4 && arith[i].code[n]; n++) {
                put(&guest, arith[i].code[n]);
            }
            put(&guest, ECALL);
            run(&guest, pass ? 0 : 1);
            ck_assert_int_eq(guest.exit.kind, IR_EXIT_TB);
            ck_assert_msg(guest.exit.reason == EXCP_ECALL, "%s: reason %u", arith[i].name,
                          guest.exit.reason);
            ck_assert_uint_eq(guest.exit.pc, CODE + guest.size - 4);
            ck_assert_msg(guest.env.gpr[A0] == arith[i].out, "%s: %016llx", arith[i].name,
                          (unsigned long long)guest.env.gpr[A0]);
            if (!pass) {
                one = guest.env;
            } else {
                check_same(&one, &guest.env, arith[i].name);
            }
        }
    }
}
END_TEST

/* ---- memory: a1 = data, a2 = a value; a0 and data[0], data[1] after ---- */

#define D0 UINT64_C(0x8182838485868788)
static const struct {
    const char *name;
    uint32_t code[5];
    uint64_t a2, out, mem;
} memory[] = {
    { "lb", { I_(3, 0, A0, A1, 1) }, 0, 0xffffffffffffff87, D0 },
    { "lh", { I_(3, 1, A0, A1, 1) }, 0, 0xffffffffffff8687, D0 },
    { "lw", { I_(3, 2, A0, A1, 0) }, 0, 0xffffffff85868788, D0 },
    { "ld", { I_(3, 3, A0, A1, 0) }, 0, D0, D0 },
    { "lbu", { I_(3, 4, A0, A1, 7) }, 0, 0x81, D0 },
    { "lhu", { I_(3, 5, A0, A1, 6) }, 0, 0x8182, D0 },
    { "lwu", { I_(3, 6, A0, A1, 0) }, 0, 0x85868788, D0 },
    { "ld over its base", { ADDI(A0, A1, 8), I_(3, 3, A0, A0, -8) }, 0, D0, D0 },
    { "sb", { S_(0, A2, A1, 0), ADDI(A0, 0, 0) }, 0x1234, 0, 0x8182838485868734 },
    { "sh", { S_(1, A2, A1, 0), ADDI(A0, 0, 0) }, 0x1234, 0, 0x8182838485861234 },
    { "sw", { S_(2, A2, A1, 4), ADDI(A0, 0, 0) }, M1, 0, 0xffffffff85868788 },
    { "sd", { S_(3, 0, A1, 0), ADDI(A0, 0, 0) }, 0, 0, 0 },
    { "amoswap.w", { AMO(1, 2, A0, A2, A1) }, 5, 0xffffffff85868788, 0x8182838400000005 },
    { "amoadd.w", { AMO(0, 2, A0, A2, A1) }, M1, 0xffffffff85868788, 0x8182838485868787 },
    { "amoadd.d", { AMO(0, 3, A0, A2, A1) }, 1, D0, D0 + 1 },
    { "amoxor.d", { AMO(4, 3, A0, A2, A1) }, M1, D0, ~D0 },
    { "amoand.w", { AMO(12, 2, A0, A2, A1) }, 0xff, 0xffffffff85868788, 0x8182838400000088 },
    { "amoor.d", { AMO(8, 3, A0, A2, A1) }, 0x77, D0, D0 | 0x77 },
    { "amomin.w", { AMO(16, 2, A0, A2, A1) }, 0, 0xffffffff85868788, D0 },
    { "amomax.w", { AMO(20, 2, A0, A2, A1) }, 0, 0xffffffff85868788, 0x8182838400000000 },
    { "amominu.w", { AMO(24, 2, A0, A2, A1) }, 1, 0xffffffff85868788, 0x8182838400000001 },
    { "amomaxu.d", { AMO(28, 3, A0, A2, A1) }, 1, D0, D0 },
    { "amoadd.d to x0", { AMO(0, 3, 0, A2, A1), ADDI(A0, 0, 1) }, 1, 1, D0 + 1 },
    { "lr.w", { AMO(2, 2, A0, 0, A1) }, 0, 0xffffffff85868788, D0 },
    { "lr.d over its base", { ADDI(A0, A1, 0), AMO(2, 3, A0, 0, A0) }, 0, D0, D0 },
    { "lr sc .w", { AMO(2, 2, A3, 0, A1), AMO(3, 2, A0, A2, A1) }, 7, 0, 0x8182838400000007 },
    { "lr sc .d", { AMO(2, 3, A3, 0, A1), AMO(3, 3, A0, A2, A1) }, 7, 0, 7 },
    { "sc alone", { AMO(3, 3, A0, A2, A1) }, 7, 1, D0 },
    { "sc of another size", { AMO(2, 3, A3, 0, A1), AMO(3, 2, A0, A2, A1) }, 7, 1, D0 },
    { "sc elsewhere", { AMO(2, 3, A3, 0, A1), ADDI(A1, A1, 8), AMO(3, 3, A0, A2, A1) }, 7, 1, D0 },
    { "sc after a store",
      { AMO(2, 3, A3, 0, A1), S_(3, 0, A1, 0), AMO(3, 3, A0, A2, A1) }, 7, 1, 0 },
    { "sc twice",
      { AMO(2, 3, A3, 0, A1), AMO(3, 3, 0, A2, A1), AMO(3, 3, A0, 0, A1) }, 7, 1, 7 },
    { "sc over its address",
      { ADDI(A0, A1, 0), AMO(2, 3, A3, 0, A0), AMO(3, 3, A0, A2, A0) }, 7, 0, 7 },
    { "cbo.zero", { ADDI(A1, A1, 9), 0x0045a00f, ADDI(A0, 0, 0) }, 0, 0, 0 },
    { "c.sw c.lw", { 0xc190, 0x4188 }, 5, 5, 0x8182838400000005 },
    { "auipc lbu", { U_(0x17, A0, 0), I_(3, 4, A0, A0, 0) }, 0, 0x17, D0 },
};

START_TEST(test_memory)
{
    for (size_t i = 0; i < G_N_ELEMENTS(memory); i++) {
        CPURISCVState one = { 0 };
        for (unsigned pass = 0; pass < 3; pass++) {
            reset(&guest);
            guest.alone = pass == 2;
            guest.env.gpr[A1] = DATA;
            guest.env.gpr[A2] = memory[i].a2;
            for (unsigned n = 0; n < 5 && memory[i].code[n]; n++) {
                put(&guest, memory[i].code[n]);
            }
            put(&guest, ECALL);
            run(&guest, pass ? 0 : 1);
            ck_assert_int_eq(guest.exit.reason, EXCP_ECALL);
            uint64_t out = guest.env.gpr[A0];
            ck_assert_msg(out == memory[i].out || (memory[i].out == 0x17 && (out & 0x7f) == 0x17),
                          "%s: %016llx", memory[i].name, (unsigned long long)out);
            ck_assert_msg(data[0] == memory[i].mem, "%s: memory %016llx", memory[i].name,
                          (unsigned long long)data[0]);
            if (!pass) {
                one = guest.env;
            } else {
                check_same(&one, &guest.env, memory[i].name);
            }
        }
    }
}
END_TEST

/* ---- control: where the TB is left, and how ---- */

static const struct {
    const char *name;
    uint32_t code[4];
    uint64_t a1, a2;
    IrOpcode last;              /* kind of the last op of the TB */
    IrExitKind kind;
    int64_t pc;                 /* relative to the code */
    int64_t link;               /* x1 after, relative to the code; 0: unchanged */
} control[] = {
    { "beq", { B_(0, A1, A2, 64), ECALL }, 1, 1, IR_exit_tb, IR_EXIT_GOTO, 64, 0 },
    { "beq not", { B_(0, A1, A2, 64), ECALL }, 1, 2, IR_exit_tb, IR_EXIT_TB, 4, 0 },
    { "bne back", { B_(1, A1, A2, -8), ECALL }, 1, 2, IR_exit_tb, IR_EXIT_GOTO, -8, 0 },
    { "blt", { B_(4, A1, A2, 4094), ECALL }, M1, 0, IR_exit_tb, IR_EXIT_GOTO, 4094, 0 },
    { "bge", { B_(5, A1, A2, -4096), ECALL }, 0, M1, IR_exit_tb, IR_EXIT_GOTO, -4096, 0 },
    { "bltu not", { B_(6, A1, A2, 64), ECALL }, M1, 0, IR_exit_tb, IR_EXIT_TB, 4, 0 },
    { "bgeu", { B_(7, A1, A2, 64), ECALL }, M1, 0, IR_exit_tb, IR_EXIT_GOTO, 64, 0 },
    { "beq same", { B_(0, A1, A1, 64), ECALL }, 0, 0, IR_goto_tb, IR_EXIT_GOTO, 64, 0 },
    { "bne same", { B_(1, A1, A1, 64), ECALL }, 0, 0, IR_exit_tb, IR_EXIT_TB, 4, 0 },
    { "j", { J_(0, -1048576) }, 0, 0, IR_goto_tb, IR_EXIT_GOTO, -1048576, 0 },
    { "jal", { J_(1, 0x7fffe) }, 0, 0, IR_call_tb, IR_EXIT_GOTO, 0x7fffe, 4 },
    { "jal t1", { J_(6, 128) }, 0, 0, IR_goto_tb, IR_EXIT_GOTO, 128, 0 },
    { "jalr", { JALR(1, A1, 3) }, 0x1000, 0, IR_call_ptr, IR_EXIT_PTR, 0x1002, 4 },
    { "jalr ra,ra", { JALR(1, 1, 0) }, 0, 0, IR_call_ptr, IR_EXIT_PTR, 0x2000, 4 },
    { "jalr ra,t0", { JALR(1, 5, 0) }, 0, 0, IR_goto_ptr, IR_EXIT_PTR, 0x3000, 4 },
    { "jr", { JALR(0, A1, 0) }, 0x1001, 0, IR_goto_ptr, IR_EXIT_PTR, 0x1000, 0 },
    { "ret", { JALR(0, 1, 0) }, 0, 0, IR_ret_ptr, IR_EXIT_PTR, 0x2000, 0 },
    { "jr t0", { JALR(0, 5, 0) }, 0, 0, IR_ret_ptr, IR_EXIT_PTR, 0x3000, 0 },
    { "auipc jalr", { U_(0x17, 1, 1), JALR(1, 1, -16) }, 0, 0, IR_call_tb, IR_EXIT_GOTO, 0xff0, 8 },
    { "auipc jr", { U_(0x17, 6, 1), JALR(0, 6, 8) }, 0, 0, IR_goto_tb, IR_EXIT_GOTO, 0x1008, 0 },
    { "auipc, write, jr", { U_(0x17, 6, 1), ADD(6, A1, A2), JALR(0, 6, 8) }, 0x100, 0x10,
      IR_goto_ptr, IR_EXIT_PTR, 0x118, 0 },
    { "ebreak", { 0x00100073 }, 0, 0, IR_exit_tb, IR_EXIT_TB, 0, 0 },
    { "illegal", { 0xffffffff }, 0, 0, IR_exit_tb, IR_EXIT_TB, 0, 0 },
    { "fence.i", { 0x0000100f, ECALL }, 0, 0, IR_exit_tb, IR_EXIT_TB, 4, 0 },
    { "nothing behind", { ADDI(A0, 0, 1) }, 0, 0, IR_goto_tb, IR_EXIT_GOTO, 4, 0 },
};

START_TEST(test_control)
{
    for (size_t i = 0; i < G_N_ELEMENTS(control); i++) {
        reset(&guest);
        bool relative = control[i].kind != IR_EXIT_PTR;
        guest.env.gpr[1] = 0x2000;
        guest.env.gpr[5] = 0x3000;
        guest.env.gpr[A1] = control[i].a1;
        guest.env.gpr[A2] = control[i].a2;
        for (unsigned n = 0; n < 4 && control[i].code[n]; n++) {
            put(&guest, control[i].code[n]);
        }
        guest.st.env = &guest.env;
        translate(&guest, CODE, 0);
        ck_assert_msg(ir->head.prev->opcode == control[i].last, "%s: ends in %s", control[i].name,
                      ir_op_info[ir->head.prev->opcode].name);
        IrExit e = ir_interp(ir, &guest.st);
        ck_assert_msg(e.kind == control[i].kind, "%s: exit kind %d", control[i].name, e.kind);
        int64_t pc = (int64_t)(relative ? e.pc - CODE : e.pc);
        ck_assert_msg(pc == control[i].pc, "%s: to %llx", control[i].name, (long long)pc);
        uint64_t link = control[i].link ? CODE + (uint64_t)control[i].link : 0x2000;
        ck_assert_msg(guest.env.gpr[1] == link, "%s: ra %llx", control[i].name,
                      (unsigned long long)guest.env.gpr[1]);
    }
}
END_TEST

/* ---- limits of a TB ---- */

START_TEST(test_slots)
{
    reset(&guest);
    for (unsigned i = 0; i < 40; i++) {
        put(&guest, B_(0, A1, A2, 64));
    }
    guest.env.gpr[A1] = 1;
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(guest.dc.base.nslots, TB_MAX_SLOTS);
    ck_assert_uint_eq(guest.dc.base.num_insns, TB_MAX_SLOTS - 1);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 4 * (TB_MAX_SLOTS - 1));

    reset(&guest);                              /* a call with the last two slots */
    for (unsigned i = 0; i < TB_MAX_SLOTS - 2; i++) {
        put(&guest, B_(0, A1, A2, 64));
    }
    put(&guest, J_(1, 64));
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(ir->head.prev->opcode, IR_call_tb);
    ck_assert_uint_eq(guest.dc.base.nslots, TB_MAX_SLOTS);
}
END_TEST

START_TEST(test_length)
{
    reset(&guest);
    while (guest.size < MAX_CODE) {
        put(&guest, ADDI(A0, A0, 1));
    }
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(guest.dc.base.num_insns, TB_MAX_INSNS);
    translate(&guest, CODE, 5);
    ck_assert_uint_eq(guest.dc.base.num_insns, 5);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 20);

    reset(&guest);                              /* a fused pair does not pass the limit */
    put(&guest, SLLI(A0, A0, 32));
    put(&guest, SRLI(A0, A0, 32));
    put(&guest, ECALL);
    translate(&guest, CODE, 1);
    ck_assert_uint_eq(guest.dc.base.num_insns, 1);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 4);
    translate(&guest, CODE, 2);
    ck_assert_uint_eq(guest.dc.base.num_insns, 2);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 8);
}
END_TEST

START_TEST(test_fetch_fault)
{
    reset(&guest);                              /* nothing there */
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(ir->head.prev->opcode, IR_exit_tb);
    ck_assert_uint_eq(ir->head.prev->k[0], EXCP_FAULT);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE);

    reset(&guest);                              /* half an insn, the first */
    put(&guest, ADDI(A0, A0, 1));
    guest.size = 2;
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(ir->head.prev->k[0], EXCP_FAULT);
    ck_assert_uint_eq(ir->head.prev->k[1], CODE);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 4);

    reset(&guest);                              /* half an insn, the second */
    put(&guest, ADDI(A0, A0, 1));
    put(&guest, ADDI(A0, A0, 1));
    guest.size = 6;
    translate(&guest, CODE, 0);
    ck_assert_uint_eq(ir->head.prev->opcode, IR_goto_tb);
    ck_assert_uint_eq(guest.dc.base.pc_next, CODE + 4);
}
END_TEST

START_TEST(test_misaligned_atomics)
{
    static const uint32_t words[] = { AMO(0, 2, A0, A2, A1), AMO(0, 3, A0, A2, A1),
                                      AMO(2, 2, A0, 0, A1), AMO(2, 3, A0, 0, A1) };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        reset(&guest);
        guest.env.gpr[A0] = 99;
        guest.env.gpr[A1] = DATA + 2;
        put(&guest, words[i]);
        run(&guest, 0);
        ck_assert_int_eq(guest.exit.kind, IR_EXIT_TB);
        ck_assert_uint_eq(guest.exit.reason, IR_INTERP_MISALIGNED);
        ck_assert_uint_eq(guest.env.gpr[A0], 99);
        ck_assert_uint_eq(guest.env.res_addr, ~UINT64_C(0));
    }
}
END_TEST

/* ---- csrs: a1 = a value, fflags and frm before; a0, fflags and frm after ---- */

static const struct {
    const char *name;
    uint32_t word;
    uint64_t a1;
    unsigned fflags, frm;
    bool illegal;
    uint64_t out;
    unsigned fflags_out, frm_out;
} csrs[] = {
    { "frflags", CSR(2, A0, 1, 0), 0, 0x15, 2, false, 0x15, 0x15, 2 },
    { "fsflags", CSR(1, A0, 1, A1), 0xfff, 0x15, 2, false, 0x15, 0x1f, 2 },
    { "csrrs fflags", CSR(2, A0, 1, A1), 0x2, 0x11, 0, false, 0x11, 0x13, 0 },
    { "csrrci fflags", CSR(7, A0, 1, 0x10), 0, 0x11, 0, false, 0x11, 0x01, 0 },
    { "frrm", CSR(2, A0, 2, 0), 0, 0, 4, false, 4, 0, 4 },
    { "fsrm", CSR(1, A0, 2, A1), 0xffffffb, 1, 0, false, 0, 1, 3 },
    { "fsrm, same", CSR(1, A0, 2, A1), 2, 1, 2, false, 2, 1, 2 },
    { "fsrmi", CSR(5, A0, 2, 7), 0, 0, 1, false, 1, 0, 7 },
    { "csrrc frm", CSR(3, A0, 2, A1), 1, 0, 3, false, 3, 0, 2 },
    { "frcsr", CSR(2, A0, 3, 0), 0, 0x1f, 7, false, 0xff, 0x1f, 7 },
    { "fscsr", CSR(1, A0, 3, A1), ~UINT64_C(0) ^ 0x21, 0, 0, false, 0, 0x1e, 6 },
    { "fscsr to its source", CSR(1, A1, 3, A1), 0x41, 3, 0, false, 0, 1, 2 },
    { "csrrsi fcsr", CSR(6, A0, 3, 1), 0, 0x10, 2, false, 0x50, 0x11, 2 },
    { "csrrs x0", CSR(2, 0, 3, A1), 0x20, 1, 0, false, 0, 1, 1 },
    { "hpmcounter3", CSR(2, A0, 0xc03, 0), 0, 0, 0, false, 0, 0, 0 },
    { "write cycle", CSR(1, 0, 0xc00, A1), 0, 0, 0, true, 0, 0, 0 },
    { "set time", CSR(2, 0, 0xc01, A1), 0, 0, 0, true, 0, 0, 0 },
    { "vl", CSR(2, A0, 0xc20, 0), 0, 0, 0, true, 0, 0, 0 },
    { "mstatus", CSR(2, A0, 0x300, 0), 0, 0, 0, true, 0, 0, 0 },
};

START_TEST(test_csrs)
{
    for (size_t i = 0; i < G_N_ELEMENTS(csrs); i++) {
        reset(&guest);
        guest.env.gpr[A1] = csrs[i].a1;
        guest.st.fflags = csrs[i].fflags;
        cpu_set_frm(&guest.env, csrs[i].frm);
        put(&guest, csrs[i].word);
        put(&guest, ECALL);
        run(&guest, 0);
        ck_assert_int_eq(guest.exit.kind, IR_EXIT_TB);
        ck_assert_msg(guest.exit.reason == (csrs[i].illegal ? EXCP_ILLEGAL : EXCP_ECALL), "%s: %u",
                      csrs[i].name, guest.exit.reason);
        if (csrs[i].illegal) {
            ck_assert_uint_eq(guest.exit.pc, CODE);
            continue;
        }
        bool to_source = (csrs[i].word >> 7 & 31) == A1;
        ck_assert_msg(guest.env.gpr[A0] == csrs[i].out, "%s: %llx", csrs[i].name,
                      (unsigned long long)guest.env.gpr[A0]);
        ck_assert_msg(!to_source || guest.env.gpr[A1] == csrs[i].fflags, "%s", csrs[i].name);
        ck_assert_msg(guest.st.fflags == csrs[i].fflags_out, "%s: fflags %x", csrs[i].name,
                      guest.st.fflags);
        ck_assert_msg(guest.env.frm == csrs[i].frm_out, "%s: frm %u", csrs[i].name, guest.env.frm);
    }
}
END_TEST

START_TEST(test_counters)
{
    reset(&guest);
    put(&guest, CSR(2, A0, 0xc01, 0));
    put(&guest, CSR(2, A1, 0xc01, 0));
    put(&guest, CSR(2, A2, 0xc00, 0));
    put(&guest, CSR(2, A3, 0xc02, 0));
    put(&guest, ECALL);
    run(&guest, 0);
    ck_assert_uint_gt(guest.env.gpr[A0], 0);
    ck_assert_uint_ge(guest.env.gpr[A1], guest.env.gpr[A0]);
    ck_assert_uint_ge(guest.env.gpr[A2], guest.env.gpr[A1]);
    ck_assert_uint_ge(guest.env.gpr[A3], guest.env.gpr[A2]);

    guest.exts &= ~((UINT64_C(1) << RV_EXT_Zicntr));
    run(&guest, 0);
    ck_assert_uint_eq(guest.exit.reason, EXCP_ILLEGAL);
}
END_TEST

START_TEST(test_disas_log)
{
    char *text = NULL;
    size_t n;
    reset(&guest);
    put(&guest, ADDI(A0, A0, 1));
    put(&guest, 0x852e);
    put(&guest, ECALL);
    translate(&guest, CODE, 0);
    FILE *f = open_memstream(&text, &n);
    riscv_translator_ops.disas_log(&guest.dc.base, f);
    fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "00150513  addi a0,a0,1\n"));
    ck_assert_ptr_nonnull(strstr(text, "852e      mv a0,a1\n"));
    ck_assert_ptr_nonnull(strstr(text, "00000073  ecall\n"));
    free(text);
}
END_TEST

int main(void)
{
    rv_decode_init();
    ir_set_helpers(riscv_helpers, riscv_helper_count);
    ir = ir_new();
    riscv_translate_init(ir, &globals);
    Suite *s = suite_create("translate");
    TCase *t = tcase_create("translate");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_arith);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_control);
    tcase_add_test(t, test_slots);
    tcase_add_test(t, test_length);
    tcase_add_test(t, test_fetch_fault);
    tcase_add_test(t, test_misaligned_atomics);
    tcase_add_test(t, test_csrs);
    tcase_add_test(t, test_counters);
    tcase_add_test(t, test_disas_log);
    suite_add_tcase(s, t);
    int failed = run_suite(s);
    ir_free(ir);
    return failed;
}
