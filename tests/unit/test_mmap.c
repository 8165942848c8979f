/*
 * test_mmap.c: the guest's address space, with the host kernel as the judge.
 * links: linux-user/mmap.c linux-user/mdwe.c linux-user/mremap.c linux-user/host_kernel.c linux-user/shm.c linux-user/address_space.c linux-user/guest_code.c linux-user/code_file.c linux-user/guest_map.c linux-user/guest_ptr.c linux-user/guest_copy.S
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <unistd.h>

#include <glib.h>

#include "linux-user/guest_map.h"
#include "linux-user/mmap.h"
#include "tests/unit/suite.h"

enum { PAGES = 64, RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC };
enum { ANON = MAP_PRIVATE | MAP_ANONYMOUS };
#define PAGE ((abi_ulong)4096)

Process process;                    /* entry 0: nothing is loaded, so exec is never asked */
UserOptions user_options;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
    if (!guest_copy_fixup(uc)) {
        _exit(99);
    }
}

static void catch_faults(void)
{
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
}

static abi_ulong map_pages(unsigned n, int prot)
{
    abi_long r = guest_mmap(0, n * PAGE, prot, ANON, -1, 0);
    ck_assert_int_gt(r, 0);
    return (abi_ulong)r;
}

/* The map against an array of pages, at random. */
START_TEST(map_random)
{
    static const char *const names[] = { "", "[x]" };
    MapRange model[PAGES];
    uint64_t x = (uint64_t)_i * 2654435761u + 88172645463325252u;
    memset(model, 0, sizeof(model));
    for (int step = 0; step < 3000; step++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        abi_ulong s = x % PAGES, e = s + 1 + (x >> 8) % 12;
        e = e < PAGES ? e : PAGES;
        int prot = (int)(x >> 16 & 7), op = (int)(x >> 20 & 7);
        MapRange r = { .start = s * PAGE, .end = e * PAGE, .prot = prot, .tag = x >> 24 & 1,
                       .name = names[x >> 25 & 1] };
        if (op < 4) {
            guest_map_set(&r);
        } else if (op < 6) {
            guest_map_clear(r.start, r.end);
        } else {
            guest_map_protect(r.start, r.end, prot);
        }
        for (abi_ulong p = s; p < e; p++) {
            if (op < 4) {
                model[p] = r;
                model[p].end = 1;               /* mapped */
            } else if (op < 6) {
                model[p].end = 0;
            } else {
                model[p].prot = prot;
            }
        }
        size_t runs = 0;
        for (abi_ulong p = 0; p < PAGES; p++) {
            const MapRange *got = guest_map_find(p * PAGE + 5);
            ck_assert_int_eq(got != NULL, model[p].end);
            if (!got) {
                continue;
            }
            ck_assert(got->prot == model[p].prot && got->tag == model[p].tag &&
                      got->name == model[p].name);
            runs += !p || !model[p - 1].end || model[p - 1].prot != model[p].prot ||
                    model[p - 1].tag != model[p].tag || model[p - 1].name != model[p].name;
        }
        ck_assert_uint_eq(guest_map_count(), runs);
    }
}
END_TEST

START_TEST(map_large)
{
    enum { N = 100000 };
    for (abi_ulong i = 0; i < N; i++) {
        abi_ulong at = i * 7919 % N * 2 * PAGE;
        MapRange r = { .start = at, .end = at + PAGE, .prot = PROT_READ, .name = "" };
        guest_map_set(&r);
    }
    ck_assert_uint_eq(guest_map_count(), N);
    ck_assert(guest_map_find(2 * PAGE * 5000) && !guest_map_find(2 * PAGE * 5000 + PAGE));
    guest_map_clear(0, 2 * PAGE * N);
    ck_assert_uint_eq(guest_map_count(), 0);
}
END_TEST

typedef enum Call { MMAP, MUNMAP, MPROTECT, MREMAP, MADVISE } Call;

