/*
 * linux-user/code_file.h: the files that code is mapped from, so that their translations can be
 * kept.
 *
 * Code has guest addresses in it: kept translations of a file fit where the file lies at the
 * address they were made for. So a RISC-V ELF file that a dynamic loader maps wherever there is
 * room gets a place that follows from which file it is. mmap.c calls, under mmap_lock;
 * code_file_get() under any.
 */
#ifndef LINUX_USER_CODE_FILE_H
#define LINUX_USER_CODE_FILE_H

#include "exec/image.h"
#include "linux-user/guest_ptr.h"

enum { CODE_FILE_PLACES = 3 };      /* if the first is taken, the next */

/* Where the n-th place of the file is; 0 when fd is no RISC-V ELF file or nothing is kept. */
abi_ulong code_file_place(int fd, unsigned n);

/* A number for the file whose byte 0 lies (or would lie) at base: its code is mapped. 0: when
 * nothing is to be kept for it, because another process would not find it there. */
uint32_t code_file_number(int fd, abi_ulong base);

/* Which file that is, its base, and whether it is settled. */
void code_file_get(uint32_t number, GuestCodeOrigin *origin);

#endif
