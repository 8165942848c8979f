/*
 * tests/ir/run_ir.c: run the passes on IR files and compare with the text that each expects.
 *
 *   run_ir [-u] file.ir...
 *
 * A file holds IR text (globals x1..x31, f0..f31), then the result as comment lines "# expect: op".
 * "# passes: optimize" leaves liveness out. The result is verified, must be no longer than the
 * input, and must be stable: optimized once more it stays as it is. Prints nothing if all is well.
 * -u prints each file with its present result in place of the expected one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "ir/ir.h"

static const IrHelper helpers[] = {
    { "pure", NULL, 2, 1, IRH_PURE },
    { "reads", NULL, 1, 1, IRH_READS },
    { "writes", NULL, 1, 1, IRH_READS | IRH_WRITES },
    { "raises", NULL, 1, 1, IRH_RAISES },
    { "nothing", NULL, 0, 0, 0 },
};

static const char expect_mark[] = "# expect:";

static IrContext *new_context(void)
{
    static char names[63][4];
    IrContext *ir = ir_new();
    for (int i = 0; i < 63; i++) {
        snprintf(names[i], sizeof(names[i]), "%c%d", i < 31 ? 'x' : 'f', i < 31 ? i + 1 : i - 31);
        ir_global_new(ir, i < 31 ? IR_INT : IR_FP, names[i], (i + 1) * 8);
    }
    return ir;
}

static char *dump(const IrContext *ir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ir_dump(ir, f);
    fclose(f);
    return text;
}

static bool parse(IrContext *ir, const char *path, const char *text)
{
    char *err = NULL;
    ir_reset(ir);
    if (!ir_parse(ir, text, &err) || (err = ir_verify_error(ir)) != NULL) {
        fprintf(stderr, "%s: %s\n", path, err);
        g_free(err);
        return false;
    }
    return true;
}

/* The text of all "# expect:" lines. */
static char *expected(const char *file)
{
    GString *s = g_string_new(NULL);
    char **lines = g_strsplit(file, "\n", -1);
    for (char **l = lines; *l; l++) {
        if (g_str_has_prefix(*l, expect_mark)) {
            g_string_append_printf(s, "%s\n", g_strstrip(*l + strlen(expect_mark)));
        }
    }
    g_strfreev(lines);
    return g_string_free(s, FALSE);
}

static void print_updated(const char *file, const char *result)
{
    char **lines = g_strsplit(g_strchomp(g_strdup(file)), "\n", -1);
    for (char **l = lines; *l; l++) {
        if (!g_str_has_prefix(*l, expect_mark)) {
            puts(*l);
        }
    }
    g_strfreev(lines);
    lines = g_strsplit(result, "\n", -1);
    for (char **l = lines; *l && **l; l++) {
        printf("%s %s\n", expect_mark, *l);
    }
    g_strfreev(lines);
}

static bool run(IrContext *ir, const char *path, bool update)
{
    char *file;
    if (!g_file_get_contents(path, &file, NULL, NULL)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return false;
    }
    if (!parse(ir, path, file)) {
        return false;
    }
    bool liveness = strstr(file, "# passes: optimize\n") == NULL;
    uint32_t nops = ir->nops;
    ir_optimize(ir);
    if (liveness) {
        ir_liveness(ir);
    }
    ir_verify(ir);
    bool ok = true;
    if (ir->nops > nops) {
        fprintf(stderr, "%s: %u ops became %u\n", path, nops, ir->nops);
        ok = false;
    }
    char *got = dump(ir), *want = expected(file);
    if (update) {
        print_updated(file, got);
    } else if (strcmp(got, want) != 0) {
        fprintf(stderr, "%s: expected\n%sgot\n%srepeat with: run_ir %s\n", path, want, got, path);
        ok = false;
    }
    if (ok && liveness && parse(ir, path, got)) {
        ir_optimize(ir);
        ir_liveness(ir);
        char *again = dump(ir);
        if (strcmp(again, got) != 0) {
            fprintf(stderr, "%s: not stable:\n%sbecomes\n%s", path, got, again);
            ok = false;
        }
        free(again);
    }
    free(got);
    g_free(want);
    g_free(file);
    return ok;
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "-u") == 0;
    bool ok = argc > 1;
    ir_set_helpers(helpers, G_N_ELEMENTS(helpers));
    IrContext *ir = new_context();
    for (int i = 1 + update; i < argc; i++) {
        ok &= run(ir, argv[i], update);
    }
    ir_free(ir);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
