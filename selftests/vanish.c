// SPDX-License-Identifier: GPL-2.0
/*
 * One thread closes a file of each kind while another one uses it. Whichever
 * comes first: the file is removed then, and everything else is unchanged.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "require.h"
#include "test_file.h"
#include "waiter.h"

#define ROUNDS 3

/* A thread that closes a file on request. */
struct closer {
	pthread_t thread;
	int fd;
	unsigned int told, closed;
	bool stop;
};

static void *close_when_told(void *arg)
{
	struct closer *closer = arg;
	unsigned int n = 0;
	int64_t until;

	while (!__atomic_load_n(&closer->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&closer->told, __ATOMIC_ACQUIRE) == n) {
			sched_yield();
			continue;
		}
		/* At a different moment each time. */
		until = now_ns() + n % 8 * 2000;
		while (now_ns() < until)
			;
		n++;
		close(closer->fd);
		__atomic_store_n(&closer->closed, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Makes the thread close the file soon. */
static void closer_tell(struct closer *closer, int fd)
{
	closer->fd = fd;
	__atomic_fetch_add(&closer->told, 1, __ATOMIC_RELEASE);
}

static void closer_settle(const struct closer *closer)
{
	while (__atomic_load_n(&closer->closed, __ATOMIC_ACQUIRE) !=
	       closer->told)
		sched_yield();
}

/* The instance that watches the file. */
struct view {
	struct poller p;
	/* Another item in the instance, which is not ready. */
	int other;
	/* Watches p. */
	struct poller outer;
	struct closer closer;
};

FIXTURE(vanish) {
	struct view view;
};

FIXTURE_VARIANT(vanish) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(vanish, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(vanish, repoll) {
	.ops = &repoll_ops,
};

FIXTURE_SETUP(vanish) {
	struct view *view = &self->view;
	sigset_t usr2;

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&view->p, variant->ops));
	ASSERT_EQ(0, poller_open(&view->outer, variant->ops));
	view->other = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&view->p, view->other, EPOLLIN));
	/* The files that are written may have no readers any more. */
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	/* Block the signalfds' signal, also in the other thread. */
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &usr2, NULL));
	view->closer = (struct closer) {};
	ASSERT_EQ(0, pthread_create(&view->closer.thread, NULL, close_when_told,
				    &view->closer));
}

FIXTURE_TEARDOWN(vanish) {
	struct view *view = &self->view;

	__atomic_store_n(&view->closer.stop, true, __ATOMIC_RELEASE);
	pthread_join(view->closer.thread, NULL);
	close(view->other);
	close(view->outer.fd);
	close(view->p.fd);
}

/* Whether the file was removed, and the other one was not. */
static const char *check_gone(struct view *view)
{
	struct epoll_event event;
	eventfd_t value;

	closer_settle(&view->closer);
	if (poller_count(&view->p))
		return "it is still reported";
	if (eventfd_write(view->other, 1) ||
	    poller_wait(&view->p, &event, 1, SOON) != 1 ||
	    event.data.u64 != (uint64_t)view->other)
		return "another item is not reported";
	eventfd_read(view->other, &value);
	return poller_count(&view->p) ? "something is left" : NULL;
}

static const char *while_it_is_added(struct view *view, const struct test_file *s,
				     const struct file_kind *kind)
{
	int err;

	(void)kind;
	closer_tell(&view->closer, s->fd);
	err = poller_add(&view->p, s->fd, EPOLLIN);
	return err && err != -EBADF ? "ADD: wrong error" : NULL;
}

static const char *while_it_is_modified(struct view *view, const struct test_file *s,
					const struct file_kind *kind)
{
	int err;

	if (poller_add(&view->p, s->fd, 0) || kind->fire(s))
		return "cannot add it";
	closer_tell(&view->closer, s->fd);
	err = poller_mod(&view->p, s->fd, EPOLLIN | EPOLLET);
	return err && err != -EBADF ? "MOD: wrong error" : NULL;
}

static const char *while_it_is_deleted(struct view *view, const struct test_file *s,
				       const struct file_kind *kind)
{
	int err;

	if (poller_add(&view->p, s->fd, EPOLLIN) || kind->fire(s))
		return "cannot add it";
	closer_tell(&view->closer, s->fd);
	err = poller_del(&view->p, s->fd);
	return err && err != -EBADF ? "DEL: wrong error" : NULL;
}

