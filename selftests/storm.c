// SPDX-License-Identifier: GPL-2.0
/*
 * Signals at every point of a wait: no event is lost or reported twice, a wait returns
 * EINTR only without events, and the wait's signal mask applies from its beginning to its
 * end.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include "require.h"
#include "waiter.h"

#define EVENTS 64

/* How much later in the wait each signal comes, and how many steps there are. */
#define STEP_NS 1500
#define STEPS 61

static const uint64_t no_signal;

/* The number of signals that were handled. */
static unsigned int handled;

static void handle(int signal)
{
	(void)signal;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static unsigned int count_handled(void)
{
	return __atomic_load_n(&handled, __ATOMIC_RELAXED);
}

/* A thread that waits, and the events and signals for it. */
struct storm {
	struct poller p;
	/* Watches p. */
	struct poller outer;
	/* The file with the events; the request to write one; the writing thread. */
	int efd, go;
	pthread_t writer;
	/* Sends a signal to this thread. */
	timer_t timer;
	/* The number of waits and signals so far. */
	unsigned int waits, sent;
};

/* Writes one event on request, a moment later each time. */
static void *write_events(void *arg)
{
	struct storm *storm = arg;
	unsigned int n = 0;
	eventfd_t value;
	int64_t until;

	/* More than one request at once is the end. */
	while (!eventfd_read(storm->go, &value) && value == 1) {
		until = now_ns() + n++ % 16 * STEP_NS;
		while (now_ns() < until)
			;
		eventfd_write(storm->efd, 1);
	}
	return NULL;
}

FIXTURE(storm) {
	struct storm storm;
};

FIXTURE_VARIANT(storm) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(storm, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(storm, repoll) {
	.ops = &repoll_ops,
};

FIXTURE_SETUP(storm) {
	struct sigaction action = { .sa_handler = handle };
	struct storm *storm = &self->storm;
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
		._sigev_un._tid = gettid(),
	};

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&storm->p, variant->ops));
	ASSERT_EQ(0, poller_open(&storm->outer, variant->ops));
	ASSERT_EQ(0, poller_add(&storm->outer, storm->p.fd, EPOLLIN));
	storm->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	storm->go = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &storm->timer));
	ASSERT_EQ(0, pthread_create(&storm->writer, NULL, write_events, storm));
}

FIXTURE_TEARDOWN(storm) {
	struct storm *storm = &self->storm;

	eventfd_write(storm->go, 2);
	pthread_join(storm->writer, NULL);
	timer_delete(storm->timer);
	close(storm->outer.fd);
	close(storm->p.fd);
}

/*
 * One wait, with a signal that comes in it, or before or after, and is allowed only in it
 * if @masked. Sets @problem if the result of the wait does not match the signal.
 */
static int wait_once(struct storm *storm, const struct poller *from,
		     int64_t timeout_ns, bool masked, const char **problem)
{
	struct itimerspec soon = {
		.it_value.tv_nsec = 1 + storm->waits++ % STEPS * STEP_NS,
	};
	struct epoll_event event;
	unsigned int before;
	sigset_t mask;
	int n;

	/* Setting the timer again would cancel a signal that is still pending. */
	before = count_handled();
	if (before == storm->sent &&
	    !timer_settime(storm->timer, 0, &soon, NULL))
		storm->sent++;
	n = from->ops->wait(from->fd, &event, 1, timeout_ns,
			    masked ? &no_signal : NULL, KERNEL_SIGSET_SIZE);
	if (n == -EINTR && count_handled() == before)
		*problem = "EINTR without a signal";
	if (n != -EINTR && masked && count_handled() != before)
		*problem = "a signal was handled without EINTR";
	if (n < 0 && n != -EINTR)
		*problem = "the wait fails";
	sigprocmask(SIG_BLOCK, NULL, &mask);
	if (sigismember(&mask, SIGUSR1) != masked)
		*problem = "the mask is not restored";
	return n;
}

/* Takes the event that has come, and checks that there is only one. */
static const char *take_event(struct storm *storm, const struct poller *from,
			      uint32_t trigger)
{
	struct epoll_event event;
	eventfd_t value;

	if (from == &storm->outer &&
	    poller_wait(&storm->p, &event, 1, NOT_AT_ALL) != 1)
		return "it is ready outside, but not inside";
	if (eventfd_read(storm->efd, &value) || value != 1)
		return "an event comes twice";
	if (trigger & EPOLLONESHOT &&
	    poller_mod(&storm->p, storm->efd, EPOLLIN | trigger))
		return "cannot rearm it";
	return NULL;
}

/* Waits for all events in all ways. Returns an error text. */
static const char *wait_for_events(struct storm *storm, uint32_t trigger,
				   const struct poller *from, bool masked)
{
	static const int64_t timeouts[] = { NOT_AT_ALL, SOON, 1, FOR_EVER, 20000 };
	int64_t deadline = now_ns() + 6 * SOON;
	const char *problem = NULL;
	unsigned int seen;
	int n;

	for (seen = 0; seen < EVENTS && !problem; seen++) {
		/* Once without any event. */
		if (masked && wait_once(storm, from, FOR_EVER, masked,
					&problem) != -EINTR)
			return "an event without a cause";
		eventfd_write(storm->go, 1);
		do {
			n = wait_once(storm, from,
				      timeouts[storm->waits % ARRAY_SIZE(timeouts)],
				      masked, &problem);
			if (now_ns() > deadline)
				return "an event does not come";
		} while (!problem && n != 1);
		problem = problem ?: take_event(storm, from, trigger);
	}
	if (problem)
		return problem;
	return poller_count(&storm->p) ? "an event is left" : NULL;
}

static const char *weather(struct storm *storm, uint32_t trigger,
			   const struct poller *from, bool masked)
{
	const char *problem;
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	if (masked)
		sigprocmask(SIG_BLOCK, &usr1, NULL);
	if (poller_add(&storm->p, storm->efd, EPOLLIN | trigger))
		return "cannot begin";
	problem = wait_for_events(storm, trigger, from, masked);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	return problem ?: poller_del(&storm->p, storm->efd) ?
	       "the item is lost" : NULL;
}

/* With each trigger. */
#define EXPECT_CALM(_from, _masked) do {				\
	static const uint32_t triggers[] = { 0, EPOLLET, EPOLLONESHOT };	\
	const char *_problem;						\
	int _i;								\
									\
	for (_i = 0; _i < ARRAY_SIZE(triggers); _i++) {			\
		_problem = weather(&self->storm, triggers[_i], _from,	\
				   _masked);				\
		EXPECT_EQ(NULL, _problem)				\
			TH_LOG("trigger %x: %s", triggers[_i], _problem); \
	}								\
} while (0)

/*
 *	signal, in each wait a bit later ---> waiter ---> P ---> eventfd <--- write
 */
TEST_F_TIMEOUT(storm, of_signals, 120)
{
	EXPECT_CALM(&self->storm.p, false);
}

/*
 *	the same, with the signals blocked except during the wait
 */
TEST_F_TIMEOUT(storm, of_masked_signals, 120)
{
	EXPECT_CALM(&self->storm.p, true);
}

/*
 *	the same, with		waiter ---> P' ---> P
 */
TEST_F_TIMEOUT(storm, of_signals_above, 120)
{
	EXPECT_CALM(&self->storm.outer, false);
	EXPECT_CALM(&self->storm.outer, true);
}

TEST_HARNESS_MAIN
