/*
 * frontend/disas.c: DecodedInsn -> text, as binutils writes it.
 *
 * The mnemonic is that of the insn meant (a compressed insn reads like its long form), replaced by
 * the usual short form (li, mv, ret, beqz, csrr ...) where one row of ALIASES fits. Operands follow
 * the letters of formats.def.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "frontend/decode.h"

/* OPS_R is "dst", and so on. */
#define FORMAT(id, ops, ...) static const char OPS_##id[] __attribute__((unused)) = ops;
#include "frontend/formats.def"
#undef FORMAT

static const struct {
    const char *name, *ops;
} insn_text[RV_COUNT] = {
#define INSN(id, name, format, ...) [RV_##id] = { name, OPS_##format },
#define RVC(id, ...)
#include "frontend/insns.def"
#undef INSN
#undef RVC
};

static const char *const x_name[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char *const f_name[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6",  "ft7",  "fs0", "fs1", "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7",  "fs2",  "fs3", "fs4", "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

static const char *const rm_name[8] = { "rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown",
                                        "dyn" };

/* A(insn, short mnemonic, its operand letters, when); the first that fits. j is like p for jal. */
#define ALIASES(A) \
    A(addi, "nop", "", rd == 0 && rs1 == 0 && imm == 0) \
    A(addi, "li", "di", rs1 == 0) \
    A(addi, "mv", "ds", imm == 0) \
    A(add, "mv", "dt", rs1 == 0) \
    A(addiw, "sext.w", "ds", imm == 0) \
    A(andi, "zext.b", "ds", imm == 255) \
    A(add_uw, "zext.w", "ds", rs2 == 0) \
    A(xori, "not", "ds", imm == -1) \
    A(sub, "neg", "dt", rs1 == 0) \
    A(subw, "negw", "dt", rs1 == 0) \
    A(sltiu, "seqz", "ds", imm == 1) \
    A(sltu, "snez", "dt", rs1 == 0) \
    A(slt, "sltz", "ds", rs2 == 0) \
    A(slt, "sgtz", "dt", rs1 == 0) \
    A(beq, "beqz", "sp", rs2 == 0) \
    A(bne, "bnez", "sp", rs2 == 0) \
    A(bge, "bgez", "sp", rs2 == 0) \
    A(bge, "blez", "tp", rs1 == 0) \
    A(blt, "bltz", "sp", rs2 == 0) \
    A(blt, "bgtz", "tp", rs1 == 0) \
    A(jal, "j", "p", rd == 0) \
    A(jal, "jal", "p", rd == 1) \
    A(jalr, "ret", "", rd == 0 && rs1 == 1 && imm == 0) \
    A(jalr, "jr", "s", rd == 0 && imm == 0) \
    A(jalr, "jr", "m", rd == 0) \
    A(jalr, "jalr", "s", rd == 1 && imm == 0) \
    A(jalr, "jalr", "m", rd == 1) \
    A(jalr, "jalr", "ds", imm == 0) \
    A(fence, "fence", "", imm == 0xff) \
    A(csrrw, "unimp", "", rd == 0 && rs1 == 0 && imm == 0xc00) \
    A(csrrs, "frflags", "d", rs1 == 0 && imm == 1) \
    A(csrrs, "frrm", "d", rs1 == 0 && imm == 2) \
    A(csrrs, "frcsr", "d", rs1 == 0 && imm == 3) \
    A(csrrs, "rdcycle", "d", rs1 == 0 && imm == 0xc00) \
    A(csrrs, "rdtime", "d", rs1 == 0 && imm == 0xc01) \
    A(csrrs, "rdinstret", "d", rs1 == 0 && imm == 0xc02) \
    A(csrrs, "csrr", "dc", rs1 == 0) \
    A(csrrw, "fsflags", "s", rd == 0 && imm == 1) \
    A(csrrw, "fsflags", "ds", imm == 1) \
    A(csrrw, "fsrm", "s", rd == 0 && imm == 2) \
    A(csrrw, "fsrm", "ds", imm == 2) \
    A(csrrw, "fscsr", "s", rd == 0 && imm == 3) \
    A(csrrw, "fscsr", "ds", imm == 3) \
    A(csrrwi, "fsflagsi", "z", rd == 0 && imm == 1) \
    A(csrrwi, "fsflagsi", "dz", imm == 1) \
    A(csrrwi, "fsrmi", "z", rd == 0 && imm == 2) \
    A(csrrwi, "fsrmi", "dz", imm == 2) \
    A(csrrw, "csrw", "cs", rd == 0) \
    A(csrrs, "csrs", "cs", rd == 0) \
    A(csrrc, "csrc", "cs", rd == 0) \
    A(csrrwi, "csrwi", "cz", rd == 0) \
    A(csrrsi, "csrsi", "cz", rd == 0) \
    A(csrrci, "csrci", "cz", rd == 0) \
    A(fsgnj_s, "fmv.s", "DS", rs1 == rs2) \
    A(fsgnj_d, "fmv.d", "DS", rs1 == rs2) \
    A(fsgnjn_s, "fneg.s", "DS", rs1 == rs2) \
    A(fsgnjn_d, "fneg.d", "DS", rs1 == rs2) \
    A(fsgnjx_s, "fabs.s", "DS", rs1 == rs2) \
    A(fsgnjx_d, "fabs.d", "DS", rs1 == rs2)

static const char *alias(const DecodedInsn *d, const char *name, const char **ops)
{
    unsigned rd = d->rd, rs1 = d->rs1, rs2 = d->rs2;
    int64_t imm = d->imm;
#define A(insn, text, letters, when) \
    if (d->id == RV_##insn && (when)) { \
        *ops = letters; \
        return text; \
    }
    ALIASES(A)
#undef A
    return name;
}

typedef struct Text {
    char *buf;
    size_t size, len;
} Text;

static void put(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t room = t->len < t->size ? t->size - t->len : 0;
    int n = vsnprintf(room ? t->buf + t->len : NULL, room, fmt, ap);
    va_end(ap);
    t->len += n > 0 ? (size_t)n : 0;
}

static void put_csr(Text *t, unsigned csr)
{
    switch (csr) {
    case 0x001: put(t, "fflags"); break;
    case 0x002: put(t, "frm"); break;
    case 0x003: put(t, "fcsr"); break;
    case 0xc00: put(t, "cycle"); break;
    case 0xc01: put(t, "time"); break;
    case 0xc02: put(t, "instret"); break;
    default:
        if (csr >= 0xc03 && csr <= 0xc1f) {
            put(t, "hpmcounter%u", csr - 0xc00);
        } else {
            put(t, "0x%x", csr);
        }
    }
}

static void put_fence_set(Text *t, unsigned set)
{
    if (set == 0) {
        put(t, "unknown");
    }
    for (unsigned i = 0; i < 4; i++) {
        if (set >> (3 - i) & 1) {
            put(t, "%c", "iorw"[i]);
        }
    }
}

static void put_operand(Text *t, char letter, const DecodedInsn *d, uint64_t pc)
{
    switch (letter) {
    case 'd': put(t, "%s", x_name[d->rd]); break;
    case 's': put(t, "%s", x_name[d->rs1]); break;
    case 't': put(t, "%s", x_name[d->rs2]); break;
    case 'D': put(t, "%s", f_name[d->rd]); break;
    case 'S': put(t, "%s", f_name[d->rs1]); break;
    case 'T': put(t, "%s", f_name[d->rs2]); break;
    case 'Q': put(t, "%s", f_name[d->rs3]); break;
    case 'i': put(t, "%" PRId64, d->imm); break;
    case 'x': put(t, "0x%" PRIx64, d->imm); break;
    case 'u': put(t, "0x%" PRIx64, (uint64_t)d->imm >> 12 & 0xfffff); break;
    case 'p': put(t, "0x%" PRIx64, pc + (uint64_t)d->imm); break;
    case 'm': put(t, "%" PRId64 "(%s)", d->imm, x_name[d->rs1]); break;
    case 'a': put(t, "(%s)", x_name[d->rs1]); break;
    case 'c': put_csr(t, (unsigned)d->imm); break;
    case 'z': put(t, "%u", d->rs1); break;
    case 'r': put(t, "%s", rm_name[d->rm]); break;
    case 'f':
        put_fence_set(t, (unsigned)d->imm >> 4 & 15);
        put(t, ",");
        put_fence_set(t, (unsigned)d->imm & 15);
        break;
    default: break;
    }
}

/* The parts of a mnemonic that lie in the word's own bits. */
static void put_suffix(Text *t, const DecodedInsn *d, const char *ops)
{
    uint32_t w = d->word;
    size_t n = strlen(ops);
    if (d->id == RV_mop_r) {
        put(t, ".%u", (w >> 30 & 1) << 4 | (w >> 26 & 3) << 2 | (w >> 20 & 3));
    } else if (d->id == RV_mop_rr) {
        put(t, ".%u", (w >> 30 & 1) << 2 | (w >> 26 & 3));
    } else if (n > 1 && ops[n - 1] == 'a') {
        put(t, "%s", d->aq && d->rl ? ".aqrl" : d->aq ? ".aq" : d->rl ? ".rl" : "");
    }
}

size_t rv_disas(const DecodedInsn *d, uint64_t pc, char *buf, size_t size)
{
    Text t = { buf, size, 0 };
    if (size) {
        buf[0] = 0;
    }
    if (d->id == RV_ILLEGAL) {
        put(&t, d->len == 2 ? ".2byte 0x%04x" : ".4byte 0x%08x", d->word);
        return t.len;
    }
    const char *ops = insn_text[d->id].ops;
    const char *name = alias(d, insn_text[d->id].name, &ops);
    put(&t, "%s", name);
    put_suffix(&t, d, ops);
    for (const char *p = ops; *p; p++) {
        if (*p == 'r' && d->rm == 7) {
            continue;
        }
        put(&t, "%s", p == ops ? " " : ",");
        put_operand(&t, *p, d, pc);
    }
    return t.len;
}
