/* class: sys. Cheap system calls, small reads and writes, a pipe. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 400000, s = 0;
    int z = open("/dev/zero", O_RDONLY), w = open("/dev/null", O_WRONLY), p[2];
    char b[64];
    struct stat st;
    pipe(p);
    for (long i = 0; i < n; i++) {
        s += getppid() != 0;
        s += read(z, b, sizeof b) + write(w, b, 10);
        s += write(p[1], b, 8) + read(p[0], b, 8);
        s += fstat(z, &st) + (lseek(w, 0, SEEK_CUR) == 0);
    }
    printf("%ld\n", s);
}
