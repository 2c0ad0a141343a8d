// SPDX-License-Identifier: GPL-2.0
/*
 * Terminals: files with a wait queue for each direction.
 */
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>
#include <termios.h>
#include <utmp.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/* A pseudo-terminal that passes all bytes unchanged. */
static int open_raw_pty(int *master, int *slave)
{
	struct termios raw = {};

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	if (openpty(master, slave, NULL, &raw, NULL))
		return -errno;
	if (fcntl(*master, F_SETFL, O_NONBLOCK) ||
	    fcntl(*slave, F_SETFL, O_NONBLOCK))
		return -errno;
	return 0;
}

/*
 *	P ---> master <===> slave <--- P
 */
TEST_F(poller, terminal_becomes_readable)
{
	int master, slave;
	struct waiter w;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	ASSERT_EQ(0, poller_add(&self->p, master, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, slave, EPOLLIN));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(master));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, slave));
	ASSERT_EQ(0, get(slave));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(slave));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, master));
	ASSERT_EQ(0, get(master));
	EXPECT_EQ(0, poller_count(&self->p));
	close(slave);
	close(master);
}

/*
 *	P ---> master ===> slave: full, then read
 */
TEST_F(poller, terminal_becomes_writable)
{
	int64_t deadline = now_ns() + SOON;
	struct pollfd pfd = { .events = POLLOUT };
	int master, slave;
	struct waiter w;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	ASSERT_EQ(0, poller_add(&self->p, master, EPOLLOUT));
	/*
	 * A worker moves bytes from one buffer to the next, so there may be room again
	 * after a while. If there is none for this long, the last buffer is probably also
	 * full.
	 */
	pfd.fd = master;
	for (;;) {
		do {
			ASSERT_EQ(0, fill(master));
		} while (poll(&pfd, 1, 100) > 0);
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		if (!waiter_is_done(&w))
			break;
		ASSERT_EQ(EPOLLOUT, waiter_event(&w, master));
		ASSERT_LT(now_ns(), deadline);
	}
	while (!waiter_is_done(&w) && now_ns() < deadline)
		drain(slave);
	EXPECT_EQ(EPOLLOUT, waiter_event(&w, master));
	close(slave);
	close(master);
}

/*
 *	P ---> master <===> slave, which is closed
 */
TEST_F(poller, slave_hangs_up)
{
	int master, slave;
	struct waiter w;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	ASSERT_EQ(0, poller_add(&self->p, master, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(slave);
	EXPECT_EQ(EPOLLHUP, EPOLLHUP & waiter_event(&w, master));
	close(master);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	master, which is closed <===> slave <--- P
 */
TEST_F(poller, master_hangs_up)
{
	int master, slave;
	struct waiter w;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	ASSERT_EQ(0, poller_add(&self->p, slave, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(master);
	EXPECT_EQ(EPOLLHUP, EPOLLHUP & waiter_event(&w, slave));
	close(slave);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> master, and P ---> slave: both closed while they are watched
 */
TEST_F(poller, closed_terminals_are_not_reported)
{
	int master, slave, round;

	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, open_raw_pty(&master, &slave));
		ASSERT_EQ(0, poller_add(&self->p, master, EPOLLIN | EPOLLOUT));
		ASSERT_EQ(0, poller_add(&self->p, slave, EPOLLIN | EPOLLOUT));
		EXPECT_EQ(2, poller_count(&self->p));
		close(round % 2 ? master : slave);
		EXPECT_EQ(1, poller_count(&self->p));
		close(round % 2 ? slave : master);
		ASSERT_EQ(0, poller_count(&self->p));
	}
}

/*
 *	P1 ---> master, under two numbers <===> slave
 *	P2 -----'
 */
TEST_F(poller, master_lives_as_long_as_its_copies)
{
	int master, copy, slave;
	struct poller p2;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	ASSERT_EQ(0, poller_open(&p2, variant->ops));
	copy = dup(master);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, poller_add(&self->p, master, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, copy, EPOLLOUT));
	ASSERT_EQ(0, poller_add(&p2, master, EPOLLIN));
	close(master);
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, copy));
	ASSERT_EQ(0, put(slave));
	EXPECT_EQ(EPOLLIN, poller_next(&p2, master));
	ASSERT_EQ(0, get(copy));

	close(copy);
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(0, poller_count(&p2));
	EXPECT_EQ(POLLHUP, await(slave, POLLHUP) & POLLHUP);
	close(slave);
	close(p2.fd);
}

/* A thread that waits again and again, without sleeping, until it is stopped. */
struct scanner {
	const struct poller *p;
	atomic_bool stop;
};

static void *scan(void *arg)
{
	struct scanner *s = arg;
	struct epoll_event events[64];

	while (!s->stop)
		if (poller_wait(s->p, events, ARRAY_SIZE(events), NOT_AT_ALL) < 0)
			return "wait failed";
	return NULL;
}

/*
 *	P ---> master, under many numbers, which are all closed during a scan
 */
TEST_F(poller, closed_copies_stay_closed)
{
	enum { COPIES = 400, ROUNDS = 5 };
	int copies[COPIES], master, slave, round, i;
	struct scanner scanner = { .p = &self->p };
	pthread_t thread;
	void *failure;

	ASSERT_EQ(0, pthread_create(&thread, NULL, scan, &scanner));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, open_raw_pty(&master, &slave));
		for (i = 0; i < COPIES; i++) {
			copies[i] = dup(master);
			ASSERT_LE(0, copies[i]);
			ASSERT_EQ(0, poller_add(&self->p, copies[i], EPOLLIN));
		}
		ASSERT_EQ(0, put(slave));
		close(master);
		for (i = 0; i < COPIES; i++)
			close(copies[i]);
		/* The terminal is released, however many items it had. */
		EXPECT_EQ(POLLHUP, await(slave, POLLHUP) & POLLHUP);
		EXPECT_EQ(0, poller_count(&self->p));
		close(slave);
	}
	scanner.stop = true;
	ASSERT_EQ(0, pthread_join(thread, &failure));
	EXPECT_TRUE(!failure);
	EXPECT_EQ(0, poller_count(&self->p));
}

