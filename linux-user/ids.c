/*
 * linux-user/ids.c: see ids.h. Capabilities follow capabilities(7) and security/commoncap.c.
 */
#include "linux-user/ids.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <linux/capability.h>
#include <linux/securebits.h>

IdState ids;

#define BIT(cap) (1ull << (cap))

static const uint64_t file_system_caps = BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) |
                                         BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |
                                         BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) |
                                         BIT(CAP_MAC_OVERRIDE);

/* ---- capabilities: what follows from users ---- */

bool ids_capable(unsigned cap)
{
    return ids.caps.effective & BIT(cap);
}

static bool has_root(const Ids *i)
{
    return i->real == 0 || i->effective == 0 || i->saved == 0;
}

void ids_users_changed(const Ids *old)
{
    CapState *c = &ids.caps;
    const Ids *new = &ids.user;
    if (c->securebits & SECBIT_NO_SETUID_FIXUP) {
        return;
    }
    if (has_root(old) && !has_root(new)) {
        if (!(c->securebits & SECBIT_KEEP_CAPS)) {
            c->permitted = c->effective = 0;
        }
        c->ambient = 0;
    }
    if (old->effective == 0 && new->effective != 0) {
        c->effective = 0;
    } else if (old->effective != 0 && new->effective == 0) {
        c->effective = c->permitted;
    } else if (old->fs == 0 && new->fs != 0) {
        c->effective &= ~file_system_caps;
    } else if (old->fs != 0 && new->fs == 0) {
        c->effective |= c->permitted & file_system_caps;
    }
}

static uint64_t both_words(const __le32 low, const __le32 high)
{
    return (low | (uint64_t)high << 32) & IDS_ALL_CAPS;
}

/* s is becoming that of a program; changed: its file says whose. file: its capabilities or NULL,
 * which are all that it gets from being set-user-ID root. */
static void caps_of_program(IdState *s, bool changed, const struct vfs_cap_data *file)
{
    CapState *c = &s->caps;
    uint64_t permitted = 0;
    bool effective = false;
    bool real_root = s->user.real == 0, root = s->user.effective == 0;
    if (file) {
        permitted = (both_words(file->data[0].permitted, file->data[1].permitted) & c->bounding) |
                    (both_words(file->data[0].inheritable, file->data[1].inheritable) &
                     c->inheritable);
        effective = file->magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
    }
    if (!(c->securebits & SECBIT_NOROOT) && (real_root || (root && !file))) {
        permitted = c->inheritable | c->bounding;
        effective |= root;
    }
    c->ambient = changed || file ? 0 : c->ambient;
    c->permitted = permitted | c->ambient;
    c->effective = effective ? c->permitted : c->ambient;
    c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
}

bool ids_secure(void)
{
    return ids_uid() != ids_euid() || ids_gid() != ids_egid() ||
           (ids.on && ids.user.real != 0 && ids.caps.permitted & ~ids.caps.ambient);
}

/* ---- state as text: users, groups, capabilities, other groups; "host": the kernel's ---- */

enum { NUMBERS = 14 };

/* Number i of the state that has a place of its own. */
static uint64_t get_number(const IdState *s, unsigned i)
{
    const CapState *c = &s->caps;
    const uint64_t all[NUMBERS] = {
        s->user.real,  s->user.effective,  s->user.saved,  s->user.fs,
        s->group.real, s->group.effective, s->group.saved, s->group.fs,
        c->effective,  c->permitted,       c->inheritable, c->bounding,
        c->ambient,    c->securebits,
    };
    return all[i];
}

static void set_number(IdState *s, unsigned i, uint64_t n)
{
    uint32_t *id[] = { &s->user.real,  &s->user.effective,  &s->user.saved,  &s->user.fs,
                       &s->group.real, &s->group.effective, &s->group.saved, &s->group.fs };
    uint64_t *set[] = { &s->caps.effective, &s->caps.permitted, &s->caps.inheritable,
                        &s->caps.bounding, &s->caps.ambient };
    if (i < G_N_ELEMENTS(id)) {
        *id[i] = (uint32_t)n;
    } else if (i < NUMBERS - 1) {
        *set[i - G_N_ELEMENTS(id)] = n;
    } else {
        s->caps.securebits = (uint32_t)n;
    }
}

static void take_over(Ids *i, const uint32_t *owner)
{
    i->effective = owner ? *owner : i->effective;
    i->saved = i->fs = i->effective;
}

char *ids_state(const uint32_t *user, const uint32_t *group, const struct vfs_cap_data *caps)
{
    if (!ids.on) {
        return g_strdup("host");
    }
    IdState new = ids;
    take_over(&new.user, user);
    take_over(&new.group, group);
    caps_of_program(&new, user || group, caps);
    GString *s = g_string_new(NULL);
    for (unsigned i = 0; i < NUMBERS; i++) {
        g_string_append_printf(s, "%llu:", (unsigned long long)get_number(&new, i));
    }
    for (unsigned i = 0; i < ids.group_count; i++) {
        g_string_append_printf(s, "%u:", ids.groups[i]);
    }
    return g_string_free(s, FALSE);
}

bool ids_emulate(const char *state)
{
    ids.on = !state || strcmp(state, "host") != 0;
    ids.host_uid = geteuid();
    ids.host_gid = getegid();
    ids.caps.effective = ids.caps.permitted = ids.caps.bounding = IDS_ALL_CAPS;
    if (!state || !ids.on) {
        return true;
    }
    ids.groups = g_new(uint32_t, strlen(state));
    unsigned i;
    for (i = 0; *state; i++) {
        char *end;
        unsigned long long n = strtoull(state, &end, 10);
        if (end == state || *end != ':') {
            return false;
        }
        if (i < NUMBERS) {
            set_number(&ids, i, n);
        } else {
            ids.groups[ids.group_count++] = (uint32_t)n;
        }
        state = end + 1;
    }
    return i >= NUMBERS;
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
