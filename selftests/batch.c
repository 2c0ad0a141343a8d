// SPDX-License-Identifier: GPL-2.0
/*
 * Many changes with one call, and a wait after them.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "calls.h"
#include "fixture.h"
#include "waiter.h"

/* More than are made without releasing the mutex. */
#define MANY 100

FIXTURE(batch) {
	struct poller p;
};

FIXTURE_SETUP(batch) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
}

FIXTURE_TEARDOWN(batch) {
	close(self->p.fd);
}

static struct repoll_change change_of(int op, int fd, uint32_t events)
{
	/* An impossible result. */
	return (struct repoll_change) { .op = op, .fd = fd, .events = events,
					.data = fd, .result = 0x5a5a5a5a };
}

static struct repoll_batch batch_of(struct repoll_change *changes, int count)
{
	return (struct repoll_batch) { .changes = (uintptr_t)changes,
				       .count = count, .done = ~0U,
				       .failed = ~0U };
}

/* Makes the changes. Returns how many were attempted, or the error. */
static int make(const struct poller *p, struct repoll_batch *batch)
{
	return call_with(p->fd, REPOLL_BATCH, batch);
}

static int make_and_wait(const struct poller *p, struct repoll_batch_wait *args)
{
	return call_with(p->fd, REPOLL_BATCH_WAIT, args);
}

/* A page of memory, followed by an unmapped one. */
static char *last_page(void)
{
	const long size = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + size, size))
		return NULL;
	return pages;
}

/*
 *	changes, good and bad ---> the same results as of single changes, on repoll and epoll
 */
TEST_F(poller, results_are_those_of_single_changes)
{
	const uint32_t exclusive = EPOLLIN | EPOLLEXCLUSIVE;
	const int a = eventfd(1, EFD_CLOEXEC), b = eventfd(1, EFD_CLOEXEC);
	const int file = memfd_create("file", MFD_CLOEXEC), none = 1000;
	const int native = epoll_create1(EPOLL_CLOEXEC);
	struct poller batched, inner;
	struct epoll_event ours[4], theirs[4];
	int i, n;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&batched, &repoll_ops));
	ASSERT_EQ(0, poller_open(&inner, &repoll_ops));

	struct repoll_change changes[] = {
		change_of(EPOLL_CTL_MOD, a, EPOLLIN),
		change_of(EPOLL_CTL_DEL, a, 0),
		change_of(EPOLL_CTL_ADD, a, EPOLLIN),
		change_of(EPOLL_CTL_ADD, a, EPOLLIN),
		change_of(EPOLL_CTL_ADD, none, EPOLLIN),
		change_of(EPOLL_CTL_ADD, -1, EPOLLIN),
		change_of(EPOLL_CTL_ADD, file, EPOLLIN),
		change_of(EPOLL_CTL_DEL, file, 0),
		change_of(0, a, EPOLLIN),
		change_of(EPOLL_CTL_ADD, native, EPOLLIN),
		change_of(EPOLL_CTL_ADD, inner.fd, EPOLLIN),
		change_of(EPOLL_CTL_ADD, native, exclusive),
		change_of(EPOLL_CTL_ADD, b, exclusive | EPOLLONESHOT),
		change_of(EPOLL_CTL_ADD, b, exclusive),
		change_of(EPOLL_CTL_MOD, b, EPOLLIN),
		change_of(EPOLL_CTL_MOD, a, exclusive),
		change_of(EPOLL_CTL_MOD, a, EPOLLOUT),
		change_of(EPOLL_CTL_DEL, b, 0),
		change_of(EPOLL_CTL_ADD, b, EPOLLIN | EPOLLET),
		change_of(EPOLL_CTL_DEL, native, 0),
	};
	struct repoll_batch batch = batch_of(changes, ARRAY_SIZE(changes));

	ASSERT_EQ(ARRAY_SIZE(changes), make(&batched, &batch));
	EXPECT_EQ(ARRAY_SIZE(changes), batch.done);
	for (i = n = 0; i < ARRAY_SIZE(changes); i++) {
		struct epoll_event event = { .events = changes[i].events,
					     .data.u64 = changes[i].data };

		EXPECT_EQ(variant->ops->ctl(self->p.fd, changes[i].op,
					    changes[i].fd, &event),
			  -changes[i].result)
			TH_LOG("change %d", i);
		n += changes[i].result != 0;
	}
	EXPECT_EQ(n, batch.failed);
	n = poller_wait(&batched, ours, 4, NOT_AT_ALL);
	EXPECT_EQ(2, n);
	EXPECT_EQ(n, poller_wait(&self->p, theirs, 4, NOT_AT_ALL));
	EXPECT_EQ(0, memcmp(ours, theirs, n * sizeof(*ours)));
}

/*
 *	an instance cannot watch itself, even by a batch
 */
