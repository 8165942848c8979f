#!/bin/sh
# tests/guest/sanitizers.sh RIVET CC: programs with AddressSanitizer and its leak check, which traces the threads of
# the process by ptrace, and with UndefinedBehaviorSanitizer. Exit status 77: the compiler has no such libraries.
#
# The runtime library of GCC up to 14 wants the addresses of Sv39. That of GCC 12 has its shadow elsewhere than the
# compiler thinks, so that all checks must be calls; and it wants 128 GiB in one piece, which a PIE would be in the midst of.
rivet=$1 cc=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$($cc -print-file-name=ld-linux-riscv64-lp64d.so.1)
root=${root%/lib/*}
failed=0
cat >"$dir/s.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *volatile lost;
static char array[10];
static __attribute__((noinline)) void lose(size_t size) { lost = malloc(size); lost = NULL; }
static void *thread(void *p)
{
    void *volatile kept = malloc(100);          /* seen by the registers or the stack of a thread only */
    pthread_barrier_wait(p);
    pthread_barrier_wait(p);
    free(kept);
    return NULL;
}
int main(int argc, char **argv)
{
    int n = atoi(argv[2]);
    char *p = malloc(10);
    memset(p, 0, 10);
    if (!strcmp(argv[1], "heap")) {
        p[n] = 1;
    } else if (!strcmp(argv[1], "global")) {
        array[n] = 1;
    } else if (!strcmp(argv[1], "freed")) {
        free(p);
        return p[n];
    } else if (!strcmp(argv[1], "leak")) {
        static pthread_barrier_t barrier;
        pthread_t t;
        pthread_barrier_init(&barrier, NULL, 2);
        pthread_create(&t, NULL, thread, &barrier);
        pthread_barrier_wait(&barrier);
        lose(n);
        lose(n);
        free(p);
        exit(0);
    } else {
        volatile int x = 0x7fffffff;
        x += n;
    }
    free(p);
    puts("fine");
    return 0;
}
C
# expect STATUS TEXT PROGRAM ARGS...
expect() {
    want=$1 text=$2
    shift 2
    out=$("$rivet" -R 0x4000000000 -L "$root" "$@" 2>&1)
    status=$?
    case $out in *"$text"*) [ $status = "$want" ] && return ;; esac
    echo "$*: status $status, not $want with '$text':"
    echo "$out"
    failed=1
}
$cc -g -w -fsanitize=undefined -fsanitize-undefined-trap-on-error -o "$dir/undefined" "$dir/s.c" -pthread || exit 2
expect 0 fine "$dir/undefined" add 0
expect 133 "" "$dir/undefined" add 1
$cc -g -w -no-pie -fsanitize=address --param asan-instrumentation-with-call-threshold=0 --param asan-stack=0 \
    -o "$dir/address" "$dir/s.c" -pthread 2>"$dir/err" || { cat "$dir/err"; [ $failed = 0 ] && exit 77; exit 1; }
a=$dir/address
expect 0 fine "$a" heap 9
expect 1 "heap-buffer-overflow on address" "$a" heap 10
expect 1 "located 0 bytes to the right of 10-byte region" "$a" heap 10
expect 1 "global-buffer-overflow" "$a" global 10
expect 1 "heap-use-after-free" "$a" freed 3
expect 1 "SUMMARY: AddressSanitizer: 2468 byte(s) leaked in 2 allocation(s)." "$a" leak 1234
exit $failed
