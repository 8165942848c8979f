/* class: call. Recursion. */
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) long ack(long m, long n) { return !m ? n + 1 : !n ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)); }
int main(int argc, char **argv)
{
    printf("%ld %ld\n", fib(argc > 1 ? atoi(argv[1]) : 42), ack(2, 2000));
}
