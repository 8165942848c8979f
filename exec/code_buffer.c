#include "exec/code_buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "exec/own_map.h"

/* Memory is asked for in steps that grow with what is used already: a small program pays for no
 * more than it uses. */
enum { CODE_BUFFER_LITTLE = 4 << 20 };     /* less is only for who asks for it */
enum { STEP_MIN = 16 << 10, STEP_MAX = 256 << 10 };

CodeBuffer code_buffer;

void code_buffer_init(size_t size, size_t image_room)
{
    size = size < CODE_BUFFER_MIN ? CODE_BUFFER_MIN : size;
    size = (size + 4095) & ~(size_t)4095;
    if (size < CODE_BUFFER_LITTLE || size + image_room > INT32_MAX) {
        image_room = 0;         /* everything must reach everything */
    }
    void *p;
    while ((p = mmap(NULL, size + image_room, PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) == MAP_FAILED &&
           errno == ENOMEM && size > CODE_BUFFER_LITTLE) {
        size = size / 2 & ~(size_t)4095;        /* ulimit -v */
        image_room = 0;
    }
    if (p == MAP_FAILED) {
        perror("rivet: cannot map the code buffer (smaller with -tb-size)");
        exit(1);
    }
    code_buffer.base = p;
    code_buffer.end = code_buffer.base + size;
    code_buffer.room_end = code_buffer.end + image_room;
    code_buffer.first = code_buffer.code = code_buffer.base;
    code_buffer.meta = code_buffer.end;
    code_buffer.code_ready = code_buffer.base;
    code_buffer.meta_ready = code_buffer.end;
}

static size_t step(size_t used)
{
    size_t n = used / 4;
    n = n < STEP_MIN ? STEP_MIN : n > STEP_MAX ? STEP_MAX : n;
    return n & ~(size_t)4095;
}

void code_buffer_prepare(size_t size)
{
    if (code_buffer.code + size <= code_buffer.code_ready) {
        return;
    }
    size_t n = step((size_t)(code_buffer.code_ready - code_buffer.base));
    if (n > (size_t)(code_buffer.meta_ready - code_buffer.code_ready)) {
        return;
    }
    own_touch(code_buffer.code_ready, n, true);
    code_buffer.code_ready += n;
}

static void prepare_meta(void)
{
    size_t n = step((size_t)(code_buffer.end - code_buffer.meta_ready));
    if (n <= (size_t)(code_buffer.meta_ready - code_buffer.code_ready)) {
        code_buffer.meta_ready -= n;
        own_touch(code_buffer.meta_ready, n, true);
    }
}

void *code_buffer_alloc_meta(size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if ((size_t)(code_buffer.meta - code_buffer.code) < size) {
        return NULL;
    }
    code_buffer.meta -= size;
    if (code_buffer.meta < code_buffer.meta_ready) {
        prepare_meta();
    }
    return code_buffer.meta;
}

void code_buffer_reset(void)
{
    code_buffer.code = code_buffer.first;
    code_buffer.meta = code_buffer.end;
    code_buffer.flushes++;
}
