/* class: clock. clock_gettime. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 15000000;
    struct timespec a = { 0 }, b;
    int back = 0;
    for (long i = 0; i < n; i++) { clock_gettime(CLOCK_MONOTONIC, &b); back += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec); a = b; }
    printf("%d\n", back);
}
