/*
 * linux-user/options.c: the parser of options.def, and its help text.
 *
 * Nothing is allocated unless -E or -U change the environment: start-up is part of every run.
 */
#include "linux-user/options_private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/log.h"
#include "linux-user/binfmt.h"
#include "linux-user/loader.h"
#include "linux-user/task.h"

typedef struct OptionRow {
    const char *flag, *env, *arg, *help;
    OptionSetFn *set;
    bool first;                     /* about the first program only */
} OptionRow;

static const OptionRow option_rows[] = {
#define OPTION(id, flag, env, arg, help) { flag, env, arg, help, option_set_##id, false },
#define FIRST(id, flag, env, arg, help) { flag, env, arg, help, option_set_##id, true },
#include "linux-user/options.def"
};

static const struct {
    const char *flag, *env;
    OptionSetFn *set;
} alias_rows[] = {
#define ALIAS(flag, env, id) { flag, env, option_set_##id },
#include "linux-user/options.def"
};

static const struct {
    const char *flag, *env, *why;
} refused_rows[] = {
#define REFUSED(flag, env, why) { flag, env, why },
#include "linux-user/options.def"
};

static const OptionRow *find_setter(OptionSetFn *set)
{
    const OptionRow *row = option_rows;
    while (row->set != set) {
        row++;
    }
    return row;
}

static const OptionRow *find_row(const char *name, bool env)
{
    for (size_t i = 0; i < G_N_ELEMENTS(option_rows) && *name; i++) {
        if (strcmp(env ? option_rows[i].env : option_rows[i].flag, name) == 0) {
            return &option_rows[i];
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(alias_rows) && *name; i++) {
        if (strcmp(env ? alias_rows[i].env : alias_rows[i].flag, name) == 0) {
            return find_setter(alias_rows[i].set);
        }
    }
    return NULL;
}

/* NULL, or why there is no such option. */
static const char *refused(const char *name, bool env)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused_rows); i++) {
        if (strcmp(env ? refused_rows[i].env : refused_rows[i].flag, name) == 0) {
            return refused_rows[i].why;
        }
    }
    return NULL;
}

/* Apply the variables that begin with prefix. */
static bool parse_env(OptionParse *p, char **envp, const char *prefix)
{
    size_t n = strlen(prefix);
    p->is_env = true;
    for (; *envp; envp++) {
        if (strncmp(*envp, prefix, n) != 0) {
            continue;
        }
        const char *eq = strchr(*envp, '=');
        char name[32];
        size_t len = eq ? (size_t)(eq - *envp) : 0;
        if (len <= n || len >= sizeof(name)) {
            continue;
        }
        memcpy(name, *envp, len);
        name[len] = '\0';
        p->name = name;
        const OptionRow *row = find_row(name + n, true);
        const char *why = refused(name + n, true);
        if (why) {
            return option_fail(p, "%s", why);
        }
        if (!row || (!row->arg && strcmp(eq + 1, "0") == 0)) {
            continue;                   /* not ours, or switched off */
        }
        if (!row->set(p, eq + 1)) {
            return false;
        }
    }
    p->is_env = false;
    return true;
}

/* What the options argv[1] to argv[end - 1] mean for a child: all but those that are about the
 * first program only. The prefix is named as an absolute path: the guest may change its directory.
 * A directory of kept code has no name under another root (exec_keep_cache()). */
static void set_inherited(int end, char **argv, const char *cache)
{
    bool prefix = *user_options.ld_prefix;
    cache = cache && *cache && *user_options.root ? NULL : cache;
    if (end <= 1 && !prefix) {
        return;
    }
    char **out = g_new(char *, (size_t)end + 5);
    int n = 0;
    if (cache) {
        out[n++] = (char *)"-cache";
        out[n++] = (char *)(*cache ? cache : "off");
    }
    if (prefix) {
        out[n++] = (char *)"-L";
        out[n++] = g_canonicalize_filename(user_options.ld_prefix, NULL);
    }
    for (int i = 1; i < end && strcmp(argv[i], "--") != 0; i++) {
        const OptionRow *row = find_row(argv[i] + (argv[i][1] == '-' ? 2 : 1), false);
        int words = row->arg ? 2 : 1;
        if (!row->first) {
            memcpy(out + n, argv + i, (size_t)words * sizeof(char *));
            n += words;
        }
        i += words - 1;
    }
    out[n] = NULL;
    user_options.inherited = out;
}

