/*
 * exec/image_save.c: writing images.
 *
 * The TBs of a guest file, those of the attached image and new ones, are copied into a buffer that
 * has the form of the file (image_private.h), moved there (backend_move_field()), and chained to
 * each other wherever a jump's aim is among them. tb_lock is held, so no jump changes meanwhile.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "exec/code_buffer.h"
#include "exec/fork_page.h"
#include "exec/image_private.h"
#include "exec/leb.h"
#include "exec/stats.h"

/* What is worth writing: this many new TBs, and this part of all (1/n). Fewer are written now and
 * then, so that those which are new in each run are written in the end. In the child of a fork more
 * are needed, for its parent may write most of them, and children come in numbers. */
enum { MIN_NEW = 12, MIN_NEW_PART = 20, NOW_AND_THEN = 16, FORKED_MIN_NEW = 400,
       FORKED_MIN_NEW_PART = 4 };

static FORK_PAGE bool bare_fork;            /* in the child of one: malloc() may hang */
static FORK_PAGE bool forked;
static FORK_PAGE size_t new_before;         /* new TBs that somebody, or we before, took care of */

typedef struct Kept {
    uint64_t pc;
    TranslationBlock *tb;           /* where it is now */
    bool known;                     /* from the image */
    uint32_t code, header;          /* offsets in the file */
} Kept;

typedef struct Writer {
    const CodeImage *im;
    GArray *kept;                   /* of Kept */
    ImageHeader *h;                 /* the buffer, or NULL */
    size_t cap;                     /* its size */
    uint32_t at;                    /* used so far */
} Writer;

/* ---- which ---- */

typedef struct Collect {
    Writer writer[256];
    unsigned n;
} Collect;

static void collect_new(TranslationBlock *tb, void *opaque)
{
    Collect *all = opaque;
    ImageRange *r = image_range_at(tb->pc);
    if (!r || tb->pc + tb->size > r->end || tb->shared || tb->region ||
        tb->cflags != exec_cflags()) {
        return;
    }
    for (unsigned i = 0; i < all->n; i++) {
        if (all->writer[i].im == r->image) {
            Kept k = { .pc = tb->pc, .tb = tb };
            g_array_append_val(all->writer[i].kept, k);
            return;
        }
    }
}

static void collect_known(Writer *w)
{
    for (uint32_t i = 0; w->im->h && i < w->im->h->ntbs; i++) {
        Kept k = { .tb = image_tb(w->im, i), .known = true };
        k.pc = k.tb->pc;
        if (!atomic_load(&k.tb->invalid)) {
            g_array_append_val(w->kept, k);
        }
    }
}

/* By pc: as many passes over the digits of its distance from the file's start as there are. */
static void sort_by_pc(const Writer *w)
{
    enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
    guint n = w->kept->len;
    Kept *from = (Kept *)(void *)w->kept->data, *room = g_new(Kept, n), *to = room;
    uint64_t all = 0;
    for (guint i = 0; i < n; i++) {
        all |= from[i].pc - w->im->key.base;
    }
    for (unsigned shift = 1; all >> shift; shift += DIGIT_BITS) {       /* pc is even */
        guint start[DIGITS + 1] = { 0 };
        for (guint i = 0; i < n; i++) {
            start[((from[i].pc - w->im->key.base) >> shift & (DIGITS - 1)) + 1]++;
        }
        for (unsigned d = 0; d < DIGITS; d++) {
            start[d + 1] += start[d];
        }
        for (guint i = 0; i < n; i++) {
            to[start[(from[i].pc - w->im->key.base) >> shift & (DIGITS - 1)]++] = from[i];
        }
        Kept *t = from;
        from = to;
        to = t;
    }
    if (from == room) {
        memcpy(w->kept->data, room, n * sizeof(*room));
    }
    g_free(room);
}

static bool enough(size_t fresh, size_t all)
{
    if (forked) {
        return fresh >= FORKED_MIN_NEW && fresh >= all / FORKED_MIN_NEW_PART;
    }
    return fresh >= MIN_NEW &&
           (fresh >= all / MIN_NEW_PART || fresh * NOW_AND_THEN > stats_now() / 1000 % all);
}

