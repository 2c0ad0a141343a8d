// SPDX-License-Identifier: GPL-2.0
/*
 * Direct calls that wait: how long, what ends them, and what has happened by then if the
 * call also makes a change.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "caller.h"
#include "calls.h"
#include "pair.h"
#include "query.h"
#include "require.h"
#include "waiter.h"

FIXTURE(direct_wait) {
	struct poller p;
	/* Not ready; ready. */
	int efd, ready;
	/* The array for events. */
	struct epoll_event events[2];
	/*
	 * The calls that wait: each for one event, without a timeout, without a change.
	 */
	struct repoll_wait wait;
	struct repoll_batch_wait both;
	struct repoll_change_wait change;
	struct caller callers[4];
};

FIXTURE_SETUP(direct_wait) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	calls_go(BY_IOCTL);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->ready = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, self->ready);
	self->wait = (struct repoll_wait) {
		.events = (uintptr_t)self->events,
		.maxevents = 1,
		.timeout_ns = FOR_EVER,
	};
	self->both.wait = self->wait;
	self->change = (struct repoll_change_wait) {
		.op = EPOLL_CTL_ADD,
		.fd = self->efd,
		.events = EPOLLIN,
		.data = self->efd,
		.to = (uintptr_t)self->events,
	};
	const struct caller callers[] = {
		{ .operation = REPOLL_DIRECT_WAIT, .first = (uintptr_t)self->events,
		  .second = REPOLL_DIRECT_PAIR(1, -1) },
		{ .operation = REPOLL_DIRECT_PWAIT, .first = (uintptr_t)&self->wait },
		{ .operation = REPOLL_DIRECT_BATCH_WAIT, .first = (uintptr_t)&self->both },
		{ .operation = REPOLL_DIRECT_CHANGE_WAIT, .first = (uintptr_t)&self->change,
		  .second = REPOLL_DIRECT_PAIR(1, -1) },
	};
	memcpy(self->callers, callers, sizeof(callers));
	for (int i = 0; i < ARRAY_SIZE(callers); i++)
		self->callers[i].fd = self->p.fd;
}

FIXTURE_TEARDOWN(direct_wait) {
	close(self->ready);
	close(self->efd);
	close(self->p.fd);
}

/* Makes a change, and waits. */
static int change_and_wait(const struct poller *p, const struct repoll_change_wait *change,
			   int room, int timeout)
{
	return call_directly(p->fd, (uintptr_t)change, REPOLL_DIRECT_PAIR(room, timeout),
			     REPOLL_DIRECT_CHANGE_WAIT);
}

/*
 *	WAIT ---> P, which has no event	(0; some milliseconds)
 */
TEST_F(direct_wait, timeout_passes)
{
	static const int timeouts[] = { 0, 1, 30 };
	int64_t begin;
	int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		begin = now_ns();
		EXPECT_EQ(0, call_directly(self->p.fd, (uintptr_t)self->events,
					   REPOLL_DIRECT_PAIR(1, timeouts[i]),
					   REPOLL_DIRECT_WAIT));
		EXPECT_LE(timeouts[i] * NSEC_PER_MSEC, now_ns() - begin);
		begin = now_ns();
		self->change.op = i ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
		EXPECT_EQ(0, change_and_wait(&self->p, &self->change, 1, timeouts[i]));
		EXPECT_LE(timeouts[i] * NSEC_PER_MSEC, now_ns() - begin);
	}
}

/*
 *	waiter ---> P ---> eventfd, written	(no timeout; the longest timeout)
 */
TEST_F(direct_wait, timeout_does_not_pass)
{
	static const int timeouts[] = { -1, INT_MIN, INT_MAX };
	struct caller *c = &self->callers[0];
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN | EPOLLET));
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		c->second = REPOLL_DIRECT_PAIR(1, timeouts[i]);
		ASSERT_EQ(0, caller_start(c));
		EXPECT_TRUE(caller_sleeps(c));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_EQ(1, caller_join(c));
		EXPECT_EQ(self->efd, self->events[0].data.u64);
	}
	c = &self->callers[3];
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		ASSERT_EQ(0, poller_del(&self->p, self->efd));
		ASSERT_EQ(0, drain(self->efd));
		c->second = REPOLL_DIRECT_PAIR(1, timeouts[i]);
		ASSERT_EQ(0, caller_start(c));
		EXPECT_TRUE(caller_sleeps(c));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_EQ(1, caller_join(c));
		EXPECT_EQ(self->efd, self->events[0].data.u64);
	}
}

static int handled;

