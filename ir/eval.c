/*
 * ir/eval.c: integer semantics of the IR, one case an op. Widths as ops.def says: an i32 op takes
 * the low halves and gives a zero-extended result.
 */
#include "ir/eval.h"

#include <glib.h>

static uint64_t shift(IrOpcode opc, unsigned bits, uint64_t a, uint64_t n)
{
    n &= bits - 1;
    switch (opc) {
    case IR_shl:
        return a << n;
    case IR_shr:
        return a >> n;
    case IR_sar:
        return bits == 32 ? (uint64_t)((int64_t)(int32_t)a >> n) : (uint64_t)((int64_t)a >> n);
    case IR_rotr:
        n = (bits - n) & (bits - 1);
        /* fall through */
    default:
        return n == 0 ? a : a << n | a >> (bits - n);
    }
}

static uint64_t divide32(IrOpcode opc, uint32_t a, uint32_t b)
{
    int32_t sa = (int32_t)a, sb = (int32_t)b;
    bool overflow = sa == INT32_MIN && sb == -1;
    switch (opc) {
    case IR_divs:
        return b == 0 ? UINT32_MAX : overflow ? a : (uint32_t)(sa / sb);
    case IR_divu:
        return b == 0 ? UINT32_MAX : a / b;
    case IR_rems:
        return b == 0 ? a : overflow ? 0 : (uint32_t)(sa % sb);
    default:
        return b == 0 ? a : a % b;
    }
}

static uint64_t divide64(IrOpcode opc, uint64_t a, uint64_t b)
{
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    bool overflow = sa == INT64_MIN && sb == -1;
    switch (opc) {
    case IR_divs:
        return b == 0 ? UINT64_MAX : overflow ? a : (uint64_t)(sa / sb);
    case IR_divu:
        return b == 0 ? UINT64_MAX : a / b;
    case IR_rems:
        return b == 0 ? a : overflow ? 0 : (uint64_t)(sa % sb);
    default:
        return b == 0 ? a : a % b;
    }
}

/* High half of the product; a and b are extended to 64 bits already when bits is 32. */
static uint64_t mul_high(unsigned bits, __int128 a, __int128 b)
{
    return (uint64_t)((unsigned __int128)(a * b) >> bits);
}

static uint64_t orc_b(uint64_t a)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 64; i += 8) {
        if (a >> i & 0xff) {
            r |= (uint64_t)0xff << i;
        }
    }
    return r;
}

/* The sum of a << i over the bits i of b, without carries. */
static unsigned __int128 clmul(uint64_t a, uint64_t b)
{
    unsigned __int128 r = 0;
    for (; b; b &= b - 1) {
        r ^= (unsigned __int128)a << __builtin_ctzll(b);
    }
    return r;
}

uint64_t ir_eval_int(IrOpcode opc, IrType t, const uint64_t v[4], uint64_t k0)
{
    bool is32 = t == IR_I32;
    unsigned bits = is32 ? 32 : 64;
    uint64_t mask = is32 ? UINT32_MAX : UINT64_MAX;
    uint64_t a = v[0] & mask, b = v[1] & mask;
    int64_t sa = is32 ? (int32_t)a : (int64_t)a;
    int64_t sb = is32 ? (int32_t)b : (int64_t)b;
    uint64_t r;

    switch (opc) {
    case IR_mov:
        return v[0];
    case IR_add:
        r = a + b;
        break;
    case IR_sub:
        r = a - b;
        break;
    case IR_mul:
        r = a * b;
        break;
    case IR_mulhs:
        r = mul_high(bits, sa, sb);
        break;
    case IR_mulhu:
        r = (uint64_t)(((unsigned __int128)a * b) >> bits);
        break;
    case IR_mulhsu:
        r = mul_high(bits, sa, (__int128)b);
        break;
    case IR_divs:
    case IR_divu:
    case IR_rems:
    case IR_remu:
        r = is32 ? divide32(opc, (uint32_t)a, (uint32_t)b) : divide64(opc, a, b);
        break;
    case IR_and:
        r = a & b;
        break;
    case IR_or:
        r = a | b;
        break;
    case IR_xor:
        r = a ^ b;
        break;
    case IR_andn:
        r = a & ~b;
        break;
    case IR_orn:
        r = a | ~b;
        break;
    case IR_xnor:
        r = ~(a ^ b);
        break;
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rotl:
    case IR_rotr:
        r = shift(opc, bits, a, b);
        break;
    /* The extensions are 64 bits wide whatever the type says: their operands are `d`. */
    case IR_ext8s:
        return (uint64_t)(int64_t)(int8_t)v[0];
    case IR_ext16s:
        return (uint64_t)(int64_t)(int16_t)v[0];
    case IR_ext32s:
        return (uint64_t)(int64_t)(int32_t)v[0];
    case IR_ext8u:
        return (uint8_t)v[0];
    case IR_ext16u:
        return (uint16_t)v[0];
    case IR_ext32u:
        return (uint32_t)v[0];
    case IR_bswap:
        r = is32 ? __builtin_bswap32((uint32_t)a) : __builtin_bswap64(a);
        break;
    case IR_clz:
        r = a == 0 ? bits : (unsigned)__builtin_clzll(a) - (64 - bits);
        break;
    case IR_ctz:
        r = a == 0 ? bits : (unsigned)__builtin_ctzll(a);
        break;
    case IR_popcnt:
        r = (unsigned)__builtin_popcountll(a);
        break;
    case IR_orc_b:
        r = orc_b(a);
        break;
    case IR_clmul:
        r = (uint64_t)clmul(a, b);
        break;
    case IR_clmulh:
        r = (uint64_t)(clmul(a, b) >> bits);
        break;
    case IR_mins:
        r = sa < sb ? a : b;
        break;
    case IR_minu:
        r = a < b ? a : b;
        break;
    case IR_maxs:
        r = sa > sb ? a : b;
        break;
    case IR_maxu:
        r = a > b ? a : b;
        break;
    case IR_setcond:
        r = ir_cond_eval((IrCond)k0, t, a, b);
        break;
    case IR_movcond:
        r = ir_cond_eval((IrCond)k0, t, a, b) ? v[2] : v[3];
        break;
    default:
        g_assert_not_reached();
    }
    return r & mask;
}
