/*
 * linux-user/mmap.c: the mmap family. Source: mm/mmap.c, mm/mprotect.c, mm/mremap.c, mm/madvise.c.
 *
 * The host kernel decides and makes the errors; this file keeps it from touching what is not the
 * guest's, and keeps guest_map.c in step. Everything the guest may change is in that map, so the
 * emulator's own mappings are simply those that are not: an operation is given the guest's parts of
 * its range, and a fixed mapping first claims what is nobody's with MAP_FIXED_NOREPLACE.
 *
 * Locks, in the order they are taken:
 *   mmap_lock   one operation at a time, from before its first host call until its TBs are gone
 *   (tb_lock)   exec's, inside tb_invalidate_range()
 *   map_lock    the map itself, for the time of one look or change; nothing is called under it
 * Who holds mmap_lock reads the map without map_lock. guest_fetch() runs under tb_lock and so takes
 * map_lock only.
 *
 * Stale code: the host mapping and the map change first, then the TBs go. A TB made in between saw
 * the new state or is dropped with the old ones.
 */
#include "linux-user/mmap.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>

#include "exec/log.h"
#include "linux-user/code_file.h"
#include "linux-user/guest_map.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* x86 has two mmap() flags in bits that RISC-V does not use and so ignores. */
enum { X86_MAP_32BIT = 0x40, X86_MAP_ABOVE4G = 0x80 };
enum { TAG_SHARED = 1, TAG_GROWS = 2 };     /* MapRange.tag of mappings that are not shmat()'s */

static bool is_shared(uint64_t tag)
{
    return tag && tag != TAG_GROWS;
}
enum { GUEST_MAP_TYPE = 0xf, GUEST_MREMAP_FLAGS = 7, GUEST_PROT_SEM = 8 };

#define PAGE_MASK_LOW ((abi_ulong)0xfff)
#define HOST_TASK_SIZE (((abi_ulong)1 << 47) - 4096)

static pthread_mutex_t mmap_lock = PTHREAD_MUTEX_INITIALIZER;
static bool fenced_all;                         /* map_lock; fence.i was executed */
static pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shm_count;                      /* mmap_lock; of attachments ever made */
static abi_ulong limit_as = ~(abi_ulong)0;      /* mmap_lock; RLIMIT_AS and RLIMIT_DATA as the guest */
static abi_ulong limit_data = ~(abi_ulong)0;    /* has set them */
static bool has_growing;                        /* mmap_lock; there was a mapping with MAP_GROWSDOWN */
static const char claimed[] = "";               /* name of a range claimed by reserve() */

static abi_ulong page_up(abi_ulong x)
{
    return (x + PAGE_MASK_LOW) & ~PAGE_MASK_LOW;
}

static abi_ulong task_size(void)
{
    return HOST_TASK_SIZE - guest_base;
}

static bool in_task(abi_ulong addr, abi_ulong len)
{
    return len <= task_size() && addr <= task_size() - len;
}

/* The guest's protection as the host page gets it: never executable, but then readable. */
static int host_prot(int prot)
{
    return prot & PROT_EXEC ? (prot & ~PROT_EXEC) | PROT_READ : prot;
}

static abi_long host_error(long r)
{
    return r == -1 ? -errno : r;
}

static void map_set_range(const MapRange *r)
{
    if (is_shared(r->tag) && r->prot & PROT_WRITE) {
        exec_memory_shared();
    }
    pthread_mutex_lock(&map_lock);
    guest_map_set(r);
    pthread_mutex_unlock(&map_lock);
}

static void map_set(abi_ulong start, abi_ulong end, int prot, uint64_t tag, const char *name)
{
    map_set_range(&(MapRange){ .start = start, .end = end, .tag = tag, .name = name,
                               .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC) });
}

static void map_clear(abi_ulong start, abi_ulong end)
{
    pthread_mutex_lock(&map_lock);
    guest_map_clear(start, end);
    pthread_mutex_unlock(&map_lock);
}

/* Drop the TBs of [start, end), if the guest could have had code there. Nothing has run, and exec
 * may not be up, before the program is loaded. */
static void drop_code(bool had_code, abi_ulong start, abi_ulong end)
{
    if (had_code && process.entry && start < end) {
        tb_invalidate_range(start, end - 1);
    }
}

