/*
 * linux-user/hwprobe.h: the processor as riscv_hwprobe describes it, for the system call and the
 * vDSO.
 */
#ifndef LINUX_USER_HWPROBE_H
#define LINUX_USER_HWPROBE_H

#include <stdbool.h>
#include <stdint.h>

/* The value of a key; false when the key is unknown. All CPUs agree. */
bool hwprobe_value(int64_t key, uint64_t *value);
/* A key whose value is a set of bits: asking which CPUs have it means having all those bits. */
bool hwprobe_is_bitmask(int64_t key);

/* True when the guest's processor has the extension (lower case: "m", "zba"). */
bool hwprobe_has(const char *ext);

#endif
