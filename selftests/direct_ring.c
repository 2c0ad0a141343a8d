// SPDX-License-Identifier: GPL-2.0
/*
 * Direct calls through an io_uring, as IORING_OP_FADVISE. For advice that io_uring does not know,
 * it uses a thread of its own in the process, so such a call may sleep.
 */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "calls.h"
#include "require.h"
#include "ring.h"
#include "waiter.h"

/* Distinguishes requests: no two calls have the same user data. */
#define CANCELLATION 0
static uint64_t last_call;

FIXTURE(direct_ring) {
	struct poller p;
	struct ring r;
	int efd;
	struct epoll_event events[2];
};

FIXTURE_SETUP(direct_ring) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (ring_open(&self->r))
		SKIP(return, "no io_uring");
	calls_go(BY_IOCTL);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(direct_ring) {
	close(self->efd);
	close(self->p.fd);
	close(self->r.fd);
}

/* The request to make a direct call. */
static struct io_uring_sqe request_of(int fd, uint64_t first, uint64_t second,
				      int operation)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_FADVISE, .fd = fd, .off = first, .addr = second,
		.fadvise_advice = operation, .user_data = ++last_call,
	};
}

static int submit(struct ring *r, int fd, uint64_t first, uint64_t second, int operation)
{
	struct io_uring_sqe request = request_of(fd, first, second, operation);

	return ring_submit(r, &request, 1);
}

/* Makes a direct call through the ring, and waits for its result. */
static int call_by(struct ring *r, int fd, uint64_t first, uint64_t second, int operation)
{
	return submit(r, fd, first, second, operation) ?: ring_next(r, 0);
}

/* Makes the ring wait for one event, without a timeout. */
static int submit_wait(struct ring *r, const struct poller *p, struct epoll_event *event)
{
	return submit(r, p->fd, (uintptr_t)event, REPOLL_DIRECT_PAIR(1, -1),
		      REPOLL_DIRECT_WAIT);
}

/*
 *	ring: ADD, WAIT, MOD, DEL, PWAIT, BATCH_WAIT, CHANGE_WAIT ---> P
 */
TEST_F(direct_ring, calls_do_what_they_do)
{
	const uint64_t what = REPOLL_DIRECT_PAIR(self->efd, EPOLLOUT);
	const uint64_t room = REPOLL_DIRECT_PAIR(2, 0);
	const int pfd = self->p.fd;
	struct repoll_batch_wait both = {
		.wait = { .events = (uintptr_t)self->events, .maxevents = 2,
			  .timeout_ns = FOR_EVER },
	};
	const struct repoll_change_wait change = {
		.op = EPOLL_CTL_ADD, .fd = self->efd, .events = EPOLLOUT, .data = 7,
		.to = (uintptr_t)self->events,
	};

	EXPECT_EQ(-ENOENT, call_by(&self->r, pfd, 5, what, REPOLL_DIRECT_MOD));
	EXPECT_EQ(0, call_by(&self->r, pfd, 5, what, REPOLL_DIRECT_ADD));
	EXPECT_EQ(-EEXIST, call_by(&self->r, pfd, 5, what, REPOLL_DIRECT_ADD));
	EXPECT_EQ(1, call_by(&self->r, pfd, (uintptr_t)self->events, room,
			     REPOLL_DIRECT_WAIT));
	EXPECT_EQ(EPOLLOUT, self->events[0].events);
	EXPECT_EQ(5, self->events[0].data.u64);
	EXPECT_EQ(0, call_by(&self->r, pfd, 6, what, REPOLL_DIRECT_MOD));
	EXPECT_EQ(1, call_by(&self->r, pfd, (uintptr_t)&both.wait, 0,
			     REPOLL_DIRECT_PWAIT));
	EXPECT_EQ(6, self->events[0].data.u64);
	EXPECT_EQ(1, call_by(&self->r, pfd, (uintptr_t)&both, 0,
			     REPOLL_DIRECT_BATCH_WAIT));
	EXPECT_EQ(0, call_by(&self->r, pfd, 0, self->efd, REPOLL_DIRECT_DEL));
	EXPECT_EQ(0, call_by(&self->r, pfd, (uintptr_t)self->events, room,
			     REPOLL_DIRECT_WAIT));
	EXPECT_EQ(1, call_by(&self->r, pfd, (uintptr_t)&change, room,
			     REPOLL_DIRECT_CHANGE_WAIT));
	EXPECT_EQ(7, self->events[0].data.u64);
}

/*
 *	ring: bad calls ---> P
 */
