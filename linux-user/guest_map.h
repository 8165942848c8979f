/*
 * linux-user/guest_map.h: which guest pages are mapped, and how: a map of disjoint address ranges.
 *
 * Owns the ranges and nothing else: no host mapping is made or changed here. Neighbours that agree
 * in all but their addresses are one range, so the map is as small as the kernel's own list. A
 * treap: every operation is O(log n) expected for each range it touches. No lock inside:
 * address_space.h has it.
 */
#ifndef LINUX_USER_GUEST_MAP_H
#define LINUX_USER_GUEST_MAP_H

#include "linux-user/guest_ptr.h"

/* How pages that are writable and executable at once stay coherent: see guest_code.c. */
typedef enum MapCode { MAP_CODE_PLAIN, MAP_CODE_WATCHED, MAP_CODE_FENCED } MapCode;

typedef struct MapRange {
    abi_ulong start, end;           /* page-aligned, end exclusive, start < end */
    uint8_t code;                   /* MapCode */
    bool unforked;                  /* MADV_DONTFORK: the child of a fork has it not */
    uint32_t file;                  /* of code that never was writable: code_file_number(), or 0 */
    int prot;                       /* the guest's PROT_READ | PROT_WRITE | PROT_EXEC */
    uint64_t tag;                   /* 0 private; MAP_TAG_*; of shmat(): number << 32 | pages */
    const char *name;               /* static or interned; "" when it has none */
} MapRange;

enum { MAP_TAG_SHARED = 1, MAP_TAG_GROWS = 2 };

/* Is it memory that another process may write? */
static inline bool map_range_shared(const MapRange *r)
{
    return r->tag && r->tag != MAP_TAG_GROWS;
}

/* Make [r->start, r->end) what r says, whatever was there. */
void guest_map_set(const MapRange *r);
void guest_map_clear(abi_ulong start, abi_ulong end);

/* The first range that ends after addr (so it holds addr, or is the next one above), or NULL. Valid
 * until the map changes. */
const MapRange *guest_map_next(abi_ulong addr);
/* The last range that starts below addr, or NULL. */
const MapRange *guest_map_below(abi_ulong addr);
/* The range that holds addr, or NULL. */
const MapRange *guest_map_find(abi_ulong addr);

/* The first part of [start, end) that is one range's, as *part with its addresses cut to [start,
 * end); false when nothing there is mapped. To see every part, whatever happens to the map
 * meanwhile:
 *     for (a = start; guest_map_part(a, end, &part); a = part.end) */
bool guest_map_part(abi_ulong start, abi_ulong end, MapRange *part);

/* Where the mapped run that begins at addr ends (at most limit); addr when that is unmapped. */
abi_ulong guest_map_run_end(abi_ulong addr, abi_ulong limit);
/* True when some mapped page of [start, end) has one of the bits of prot. */
bool guest_map_any(abi_ulong start, abi_ulong end, int prot);

/* Set the protection, the MapCode, the name or `unforked` of what is mapped in [start, end). */
void guest_map_protect(abi_ulong start, abi_ulong end, int prot);
void guest_map_mark(abi_ulong start, abi_ulong end, MapCode code);
void guest_map_unfork(abi_ulong start, abi_ulong end, bool unforked);
void guest_map_rename(abi_ulong start, abi_ulong end, const char *name);

/* The ranges of another process that runs this program, in order, to fn: what is static lies there
 * `distance` above ours; peek reads its memory. It may change meanwhile, or end: false when what
 * was read makes no sense. */
typedef bool GuestMapPeek(void *opaque, uint64_t addr, void *buf, size_t n);
typedef void GuestMapRangeFn(void *opaque, const MapRange *r);
bool guest_map_walk_other(GuestMapPeek *peek, uint64_t distance, GuestMapRangeFn *fn, void *opaque);

/* Number of ranges: for tests. */
size_t guest_map_count(void);

#endif
