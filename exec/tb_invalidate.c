/*
 * exec/tb_invalidate.c: guest pages -> TBs, and what drops them.
 *
 * A TB is on the list of each of the at most two guest pages that its code touches. No page is
 * write-protected: the ISA promises nothing before a fence.i (law 7), and there TBs are compared
 * with the guest's bytes. A flush with a range looks at the TBs of that range and at those in
 * shared mappings, whose bytes may have been written through any alias; without one, at all.
 */
#include <glib.h>

#include "exec/code_buffer.h"
#include "exec/cold.h"
#include "exec/image.h"
#include "exec/stats.h"
#include "exec/tb_cache.h"
#include "frontend/translator.h"

enum { PAGE_BITS = 12 };

bool memory_is_ours = true;

static GHashTable *page_tbs;            /* page number -> first TB; tb_lock */
static GPtrArray *shared_tbs;         /* TBs with tb->shared, dropped ones pruned on use; tb_lock */
static GPtrArray *regions;              /* they are on no page's list; tb_lock */

void tb_pages_init(void)
{
    page_tbs = g_hash_table_new(g_direct_hash, g_direct_equal);
    shared_tbs = g_ptr_array_new();
    regions = g_ptr_array_new();
}

static uint64_t first_page(const TranslationBlock *tb)
{
    return tb->pc >> PAGE_BITS;
}

static uint64_t last_page(const TranslationBlock *tb)
{
    return (tb->pc + (tb->size ? tb->size - 1 : 0)) >> PAGE_BITS;
}

static CodeRef *page_link(TranslationBlock *tb, uint64_t page)
{
    return &tb->page_next[page != first_page(tb)];
}

static TranslationBlock *page_next(TranslationBlock *tb, uint64_t page)
{
    return code_buffer_at(*page_link(tb, page));
}

void tb_pages_add(TranslationBlock *tb)
{
    if (tb->region) {
        g_ptr_array_add(regions, tb);
    }
    for (uint64_t page = first_page(tb); !tb->region && page <= last_page(tb); page++) {
        *page_link(tb, page) = code_buffer_ref(g_hash_table_lookup(page_tbs, (gpointer)page));
        g_hash_table_insert(page_tbs, (gpointer)page, tb);
    }
    if (tb->shared) {
        g_ptr_array_add(shared_tbs, tb);
    }
}

void tb_pages_remove(TranslationBlock *tb)
{
    if (tb->region) {
        g_ptr_array_remove_fast(regions, tb);
        return;
    }
    for (uint64_t page = first_page(tb); page <= last_page(tb); page++) {
        TranslationBlock *t = g_hash_table_lookup(page_tbs, (gpointer)page);
        if (t == tb) {
            if (*page_link(tb, page)) {
                g_hash_table_insert(page_tbs, (gpointer)page, page_next(tb, page));
            } else {
                g_hash_table_remove(page_tbs, (gpointer)page);
            }
            continue;
        }
        for (; t; t = page_next(t, page)) {
            CodeRef *next = page_link(t, page);
            if (*next == code_buffer_ref(tb)) {
                *next = *page_link(tb, page);
                break;
            }
        }
    }
}

void tb_pages_reset(void)
{
    g_hash_table_remove_all(page_tbs);
    g_ptr_array_set_size(shared_tbs, 0);
    g_ptr_array_set_size(regions, 0);
}

static bool range_is_stale(uint64_t pc, uint32_t size, uint64_t hash)
{
    uint8_t bytes[TB_MAX_BYTES + 64];
    CPUFault fault;
    return guest_fetch(pc, bytes, size, &fault) < size || tb_hash_bytes(bytes, size) != hash;
}

bool tb_is_stale(TranslationBlock *tb)
{
    if (!tb->region) {
        return range_is_stale(tb->pc, tb->size, tb->hash);
    }
    const TbRegion *r = tb_region(tb);
    for (unsigned i = 0; i < r->nranges; i++) {
        if (range_is_stale(r->range[i].pc, r->range[i].size, r->range[i].hash)) {
            return true;
        }
    }
    return false;
}

/* Drop the TBs of one page that overlap the range; with only_stale, those whose bytes changed. */
static void drop_page(uint64_t page, vaddr start, vaddr last, bool only_stale)
{
    TranslationBlock *tb = g_hash_table_lookup(page_tbs, (gpointer)page);
    while (tb) {
        TranslationBlock *next = page_next(tb, page);
        if (tb->pc <= last && tb->pc + tb->size > start && (!only_stale || tb_is_stale(tb))) {
            tb_drop(tb);
            stat_inc(STAT_tb_dropped);
        }
        tb = next;
    }
}

