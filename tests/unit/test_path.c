/*
 * test_path.c: -L and --root. links: linux-user/path.c
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux-user/path.h"
#include "tests/unit/suite.h"

static char root[] = "/tmp/rivet-path-XXXXXX";

/* For what comes before the tests. */
static void must(bool ok)
{
    if (!ok) {
        perror(root);
        exit(1);
    }
}

static void make_dir(const char *path)
{
    char buf[PATH_MAX];
    snprintf(buf, sizeof(buf), "%s%s", root, path);
    must(mkdir(buf, 0755) == 0);
}

static void make_file(const char *path)
{
    char buf[PATH_MAX];
    snprintf(buf, sizeof(buf), "%s%s", root, path);
    FILE *f = fopen(buf, "w");
    must(f != NULL);
    fclose(f);
}

static void make_link(const char *target, const char *path)
{
    char buf[PATH_MAX];
    snprintf(buf, sizeof(buf), "%s%s", root, path);
    must(symlink(target, buf) == 0);
}

static void make_tree(void)
{
    must(mkdtemp(root) != NULL);
    make_dir("/usr");
    make_dir("/usr/lib");
    make_dir("/usr/bin");
    make_dir("/proc");
    make_dir("/tmp");
    make_file("/usr/lib/libx.so.1.2");
    make_file("/usr/bin/mawk");
    make_link("usr/lib", "/lib");
    make_link("libx.so.1.2", "/usr/lib/libx.so");
    make_link("/usr/bin/mawk", "/usr/bin/awk");
    make_link("../../../../usr/bin/awk", "/usr/bin/up");
    make_link("/nowhere/at-all", "/usr/bin/dangling");
    make_link("/usr/bin/dangling", "/usr/bin/outward");
    make_link("/loop2", "/loop1");
    make_link("/loop1", "/loop2");
    make_link("/", "/rootlink");
    make_link("/proc/self/mounts", "/mounts");
    make_link("/proc/self", "/self");
}

/* want: the path inside the prefix; NULL: unchanged */
static const struct {
    const char *path;
    bool follow;
    const char *want;
} cases[] = {
    { "/", true, "/" },
    { "/usr/bin/mawk", true, "/usr/bin/mawk" },
    { "//usr//bin/./mawk", true, "/usr/bin/mawk" },
    { "/usr/bin/awk", true, "/usr/bin/mawk" },
    { "/usr/bin/awk", false, "/usr/bin/awk" },
    { "/usr/bin/up", true, "/usr/bin/mawk" },
    { "/lib/libx.so", true, "/usr/lib/libx.so.1.2" },
    { "/lib/libx.so", false, "/usr/lib/libx.so" },
    { "/lib", true, "/usr/lib" },
    { "/lib", false, "/lib" },
    { "/lib/", false, "/usr/lib/" },
    { "/usr/lib/..", true, "/usr" },
    { "/lib/../bin/mawk", true, "/usr/bin/mawk" },
    { "/../../usr", true, "/usr" },
    { "/rootlink/rootlink/usr/bin/awk", true, "/usr/bin/mawk" },
    { "/usr/bin/dangling", false, "/usr/bin/dangling" },
    { "/loop1", true, NULL },
    { "/loop1", false, "/loop1" },
    { "/usr/bin/mawk/x", true, NULL },
    { "/usr/bin/none", true, NULL },
    { "/none/../usr", true, NULL },
    { "/proc", true, NULL },
    { "/proc/self/maps", true, NULL },
    { "/tmp", true, NULL },
    { "/procx", true, NULL },
    { "usr/bin/mawk", true, NULL },
    { "", true, NULL },
    { ".", true, NULL },
};

START_TEST(resolve)
{
    char buf[PATH_MAX], want[PATH_MAX];
    const char *got = path_resolve(cases[_i].path, buf, cases[_i].follow);
    if (!cases[_i].want) {
        ck_assert_ptr_eq(got, cases[_i].path);
        return;
    }
    snprintf(want, sizeof(want), "%s%s", root, strcmp(cases[_i].want, "/") ? cases[_i].want : "");
    if (got[strlen(got) - 1] == '/' && strcmp(cases[_i].path, "/") == 0) {
        strcat(want, "/");
    }
    ck_assert_str_eq(got, want);
}
END_TEST

