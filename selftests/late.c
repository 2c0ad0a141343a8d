// SPDX-License-Identifier: GPL-2.0
/*
 * A file is closed while a waiter is polling it, and then the waiter goes to sleep: the
 * file does not stay open as long as the waiter sleeps.
 *
 * With epoll it does; the test prints how often.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "fixture.h"
#include "fuse.h"
#include "pair.h"
#include "waiter.h"

/* When a close with epoll counts as late. */
#define LATE (NSEC_PER_SEC / 2)

/* Ways to check an instance once, and to sleep if nothing is ready. */
static int in_wait(const struct poller *p)
{
	struct epoll_event events[16];

	return poller_wait(p, events, ARRAY_SIZE(events), FOR_EVER);
}

static int in_poll(const struct poller *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	return poll(&pfd, 1, -1);
}

static int in_select(const struct poller *p)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(p->fd, &set);
	return select(p->fd + 1, &set, NULL, NULL, NULL);
}

/*
 * The target of the check: P, or an eventpoll that watches it. If that is an epoll which
 * also watches the file, it holds its mutex while P polls, and the release of the file
 * needs that mutex; so the epoll may be the one that is late.
 */
enum outer { NOTHING, EPOLL, EPOLL_OF_BOTH, ITS_KIND };

static const struct {
	const char *name;
	int (*look)(const struct poller *p);
	enum outer outer;
} ways[] = {
	{ "wait", in_wait, NOTHING },
	{ "poll", in_poll, NOTHING },
	{ "select", in_select, NOTHING },
	{ "wait on an epoll that watches it", in_wait, EPOLL },
	{ "wait on an epoll that watches both", in_wait, EPOLL_OF_BOTH },
	{ "wait on one of its kind that watches it", in_wait, ITS_KIND },
	{ "poll of one of its kind that watches it", in_poll, ITS_KIND },
};

/* A thread that checks the instance. */
struct looker {
	struct poller p;
	int (*look)(const struct poller *p);
	int result;
	bool done;
	pthread_t thread;
};

static void *look(void *arg)
{
	struct looker *l = arg;

	l->result = l->look(&l->p);
	__atomic_store_n(&l->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether the server has received the release in time. */
static bool is_released(struct fuse *fuse, int64_t patience)
{
	int64_t deadline = now_ns() + patience;

	while (!fuse_releases(fuse)) {
		if (now_ns() > deadline)
			return false;
		sched_yield();
	}
	return true;
}

/* Makes another eventpoll watch this one, and take its place. */
static int surround(struct poller *p, enum outer kind, int fd)
{
	const struct poller_ops *ops = kind == ITS_KIND ? p->ops : &native_ops;
	struct poller outer;
	int err;

	if (kind == NOTHING)
		return 0;
	err = poller_open(&outer, ops) ?: poller_add(&outer, p->fd, EPOLLIN);
	if (!err && kind == EPOLL_OF_BOTH)
		err = poller_add(&outer, fd, EPOLLIN);
	*p = outer;
	return err;
}

/* Whether epoll, which may be late, is not involved. */
static bool is_strict(const struct poller *p, int way)
{
	return p->ops == &repoll_ops && ways[way].outer != EPOLL_OF_BOTH;
}

/*
 * Makes the thread poll a file of the server, which is closed before the thread finds
 * that nothing is ready. Returns whether the file is released, although the thread
 * sleeps; or sets @failure.
 */
static bool close_in_look(const struct poller *p, int way, int kick,
			  const char **failure)
{
	struct looker looker = { .p = *p, .look = ways[way].look };
	struct looker *l = &looker;
	bool released = false;
	struct fuse fuse;
	int fd;

	if (fuse_start(&fuse, NULL)) {
		*failure = "no FUSE";
		return false;
	}
	fuse_set_events(&fuse, POLLIN);
	fd = fuse_open(&fuse, FUSE_FILE);
	if (fd < 0 || poller_add(p, fd, EPOLLIN) ||
	    surround(&l->p, ways[way].outer, fd)) {
		*failure = "the file cannot be added";
		goto out;
	}
	fuse_hold_polls(&fuse);
	if (pthread_create(&l->thread, NULL, look, l) ||
	    fuse_await_polls(&fuse, 1)) {
		*failure = "the file is not polled";
		goto out;
	}
	close(fd);
	fuse_answer_polls(&fuse, 0);
	released = is_released(&fuse, is_strict(p, way) ? SOON : LATE);
	if (__atomic_load_n(&l->done, __ATOMIC_ACQUIRE))
		*failure = "the thread does not sleep";
	if (eventfd_write(kick, 1) || pthread_join(l->thread, NULL) ||
	    l->result != 1)
		*failure = "the thread is not woken";
	if (!is_released(&fuse, SOON))
		*failure = "the file is never released";
	if (ways[way].outer != NOTHING)
		close(l->p.fd);
out:
	fuse_end(&fuse);
	return released;
}

/*
 *	thread: polls, then sleeps ---> P ---> file, closed during the poll
 */
TEST_F_TIMEOUT(poller, file_is_closed_while_it_is_looked_at, 1200)
{
	int kick = eventfd(0, EFD_CLOEXEC), i;
	const char *failure = NULL;
	eventfd_t value;
	bool released;

	if (geteuid() || access("/dev/fuse", R_OK | W_OK))
		SKIP(return, "only root may mount a FUSE");
	ASSERT_EQ(0, poller_add(&self->p, kick, EPOLLIN));
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		released = close_in_look(&self->p, i, kick, &failure);
		ASSERT_TRUE(!failure)
			TH_LOG("%s: %s", ways[i].name, failure);
		if (is_strict(&self->p, i)) {
			EXPECT_TRUE(released)
				TH_LOG("%s", ways[i].name);
		} else if (!released) {
			TH_LOG("%s: not released before the thread is woken", ways[i].name);
		}
		ASSERT_EQ(0, eventfd_read(kick, &value));
	}
	close(kick);
}

/*
 *	thread: polls, then sleeps ---> P ---> file that answers slowly
 *					`----> socket, closed meanwhile <===> peer
 *
 * With epoll, the task that closes the socket waits until the file has answered.
 */
TEST_F(poller, neighbour_is_closed_meanwhile)
{
	struct looker l = { .p = self->p, .look = in_wait };
	int kick = eventfd(0, EFD_CLOEXEC), sv[2], fd;
	struct fuse fuse;

	if (variant->ops == &native_ops)
		SKIP(return, "close() would wait for the poll");
	if (geteuid() || fuse_start(&fuse, NULL))
		SKIP(return, "only root may mount a FUSE");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	fuse_set_events(&fuse, POLLIN);
	fd = fuse_open(&fuse, FUSE_FILE);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, kick, EPOLLIN));
	ASSERT_EQ(0, put(sv[1]));
	fuse_hold_polls(&fuse);
	ASSERT_EQ(0, pthread_create(&l.thread, NULL, look, &l));
	ASSERT_EQ(0, fuse_await_polls(&fuse, 1));
	ASSERT_EQ(0, get(sv[0]));
	close(sv[0]);
	fuse_answer_polls(&fuse, 0);
	EXPECT_EQ(POLLHUP, await(sv[1], POLLHUP) & POLLHUP);
	EXPECT_FALSE(__atomic_load_n(&l.done, __ATOMIC_ACQUIRE));
	ASSERT_EQ(0, eventfd_write(kick, 1));
	ASSERT_EQ(0, pthread_join(l.thread, NULL));
	EXPECT_EQ(1, l.result);
	close(fd);
	close(sv[1]);
	close(kick);
	fuse_end(&fuse);
}

