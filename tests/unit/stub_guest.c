/*
 * What exec/ expects of linux-user/, for test programs that run without it. Weak, so that a test
 * may bring its own.
 */
#include <string.h>

#include "exec/cpu_exec.h"
#include "exec/image.h"

__attribute__((weak)) unsigned guest_fetch(vaddr pc, void *buf, unsigned len, CPUFault *fault)
{
    memcpy(buf, (const void *)pc, len);
    return len;
}

__attribute__((weak)) bool guest_ecall(CPUState *cpu)
{
    return false;
}

__attribute__((weak)) void guest_code_fenced(vaddr start, vaddr end)
{
}

__attribute__((weak)) bool guest_code_origin(vaddr pc, GuestCodeOrigin *origin)
{
    return false;
}

__attribute__((weak)) bool guest_code_shared(vaddr pc)
{
    return false;
}
