/*
 * ir/opt_fold.c: folding of integer ops: constants, the identities of fold.def, and rules that
 * look at known bits or at how an input was made. Each call does one step; the driver repeats.
 */
#include "ir/opt.h"

#include "ir/eval.h"

enum { B_0 = 1, B_1, B_M1, A_0, A_M1, SAME, WHEN_COUNT };
enum { KEEP, A, ZERO, ONES, NEG_A, NOT_A, NOT_B };

static const uint8_t identities[IR_OP_COUNT][WHEN_COUNT] = {
#define FOLD(op, when, result) [IR_##op][when] = result,
#include "ir/fold.def"
#undef FOLD
};

void opt_to_mov(IrOp *op, IrTemp *from)
{
    op->opcode = IR_mov;
    op->type = from->cls == IR_FP ? IR_F64 : IR_I64;
    op->nin = 1;
    op->in[0] = from;
}

void opt_to_const(Opt *o, IrOp *op, uint64_t value)
{
    opt_to_mov(op, ir_const(o->ir, value));
}

/* op's result is input t, as an op of its type yields it. */
static void to_input(IrOp *op, IrTemp *t)
{
    if (op->type == IR_I32) {
        opt_to_unary(op, IR_ext32u, IR_I64, t);
    } else {
        opt_to_mov(op, t);
    }
}

static bool is_const(const IrTemp *t, uint64_t *v)
{
    *v = t->value;
    return t->kind == IR_CONST;
}

/* The constant, if t's bits (the low half for i32) are all known. */
static bool known_value(Opt *o, IrType t, const IrTemp *x, uint64_t *v)
{
    if (is_const(x, v)) {
        return true;
    }
    uint64_t mask = t == IR_I32 ? UINT32_MAX : UINT64_MAX;
    const OptInfo *i = opt_info(o, x);
    *v = i->ones;
    return ((i->zeros | i->ones) & mask) == mask;
}

static bool evaluate(Opt *o, IrOp *op)
{
    uint64_t v[IR_MAX_IN] = { 0 };
    bool is_ext = op->opcode >= IR_ext8s && op->opcode <= IR_ext32u;
    IrType t = is_ext ? IR_I64 : (IrType)op->type;
    for (unsigned i = 0; i < op->nin; i++) {
        if (!known_value(o, t, op->in[i], &v[i])) {
            return false;
        }
    }
    opt_to_const(o, op, ir_eval_int((IrOpcode)op->opcode, t, v, op->k[0]));
    return true;
}

static bool identity(Opt *o, IrOp *op)
{
    const uint8_t *row = identities[op->opcode];
    uint64_t ones = op->type == IR_I32 ? UINT32_MAX : UINT64_MAX;
    IrTemp *a = op->in[0], *b = op->in[1];
    uint64_t v;
    unsigned result = KEEP;
    if (a == b) {
        result = row[SAME];
    } else if (is_const(b, &v)) {
        v &= ones;
        result = v == 0 ? row[B_0] : v == 1 ? row[B_1] : v == ones ? row[B_M1] : KEEP;
    } else if (is_const(a, &v)) {
        v &= ones;
        result = v == 0 ? row[A_0] : v == ones ? row[A_M1] : KEEP;
    }
    switch (result) {
    case KEEP:
        return false;
    case A:
        to_input(op, a);
        break;
    case ZERO:
        opt_to_const(o, op, 0);
        break;
    case ONES:
        opt_to_const(o, op, ones);
        break;
    case NEG_A:
        opt_to_binary(op, IR_sub, (IrType)op->type, ir_const(o->ir, 0), a);
        break;
    case NOT_A:
    case NOT_B:
        opt_to_binary(op, IR_xor, (IrType)op->type, result == NOT_A ? a : b,
                      ir_const(o->ir, UINT64_MAX));
        break;
    }
    return true;
}

static bool is_power_of_2(uint64_t v)
{
    return v && (v & (v - 1)) == 0;
}

