/*
 * linux-user/rseq.c: see rseq.h.
 *
 * A host thread can have one struct rseq. Where the host's C library has registered its own, that
 * goes when the guest registers; threads made by a thread without one have none.
 */
#include "linux-user/rseq.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "exec/image.h"
#include "exec/section.h"
#include "linux-user/mmap.h"
#include "linux-user/sys_common.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum { MIN_SIZE = 32 };             /* of struct rseq, as it first was */

enum { MAX_SIGNATURES = 8 };        /* C libraries have one, programs perhaps another */
/* bytes of writable code that are searched: more is reserved for it only */
enum { MAX_MADE = 16 << 20 };

/* All that were registered. No lock: who adds one searches all code after that, who maps code
 * searches it for all of them after that. */
static uint32_t signature[MAX_SIGNATURES];
static _Atomic unsigned nsignatures;
static _Atomic bool handlers;       /* the guest has had one */
static _Atomic bool searched;       /* the guest's code was, and new code is from then on */

/* ---- is there a section? ---- */

typedef struct CodeRange {
    abi_ulong start, end;
} CodeRange;

static void add_code(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name)
{
    if ((prot & PROT_EXEC) && (!(prot & PROT_WRITE) || end - start <= MAX_MADE)) {
        CodeRange r = { start, end };
        g_array_append_val((GArray *)opaque, r);
    }
}

/* In the code, or just before: what follows it is aborted to. */
static bool has_word(const CodeRange *r, uint32_t word)
{
    uint32_t before;
    if (image_lacks_word(r->start, r->end, word)) {
        return false;
    }
    for (abi_ulong at = r->start - sizeof(before); at < r->start; at += 2) {
        if (guest_read(&before, at, sizeof(before)) && before == word) {
            return true;
        }
    }
    /* at once what would come in bits */
    madvise(g2h(r->start), r->end - r->start, MADV_POPULATE_READ);
    return guest_find(r->start, r->end, word);
}

static void search(CPUState *cpu, const CodeRange *r, unsigned first_signature)
{
    for (unsigned i = first_signature; i < nsignatures && !section_watching; i++) {
        if (has_word(r, signature[i])) {
            section_watch(cpu);
        }
    }
}

static void search_all(CPUState *cpu, unsigned first_signature)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(CodeRange));
    searched = true;
    guest_map_walk(add_code, ranges);
    for (unsigned i = 0; i < ranges->len; i++) {
        search(cpu, &g_array_index(ranges, CodeRange, i), first_signature);
    }
    g_array_free(ranges, TRUE);
}

void rseq_attend(CPUState *cpu)
{
    if (nsignatures && !searched && (handlers || !exec_memory_is_ours())) {
        search_all(cpu, 0);
    }
}

void rseq_handler_set(CPUState *cpu)
{
    handlers = true;
    rseq_attend(cpu);
}

static void search_new(CPUState *cpu, abi_ulong start, abi_ulong len)
{
    const CodeRange r = { start & ~(abi_ulong)4095, (start + len + 4095) & ~(abi_ulong)4095 };
    if (searched) {
        search(cpu, &r, 0);
    }
}

void rseq_mapped(CPUState *cpu, abi_ulong start, abi_ulong len, int prot, bool of_file)
{
    rseq_attend(cpu);
    if ((prot & PROT_EXEC) && of_file) {
        search_new(cpu, start, len);
    }
}

void rseq_code_made(CPUState *cpu, abi_ulong start, abi_ulong len)
{
    if (len <= MAX_MADE) {
        search_new(cpu, start, len);
    }
}

static void add_signature(CPUState *cpu, uint32_t sig)
{
    unsigned n = nsignatures;
    for (unsigned i = 0; i < n; i++) {
        if (signature[i] == sig) {
            return;
        }
    }
    /* Two threads at once: one may be overwritten, and is taken for granted as those without
     * room. */
    if (n == MAX_SIGNATURES) {
        section_watch(cpu);
        return;
    }
    signature[n] = sig;
    if (!atomic_compare_exchange_strong(&nsignatures, &n, n + 1)) {
        section_watch(cpu);
    } else if (searched) {
        search_all(cpu, n);
    } else {
        rseq_attend(cpu);
    }
}

/* ---- the call ---- */

static bool has_area(const Task *task)
{
    return task->cpu->env.rseq_cs != ~(uint64_t)0;
}

/* Take the host's C library's own back; later threads of this one begin without. */
static void leave_host_area(void)
{
    struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
    uint32_t size = __rseq_size < MIN_SIZE ? MIN_SIZE : (__rseq_size + MIN_SIZE - 1) & -MIN_SIZE;
    if (__rseq_size && (int)area->cpu_id >= 0) {
        host_syscall(SYS_rseq, area, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
    }
}

/* The addresses that the host's kernel reads in a descriptor must be the guest's. */
abi_long sys_rseq(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    uint32_t size = (uint32_t)a[1], sig = (uint32_t)a[3];
    int flags = (int)a[2];
    if (guest_base) {
        return -ENOSYS;
    }
    if (!flags && !has_area(task)) {
        leave_host_area();
    }
    abi_long ret = host_syscall(SYS_rseq, a[0], size, flags, sig);
    if (ret == 0) {
        bool leave = flags & RSEQ_FLAG_UNREGISTER;
        task->rseq_size = size;
        section_set_area(cpu, leave ? SECTION_NO_AREA : a[0], sig);
        if (!leave) {
            add_signature(cpu, sig);
        }
    }
    return ret;
}

void rseq_thread_exit(Task *task)
{
    if (has_area(task)) {
        host_syscall(SYS_rseq, task->cpu->env.rseq_cs - RSEQ_CS_OFFSET, task->rseq_size,
                     RSEQ_FLAG_UNREGISTER, task->cpu->rseq_signature);
        section_set_area(task->cpu, SECTION_NO_AREA, 0);
    }
}

/* ---- signals ---- */

void rseq_signal(CPUState *cpu)
{
    CPURISCVState *env = &cpu->env;
    const abi_ulong none = 0;
    abi_ulong cs;
    SectionDescriptor d;
    uint32_t found;
    if (has_area(cpu->opaque) && guest_read(&cs, env->rseq_cs, sizeof(cs)) && cs &&
        guest_read(&d, cs, sizeof(d)) &&
        guest_read(&found, d.abort - sizeof(found), sizeof(found)) &&
        section_is_valid(&d, found, cpu->rseq_signature)) {
        guest_write(env->rseq_cs, &none, sizeof(none));
        env->pc = env->pc - d.start < d.length ? d.abort : env->pc;
    }
}
