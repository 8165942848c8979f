/*
 * linux-user/shm.c: attaching System V shared memory. Source: ipc/shm.c. Rules and locks:
 * address_space.h.
 */
#include <sys/shm.h>

#include "linux-user/address_space.h"
#include "linux-user/mdwe.h"

static uint64_t shm_count;          /* mmap_lock; of attachments ever made */

abi_long guest_shmat(int id, abi_ulong addr, int flags)
{
    struct shmid_ds ds;
    int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
               (flags & SHM_EXEC ? PROT_EXEC : 0);
    mmap_begin(addr, 1);
    /* The size is needed for the map; who may attach but not look (write only) gets one page. */
    abi_ulong size = shmctl(id, IPC_STAT, &ds) == 0 ? page_up(ds.shm_segsz) : 4096;
    if (guest_reserved() && !addr && !(flags & SHM_REMAP)) {
        addr = room_find(size, 4096);
        flags |= SHM_REMAP;
    }
    bool replace = flags & SHM_REMAP && addr && !(addr & PAGE_MASK_LOW) && in_task(addr, size);
    abi_long r;
    if (guest_reserved() && (!addr || !in_task(addr, size))) {
        r = addr ? -EINVAL : -ENOMEM;
    } else if (mdwe_denies(prot, prot)) {
        r = -EACCES;
    } else if (replace && !claim(addr, addr + size)) {
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
        bool had_code = replace && has_code(start, start + size);
        map_set(start, start + size, prot, ++shm_count << 32 | size >> 12, "");
        drop_code(had_code, start, start + size);
    }
    mmap_end();
    return r;
}

abi_long guest_shmdt(abi_ulong addr)
{
    mmap_begin(0, 0);
    const MapRange *m = guest_map_find(addr);
    uint64_t tag = m ? m->tag : 0;
    abi_ulong end = addr + (tag << 32 >> 20);
    abi_long r = tag > MAP_TAG_SHARED ? host_error(shmdt(g2h(addr))) : -EINVAL;
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
    mmap_end();
    return r;
}
