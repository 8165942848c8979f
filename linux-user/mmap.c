/*
 * linux-user/mmap.c: mmap, munmap, mprotect, madvise, brk. Source: mm/mmap.c, mm/mprotect.c,
 * mm/madvise.c. Rules and locks: address_space.h.
 */
#include <sys/resource.h>

#include <glib.h>

#include "exec/log.h"
#include "linux-user/address_space.h"
#include "linux-user/code_file.h"
#include "linux-user/mdwe.h"

/* x86 has two mmap() flags in bits that RISC-V does not use and so ignores. */
enum { X86_MAP_32BIT = 0x40, X86_MAP_ABOVE4G = 0x80 };
enum { GUEST_MAP_TYPE = 0xf, GUEST_PROT_SEM = 8 };

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

/* Below what -R says: at the hint, or in the highest room. */
static abi_long mmap_reserved(abi_ulong hint, abi_ulong len, int prot, int flags, int fd,
                              abi_ulong off)
{
    abi_ulong align = flags & MAP_HUGETLB ? huge_page_size(flags) : 4096, at = page_up(hint);
    abi_ulong size = (len + align - 1) & ~(align - 1);
    abi_long r = -EEXIST;
    if (at && in_task(at, size)) {
        r = host_mmap_new(at, len, prot, flags, fd, off);
    }
    if (r == -EEXIST || r == -EPERM) {
        at = room_find(size, align);
        r = at ? host_mmap_new(at, len, prot, flags, fd, off) : -ENOMEM;
    }
    return r == -EEXIST ? -ENOMEM : r;
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
    if (guest_reserved()) {
        return mmap_reserved(hint, len, prot, flags, fd, off);
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
    bool denied = mdwe_denies(prot, prot);
    if (!size || size > task_size() || denied) {   /* the host's kernel knows what is wrong first */
        int anywhere = flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE);
        void *p = mmap(NULL, len, host_prot(prot), anywhere, fd, (off_t)off);
        if (p != MAP_FAILED) {
            munmap(p, len);
        }
        return p == MAP_FAILED ? -errno : denied ? -EACCES : -ENOMEM;
    }
    bool data = is_data(prot, (flags & GUEST_MAP_TYPE) != MAP_PRIVATE);
    if (!within_limits(size, data, addr, fixed ? addr + size : addr)) {
        return -ENOMEM;
    }
    abi_long r;
    flags |= future_flags();
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
    if (grows) {
        map_has_growing();
    }
    map_set_range(&(MapRange){ .start = start, .end = end, .name = "",
                               .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
                               .tag = shared ? MAP_TAG_SHARED : grows ? MAP_TAG_GROWS : 0,
                               .file = code_file_of(start, prot, flags, fd, off) });
    drop_code(had_code, start, end);
    lock_if_future(start, size);
    return r;
}

abi_long guest_mmap(abi_ulong addr, abi_ulong len, int prot, int flags, int fd, abi_ulong off)
{
    mmap_begin(addr, len);
    abi_long r = mmap_locked(addr, len, prot, flags, fd, off);
    mmap_end();
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mmap %#lx+%#lx prot %d flags %#x fd %d off %#lx -> %#lx\n", addr, len,
                   prot, flags, fd, off, r);
    }
    return r;
}

abi_long munmap_locked(abi_ulong addr, abi_ulong len)
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
    mmap_end();
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "munmap %#lx+%#lx -> %ld\n", addr, len, r);
    }
    return r;
}

static bool is_watched(const MapRange *r)
{
    return r->code == MAP_CODE_WATCHED;
}

static bool is_of_code_file(const MapRange *r)
{
    return r->file != 0;
}

/* Is there a range in [start, end) of which that is true? */
static bool any_range(abi_ulong start, abi_ulong end, bool (*is)(const MapRange *))
{
    MapRange m;
    for (abi_ulong a = start; guest_map_part(a, end, &m); a = m.end) {
        if (is(&m)) {
            return true;
        }
    }
    return false;
}

/* Up to where memory from addr on may become prot. */
static abi_ulong allowed_end(abi_ulong addr, abi_ulong end, int prot)
{
    MapRange m;
    for (abi_ulong a = addr; guest_map_part(a, end, &m); a = m.end) {
        if (mdwe_denies(m.prot, prot)) {
            return m.start;
        }
    }
    return end;
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
    } else if (prot & PROT_GROWSDOWN && m->tag == MAP_TAG_GROWS) {
        addr = m->start;
    }
    abi_ulong done = guest_map_run_end(addr, end);
    abi_ulong allowed = allowed_end(addr, done, prot);
    abi_long failure = allowed < done ? -EACCES : done < end ? -ENOMEM : 0;
    done = allowed;
    if (done == addr) {
        return failure;
    }
    abi_long r = host_error(mprotect(g2h(addr), done - addr, host_prot(prot)));
    if (r) {
        return r;
    }
    if (prot & PROT_WRITE && any_range(addr, done, map_range_shared)) {
        exec_memory_shared();
    }
    /* The host page is writable now, watched or not. */
    bool had_code = (!(prot & PROT_EXEC) || prot & PROT_WRITE) && has_code(addr, done);
    pthread_mutex_lock(&map_lock);
    had_code &= !(prot & PROT_EXEC) || any_range(addr, done, is_watched) ||
                any_range(addr, done, is_of_code_file);
    unwatch(addr, done, MAP_CODE_PLAIN);
    guest_map_protect(addr, done, prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
    pthread_mutex_unlock(&map_lock);
    drop_code(had_code, addr, done);
    return failure;
}

abi_long guest_mprotect(abi_ulong addr, abi_ulong len, int prot)
{
    mmap_begin(addr, len);
    abi_long r = mprotect_locked(addr, len, prot);
    mmap_end();
    if (log_enabled(LOG_PAGE)) {
        log_printf(LOG_PAGE, "mprotect %#lx+%#lx prot %d -> %ld\n", addr, len, prot, r);
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

abi_ulong guest_mapped_end(abi_ulong addr, abi_ulong end)
{
    mmap_begin(addr, end - addr);
    abi_ulong mapped = guest_map_run_end(addr, end);
    mmap_end();
    return mapped;
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
    if ((advice == MADV_DONTFORK || advice == MADV_DOFORK) && (r == 0 || r == -ENOMEM)) {
        map_unfork(addr, end, advice == MADV_DONTFORK);
    }
    mmap_end();
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
        if (getrlimit(RLIMIT_DATA, &lim) < 0 || limit_of_data() != ~(abi_ulong)0) {
            lim.rlim_cur = limit_of_data();
        }
        if ((lim.rlim_cur != RLIM_INFINITY &&
             brk - process.start_brk + (process.end_data - process.start_data) > lim.rlim_cur) ||
            !within_limits(new_end - old_end, true, 0, 0)) {
            return;
        }
        if (host_mmap_new(old_end, new_end - old_end, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | future_flags(), -1, 0) < 0) {
            return;
        }
        lock_if_future(old_end, new_end - old_end);
        map_set(old_end, new_end, PROT_READ | PROT_WRITE, 0, "[heap]");
    }
    process.brk = brk;
}

abi_long guest_brk(abi_ulong brk)
{
    mmap_begin(0, 0);
    brk_locked(brk);
    abi_long r = (abi_long)process.brk;
    mmap_end();
    return r;
}
