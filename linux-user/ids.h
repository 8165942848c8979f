/*
 * linux-user/ids.h: users and groups of the guest where the kernel has only one, as under --root.
 *
 * The ids are the process's, not each thread's: C libraries keep those equal anyway. The system calls
 * are in sys_ids.c.
 */
#ifndef LINUX_USER_IDS_H
#define LINUX_USER_IDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Ids {
    uint32_t real, effective, saved, fs;
} Ids;

typedef struct IdState {
    bool on;                        /* emulated; if not, nothing else here counts */
    uint32_t host_uid, host_gid;    /* shown as root's */
    Ids user, group;
    uint32_t *groups;               /* supplementary */
    unsigned group_count;
} IdState;
extern IdState ids;

/* From now on the guest's ids are root's, or as `state` (of ids_state()) says. False: that is
 * malformed. Before the guest runs. */
bool ids_emulate(const char *state);
/* For a program that this process executes, g_free(). */
char *ids_state(void);

uint32_t ids_uid(void);
uint32_t ids_euid(void);
uint32_t ids_gid(void);
uint32_t ids_egid(void);

/* How an owner that the host tells shows to the guest. */
uint32_t ids_show_uid(uint32_t uid);
uint32_t ids_show_gid(uint32_t gid);

#endif
