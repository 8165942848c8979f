/*
 * exec/log.h: the log (-d items, -D file, -dfilter). One row an item in log.def.
 *
 * qemu-like text, guest pcs as 16 hex digits. log_enabled() is one test of a global; the file is
 * stderr unless -D. Lines of one log_begin()/log_end() pair are not mixed between threads.
 */
#ifndef EXEC_LOG_H
#define EXEC_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum LogItemBit {
#define LOG_ITEM(id, name, help) LOG_BIT_##id,
#include "exec/log.def"
#undef LOG_ITEM
    LOG_ITEM_COUNT,
} LogItemBit;

enum {
#define LOG_ITEM(id, name, help) LOG_##id = 1 << LOG_BIT_##id,
#include "exec/log.def"
#undef LOG_ITEM
};

extern uint32_t log_mask;

static inline bool log_enabled(uint32_t items)
{
    return __builtin_expect((log_mask & items) != 0, 0);
}

/* "in_asm,op" -> mask. Returns false and the reason in *err (g_free). "help" is the caller's. */
bool log_parse(const char *items, char **err);
bool log_set_file(const char *path, char **err);    /* "%d" becomes the pid */
bool log_parse_filter(const char *ranges, char **err);  /* start..end, start+len, start-len, ... */
bool log_in_filter(uint64_t pc);
void log_help(FILE *f);

FILE *log_begin(void);
void log_end(FILE *f);
void log_printf(uint32_t item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
