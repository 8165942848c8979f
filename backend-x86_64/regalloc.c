/*
 * backend-x86_64/regalloc.c: see regalloc.h for the model.
 *
 * Invariants between ops:
 *   owner[r] = t  <=>  t->reg = r and bit r of owned, for scratch registers r;
 *   a pinned global has t->reg = its register for the whole TB and is never in owner[];
 *   t->mem_valid: the home (env field or spill slot t->slot) holds the value. A constant needs no
 *   home: it is always clean;
 *   every live value is in a register or in its home or both.
 * While an op is in work, `locked` holds the registers that must not be taken.
 */
#include <assert.h>

#include "backend-x86_64/internal.h"

const int8_t x86_pin_int[BACKEND_MAX_PIN_INT] = { RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14,
                                                  R15 };
const int8_t x86_pin_fp[BACKEND_MAX_PIN_FP] = { XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11,
                                                XMM12, XMM13, XMM14, XMM15 };

static inline bool is_scratch(int r)
{
    return r >= 0 && (RA_SCRATCH >> r & 1);
}

static inline bool is_pinned(const IrTemp *t)
{
    return t->kind == IR_GLOBAL && t->reg >= 0 && !(RA_SCRATCH >> t->reg & 1);
}

static inline uint32_t class_mask(unsigned cls)
{
    return cls == IR_FP ? RA_SCRATCH_FP : RA_SCRATCH_INT;
}

static inline bool is_clean(const IrTemp *t)
{
    return t->mem_valid || t->kind == IR_CONST;
}

static inline int32_t home_disp(const BackendContext *be, const IrTemp *t)
{
    return t->kind == IR_GLOBAL ? env_disp(be, t->env_offset)
                                : env_disp(be, be->cfg.layout.spill + 8 * t->slot);
}

static inline void set_owner(BackendContext *be, int r, IrTemp *t)
{
    be->owner[r] = t;
    be->owned |= 1u << r;
    t->reg = (int8_t)r;
}

static inline void release(BackendContext *be, int r)
{
    be->owner[r]->reg = NOREG;
    be->owner[r] = NULL;
    be->owned &= ~(1u << r);
}

static void free_slot(BackendContext *be, IrTemp *t)
{
    if (t->kind != IR_GLOBAL && t->slot >= 0) {
        be->free_slots |= 1u << t->slot;
        t->slot = -1;
    }
    t->mem_valid = t->kind == IR_GLOBAL;
}

/* Bring the home up to date. Emits moves only: flags survive. */
static void store_home(BackendContext *be, IrTemp *t)
{
    if (t->mem_valid) {
        return;
    }
    if (t->kind != IR_GLOBAL && t->slot < 0) {
        assert(be->free_slots != 0 && "more live temps than spill slots");
        t->slot = (int16_t)__builtin_ctz(be->free_slots);
        be->free_slots &= be->free_slots - 1;
    }
    emit_store(&be->e, home_disp(be, t), t->reg);
    t->mem_valid = 1;
}

static void evict(BackendContext *be, int r)
{
    IrTemp *t = be->owner[r];
    if (t->kind != IR_CONST) {
        store_home(be, t);
    }
    release(be, r);
}

/* A register of the mask that is not locked; may store its present value. NOREG if all are. */
static int alloc(BackendContext *be, uint32_t mask)
{
    mask &= ~be->locked;
    uint32_t vacant = mask & ~be->owned;
    int r;
    if (vacant) {
        r = __builtin_ctz(vacant);
    } else if (mask) {
        uint32_t clean = 0;
        for (uint32_t m = mask; m; m &= m - 1) {
            r = __builtin_ctz(m);
            clean |= (uint32_t)is_clean(be->owner[r]) << r;
        }
        mask = clean ? clean : mask;
        /* round robin: the first register after the last victim */
        uint32_t cls = (mask & RA_SCRATCH_FP) != 0;
        uint32_t after = mask & ~((2u << be->next_victim[cls]) - 1);
        r = __builtin_ctz(after ? after : mask);
        be->next_victim[cls] = (uint32_t)r;
        evict(be, r);
    } else {
        return NOREG;
    }
    be->locked |= 1u << r;
    return r;
}

