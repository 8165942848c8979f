/*
 * linux-user/loader.h: from a file to a guest process that can start.
 */
#ifndef LINUX_USER_LOADER_H
#define LINUX_USER_LOADER_H

#include <glib.h>
#include <limits.h>

#include "linux-user/task.h"

/* elf_load.c: read the ELF file fd (path for messages), map it and its interpreter, fill `process`.
 * Every check of a malformed file is here; the error is one line without newline. */
bool elf_load(int fd, const char *path, GError **err);
/* What a file is, for execve() and main: reads its first bytes. */
typedef enum ExecKind { EXEC_RISCV, EXEC_SCRIPT, EXEC_HOST, EXEC_OTHER_ELF, EXEC_UNKNOWN } ExecKind;
ExecKind exec_kind(int fd);
/* elf_check.c: would the kernel execute the RISC-V file fd? 0 or -errno; interp: which interpreter
 * it names, or "". And that one, opened? */
abi_long elf_check_program(int fd, char interp[PATH_MAX]);
abi_long elf_check_interp(int fd);
/* The error of main for an unusable file; domain RIVET_LOAD_ERROR, code = exit status. */
#define RIVET_LOAD_ERROR (g_quark_from_static_string("rivet-load"))

/* stack.c: how large the stack may become. */
abi_ulong stack_size(void);
/* stack.c: make the initial stack with argv, envp, auxv; returns sp. */
bool stack_build(int argc, char **argv, char **envp, abi_ulong *sp, GError **err);

/* vdso.c: map our vDSO (code assembled at build time or by hand) and fill process.vdso*. */
bool vdso_map(GError **err);
/* The ecall at pc is how our vDSO asks for what the kernel's answers without a system call. */
bool vdso_answers(abi_ulong pc, abi_ulong nr);

#endif
