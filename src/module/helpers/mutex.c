// SPDX-License-Identifier: GPL-2.0
/* Mutexes. */

#include <linux/mutex.h>

#include "../helpers.h"

/* Returns an error if the task is being killed. */
int rp_mutex_lock_killable(struct mutex *lock, unsigned int subclass)
{
	return mutex_lock_killable_nested(lock, subclass);
}

/* Returns false after a signal. */
bool rp_mutex_lock_interruptible(struct mutex *lock)
{
	return !mutex_lock_interruptible(lock);
}
