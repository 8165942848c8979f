/*
 * test_options.c: the command line. links: linux-user/options.c linux-user/options_set.c linux-user/script.c
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/log.h"
#include "linux-user/options.h"
#include "linux-user/script.h"
#include "linux-user/task.h"
#include "tests/unit/suite.h"

enum { MAX_WORDS = 64 };

static const BinfmtInfo plain;

/* Words are separated by blanks. */
static unsigned words(const char *line, char *out[MAX_WORDS])
{
    static char copies[2][512];
    static int turn;
    char *copy = copies[turn ^= 1];
    unsigned n = 0;
    strcpy(copy, line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) {
        out[n++] = w;
    }
    out[n] = NULL;
    return n;
}

static bool parse(const char *line, const char *env, const BinfmtInfo *b, CommandLine *cl,
                  GError **err)
{
    static char *argv[MAX_WORDS], *envp[MAX_WORDS];
    words(env, envp);
    int argc = (int)words(line, argv);
    return options_parse(argc, argv, envp, b, cl, err);
}

/* Each test runs in its own process (CK_FORK), so that the options are fresh. */
static const struct {
    const char *line, *env;
    const char *program, *args, *guest_env;     /* args: the guest's argv */
} good[] = {
    { "rivet ./x a b", "A=1", "./x", "./x a b", "A=1" },
    { "rivet ./x -L b", "", "./x", "./x -L b", "" },
    { "rivet -L /r ./x -h", "", "./x", "./x -h", "" },
    { "rivet --L /r -- -x", "", "-x", "-x", "" },
    { "rivet -0 name ./x a", "", "./x", "name a", "" },
    { "rivet -E A=2 ./x", "A=1 B=1", "./x", "./x", "A=2 B=1" },
    { "rivet -E A=2,C=3 -E D=4 ./x", "A=1", "./x", "./x", "A=2 C=3 D=4" },
    { "rivet -U A ./x", "A=1 AB=1 C=1", "./x", "./x", "AB=1 C=1" },
    { "rivet -U A,C -E D=1 ./x", "A=1 AB=1 C=1", "./x", "./x", "AB=1 D=1" },
    { "rivet -E A= ./x", "", "./x", "./x", "A=" },
    { "rivet ./x", "QEMU_ARGV0=q A=1", "./x", "q", "QEMU_ARGV0=q A=1" },
    { "rivet ./x", "RIVET_ARGV0=r QEMU_ARGV0=q", "./x", "r", "RIVET_ARGV0=r QEMU_ARGV0=q" },
    { "rivet -0 c ./x", "RIVET_ARGV0=r", "./x", "c", "RIVET_ARGV0=r" },
    { "rivet ./x", "QEMU_SET_ENV=Z=1", "./x", "./x", "QEMU_SET_ENV=Z=1 Z=1" },
    { "rivet -strace -one-insn-per-tb -t 1 -R 4G -p 4096 -s 1M -cpu rv64 ./x", "", "./x", "./x", "" },
    { "rivet -root /r ./x", "RIVET_ROOT=/q A=1", "./x", "./x", "A=1" },
    { "rivet -", "", "-", "-", "" },
};

START_TEST(accepts)
{
    CommandLine cl;
    GError *err = NULL;
    ck_assert_msg(parse(good[_i].line, good[_i].env, &plain, &cl, &err), "%s: %s", good[_i].line,
                  err ? err->message : "");
    ck_assert_int_eq(cl.action, OPTIONS_RUN);
    ck_assert_str_eq(cl.program, good[_i].program);
    char *args = g_strjoinv(" ", cl.argv), *env = g_strjoinv(" ", cl.envp);
    ck_assert_str_eq(args, good[_i].args);
    ck_assert_str_eq(env, good[_i].guest_env);
    ck_assert_int_eq(cl.argc, (int)g_strv_length(cl.argv));
}
END_TEST

