/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Becoming another user.
 */
#ifndef SELFTESTS_USER_H
#define SELFTESTS_USER_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "sysfile.h"

#define NOBODY 65534

/*
 * Turns this process, which must belong to root, into one of another user and,
 * if requested, into root in its own user namespace, with all capabilities
 * there. Returns 0 or -errno: -EPERM, -ENOSPC or -EINVAL if no such namespace
 * is available.
 */
static inline int become(uid_t uid, bool root_of_namespace)
{
	char map[32];

	/*
	 * Otherwise a process that changes its user may not access its own
	 * /proc.
	 */
	if (setuid(uid) || prctl(PR_SET_DUMPABLE, 1))
		return -errno;
	if (!root_of_namespace)
		return 0;
	if (unshare(CLONE_NEWUSER))
		return -errno;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	return sysfile_write("/proc/self/uid_map", map);
}

#endif
