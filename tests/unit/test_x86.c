/*
 * test_x86.c: the x86-64 encoder. Every row of x86.def is emitted with every register, and with
 * memory operands of every base, and read back through Capstone; then the composite emitters.
 */
#include <check.h>
#include <stdlib.h>

#include "backend-x86_64/disas.h"
#include "backend-x86_64/emit.h"
#include "tests/unit/suite.h"

enum Form {
    MR, RM, M, MI, MIW, MIB, RMI, RMB, MC, RVM, RMV, XM, MX, XR, RX, XB, XVX, GX, MM,
};

typedef struct Row {
    const char *name, *text;
    X86Insn insn;
    enum Form form;
} Row;

static const Row rows[] = {
#define X86(name_, text_, enc, opcode, digit, form_) { #name_, text_, X86_##name_, form_ },
#include "backend-x86_64/x86.def"
#undef X86
};
enum { NUM_ROWS = sizeof(rows) / sizeof(rows[0]) };

static csh cs;
static cs_insn *insn;
static uint8_t buf[8192];         /* jumps go up to 0x1000 */

/* ---- expected text ---- */

static const char *reg_name(unsigned bits, int r)
{
    static const char *const low[4][8] = {
        { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" },
        { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" },
        { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi" },
        { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi" },
    };
    static char ring[8][8];
    static unsigned next;
    unsigned size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    char *s = ring[next++ % 8];
    if (r >= XMM0) {
        sprintf(s, "xmm%d", r - XMM0);
    } else if (r >= R8) {
        sprintf(s, "r%d%s", r, (const char *const[]){ "b", "w", "d", "" }[size]);
    } else {
        return low[size][r];
    }
    return s;
}

static const char *number(int64_t v)
{
    static char ring[4][24];
    static unsigned next;
    char *s = ring[next++ % 4];
    sprintf(s, v > -10 && v < 10 ? "%ld" : v < 0 ? "-0x%lx" : "0x%lx", v < 0 && v <= -10 ? -v : v);
    return s;
}

/* "[base + index*scale + disp]" */
static const char *mem_text(int base, int index, unsigned scale, int32_t disp)
{
    static char s[64];
    char *p = s + sprintf(s, "[");
    const char *plus = "";
    if (base != NOREG) {
        p += sprintf(p, "%s", reg_name(64, base));
        plus = " + ";
    }
    if (index != NOREG) {
        p += sprintf(p, "%s%s", plus, reg_name(64, index));
        if (scale) {
            p += sprintf(p, "*%u", 1u << scale);
        }
        plus = " + ";
    }
    if (disp < 0 && *plus) {
        p += sprintf(p, " - %s", number(-(int64_t)disp));
    } else if (disp || !*plus) {
        p += sprintf(p, "%s%s", plus, number(disp));
    }
    sprintf(p, "]");
    return s;
}

/* "mnemonic operands" of the one insn in buf, without the "... ptr" words. */
static const char *decode(const Emit *e, unsigned *mem_size)
{
    static char s[256];
    const uint8_t *p = buf;
    size_t size = (size_t)(e->ptr - buf);
    uint64_t addr = 0;
    if (!cs_disasm_iter(cs, &p, &size, &addr, insn) || size != 0) {
        sprintf(s, "(%u bytes, %zu left)", (unsigned)(e->ptr - buf), size);
        return s;
    }
    sprintf(s, "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "", insn->op_str);
    char *ptr = strstr(s, " ptr ");
    if (ptr) {
        char *word = ptr;
        while (word[-1] != ' ') {
            word--;
        }
        memmove(word, ptr + 5, strlen(ptr + 5) + 1);
    }
    *mem_size = 0;
    for (unsigned i = 0; i < insn->detail->x86.op_count; i++) {
        if (insn->detail->x86.operands[i].type == X86_OP_MEM) {
            *mem_size = insn->detail->x86.operands[i].size;
        }
    }
    return s;
}

static void check_text(const char *name, const Emit *e, const char *want)
{
    unsigned size;
    const char *got = decode(e, &size);
    if (strcmp(got, want)) {
        char bytes[64] = "";
        for (const uint8_t *p = buf; p < e->ptr && p < buf + 20; p++) {
            sprintf(bytes + strlen(bytes), "%02x ", *p);
        }
        ck_abort_msg("%s: emitted %s= '%s', wanted '%s'", name, bytes, got, want);
    }
}

static Emit new_emit(void)
{
    return (Emit){ .ptr = buf, .end = buf + sizeof(buf), .base = buf };
}

/* ---- rows ---- */

static bool starts(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

static bool is_fp(int form)
{
    return form >= XM && form <= GX;
}

static unsigned rm_bits(const Row *r, unsigned w)
{
    if (r->insn & X86E_B8) {
        return 8;
    }
    if (!is_fp(r->form) && !(r->insn & X86E_VEX) && (r->insn & 3 << 12) == X86E_P66) {
        return 16;
    }
    if (!strcmp(r->name, "MOVZX16") || !strcmp(r->name, "MOVSX16")) {
        return 16;
    }
    if (!strcmp(r->name, "MOVSXD")) {
        return 32;
    }
    if (!strcmp(r->name, "CALL_rm") || !strcmp(r->name, "JMP_rm")) {
        return 64;
    }
    return w ? 64 : 32;
}

static unsigned reg_bits(const Row *r, unsigned w)
{
    unsigned rm = rm_bits(r, w);
    return r->form == MR && rm < 32 ? rm : w ? 64 : 32;
}

/* Rows whose w means nothing, or one thing only. */
static bool w_allowed(const Row *r, unsigned w)
{
    if (!strcmp(r->name, "MOVSXD")) {
        return w == 1;
    }
    if (r->form == XM || r->form == MX || r->form == XB || r->form == MM ||
        ((r->insn & X86E_B8) && r->form != RM) || rm_bits(r, 0) == 64 ||
        ((r->form == MR || r->form == MIW) && rm_bits(r, 0) == 16)) {
        return w == 0;
    }
    return true;
}

static bool memory_only(const Row *r)
{
    return r->form == MM || r->form == MX || !strcmp(r->name, "LEA");
}

static bool reg_is_xmm(int form)
{
    return is_fp(form) && form != RX;
}

static bool rm_is_xmm(int form)
{
    return form == XM || form == RX || form == XB || form == XVX;
}

/* VEX forms with a third register. Moves have it between registers only. */
static bool takes_vvvv(const Row *r, bool mem)
{
    if (r->form == RVM || r->form == RMV || r->form == XVX) {
        return true;
    }
    if (r->form != XM && r->form != XR && r->form != XB) {
        return false;
    }
    if (!strcmp(r->text, "movss") || !strcmp(r->text, "movsd")) {
        return !mem;
    }
    return !starts(r->text, "mov") && !starts(r->text, "ucomis") && !starts(r->text, "comis") &&
           !starts(r->text, "ptest");
}

enum { IMM8 = 0x12, IMM16 = 0x1234, IMM32 = 0x12345678, CMP_IMM = 1 };

static void emit_imm(Emit *e, const Row *r)
{
    if (r->form == MI || r->form == RMI) {
        if (rm_bits(r, 0) == 8) {
            emit_u8(e, IMM8);
        } else {
            emit_u32(e, IMM32);
        }
    } else if (r->form == MIW) {
        emit_u8(e, IMM16 & 0xff);
        emit_u8(e, IMM16 >> 8);
    } else if (r->form == XB && starts(r->text, "cmp")) {
        emit_u8(e, CMP_IMM);
    } else if (r->form == MIB || r->form == RMB || r->form == XB) {
        emit_u8(e, IMM8);
    }
}

static const char *row_text(const Row *r, bool vex, unsigned w, int reg, int vvvv, const char *rm,
                            bool mem, bool lock)
{
    static char s[128];
    char m[32];
    const char *g = reg_is_xmm(r->form) ? reg_name(64, reg) : reg_name(reg_bits(r, w), reg);
    const char *v = !takes_vvvv(r, mem) ? "" : reg_name(w ? 64 : 32, vvvv);
    const char *c = *v ? ", " : "";

    sprintf(m, "%s%s%s", lock ? "lock " : "", vex && !(r->insn & X86E_VEX) ? "v" : "", r->text);
    if (r->form == XVX) {
        strcat(m, w ? "sd" : "ss");
    } else if (starts(r->text, "movd") && w) {
        m[strlen(m) - 1] = 'q';
    } else if (r->form == XB && starts(r->text, "cmp")) {
        sprintf(m, "%scmplt%s", vex ? "v" : "", r->text + 3);
    }
    if (!vex) {
        v = c = "";
    }
    switch (r->form) {
    case MR:
    case MX:
    case GX:
        sprintf(s, "%s %s, %s", m, rm, g);
        break;
    case M:
    case MM:
        sprintf(s, "%s %s", m, rm);
        break;
    case MI:
        sprintf(s, "%s %s, %s", m, rm, number(IMM32));
        break;
    case MIW:
        sprintf(s, "%s %s, %s", m, rm, number(IMM16));
        break;
    case MIB:
        sprintf(s, "%s %s, %s", m, rm, number(IMM8));
        break;
    case RMI:
        sprintf(s, "%s %s, %s, %s", m, g, rm, number(IMM32));
        break;
    case RMB:
        sprintf(s, "%s %s, %s, %s", m, g, rm, number(IMM8));
        break;
    case MC:
        sprintf(s, "%s %s, cl", m, rm);
        break;
    case RMV:
        sprintf(s, "%s %s, %s, %s", m, g, rm, v);
        break;
    case XB:
        if (starts(r->text, "cmp")) {
            sprintf(s, "%s %s%s%s, %s", m, g, c, v, rm);
        } else {
            sprintf(s, "%s %s%s%s, %s, %s", m, g, c, v, rm, number(IMM8));
        }
        break;
    default:
        sprintf(s, "%s %s%s%s, %s", m, g, c, v, rm);
        break;
    }
    return s;
}

/* The register operand: XMMs, or integers (0 where the row has a digit). */
static int pick_reg(const Row *r, unsigned i)
{
    bool none = r->form == M || r->form == MM || r->form == MI || r->form == MIW ||
                r->form == MIB || r->form == MC;
    return none ? 0 : reg_is_xmm(r->form) ? (int)i + XMM0 : (int)i;
}

static int pick_vvvv(const Row *r, unsigned i)
{
    return is_fp(r->form) ? (int)i + XMM0 : (int)i;
}

static void check_reg_forms(const Row *r, bool vex, unsigned w)
{
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 16; j++) {
            int reg = pick_reg(r, i), rm = rm_is_xmm(r->form) ? (int)j + XMM0 : (int)j;
            int vvvv = pick_vvvv(r, (i * 5 + j * 3 + 1) % 16);
            Emit e = new_emit();
            if (!vex) {
                x86_rr(&e, r->insn, w, reg, rm);
            } else {
                vex_rrr(&e, r->insn, w, reg, takes_vvvv(r, false) ? vvvv : 0, rm);
            }
            emit_imm(&e, r);
            const char *rm_text = reg_name(rm_is_xmm(r->form) ? 64 : rm_bits(r, w), rm);
            check_text(r->name, &e, row_text(r, vex, w, reg, vvvv, rm_text, false, false));
        }
    }
}

static void check_mem_size(const Row *r, const Emit *e, unsigned w)
{
    unsigned size;
    decode(e, &size);
    if (!is_fp(r->form) && strcmp(r->name, "LEA") && r->form != MM) {
        ck_assert_msg(size * 8 == rm_bits(r, w), "%s: memory operand of %u bytes", r->name, size);
    }
}

static void check_mem_forms(const Row *r, bool vex, unsigned w)
{
    static const int32_t disps[] = { 0, 8, -8, 127, -128, 128, 0x12345, -0x12345 };
    for (unsigned base = 0; base < 16; base++) {
        for (unsigned k = 0; k < sizeof(disps) / sizeof(disps[0]); k++) {
            int reg = pick_reg(r, (base * 7 + k) % 16), vvvv = pick_vvvv(r, (base + k * 3) % 16);
            bool lock = (r->insn & X86E_LK) && (k & 1);
            Emit e = new_emit();
            if (lock) {
                emit_u8(&e, 0xf0);
            }
            if (!vex) {
                x86_rm(&e, r->insn, w, reg, (int)base, disps[k]);
            } else {
                vex_rrm(&e, r->insn, w, reg, takes_vvvv(r, true) ? vvvv : 0, (int)base, disps[k]);
            }
            emit_imm(&e, r);
            check_text(r->name, &e, row_text(r, vex, w, reg, vvvv,
                                             mem_text((int)base, NOREG, 0, disps[k]), true, lock));
            check_mem_size(r, &e, w);
        }
    }
}

START_TEST(test_rows)
{
    const Row *r = &rows[_i];
    for (unsigned w = 0; w < 2; w++) {
        if (!w_allowed(r, w)) {
            continue;
        }
        bool vex = r->insn & X86E_VEX;
        if (!memory_only(r)) {
            check_reg_forms(r, vex, w);
        }
        check_mem_forms(r, vex, w);
        if (is_fp(r->form) && !vex) {       /* legacy SSE rows serve for VEX */
            if (!memory_only(r)) {
                check_reg_forms(r, true, w);
            }
            check_mem_forms(r, true, w);
        }
    }
}
END_TEST

START_TEST(test_index)
{
    static const int32_t disps[] = { 0, 16, -16, 0x1000 };
    char want[96];
    for (int base = -1; base < 16; base++) {
        for (int index = 0; index < 16; index++) {
            for (unsigned k = 0; k < 16 && index != RSP; k++) {
                unsigned scale = k >> 2;
                int32_t disp = disps[k & 3];
                int reg = (base + index + (int)k) & 15;
                Emit e = new_emit();
                x86_rx(&e, X86_MOV_r_rm, 1, reg, base, index, scale, disp);
                sprintf(want, "mov %s, %s", reg_name(64, reg), mem_text(base, index, scale, disp));
                check_text("x86_rx", &e, want);
                e = new_emit();
                x86_rx(&e, X86_MOV8_rm_r, 0, reg, base, index, scale, disp);
                sprintf(want, "mov %s, %s", mem_text(base, index, scale, disp), reg_name(8, reg));
                check_text("x86_rx", &e, want);
            }
        }
    }
    Emit e = new_emit();
    x86_ra(&e, X86_MOV_r_rm, 1, R9, 0x12340);
    check_text("x86_ra", &e, "mov r9, [0x12340]");
    e = new_emit();
    x86_rip(&e, X86_LEA, 1, R9, buf + 0x50);
    check_text("x86_rip", &e, "lea r9, [rip + 0x49]");
}
END_TEST

#define EXPECT(want, ...)                   \
    do {                                    \
        Emit e_ = new_emit(), *e = &e_;     \
        __VA_ARGS__;                        \
        check_text(#__VA_ARGS__, e, want);  \
    } while (0)

START_TEST(test_moves)
{
    EXPECT("mov eax, 0x1234", emit_mov_ri(e, RAX, 0x1234));
    EXPECT("mov r15d, 0x1234", emit_mov_ri(e, R15, 0x1234));
    EXPECT("mov edi, 0xffffffff", emit_mov_ri(e, RDI, 0xffffffff));
    EXPECT("mov rdi, -1", emit_mov_ri(e, RDI, UINT64_MAX));
    EXPECT("mov r8, -0x80000000", emit_mov_ri(e, R8, 0xffffffff80000000));
    EXPECT("movabs r8, 0x123456789abcdef0", emit_mov_ri(e, R8, 0x123456789abcdef0));
    EXPECT("movabs rbx, 0x80000000000", emit_mov_ri(e, RBX, 0x80000000000));
    EXPECT("mov r9, rax", emit_mov_rr(e, 1, R9, RAX));
    EXPECT("mov eax, eax", emit_mov_rr(e, 0, RAX, RAX));
    EXPECT("mov rdx, [rbp + 0x10]", emit_mov(e, 1, RDX, opnd_mem(16)));
    EXPECT("mov r10d, [rbp - 8]", emit_mov(e, 0, R10, opnd_mem(-8)));
    EXPECT("mov r10d, 5", emit_mov(e, 1, R10, opnd_imm(5)));
    EXPECT("mov r10, -5", emit_mov(e, 1, R10, opnd_imm(-5)));
    EXPECT("mov rsi, [rbp + 8]", emit_load(e, RSI, 8));
    EXPECT("movsd xmm9, [rbp + 0x400]", emit_load(e, XMM9, 0x400));
    EXPECT("mov [rbp + 8], r14", emit_store(e, 8, R14));
    EXPECT("movsd [rbp - 0x400], xmm3", emit_store(e, -0x400, XMM3));
    EXPECT("mov [rbp + 8], -1", emit_store_imm(e, 8, UINT64_MAX, NOREG));
    EXPECT("movaps xmm12, xmm1", emit_movx(e, XMM12, XMM1));
    EXPECT("xor r12d, r12d", emit_zero(e, R12));
    EXPECT("lea rsp, [rsp + 8]", emit_lea(e, 1, RSP, RSP, 8));
    EXPECT("lea r13d, [r13]", emit_lea(e, 0, R13, R13, 0));
    EXPECT("bswap r11", emit_bswap(e, 1, R11));
    EXPECT("bswap esi", emit_bswap(e, 0, RSI));
    EXPECT("push r12", emit_push_r(e, R12));
    EXPECT("push rdi", emit_push_r(e, RDI));
    Emit e = new_emit();
    emit_mov_rr(&e, 1, RBX, RBX);
    emit_movx(&e, XMM3, XMM3);
    ck_assert_ptr_eq(e.ptr, buf);
}
END_TEST

START_TEST(test_alu)
{
    static const char *const alu[] = { "add", "or", "adc", "sbb", "and", "sub", "xor", "cmp" };
    static const struct {
        X86Shift s;
        const char *text;
    } shifts[] = { { SH_ROL, "rol" }, { SH_ROR, "ror" }, { SH_SHL, "shl" }, { SH_SHR, "shr" },
                   { SH_SAR, "sar" } };
    char want[64];
    for (unsigned a = ALU_ADD; a <= ALU_CMP; a++) {
        for (int d = 0; d < 16; d++) {
            sprintf(want, "%s %s, r9", alu[a], reg_name(64, d));
            EXPECT(want, emit_alu(e, (X86Alu)a, 1, d, opnd_reg(R9)));
            sprintf(want, "%s %s, ecx", alu[a], reg_name(32, d));
            EXPECT(want, emit_alu(e, (X86Alu)a, 0, d, opnd_reg(RCX)));
            sprintf(want, "%s %s, [rbp + 0x40]", alu[a], reg_name(64, d));
            EXPECT(want, emit_alu(e, (X86Alu)a, 1, d, opnd_mem(0x40)));
            sprintf(want, "%s %s, 7", alu[a], reg_name(64, d));
            EXPECT(want, emit_alu(e, (X86Alu)a, 1, d, opnd_imm(7)));
            sprintf(want, "%s %s, 0x12345", alu[a], reg_name(32, d));
            EXPECT(want, emit_alu(e, (X86Alu)a, 0, d, opnd_imm(0x12345)));
        }
        sprintf(want, "%s [r12 + 4], 7", alu[a]);
        EXPECT(want, emit_alu_mi(e, (X86Alu)a, 0, R12, 4, 7));
        sprintf(want, "%s [rbp + 4], 0x12345", alu[a]);
        EXPECT(want, emit_alu_mi(e, (X86Alu)a, 1, RBP, 4, 0x12345));
    }
    EXPECT("test r10, r10", emit_alu(e, ALU_CMP, 1, R10, opnd_imm(0)));
    for (unsigned i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
        sprintf(want, "%s r13, 0x11", shifts[i].text);
        EXPECT(want, emit_shift_i(e, shifts[i].s, 1, R13, 17));
        sprintf(want, "%s ebx, cl", shifts[i].text);
        EXPECT(want, emit_shift_cl(e, shifts[i].s, 0, RBX));
    }
}
END_TEST

static const char *const cond_name[16] = {
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
};

START_TEST(test_conditions)
{
    char want[64];
    for (unsigned cc = 0; cc < 16; cc++) {
        for (int d = 0; d < 16; d++) {
            sprintf(want, "set%s %s", cond_name[cc], reg_name(8, d));
            EXPECT(want, emit_setcc(e, (X86Cond)cc, d));
            sprintf(want, "cmov%s %s, r8", cond_name[cc], reg_name(64, d));
            EXPECT(want, emit_cmov(e, (X86Cond)cc, 1, d, opnd_reg(R8)));
            sprintf(want, "cmov%s %s, [rbp + 8]", cond_name[cc], reg_name(32, d));
            EXPECT(want, emit_cmov(e, (X86Cond)cc, 0, d, opnd_mem(8)));
        }
        sprintf(want, "j%s 0x12", cond_name[cc]);
        EXPECT(want, emit_jcc_to(e, (X86Cond)cc, buf + 0x12));
        sprintf(want, "j%s 0x1000", cond_name[cc]);
        EXPECT(want, emit_jcc_to(e, (X86Cond)cc, buf + 0x1000));
        EXPECT(want, emit_set_rel32(emit_jcc32(e, (X86Cond)cc), buf + 0x1000));
        sprintf(want, "j%s 2", cond_name[cc]);
        EXPECT(want, emit_here8(e, emit_jcc8(e, (X86Cond)cc)));
    }
}
END_TEST

START_TEST(test_jumps)
{
    EXPECT("jmp 0x10", emit_jmp_to(e, buf + 0x10));
    EXPECT("jmp 0x81", emit_jmp_to(e, buf + 0x81));
    EXPECT("jmp 0x82", emit_jmp_to(e, buf + 0x82));
    EXPECT("jmp 0x1000", emit_set_rel32(emit_jmp32(e), buf + 0x1000));
    EXPECT("jmp 2", emit_here8(e, emit_jmp8(e)));
    EXPECT("call 0x1000", emit_call_to(e, buf + 0x1000));
    for (unsigned n = 1; n < 20; n++) {
        Emit e = new_emit();
        emit_nops(&e, n);
        ck_assert_int_eq(e.ptr - buf, n);
        const uint8_t *p = buf;
        size_t size = n;
        uint64_t addr = 0;
        while (size) {
            ck_assert(cs_disasm_iter(cs, &p, &size, &addr, insn));
            ck_assert_int_eq(insn->id, X86_INS_NOP);
        }
    }
}
END_TEST

int main(void)
{
    if (!x86_disas_open(&cs)) {
        return EXIT_FAILURE;
    }
    cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
    insn = cs_malloc(cs);

    Suite *suite = suite_create("x86");
    TCase *tc = tcase_create("encoder");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_rows, 0, NUM_ROWS);
    tcase_add_test(tc, test_index);
    tcase_add_test(tc, test_moves);
    tcase_add_test(tc, test_alu);
    tcase_add_test(tc, test_conditions);
    tcase_add_test(tc, test_jumps);
    suite_add_tcase(suite, tc);
    int failed = run_suite(suite);
    cs_free(insn, 1);
    cs_close(&cs);
    return failed;
}
