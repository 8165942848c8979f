/*
 * exec/tb_cache.h: all TBs: lookup by key, chaining, dropping. Private to exec/.
 *
 * Lookup takes no lock: entries of the hash table are published with release stores and a dropped
 * TB stays readable until the next flush, when no CPU is inside. Everything that changes takes
 * tb_lock.
 */
#ifndef EXEC_TB_CACHE_H
#define EXEC_TB_CACHE_H

#include <pthread.h>

#include "exec/cpu_exec.h"
#include "exec/tb.h"

extern pthread_mutex_t tb_lock;
/* Changes when a TB is dropped, or all are. */
extern _Atomic unsigned tb_drops;

void tb_cache_init(void);
TranslationBlock *tb_lookup(uint64_t pc, uint32_t flags, uint32_t cflags);
/* There will be one: its way through memory can begin. */
void tb_lookup_soon(uint64_t pc, uint32_t flags);

/* Make tb findable: hash, page lists, address order. tb_lock held. */
void tb_insert(TranslationBlock *tb);
/* The TB whose host code contains p, or NULL. Takes tb_lock. */
TranslationBlock *tb_find_by_host(const void *p);
/* Drop tb: no lookup, no jump, no jump cache entry leads to it. tb_lock held. */
void tb_drop(TranslationBlock *tb);
/* Forget everything. Every CPU is outside (cpu_exclusive_begin). tb_lock held. */
void tb_cache_reset(void);
/* Call fn for each TB not dropped; those of images not included. tb_lock held. */
void tb_foreach(void (*fn)(TranslationBlock *tb, void *opaque), void *opaque);

/* Most of what is there was dropped, and it is much: better to begin again than to fill the buffer,
 * all of which would then be resident, for a guest that makes code all day. tb_lock held. */
bool tb_cache_worn(void);

/* How many those are, dropped ones included. */
size_t tb_new_count(void);

/* tb_link.c: chain slot n of from to `to`; a no-op if already chained or if either is dropped.
 * Takes tb_lock. */
void tb_link(TranslationBlock *from, unsigned n, TranslationBlock *to);
void tb_link_locked(TranslationBlock *from, unsigned n, TranslationBlock *to);  /* tb_lock held */
/* How many polls that count go by from one sample to the next. A loop nest does not have this
 * length. */
int32_t tb_poll_period(void);
/* As many samples of a jump say that it has run n times, about. */
int32_t tb_samples(unsigned n);
/* Let a jump, if it is one that can, become hot when it has run n times; 0: never. tb_lock held. */
void tb_jump_count(TBJump *j, unsigned n);
/* A sample has fallen on this jump. Takes tb_lock. */
typedef enum TBSample { TB_SAMPLE_COUNTED, TB_SAMPLE_HOT, TB_SAMPLE_USELESS } TBSample;
TBSample tb_jump_sampled(TBJump *j);
/* Chain the jumps into `from` to `to`. tb_lock held. */
void tb_relink(TranslationBlock *from, TranslationBlock *to);
/* Put all jumps into tb and out of it back to their stubs. tb_lock held. */
void tb_unlink(TranslationBlock *tb);

/* tb_gen.c: translate the code at env->pc. NULL with *full: flush and retry; NULL without:
 * the first insn cannot be fetched, cpu->fault says why. Takes tb_lock. */
TranslationBlock *tb_gen_code(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags,
                              bool *full);
/* Slot n of from, backward or a call of itself, is hot: let the TBs there and near, callees
 * included, go on behind their calls. Takes tb_lock. */
void tb_gen_extend(CPUState *cpu, TranslationBlock *from, unsigned n);
/* Polls of tb count, and nothing comes of it: make it anew without, if that is so of all. Takes
 * tb_lock. */
void tb_gen_uncounted(CPUState *cpu, TranslationBlock *tb);
void tb_gen_init(void);
struct IrContext *tb_gen_ir(CPUState *cpu, uint64_t pc, uint32_t flags, uint32_t cflags);
uint64_t tb_hash_bytes(const void *p, size_t n);
extern BackendConfig backend_config;

/* tb_invalidate.c: exec_memory_shared() was not called yet. tb_lock. */
extern bool memory_is_ours;
/* tb_invalidate.c: page -> TBs. tb_lock held. */
bool tb_is_stale(TranslationBlock *tb);
void tb_pages_init(void);
void tb_pages_add(TranslationBlock *tb);
void tb_pages_remove(TranslationBlock *tb);
void tb_pages_reset(void);
void tb_drop_regions_at(uint64_t pc);                   /* those whose loop contains pc */

/* unwind.c: the unwind map of tb, and guest pc of a host address in it (exact for the address of an
 * instruction; for a return address pass ra - 1). */
size_t tb_relocs_encode(const uint32_t *fields, unsigned n, uint8_t *out);  /* tb.h, tb_relocs() */
size_t tb_map_encode(const BackendInsn *insns, unsigned n, uint64_t pc, uint8_t *out);
uint64_t tb_guest_pc(const TranslationBlock *tb, const void *host);

/* region.c: TBs of the second tier. tb_lock held where not said. */
/* takes it; slot n is hot */
void tb_region_promote(CPUState *cpu, TranslationBlock *from, unsigned n);
void tb_region_dropped(TranslationBlock *tb);           /* tb, a region, is being dropped */
void tb_region_refuted(TranslationBlock *tb);         /* takes it; tb, left by a guard, has to go */

/* cpu_exec.c */
void cpu_request_leave_all(void);                       /* each CPU comes to the loop at a poll */
struct IrExit;
CPUException cpu_exit_reason(CPUState *cpu, const struct IrExit *e);    /* of an IR_EXIT_TB */
uint32_t exec_cflags(void);                             /* of all TBs of this process */
void cpu_jump_cache_drop(const TranslationBlock *tb);   /* in every CPU; tb_lock held */
void cpu_reset_prediction(CPUState *cpu);               /* jump cache and return stack */

#endif
