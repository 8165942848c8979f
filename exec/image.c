/*
 * exec/image.c: images that are attached: finding, checking, mapping, looking up, dropping.
 *
 * Ranges of guest files are entered as code in them is first executed, whether there is an image or
 * not, and cut as the guest's mappings change, by tb_invalidate_range(). Both lists only grow, so
 * that readers need no lock; what is in use stays mapped until the code buffer is flushed, for a
 * thread may be in it, or return to it.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exec/code_buffer.h"
#include "exec/image_private.h"
#include "exec/perf_map.h"
#include "exec/stats.h"
#include "frontend/translator.h"

enum { MAX_IMAGES = 256, MAX_RANGES = 512, BUILD_ID_BYTES = 64 };
enum { TOUCH_AFTER = 24 * 3600 };       /* an image in use looks no older than that, in seconds */

uint64_t image_config;

static _Atomic bool enabled;            /* written once to true, and to false */
static CodeImage images[MAX_IMAGES];    /* tb_lock */
static unsigned nimages;
static ImageRange ranges[MAX_RANGES];
static _Atomic unsigned nranges, last_range;
/* Branch predictors know a jump by the low bits of its address only: what lies at the same offset
 * of the code buffer, which the code made in this run fills from its start, would be taken for
 * it. */
enum { IMAGE_STAGGER = 0x2555000 };
static uint8_t *free_room;              /* rest of the code buffer's room for images */

bool image_enabled(void)
{
    /* Before image_init(), when the program is loaded, what counts is the option. */
    return code_buffer.base ? atomic_load_explicit(&enabled, memory_order_relaxed)
                            : exec_options.image_dir != NULL;
}

void image_disable(void)
{
    atomic_store(&enabled, false);
}

uint64_t image_hash(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t h[4] = { n, 1, 2, 3 }, w[4];
    for (; n >= 32; n -= 32, b += 32) {
        memcpy(w, b, 32);
        for (unsigned i = 0; i < 4; i++) {      /* four chains side by side */
            h[i] = (h[i] ^ w[i]) * 0xff51afd7ed558ccdu;
            h[i] ^= h[i] >> 32;
        }
    }
    return tb_hash_bytes(b, n) ^ tb_hash_bytes(h, sizeof(h));
}

uint64_t image_page_hash(const uint8_t bytes[IMAGE_PAGE])
{
    return image_hash(bytes, IMAGE_PAGE) | 1;
}

/* ---- who we are ---- */

extern const uint8_t __ehdr_start[] __attribute__((visibility("hidden")));     /* the linker's */

/* The linker's build ID of this program; 0 bytes when it has none. */
static size_t build_id(uint8_t id[BUILD_ID_BYTES])
{
    const uint8_t *base = __ehdr_start;         /* of a PIE: address 0 */
    const ElfW(Ehdr) *eh = (const void *)base;
    const ElfW(Phdr) *ph = (const void *)(base + eh->e_phoff);
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type != PT_NOTE) {
            continue;
        }
        const uint8_t *p = base + ph[i].p_vaddr, *end = p + ph[i].p_memsz;
        while ((size_t)(end - p) >= sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)p;
            const uint8_t *name = p + sizeof(*note), *desc = name + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && note->n_descsz &&
                note->n_descsz <= BUILD_ID_BYTES && memcmp(name, "GNU", 4) == 0) {
                memcpy(id, desc, note->n_descsz);
                return note->n_descsz;
            }
            p = desc + ((note->n_descsz + 3) & ~3u);
        }
    }
    return 0;
}

/* Whatever makes the code of a TB another one for the same guest bytes. 0: nobody knows who we
 * are. */
