/*
 * exec/region_guess.c: what a region takes for granted, and the guards that see to it.
 *
 * Divisors. Division is slow, but not by a constant. Compilers for machines where it is not so slow
 * keep a constant divisor in a register all through a loop. So a register that is a divisor is
 * taken for the constant that the region sets it to, or else for the one that it holds now,
 * wherever nobody has written it since.
 *
 * Singles. An fp register that the region reads as a single, and that gets singles only there,
 * holds a boxed one always if it does at the start.
 *
 * Guards are branches before the loop, through the first slots. One that leaves ends the region.
 */
#include <string.h>

#include "exec/region_guess.h"
#include "ir/build.h"
#include "ir/sig.h"

_Static_assert(IR_divu == IR_divs + 1 && IR_rems == IR_divs + 2 && IR_remu == IR_divs + 3,
               "is_division()");

typedef struct Guess {
    IrTemp *g;
    uint64_t value;             /* of a divisor */
} Guess;

typedef struct Guesses {
    IrContext *ir;
    const CPURISCVState *env;
    Guess guess[REGION_MAX_GUESSES];
    unsigned n;
} Guesses;

static uint64_t value_now(const Guesses *s, const IrTemp *g)
{
    uint64_t v;
    memcpy(&v, (const char *)s->env + g->env_offset, sizeof(v));
    return v;
}

static bool is_division(const IrOp *op)
{
    return op->opcode - (unsigned)IR_divs <= IR_remu - IR_divs;
}

/* Does anybody but the ops write? */
static bool others_write(const IrContext *ir)
{
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_comes_back ||
            (op->opcode == IR_call && (ir_helpers[op->k[0]].flags & IRH_WRITES))) {
            return true;
        }
    }
    return false;
}

/* Does the value of g after op hold `want`, when it did (or did not) before? */
static bool holds_after(const IrOp *op, const IrTemp *g, uint64_t want, bool before)
{
    if (op->out == g) {
        return op->opcode == IR_mov && op->in[0]->kind == IR_CONST && op->in[0]->value == want;
    }
    return before && !(op->opcode == IR_call && (ir_helpers[op->k[0]].flags & IRH_WRITES));
}

/*
 * Where does g hold `want` for sure, given whether it does at the start? holds[label] says so for
 * labels. All labels are hoped to, until a jump there is found by which it may not.
 */
static bool find_holds(const IrContext *ir, const IrTemp *g, uint64_t want, bool at_start,
                       uint8_t *holds)
{
    bool now = at_start, changed = false;
    IR_FOREACH(ir, op) {
        int k = ir_op_label_k((IrOpcode)op->opcode);
        if (op->opcode == IR_set_label) {
            if (!now && holds[op->k[0]]) {
                holds[op->k[0]] = 0;
                changed = true;
            }
            now = holds[op->k[0]];
            continue;
        }
        if (k >= 0 && holds[op->k[k]] && (!now || op->opcode == IR_comes_back)) {
            holds[op->k[k]] = 0;
            changed = true;
        }
        now = ir_op_is_last(op) || holds_after(op, g, want, now);
    }
    return changed;
}

/* Make g a constant where it divides and is `want`. Returns whether it does. */
static bool use_divisor(Guesses *s, const IrTemp *g, uint64_t want, bool at_start)
{
    uint8_t *holds = ir_alloc(s->ir, s->ir->nlabels + 1);
    bool now = at_start, any = false;
    memset(holds, 1, s->ir->nlabels);
    while (find_holds(s->ir, g, want, at_start, holds)) {
    }
    IR_FOREACH(s->ir, op) {
        now = op->opcode == IR_set_label ? holds[op->k[0]] : now;
        if (now && is_division(op) && op->in[1] == g) {
            op->in[1] = ir_const(s->ir, want);
            any = true;
        }
        now = ir_op_is_last(op) || holds_after(op, g, want, now);
    }
    return any;
}

/* The constant that g is set to in the region, or what it holds now. */
static uint64_t likely_value(const Guesses *s, const IrTemp *g)
{
    IR_FOREACH(s->ir, op) {
        if (op->out == g && op->opcode == IR_mov && op->in[0]->kind == IR_CONST) {
            return op->in[0]->value;
        }
    }
    return value_now(s, g);
}

static void guess_divisors(Guesses *s)
{
    IR_FOREACH(s->ir, op) {
        IrTemp *g = is_division(op) ? op->in[1] : NULL;
        if (!g || g->kind != IR_GLOBAL) {
            continue;
        }
        uint64_t v = likely_value(s, g);
        if (v + 1 < 3) {
            continue;           /* 0, 1 and -1 have no inverse to multiply by */
        }
        use_divisor(s, g, v, false);
        if (value_now(s, g) == v && s->n < REGION_MAX_GUESSES && use_divisor(s, g, v, true)) {
            s->guess[s->n++] = (Guess){ g, v };
        }
    }
}