/* relative: addr counts from four mapped pages, which are followed by a hole. */
#define KEEP (-99999)
static const struct {
    Call call;
    uint64_t addr, len;
    int64_t a2, a3, a4;
    bool relative;
    abi_long want;                  /* KEEP: not an error */
} errors[] = {
    { MMAP, 0, 0, RW, ANON, 0, false, -EINVAL },
    { MMAP, 0, ~0ull, RW, ANON, 0, false, -ENOMEM },
    { MMAP, 0, 1ull << 47, RW, ANON, 0, false, -ENOMEM },
    { MMAP, 1, PAGE, RW, ANON | MAP_FIXED, 0, true, -EINVAL },
    { MMAP, 1ull << 47, PAGE, RW, ANON | MAP_FIXED, 0, false, -ENOMEM },
    { MMAP, 1ull << 63, PAGE, RW, ANON | MAP_FIXED, 0, false, -ENOMEM },
    { MMAP, 0, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, 0, true, -EEXIST },
    { MMAP, 0, PAGE, RW, MAP_ANONYMOUS, 0, false, -EINVAL },
    { MMAP, 0, PAGE, RW, MAP_PRIVATE, 0, false, -EBADF },
    { MMAP, 0, PAGE, RW, ANON | 0x40 | 0x80, 0, false, KEEP },
    { MUNMAP, 1, PAGE, 0, 0, 0, true, -EINVAL },
    { MUNMAP, 0, 0, 0, 0, 0, true, -EINVAL },
    { MUNMAP, 0, ~0ull, 0, 0, 0, true, -EINVAL },
    { MUNMAP, 1ull << 47, PAGE, 0, 0, 0, false, -EINVAL },
    { MUNMAP, 0x1000, PAGE, 0, 0, 0, false, 0 },
    { MUNMAP, 0, 1, 0, 0, 0, true, 0 },
    { MPROTECT, 1, PAGE, RW, 0, 0, true, -EINVAL },
    { MPROTECT, 0, 0, 0x70, 0, 0, true, 0 },
    { MPROTECT, 0, PAGE, 0x70, 0, 0, true, -EINVAL },
    { MPROTECT, 0, 6 * PAGE, PROT_READ, 0, 0, true, -ENOMEM },
    { MPROTECT, 0, ~0ull - 4096, PROT_READ, 0, 0, true, -ENOMEM },
    { MPROTECT, 0x1000, PAGE, PROT_READ, 0, 0, false, -ENOMEM },
    { MPROTECT, 0, PAGE, PROT_READ | PROT_GROWSDOWN, 0, 0, true, -EINVAL },
    { MREMAP, 1, PAGE, PAGE, 0, 0, true, -EINVAL },
    { MREMAP, 0, PAGE, 0, 0, 0, true, -EINVAL },
    { MREMAP, 0, PAGE, PAGE, MREMAP_FIXED, 0, true, -EINVAL },
    { MREMAP, 0, PAGE, PAGE, 8, 0, true, -EINVAL },
    { MREMAP, 0, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, 1, true, -EINVAL },
    { MREMAP, 0x1000, PAGE, PAGE, 0, 0, false, -EFAULT },
    { MREMAP, 0x1000, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0, false, -EFAULT },
    { MREMAP, 0, 6 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0, true, -EFAULT },
    { MREMAP, 0, 2 * PAGE, 3 * PAGE, 0, 0, true, -ENOMEM },
    { MREMAP, 0, 4 * PAGE, PAGE, 0, 0, true, KEEP },
    { MADVISE, 1, PAGE, MADV_DONTNEED, 0, 0, true, -EINVAL },
    { MADVISE, 0, PAGE, 12345, 0, 0, true, -EINVAL },
    { MADVISE, 0, 6 * PAGE, MADV_DONTNEED, 0, 0, true, -ENOMEM },
    { MADVISE, 0x1000, 0, MADV_DONTNEED, 0, 0, false, 0 },
    { MADVISE, 0, PAGE, MADV_DONTNEED, 0, 0, true, 0 },
};

START_TEST(kernel_errors)
{
    abi_ulong base = map_pages(8, RW);
    ck_assert_int_eq(guest_munmap(base + 4 * PAGE, 4 * PAGE), 0);
    abi_ulong addr = errors[_i].addr + (errors[_i].relative ? base : 0), len = errors[_i].len;
    abi_long r = 0;
    switch (errors[_i].call) {
    case MMAP:
        r = guest_mmap(addr, len, (int)errors[_i].a2, (int)errors[_i].a3, -1, 0);
        break;
    case MUNMAP:
        r = guest_munmap(addr, len);
        break;
    case MPROTECT:
        r = guest_mprotect(addr, len, (int)errors[_i].a2);
        break;
    case MREMAP:
        r = guest_mremap(addr, len, (abi_ulong)errors[_i].a2, (int)errors[_i].a3,
                         (abi_ulong)errors[_i].a4);
        break;
    case MADVISE:
        r = guest_madvise(addr, len, (int)errors[_i].a2);
        break;
    }
    if (errors[_i].want == KEEP) {
        ck_assert_int_gt(r, 0);
    } else {
        ck_assert_int_eq(r, errors[_i].want);
    }
}
END_TEST

