// SPDX-License-Identifier: GPL-2.0
/*
 * How long a long operation delays others: only for a moment at a time.
 *
 * Time is not measured, because a busy host stretches it. While one thread does
 * one long operation, another thread, on another processor, does short ones,
 * and a third, on the same processor, sleeps for a moment and wakes again and
 * again. If a lock is held until the end, the second thread completes one
 * operation; if the processor is not released, the third thread wakes once.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fixture.h"
#include "missing_page.h"
#include "pair.h"
#include "processor.h"
#include "waiter.h"

#define MANY 20000
#define TICK (NSEC_PER_MSEC / 10)

/*
 * Others must complete more than this many short operations during a long one.
 */
#define ROUNDS 10
#define TICKS 2

/* A single one is too short for a busy host to deliver many ticks. */
#define FETCHES 10
#define NESTINGS 10

/* A thread that repeats a short operation. */
struct other {
	struct poller p;
	int fd;
	long rounds;
	int err;
	bool stop;
	pthread_t thread;
};

static void *add_and_delete(void *arg)
{
	struct other *o = arg;

	while (!__atomic_load_n(&o->stop, __ATOMIC_ACQUIRE) && !o->err) {
		o->err = poller_add(&o->p, o->fd, EPOLLIN);
		if (!o->err)
			o->err = poller_del(&o->p, o->fd);
		__atomic_add_fetch(&o->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *sleep_and_wake(void *arg)
{
	const struct timespec tick = { .tv_nsec = TICK };
	struct other *o = arg;

	while (!__atomic_load_n(&o->stop, __ATOMIC_ACQUIRE)) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
		__atomic_add_fetch(&o->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static long rounds_of(const struct other *o)
{
	return __atomic_load_n(&o->rounds, __ATOMIC_ACQUIRE);
}

static void other_stop(struct other *o)
{
	__atomic_store_n(&o->stop, true, __ATOMIC_RELEASE);
	pthread_join(o->thread, NULL);
}

/* Both other threads, and how much they have done. */
struct others {
	struct other worker, sleeper;
	long rounds, ticks;
};

/*
 * Starts them: one thread that adds @fd to an instance and deletes it again, on
 * another processor if there is one, and one thread that ticks on this
 * processor.
 */
static int others_start(struct others *o, const struct poller *p, int fd)
{
	const struct sched_param fifo = { .sched_priority = 1 };
	cpu_set_t elsewhere;
	int cpu = sched_getcpu();

	*o = (struct others) { .worker = { .p = *p, .fd = fd } };
	sched_getaffinity(0, sizeof(elsewhere), &elsewhere);
	if (CPU_COUNT(&elsewhere) > 1)
		CPU_CLR(cpu, &elsewhere);
	if (stay_on(cpu, SCHED_OTHER) ||
	    pthread_create(&o->sleeper.thread, NULL, sleep_and_wake,
			   &o->sleeper) ||
	    pthread_setschedparam(o->sleeper.thread, SCHED_FIFO, &fifo) ||
	    pthread_create(&o->worker.thread, NULL, add_and_delete,
			   &o->worker) ||
	    pthread_setaffinity_np(o->worker.thread, sizeof(elsewhere),
				   &elsewhere))
		return -EPERM;
	while (!rounds_of(&o->worker) || !rounds_of(&o->sleeper))
		sched_yield();
	return 0;
}

/* Called right before the long operation, and right after it. */
static void others_count(struct others *o)
{
	o->rounds = rounds_of(&o->worker) - o->rounds;
	o->ticks = rounds_of(&o->sleeper) - o->ticks;
}

static int others_stop(struct others *o)
{
	other_stop(&o->worker);
	other_stop(&o->sleeper);
	return o->worker.err;
}

/* Allows this process enough descriptors. */
static int raise_limit(void)
{
	const struct rlimit files = { 2 * MANY, 2 * MANY };

	return setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0;
}

/* Adds a file under @n numbers to one instance. */
static int add_copies(const struct poller *p, int fd, int n)
{
	int err = 0, copy;

	while (n-- && !err) {
		copy = dup(fd);
		err = copy < 0 ? -errno : poller_add(p, copy, EPOLLIN);
	}
	return err;
}

/* Adds @n files to an instance. */
static int add_files(const struct poller *p, int n)
{
	int err = 0, efd;

	while (n-- && !err) {
		efd = eventfd(0, EFD_CLOEXEC);
		err = efd < 0 ? -errno : poller_add(p, efd, EPOLLIN);
	}
	return err;
}

/* For @times long operations. */
#define EXPECT_NOT_HELD_OFF(them, times)				\
	do {								\
		struct others *_o = (them);				\
		long _times = (times);					\
									\
		TH_LOG("%ld rounds, %ld ticks", _o->rounds, _o->ticks);	\
		EXPECT_EQ(0, others_stop(_o));				\
		EXPECT_LT(ROUNDS * _times, _o->rounds);			\
		EXPECT_LT(TICKS * _times, _o->ticks);			\
	} while (0)

/*
 *	close(P)	while	ADD, DEL: another P ---> the same file
 */
TEST_F_TIMEOUT(poller, large_instance_is_closed, 1200)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct others o;
	struct poller p;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	ASSERT_EQ(0, add_copies(&p, efd, MANY));
	ASSERT_EQ(0, others_start(&o, &self->p, efd));
	others_count(&o);
	close(p.fd);
	others_count(&o);
	EXPECT_NOT_HELD_OFF(&o, 1);
}

/*
 *	a process with P and all its files is killed	while	ADD, DEL
 */
TEST_F_TIMEOUT(poller, process_with_a_large_instance_is_killed, 1200)
{
	int efd = eventfd(0, EFD_CLOEXEC), ready[2], status;
	struct others o;
	struct poller p;
	pid_t pid;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (poller_open(&p, variant->ops) || add_files(&p, MANY) ||
		    put(ready[1]))
			_exit(1);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(0, get(ready[0]));
	ASSERT_EQ(0, others_start(&o, &self->p, efd));
	others_count(&o);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	others_count(&o);
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_NOT_HELD_OFF(&o, 1);
}

/*
 *	close(file)	in 150 instances, 150 times each	while	ADD, DEL
 */
TEST_F_TIMEOUT(poller, file_that_many_watch_is_closed, 1200)
{
	enum { SIDE = 150 };
	int efd = eventfd(0, EFD_CLOEXEC), fds[SIDE], pipe[2], watched, i, j;
	struct poller many[SIDE];
	struct others o;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	watched = pipe[0];
	for (i = 0; i < SIDE; i++) {
		fds[i] = i ? dup(watched) : watched;
		ASSERT_EQ(0, poller_open(&many[i], variant->ops));
	}
	for (i = 0; i < SIDE; i++) {
		for (j = 0; j < SIDE; j++) {
			ASSERT_EQ(0, poller_add(&many[i], fds[j], EPOLLIN));
		}
	}
	for (i = 1; i < SIDE; i++)
		close(fds[i]);
	ASSERT_EQ(0, others_start(&o, &self->p, efd));
	others_count(&o);
	close(watched);
	others_count(&o);
	EXPECT_NOT_HELD_OFF(&o, 1);
	for (i = 0; i < SIDE; i++)
		close(many[i].fd);
}

/*
 *	wait ---> P, all of whose items are ready	while	ADD, DEL
 */
TEST_F_TIMEOUT(poller, all_events_are_fetched_at_once, 1200)
{
	struct epoll_event *events = calloc(MANY, sizeof(*events));
	int efd = eventfd(1, EFD_CLOEXEC), times;
	struct others o;
	struct poller p;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	ASSERT_EQ(0, add_copies(&p, efd, MANY));
	ASSERT_EQ(0, others_start(&o, &self->p, efd));
	others_count(&o);
	for (times = 0; times < FETCHES; times++)
		ASSERT_EQ(MANY, poller_wait(&p, events, MANY, NOT_AT_ALL));
	others_count(&o);
	EXPECT_NOT_HELD_OFF(&o, FETCHES);
	free(events);
}

FIXTURE(nest) {
	struct poller outer, inner;
};

FIXTURE_SETUP(nest) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->outer, &repoll_ops));
	ASSERT_EQ(0, poller_open(&self->inner, &repoll_ops));
}

FIXTURE_TEARDOWN(nest) {
}

/*
 *	outer ---> inner ---> 20,000 files, again and again
 *	while	ADD, DEL: O ---> I
 *
 * With epoll, all tasks that nest instances wait for each other.
 */
TEST_F_TIMEOUT(nest, large_instance_is_nested, 1200)
{
	struct poller other_outer, other_inner;
	struct others o;
	int times;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, poller_open(&other_outer, &repoll_ops));
	ASSERT_EQ(0, poller_open(&other_inner, &repoll_ops));
	ASSERT_EQ(0, add_files(&self->inner, MANY));
	ASSERT_EQ(0, others_start(&o, &other_outer, other_inner.fd));
	others_count(&o);
	for (times = 0; times < NESTINGS; times++) {
		ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, EPOLLIN));
		ASSERT_EQ(0, poller_del(&self->outer, self->inner.fd));
	}
	others_count(&o);
	EXPECT_NOT_HELD_OFF(&o, NESTINGS);
}

