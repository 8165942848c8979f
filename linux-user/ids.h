/*
 * linux-user/ids.h: users and groups of the guest where the kernel has only one, as under --root.
 *
 * The ids are the process's, not each thread's: C libraries keep those equal anyway. The system
 * calls are in sys_ids.c.
 */
#ifndef LINUX_USER_IDS_H
#define LINUX_USER_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "linux-user/guest_ptr.h"

typedef struct Ids {
    uint32_t real, effective, saved, fs;
} Ids;

/* Sets of capabilities, a bit each. */
enum { IDS_LAST_CAP = 40 };     /* CAP_CHECKPOINT_RESTORE */
#define IDS_ALL_CAPS ((2ull << IDS_LAST_CAP) - 1)

typedef struct CapState {
    uint64_t effective, permitted, inheritable, bounding, ambient;
    uint32_t securebits;
} CapState;

typedef struct IdState {
    bool on;                        /* emulated; if not, nothing else here counts */
    uint32_t host_uid, host_gid;    /* shown as root's */
    Ids user, group;
    CapState caps;
    uint32_t *groups;               /* supplementary */
    unsigned group_count;
} IdState;
extern IdState ids;

/* From now on the guest's ids are root's, or as `state` (of ids_state()) says. False: that is
 * malformed. Before the guest runs. */
bool ids_emulate(const char *state);
/* For a program that this process executes, g_free(). Its set-user-ID, set-group-ID and
 * capabilities, NULL: none. */
struct vfs_cap_data;
char *ids_state(const uint32_t *user, const uint32_t *group, const struct vfs_cap_data *caps);
/* sys_xattr.c: the capabilities of a file. False: it has none. */
bool ids_file_caps(int fd, struct vfs_cap_data *caps);
/* Has the program that runs rights that its user has not? */
bool ids_secure(void);

uint32_t ids_uid(void);
uint32_t ids_euid(void);
uint32_t ids_gid(void);
uint32_t ids_egid(void);

/* Capabilities of the emulated users. */
bool ids_capable(unsigned cap);
void ids_users_changed(const Ids *old);
/* sys_caps.c: prctl() about them. */
abi_long ids_prctl(const abi_ulong *a);

/* How an owner that the host tells shows to the guest. */
uint32_t ids_show_uid(uint32_t uid);
uint32_t ids_show_gid(uint32_t gid);

#endif