static bool has_code(abi_ulong start, abi_ulong end)
{
    return guest_map_any(start, end, PROT_EXEC);
}

/* The host's mapping that holds guest address addr begins at the result; addr when nobody says. */
static abi_ulong host_mapping_start(abi_ulong addr)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;
    abi_ulong start, end, found = addr;
    while (f && getline(&line, &size, f) > 0) {
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= addr + guest_base &&
            addr + guest_base < end) {
            found = start - guest_base;
            break;
        }
    }
    free(line);
    if (f) {
        fclose(f);
    }
    return found;
}

/* Mappings with MAP_GROWSDOWN grow by faults that the host's kernel serves: bring the map up to date for
 * the holes of [addr, end). */
static void follow_growth(abi_ulong addr, abi_ulong end)
{
    abi_ulong hole = guest_map_run_end(addr, end);
    while (hole < end) {
        const MapRange *r = guest_map_next(hole);
        unsigned char resident;
        if (!r) {
            break;
        }
        MapRange m = *r;
        if (m.tag == TAG_GROWS && mincore(g2h(m.start - 4096), 1, &resident) == 0) {
            m.start = host_mapping_start(m.start);
            pthread_mutex_lock(&map_lock);
            guest_map_set(&m);
            pthread_mutex_unlock(&map_lock);
        }
        hole = guest_map_run_end(m.end, MAX(end, m.end));
    }
}

/* Begin an operation on [addr, addr + len); it ends by unlocking mmap_lock. What a mapping grew by is a
 * hole to us until we ask. */
static void mmap_begin(abi_ulong addr, abi_ulong len)
{
    pthread_mutex_lock(&mmap_lock);
    if (has_growing) {
        follow_growth(addr, MAX(addr, addr + len));
    }
}

/* mmap() that fails with EEXIST rather than replace; for kernels before 4.17 the flag is a hint. */
static abi_long host_mmap_new(abi_ulong addr, abi_ulong len, int prot, int flags, int fd,
                              abi_ulong off)
{
    void *want = g2h(addr);
    void *p = mmap(want, len, prot, (flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE, fd, (off_t)off);
    if (p == MAP_FAILED) {
        return -errno;
    }
    if (p != want) {
        munmap(p, len);
        return -EEXIST;
    }
    return (abi_long)h2g(p);
}

/* The first range of watched pages in [start, end), or NULL. map_lock is held. */
static const MapRange *first_watched(abi_ulong start, abi_ulong end)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return NULL;
        }
        if (r->code == MAP_CODE_WATCHED) {
            return r;
        }
        a = r->end;
    }
    return NULL;
}

/* The first range in [start, end) that belongs to a code file, or NULL. map_lock is held. */
static const MapRange *first_of_file(abi_ulong start, abi_ulong end)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return NULL;
        }
        if (r->file) {
            return r;
        }
        a = r->end;
    }
    return NULL;
}

/* Make what is watched in [start, end) writable again and mark it. map_lock is held. */
static void unwatch(abi_ulong start, abi_ulong end, MapCode code)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return;
        }
        abi_ulong s = MAX(r->start, a), e = MIN(r->end, end);
        if (r->code == MAP_CODE_WATCHED) {
            mprotect(g2h(s), e - s, host_prot(r->prot));
            guest_map_mark(s, e, code);
        }
        a = e;
    }
}

/* Give back what claim() took and nobody overwrote. */
static void unclaim(abi_ulong start, abi_ulong end)
{
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            return;
        }
        abi_ulong s = r->start, e = r->end;
        if (r->name == claimed) {
            munmap(g2h(s), e - s);
            map_clear(s, e);
        }
        a = e;
    }
}

/* Before [start, end) is replaced: take the parts that are not mapped for the guest. False when the
 * emulator has something there. */
