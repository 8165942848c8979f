/*
 * frontend/helper_softfp.c: see helper_softfp.h.
 *
 * Every operation goes the same three steps: unpack() to a normalized number, an exact (or sticky)
 * result in 128 bits, round_pack(). The sticky rule: a bit shifted out at the bottom is or-ed into
 * bit 0 ("jam"), which is harmless as long as bit 0 lies at least two bits below the last bit kept.
 */
#include "frontend/helper_softfp.h"

typedef unsigned __int128 u128;

enum { F64_FRAC = 52, F32_FRAC = 23, BOX_SHIFT = 32 };
#define BOX (~UINT64_C(0) << BOX_SHIFT)

typedef enum NumClass { NUM_ZERO, NUM_FINITE, NUM_INF, NUM_QNAN, NUM_SNAN } NumClass;

/* A finite number is sig * 2^(exp - 63); bit 63 of sig is set. */
typedef struct Num {
    NumClass cls;
    bool sign;
    bool subnormal;             /* was so in its format */
    int exp;
    uint64_t sig;
} Num;

static unsigned frac_bits(const SoftFp *s)
{
    return s->f64 ? F64_FRAC : F32_FRAC;
}

/* Exponent field of infinities and NaNs. */
static int exp_max(const SoftFp *s)
{
    return s->f64 ? 0x7ff : 0xff;
}

static int exp_bias(const SoftFp *s)
{
    return exp_max(s) >> 1;
}

static uint64_t pack(const SoftFp *s, bool sign, int exp_field, uint64_t frac)
{
    uint64_t v = ((uint64_t)exp_field << frac_bits(s)) + frac;
    return s->f64 ? v | (uint64_t)sign << 63 : v | (uint64_t)sign << 31 | BOX;
}

static uint64_t pack_inf(const SoftFp *s, bool sign)
{
    return pack(s, sign, exp_max(s), 0);
}

static uint64_t pack_zero(const SoftFp *s, bool sign)
{
    return pack(s, sign, 0, 0);
}

static uint64_t pack_nan(const SoftFp *s)
{
    return pack(s, false, exp_max(s), UINT64_C(1) << (frac_bits(s) - 1));
}

static uint64_t invalid(SoftFp *s)
{
    s->flags |= IR_NV;
    return pack_nan(s);
}

static Num unpack(const SoftFp *s, uint64_t bits)
{
    unsigned fb = frac_bits(s);
    uint64_t frac = bits & ((UINT64_C(1) << fb) - 1);
    int field = (int)(bits >> fb) & exp_max(s);
    Num n = { .sign = bits >> (s->f64 ? 63 : 31) & 1 };

    if (field == exp_max(s)) {
        n.cls = frac == 0 ? NUM_INF : frac >> (fb - 1) ? NUM_QNAN : NUM_SNAN;
    } else if (field != 0) {
        n.cls = NUM_FINITE;
        n.exp = field - exp_bias(s);
        n.sig = (frac | UINT64_C(1) << fb) << (63 - fb);
    } else if (frac != 0) {
        int shift = __builtin_clzll(frac);
        n.cls = NUM_FINITE;
        n.subnormal = true;
        n.exp = 1 - exp_bias(s) - (shift - (63 - (int)fb));
        n.sig = frac << shift;
    }
    return n;
}

static bool is_nan(Num n)
{
    return n.cls >= NUM_QNAN;
}

/* The result of an operation one of whose operands is a NaN. */
static uint64_t nan_result(SoftFp *s, Num a, Num b, Num c)
{
    if (a.cls == NUM_SNAN || b.cls == NUM_SNAN || c.cls == NUM_SNAN) {
        s->flags |= IR_NV;
    }
    return pack_nan(s);
}

static u128 shift_right_jam(u128 v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    if (n > 127) {
        return v != 0;
    }
    return v >> n | ((v << (128 - n)) != 0);
}

