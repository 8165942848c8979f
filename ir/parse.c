/*
 * ir/parse.c: text to IR; the grammar is in ir/ir.h.
 *
 * Works a line at a time, driven by the signatures. Temps come into being at their first name and
 * keep it, so that they are dumped as they were read. Labels get their numbers from the text.
 */
#include "ir/ir.h"

#include <string.h>

#include <glib.h>

#include "ir/sig.h"
#include "ir/text.h"

typedef struct Parser {
    IrContext *ir;
    GHashTable *names;          /* of globals and temps -> IrTemp */
    char *line;                 /* rest of the line, cut up by next_word() */
    const char *problem;        /* first error, or NULL */
    char *word;                 /* that it is about */
} Parser;

static bool fail(Parser *p, const char *problem, char *word)
{
    p->problem = problem;
    p->word = word;
    return false;
}

/* The next operand, or NULL at the end of the line. Blanks and commas separate. */
static char *next_word(Parser *p)
{
    char *s = p->line + strspn(p->line, " \t,");
    if (!*s) {
        return NULL;
    }
    size_t n = strcspn(s, " \t,");
    p->line = s + n;
    if (*p->line) {
        *p->line++ = '\0';
    }
    return s;
}

static bool need_word(Parser *p, char **word)
{
    *word = next_word(p);
    return *word ? true : fail(p, "operand missing", NULL);
}

static bool parse_number(Parser *p, char *word, uint64_t *v)
{
    const char *s = word + (*word == '$');
    bool neg = *s == '-';
    s += neg;
    char *end;
    if (!g_ascii_isdigit(*s)) {
        return fail(p, "not a number", word);
    }
    *v = g_ascii_strtoull(s, &end, 0);
    *v = neg ? 0 - *v : *v;
    return *end ? fail(p, "not a number", word) : true;
}

static bool is_temp_name(const char *s)
{
    if (*s != 't' && *s != 'f') {
        return false;
    }
    s++;
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* The value that word names; a temp comes into being here. */
static bool temp_of_word(Parser *p, char *word, IrTemp **t)
{
    if (*word == '$') {
        uint64_t v;
        if (!parse_number(p, word, &v)) {
            return false;
        }
        *t = ir_const(p->ir, v);
        return true;
    }
    *t = g_hash_table_lookup(p->names, word);
    if (!*t) {
        if (!is_temp_name(word)) {
            return fail(p, "no such value", word);
        }
        *t = ir_temp_new(p->ir, *word == 'f' ? IR_FP : IR_INT);
        char *name = ir_alloc(p->ir, strlen(word) + 1);
        strcpy(name, word);
        (*t)->name = name;
        g_hash_table_insert(p->names, name, *t);
    }
    return true;
}

static bool parse_temp(Parser *p, IrTemp **t)
{
    char *word;
    return need_word(p, &word) && temp_of_word(p, word, t);
}

static bool parse_label(Parser *p, char *word, uint64_t *v)
{
    if (*word != 'L' || !parse_number(p, word + 1, v) || *v >= 4096) {
        return fail(p, "not a label", word);
    }
    while (p->ir->nlabels <= *v) {
        ir_label_new(p->ir);
    }
    p->ir->labels[*v]->refs++;
    return true;
}

static bool parse_memop(Parser *p, char *word, uint64_t *v)
{
    static const struct { const char *text; unsigned mo; } sizes[] = {
        { "8", MO_8 }, { "16", MO_16 }, { "32", MO_32 }, { "64", MO_64 },
    };
    size_t n = strlen(word);
    bool align = n > 1 && word[n - 1] == 'a';
    if (*word == 'u' || *word == 's') {
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            size_t len = strlen(sizes[i].text);
            if (n == len + 1 + align && strncmp(word + 1, sizes[i].text, len) == 0) {
                *v = sizes[i].mo | (*word == 's' ? MO_SIGN : 0) | (align ? MO_ALIGN : 0);
                return true;
            }
        }
    }
    return fail(p, "not a MemOp", word);
}

static bool parse_constant(Parser *p, IrOp *op, unsigned i, char letter)
{
    char *word;
    if (!need_word(p, &word)) {
        return false;
    }
    switch (letter) {
    case 'l':
        return parse_label(p, word, &op->k[i]);
    case 'o':
        return parse_memop(p, word, &op->k[i]);
    case 'c':
        for (unsigned c = 0; c < IR_COND_COUNT; c++) {
            if (strcmp(word, ir_cond_name[c]) == 0) {
                op->k[i] = c;
                return true;
            }
        }
        return fail(p, "no such condition", word);
    default:
        break;
    }
    const char *const *names = ir_text_k_names((IrOpcode)op->opcode, i);
    for (unsigned n = 0; names && names[n]; n++) {
        if (*names[n] && strcmp(word, names[n]) == 0) {
            op->k[i] = n;
            return true;
        }
    }
    return parse_number(p, word, &op->k[i]);
}