static const struct {
    const char *line, *env, *message;   /* message: part of it */
} bad[] = {
    { "rivet", "", "no program" },
    { "rivet -L", "", "needs an argument" },
    { "rivet -nosuch ./x", "", "unknown option '-nosuch'" },
    { "rivet --nosuch ./x", "", "unknown option '--nosuch'" },
    { "rivet -s x ./x", "", "not a size" },
    { "rivet -s 0 ./x", "", "not a size" },
    { "rivet -s -1 ./x", "", "not a size" },
    { "rivet -s 99999999999G ./x", "", "not a size" },
    { "rivet -B 123 ./x", "", "page-aligned" },
    { "rivet -B 0xffffffffffff0000 ./x", "", "page-aligned" },
    { "rivet -tier fast ./x", "", "none of" },
    { "rivet -cpu nosuch ./x", "", "nosuch" },
    { "rivet -d nosuch ./x", "", "nosuch" },
    { "rivet -E A ./x", "", "variable=value" },
    { "rivet -seed q ./x", "", "not a number" },
    { "rivet ./x", "QEMU_STACK_SIZE=q", "QEMU_STACK_SIZE" },
    { "rivet -g 1234 ./x", "", "gdb" },
    { "rivet -plugin p ./x", "", "no plugins" },
    { "rivet ./x", "QEMU_TRACE=exec", "QEMU_TRACE: there are no trace events" },
};

START_TEST(refuses)
{
    CommandLine cl;
    GError *err = NULL;
    ck_assert(!parse(bad[_i].line, bad[_i].env, &plain, &cl, &err));
    ck_assert_ptr_nonnull(err);
    ck_assert_msg(strstr(err->message, bad[_i].message) && !strchr(err->message, '\n'), "%s: %s",
                  bad[_i].line, err->message);
}
END_TEST

START_TEST(values)
{
    CommandLine cl;
    ck_assert(parse("rivet -L /r -s 2M -r 6.1 -B 0x10000000 -tb-size 64k -seed 7 -d in_asm,nochain "
                    "-tier plain -strace ./x", "", &plain, &cl, NULL));
    ck_assert_str_eq(user_options.ld_prefix, "/r");
    ck_assert_uint_eq(user_options.stack_size, 2 << 20);
    ck_assert_str_eq(user_options.uname_release, "6.1");
    ck_assert_uint_eq(cl.guest_base, 0x10000000);
    ck_assert_uint_eq(exec_options.code_buffer_size, 64 << 10);
    ck_assert_uint_eq(exec_options.seed, 7);
    ck_assert(log_enabled(LOG_IN_ASM) && log_enabled(LOG_STRACE) && exec_options.no_chain);
    ck_assert(user_options.strace && !exec_options.optimize && !exec_options.interp);
}
END_TEST

START_TEST(defaults)
{
    CommandLine cl;
    ck_assert(parse("rivet ./x", "", &plain, &cl, NULL));
    ck_assert_str_eq(user_options.ld_prefix, "");
    ck_assert_uint_eq(user_options.stack_size, 0);
    ck_assert(exec_options.optimize && !exec_options.one_insn_per_tb && !user_options.strace);
    ck_assert_uint_eq(exec_options.code_buffer_size, 256 << 20);
}
END_TEST

/* What a child that is RISC-V as well is started with. */
static const struct {
    const char *line, *env, *want;
} inherited[] = {
    { "rivet ./x", "", "" },
    { "rivet ./x -strace", "", "" },
    { "rivet -L /r/ -0 n -E A=1 -U B -cpu rv64 -strace -- ./x", "", "-L /r -cpu rv64 -strace" },
    { "rivet -s 1M ./x", "QEMU_LD_PREFIX=/q", "-L /q -s 1M" },
};

START_TEST(inherits)
{
    CommandLine cl;
    ck_assert(parse(inherited[_i].line, inherited[_i].env, &plain, &cl, NULL));
    char *got = user_options.inherited ? g_strjoinv(" ", user_options.inherited) : g_strdup("");
    ck_assert_str_eq(got, inherited[_i].want);
    g_free(got);
}
END_TEST

