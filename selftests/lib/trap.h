/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trap: a page that is not there yet. Who touches it first, the kernel included,
 * waits until it is provided (userfaultfd(2)).
 *
 * Every function returns 0, or -errno.
 */
#ifndef SELFTESTS_TRAP_H
#define SELFTESTS_TRAP_H

#include <stddef.h>

struct trap {
	int uffd;
	void *page;
	size_t size;
};

/* Makes a trap, for this process. Not everybody may, on every kernel. */
int trap_set(struct trap *trap);

/* Waits until somebody is in it. */
int trap_await(const struct trap *trap);

/* Lets it go, and tidies up. */
int trap_open(const struct trap *trap);

#endif
