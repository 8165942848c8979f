/*
 * linux-user/options.c: options.def as functions, parser and help text.
 *
 * Nothing is allocated unless -E or -U change the environment: start-up is part of every run.
 */
#include "linux-user/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/log.h"
#include "linux-user/binfmt.h"
#include "linux-user/loader.h"
#include "linux-user/task.h"

enum { DEFAULT_CODE_BUFFER = 256 << 20, DEFAULT_COLD = 6, DEFAULT_HOT = 16000 };
#define DEFAULT_CACHE_SIZE ((uint64_t)512 << 20)

UserOptions user_options = { .ld_prefix = "", .root = "", .cpu_model = "max" };

typedef struct Parse {
    CommandLine *cl;
    GError **err;
    const char *name;               /* option or variable, for messages */
    bool is_env;
    const char *cache;              /* -cache */
    bool env_copied;                /* cl->envp is ours */
} Parse;

typedef bool SetFn(Parse *p, const char *arg);

typedef enum OptionId {
#define OPTION(id, ...) OPT_##id,
#define ALIAS(flag, env, id)
#define REFUSED(flag, env, why)
#include "linux-user/options.def"
#undef OPTION
#undef ALIAS
#undef REFUSED
} OptionId;

#define OPTION(id, ...) static bool set_##id(Parse *p, const char *arg);
#define ALIAS(flag, env, id)
#define REFUSED(flag, env, why)
#include "linux-user/options.def"
#undef OPTION
#undef ALIAS
#undef REFUSED

typedef struct OptionRow {
    const char *flag, *env, *arg, *help;
    SetFn *set;
} OptionRow;

static const OptionRow option_rows[] = {
#define OPTION(id, flag, env, arg, help) { flag, env, arg, help, set_##id },
#define ALIAS(flag, env, id)
#define REFUSED(flag, env, why)
#include "linux-user/options.def"
#undef OPTION
#undef ALIAS
#undef REFUSED
};

static const struct {
    const char *flag, *env;
    OptionId id;
} alias_rows[] = {
#define OPTION(...)
#define ALIAS(flag, env, id) { flag, env, OPT_##id },
#define REFUSED(flag, env, why)
#include "linux-user/options.def"
#undef OPTION
#undef ALIAS
#undef REFUSED
};

static const struct {
    const char *flag, *env, *why;
} refused_rows[] = {
#define OPTION(...)
#define ALIAS(flag, env, id)
#define REFUSED(flag, env, why) { flag, env, why },
#include "linux-user/options.def"
#undef OPTION
#undef ALIAS
#undef REFUSED
};

static bool fail(Parse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Parse *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_set_error(p->err, RIVET_LOAD_ERROR, 1, "%s%s: %s", p->is_env ? "" : "-", p->name, text);
    g_free(text);
    return false;
}

bool options_parse_size(const char *text, uint64_t unit, uint64_t *size)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(text, &end, 0);
    if (errno || end == text || strchr(text, '-')) {
        return false;
    }
    if (*end) {
        static const char suffixes[] = "kmgt";
        const char *s = strchr(suffixes, g_ascii_tolower(*end));
        if (!s || end[1]) {
            return false;
        }
        unit = (uint64_t)1 << 10 * (s - suffixes + 1);
    }
    return !__builtin_mul_overflow(n, unit, size);
}

static bool set_help(Parse *p, const char *arg)
{
    p->cl->action = OPTIONS_HELP;
    return true;
}

static bool set_version(Parse *p, const char *arg)
{
    p->cl->action = OPTIONS_VERSION;
    return true;
}

static bool set_install(Parse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_INSTALL;
    return true;
}

static bool set_uninstall(Parse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_UNINSTALL;
    return true;
}

static bool set_status(Parse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_STATUS;
    return true;
}

static bool set_binfmt_dir(Parse *p, const char *arg)
{
    p->cl->binfmt_dir = arg;
    return true;
}

static bool set_ld_prefix(Parse *p, const char *arg)
{
    user_options.ld_prefix = arg;
    return true;
}

static bool set_root(Parse *p, const char *arg)
{
    user_options.root = arg;
    user_options.root_by_paths = false;
    return true;
}

static bool set_root_paths(Parse *p, const char *arg)
{
    user_options.root = arg;
    user_options.root_by_paths = true;
    return true;
}

static bool set_ids(Parse *p, const char *arg)
{
    p->cl->ids = arg;
    return true;
}

static bool set_mdwe(Parse *p, const char *arg)
{
    p->cl->mdwe = true;
    return true;
}