static uint64_t make_config(void)
{
    struct {
        uint8_t build_id[BUILD_ID_BYTES];
        RvExtSet exts;
        BackendLayout layout;
        uint32_t features, cflags, fast_ecall;
    } c;
    memset(&c, 0, sizeof(c));
    if (!build_id(c.build_id)) {
        return 0;
    }
    c.exts = exec_options.exts;
    c.layout = backend_config.layout;
    c.features = backend_config.features;
    c.cflags = exec_cflags();
    c.fast_ecall = exec_options.ecall_stays != NULL;
    return image_hash(&c, sizeof(c)) | 1;
}

static bool directory_is_ours(const char *dir)
{
    struct stat st;
    int fd = openat(exec_options.image_at, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;         /* is made when there is something to write */
    }
    bool ours = fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022);
    close(fd);
    return ours;
}

void image_init(void)
{
    free_room = code_buffer.end;
    if (exec_options.image_dir && code_buffer.room_end - free_room > IMAGE_STAGGER &&
        !exec_options.guest_base && (image_config = make_config()) != 0 &&
        directory_is_ours(exec_options.image_dir)) {
        free_room += IMAGE_STAGGER;
        atomic_store(&enabled, true);
    }
}

/* ---- mapping ---- */

void image_path(const ImageKey *key, char *buf, size_t size)
{
    uint64_t name[] = { key->id.dev, key->id.ino, key->place, image_config };
    snprintf(buf, size, "%s/%016llx", exec_options.image_dir,
             (unsigned long long)image_hash(name, sizeof(name)));
}

static uint64_t index_size(const ImageHeader *h)
{
    return h->npages * (uint64_t)12 + h->ntbs * (uint64_t)8 + h->nalone * (uint64_t)4 + 4;
}

bool image_header_fits(const ImageHeader *h, uint64_t size, const ImageKey *key)
{
    return memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) == 0 && h->config == image_config &&
           memcmp(&h->key, key, sizeof(*key)) == 0 && h->file_size == size &&
           h->header_hash == image_hash(h, offsetof(ImageHeader, header_hash)) &&
           h->index % 8 == 0 && h->index + index_size(h) == size;
}

static bool read_index(CodeImage *im, const uint8_t *p)
{
    const ImageHeader *h = (const void *)p;
    im->page_hash = (const void *)(p + h->index);
    im->page_first = (const void *)(im->page_hash + h->npages);
    im->pc = im->page_first + h->npages + 1;
    im->tb = im->pc + h->ntbs;
    im->alone = im->tb + h->ntbs;
    return image_hash(im->page_hash, index_size(h)) == h->index_hash;
}

static void drop_alone(const CodeImage *im)
{
    for (uint32_t i = 0; i < im->h->nalone; i++) {
        tb_drop(image_tb(im, im->alone[i]));
    }
}

/* Map the file fd, which looks right, where there is room. False: it is not what it looked. */
static bool map_image(CodeImage *im, int fd, size_t size)
{
    size_t span = (size + IMAGE_PAGE - 1) & ~(size_t)(IMAGE_PAGE - 1);
    if (span > (size_t)(code_buffer.room_end - free_room)) {
        return false;
    }
    uint8_t *p = mmap(free_room, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                      fd, 0);
    if (p == MAP_FAILED) {              /* a file system without programs, say */
        return false;
    }
    if (!image_header_fits((const void *)p, size, &im->key) || !read_index(im, p)) {
        mmap(p, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        return false;
    }
    free_room += span;
    im->h = (const void *)p;
    if (!memory_is_ours) {
        drop_alone(im);
    }
    for (uint32_t i = 0; exec_options.perf_map && i < im->h->ntbs; i++) {
        const TranslationBlock *tb = image_tb(im, i);
        perf_map_add(tb_code(tb), tb->code_size, tb->pc);
    }
    return true;
}

static bool file_is_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 022) &&
           st->st_size > (off_t)sizeof(ImageHeader) && st->st_size <= IMAGE_MAX_BYTES;
}

