/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specimens: a file of each kind that differs in how it is watched.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_SPECIMEN_H
#define SELFTESTS_SPECIMEN_H

#include "poller.h"

struct specimen {
	/* The file to be watched. */
	int fd;
	/* What makes it readable, or -1. */
	int other;
};

struct kind {
	const char *name;
	/* Opens a file that is not readable. */
	int (*open)(struct specimen *s);
	/* Makes it readable. */
	int (*fire)(const struct specimen *s);
};

#define KINDS 13

extern const struct kind kinds[KINDS];

const struct kind *kind_named(const char *name);

/*
 * Opens one. For signalfds SIGUSR2 is used, and blocked in the calling thread; in
 * others it must be blocked already.
 */
int specimen_open(struct specimen *s, const struct kind *kind);

/* Closes what is open of it. */
void specimen_close(struct specimen *s);

#endif