/* Does rounding move the magnitude up, when the bits cut off are `rest` of `unit`? */
static bool round_up(IrRound rm, bool sign, bool odd, u128 rest, u128 unit)
{
    u128 half = unit >> 1;
    switch (rm) {
    case IR_RNE:
        return rest > half || (rest == half && odd);
    case IR_RMM:
        return rest >= half;
    case IR_RDN:
        return sign && rest != 0;
    case IR_RUP:
        return !sign && rest != 0;
    default:
        return false;
    }
}

/* v without its low n bits (1..127), rounded; *inexact tells whether they were not all zero. */
static u128 round_off(IrRound rm, bool sign, u128 v, unsigned n, bool *inexact)
{
    u128 unit = (u128)1 << n;
    u128 rest = v & (unit - 1);
    *inexact = rest != 0;
    v >>= n;
    return v + round_up(rm, sign, v & 1, rest, unit);
}

static uint64_t overflow(SoftFp *s, bool sign)
{
    s->flags |= IR_OF | IR_NX;
    bool to_inf = s->rm == IR_RNE || s->rm == IR_RMM || s->rm == (sign ? IR_RDN : IR_RUP);
    if (to_inf) {
        return pack_inf(s, sign);
    }
    return pack(s, sign, exp_max(s) - 1, (UINT64_C(1) << frac_bits(s)) - 1);
}

/* The number sig * 2^exp (sig not 0, bit 0 sticky) in s's format. */
static uint64_t round_pack(SoftFp *s, bool sign, int exp, u128 sig)
{
    uint64_t hi = (uint64_t)(sig >> 64);
    int lead = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)sig);
    sig <<= lead;
    exp += 127 - lead;          /* now of the leading bit */

    unsigned fb = frac_bits(s);
    int emin = 1 - exp_bias(s);
    unsigned cut = 127 - fb;    /* keeps fb + 1 bits */
    bool inexact;

    if (exp >= emin) {
        u128 r = round_off(s->rm, sign, sig, cut, &inexact);
        /* The hidden bit adds one to the field; so does a carry out of the fraction. */
        int field = exp - emin;
        if (field + (int)(r >> fb) >= exp_max(s)) {
            return overflow(s, sign);
        }
        s->flags |= inexact ? IR_NX : 0;
        return pack(s, sign, field, (uint64_t)r);
    }

    /* Tiny unless rounding to full precision, were the exponent unbounded, reaches 2^emin. */
    u128 full = round_off(s->rm, sign, sig, cut, &inexact);
    bool tiny = exp < emin - 1 || full >> (fb + 1) == 0;
    unsigned shift = (unsigned)(emin - exp);
    u128 r = round_off(s->rm, sign, shift_right_jam(sig, shift), cut, &inexact);
    if (inexact) {
        s->flags |= IR_NX | (tiny ? IR_UF : 0);
    }
    return pack(s, sign, 0, (uint64_t)r);
}

uint64_t softfp_fma(SoftFp *s, uint64_t a_bits, uint64_t b_bits, uint64_t c_bits, SoftFma variant)
{
    Num a = unpack(s, a_bits), b = unpack(s, b_bits), c = unpack(s, c_bits);
    bool psign = a.sign ^ b.sign ^ (variant >= SOFT_FNMSUB);
    bool csign = c.sign ^ (variant == SOFT_FMSUB || variant == SOFT_FNMADD);

    if ((a.cls == NUM_INF && b.cls == NUM_ZERO) || (a.cls == NUM_ZERO && b.cls == NUM_INF)) {
        return invalid(s);      /* even when c is a quiet NaN */
    }
    if (is_nan(a) || is_nan(b) || is_nan(c)) {
        return nan_result(s, a, b, c);
    }
    if (a.cls == NUM_INF || b.cls == NUM_INF) {
        if (c.cls == NUM_INF && csign != psign) {
            return invalid(s);
        }
        return pack_inf(s, psign);
    }
    if (c.cls == NUM_INF) {
        return pack_inf(s, csign);
    }

    bool pzero = a.cls == NUM_ZERO || b.cls == NUM_ZERO;
    if (pzero && c.cls == NUM_ZERO) {
        return pack_zero(s, psign == csign ? psign : s->rm == IR_RDN);
    }
    /* Product and addend with bit 124 or 125 on top: the sum cannot overflow. */
    u128 p = pzero ? 0 : (u128)(a.sig >> 1) * (b.sig >> 1);
    int pexp = a.exp + b.exp - 124;
    u128 q = (u128)c.sig << 61;
    int qexp = c.exp - 124;
    if (pzero) {
        return round_pack(s, csign, qexp, q);
    }
    if (c.cls == NUM_ZERO) {
        return round_pack(s, psign, pexp, p);
    }
    /* Bits are lost only at a distance where less than two leading bits can cancel. */
    int exp = pexp > qexp ? pexp : qexp;
    p = shift_right_jam(p, (unsigned)(exp - pexp));
    q = shift_right_jam(q, (unsigned)(exp - qexp));
    if (psign == csign) {
        return round_pack(s, psign, exp, p + q);
    }
    if (p == q) {
        return pack_zero(s, s->rm == IR_RDN);
    }
    return p > q ? round_pack(s, psign, exp, p - q) : round_pack(s, csign, exp, q - p);
}

