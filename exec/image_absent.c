/*
 * exec/image_absent.c: what an image knows of its guest file's code besides translations: a word
 * that is not in it, so that who looks for it need not read the whole file.
 */
#include <string.h>

#include "exec/image_private.h"

bool image_searched;

enum { LONG_SEARCH = 1 << 20 };     /* bytes: 0.3 ms, with the pages that it touches */

bool image_lacks_word(uint64_t start, uint64_t end, uint32_t word)
{
    image_attach(start);
    pthread_mutex_lock(&tb_lock);
    const ImageRange *r = image_range_at(start);
    CodeImage *im = r && end <= r->end ? r->image : NULL;
    bool lacks = im && im->h && im->proven && word == im->h->absent_word &&
                 start - im->key.base >= im->h->absent_start &&
                 end - im->key.base <= im->h->absent_end;
    if (im && !im->h && im->settled && word == (uint32_t)IMAGE_ABSENT &&
        end - start >= LONG_SEARCH) {
        im->searched = true;
        image_searched = true;
    }
    pthread_mutex_unlock(&tb_lock);
    return lacks;
}

static bool has_word(const uint8_t *p, size_t n, uint32_t word)
{
    for (size_t i = 0; i + sizeof(word) <= n; i += 2) {
        uint32_t v;
        memcpy(&v, p + i, sizeof(v));
        if (v == word) {
            return true;
        }
    }
    return false;
}

void image_note_absent(const CodeImage *im, ImageHeader *h)
{
    uint8_t bytes[2 + IMAGE_PAGE] = { 0 };      /* and the last two of the page before */
    const ImageRange *r = image_only_range(im);
    if (!r || !h->settled) {
        return;
    }
    uint64_t start = r->start, end = r->end;
    for (uint64_t page = start; page < end; page += IMAGE_PAGE) {
        memcpy(bytes, bytes + IMAGE_PAGE, 2);
        if (!image_fetch_page(page, bytes + 2) ||
            has_word(bytes, sizeof(bytes), (uint32_t)IMAGE_ABSENT)) {
            return;
        }
    }
    h->absent_word = (uint32_t)IMAGE_ABSENT;
    h->absent_start = (uint32_t)(start - im->key.base);
    h->absent_end = (uint32_t)(end - im->key.base);
}