/* Has another process, after we looked, written an image that is as good? */
static bool another_wrote(const Writer *w, const char *path)
{
    ImageHeader h;
    struct stat st;
    int at = exec_options.image_at;
    int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && pread(fd, &h, sizeof(h), 0) == sizeof(h) &&
                image_header_fits(&h, (uint64_t)st.st_size, &w->im->key) &&
                memcmp(&st.st_ctim, &w->im->found, sizeof(st.st_ctim)) != 0 &&
                h.ntbs + h.ntbs / MIN_NEW_PART >= w->kept->len;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* ---- copying ---- */

static Kept *kept_at(const Writer *w, guint i)
{
    return &g_array_index(w->kept, Kept, i);
}

static uint64_t first_pc(const Writer *w)
{
    return kept_at(w, 0)->pc;
}

static uint64_t last_pc(const Writer *w)
{
    return kept_at(w, w->kept->len - 1)->pc;
}

static size_t header_size(const TranslationBlock *tb)
{
    return sizeof(*tb) + tb->nslots * sizeof(TBJump);
}

static uint32_t align(uint32_t n, uint32_t to)
{
    return (n + to - 1) & ~(to - 1);
}

static uint8_t *buffer(const Writer *w)
{
    return (uint8_t *)w->h;
}

/* The common stubs that the code of tb uses. */
static const uint8_t *stubs_of(const Writer *w, const TranslationBlock *tb)
{
    return image_contains(tb) ? (const uint8_t *)w->im->h + w->im->h->stubs : code_buffer.base;
}

static bool allocate(Writer *w, size_t stubs_size)
{
    size_t n = sizeof(ImageHeader) + 128 + stubs_size + IMAGE_PAGE;
    for (guint i = 0; i < w->kept->len; i++) {
        const TranslationBlock *tb = kept_at(w, i)->tb;
        n += tb->code_size + 80 + tb->map_size + tb->relocs_size + header_size(tb) + 8 + 12 +
             tb->nslots * sizeof(int32_t);
    }
    n += (w->kept->len ? last_pc(w) - first_pc(w) : 0) / IMAGE_PAGE * 12 + 2 * 12 + 16;
    void *p = n > IMAGE_MAX_BYTES ? MAP_FAILED
                                  : mmap(NULL, n, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) {
        madvise(p, n, MADV_HUGEPAGE);
    }
    w->h = p == MAP_FAILED ? NULL : p;
    w->cap = n;
    return w->h;
}

/* No jump field may cross a 64-byte line (backend_patch_jump()), as none does now. */
static uint32_t place_code(const TranslationBlock *tb, uint32_t at)
{
    const uint8_t *code = tb_code(tb);
    uint32_t step = tb_code_align(tb);
    for (at = align(at, step);; at += step) {
        bool fits = true;
        for (unsigned n = 0; n < tb->nslots; n++) {
            const TBJump *j = &tb->jump[n];
            const uint8_t *patch = tb_ref_at(j, j->patch);
            fits &= ((at + (size_t)(patch - code)) & 63) <= 60;
        }
        if (fits) {
            return at;
        }
    }
}

/* TBs in the order of their pc lie anywhere in memory: have the next ones on their way. */
static void coming(const Writer *w, guint i)
{
    enum { AHEAD = 6 };
    const TranslationBlock *tb = kept_at(w, MIN(i + AHEAD, w->kept->len - 1))->tb;
    __builtin_prefetch(tb);
    __builtin_prefetch((const uint8_t *)tb + 64);
}

static void place_all_code(Writer *w)
{
    for (guint i = 0; i < w->kept->len; i++) {
        Kept *k = kept_at(w, i);
        coming(w, i);
        k->code = place_code(k->tb, w->at);
        w->at = k->code + k->tb->code_size;
    }
}

/* Code, which is placed already, and metadata. */
static void copy_tb(Writer *w, Kept *k)
{
    const TranslationBlock *from = k->tb;
    memcpy(buffer(w) + k->code, tb_code(from), from->code_size);
    uint32_t tail = from->map_size + from->relocs_size;
    k->header = align(w->at + tail, 8);
    w->at = k->header + (uint32_t)header_size(from);
    memcpy(buffer(w) + k->header - tail, tb_relocs(from), tail + header_size(from));

    TranslationBlock *tb = (void *)(buffer(w) + k->header);
    uint8_t *code = buffer(w) + k->code;
    tb->code = tb_ref_to(tb, code);
    tb->page_next[0] = tb->page_next[1] = 0;
    tb->incoming = 0;
    tb->no_region = tb->no_guess = tb->no_rare = false;
    tb->tries = 0;
    for (unsigned n = 0; n < tb->nslots; n++) {
        const TBJump *old = &from->jump[n];
        const uint8_t *old_code = tb_code(from);
        uint8_t *patch = code + ((uint8_t *)tb_ref_at(old, old->patch) - old_code);
        uint8_t *stub = code + ((uint8_t *)tb_ref_at(old, old->stub) - old_code);
        TBJump *j = &tb->jump[n];
        *j = (TBJump){ .pc = old->pc, .patch = tb_ref_to(j, patch), .stub = tb_ref_to(j, stub),
                       .count = old->count };
        tb_jump_count(j, exec_options.hot);
        backend_patch_jump(patch, stub);
    }
}

static void move_fields(Writer *w, const Kept *k)
{
    const TranslationBlock *tb = k->tb;
    const uint8_t *stubs = stubs_of(w, tb), *field = tb_code(tb);
    BackendMove by = { .stubs = stubs, .stubs_size = w->h->stubs_size,
                       .stubs_by = buffer(w) + w->h->stubs - stubs,
                       .code_by = buffer(w) + k->code - field,
                       .header_by = buffer(w) + k->header - (const uint8_t *)tb };
    const uint8_t *p = tb_relocs(tb), *end = p + tb->relocs_size;
    while (p < end) {
        uint64_t distance;
        p = leb_get_unsigned(p, &distance);
        field += distance;
        backend_move_field(field, &by);
    }
}

/* ---- index ---- */

/* Kept TBs that begin in a page are page_first[page] up to page_first[page + 1]. */
typedef struct Index {
    uint64_t *page_hash;
    uint32_t *page_first, *pc, *tb, *alone;
} Index;

static Index make_index(Writer *w, uint32_t npages)
{
    const Kept *k = w->kept->len ? kept_at(w, 0) : NULL;
    uint64_t base = w->im->key.base, first = k ? (k->pc - base) >> IMAGE_PAGE_BITS : 0;
    w->h->ntbs = w->kept->len;
    w->h->npages = npages;
    w->h->first_page = (uint32_t)first;
    w->h->index = align(w->at, 8);
    Index x = { .page_hash = (void *)(buffer(w) + w->h->index) };
    x.page_first = (void *)(x.page_hash + npages);
    x.pc = x.page_first + npages + 1;
    x.tb = x.pc + w->kept->len;
    x.alone = x.tb + w->kept->len;
    uint32_t page = 0;
    for (guint i = 0; i < w->kept->len; i++, k++) {
        for (; page <= ((k->pc - base) >> IMAGE_PAGE_BITS) - first; page++) {
            x.page_first[page] = i;
        }
        x.pc[i] = (uint32_t)(k->pc - base);
        x.tb[i] = k->header;
        if (k->tb->needs_alone) {
            x.alone[w->h->nalone++] = i;
        }
    }
    for (; page <= npages; page++) {
        x.page_first[page] = w->kept->len;
    }
    w->at = (uint32_t)((uint8_t *)(x.alone + w->h->nalone) - buffer(w));
    return x;
}

static TranslationBlock *find(const Writer *w, const Index *x, uint64_t pc, uint32_t flags)
{
    uint64_t off = pc - w->im->key.base, page = (off >> IMAGE_PAGE_BITS) - w->h->first_page;
    if (page >= w->h->npages) {
        return NULL;
    }
    uint32_t i = x->page_first[page], end = x->page_first[page + 1];
    for (uint32_t half = (end - i) / 2; half; half = (end - i) / 2) {
        if (x->pc[i + half - 1] < off) {
            i += half;
        } else {
            end = i + half;
        }
    }
    for (; i < w->h->ntbs && x->pc[i] <= off; i++) {
        TranslationBlock *tb = (void *)(buffer(w) + x->tb[i]);
        if (x->pc[i] == off && tb->flags == flags) {
            return tb;
        }
    }
    return NULL;
}

static void chain_all(Writer *w, const Index *x)
{
    for (uint32_t i = 0; i < w->h->ntbs; i++) {
        TranslationBlock *tb = (void *)(buffer(w) + x->tb[i]);
        for (unsigned n = 0; n < tb->nslots; n++) {
            TranslationBlock *to = find(w, x, tb->jump[n].pc, tb->flags);
            if (to) {
                tb_link_locked(tb, n, to);
            }
        }
    }
}

/* ---- contents ---- */

/* Are all TBs that begin in the page of the i-th, the first that does, from the image? */
static bool page_is_known(const Writer *w, guint i, uint64_t page)
{
    for (; i < w->kept->len && kept_at(w, i)->pc < page + IMAGE_PAGE; i++) {
        if (!kept_at(w, i)->known) {
            return false;
        }
    }
    return true;
}

/* The hash that the image has for the page. */
static uint64_t known_hash(const Writer *w, uint64_t page)
{
    uint64_t nr = ((page - w->im->key.base) >> IMAGE_PAGE_BITS) - w->im->h->first_page;
    return nr < w->im->h->npages ? w->im->page_hash[nr] : 0;
}

/* Take out what is not made from the bytes that are there now; hash the pages of the rest. The
 * hashes are of pages from that of the first TB on; the caller frees them. */
static uint64_t *hash_pages(Writer *w, uint32_t *npages)
{
    static uint8_t bytes[2 * IMAGE_PAGE];       /* tb_lock */
    *npages = 0;
    if (!w->kept->len) {
        return NULL;
    }
    uint64_t first = first_pc(w) & -(uint64_t)IMAGE_PAGE, at[2] = { 1, 1 };
    uint64_t last = last_pc(w) + IMAGE_PAGE;
    uint64_t *hash = g_new0(uint64_t, (last - first) / IMAGE_PAGE + 2);
    uint64_t page_before = 0;
    bool known = false;             /* nothing new on the page: its bytes need not be looked at */
    guint n = 0;
    for (guint i = 0; i < w->kept->len; i++) {
        Kept *k = kept_at(w, i);
        uint64_t page = k->pc & -(uint64_t)IMAGE_PAGE, end = k->pc + k->tb->size;
        uint64_t nr = (page - first) / IMAGE_PAGE;
        unsigned pages = end > page + IMAGE_PAGE ? 2 : 1;
        coming(w, i);
        if (page != page_before) {
            known = page_is_known(w, i, page);
            page_before = page;
        }
        *npages = MAX(*npages, (uint32_t)nr + pages);
        for (unsigned p = 0; known && p < pages; p++) {
            hash[nr + p] = hash[nr + p] ? hash[nr + p] : known_hash(w, page + p * IMAGE_PAGE);
        }
        if (known) {
            *kept_at(w, n++) = *k;
            continue;
        }
        if (at[0] != page && at[1] == page) {
            memcpy(bytes, bytes + IMAGE_PAGE, IMAGE_PAGE);
            at[0] = page;
            at[1] = 1;
        }
        if (at[0] != page) {
            at[0] = image_fetch_page(page, bytes) ? page : 1;
        }
        if (end > page + IMAGE_PAGE && at[1] != page + IMAGE_PAGE) {
            at[1] = image_fetch_page(page + IMAGE_PAGE, bytes + IMAGE_PAGE) ? page + IMAGE_PAGE : 1;
        }
        if (at[0] != page || (end > page + IMAGE_PAGE && at[1] != page + IMAGE_PAGE) ||
            tb_hash_bytes(bytes + (k->pc - page), k->tb->size) != k->tb->hash) {
            continue;
        }
        for (unsigned p = 0; p < pages; p++) {
            hash[nr + p] = hash[nr + p] ? hash[nr + p] : image_page_hash(bytes + p * IMAGE_PAGE);
        }
        *kept_at(w, n++) = *k;
    }
    g_array_set_size(w->kept, n);
    return hash;
}

/* ---- the whole ---- */

static void fill(Writer *w, size_t stubs_size, const uint64_t *hash, uint32_t npages)
{
    ImageHeader *h = w->h;
    memcpy(h->magic, IMAGE_MAGIC, sizeof(h->magic));
    h->config = image_config;
    h->key = w->im->key;
    h->settled = w->im->settled && image_is_pristine(w->im);
    image_note_absent(w->im, h);
    h->stubs = align(sizeof(*h), 64);
    h->stubs_size = (uint32_t)stubs_size;
    memcpy(buffer(w) + h->stubs, code_buffer.base, stubs_size);
    w->at = h->stubs + h->stubs_size;
    place_all_code(w);
    w->at = align(w->at, IMAGE_PAGE);
    for (guint i = 0; i < w->kept->len; i++) {
        coming(w, i);
        copy_tb(w, kept_at(w, i));
        move_fields(w, kept_at(w, i));
    }
    Index x = make_index(w, npages);
    if (npages) {
        memcpy(x.page_hash, hash, npages * sizeof(*hash));
    }
    chain_all(w, &x);
    h->file_size = w->at;
    h->index_hash = image_hash(x.page_hash, w->at - h->index);
    h->header_hash = image_hash(h, offsetof(ImageHeader, header_hash));
}

static bool save_one(Writer *w)
{
    char path[4096];
    size_t stubs_size = (size_t)(code_buffer.first - code_buffer.base);
    uint32_t npages;
    image_path(&w->im->key, path, sizeof(path));
    if (another_wrote(w, path)) {
        return false;
    }
    if (w->kept->len) {
        sort_by_pc(w);
    }
    g_autofree uint64_t *hash = hash_pages(w, &npages);
    if ((!w->kept->len && !w->im->searched) || !allocate(w, stubs_size)) {
        return false;
    }
    fill(w, stubs_size, hash, npages);
    bool ok = image_write_file(path, w->h, w->at);
    if (ok) {
        stat_add(STAT_image_saved, w->kept->len);
    }
    munmap(w->h, w->cap);
    return ok;
}

static void save_locked(void)
{
    g_autofree Collect *all = g_new0(Collect, 1);
    size_t written = 0;
    CodeImage *im;
    for (; all->n < G_N_ELEMENTS(all->writer) && (im = image_nth(all->n)) != NULL; all->n++) {
        all->writer[all->n].im = im;
        all->writer[all->n].kept = g_array_new(FALSE, FALSE, sizeof(Kept));
    }
    tb_foreach(collect_new, all);
    for (unsigned i = 0; i < all->n; i++) {
        Writer *w = &all->writer[i];
        size_t fresh = w->kept->len;
        if ((w->im->searched && !forked) ||
            enough(fresh, fresh + (w->im->h ? w->im->h->ntbs : 0))) {
            collect_known(w);
            written += save_one(w) ? w->at : 0;
        }
        g_array_free(w->kept, TRUE);
    }
    image_evict(written);
}

void image_save(void)
{
    if (!image_enabled() || bare_fork) {
        return;
    }
    uint64_t t0 = stats_enabled ? stats_now() : 0;
    pthread_mutex_lock(&tb_lock);
    size_t fresh = tb_new_count();
    if ((image_searched && !forked) || enough(fresh - new_before, fresh)) {
        save_locked();
        new_before = fresh;
    }
    pthread_mutex_unlock(&tb_lock);
    if (stats_enabled) {
        stat_add(STAT_image_save_ns, stats_now() - t0);
    }
}

void image_fork_child(bool bare)
{
    forked = true;
    bare_fork |= bare;
    new_before = tb_new_count();
}
