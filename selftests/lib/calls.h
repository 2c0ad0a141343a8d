/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on an instance of repoll, by ioctl or directly. Which of these is chosen anew
 * for each call, by REPOLL_SEED in the environment and by how many calls the process
 * has made, unless a test wants a certain way, or REPOLL_CALLS names one: "ioctl" or
 * "direct".
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_CALLS_H
#define SELFTESTS_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

enum way { EITHER_WAY, BY_IOCTL, DIRECTLY };

/* From now on all calls of this process go that way. */
void calls_go(enum way way);

/* Whether the next call is to be a direct one. */
bool calls_next_directly(void);

/* The system call of a direct call. */
#ifdef SYS_fadvise64_64
#define DIRECT_SYSCALL SYS_fadvise64_64
#else
#define DIRECT_SYSCALL SYS_fadvise64
#endif

/* fadvise64(2), on whatever descriptor. */
int call_directly(int fd, uint64_t first, uint64_t second, int operation);

/* REPOLL_WAIT, REPOLL_BATCH or REPOLL_BATCH_WAIT, or the direct call that does the same. */
int call_with(int pfd, unsigned long command, void *argument);

#endif