static bool claim(abi_ulong start, abi_ulong end)
{
    for (abi_ulong a = guest_map_run_end(start, end); a < end; a = guest_map_run_end(a, end)) {
        const MapRange *r = guest_map_next(a);
        abi_ulong e = r && r->start < end ? r->start : end;
        if (host_mmap_new(a, e - a, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            < 0) {
            unclaim(start, end);
            return false;
        }
        map_set(a, e, PROT_NONE, 0, claimed);
    }
    return true;
}

void guest_set_limits(abi_ulong as, abi_ulong data)
{
    pthread_mutex_lock(&mmap_lock);
    limit_as = as;
    limit_data = data;
    pthread_mutex_unlock(&mmap_lock);
}

/* What counts for RLIMIT_DATA. */
static bool is_data(int prot, uint64_t tag)
{
    return prot & PROT_WRITE && !tag;
}

/* May `len` bytes be mapped in place of what [start, end) has? Few guests set a limit: no sum is kept. */
static bool within_limits(abi_ulong len, bool data, abi_ulong start, abi_ulong end)
{
    abi_ulong all = 0, all_data = 0;
    if (G_LIKELY((limit_as & limit_data) == ~(abi_ulong)0)) {
        return true;
    }
    const MapRange *r;
    for (abi_ulong a = 0; (r = guest_map_next(a)) != NULL; a = r->end) {
        abi_ulong lo = MAX(r->start, start), hi = MIN(r->end, end);
        abi_ulong size = r->end - r->start - (lo < hi ? hi - lo : 0);
        all += size;
        all_data += is_data(r->prot, r->tag) ? size : 0;
    }
    return all + len <= limit_as && (!data || all_data + len <= limit_data);
}

static abi_ulong huge_page_size(int flags)
{
    unsigned shift = (unsigned)flags >> 26 & 0x3f;
    return (abi_ulong)1 << (shift ? shift : 21);
}

static abi_long mmap_fixed(abi_ulong addr, abi_ulong len, int prot, int flags, int fd,
                           abi_ulong off)
{
    abi_ulong end = addr + page_up(len);
    if (flags & MAP_FIXED_NOREPLACE) {
        return host_mmap_new(addr, len, prot, flags, fd, off);
    }
    bool whole = guest_map_run_end(addr, end) == end;
    const MapRange *next = guest_map_next(addr);
    if (!whole && (!next || next->start >= end)) {
        abi_long r = host_mmap_new(addr, len, prot, flags, fd, off);
        return r == -EEXIST ? -ENOMEM : r;
    }
    if (!whole && !claim(addr, end)) {
        return -ENOMEM;
    }
    void *p = mmap(g2h(addr), len, prot, flags, fd, (off_t)off);
    if (p == MAP_FAILED) {
        int e = errno;
        unclaim(addr, end);
        return -e;
    }
    return (abi_long)h2g(p);
}

/* Somewhere; programs and libraries where code_file.h says. */
static abi_long mmap_anywhere(abi_ulong hint, abi_ulong len, int prot, int flags, int fd,
                              abi_ulong off)
{
    if (!hint && !off && !(prot & PROT_WRITE) &&
        (flags & (GUEST_MAP_TYPE | MAP_ANONYMOUS)) == MAP_PRIVATE) {
        abi_ulong place;
        for (unsigned n = 0; n < CODE_FILE_PLACES && (place = code_file_place(fd, n)) != 0; n++) {
            abi_long r = host_mmap_new(place, len, prot, flags, fd, off);
            if (r != -EEXIST) {
                return r;
            }
        }
    }
    void *p = mmap(g2h_or_null(hint), len, prot, flags, fd, (off_t)off);
    if (p == MAP_FAILED) {
        return -errno;
    }
    if ((abi_ulong)(uintptr_t)p < guest_base) {
        munmap(p, len);
        return -ENOMEM;
    }
    return (abi_long)h2g(p);
}

/* The code_file.h number of a mapping that was made. */
static uint32_t code_file_of(abi_ulong start, int prot, int flags, int fd, abi_ulong off)
{
    bool code = prot & PROT_EXEC && !(prot & PROT_WRITE) &&
                (flags & (GUEST_MAP_TYPE | MAP_ANONYMOUS)) == MAP_PRIVATE && start >= off;
    return code ? code_file_number(fd, start - off) : 0;
}

static abi_long mmap_locked(abi_ulong addr, abi_ulong len, int prot, int flags, int fd,
                            abi_ulong off)
{
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    abi_ulong size = page_up(len);
    if ((flags & GUEST_MAP_TYPE) == MAP_SHARED_VALIDATE && !(flags & MAP_ANONYMOUS) &&
        flags & (X86_MAP_32BIT | X86_MAP_ABOVE4G)) {
        return -EOPNOTSUPP;
    }
    flags &= ~(X86_MAP_32BIT | X86_MAP_ABOVE4G);
    if (!size || size > task_size()) {  /* the host's kernel knows what is wrong first */
        int anywhere = flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE);
        void *p = mmap(NULL, len, host_prot(prot), anywhere, fd, (off_t)off);
        if (p != MAP_FAILED) {
            munmap(p, len);
        }
        return p == MAP_FAILED ? -errno : -ENOMEM;
    }
    bool data = is_data(prot, (flags & GUEST_MAP_TYPE) != MAP_PRIVATE);
    if (!within_limits(size, data, addr, fixed ? addr + size : addr)) {
        return -ENOMEM;
    }
    abi_long r;
    if (fixed && !(addr & PAGE_MASK_LOW)) {
        if (!in_task(addr, size)) {
            return -ENOMEM;
        }
        r = mmap_fixed(addr, len, host_prot(prot), flags, fd, off);
    } else {
        /* A hint that cannot be had is none; to x86 one above 47 bits says "give me 57". */
        abi_ulong hint = in_task(addr, size) || fixed ? addr : 0;
        r = mmap_anywhere(hint, len, host_prot(prot), flags, fd, off);
    }
    if (r < 0) {
        return r;
    }
    if (flags & MAP_HUGETLB) {
        abi_ulong huge = huge_page_size(flags) - 1;
        size = (len + huge) & ~huge;
    }
    abi_ulong start = (abi_ulong)r, end = start + size;
    bool had_code = fixed && has_code(start, end);
    bool grows = flags & MAP_GROWSDOWN, shared = (flags & GUEST_MAP_TYPE) != MAP_PRIVATE;
    has_growing |= grows;
    map_set_range(&(MapRange){ .start = start, .end = end, .name = "",
                               .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
                               .tag = shared ? TAG_SHARED : grows ? TAG_GROWS : 0,
                               .file = code_file_of(start, prot, flags, fd, off) });
    drop_code(had_code, start, end);
    return r;
}