/* x + c, x - c: constants meet: (y + d) + c. */
static bool fold_add(Opt *o, IrOp *op, uint64_t c)
{
    if (op->opcode == IR_sub) {
        if (!opt_fits32(0 - c)) {
            return false;
        }
        opt_to_binary(op, IR_add, (IrType)op->type, op->in[0], ir_const(o->ir, 0 - c));
        return true;
    }
    const IrOp *def = opt_def_near(o, op->in[0]);
    if (!def || def->opcode != IR_add || def->type != op->type ||
        def->in[1]->kind != IR_CONST) {
        return false;
    }
    c += def->in[1]->value;
    if (op->type == IR_I32) {
        c = (uint64_t)(int64_t)(int32_t)c;
    }
    if (!opt_fits32(c)) {
        return false;
    }
    op->in[0] = def->in[0];
    op->in[1] = ir_const(o->ir, c);
    return true;
}

/* x & c */
static bool fold_and(Opt *o, IrOp *op, uint64_t c)
{
    uint64_t all = op->type == IR_I32 ? UINT32_MAX : UINT64_MAX;
    c &= all;
    OptBits x = opt_bits_of(o, op->in[0]);
    if ((~c & all & ~x.zeros) == 0) {
        to_input(op, op->in[0]);
        return true;
    }
    if (c == UINT8_MAX || c == UINT16_MAX || c == UINT32_MAX) {
        opt_to_unary(op, c == UINT8_MAX ? IR_ext8u : c == UINT16_MAX ? IR_ext16u : IR_ext32u,
                     IR_I64, op->in[0]);
        return true;
    }
    IrTemp *narrow = opt_bits_narrow(o, op->in[0], 64 - (unsigned)__builtin_clzll(c));
    if (narrow != op->in[0]) {
        op->in[0] = narrow;
        return true;
    }
    return false;
}

/* x | c, x ^ c */
static bool fold_or_xor(Opt *o, IrOp *op, uint64_t c)
{
    uint64_t all = op->type == IR_I32 ? UINT32_MAX : UINT64_MAX;
    if (op->opcode == IR_or) {
        if ((c & all & ~opt_bits_of(o, op->in[0]).ones) == 0) {
            to_input(op, op->in[0]);
            return true;
        }
        return false;
    }
    const IrOp *def = c == 1 ? opt_def_near(o, op->in[0]) : NULL;
    if (def && def->opcode == IR_setcond) {
        opt_to_binary(op, IR_setcond, (IrType)def->type, def->in[0], def->in[1]);
        op->k[0] = ir_cond_invert((IrCond)def->k[0]);
        return true;
    }
    return false;
}

/* (x << n) >> n, logical or arithmetic: an extension or a mask. */
static bool fold_shift_pair(Opt *o, IrOp *op, unsigned n)
{
    const IrOp *def = opt_def_near(o, op->in[0]);
    unsigned bits = op->type == IR_I32 ? 32 : 64;
    if (!def || def->opcode != IR_shl || def->type != op->type ||
        def->in[1]->kind != IR_CONST || (def->in[1]->value & (bits - 1)) != n) {
        return false;
    }
    unsigned kept = bits - n;
    bool is_sar = op->opcode == IR_sar;
    if (kept == 8 || kept == 16 || kept == 32) {
        if (is_sar && bits == 32) {
            return false;
        }
        IrOpcode opc = is_sar ? IR_ext8s : IR_ext8u;
        opt_to_unary(op, opc + (kept == 16 ? 1 : kept == 32 ? 2 : 0), IR_I64, def->in[0]);
        return true;
    }
    if (is_sar || kept > 31) {
        return false;
    }
    opt_to_binary(op, IR_and, (IrType)op->type, def->in[0],
                  ir_const(o->ir, ((uint64_t)1 << kept) - 1));
    return true;
}
_Static_assert(IR_ext16s == IR_ext8s + 1 && IR_ext32s == IR_ext8s + 2, "extensions by size");
_Static_assert(IR_ext16u == IR_ext8u + 1 && IR_ext32u == IR_ext8u + 2, "extensions by size");

