/*
 * backend-x86_64/emit.h: bytes of host instructions.
 *
 * An Emit is a cursor in the code buffer. The x86_* functions write at ptr without looking at end:
 * the driver (codegen.c) makes sure before every IR op and every cold stub that EMIT_MARGIN bytes
 * are left, and gives up (overflow) otherwise. So nothing may emit more than EMIT_MARGIN bytes at
 * one go.
 *
 * Registers: 0..15 are rax..r15, 16..31 are xmm0..xmm15. The functions use the low four bits, so
 * both kinds can be passed as they are.
 */
#ifndef BACKEND_EMIT_H
#define BACKEND_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ir/ops.h"

enum { EMIT_MARGIN = 2048 };

enum HostReg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14,
    XMM15,
    NREGS, NOREG = -1,
};

typedef enum X86Cond {
    X86_O, X86_NO, X86_B, X86_AE, X86_E, X86_NE, X86_BE, X86_A,
    X86_S, X86_NS, X86_P, X86_NP, X86_L, X86_GE, X86_LE, X86_G,
} X86Cond;      /* bit 0 inverts */

/* An instruction of x86.def: opcode | digit << 8 | encoding. Constants, so that calls with a
 * literal name cost nothing to decode. */
enum {
    X86E_DIGIT_SHIFT = 8,
    X86E_P66 = 1 << 12, X86E_PF3 = 2 << 12, X86E_PF2 = 3 << 12,     /* = VEX.pp */
    X86E_M0F = 1 << 14, X86E_M38 = 2 << 14, X86E_M3A = 3 << 14,     /* = VEX.mmmmm */
    X86E_VEX = 1 << 16, X86E_B8 = 1 << 17, X86E_LK = 1 << 18,
};
enum X86EncodingNames {         /* the words of x86.def's third column */
    P66 = X86E_P66, PF3 = X86E_PF3, PF2 = X86E_PF2, M0F = X86E_M0F, M38 = X86E_M38,
    M3A = X86E_M3A, VEX = X86E_VEX, B8 = X86E_B8, LK = X86E_LK,
};
typedef enum X86Insn {
#define X86(name, text, enc, opcode, digit, form) \
    X86_##name = (enc) | (digit) << X86E_DIGIT_SHIFT | (opcode),
#include "backend-x86_64/x86.def"
#undef X86
} X86Insn;

/* The /digit of the 81 and 83 groups, and (<< 3 | 3) the opcode of the reg, rm form. */
typedef enum X86Alu {
    ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP,
} X86Alu;
/* The /digit of the C1 and D3 groups. */
typedef enum X86Shift { SH_ROL = 0, SH_ROR = 1, SH_SHL = 4, SH_SHR = 5, SH_SAR = 7 } X86Shift;

typedef struct Emit {
    uint8_t *ptr, *end;
    uint8_t *base;              /* start of this TB's code */
    /* NULL, or: where (from base) a 32-bit distance to something outside of the code was emitted */
    uint32_t *outside;
    unsigned noutside;
} Emit;

/* An operand as the allocator hands it out. */
typedef enum OpndKind { OPND_REG, OPND_MEM, OPND_IMM } OpndKind;
typedef struct Opnd {
    uint8_t kind;
    int8_t reg;                 /* OPND_REG */
    int32_t disp;               /* OPND_MEM: [rbp + disp] */
    int64_t imm;                /* OPND_IMM */
} Opnd;

static inline Opnd opnd_reg(int r)
{
    return (Opnd){ .kind = OPND_REG, .reg = (int8_t)r };
}

static inline Opnd opnd_mem(int32_t disp)
{
    return (Opnd){ .kind = OPND_MEM, .reg = NOREG, .disp = disp };
}

static inline Opnd opnd_imm(int64_t v)
{
    return (Opnd){ .kind = OPND_IMM, .reg = NOREG, .imm = v };
}

static inline bool opnd_is_reg(Opnd o, int r)
{
    return o.kind == OPND_REG && o.reg == r;
}

static inline bool fits_s8(int64_t v)
{
    return v == (int8_t)v;
}

static inline bool fits_s32(int64_t v)
{
    return v == (int32_t)v;
}

static inline void emit_u8(Emit *e, unsigned v)
{
    *e->ptr++ = (uint8_t)v;
}

static inline void emit_u32(Emit *e, uint32_t v)
{
    memcpy(e->ptr, &v, 4);
    e->ptr += 4;
}

