/* class: mem. memcpy, strlen, strcmp, a list chase. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; long v; };
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 200, sum = 0;
    enum { K = 200000 };
    struct node *pool = malloc(K * sizeof *pool);
    for (long i = 0; i < K; i++) pool[i] = (struct node){ &pool[(i * 7919 + 1) % K], i };
    static char a[1 << 16], b[1 << 16];
    memset(a, 'x', sizeof a - 1);
    for (long r = 0; r < n; r++) {
        struct node *p = pool;
        for (long i = 0; i < K; i++) { sum += p->v; p = p->next; }
        for (int i = 0; i < 30; i++) { memcpy(b, a, sizeof a); sum += strlen(b) + !strcmp(a, b); b[i] = 0; }
    }
    printf("%ld\n", sum);
}