/*
 *	outer ---> inner ---> one file, 400 times
 *	   200 instances ---> the same, 200 times each
 *
 * The checks for a file are made once, not for each of its items inside.
 */
TEST_F_TIMEOUT(nest, file_is_inside_many_times, 1200)
{
	enum { SIDE = 200 };
	int efd = eventfd(0, EFD_CLOEXEC), fds[2 * SIDE], i, j;
	int64_t start = now_ns(), filled;
	struct poller p;

	if (raise_limit())
		SKIP(return, "only root may open that many files");
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dup(efd);
		ASSERT_EQ(0, poller_add(&self->inner, fds[i], EPOLLIN));
	}
	for (i = 0; i < SIDE; i++) {
		ASSERT_EQ(0, poller_open(&p, &repoll_ops));
		for (j = 0; j < SIDE; j++) {
			ASSERT_EQ(0, poller_add(&p, fds[j], EPOLLIN));
		}
	}
	filled = now_ns();
	ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, EPOLLIN));
	EXPECT_GT(filled - start, now_ns() - filled);
}

/* A thread that nests one instance in another. */
struct nester {
	struct poller outer;
	int inner;
	int err;
	pid_t tid;
	pthread_t thread;
};

static void *nest(void *arg)
{
	struct nester *n = arg;

	__atomic_store_n(&n->tid, gettid(), __ATOMIC_RELEASE);
	n->err = poller_add(&n->outer, n->inner, EPOLLIN);
	return NULL;
}