/* Dead after this op, or replaced by it. */
static bool dies(const IrOp *op, const IrTemp *t)
{
    if (op->out == t) {
        return true;
    }
    for (unsigned i = 0; i < op->nin; i++) {
        if (op->in[i] == t && (op->dead >> i & 1)) {
            return true;
        }
    }
    return false;
}

/* Can the register of input t be given up? Inputs below `todo` are resolved: those must take memory
 * operands (or have been copied to their fixed register). The others should, unless `any`. */
static bool can_demote(const IrOp *op, const LowerRow *row, const IrTemp *t, unsigned todo,
                       bool any)
{
    for (unsigned j = 0; j < op->nin; j++) {
        if (op->in[j] == t && !(row->in[j] & (IN_BIT_M | IN_BIT_A | IN_BIT_C | IN_BIT_K)) &&
            (j < todo || !any)) {
            return false;
        }
    }
    return true;
}

/* All scratch registers that the op needs hold inputs: turn one input into a memory operand. */
static void demote(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in, unsigned todo,
                   uint32_t mask)
{
    for (int any = 0; any < 2; any++) {
        for (unsigned i = 0; i < op->nin; i++) {
            IrTemp *t = op->in[i];
            if (!is_scratch(t->reg) || !(mask >> t->reg & 1) ||
                !can_demote(op, row, t, todo, any)) {
                continue;
            }
            int r = t->reg;
            store_home(be, t);
            be->demoted = true;
            for (unsigned j = 0; j < todo; j++) {
                if (op->in[j] == t && opnd_is_reg(in[j], r)) {
                    in[j] = opnd_mem(home_disp(be, t));
                }
            }
            release(be, r);
            be->locked &= ~(1u << r);
            return;
        }
    }
    assert(!"an op needs more scratch registers than there are");
}

static int alloc_or_demote(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in,
                           unsigned todo, uint32_t mask)
{
    int r = alloc(be, mask);
    if (r < 0) {
        demote(be, op, row, in, todo, mask);
        r = alloc(be, mask);
    }
    return r;
}

/* Empty the registers that the emitter will change. An input that is wanted in that very register
 * stays there (returned mask), though the allocator forgets it. */
static uint32_t empty_clobbered(BackendContext *be, const IrOp *op, const LowerRow *row)
{
    uint32_t in_place = 0;
    for (uint32_t m = row->clobber & be->owned; m; m &= m - 1) {
        int r = __builtin_ctz(m);
        IrTemp *t = be->owner[r];
        bool other_use = false;
        for (unsigned i = 0; i < op->nin; i++) {
            if (op->in[i] == t) {
                unsigned fixed = row->in[i] & (IN_BIT_A | IN_BIT_C);
                if ((fixed == IN_BIT_A && r == RAX) || (fixed == IN_BIT_C && r == RCX)) {
                    in_place |= 1u << r;
                } else {
                    other_use = true;
                }
            }
        }
        if ((dies(op, t) && !other_use) || t->kind == IR_CONST) {
            release(be, r);
            continue;
        }
        uint32_t vacant = RA_SCRATCH_INT & ~(be->owned | be->locked | row->clobber);
        if (vacant) {
            int to = __builtin_ctz(vacant);
            emit_mov_rr(&be->e, 1, to, r);
            release(be, r);
            set_owner(be, to, t);
        } else {
            evict(be, r);
        }
    }
    return in_place;
}

static void load_value(BackendContext *be, int r, const IrTemp *t)
{
    if (t->kind == IR_CONST) {
        if (t->value) {
            emit_mov_ri(&be->e, r, t->value);
        } else {
            emit_zero(&be->e, r);
        }
    } else if (t->reg >= 0) {
        emit_mov_rr(&be->e, 1, r, t->reg);
    } else {
        emit_load(&be->e, r, home_disp(be, t));
    }
}