/* A link under the prefix to what is not there. */
START_TEST(link_beside)
{
    char buf[PATH_MAX];
    ck_assert_str_eq(path_resolve("/usr/bin/dangling", buf, true), "/nowhere/at-all");
    ck_assert_str_eq(path_resolve("/usr/bin/outward", buf, true), "/nowhere/at-all");
    ck_assert_str_eq(path_resolve("/usr/bin/outward/x/", buf, false), "/nowhere/at-all/x/");
}
END_TEST

START_TEST(no_prefix)
{
    char buf[PATH_MAX];
    path_init("");
    ck_assert(!path_has_prefix());
    ck_assert_str_eq(path_resolve("/usr/bin/awk", buf, true), "/usr/bin/awk");
    path_init("/does/not/exist");
    ck_assert(!path_has_prefix());
    path_init("/");
    ck_assert(!path_has_prefix());
}
END_TEST

START_TEST(relative_prefix)
{
    char buf[PATH_MAX], want[PATH_MAX];
    ck_assert_int_eq(chdir(root), 0);
    path_init("usr/");
    snprintf(want, sizeof(want), "%s/usr/bin/mawk", root);
    ck_assert_str_eq(path_resolve("/bin/mawk", buf, true), want);
    snprintf(want, sizeof(want), "%s/usr", root);
    ck_assert_str_eq(path_prefix(), want);
}
END_TEST