abi_long guest_mmap(abi_ulong addr, abi_ulong len, int prot, int flags, int fd, abi_ulong off)
{
    mmap_begin(addr, len);
    abi_long r = mmap_locked(addr, len, prot, flags, fd, off);
    pthread_mutex_unlock(&mmap_lock);
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mmap %#lx+%#lx prot %d flags %#x fd %d off %#lx -> %#lx\n", addr, len,
                   prot, flags, fd, off, r);
    }
    return r;
}

static abi_long munmap_locked(abi_ulong addr, abi_ulong len)
{
    len = page_up(len);
    if (addr & PAGE_MASK_LOW || !in_task(addr, len) || !len) {
        return -EINVAL;
    }
    abi_ulong end = addr + len;
    bool had_code = has_code(addr, end);
    abi_long r = 0;
    for (abi_ulong a = addr; a < end && !r;) {
        const MapRange *m = guest_map_next(a);
        if (!m || m->start >= end) {
            break;
        }
        abi_ulong s = MAX(m->start, a);
        a = guest_map_run_end(s, end);
        r = host_error(munmap(g2h(s), a - s));
        if (!r) {
            map_clear(s, a);
        }
    }
    drop_code(had_code, addr, end);
    return r;
}

abi_long guest_munmap(abi_ulong addr, abi_ulong len)
{
    mmap_begin(addr, len);
    abi_long r = munmap_locked(addr, len);
    pthread_mutex_unlock(&mmap_lock);
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "munmap %#lx+%#lx -> %ld\n", addr, len, r);
    }
    return r;
}

static bool any_shared(abi_ulong start, abi_ulong end)
{
    const MapRange *r = guest_map_next(start);
    while (r && r->start < end && !is_shared(r->tag)) {
        r = guest_map_next(r->end);
    }
    return r && r->start < end;
}