/* Does input i count by its low half only? Then any constant fits in an immediate. */
static inline bool is_narrow(const IrOp *op, unsigned i)
{
    if (op->opcode == IR_guest_st || op->opcode == IR_guest_amo) {
        return i == 1 && (op->k[1] & MO_SIZE) <= MO_32;
    }
    return op->type == IR_I32 && (op->opcode <= IR_movcond || op->opcode == IR_brcond_tb);
}

/* Is input i where its kind allows it: an immediate, in a register, in memory? */
static inline bool is_at_rest(BackendContext *be, const IrOp *op, unsigned kind, unsigned i,
                              Opnd *o)
{
    const IrTemp *t = op->in[i];
    if (kind & IN_BIT_K) {
        *o = opnd_imm(0);
        return true;
    }
    if (t->kind == IR_CONST && (kind & IN_BIT_I)) {
        int64_t v = is_narrow(op, i) ? (int32_t)t->value : (int64_t)t->value;
        if (fits_s32(v) || (op->opcode == IR_mov && t->reg < 0)) {
            *o = opnd_imm(v);           /* a mov takes any, straight to where it shall be */
            return true;
        }
    }
    if (t->reg >= 0) {
        be->locked |= 1u << t->reg;
        *o = opnd_reg(t->reg);
        return true;
    }
    if ((kind & IN_BIT_M) && t->mem_valid) {
        *o = opnd_mem(home_disp(be, t));
        return true;
    }
    return false;
}

static Opnd resolve_input(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in,
                          unsigned i)
{
    IrTemp *t = op->in[i];
    Opnd o;
    if (is_at_rest(be, op, row->in[i], i, &o)) {
        return o;
    }
    assert(t->mem_valid || t->kind == IR_CONST);
    int r = alloc_or_demote(be, op, row, in, i, class_mask(t->cls));
    load_value(be, r, t);
    set_owner(be, r, t);
    return opnd_reg(r);
}

static bool is_input_reg(const IrOp *op, const Opnd *in, int r)
{
    for (unsigned i = 0; i < op->nin; i++) {
        if (opnd_is_reg(in[i], r)) {
            return true;
        }
    }
    return false;
}

static int choose_out(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in)
{
    IrTemp *t = op->out;
    if (row->out == OUT_A || row->out == OUT_D) {
        return row->out == OUT_A ? RAX : RDX;
    }
    if (t->reg >= 0 && (row->out == OUT_R || !is_input_reg(op, in, t->reg))) {
        be->locked |= 1u << t->reg;
        return t->reg;
    }
    if (row->out == OUT_R) {
        for (unsigned i = 0; i < op->nin; i++) {
            IrTemp *d = op->in[i];
            if ((op->dead >> i & 1) && d->cls == t->cls && is_scratch(d->reg) &&
                opnd_is_reg(in[i], d->reg)) {
                return d->reg;
            }
        }
    }
    return alloc_or_demote(be, op, row, in, op->nin, class_mask(t->cls));
}

/* Make n registers of the class free to take without emitting anything. */
static void reserve(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in, int out,
                    unsigned cls, unsigned n)
{
    uint32_t all = class_mask(cls);
    if (out >= 0) {
        all &= ~(1u << out);
    }
    uint32_t vacant = all & ~(be->locked | be->owned);
    if (n == 1 ? vacant != 0 : (vacant & (vacant - 1)) != 0 && n == 2) {
        return;                         /* the usual case */
    }
    for (;;) {
        uint32_t mask = all & ~be->locked;
        if ((unsigned)__builtin_popcount(mask) < n) {
            demote(be, op, row, in, op->nin, all);
            continue;
        }
        unsigned ready = 0;
        IrTemp *dirty = NULL;
        for (uint32_t m = mask; m; m &= m - 1) {
            IrTemp *t = be->owner[__builtin_ctz(m)];
            if (!t || is_clean(t)) {
                ready++;
            } else {
                dirty = t;
            }
        }
        if (ready >= n) {
            return;
        }
        store_home(be, dirty);
    }
}