static uint64_t pack_one(const SoftFp *s)
{
    return pack(s, false, exp_bias(s), 0);
}

/* x * 1 + y is x + y, signs of zeros and NaNs included. */
uint64_t softfp_add(SoftFp *s, uint64_t a, uint64_t b)
{
    return softfp_fma(s, a, pack_one(s), b, SOFT_FMADD);
}

uint64_t softfp_sub(SoftFp *s, uint64_t a, uint64_t b)
{
    return softfp_fma(s, a, pack_one(s), b, SOFT_FMSUB);
}

/* x * y + 0 is x * y when the zero has the product's sign. */
uint64_t softfp_mul(SoftFp *s, uint64_t a, uint64_t b)
{
    bool sign = (a ^ b) >> (s->f64 ? 63 : 31) & 1;
    return softfp_fma(s, a, b, pack_zero(s, sign), SOFT_FMADD);
}

uint64_t softfp_div(SoftFp *s, uint64_t a_bits, uint64_t b_bits)
{
    Num a = unpack(s, a_bits), b = unpack(s, b_bits);
    bool sign = a.sign ^ b.sign;

    if (is_nan(a) || is_nan(b)) {
        return nan_result(s, a, b, a);
    }
    if (a.cls == b.cls && a.cls != NUM_FINITE) {
        return invalid(s);      /* 0/0, inf/inf */
    }
    if (a.cls == NUM_INF) {
        return pack_inf(s, sign);
    }
    if (a.cls == NUM_ZERO || b.cls == NUM_INF) {
        return pack_zero(s, sign);
    }
    if (b.cls == NUM_ZERO) {
        s->flags |= IR_DZ;
        return pack_inf(s, sign);
    }
    u128 n = (u128)a.sig << 64;
    u128 q = n / b.sig;
    q = q << 1 | (n % b.sig != 0);
    return round_pack(s, sign, a.exp - b.exp - 65, q);
}