static void open_image(CodeImage *im)
{
    char path[4096];
    struct stat st = { 0 };
    image_path(&im->key, path, sizeof(path));
    int fd = openat(exec_options.image_at, path,
                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return;
    }
    bool known = fstat(fd, &st) == 0;
    if (known && time(NULL) - st.st_mtim.tv_sec > TOUCH_AFTER) {
        known = futimens(fd, NULL) < 0 || fstat(fd, &st) == 0;
    }
    im->found = st.st_ctim;
    if (known && file_is_ours(&st) && map_image(im, fd, (size_t)st.st_size)) {
        stat_inc(STAT_image_attached);
        stat_add(STAT_image_tbs, im->h->ntbs);
        stat_add(STAT_image_bytes, (uint64_t)st.st_size);
    }
    close(fd);
}

/* ---- contents ---- */

bool image_fetch_page(uint64_t addr, uint8_t bytes[IMAGE_PAGE])
{
    CPUFault fault;
    return guest_fetch(addr, bytes, IMAGE_PAGE, &fault) == IMAGE_PAGE;
}

/* TBs [*from, *to) of the image begin in the pages of [start, last], given as distances from the
 * base; and *from may be one that begins before and ends there. */
static void tbs_between(const CodeImage *im, uint64_t start, uint64_t last, uint32_t *from,
                        uint32_t *to)
{
    uint64_t first = im->h->first_page, end = first + im->h->npages;
    uint64_t lo = start >> IMAGE_PAGE_BITS, hi = (last >> IMAGE_PAGE_BITS) + 1;
    lo = lo < first ? first : lo;
    hi = hi > end ? end : hi;
    *from = *to = 0;
    if (lo < hi) {
        *from = im->page_first[lo - first];
        *to = im->page_first[hi - first];
        /* Nothing is longer than a page; what begins a page before may come in several TBs. */
        *from = lo > first ? im->page_first[lo - first - 1] : *from;
    }
}

/* Drop what overlaps [start, last]. only_stale: of that, what is not made from the bytes there
 * now. */
static void drop_in_image(const CodeImage *im, uint64_t start, uint64_t last, bool only_stale)
{
    uint32_t i, end;
    tbs_between(im, start - im->key.base, last - im->key.base, &i, &end);
    for (; i < end; i++) {
        uint64_t pc = im->key.base + im->pc[i];
        if (pc > last || pc + TB_MAX_BYTES + 4 <= start) {
            continue;
        }
        TranslationBlock *tb = image_tb(im, i);
        if (pc + tb->size > start && !atomic_load(&tb->invalid) &&
            (!only_stale || tb_is_stale(tb))) {
            tb_drop(tb);
            stat_inc(STAT_tb_dropped);
        }
    }
}

/* Drop the TBs of [start, end) that are not made from the bytes there. */
static void check_contents(const CodeImage *im, uint64_t start, uint64_t end)
{
    static uint8_t bytes[IMAGE_PAGE];   /* tb_lock */
    uint64_t page0 = im->key.base + ((uint64_t)im->h->first_page << IMAGE_PAGE_BITS);
    for (uint32_t i = 0; i < im->h->npages; i++) {
        uint64_t page = page0 + ((uint64_t)i << IMAGE_PAGE_BITS);
        if (im->page_hash[i] && page >= start && page < end &&
            (!image_fetch_page(page, bytes) || image_page_hash(bytes) != im->page_hash[i])) {
            drop_in_image(im, page, page + IMAGE_PAGE - 1, true);
        }
    }
}

/* Has none of the pages a copy of its own? /proc/PID/pagemap: bits 63 and 62, in memory or swapped
 * out; 61, of a file. */
static bool pages_are_the_files(int pagemap, uint64_t start, uint64_t end)
{
    uint64_t entry[512];
    while (start < end) {
        size_t n = (end - start) / IMAGE_PAGE;
        n = n < 512 ? n : 512;
        if (pread(pagemap, entry, n * 8, (off_t)(start / IMAGE_PAGE * 8)) != (ssize_t)(n * 8)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (entry[i] >> 62 && !(entry[i] >> 61 & 1)) {
                return false;
            }
        }
        start += n * IMAGE_PAGE;
    }
    return true;
}

