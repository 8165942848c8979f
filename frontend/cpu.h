/*
 * frontend/cpu.h: the RISC-V hart as generated code sees it (`env`).
 *
 * One CPURISCVState per guest thread, embedded in CPUState (exec/cpu_exec.h), written only by its
 * own thread. Inside generated code the hottest gpr and fpr live in host registers and the fp
 * status in the host's MXCSR; whenever C code runs (helpers included) env is complete, except that
 * `pc` is exact only outside generated code or after an unwind.
 *
 * Numbers: The RISC-V Instruction Set Manual, volume I (unprivileged), and volume II for causes.
 */
#ifndef FRONTEND_CPU_H
#define FRONTEND_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t vaddr;         /* guest virtual address */

enum {
    RV_ZERO, RV_RA, RV_SP, RV_GP, RV_TP, RV_T0, RV_T1, RV_T2,
    RV_S0, RV_S1, RV_A0, RV_A1, RV_A2, RV_A3, RV_A4, RV_A5,
    RV_A6, RV_A7, RV_S2, RV_S3, RV_S4, RV_S5, RV_S6, RV_S7,
    RV_S8, RV_S9, RV_S10, RV_S11, RV_T3, RV_T4, RV_T5, RV_T6,
};

typedef struct CPURISCVState {
    uint64_t gpr[32];           /* gpr[0] is always 0 */
    uint64_t fpr[32];           /* raw bits; singles NaN-boxed */
    uint64_t pc;
    uint64_t res_addr;          /* lr reservation: address (~0: none) and the value read */
    uint64_t res_val;
    uint32_t res_size;          /* 4 or 8 */
    uint32_t frm;               /* fcsr.frm, 3 bits, any value; fflags live in fp_status */
    /* Sticky fp flags and rounding mode in the host's form (MXCSR). Read and write it through
     * cpu_fflags(), cpu_set_fflags(), cpu_set_frm() only. */
    uint32_t fp_status;
    uint64_t rseq_cs;         /* address of this thread's rseq.rseq_cs (exec/section.h); ~0: none */
} CPURISCVState;

/* Why generated code came back (reason of exit_tb) and what cpu_exec() returns. */
typedef enum CPUException {
    EXCP_NONE,
    EXCP_INTERRUPT,             /* cpu_request_exit() was called: look for signals */
    EXCP_ECALL,                 /* env->pc is the ecall itself */
    EXCP_BREAKPOINT,            /* ebreak; env->pc is the ebreak */
    EXCP_ILLEGAL,               /* env->pc is the illegal insn */
    EXCP_FAULT,                 /* memory: see CPUState.fault */
    EXCP_FENCE_I,               /* internal to exec: revalidate TBs, go on at env->pc */
    EXCP_FLAGS,                 /* internal to exec: env->frm was stored, bring fp_status in line by
                                   cpu_set_frm() and go on at env->pc */
    EXCP_MISALIGNED,        /* internal to exec: a failed MO_ALIGN check; comes out as EXCP_FAULT */
    EXCP_SECTION,               /* internal to exec: the insn at env->pc stores to env->rseq_cs */
} CPUException;

/* fp status in the host's form <-> fcsr fields (x86 MXCSR: IE DE ZE OE UE PE = bits 0..5, RC = bits
 * 13..14: 0 nearest, 1 down, 2 up, 3 zero; all exceptions masked). */
static inline uint32_t cpu_fflags(const CPURISCVState *env)
{
    uint32_t m = env->fp_status;
    return (m >> 5 & 1) | (m >> 3 & 2) | (m >> 1 & 4) | (m << 1 & 8) | (m << 4 & 16);
}

static inline void cpu_set_fflags(CPURISCVState *env, uint32_t f)
{
    env->fp_status = (env->fp_status & ~0x3fu) | (f & 1) << 5 | (f & 2) << 3 | (f & 4) << 1 |
                     (f & 8) >> 1 | (f & 16) >> 4;
}

/* Sets frm and the host rounding mode; modes the host lacks (RMM, reserved) compute as RNE there:
 * the translator sends those to helpers or makes them illegal. */
static inline void cpu_set_frm(CPURISCVState *env, uint32_t frm)
{
    static const uint8_t rc[8] = { 0, 3, 1, 2, 0, 0, 0, 0 };
    env->frm = frm & 7;
    env->fp_status = (env->fp_status & ~0x6000u) | (uint32_t)rc[frm & 7] << 13;
}

enum { RV_TIMEBASE_HZ = 10000000 };     /* of the time csr; /proc, hwprobe and the vDSO agree */

#define FP_STATUS_RESET 0x1f80u     /* all masked, nearest, no flags */

/* TB flags: part of a TB's key besides pc. Bits 0-2: frm. */
static inline uint32_t cpu_tb_flags(const CPURISCVState *env)
{
    return env->frm;
}

/* Provided by exec/: make the system call in a7, a0.. for the ecall at pc. Returns, with a0 set,
 * when nothing keeps the next insn from being executed; else leaves the helper that is running. */
void cpu_ecall(CPURISCVState *env, vaddr pc);

/* Provided by exec/: leave the helper that is running with this exception; the guest state is
 * unwound to the insn that called the helper. Only from helpers called by generated code. */
_Noreturn void cpu_raise_exception(CPURISCVState *env, CPUException excp);

#endif
