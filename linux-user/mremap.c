/*
 * linux-user/mremap.c: mremap. Source: mm/mremap.c. Rules and locks: address_space.h.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>

#include "exec/log.h"
#include "linux-user/address_space.h"
#include "linux-user/host_kernel.h"

enum { GUEST_MREMAP_FLAGS = 7 };

/* The argument checks of mremap() that come before the old range is looked at. */
static bool mremap_args_ok(abi_ulong old, abi_ulong old_size, abi_ulong new_size, int flags,
                           abi_ulong to)
{
    bool move = flags & MREMAP_MAYMOVE, fixed = flags & MREMAP_FIXED;
    bool keep = flags & MREMAP_DONTUNMAP;
    if (flags & ~GUEST_MREMAP_FLAGS || (fixed && !move) || (keep && !move) ||
        old & PAGE_MASK_LOW || !new_size || (keep && old_size != new_size)) {
        return false;
    }
    return !fixed || (!(to & PAGE_MASK_LOW) && in_task(to, new_size) &&
                      (old + old_size <= to || to + new_size <= old));
}

/* What was mapped in [old, old + old_size) is now at `to` with new_size bytes. */
static void map_move(abi_ulong old, abi_ulong old_size, abi_ulong to, abi_ulong new_size, bool keep)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(MapRange));
    abi_ulong copy_end = old + (old_size ? MIN(old_size, new_size) : 4096);
    MapRange m;
    for (abi_ulong a = old; guest_map_part(a, copy_end, &m);) {
        a = m.end;
        m.file = 0;
        m.start = m.start - old + to;
        m.end = m.end - old + to;
        g_array_append_val(ranges, m);
    }
    pthread_mutex_lock(&map_lock);
    if (to != old && !keep) {
        guest_map_clear(old, old + old_size);
    }
    guest_map_clear(to, to + new_size);
    for (guint i = 0; i < ranges->len; i++) {
        MapRange *moved = &g_array_index(ranges, MapRange, i);
        if (i + 1 == ranges->len) {
            moved->end = to + new_size;         /* what it grew by is as its last part */
        }
        guest_map_set(moved);
    }
    pthread_mutex_unlock(&map_lock);
    g_array_free(ranges, TRUE);
    room_freed(old + old_size);
}

/* Below what -R says the host must not choose where to. Returns the result when the mapping could
 * grow where it is; else -ENOMEM, with *flags and *to changed for a move. */
static abi_long grow_or_find_room(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int *flags,
                                  abi_ulong *to)
{
    long p = -1;
    errno = ENOMEM;
    if (!(*flags & MREMAP_DONTUNMAP) && in_task(old, page_up(new_len))) {
        p = syscall(SYS_mremap, g2h(old), old_len, new_len, 0, NULL);
    }
    if (p != -1 || errno != ENOMEM || !(*flags & MREMAP_MAYMOVE)) {
        return p == -1 ? -errno : (abi_long)h2g((void *)p);
    }
    *to = room_find(page_up(new_len), 4096);
    *flags |= *to ? MREMAP_FIXED : 0;
    return -ENOMEM;
}

/* Fixed or not, with arguments that are right for the guest; old_len is all mapped. */
static abi_long mremap_host(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                            abi_ulong new_addr)
{
    abi_ulong old_size = page_up(old_len), new_size = page_up(new_len);
    bool fixed = flags & MREMAP_FIXED;
    if (fixed && !claim(new_addr, new_addr + new_size)) {
        return -ENOMEM;
    }
    long p = syscall(SYS_mremap, g2h(old), old_len, new_len, flags,
                     flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? g2h_or_null(new_addr) : NULL);
    if (p == -1) {
        int e = errno;
        if (fixed) {
            unclaim(new_addr, new_addr + new_size);
        }
        return -e;
    }
    abi_ulong to = h2g((void *)p);
    bool old_code = to != old && has_code(old, old + old_size);
    bool new_code = fixed && has_code(to, to + new_size);
    map_move(old, old_size, to, new_size, flags & MREMAP_DONTUNMAP);
    drop_code(old_code, old, old + old_size);
    drop_code(new_code, to, to + new_size);
    return (abi_long)to;
}

/* Since Linux 6.17 the mappings of a range move together, and the holes stay between them. In a
 * hole may be something of the emulator's: it is not for the host to move. */
static abi_long move_with_holes(abi_ulong old, abi_ulong end, int flags, abi_ulong to)
{
    enum { MAJOR = 6, MINOR = 17 };
    MapRange m;
    if (!host_kernel_has(MAJOR, MINOR)) {
        return -EFAULT;
    }
    for (abi_ulong a = old; guest_map_part(a, end, &m);) {
        a = guest_map_run_end(m.start, end);
        abi_ulong len = a - m.start;
        abi_long r = mremap_host(m.start, len, len, flags, to + (m.start - old));
        if (r < 0) {
            return r;
        }
    }
    return (abi_long)to;
}

static abi_long mremap_locked(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                              abi_ulong new_addr)
{
    abi_ulong old_size = page_up(old_len), new_size = page_up(new_len);
    bool fixed = flags & MREMAP_FIXED, keep = flags & MREMAP_DONTUNMAP;
    bool same_size = old_size == new_size;
    if (!mremap_args_ok(old, old_size, new_size, flags, new_addr)) {
        return -EINVAL;
    }
    if (!in_task(old, MAX(old_size, 1)) || !guest_map_find(old)) {
        return -EFAULT;
    }
    if (new_size < old_size) {      /* the tail goes, whatever it was */
        abi_long r = munmap_locked(old + new_size, old_size - new_size);
        if (r) {
            return r;
        }
        old_len = old_size = new_size;
    }
    if (!fixed && !keep && new_size == old_size) {
        return (abi_long)old;
    }
    bool whole = guest_map_run_end(old, old + old_size) == old + old_size;
    if (!whole && !(fixed && same_size)) {
        return -EFAULT;
    }
    const MapRange *m = guest_map_find(old);
    if (!within_limits(new_size, is_data(m->prot, m->tag), old, keep ? old : old + old_size)) {
        return -ENOMEM;
    }
    if (!whole) {
        return move_with_holes(old, old + old_size, flags, new_addr);
    }
    if (guest_reserved() && !fixed) {
        abi_long r = grow_or_find_room(old, old_len, new_len, &flags, &new_addr);
        if (!(flags & MREMAP_FIXED)) {
            if (r >= 0) {
                map_move(old, old_size, old, new_size, false);
            }
            return r;
        }
    }
    return mremap_host(old, old_len, new_len, flags, new_addr);
}

abi_long guest_mremap(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                      abi_ulong new_addr)
{
    mmap_begin(old, MAX(old_len, 1));
    abi_long r = mremap_locked(old, old_len, new_len, flags, new_addr);
    mmap_end();
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mremap %#lx+%#lx to %#lx+%#lx flags %d -> %#lx\n", old, old_len,
                   new_addr, new_len, flags, r);
    }
    return r;
}
