/* class: call. A byte code interpreter with a switch. */
#include <stdio.h>
#include <stdlib.h>
enum { PUSH, ADD, SUB, MUL, DUP, SWAP, JNZ, DEC, DROP, HALT, XOR, SHR };
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 250000000;
    static const signed char code[] = { DUP, PUSH, 3, MUL, PUSH, 7, ADD, DUP, PUSH, 5, SHR, XOR, SWAP, PUSH, 1, SUB, SWAP,
        /* sum n */ DROP, DEC, JNZ, -20, HALT };
    long st[64], *sp = st, counter = n / 10, acc = 0;
    const signed char *pc = code;
    *sp = 1;
    for (;;) {
        switch (*pc++) {
        case PUSH: *++sp = *pc++; break;
        case ADD: sp--; sp[0] += sp[1]; break;
        case SUB: sp--; sp[0] -= sp[1]; break;
        case MUL: sp--; sp[0] *= sp[1]; break;
        case DUP: sp[1] = sp[0]; sp++; break;
        case SWAP: { long t = sp[0]; if (sp > st) { sp[0] = sp[-1]; sp[-1] = t; } break; }
        case XOR: sp--; sp[0] ^= sp[1]; break;
        case SHR: sp--; sp[0] = (long)((unsigned long)sp[0] >> (sp[1] & 63)); break;
        case DROP: acc += sp[0]; if (sp > st + 1) sp--; break;
        case DEC: counter--; break;
        case JNZ: { int d = *pc++; if (counter > 0) pc += d; break; }
        case HALT: printf("%ld\n", acc); return 0;
        }
    }
}
