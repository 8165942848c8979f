/*
 * backend-x86_64/emit.c: the encoder. See emit.h for its rules.
 *
 * Layout of a host instruction: [66|f3|f2] [REX] [0f [38|3a]] opcode modrm [sib] [disp] [imm], or
 * with VEX: c5/c4 prefix, opcode, modrm and so on. Source: Intel SDM volume 2, chapter 2.
 */
#include "backend-x86_64/emit.h"

void x86_rr_any(Emit *e, X86Insn i, unsigned w, int reg, int rm)
{
    put_rr(e, i, w, reg, rm);
}

void x86_rm_any(Emit *e, X86Insn i, unsigned w, int reg, int base, int32_t disp)
{
    put_rm(e, i, w, reg, base, disp);
}

void x86_rx(Emit *e, X86Insn i, unsigned w, int reg, int base, int index, unsigned scale_log2,
            int32_t disp)
{
    unsigned g = (unsigned)reg & 15, x = (unsigned)index & 15;
    unsigned b = base == NOREG ? (unsigned)RBP : (unsigned)base & 15;
    uint8_t *p = put_opcode(e->ptr, i, rex_bits(w, g, x, b) | byte_rex(i, g, false, 0));
    unsigned any = base == NOREG || disp != 0 || (b & 7) == RBP;
    unsigned wide = base == NOREG || !fits_s8(disp);        /* wide implies any */
    unsigned mod = base == NOREG ? 0 : any << (6 + wide);
    *p++ = (uint8_t)(mod | (g & 7) << 3 | insn_digit(i) << 3 | 4);
    *p++ = (uint8_t)(scale_log2 << 6 | (x & 7) << 3 | (b & 7));
    put_disp32(p, disp);
    e->ptr = p + any + 3 * wide;
}

void x86_ra(Emit *e, X86Insn i, unsigned w, int reg, int32_t addr)
{
    unsigned g = (unsigned)reg & 15;
    uint8_t *p = put_opcode(e->ptr, i, rex_bits(w, g, 0, 0) | byte_rex(i, g, false, 0));
    *p++ = (uint8_t)((g & 7) << 3 | insn_digit(i) << 3 | 4);
    *p++ = 0x25;                        /* SIB: no base, no index */
    e->ptr = put_disp32(p, addr);
}

/* Not in the code being emitted: the distance changes when that is moved. */
static bool is_outside(const Emit *e, const uint8_t *target)
{
    return target < e->base || target > e->ptr;
}

/* The 4 bytes before e->ptr are the distance to target. */
static void note_outside(Emit *e, const uint8_t *target)
{
    if (e->outside && is_outside(e, target)) {
        e->outside[e->noutside++] = emit_pos(e) - 4;
    }
}

void x86_rip(Emit *e, X86Insn i, unsigned w, int reg, const uint8_t *target)
{
    unsigned g = (unsigned)reg & 15;
    uint8_t *p = put_opcode(e->ptr, i, rex_bits(w, g, 0, 0) | byte_rex(i, g, false, 0));
    *p++ = (uint8_t)((g & 7) << 3 | insn_digit(i) << 3 | 5);
    e->ptr = put_disp32(p, (int32_t)(target - (p + 4)));
    note_outside(e, target);
}

void x86_ro(Emit *e, X86Insn i, unsigned w, int reg, Opnd rm)
{
    if (rm.kind == OPND_REG) {
        x86_rr(e, i, w, reg, rm.reg);
    } else {
        x86_rm(e, i, w, reg, RBP, rm.disp);
    }
}

/* VEX prefix and opcode; the register bits are stored inverted. */
static inline uint8_t *put_vex(uint8_t *p, X86Insn i, unsigned w, unsigned reg, unsigned vvvv,
                               unsigned rm)
{
    unsigned tail = (~vvvv & 15) << 3 | insn_pp(i);
    unsigned r = ~reg << 4 & 0x80;
    if (insn_map(i) == 1 && !w && rm < 8) {
        *p++ = 0xc5;
        *p++ = (uint8_t)(r | tail);
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)(r | 0x40 | (~rm << 2 & 0x20) | insn_map(i));
        *p++ = (uint8_t)(w << 7 | tail);
    }
    *p++ = (uint8_t)i;
    return p;
}

