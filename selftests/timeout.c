// SPDX-License-Identifier: GPL-2.0
/*
 * The duration of waits.
 */
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/*
 *	wait for 1 ns, 1 ms, 70 ms ---> nothing; never shorter
 */
TEST_F(poller, never_too_early)
{
	static const int64_t timeouts[] = {
		1, 999, NSEC_PER_MSEC, 70 * NSEC_PER_MSEC,
	};
	struct epoll_event event;
	int64_t start, taken;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		start = now_ns();
		EXPECT_EQ(0, poller_wait(&self->p, &event, 1, timeouts[i]));
		taken = now_ns() - start;
		EXPECT_LE(timeouts[i], taken);
		EXPECT_GT(timeouts[i] + SOON, taken);
	}
}

/*
 *	an event is pending ---> no sleep, whatever the timeout
 */
TEST_F(poller, nothing_to_wait_for)
{
	struct epoll_event event;
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, 1));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, 1000 * NSEC_PER_SEC));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, FOR_EVER));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, INT64_MIN));
	close(efd);
}

/*
 *	thread: wait, for ever ---> P ---> eventfd <--- write
 */
TEST_F(poller, event_ends_the_longest_wait)
{
	static const int64_t timeouts[] = {
		FOR_EVER, INT64_MIN, INT64_MAX, INT64_MAX - 1,
		INT64_MAX - 1000 * NSEC_PER_SEC,
	};
	int efd = eventfd(0, EFD_CLOEXEC);
	struct waiter w;
	eventfd_t value;
	unsigned int i;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, timeouts[i]));
		EXPECT_FALSE(waiter_is_done(&w))
			TH_LOG("timeout %lld", (long long)timeouts[i]);
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(1, waiter_join(&w));
		EXPECT_EQ(EPOLLIN, w.events[0].events);
		EXPECT_EQ(efd, w.events[0].data.u64);
		ASSERT_EQ(0, eventfd_read(efd, &value));
	}
	close(efd);
}

/*
 * Makes a thread wait, and sends a signal again and again until the wait is over. Returns
 * how often it was sent, or -1, and how long the wait took.
 */
static int wait_with_noise(const struct poller *p, int64_t timeout,
			   const sigset_t *noise, int64_t *taken)
{
	const int64_t start = now_ns();
	struct waiter w;
	int sent = 0;

	if (waiter_start(&w, p, 1, timeout))
		return -1;
	while (!waiter_is_done(&w) && now_ns() - start < SOON) {
		if (kill(getpid(), SIGRTMIN) ||
		    sigwaitinfo(noise, NULL) != SIGRTMIN)
			return -1;
		sent++;
		sched_yield();
	}
	sent = waiter_join(&w) ? -1 : sent;
	*taken = now_ns() - start;
	return sent;
}

/*
 *	wait, 200 ms ---> P ---> signalfd for SIGUSR1
 *	                           ^
 *	          SIGRTMIN, blocked, again and again
 *
 * Each signal wakes all signalfds of a process, and this one is not ready: each wake-up
 * of the waiter is in vain. The end of its wait must not move.
 */
TEST_F(poller, empty_wakeups_do_not_prolong_it)
{
	const int64_t timeout = 200 * NSEC_PER_MSEC, deadline = now_ns() + SOON;
	sigset_t blocked, shown, noise;
	int64_t taken;
	int sfd, woken;

	sigemptyset(&shown);
	sigaddset(&shown, SIGUSR1);
	sigemptyset(&noise);
	sigaddset(&noise, SIGRTMIN);
	sigorset(&blocked, &shown, &noise);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &blocked, NULL));
	sfd = signalfd(-1, &shown, SFD_CLOEXEC);
	ASSERT_LE(0, sfd);
	ASSERT_EQ(0, poller_add(&self->p, sfd, EPOLLIN));

	/* On a busy machine, the time may be over before the first signal. */
	do {
		woken = wait_with_noise(&self->p, timeout, &noise, &taken);
		ASSERT_LE(0, woken);
		EXPECT_LE(timeout, taken);
		EXPECT_GT(SOON, taken);
	} while (woken < 2 && now_ns() < deadline);
	EXPECT_LT(1, woken);
	close(sfd);
}

/*
 *	wait, 100 ms ---> P ---> socket, interest in urgent data only
 *	                           ^
 *	                       plain data
 */
TEST_F(poller, events_nobody_asked_for_do_not_end_it)
{
	const int64_t timeout = 100 * NSEC_PER_MSEC;
	int64_t start = now_ns();
	struct waiter w;
	int sv[2], i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLPRI));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, timeout));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, put(sv[1]));
	}
	EXPECT_EQ(0, waiter_join(&w));
	EXPECT_LE(timeout, now_ns() - start);
	close(sv[0]);
	close(sv[1]);
}

/*
 *	thread: wait, for ever ---> P
 *	                            ^
 *	               a file is added that is ready
 */
TEST_F(poller, adding_a_ready_file_ends_it)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, FOR_EVER));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, waiter_join(&w));
	EXPECT_EQ(efd, w.events[0].data.u64);
	close(efd);
}

/*
 *	thread: wait, for ever ---> P ---> ready eventfd, interest 0
 *	                            ^
 *	               the item is modified to what is ready
 */
TEST_F(poller, modifying_to_what_is_ready_ends_it)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, poller_add(&self->p, efd, 0));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, FOR_EVER));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, waiter_join(&w));
	EXPECT_EQ(EPOLLIN, w.events[0].events);
	close(efd);
}

TEST_HARNESS_MAIN