static inline void emit_u64(Emit *e, uint64_t v)
{
    memcpy(e->ptr, &v, 8);
    e->ptr += 8;
}

static inline uint32_t emit_pos(const Emit *e)
{
    return (uint32_t)(e->ptr - e->base);
}

/*
 * Generic encoders. w = 1: 64-bit operand (REX.W); an IrType I32/I64 can be passed as it is. Where
 * the row's FORM has an immediate, the caller emits it next (and must not use x86_rip then).
 * reg is modrm.reg; rows with a digit take 0 (it is or-ed in by the row).
 */
static inline void x86_rr(Emit *e, X86Insn i, unsigned w, int reg, int rm);
static inline void x86_rm(Emit *e, X86Insn i, unsigned w, int reg, int base, int32_t disp);
                                                                        /* [base + disp] */
void x86_rx(Emit *e, X86Insn i, unsigned w, int reg, int base, int index, unsigned scale_log2,
            int32_t disp);                                      /* base may be NOREG */
void x86_ra(Emit *e, X86Insn i, unsigned w, int reg, int32_t addr);     /* absolute [addr] */
void x86_rip(Emit *e, X86Insn i, unsigned w, int reg, const uint8_t *target);
void x86_ro(Emit *e, X86Insn i, unsigned w, int reg, Opnd rm);  /* rm: register or memory */

/* VEX, 128 bits: reg, vvvv, rm. Works for VEX rows and for every legacy SSE row. */
void vex_rrr(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, int rm);
void vex_rrm(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, int base, int32_t disp);
void vex_rro(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, Opnd rm);

/* Moves that leave the flags alone. */
void emit_mov_rr(Emit *e, unsigned w, int d, int s);    /* nothing when d == s and w = 1 */
void emit_mov_ri(Emit *e, int d, uint64_t v);           /* all 64 bits, shortest form */
void emit_mov(Emit *e, unsigned w, int d, Opnd s);      /* int register from anything */
void emit_load(Emit *e, int d, int32_t disp);           /* 64 bits, [rbp + disp], either class */
void emit_store(Emit *e, int32_t disp, int s);
/* [rbp + disp] = v, 64 bits; tmp is clobbered when v does not fit in 32 bits (NOREG if it does) */
void emit_store_imm(Emit *e, int32_t disp, uint64_t v, int tmp);
void emit_movx(Emit *e, int d, int s);                  /* xmm to xmm, whole register */
void emit_zero(Emit *e, int d);                         /* xor d, d: clobbers flags */

/* alu d, s. An immediate must fit in 32 bits signed. cmp with 0 becomes test. */
void emit_alu(Emit *e, X86Alu a, unsigned w, int d, Opnd s);
void emit_alu_mi(Emit *e, X86Alu a, unsigned w, int base, int32_t disp, int32_t imm);
void emit_shift_i(Emit *e, X86Shift s, unsigned w, int d, unsigned count);
void emit_shift_cl(Emit *e, X86Shift s, unsigned w, int d);
void emit_lea(Emit *e, unsigned w, int d, int base, int32_t disp);
void emit_setcc(Emit *e, X86Cond cc, int d);            /* low byte only */
void emit_cmov(Emit *e, X86Cond cc, unsigned w, int d, Opnd s);
void emit_bswap(Emit *e, unsigned w, int d);
void emit_push_r(Emit *e, int r);
void emit_nops(Emit *e, unsigned n);

/* Jumps. The 8-bit forms return where the offset byte is; give that to emit_here8(). */
uint8_t *emit_jcc8(Emit *e, X86Cond cc);
uint8_t *emit_jmp8(Emit *e);
void emit_here8(Emit *e, uint8_t *field);               /* the jump comes here */
void emit_jcc_to(Emit *e, X86Cond cc, const uint8_t *target);   /* shortest form */
void emit_jmp_to(Emit *e, const uint8_t *target);
void emit_call_to(Emit *e, const uint8_t *target);
uint8_t *emit_jcc32(Emit *e, X86Cond cc);               /* returns the rel32 field */
uint8_t *emit_jmp32(Emit *e);
void emit_set_rel32(uint8_t *field, const uint8_t *target);

/*
 * ---- the encoder's core ----
 *
 * Inline, because most calls name their instruction: then little is left to do at run time. Which
 * optional bytes an instruction has is as good as random to a branch predictor, so they are shifted
 * together in registers, and stored 8 bytes at a time: what follows overwrites the surplus.
 */
enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

