#include "exec/stats.h"

#include <inttypes.h>

bool stats_enabled;
_Atomic uint64_t stats_counter[STAT_COUNT];

void stats_dump(FILE *f)
{
    static const struct {
        const char *id, *help;
    } rows[STAT_COUNT] = {
#define STAT(id, help) { #id, help },
#include "exec/stats.def"
#undef STAT
    };
    for (unsigned i = 0; i < STAT_COUNT; i++) {
        fprintf(f, "%-15s %12" PRIu64 "  %s\n", rows[i].id, atomic_load(&stats_counter[i]),
                rows[i].help);
    }
    uint64_t insns = atomic_load(&stats_counter[STAT_guest_insns]);
    if (insns) {
        fprintf(f, "%-15s %12.1f  nanoseconds of translation per guest instruction\n",
                "ns_per_insn",
                (double)atomic_load(&stats_counter[STAT_translate_ns]) / (double)insns);
    }
}