static void handle(int signal)
{
	(void)signal;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

/*
 *	signal ---> each call that waits ---> P	with and without SA_RESTART
 */
TEST_F(direct_wait, signal_ends_it)
{
	static const int flags[] = { 0, SA_RESTART };
	int i, k;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct sigaction action = { .sa_handler = handle, .sa_flags = flags[i] };

		ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
		for (k = 0; k < ARRAY_SIZE(self->callers); k++) {
			handled = 0;
			ASSERT_EQ(0, caller_start(&self->callers[k]));
			EXPECT_TRUE(caller_sleeps(&self->callers[k]));
			ASSERT_EQ(0, pthread_kill(self->callers[k].thread, SIGUSR1));
			EXPECT_EQ(-EINTR, caller_join(&self->callers[k]))
				TH_LOG("call %d", k);
			EXPECT_EQ(1, handled);
		}
		/* Its change was made. */
		EXPECT_EQ(0, poller_del(&self->p, self->efd));
	}
}

/*
 *	a signal that the mask allows ---> PWAIT, BATCH_WAIT: EINTR, and the handler
 */
TEST_F(direct_wait, mask_is_for_the_wait)
{
	const struct sigaction action = { .sa_handler = handle };
	const uint64_t none = 0;
	sigset_t set, after;
	int k;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	self->wait.sigmask = (uintptr_t)&none;
	self->wait.sigsetsize = KERNEL_SIGSET_SIZE;
	self->both.wait = self->wait;
	for (k = 1; k < 3; k++) {
		handled = 0;
		ASSERT_EQ(0, raise(SIGUSR1));
		EXPECT_EQ(0, handled);
		EXPECT_EQ(-EINTR, call_directly(self->p.fd, self->callers[k].first, 0,
						self->callers[k].operation));
		EXPECT_EQ(1, handled);
		ASSERT_EQ(0, sigprocmask(SIG_BLOCK, NULL, &after));
		EXPECT_EQ(1, sigismember(&after, SIGUSR1));
	}
}

/*
 *	CHANGE_WAIT ---> P: ADD, MOD, DEL, each with the events that are ready then
 */
TEST_F(direct_wait, change_comes_first)
{
	self->change.fd = self->ready;
	self->change.data = 1ULL << 63 | 1;
	EXPECT_EQ(1, change_and_wait(&self->p, &self->change, 2, -1));
	EXPECT_EQ(EPOLLIN, self->events[0].events);
	EXPECT_EQ(1ULL << 63 | 1, self->events[0].data.u64);

	self->change.op = EPOLL_CTL_MOD;
	self->change.events = EPOLLOUT | EPOLLET;
	self->change.data = 2;
	EXPECT_EQ(1, change_and_wait(&self->p, &self->change, 2, -1));
	EXPECT_EQ(EPOLLOUT, self->events[0].events);
	EXPECT_EQ(2, self->events[0].data.u64);

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLOUT));
	self->change.op = EPOLL_CTL_DEL;
	EXPECT_EQ(1, change_and_wait(&self->p, &self->change, 2, -1));
	EXPECT_EQ(self->efd, self->events[0].data.u64);
	EXPECT_EQ(-ENOENT, poller_del(&self->p, self->ready));
}

/*
 *	CHANGE_WAIT, with an invalid wait ---> P: its error, and no change
 */
TEST_F(direct_wait, bad_wait_comes_before_the_change)
{
	static const int rooms[] = { 0, -1, INT_MIN, INT_MAX };
	struct repoll_change_wait bad = self->change;
	int i;

	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		EXPECT_EQ(-EINVAL, change_and_wait(&self->p, &self->change, rooms[i], -1));
		bad.fd = -1;
		bad.to = 0;
		EXPECT_EQ(-EINVAL, change_and_wait(&self->p, &bad, rooms[i], -1));
		/* If the structure cannot be read, that error comes first. */
		EXPECT_EQ(-EFAULT, change_and_wait(&self->p, NULL, rooms[i], -1));
	}
	EXPECT_EQ(-ENOENT, poller_del(&self->p, self->efd));
}

/*
 *	CHANGE_WAIT, with an invalid array of events ---> P: the change comes first
 */
TEST_F(direct_wait, bad_array_comes_after_the_change)
{
	static const uint64_t arrays[] = { 1ULL << 63, UINT64_MAX };
	struct repoll_change_wait bad = self->change;
	int i;

	for (i = 0; i < ARRAY_SIZE(arrays); i++) {
		bad.to = arrays[i];
		bad.fd = -1;
		EXPECT_EQ(-EBADF, change_and_wait(&self->p, &bad, 1, -1));
		bad.fd = self->efd;
		EXPECT_EQ(-EFAULT, change_and_wait(&self->p, &bad, 1, -1));
		EXPECT_EQ(0, poller_del(&self->p, self->efd));
	}
}

/*
 *	CHANGE_WAIT, with an invalid change ---> P: its error, and no wait, although
 *	a file is ready
 */