TEST_F(direct_ring, errors_are_the_same)
{
	const int pfd = self->p.fd, native = epoll_create1(EPOLL_CLOEXEC);
	const uint64_t room = REPOLL_DIRECT_PAIR(1, -1);
	int operation;

	EXPECT_EQ(-EINVAL, call_by(&self->r, pfd, 0, -1, REPOLL_DIRECT_WAIT));
	EXPECT_EQ(-EFAULT, call_by(&self->r, pfd, -4096, room, REPOLL_DIRECT_WAIT));
	EXPECT_EQ(-EFAULT, call_by(&self->r, pfd, 0, 0, REPOLL_DIRECT_PWAIT));
	EXPECT_EQ(-EINVAL, call_by(&self->r, pfd, 0, 1, REPOLL_DIRECT_PWAIT));
	EXPECT_EQ(-EBADF, call_by(&self->r, pfd, 0, UINT32_MAX, REPOLL_DIRECT_ADD));
	EXPECT_EQ(-EINVAL, call_by(&self->r, pfd, 0, pfd, REPOLL_DIRECT_ADD));
	/* A ring cannot add itself either, even if the reason is not obvious. */
	EXPECT_EQ(0, call_by(&self->r, pfd, 0, self->r.fd, REPOLL_DIRECT_ADD));
	for (operation = REPOLL_DIRECT; operation < REPOLL_DIRECT + 16; operation++) {
		EXPECT_EQ(-EINVAL, call_by(&self->r, native, 0, self->efd, operation));
	}
	EXPECT_EQ(-EINVAL, call_by(&self->r, pfd, 0, 0, REPOLL_DIRECT + 15));
	close(native);
}

/*
 *	ring: WAIT ---> P ---> eventfd <--- write, after a while
 */
TEST_F(direct_ring, wait_sleeps)
{
	int round;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN | EPOLLET));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, submit_wait(&self->r, &self->p, self->events));
		ASSERT_EQ(1, sleepers_of(&self->p, 1));
		EXPECT_TRUE(ring_is_empty(&self->r));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_EQ(1, ring_next(&self->r, 0));
		EXPECT_EQ(self->efd, self->events[0].data.u64);
	}
	EXPECT_EQ(0, sleepers_of(&self->p, 0));
}

/*
 *	ring: ADD, then WAIT, linked ---> P
 */
TEST_F(direct_ring, calls_can_be_linked)
{
	struct io_uring_sqe requests[] = {
		request_of(self->p.fd, 5, REPOLL_DIRECT_PAIR(self->efd, EPOLLOUT),
			   REPOLL_DIRECT_ADD),
		request_of(self->p.fd, (uintptr_t)self->events, REPOLL_DIRECT_PAIR(1, -1),
			   REPOLL_DIRECT_WAIT),
	};

	requests[0].flags = IOSQE_IO_LINK;
	ASSERT_EQ(0, ring_submit(&self->r, requests, 2));
	EXPECT_EQ(0, ring_next(&self->r, 0));
	EXPECT_EQ(1, ring_next(&self->r, 0));
	EXPECT_EQ(5, self->events[0].data.u64);
	/* The first call fails, so the second is not made; otherwise it would sleep. */
	ASSERT_EQ(0, poller_mod(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, ring_submit(&self->r, requests, 2));
	EXPECT_EQ(-EEXIST, ring_next(&self->r, 0));
	EXPECT_EQ(-ECANCELED, ring_next(&self->r, 0));
}

/* Makes the ring cancel its last call. Returns the result of the call, or an error. */
static int cancel(struct ring *r)
{
	const struct io_uring_sqe request = {
		.opcode = IORING_OP_ASYNC_CANCEL, .addr = last_call,
		.user_data = CANCELLATION,
	};
	struct io_uring_cqe cqe;
	int i, result = -ENODATA, err = ring_submit(r, &request, 1);

	for (i = 0; i < 2 && !err; i++) {
		if (!ring_take(r, 1, &cqe))
			return -ENODATA;
		/* The call runs already, and is interrupted. */
		if (cqe.user_data == CANCELLATION)
			err = cqe.res == -EALREADY || !cqe.res ? 0 : -EPROTO;
		else
			result = cqe.res;
	}
	return err ?: result;
}

/*
 *	ring: cancel ---> WAIT, PWAIT, CHANGE_WAIT, which sleep ---> P
 */
TEST_F(direct_ring, wait_is_cancelled)
{
	const struct repoll_wait wait = {
		.events = (uintptr_t)self->events, .maxevents = 1, .timeout_ns = FOR_EVER,
	};
	const struct repoll_change_wait change = {
		.op = EPOLL_CTL_ADD, .fd = self->efd, .events = EPOLLIN,
		.data = self->efd, .to = (uintptr_t)self->events,
	};
	const uint64_t room = REPOLL_DIRECT_PAIR(1, -1);
	const struct {
		uint64_t first, second;
		int operation;
	} calls[] = {
		{ (uintptr_t)self->events, room, REPOLL_DIRECT_WAIT },
		{ (uintptr_t)&wait, 0, REPOLL_DIRECT_PWAIT },
		{ (uintptr_t)&change, room, REPOLL_DIRECT_CHANGE_WAIT },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		ASSERT_EQ(0, submit(&self->r, self->p.fd, calls[i].first, calls[i].second,
				    calls[i].operation));
		ASSERT_EQ(1, sleepers_of(&self->p, 1));
		EXPECT_EQ(-EINTR, cancel(&self->r))
			TH_LOG("call %d", i);
		EXPECT_EQ(0, sleepers_of(&self->p, 0));
	}
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, self->efd));
}