/* A scanner that also counts the reports by waits that begin after the close. */
struct watcher {
	struct poller p;
	atomic_bool *closed, *stop;
	atomic_long waits, ghosts;
	pthread_t thread;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct epoll_event event;

	while (!*w->stop) {
		bool closed = *w->closed;
		int n = poller_wait(&w->p, &event, 1, NOT_AT_ALL);

		if (n < 0)
			return "wait failed";
		if (closed)
			w->ghosts += n;
		w->waits++;
	}
	return NULL;
}

/*
 *	4 waiters that never sleep ---> P, or one P each ---> master <===> slave
 *
 * The master is ready, so all waiters are polling it again and again when it is closed.
 * None of them counts another one's poll as a user of the file. With epoll they do, if
 * each has its own instance: while one of them polls, the file is open, and another one
 * reports it. The test prints how often.
 */
TEST_F(poller, closed_master_is_not_held_by_who_looks)
{
	enum { WATCHERS = 4, ROUNDS = 10 };
	struct watcher w[WATCHERS] = {};
	atomic_bool closed, stop;
	int master, slave, round, i;
	long waits, ghosts = 0;
	void *failure;

	for (round = 0; round < 2 * ROUNDS; round++) {
		closed = false;
		stop = false;
		ASSERT_EQ(0, open_raw_pty(&master, &slave));
		for (i = 0; i < WATCHERS; i++) {
			w[i] = (struct watcher) {
				.p = self->p, .closed = &closed, .stop = &stop,
			};
			if (round % 2) {
				ASSERT_EQ(0, poller_open(&w[i].p, variant->ops));
			}
			if (round % 2 || !i) {
				ASSERT_EQ(0, poller_add(&w[i].p, master, EPOLLIN));
			}
		}
		ASSERT_EQ(0, put(slave));
		for (i = 0; i < WATCHERS; i++) {
			ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, watch,
						    &w[i]));
		}
		for (i = 0; i < WATCHERS; i++)
			for (waits = w[i].waits; w[i].waits < waits + 100;)
				sched_yield();
		close(master);
		closed = true;
		EXPECT_EQ(POLLHUP, await(slave, POLLHUP) & POLLHUP);
		stop = true;
		for (i = 0; i < WATCHERS; i++) {
			ASSERT_EQ(0, pthread_join(w[i].thread, &failure));
			EXPECT_TRUE(!failure);
			ghosts += w[i].ghosts;
			if (round % 2)
				close(w[i].p.fd);
		}
		close(slave);
	}
	TH_LOG("%ld waits have reported the closed file", ghosts);
	if (variant->ops == &repoll_ops) {
		EXPECT_EQ(0, ghosts);
	}
}