/*
 *	a waiter of inner ---> a page that is not provided
 *	ADD: outer ---> inner, which waits for the page
 *	ADD: O ---> I, which does not wait
 *
 * With epoll, it waits.
 */
TEST_F(nest, nobody_waits_for_a_strangers_memory)
{
	struct nester n = { .outer = self->outer, .inner = self->inner.fd };
	int efd = eventfd(1, EFD_CLOEXEC);
	struct poller outer, inner, lowest;
	struct waiter w;
	struct missing_page missing;

	if (missing_page_make(&missing))
		SKIP(return, "no userfaultfd available");
	ASSERT_EQ(0, poller_open(&outer, &repoll_ops));
	ASSERT_EQ(0, poller_open(&inner, &repoll_ops));
	ASSERT_EQ(0, poller_open(&lowest, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->inner, lowest.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->inner, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start_into(&w, &self->inner, missing.addr));
	ASSERT_EQ(0, missing_page_await(&missing));
	ASSERT_EQ(0, pthread_create(&n.thread, NULL, nest, &n));
	while (!__atomic_load_n(&n.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	ASSERT_TRUE(is_held_off(n.tid));

	EXPECT_EQ(0, poller_add(&outer, inner.fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&inner, outer.fd, EPOLLIN));
	EXPECT_EQ(0, poller_add(&inner, efd, EPOLLIN));
	/*
	 * The instance that is being added to is not blocked for other users
	 * either.
	 */
	EXPECT_EQ(0, poller_add(&self->outer, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->outer, efd));
	EXPECT_EQ(0, poller_del(&self->outer, efd));
	/* The new link counts from the beginning. */
	EXPECT_EQ(-ELOOP, poller_add(&lowest, self->outer.fd, EPOLLIN));

	ASSERT_EQ(0, missing_page_provide(&missing));
	EXPECT_EQ(1, waiter_join(&w));
	ASSERT_EQ(0, pthread_join(n.thread, NULL));
	EXPECT_EQ(0, n.err);
	EXPECT_EQ(EPOLLIN, poller_now(&self->outer, self->inner.fd));
}

TEST_HARNESS_MAIN
