// SPDX-License-Identifier: GPL-2.0
/*
 * How many items a user may have.
 *
 * These tests are only for repoll: native epoll's limit is for the whole
 * machine, and lowering it would disturb other programs.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "missing_page.h"
#include "pair.h"
#include "require.h"
#include "sysfile.h"
#include "user.h"
#include "waiter.h"

#define LIMIT 20
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

/* Adds copies of @fd until that fails; returns how many, and the error. */
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
 *	P ---> 20 items, and no more
 */
TEST_F(quota, limit_is_enforced)
{
	int err;

	EXPECT_EQ(LIMIT, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
	/* The existing items work. */
	EXPECT_EQ(LIMIT, poller_count(&self->p));
}

/*
 *	P ---> 20 items; DEL makes room for one, and so does close()
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

	/*
	 * The file is closed, and its item, which nobody deleted, is removed.
	 */
	close(other);
	other = eventfd(1, EFD_CLOEXEC);
	EXPECT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, third, EPOLLIN));
}

/*
 *	waiter (stopped) <--- P ---> 20 items, of which a file is closed
 *
 * The holder of the mutex removes the item as soon as the delivery ends.
 */
TEST_F(quota, room_is_given_back_after_a_delivery)
{
	int closed = eventfd(0, EFD_CLOEXEC), third = dup(self->efd), err;
	struct poller other;
	struct missing_page missing;
	struct waiter w;

	ASSERT_LE(0, third);
	err = missing_page_make(&missing);
	if (err)
		SKIP(return, "userfaultfd: %s", strerror(-err));
	ASSERT_EQ(0, poller_open(&other, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->p, closed, EPOLLIN));
	EXPECT_EQ(LIMIT - 1, add_copies(&self->p, self->efd, &err));
	ASSERT_EQ(0, waiter_start_into(&w, &self->p, missing.addr));
	ASSERT_EQ(0, missing_page_await(&missing));
	close(closed);
	EXPECT_EQ(-ENOSPC, poller_add(&other, third, EPOLLIN));
	ASSERT_EQ(0, missing_page_provide(&missing));
	EXPECT_EQ(1, waiter_join(&w));
	EXPECT_EQ(0, poller_add(&other, third, EPOLLIN));
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
 *	P (root's, full)	P' (created by the user nobody): a separate quota
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
		/*
		 * The creator of the instance is charged, not the user who adds
		 * to it.
		 */
		if (poller_add(&self->p, self->efd, EPOLLIN) != -ENOSPC)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(node);
}

/*
 *	full P: other errors take precedence over ENOSPC
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
 *	ADD, refused for all kinds of reasons ---> P: no charge remains
 */
TEST_F(quota, what_is_refused_costs_nothing)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int copy, i, err;
	struct poller inner;

	ASSERT_EQ(0, poller_open(&inner, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->p, inner.fd, EPOLLIN));
	for (i = 0; i < 2 * LIMIT; i++) {
		ASSERT_EQ(-EEXIST, poller_add(&self->p, inner.fd, EPOLLIN));
		ASSERT_EQ(-ELOOP, poller_add(&inner, self->p.fd, EPOLLIN));
		ASSERT_EQ(-EINVAL, poller_add(&self->p, self->p.fd, EPOLLIN));
		ASSERT_EQ(-EPERM, poller_add(&self->p, file, EPOLLIN));
		ASSERT_EQ(-EBADF, poller_add(&self->p, -1, EPOLLIN));
		ASSERT_EQ(-EFAULT, repoll_ops.ctl(self->p.fd, EPOLL_CTL_ADD,
						  self->efd, NULL));
	}
	/* Too many paths are noticed after everything else is done. */
	ASSERT_EQ(0, set_limit(1000));
	ASSERT_EQ(0, poller_add(&inner, self->efd, EPOLLIN));
	EXPECT_EQ(499, add_copies(&self->p, inner.fd, &err));
	ASSERT_EQ(-EINVAL, err);
	copy = dup(inner.fd);
	for (i = 0; i < LIMIT; i++) {
		ASSERT_EQ(-EINVAL, poller_add(&self->p, copy, EPOLLIN));
	}
	ASSERT_EQ(0, set_limit(501 + LIMIT));
	EXPECT_EQ(LIMIT, add_copies(&self->p, self->efd, &err));
	EXPECT_EQ(-ENOSPC, err);
	close(copy);
	close(inner.fd);
	close(file);
}

/* A child's use of its quota. */
struct consumer {
	int node, efd;
	uid_t uid;
	bool enter;
};

/*
 * How many items this user may add from in there; or an error if that is
 * unknown.
 */
static int items_left(const struct consumer *c, struct poller *p)
{
	struct repoll_create args = {};
	int n, err;

	err = become(c->uid, c->enter);
	if (err)
		return err;
	p->ops = &repoll_ops;
	p->fd = ioctl(c->node, REPOLL_CREATE, &args);
	if (p->fd < 0)
		return -errno;
	n = add_copies(p, c->efd, &err);
	return err == -ENOSPC ? n : err;
}

/* The same in a child, which keeps the items until @release is closed. */
static int items_in_child(const struct consumer *c, const int release[2])
{
	int result[2], n = -EPROTO;
	struct poller p;

	if (pipe2(result, O_CLOEXEC))
		return -errno;
	if (!fork()) {
		close(release[1]);
		n = items_left(c, &p);
		if (write(result[1], &n, sizeof(n)) != sizeof(n))
			_exit(1);
		get(release[0]);
		_exit(0);
	}
	if (read(result[0], &n, sizeof(n)) != sizeof(n))
		n = -EPROTO;
	close(result[0]);
	close(result[1]);
	return n;
}

