// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of operations on native epoll and on repoll alike.
 *
 *	native epoll ---.
 *	                 >--- 6 files that are written, read, closed, reopened
 *	repoll ---------'
 *
 * Both watch the same files, and after every step both must return the same result, and
 * for a wait the same events in the same order. All files are of kinds that wake their
 * watchers before the system call returns, so a single thread makes the sequence
 * deterministic.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pair.h"
#include "require.h"

#define FILES 6
#define STEPS 4000
#define EVENTS 8

struct schedule {
	uint64_t state;
	/* The watched end, and its peer (the same for an eventfd). */
	int fd[FILES], peer[FILES];
	struct poller native, repoll;
	/* The number of events that were the same on both sides. */
	unsigned int reported;
};

/* The xorshift generator of George Marsaglia. */
static unsigned int pick(struct schedule *s, unsigned int n)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return (s->state >> 32) % n;
}

static int reopen(struct schedule *s, int i)
{
	int sv[2];

	if (s->fd[i] >= 0) {
		close(s->fd[i]);
		if (s->peer[i] != s->fd[i])
			close(s->peer[i]);
	}
	switch (i % 3) {
	case 0:
		s->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		s->peer[i] = s->fd[i];
		return s->fd[i] < 0 ? -errno : 0;
	case 1:
		if (pipe2(sv, O_CLOEXEC | O_NONBLOCK))
			return -errno;
		break;
	default:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv))
			return -errno;
	}
	s->fd[i] = sv[0];
	s->peer[i] = sv[1];
	return 0;
}

static uint32_t pick_mask(struct schedule *s)
{
	static const uint32_t bits[] = {
		EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLET,
		EPOLLONESHOT,
	};
	uint32_t mask = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		mask |= pick(s, 2) ? bits[i] : 0;
	return pick(s, 12) ? mask : EPOLLIN | EPOLLEXCLUSIVE;
}

/*
 * The two halves of a ctl step. Both use the same user data, which identifies the step.
 */
static bool ctl_agrees(struct schedule *s, int step, int op, int i,
		       uint32_t mask)
{
	struct epoll_event event = { .events = mask, .data.u64 = step };
	int native, repoll;

	native = native_ops.ctl(s->native.fd, op, s->fd[i], &event);
	event.events = mask;
	repoll = repoll_ops.ctl(s->repoll.fd, op, s->fd[i], &event);
	if (native == repoll)
		return true;
	printf("# step %d: op %d of file %d (%#x): native %d, repoll %d\n",
	       step, op, i, mask, native, repoll);
	return false;
}

static void print_events(const char *whose, const struct epoll_event *events,
			 int n)
{
	int i;

	printf("#   %s: %d", whose, n);
	for (i = 0; i < n; i++)
		printf(" (%#x, item of step %d)", events[i].events,
		       (int)events[i].data.u64);
	printf("\n");
}

static bool wait_agrees(struct schedule *s, int step, int max)
{
	struct epoll_event native[EVENTS], repoll[EVENTS];
	int n, r, i;
	bool same;

	n = poller_wait(&s->native, native, max, NOT_AT_ALL);
	r = poller_wait(&s->repoll, repoll, max, NOT_AT_ALL);
	same = n == r;
	for (i = 0; same && i < n; i++)
		same = native[i].events == repoll[i].events &&
		       native[i].data.u64 == repoll[i].data.u64;
	if (same) {
		s->reported += n;
		return true;
	}
	printf("# step %d: wait for at most %d\n", step, max);
	print_events("native", native, n);
	print_events("repoll", repoll, r);
	return false;
}

static bool step_agrees(struct schedule *s, int step)
{
	static const int ops[] = {
		EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_MOD,
		EPOLL_CTL_DEL,
	};
	int i = pick(s, FILES);

	switch (pick(s, 12)) {
	case 0 ... 2:
		return ctl_agrees(s, step, ops[pick(s, ARRAY_SIZE(ops))], i,
				  pick_mask(s));
	case 3 ... 4:
		/* A full or finished file accepts nothing: this is also a step. */
		if (i % 3)
			put(s->peer[i]);
		else
			eventfd_write(s->fd[i], 1);
		return true;
	case 5:
		if (pick(s, 2))
			get(s->fd[i]);
		else
			drain(s->fd[i]);
		return true;
	case 6:
		/* Sometimes close a peer, and sometimes a whole file. */
		if (i % 3 == 2)
			shutdown(s->peer[i], SHUT_WR);
		return pick(s, 3) || !reopen(s, i);
	default:
		return wait_agrees(s, step, 1 + pick(s, EVENTS));
	}
}

FIXTURE(schedule) {
	struct schedule s;
};

FIXTURE_VARIANT(schedule) {
	uint64_t seed;
};

FIXTURE_VARIANT_ADD(schedule, first) {
	.seed = 1,
};

FIXTURE_VARIANT_ADD(schedule, second) {
	.seed = 0x9e3779b97f4a7c15,
};

FIXTURE_VARIANT_ADD(schedule, third) {
	.seed = 20021030,
};

FIXTURE_SETUP(schedule) {
	int i;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	self->s.state = variant->seed;
	ASSERT_EQ(0, poller_open(&self->s.native, &native_ops));
	ASSERT_EQ(0, poller_open(&self->s.repoll, &repoll_ops));
	for (i = 0; i < FILES; i++) {
		self->s.fd[i] = -1;
		ASSERT_EQ(0, reopen(&self->s, i));
	}
	/* A peer may be written to after it was shut down. */
	ASSERT_TRUE(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

FIXTURE_TEARDOWN(schedule) {
	close(self->s.native.fd);
	close(self->s.repoll.fd);
}

TEST_F(schedule, both_answer_the_same)
{
	int step;

	for (step = 0; step < STEPS; step++)
		ASSERT_TRUE(step_agrees(&self->s, step));
	/* Most steps wait; a sequence without events would prove nothing. */
	EXPECT_LT(STEPS / 4, self->s.reported);
}

TEST_HARNESS_MAIN