/* A hint beyond the guest's address space is as good as none. */
START_TEST(wild_hint)
{
    static const abi_ulong hints[] = { 0xffffffffb0010000, 1ul << 47, 1ul << 55, 123 };
    abi_long r = guest_mmap(hints[_i], PAGE, RW, ANON, -1, 0);
    ck_assert_int_gt(r, 0);
    ck_assert_int_lt(r, 1l << 47);
}
END_TEST

START_TEST(permissions)
{
    abi_ulong a = map_pages(4, PROT_EXEC);
    ck_assert_int_eq(guest_page_prot(a), PROT_EXEC);
    ck_assert_int_eq(*(volatile char *)g2h(a), 0);          /* the host page is readable */
    ck_assert_int_eq(guest_mprotect(a + PAGE, PAGE, RW), 0);
    ck_assert_int_eq(guest_page_prot(a), PROT_EXEC);
    ck_assert_int_eq(guest_page_prot(a + PAGE), RW);
    ck_assert_int_eq(guest_page_prot(a + 2 * PAGE + 77), PROT_EXEC);
    ck_assert_int_eq(guest_munmap(a + PAGE, PAGE), 0);
    ck_assert_int_eq(guest_page_prot(a + PAGE), -1);
    ck_assert(guest_range_used(a, PAGE) && !guest_range_used(a + PAGE, PAGE));
    ck_assert(guest_range_used(a + PAGE, 2 * PAGE));
}
END_TEST

