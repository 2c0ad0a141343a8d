/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Being somebody else.
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
 * Makes this process, which is root's, that of another user; and, if wanted,
 * root in a user namespace of his own, with all capabilities there. Returns 0 or
 * -errno: -EPERM, -ENOSPC or -EINVAL if there is no such namespace to be had.
 */
static inline int become(uid_t uid, bool root_of_namespace)
{
	char map[32];

	/* Who changes its user may not look into its own /proc otherwise. */
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