static bool fold_extension(Opt *o, IrOp *op)
{
    static const uint8_t sizes[] = { 8, 16, 32 };
    bool is_signed = op->opcode < IR_ext8u;
    unsigned n = sizes[op->opcode - (is_signed ? IR_ext8s : IR_ext8u)];
    OptBits x = opt_bits_of(o, op->in[0]);
    uint64_t above = ~(uint64_t)0 << n;
    bool unchanged = is_signed ? x.sbits > 64 - n : (above & ~x.zeros) == 0;
    if (unchanged) {
        opt_to_mov(op, op->in[0]);
    }
    return unchanged;
}
_Static_assert(IR_ext32s < IR_ext8u, "signed extensions come first");

/* Rules of one op with a constant second input. */
static bool fold_with_const(Opt *o, IrOp *op, uint64_t c)
{
    bool is32 = op->type == IR_I32;
    uint64_t all = is32 ? UINT32_MAX : UINT64_MAX;
    switch (op->opcode) {
    case IR_add:
    case IR_sub:
        return fold_add(o, op, c);
    case IR_and:
        return fold_and(o, op, c);
    case IR_or:
    case IR_xor:
        return fold_or_xor(o, op, c);
    case IR_andn:
    case IR_orn:
    case IR_xnor:
        opt_to_binary(op, op->opcode == IR_andn ? IR_and : op->opcode == IR_orn ? IR_or : IR_xor,
                      (IrType)op->type, op->in[0], ir_const(o->ir, ~c));
        return true;
    case IR_mul:
    case IR_divu:
        if (!is_power_of_2(c & all)) {
            return false;
        }
        opt_to_binary(op, op->opcode == IR_mul ? IR_shl : IR_shr, (IrType)op->type, op->in[0],
                      ir_const(o->ir, (unsigned)__builtin_ctzll(c & all)));
        return true;
    case IR_remu:
        if (!is_power_of_2(c & all) || !opt_fits32((c & all) - 1)) {
            return false;
        }
        opt_to_binary(op, IR_and, (IrType)op->type, op->in[0], ir_const(o->ir, (c & all) - 1));
        return true;
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rotl:
    case IR_rotr:
        if (c >= (is32 ? 32 : 64)) {
            op->in[1] = ir_const(o->ir, c & (is32 ? 31 : 63));
            return true;
        }
        return (op->opcode == IR_shr || op->opcode == IR_sar) &&
               fold_shift_pair(o, op, (unsigned)c);
    default:
        return false;
    }
}

int opt_decide(Opt *o, IrCond c, IrType t, const IrTemp *ta, const IrTemp *tb)
{
    if (ta == tb) {
        return ir_cond_eval(c, IR_I64, 0, 0);
    }
    OptBits a = opt_bits_of(o, ta), b = opt_bits_of(o, tb);
    if ((a.zeros | a.ones | b.zeros | b.ones) == 0) {
        return -1;
    }
    uint64_t mask = t == IR_I32 ? UINT32_MAX : UINT64_MAX;
    uint64_t sign = mask ^ mask >> 1;
    a.zeros &= mask;
    a.ones &= mask;
    b.zeros &= mask;
    b.ones &= mask;
    bool differ = ((a.zeros & b.ones) | (a.ones & b.zeros)) != 0;
    bool equal = (a.zeros | a.ones) == mask && a.zeros == b.zeros && a.ones == b.ones;
    if (c == IR_COND_EQ || c == IR_COND_NE) {
        return differ ? c == IR_COND_NE : equal ? c == IR_COND_EQ : -1;
    }
    bool is_signed = c == IR_COND_LT || c == IR_COND_GE || c == IR_COND_LE || c == IR_COND_GT;
    if (is_signed) {
        /* Turn the sign bit around: then the order is the unsigned one. */
        uint64_t za = a.zeros, zb = b.zeros;
        a.zeros = (za & ~sign) | (a.ones & sign);
        a.ones = (a.ones & ~sign) | (za & sign);
        b.zeros = (zb & ~sign) | (b.ones & sign);
        b.ones = (b.ones & ~sign) | (zb & sign);
    }
    uint64_t amin = a.ones, amax = mask & ~a.zeros, bmin = b.ones, bmax = mask & ~b.zeros;
    int lt = amax < bmin ? 1 : amin >= bmax ? 0 : -1;       /* a < b */
    int gt = amin > bmax ? 1 : amax <= bmin ? 0 : -1;       /* a > b */
    switch (c) {
    case IR_COND_LT:
    case IR_COND_LTU:
        return lt;
    case IR_COND_GE:
    case IR_COND_GEU:
        return lt < 0 ? -1 : !lt;
    case IR_COND_GT:
    case IR_COND_GTU:
        return gt;
    default:
        return gt < 0 ? -1 : !gt;
    }
}

