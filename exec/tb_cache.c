/*
 * exec/tb_cache.c: key -> TB, host address -> TB.
 *
 * Both structures grow with the number of TBs.
 */
#include "exec/tb_cache.h"

#include <stdlib.h>
#include <string.h>

#include "exec/code_buffer.h"
#include "exec/image.h"

pthread_mutex_t tb_lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic unsigned tb_drops;

/*
 * The hash table: chains through hash_next. It grows with the number of TBs; the old tables stay
 * readable until the next flush. A reader that meets a table or a chain while it is being rebuilt may
 * miss a TB, and then looks again under tb_lock. Chains have no cycles at any time: a TB that has
 * been moved leads to TBs moved before it only.
 */
typedef struct TbHash {
    unsigned bits;              /* log2 of the number of buckets */
    struct TbHash *older;
    _Atomic CodeRef bucket[];
} TbHash;

enum { TB_HASH_MIN_BITS = 9 };

static TbHash *_Atomic tb_hash;

/* All TBs, dropped ones too, by ascending host address: binary search for unwinding. */
static CodeRef *tb_order;
static size_t tb_count, tb_order_cap;
static size_t dropped_bytes;            /* of the code buffer; tb_lock */

static TbHash *tb_hash_new(unsigned bits, TbHash *older)
{
    TbHash *h = calloc(1, sizeof(*h) + (sizeof(h->bucket[0]) << bits));
    if (!h) {
        abort();
    }
    h->bits = bits;
    h->older = older;
    return h;
}

/* Neighbouring code has neighbouring buckets: a jump's aim is mostly near, and its bucket in the
 * cache. Each stretch of code that covers the table once starts at a place of its own. */
static _Atomic CodeRef *tb_bucket(TbHash *h, uint64_t pc, uint32_t flags)
{
    uint64_t n = pc >> 2, stretch = (n >> h->bits) + flags;
    return &h->bucket[(n + stretch * 0x9e3779b1u) & (((uint64_t)1 << h->bits) - 1)];
}

static TranslationBlock *tb_at(CodeRef ref)
{
    return code_buffer_at(ref);
}

void tb_cache_init(void)
{
    tb_hash = tb_hash_new(TB_HASH_MIN_BITS, NULL);
    tb_pages_init();
}

TranslationBlock *tb_lookup(uint64_t pc, uint32_t flags, uint32_t cflags)
{
    TbHash *h = atomic_load_explicit(&tb_hash, memory_order_acquire);
    TranslationBlock *tb =
        tb_at(atomic_load_explicit(tb_bucket(h, pc, flags), memory_order_acquire));
    while (tb && (tb->pc != pc || tb->flags != flags || tb->cflags != cflags ||
                  atomic_load_explicit(&tb->invalid, memory_order_relaxed))) {
        tb = tb_at(atomic_load_explicit(&tb->hash_next, memory_order_acquire));
    }
    return tb ? tb : image_lookup(pc, flags, cflags);
}

static void hash_insert(TbHash *h, TranslationBlock *tb)
{
    _Atomic CodeRef *bucket = tb_bucket(h, tb->pc, tb->flags);
    atomic_store_explicit(&tb->hash_next, atomic_load_explicit(bucket, memory_order_relaxed),
                          memory_order_release);
    atomic_store_explicit(bucket, code_buffer_ref(tb), memory_order_release);
}

static void hash_grow(void)
{
    TbHash *old = atomic_load_explicit(&tb_hash, memory_order_relaxed);
    TbHash *h = tb_hash_new(old->bits + 2, old);
    for (size_t i = 0; i < tb_count; i++) {
        TranslationBlock *tb = tb_at(tb_order[i]);
        if (!atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
            hash_insert(h, tb);
        }
    }
    atomic_store_explicit(&tb_hash, h, memory_order_release);
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
    tb_order[tb_count++] = code_buffer_ref(tb);
    tb_pages_add(tb);
    TbHash *h = atomic_load_explicit(&tb_hash, memory_order_relaxed);
    hash_insert(h, tb);
    if (tb_count >> h->bits) {      /* as many TBs as buckets */
        hash_grow();
    }
}

TranslationBlock *tb_find_by_host(const void *p)
{
    const uint8_t *host = p;
    TranslationBlock *found = NULL;
    pthread_mutex_lock(&tb_lock);
    if (image_contains(p)) {
        found = image_find_by_host(p);
    }
    size_t lo = 0, hi = found ? 0 : tb_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        TranslationBlock *tb = tb_at(tb_order[mid]);
        if (host < tb_code(tb)) {
            hi = mid;
        } else if (host >= tb_code(tb) + tb->code_size) {
            lo = mid + 1;
        } else {
            found = tb;
            break;
        }
    }
    pthread_mutex_unlock(&tb_lock);
    return found;
}

/* tb, which is in no image, goes out of the hash and the page lists. */
static void forget(TranslationBlock *tb)
{
    TbHash *h = atomic_load_explicit(&tb_hash, memory_order_relaxed);
    _Atomic CodeRef *link = tb_bucket(h, tb->pc, tb->flags);
    for (TranslationBlock *t; (t = tb_at(atomic_load_explicit(link, memory_order_relaxed))) != NULL;
         link = &t->hash_next) {
        if (t == tb) {
            /* A reader that stands on tb still finds the rest through tb->hash_next. */
            atomic_store_explicit(link, atomic_load_explicit(&tb->hash_next, memory_order_relaxed),
                                  memory_order_release);
            break;
        }
    }
    tb_pages_remove(tb);
    if (tb->region) {
        tb_region_dropped(tb);
    }
}

void tb_drop(TranslationBlock *tb)
{
    if (atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
        return;
    }
    atomic_store(&tb->invalid, true);
    atomic_fetch_add_explicit(&tb_drops, 1, memory_order_relaxed);
    if (!image_contains(tb)) {
        dropped_bytes += tb->code_size + sizeof(*tb) + tb->nslots * sizeof(TBJump) + tb->map_size +
                         tb->relocs_size;
        forget(tb);
    }
    tb_unlink(tb);
    cpu_jump_cache_drop(tb);
    if (tb->region) {       /* now that nobody finds it again */
        cpu_request_leave_all();
    }
}

void tb_cache_reset(void)
{
    TbHash *h = atomic_load_explicit(&tb_hash, memory_order_relaxed);
    while (h->older) {
        TbHash *older = h->older;
        h->older = older->older;
        free(older);
    }
    memset((void *)h->bucket, 0, sizeof(h->bucket[0]) << h->bits);
    tb_count = 0;
    dropped_bytes = 0;
    atomic_fetch_add_explicit(&tb_drops, 1, memory_order_relaxed);
    tb_pages_reset();
    image_reset();
}

bool tb_cache_worn(void)
{
    size_t used = (size_t)(code_buffer.code - code_buffer.first) +
                  (size_t)(code_buffer.end - code_buffer.meta);
    return dropped_bytes > (size_t)(code_buffer.end - code_buffer.base) / 16 && dropped_bytes > used / 2;
}

size_t tb_new_count(void)
{
    return tb_count;
}

void tb_foreach(void (*fn)(TranslationBlock *tb, void *opaque), void *opaque)
{
    for (size_t i = 0; i < tb_count; i++) {
        TranslationBlock *tb = tb_at(tb_order[i]);
        if (!atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
            fn(tb, opaque);
        }
    }
}