void vex_rrr(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, int rm)
{
    unsigned g = (unsigned)reg & 15, m = (unsigned)rm & 15;
    uint8_t *p = put_vex(e->ptr, i, w, g, (unsigned)vvvv & 15, m);
    *p++ = (uint8_t)(0xc0 | (g & 7) << 3 | (m & 7));
    e->ptr = p;
}

void vex_rrm(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, int base, int32_t disp)
{
    unsigned g = (unsigned)reg & 15, b = (unsigned)base & 15;
    uint8_t *p = put_vex(e->ptr, i, w, g, (unsigned)vvvv & 15, b);
    e->ptr = put_mem(p, g, b, disp);
}

void vex_rro(Emit *e, X86Insn i, unsigned w, int reg, int vvvv, Opnd rm)
{
    if (rm.kind == OPND_REG) {
        vex_rrr(e, i, w, reg, vvvv, rm.reg);
    } else {
        vex_rrm(e, i, w, reg, vvvv, RBP, rm.disp);
    }
}

/* ---- moves ---- */

void emit_mov_rr(Emit *e, unsigned w, int d, int s)
{
    if (d != s || !w) {
        x86_rr(e, X86_MOV_r_rm, w, d, s);
    }
}

void emit_mov_ri(Emit *e, int d, uint64_t v)
{
    if (v <= UINT32_MAX) {
        if (d >= R8) {
            emit_u8(e, REX | REX_B);
        }
        emit_u8(e, 0xb8 | (d & 7));
        emit_u32(e, (uint32_t)v);
    } else if (fits_s32((int64_t)v)) {
        x86_rr(e, X86_MOV_rm_i, 1, 0, d);
        emit_u32(e, (uint32_t)v);
    } else {
        emit_u8(e, REX | REX_W | (d >= R8));
        emit_u8(e, 0xb8 | (d & 7));
        emit_u64(e, v);
    }
}

void emit_mov(Emit *e, unsigned w, int d, Opnd s)
{
    switch (s.kind) {
    case OPND_REG:
        emit_mov_rr(e, w, d, s.reg);
        break;
    case OPND_MEM:
        x86_rm(e, X86_MOV_r_rm, w, d, RBP, s.disp);
        break;
    default:
        emit_mov_ri(e, d, w ? (uint64_t)s.imm : (uint32_t)s.imm);
        break;
    }
}

void emit_load(Emit *e, int d, int32_t disp)
{
    if (d >= XMM0) {
        x86_rm(e, X86_MOVSD, 0, d, RBP, disp);
    } else {
        x86_rm(e, X86_MOV_r_rm, 1, d, RBP, disp);
    }
}

void emit_store(Emit *e, int32_t disp, int s)
{
    if (s >= XMM0) {
        x86_rm(e, X86_MOVSD_st, 0, s, RBP, disp);
    } else {
        x86_rm(e, X86_MOV_rm_r, 1, s, RBP, disp);
    }
}

void emit_store_imm(Emit *e, int32_t disp, uint64_t v, int tmp)
{
    if (fits_s32((int64_t)v)) {
        x86_rm(e, X86_MOV_rm_i, 1, 0, RBP, disp);
        emit_u32(e, (uint32_t)v);
    } else {
        emit_mov_ri(e, tmp, v);
        emit_store(e, disp, tmp);
    }
}

void emit_movx(Emit *e, int d, int s)
{
    if (d != s) {
        x86_rr(e, X86_MOVAPS, 0, d, s);
    }
}

void emit_zero(Emit *e, int d)
{
    x86_rr(e, X86_XOR_r_rm, 0, d, d);
}

/* ---- arithmetic ---- */

void emit_alu(Emit *e, X86Alu a, unsigned w, int d, Opnd s)
{
    if (s.kind == OPND_IMM) {
        if (a == ALU_CMP && s.imm == 0) {
            x86_rr(e, X86_TEST_rm_r, w, d, d);
        } else if (fits_s8(s.imm)) {
            x86_rr(e, X86_ADD_rm_b, w, (int)a, d);
            emit_u8(e, (uint8_t)s.imm);
        } else {
            x86_rr(e, X86_ADD_rm_i, w, (int)a, d);
            emit_u32(e, (uint32_t)s.imm);
        }
    } else {
        x86_ro(e, (X86Insn)(a << 3 | X86_ADD_r_rm), w, d, s);
    }
}

