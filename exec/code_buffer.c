#include "exec/code_buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

CodeBuffer code_buffer;

void code_buffer_init(size_t size)
{
    size = size < CODE_BUFFER_MIN ? CODE_BUFFER_MIN : size;
    size = (size + 4095) & ~(size_t)4095;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("rivet: cannot map the code buffer (smaller with -tb-size)");
        exit(1);
    }
    code_buffer.base = p;
    code_buffer.end = code_buffer.base + size;
    code_buffer.first = code_buffer.code = code_buffer.base;
    code_buffer.meta = code_buffer.end;
}

void *code_buffer_alloc_meta(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if ((size_t)(code_buffer.meta - code_buffer.code) < size) {
        return NULL;
    }
    code_buffer.meta -= size;
    return memset(code_buffer.meta, 0, size);
}

void code_buffer_reset(void)
{
    code_buffer.code = code_buffer.first;
    code_buffer.meta = code_buffer.end;
}
