/*
 * frontend/cpu_model.c: -cpu models and properties -> RvExtSet, and the ISA string.
 *
 * A model is a set of extensions; a property switches one of them on (with what it implies) or off
 * (with what implies it). Properties of extensions known but not built may be set off.
 */
#include <glib.h>
#include <string.h>

#include "frontend/decode.h"

typedef struct ExtInfo {
    const char *name;
    RvExtSet implies;
} ExtInfo;

#define E(id) (1ull << RV_EXT_##id)

static const ExtInfo ext_info[RV_EXT_COUNT] = {
#define EXT(id, name, implies) [RV_EXT_##id] = { name, implies },
#include "frontend/exts.def"
#undef EXT
};

/* The names of an ISA string, each with what it is there for. */
static const struct {
    const char *name;
    RvExtSet of;
} isa_names[] = {
#define EXT(id, name, implies) { name, E(id) },
#define PART(name, of) { name, of },
#include "frontend/exts.def"
#undef EXT
};

#define SET_RV64GC \
    (E(I) | E(M) | E(A) | E(F) | E(D) | E(C) | E(Zicsr) | E(Zifencei) | E(Zicntr))
#define SET_RVA22 \
    (SET_RV64GC | E(Zihpm) | E(Zihintpause) | E(Zicbom) | E(Zicbop) | E(Zicboz) | E(Zba) | \
     E(Zbb) | E(Zbs) | E(Zkt))
#define SET_MAX ((1ull << RV_EXT_COUNT) - 1)

static const struct {
    const char *name;
    RvExtSet exts;
} models[] = {
    { "max", SET_MAX },         { "any", SET_MAX },       { "rv64", SET_RV64GC },
    { "rv64i", E(I) },          { "rva20u64", SET_RV64GC }, { "rva22u64", SET_RVA22 },
};

/* Names other emulators accept; off is what we are, on is an error. */
static const char *const not_built[] = {
    "v",       "h",       "e",        "g",        "s",      "u",      "zfh",    "zfhmin",
    "zfa",     "zacas",   "zabha",    "zbkb",     "zbkc",   "zbkx",   "zknd",   "zkne",
    "zknh",    "zkr",     "zksed",    "zksh",     "zvbb",   "zvbc",   "zvkb",   "zvkg",
    "zvkned",  "zvknha",  "zvknhb",   "zvksed",   "zvksh",  "zvkt",   "zve32f", "zve32x",
    "zve64f",  "zve64d",  "zve64x",   "zvfh",     "zvfhmin", "zdinx", "zfinx",  "zcmp",
    "zcmt",    "zcf",     "zicfilp",  "zicfiss",  "zk",     "zkn",    "zks",    "zfbfmin",
    "zvfbfmin", "zvfbfwma", "ztso",   "rva23u64", "supm",   "sscofpmf",
};

static const char *const ignored[] = {
    "priv_spec", "vext_spec", "mmu", "pmp", "debug", "short-isa-string", "vlen", "elen",
    "pmu-num", "pmu-mask", "mvendorid", "marchid", "mimpid",
};

static bool in_list(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(list[i], name)) {
            return true;
        }
    }
    return false;
}