static const char *while_it_is_delivered(struct view *view, const struct test_file *s,
					 const struct file_kind *kind)
{
	struct epoll_event event;
	int n;

	if (poller_add(&view->p, s->fd, EPOLLIN) || kind->fire(s))
		return "cannot add it";
	closer_tell(&view->closer, s->fd);
	do {
		n = poller_wait(&view->p, &event, 1, NOT_AT_ALL);
		if (n == 1 && event.data.u64 != (uint64_t)s->fd)
			return "another item is reported";
	} while (n == 1);
	return n ? "WAIT: wrong result" : NULL;
}

static const char *while_it_fires(struct view *view, const struct test_file *s,
				  const struct file_kind *kind)
{
	if (poller_add(&view->p, s->fd, EPOLLIN))
		return "cannot add it";
	closer_tell(&view->closer, s->fd);
	/* The file may be closed already. */
	kind->fire(s);
	return NULL;
}

static const char *while_it_is_waited_for(struct view *view,
					  const struct test_file *s,
					  const struct file_kind *kind)
{
	struct waiter w;
	eventfd_t value;

	(void)kind;
	if (poller_add(&view->p, s->fd, EPOLLIN) ||
	    waiter_start(&w, &view->p, 1, SOON))
		return "cannot wait for it";
	closer_tell(&view->closer, s->fd);
	eventfd_write(view->other, 1);
	if (waiter_event(&w, view->other) != EPOLLIN)
		return "the other item is not reported";
	eventfd_read(view->other, &value);
	return NULL;
}

static const char *while_it_is_polled_from_above(struct view *view,
						 const struct test_file *s,
						 const struct file_kind *kind)
{
	struct pollfd pfd = { .fd = view->outer.fd, .events = POLLIN };
	struct epoll_event event;
	int i;

	if (poller_add(&view->p, s->fd, EPOLLIN) ||
	    poller_add(&view->outer, view->p.fd, EPOLLIN) || kind->fire(s))
		return "cannot add it";
	closer_tell(&view->closer, s->fd);
	for (i = 0; i < 4; i++) {
		poll(&pfd, 1, 0);
		poller_wait(&view->outer, &event, 1, NOT_AT_ALL);
	}
	closer_settle(&view->closer);
	if (poller_count(&view->outer))
		return "it is still reported by the outer instance";
	return poller_del(&view->outer, view->p.fd) ? "the outer item is lost" : NULL;
}

/* Runs @act with a file of each kind, which is closed meanwhile. */
static const char *close_each(struct view *view,
			      const char *(*act)(struct view *view,
						 const struct test_file *s,
						 const struct file_kind *kind))
{
	static char text[128];
	const char *problem;
	struct test_file s;
	int round, k;

	for (k = 0; k < KINDS; k++) {
		for (round = 0; round < ROUNDS; round++) {
			problem = test_file_open(&s, &kinds[k]) ?
				  "cannot open it" : act(view, &s, &kinds[k]);
			problem = problem ?: check_gone(view);
			s.fd = -1;
			test_file_close(&s);
			if (problem) {
				snprintf(text, sizeof(text), "%s: %s",
					 kinds[k].name, problem);
				return text;
			}
		}
	}
	return NULL;
}

/* EXPECT_EQ() would not print the text. */
#define EXPECT_NO_PROBLEM(_problem) do {				\
	const char *_p = _problem;					\
									\
	EXPECT_EQ(NULL, _p)						\
		TH_LOG("%s", _p);					\
} while (0)

/*
 *	close(file)	at the same time as	ADD, MOD, DEL ---> P
 */
TEST_F_TIMEOUT(vanish, while_it_is_added, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_added));
}

TEST_F_TIMEOUT(vanish, while_it_is_modified, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_modified));
}

TEST_F_TIMEOUT(vanish, while_it_is_deleted, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_deleted));
}

/*
 *	close(file)	at the same time as	WAIT ---> P ---> file, ready
 */
TEST_F_TIMEOUT(vanish, while_it_is_delivered, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_delivered));
}

/*
 *	close(file)	at the same time as	P <--- wake-up <--- file
 */
TEST_F_TIMEOUT(vanish, while_it_fires, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_fires));
}

/*
 *	close(file)	while a thread sleeps in	WAIT ---> P
 */
TEST_F_TIMEOUT(vanish, while_it_is_waited_for, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_waited_for));
}

/*
 *	close(file)	at the same time as	poll, WAIT ---> P' ---> P
 */
TEST_F_TIMEOUT(vanish, while_it_is_polled_from_above, 120)
{
	EXPECT_NO_PROBLEM(close_each(&self->view, while_it_is_polled_from_above));
}

TEST_HARNESS_MAIN