static abi_long mprotect_locked(abi_ulong addr, abi_ulong len, int prot)
{
    const int grows = PROT_GROWSDOWN | PROT_GROWSUP;
    abi_ulong end = addr + page_up(len);
    if (addr & PAGE_MASK_LOW || (prot & grows) == grows) {
        return -EINVAL;
    }
    if (!len) {
        return 0;
    }
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | GUEST_PROT_SEM | grows)) {
        return end <= addr ? -ENOMEM : -EINVAL;
    }
    if (end <= addr || !in_task(addr, end - addr) || !guest_map_find(addr)) {
        return -ENOMEM;
    }
    /* Our stack does not grow by faults, but it is the guest's growing one all the same. */
    const MapRange *m = guest_map_find(addr);
    if (prot & PROT_GROWSDOWN && addr >= process.stack_limit && end <= process.stack_bottom) {
        prot &= ~PROT_GROWSDOWN;
        addr = process.stack_limit;
    } else if (prot & PROT_GROWSDOWN && m->tag == TAG_GROWS) {
        addr = m->start;
    }
    abi_ulong done = guest_map_run_end(addr, end);
    abi_long r = host_error(mprotect(g2h(addr), done - addr, host_prot(prot)));
    if (r) {
        return r;
    }
    if (prot & PROT_WRITE && any_shared(addr, done)) {
        exec_memory_shared();
    }
    /* The host page is writable now, watched or not. */
    bool had_code = (!(prot & PROT_EXEC) || prot & PROT_WRITE) && has_code(addr, done);
    pthread_mutex_lock(&map_lock);
    had_code &= !(prot & PROT_EXEC) || first_watched(addr, done) || first_of_file(addr, done);
    unwatch(addr, done, MAP_CODE_PLAIN);
    guest_map_protect(addr, done, prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
    pthread_mutex_unlock(&map_lock);
    drop_code(had_code, addr, done);
    return done < end ? -ENOMEM : 0;
}

abi_long guest_mprotect(abi_ulong addr, abi_ulong len, int prot)
{
    mmap_begin(addr, len);
    abi_long r = mprotect_locked(addr, len, prot);
    pthread_mutex_unlock(&mmap_lock);
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mprotect %#lx+%#lx prot %d -> %ld\n", addr, len, prot, r);
    }
    return r;
}

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
    for (abi_ulong a = old; a < copy_end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= copy_end) {
            break;
        }
        MapRange m = *r;
        a = m.end;
        m.file = 0;
        m.start = MAX(m.start, old) - old + to;
        m.end = MIN(m.end, copy_end) - old + to;
        g_array_append_val(ranges, m);
    }
    pthread_mutex_lock(&map_lock);
    if (to != old && !keep) {
        guest_map_clear(old, old + old_size);
    }
    guest_map_clear(to, to + new_size);
    for (guint i = 0; i < ranges->len; i++) {
        MapRange *m = &g_array_index(ranges, MapRange, i);
        if (i + 1 == ranges->len) {
            m->end = to + new_size;             /* what it grew by is as its last part */
        }
        guest_map_set(m);
    }
    pthread_mutex_unlock(&map_lock);
    g_array_free(ranges, TRUE);
}

static abi_long mremap_locked(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                              abi_ulong new_addr)
{
    abi_ulong old_size = page_up(old_len), new_size = page_up(new_len);
    bool fixed = flags & MREMAP_FIXED, keep = flags & MREMAP_DONTUNMAP;
    if (!mremap_args_ok(old, old_size, new_size, flags, new_addr)) {
        return -EINVAL;
    }
    if (!in_task(old, MAX(old_size, 1)) || !guest_map_find(old)) {
        return -EFAULT;
    }
    if (!fixed && !keep && new_size <= old_size) {      /* shrinks in place: the tail goes */
        abi_long r = new_size < old_size ? munmap_locked(old + new_size, old_size - new_size) : 0;
        return r ? r : (abi_long)old;
    }
    if (guest_map_run_end(old, old + old_size) != old + old_size) {
        return -EFAULT;
    }
    const MapRange *m = guest_map_find(old);
    if (!within_limits(new_size, is_data(m->prot, m->tag), old, keep ? old : old + old_size) ||
        (fixed && !claim(new_addr, new_addr + new_size))) {
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
    map_move(old, old_size, to, new_size, keep);
    drop_code(old_code, old, old + old_size);
    drop_code(new_code, to, to + new_size);
    return (abi_long)to;
}

abi_long guest_mremap(abi_ulong old, abi_ulong old_len, abi_ulong new_len, int flags,
                      abi_ulong new_addr)
{
    mmap_begin(old, MAX(old_len, 1));
    abi_long r = mremap_locked(old, old_len, new_len, flags, new_addr);
    pthread_mutex_unlock(&mmap_lock);
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mremap %#lx+%#lx to %#lx+%#lx flags %d -> %#lx\n", old, old_len,
                   new_addr, new_len, flags, r);
    }
    return r;
}

