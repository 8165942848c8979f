/*
 * exec/cpu_set.c: see cpu_set.h.
 *
 * cpu_exclusive_begin() sets exclusive_pending, asks every running CPU to leave and waits; a CPU
 * that wants in while it is set waits in cpu_enter(). Both sides write their own flag before they
 * read the other's, so one of them always sees the other. Entering and leaving is what every system
 * call does: the fence between its two accesses costs nothing there, the other side has
 * membarrier(2) make all threads execute one.
 *
 * A CPU is some twenty pages of memory that a short thread would touch, and code to find again:
 * those of ended threads are kept for the next ones.
 */
#include "exec/cpu_set.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "exec/cold.h"
#include "exec/fork_page.h"
#include "exec/own_map.h"
#include "exec/section.h"
#include "exec/tb_cache.h"
#include "frontend/translate.h"

enum { MAX_IDLE = 32 };

static FORK_PAGE pthread_mutex_t cpu_list_lock = PTHREAD_MUTEX_INITIALIZER;
static FORK_PAGE CPUState *cpu_list;            /* cpu_list_lock, as these */
static FORK_PAGE CPUState *idle_list;
static FORK_PAGE unsigned idle_count;

static FORK_PAGE pthread_mutex_t exclusive_lock = PTHREAD_MUTEX_INITIALIZER;
static FORK_PAGE pthread_cond_t exclusive_cond = PTHREAD_COND_INITIALIZER;  /* a CPU left */
/* exclusive section ended */
static FORK_PAGE pthread_cond_t resume_cond = PTHREAD_COND_INITIALIZER;
_Atomic int exclusive_pending;
/* Registered for this process; while it has one CPU: not yet. */
static FORK_PAGE bool membarrier_works;
bool exclusive_fence_ourselves;

void cpu_reset_return_stack(CPUState *cpu)
{
    uint64_t *bottom = (uint64_t *)cpu_ras_bottom(cpu);
    for (unsigned i = 0; i < (16 + BACKEND_RAS_SLACK) / 8; i++) {
        bottom[i] = 1;
    }
    bottom[0] = (uint64_t)backend_config.ras_bottom;
    cpu->ras_sp = cpu->ras_bottom = (uint64_t)bottom;
}

/* ---- the set of CPUs ---- */

void cpu_foreach(void (*fn)(CPUState *cpu, void *opaque), void *opaque)
{
    pthread_mutex_lock(&cpu_list_lock);
    for (CPUState *cpu = cpu_list; cpu; cpu = cpu->next) {
        fn(cpu, opaque);
    }
    pthread_mutex_unlock(&cpu_list_lock);
}

CPUState *const *cpu_list_head(void)
{
    return &cpu_list;
}

/* A second CPU is made. */
static void prepare_membarrier(void)
{
    if (!membarrier_works && !exclusive_fence_ourselves) {
        membarrier_works =
            syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
        exclusive_fence_ourselves = !membarrier_works;
    }
}

static uint8_t *return_stack_map(void)
{
    uint8_t *ras = own_map(RAS_GUARD + RAS_BYTES);
    if (ras != MAP_FAILED && mprotect(ras, RAS_GUARD, PROT_NONE)) {
        munmap(ras, RAS_GUARD + RAS_BYTES);
        return MAP_FAILED;
    }
    return ras;
}

static CPUState *cpu_map(void)
{
    CPUState *cpu = own_map(sizeof(CPUState));
    if (cpu == MAP_FAILED) {
        return NULL;
    }
    uint8_t *ras = return_stack_map();
    if (ras == MAP_FAILED) {
        munmap(cpu, sizeof(*cpu));
        return NULL;
    }
    cpu->ras = ras;
    cpu->poll_period = tb_poll_period();
    cpu->host_mxcsr = _mm_getcsr();
    backend_init_consts(&cpu->consts);
    for (unsigned i = 0; i < riscv_helper_count; i++) {
        cpu->helper_table[i] = (uint64_t)riscv_helpers[i].fn;
    }
    cpu_reset_return_stack(cpu);
    jump_caches_init(cpu);
    return cpu;
}

/* One that was used before: its jump cache is good, for the flags that it has seen. */
static CPUState *cpu_reuse(CPUState *cpu)
{
    cpu->exit_request = 0;
    atomic_store_explicit(&cpu->interrupt, 0, memory_order_relaxed);
    atomic_store_explicit(&cpu->running, 0, memory_order_relaxed);
    cpu->interp_state = NULL;
    cpu->emulating = false;
    cpu_reset_return_stack(cpu);
    return cpu;
}

/* Its registers are the caller's affair. NULL: no memory. */
static CPUState *cpu_new(void)
{
    pthread_mutex_lock(&cpu_list_lock);
    CPUState *cpu = idle_list;
    if (cpu) {
        idle_list = cpu->next_idle;
        idle_count--;
        pthread_mutex_unlock(&cpu_list_lock);
        return cpu_reuse(cpu);
    }
    pthread_mutex_unlock(&cpu_list_lock);
    cpu = cpu_map();
    if (!cpu) {
        return NULL;
    }
    pthread_mutex_lock(&cpu_list_lock);
    if (cpu_list) {
        prepare_membarrier();
    } else {
        own_touch(cpu, sizeof(*cpu), false);    /* at first, most jumps are looked for in vain */
    }
    cpu->next = cpu_list;
    cpu_list = cpu;
    pthread_mutex_unlock(&cpu_list_lock);
    return cpu;
}

CPUState *cpu_create(void)
{
    CPUState *cpu = cpu_new();
    if (!cpu) {
        fprintf(stderr, "rivet: no memory for a CPU\n");
        exit(1);
    }
    memset(&cpu->env, 0, sizeof(cpu->env));
    cpu->env.fp_status = FP_STATUS_RESET;
    cpu->env.res_addr = ~(uint64_t)0;
    cpu->env.rseq_cs = ~(uint64_t)0;
    return cpu;
}

