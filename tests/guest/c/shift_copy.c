/* Two shifts that would be a rotation if a copy that came between them had been there before. */
#include <stdint.h>
#include <stdio.h>

static uint64_t shifts(uint64_t a, uint64_t b)
{
    uint64_t r;
    __asm__ volatile("xor a0, %1, %2\n slli a5, a0, 13\n mv a1, a0\n mv a0, %2\n srli a4, a1, 51\n"
                     "sub a5, a5, a0\n or %0, a5, a4\n"
                     : "=&r"(r) : "r"(a), "r"(b) : "a0", "a1", "a4", "a5");
    return r;
}

int main(void)
{
    uint64_t h = 0;
    for (uint64_t i = 1; i < 50; i++) {
        h = h * 31 + shifts(i * 0x9e3779b97f4a7c15, i * 77);
    }
    printf("%016lx\n", h);
    return 0;
}
