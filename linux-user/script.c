/*
 * linux-user/script.c: see script.h.
 */
#include "linux-user/script.h"

#include <string.h>
#include <unistd.h>

#include <glib.h>

enum { HEAD_BYTES = 256 };

bool script_parse(int fd, char **interp, char **arg)
{
    char head[HEAD_BYTES + 1];
    ssize_t n = pread(fd, head, HEAD_BYTES, 0);
    if (n < 2 || memcmp(head, "#!", 2) != 0) {
        return false;
    }
    head[n] = '\0';
    char *line = head + 2 + strspn(head + 2, " \t");
    char *end = strchr(line, '\n');
    size_t name = strcspn(line, " \t\n");
    if (!end && n == HEAD_BYTES && line[name] == '\0') {
        return false;                   /* the name itself may be cut off */
    }
    end = end ? end : line + strlen(line);
    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    if (end == line) {
        return false;
    }
    *interp = g_strndup(line, name);
    char *rest = line + name;
    rest += strspn(rest, " \t");
    *arg = rest < end ? g_strndup(rest, (gsize)(end - rest)) : NULL;
    return true;
}
