/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of the module, in tracefs under events/repoll.
 *
 * Fields that mean the same everywhere:
 *
 *	instance	the number of an instance, which is never reused: the id
 *			in struct repoll_info
 *	fd		the number under which the file was added
 *	ino		the file's inode number: for a socket, the one in
 *			/proc/PID/fd and in ss -e
 *	data		the user's data, as in struct epoll_event
 *
 * An item is identified by (file, fd). If a descriptor number is reused while
 * another descriptor keeps the first file open, the two items differ in ino.
 *
 * repoll_callback and repoll_wake are hit with interrupts off and in any context,
 * repoll_drop for an eventfd with interrupts off, all others in process context.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM repoll

#if !defined(_REPOLL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _REPOLL_TRACE_H

#include <linux/tracepoint.h>

/* Plain numbers, because programs that read the formats do not know the kernel's types. */
#define repoll_show_events(events)					\
	__print_flags(events, "|",					\
		{ 0x00000001, "IN" }, { 0x00000002, "PRI" },		\
		{ 0x00000004, "OUT" }, { 0x00000008, "ERR" },		\
		{ 0x00000010, "HUP" }, { 0x00000040, "RDNORM" },	\
		{ 0x00000080, "RDBAND" }, { 0x00000100, "WRNORM" },	\
		{ 0x00000200, "WRBAND" }, { 0x00000400, "MSG" },	\
		{ 0x00002000, "RDHUP" }, { 0x00004000, "FREE" },	\
		{ 0x08000000, "URING_WAKE" },				\
		{ 0x10000000, "EXCLUSIVE" }, { 0x20000000, "WAKEUP" },	\
		{ 0x40000000, "ONESHOT" }, { 0x80000000, "ET" })

/*
 * repoll_create - an instance was created
 * @fifo: whether the waiter that came first is woken first
 */
TRACE_EVENT(repoll_create,
	TP_PROTO(u64 instance, bool fifo),
	TP_ARGS(instance, fifo),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(bool, fifo)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->fifo = fifo;
	),
	TP_printk("instance=%llu fifo=%d", __entry->instance, __entry->fifo)
);

/* repoll_release - the last descriptor of an instance is closed, which ends all its items */
TRACE_EVENT(repoll_release,
	TP_PROTO(u64 instance),
	TP_ARGS(instance),
	TP_STRUCT__entry(
		__field(u64, instance)
	),
	TP_fast_assign(
		__entry->instance = instance;
	),
	TP_printk("instance=%llu", __entry->instance)
);

DECLARE_EVENT_CLASS(repoll_change,
	TP_PROTO(u64 instance, int fd, u64 ino, u32 events, u64 data, u32 found),
	TP_ARGS(instance, fd, ino, events, data, found),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(u64, ino)
		__field(u64, data)
		__field(int, fd)
		__field(u32, events)
		__field(u32, found)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->ino = ino;
		__entry->data = data;
		__entry->fd = fd;
		__entry->events = events;
		__entry->found = found;
	),
	TP_printk("instance=%llu fd=%d ino=%llu events=%#x(%s) data=%#llx found=%#x(%s)",
		  __entry->instance, __entry->fd, __entry->ino,
		  __entry->events, repoll_show_events(__entry->events),
		  __entry->data,
		  __entry->found, repoll_show_events(__entry->found))
);

/*
 * repoll_add - an item was added. An event that came meanwhile may already have
 * called back.
 * @events: the events that it watches for, and its mode
 * @found: which of these events the file had at once: if any, the item is ready
 */
DEFINE_EVENT(repoll_change, repoll_add,
	TP_PROTO(u64 instance, int fd, u64 ino, u32 events, u64 data, u32 found),
	TP_ARGS(instance, fd, ino, events, data, found)
);

/* repoll_mod - an item was modified; fields as for repoll_add */
DEFINE_EVENT(repoll_change, repoll_mod,
	TP_PROTO(u64 instance, int fd, u64 ino, u32 events, u64 data, u32 found),
	TP_ARGS(instance, fd, ino, events, data, found)
);

/* repoll_del - an item was deleted, by request */
TRACE_EVENT(repoll_del,
	TP_PROTO(u64 instance, int fd, u64 ino),
	TP_ARGS(instance, fd, ino),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(u64, ino)
		__field(int, fd)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->ino = ino;
		__entry->fd = fd;
	),
	TP_printk("instance=%llu fd=%d ino=%llu",
		  __entry->instance, __entry->fd, __entry->ino)
);

/*
 * repoll_drop - an item was removed because its file was closed
 * @held: whether nothing shows the close of the file, so that the module had to check
 *	regularly whether there are other references
 */
