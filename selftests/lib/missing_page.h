/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A missing page. A thread that accesses it, even in the kernel, waits until the page is
 * provided (userfaultfd(2)).
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

/* Maps such a page into this process. Some kernels allow that only for root. */
int missing_page_make(struct missing_page *missing);

/* Waits until a thread accesses the page. */
int missing_page_await(const struct missing_page *missing);

/* Provides the page and closes the userfaultfd. */
int missing_page_provide(const struct missing_page *missing);

#endif
