// SPDX-License-Identifier: GPL-2.0
/*
 * Events during a delivery.
 *
 * The array of a wait lies in a missing page: the kernel's first store into it stops the waiter in
 * the middle of its delivery.
 */
#include <signal.h>
#include <sys/eventfd.h>

#include "missing_page.h"
#include "require.h"
#include "waiter.h"

/* The event that the kernel stored in the page, as with waiter_event(). */
static uint32_t stored_event(struct waiter *w, const struct missing_page *missing,
			     uint64_t data)
{
	const struct epoll_event *event = missing->addr;

	if (waiter_join(w) != 1 || event->data.u64 != data)
		return 0;
	return event->events;
}

FIXTURE(delivery) {
	struct poller p;
	struct missing_page missing;
	struct waiter w;
	int first, other;
};

FIXTURE_VARIANT(delivery) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(delivery, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(delivery, repoll) {
	.ops = &repoll_ops,
};

/* Two edge-triggered items; the first is being delivered. */
FIXTURE_SETUP(delivery) {
	int err;

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	err = missing_page_make(&self->missing);
	if (err)
		SKIP(return, "userfaultfd: %s", strerror(-err));
	ASSERT_EQ(0, poller_open(&self->p, variant->ops));
	self->first = eventfd(1, EFD_CLOEXEC);
	self->other = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&self->p, self->first, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, poller_add(&self->p, self->other, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, waiter_start_into(&self->w, &self->p, self->missing.addr));
	ASSERT_EQ(0, missing_page_await(&self->missing));
}

FIXTURE_TEARDOWN(delivery) {
	close(self->p.fd);
}

/*
 *	waiter (stopped) <--- P ---> first
 *	                      `----> other <--- write
 */
TEST_F(delivery, other_event_meanwhile)
{
	ASSERT_EQ(0, eventfd_write(self->other, 1));
	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, self->other));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	waiter (stopped) <--- P ---> first <--- write
 */
TEST_F(delivery, another_edge_meanwhile)
{
	ASSERT_EQ(0, eventfd_write(self->first, 1));
	ASSERT_EQ(0, eventfd_write(self->first, 1));
	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	waiter (stopped) <--- P ---> first
 *	                      `----> other, third: written in this order
 */
TEST_F(delivery, order_of_what_comes_meanwhile)
{
	int third = eventfd(0, EFD_CLOEXEC);
	struct epoll_event events[3];
	struct poller q;

	/* An item of another instance on the same file also receives the events. */
	ASSERT_EQ(0, poller_open(&q, variant->ops));
	ASSERT_EQ(0, poller_add(&q, self->other, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->other, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&q, self->other));
	ASSERT_EQ(0, eventfd_write(self->first, 1));
	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));

	ASSERT_EQ(0, poller_add(&self->p, third, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(third, 1));
	ASSERT_EQ(3, poller_wait(&self->p, events, 3, NOT_AT_ALL));
	EXPECT_EQ(self->other, events[0].data.u64);
	EXPECT_EQ(self->first, events[1].data.u64);
	EXPECT_EQ(third, events[2].data.u64);
	close(q.fd);
}

static void *close_it(void *fd)
{
	close(*(int *)fd);
	return NULL;
}

/*
 *	waiter (stopped) <--- P ---> first, closed
 *	                      `----> other, written, closed
 */
TEST_F(delivery, files_are_closed_meanwhile)
{
	pthread_t closers[2];

	ASSERT_EQ(0, eventfd_write(self->other, 1));
	/* A close may have to wait until the delivery ends. */
	ASSERT_EQ(0, pthread_create(&closers[0], NULL, close_it, &self->first));
	ASSERT_EQ(0, pthread_create(&closers[1], NULL, close_it, &self->other));
	ASSERT_EQ(0, missing_page_provide(&self->missing));
	ASSERT_EQ(0, pthread_join(closers[0], NULL));
	ASSERT_EQ(0, pthread_join(closers[1], NULL));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	waiter (stopped) <--- P, closed
 */
TEST_F(delivery, instance_is_closed_meanwhile)
{
	close(self->p.fd);
	ASSERT_EQ(0, eventfd_write(self->other, 1));
	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));
	ASSERT_EQ(0, eventfd_write(self->other, 1));
}

/*
 *	waiter (stopped, killed) <--- P ---> first
 */
TEST_F(delivery, waiter_is_killed_meanwhile)
{
	int status, efd = eventfd(1, EFD_CLOEXEC);
	struct missing_page missing;
	struct poller q;
	pid_t pid;

	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));

	ASSERT_EQ(0, poller_open(&q, variant->ops));
	ASSERT_EQ(0, poller_add(&q, efd, EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* This process's memory, where nobody provides the page. */
		if (missing_page_make(&missing))
			_exit(1);
		poller_wait(&q, missing.addr, 1, FOR_EVER);
		_exit(2);
	}
	ASSERT_TRUE(falls_asleep(pid, variant->ops));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* The killed waiter delays nobody, and the event is still pending. */
	EXPECT_EQ(EPOLLIN, poller_now(&q, efd));
	close(q.fd);
	close(efd);
}

/*
 *	waiter (stopped) <--- P ---> A (delivered, and woken again), B and C (nothing), D, E
 */
TEST_F(delivery, nothing_is_handed_out_twice)
{
	enum { A, B, C, D, E, FILES };
	struct epoll_event *events;
	struct poller p;
	struct missing_page missing;
	struct waiter w;
	eventfd_t value;
	int fds[FILES], i;

	ASSERT_EQ(0, missing_page_provide(&self->missing));
	EXPECT_EQ(EPOLLIN, stored_event(&self->w, &self->missing, self->first));

	ASSERT_EQ(0, missing_page_make(&missing));
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	for (i = 0; i < FILES; i++) {
		fds[i] = eventfd(1, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add(&p, fds[i], EPOLLIN | EPOLLET));
	}
	ASSERT_EQ(0, eventfd_read(fds[B], &value));
	ASSERT_EQ(0, eventfd_read(fds[C], &value));
	ASSERT_EQ(0, waiter_start_many_into(&w, &p, missing.addr, 4));
	ASSERT_EQ(0, missing_page_await(&missing));
	ASSERT_EQ(0, eventfd_write(fds[A], 1));
	ASSERT_EQ(0, missing_page_provide(&missing));
	ASSERT_EQ(3, waiter_join(&w));
	events = missing.addr;
	EXPECT_EQ(fds[A], events[0].data.u64);
	EXPECT_EQ(fds[D], events[1].data.u64);
	EXPECT_EQ(fds[E], events[2].data.u64);
	EXPECT_EQ(EPOLLIN, poller_now(&p, fds[A]));
	EXPECT_EQ(0, poller_count(&p));
	close(p.fd);
}

TEST_HARNESS_MAIN