uint64_t softfp_sqrt(SoftFp *s, uint64_t a_bits)
{
    Num a = unpack(s, a_bits);

    if (is_nan(a)) {
        return nan_result(s, a, a, a);
    }
    if (a.cls == NUM_ZERO) {
        return pack_zero(s, a.sign);
    }
    if (a.sign) {
        return invalid(s);
    }
    if (a.cls == NUM_INF) {
        return pack_inf(s, false);
    }
    /* a = n * 2^e with e even and n of 126 or 127 bits; the root has 63 or 64. */
    unsigned odd = (unsigned)(a.exp - 63) & 1;
    u128 n = (u128)a.sig << (62 + odd);
    int e = a.exp - 63 - 62 - (int)odd;
    u128 rest = n, root = 0;
    for (u128 bit = (u128)1 << 126; bit != 0; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return round_pack(s, false, e / 2 - 1, root << 1 | (rest != 0));
}

uint64_t softfp_from_fp(SoftFp *s, uint64_t a_bits)
{
    SoftFp other = { .f64 = !s->f64 };
    Num a = unpack(&other, a_bits);

    switch (a.cls) {
    case NUM_ZERO:
        return pack_zero(s, a.sign);
    case NUM_INF:
        return pack_inf(s, a.sign);
    case NUM_FINITE:
        return round_pack(s, a.sign, a.exp - 63, a.sig);
    default:
        return nan_result(s, a, a, a);
    }
}

static bool kind_is_signed(IrIntKind kind)
{
    return kind == IR_S32 || kind == IR_S64;
}

static bool kind_is_64(IrIntKind kind)
{
    return kind == IR_S64 || kind == IR_U64;
}

uint64_t softfp_from_int(SoftFp *s, uint64_t v, IrIntKind kind)
{
    if (!kind_is_64(kind)) {
        v = kind_is_signed(kind) ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;
    }
    bool sign = kind_is_signed(kind) && (int64_t)v < 0;
    if (sign) {
        v = -v;
    }
    return v == 0 ? pack_zero(s, false) : round_pack(s, sign, 0, v);
}

uint64_t softfp_to_int(SoftFp *s, uint64_t a_bits, IrIntKind kind)
{
    Num a = unpack(s, a_bits);
    bool is_signed = kind_is_signed(kind);
    uint64_t max = (kind_is_64(kind) ? UINT64_MAX : UINT32_MAX) >> is_signed;
    uint64_t neg_max = is_signed ? max + 1 : 0; /* greatest magnitude of a negative result */
    bool negative = a.sign && !is_nan(a);
    uint64_t limit = negative ? neg_max : max;
    u128 magnitude;
    bool inexact = false;

    if (a.cls == NUM_ZERO) {
        magnitude = 0;
    } else if (a.cls != NUM_FINITE || a.exp > 63) {
        magnitude = (u128)1 << 65;      /* beyond every limit */
    } else {
        /* 62 bits below the point */
        u128 fixed = shift_right_jam((u128)a.sig << 62, (unsigned)(63 - a.exp));
        magnitude = round_off(s->rm, a.sign, fixed, 62, &inexact);
    }

    uint64_t r;
    if (magnitude > limit) {
        s->flags |= IR_NV;
        r = limit;
    } else {
        s->flags |= inexact ? IR_NX : 0;
        r = (uint64_t)magnitude;
    }
    r = negative ? -r : r;
    return kind_is_64(kind) ? r : (uint64_t)(int64_t)(int32_t)r;
}

/* Orders non-NaN values as signed integers, -0 below +0. */
static int64_t order_key(const SoftFp *s, uint64_t bits)
{
    int64_t v = s->f64 ? (int64_t)bits : (int32_t)bits;
    return v < 0 ? v ^ INT64_MAX : v;
}

uint64_t softfp_minmax(SoftFp *s, uint64_t a, uint64_t b, bool max)
{
    Num na = unpack(s, a), nb = unpack(s, b);
    uint64_t r;

    if (is_nan(na) || is_nan(nb)) {
        uint64_t nan = nan_result(s, na, nb, na);
        r = is_nan(nb) ? (is_nan(na) ? nan : a) : b;
    } else {
        r = (order_key(s, a) < order_key(s, b)) != max ? a : b;
    }
    return s->f64 ? r : r | BOX;
}

uint64_t softfp_class(const SoftFp *s, uint64_t a)
{
    Num n = unpack(s, a);
    /* Bits of the negative classes; the positive ones mirror them. */
    unsigned bit;
    switch (n.cls) {
    case NUM_SNAN:
        return 1 << 8;
    case NUM_QNAN:
        return 1 << 9;
    case NUM_INF:
        bit = 0;
        break;
    case NUM_FINITE:
        bit = n.subnormal ? 2 : 1;
        break;
    default:
        bit = 3;
        break;
    }
    return UINT64_C(1) << (n.sign ? bit : 7 - bit);
}