/* a cond c with a constant on the edge of the range: compare with 0. */
static bool compare_edge(Opt *o, IrOp *op, uint64_t v)
{
    static const struct { uint8_t cond, to; int8_t value; } edges[] = {
        { IR_COND_LTU, IR_COND_EQ, 1 }, { IR_COND_GEU, IR_COND_NE, 1 },
        { IR_COND_LEU, IR_COND_EQ, 0 }, { IR_COND_GTU, IR_COND_NE, 0 },
        { IR_COND_GT, IR_COND_GE, -1 }, { IR_COND_LE, IR_COND_LT, -1 },
        { IR_COND_LT, IR_COND_LE, 1 },  { IR_COND_GE, IR_COND_GT, 1 },
    };
    if (v + 1 > 2) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        if (op->k[0] == edges[i].cond && v == (uint64_t)(int64_t)edges[i].value) {
            op->k[0] = edges[i].to;
            op->in[1] = ir_const(o->ir, 0);
            return true;
        }
    }
    return false;
}

/* x == 0, x != 0, x == 1, x != 1 where x is a setcond's result: compare what it compared. */
static bool compare_of_setcond(Opt *o, IrOp *op, uint64_t v)
{
    if ((op->k[0] != IR_COND_EQ && op->k[0] != IR_COND_NE) || v > 1) {
        return false;
    }
    const IrOp *def = opt_def_near(o, op->in[0]);
    if (!def || def->opcode != IR_setcond) {
        return false;
    }
    if (op->opcode == IR_movcond && def->type != op->type) {
        return false;               /* its type is that of the values, too */
    }
    if (def->in[1]->kind == IR_TEMP && o->serial - opt_info(o, op->in[0])->serial > OPT_REACH) {
        return false;
    }
    bool keep = (op->k[0] == IR_COND_NE) == (v == 0);
    op->k[0] = keep ? def->k[0] : ir_cond_invert((IrCond)def->k[0]);
    op->type = def->type;
    op->in[0] = def->in[0];
    op->in[1] = def->in[1];
    return true;
}

/* a - b, a ^ b or a + -b compared with 0 for equality: compare a with b. */
static bool compare_of_difference(Opt *o, IrOp *op)
{
    if ((op->k[0] != IR_COND_EQ && op->k[0] != IR_COND_NE) || op->opcode == IR_movcond) {
        return false;
    }
    const IrOp *def = opt_def_near(o, op->in[0]);
    if (!def || (def->opcode != IR_sub && def->opcode != IR_xor && def->opcode != IR_add)) {
        return false;
    }
    IrTemp *b = def->in[1];
    uint64_t v;
    if (def->opcode == IR_add) {
        if (!is_const(b, &v) || !opt_fits32(0 - v)) {
            return false;
        }
        b = ir_const(o->ir, 0 - v);
    } else if (b->kind == IR_TEMP && o->serial - opt_info(o, op->in[0])->serial > OPT_REACH) {
        return false;
    }
    op->in[0] = def->in[0];
    op->in[1] = b;
    op->type = op->type == IR_I32 ? IR_I32 : def->type;
    return true;
}

