/* class: int. Quicksort and binary search. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static void quick(int *a, long lo, long hi)
{
    while (lo < hi) {
        int pivot = a[(lo + hi) / 2];
        long i = lo, j = hi;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (a[j] > pivot) j--;
            if (i <= j) { int t = a[i]; a[i++] = a[j]; a[j--] = t; }
        }
        if (j - lo < hi - i) { quick(a, lo, j); lo = i; } else { quick(a, i, hi); hi = j; }
    }
}
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 2000000, found = 0;
    int *a = malloc(n * sizeof *a);
    uint32_t x = 1;
    for (long i = 0; i < n; i++) { x = x * 1664525 + 1013904223; a[i] = (int)(x >> 8); }
    quick(a, 0, n - 1);
    for (long i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        int key = (int)(x >> 8);
        long lo = 0, hi = n;
        while (lo < hi) { long m = (lo + hi) / 2; if (a[m] < key) lo = m + 1; else hi = m; }
        found += lo < n && a[lo] == key;
    }
    printf("%d %ld\n", a[n / 2], found);
}
