/*
 * linux-user/strace_private.h: strace_names.c for strace.c.
 */
#ifndef LINUX_USER_STRACE_PRIVATE_H
#define LINUX_USER_STRACE_PRIVATE_H

#include <glib.h>

#include "linux-user/strace.h"

/* An argument that is no pointer, by its kind. */
void strace_put_value(GString *s, ArgKind kind, abi_ulong v);
void strace_put_pointer(GString *s, abi_ulong addr);
void strace_put_family(GString *s, unsigned family);
void strace_put_epoll_events(GString *s, uint32_t events);

#endif
