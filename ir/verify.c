/*
 * ir/verify.c: is the IR well formed?
 *
 * Checked: links and count of the op list; opcode, type, number and class of operands against the
 * signature; constants are no outputs; conditions, MemOps, labels and helpers exist; each label
 * that is referred to is set once; a temp is written before it is read within its extended basic
 * block (which ends at a set_label and after br and ENDS_TB ops); slots are numbered without holes
 * and used once; the list ends with an op that control does not leave.
 * Scans the ops once and allocates nothing unless it finds something.
 */
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "ir/sig.h"

typedef struct Verify {
    const IrContext *ir;
    uint64_t *defined;          /* bitmap of temps */
    size_t defined_size;
    uint8_t *label_state;       /* LABEL_REFERRED | LABEL_SET */
    uint64_t slots;
    const char *what;           /* first thing wrong */
} Verify;

enum { LABEL_REFERRED = 1, LABEL_SET = 2 };

static bool fail(Verify *v, const char *what)
{
    v->what = what;
    return false;
}

static bool is_known(const IrContext *ir, const IrTemp *t)
{
    return t->index < ir->ntemps && ir->temps[t->index] == t;
}

static bool check_inputs(Verify *v, const IrOp *op, const char *letters)
{
    for (unsigned i = 0; i < op->nin; i++) {
        const IrTemp *t = op->in[i];
        if (!t) {
            return fail(v, "input missing");
        }
        if (!is_known(v->ir, t)) {
            return fail(v, "input is not of this TB");
        }
        if (op->opcode != IR_call && t->cls != ir_sig_class(letters[i], (IrType)op->type)) {
            return fail(v, "input of the wrong class");
        }
        if (t->kind == IR_TEMP && !(v->defined[t->index / 64] >> (t->index % 64) & 1)) {
            return fail(v, "temp read before it is written in its extended basic block");
        }
    }
    return true;
}

static bool check_output(Verify *v, const IrOp *op, bool wanted, char letter)
{
    const IrTemp *t = op->out;
    if (!t != !wanted) {
        return fail(v, t ? "output where none belongs" : "output missing");
    }
    if (!t) {
        return true;
    }
    if (!is_known(v->ir, t)) {
        return fail(v, "output is not of this TB");
    }
    if (t->kind == IR_CONST) {
        return fail(v, "output is a constant");
    }
    if (op->opcode != IR_call && t->cls != ir_sig_class(letter, (IrType)op->type)) {
        return fail(v, "output of the wrong class");
    }
    v->defined[t->index / 64] |= (uint64_t)1 << (t->index % 64);
    return true;
}

static bool check_memop(Verify *v, const IrOp *op, uint64_t mo)
{
    if (mo > (MO_SIZE | MO_SIGN | MO_ALIGN)) {
        return fail(v, "bad MemOp");
    }
    unsigned size = mo & MO_SIZE;
    bool store = op->opcode == IR_guest_st;
    switch ((IrType)op->type) {
    case IR_I32:
        return size <= MO_32 ? true : fail(v, "MemOp wider than the type");
    case IR_F32:
        return (mo & ~(uint64_t)MO_ALIGN) == MO_32 ? true : fail(v, "MemOp does not fit f32");
    case IR_F64:
        return (mo & ~(uint64_t)MO_ALIGN) == MO_64 || (store && size == MO_32)
                   ? true : fail(v, "MemOp does not fit f64");
    default:
        return true;
    }
}

static bool check_label(Verify *v, const IrOp *op, uint64_t label)
{
    if (label >= v->ir->nlabels) {
        return fail(v, "no such label");
    }
    uint8_t *state = &v->label_state[label];
    if (op->opcode != IR_set_label) {
        *state |= LABEL_REFERRED;
    } else if (*state & LABEL_SET) {
        return fail(v, "label set twice");
    } else {
        *state |= LABEL_SET;
        memset(v->defined, 0, v->defined_size);
    }
    return true;
}

static bool check_constants(Verify *v, const IrOp *op, const char *letters)
{
    for (unsigned i = 0; letters[i] && letters[i] != 'n'; i++) {
        switch (letters[i]) {
        case 'c':
            if (op->k[i] >= IR_COND_COUNT) {
                return fail(v, "bad condition");
            }
            break;
        case 'o':
            if (!check_memop(v, op, op->k[i])) {
                return false;
            }
            break;
        case 'l':
            if (!check_label(v, op, op->k[i])) {
                return false;
            }
            break;
        default:
            break;
        }
    }
    switch (op->opcode) {
    case IR_guest_amo:
        return op->k[0] < IR_AMO_COUNT ? true : fail(v, "bad IrAmo");
    case IR_fcvt_fi:
    case IR_fcvt_if:
        if (op->k[0] > IR_U64) {
            return fail(v, "bad IrIntKind");
        }
        return op->k[1] <= (op->opcode == IR_fcvt_if ? IR_RMM : IR_RUP) ||
               op->k[1] == IR_ROUND_DYN ? true : fail(v, "bad IrRound");
    case IR_set_round:
        return op->k[0] <= IR_RUP ? true : fail(v, "bad IrRound");
    default:
        return true;
    }
}