/* A thread that waits, and sleeps, until it is stopped. */
struct waits {
	struct poller p;
	int kick;
	bool stop;
};

static void *wait_again_and_again(void *arg)
{
	struct waits *w = arg;
	struct epoll_event events[64];
	eventfd_t value;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		poller_wait(&w->p, events, ARRAY_SIZE(events), FOR_EVER);
		eventfd_read(w->kick, &value);
	}
	return NULL;
}

/*
 *	waiter ---> P ---> 16 sockets: written, read, closed at once <===> peers
 *
 * REPOLL_CYCLES times (300). It is a matter of chance here, as elsewhere, whether the
 * waiter has the last reference.
 */
TEST_F_TIMEOUT(poller, sockets_are_closed_while_they_are_looked_at, 3600)
{
	enum { PAIRS = 16 };
	const char *wish = getenv("REPOLL_CYCLES");
	long cycles = wish ? atol(wish) : 300, late = 0, i;
	struct waits w = { .p = self->p, .kick = eventfd(0, EFD_NONBLOCK) };
	bool strict = variant->ops == &repoll_ops;
	int sv[PAIRS][2], j;
	pthread_t thread;

	ASSERT_EQ(0, poller_add(&self->p, w.kick, EPOLLIN));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_again_and_again, &w));
	for (i = 0; i < cycles; i++) {
		for (j = 0; j < PAIRS; j++) {
			ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv[j]));
			ASSERT_EQ(0, poller_add(&self->p, sv[j][0], EPOLLIN));
		}
		for (j = 0; j < PAIRS; j++) {
			ASSERT_EQ(0, put(sv[j][1]));
		}
		for (j = 0; j < PAIRS; j++) {
			ASSERT_EQ(0, get(sv[j][0]));
		}
		for (j = 0; j < PAIRS; j++)
			close(sv[j][0]);
		for (j = 0; j < PAIRS; j++) {
			struct pollfd peer = { .fd = sv[j][1], .events = POLLIN };

			if (!poll(&peer, 1, strict ? SOON_MS :
						LATE / NSEC_PER_MSEC)) {
				late++;
				ASSERT_EQ(0, eventfd_write(w.kick, 1));
				ASSERT_EQ(POLLIN, POLLIN & await(sv[j][1], POLLIN));
			}
			close(sv[j][1]);
		}
	}
	TH_LOG("%ld of %ld closes were late", late, cycles * PAIRS);
	if (strict) {
		EXPECT_EQ(0, late);
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, eventfd_write(w.kick, 1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	close(w.kick);
}

TEST_HARNESS_MAIN
