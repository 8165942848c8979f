/*
 * linux-user/address_space.c: the locks, the primitives and the questions of the guest's address
 * space. Source of the rules: mm/mmap.c.
 */
#include "linux-user/address_space.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <glib.h>

#include "exec/fork_page.h"

static FORK_PAGE pthread_mutex_t mmap_lock = PTHREAD_MUTEX_INITIALIZER;
FORK_PAGE pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;
/* RLIMIT_AS and RLIMIT_DATA as the guest has set them. mmap_lock. */
static abi_ulong limit_as = ~(abi_ulong)0, limit_data = ~(abi_ulong)0;
static int lock_future;                         /* flags of mlockall(); mmap_lock */
static bool has_unforked;                    /* MADV_DONTFORK has been said; mmap_lock */
static bool has_growing;                     /* there was a mapping with MAP_GROWSDOWN; mmap_lock */
static const char claimed[] = "";               /* name of a range that claim() took */
#define LOWEST ((abi_ulong)0x10000)             /* below, the host has nothing for anybody */
/* -R, or 0; below its stack, room is looked for from the top. Constant. */
static abi_ulong reserved, room_top;
/* Between room_next and room_top no gap is larger than room_passed. mmap_lock. */
static abi_ulong room_next, room_passed;

abi_ulong task_size(void)
{
    return reserved ? reserved : HOST_TASK_SIZE - guest_base;
}

bool guest_reserved(void)
{
    return reserved != 0;
}

abi_ulong guest_reserved_top(void)
{
    return room_top;
}

/* Has the host nothing in the size bytes from guest_base on? */
static bool host_has_room(abi_ulong size)
{
    void *p = mmap(g2h(LOWEST), size - LOWEST, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != MAP_FAILED) {
        munmap(p, size - LOWEST);
    }
    return p == g2h(LOWEST) || (p == MAP_FAILED && errno == ENOMEM);    /* by RLIMIT_AS */
}

bool guest_reserve(abi_ulong size, abi_ulong stack_size)
{
    const abi_ulong step = (abi_ulong)1 << 36, least_gap = (abi_ulong)128 << 20;
    abi_ulong gap = MIN(MAX(stack_size, least_gap), size / 6 * 5);
    bool fits = guest_base != 0 || host_has_room(size);
    while (!fits && guest_base + step + size < HOST_TASK_SIZE) {
        guest_base += step;
        fits = host_has_room(size);
    }
    reserved = size;
    room_top = room_next = (size - gap) & ~PAGE_MASK_LOW;
    return fits && guest_base + size <= HOST_TASK_SIZE;
}

bool in_task(abi_ulong addr, abi_ulong len)
{
    return len <= task_size() && addr <= task_size() - len;
}

void map_set_range(const MapRange *r)
{
    if (map_range_shared(r) && r->prot & PROT_WRITE) {
        exec_memory_shared();
    }
    pthread_mutex_lock(&map_lock);
    guest_map_set(r);
    pthread_mutex_unlock(&map_lock);
}

void map_set(abi_ulong start, abi_ulong end, int prot, uint64_t tag, const char *name)
{
    map_set_range(&(MapRange){ .start = start, .end = end, .tag = tag, .name = name,
                               .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC) });
}

void map_clear(abi_ulong start, abi_ulong end)
{
    pthread_mutex_lock(&map_lock);
    guest_map_clear(start, end);
    pthread_mutex_unlock(&map_lock);
    room_freed(end);
}

/* Nothing has run, and exec may not be up, before the program is loaded. */
void drop_code(bool had_code, abi_ulong start, abi_ulong end)
{
    if (had_code && process.entry && start < end) {
        tb_invalidate_range(start, end - 1);
    }
}

bool has_code(abi_ulong start, abi_ulong end)
{
    return guest_map_any(start, end, PROT_EXEC);
}

/* The host's mapping that holds guest address addr begins at the result; addr when nobody says. */
static abi_ulong host_mapping_start(abi_ulong addr)
{
    FILE *f = fopen("/proc/thread-self/maps", "re");
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

/* Mappings with MAP_GROWSDOWN grow by faults that the host's kernel serves: bring the map up to
 * date for the holes of [addr, end). */
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
        if (m.tag == MAP_TAG_GROWS && mincore(g2h(m.start - 4096), 1, &resident) == 0) {
            m.start = host_mapping_start(m.start);
            pthread_mutex_lock(&map_lock);
            guest_map_set(&m);
            pthread_mutex_unlock(&map_lock);
        }
        hole = guest_map_run_end(m.end, MAX(end, m.end));
    }
}

/* What a mapping grew by is a hole to us until we ask. */
void mmap_begin(abi_ulong addr, abi_ulong len)
{
    pthread_mutex_lock(&mmap_lock);
    if (has_growing) {
        follow_growth(addr, MAX(addr, addr + len));
    }
}

void mmap_end(void)
{
    pthread_mutex_unlock(&mmap_lock);
}

