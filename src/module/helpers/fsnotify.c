// SPDX-License-Identifier: GPL-2.0
/* Groups of fsnotify marks. */

#include <linux/fsnotify_backend.h>
#include <linux/wait.h>

#include "../helpers.h"

/* Each mark refers to its group until it is freed. */
bool rp_fsnotify_has_marks(struct fsnotify_group *group)
{
	return refcount_read(&group->refcnt) > 1;
}

/*
 * Waits like fsnotify_destroy_group(), which is not exported. Returns false if this
 * takes longer than @ms milliseconds.
 */
bool rp_fsnotify_wait_for_users(struct fsnotify_group *group, unsigned int ms)
{
	spin_lock(&group->notification_lock);
	group->shutdown = true;
	spin_unlock(&group->notification_lock);
	return wait_event_timeout(group->notification_waitq,
				  !atomic_read(&group->user_waits),
				  msecs_to_jiffies(ms));
}