/* Where variable `name` of n bytes is in the environment, or its end. */
static char **find_env(char **envp, const char *name, size_t n)
{
    while (*envp && !(strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')) {
        envp++;
    }
    return envp;
}

/* Our own copy of the environment, with room for `more` variables. */
static void copy_env(Parse *p, size_t more)
{
    size_t n = g_strv_length(p->cl->envp);
    char **copy = g_new(char *, n + more + 1);
    memcpy(copy, p->cl->envp, (n + 1) * sizeof(char *));
    if (p->env_copied) {
        g_free(p->cl->envp);
    }
    p->cl->envp = copy;
    p->env_copied = true;
}

static bool set_set_env(Parse *p, const char *arg)
{
    char **words = g_strsplit(arg, ",", -1);
    copy_env(p, g_strv_length(words));
    for (char **w = words; *w; w++) {
        const char *eq = strchr(*w, '=');
        if (!eq || eq == *w) {
            bool r = fail(p, "'%s' is not variable=value", *w);
            g_strfreev(words);
            return r;
        }
        char **at = find_env(p->cl->envp, *w, (size_t)(eq - *w));
        if (!*at) {
            at[1] = NULL;
        }
        *at = *w;                       /* stays allocated: it is the guest's environment now */
    }
    g_free(words);
    return true;
}

static bool set_unset_env(Parse *p, const char *arg)
{
    copy_env(p, 0);
    char **words = g_strsplit(arg, ",", -1);
    for (char **w = words; *w; w++) {
        for (char **at; *(at = find_env(p->cl->envp, *w, strlen(*w)));) {
            for (; *at; at++) {
                at[0] = at[1];
            }
        }
    }
    g_strfreev(words);
    return true;
}

static bool set_argv0(Parse *p, const char *arg)
{
    user_options.argv0 = arg;
    return true;
}

static bool set_cpu(Parse *p, const char *arg)
{
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0) {
        p->cl->action = OPTIONS_CPU_HELP;
        return true;
    }
    user_options.cpu_model = arg;       /* looked up once, at the end */
    return true;
}

static bool set_stack(Parse *p, const char *arg)
{
    if (!options_parse_size(arg, 1, &user_options.stack_size) || !user_options.stack_size) {
        return fail(p, "'%s' is not a size", arg);
    }
    return true;
}

static bool set_uname(Parse *p, const char *arg)
{
    user_options.uname_release = arg;
    return true;
}

static bool set_base(Parse *p, const char *arg)
{
    if (!options_parse_size(arg, 1, &p->cl->guest_base) || p->cl->guest_base & 4095 ||
        p->cl->guest_base >> 46) {
        return fail(p, "'%s' is not a page-aligned address below 2^46", arg);
    }
    return true;
}

static bool set_reserved(Parse *p, const char *arg)
{
    const uint64_t least = 16 << 20, most = (uint64_t)1 << 46;
    uint64_t size;
    if (!options_parse_size(arg, 1, &size) || size & 4095 || (size && (size < least || size > most))) {
        return fail(p, "'%s' is not a size of whole pages from 16 MiB to 2^46 bytes", arg);
    }
    p->cl->reserved = size;
    return true;
}

static bool set_page_size(Parse *p, const char *arg)
{
    return true;
}

static bool set_rtsig(Parse *p, const char *arg)
{
    return true;
}

static bool set_strace(Parse *p, const char *arg)
{
    user_options.strace = true;
    log_mask |= LOG_STRACE;
    return true;
}

static bool set_log(Parse *p, const char *arg)
{
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0) {
        p->cl->action = OPTIONS_LOG_HELP;
        return true;
    }
    char *word = NULL;
    if (!log_parse(arg, &word)) {
        fail(p, "%s", word);
        g_free(word);
        return false;
    }
    user_options.strace |= (log_mask & LOG_STRACE) != 0;
    exec_options.no_chain |= (log_mask & LOG_NOCHAIN) != 0;
    return true;
}

static bool set_log_file(Parse *p, const char *arg)
{
    char *why = NULL;
    if (!log_set_file(arg, &why)) {
        fail(p, "%s", why);
        g_free(why);
        return false;
    }
    return true;
}

static bool set_dfilter(Parse *p, const char *arg)
{
    char *why = NULL;
    if (!log_parse_filter(arg, &why)) {
        fail(p, "%s", why);
        g_free(why);
        return false;
    }
    return true;
}

static bool set_one_insn(Parse *p, const char *arg)
{
    user_options.one_insn_per_tb = exec_options.one_insn_per_tb = true;
    return true;
}

static bool set_tier(Parse *p, const char *arg)
{
    enum { TIER_INTERP, TIER_PLAIN, TIER_QUICK, TIER_AUTO, TIER_OPT };
    static const char *const tiers[] = {
        [TIER_INTERP] = "interp", [TIER_PLAIN] = "plain", [TIER_QUICK] = "quick",
        [TIER_AUTO] = "auto", [TIER_OPT] = "opt",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(tiers); i++) {
        if (strcmp(arg, tiers[i]) == 0) {
            user_options.tier = tiers[i];
            exec_options.interp = i == TIER_INTERP;
            exec_options.optimize = i >= TIER_QUICK;
            exec_options.hot = i == TIER_OPT ? 1 : i == TIER_AUTO ? DEFAULT_HOT : 0;
            return true;
        }
    }
    return fail(p, "'%s' is none of interp, plain, quick, auto, opt", arg);
}

