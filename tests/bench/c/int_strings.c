/* class: int. Build, hash, split and join strings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { BUCKETS = 1 << 14 };
struct entry { struct entry *next; int count; char key[24]; } *table[BUCKETS];
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 5000000, distinct = 0;
    unsigned x = 1;
    char key[24];
    unsigned long check = 0;
    for (long i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        unsigned v = (x >> 12) % 50000;
        char *p = key;
        *p++ = 'k';
        do { *p++ = (char)('0' + v % 10); } while (v /= 10);
        *p = 0;
        unsigned h = 5381;
        for (const char *s = key; *s; s++) h = h * 33 ^ (unsigned char)*s;
        struct entry **e = &table[h % BUCKETS];
        while (*e && strcmp((*e)->key, key)) e = &(*e)->next;
        if (!*e) { *e = calloc(1, sizeof **e); strcpy((*e)->key, key); distinct++; }
        check += (unsigned long)++(*e)->count * h;
    }
    printf("%ld %lu\n", distinct, check);
}