/* Advice after which the pages may read differently. */
static bool advice_changes_bytes(int advice)
{
    enum { ADV_DONTNEED_LOCKED = 24, ADV_GUARD_INSTALL = 102, ADV_GUARD_REMOVE = 103 };
    return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE ||
           advice == ADV_DONTNEED_LOCKED || advice == ADV_GUARD_INSTALL ||
           advice == ADV_GUARD_REMOVE;
}

abi_long guest_madvise(abi_ulong addr, abi_ulong len, int advice)
{
    mmap_begin(addr, len);
    abi_ulong size = page_up(len);
    abi_ulong end = addr + size;
    abi_long r;
    if (addr & PAGE_MASK_LOW || (len && !size) || end < addr) {
        r = host_error(madvise(g2h(addr & ~PAGE_MASK_LOW), 0, advice));
        r = r ? r : -EINVAL;
    } else if (guest_map_run_end(addr, end) == end) {
        r = host_error(madvise(g2h(addr), len, advice));
    } else {
        /* Holes: the mapped parts are advised all the same, and then it is ENOMEM. */
        r = host_error(madvise(g2h(addr), 0, advice));
        for (abi_ulong a = addr; a < end && !r;) {
            const MapRange *m = guest_map_next(a);
            if (!m || m->start >= end) {
                break;
            }
            abi_ulong s = MAX(m->start, a);
            a = guest_map_run_end(s, end);
            r = host_error(madvise(g2h(s), a - s, advice));
        }
        r = r ? r : -ENOMEM;
    }
    if (addr < end && advice_changes_bytes(advice)) {
        drop_code(has_code(addr, end), addr, end);
    }
    pthread_mutex_unlock(&mmap_lock);
    return r;
}

static void brk_locked(abi_ulong brk)
{
    abi_ulong old_end = page_up(process.brk), new_end = page_up(brk);
    if (brk < process.start_brk || !in_task(brk, 4096)) {
        return;
    }
    if (new_end < old_end) {
        if (munmap_locked(new_end, old_end - new_end) < 0) {
            return;
        }
    } else if (new_end > old_end) {
        struct rlimit lim;
        if (getrlimit(RLIMIT_DATA, &lim) < 0 || limit_data != ~(abi_ulong)0) {
            lim.rlim_cur = limit_data;
        }
        if ((lim.rlim_cur != RLIM_INFINITY &&
             brk - process.start_brk + (process.end_data - process.start_data) > lim.rlim_cur) ||
            !within_limits(new_end - old_end, true, 0, 0)) {
            return;
        }
        if (host_mmap_new(old_end, new_end - old_end, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) < 0) {
            return;
        }
        map_set(old_end, new_end, PROT_READ | PROT_WRITE, 0, "[heap]");
    }
    process.brk = brk;
}

abi_long guest_brk(abi_ulong brk)
{
    mmap_begin(0, 0);
    brk_locked(brk);
    abi_long r = (abi_long)process.brk;
    pthread_mutex_unlock(&mmap_lock);
    return r;
}

abi_long guest_shmat(int id, abi_ulong addr, int flags)
{
    struct shmid_ds ds;
    mmap_begin(addr, 1);
    /* The size is needed for the map; who may attach but not look (write only) gets one page. */
    abi_ulong size = shmctl(id, IPC_STAT, &ds) == 0 ? page_up(ds.shm_segsz) : 4096;
    bool replace = flags & SHM_REMAP && addr && !(addr & PAGE_MASK_LOW) && in_task(addr, size);
    abi_long r;
    if (replace && !claim(addr, addr + size)) {
        r = -ENOMEM;
    } else {
        void *p = shmat(id, g2h_or_null(addr), flags & ~SHM_EXEC);
        int e = errno;
        if (p == (void *)-1 && replace) {
            unclaim(addr, addr + size);
        }
        r = p == (void *)-1 ? -e : (abi_long)h2g(p);
    }
    if (r >= 0) {
        abi_ulong start = (abi_ulong)r;
        int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
                   (flags & SHM_EXEC ? PROT_EXEC : 0);
        bool had_code = replace && has_code(start, start + size);
        map_set(start, start + size, prot, ++shm_count << 32 | size >> 12, "");
        drop_code(had_code, start, start + size);
    }
    pthread_mutex_unlock(&mmap_lock);
    return r;
}