CPUState *cpu_clone(const CPUState *from)
{
    CPUState *cpu = cpu_new();
    if (!cpu) {
        return NULL;
    }
    cpu->env = from->env;
    cpu->env.res_addr = ~(uint64_t)0;
    cpu->env.rseq_cs = ~(uint64_t)0;
    return cpu;
}

static void cpu_unmap(CPUState *cpu)
{
    section_free(cpu->section);
    munmap(cpu->ras, RAS_GUARD + RAS_BYTES);
    munmap(cpu, sizeof(*cpu));
}

/* Keep cpu for the next thread; false: there are enough. It stays in the list, so that its jump
 * cache forgets TBs as they are dropped. cpu_list_lock held. */
static bool cpu_keep(CPUState *cpu)
{
    if (idle_count == MAX_IDLE) {
        return false;
    }
    cpu->opaque = NULL;
    cpu->next_idle = idle_list;
    idle_list = cpu;
    idle_count++;
    return true;
}

void cpu_destroy(CPUState *cpu)
{
    atomic_store(&cpu->running, 0);             /* should its process have been killed inside */
    pthread_mutex_lock(&cpu_list_lock);
    bool kept = cpu_keep(cpu);
    CPUState **link = &cpu_list;
    while (!kept && *link != cpu) {
        link = &(*link)->next;
    }
    if (!kept) {
        *link = cpu->next;
    }
    pthread_mutex_unlock(&cpu_list_lock);
    if (!kept) {
        cpu_unmap(cpu);
    }
}

/* ---- stopping the world ---- */

/* A poll in another thread may take 1 off polls_left at this moment, and what is stored here is
 * lost. Then the request is seen when that has been counted down, or at a poll that does not
 * count. */
static void request_leave_one(CPUState *cpu, void *opaque)
{
    __atomic_store_n(&cpu->exit_request, BACKEND_EXIT_REQUESTED, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->polls_left, -1, __ATOMIC_SEQ_CST);
}

void cpu_request_exit(CPUState *cpu)
{
    atomic_store(&cpu->interrupt, 1);
    request_leave_one(cpu, NULL);
}

void cpu_request_leave_all(void)
{
    cpu_foreach(request_leave_one, NULL);
}

void cpu_leave_slow(void)
{
    pthread_mutex_lock(&exclusive_lock);
    pthread_cond_broadcast(&exclusive_cond);
    pthread_mutex_unlock(&exclusive_lock);
}

void cpu_enter_slow(CPUState *cpu)
{
    do {
        atomic_store(&cpu->running, 0);
        pthread_mutex_lock(&exclusive_lock);
        pthread_cond_broadcast(&exclusive_cond);
        while (atomic_load(&exclusive_pending)) {
            pthread_cond_wait(&resume_cond, &exclusive_lock);
        }
        pthread_mutex_unlock(&exclusive_lock);
    } while (!cpu_set_running(cpu, 1));
}

struct exclusive_scan {
    CPUState *self;
    bool busy;
};

static void exclusive_scan_one(CPUState *cpu, void *opaque)
{
    struct exclusive_scan *scan = opaque;
    if (cpu != scan->self && atomic_load(&cpu->running)) {
        request_leave_one(cpu, NULL);
        scan->busy = true;
    }
}

void cpu_exclusive_begin(CPUState *self)
{
    pthread_mutex_lock(&exclusive_lock);
    while (atomic_load(&exclusive_pending)) {
        pthread_cond_wait(&resume_cond, &exclusive_lock);
    }
    atomic_store(&exclusive_pending, 1);
    if (membarrier_works) {
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    }
    for (;;) {
        struct exclusive_scan scan = { .self = self };
        cpu_foreach(exclusive_scan_one, &scan);
        if (!scan.busy) {
            break;
        }
        pthread_cond_wait(&exclusive_cond, &exclusive_lock);
    }
    pthread_mutex_unlock(&exclusive_lock);
}

void cpu_exclusive_end(CPUState *self)
{
    pthread_mutex_lock(&exclusive_lock);
    atomic_store(&exclusive_pending, 0);
    pthread_cond_broadcast(&resume_cond);
    pthread_mutex_unlock(&exclusive_lock);
}

/* ---- fork ---- */

void exec_fork_prepare(void)
{
    pthread_mutex_lock(&exclusive_lock);
    while (atomic_load(&exclusive_pending)) {
        pthread_cond_wait(&resume_cond, &exclusive_lock);
    }
    pthread_mutex_lock(&tb_lock);
    pthread_mutex_lock(&cpu_list_lock);
}

void exec_fork_parent(void)
{
    pthread_mutex_unlock(&cpu_list_lock);
    pthread_mutex_unlock(&tb_lock);
    pthread_mutex_unlock(&exclusive_lock);
}

void exec_fork_child(CPUState *self)
{
    CPUState *others = cpu_list;
    idle_list = NULL;
    idle_count = 0;
    self->next = NULL;
    cpu_list = self;
    while (others) {
        CPUState *cpu = others;
        others = cpu->next;
        if (cpu == self) {
            continue;
        }
        atomic_store(&cpu->running, 0);
        if (cpu_keep(cpu)) {
            cpu->next = cpu_list;
            cpu_list = cpu;
        } else {
            cpu_unmap(cpu);
        }
    }
    membarrier_works = false;
    cold_fork_child(self);
    pthread_cond_init(&exclusive_cond, NULL);
    pthread_cond_init(&resume_cond, NULL);
    exec_fork_parent();
}