TEST_F(batch, instance_does_not_watch_itself)
{
	struct repoll_change change = change_of(EPOLL_CTL_ADD, self->p.fd, EPOLLIN);
	struct repoll_batch batch = batch_of(&change, 1);

	EXPECT_EQ(1, make(&self->p, &batch));
	EXPECT_EQ(EINVAL, change.result);
	EXPECT_EQ(1, batch.failed);
}

/*
 *	many changes, each of which needs the one before it
 */
TEST_F(batch, changes_are_made_in_their_order)
{
	struct repoll_change changes[4 * MANY];
	struct repoll_batch batch = batch_of(changes, ARRAY_SIZE(changes));
	struct epoll_event events[MANY + 1];
	int i;

	for (i = 0; i < ARRAY_SIZE(changes); i += 4) {
		int efd = eventfd(1, EFD_CLOEXEC);

		ASSERT_LE(0, efd);
		changes[i] = change_of(EPOLL_CTL_ADD, efd, EPOLLIN);
		changes[i + 1] = change_of(EPOLL_CTL_DEL, efd, 0);
		changes[i + 2] = change_of(EPOLL_CTL_ADD, efd, 0);
		changes[i + 3] = change_of(EPOLL_CTL_MOD, efd, EPOLLOUT);
		changes[i + 3].data = i;
	}
	ASSERT_EQ(4 * MANY, make(&self->p, &batch));
	EXPECT_EQ(4 * MANY, batch.done);
	EXPECT_EQ(0, batch.failed);
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		EXPECT_EQ(0, changes[i].result);
	ASSERT_EQ(MANY, poller_wait(&self->p, events, MANY + 1, NOT_AT_ALL));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(EPOLLOUT, events[i].events);
		EXPECT_EQ(4 * i, events[i].data.u64);
	}
}

/*
 *	no change; too many changes; unknown flags; padding
 */
TEST_F(batch, bad_arguments_are_refused)
{
	const int efd = eventfd(1, EFD_CLOEXEC);
	struct repoll_change changes[] = {
		change_of(EPOLL_CTL_ADD, efd, EPOLLIN),
		change_of(EPOLL_CTL_ADD, efd, EPOLLIN),
		change_of(EPOLL_CTL_ADD, efd, EPOLLIN),
	};
	struct repoll_batch batch = batch_of(NULL, 0);

	EXPECT_EQ(0, make(&self->p, &batch));
	EXPECT_EQ(0, batch.done);
	EXPECT_EQ(0, batch.failed);

	batch = batch_of(changes, 1);
	batch.count = REPOLL_MAX_CHANGES + 1U;
	EXPECT_EQ(-EINVAL, make(&self->p, &batch));
	batch = batch_of(changes, 1);
	batch.flags = 1;
	EXPECT_EQ(-EINVAL, make(&self->p, &batch));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));

	changes[0].__pad = 1;
	changes[1].flags = 1U << 31;
	batch = batch_of(changes, ARRAY_SIZE(changes));
	EXPECT_EQ(3, make(&self->p, &batch));
	EXPECT_EQ(2, batch.failed);
	EXPECT_EQ(EINVAL, changes[0].result);
	EXPECT_EQ(EINVAL, changes[1].result);
	EXPECT_EQ(0, changes[2].result);
	EXPECT_EQ(0, poller_del(&self->p, efd));
}

/*
 *	changes | unmapped: changes before the fault are made, and reported
 */
TEST_F(batch, fault_ends_it)
{
	const long size = sysconf(_SC_PAGESIZE);
	const int before[] = { 0, 1, 15, 16, 17, 40 };
	char *page = last_page();
	int i, k;

	ASSERT_FALSE(!page);
	for (k = 0; k < ARRAY_SIZE(before); k++) {
		const int n = before[k];
		struct repoll_change *changes = (void *)(page + size);
		struct repoll_batch batch;

		changes -= n;
		for (i = 0; i < n; i++)
			changes[i] = change_of(EPOLL_CTL_ADD,
					       eventfd(1, EFD_CLOEXEC), EPOLLIN);
		batch = batch_of(changes, n + 1);
		EXPECT_EQ(n ? n : -EFAULT, make(&self->p, &batch));
		EXPECT_EQ(n, batch.done);
		EXPECT_EQ(0, batch.failed);
		for (i = 0; i < n; i++) {
			EXPECT_EQ(0, changes[i].result);
			EXPECT_EQ(0, poller_del(&self->p, changes[i].fd));
			close(changes[i].fd);
		}
		/* The change that cannot be read begins before the end of the page. */
		batch = batch_of((void *)(page + size - sizeof(*changes) + 8), 1);
		EXPECT_EQ(-EFAULT, make(&self->p, &batch));
	}
	munmap(page, size);
}