/* The options of argv from *at on; *at is then the program. */
static bool parse_flags(OptionParse *p, int argc, char **argv, int *at)
{
    int i = *at;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        p->name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
        const OptionRow *row = find_row(p->name, false);
        const char *why = refused(p->name, false);
        if (why) {
            return option_fail(p, "%s", why);
        }
        if (!row) {
            g_set_error(p->err, RIVET_LOAD_ERROR, 1, "unknown option '%s'; -h lists them", argv[i]);
            return false;
        }
        if (row->arg && i + 1 >= argc) {
            return option_fail(p, "needs an argument: %s", row->arg);
        }
        if (!row->set(p, row->arg ? argv[++i] : NULL)) {
            return false;
        }
        if (p->cl->action != OPTIONS_RUN) {
            break;
        }
    }
    *at = i;
    return true;
}

/* Is our executable to be found by its name? It is not in a root directory that is not ours: that
 * of a container, or one that is being built. Nobody wants files of ours there. */
static bool is_at_home(void)
{
    char path[PATH_MAX];
    struct stat self, named;
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return stat("/proc/self/exe", &self) == 0 && stat(path, &named) == 0 &&
           self.st_dev == named.st_dev && self.st_ino == named.st_ino;
}

/* Where translated code is kept; not where it would differ from what such a process translates, and
 * not when all of it is asked for. */
static void set_image_dir(const char *cache, bool secure, const CommandLine *cl)
{
    const char *home = getenv("XDG_CACHE_HOME"), *below = "/rivet";
    if (!home || *home != '/') {
        home = getenv("HOME");
        below = "/.cache/rivet";
    }
    if (secure || (log_mask & ~LOG_STRACE) || exec_options.one_insn_per_tb || exec_options.interp ||
        exec_options.no_chain || exec_options.random_regalloc) {
        return;
    }
    if (cache && !*cache) {
        return;
    }
    if (cl->cache_fd >= 0) {
        exec_options.image_dir = ".";
    } else if (*user_options.root && cl->self_fd >= 0) {
        return;                         /* a child, whose parent had none */
    } else if (cache) {
        exec_options.image_dir = *cache == '/' ? cache : NULL;
    } else if (home && *home == '/' && is_at_home()) {
        exec_options.image_dir = g_strconcat(home, below, NULL);
    }
}

bool options_parse(int argc, char **argv, char **envp, const BinfmtInfo *binfmt, CommandLine *cl,
                   GError **err)
{
    OptionParse p = { .cl = cl, .err = err };
    *cl = (CommandLine){ .envp = envp, .exec_fd = -1, .self_fd = -1, .cache_fd = -1,
                         .seccomp_fd = -1, .binfmt_dir = BINFMT_DIR };
    exec_options.host_features = backend_host_features();
    exec_options.optimize = true;
    exec_options.hot = DEFAULT_HOT;
    exec_options.cold = DEFAULT_COLD;
    exec_options.image_limit = DEFAULT_CACHE_SIZE;
    exec_options.code_buffer_size = DEFAULT_CODE_BUFFER;
    if (!binfmt->secure && (!parse_env(&p, envp, "QEMU_") || !parse_env(&p, envp, "RIVET_"))) {
        return false;
    }
    int at = 1;
    if (!binfmt->no_options && !parse_flags(&p, argc, argv, &at)) {
        return false;
    }
    if (cl->action != OPTIONS_RUN) {
        return true;
    }
    if (*user_options.root) {           /* holds all there is; children are in it */
        user_options.ld_prefix = "";
        option_set_unset_env(&p, "RIVET_ROOT,QEMU_ROOT,RIVET_ROOT_PATHS,QEMU_ROOT_PATHS");
    }
    set_inherited(binfmt->no_options ? 1 : at, argv, p.cache);
    set_image_dir(p.cache, binfmt->secure, cl);
    char *why = NULL;
    if (!rv_cpu_model(user_options.cpu_model, &exec_options.exts, &why)) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "-cpu: %s", why);
        g_free(why);
        return false;
    }
    if (at >= argc) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "no program given; -h lists the options");
        return false;
    }
    cl->program = argv[at];
    if (binfmt->argv0_given && at + 1 < argc) {
        at++;
    } else if (user_options.argv0) {
        argv[at] = (char *)user_options.argv0;
    }
    cl->argc = argc - at;
    cl->argv = argv + at;
    return true;
}

void options_help(FILE *f)
{
    fputs("usage: rivet [option...] program [argument...]\n"
          "Run a RISC-V Linux program on this machine.\n\n"
          "Options, and the environment variables (RIVET_x, or else QEMU_x) that do the same:\n",
          f);
    for (size_t i = 0; i < G_N_ELEMENTS(option_rows); i++) {
        const OptionRow *r = &option_rows[i];
        char *left = *r->flag ? g_strdup_printf("-%s %s", r->flag, r->arg ? r->arg : "")
                              : g_strdup_printf("(%s)", r->arg ? r->arg : "variable only");
        fprintf(f, "  %-20s %-17s %s\n", left, r->env, r->help);
        g_free(left);
    }
}
