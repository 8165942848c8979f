/*
 * exec/section.h: restartable sections of guest code, rseq(2).
 *
 * A thread that has registered a struct rseq enters a section when it stores the address of the
 * section's descriptor to rseq.rseq_cs. Where it is preempted, migrated, or gets a signal before
 * the section's end, it goes on at abort_ip and nothing else of the section is done.
 *
 * The host's kernel, with which the struct is registered, does this for host code only. So the code
 * of a section is never translated: it is interpreted, its accesses to memory are sections of the
 * host (section_access.S), each made only if nothing has happened to the thread since the first.
 * What makes the engine look is the store to rseq_cs: while sections are watched for, translated
 * code compares the address of each store of 8 bytes before it is made, and that one is left to the
 * interpreter, which knows then what the kernel may take back at any moment. Blocks made before are
 * dropped when that begins, and none is kept in an image. While it has not begun, the program has
 * no section, or nobody who could tell whether it went on: that is linux-user's affair (rseq.c).
 *
 * When control leaves a section, rseq_cs is cleared, as the kernel might do at any time.
 */
#ifndef EXEC_SECTION_H
#define EXEC_SECTION_H

#include "exec/cpu_exec.h"

enum { SECTION_NO_AREA = 0 };

/* struct rseq_cs, and what of struct rseq matters here. */
typedef struct SectionDescriptor {
    uint32_t version, flags;
    uint64_t start, length, abort;
} SectionDescriptor;
enum { RSEQ_CS_OFFSET = 8 };

/* Can a kernel make use of it? The descriptor has been read; what is before abort as well. */
static inline bool section_is_valid(const SectionDescriptor *d, uint32_t found, uint32_t signature)
{
    return d->version == 0 && d->start + d->length >= d->start &&
           d->abort - d->start >= d->length && found == signature;
}

/* This thread's struct rseq is at area; SECTION_NO_AREA: nowhere. */
void section_set_area(CPUState *cpu, uint64_t area, uint32_t signature);

/* From now on there may be sections. Called outside cpu_exec(), perhaps while other CPUs run. */
void section_watch(CPUState *self);
extern bool section_watching;

/* ---- for exec/ ---- */

/* Run the section that rseq_cs names, if it does, from env->pc or when that comes to it; the insn
 * at env->pc first if it stores there. Then env->pc is where to go on. */
CPUException section_run(CPUState *cpu, bool stores);
void section_free(struct SectionRunner *runner);

#endif
