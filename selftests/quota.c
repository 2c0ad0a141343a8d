// SPDX-License-Identifier: GPL-2.0
/*
 * How many items a user may have.
 *
 * These tests are for repoll only: the limit of native epoll is the whole
 * machine's, and lowering it would disturb everybody else's programs.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "pair.h"
#include "require.h"
#include "sysfile.h"
#include "waiter.h"

#define LIMIT 20
#define NOBODY 65534

static long read_limit(void)
{
	long limit = -1;
	FILE *file = fopen(repoll_ops.max_user_watches, "re");

	if (!file)
		return -errno;
	if (fscanf(file, "%ld", &limit) != 1)
		limit = -EPROTO;
	fclose(file);
	return limit;
}

static int set_limit(long limit)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld\n", limit);
	return sysfile_write(repoll_ops.max_user_watches, text);
}

/* Adds copies of @fd until it cannot; returns how many, and why not more. */
static int add_copies(const struct poller *p, int fd, int *err)
{
	int n = 0, copy;

	for (;;) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			*err = -errno;
		else
			*err = poller_add(p, copy, EPOLLIN);
		if (*err) {
			close(copy);
			return n;
		}
		n++;
	}
}

FIXTURE(quota) {
	struct poller p;
	int efd;
	long limit;
};

FIXTURE_SETUP(quota) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid())
		SKIP(return, "only root may change the limit");
	self->limit = read_limit();
	ASSERT_LT(0, self->limit);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, self->efd);
	ASSERT_EQ(0, set_limit(LIMIT));
}

FIXTURE_TEARDOWN(quota) {
	EXPECT_EQ(0, set_limit(self->limit));
}

/*
 *	P ---> 20 items, and not one more
 */
TEST_F(quota, limit_is_enforced)
{
	int err;

	EXPECT_EQ(LIMIT, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
	/* The items there are work on. */
	EXPECT_EQ(LIMIT, poller_count(&self->p));
}

/*
 *	P ---> 20 items; DEL makes room for one, close() for one
 */
TEST_F(quota, room_is_given_back)
{
	int other = eventfd(1, EFD_CLOEXEC), third = dup(self->efd), err;

	ASSERT_LE(0, third);
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	EXPECT_EQ(LIMIT - 2, add_copies(&self->p, self->efd, &err));
	ASSERT_EQ(-ENOSPC, err);

	ASSERT_EQ(0, poller_del(&self->p, self->efd));
	EXPECT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, third, EPOLLIN));

	/* The file is closed, and with it the item that nobody deleted. */
	close(other);
	other = eventfd(1, EFD_CLOEXEC);
	EXPECT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, third, EPOLLIN));
}

/*
 *	P, P' ---> 20 items together; P' is closed
 */
TEST_F(quota, instances_of_a_user_share_it)
{
	struct poller other;
	int err;

	ASSERT_EQ(0, poller_open(&other, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	EXPECT_EQ(LIMIT - 1, add_copies(&other, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_EQ(0, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
	close(other.fd);
	EXPECT_EQ(LIMIT - 1, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
}

/*
 *	P (root's, full)	P' (made by nobody): a quota of its own
 */
TEST_F(quota, users_do_not_share_it)
{
	int node, err, status;
	pid_t pid;

	EXPECT_EQ(LIMIT, add_copies(&self->p, self->efd, &err));
	node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct repoll_create args = {};
		struct poller p = { .ops = &repoll_ops };

		if (setuid(NOBODY))
			_exit(1);
		p.fd = ioctl(node, REPOLL_CREATE, &args);
		if (p.fd < 0)
			_exit(2);
		if (add_copies(&p, self->efd, &err) != LIMIT || err != -ENOSPC)
			_exit(3);
		/* Who made the instance pays, not who adds to it. */
		if (poller_add(&self->p, self->efd, EPOLLIN) != -ENOSPC)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(node);
}

/*
 *	full P: other errors go before ENOSPC
 */
TEST_F(quota, other_errors_go_first)
{
	int first = dup(self->efd), err;

	ASSERT_EQ(0, poller_add(&self->p, first, EPOLLIN));
	EXPECT_EQ(LIMIT - 1, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-EEXIST, poller_add(&self->p, first, EPOLLIN));
	EXPECT_EQ(-EBADF, poller_add(&self->p, -1, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_add(&self->p, self->p.fd, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_add(&self->p, self->efd,
				      EPOLLPRI | EPOLLEXCLUSIVE));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, self->efd, EPOLLIN));
	EXPECT_EQ(0, poller_mod(&self->p, first, EPOLLOUT));
	EXPECT_EQ(0, poller_del(&self->p, first));
}

/*
 *	text ---> max_user_watches
 */
TEST_F(quota, limit_is_a_number)
{
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(0, read_limit());
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, self->efd, EPOLLIN));
	EXPECT_EQ(-EINVAL, sysfile_write(repoll_ops.max_user_watches, "many\n"));
	/* Like epoll's, it may pass over a negative number without a word. */
	sysfile_write(repoll_ops.max_user_watches, "-1\n");
	EXPECT_EQ(0, read_limit());
	ASSERT_EQ(0, set_limit(1));
	EXPECT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
}

TEST_HARNESS_MAIN
