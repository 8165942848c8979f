/* The numbers of layouts.def are those of this machine's headers; so are those of what rivet
 * converts. Alone: rivet layouts; each wrong row is printed. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

#include "../../unit/layouts.h"

static int failed;

static void row(const char *what, uint64_t here, uint64_t listed)
{
    if (here != listed) {
        printf("%s: %#llx, not %#llx\n", what, (unsigned long long)here,
               (unsigned long long)listed);
        failed = 1;
    }
}

#define SIZE(type, size) row("sizeof(" #type ")", sizeof(type), size);
#define FIELD(type, field, offset) row(#type "." #field, offsetof(type, field), offset);
#define CONST(name, value) row(#name, (uint32_t)name, value);

static void converted(void)
{
    SIZE(struct stat, 128)
    FIELD(struct stat, st_dev, 0)
    FIELD(struct stat, st_ino, 8) FIELD(struct stat, st_mode, 16) FIELD(struct stat, st_nlink, 20)
        FIELD(struct stat, st_uid, 24) FIELD(struct stat, st_gid, 28)
            FIELD(struct stat, st_rdev, 32) FIELD(struct stat, st_size, 48)
                FIELD(struct stat, st_blksize, 56) FIELD(struct stat, st_blocks, 64) FIELD(
                    struct stat, st_atim, 72) FIELD(struct stat, st_mtim, 88)
                    FIELD(struct stat, st_ctim, 104) SIZE(struct epoll_event, 16) FIELD(
                        struct epoll_event, events, 0) FIELD(struct epoll_event, data, 8)
                        SIZE(struct semid_ds, 88) FIELD(struct semid_ds, sem_perm, 0) FIELD(
                            struct semid_ds, sem_otime, 48) FIELD(struct semid_ds, sem_ctime, 56)
                            FIELD(struct semid_ds, sem_nsems, 64) SIZE(struct loop_info, 160)
                                FIELD(struct loop_info, lo_inode,
                                      8) FIELD(struct loop_info, lo_rdevice,
                                               16) FIELD(struct loop_info, lo_offset, 20)
                                    FIELD(struct loop_info, lo_name, 36) FIELD(struct loop_info,
                                                                               lo_init, 136)
#ifdef __riscv
                                        SIZE(mcontext_t, 784) FIELD(mcontext_t, __gregs, 0)
                                            FIELD(mcontext_t, __fpregs, 256) SIZE(ucontext_t, 960)
                                                FIELD(ucontext_t, uc_link, 8)
                                                    FIELD(ucontext_t, uc_stack, 16)
                                                        FIELD(ucontext_t, uc_sigmask, 40)
                                                            FIELD(ucontext_t, uc_mcontext, 176)
#endif
}

int main(void)
{
#include "../../unit/layouts.def"
    converted();
    return failed;
}
