/*
 * linux-user/sys_misc.c: what the machine says about itself (uname, riscv_hwprobe), what it counts,
 * and the instruction cache.
 */
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "linux-user/hwprobe.h"
#include "linux-user/mmap.h"
#include "linux-user/rseq.h"
#include "linux-user/sys_common.h"

abi_long sys_uname(CPUState *cpu, const abi_ulong *a)
{
    struct utsname u;           /* new_utsname: six fields of 65 bytes on both sides */
    if (uname(&u) < 0) {
        return -errno;
    }
    bool bits32 = strcmp(u.machine, "x86_64");      /* personality(PER_LINUX32) */
    memset(u.machine, 0, sizeof(u.machine));
    strcpy(u.machine, bits32 ? "riscv32" : "riscv64");
    if (user_options.uname_release) {
        memset(u.release, 0, sizeof(u.release));
        g_strlcpy(u.release, user_options.uname_release, sizeof(u.release));
    }
    return guest_write(a[0], &u, sizeof(u)) ? 0 : -EFAULT;
}

/* The architecture has no hardware breakpoints (HAVE_HW_BREAKPOINT); the host's would watch the
 * emulator's code. */
abi_long sys_perf_event_open(CPUState *cpu, const abi_ulong *a)
{
    uint32_t type;
    abi_long fd = sys_forward(cpu, a);
    if (fd >= 0 && guest_read(&type, a[0], sizeof(type)) && type == PERF_TYPE_BREAKPOINT) {
        close((int)fd);
        return -ENOENT;
    }
    return fd;
}

abi_long sys_riscv_flush_icache(CPUState *cpu, const abi_ulong *a)
{
    enum { FLUSH_LOCAL = 1 };
    if (a[2] & ~(abi_ulong)FLUSH_LOCAL) {
        return -EINVAL;
    }
    /* The kernel ignores the range and flushes all; naming none means all here as well. */
    guest_code_fenced(a[1] > a[0] ? a[0] : 0, a[1] > a[0] ? a[1] : ~(abi_ulong)4095);
    if (a[1] > a[0]) {
        rseq_code_made(cpu, a[0], a[1] - a[0]);
        tb_revalidate_range(a[0], a[1] - 1);
    } else {
        tb_revalidate_all();
    }
    return 0;
}

/* --- riscv_hwprobe
 * ------------------------------------------------------------------------------ */

typedef struct HwprobePair {
    int64_t key;
    uint64_t value;
} HwprobePair;

enum { CPUMASK_BYTES = 1024, WHICH_CPUS = 1 };

/* The CPUs of the host that are on line, as a mask. */
static void online_cpus(uint8_t mask[CPUMASK_BYTES])
{
    long n = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    memset(mask, 0, CPUMASK_BYTES);
    for (long i = 0; i < MIN(n, CPUMASK_BYTES * 8); i++) {
        mask[i / 8] |= (uint8_t)(1 << i % 8);
    }
}

static bool mask_empty(const uint8_t mask[CPUMASK_BYTES])
{
    for (size_t i = 0; i < CPUMASK_BYTES; i++) {
        if (mask[i]) {
            return false;
        }
    }
    return true;
}

/* The guest's mask, reduced to CPUs on line; an empty one means all when `none_is_all`. */
static abi_long read_cpus(abi_ulong addr, abi_ulong size, bool none_is_all,
                          uint8_t mask[CPUMASK_BYTES])
{
    uint8_t online[CPUMASK_BYTES];
    online_cpus(online);
    memset(mask, 0, CPUMASK_BYTES);
    if (!guest_read(mask, addr, size)) {
        return -EFAULT;
    }
    if (none_is_all && mask_empty(mask)) {
        memcpy(mask, online, CPUMASK_BYTES);
    }
    for (size_t i = 0; i < CPUMASK_BYTES; i++) {
        mask[i] &= online[i];
    }
    return 0;
}

static abi_long hwprobe_values(abi_ulong pairs, abi_ulong count, abi_ulong size, abi_ulong cpus)
{
    uint8_t mask[CPUMASK_BYTES];
    if (size || cpus) {
        abi_long ret = read_cpus(cpus, MIN(size, CPUMASK_BYTES), false, mask);
        if (ret < 0) {
            return ret;
        }
        if (mask_empty(mask)) {
            return -EINVAL;
        }
    }
    for (; count; count--, pairs += sizeof(HwprobePair)) {
        HwprobePair p;
        if (!guest_read(&p.key, pairs, sizeof(p.key))) {
            return -EFAULT;
        }
        if (!hwprobe_value(p.key, &p.value)) {
            p = (HwprobePair){ .key = -1 };
        }
        if (!guest_write(pairs, &p, sizeof(p))) {
            return -EFAULT;
        }
    }
    return 0;
}

/* Which CPUs have all these values: all CPUs are the same here, so all or none. */
static abi_long hwprobe_cpus(abi_ulong pairs, abi_ulong count, abi_ulong size, abi_ulong cpus)
{
    uint8_t mask[CPUMASK_BYTES];
    if (!size || !cpus) {
        return -EINVAL;
    }
    size = MIN(size, CPUMASK_BYTES);
    abi_long ret = read_cpus(cpus, size, true, mask);
    if (ret < 0) {
        return ret;
    }
    for (; count; count--, pairs += sizeof(HwprobePair)) {
        HwprobePair p;
        if (!guest_read(&p, pairs, sizeof(p))) {
            return -EFAULT;
        }
        uint64_t ours;
        bool known = hwprobe_value(p.key, &ours);
        if (!known) {
            p = (HwprobePair){ .key = -1 };
            if (!guest_write(pairs, &p, sizeof(p))) {
                return -EFAULT;
            }
        }
        if (!known || (hwprobe_is_bitmask(p.key) ? (ours & p.value) != p.value : ours != p.value)) {
            memset(mask, 0, CPUMASK_BYTES);
        }
    }
    return guest_write(cpus, mask, size) ? 0 : -EFAULT;
}

abi_long sys_riscv_hwprobe(CPUState *cpu, const abi_ulong *a)
{
    if (a[4] == 0) {
        return hwprobe_values(a[0], a[1], a[2], a[3]);
    }
    return a[4] == WHICH_CPUS ? hwprobe_cpus(a[0], a[1], a[2], a[3]) : -EINVAL;
}
