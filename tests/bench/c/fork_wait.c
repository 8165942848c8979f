/* class: fork. fork and wait. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1500, s = 0, st;
    for (int i = 0; i < n; i++) { pid_t p = fork(); if (!p) _exit(i & 127); waitpid(p, &st, 0); s += WEXITSTATUS(st); }
    printf("%d\n", s);
}