void emit_alu_mi(Emit *e, X86Alu a, unsigned w, int base, int32_t disp, int32_t imm)
{
    if (fits_s8(imm)) {
        x86_rm(e, X86_ADD_rm_b, w, (int)a, base, disp);
        emit_u8(e, (uint8_t)imm);
    } else {
        x86_rm(e, X86_ADD_rm_i, w, (int)a, base, disp);
        emit_u32(e, (uint32_t)imm);
    }
}

void emit_shift_i(Emit *e, X86Shift s, unsigned w, int d, unsigned count)
{
    x86_rr(e, X86_ROL_b, w, (int)s, d);
    emit_u8(e, count);
}

void emit_shift_cl(Emit *e, X86Shift s, unsigned w, int d)
{
    x86_rr(e, X86_ROL_c, w, (int)s, d);
}

void emit_lea(Emit *e, unsigned w, int d, int base, int32_t disp)
{
    x86_rm(e, X86_LEA, w, d, base, disp);
}

void emit_setcc(Emit *e, X86Cond cc, int d)
{
    if (d >= 4) {
        emit_u8(e, REX | (d >= R8));
    }
    emit_u8(e, 0x0f);
    emit_u8(e, 0x90 | cc);
    emit_u8(e, 0xc0 | (d & 7));
}

void emit_cmov(Emit *e, X86Cond cc, unsigned w, int d, Opnd s)
{
    x86_ro(e, (X86Insn)(X86E_M0F | 0x40 | cc), w, d, s);
}

void emit_bswap(Emit *e, unsigned w, int d)
{
    unsigned rex = w << 3 | (d >= R8);
    if (rex) {
        emit_u8(e, REX | rex);
    }
    emit_u8(e, 0x0f);
    emit_u8(e, 0xc8 | (d & 7));
}

void emit_push_r(Emit *e, int r)
{
    if (r >= R8) {
        emit_u8(e, REX | REX_B);
    }
    emit_u8(e, 0x50 | (r & 7));
}

void emit_nops(Emit *e, unsigned n)
{
    static const uint8_t nop[8][8] = {
        { 0x90 },
        { 0x66, 0x90 },
        { 0x0f, 0x1f, 0x00 },
        { 0x0f, 0x1f, 0x40, 0x00 },
        { 0x0f, 0x1f, 0x44, 0x00, 0x00 },
        { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
        { 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
        { 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
    };
    while (n) {
        unsigned k = n < 8 ? n : 8;
        memcpy(e->ptr, nop[k - 1], k);
        e->ptr += k;
        n -= k;
    }
}

/* ---- jumps ---- */

uint8_t *emit_jcc8(Emit *e, X86Cond cc)
{
    emit_u8(e, 0x70 | cc);
    emit_u8(e, 0);
    return e->ptr - 1;
}

uint8_t *emit_jmp8(Emit *e)
{
    emit_u8(e, 0xeb);
    emit_u8(e, 0);
    return e->ptr - 1;
}

void emit_here8(Emit *e, uint8_t *field)
{
    *field = (uint8_t)(e->ptr - (field + 1));
}

void emit_set_rel32(uint8_t *field, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (field + 4));
    memcpy(field, &rel, 4);
}

uint8_t *emit_jcc32(Emit *e, X86Cond cc)
{
    emit_u8(e, 0x0f);
    emit_u8(e, 0x80 | cc);
    emit_u32(e, 0);
    return e->ptr - 4;
}

uint8_t *emit_jmp32(Emit *e)
{
    emit_u8(e, 0xe9);
    emit_u32(e, 0);
    return e->ptr - 4;
}

void emit_jcc_to(Emit *e, X86Cond cc, const uint8_t *target)
{
    int64_t rel = target - (e->ptr + 2);
    if (fits_s8(rel) && !is_outside(e, target)) {
        emit_u8(e, 0x70 | cc);
        emit_u8(e, (uint8_t)rel);
    } else {
        emit_set_rel32(emit_jcc32(e, cc), target);
        note_outside(e, target);
    }
}

void emit_jmp_to(Emit *e, const uint8_t *target)
{
    int64_t rel = target - (e->ptr + 2);
    if (fits_s8(rel) && !is_outside(e, target)) {
        emit_u8(e, 0xeb);
        emit_u8(e, (uint8_t)rel);
    } else {
        emit_set_rel32(emit_jmp32(e), target);
        note_outside(e, target);
    }
}

void emit_call_to(Emit *e, const uint8_t *target)
{
    emit_u8(e, 0xe8);
    emit_u32(e, 0);
    emit_set_rel32(e->ptr - 4, target);
    note_outside(e, target);
}
