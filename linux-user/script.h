/*
 * linux-user/script.h: the first line of a script. Source: fs/binfmt_script.c.
 */
#ifndef LINUX_USER_SCRIPT_H
#define LINUX_USER_SCRIPT_H

#include <stdbool.h>

/* "#!interpreter [argument]": both g_free(), *arg NULL without one. The argument is the whole rest
 * of the line. Only the first 256 bytes count; false when they name no interpreter. */
bool script_parse(int fd, char **interp, char **arg);

#endif