static inline void choose_out_and_temps(BackendContext *be, const IrOp *op, const LowerRow *row,
                                        Opnd *in, int *out)
{
    *out = op->out ? choose_out(be, op, row, in) : NOREG;
    if (row->itemps) {
        reserve(be, op, row, in, *out, IR_INT, row->itemps);
    }
    if (row->xtemps) {
        reserve(be, op, row, in, *out, IR_FP, row->xtemps);
    }
}

/* The inputs of most ops are at rest: nothing is to be emitted. Else false; in[] says nothing. */
static inline bool resolve_at_rest(BackendContext *be, const IrOp *op, const LowerRow *row,
                                   Opnd *in)
{
    be->locked = 0;
    for (unsigned i = 0; i < op->nin; i++) {
        unsigned kind = row->in[i];
        if ((kind & (IN_BIT_A | IN_BIT_C)) || !is_at_rest(be, op, kind, i, &in[i])) {
            return false;
        }
        be->locked |= op->in[i]->reg >= 0 ? 1u << op->in[i]->reg : 0;
    }
    return true;
}

void ra_resolve(BackendContext *be, const IrOp *op, const LowerRow *row, Opnd *in, int *out)
{
    if (!row->clobber && resolve_at_rest(be, op, row, in)) {
        choose_out_and_temps(be, op, row, in, out);
        return;
    }
    uint32_t in_place = row->clobber ? empty_clobbered(be, op, row) : 0;
    uint32_t locked = row->clobber;
    for (unsigned i = 0; i < op->nin; i++) {
        if (op->in[i]->reg >= 0 && !(row->in[i] & IN_BIT_K)) {
            locked |= 1u << op->in[i]->reg;
        }
    }
    be->locked = locked;
    for (unsigned i = 0; i < op->nin; i++) {
        unsigned fixed = row->in[i] & (IN_BIT_A | IN_BIT_C);
        if (!fixed) {
            in[i] = resolve_input(be, op, row, in, i);
        } else {
            int r = fixed == IN_BIT_A ? RAX : RCX;
            if (!(in_place >> r & 1)) {
                load_value(be, r, op->in[i]);
            }
            in[i] = opnd_reg(r);
        }
    }
    choose_out_and_temps(be, op, row, in, out);
}

int ra_temp(BackendContext *be, IrClass cls)
{
    uint32_t mask = class_mask(cls) & ~be->locked;
    uint32_t vacant = mask & ~be->owned;
    int r = NOREG;
    if (vacant) {
        r = __builtin_ctz(vacant);
    } else {
        for (uint32_t m = mask; m; m &= m - 1) {
            r = __builtin_ctz(m);
            if (is_clean(be->owner[r])) {
                break;
            }
            r = NOREG;
        }
        assert(r != NOREG && "ra_temp() not declared in lower.def");
        release(be, r);
    }
    be->locked |= 1u << r;
    return r;
}

static void kill_value(BackendContext *be, IrTemp *t)
{
    if (is_pinned(t)) {
        return;
    }
    if (t->reg >= 0) {
        release(be, t->reg);
    }
    free_slot(be, t);
}

