// SPDX-License-Identifier: GPL-2.0
/*
 * Many items watch a file, and all but one belong to another user. Deleted items do not
 * affect the path of that one item's wake-ups.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fixture.h"
#include "pair.h"
#include "sleeper.h"
#include "user.h"
#include "waiter.h"

#define CROWD 100
#define ROUNDS 200

/* Creates an instance of another user, who may not open the node. */
static int open_by_node(struct poller *p, int node)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };

	if (p->ops == &native_ops)
		return poller_open(p, &native_ops);
	p->fd = ioctl(node, REPOLL_CREATE, &create);
	return p->fd < 0 ? -errno : 0;
}

/* Watches the file many times, until the write end is closed. */
static int be_a_crowd(struct poller *p, int node, int fd, int ready, int end)
{
	int i;

	if (become(NOBODY, false) || open_by_node(p, node))
		return 1;
	for (i = 0; i < CROWD; i++)
		if (poller_add(p, dup(fd), EPOLLIN))
			return 2;
	return put(ready) || get(end) ? 3 : 0;
}

/*
 *	nobody's P ---> 100 copies ---. (gone by now)
 *	sleeper ---> outer ---> inner ---> socket <=== written
 *
 * The writer itself wakes the sleeper, so that the sleeper is awake when write() returns.
 */
TEST_F(poller, wake_ups_are_direct_after_a_crowd)
{
	int node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	int sv[2], ready[2], end[2], status, round, woken = 0;
	struct poller crowd = { .ops = variant->ops }, inner;
	struct sleeper sleeper;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become another user");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(end, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(be_a_crowd(&crowd, node, sv[0], ready[1], end[0]));
	ASSERT_EQ(0, get(ready[0]));
	ASSERT_EQ(0, poller_open(&inner, variant->ops));
	ASSERT_EQ(0, poller_add(&inner, sv[0], EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, inner.fd, EPOLLIN));
	ASSERT_EQ(0, put(end[1]));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, sleeper_start(&sleeper, self->p.fd));
		ASSERT_EQ(0, put(sv[1]));
		woken += !sleeper_sleeps(&sleeper);
		ASSERT_EQ(1, sleeper_join(&sleeper));
		ASSERT_EQ(0, get(sv[0]));
		ASSERT_EQ(0, poller_count(&self->p));
	}
	EXPECT_EQ(ROUNDS, woken);
	close(inner.fd);
	close(node);
}

TEST_HARNESS_MAIN