/* Does it in the first n of its ranges? */
static bool region_overlaps(TranslationBlock *tb, unsigned n, vaddr start, vaddr last)
{
    const TbRegion *r = tb_region(tb);
    for (unsigned i = 0; i < n; i++) {
        if (r->range[i].pc <= last && r->range[i].pc + r->range[i].size > start) {
            return true;
        }
    }
    return false;
}

static void drop_regions(vaddr start, vaddr last, bool only_stale)
{
    for (guint i = regions->len; i-- > 0;) {    /* a dropped one's place is taken by the last */
        TranslationBlock *tb = regions->pdata[i];
        if (region_overlaps(tb, tb_region(tb)->nranges, start, last) &&
            (!only_stale || tb_is_stale(tb))) {
            tb_drop(tb);
            stat_inc(STAT_tb_dropped);
        }
    }
}

void tb_drop_regions_at(uint64_t pc)
{
    for (guint i = regions->len; i-- > 0;) {
        TranslationBlock *tb = regions->pdata[i];
        if (region_overlaps(tb, tb_region(tb)->nloop, pc, pc)) {
            tb_drop(tb);
            stat_inc(STAT_tb_dropped);
        }
    }
}

static void drop_range(vaddr start, vaddr last, bool only_stale)
{
    drop_regions(start, last, only_stale);
    uint64_t lo = start >> PAGE_BITS, hi = last >> PAGE_BITS;
    if (hi - lo < g_hash_table_size(page_tbs)) {
        for (uint64_t page = lo; page <= hi; page++) {
            drop_page(page, start, last, only_stale);
        }
        return;
    }
    g_autofree gpointer *pages = NULL;
    guint n;
    pages = g_hash_table_get_keys_as_array(page_tbs, &n);
    for (guint i = 0; i < n; i++) {
        if ((uint64_t)pages[i] >= lo && (uint64_t)pages[i] <= hi) {
            drop_page((uint64_t)pages[i], start, last, only_stale);
        }
    }
}

static void drop_if_stale(TranslationBlock *tb)
{
    if (tb_is_stale(tb)) {
        tb_drop(tb);
        stat_inc(STAT_tb_dropped);
    }
}

void tb_invalidate_range(vaddr start, vaddr last)
{
    cold_forget_pages();
    pthread_mutex_lock(&tb_lock);
    if (g_hash_table_size(page_tbs) || regions->len) {
        drop_range(start, last, false);
    }
    image_drop(start, last, false);
    pthread_mutex_unlock(&tb_lock);
}

void tb_revalidate_range(vaddr start, vaddr last)
{
    pthread_mutex_lock(&tb_lock);
    stat_inc(STAT_icache_flush);
    drop_range(start, last, true);
    image_drop(start, last, true);
    guint kept = 0;
    for (guint i = 0; i < shared_tbs->len; i++) {
        TranslationBlock *tb = shared_tbs->pdata[i];
        if (!atomic_load(&tb->invalid)) {
            drop_if_stale(tb);
        }
        if (!atomic_load(&tb->invalid)) {
            shared_tbs->pdata[kept++] = tb;
        }
    }
    g_ptr_array_set_size(shared_tbs, (gint)kept);
    pthread_mutex_unlock(&tb_lock);
}

void tb_revalidate_all(void)
{
    pthread_mutex_lock(&tb_lock);
    stat_inc(STAT_icache_flush);
    drop_range(0, ~(vaddr)0, true);     /* not tb_foreach(): it passes all that were ever dropped */
    image_drop(0, ~(vaddr)0, true);
    pthread_mutex_unlock(&tb_lock);
}

static void drop_if_needs_alone(TranslationBlock *tb, void *opaque)
{
    if (tb->needs_alone) {
        tb_drop(tb);
        stat_inc(STAT_tb_dropped);
    }
}

bool exec_memory_is_ours(void)
{
    return __atomic_load_n(&memory_is_ours, __ATOMIC_RELAXED);
}

void exec_memory_shared(void)
{
    if (!exec_memory_is_ours()) {
        return;
    }
    pthread_mutex_lock(&tb_lock);
    __atomic_store_n(&memory_is_ours, false, __ATOMIC_RELAXED);
    tb_foreach(drop_if_needs_alone, NULL);
    image_memory_shared();
    pthread_mutex_unlock(&tb_lock);
}