static inline unsigned insn_pp(X86Insn i)
{
    return (unsigned)i >> 12 & 3;
}

static inline unsigned insn_map(X86Insn i)
{
    return (unsigned)i >> 14 & 3;
}

static inline unsigned insn_digit(X86Insn i)
{
    return (unsigned)i >> X86E_DIGIT_SHIFT & 7;
}

static inline uint8_t *put_disp32(uint8_t *p, int32_t disp)
{
    memcpy(p, &disp, 4);
    return p + 4;
}

/* Prefixes and opcode. rex holds the bits that are needed, REX itself if a plain one is. */
static inline uint8_t *put_opcode(uint8_t *p, X86Insn i, unsigned rex)
{
    static const uint8_t legacy_prefix[4] = { 0, 0x66, 0xf3, 0xf2 };
    static const uint16_t escape[4] = { 0, 0x0f, 0x380f, 0x3a0f };
    unsigned pp = insn_pp(i), map = insn_map(i), n = map < 3 ? map : 2;
    uint64_t v = escape[map] | (uint64_t)(uint8_t)i << 8 * n;
    n += 1 + (rex != 0);
    v = v << (rex != 0) * 8 | (rex ? REX | rex : 0);
    n += pp != 0;
    v = v << (pp != 0) * 8 | legacy_prefix[pp];
    memcpy(p, &v, 8);
    return p + n;
}

static inline uint8_t *put_mem(uint8_t *p, unsigned reg, unsigned base, int32_t disp)
{
    unsigned any = (disp != 0) | ((base & 7) == RBP), wide = any & !fits_s8(disp);
    unsigned sib = (base & 7) == RSP;
    uint64_t v = any << (6 + wide) | (reg & 7) << 3 | (base & 7);   /* mod 0, 1, 2: 0, 1, 4 bytes */
    v |= sib * 0x2400;                                              /* SIB: no index */
    v |= (uint64_t)(uint32_t)disp << (8 + 8 * sib);
    memcpy(p, &v, 8);
    return p + 1 + sib + any + 3 * wide;
}

static inline unsigned rex_bits(unsigned w, unsigned reg, unsigned index, unsigned base)
{
    return w << 3 | (reg >> 1 & REX_R) | (index >> 2 & REX_X) | (base >> 3 & REX_B);
}

/* A byte register spl..dil needs a REX prefix, else it means ah..bh. */
static inline unsigned byte_rex(X86Insn i, unsigned reg, bool rm_is_reg, unsigned rm)
{
    if (!(i & X86E_B8)) {
        return 0;
    }
    bool reg_is_byte = !(insn_map(i)) && reg >= 4;
    return reg_is_byte || (rm_is_reg && rm >= 4) ? REX : 0;
}

static inline __attribute__((always_inline)) void put_rr(Emit *e, X86Insn i, unsigned w, int reg,
                                                         int rm)
{
    unsigned g = (unsigned)reg & 15, m = (unsigned)rm & 15;
    uint8_t *p = put_opcode(e->ptr, i, rex_bits(w, g, 0, m) | byte_rex(i, g, true, m));
    *p++ = (uint8_t)(0xc0 | (g & 7) << 3 | insn_digit(i) << 3 | (m & 7));
    e->ptr = p;
}

static inline __attribute__((always_inline)) void put_rm(Emit *e, X86Insn i, unsigned w, int reg,
                                                         int base, int32_t disp)
{
    unsigned g = (unsigned)reg & 15, b = (unsigned)base & 15;
    uint8_t *p = put_opcode(e->ptr, i, rex_bits(w, g, 0, b) | byte_rex(i, g, false, 0));
    e->ptr = put_mem(p, g | insn_digit(i), b, disp);
}

void x86_rr_any(Emit *e, X86Insn i, unsigned w, int reg, int rm);
void x86_rm_any(Emit *e, X86Insn i, unsigned w, int reg, int base, int32_t disp);

static inline void x86_rr(Emit *e, X86Insn i, unsigned w, int reg, int rm)
{
    if (__builtin_constant_p(i)) {
        put_rr(e, i, w, reg, rm);
    } else {
        x86_rr_any(e, i, w, reg, rm);
    }
}

static inline void x86_rm(Emit *e, X86Insn i, unsigned w, int reg, int base, int32_t disp)
{
    if (__builtin_constant_p(i)) {
        put_rm(e, i, w, reg, base, disp);
    } else {
        x86_rm_any(e, i, w, reg, base, disp);
    }
}

#endif