static bool set_smc(Parse *p, const char *arg)
{
    static const char *const modes[] = { [SMC_AUTO] = "auto", [SMC_FENCE] = "fence", [SMC_STRICT] = "strict" };
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (strcmp(arg, modes[i]) == 0) {
            user_options.smc = i;
            return true;
        }
    }
    return fail(p, "'%s' is none of auto, fence, strict", arg);
}

static bool set_tb_size(Parse *p, const char *arg)
{
    uint64_t size;
    if (!options_parse_size(arg, 1 << 20, &size) || !size || size > (uint64_t)1 << 31) {
        return fail(p, "'%s' is not a size up to 2G", arg);
    }
    exec_options.code_buffer_size = size;
    return true;
}

static bool set_cache(Parse *p, const char *arg)
{
    p->cache = strcmp(arg, "off") == 0 ? "" : arg;
    if (*p->cache && *p->cache != '/' && !p->is_env) {
        p->cache = g_canonicalize_filename(arg, NULL);      /* children may start elsewhere */
    }
    return true;
}

static bool set_cache_size(Parse *p, const char *arg)
{
    if (!options_parse_size(arg, 1 << 20, &exec_options.image_limit)) {
        return fail(p, "'%s' is not a size", arg);
    }
    return true;
}

static bool set_seed(Parse *p, const char *arg)
{
    char *end;
    exec_options.seed = strtoull(arg, &end, 0);
    if (end == arg || *end) {
        return fail(p, "'%s' is not a number", arg);
    }
    return true;
}

static bool set_cold(Parse *p, const char *arg)
{
    char *end;
    unsigned long n = strtoul(arg, &end, 0);
    if (end == arg || *end) {
        return fail(p, "'%s' is not a number", arg);
    }
    exec_options.cold = n < UINT_MAX ? (unsigned)n : UINT_MAX;
    return true;
}

/* A descriptor that the rivet before us has left open. */
static bool take_fd(Parse *p, const char *arg, int *out)
{
    char *end;
    long fd = strtol(arg, &end, 10);
    if (end == arg || *end || fd < 0 || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        return fail(p, "'%s' is not an open descriptor", arg);
    }
    *out = (int)fd;
    return true;
}

static bool set_exec_fd(Parse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->exec_fd);
}

static bool set_seccomp(Parse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->seccomp_fd);
}

static bool set_self_fd(Parse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->self_fd);
}

static bool set_cache_fd(Parse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->cache_fd);
}

static bool set_traced(Parse *p, const char *arg)
{
    p->cl->traced = arg;
    return true;
}

static bool set_perf_map(Parse *p, const char *arg)
{
    exec_options.perf_map = true;
    return true;
}

static bool set_stats(Parse *p, const char *arg)
{
    exec_options.stats = true;
    return true;
}

static bool set_features(Parse *p, const char *arg)
{
    if (!backend_parse_features(arg, &exec_options.host_features)) {
        return fail(p, "'%s' has an unknown feature", arg);
    }
    return true;
}

static bool set_regalloc(Parse *p, const char *arg)
{
    exec_options.random_regalloc = true;
    return true;
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
            return &option_rows[alias_rows[i].id];
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
static bool parse_env(Parse *p, char **envp, const char *prefix)
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
            return fail(p, "%s", why);
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

/* Options that a child does not get: they are about the first program, or set anew for each. */
static bool is_for_first_only(const OptionRow *row)
{
    static SetFn *const sets[] = {
        set_ld_prefix, set_root, set_root_paths, set_ids, set_argv0, set_set_env, set_unset_env,
        set_exec_fd, set_self_fd, set_cache_fd, set_seccomp, set_traced, set_cache,
        set_mdwe,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
        if (row->set == sets[i]) {
            return true;
        }
    }
    return false;
}

/* What the options argv[1] to argv[end - 1] mean for a child: all but those that are about the
 * first program only. The prefix is named as an absolute path: the guest may change its directory. A
 * directory of kept code has no name under another root (exec_keep_cache()). */
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
        if (!is_for_first_only(row)) {
            memcpy(out + n, argv + i, (size_t)words * sizeof(char *));
            n += words;
        }
        i += words - 1;
    }
    out[n] = NULL;
    user_options.inherited = out;
}

/* The options of argv from *at on; *at is then the program. */
static bool parse_flags(Parse *p, int argc, char **argv, int *at)
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
            return fail(p, "%s", why);
        }
        if (!row) {
            g_set_error(p->err, RIVET_LOAD_ERROR, 1, "unknown option '%s'; -h lists them", argv[i]);
            return false;
        }
        if (row->arg && i + 1 >= argc) {
            return fail(p, "needs an argument: %s", row->arg);
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

/* Is our executable to be found by its name? It is not in a root directory that is not ours: that of a
 * container, or one that is being built. Nobody wants files of ours there. */
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
    Parse p = { .cl = cl, .err = err };
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
        set_unset_env(&p, "RIVET_ROOT,QEMU_ROOT,RIVET_ROOT_PATHS,QEMU_ROOT_PATHS");
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