static bool check_slots(Verify *v, const IrOp *op)
{
    uint64_t slots = ir_op_slots(op);
    if (v->slots & slots) {
        return fail(v, "jump slot used twice");
    }
    v->slots |= slots;
    return true;
}

static bool check_landing(Verify *v, const IrOp *op)
{
    return op->opcode != IR_landing || (op->prev != &v->ir->head && ir_call_lands(op->prev))
               ? true : fail(v, "landing not behind a call");
}

static bool check_op(Verify *v, const IrOp *op)
{
    if (op->opcode >= IR_OP_COUNT) {
        return fail(v, "no such opcode");
    }
    const IrOpInfo *info = &ir_op_info[op->opcode];
    if (op->type >= IR_TYPE_COUNT || !(ir_type_mask((IrOpcode)op->opcode) >> op->type & 1)) {
        return fail(v, "type not for this op");
    }
    bool wants_out = info->nout;
    if (op->opcode == IR_call) {
        if (op->k[0] >= ir_nhelpers) {
            return fail(v, "no such helper");
        }
        if (op->nin != ir_helpers[op->k[0]].nargs || op->nin > IR_MAX_IN) {
            return fail(v, "wrong number of arguments");
        }
        if (op->out && !ir_helpers[op->k[0]].has_out) {
            return fail(v, "helper has no output");
        }
        wants_out = op->out != NULL;
    } else if (op->nin != info->nin) {
        return fail(v, "wrong number of inputs");
    }
    if (!check_inputs(v, op, ir_sig_ins(info)) ||
        !check_output(v, op, wants_out, ir_sig_out(info)) ||
        !check_constants(v, op, ir_sig_ks(info)) || !check_slots(v, op) || !check_landing(v, op)) {
        return false;
    }
    if (ir_op_is_last(op)) {
        memset(v->defined, 0, v->defined_size);
    }
    return true;
}

/* What concerns the whole list, after its ops were seen. */
static bool check_whole(Verify *v, uint32_t nops)
{
    const IrContext *ir = v->ir;
    if (nops != ir->nops) {
        return fail(v, "nops does not count the ops");
    }
    if (nops == 0 || !ir_op_is_last(ir->head.prev)) {
        return fail(v, "control runs off the end");
    }
    for (uint32_t i = 0; i < ir->nlabels; i++) {
        if (v->label_state[i] == LABEL_REFERRED) {
            return fail(v, "label is never set");
        }
    }
    if (v->slots & (v->slots + 1)) {
        return fail(v, "jump slots have a hole");
    }
    if (ir->nslots != (unsigned)__builtin_popcountll(v->slots)) {
        return fail(v, "nslots does not count the jump slots");
    }
    return true;
}

/* Returns the op at fault (or the list's head), or NULL; *what says what is wrong. */
static const IrOp *find_fault(const IrContext *ir, const char **what)
{
    Verify v = { .ir = ir };
    v.defined_size = (ir->ntemps + 63) / 64 * 8;
    v.defined = g_alloca(v.defined_size + 8);
    memset(v.defined, 0, v.defined_size);
    v.label_state = g_alloca(ir->nlabels + 1);
    memset(v.label_state, 0, ir->nlabels + 1);

    uint32_t n = 0;
    const IrOp *bad = NULL;
    for (const IrOp *op = ir->head.next; op != &ir->head; op = op->next, n++) {
        if (op->next->prev != op) {
            v.what = "broken op list";
        }
        if (v.what || !check_op(&v, op)) {
            bad = op;
            break;
        }
    }
    if (!bad && !check_whole(&v, n)) {
        bad = &ir->head;
    }
    *what = v.what;
    return bad;
}

char *ir_verify_error(const IrContext *ir)
{
    const char *what;
    const IrOp *bad = find_fault(ir, &what);
    if (!bad) {
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "%s", what);
    if (bad != &ir->head && bad->opcode < IR_OP_COUNT) {
        fprintf(f, ": ");
        ir_dump_op(ir, bad, f);
    }
    fclose(f);
    char *copy = g_strchomp(g_strdup(text));
    free(text);
    return copy;
}

bool ir_verify(const IrContext *ir)
{
    const char *what;
    if (G_LIKELY(!find_fault(ir, &what))) {
        return true;
    }
    char *text = ir_verify_error(ir);
    fprintf(stderr, "malformed IR: %s\n", text);
    ir_dump(ir, stderr);
    abort();
}
