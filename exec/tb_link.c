/*
 * exec/tb_link.c: direct jumps between TBs.
 *
 * Owns the jump slots of every TB. For each slot exactly one holds:
 *   unchained  its jump goes to its stub, which leaves to the loop; to == NULL
 *   chained    its jump goes to to's code, and the slot is on to->incoming
 *   landing    a return goes on in the TB itself (backend_lands()), as long as that is valid
 *   TB_COMES_BACK  its jump goes to a place in the TB itself
 * Whether it is hot is known by samples (polled() in cpu_exec.c): jumps that may close loops poll,
 * all count down the one number of their CPU, and the jump that finds it at the end has a sample. A
 * TB is dropped only after tb_unlink(): no jump then enters it. Its own jumps go back to their
 * stubs too, because a CPU may still be inside it or return to one of its landing pads. Threads:
 * changes need tb_lock; running code needs none, a patch is one 4-byte store.
 */
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "frontend/translator.h"

static void patch(const TBJump *j, const uint8_t *target)
{
    backend_patch_jump(tb_ref_at(j, j->patch), target);
}

int32_t tb_poll_period(void)
{
    enum { PERIOD = 8191 };     /* a prime: it falls on all jumps of a nest in turn */
    return exec_options.hot < PERIOD ? 1 : PERIOD;
}

int32_t tb_samples(unsigned n)
{
    unsigned period = (unsigned)tb_poll_period();
    return (int32_t)((n + period - 1) / period);
}

void tb_jump_count(TBJump *j, unsigned n)
{
    if (j->count >= 0) {
        j->count = tb_samples(n);
    }
}

TBSample tb_jump_sampled(TBJump *j)
{
    pthread_mutex_lock(&tb_lock);
    TBSample s = j->count <= 0 ? TB_SAMPLE_USELESS : --j->count ? TB_SAMPLE_COUNTED : TB_SAMPLE_HOT;
    pthread_mutex_unlock(&tb_lock);
    return s;
}

static void tb_jump_unchain(TBJump *j)
{
    if (!j->to) {
        return;
    }
    TranslationBlock *to = tb_ref_at(j, j->to);
    TBJump *next = tb_ref_at(j, j->next), *prev = tb_ref_at(j, j->prev);
    patch(j, tb_ref_at(j, j->stub));
    if (prev) {
        prev->next = tb_ref_to(prev, next);
    } else {
        to->incoming = tb_ref_to(to, next);
    }
    if (next) {
        next->prev = tb_ref_to(next, prev);
    }
    j->to = 0;
}

static void chain(TBJump *j, TranslationBlock *to)
{
    TBJump *next = tb_ref_at(to, to->incoming);
    j->to = tb_ref_to(j, to);
    j->next = tb_ref_to(j, next);
    j->prev = 0;
    if (next) {
        next->prev = tb_ref_to(next, j);
    }
    to->incoming = tb_ref_to(to, j);
    patch(j, tb_code(to));
    stat_inc(STAT_tb_linked);
}

void tb_link_locked(TranslationBlock *from, unsigned n, TranslationBlock *to)
{
    TBJump *j = &from->jump[n];
    if (from->region && n < tb_region(from)->nguards) {
        return;
    }
    if (n < from->nslots && !j->to && j->count != TB_COMES_BACK &&
        !backend_lands(tb_ref_at(j, j->patch)) && !atomic_load(&from->invalid) &&
        !atomic_load(&to->invalid) && from->flags == to->flags && !(from->cflags & CF_NO_CHAIN)) {
        chain(j, to);
    }
}

void tb_link(TranslationBlock *from, unsigned n, TranslationBlock *to)
{
    pthread_mutex_lock(&tb_lock);
    tb_link_locked(from, n, to);
    pthread_mutex_unlock(&tb_lock);
}

void tb_relink(TranslationBlock *from, TranslationBlock *to)
{
    while (from->incoming) {
        TBJump *j = tb_ref_at(from, from->incoming);
        tb_jump_unchain(j);
        chain(j, to);
    }
}

void tb_unlink(TranslationBlock *tb)
{
    while (tb->incoming) {
        tb_jump_unchain(tb_ref_at(tb, tb->incoming));
    }
    for (unsigned n = 0; n < tb->nslots; n++) {
        TBJump *j = &tb->jump[n];
        uint8_t *field = tb_ref_at(j, j->patch);
        if (backend_lands(field)) {
            backend_unland(field);
        } else if (j->count == TB_COMES_BACK) {
            patch(j, tb_ref_at(j, j->stub));
        }
        tb_jump_unchain(j);
    }
}
