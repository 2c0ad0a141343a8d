/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on an instance of repoll, by ioctl or directly. One of the two is chosen anew for each
 * call, according to REPOLL_SEED in the environment and the number of calls that the process has
 * made, unless a test requests one, or REPOLL_CALLS names one: "ioctl" or "direct".
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_CALLS_H
#define SELFTESTS_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

enum way { EITHER_WAY, BY_IOCTL, DIRECTLY };

/* From now on, all calls of this process use this form. */
void calls_go(enum way way);

/* Whether the next call will be a direct one. */
bool calls_next_directly(void);

/* The system call of a direct call. */
#ifdef SYS_fadvise64_64
#define DIRECT_SYSCALL SYS_fadvise64_64
#else
#define DIRECT_SYSCALL SYS_fadvise64
#endif

/* Calls fadvise64(2) on any descriptor. */
int call_directly(int fd, uint64_t first, uint64_t second, int operation);

/* REPOLL_WAIT, REPOLL_BATCH or REPOLL_BATCH_WAIT, or the direct call that does the same. */
int call_with(int pfd, unsigned long command, void *argument);

#endif
