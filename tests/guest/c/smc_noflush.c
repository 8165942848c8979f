/*
 * Code that is rewritten without any flush, as PyPy's JIT does on hardware: watched pages (-smc
 * auto). The kernel writes code too (read(2) into the page), and a page once flushed is trusted
 * from then on.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t li_a0(int v)
{
    return (uint32_t)v << 20 | 0x513;
}

int main(void)
{
    uint32_t *code =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int (*fn)(void) = (int (*)(void))code, sum = 0, fds[2];
    code[1] = 0x8067;
    for (int i = 0; i < 1000; i++) {
        *(volatile uint32_t *)code = li_a0(i);
        sum += fn();
    }
    printf("%d\n", sum);
    pipe(fds);
    for (int i = 0; i < 100; i++) {
        uint32_t insn = li_a0(i + 7);
        write(fds[1], &insn, 4);
        if (read(fds[0], code, 4) != 4) {
            puts("read failed");
        }
        if (fn() != i + 7) {
            puts("stale");
        }
    }
    for (int i = 0; i < 100; i++) {
        code[0] = li_a0(i);
        __builtin___clear_cache((char *)code, (char *)(code + 2));
        if (fn() != i) {
            puts("stale after flush");
        }
    }
    puts("done");
    return 0;
}