abi_long guest_shmdt(abi_ulong addr)
{
    mmap_begin(0, 0);
    const MapRange *m = guest_map_find(addr);
    uint64_t tag = m ? m->tag : 0;
    abi_ulong end = addr + (tag << 32 >> 20);
    abi_long r = tag > TAG_SHARED ? host_error(shmdt(g2h(addr))) : -EINVAL;
    /* What is left of this attachment goes; the guest may have mapped over parts of it. */
    for (; r == 0 && m && m->start < end; m = guest_map_next(addr)) {
        addr = m->end;
        if (m->tag == tag) {
            abi_ulong start = m->start;
            bool had_code = m->prot & PROT_EXEC;
            map_clear(start, addr);
            drop_code(had_code, start, addr);
        }
    }
    pthread_mutex_unlock(&mmap_lock);
    return r;
}

void mmap_init(void)
{
}

void guest_map_add(abi_ulong start, abi_ulong end, int prot, const char *name)
{
    pthread_mutex_lock(&mmap_lock);
    map_set(start, end, prot, 0, name);
    pthread_mutex_unlock(&mmap_lock);
}

void guest_map_add_growing(abi_ulong start, abi_ulong end, int prot, const char *name)
{
    pthread_mutex_lock(&mmap_lock);
    has_growing = true;
    map_set(start, end, prot, TAG_GROWS, name);
    pthread_mutex_unlock(&mmap_lock);
}

void guest_map_name(abi_ulong start, abi_ulong end, const char *name)
{
    mmap_begin(start, end - start);
    pthread_mutex_lock(&map_lock);
    guest_map_rename(start, end, name);
    pthread_mutex_unlock(&map_lock);
    pthread_mutex_unlock(&mmap_lock);
}

static int page_prot(abi_ulong addr)
{
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(addr);
    int prot = r ? r->prot : -1;
    pthread_mutex_unlock(&map_lock);
    return prot;
}

int guest_page_prot(abi_ulong addr)
{
    int prot = page_prot(addr);
    if (prot < 0 && has_growing) {
        mmap_begin(addr, 1);
        prot = page_prot(addr);
        pthread_mutex_unlock(&mmap_lock);
    }
    return prot;
}

bool guest_range_used(abi_ulong addr, abi_ulong len)
{
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_next(addr);
    bool used = r && r->start < addr + len;
    pthread_mutex_unlock(&map_lock);
    return used;
}

void guest_map_walk(GuestMapFn *fn, void *opaque)
{
    mmap_begin(1, ~(abi_ulong)0 >> 1);
    const MapRange *r;
    for (abi_ulong a = 0; (r = guest_map_next(a)) != NULL; a = r->end) {
        fn(opaque, r->start, r->end, r->prot, r->name);
    }
    pthread_mutex_unlock(&mmap_lock);
}

/*
 * Code in pages that are writable and executable at once. The ISA asks for a flush after writing code,
 * and then exec compares TBs with the bytes; but there are guests that never flush (PyPy's JIT) and
 * run on hardware all the same. So (-smc auto) a private W+X page is made read-only on the host when
 * it is first translated, and the first write to it drops its TBs. A range that the guest has flushed
 * once is left alone from then on: a guest that keeps the rules takes no faults.
 */

/* The page at pc is about to be translated. */
static void watch(const MapRange *r, abi_ulong pc)
{
    MapRange m = *r;
    if (user_options.smc == SMC_FENCE || (m.prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC) || is_shared(m.tag) ||
        m.code != MAP_CODE_PLAIN || fenced_all) {
        return;
    }
    m.start = pc & ~PAGE_MASK_LOW;
    m.end = m.start + 4096;
    m.code = MAP_CODE_WATCHED;
    if (mprotect(g2h(m.start), 4096, PROT_READ) == 0) {
        guest_map_set(&m);
    }
}

