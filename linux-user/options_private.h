/*
 * linux-user/options_private.h: what options.c and options_set.c share.
 */
#ifndef LINUX_USER_OPTIONS_PRIVATE_H
#define LINUX_USER_OPTIONS_PRIVATE_H

#include "linux-user/options.h"

enum { DEFAULT_CODE_BUFFER = 256 << 20, DEFAULT_COLD = 6, DEFAULT_HOT = 64000 };
#define DEFAULT_CACHE_SIZE ((uint64_t)512 << 20)

typedef struct OptionParse {
    CommandLine *cl;
    GError **err;
    const char *name;               /* option or variable, for messages */
    bool is_env;
    const char *cache;              /* -cache */
    bool env_copied;                /* cl->envp is ours */
} OptionParse;

/* Set err: what is wrong with the option. Returns false. */
bool option_fail(OptionParse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* arg: NULL for an option without one. False: err is set. */
typedef bool OptionSetFn(OptionParse *p, const char *arg);

#define OPTION(id, ...) OptionSetFn option_set_##id;
#define FIRST OPTION
#include "linux-user/options.def"

#endif
