/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files to watch: one of each kind that the kernel treats differently.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_TEST_FILE_H
#define SELFTESTS_TEST_FILE_H

#include "poller.h"

struct test_file {
	/* The watched file. */
	int fd;
	/* The descriptor that makes it readable, or -1. */
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
 * Opens a file. For signalfds this uses SIGUSR2, and blocks it in the calling thread; in
 * other threads it must be blocked already.
 */
int test_file_open(struct test_file *s, const struct file_kind *kind);

/* Closes all open descriptors of the file. */
void test_file_close(struct test_file *s);

#endif