/* Is what op writes a boxed single, given that boxed globals are? */
static bool makes_boxed(const IrOp *op)
{
    if (op->opcode == IR_mov) {
        return op->in[0]->boxed;
    }
    return op->type == IR_F32 || (op->opcode == IR_fmv_fi && op->type == IR_I32);
}

/* Does a way from op on lead to a read of g before a write? Labels seen are marked. */
static bool is_read_first(const IrContext *ir, const IrOp *op, const IrTemp *g, uint8_t *seen)
{
    for (; op != &ir->head; op = op->next) {
        for (unsigned i = 0; i < op->nin; i++) {
            if (op->in[i] == g) {
                return true;
            }
        }
        if (op->out == g) {
            return false;
        }
        if (op->opcode == IR_set_label) {
            if (seen[op->k[0]]) {
                return false;
            }
            seen[op->k[0]] = 1;
        }
        if (op->opcode == IR_br || op->opcode == IR_brcond) {
            uint64_t label = op->k[op->opcode == IR_brcond];
            const IrOp *to = ir->labels[label]->pass_ptr;
            if (!seen[label] && is_read_first(ir, to, g, seen)) {
                return true;
            }
        }
        if (op->opcode == IR_br || (ir_op_info[op->opcode].flags & IRF_ENDS_TB)) {
            return false;
        }
    }
    return false;
}

static bool is_needed(IrContext *ir, const IrTemp *g)
{
    return g->boxed && is_read_first(ir, ir->head.next, g, ir_alloc(ir, ir->nlabels));
}

/* Take back what does not follow. */
static bool drop_wrong_singles(const Guesses *s)
{
    bool changed = false;
    IR_FOREACH(s->ir, op) {
        if (op->out && op->out->boxed && !makes_boxed(op)) {
            op->out->boxed = false;
            changed = true;
        }
    }
    for (unsigned i = 0; i < s->ir->nglobals; i++) {
        IrTemp *g = s->ir->temps[i];
        if (is_needed(s->ir, g) && value_now(s, g) >> 32 != UINT32_MAX) {
            g->boxed = false;
            changed = true;
        }
    }
    return changed;
}

static void guess_singles(Guesses *s)
{
    IrContext *ir = s->ir;
    bool any = false;
    unsigned room = REGION_MAX_GUESSES - s->n;
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_funbox && op->in[0]->kind == IR_GLOBAL && (op->in[0]->boxed || room)) {
            room -= !op->in[0]->boxed;
            op->in[0]->boxed = any = true;
        }
        if (op->opcode == IR_set_label) {
            ir->labels[op->k[0]]->pass_ptr = op;
        }
    }
    while (any && drop_wrong_singles(s)) {
    }
    for (unsigned i = 0; any && i < ir->nglobals; i++) {
        if (is_needed(ir, ir->temps[i])) {
            s->guess[s->n++] = (Guess){ .g = ir->temps[i] };
        }
    }
}

void region_forget_guesses(IrContext *ir)
{
    for (unsigned i = 0; i < ir->nglobals; i++) {
        ir->temps[i]->boxed = false;
    }
}

/* Make room for n slots before all others. */
static void shift_slots(IrContext *ir, unsigned n)
{
    ir->nslots += n;
    IR_FOREACH(ir, op) {
        if (op->opcode == IR_brcond_tb) {
            op->k[1] += n;
        } else if (op->opcode == IR_goto_tb || op->opcode == IR_call_tb ||
                   op->opcode == IR_call_ptr || op->opcode == IR_comes_back) {
            op->k[0] += n;
        }
    }
}

static void gen_guard(IrContext *ir, const Guess *guess, unsigned slot, uint64_t pc)
{
    IrTemp *v = guess->g;
    uint64_t want = guess->value;
    if (v->cls == IR_FP) {
        IrTemp *high = ir_temp_new(ir, IR_INT);
        ir_gen_fmv_if(ir, IR_I64, high, v);
        ir_gen_sar(ir, IR_I64, high, high, ir_const(ir, 32));
        v = high;
        want = ~(uint64_t)0;
    }
    ir_gen_brcond_tb(ir, IR_I64, v, ir_const(ir, want), IR_COND_NE, slot, pc);
}

unsigned region_guess(IrContext *ir, const CPURISCVState *env, uint64_t pc)
{
    Guesses s = { .ir = ir, .env = env };
    guess_divisors(&s);
    if (!others_write(ir)) {
        guess_singles(&s);
    }
    shift_slots(ir, s.n);
    ir->cursor = ir->head.next;
    for (unsigned i = 0; i < s.n; i++) {
        gen_guard(ir, &s.guess[i], i, pc);
    }
    ir->cursor = NULL;
    return s.n;
}