/* Both sides extended from 32 bits in the same way: compare the halves. */
static bool compare_of_extended(Opt *o, IrOp *op)
{
    if (op->type != IR_I64 || op->opcode == IR_movcond) {
        return false;
    }
    const IrOp *da = opt_def_near(o, op->in[0]);
    if (!da || (da->opcode != IR_ext32s && da->opcode != IR_ext32u)) {
        return false;
    }
    uint64_t v;
    if (is_const(op->in[1], &v)) {
        bool fits = da->opcode == IR_ext32s ? opt_fits32(v) : v <= UINT32_MAX;
        if (!fits) {
            return false;
        }
        op->in[1] = ir_const(o->ir, (uint64_t)(int64_t)(int32_t)v);
    } else {
        const IrOp *db = opt_def_near(o, op->in[1]);
        if (!db || db->opcode != da->opcode) {
            return false;
        }
        op->in[1] = db->in[0];
    }
    /* Zero-extended values are never negative: signed and unsigned order agree on them. */
    if (da->opcode == IR_ext32u) {
        static const uint8_t to_unsigned[IR_COND_COUNT] = {
            IR_COND_EQ, IR_COND_NE, IR_COND_LTU, IR_COND_GEU, IR_COND_LTU, IR_COND_GEU,
            IR_COND_LEU, IR_COND_GTU, IR_COND_LEU, IR_COND_GTU,
        };
        op->k[0] = to_unsigned[op->k[0]];
    }
    op->in[0] = da->in[0];
    op->type = IR_I32;
    return true;
}

bool opt_fold_compare(Opt *o, IrOp *op)
{
    if (op->in[0]->kind == IR_CONST && op->in[1]->kind != IR_CONST) {
        IrTemp *a = op->in[0];
        op->in[0] = op->in[1];
        op->in[1] = a;
        op->k[0] = ir_cond_swap((IrCond)op->k[0]);
        return true;
    }
    uint64_t v;
    if (is_const(op->in[1], &v) &&
        (compare_edge(o, op, v) || compare_of_setcond(o, op, v) ||
         (v == 0 && compare_of_difference(o, op)))) {
        return true;
    }
    return compare_of_extended(o, op);
}

/* The shift that made t, if what it shifts can still be read; through a sign extension, if there.
 * However far away: a rotation keeps one value alive instead of two. */
static const IrOp *shift_of(Opt *o, const IrTemp *t, bool *extended)
{
    const IrOp *def = opt_def(o, t);
    *extended = def && def->opcode == IR_ext32s;
    if (*extended) {
        t = def->in[0];
        def = opt_def(o, t);
    }
    return def && (def->opcode == IR_shl || def->opcode == IR_shr) ? def : NULL;
}

/* Is t made as a multiple of width minus n? */
static bool is_rest(Opt *o, const IrTemp *t, const IrTemp *n, unsigned width)
{
    const IrOp *def = opt_def(o, t);
    uint64_t c;
    return def && def->opcode == IR_sub && def->in[1] == n && is_const(def->in[0], &c) &&
           c % width == 0;
}

/* The rotation that two shifts by c and width - c are, or nop. Variable counts are so modulo the
 * width: enough for an or, where a count of 0 gives x | x. */
static IrOpcode rotation_of(Opt *o, const IrOp *op, const IrOp *left, const IrOp *right)
{
    unsigned width = left->type == IR_I32 ? 32 : 64;
    const IrTemp *n = left->in[1], *m = right->in[1];
    uint64_t a, b;
    if (is_const(n, &a) && is_const(m, &b)) {
        a &= width - 1;
        b &= width - 1;
        return a && a + b == width ? IR_rotl : IR_nop;
    }
    if (op->opcode != IR_or) {
        return IR_nop;
    }
    return is_rest(o, m, n, width) ? IR_rotl : is_rest(o, n, m, width) ? IR_rotr : IR_nop;
}