START_TEST(too_long)
{
    char longer[2 * PATH_MAX], buf[PATH_MAX];
    memset(longer, 'a', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_ptr_eq(path_resolve(longer, buf, true), longer);
    longer[PATH_MAX - 2] = '\0';
    ck_assert_ptr_eq(path_resolve(longer, buf, true), longer);
}
END_TEST

/* -L: a path relative to a directory in the prefix stays inside; one relative to another is left.
 * */
static const struct {
    const char *dir, *path;
    bool follow;
    const char *want;               /* in the prefix; NULL: unchanged */
} relative[] = {
    { "/usr/bin", "awk", true, "/usr/bin/mawk" },
    { "/usr/bin", "awk", false, NULL },
    { "/usr/bin", "mawk", true, NULL },
    { "/usr/bin", "../lib/libx.so", true, "/usr/lib/libx.so.1.2" },
    { "/usr", "../../../lib/libx.so.1.2", true, "/usr/lib/libx.so.1.2" },
    { "/", "rootlink/lib", true, "/usr/lib" },
    { "/usr", "bin/none", true, NULL },
    { "/usr", ".", true, NULL },
};

START_TEST(relative_path)
{
    char buf[PATH_MAX], want[PATH_MAX], dir[PATH_MAX];
    const char *path = relative[_i].path;
    snprintf(want, sizeof(want), "%s%s", root, relative[_i].want ? relative[_i].want : "");
    snprintf(dir, sizeof(dir), "%s%s", root, relative[_i].dir);
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    for (int by_fd = 0; by_fd < 2; by_fd++) {
        ck_assert_int_eq(by_fd ? chdir("/") : chdir(dir), 0);
        const char *got = path_resolve_at(by_fd ? fd : AT_FDCWD, path, buf, relative[_i].follow);
        ck_assert_ptr_nonnull(got);
        ck_assert_str_eq(got, relative[_i].want ? want : path);
    }
    close(fd);
    ck_assert_ptr_eq(path_resolve(path, buf, true), path);      /* in another directory */
    ck_assert_ptr_eq(path_resolve_at(-1, path, buf, true), path);
}
END_TEST

START_TEST(link_to_host)
{
    char buf[PATH_MAX];
    ck_assert_str_eq(path_resolve("/mounts", buf, true), "/proc/self/mounts");
    ck_assert_str_eq(path_resolve("/self/mounts", buf, true), "/proc/self/mounts");
}
END_TEST

/* --root by paths. want: under the root, or with a '=' before it as it is; NULL: refused */
static const struct {
    const char *path;
    bool follow;
    const char *want;
} root_cases[] = {
    { "/", true, "/./" },
    { "/etc/passwd", true, "/etc/passwd" },
    { "/usr/bin/awk", true, "/usr/bin/mawk" },
    { "/usr/bin/up", true, "/usr/bin/mawk" },
    { "/usr/bin/dangling", true, "/nowhere/at-all" },
    { "/usr/bin/dangling/", true, "/nowhere/at-all/" },
    { "/none/../etc", true, "/none/../etc" },
    { "/../../../etc/shadow", true, "/etc/shadow" },
    { "/usr/bin/mawk/x", true, "/usr/bin/mawk/x" },
    { "/loop1", true, NULL },
    { "/loop1", false, "/loop1" },
    { "/proc", true, "=/proc" },
    { "/usr/../proc/self/maps", true, "=/proc/self/maps" },
    { "/proc/../usr/bin/awk", true, "/usr/bin/mawk" },
    { "/proc/self/../../lib", true, "/usr/lib" },
    { "/proc/self/root/usr/bin/awk", true, "/usr/bin/mawk" },
    { "/proc/self/root", true, "" },
    { "/proc/self/root", false, "=/proc/self/root" },
    { "/proc/self/cwd/bin/awk", true, "/usr/bin/mawk" },
    { "/proc/self/exe", true, "=/proc/self/exe" },
    { "/mounts", true, "=/proc/self/mounts" },
    { "/dev/null", true, "/dev/null" },         /* it has none */
    { "/tmp/x", true, "/tmp/x" },
    { "bin/awk", true, "/usr/bin/mawk" },       /* in /usr */
    { "bin/mawk", true, "=bin/mawk" },
    { "../../..", true, "/." },
    { "bin/mawk/../x", true, "=bin/mawk/../x" },
    { "bin/none/..", true, "=bin/none/.." },
    { "", true, "=" },
};

/* /proc/self is a link to a number. */
static void undo_self(char *path)
{
    char self[32];
    snprintf(self, sizeof(self), "/proc/%d", (int)getpid());
    size_t n = strlen(self);
    if (strncmp(path, self, n) == 0) {
        char rest[PATH_MAX];
        strcpy(rest, path + n);
        strcpy(path, "/proc/self");
        strcat(path, rest);
    }
}

START_TEST(resolve_in_root)
{
    char buf[PATH_MAX], want[PATH_MAX], got[PATH_MAX] = "";
    const char *w = root_cases[_i].want;
    path_init_root(root, 1u << PATH_PROC);
    snprintf(buf, sizeof(buf), "%s/usr", root);
    ck_assert_int_eq(chdir(buf), 0);
    const char *host = path_resolve_at(AT_FDCWD, root_cases[_i].path, buf, root_cases[_i].follow);
    ck_assert_int_eq(host != NULL, w != NULL);
    if (!w) {
        ck_assert_int_eq(errno, ELOOP);
        return;
    }
    strcpy(got, host);
    undo_self(got);
    snprintf(want, sizeof(want), "%s%s", *w == '=' ? "" : root, *w == '=' ? w + 1 : w);
    ck_assert_str_eq(got, want);
}
END_TEST

/* A slash after a link makes it a directory, unless the link itself is what the call is about. */
START_TEST(entry)
{
    char buf[PATH_MAX], want[PATH_MAX];
    snprintf(want, sizeof(want), "%s/lib/", root);
    ck_assert_str_eq(path_resolve_at(AT_FDCWD, "/lib/", buf, PATH_ENTRY), want);
    snprintf(want, sizeof(want), "%s/usr/lib/", root);
    ck_assert_str_eq(path_resolve_at(AT_FDCWD, "/lib/", buf, PATH_NOFOLLOW), want);
}
END_TEST

START_TEST(to_guest)
{
    char host[PATH_MAX];
    snprintf(host, sizeof(host), "%s/usr/bin", root);
    ck_assert_ptr_eq(path_to_guest(host), host);        /* -L shows the host's */
    path_init_root(root, 0);
    ck_assert_str_eq(path_to_guest(host), "/usr/bin");
    ck_assert_str_eq(path_to_guest(root), "/");
    ck_assert_str_eq(path_to_guest("/usr"), "/usr");
    snprintf(host, sizeof(host), "%s2/usr", root);
    ck_assert_str_eq(path_to_guest(host), host);
}
END_TEST

int main(void)
{
    make_tree();
    path_init(root);
    Suite *s = suite_create("path");
    TCase *t = tcase_create("path");
    tcase_add_loop_test(t, resolve, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(t, no_prefix);
    tcase_add_test(t, relative_prefix);
    tcase_add_test(t, too_long);
    tcase_add_loop_test(t, relative_path, 0, sizeof(relative) / sizeof(relative[0]));
    tcase_add_test(t, link_beside);
    tcase_add_test(t, link_to_host);
    tcase_add_loop_test(t, resolve_in_root, 0, sizeof(root_cases) / sizeof(root_cases[0]));
    tcase_add_test(t, entry);
    tcase_add_test(t, to_guest);
    suite_add_tcase(s, t);
    int failed = run_suite(s);
    char cmd[64];
    snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
    return system(cmd) != 0 || failed;
}
