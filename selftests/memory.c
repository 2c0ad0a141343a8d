// SPDX-License-Identifier: GPL-2.0
/*
 * What items that nobody deleted leave behind: nothing.
 *
 * The counts are those of repoll's slab caches. Without slab debugging, the
 * kernel caches some free objects for each processor and counts them as used,
 * so SLACK objects may remain; a leak would leave thousands.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pair.h"
#include "require.h"
#include "slab.h"
#include "waiter.h"

#define SLACK 512

FIXTURE(memory) {
	struct poller p;
	long before;
};

FIXTURE_SETUP(memory) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	self->before = slab_count();
	if (self->before == -EACCES)
		SKIP(return, "only root may read /proc/slabinfo");
	if (self->before == -ENOENT)
		SKIP(return, "repoll's slab caches are merged with others");
	ASSERT_LE(0, self->before);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
}

FIXTURE_TEARDOWN(memory) {
	close(self->p.fd);
}

/* Waits until an event with user data 0 stops it. */
static void *wait_for_the_end(void *arg)
{
	struct poller *p = arg;
	struct epoll_event events[8];
	int i, n;

	for (;;) {
		n = poller_wait(p, events, ARRAY_SIZE(events), FOR_EVER);
		if (n < 0)
			return "wait failed";
		for (i = 0; i < n; i++)
			if (!events[i].data.u64)
				return NULL;
	}
}

/* One connection. Both ends are added, and closed but not deleted. */
static const char *connect_add_close(const struct poller *p, int listener,
				     const struct sockaddr_in *addr, int i)
{
	/* Otherwise all ports would stay in TIME_WAIT for a minute. */
	struct linger at_once = { .l_onoff = 1 };
	int client, server;

	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 ||
	    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once,
		       sizeof(at_once)) ||
	    connect(client, (const struct sockaddr *)addr, sizeof(*addr)))
		return "connect failed";
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0)
		return "accept failed";
	/* EEXIST would mean that an item of a closed socket still exists. */
	if (poller_add_data(p, server, EPOLLIN | EPOLLET, i) ||
	    poller_add_data(p, client, EPOLLIN | EPOLLOUT | EPOLLONESHOT, i))
		return "add failed";
	if (put(client))
		return "write failed";
	close(i % 2 ? client : server);
	close(i % 2 ? server : client);
	return NULL;
}

#define CYCLES 10000
#define THREADS 2

static void *connect_and_close(void *arg)
{
	struct sockaddr_in addr;
	const char *failure;
	int listener, i;

	listener = tcp_listen(&addr, 8);
	if (listener < 0)
		return "listen failed";
	for (i = 1; i <= CYCLES / THREADS; i++) {
		failure = connect_add_close(arg, listener, &addr, i);
		if (failure)
			return (void *)failure;
	}
	close(listener);
	return NULL;
}

/*
 *	2 threads: 5,000 times: connect, ADD, send, close ---> P
 *	2 waiters: wait, wait, wait --------------------------'
 */
TEST_F_TIMEOUT(memory, ten_thousand_connections, 1200)
{
	pthread_t waiters[THREADS], workers[THREADS];
	void *failure;
	int stop, i;

	stop = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add_data(&self->p, stop, EPOLLIN, 0));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_create(&waiters[i], NULL, wait_for_the_end,
					    &self->p));
		ASSERT_EQ(0, pthread_create(&workers[i], NULL,
					    connect_and_close, &self->p));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i], &failure));
		EXPECT_TRUE(!failure)
			TH_LOG("%s", (const char *)failure);
	}
	ASSERT_EQ(0, eventfd_write(stop, 1));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(waiters[i], &failure));
		EXPECT_TRUE(!failure);
	}
	/* Of all files that were added, only the eventfd is left. */
	EXPECT_EQ(1, poller_count(&self->p));
	close(stop);
	EXPECT_GE(self->before + SLACK, slab_falls_to(self->before));
}

/*
 *	eventfd, ADD, close ---> P	REPOLL_CYCLES times (20,000)
 */
TEST_F_TIMEOUT(memory, open_add_close, 1200)
{
	const char *wish = getenv("REPOLL_CYCLES");
	long cycles = wish ? atol(wish) : 20000, i;
	int efd;

	ASSERT_LT(0, cycles);
	for (i = 0; i < cycles; i++) {
		efd = eventfd(1, EFD_CLOEXEC);
		ASSERT_LE(0, efd);
		ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
		ASSERT_EQ(0, close(efd));
	}
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_GE(self->before + SLACK, slab_falls_to(self->before));
}

/*
 *	P' (created, filled, closed)	the files stay open
 */
TEST_F(memory, instances_come_and_go)
{
	enum { ROUNDS = 200, ITEMS = 40 };
	int fds[ITEMS], round, i;
	struct poller p;

	for (i = 0; i < ITEMS; i += 2) {
		ASSERT_EQ(0, pipe2(&fds[i], O_CLOEXEC));
	}
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, poller_open(&p, &repoll_ops));
		for (i = 0; i < ITEMS; i++) {
			ASSERT_EQ(0, poller_add(&p, fds[i],
						EPOLLIN | EPOLLOUT));
		}
		ASSERT_EQ(ITEMS / 2, poller_count(&p));
		close(p.fd);
	}
	EXPECT_GE(self->before + SLACK, slab_falls_to(self->before));
}

/*
 *	a process with instances, items and waiters is killed
 */
TEST_F(memory, killed_process_leaves_nothing)
{
	enum { ROUNDS = 20, ITEMS = 200 };
	int round, i, status;
	pid_t pid;

	for (round = 0; round < ROUNDS; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct epoll_event event;

			for (i = 0; i < ITEMS; i++)
				if (poller_add(&self->p,
					       eventfd(0, EFD_CLOEXEC),
					       EPOLLIN))
					_exit(1);
			poller_wait(&self->p, &event, 1, FOR_EVER);
			_exit(2);
		}
		ASSERT_TRUE(falls_asleep(pid, &repoll_ops));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_GE(self->before + SLACK, slab_falls_to(self->before));
}

TEST_HARNESS_MAIN