/*
 * x << c | x >> (width - c): a rotation. Made of 32-bit halves it is zero-extended if both are, and
 * sign-extended if the left one is and the right one has no sign: that takes an op of its own.
 */
static bool fold_rotate(Opt *o, IrOp *op)
{
    bool left_ext, right_ext;
    const IrOp *left = shift_of(o, op->in[0], &left_ext);
    const IrOp *right = left ? shift_of(o, op->in[1], &right_ext) : NULL;
    if (right && left->opcode == IR_shr) {
        const IrOp *t = left;
        left = right;
        right = t;
        bool e = left_ext;
        left_ext = right_ext;
        right_ext = e;
    }
    if (!right || left->opcode == right->opcode || left->type != right->type ||
        left->in[0] != right->in[0]) {
        return false;
    }
    IrOpcode opc = rotation_of(o, op, left, right);
    if (opc == IR_nop) {
        return false;
    }
    bool is_half = left->type == IR_I32 && op->type == IR_I64;
    bool is_const_count = left->in[1]->kind == IR_CONST;
    if ((left->type == IR_I64 && op->type == IR_I32) ||
        (is_half && left_ext != right_ext && !(left_ext && is_const_count))) {
        return false;
    }
    if (is_half && left_ext) {
        IrOp *ext = ir_op_alloc(o->ir, IR_ext32s, IR_I64);
        ext->out = ext->in[0] = op->out;
        ext->nin = 1;
        ir_op_insert_before(o->ir, op->next, ext);
    }
    opt_to_binary(op, opc, (IrType)left->type, left->in[0],
                  opc == IR_rotl ? left->in[1] : right->in[1]);
    return true;
}

static bool fold_setcond(Opt *o, IrOp *op)
{
    int r = opt_decide(o, (IrCond)op->k[0], (IrType)op->type, op->in[0], op->in[1]);
    if (r >= 0) {
        opt_to_const(o, op, (uint64_t)r);
        return true;
    }
    /* A boolean compared with 0 or 1 is itself, or its opposite. */
    uint64_t v;
    if (op->type == IR_I64 && is_const(op->in[1], &v) && v <= 1 &&
        op->k[0] == (v ? IR_COND_EQ : IR_COND_NE) &&
        (~opt_bits_of(o, op->in[0]).zeros & ~(uint64_t)1) == 0) {
        opt_to_mov(op, op->in[0]);
        return true;
    }
    return opt_fold_compare(o, op);
}

static bool fold_movcond(Opt *o, IrOp *op)
{
    int r = opt_decide(o, (IrCond)op->k[0], (IrType)op->type, op->in[0], op->in[1]);
    if (r >= 0 || op->in[2] == op->in[3]) {
        to_input(op, op->in[r == 0 ? 3 : 2]);
        return true;
    }
    return opt_fold_compare(o, op);
}

bool opt_fold(Opt *o, IrOp *op)
{
    if (evaluate(o, op)) {
        return true;
    }
    if (op->nin == 2 && op->opcode != IR_setcond) {
        if (op->in[0]->kind == IR_CONST && op->in[1]->kind != IR_CONST &&
            (ir_op_info[op->opcode].flags & IRF_COMMUTES)) {
            IrTemp *a = op->in[0];
            op->in[0] = op->in[1];
            op->in[1] = a;
        }
        uint64_t c;
        return identity(o, op) || (is_const(op->in[1], &c) && fold_with_const(o, op, c)) ||
               ((op->opcode == IR_or || op->opcode == IR_xor || op->opcode == IR_add) &&
                fold_rotate(o, op));
    }
    switch (op->opcode) {
    case IR_setcond:
        return fold_setcond(o, op);
    case IR_movcond:
        return fold_movcond(o, op);
    case IR_ext8s:
    case IR_ext16s:
    case IR_ext32s:
    case IR_ext8u:
    case IR_ext16u:
    case IR_ext32u:
        return fold_extension(o, op);
    default:
        return false;
    }
}