void ra_finish(BackendContext *be, const IrOp *op, int out)
{
    be->locked = 0;
    unsigned dying = op->dead & 0xf;
    if (__builtin_expect(be->demoted, 0)) {     /* maybe a constant, which keeps no slot */
        be->demoted = false;
        for (unsigned i = 0; i < op->nin; i++) {
            IrTemp *c = op->in[i];
            dying |= (unsigned)(c->kind == IR_CONST && c->slot >= 0) << i;
        }
    }
    for (; dying; dying &= dying - 1) {
        kill_value(be, op->in[__builtin_ctz(dying)]);
    }
    IrTemp *t = op->out;
    if (!t) {
        return;
    }
    if (t->cls == IR_FP && out < XMM0) {        /* a helper's result */
        int r = is_pinned(t) ? t->reg : alloc(be, RA_SCRATCH_FP);
        x86_rr(&be->e, X86_MOVD_x_r, 1, r, out);
        be->locked = 0;
        out = r;
    }
    if (is_pinned(t)) {
        if (out != t->reg) {
            if (t->cls == IR_FP) {
                emit_movx(&be->e, t->reg, out);
            } else {
                emit_mov_rr(&be->e, 1, t->reg, out);
            }
        }
        return;
    }
    if (t->reg >= 0) {
        release(be, t->reg);
    }
    t->mem_valid = 0;
    set_owner(be, out, t);
    if (t->kind == IR_GLOBAL) {
        if (op->sync & 1) {
            store_home(be, t);
        }
        if (op->dead & 0x80) {
            release(be, out);
            t->mem_valid = 1;
        }
    } else if (op->dead & 0x80) {
        kill_value(be, t);
    }
}

static int home_reg(const BackendContext *be, const IrTemp *global)
{
    uint32_t index = (uint32_t)global->env_offset / 8;
    return index < sizeof(be->pin_of) ? be->pin_of[index] : NOREG;
}

/* Globals outlive the TB and ra_end() leaves them as they were: only the first TB of an IrContext
 * finds work here. A new context at the address of an old one shows by mem_valid. */
static void begin_globals(BackendContext *be)
{
    IrContext *ir = be->ir;
    if (be->last_ir == ir && be->last_nglobals == ir->nglobals && ir->nglobals &&
        ir->temps[0]->mem_valid && ir->temps[0]->reg == home_reg(be, ir->temps[0])) {
        return;
    }
    be->last_ir = ir;
    be->last_nglobals = ir->nglobals;
    for (uint32_t i = 0; i < ir->nglobals; i++) {
        IrTemp *t = ir->temps[i];
        t->reg = (int8_t)home_reg(be, t);
        t->mem_valid = 1;
        t->slot = -1;
    }
}

void ra_begin(BackendContext *be)
{
    IrContext *ir = be->ir;
    begin_globals(be);
    for (uint32_t i = ir->nglobals; i < ir->ntemps; i++) {
        IrTemp *t = ir->temps[i];
        t->reg = NOREG;
        t->mem_valid = 0;
        t->slot = -1;
    }
    be->locked = 0;
    be->free_slots = (1u << RA_SPILL_SLOTS) - 1;
    be->next_victim[0] = RDX;
    be->next_victim[1] = XMM3;
}

void ra_end(BackendContext *be)
{
    for (uint32_t m = be->owned; m; m &= m - 1) {
        int r = __builtin_ctz(m);
        be->owner[r]->mem_valid = 1;
        release(be, r);
    }
}

void ra_label(BackendContext *be)
{
    for (uint32_t m = be->owned; m; m &= m - 1) {
        release(be, __builtin_ctz(m));
    }
}

void ra_sync_globals(BackendContext *be)
{
    for (uint32_t m = be->owned; m; m &= m - 1) {
        IrTemp *t = be->owner[__builtin_ctz(m)];
        if (t->kind == IR_GLOBAL) {
            store_home(be, t);
        }
    }
}

void ra_spill_all(BackendContext *be)
{
    for (uint32_t m = be->owned; m; m &= m - 1) {
        int r = __builtin_ctz(m);
        IrTemp *t = be->owner[r];
        if (be->op && dies(be->op, t)) {
            release(be, r);
        } else {
            evict(be, r);
        }
    }
}

void ra_random(BackendContext *be)
{
    for (uint32_t m = be->owned; m; m &= m - 1) {
        be->rng = be->rng * 6364136223846793005u + 1442695040888963407u;
        if ((be->rng >> 61) < 3) {
            evict(be, __builtin_ctz(m));
        }
    }
}
