/*
 * exec/tb_cache.c: key -> TB, host address -> TB.
 *
 * The hash table has a fixed number of buckets in untouched zero pages, so it costs what it is used.
 */
#include "exec/tb_cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TB_HASH_BITS = 15, TB_HASH_SIZE = 1 << TB_HASH_BITS };

pthread_mutex_t tb_lock = PTHREAD_MUTEX_INITIALIZER;
static TranslationBlock *_Atomic *tb_hash;

/* All TBs, dropped ones too, by ascending host address: binary search for unwinding. */
static TranslationBlock **tb_order;
static size_t tb_count, tb_order_cap;

static unsigned tb_hash_index(uint64_t pc, uint32_t flags)
{
    /* Neighbouring code shares a page of buckets: few are touched by a small program. */
    return (unsigned)((pc >> 1) ^ (pc >> 16) ^ (uint64_t)flags * 0x9e37u) & (TB_HASH_SIZE - 1);
}

void tb_cache_init(void)
{
    tb_hash = mmap(NULL, sizeof(*tb_hash) * TB_HASH_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tb_hash == MAP_FAILED) {
        perror("rivet: TB hash");
        exit(1);
    }
    tb_pages_init();
}

TranslationBlock *tb_lookup(uint64_t pc, uint32_t flags, uint32_t cflags)
{
    TranslationBlock *tb =
        atomic_load_explicit(&tb_hash[tb_hash_index(pc, flags)], memory_order_acquire);
    while (tb && (tb->pc != pc || tb->flags != flags || tb->cflags != cflags ||
                  atomic_load_explicit(&tb->invalid, memory_order_relaxed))) {
        tb = atomic_load_explicit(&tb->hash_next, memory_order_acquire);
    }
    return tb;
}

void tb_insert(TranslationBlock *tb)
{
    if (tb_count == tb_order_cap) {
        tb_order_cap = tb_order_cap ? tb_order_cap * 2 : 512;
        tb_order = realloc(tb_order, tb_order_cap * sizeof(*tb_order));
        if (!tb_order) {
            abort();
        }
    }
    tb_order[tb_count++] = tb;
    tb_pages_add(tb);
    TranslationBlock *_Atomic *bucket = &tb_hash[tb_hash_index(tb->pc, tb->flags)];
    atomic_store_explicit(&tb->hash_next, atomic_load_explicit(bucket, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(bucket, tb, memory_order_release);
}

TranslationBlock *tb_find_by_host(const void *p)
{
    const uint8_t *host = p;
    TranslationBlock *found = NULL;
    pthread_mutex_lock(&tb_lock);
    size_t lo = 0, hi = tb_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        TranslationBlock *tb = tb_order[mid];
        if (host < tb->code) {
            hi = mid;
        } else if (host >= tb->code + tb->code_size) {
            lo = mid + 1;
        } else {
            found = tb;
            break;
        }
    }
    pthread_mutex_unlock(&tb_lock);
    return found;
}

void tb_drop(TranslationBlock *tb)
{
    if (atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
        return;
    }
    atomic_store(&tb->invalid, true);
    TranslationBlock *_Atomic *link = &tb_hash[tb_hash_index(tb->pc, tb->flags)];
    for (TranslationBlock *t; (t = atomic_load_explicit(link, memory_order_relaxed)) != NULL;
         link = &t->hash_next) {
        if (t == tb) {
            /* A reader that stands on tb still finds the rest through tb->hash_next. */
            atomic_store_explicit(link, atomic_load_explicit(&tb->hash_next, memory_order_relaxed),
                                  memory_order_release);
            break;
        }
    }
    tb_pages_remove(tb);
    tb_unlink(tb);
    cpu_jump_cache_drop(tb);
}

void tb_cache_reset(void)
{
    memset((void *)tb_hash, 0, sizeof(*tb_hash) * TB_HASH_SIZE);
    tb_count = 0;
    tb_pages_reset();
}

void tb_foreach(void (*fn)(TranslationBlock *tb, void *opaque), void *opaque)
{
    for (size_t i = 0; i < tb_count; i++) {
        if (!atomic_load_explicit(&tb_order[i]->invalid, memory_order_relaxed)) {
            fn(tb_order[i], opaque);
        }
    }
}
