#include "exec/log.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

uint32_t log_mask;
static FILE *log_file;
static struct {
    uint64_t first, last;
} log_ranges[32];
static unsigned log_range_count;

static const struct {
    const char *name, *help;
} log_items[LOG_ITEM_COUNT] = {
#define LOG_ITEM(id, name, help) { name, help },
#include "exec/log.def"
#undef LOG_ITEM
};

bool log_parse(const char *items, char **err)
{
    g_auto(GStrv) words = g_strsplit(items, ",", -1);
    for (char **w = words; *w; w++) {
        unsigned i = 0;
        while (i < LOG_ITEM_COUNT && strcmp(log_items[i].name, *w)) {
            i++;
        }
        if (i == LOG_ITEM_COUNT) {
            *err = g_strdup_printf("unknown item '%s'; -d help lists them", *w);
            return false;
        }
        log_mask |= 1u << i;
    }
    return true;
}

bool log_set_file(const char *path, char **err)
{
    g_auto(GStrv) parts = g_strsplit(path, "%d", 2);
    g_autofree char *pid = g_strdup_printf("%d", getpid());
    g_autofree char *name = g_strjoinv(pid, parts);
    FILE *f = fopen(name, "we");
    if (!f) {
        *err = g_strdup_printf("cannot write '%s': %s", name, g_strerror(errno));
        return false;
    }
    setvbuf(f, NULL, _IOLBF, 0);
    log_file = f;
    return true;
}

bool log_parse_filter(const char *ranges, char **err)
{
    g_auto(GStrv) words = g_strsplit(ranges, ",", -1);
    for (char **w = words; *w; w++) {
        char *end, *end2;
        uint64_t a = g_ascii_strtoull(*w, &end, 0);
        bool dots = g_str_has_prefix(end, "..");
        bool sign = *end == '+' || *end == '-';
        uint64_t b = dots || sign ? g_ascii_strtoull(end + (dots ? 2 : 1), &end2, 0) : 0;
        if (end == *w || !(dots || sign) || *end2 || log_range_count == G_N_ELEMENTS(log_ranges)) {
            *err = g_strdup_printf("bad range '%s' (want lo..hi, lo+len or hi-len)", *w);
            return false;
        }
        log_ranges[log_range_count].first = *end == '-' ? a - b + 1 : a;
        log_ranges[log_range_count].last = dots ? b : *end == '-' ? a : a + b - 1;
        log_range_count++;
    }
    return true;
}

bool log_in_filter(uint64_t pc)
{
    for (unsigned i = 0; i < log_range_count; i++) {
        if (pc >= log_ranges[i].first && pc <= log_ranges[i].last) {
            return true;
        }
    }
    return log_range_count == 0;
}

void log_help(FILE *f)
{
    for (unsigned i = 0; i < LOG_ITEM_COUNT; i++) {
        fprintf(f, "  %-10s %s\n", log_items[i].name, log_items[i].help);
    }
}

FILE *log_begin(void)
{
    FILE *f = log_file ? log_file : stderr;
    flockfile(f);
    return f;
}

void log_end(FILE *f)
{
    fflush(f);
    funlockfile(f);
}

void log_printf(uint32_t item, const char *fmt, ...)
{
    if (!log_enabled(item)) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    FILE *f = log_begin();
    vfprintf(f, fmt, ap);
    log_end(f);
    va_end(ap);
}
