/* class: call. Callbacks and virtual methods through tables. */
#include <stdio.h>
#include <stdlib.h>
struct shape { const struct ops *ops; long a, b; };
struct ops { long (*area)(struct shape *), (*edge)(struct shape *); };
static long ra(struct shape *s) { return s->a * s->b; }
static long re(struct shape *s) { return 2 * (s->a + s->b); }
static long ta(struct shape *s) { return s->a * s->b / 2; }
static long te(struct shape *s) { return s->a + s->b; }
static long ca(struct shape *s) { return s->a * s->a * 3; }
static long ce(struct shape *s) { return s->a * 6; }
static const struct ops rect = { ra, re }, tri = { ta, te }, circ = { ca, ce };
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 300000, sum = 0;
    static struct shape s[1000];
    for (int i = 0; i < 1000; i++) s[i] = (struct shape){ i % 7 == 0 ? &rect : i % 3 ? &tri : &circ, i, i + 1 };
    for (long r = 0; r < n; r++) for (int i = 0; i < 1000; i++) sum += r & 1 ? s[i].ops->area(&s[i]) : s[i].ops->edge(&s[i]);
    printf("%ld\n", sum);
}
