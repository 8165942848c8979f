/*
 * ir/opt_bits.c: known bits of integer values, and which bits an op reads.
 */
#include "ir/opt.h"

#include <glib.h>

#include "ir/eval.h"

static const uint64_t high_half = 0xffffffff00000000u;

static unsigned leading_ones(uint64_t v)
{
    return ~v == 0 ? 64 : (unsigned)__builtin_clzll(~v);
}

static unsigned trailing_ones(uint64_t v)
{
    return ~v == 0 ? 64 : (unsigned)__builtin_ctzll(~v);
}

static uint64_t top_mask(unsigned n)
{
    return n == 0 ? 0 : ~(uint64_t)0 << (64 - n);
}

static uint64_t low_mask(unsigned n)
{
    return n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
}

static OptBits bits_of_const(uint64_t v)
{
    return (OptBits){ .zeros = ~v, .ones = v,
                      .sbits = MAX(leading_ones(v), leading_ones(~v)) };
}

OptBits opt_bits_of(Opt *o, const IrTemp *t)
{
    if (t->kind == IR_CONST) {
        return bits_of_const(t->value);
    }
    const OptInfo *i = opt_info(o, t);
    return (OptBits){ .zeros = i->zeros, .ones = i->ones, .sbits = i->sbits };
}

/* Low n bits of a, extended. */
static OptBits extended(OptBits a, unsigned n, bool is_signed)
{
    unsigned drop = 64 - n;
    OptBits r = { .sbits = MAX(a.sbits, drop + 1) };
    if (is_signed) {
        r.zeros = (uint64_t)((int64_t)(a.zeros << drop) >> drop);
        r.ones = (uint64_t)((int64_t)(a.ones << drop) >> drop);
    } else {
        r.zeros = a.zeros | ~low_mask(n);
        r.ones = a.ones & low_mask(n);
        r.sbits = MAX(drop, 1u);
    }
    return r;
}

/* One of a and b, nobody knows which. */
static OptBits either(OptBits a, OptBits b)
{
    return (OptBits){ a.zeros & b.zeros, a.ones & b.ones, MIN(a.sbits, b.sbits) };
}

static OptBits shifted(IrOpcode opc, bool is32, OptBits a, unsigned n)
{
    OptBits r = { .sbits = 1 };
    switch (opc) {
    case IR_shl:
        r.zeros = a.zeros << n | low_mask(n);
        r.ones = a.ones << n;
        r.sbits = a.sbits > n ? a.sbits - n : 1;
        break;
    case IR_shr:
        r.zeros = a.zeros >> n | top_mask(n);
        r.ones = a.ones >> n;
        break;
    default:
        if (is32) {
            r.zeros = (uint32_t)((int32_t)a.zeros >> n);
            r.ones = (uint32_t)((int32_t)a.ones >> n);
        } else {
            r.zeros = (uint64_t)((int64_t)a.zeros >> n);
            r.ones = (uint64_t)((int64_t)a.ones >> n);
            r.sbits = MIN(64u, a.sbits + n);
        }
        break;
    }
    return r;
}

/* a + b or a - b. A carry passes through no zeros at the bottom, and adds one bit on top. */
static OptBits added(OptBits a, OptBits b, bool is_add)
{
    OptBits r = { .sbits = MAX(MIN(a.sbits, b.sbits), 2u) - 1 };
    r.zeros = low_mask(MIN(trailing_ones(a.zeros), trailing_ones(b.zeros)));
    unsigned lead = MIN(leading_ones(a.zeros), leading_ones(b.zeros));
    if (is_add && lead > 1) {
        r.zeros |= top_mask(lead - 1);
    }
    return r;
}

static OptBits memop_bits(uint64_t mo)
{
    return extended((OptBits){ .sbits = 1 }, 8u << (mo & MO_SIZE), mo & MO_SIGN);
}

static OptBits below(unsigned n)
{
    return (OptBits){ .zeros = ~low_mask(n), .sbits = 64 - n };
}

