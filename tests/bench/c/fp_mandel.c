/* class: fp. Mandelbrot set. */
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000;
    long inside = 0, steps = 0;
    for (int y = 0; y < n; y++) for (int x = 0; x < n; x++) {
        double cr = 3.0 * x / n - 2, ci = 2.0 * y / n - 1, r = 0, i = 0;
        int k = 0;
        for (; k < 200 && r * r + i * i <= 4; k++) { double t = r * r - i * i + cr; i = 2 * r * i + ci; r = t; }
        inside += k == 200;
        steps += k;
    }
    printf("%ld %ld\n", inside, steps);
}
