/*
 * ir/dump.c: IR as text; the grammar is in ir/ir.h.
 */
#include "ir/ir.h"

#include <inttypes.h>

#include "ir/sig.h"
#include "ir/text.h"

const char *const *ir_text_k_names(IrOpcode opc, unsigned i)
{
    static const char *const amos[] = {
        [IR_AMO_SWAP] = "swap", [IR_AMO_ADD] = "add",   [IR_AMO_AND] = "and",
        [IR_AMO_OR] = "or",     [IR_AMO_XOR] = "xor",   [IR_AMO_MINS] = "mins",
        [IR_AMO_MAXS] = "maxs", [IR_AMO_MINU] = "minu", [IR_AMO_MAXU] = "maxu",
        [IR_AMO_COUNT] = NULL,
    };
    static const char *const rounds[] = {
        [IR_RNE] = "rne", [IR_RTZ] = "rtz", [IR_RDN] = "rdn", [IR_RUP] = "rup", [IR_RMM] = "rmm",
        [5] = "", [6] = "", [IR_ROUND_DYN] = "dyn", [8] = NULL,
    };
    static const char *const kinds[] = {
        [IR_S32] = "s32", [IR_U32] = "u32", [IR_S64] = "s64", [IR_U64] = "u64", [4] = NULL,
    };
    switch (opc) {
    case IR_guest_amo:
        return i == 0 ? amos : NULL;
    case IR_fcvt_fi:
    case IR_fcvt_if:
        return i == 0 ? kinds : rounds;
    case IR_set_round:
        return rounds;
    default:
        return NULL;
    }
}

static void dump_temp(const IrTemp *t, FILE *f)
{
    if (!t) {
        fputs("?", f);
    } else if (t->kind == IR_CONST) {
        fprintf(f, "$0x%" PRIx64, t->value);
    } else if (t->name) {
        fputs(t->name, f);
    } else {
        fprintf(f, "%c%u", t->cls == IR_FP ? 'f' : 't', t->index);
    }
}

static void dump_memop(uint64_t mo, FILE *f)
{
    fprintf(f, "%c%u%s", mo & MO_SIGN ? 's' : 'u', 8u << (mo & MO_SIZE),
            mo & MO_ALIGN ? "a" : "");
}

static void dump_constant(const IrOp *op, unsigned i, char letter, FILE *f)
{
    uint64_t v = op->k[i];
    const char *const *names = ir_text_k_names((IrOpcode)op->opcode, i);
    switch (letter) {
    case 'c':
        fputs(v < IR_COND_COUNT ? ir_cond_name[v] : "?", f);
        return;
    case 'o':
        dump_memop(v, f);
        return;
    case 'l':
        fprintf(f, "L%" PRIu64, v);
        return;
    default:
        break;
    }
    for (uint64_t n = 0; names && names[n]; n++) {
        if (n == v) {
            fputs(names[n], f);
            return;
        }
    }
    if ((int64_t)v > -4096 && (int64_t)v < 4096) {
        fprintf(f, "$%" PRId64, (int64_t)v);
    } else {
        fprintf(f, "$0x%" PRIx64, v);
    }
}

static void dump_call(const IrOp *op, FILE *f)
{
    const char *sep = " ";
    fputs("call", f);
    if (op->out) {
        fputs(sep, f);
        dump_temp(op->out, f);
        sep = ", ";
    }
    if (op->k[0] < ir_nhelpers) {
        fprintf(f, "%s%s", sep, ir_helpers[op->k[0]].name);
    } else {
        fprintf(f, "%s$%" PRIu64, sep, op->k[0]);
    }
    for (unsigned i = 0; i < op->nin; i++) {
        fputs(", ", f);
        dump_temp(op->in[i], f);
    }
}

void ir_dump_op(const IrContext *ir, const IrOp *op, FILE *f)
{
    const IrOpInfo *info = &ir_op_info[op->opcode];
    if (op->opcode == IR_insn_start) {
        fprintf(f, "insn_start 0x%" PRIx64 " %" PRIu64 "\n", op->k[0], op->k[1]);
        return;
    }
    if (op->opcode == IR_call) {
        dump_call(op, f);
        fputc('\n', f);
        return;
    }
    fputs(info->name, f);
    if (ir_type_matters((IrOpcode)op->opcode)) {
        fprintf(f, ".%s", op->type < IR_TYPE_COUNT ? ir_type_name[op->type] : "?");
    }
    const char *sep = " ";
    if (info->nout) {
        fputs(sep, f);
        dump_temp(op->out, f);
        sep = ", ";
    }
    for (unsigned i = 0; i < info->nin; i++) {
        fputs(sep, f);
        dump_temp(op->in[i], f);
        sep = ", ";
    }
    for (unsigned i = 0; i < info->nk; i++) {
        fputs(sep, f);
        dump_constant(op, i, ir_sig_ks(info)[i], f);
        sep = ", ";
    }
    fputc('\n', f);
}

void ir_dump(const IrContext *ir, FILE *f)
{
    IR_FOREACH(ir, op) {
        ir_dump_op(ir, op, f);
    }
}