static bool is_pristine(uint64_t start, uint64_t end)
{
    int fd = open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
    bool pristine = fd >= 0 && pages_are_the_files(fd, start, end);
    if (fd >= 0) {
        close(fd);
    }
    return pristine;
}

const ImageRange *image_only_range(const CodeImage *im)
{
    const ImageRange *only = NULL;
    unsigned n = atomic_load_explicit(&nranges, memory_order_relaxed);
    for (unsigned i = 0; i < n; i++) {
        if (ranges[i].image == im && ranges[i].start < ranges[i].end) {
            if (only) {
                return NULL;
            }
            only = &ranges[i];
        }
    }
    return only;
}

bool image_is_pristine(const CodeImage *im)
{
    unsigned n = atomic_load_explicit(&nranges, memory_order_relaxed);
    for (unsigned i = 0; i < n; i++) {
        const ImageRange *r = &ranges[i];
        if (r->image == im && r->start < r->end && !is_pristine(r->start, r->end)) {
            return false;
        }
    }
    return true;
}

/* ---- ranges ---- */

static bool in_range(ImageRange *r, uint64_t pc)
{
    uint64_t start = atomic_load_explicit(&r->start, memory_order_relaxed);
    return pc - start < atomic_load_explicit(&r->end, memory_order_relaxed) - start;
}

ImageRange *image_range_at(uint64_t pc)
{
    unsigned n = atomic_load_explicit(&nranges, memory_order_acquire);
    unsigned hint = atomic_load_explicit(&last_range, memory_order_relaxed);
    if (hint < n && in_range(&ranges[hint], pc)) {
        return &ranges[hint];
    }
    for (unsigned i = 0; i < n; i++) {
        if (in_range(&ranges[i], pc)) {
            atomic_store_explicit(&last_range, i, memory_order_relaxed);
            return &ranges[i];
        }
    }
    return NULL;
}

static bool add_range(uint64_t start, uint64_t end, CodeImage *im)
{
    unsigned n = atomic_load_explicit(&nranges, memory_order_relaxed);
    if (n == MAX_RANGES) {
        return false;
    }
    ranges[n].image = im;
    atomic_store_explicit(&ranges[n].start, start, memory_order_relaxed);
    atomic_store_explicit(&ranges[n].end, end, memory_order_relaxed);
    atomic_store_explicit(&nranges, n + 1, memory_order_release);
    return true;
}

CodeImage *image_nth(unsigned i)
{
    return i < nimages ? &images[i] : NULL;
}

static CodeImage *image_for(const GuestCodeOrigin *o)
{
    const ImageKey *key = &o->key;
    for (unsigned i = 0; i < nimages; i++) {
        if (memcmp(&images[i].key, key, sizeof(*key)) == 0) {
            return &images[i];
        }
    }
    if (nimages == MAX_IMAGES) {
        return NULL;
    }
    CodeImage *im = &images[nimages++];
    im->key = *key;
    im->settled = o->settled;
    im->proven = true;
    open_image(im);
    return im;
}

static bool attach_locked(uint64_t pc)
{
    GuestCodeOrigin o;
    if (!image_enabled() || image_range_at(pc) || !guest_code_origin(pc, &o) ||
        o.end - o.key.base > UINT32_MAX) {
        return false;
    }
    CodeImage *im = image_for(&o);
    if (!im) {
        return false;
    }
    bool proven = im->h && im->h->settled && o.settled && is_pristine(o.start, o.end);
    im->proven &= proven;
    if (im->h && !proven) {
        check_contents(im, o.start, o.end);
    }
    return add_range(o.start, o.end, im) && im->h;
}

bool image_attach(uint64_t pc)
{
    if (!atomic_load_explicit(&enabled, memory_order_relaxed) || image_range_at(pc)) {
        return false;
    }
    uint64_t t0 = stats_enabled ? stats_now() : 0;
    pthread_mutex_lock(&tb_lock);
    bool attached = attach_locked(pc);
    pthread_mutex_unlock(&tb_lock);
    if (stats_enabled) {
        stat_add(STAT_image_attach_ns, stats_now() - t0);
    }
    return attached;
}