static bool find_helper(const char *name, uint64_t *number)
{
    for (unsigned i = 0; i < ir_nhelpers; i++) {
        if (strcmp(ir_helpers[i].name, name) == 0) {
            *number = i;
            return true;
        }
    }
    return false;
}

/* call [output,] helper: what precedes the arguments. */
static bool parse_callee(Parser *p, IrOp *op)
{
    char *word;
    if (!need_word(p, &word)) {
        return false;
    }
    if (find_helper(word, &op->k[0])) {
        return true;
    }
    if (!temp_of_word(p, word, &op->out) || !need_word(p, &word)) {
        return false;
    }
    return find_helper(word, &op->k[0]) ? true : fail(p, "no such helper", word);
}

static bool parse_op(Parser *p, IrOp *op)
{
    const IrOpInfo *info = &ir_op_info[op->opcode];
    unsigned nin = info->nin;
    if (op->opcode == IR_call) {
        if (!parse_callee(p, op)) {
            return false;
        }
        nin = ir_helpers[op->k[0]].nargs;
    } else if (info->nout && !parse_temp(p, &op->out)) {
        return false;
    }
    op->nin = (uint8_t)MIN(nin, (unsigned)IR_MAX_IN);
    for (unsigned i = 0; i < op->nin; i++) {
        if (!parse_temp(p, &op->in[i])) {
            return false;
        }
    }
    for (unsigned i = 0; op->opcode != IR_call && i < info->nk; i++) {
        if (!parse_constant(p, op, i, ir_sig_ks(info)[i])) {
            return false;
        }
    }
    char *extra = next_word(p);
    return extra ? fail(p, "one operand too many", extra) : true;
}

/* name[.type] */
static bool parse_opcode(Parser *p, char *word, IrOpcode *opc, IrType *type)
{
    *type = IR_I64;
    char *dot = strchr(word, '.');
    if (dot) {
        unsigned t = 0;
        while (t < IR_TYPE_COUNT && strcmp(dot + 1, ir_type_name[t]) != 0) {
            t++;
        }
        if (t == IR_TYPE_COUNT) {
            return fail(p, "no such type", word);
        }
        *type = (IrType)t;
        *dot = '\0';
    }
    for (unsigned i = 0; i < IR_OP_COUNT; i++) {
        if (strcmp(word, ir_op_info[i].name) == 0) {
            *opc = (IrOpcode)i;
            return true;
        }
    }
    return fail(p, "no such op", word);
}

static bool parse_line(Parser *p)
{
    char *comment = strchr(p->line, '#');
    if (comment) {
        *comment = '\0';
    }
    g_strchomp(p->line);
    char *word = next_word(p);
    if (!word) {
        return true;
    }
    IrOpcode opc;
    IrType type;
    if (!parse_opcode(p, word, &opc, &type)) {
        return false;
    }
    IrOp *op = ir_op_alloc(p->ir, opc, type);
    if (!parse_op(p, op)) {
        return false;
    }
    ir_op_insert_before(p->ir, &p->ir->head, op);
    uint64_t slots = ir_op_slots(op);
    if (slots) {
        p->ir->nslots = MAX(p->ir->nslots, 64u - (unsigned)__builtin_clzll(slots));
    }
    return true;
}

bool ir_parse(IrContext *ir, const char *text, char **err)
{
    Parser p = { .ir = ir, .names = g_hash_table_new(g_str_hash, g_str_equal) };
    for (uint32_t i = 0; i < ir->nglobals; i++) {
        g_hash_table_insert(p.names, (char *)ir->temps[i]->name, ir->temps[i]);
    }
    char **lines = g_strsplit(text, "\n", -1);
    unsigned n = 0;
    bool ok = true;
    for (; lines[n] && ok; n++) {
        p.line = lines[n];
        ok = parse_line(&p);
    }
    if (!ok && err) {
        *err = g_strdup_printf("line %u: %s%s%s", n, p.problem, p.word ? ": " : "",
                               p.word ? p.word : "");
    }
    g_strfreev(lines);
    g_hash_table_destroy(p.names);
    return ok;
}
