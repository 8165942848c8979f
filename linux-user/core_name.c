/*
 * linux-user/core_name.c: see core_name.h. Source: core(5), format_corename() of fs/coredump.c.
 */
#include "linux-user/core_name.h"

#include <string.h>

#include <glib.h>

/* A word of a name has no slashes and is no directory. */
static void add_word(GString *out, const char *word)
{
    gsize start = out->len;
    g_string_append(out, word);
    for (char *p = out->str + start; *p; p++) {
        *p = *p == '/' ? '!' : *p;
    }
    if (start > 0 && out->str[start - 1] != '/') {
        return;
    }
    if (strcmp(out->str + start, ".") == 0 || strcmp(out->str + start, "..") == 0) {
        out->str[start] = '!';
    }
}

static void add_specifier(GString *out, char c, const CoreNameFacts *f)
{
    const struct {
        char c;
        long value;
    } numbers[] = {
        { 'p', f->pid }, { 'i', f->tid },  { 'P', f->host_pid }, { 'I', f->host_tid },
        { 'u', f->uid }, { 'g', f->gid },  { 'd', f->dumpable }, { 's', f->sig },
        { 't', f->time }, { 'c', (long)f->limit }, { 'C', f->cpu },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].c == c) {
            g_string_append_printf(out, c == 'c' ? "%lu" : "%ld", numbers[i].value);
        }
    }
    const char *slash = strrchr(f->exe, '/');
    switch (c) {
    case '%':
        g_string_append_c(out, '%');
        break;
    case 'e':
        add_word(out, f->comm);
        break;
    case 'f':
        add_word(out, slash ? slash + 1 : f->exe);
        break;
    case 'E':
        add_word(out, f->exe);
        break;
    case 'h':
        add_word(out, f->host);
        break;
    }
}

bool core_name(const char *pattern, const CoreNameFacts *f, char name[PATH_MAX])
{
    if (!*pattern || *pattern == '|' || *pattern == '@') {
        return false;
    }
    GString *out = g_string_new(NULL);
    bool has_pid = false;
    for (const char *p = pattern; *p; p++) {
        if (*p != '%') {
            g_string_append_c(out, *p);
        } else if (!*++p) {
            break;
        } else {
            has_pid |= *p == 'p';
            add_specifier(out, *p, f);
        }
    }
    if (f->uses_pid && !has_pid) {
        g_string_append_printf(out, ".%ld", f->pid);
    }
    bool fits = out->len > 0 && g_strlcpy(name, out->str, PATH_MAX) < PATH_MAX;
    g_string_free(out, TRUE);
    return fits;
}
