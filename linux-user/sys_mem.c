/*
 * linux-user/sys_mem.c: system calls on the address space. mmap.c does the work; what does not
 * change the map is forwarded by the table.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "linux-user/host_nr.h"
#include "linux-user/mmap.h"
#include "linux-user/rseq.h"
#include "linux-user/sys_common.h"
#include "linux-user/uring.h"

abi_long sys_mmap(CPUState *cpu, const abi_ulong *a)
{
    if (a[5] & 0xfff) {
        return -EINVAL;
    }
    abi_long ret = guest_mmap(a[0], a[1], (int)a[2], (int)a[3], (int)a[4], a[5]);
    if (ret > 0 && (int)a[4] >= 0) {
        uring_mapped((int)a[4], a[5], (abi_ulong)ret);
    }
    if (ret > 0) {
        rseq_mapped(cpu, (abi_ulong)ret, a[1], (int)a[2], !((int)a[3] & MAP_ANONYMOUS));
    }
    return ret;
}

abi_long sys_munmap(CPUState *cpu, const abi_ulong *a)
{
    return guest_munmap(a[0], a[1]);
}

abi_long sys_mprotect(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = guest_mprotect(a[0], a[1], (int)a[2]);
    rseq_attend(cpu);
    if (ret == 0 && ((int)a[2] & PROT_EXEC)) {
        rseq_code_made(cpu, a[0], a[1]);
    }
    return ret;
}

abi_long sys_mremap(CPUState *cpu, const abi_ulong *a)
{
    return guest_mremap(a[0], a[1], a[2], (int)a[3], a[4]);
}

abi_long sys_madvise(CPUState *cpu, const abi_ulong *a)
{
    return guest_madvise(a[0], a[1], (int)a[2]);
}

/* mlock, mlock2, munlock, msync, mincore, mbind, mseal: the host is asked up to the first page that
 * is not the guest's, where it may have something of ours. */
abi_long sys_of_pages(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong start = a[0] & ~(abi_ulong)4095, end = (a[0] + a[1] + 4095) & ~(abi_ulong)4095;
    abi_ulong mapped = end > start ? guest_mapped_end(start, end) : end;
    if (mapped == end) {
        return sys_forward_blocking(cpu, a);
    }
    int nr = current_row(cpu)->host_nr;
    abi_ulong part[6];
    memcpy(part, a, sizeof(part));
    part[1] = nr == __NR_mseal || mapped <= a[0] ? 0 : mapped - a[0];
    abi_long ret = sys_forward_blocking(cpu, part);
    return ret < 0 ? ret : nr == __NR_mbind ? -EFAULT : -ENOMEM;
}

abi_long sys_brk(CPUState *cpu, const abi_ulong *a)
{
    return guest_brk(a[0]);
}

abi_long sys_shmat(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = guest_shmat((int)a[0], a[1], (int)a[2]);
    if (ret > 0) {
        rseq_attend(cpu);
    }
    return ret;
}

abi_long sys_shmdt(CPUState *cpu, const abi_ulong *a)
{
    return guest_shmdt(a[0]);
}

/* fs/aio.c: what begins the ring of a context; the context's number is its address. */
typedef struct AioRing {
    uint32_t id, events, head, tail, magic, features, incompatible, header_size;
} AioRing;

/* How many bytes the ring at ctx has; 0: there is none. */
static abi_ulong aio_ring_size(abi_ulong ctx)
{
    enum { MAGIC = 0xa10a10a1, EVENT_SIZE = 32, PAGE = 4096 };
    AioRing ring;
    if (!guest_read(&ring, ctx, sizeof(ring)) || ring.magic != MAGIC) {
        return 0;
    }
    return (sizeof(ring) + (abi_ulong)ring.events * EVENT_SIZE + PAGE - 1) & ~(abi_ulong)(PAGE - 1);
}

/* The host's kernel maps the ring, where it likes. */
abi_long sys_io_setup(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong ctx;
    abi_long ret = sys_identity(cpu, a);
    if (ret == 0 && guest_read(&ctx, a[1], sizeof(ctx))) {
        guest_map_add_shared(ctx, ctx + aio_ring_size(ctx), PROT_READ | PROT_WRITE);
    }
    return ret;
}

/* And unmaps it. The place may be another mapping's before the call is back: it is given up
 * first. */
abi_long sys_io_destroy(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong end = a[0] + aio_ring_size(a[0]);
    guest_map_forget(a[0], end);
    abi_long ret = sys_forward(cpu, a);
    if (ret < 0) {
        guest_map_add_shared(a[0], end, PROT_READ | PROT_WRITE);
    }
    return ret;
}

/* Other pages of the same file appear in place: protections stay, the code there does not. */
abi_long sys_remap_file_pages(CPUState *cpu, const abi_ulong *a)
{
    abi_long ret = host_call(__NR_remap_file_pages, shift_arg(a[0]), a[1], a[2], a[3], a[4], 0);
    if (ret == 0 && a[1]) {
        tb_invalidate_range(a[0], a[0] + a[1] - 1);
    }
    return ret;
}

typedef struct LockWalk {
    bool lock, fill;
    abi_long ret;
} LockWalk;

/* That some page cannot be had now (a guard, the end of a file) is no error of mlockall(), as it is
 * of mlock(). */
static void lock_range(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name)
{
    LockWalk *w = opaque;
    if (w->ret || prot == PROT_NONE) {
        return;
    }
    abi_ulong at = start + guest_base, size = end - start;
    w->ret = w->lock ? host_call(__NR_mlock2, at, size, MLOCK_ONFAULT, 0, 0, 0)
                     : host_call(__NR_munlock, at, size, 0, 0, 0, 0);
    if (w->ret == 0 && w->fill) {
        host_call(__NR_mlock2, at, size, 0, 0, 0, 0);
    }
}

/* The guest's ranges only: the host's mlockall() would fault in all address space that the emulator
 * keeps in reserve. */
abi_long sys_mlockall(CPUState *cpu, const abi_ulong *a)
{
    if (a[0] == 0 || (a[0] & ~(abi_ulong)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
        a[0] == MCL_ONFAULT) {
        return -EINVAL;
    }
    LockWalk w = { .lock = true, .fill = !(a[0] & MCL_ONFAULT) };
    if (a[0] & MCL_CURRENT) {
        guest_map_walk(lock_range, &w);
    }
    if (w.ret == 0) {
        guest_lock_future((int)a[0]);
    }
    return w.ret;
}

abi_long sys_munlockall(CPUState *cpu, const abi_ulong *a)
{
    LockWalk w = { .lock = false };
    guest_lock_future(0);
    guest_map_walk(lock_range, &w);
    return w.ret;
}
