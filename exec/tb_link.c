/*
 * exec/tb_link.c: direct jumps between TBs.
 *
 * Owns the jump slots of every TB. For each slot exactly one holds:
 *   unchained  its jump goes to its stub, which leaves to the loop; to == NULL
 *   chained    its jump goes to to->code, and the slot is on to->incoming
 * A TB is dropped only after tb_unlink(): no jump then enters it. Its own jumps go back to their
 * stubs too, because a CPU may still be inside it or return to one of its landing pads.
 * Threads: changes need tb_lock; running code needs none, a patch is one 4-byte store.
 */
#include "exec/tb_cache.h"

static void tb_jump_unchain(TBJump *j)
{
    if (!j->to) {
        return;
    }
    backend_patch_jump(j->patch, j->stub);
    *j->pprev = j->next;
    if (j->next) {
        j->next->pprev = j->pprev;
    }
    j->to = NULL;
}

void tb_link(TranslationBlock *from, unsigned n, TranslationBlock *to)
{
    pthread_mutex_lock(&tb_lock);
    TBJump *j = &from->jump[n];
    if (n < from->nslots && !j->to && !atomic_load(&from->invalid) && !atomic_load(&to->invalid) &&
        from->flags == to->flags && !backend_config.no_chain) {
        j->to = to;
        j->next = to->incoming;
        j->pprev = &to->incoming;
        if (j->next) {
            j->next->pprev = &j->next;
        }
        to->incoming = j;
        backend_patch_jump(j->patch, to->code);
    }
    pthread_mutex_unlock(&tb_lock);
}

void tb_unlink(TranslationBlock *tb)
{
    while (tb->incoming) {
        tb_jump_unchain(tb->incoming);
    }
    for (unsigned n = 0; n < tb->nslots; n++) {
        tb_jump_unchain(&tb->jump[n]);
    }
}
