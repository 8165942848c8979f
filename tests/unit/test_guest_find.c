/*
 * test_guest_find.c: a word in guest memory, wherever it is and whatever else can be read. links: linux-user/guest_ptr.c linux-user/guest_copy.S
 */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "linux-user/guest_ptr.h"
#include "tests/unit/suite.h"

enum { PAGE = 4096, PAGES = 5 };
static const uint32_t WORD = 0xf1401073;
static uint8_t *memory;         /* PAGES pages */

static void on_fault(int sig, siginfo_t *info, void *context)
{
    if (!guest_copy_fixup(context)) {
        signal(sig, SIG_DFL);
    }
}

static void setup(void)
{
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigaction(SIGSEGV, &sa, NULL);
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(memory != MAP_FAILED);
}

static void teardown(void)
{
    munmap(memory, PAGES * PAGE);
}

static bool found_at(size_t at)
{
    uint64_t start = (uintptr_t)memory;
    memcpy(memory + at, &WORD, sizeof(WORD));
    bool found = guest_find(start, start + PAGES * PAGE, WORD);
    memset(memory + at, 0, sizeof(WORD));
    return found;
}

START_TEST(everywhere)
{
    for (size_t at = 0; at <= PAGES * PAGE - sizeof(WORD); at++) {
        ck_assert_msg(found_at(at) == (at % 2 == 0), "at %zu", at);
    }
    uint64_t start = (uintptr_t)memory;
    ck_assert(!guest_find(start, start, WORD));
    memcpy(memory + PAGE - 2, &WORD, sizeof(WORD));
    ck_assert(!guest_find(start, start + PAGE, WORD));
    ck_assert(!guest_find(start + PAGE, start + 2 * PAGE, WORD));
}
END_TEST

START_TEST(holes)
{
    uint64_t start = (uintptr_t)memory;
    mprotect(memory + PAGE, PAGE, PROT_NONE);
    ck_assert(!guest_find(start, start + PAGES * PAGE, WORD));
    ck_assert(found_at(16));
    ck_assert(found_at(2 * PAGE));
    ck_assert(found_at(3 * PAGE - 2));
    ck_assert(found_at(PAGES * PAGE - 4));
    mprotect(memory, PAGES * PAGE, PROT_NONE);
    ck_assert(!guest_find(start, start + PAGES * PAGE, WORD));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_find");
    TCase *t = tcase_create("guest_find");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, everywhere);
    tcase_add_test(t, holes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