TEST_F(direct_wait, failing_change_is_the_end)
{
	const struct {
		int op, fd;
		uint32_t flags, events;
		int error;
	} cases[] = {
		{ EPOLL_CTL_ADD, -1, 0, EPOLLIN, EBADF },
		{ EPOLL_CTL_MOD, self->efd, 0, EPOLLIN, ENOENT },
		{ EPOLL_CTL_DEL, self->efd, 0, 0, ENOENT },
		{ EPOLL_CTL_ADD, self->ready, 0, EPOLLIN, EEXIST },
		{ EPOLL_CTL_ADD, self->p.fd, 0, EPOLLIN, EINVAL },
		{ 0, self->efd, 0, EPOLLIN, EINVAL },
		{ 4, self->efd, 0, EPOLLIN, EINVAL },
		{ EPOLL_CTL_ADD, self->efd, 2, EPOLLIN | EPOLLEXCLUSIVE, EINVAL },
		{ EPOLL_CTL_ADD, self->efd, 1U << 31, EPOLLIN, EINVAL },
		{ EPOLL_CTL_ADD, -1, 2, EPOLLIN, EINVAL },
		{ EPOLL_CTL_ADD, self->efd, REPOLL_ROUND_ROBIN, EPOLLIN, EINVAL },
		{ EPOLL_CTL_MOD, self->ready, REPOLL_ROUND_ROBIN, EPOLLIN, EINVAL },
		{ EPOLL_CTL_DEL, self->ready, REPOLL_ROUND_ROBIN, 0, EINVAL },
	};
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->ready, EPOLLIN | EPOLLET));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		self->change.op = cases[i].op;
		self->change.fd = cases[i].fd;
		self->change.flags = cases[i].flags;
		self->change.events = cases[i].events;
		EXPECT_EQ(-cases[i].error, change_and_wait(&self->p, &self->change, 1, -1))
			TH_LOG("case %d", i);
	}
	EXPECT_EQ(-ENOENT, poller_del(&self->p, self->efd));
	EXPECT_EQ(1, poller_count(&self->p));
}

/*
 *	CHANGE_WAIT: ADD with REPOLL_ROUND_ROBIN ---> an item that takes turns
 */
TEST_F(direct_wait, change_takes_flags)
{
	struct repoll_info info;
	struct repoll_item item;
	int node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);

	self->change.flags = REPOLL_ROUND_ROBIN;
	self->change.events = EPOLLIN | EPOLLEXCLUSIVE;
	EXPECT_EQ(0, change_and_wait(&self->p, &self->change, 1, 0));
	ASSERT_EQ(0, query_info(self->p.fd, &info));
	ASSERT_EQ(1, query_items(node, 0, info.id, &item, 1));
	EXPECT_EQ(REPOLL_ITEM_ROUND_ROBIN, item.state);
	close(node);
}

/*
 *	CHANGE_WAIT, with an array that is not writable ---> EFAULT; the change is
 *	made, and the event is pending
 */
TEST_F(direct_wait, error_of_the_wait_undoes_nothing)
{
	const size_t size = getpagesize();
	char *page = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(page != MAP_FAILED);
	self->change.fd = self->ready;
	self->change.events |= EPOLLONESHOT;
	self->change.to = (uintptr_t)page;
	EXPECT_EQ(-EFAULT, change_and_wait(&self->p, &self->change, 1, -1));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(0, poller_count(&self->p));
	munmap(page, size);
}

/*
 *	CHANGE_WAIT only reads its argument, and writes only events
 */
TEST_F(direct_wait, nothing_else_is_written)
{
	const size_t size = getpagesize();
	struct repoll_change_wait *change;
	struct epoll_event before;

	change = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_TRUE(change != MAP_FAILED);
	memset(self->events, 0xa5, sizeof(self->events));
	before = self->events[1];
	*change = self->change;
	change->fd = self->ready;
	ASSERT_EQ(0, mprotect(change, size, PROT_READ));
	EXPECT_EQ(1, change_and_wait(&self->p, change, 2, -1));
	EXPECT_EQ(0, memcmp(&before, &self->events[1], sizeof(before)));
	munmap(change, size);
}

/*
 *	SIGKILL ---> a process in each call that waits ---> P: nobody waits any more, and
 *	another waiter receives the next event
 */
TEST_F(direct_wait, who_waits_is_killed)
{
	int k, status;
	pid_t pid;

	for (k = 0; k < ARRAY_SIZE(self->callers); k++) {
		struct caller *c = &self->callers[k];

		pid = fork();
		if (!pid) {
			call_directly(c->fd, c->first, c->second, c->operation);
			_exit(1);
		}
		ASSERT_LT(0, pid);
		ASSERT_TRUE(sleeps_in(pid, DIRECT_SYSCALL));
		EXPECT_EQ(1, sleepers_of(&self->p, 1));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(0, sleepers_of(&self->p, 0));
	}
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, self->efd));
}

TEST_HARNESS_MAIN
