/*
 * linux-user/binfmt.c: see binfmt.h. Source: Documentation/admin-guide/binfmt-misc.rst.
 *
 * One entry, called rivet. Flags: P (argv[0] is kept), O (the program comes as a descriptor), C
 * (its set-user-ID counts) and F (rivet is opened now, so that it is there in chroots and
 * containers). Entries of others are never touched: the newest of two would win, and the other come
 * back later.
 */
#include "linux-user/binfmt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "linux-user/loader.h"

#define ENTRY "rivet"
#define FLAGS "POCF"

/* ELF, 64 bits, little-endian; any OS ABI; an executable or a shared object; for RISC-V */
static const unsigned char magic[20] = "\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\xf3";
static const unsigned char mask[20] =
    "\xff\xff\xff\xff\xff\xff\xff\0\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff";

static bool fail(GError **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(GError **err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_set_error(err, RIVET_LOAD_ERROR, 1, "%s", text);
    g_free(text);
    return false;
}

static bool fail_errno(GError **err, const char *what)
{
    int e = errno;
    if (e == EACCES || e == EPERM) {
        return fail(err, "%s: only root may", what);
    }
    return fail(err, "%s: %s", what, g_strerror(e));
}

static char *file_in(const char *dir, const char *name)
{
    return g_strconcat(dir, "/", name, NULL);
}

static bool write_file(const char *dir, const char *name, const char *text)
{
    char *path = file_in(dir, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t n = strlen(text);
    bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    int e = errno;
    if (fd >= 0) {
        close(fd);
    }
    g_free(path);
    errno = e;
    return ok;
}

static bool is_mounted(const char *dir, GError **err)
{
    char *path = file_in(dir, "register");
    bool there = access(path, F_OK) == 0;
    g_free(path);
    return there
               ? true
               : fail(err, "binfmt_misc is not mounted: mount -t binfmt_misc binfmt_misc %s", dir);
}

/* ---- entries ---- */

typedef struct Entry {
    char *name, *interpreter, *flags;
    bool enabled, is_riscv;
} Entry;

static void entry_free(Entry *e)
{
    g_free(e->name);
    g_free(e->interpreter);
    g_free(e->flags);
    *e = (Entry){ 0 };
}

static unsigned hex_bytes(const char *text, unsigned char *out, unsigned max)
{
    unsigned n = 0;
    for (; n < max && g_ascii_isxdigit(text[0]) && g_ascii_isxdigit(text[1]); text += 2) {
        out[n++] = (unsigned char)(g_ascii_xdigit_value(text[0]) << 4 |
                                   g_ascii_xdigit_value(text[1]));
    }
    return n;
}

/* Would an entry with this magic and mask (hexadecimal; NULL: all bits) take our programs? */
static bool matches_riscv(const char *its_magic, const char *its_mask)
{
    unsigned char m[sizeof(magic)] = { 0 }, k[sizeof(magic)];
    memset(k, 0xff, sizeof(k));
    unsigned n = hex_bytes(its_magic, m, sizeof(m));
    if (its_mask) {
        hex_bytes(its_mask, k, sizeof(k));
    }
    for (unsigned i = 0; i < n; i++) {
        if ((m[i] ^ magic[i]) & k[i] & mask[i]) {
            return false;
        }
    }
    return n > 18;                  /* it looks at the machine at all */
}

/* Read what the kernel tells of an entry. */
static bool entry_read(const char *dir, const char *name, Entry *e)
{
    char *path = file_in(dir, name), *text = NULL;
    const char *its_magic = NULL, *its_mask = NULL;
    bool ok = g_file_get_contents(path, &text, NULL, NULL);
    *e = (Entry){ .name = g_strdup(name) };
    char **lines = g_strsplit(ok ? text : "", "\n", -1);
    for (char **l = lines; *l; l++) {
        if (strcmp(*l, "enabled") == 0) {
            e->enabled = true;
        } else if (g_str_has_prefix(*l, "interpreter ")) {
            e->interpreter = g_strdup(*l + strlen("interpreter "));
        } else if (g_str_has_prefix(*l, "flags: ")) {
            e->flags = g_strdup(*l + strlen("flags: "));
        } else if (g_str_has_prefix(*l, "magic ")) {
            its_magic = *l + strlen("magic ");
        } else if (g_str_has_prefix(*l, "mask ")) {
            its_mask = *l + strlen("mask ");
        }
    }
    e->is_riscv = its_magic && matches_riscv(its_magic, its_mask);
    g_strfreev(lines);
    g_free(text);
    g_free(path);
    return ok;
}

/* The entry that runs RISC-V programs: ours, or the first of somebody else's that is enabled. */
static bool entry_find(const char *dir, Entry *found)
{
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;
    bool any = entry_read(dir, ENTRY, found);
    if (!any) {
        entry_free(found);
    }
    while (d && !any && (name = g_dir_read_name(d))) {
        any = strcmp(name, "register") != 0 && strcmp(name, "status") != 0 &&
              entry_read(dir, name, found) && found->is_riscv && found->enabled;
        if (!any) {
            entry_free(found);
        }
    }
    if (d) {
        g_dir_close(d);
    }
    return any;
}

/* ---- what is asked for ---- */

static void add_bytes(GString *s, const unsigned char *bytes, size_t n, char delimiter)
{
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(s, "\\x%02x", bytes[i]);
    }
    g_string_append_c(s, delimiter);
}

bool binfmt_install(const char *dir, const char *program, GError **err)
{
    Entry e;
    if (!is_mounted(dir, err)) {
        return false;
    }
    if (entry_find(dir, &e)) {
        bool ours = strcmp(e.name, ENTRY) == 0, same = ours && !g_strcmp0(e.interpreter, program);
        if (!same) {
            fail(err, "RISC-V programs are run by %s already (%s/%s)%s",
                 e.interpreter ? e.interpreter : "something", dir, e.name,
                 ours ? "; -uninstall-binfmt removes it" : "");
        }
        entry_free(&e);
        return same;
    }
    /* the field separator is ours to choose */
    const char *delimiter = ":|,;";
    while (delimiter[1] && strchr(program, *delimiter)) {
        delimiter++;
    }
    char c = *delimiter;
    GString *line = g_string_new(NULL);
    g_string_append_printf(line, "%c" ENTRY "%cM%c%c", c, c, c, c);
    add_bytes(line, magic, sizeof(magic), c);
    add_bytes(line, mask, sizeof(mask), c);
    g_string_append_printf(line, "%s%c" FLAGS, program, c);
    bool ok = write_file(dir, "register", line->str);
    g_string_free(line, TRUE);
    return ok ? true : fail_errno(err, "cannot register with binfmt_misc");
}

bool binfmt_uninstall(const char *dir, GError **err)
{
    if (!is_mounted(dir, err)) {
        return false;
    }
    if (write_file(dir, ENTRY, "-1")) {
        return true;
    }
    return errno == ENOENT ? fail(err, "not registered with binfmt_misc")
                           : fail_errno(err, "cannot leave binfmt_misc");
}

bool binfmt_status(const char *dir, FILE *out, GError **err)
{
    Entry e;
    if (!is_mounted(dir, err)) {
        return false;
    }
    if (!entry_find(dir, &e)) {
        fprintf(out, "nothing runs RISC-V programs; -install-binfmt registers rivet\n");
        return false;
    }
    fprintf(out, "RISC-V programs are run by %s (%s/%s, flags %s%s)\n",
            e.interpreter ? e.interpreter : "?", dir, e.name, e.flags ? e.flags : "",
            e.enabled ? "" : ", disabled");
    entry_free(&e);
    return true;
}
