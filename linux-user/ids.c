/*
 * linux-user/ids.c: see ids.h.
 */
#include "linux-user/ids.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

IdState ids;

/* ---- state as text: four users, four groups, the supplementary groups; "host": the kernel's ---- */

char *ids_state(void)
{
    if (!ids.on) {
        return g_strdup("host");
    }
    GString *s = g_string_new(NULL);
    const Ids *both[] = { &ids.user, &ids.group };
    for (unsigned i = 0; i < 2; i++) {
        g_string_append_printf(s, "%u:%u:%u:%u:", both[i]->real, both[i]->effective,
                               both[i]->effective, both[i]->effective);
    }
    for (unsigned i = 0; i < ids.group_count; i++) {
        g_string_append_printf(s, "%u:", ids.groups[i]);
    }
    return g_string_free(s, FALSE);
}

bool ids_emulate(const char *state)
{
    uint32_t *all[] = { &ids.user.real,  &ids.user.effective,  &ids.user.saved,  &ids.user.fs,
                        &ids.group.real, &ids.group.effective, &ids.group.saved, &ids.group.fs };
    ids.on = !state || strcmp(state, "host") != 0;
    ids.host_uid = geteuid();
    ids.host_gid = getegid();
    if (!state || !ids.on) {
        return true;
    }
    ids.groups = g_new(uint32_t, strlen(state));
    for (unsigned i = 0; *state; i++) {
        char *end;
        unsigned long id = strtoul(state, &end, 10);
        if (end == state || *end != ':' || id >= UINT32_MAX) {
            return false;
        }
        if (i < G_N_ELEMENTS(all)) {
            *all[i] = (uint32_t)id;
        } else {
            ids.groups[ids.group_count++] = (uint32_t)id;
        }
        state = end + 1;
    }
    return true;
}

/* ---- what is shown ---- */

uint32_t ids_uid(void)
{
    return ids.on ? ids.user.real : getuid();
}

uint32_t ids_euid(void)
{
    return ids.on ? ids.user.effective : geteuid();
}

uint32_t ids_gid(void)
{
    return ids.on ? ids.group.real : getgid();
}

uint32_t ids_egid(void)
{
    return ids.on ? ids.group.effective : getegid();
}

uint32_t ids_show_uid(uint32_t uid)
{
    return ids.on && uid == ids.host_uid ? 0 : uid;
}

uint32_t ids_show_gid(uint32_t gid)
{
    return ids.on && gid == ids.host_gid ? 0 : gid;
}