OptBits opt_bits_of_result(Opt *o, const IrOp *op)
{
    IrOpcode opc = (IrOpcode)op->opcode;
    bool is_ext = opc >= IR_ext8s && opc <= IR_ext32u;
    bool is32 = op->type == IR_I32 && !is_ext;
    OptBits a = { .sbits = 1 }, b = a, r = a;
    if (ir_is_int_op(opc)) {
        a = opt_bits_of(o, op->in[0]);
        if (op->nin > 1) {
            b = opt_bits_of(o, op->in[1]);
        }
        if (is32) {
            a = extended(a, 32, false);
            b = extended(b, 32, false);
        }
    }
    switch (opc) {
    case IR_add:
    case IR_sub:
        r = added(a, b, opc == IR_add);
        break;
    case IR_mul: {
        unsigned low = trailing_ones(a.zeros) + trailing_ones(b.zeros);
        unsigned lead = leading_ones(a.zeros) + leading_ones(b.zeros);
        r.zeros = low_mask(low) | (lead > 64 ? top_mask(lead - 64) : 0);
        break;
    }
    case IR_and:
        r = (OptBits){ a.zeros | b.zeros, a.ones & b.ones, MIN(a.sbits, b.sbits) };
        break;
    case IR_andn:
        r = (OptBits){ a.zeros | b.ones, a.ones & b.zeros, MIN(a.sbits, b.sbits) };
        break;
    case IR_or:
        r = (OptBits){ a.zeros & b.zeros, a.ones | b.ones, MIN(a.sbits, b.sbits) };
        break;
    case IR_orn:
        r = (OptBits){ a.zeros & b.ones, a.ones | b.zeros, MIN(a.sbits, b.sbits) };
        break;
    case IR_xor:
        r = (OptBits){ (a.zeros & b.zeros) | (a.ones & b.ones),
                       (a.zeros & b.ones) | (a.ones & b.zeros), MIN(a.sbits, b.sbits) };
        break;
    case IR_xnor:
        r = (OptBits){ (a.zeros & b.ones) | (a.ones & b.zeros),
                       (a.zeros & b.zeros) | (a.ones & b.ones), MIN(a.sbits, b.sbits) };
        break;
    case IR_shl:
    case IR_shr:
    case IR_sar:
        if (op->in[1]->kind == IR_CONST) {
            r = shifted(opc, is32, a, (unsigned)op->in[1]->value & (is32 ? 31 : 63));
        }
        break;
    case IR_ext8s:
    case IR_ext8u:
        r = extended(a, 8, opc == IR_ext8s);
        break;
    case IR_ext16s:
    case IR_ext16u:
        r = extended(a, 16, opc == IR_ext16s);
        break;
    case IR_ext32s:
    case IR_ext32u:
        r = extended(a, 32, opc == IR_ext32s);
        break;
    case IR_clz:
    case IR_ctz:
    case IR_popcnt:
        return below(7);
    case IR_mins:
    case IR_minu:
    case IR_maxs:
    case IR_maxu:
        r = either(a, b);
        break;
    case IR_movcond:
        r = either(opt_bits_of(o, op->in[2]), opt_bits_of(o, op->in[3]));
        break;
    case IR_setcond:
    case IR_feq:
    case IR_flt:
    case IR_fle:
        return below(1);
    case IR_fclass:
        return below(10);
    case IR_fflags_get:
        return below(5);
    case IR_guest_ld:
    case IR_guest_amo:
        r = memop_bits(op->k[1]);
        break;
    case IR_guest_cmpxchg:
        r = memop_bits(op->k[0]);
        break;
    case IR_fmv_if:
        return (OptBits){ .sbits = is32 ? 33 : 1 };
    case IR_fcvt_if:
        return (OptBits){ .sbits = op->k[0] == IR_S32 || op->k[0] == IR_U32 ? 33 : 1 };
    default:
        break;
    }
    if (is32) {
        r.zeros |= high_half;
        r.ones &= ~high_half;
        r.sbits = 32;
    }
    r.sbits = MAX(r.sbits, MAX(leading_ones(r.zeros), leading_ones(r.ones)));
    return r;
}

const uint8_t opt_reads_narrow[IR_OP_COUNT] = {
    [IR_ext8s] = 1, [IR_ext16s] = 1, [IR_ext32s] = 1, [IR_ext8u] = 1, [IR_ext16u] = 1,
    [IR_ext32u] = 1, [IR_shl] = 1, [IR_shr] = 1, [IR_sar] = 1, [IR_rotl] = 1, [IR_rotr] = 1,
    [IR_guest_st] = 1, [IR_guest_amo] = 1, [IR_guest_cmpxchg] = 1, [IR_fcvt_fi] = 1,
};

/* The bits that an extension reads; 0 for other operations. */
static unsigned ext_width(const IrOp *op)
{
    switch (op->opcode) {
    case IR_ext8s:
    case IR_ext8u:
        return 8;
    case IR_ext16s:
    case IR_ext16u:
        return 16;
    case IR_ext32s:
    case IR_ext32u:
        return 32;
    default:
        return 0;
    }
}

unsigned opt_bits_read_narrow(const IrOp *op, unsigned i)
{
    bool is32 = op->type == IR_I32;
    switch (op->opcode) {
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rotl:
    case IR_rotr:
        return i == 1 ? (is32 ? 5 : 6) : is32 ? 32 : 64;
    case IR_guest_st:
    case IR_guest_amo:
        return i == 0 ? 64 : MIN(8u << (op->k[1] & MO_SIZE), is32 ? 32u : 64u);
    case IR_guest_cmpxchg:
        return i == 0 ? 64 : MIN(8u << (op->k[0] & MO_SIZE), is32 ? 32u : 64u);
    case IR_fcvt_fi:
        return op->k[0] == IR_S32 || op->k[0] == IR_U32 ? 32 : 64;
    case IR_brcond:
    case IR_brcond_tb:
    case IR_env_st:
    case IR_fmv_fi:
        return is32 ? 32 : 64;
    default:
        return ext_width(op) ? ext_width(op)
               : ir_is_int_op((IrOpcode)op->opcode) && is32 ? 32 : 64;
    }
}

/* The low bits that an extension or a mask leaves as they are. */
static unsigned bits_kept(const IrOp *op)
{
    switch (op->opcode) {
    case IR_and:
        return op->in[1]->kind != IR_CONST ? 0
               : MIN(trailing_ones(op->in[1]->value), op->type == IR_I32 ? 32u : 64u);
    default:
        return ext_width(op);
    }
}

IrTemp *opt_bits_narrow(Opt *o, IrTemp *t, unsigned n)
{
    const IrOp *def;
    while ((def = opt_def(o, t)) != NULL && bits_kept(def) >= n && opt_def_near(o, t)) {
        t = def->in[0];
    }
    return t;
}

IrTemp *opt_bits_root(Opt *o, IrTemp *t, unsigned n)
{
    const IrOp *def;
    while ((def = opt_def(o, t)) != NULL && bits_kept(def) >= n) {
        t = def->in[0];
    }
    return t;
}
