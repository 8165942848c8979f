/*
 * backend-x86_64/capstone_x86_only.c: keep Capstone's other architectures out of the program.
 *
 * cs_open() reaches every architecture through a table, so a static link pulls all of them in, with
 * their relocations to be applied at each start. Defined here, the table's entries are found before
 * the library's own modules are, and those stay out. cs_open() of another architecture fails.
 *
 * That this object is linked before the library is searched is why the open call lies here.
 */
#include "backend-x86_64/disas.h"

#define NO_ARCH(arch)                                       \
    cs_err arch##_global_init(void *ud);                    \
    cs_err arch##_option(void *h, cs_opt_type t, size_t v); \
    cs_err arch##_global_init(void *ud)                     \
    {                                                       \
        return CS_ERR_ARCH;                                 \
    }                                                       \
    cs_err arch##_option(void *h, cs_opt_type t, size_t v)  \
    {                                                       \
        return CS_ERR_ARCH;                                 \
    }

NO_ARCH(AArch64)
NO_ARCH(ARM)
NO_ARCH(EVM)
NO_ARCH(M680X)
NO_ARCH(M68K)
NO_ARCH(Mips)
NO_ARCH(PPC)
NO_ARCH(Sparc)
NO_ARCH(SystemZ)
NO_ARCH(TMS320C64x)
NO_ARCH(XCore)

bool x86_disas_open(csh *cs)
{
    return cs_open(CS_ARCH_X86, CS_MODE_64, cs) == CS_ERR_OK;
}