/*
 *	results that cannot be stored ---> no change
 */
TEST_F(batch, nothing_is_done_in_secret)
{
	const long size = sysconf(_SC_PAGESIZE);
	const int efd = eventfd(1, EFD_CLOEXEC);
	char *page = last_page();
	struct repoll_change *change = (void *)page;
	struct repoll_batch *argument = (void *)page, batch;

	ASSERT_FALSE(!page);
	*change = change_of(EPOLL_CTL_ADD, efd, EPOLLIN);
	ASSERT_EQ(0, mprotect(page, size, PROT_READ));
	batch = batch_of(change, 1);
	EXPECT_EQ(-EFAULT, make(&self->p, &batch));
	EXPECT_EQ(0, batch.done);
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));

	ASSERT_EQ(0, mprotect(page, size, PROT_READ | PROT_WRITE));
	change = (void *)(page + size / 2);
	*change = change_of(EPOLL_CTL_ADD, efd, EPOLLIN);
	*argument = batch_of(change, 1);
	ASSERT_EQ(0, mprotect(page, size, PROT_READ));
	EXPECT_EQ(-EFAULT, make(&self->p, argument));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));
	EXPECT_EQ(-EFAULT, make(&self->p, NULL));
	munmap(page, size);
}

static atomic_int ticks;

static void tick(int signal)
{
	(void)signal;
	ticks++;
}

/*
 *	a timer's signals ---> batch: it ends early, and can be continued
 */
TEST_F(batch, signal_ends_it)
{
	const struct sigaction action = { .sa_handler = tick };
	const struct itimerspec often = { { 0, 200000 }, { 0, 200000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	const int count = 200000, efd = eventfd(1, EFD_CLOEXEC);
	struct repoll_change *changes = calloc(count, sizeof(*changes));
	int i, done = 0, calls = 0;
	timer_t timer;

	ASSERT_FALSE(!changes);
	for (i = 0; i < count; i++)
		changes[i] = change_of(i % 2 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD,
				       efd, EPOLLIN);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &often, NULL));
	while (done < count) {
		struct repoll_batch batch = batch_of(changes + done, count - done);
		int n = make(&self->p, &batch);

		ASSERT_LE(1, n);
		EXPECT_EQ(n, batch.done);
		EXPECT_EQ(0, batch.failed);
		done += n;
		calls++;
	}
	timer_delete(timer);
	EXPECT_LT(1, calls);
	TH_LOG("%d calls, %d signals", calls, ticks);
	for (i = 0; i < count; i++)
		ASSERT_EQ(0, changes[i].result);
	free(changes);
}

/*
 *	waiter ---> P, batch: adds a ready file; the waiter receives its event
 */
TEST_F(batch, waiter_is_woken)
{
	struct repoll_change change;
	struct repoll_batch batch;
	struct waiter w;

	change = change_of(EPOLL_CTL_ADD, eventfd(1, EFD_CLOEXEC), EPOLLIN);
	batch = batch_of(&change, 1);
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	EXPECT_EQ(1, make(&self->p, &batch));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, change.fd));
}

/*
 *	batch: an epoll, an instance, files; all of them in one batch
 */
TEST_F(batch, eventpolls_come_between_files)
{
	const int native = epoll_create1(EPOLL_CLOEXEC);
	const int ready = eventfd(1, EFD_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN }, events[8];
	struct repoll_change changes[5];
	struct repoll_batch batch = batch_of(changes, ARRAY_SIZE(changes));
	struct poller inner;
	int i;

	ASSERT_EQ(0, poller_open(&inner, &repoll_ops));
	ASSERT_EQ(0, epoll_ctl(native, EPOLL_CTL_ADD, ready, &event));
	ASSERT_EQ(0, poller_add(&inner, ready, EPOLLIN));
	changes[0] = change_of(EPOLL_CTL_ADD, ready, EPOLLIN);
	changes[1] = change_of(EPOLL_CTL_ADD, native, EPOLLIN);
	changes[2] = change_of(EPOLL_CTL_ADD, inner.fd, EPOLLIN);
	changes[3] = change_of(EPOLL_CTL_ADD, dup(ready), EPOLLIN);
	changes[4] = change_of(EPOLL_CTL_MOD, native, EPOLLIN);
	ASSERT_EQ(5, make(&self->p, &batch));
	EXPECT_EQ(0, batch.failed);
	ASSERT_EQ(4, poller_wait(&self->p, events, 8, NOT_AT_ALL));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(changes[i].fd, events[i].data.u64);
	for (i = 0; i < 5; i++)
		changes[i] = change_of(EPOLL_CTL_DEL, changes[i].fd, 0);
	batch = batch_of(changes, 4);
	ASSERT_EQ(4, make(&self->p, &batch));
	EXPECT_EQ(0, batch.failed);
	close(inner.fd);
	close(native);
}

