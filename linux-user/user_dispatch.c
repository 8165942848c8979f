/*
 * linux-user/user_dispatch.c: see user_dispatch.h.
 */
#include "linux-user/user_dispatch.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "linux-user/loader.h"
#include "linux-user/signal.h"

/* linux/prctl.h, newer than the library's */
enum { MODE_OFF, MODE_EXCLUSIVE_ON, MODE_INCLUSIVE_ON };
enum { SELECTOR_ALLOW, SELECTOR_BLOCK };
enum { SYS_USER_DISPATCH_ = 2 };                            /* si_code of SIGSYS */
#define GUEST_TASK_SIZE ((abi_ulong)1 << 47)

abi_long user_dispatch_make(UserDispatch *d, abi_ulong mode, abi_ulong start, abi_ulong len,
                            abi_ulong selector)
{
    switch (mode) {
    case MODE_OFF:
        if (start || len || selector) {
            return -EINVAL;
        }
        break;
    case MODE_EXCLUSIVE_ON:
        if (start && start + len <= start) {
            return -EINVAL;
        }
        break;
    case MODE_INCLUSIVE_ON:                 /* all but the range that is left */
        if (len == 0 || start + len <= start) {
            return -EINVAL;
        }
        start += len;
        len = -len;
        break;
    default:
        return -EINVAL;
    }
    if (selector >= GUEST_TASK_SIZE) {
        return -EFAULT;
    }
    *d = (UserDispatch){ mode != MODE_OFF, start, len, selector };
    return 0;
}

bool user_dispatch(CPUState *cpu)
{
    Task *task = cpu->opaque;
    const UserDispatch *d = &task->dispatch;
    abi_ulong pc = cpu->env.pc, nr = cpu->env.gpr[RV_A7];
    uint8_t state = SELECTOR_BLOCK;
    if (pc - d->start < d->len || vdso_answers(pc - 4, nr)) {
        return false;
    }
    if (d->selector && !guest_read(&state, d->selector, sizeof(state))) {
        signal_die(cpu, SIGSEGV);
    }
    if (state == SELECTOR_ALLOW) {
        return false;
    }
    if (state != SELECTOR_BLOCK) {
        signal_die(cpu, SIGSYS);
    }
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSYS;
    info.si_code = SYS_USER_DISPATCH_;
    info.si_call_addr = (void *)(uintptr_t)pc;
    info.si_syscall = (int)nr;
    info.si_arch = AUDIT_ARCH_RISCV64;
    signal_force_info(cpu, &info);
    return true;
}
