/*
 * linux-user/bpf_filter.h: the classic BPF programs that seccomp accepts.
 * Source: linux/filter.h, linux/seccomp.h, net/core/filter.c, kernel/seccomp.c.
 */
#ifndef LINUX_USER_BPF_FILTER_H
#define LINUX_USER_BPF_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* Would the kernel take it? 0 < len <= BPF_MAXINSNS. A program that it takes ends. */
bool bpf_filter_check(const struct sock_filter *insn, unsigned len);

/* How many insns of the kernel's own a checked program becomes: what its limit counts. */
unsigned bpf_filter_cost(const struct sock_filter *insn, unsigned len);

/* Run a checked program over data: SECCOMP_RET_*. */
uint32_t bpf_filter_run(const struct sock_filter *insn, const struct seccomp_data *data);

#endif
