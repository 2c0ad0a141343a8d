/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Injected failures: the kernel fails the nth operation that can fail in this thread from
 * now on, an allocation or a copy from or to user memory. This requires a kernel with
 * fault injection (CONFIG_FAULT_INJECTION_DEBUG_FS, FAILSLAB, FAIL_PAGE_ALLOC,
 * FAULT_INJECTION_USERCOPY), and root.
 *
 * The kernel logs the stack of each failure. A site is such a stack, from the function
 * that failed to the system call. Allocations of the kernel's debugging aids for
 * themselves fail without a message, and do no harm.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_SITES 2048

/*
 * Enables all kinds of failures, and keeps the stacks off the console. Returns 0, or
 * -errno: -ENOENT without fault injection.
 */
int fault_open(void);

/*
 * Limits failures to those on behalf of a function of the kernel; or to all others,
 * unless @inside. Returns 0 or -errno.
 */
int fault_limit(const char *function, bool inside);

/* Undoes all of this. */
void fault_close(void);

/* From now on, the @nth operation fails, counted from 1. */
void fault_arm(unsigned int nth);

/* No more failures. Returns whether there was one. */
bool fault_disarm(void);

/*
 * The site of the last failure: a number that distinguishes sites; 0 if the kernel has
 * logged nothing. It is odd if the stack contains a function of the module.
 */
uint64_t fault_site(void);

/* The failures so far. */
struct fault_tally {
	/* Failures, those that were not logged, and those that caused an error. */
	unsigned int faults, silent, errors;
	/* Different sites. */
	unsigned int sites;
	uint64_t site[FAULT_SITES];
};

/* Counts a failure, which caused a call to fail if @error. */
void fault_count(struct fault_tally *tally, uint64_t site, bool error);

/* Adds the counts of another tally. */
void fault_merge(struct fault_tally *tally, const struct fault_tally *other);

/* The totals, in words. */
const char *fault_summary(const struct fault_tally *tally);

#endif
