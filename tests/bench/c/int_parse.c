/* class: int. Generate a JSON text, parse it recursively, sum it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *p;
static long depth, nodes;
static void ws(void) { while (isspace((unsigned char)*p)) p++; }
static long value(void)
{
    long sum = 0;
    ws();
    nodes++;
    if (*p == '{' || *p == '[') {
        char close = *p++ == '{' ? '}' : ']';
        depth++;
        ws();
        while (*p != close) {
            if (close == '}') { ws(); p++; while (*p != '"') sum += *p++; p++; ws(); p++; }
            sum += value();
            ws();
            if (*p == ',') p++;
            ws();
        }
        p++;
        return sum + depth--;
    }
    if (*p == '"') { p++; while (*p != '"') { if (*p == '\\') p++; sum = sum * 31 + *p++; } p++; return sum & 0xff; }
    if (*p == '-' || isdigit((unsigned char)*p)) { char *e; sum = strtol(p, &e, 10); p = e; return sum; }
    while (isalpha((unsigned char)*p)) sum += *p++;
    return sum;
}
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    char *text = malloc(4 << 20), *q = text;
    q += sprintf(q, "[");
    for (int i = 0; i < 20000; i++) q += sprintf(q, "{\"id\": %d, \"name\": \"n\\\"%d\", \"tags\": [\"a\", \"bc\", true, null], \"v\": -%d}, ", i, i * 7, i * 13);
    strcpy(q, "0]");
    long s = 0;
    for (int r = 0; r < rounds; r++) { p = text; s += value(); }
    printf("%ld %ld\n", s, nodes);
}
