/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page that is not there yet. A thread that touches it, also in the kernel, waits
 * until the page is provided (userfaultfd(2)).
 *
 * Every function returns 0, or -errno.
 */
#ifndef SELFTESTS_MISSING_PAGE_H
#define SELFTESTS_MISSING_PAGE_H

#include <stddef.h>

struct missing_page {
	int uffd;
	void *addr;
	size_t size;
};

/* Maps one into this process. Some kernels allow that only to root. */
int missing_page_make(struct missing_page *missing);

/* Waits until a thread touches the page. */
int missing_page_await(const struct missing_page *missing);

/* Provides the page and closes the userfaultfd. */
int missing_page_provide(const struct missing_page *missing);

#endif
