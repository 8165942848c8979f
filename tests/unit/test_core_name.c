/*
 * test_core_name.c: core_pattern. links: linux-user/core_name.c
 */
#include <check.h>
#include <string.h>

#include "linux-user/core_name.h"
#include "tests/unit/suite.h"

static const CoreNameFacts facts = {
    .sig = 11, .limit = ~0ull, .pid = 12, .tid = 13, .host_pid = 14, .host_tid = 15, .uid = 1,
    .gid = 2, .dumpable = 1, .time = 99, .cpu = 3, .comm = "a/b", .exe = "/usr/bin/prog",
    .host = "here",
};

/* want NULL: no file */
static const struct {
    const char *pattern;
    bool uses_pid;
    const char *want;
} cases[] = {
    { "core", false, "core" },
    { "core", true, "core.12" },
    { "core.%p", true, "core.12" },
    { "/var/%e.%s", false, "/var/a!b.11" },
    { "%p-%i-%P-%I-%u-%g-%d-%t-%C", false, "12-13-14-15-1-2-1-99-3" },
    { "%c", false, "18446744073709551615" },
    { "%E %f %h", false, "!usr!bin!prog prog here" },
    { "a%%b%qc%", false, "a%bc" },
    { "|/usr/bin/handler %p", false, NULL },
    { "@/run/socket", false, NULL },
    { "", false, NULL },
    { "%", false, NULL },
};

START_TEST(names)
{
    char name[PATH_MAX];
    CoreNameFacts f = facts;
    f.uses_pid = cases[_i].uses_pid;
    bool ok = core_name(cases[_i].pattern, &f, name);
    ck_assert_int_eq(ok, cases[_i].want != NULL);
    if (ok) {
        ck_assert_str_eq(name, cases[_i].want);
    }
}
END_TEST

START_TEST(words)
{
    char name[PATH_MAX], pattern[2 * PATH_MAX];
    CoreNameFacts f = facts;
    f.comm = "..";
    ck_assert(core_name("%e", &f, name));
    ck_assert_str_eq(name, "!.");
    ck_assert(core_name("/x/%e", &f, name));
    ck_assert_str_eq(name, "/x/!.");
    memset(pattern, 'a', sizeof(pattern) - 1);
    pattern[sizeof(pattern) - 1] = '\0';
    ck_assert(!core_name(pattern, &f, name));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("core_name");
    TCase *t = tcase_create("core_name");
    tcase_add_loop_test(t, names, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(t, words);
    suite_add_tcase(s, t);
    return run_suite(s);
}
