/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failures on purpose: the kernel fails the nth thing that can fail in what this
 * thread does next, an allocation or a copy from or to user memory. It needs a
 * kernel with fault injection (CONFIG_FAULT_INJECTION_DEBUG_FS, FAILSLAB,
 * FAIL_PAGE_ALLOC, FAULT_INJECTION_USERCOPY), and root.
 *
 * The kernel logs the stack of each failure. A site is such a stack, from the
 * function that was failed to the system call. What the kernel's debugging aids
 * allocate for themselves fails without a word, and does no harm.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_SITES 2048

/*
 * Has all that can fail take part, and keeps the stacks off the console.
 * Returns 0, or -errno: -ENOENT without fault injection.
 */
int fault_open(void);

/*
 * Has only that fail which happens on behalf of a function of the kernel; or only
 * what does not, unless @inside. Returns 0 or -errno.
 */
int fault_limit(const char *function, bool inside);

/* Undoes all that. */
void fault_close(void);

/* From now on the @nth thing fails, counted from 1. */
void fault_arm(unsigned int nth);

/* No more failures. Returns whether there was one. */
bool fault_disarm(void);

/*
 * Where the last failure was: a number that tells the site from others; 0 if the
 * kernel has logged nothing. It is odd if a function of the module is in the stack.
 */
uint64_t fault_site(void);

/* What was met. */
struct fault_tally {
	/* Failures, those of them that were not logged, and those that did harm. */
	unsigned int faults, silent, errors;
	/* Different sites. */
	unsigned int sites;
	uint64_t site[FAULT_SITES];
};

/* Counts a failure, which made a call fail if @error. */
void fault_count(struct fault_tally *tally, uint64_t site, bool error);

/* Adds what another tally has. */
void fault_merge(struct fault_tally *tally, const struct fault_tally *other);

/* What it comes to, in words */
const char *fault_summary(const struct fault_tally *tally);

#endif