/*
 *	ring: WAIT, which sleeps ---> P; its descriptor is closed, and then the ring's
 */
TEST_F(direct_ring, wait_goes_with_its_ring)
{
	struct poller copy = { .ops = self->p.ops, .fd = dup(self->p.fd) };
	struct ring r;

	ASSERT_EQ(0, ring_open(&r));
	ASSERT_EQ(0, submit_wait(&r, &copy, self->events));
	ASSERT_EQ(1, sleepers_of(&self->p, 1));
	close(copy.fd);
	EXPECT_EQ(1, sleepers_of(&self->p, 1));
	munmap(r.queues, r.params.cq_off.cqes +
	       r.params.cq_entries * sizeof(struct io_uring_cqe));
	munmap(r.sqes, RING_ENTRIES * sizeof(struct io_uring_sqe));
	close(r.fd);
	EXPECT_EQ(0, sleepers_of(&self->p, 0));
}

/* Waits without a timeout with several requests of a separate ring, and then ends or not. */
static void wait_and(const struct poller *p, bool end)
{
	static struct epoll_event events[4];
	struct ring r;
	int i, err = ring_open(&r);

	for (i = 0; i < 4 && !err; i++)
		err = submit_wait(&r, p, &events[i]);
	if (err || sleepers_of(p, 4) != 4)
		_exit(1);
	if (end)
		_exit(0);
	pause();
}

/*
 *	a process whose ring WAITs ---> P: exits; is killed
 */
TEST_F(direct_ring, wait_goes_with_its_process)
{
	int status, end;
	pid_t pid;

	for (end = 0; end < 2; end++) {
		pid = fork();
		if (!pid)
			wait_and(&self->p, end);
		ASSERT_LT(0, pid);
		if (!end) {
			ASSERT_EQ(4, sleepers_of(&self->p, 4));
			ASSERT_EQ(0, kill(pid, SIGKILL));
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(end ? 0 : SIGKILL, status);
		EXPECT_EQ(0, sleepers_of(&self->p, 0));
	}
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, self->efd));
}

static int handled;

static void handle(int signal)
{
	(void)signal;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

/*
 *	signal ---> the process whose ring waits with a mask that allows it
 *
 * The process has its own mask, independent of the mask that the ring's thread uses during a wait.
 */
TEST_F(direct_ring, mask_takes_no_signal_away)
{
	const struct sigaction action = { .sa_handler = handle };
	const uint64_t none = 0;
	const struct repoll_wait wait = {
		.events = (uintptr_t)self->events, .maxevents = 1,
		.timeout_ns = FOR_EVER, .sigmask = (uintptr_t)&none,
		.sigsetsize = KERNEL_SIGSET_SIZE,
	};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	ASSERT_EQ(0, submit(&self->r, self->p.fd, (uintptr_t)&wait, 0,
			    REPOLL_DIRECT_PWAIT));
	ASSERT_EQ(1, sleepers_of(&self->p, 1));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-EINTR, ring_next(&self->r, 0));
	/* The thread's next wait has no mask. */
	EXPECT_EQ(0, call_by(&self->r, self->p.fd, (uintptr_t)self->events,
			     REPOLL_DIRECT_PAIR(1, 1), REPOLL_DIRECT_WAIT));
	ASSERT_EQ(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
	EXPECT_EQ(1, handled);
}

TEST_HARNESS_MAIN
