/*
 * linux-user/limits.h: the guest's RLIMIT_AS and RLIMIT_DATA. The emulator's own mappings count
 * against the host's, so those two are remembered and not set: but for a program of the host's.
 */
#ifndef LINUX_USER_LIMITS_H
#define LINUX_USER_LIMITS_H

#include <stdbool.h>
#include <sys/resource.h>

/* Has the guest set it? */
bool limit_is_kept(unsigned resource, struct rlimit *limit);

/* For the next program, g_free(); NULL: the host's are right. And what it makes of that; false: it
 * is no such text. */
char *limits_text(void);
bool limits_inherit(const char *text);

/* The host gets them, and what it had is in before, until limits_of_host(): but a hard limit that
 * was lowered can only be raised with privileges. */
void limits_to_host(struct rlimit before[2]);
void limits_of_host(const struct rlimit before[2]);

#endif
