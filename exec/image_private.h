/*
 * exec/image_private.h: the form of an image file, and what image.c and image_save.c share.
 *
 *   | header | common stubs | code of TB 1, 2, ... | metadata of TB 1, 2, ... | index |
 *
 * TBs in the order of their guest pc. The index is five arrays, one after the other:
 *   u64 page_hash[npages]       of the bytes of each guest page with code of a TB; 0: has none
 *   u32 page_first[npages + 1]  the first TB that begins in this page or a later one
 *   u32 pc[ntbs]                as distance from key.base
 *   u32 tb[ntbs]                offset of its TranslationBlock
 *   u32 alone[nalone]           numbers of those that need it (exec_memory_shared())
 * Pages are counted from first_page, the number that it has in the guest file. The distances
 * between code, stubs and metadata are those of the file: it is mapped as a whole.
 */
#ifndef EXEC_IMAGE_PRIVATE_H
#define EXEC_IMAGE_PRIVATE_H

#include <time.h>

#include "exec/image.h"
#include "exec/tb_cache.h"

enum { IMAGE_PAGE_BITS = 12, IMAGE_PAGE = 1 << IMAGE_PAGE_BITS, IMAGE_MAX_BYTES = 64 << 20 };

#define IMAGE_MAGIC "rivetTB2"

typedef struct ImageHeader {
    char magic[8];
    uint64_t config;            /* of the engine: who made the code, for which host, how */
    ImageKey key;
    uint64_t file_size;
    uint32_t ntbs, npages, first_page, nalone;
    uint32_t stubs, stubs_size, index;  /* offsets in the file but for the size */
    uint32_t settled;           /* the identity stood for the contents when this was made */
    /* is not in [absent_start, absent_end) of the guest's file, as distances */
    uint32_t absent_word;
    uint32_t absent_start, absent_end;  /* from key.base */
    uint64_t index_hash;
    uint64_t header_hash;       /* of all before */
} ImageHeader;

typedef struct CodeImage {
    ImageKey key;
    const ImageHeader *h;       /* mapped; NULL: there is none that fits */
    const uint64_t *page_hash;
    const uint32_t *page_first, *pc, *tb, *alone;
    bool settled;               /* as of GuestCodeOrigin */
    bool proven;       /* so does h->settled, and the guest's memory is the file's, in all ranges */
    bool searched;            /* for IMAGE_ABSENT, and long: worth an image, even one without TBs */
    struct timespec found;      /* st_ctim of the file that was found, used or not */
} CodeImage;

/* A mapped range of a guest file. Ranges change under tb_lock, readers need no lock. */
typedef struct ImageRange {
    _Atomic uint64_t start, end;        /* start == end: gone */
    CodeImage *image;
} ImageRange;

static inline TranslationBlock *image_tb(const CodeImage *im, uint32_t i)
{
    return (TranslationBlock *)((uint8_t *)im->h + im->tb[i]);
}

extern uint64_t image_config;
extern bool image_searched;     /* CodeImage.searched of any. tb_lock */

/* The range that pc lies in, or NULL. */
ImageRange *image_range_at(uint64_t pc);
/* The one range of the image; NULL: there are more, or none. tb_lock held. */
const ImageRange *image_only_range(const CodeImage *im);
/* The i-th image, or NULL. tb_lock held. */
CodeImage *image_nth(unsigned i);

/* Does the header belong to an image of key? size: of its file. */
bool image_header_fits(const ImageHeader *h, uint64_t size, const ImageKey *key);
/* The name in the cache directory of the image for key. */
void image_path(const ImageKey *key, char *buf, size_t size);

/* image_dir.c: make a file of n bytes under that name. False: there is none, and nothing is left of
 * it. */
bool image_write_file(const char *path, const void *p, size_t n);
/* So many bytes were written there: keep the directory within its limit. The oldest go first, down
 * to three quarters. To look costs more than to write where there are many files: it is done by
 * chance, once in 1/64 of the limit. */
void image_evict(size_t written);

/* Fill in absent_* of h, which is being made for im; the rest before it is valid. tb_lock held. */
void image_note_absent(const CodeImage *im, ImageHeader *h);

/* The bytes of the guest page at addr. False when it cannot be read as code. */
bool image_fetch_page(uint64_t addr, uint8_t bytes[IMAGE_PAGE]);
/* Are the guest's pages those of the file? A debugger may have written to them. False also when it
 * cannot be known. tb_lock held. */
bool image_is_pristine(const CodeImage *im);
/* Never 0. */
uint64_t image_page_hash(const uint8_t bytes[IMAGE_PAGE]);

#endif
