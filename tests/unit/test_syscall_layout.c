/*
 * tests/unit/test_syscall_layout.c: what the forwarding of system calls rests on.
 *
 * The numbers of layouts.def are those of riscv64 (guest/c/layouts.c proves it); here they are
 * compiled for x86-64. Those that differ follow, with the layouts that linux-user converts to; then
 * the table.
 */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "linux-user/abi_structs.h"
#include "tests/unit/layouts.h"
#include "tests/unit/suite.h"

typedef struct Row {
    const char *what;
    uint64_t here, riscv;
} Row;

#define SIZE(type, size) { "sizeof(" #type ")", sizeof(type), size },
#define FIELD(type, field, offset) { #type "." #field, offsetof(type, field), offset },
#define CONST(name, value) { #name, (uint32_t)name, value },

static const Row in_common[] = {
#include "tests/unit/layouts.def"
};

/* What is converted: the layouts of ours have riscv64's numbers. */
static const Row converted[] = {
    SIZE(GuestStat, 128)
        FIELD(GuestStat, dev, 0) FIELD(GuestStat, ino, 8) FIELD(GuestStat, mode, 16)
        FIELD(GuestStat, nlink, 20) FIELD(GuestStat, uid, 24) FIELD(GuestStat, gid, 28)
        FIELD(GuestStat, rdev, 32) FIELD(GuestStat, size, 48) FIELD(GuestStat, blksize, 56)
        FIELD(GuestStat, blocks, 64) FIELD(GuestStat, atime_sec, 72)
        FIELD(GuestStat, mtime_sec, 88) FIELD(GuestStat, ctime_sec, 104)
    SIZE(GuestEpollEvent, 16)
        FIELD(GuestEpollEvent, events, 0) FIELD(GuestEpollEvent, data, 8)
    SIZE(GuestIpcPerm, 48)
        FIELD(GuestIpcPerm, uid, 4) FIELD(GuestIpcPerm, mode, 20) FIELD(GuestIpcPerm, seq, 24)
    SIZE(GuestSemidDs, 88)
        FIELD(GuestSemidDs, otime, 48) FIELD(GuestSemidDs, ctime, 56) FIELD(GuestSemidDs, nsems, 64)
};

/* And the host's side of the same: as the conversions assume it. */
static const Row host_side[] = {
    SIZE(struct stat, 144)
        FIELD(struct stat, st_nlink, 16) FIELD(struct stat, st_mode, 24)
    SIZE(struct epoll_event, 12)
        FIELD(struct epoll_event, data, 4)
    SIZE(HostSemidDs, 104)
        FIELD(HostSemidDs, otime, 48) FIELD(HostSemidDs, ctime, 64) FIELD(HostSemidDs, nsems, 80)
};

static void check_rows(const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(rows[i].here == rows[i].riscv, "%s: %#llx here, %#llx expected", rows[i].what,
                      (unsigned long long)rows[i].here, (unsigned long long)rows[i].riscv);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))

START_TEST(layouts_agree)
{
    CHECK_ROWS(in_common);
}
END_TEST

START_TEST(conversions_are_right)
{
    CHECK_ROWS(converted);
    CHECK_ROWS(host_side);
}
END_TEST

/* --- the table ----------------------------------------------------------------------------------
 * */

typedef struct Call {
    unsigned nr;
    const char *name, *handler, *ret, *arg[6];
} Call;

static const Call calls[] = {
#define SYSCALL(nr, name, handler, ret, a0, a1, a2, a3, a4, a5)                                    \
    { nr, #name, #handler, #ret, { #a0, #a1, #a2, #a3, #a4, #a5 } },
#include "linux-user/syscalls.def"
#undef SYSCALL
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* Every number of the 64-bit asm-generic table once, in ascending order. */
START_TEST(table_is_complete)
{
    static const struct { unsigned from, to; } ranges[] = {
        { 0, 243 }, { 258, 294 }, { 424, 469 },
    };
    unsigned row = 0;
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        for (unsigned nr = ranges[r].from; nr <= ranges[r].to; nr++, row++) {
            ck_assert_uint_lt(row, CALLS);
            ck_assert_msg(calls[row].nr == nr, "row %u is %u (%s), not %u", row, calls[row].nr,
                          calls[row].name, nr);
        }
    }
    ck_assert_uint_eq(row, CALLS);
}
END_TEST

/* Arguments have kinds, without a gap; a descriptor that is relative to goes with a path. */
START_TEST(arguments_are_typed)
{
    for (unsigned i = 0; i < CALLS; i++) {
        const Call *c = &calls[i];
        bool ended = false;
        for (unsigned k = 0; k < 6; k++) {
            bool none = strcmp(c->arg[k], "_") == 0;
            ck_assert_msg(none || !ended, "%s: argument %u after none", c->name, k);
            ended = none;
            ck_assert_msg(strcmp(c->arg[k], "DIRFD") != 0 ||
                              (k < 5 && strncmp(c->arg[k + 1], "PATH", 4) == 0),
                          "%s: no path follows argument %u", c->name, k);
        }
        ck_assert_str_ne(c->ret, "_");
    }
}
END_TEST

/* Numbers that are easily confused, from the riscv64 headers. */
START_TEST(numbers_of_names)
{
    static const struct { unsigned nr; const char *name; } known[] = {
        { 29, "ioctl" }, { 56, "openat" }, { 64, "write" }, { 79, "newfstatat" }, { 94, "exit_group" },
        { 98, "futex" }, { 117, "ptrace" }, { 139, "rt_sigreturn" }, { 172, "getpid" },
        { 220, "clone" }, { 221, "execve" }, { 222, "mmap" }, { 258, "riscv_hwprobe" },
        { 259, "riscv_flush_icache" }, { 260, "wait4" }, { 261, "prlimit64" }, { 278, "getrandom" },
        { 291, "statx" }, { 293, "rseq" }, { 435, "clone3" }, { 439, "faccessat2" },
        { 451, "cachestat" }, { 454, "futex_wake" }, { 462, "mseal" }, { 469, "file_setattr" },
    };
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        const char *name = NULL;
        for (unsigned i = 0; i < CALLS; i++) {
            name = calls[i].nr == known[k].nr ? calls[i].name : name;
        }
        ck_assert_ptr_nonnull(name);
        ck_assert_str_eq(name, known[k].name);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("syscall_layout");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, layouts_agree);
    tcase_add_test(tc, conversions_are_right);
    tcase_add_test(tc, table_is_complete);
    tcase_add_test(tc, arguments_are_typed);
    tcase_add_test(tc, numbers_of_names);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
