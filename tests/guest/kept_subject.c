/* What kept_code.c runs: its output tells which code it is (-DVALUE). A few thousand instructions
 * more than the C library needs, so that there is something to keep. */
#include <stdio.h>

static unsigned mix(unsigned x, unsigned i)
{
    switch (i % 5) {
    case 0: return x * 2654435761u + VALUE;
    case 1: return x ^ x >> 15;
    case 2: return x << 7 | x >> 25;
    case 3: return x - i * VALUE;
    default: return x + 0x9e3779b9u;
    }
}

int main(int argc, char **argv)
{
    unsigned x = 1;
    for (unsigned i = 0; i < 20000; i++) {
        x = mix(x, i);
    }
    printf("value %d, %u, %s\n", VALUE, x, argc > 1 ? argv[1] : "none");
    return 0;
}
