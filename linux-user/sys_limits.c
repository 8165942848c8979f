/*
 * linux-user/sys_limits.c: resource limits. See limits.h.
 */
#include "linux-user/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/mmap.h"
#include "linux-user/sys_common.h"

static pthread_mutex_t limits_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    bool set;
    struct rlimit limit;
} kept[RLIMIT_NLIMITS];         /* limits_lock; only RLIMIT_AS and RLIMIT_DATA are used */

static bool is_kept(abi_ulong resource)
{
    return resource == RLIMIT_AS || resource == RLIMIT_DATA;
}

/* What the guest has set, else no limit. Under limits_lock. */
static abi_ulong kept_cur(unsigned resource)
{
    return kept[resource].set ? kept[resource].limit.rlim_cur : RLIM_INFINITY;
}

bool limit_is_kept(unsigned resource, struct rlimit *limit)
{
    pthread_mutex_lock(&limits_lock);
    bool set = kept[resource].set;
    *limit = kept[resource].limit;
    pthread_mutex_unlock(&limits_lock);
    return set;
}

/* As prlimit64() on ourselves. */
static abi_long kept_limit(unsigned resource, const struct rlimit *new, struct rlimit *old)
{
    struct rlimit now;
    abi_long ret = 0;
    pthread_mutex_lock(&limits_lock);
    if (kept[resource].set) {
        now = kept[resource].limit;
    } else {
        getrlimit(resource, &now);
    }
    if (new && new->rlim_cur > new->rlim_max) {
        ret = -EINVAL;
    } else if (new && new->rlim_max > now.rlim_max && geteuid() != 0) {
        ret = -EPERM;
    } else if (new) {
        kept[resource].set = true;
        kept[resource].limit = *new;
        guest_set_limits(kept_cur(RLIMIT_AS), kept_cur(RLIMIT_DATA));
    }
    pthread_mutex_unlock(&limits_lock);
    *old = now;
    return ret;
}

static abi_long prlimit_kept(unsigned resource, abi_ulong new_addr, abi_ulong old_addr)
{
    struct rlimit new, old;
    if (new_addr && !guest_read(&new, new_addr, sizeof(new))) {
        return -EFAULT;
    }
    abi_long ret = kept_limit(resource, new_addr ? &new : NULL, &old);
    if (ret == 0 && old_addr && !guest_write(old_addr, &old, sizeof(old))) {
        return -EFAULT;
    }
    return ret;
}

abi_long sys_prlimit64(CPUState *cpu, const abi_ulong *a)
{
    pid_t pid = (pid_t)a[0];
    if (is_kept(a[1]) && (pid == 0 || pid == getpid())) {
        return prlimit_kept((unsigned)a[1], a[2], a[3]);
    }
    abi_long ret = host_call(__NR_prlimit64, a[0], a[1], shift_arg(a[2]), shift_arg(a[3]), 0, 0);
    if (ret == 0 && a[1] == RLIMIT_NOFILE && a[2] && fd_owned_count) {
        fd_limit_changed();
    }
    return ret;
}

abi_long sys_getrlimit(CPUState *cpu, const abi_ulong *a)
{
    if (is_kept(a[0])) {
        return a[1] ? prlimit_kept((unsigned)a[0], 0, a[1]) : -EFAULT;
    }
    return host_call(__NR_getrlimit, a[0], shift_arg(a[1]), 0, 0, 0, 0);
}

abi_long sys_setrlimit(CPUState *cpu, const abi_ulong *a)
{
    if (is_kept(a[0])) {
        return a[1] ? prlimit_kept((unsigned)a[0], a[1], 0) : -EFAULT;
    }
    const abi_ulong b[] = { 0, a[0], a[1], 0 };
    return a[1] ? sys_prlimit64(cpu, b) : -EFAULT;
}

/* ---- the next program ---- */

#define TEXT "%lx,%lx,%lx,%lx"

char *limits_text(void)
{
    struct rlimit as, data;
    bool has_as = limit_is_kept(RLIMIT_AS, &as), has_data = limit_is_kept(RLIMIT_DATA, &data);
    if (!has_as && !has_data) {
        return NULL;
    }
    if (!has_as) {
        getrlimit(RLIMIT_AS, &as);
    }
    if (!has_data) {
        getrlimit(RLIMIT_DATA, &data);
    }
    return g_strdup_printf(TEXT, as.rlim_cur, as.rlim_max, data.rlim_cur, data.rlim_max);
}

bool limits_inherit(const char *text)
{
    struct rlimit *as = &kept[RLIMIT_AS].limit, *data = &kept[RLIMIT_DATA].limit;
    if (sscanf(text, TEXT, &as->rlim_cur, &as->rlim_max, &data->rlim_cur, &data->rlim_max) != 4) {
        return false;
    }
    kept[RLIMIT_AS].set = kept[RLIMIT_DATA].set = true;
    guest_set_limits(as->rlim_cur, data->rlim_cur);
    return true;
}

void limits_to_host(struct rlimit before[2])
{
    struct rlimit limit;
    for (unsigned i = 0; i < 2; i++) {
        unsigned resource = i ? RLIMIT_DATA : RLIMIT_AS;
        getrlimit(resource, &before[i]);
        if (limit_is_kept(resource, &limit)) {
            limit.rlim_max = MIN(limit.rlim_max, before[i].rlim_max);
            limit.rlim_cur = MIN(limit.rlim_cur, limit.rlim_max);
            setrlimit(resource, &limit);
        }
    }
}

void limits_of_host(const struct rlimit before[2])
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned resource = i ? RLIMIT_DATA : RLIMIT_AS;
        struct rlimit now;
        if (setrlimit(resource, &before[i]) < 0 && getrlimit(resource, &now) == 0) {
            now.rlim_cur = now.rlim_max;
            setrlimit(resource, &now);
        }
    }
}