/*
 *	root, root in a namespace: one account
 *	nobody, nobody as root of a namespace: another
 *
 * The account is that of the user outside.
 */
TEST_F(quota, namespaces_make_no_new_users)
{
	struct consumer c = { .efd = self->efd, .enter = true };
	int release[2], n;

	c.node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, pipe2(release, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	n = items_in_child(&c, release);
	if (n == -EPERM || n == -ENOSPC || n == -EINVAL)
		SKIP(goto out, "no user namespace to be had");
	EXPECT_EQ(LIMIT - 1, n);

	c.uid = NOBODY;
	EXPECT_EQ(LIMIT, items_in_child(&c, release));
	EXPECT_EQ(0, items_in_child(&c, release));
	c.enter = false;
	EXPECT_EQ(0, items_in_child(&c, release));
	c.uid--;
	EXPECT_EQ(LIMIT, items_in_child(&c, release));
out:
	close(release[1]);
	while (wait(NULL) > 0)
		;
	/* The end of the children frees their items. */
	EXPECT_EQ(LIMIT - 1, add_copies(&self->p, dup(self->efd), &n));
	close(c.node);
}

/*
 *	a process creates P and becomes another user, forks, execs: P is root's
 */
TEST_F(quota, creator_goes_on_paying)
{
	struct poller own = { .ops = &repoll_ops };
	int node, err, status;
	pid_t pid;

	node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct repoll_create args = {};

		if (poller_open(&own, &repoll_ops) || setuid(NOBODY))
			_exit(1);
		if (add_copies(&own, self->efd, &err) != LIMIT - 1 ||
		    err != -ENOSPC)
			_exit(2);
		/* Root gets back the charge of items that nobody deletes. */
		if (poller_del(&self->p, self->efd) ||
		    add_copies(&own, self->efd, &err) != 1)
			_exit(3);
		own.fd = ioctl(node, REPOLL_CREATE, &args);
		_exit(add_copies(&own, self->efd, &err) == LIMIT ? 0 : 4);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(LIMIT, add_copies(&self->p, self->efd, &err));
	close(node);
}

/*
 *	256 instances, each 256 times ---> eventfd, and no more
 */
TEST_F_TIMEOUT(quota, file_is_watched_so_often, 1200)
{
	enum { SIDE = 256 };
	struct rlimit files = { 4 * SIDE, 4 * SIDE };
	int efd = eventfd(0, EFD_CLOEXEC), fds[SIDE], more, i, j;
	struct epoll_event events[SIDE + 3];
	struct poller many[SIDE];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, set_limit(SIDE * SIDE + 2));
	for (i = 0; i < SIDE; i++) {
		ASSERT_EQ(0, poller_open(&many[i], &repoll_ops));
		fds[i] = dup(efd);
	}
	more = dup(efd);
	for (i = 0; i < SIDE; i++) {
		for (j = 0; j < SIDE; j++) {
			ASSERT_EQ(0, poller_add(&many[i], fds[j], EPOLLIN));
		}
	}
	EXPECT_EQ(-ENOSPC, poller_add(&many[0], more, EPOLLIN));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, efd, EPOLLIN));
	/* Only this file has reached the limit, and a deletion makes room. */
	EXPECT_EQ(0, poller_add(&many[0], self->efd, EPOLLIN));
	EXPECT_EQ(0, poller_del(&many[SIDE - 1], fds[0]));
	EXPECT_EQ(0, poller_add(&many[0], more, EPOLLIN));
	EXPECT_EQ(-ENOSPC, poller_add(&self->p, efd, EPOLLIN));
	close(many[SIDE / 2].fd);
	EXPECT_EQ(0, poller_add(&self->p, efd, EPOLLIN));

	ASSERT_EQ(0, eventfd_write(efd, 1));
	for (i = 0; i < SIDE; i++) {
		if (i == SIDE / 2)
			continue;
		/*
		 * The last instance has lost an item, the first has two more.
		 */
		ASSERT_EQ(SIDE + 2 * (i == 0) - (i == SIDE - 1),
			  poller_wait(&many[i], events, ARRAY_SIZE(events),
				      NOT_AT_ALL));
	}
	close(efd);
	close(more);
	for (i = 0; i < SIDE; i++)
		close(fds[i]);
	EXPECT_EQ(0, poller_count(&self->p));
	for (i = 0; i < SIDE; i++)
		close(many[i].fd);
}

/* The size of objects in one of repoll's slab caches. */
static long size_in_slab(const char *cache)
{
	char path[64];
	long size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/object_size", cache);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fscanf(file, "%ld", &size) != 1)
		size = -EPROTO;
	fclose(file);
	return size;
}

/*
 *	a twenty-fifth of memory / the cost of an item, unless it was changed
 */
TEST_F(quota, default_is_a_share_of_memory)
{
	long item = size_in_slab("repoll_item");
	struct sysinfo info;

	if (item < 0)
		SKIP(return, "no access to slab caches");
	ASSERT_EQ(0, sysinfo(&info));
	EXPECT_EQ((uint64_t)(info.totalram - info.totalhigh) * info.mem_unit /
		  25 / item, self->limit);
}

/*
 *	the user nobody ---> max_user_watches: readable, not writable
 */
TEST_F(quota, limit_is_for_root_to_set)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setuid(NOBODY) || read_limit() != LIMIT)
			_exit(1);
		_exit(set_limit(LIMIT + 1) == -EACCES ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(LIMIT, read_limit());
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
	/*
	 * Like epoll's limit, this may ignore a negative number without an
	 * error.
	 */
	sysfile_write(repoll_ops.max_user_watches, "-1\n");
	EXPECT_EQ(0, read_limit());
	ASSERT_EQ(0, set_limit(1));
	EXPECT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
}

TEST_HARNESS_MAIN
