/*
 * linux-user/binfmt.h: rivet as the kernel's interpreter of RISC-V programs.
 */
#ifndef LINUX_USER_BINFMT_H
#define LINUX_USER_BINFMT_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* Where binfmt_misc is mounted; another directory for tests. */
#define BINFMT_DIR "/proc/sys/fs/binfmt_misc"

/* Each: false with an error of one line. program: our executable, absolute. */
bool binfmt_install(const char *dir, const char *program, GError **err);
bool binfmt_uninstall(const char *dir, GError **err);
/* Prints who runs RISC-V programs; false without an error: nobody does. */
bool binfmt_status(const char *dir, FILE *out, GError **err);

#endif
