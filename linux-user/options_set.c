/*
 * linux-user/options_set.c: what each option of options.def does.
 */
#include "linux-user/options_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/log.h"
#include "linux-user/loader.h"
#include "linux-user/task.h"

UserOptions user_options = { .ld_prefix = "", .root = "", .cpu_model = "max" };

bool option_fail(OptionParse *p, const char *fmt, ...)
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

bool option_set_help(OptionParse *p, const char *arg)
{
    p->cl->action = OPTIONS_HELP;
    return true;
}

bool option_set_version(OptionParse *p, const char *arg)
{
    p->cl->action = OPTIONS_VERSION;
    return true;
}

bool option_set_install(OptionParse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_INSTALL;
    return true;
}

bool option_set_uninstall(OptionParse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_UNINSTALL;
    return true;
}

bool option_set_status(OptionParse *p, const char *arg)
{
    p->cl->action = OPTIONS_BINFMT_STATUS;
    return true;
}

bool option_set_binfmt_dir(OptionParse *p, const char *arg)
{
    p->cl->binfmt_dir = arg;
    return true;
}

bool option_set_ld_prefix(OptionParse *p, const char *arg)
{
    user_options.ld_prefix = arg;
    return true;
}

bool option_set_root(OptionParse *p, const char *arg)
{
    user_options.root = arg;
    user_options.root_by_paths = false;
    return true;
}

bool option_set_root_paths(OptionParse *p, const char *arg)
{
    user_options.root = arg;
    user_options.root_by_paths = true;
    return true;
}

bool option_set_ids(OptionParse *p, const char *arg)
{
    p->cl->ids = arg;
    return true;
}

bool option_set_by_fd(OptionParse *p, const char *arg)
{
    p->cl->by_fd = true;
    return true;
}

bool option_set_exec_fn(OptionParse *p, const char *arg)
{
    p->cl->exec_fn = arg;
    return true;
}

bool option_set_limits(OptionParse *p, const char *arg)
{
    p->cl->limits = arg;
    return true;
}

bool option_set_mdwe(OptionParse *p, const char *arg)
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
static void copy_env(OptionParse *p, size_t more)
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

bool option_set_set_env(OptionParse *p, const char *arg)
{
    char **words = g_strsplit(arg, ",", -1);
    copy_env(p, g_strv_length(words));
    for (char **w = words; *w; w++) {
        const char *eq = strchr(*w, '=');
        if (!eq || eq == *w) {
            bool r = option_fail(p, "'%s' is not variable=value", *w);
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

bool option_set_unset_env(OptionParse *p, const char *arg)
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

bool option_set_argv0(OptionParse *p, const char *arg)
{
    user_options.argv0 = arg;
    return true;
}

bool option_set_cpu(OptionParse *p, const char *arg)
{
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0) {
        p->cl->action = OPTIONS_CPU_HELP;
        return true;
    }
    user_options.cpu_model = arg;       /* looked up once, at the end */
    return true;
}

bool option_set_stack(OptionParse *p, const char *arg)
{
    if (!options_parse_size(arg, 1, &user_options.stack_size) || !user_options.stack_size) {
        return option_fail(p, "'%s' is not a size", arg);
    }
    return true;
}

bool option_set_uname(OptionParse *p, const char *arg)
{
    user_options.uname_release = arg;
    return true;
}

bool option_set_base(OptionParse *p, const char *arg)
{
    if (!options_parse_size(arg, 1, &p->cl->guest_base) || p->cl->guest_base & 4095 ||
        p->cl->guest_base >> 46) {
        return option_fail(p, "'%s' is not a page-aligned address below 2^46", arg);
    }
    return true;
}

bool option_set_reserved(OptionParse *p, const char *arg)
{
    const uint64_t least = 16 << 20, most = (uint64_t)1 << 46;
    uint64_t size;
    if (!options_parse_size(arg, 1, &size) || size & 4095 ||
        (size && (size < least || size > most))) {
        return option_fail(p, "'%s' is not a size of whole pages from 16 MiB to 2^46 bytes", arg);
    }
    p->cl->reserved = size;
    return true;
}

bool option_set_page_size(OptionParse *p, const char *arg)
{
    return true;
}

bool option_set_rtsig(OptionParse *p, const char *arg)
{
    return true;
}

bool option_set_strace(OptionParse *p, const char *arg)
{
    user_options.strace = true;
    log_mask |= LOG_STRACE;
    return true;
}

bool option_set_log(OptionParse *p, const char *arg)
{
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0) {
        p->cl->action = OPTIONS_LOG_HELP;
        return true;
    }
    char *word = NULL;
    if (!log_parse(arg, &word)) {
        option_fail(p, "%s", word);
        g_free(word);
        return false;
    }
    user_options.strace |= (log_mask & LOG_STRACE) != 0;
    exec_options.no_chain |= (log_mask & LOG_NOCHAIN) != 0;
    return true;
}

bool option_set_log_file(OptionParse *p, const char *arg)
{
    char *why = NULL;
    if (!log_set_file(arg, &why)) {
        option_fail(p, "%s", why);
        g_free(why);
        return false;
    }
    return true;
}

bool option_set_dfilter(OptionParse *p, const char *arg)
{
    char *why = NULL;
    if (!log_parse_filter(arg, &why)) {
        option_fail(p, "%s", why);
        g_free(why);
        return false;
    }
    return true;
}

bool option_set_one_insn(OptionParse *p, const char *arg)
{
    user_options.one_insn_per_tb = exec_options.one_insn_per_tb = true;
    return true;
}

bool option_set_tier(OptionParse *p, const char *arg)
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
    return option_fail(p, "'%s' is none of interp, plain, quick, auto, opt", arg);
}

