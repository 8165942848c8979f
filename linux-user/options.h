/*
 * linux-user/options.h: the command line and its environment variables.
 *
 * One row an option in options.def. Options end at the first word that is none; then come the
 * program and its arguments. The environment (RIVET_x, or else QEMU_x) counts first, the command
 * line wins.
 */
#ifndef LINUX_USER_OPTIONS_H
#define LINUX_USER_OPTIONS_H

#include <stdio.h>

#include <glib.h>

#include "linux-user/guest_ptr.h"

typedef enum OptionsAction {
    OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_LOG_HELP, OPTIONS_CPU_HELP,
    OPTIONS_BINFMT_INSTALL, OPTIONS_BINFMT_UNINSTALL, OPTIONS_BINFMT_STATUS,
} OptionsAction;

/* What is asked for, besides user_options, exec_options and the log, which are set directly. */
typedef struct CommandLine {
    OptionsAction action;
    const char *program;            /* as given; NULL unless action is OPTIONS_RUN */
    int exec_fd;                    /* it is open already: -execfd, else -1 */
    bool by_fd;                     /* nothing else names it: -byfd */
    const char *exec_fn;            /* what was executed: -execfn; NULL: the program */
    int seccomp_fd;                 /* its filters: -seccomp, else -1 */
    const char *traced;             /* -traced, else NULL */
    int self_fd;                    /* our own executable: -selffd, else -1 */
    int cache_fd;                   /* where translated code is kept: -cachefd, else -1 */
    const char *binfmt_dir;         /* where binfmt_misc is mounted */
    const char *ids;                /* -ids or NULL */
    bool mdwe;                      /* -mdwe */
    const char *limits;             /* -limits or NULL */
    int argc;                       /* the guest's */
    char **argv;                    /* its last part shares the host's argv; NULL at the end */
    char **envp;                    /* environ itself unless -E or -U change it */
    uint64_t guest_base;            /* -B */
    uint64_t reserved;              /* -R, 0: what the host has */
} CommandLine;

/* How the kernel's binfmt_misc started us, if it did (flags O or C, and P). */
typedef struct BinfmtInfo {
    const char *exec_arg;           /* what was executed; NULL: the program, for all we know */
    bool no_options;                /* argv[1] is the program */
    bool argv0_given;               /* argv[2] is its argv[0] */
    bool secure;                    /* AT_SECURE: our environment variables do not count */
} BinfmtInfo;

bool options_parse(int argc, char **argv, char **envp, const BinfmtInfo *binfmt, CommandLine *cl,
                   GError **err);
void options_help(FILE *f);

/* "8M", "64k", "0x1000": a size in bytes, bare numbers times unit. False when it is none. */
bool options_parse_size(const char *text, uint64_t unit, uint64_t *size);

#endif
