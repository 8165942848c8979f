/*
 * linux-user/rseq.h: restartable sequences, rseq(2). Source: kernel/rseq.c,
 * include/uapi/linux/rseq.h.
 *
 * The guest's struct rseq is registered with the host's kernel, which keeps the numbers of CPU,
 * node and memory map ID in it. Its sections are run by exec/section.h, once they are watched for.
 *
 * That costs, so it is not done for the many programs whose C library registers and which have no
 * section: what a section aborts to follows the signature that was registered; where no such word
 * is in the guest's code, there is none. The code is not searched before somebody could see that a
 * section went on: another thread, another process that shares memory, or a signal handler. After
 * that, new code is searched as it is mapped. Code that the guest makes itself is searched where it
 * tells what it made, by mprotect() or riscv_flush_icache(): sections that it makes without are not
 * found.
 */
#ifndef LINUX_USER_RSEQ_H
#define LINUX_USER_RSEQ_H

#include "linux-user/task.h"

/* Somebody else may see memory now: look for sections if that is new. */
void rseq_attend(CPUState *cpu);
/* The guest has a signal handler. */
void rseq_handler_set(CPUState *cpu);
/* [start, start + len) was mapped. */
void rseq_mapped(CPUState *cpu, abi_ulong start, abi_ulong len, int prot, bool of_file);
/* The guest has written code there. */
void rseq_code_made(CPUState *cpu, abi_ulong start, abi_ulong len);
/* A handler is about to run: it interrupts no section. */
void rseq_signal(CPUState *cpu);
/* The thread ends: its struct may go away. */
void rseq_thread_exit(Task *task);

#endif
