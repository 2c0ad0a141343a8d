// SPDX-License-Identifier: GPL-2.0
/* User memory. */

#include <linux/eventpoll.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "../helpers.h"
#include "uapi/repoll.h"

bool rp_access_ok(unsigned long addr, unsigned long size)
{
	return access_ok((void __user *)addr, size);
}

/* Called within a window of user access. Returns false after a fault. */
static __always_inline bool rp_get_words(void *to, const void __user *from,
					 size_t size)
{
	const u64 __user *at = from;
	u64 *words = to;
	size_t i;

	BUILD_BUG_ON(size % sizeof(*words));
#pragma GCC unroll 16
	for (i = 0; i < size / sizeof(*at); i++)
		unsafe_get_user(words[i], &at[i], fault);
	return true;
fault:
	return false;
}

/*
 * For a few words: the setup of copy_from_user() would take longer than the copy.
 * Returns false after a fault.
 */
static __always_inline bool rp_read_words(void *to, unsigned long from,
					  size_t size)
{
	const void __user *at = (const void __user *)from;
	bool got;

	might_fault();
	if (!user_read_access_begin(at, size))
		return false;
	got = rp_get_words(to, at, size);
	user_read_access_end();
	return got;
}

/* Reads of arguments, by their sizes. */
bool rp_read_24(void *to, unsigned long from)
{
	return rp_read_words(to, from, 24);
}

bool rp_read_32(void *to, unsigned long from)
{
	return rp_read_words(to, from, 32);
}

bool rp_read_40(void *to, unsigned long from)
{
	return rp_read_words(to, from, 40);
}

bool rp_read_64(void *to, unsigned long from)
{
	return rp_read_words(to, from, 64);
}

/*
 * Reads changes, and stores success as the result of each. The caller corrects it if
 * the change fails. So no change is made whose result cannot be stored. Returns how
 * many changes were both read and stored before a fault.
 */
size_t rp_read_changes(struct repoll_change *to, unsigned long from,
		       size_t count)
{
	struct repoll_change __user *at = (struct repoll_change __user *)from;
	size_t n;

	might_fault();
	if (!user_access_begin(at, count * sizeof(*at)))
		return 0;
	for (n = 0; n < count; n++, at++, to++) {
		if (!rp_get_words(to, at, sizeof(*to)))
			break;
		unsafe_put_user(0, &at->result, fault);
	}
fault:
	user_access_end();
	return n;
}

bool rp_write_result(unsigned long to, s32 result)
{
	return !put_user(result, (s32 __user *)to);
}

bool rp_write_done(unsigned long to, u32 done, u32 failed)
{
	u32 __user *at = (u32 __user *)to;

	return !put_user(done, at) && !put_user(failed, at + 1);
}

bool rp_read_event(struct epoll_event *to, unsigned long from)
{
	const struct epoll_event __user *at =
		(const struct epoll_event __user *)from;
	__poll_t events;
	__u64 data;

	might_fault();
	if (!user_read_access_begin(at, sizeof(*at)))
		return false;
	unsafe_get_user(events, &at->events, fault);
	unsafe_get_user(data, &at->data, fault);
	user_read_access_end();
	to->events = events;
	to->data = data;
	return true;
fault:
	user_read_access_end();
	return false;
}

/* The number of words in two events; 0 if events have a gap, which must not be written. */
#define RP_PAIR (sizeof(struct epoll_event) == 12 ? 3 : 0)

/* Returns how many events were written before a fault. */
size_t rp_write_events(unsigned long to, const struct epoll_event *from,
		       size_t count)
{
	struct epoll_event __user *begin = (struct epoll_event __user *)to;
	struct epoll_event __user *at = begin;
	const struct epoll_event *event = from;
	size_t singles = RP_PAIR ? count % 2 : count;
	size_t pairs = (count - singles) / 2;
	size_t i;

	might_fault();
	if (!user_write_access_begin(at, count * sizeof(*at)))
		return 0;
	for (; singles; singles--, at++, event++) {
		unsafe_put_user(event->events, &at->events, fault);
		unsafe_put_user(event->data, &at->data, fault);
	}
	if (pairs) {
		do {
			u64 __user *to_words = (u64 __user *)at;
			const u64 *words = (const u64 *)event;

#pragma GCC unroll 4
			for (i = 0; i < RP_PAIR; i++)
				unsafe_put_user(get_unaligned(&words[i]),
						&to_words[i], fault);
			at += 2;
			event += 2;
		} while (--pairs);
	}
	user_write_access_end();
	return count;
fault:
	user_write_access_end();
	i = at - begin;
	/* The first event of a pair may have been written. */
	if (!put_user(from[i].events, &begin[i].events) &&
	    !put_user(from[i].data, &begin[i].data))
		i++;
	return i;
}

/* Writes as much as fits into @room, followed by zeros. */
bool rp_write_struct(unsigned long to, size_t room, const void *from,
		     size_t size)
{
	return !copy_struct_to_user((void __user *)to, room, from, size, NULL);
}
