// SPDX-License-Identifier: GPL-2.0
/* Wait queues, and tasks that are woken like the tasks in one. */

#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "../helpers.h"

void rp_waitqueue_func_init(struct wait_queue_entry *entry,
			    int (*func)(struct wait_queue_entry *, unsigned int,
					int, void *))
{
	init_waitqueue_func_entry(entry, func);
}

void rp_wait_entry_del_init(struct wait_queue_entry *entry)
{
	list_del_init(&entry->entry);
}

void rp_wait_entry_move_back(struct wait_queue_head *head,
			     struct wait_queue_entry *entry)
{
	unsigned long flags;

	spin_lock_irqsave(&head->lock, flags);
	if (!list_empty(&entry->entry))
		list_move_tail(&entry->entry, &head->head);
	spin_unlock_irqrestore(&head->lock, flags);
}

/* Like wake_up_poll(), for pollers that may be nested eventpolls. */
void rp_wake_pollers(struct wait_queue_head *head, void *key, u32 *level,
		     u32 subclass)
{
	unsigned long flags;

	spin_lock_irqsave_nested(&head->lock, flags, subclass);
	WRITE_ONCE(*level, subclass + 1);
	__wake_up_locked_key(head, TASK_NORMAL, key);
	spin_unlock_irqrestore(&head->lock, flags);
}

/* Returns the number of entries, at most @most. */
unsigned int rp_count_entries(struct wait_queue_head *head, unsigned int most)
{
	struct list_head *entry;
	unsigned int n = 0;
	unsigned long flags;

	spin_lock_irqsave(&head->lock, flags);
	list_for_each(entry, &head->head) {
		if (++n >= most)
			break;
	}
	spin_unlock_irqrestore(&head->lock, flags);
	return n;
}

/* @flags are those of a wait queue's wake-up. Returns false if the task was not asleep. */
bool rp_wake_task(struct task_struct *task, int flags)
{
	struct wait_queue_entry entry = { .private = task };

	return default_wake_function(&entry, TASK_NORMAL, flags, NULL);
}