/* mprotect() changes what it can before it meets the hole. */
START_TEST(mprotect_hole)
{
    abi_ulong a = map_pages(3, RW);
    guest_munmap(a + 2 * PAGE, PAGE);
    ck_assert_int_eq(guest_mprotect(a, 3 * PAGE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(guest_page_prot(a + PAGE), PROT_READ);
}
END_TEST

static int ours[3 * 1024];          /* three pages of the emulator */

START_TEST(emulator_is_safe)
{
    abi_ulong mine = (h2g(ours) + 4095) & ~(PAGE - 1);
    volatile int *word = g2h(mine);
    *word = 42;
    ck_assert_int_eq(guest_mmap(mine, PAGE, RW, ANON | MAP_FIXED, -1, 0), -ENOMEM);
    ck_assert_int_eq(guest_munmap(mine, PAGE), 0);
    ck_assert_int_eq(guest_mprotect(mine, PAGE, PROT_NONE), -ENOMEM);
    ck_assert_int_eq(guest_madvise(mine, PAGE, MADV_DONTNEED), -ENOMEM);
    ck_assert_int_eq(guest_mremap(mine, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), -EFAULT);
    abi_ulong a = map_pages(1, RW);
    ck_assert_int_eq(guest_mremap(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, mine), -ENOMEM);
    ck_assert_int_eq(guest_munmap(PAGE, (1ul << 47) - 4 * PAGE), 0);    /* everything */
    ck_assert_int_eq(guest_page_prot(a), -1);
    ck_assert_int_eq(*word, 42);
}
END_TEST

/* MAP_FIXED over a part that is mapped and a part that is not. */
START_TEST(fixed_over_hole)
{
    abi_ulong a = map_pages(6, RW);
    memset(g2h(a), 1, 6 * PAGE);
    guest_munmap(a + 2 * PAGE, 2 * PAGE);
    ck_assert_int_eq(guest_mmap(a, 6 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0), -EBADF);
    ck_assert_int_eq(guest_page_prot(a + 2 * PAGE), -1);
    ck_assert_int_eq(guest_page_prot(a), RW);
    ck_assert_int_eq(guest_mmap(a, 6 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0), (abi_long)a);
    ck_assert_int_eq(guest_page_prot(a + 3 * PAGE), PROT_READ);
    ck_assert_int_eq(*(volatile char *)g2h(a + 5 * PAGE), 0);
}
END_TEST

START_TEST(mremap_moves)
{
    abi_ulong a = map_pages(4, RW), b = map_pages(8, PROT_READ);
    guest_mprotect(a + PAGE, PAGE, PROT_READ);
    guest_munmap(b + 2 * PAGE, 3 * PAGE);
    *(int *)g2h(a) = 7;
    /* the destination has a hole and is larger than the source */
    abi_long r = guest_mremap(a, PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b);
    ck_assert_int_eq(r, (abi_long)b);
    ck_assert_int_eq(*(int *)g2h(b), 7);
    ck_assert_int_eq(guest_page_prot(a), -1);
    ck_assert_int_eq(guest_page_prot(a + PAGE), PROT_READ);
    ck_assert_int_eq(guest_page_prot(b + 4 * PAGE), RW);
    ck_assert_int_eq(guest_page_prot(b + 5 * PAGE), PROT_READ);
    /* shrink, then grow where there is room */
    ck_assert_int_eq(guest_mremap(b, 5 * PAGE, PAGE, 0, 0), (abi_long)b);
    ck_assert_int_eq(guest_page_prot(b + PAGE), -1);
    ck_assert_int_eq(guest_mremap(b, PAGE, 4 * PAGE, 0, 0), (abi_long)b);
    ck_assert_int_eq(guest_page_prot(b + 3 * PAGE), RW);
}
END_TEST

START_TEST(brk_grows)
{
    abi_ulong a = map_pages(16, RW);
    guest_munmap(a, 16 * PAGE);
    process.start_brk = process.brk = a;
    ck_assert_int_eq(guest_brk(0), (abi_long)a);
    ck_assert_int_eq(guest_brk(a + 5), (abi_long)a + 5);
    *(char *)g2h(a + 100) = 1;
    ck_assert_int_eq(guest_brk(a + 3 * PAGE), (abi_long)(a + 3 * PAGE));
    ck_assert_int_eq(guest_page_prot(a + 2 * PAGE), RW);
    ck_assert_int_eq(guest_brk(a + PAGE), (abi_long)(a + PAGE));
    ck_assert_int_eq(guest_page_prot(a + PAGE), -1);
    ck_assert_int_eq(*(char *)g2h(a + 100), 1);
    ck_assert_int_eq(guest_brk(~0ul), (abi_long)(a + PAGE));
    ck_assert_int_eq(guest_brk(a - 1), (abi_long)(a + PAGE));
    ck_assert_int_eq(guest_mmap(a + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0),
                     (abi_long)(a + 2 * PAGE));
    ck_assert_int_eq(guest_brk(a + 4 * PAGE), (abi_long)(a + PAGE));    /* in the way */
    struct rlimit lim = { PAGE, PAGE };
    setrlimit(RLIMIT_DATA, &lim);
    ck_assert_int_eq(guest_brk(a + 2 * PAGE), (abi_long)(a + PAGE));
}
END_TEST

START_TEST(guarded_copies)
{
    catch_faults();
    abi_ulong a = map_pages(2, RW);
    guest_munmap(a + PAGE, PAGE);
    char buf[1024];
    for (size_t n = 0; n <= 600; n += 1 + n / 9) {
        memset(g2h(a + PAGE - n), (int)n, n);
        memset(buf, 0xee, sizeof(buf));
        ck_assert(guest_read(buf, a + PAGE - n, n));
        ck_assert(n == 0 || (buf[0] == (char)n && buf[n - 1] == (char)n));
        ck_assert_int_eq(buf[n], (char)0xee);
        ck_assert(!guest_read(buf, a + PAGE - n, n + 1));
        ck_assert(!guest_write(a + PAGE - n, buf, n + 1));
        ck_assert(guest_write(a + PAGE - n, buf, n));
    }
    ck_assert(!guest_read(buf, 0, 1));
    ck_assert(!guest_read(buf, 1ull << 63, 8));
    strcpy(g2h(a + PAGE - 4), "abc");
    ck_assert_int_eq(guest_strnlen(a + PAGE - 4, 100), 3);
    ck_assert_int_eq(guest_strnlen(a + PAGE - 4, 2), 2);
    char *s = guest_strdup(a + PAGE - 4);
    ck_assert_str_eq(s, "abc");
    memset(g2h(a + PAGE - 4), 'x', 4);
    ck_assert_int_eq(guest_strnlen(a + PAGE - 4, 100), -1);
    ck_assert_int_eq(guest_strnlen(a + PAGE - 4, 4), 4);
    ck_assert_ptr_null(guest_strdup(a + PAGE - 4));
}
END_TEST

START_TEST(fetch)
{
    catch_faults();
    char buf[64];
    CPUFault f;
    abi_ulong a = map_pages(3, RX);
    guest_mprotect(a + 2 * PAGE, PAGE, PROT_READ);
    ck_assert_uint_eq(guest_fetch(a + PAGE - 8, buf, 64, &f), 64);
    ck_assert_uint_eq(guest_fetch(a + 2 * PAGE - 8, buf, 64, &f), 8);
    ck_assert_uint_eq(guest_fetch(a + 2 * PAGE, buf, 64, &f), 0);
    ck_assert(f.sig == SIGSEGV && f.code == SEGV_ACCERR && f.addr == a + 2 * PAGE);
    ck_assert_uint_eq(guest_fetch(8, buf, 64, &f), 0);
    ck_assert(f.sig == SIGSEGV && f.code == SEGV_MAPERR && f.addr == 8);
    char name[] = "/tmp/rivet-fetch-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    ck_assert_int_eq(ftruncate(fd, 2 * PAGE), 0);
    abi_ulong m = (abi_ulong)guest_mmap(0, 2 * PAGE, RX, MAP_PRIVATE, fd, 0);
    ck_assert_uint_eq(guest_fetch(m + PAGE - 8, buf, 64, &f), 64);
    ck_assert_int_eq(ftruncate(fd, PAGE), 0);
    ck_assert_uint_eq(guest_fetch(m + PAGE - 8, buf, 64, &f), 8);
    ck_assert_uint_eq(guest_fetch(m + PAGE, buf, 64, &f), 0);
    ck_assert(f.sig == SIGBUS && f.code == BUS_ADRERR);
    ck_assert(!guest_code_shared(m));
    m = (abi_ulong)guest_mmap(0, PAGE, RX, MAP_SHARED, fd, 0);
    ck_assert(guest_code_shared(m));
}
END_TEST

START_TEST(shm)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    if (id < 0) {
        return;                     /* a system without System V IPC */
    }
    abi_long r = guest_shmat(id, 0, 0), r2 = guest_shmat(id, 0, SHM_RDONLY);
    shmctl(id, IPC_RMID, NULL);
    ck_assert_int_gt(r, 0);
    ck_assert_int_gt(r2, 0);
    abi_ulong a = (abi_ulong)r, b = (abi_ulong)r2;
    ck_assert_int_eq(guest_page_prot(a + 2 * PAGE), RW);
    ck_assert_int_eq(guest_page_prot(b), PROT_READ);
    ck_assert_int_eq(guest_mmap(a + PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0),
                     (abi_long)(a + PAGE));
    ck_assert_int_eq(guest_shmdt(a), 0);
    ck_assert_int_eq(guest_page_prot(a), -1);
    ck_assert_int_eq(guest_page_prot(a + PAGE), PROT_READ);
    ck_assert_int_eq(guest_page_prot(a + 2 * PAGE), -1);
    ck_assert_int_eq(guest_page_prot(b), PROT_READ);
    ck_assert_int_eq(guest_shmdt(a), -EINVAL);
    ck_assert_int_eq(guest_shmdt(a + PAGE), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mmap");
    TCase *t = tcase_create("mmap");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, map_random, 0, 8);
    tcase_add_test(t, map_large);
    tcase_add_loop_test(t, kernel_errors, 0, G_N_ELEMENTS(errors));
    tcase_add_loop_test(t, wild_hint, 0, 4);
    tcase_add_test(t, permissions);
    tcase_add_test(t, mprotect_hole);
    tcase_add_test(t, emulator_is_safe);
    tcase_add_test(t, fixed_over_hole);
    tcase_add_test(t, mremap_moves);
    tcase_add_test(t, brk_grows);
    tcase_add_test(t, guarded_copies);
    tcase_add_test(t, fetch);
    tcase_add_test(t, shm);
    suite_add_tcase(s, t);
    return run_suite(s);
}