START_TEST(actions)
{
    CommandLine cl;
    ck_assert(parse("rivet -h", "", &plain, &cl, NULL) && cl.action == OPTIONS_HELP);
    ck_assert(parse("rivet --help ./x", "", &plain, &cl, NULL) && cl.action == OPTIONS_HELP);
    ck_assert(parse("rivet -version", "", &plain, &cl, NULL) && cl.action == OPTIONS_VERSION);
    ck_assert(parse("rivet -cpu help", "", &plain, &cl, NULL) && cl.action == OPTIONS_CPU_HELP);
    ck_assert(parse("rivet --status", "", &plain, &cl, NULL));
    ck_assert_int_eq(cl.action, OPTIONS_BINFMT_STATUS);
    ck_assert_str_eq(cl.binfmt_dir, "/proc/sys/fs/binfmt_misc");
    ck_assert(parse("rivet --install-binfmt", "RIVET_BINFMT_DIR=/b", &plain, &cl, NULL));
    ck_assert(cl.action == OPTIONS_BINFMT_INSTALL && strcmp(cl.binfmt_dir, "/b") == 0);
    ck_assert(parse("rivet -d help", "", &plain, &cl, NULL) && cl.action == OPTIONS_LOG_HELP);
}
END_TEST

START_TEST(binfmt)
{
    CommandLine cl;
    BinfmtInfo p = { .no_options = true, .argv0_given = true };
    ck_assert(parse("rivet /bin/x -x -h", "", &p, &cl, NULL));
    ck_assert_str_eq(cl.program, "/bin/x");
    ck_assert_str_eq(cl.argv[0], "-x");
    ck_assert_str_eq(cl.argv[1], "-h");
    p.argv0_given = false;
    ck_assert(parse("rivet /bin/x -h", "", &p, &cl, NULL));
    ck_assert_str_eq(cl.argv[0], "/bin/x");
    ck_assert_int_eq(cl.argc, 2);
    p.secure = true;
    ck_assert(parse("rivet /bin/x", "RIVET_STACK_SIZE=1M", &p, &cl, NULL));
    ck_assert_uint_eq(user_options.stack_size, 0);
}
END_TEST

/* arg "-": none; interp NULL: refused */
static const struct {
    const char *text, *interp, *arg;
} scripts[] = {
    { "#!/bin/sh\necho", "/bin/sh", "-" },
    { "#!/bin/sh", "/bin/sh", "-" },
    { "#! \t/bin/sh  \n", "/bin/sh", "-" },
    { "#!/usr/bin/env -S a b \nx", "/usr/bin/env", "-S a b" },
    { "#!/bin/awk\t-f\n", "/bin/awk", "-f" },
    { "#!\n/bin/sh", NULL, NULL },
    { "#!   \n", NULL, NULL },
    { "#!", NULL, NULL },
    { "x", NULL, NULL },
    { "", NULL, NULL },
};

static bool parse_text(const char *text, size_t n, char **interp, char **arg)
{
    char name[] = "/tmp/rivet-script-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
    bool ok = script_parse(fd, interp, arg);
    unlink(name);
    close(fd);
    return ok;
}

START_TEST(script)
{
    char *interp, *arg;
    bool ok = parse_text(scripts[_i].text, strlen(scripts[_i].text), &interp, &arg);
    ck_assert_int_eq(ok, scripts[_i].interp != NULL);
    if (ok) {
        ck_assert_str_eq(interp, scripts[_i].interp);
        ck_assert_str_eq(arg ? arg : "-", scripts[_i].arg);
    }
}
END_TEST

START_TEST(script_long)
{
    char text[512], *interp, *arg;
    memset(text, 'a', sizeof(text));
    memcpy(text, "#!/", 3);
    ck_assert(!parse_text(text, sizeof(text), &interp, &arg));
    text[100] = ' ';
    ck_assert(parse_text(text, sizeof(text), &interp, &arg));
    ck_assert_uint_eq(strlen(interp), 98);
    ck_assert_uint_eq(strlen(arg), 155);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");
    tcase_add_loop_test(t, accepts, 0, G_N_ELEMENTS(good));
    tcase_add_loop_test(t, refuses, 0, G_N_ELEMENTS(bad));
    tcase_add_test(t, values);
    tcase_add_test(t, defaults);
    tcase_add_loop_test(t, inherits, 0, G_N_ELEMENTS(inherited));
    tcase_add_test(t, actions);
    tcase_add_test(t, binfmt);
    tcase_add_loop_test(t, script, 0, G_N_ELEMENTS(scripts));
    tcase_add_test(t, script_long);
    suite_add_tcase(s, t);
    return run_suite(s);
}