bool guest_code_written(abi_ulong addr)
{
    abi_ulong page = addr & ~PAGE_MASK_LOW;
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(addr);
    bool ours = r && (r->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC);
    bool watched = ours && r->code == MAP_CODE_WATCHED;
    if (watched) {
        unwatch(page, page + 4096, MAP_CODE_PLAIN);
    }
    pthread_mutex_unlock(&map_lock);
    if (watched) {
        tb_invalidate_range(page, page + 4095);
    }
    return ours;
}

/* The kernel was denied a page that is watched: it is no less writable for the guest than before. */
bool guest_code_unwatch_all(void)
{
    for (bool any = false;; any = true) {
        abi_ulong start = 0, end = 0;
        pthread_mutex_lock(&map_lock);
        const MapRange *r = first_watched(0, HOST_TASK_SIZE);
        if (r) {
            start = r->start;
            end = r->end;
            unwatch(start, end, MAP_CODE_PLAIN);
        }
        pthread_mutex_unlock(&map_lock);
        if (!end) {
            return any;
        }
        tb_invalidate_range(start, end - 1);
    }
}

void guest_code_fenced(abi_ulong start, abi_ulong end)
{
    if (user_options.smc != SMC_AUTO) {
        return;
    }
    start &= ~PAGE_MASK_LOW;
    end = page_up(end);
    pthread_mutex_lock(&map_lock);
    if (start == 0) {
        fenced_all = true;
    }
    for (abi_ulong a = start; a < end;) {
        const MapRange *r = guest_map_next(a);
        if (!r || r->start >= end) {
            break;
        }
        abi_ulong s = MAX(r->start, a), e = MIN(r->end, end);
        if ((r->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC)) {
            unwatch(s, e, MAP_CODE_FENCED);
            guest_map_mark(s, e, MAP_CODE_FENCED);
        }
        a = e;
    }
    pthread_mutex_unlock(&map_lock);
}

/* How many bytes from pc on, at most len, are in executable pages. */
static unsigned fetchable(abi_ulong pc, unsigned len, CPUFault *fault)
{
    unsigned ok = 0;
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(pc);
    fault->addr = pc;
    fault->sig = SIGSEGV;
    fault->code = r ? SEGV_ACCERR : SEGV_MAPERR;
    while (ok < len && r && r->prot & PROT_EXEC) {
        if (r->prot & PROT_WRITE) {
            watch(r, pc + ok);
            r = guest_map_find(pc + ok);
        }
        ok = r->end - pc < len ? (unsigned)(r->end - pc) : len;
        r = ok < len ? guest_map_find(pc + ok) : NULL;
    }
    pthread_mutex_unlock(&map_lock);
    return ok;
}

unsigned guest_fetch(vaddr pc, void *buf, unsigned len, CPUFault *fault)
{
    unsigned ok = fetchable(pc, len, fault);
    /* A page of a file that has become shorter is mapped, but reading it faults. */
    unsigned got = 0;
    while (got < ok) {
        unsigned page_left = 4096 - (unsigned)((pc + got) & PAGE_MASK_LOW);
        unsigned n = MIN(page_left, ok - got);
        if (!guest_read((uint8_t *)buf + got, pc + got, n)) {
            fault->sig = SIGBUS;
            fault->code = BUS_ADRERR;
            break;
        }
        got += n;
    }
    return got;
}

bool guest_code_origin(vaddr pc, GuestCodeOrigin *origin)
{
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(pc);
    bool found = r && r->file && !r->tag && r->prot & PROT_EXEC;
    if (found) {
        code_file_get(r->file, origin);
        origin->start = r->start;
        origin->end = r->end;
    }
    pthread_mutex_unlock(&map_lock);
    return found;
}

bool guest_code_shared(vaddr pc)
{
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(pc);
    bool shared = r && is_shared(r->tag);
    pthread_mutex_unlock(&map_lock);
    return shared;
}

/* The map changes under mmap_lock only, so the child of a fork finds it whole. map_lock is not
 * taken: exec's locks, which come before it, are still to be taken; a reader that has it does not
 * exist in the child. */
void mmap_fork_prepare(void)
{
    pthread_mutex_lock(&mmap_lock);
}

void mmap_fork_parent(void)
{
    pthread_mutex_unlock(&mmap_lock);
}

void mmap_fork_child(void)
{
    pthread_mutex_init(&map_lock, NULL);
    pthread_mutex_init(&mmap_lock, NULL);
}
