/*
 * linux-user/sigframe.h: the frame of a signal handler, as arch/riscv/kernel/signal.c lays it out.
 *
 *   sp -> | siginfo 128 | ucontext: flags, link, stack, sigmask + pad | mcontext (16-aligned) |
 *   mcontext = pc x1..x31 | f0..f31 fcsr | zeros | reserved word, then the first extension header
 *
 * The extension headers lie in the end of the fp state: {magic, size} records, closed by {0, 0}.
 */
#ifndef LINUX_USER_SIGFRAME_H
#define LINUX_USER_SIGFRAME_H

#include <stddef.h>

#include "linux-user/signal_private.h"

typedef struct GuestMcontext {
    uint64_t gregs[32];             /* [0] is pc */
    uint64_t fregs[32];
    uint32_t fcsr;
    uint8_t zero[256];
    uint32_t reserved;              /* must be 0 on return */
    uint32_t ext_magic;             /* END: 0 */
    uint32_t ext_size;
} GuestMcontext;

typedef struct GuestUcontext {
    uint64_t flags;
    abi_ulong link;
    GuestStack stack;
    uint64_t sigmask;
    uint8_t pad[120];
    _Alignas(16) GuestMcontext mcontext;
} GuestUcontext;

typedef struct GuestSigframe {
    uint8_t info[128];
    GuestUcontext uc;
} GuestSigframe;

_Static_assert(sizeof(siginfo_t) == 128, "siginfo_t passes through");
_Static_assert(offsetof(GuestUcontext, sigmask) == 40, "ucontext of riscv64");
_Static_assert(offsetof(GuestUcontext, mcontext) == 176, "ucontext of riscv64");
_Static_assert(offsetof(GuestMcontext, reserved) == 256 + 516, "__riscv_extra_ext_header.reserved");
_Static_assert(offsetof(GuestMcontext, ext_magic) == 256 + 520, "__riscv_extra_ext_header.hdr");
_Static_assert(sizeof(GuestMcontext) == 256 + 528, "sigcontext of riscv64");
_Static_assert(sizeof(GuestSigframe) == 1088, "rt_sigframe of riscv64");

#endif