static int ext_by_name(const char *name)
{
    if (!strcmp(name, "zca") || !strcmp(name, "zcd")) {
        return RV_EXT_C;        /* our C is both */
    }
    if (!strcmp(name, "zaamo") || !strcmp(name, "zalrsc")) {
        return RV_EXT_A;
    }
    for (int i = 0; i < RV_EXT_COUNT; i++) {
        if (!strcmp(ext_info[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static RvExtSet ext_on(RvExtSet exts, int e)
{
    exts |= 1ull << e;
    for (int i = 0; i < RV_EXT_COUNT; i++) {
        if (ext_info[e].implies >> i & 1 && !(exts >> i & 1)) {
            exts = ext_on(exts, i);
        }
    }
    return exts;
}

static RvExtSet ext_off(RvExtSet exts, int e)
{
    exts &= ~(1ull << e);
    for (int i = 0; i < RV_EXT_COUNT; i++) {
        if (exts >> i & 1 && ext_info[i].implies >> e & 1) {
            exts = ext_off(exts, i);
        }
    }
    return exts;
}

static bool parse_bool(const char *s, bool *v)
{
    static const char *const yes[] = { "on", "true", "yes", "y", "1" };
    static const char *const no[] = { "off", "false", "no", "n", "0" };
    *v = in_list(yes, G_N_ELEMENTS(yes), s);
    return *v || in_list(no, G_N_ELEMENTS(no), s);
}

static bool set_property(RvExtSet *exts, const char *prop, char **err)
{
    const char *eq = strchr(prop, '=');
    g_autofree char *name = eq ? g_strndup(prop, (gsize)(eq - prop)) : g_strdup(prop);
    const char *value = eq ? eq + 1 : "on";
    bool on;

    if (in_list(ignored, G_N_ELEMENTS(ignored), name)) {
        return true;
    }
    if (g_str_has_suffix(name, "_blocksize")) {
        if (!strcmp(value, "64")) {
            return true;
        }
        *err = g_strdup_printf("cpu property '%s': only 64 is possible, not '%s'", name, value);
        return false;
    }
    int e = ext_by_name(name);
    bool foreign = in_list(not_built, G_N_ELEMENTS(not_built), name);
    if (e < 0 && !foreign) {
        *err = g_strdup_printf("unknown cpu property '%s'", name);
        return false;
    }
    if (!parse_bool(value, &on)) {
        *err = g_strdup_printf("cpu property '%s': '%s' is neither on nor off", name, value);
        return false;
    }
    if (foreign && on) {
        *err = g_strdup_printf("cpu property '%s' is not supported", name);
        return false;
    }
    if (e == RV_EXT_I && !on) {
        *err = g_strdup("cpu property 'i' cannot be switched off");
        return false;
    }
    if (e >= 0) {
        *exts = on ? ext_on(*exts, e) : ext_off(*exts, e);
    }
    return true;
}

bool rv_cpu_model(const char *spec, RvExtSet *exts, char **err)
{
    g_auto(GStrv) words = g_strsplit(spec, ",", -1);
    const char *model = words[0] && words[0][0] ? words[0] : "max";
    bool found = false;

    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!strcmp(models[i].name, model)) {
            *exts = models[i].exts;
            found = true;
        }
    }
    if (!found) {
        GString *s = g_string_new(NULL);
        g_string_printf(s, "unknown cpu model '%s'; models:", model);
        for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
            g_string_append_printf(s, " %s", models[i].name);
        }
        *err = g_string_free(s, FALSE);
        return false;
    }
    for (char **w = words + (words[0] != NULL); *w; w++) {
        if ((*w)[0] && !set_property(exts, *w, err)) {
            return false;
        }
    }
    return true;
}

void rv_cpu_help(FILE *f)
{
    fputs("Models, of which each is -cpu model[,property=on|off...]:\n", f);
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        g_autofree char *isa = rv_isa_string(models[i].exts);
        fprintf(f, "  %-10s %s\n", models[i].name, isa);
    }
    fputs("Properties:", f);
    for (int i = 0; i < RV_EXT_COUNT; i++) {
        fprintf(f, " %s", ext_info[i].name);
    }
    fputc('\n', f);
}

char *rv_isa_string(RvExtSet exts)
{
    GString *s = g_string_new("rv64");
    for (size_t i = 0; i < G_N_ELEMENTS(isa_names); i++) {
        if (!(isa_names[i].of & ~exts)) {
            const char *name = isa_names[i].name;
            g_string_append_printf(s, "%s%s", name[1] ? "_" : "", name);
        }
    }
    return g_string_free(s, FALSE);
}
