/*
 * exec/fork_page.h: where the state lies that is written around a fork.
 *
 * Each page that parent or child writes after a fork is copied first, at some 1000 times the cost
 * of the write: so what both always write lies together, in one page as long as it is less (the
 * first has the alignment). Nothing depends on it.
 */
#ifndef EXEC_FORK_PAGE_H
#define EXEC_FORK_PAGE_H

#define FORK_PAGE __attribute__((section("fork_page")))

#endif