bool image_attached(uint64_t pc)
{
    const ImageRange *r = image_range_at(pc);
    return r && r->image->h && r->image->h->ntbs;
}

/* ---- TBs ---- */

TranslationBlock *image_lookup(uint64_t pc, uint32_t flags, uint32_t cflags)
{
    const ImageRange *r = image_range_at(pc);
    if (!r || !r->image->h) {
        return NULL;
    }
    const CodeImage *im = r->image;
    uint32_t at = (uint32_t)(pc - im->key.base);
    uint32_t page = (at >> IMAGE_PAGE_BITS) - im->h->first_page;
    if (page >= im->h->npages) {
        return NULL;
    }
    uint32_t lo = im->page_first[page], hi = im->page_first[page + 1], end = hi;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (im->pc[mid] < at) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < end && im->pc[lo] == at; lo++) {
        TranslationBlock *tb = image_tb(im, lo);
        if (tb->flags == flags && tb->cflags == cflags &&
            !atomic_load_explicit(&tb->invalid, memory_order_relaxed)) {
            return tb;
        }
    }
    return NULL;
}

bool image_contains(const void *p)
{
    return (const uint8_t *)p >= code_buffer.end && (const uint8_t *)p < free_room;
}

TranslationBlock *image_find_by_host(const void *p)
{
    const uint8_t *host = p;
    for (unsigned i = 0; i < nimages; i++) {
        const CodeImage *im = &images[i];
        if (!im->h || (uint64_t)(host - (const uint8_t *)im->h) >= im->h->file_size) {
            continue;
        }
        uint32_t lo = 0, hi = im->h->ntbs;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            TranslationBlock *tb = image_tb(im, mid);
            if (host < tb_code(tb)) {
                hi = mid;
            } else if (host >= tb_code(tb) + tb->code_size) {
                lo = mid + 1;
            } else {
                return tb;
            }
        }
    }
    return NULL;
}

/* [start, last] of the range is gone. */
static void cut_range(ImageRange *r, uint64_t start, uint64_t last)
{
    uint64_t from = r->start, end = r->end;
    if (start > from && last < end - 1 && !add_range(last + 1, end, r->image)) {
        drop_in_image(r->image, last + 1, end - 1, false);
    }
    if (start > from) {
        atomic_store_explicit(&r->end, start, memory_order_relaxed);
    } else if (last < end - 1) {
        atomic_store_explicit(&r->start, last + 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(&r->end, from, memory_order_relaxed);
    }
}

void image_drop(uint64_t start, uint64_t last, bool only_stale)
{
    unsigned n = atomic_load_explicit(&nranges, memory_order_relaxed);
    for (unsigned i = 0; i < n; i++) {
        ImageRange *r = &ranges[i];
        uint64_t from = start > r->start ? start : r->start;
        uint64_t to = last < r->end - 1 ? last : r->end - 1;
        if (r->start == r->end || from > to) {
            continue;
        }
        if (r->image->h) {
            if (only_stale && from == r->start && to == r->end - 1) {
                check_contents(r->image, from, to + 1);
            } else {
                drop_in_image(r->image, from, to, only_stale);
            }
        }
        if (!only_stale) {
            cut_range(r, from, to);
        }
    }
}

void image_memory_shared(void)
{
    for (unsigned i = 0; i < nimages; i++) {
        if (images[i].h) {
            drop_alone(&images[i]);
        }
    }
}

void image_reset(void)
{
    atomic_store(&enabled, false);
    if (free_room > code_buffer.end) {
        mmap(code_buffer.end, (size_t)(free_room - code_buffer.end), PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        free_room = code_buffer.end;
    }
    atomic_store(&nranges, 0);
    nimages = 0;
}
