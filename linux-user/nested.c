/*
 * linux-user/nested.c: see nested.h.
 */
#include "linux-user/nested.h"

#include <linux/blkpg.h>
#include <linux/fb.h>
#include <linux/filter.h>
#include <linux/fsverity.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/kd.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <scsi/sg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "linux-user/host_nr.h"
#include "linux-user/sys_common.h"

/* Of Linux 6.13 */
typedef struct GuestXattrArgs {
    uint64_t value;
    uint32_t size, flags;
} GuestXattrArgs;

#define SOCKET_KEY(level, option) ((uint64_t)(uint32_t)(level) << 32 | (uint32_t)(option))

enum { MAX_POINTERS = 4, MAX_STRUCT = 256 };

struct NestedRow {
    uint64_t key;
    uint16_t nr, size;
    uint8_t arg, count;
    uint16_t at[MAX_POINTERS];      /* of the pointers */
};

#define COUNT_(a, b, c, d, n, ...) n
#define COUNT(...) COUNT_(__VA_ARGS__, 4, 3, 2, 1, 0)
#define AT_1(type, a) offsetof(type, a)
#define AT_2(type, a, ...) offsetof(type, a), AT_1(type, __VA_ARGS__)
#define AT_3(type, a, ...) offsetof(type, a), AT_2(type, __VA_ARGS__)
#define AT_4(type, a, ...) offsetof(type, a), AT_3(type, __VA_ARGS__)
#define AT__(n, type, ...) AT_##n(type, __VA_ARGS__)
#define AT_N(n, type, ...) AT__(n, type, __VA_ARGS__)
#define NESTED(call, argument, row_key, type, ...)                                                 \
    { .nr = __NR_##call, .arg = argument, .key = row_key, .size = sizeof(type),                    \
      .count = COUNT(__VA_ARGS__), .at = { AT_N(COUNT(__VA_ARGS__), type, __VA_ARGS__) } },
static const NestedRow rows[] = {
#include "linux-user/nested.def"
};
#undef NESTED

#define NESTED(call, argument, row_key, type, ...)                                                 \
    _Static_assert(sizeof(type) <= MAX_STRUCT, "room for a copy");
#include "linux-user/nested.def"
#undef NESTED

static uint64_t key_of(long nr, const abi_ulong *a)
{
    return nr == __NR_ioctl ? (uint32_t)a[1] : nr == __NR_setsockopt ? SOCKET_KEY(a[1], a[2]) : 0;
}

const NestedRow *nested_find(long nr, const abi_ulong *a)
{
    uint64_t key = key_of(nr, a);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].nr == nr && rows[i].key == key) {
            return &rows[i];
        }
    }
    return NULL;
}

abi_long nested_call(const NestedRow *row, HostCall *call, const abi_ulong *a, const abi_ulong *b)
{
    uint8_t guest[MAX_STRUCT], host[MAX_STRUCT];
    abi_ulong c[6];
    memcpy(c, b, sizeof(c));
    bool there = guest_read(guest, a[row->arg], row->size);     /* else the kernel says EFAULT */
    if (there) {
        memcpy(host, guest, row->size);
        for (unsigned i = 0; i < row->count; i++) {
            abi_ulong p;
            memcpy(&p, host + row->at[i], sizeof(p));
            p = shift_arg(p);
            memcpy(host + row->at[i], &p, sizeof(p));
        }
        c[row->arg] = host_arg(host);
    } else {
        c[row->arg] = shift_arg(a[row->arg]);
    }
    abi_long ret = call(row->nr, c[0], c[1], c[2], c[3], c[4], c[5]);
    if (!there) {
        return ret;
    }
    for (unsigned i = 0; i < row->count; i++) {
        memcpy(host + row->at[i], guest + row->at[i], sizeof(abi_ulong));
    }
    if (memcmp(host, guest, row->size) != 0) {
        guest_write(a[row->arg], host, row->size);
    }
    return ret;
}