void map_has_growing(void)
{
    has_growing = true;
}

/* For kernels before 4.17 the flag is a hint. */
abi_long host_mmap_new(abi_ulong addr, abi_ulong len, int prot, int flags, int fd, abi_ulong off)
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

void unclaim(abi_ulong start, abi_ulong end)
{
    MapRange m;
    for (abi_ulong a = start; guest_map_part(a, end, &m); a = m.end) {
        if (m.name == claimed) {
            munmap(g2h(m.start), m.end - m.start);
            map_clear(m.start, m.end);
        }
    }
}

bool claim(abi_ulong start, abi_ulong end)
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

void room_freed(abi_ulong end)
{
    if (reserved && end > room_next) {
        const MapRange *r = guest_map_next(end);
        room_next = r ? MIN(r->start, room_top) : room_top;
    }
}

/* Looking on from where the last place was found; what was passed over since is too small. */
abi_ulong room_find(abi_ulong len, abi_ulong align)
{
    if (len <= room_passed) {
        room_next = room_top;
    }
    if (room_next == room_top) {
        room_passed = 0;
    }
    for (abi_ulong end = room_next; end > LOWEST;) {
        const MapRange *r = guest_map_below(end);
        abi_ulong start = r ? MAX(r->end, LOWEST) : LOWEST;
        if (start < end && end - start >= len && ((end - len) & ~(align - 1)) >= start) {
            room_next = (end - len) & ~(align - 1);
            room_passed = MAX(room_passed, end - len - room_next);
            return room_next;
        }
        room_passed = start < end ? MAX(room_passed, end - start) : room_passed;
        end = r ? r->start : 0;
    }
    if (room_next == room_top) {
        return 0;
    }
    room_next = room_top;
    return room_find(len, align);
}

void guest_set_limits(abi_ulong as, abi_ulong data)
{
    pthread_mutex_lock(&mmap_lock);
    limit_as = as;
    limit_data = data;
    pthread_mutex_unlock(&mmap_lock);
}

void guest_lock_future(int mcl)
{
    pthread_mutex_lock(&mmap_lock);
    lock_future = mcl & MCL_FUTURE ? mcl : 0;
    pthread_mutex_unlock(&mmap_lock);
}

int future_flags(void)
{
    return lock_future && !(lock_future & MCL_ONFAULT) ? MAP_LOCKED : 0;
}

/* The host has no flag for this. Where the limit of locked memory is reached the kernel would have
 * refused the mapping. */
void lock_if_future(abi_ulong start, abi_ulong len)
{
    if (lock_future & MCL_ONFAULT) {
        mlock2(g2h(start), len, MLOCK_ONFAULT);
    }
}

abi_ulong limit_of_data(void)
{
    return limit_data;
}

bool is_data(int prot, uint64_t tag)
{
    return prot & PROT_WRITE && !tag;
}

/* Few guests set a limit: no sum is kept. */
bool within_limits(abi_ulong len, bool data, abi_ulong start, abi_ulong end)
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
    map_set(start, end, prot, MAP_TAG_GROWS, name);
    pthread_mutex_unlock(&mmap_lock);
}

void guest_map_add_shared(abi_ulong start, abi_ulong end, int prot)
{
    if (start >= end || !in_task(start, end - start)) {
        return;
    }
    pthread_mutex_lock(&mmap_lock);
    map_set(start, end, prot, MAP_TAG_SHARED, "");
    pthread_mutex_unlock(&mmap_lock);
}

void guest_map_forget(abi_ulong start, abi_ulong end)
{
    pthread_mutex_lock(&mmap_lock);
    bool code = has_code(start, end);
    map_clear(start, end);
    drop_code(code, start, end);
    pthread_mutex_unlock(&mmap_lock);
}

void guest_map_name(abi_ulong start, abi_ulong end, const char *name)
{
    mmap_begin(start, end - start);
    pthread_mutex_lock(&map_lock);
    guest_map_rename(start, end, name);
    pthread_mutex_unlock(&map_lock);
    mmap_end();
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

static void add_size(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name)
{
    *(abi_ulong *)opaque += end - start;
}

abi_ulong guest_map_size(void)
{
    abi_ulong size = 0;
    guest_map_walk(add_size, &size);
    return size;
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
    lock_future = 0;
}

void map_unfork(abi_ulong start, abi_ulong end, bool unforked)
{
    has_unforked |= unforked;
    pthread_mutex_lock(&map_lock);
    guest_map_unfork(start, end, unforked);
    pthread_mutex_unlock(&map_lock);
}

void mmap_forget_unforked(void)
{
    const MapRange *r;
    if (!has_unforked) {
        return;
    }
    for (abi_ulong a = 0; (r = guest_map_next(a)) != NULL;) {
        abi_ulong start = r->start;
        a = r->end;
        if (r->unforked) {
            guest_map_forget(start, a);
        }
    }
    has_unforked = false;
}