/* Writes byte by byte, as long as a master accepts the bytes. */
struct typist {
	int slave;
	atomic_bool *stop;
	pthread_t thread;
};

static void *type(void *arg)
{
	struct typist *t = arg;
	int err = 0;

	while (!*t->stop && err != -EIO) {
		err = put(t->slave);
		if (err && err != -EAGAIN && err != -EIO)
			return "cannot write";
	}
	return NULL;
}

/*
 *	2 waiters that never sleep, 200 items each ---.
 *	900 items, which make each wake-up long ------- master <===> slave <--- written
 *
 * An item whose turn is over moves to the end of the master's wait queue, while wake-ups
 * go through the queue; and when all descriptors of the master are closed, a worker takes
 * one item after the other off the queue. No waiter counts another one's turn as a user
 * of the file: with repoll, no wait that begins after the last close reports it.
 */
TEST_F_TIMEOUT(poller, closed_master_is_nobodys_turn, 600)
{
	enum { WATCHERS = 2, TURNS = 200, CROWD = 900, ROUNDS = 20 };
	struct watcher w[WATCHERS] = {};
	int copies[CROWD], master, slave, round, i, j;
	long waits, ghosts = 0;
	atomic_bool closed, stop;
	struct poller crowd;
	struct typist typist;
	void *failure;

	for (round = 0; round < ROUNDS; round++) {
		closed = false;
		stop = false;
		ASSERT_EQ(0, open_raw_pty(&master, &slave));
		ASSERT_EQ(0, poller_open(&crowd, variant->ops));
		for (i = 0; i < CROWD; i++) {
			copies[i] = dup(master);
			ASSERT_LE(0, copies[i]);
			ASSERT_EQ(0, poller_add(&crowd, copies[i],
						EPOLLIN | EPOLLET));
		}
		for (i = 0; i < WATCHERS; i++) {
			w[i] = (struct watcher) {
				.closed = &closed, .stop = &stop,
			};
			ASSERT_EQ(0, poller_open(&w[i].p, variant->ops));
			for (j = 0; j < TURNS; j++) {
				ASSERT_EQ(0, poller_add_in_turn(&w[i].p, copies[j]));
			}
		}
		ASSERT_EQ(0, put(slave));
		typist = (struct typist) { .slave = slave, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&typist.thread, NULL, type,
					    &typist));
		for (i = 0; i < WATCHERS; i++) {
			ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, watch,
						    &w[i]));
		}
		for (i = 0; i < WATCHERS; i++)
			for (waits = w[i].waits; w[i].waits < waits + 100;)
				sched_yield();
		for (i = 0; i < CROWD; i++)
			close(copies[i]);
		close(master);
		closed = true;
		EXPECT_EQ(POLLHUP, await(slave, POLLHUP) & POLLHUP);
		stop = true;
		ASSERT_EQ(0, pthread_join(typist.thread, &failure));
		EXPECT_TRUE(!failure);
		for (i = 0; i < WATCHERS; i++) {
			ASSERT_EQ(0, pthread_join(w[i].thread, &failure));
			EXPECT_TRUE(!failure);
			ghosts += w[i].ghosts;
			EXPECT_EQ(0, poller_count(&w[i].p));
			close(w[i].p.fd);
		}
		EXPECT_EQ(0, poller_count(&crowd));
		close(crowd.fd);
		close(slave);
	}
	TH_LOG("%ld waits have reported the closed file", ghosts);
	if (variant->ops == &repoll_ops) {
		EXPECT_EQ(0, ghosts);
	}
}

/*
 *	P ---> /dev/tty of a new session ---> slave <===> master
 */
TEST_F(poller, controlling_terminal)
{
	int master, slave, status;
	pid_t pid;

	ASSERT_EQ(0, open_raw_pty(&master, &slave));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int tty;

		if (login_tty(slave))
			_exit(1);
		tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (tty < 0 || poller_add(&self->p, tty, EPOLLIN))
			_exit(2);
		if (poller_count(&self->p))
			_exit(3);
		/* Only this process can check when the terminal is ready for the byte. */
		if (put(tty) || poller_next(&self->p, tty) != EPOLLIN)
			_exit(4);
		_exit(0);
	}
	close(slave);
	EXPECT_EQ(POLLIN, await(master, POLLIN) & POLLIN);
	EXPECT_EQ(0, put(master));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, poller_count(&self->p));
	close(master);
}

TEST_HARNESS_MAIN
