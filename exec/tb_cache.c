/*
 * exec/tb_cache.c: key -> TB, host address -> TB.
 *
 * Both structures grow with the number of TBs.
 */
#include "exec/tb_cache.h"

#include <stdlib.h>
#include <string.h>

#include "exec/code_buffer.h"
#include "exec/fork_page.h"
#include "exec/image.h"

FORK_PAGE pthread_mutex_t tb_lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic unsigned tb_drops;

/*
 * The hash table: open addressing. An entry is a tag made from the key above the TB's place, so
 * that a search that finds nothing touches no TB. 0 ends a search, GONE does not. It grows with the
 * number of TBs; the old tables stay readable until the next flush. A table is filled before it is
 * published, and each change is one store: readers need no lock.
 */
typedef struct TbHash {
    unsigned bits;              /* log2 of the number of entries */
    size_t used, live;          /* entries that are not 0, at most half; and not GONE */
    struct TbHash *older;
    _Atomic uint64_t entry[];
} TbHash;

enum { TB_HASH_MIN_BITS = 10, STRETCH_BITS = 9, ENTRY_BITS = 3 };
static const uint64_t GONE = (uint64_t)1 << 32;

static TbHash *_Atomic tb_hash;

/* All TBs, dropped ones too, by ascending host address: binary search for unwinding. */
static CodeRef *tb_order;
static size_t tb_count, tb_order_cap;
static size_t dropped_bytes;            /* of the code buffer; tb_lock */

static TbHash *tb_hash_new(unsigned bits, TbHash *older)
{
    TbHash *h = calloc(1, sizeof(*h) + (sizeof(h->entry[0]) << bits));
    if (!h) {
        abort();
    }
    h->bits = bits;
    h->older = older;
    return h;
}

/* Neighbouring code has neighbouring entries: a jump's aim is mostly near, and its entry in the
 * cache. Each stretch of code of 2^STRETCH_BITS bytes starts at a place of its own. */
static size_t tb_hash_start(const TbHash *h, uint64_t pc, uint32_t flags)
{
    uint64_t stretch = ((pc >> STRETCH_BITS) + ((uint64_t)flags << 32)) * 0x9e3779b97f4a7c15u;
    uint64_t inside = pc >> ENTRY_BITS & ((1 << (STRETCH_BITS - ENTRY_BITS)) - 1);
    return ((stretch >> (64 - h->bits)) + inside) & (((size_t)1 << h->bits) - 1);
}

static size_t tb_hash_next(const TbHash *h, size_t i)
{
    return (i + 1) & (((size_t)1 << h->bits) - 1);
}

/* What the entries of a key have in their upper half. */
static uint64_t tb_tag(uint64_t pc, uint32_t flags)
{
    return ((pc >> 1) + flags) << 32;
}

static bool tag_is(uint64_t entry, uint64_t tag)
{
    return (entry ^ tag) >> 32 == 0 && (uint32_t)entry;
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

static bool has_key(const TranslationBlock *tb, uint64_t pc, uint32_t flags, uint32_t cflags)
{
    return tb->pc == pc && tb->flags == flags && tb->cflags == cflags;
}

void tb_lookup_soon(uint64_t pc, uint32_t flags)
{
    const TbHash *h = atomic_load_explicit(&tb_hash, memory_order_acquire);
    __builtin_prefetch(&h->entry[tb_hash_start(h, pc, flags)]);
}

TranslationBlock *tb_lookup(uint64_t pc, uint32_t flags, uint32_t cflags)
{
    const TbHash *h = atomic_load_explicit(&tb_hash, memory_order_acquire);
    uint64_t e, tag = tb_tag(pc, flags);
    for (size_t i = tb_hash_start(h, pc, flags);
         (e = atomic_load_explicit(&h->entry[i], memory_order_acquire)) != 0;
         i = tb_hash_next(h, i)) {
        if (tag_is(e, tag)) {
            TranslationBlock *tb = tb_at((CodeRef)e);
            if (has_key(tb, pc, flags, cflags) &&
                !atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
                return tb;
            }
        }
    }
    return image_lookup(pc, flags, cflags);
}

/* A TB that has the key of others is found before them: it takes their place, and they move on. */
static void hash_insert(TbHash *h, const TranslationBlock *tb)
{
    uint64_t tag = tb_tag(tb->pc, tb->flags), new = tag | code_buffer_ref(tb), e;
    _Atomic uint64_t *place = NULL;
    size_t i = tb_hash_start(h, tb->pc, tb->flags);
    for (; (e = atomic_load_explicit(&h->entry[i], memory_order_relaxed)) != 0;
         i = tb_hash_next(h, i)) {
        if (!place && tag_is(e, tag) &&
            has_key(tb_at((CodeRef)e), tb->pc, tb->flags, tb->cflags)) {
            place = &h->entry[i];
        }
    }
    if (place) {
        e = atomic_load_explicit(place, memory_order_relaxed);
        atomic_store_explicit(&h->entry[i], e, memory_order_release);
    } else {
        place = &h->entry[i];
    }
    atomic_store_explicit(place, new, memory_order_release);
    h->used++;
    h->live++;
}

/* A new table, larger if it is not the dropped ones that fill the old one. */
static void hash_renew(void)
{
    TbHash *old = atomic_load_explicit(&tb_hash, memory_order_relaxed);
    TbHash *h = tb_hash_new(old->bits + (old->live >> (old->bits - 2) ? 2 : 0), old);
    for (size_t i = 0; i < tb_count; i++) {
        const TranslationBlock *tb = tb_at(tb_order[i]);
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
    if (h->used >> (h->bits - 1)) {
        hash_renew();               /* with tb, which is in tb_order */
    } else {
        hash_insert(h, tb);
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
    uint64_t e, mine = tb_tag(tb->pc, tb->flags) | code_buffer_ref(tb);
    for (size_t i = tb_hash_start(h, tb->pc, tb->flags);
         (e = atomic_load_explicit(&h->entry[i], memory_order_relaxed)) != 0;
         i = tb_hash_next(h, i)) {
        if (e == mine) {
            atomic_store_explicit(&h->entry[i], GONE, memory_order_relaxed);
            h->live--;
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
    memset((void *)h->entry, 0, sizeof(h->entry[0]) << h->bits);
    h->used = h->live = 0;
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
    size_t size = (size_t)(code_buffer.end - code_buffer.base);
    return dropped_bytes > size / 8 && dropped_bytes > used / 2;
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
