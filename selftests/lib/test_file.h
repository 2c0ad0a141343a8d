/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files to be watched: one of each kind that the kernel watches in a way of its own.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_TEST_FILE_H
#define SELFTESTS_TEST_FILE_H

#include "poller.h"

struct test_file {
	/* The file to be watched. */
	int fd;
	/* What makes it readable, or -1. */
	int other;
};

struct file_kind {
	const char *name;
	/* Opens a file that is not readable. */
	int (*open)(struct test_file *s);
	/* Makes it readable. */
	int (*fire)(const struct test_file *s);
};

#define KINDS 13

extern const struct file_kind kinds[KINDS];

const struct file_kind *file_kind_named(const char *name);

/*
 * Opens one. For signalfds SIGUSR2 is used, and blocked in the calling thread; in
 * others it must be blocked already.
 */
int test_file_open(struct test_file *s, const struct file_kind *kind);

/* Closes what is open of it. */
void test_file_close(struct test_file *s);

#endif