TRACE_EVENT(repoll_drop,
	TP_PROTO(u64 instance, int fd, u64 ino, u64 data, bool held),
	TP_ARGS(instance, fd, ino, data, held),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(u64, ino)
		__field(u64, data)
		__field(int, fd)
		__field(bool, held)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->ino = ino;
		__entry->data = data;
		__entry->fd = fd;
		__entry->held = held;
	),
	TP_printk("instance=%llu fd=%d ino=%llu data=%#llx reason=%s",
		  __entry->instance, __entry->fd, __entry->ino, __entry->data,
		  __print_symbolic(__entry->held,
				   { 0, "closed" }, { 1, "abandoned" }))
);

#define REPOLL_IGNORED 0
#define REPOLL_LISTED 1
#define REPOLL_PENDING 2

/*
 * repoll_callback - a wait queue of the file was woken
 * @events: the events that the waker announces; 0 if it does not state them
 * @interest: the events that the item watches for, and its mode; after its event, a
 *	one-shot item keeps only the mode, and no wake-up concerns it
 * @result: REPOLL_IGNORED if the wake-up does not concern the item; REPOLL_LISTED if
 *	the item joins the ready list; REPOLL_PENDING if it is on the list already, or
 *	its file is closed
 */
TRACE_EVENT(repoll_callback,
	TP_PROTO(u64 instance, int fd, u64 ino, u64 data, u32 events,
		 u32 interest, u32 result),
	TP_ARGS(instance, fd, ino, data, events, interest, result),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(u64, ino)
		__field(u64, data)
		__field(int, fd)
		__field(u32, events)
		__field(u32, interest)
		__field(u32, result)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->ino = ino;
		__entry->data = data;
		__entry->fd = fd;
		__entry->events = events;
		__entry->interest = interest;
		__entry->result = result;
	),
	TP_printk("instance=%llu fd=%d ino=%llu data=%#llx events=%#x(%s) interest=%#x(%s) result=%s",
		  __entry->instance, __entry->fd, __entry->ino, __entry->data,
		  __entry->events, repoll_show_events(__entry->events),
		  __entry->interest, repoll_show_events(__entry->interest),
		  __print_symbolic(__entry->result, { REPOLL_IGNORED, "ignored" },
				   { REPOLL_LISTED, "listed" },
				   { REPOLL_PENDING, "pending" }))
);

/*
 * repoll_wake - a waiter is about to be woken; the sched_waking that follows shows
 * which one
 * @sync: whether the waker itself is about to sleep
 */
TRACE_EVENT(repoll_wake,
	TP_PROTO(u64 instance, bool sync),
	TP_ARGS(instance, sync),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(bool, sync)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->sync = sync;
	),
	TP_printk("instance=%llu sync=%d", __entry->instance, __entry->sync)
);

/*
 * repoll_wait_enter - a wait begins
 * @maxevents: how many events the waiter has room for
 * @timeout: in nanoseconds; negative means no limit
 */
TRACE_EVENT(repoll_wait_enter,
	TP_PROTO(u64 instance, int maxevents, s64 timeout),
	TP_ARGS(instance, maxevents, timeout),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(s64, timeout)
		__field(int, maxevents)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->timeout = timeout;
		__entry->maxevents = maxevents;
	),
	TP_printk("instance=%llu maxevents=%d timeout=%lld",
		  __entry->instance, __entry->maxevents, __entry->timeout)
);

/*
 * repoll_deliver - an event was written to the memory of the waiter
 * @events: the events that the file has
 */
TRACE_EVENT(repoll_deliver,
	TP_PROTO(u64 instance, int fd, u32 events, u64 data),
	TP_ARGS(instance, fd, events, data),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(u64, data)
		__field(int, fd)
		__field(u32, events)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->data = data;
		__entry->fd = fd;
		__entry->events = events;
	),
	TP_printk("instance=%llu fd=%d events=%#x(%s) data=%#llx",
		  __entry->instance, __entry->fd,
		  __entry->events, repoll_show_events(__entry->events),
		  __entry->data)
);

/*
 * repoll_wait_exit - a wait ends
 * @ret: how many events it returns, or an error
 */
TRACE_EVENT(repoll_wait_exit,
	TP_PROTO(u64 instance, int ret),
	TP_ARGS(instance, ret),
	TP_STRUCT__entry(
		__field(u64, instance)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->instance = instance;
		__entry->ret = ret;
	),
	TP_printk("instance=%llu ret=%d", __entry->instance, __entry->ret)
);

#endif /* _REPOLL_TRACE_H */

/* Outside of the guard, because define_trace.h reads this file several times. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