bool option_set_smc(OptionParse *p, const char *arg)
{
    static const char *const modes[] = {
        [SMC_AUTO] = "auto", [SMC_FENCE] = "fence", [SMC_STRICT] = "strict"
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (strcmp(arg, modes[i]) == 0) {
            user_options.smc = i;
            return true;
        }
    }
    return option_fail(p, "'%s' is none of auto, fence, strict", arg);
}

bool option_set_tb_size(OptionParse *p, const char *arg)
{
    uint64_t size;
    if (!options_parse_size(arg, 1 << 20, &size) || !size || size > (uint64_t)1 << 31) {
        return option_fail(p, "'%s' is not a size up to 2G", arg);
    }
    exec_options.code_buffer_size = size;
    return true;
}

bool option_set_cache(OptionParse *p, const char *arg)
{
    p->cache = strcmp(arg, "off") == 0 ? "" : arg;
    if (*p->cache && *p->cache != '/' && !p->is_env) {
        p->cache = g_canonicalize_filename(arg, NULL);      /* children may start elsewhere */
    }
    return true;
}

bool option_set_cache_size(OptionParse *p, const char *arg)
{
    if (!options_parse_size(arg, 1 << 20, &exec_options.image_limit)) {
        return option_fail(p, "'%s' is not a size", arg);
    }
    return true;
}

bool option_set_seed(OptionParse *p, const char *arg)
{
    char *end;
    exec_options.seed = strtoull(arg, &end, 0);
    if (end == arg || *end) {
        return option_fail(p, "'%s' is not a number", arg);
    }
    return true;
}

bool option_set_cold(OptionParse *p, const char *arg)
{
    char *end;
    unsigned long n = strtoul(arg, &end, 0);
    if (end == arg || *end) {
        return option_fail(p, "'%s' is not a number", arg);
    }
    exec_options.cold = n < UINT_MAX ? (unsigned)n : UINT_MAX;
    return true;
}

/* A descriptor that the rivet before us has left open. */
static bool take_fd(OptionParse *p, const char *arg, int *out)
{
    char *end;
    long fd = strtol(arg, &end, 10);
    if (end == arg || *end || fd < 0 || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        return option_fail(p, "'%s' is not an open descriptor", arg);
    }
    *out = (int)fd;
    return true;
}

bool option_set_exec_fd(OptionParse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->exec_fd);
}

bool option_set_seccomp(OptionParse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->seccomp_fd);
}

bool option_set_self_fd(OptionParse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->self_fd);
}

bool option_set_cache_fd(OptionParse *p, const char *arg)
{
    return take_fd(p, arg, &p->cl->cache_fd);
}

bool option_set_traced(OptionParse *p, const char *arg)
{
    p->cl->traced = arg;
    return true;
}

bool option_set_perf_map(OptionParse *p, const char *arg)
{
    exec_options.perf_map = true;
    return true;
}

bool option_set_stats(OptionParse *p, const char *arg)
{
    exec_options.stats = true;
    return true;
}

bool option_set_features(OptionParse *p, const char *arg)
{
    if (!backend_parse_features(arg, &exec_options.host_features)) {
        return option_fail(p, "'%s' has an unknown feature", arg);
    }
    return true;
}

bool option_set_regalloc(OptionParse *p, const char *arg)
{
    exec_options.random_regalloc = true;
    return true;
}
