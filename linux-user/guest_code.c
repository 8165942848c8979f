/*
 * linux-user/guest_code.c: the guest's code as the translator sees it: what may be fetched, where
 * it comes from, and that it is fresh.
 *
 * Code in pages that are writable and executable at once. The ISA asks for a flush after writing
 * code, and then exec compares TBs with the bytes; but there are guests that never flush (PyPy's
 * JIT) and run on hardware all the same. So (-smc auto) a private W+X page is made read-only on the
 * host when it is first translated, and the first write to it drops its TBs. A range that the guest
 * has flushed once is left alone from then on: a guest that keeps the rules takes no faults.
 */
#include <glib.h>

#include "linux-user/address_space.h"
#include "linux-user/code_file.h"

static bool fenced_all;             /* map_lock; fence.i was executed */

static bool is_wx(const MapRange *r)
{
    return (r->prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC);
}

void unwatch(abi_ulong start, abi_ulong end, MapCode code)
{
    MapRange m;
    for (abi_ulong a = start; guest_map_part(a, end, &m); a = m.end) {
        if (m.code == MAP_CODE_WATCHED) {
            mprotect(g2h(m.start), m.end - m.start, host_prot(m.prot));
            guest_map_mark(m.start, m.end, code);
        }
    }
}

/* The page at pc is about to be translated. */
static void watch(const MapRange *r, abi_ulong pc)
{
    MapRange m = *r;
    if (user_options.smc == SMC_FENCE || !is_wx(&m) || map_range_shared(&m) ||
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
    bool ours = r && is_wx(r);
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

/* The kernel was denied a page that is watched: it is no less writable for the guest than
 * before. */
bool guest_code_unwatch_all(void)
{
    bool any = false;
    MapRange m;
    abi_ulong a = 0;
    for (bool found = true; found; any |= found) {
        pthread_mutex_lock(&map_lock);
        while ((found = guest_map_part(a, HOST_TASK_SIZE, &m)) && m.code != MAP_CODE_WATCHED) {
            a = m.end;
        }
        if (found) {
            unwatch(m.start, m.end, MAP_CODE_PLAIN);
        }
        pthread_mutex_unlock(&map_lock);
        if (found) {
            tb_invalidate_range(m.start, m.end - 1);
        }
    }
    return any;
}

void guest_code_fenced(abi_ulong start, abi_ulong end)
{
    MapRange m;
    if (user_options.smc != SMC_AUTO) {
        return;
    }
    start &= ~PAGE_MASK_LOW;
    end = page_up(end);
    pthread_mutex_lock(&map_lock);
    if (start == 0) {
        fenced_all = true;
    }
    for (abi_ulong a = start; guest_map_part(a, end, &m); a = m.end) {
        if (is_wx(&m)) {
            unwatch(m.start, m.end, MAP_CODE_FENCED);
            guest_map_mark(m.start, m.end, MAP_CODE_FENCED);
        }
    }
    pthread_mutex_unlock(&map_lock);
}

/* How many bytes from pc on, at most len, are in executable pages; the fault is that of the
 * next. */
static unsigned fetchable(abi_ulong pc, unsigned len, CPUFault *fault)
{
    unsigned ok = 0;
    pthread_mutex_lock(&map_lock);
    const MapRange *r = guest_map_find(pc);
    while (ok < len && r && r->prot & PROT_EXEC) {
        if (r->prot & PROT_WRITE) {
            watch(r, pc + ok);
            r = guest_map_find(pc + ok);
        }
        ok = r->end - pc < len ? (unsigned)(r->end - pc) : len;
        r = ok < len ? guest_map_find(pc + ok) : NULL;
    }
    fault->addr = pc + ok;
    fault->sig = SIGSEGV;
    fault->code = r ? SEGV_ACCERR : SEGV_MAPERR;
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
            fault->addr = pc + got;
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
    bool shared = r && map_range_shared(r);
    pthread_mutex_unlock(&map_lock);
    return shared;
}