/*
 *	re-arm, then wait ---> the event; repeated
 */
TEST_F(batch, wait_follows_the_changes)
{
	const int efd = eventfd(1, EFD_CLOEXEC);
	struct repoll_change change = change_of(EPOLL_CTL_ADD, efd,
						EPOLLIN | EPOLLONESHOT);
	struct epoll_event events[2];
	struct repoll_batch_wait args;
	int i;

	for (i = 0; i < 3; i++) {
		args = (struct repoll_batch_wait) {
			.batch = batch_of(&change, 1),
			.wait = { .events = (uintptr_t)events, .maxevents = 2,
				  .timeout_ns = FOR_EVER },
		};
		ASSERT_EQ(1, make_and_wait(&self->p, &args));
		EXPECT_EQ(1, args.batch.done);
		EXPECT_EQ(0, args.batch.failed);
		EXPECT_EQ(EPOLLIN, events[0].events);
		EXPECT_EQ(efd, events[0].data.u64);
		EXPECT_EQ(0, poller_count(&self->p));
		change.op = EPOLL_CTL_MOD;
	}
	/* Without changes, the call is a wait. */
	args.batch = batch_of(NULL, 0);
	args.wait.timeout_ns = 1;
	EXPECT_EQ(0, make_and_wait(&self->p, &args));
}

/*
 *	a change that fails, or that is not attempted ---> no sleep, but events
 */
TEST_F(batch, failure_is_not_slept_over)
{
	const int efd = eventfd(0, EFD_CLOEXEC);
	struct repoll_change changes[] = {
		change_of(EPOLL_CTL_ADD, efd, EPOLLIN),
		change_of(EPOLL_CTL_DEL, 1000, 0),
	};
	struct repoll_change *last;
	struct epoll_event event;
	struct repoll_batch_wait args = {
		.batch = batch_of(changes, ARRAY_SIZE(changes)),
		.wait = { .events = (uintptr_t)&event, .maxevents = 1,
			  .timeout_ns = FOR_EVER },
	};
	char *page = last_page();

	ASSERT_FALSE(!page);
	EXPECT_EQ(0, make_and_wait(&self->p, &args));
	EXPECT_EQ(2, args.batch.done);
	EXPECT_EQ(1, args.batch.failed);
	EXPECT_EQ(EBADF, changes[1].result);

	last = (void *)(page + sysconf(_SC_PAGESIZE));
	*--last = change_of(EPOLL_CTL_MOD, efd, EPOLLIN);
	args.batch = batch_of(last, 2);
	EXPECT_EQ(0, make_and_wait(&self->p, &args));
	EXPECT_EQ(1, args.batch.done);
	EXPECT_EQ(0, args.batch.failed);

	ASSERT_EQ(0, eventfd_write(efd, 1));
	args.batch = batch_of(changes + 1, 1);
	EXPECT_EQ(1, make_and_wait(&self->p, &args));
	EXPECT_EQ(efd, event.data.u64);

	/*
	 * An error of the changes prevents the wait. An error of the wait comes after the changes.
	 */
	args.batch = batch_of(NULL, 1);
	EXPECT_EQ(-EFAULT, make_and_wait(&self->p, &args));
	changes[0] = change_of(EPOLL_CTL_DEL, efd, 0);
	args.batch = batch_of(changes, 1);
	args.wait.maxevents = 0;
	EXPECT_EQ(-EINVAL, make_and_wait(&self->p, &args));
	EXPECT_EQ(1, args.batch.done);
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));
}

/*
 *	a signal that the wait's mask allows ---> EINTR, but the changes are made
 */
TEST_F(batch, mask_is_for_the_wait)
{
	const struct sigaction action = { .sa_handler = tick };
	const int efd = eventfd(0, EFD_CLOEXEC);
	struct repoll_change change = change_of(EPOLL_CTL_ADD, efd, EPOLLIN);
	const uint64_t none = 0;
	struct epoll_event event;
	struct repoll_batch_wait args = {
		.batch = batch_of(&change, 1),
		.wait = { .events = (uintptr_t)&event, .maxevents = 1,
			  .timeout_ns = FOR_EVER,
			  .sigmask = (uintptr_t)&none,
			  .sigsetsize = KERNEL_SIGSET_SIZE },
	};
	sigset_t alarm;

	ticks = 0;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &alarm, NULL));
	ASSERT_EQ(0, raise(SIGALRM));
	EXPECT_EQ(0, ticks);
	EXPECT_EQ(-EINTR, make_and_wait(&self->p, &args));
	EXPECT_EQ(1, ticks);
	EXPECT_EQ(1, args.batch.done);
	EXPECT_EQ(0, poller_del(&self->p, efd));
}

TEST_HARNESS_MAIN
