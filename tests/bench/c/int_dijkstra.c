/* class: int. Shortest paths on a grid with a binary heap. */
#include <stdio.h>
#include <stdlib.h>
enum { W = 700 };
static int cost[W * W], dist[W * W], heap[W * W * 4][2], n;
static void push(int d, int v)
{
    int i = n++;
    while (i && heap[(i - 1) / 2][0] > d) { heap[i][0] = heap[(i - 1) / 2][0]; heap[i][1] = heap[(i - 1) / 2][1]; i = (i - 1) / 2; }
    heap[i][0] = d; heap[i][1] = v;
}
static void pop(void)
{
    int d = heap[--n][0], v = heap[n][1], i = 0;
    for (;;) {
        int c = 2 * i + 1;
        if (c >= n) break;
        if (c + 1 < n && heap[c + 1][0] < heap[c][0]) c++;
        if (heap[c][0] >= d) break;
        heap[i][0] = heap[c][0]; heap[i][1] = heap[c][1]; i = c;
    }
    heap[i][0] = d; heap[i][1] = v;
}
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 12;
    unsigned x = 7;
    long sum = 0;
    for (int i = 0; i < W * W; i++) { x = x * 1664525 + 1013904223; cost[i] = 1 + (x >> 20) % 9; }
    while (rounds--) {
        for (int i = 0; i < W * W; i++) dist[i] = 1 << 30;
        dist[0] = 0; n = 0; push(0, 0);
        while (n) {
            int d = heap[0][0], v = heap[0][1], vx = v % W, vy = v / W;
            pop();
            if (d > dist[v]) continue;
            static const int dx[] = { 1, -1, 0, 0 }, dy[] = { 0, 0, 1, -1 };
            for (int k = 0; k < 4; k++) {
                int tx = vx + dx[k], ty = vy + dy[k];
                if (tx < 0 || ty < 0 || tx >= W || ty >= W) continue;
                int t = ty * W + tx, e = d + cost[t];
                if (e < dist[t]) { dist[t] = e; push(e, t); }
            }
        }
        sum += dist[W * W - 1] + rounds;
    }
    printf("%ld\n", sum);
}
