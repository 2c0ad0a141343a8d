// SPDX-License-Identifier: GPL-2.0
/*
 * An instance with a file that never answers a poll: a task that polls it there holds the
 * instance's mutex until then. This does not affect other users' instances, and tasks
 * that wait for this instance can be killed.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "calls.h"
#include "fuse.h"
#include "query.h"
#include "require.h"
#include "user.h"
#include "waiter.h"

/* How long the death of a process may take. */
#define PATIENCE (20 * NSEC_PER_SEC)

struct stage {
	struct fuse fuse;
	/* The file, and a copy of its descriptor, which is not added. */
	int file, copy;
	/* Watches the file, @efd, and @spare, which may be deleted. */
	struct poller p;
	int efd, spare;
	/*
	 * Instances that watch p. A task that waits for an epoll whose mutex is held
	 * cannot be killed.
	 */
	struct poller above, held_epoll, epoll;
	/* An independent instance. */
	struct poller aside;
	/* The control node, and p's number. */
	int node;
	uint64_t id;
};

/* Operations on p. Whether they succeed does not matter. */
static void wait_for_p(struct stage *s)
{
	struct epoll_event event;

	poller_wait(&s->p, &event, 1, FOR_EVER);
}

static void wait_above(struct stage *s)
{
	struct epoll_event event;

	poller_wait(&s->above, &event, 1, FOR_EVER);
}

static void wait_in_epoll(struct stage *s)
{
	struct epoll_event event;

	poller_wait(&s->epoll, &event, 1, FOR_EVER);
}

static void hold_epoll(struct stage *s)
{
	struct epoll_event event;

	poller_wait(&s->held_epoll, &event, 1, FOR_EVER);
}

static void add_file(struct stage *s)
{
	poller_add(&s->p, s->copy, EPOLLIN);
}

static void modify_file(struct stage *s)
{
	poller_mod(&s->p, s->file, EPOLLIN | EPOLLOUT);
}

static void add_other(struct stage *s)
{
	poller_add(&s->p, eventfd(0, 0), EPOLLIN);
}

static void modify_other(struct stage *s)
{
	poller_mod(&s->p, s->efd, EPOLLOUT);
}

static void delete_other(struct stage *s)
{
	poller_del(&s->p, s->spare);
}

static void change_many(struct stage *s)
{
	struct repoll_change change = {
		.op = EPOLL_CTL_MOD,
		.fd = s->efd,
		.events = EPOLLOUT,
	};
	struct repoll_batch batch = {
		.changes = (uintptr_t)&change,
		.count = 1,
	};

	call_with(s->p.fd, REPOLL_BATCH, &batch);
}

static void change_and_wait(struct stage *s)
{
	struct epoll_event event;
	struct repoll_change change = {
		.op = EPOLL_CTL_MOD,
		.fd = s->efd,
		.events = EPOLLOUT,
	};
	struct repoll_batch_wait both = {
		.batch = { .changes = (uintptr_t)&change, .count = 1 },
		.wait = {
			.events = (uintptr_t)&event,
			.maxevents = 1,
			.timeout_ns = FOR_EVER,
		},
	};

	call_with(s->p.fd, REPOLL_BATCH_WAIT, &both);
}

static void poll_p(struct stage *s)
{
	struct pollfd pfd = { .fd = s->p.fd, .events = POLLIN };

	poll(&pfd, 1, -1);
}

static void select_p(struct stage *s)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->p.fd, &set);
	select(s->p.fd + 1, &set, NULL, NULL, NULL);
}

static void add_to(const struct poller_ops *ops, int fd)
{
	struct poller outer;

	if (!poller_open(&outer, ops))
		poller_add(&outer, fd, EPOLLIN);
}

static void add_to_epoll(struct stage *s)
{
	add_to(&native_ops, s->p.fd);
}

static void add_to_instance(struct stage *s)
{
	add_to(&repoll_ops, s->p.fd);
}

static void add_two_above(struct stage *s)
{
	add_to(&repoll_ops, s->above.fd);
}

static void add_instance(struct stage *s)
{
	poller_add(&s->p, s->aside.fd, EPOLLIN);
}

static void add_epoll(struct stage *s)
{
	poller_add(&s->p, native_ops.create(true), EPOLLIN);
}

static void read_fdinfo(struct stage *s)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->p.fd);
	sysfile_read(path, text, sizeof(text));
}

static void list_items(struct stage *s)
{
	struct repoll_item items[4];

	query_items(s->node, 0, s->id, items, ARRAY_SIZE(items));
}

struct act {
	char name[32];
	void (*act)(struct stage *s);
};

static const struct act acts[] = {
	{ "wait", wait_for_p },
	{ "wait on an instance above", wait_above },
	{ "wait on an epoll above", wait_in_epoll },
	{ "ADD", add_other },
	{ "MOD", modify_other },
	{ "DEL", delete_other },
	{ "batch", change_many },
	{ "batch and wait", change_and_wait },
	{ "poll", poll_p },
	{ "select", select_p },
	{ "ADD to an epoll", add_to_epoll },
	{ "ADD to an instance", add_to_instance },
	{ "ADD above another instance", add_two_above },
	{ "ADD of an instance", add_instance },
	{ "ADD of an epoll", add_epoll },
	{ "fdinfo", read_fdinfo },
	{ "items", list_items },
};

/* Forks a process that ends with this one and does not run the server. */
static pid_t fork_from(const struct stage *s)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fuse_leave(&s->fuse);
	}
	return pid;
}

static pid_t start(struct stage *s, void (*act)(struct stage *s))
{
	pid_t pid = fork_from(s);

	if (!pid) {
		act(s);
		_exit(0);
	}
	return pid;
}

/* How the process ends, if it does so before the deadline; or -ETIMEDOUT. */
static int end_of(pid_t pid, int64_t deadline)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		sched_yield();
	}
	return status;
}

/* Uses a separate instance in all ways: 0, or the step that failed. */
static int use_ones_own(struct stage *s)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
	struct poller p = { .ops = &repoll_ops }, inner = p, epoll;
	struct repoll_info info, found;
	struct repoll_item items[4];
	char path[64], text[4096];
	int efd = eventfd(1, EFD_CLOEXEC);
	struct repoll_change change = {
		.op = EPOLL_CTL_ADD,
		.fd = efd,
		.events = EPOLLIN,
	};
	struct repoll_batch batch = {
		.changes = (uintptr_t)&change,
		.count = 1,
	};

	p.fd = ioctl(s->node, REPOLL_CREATE, &create);
	inner.fd = ioctl(s->node, REPOLL_CREATE, &create);
	if (poller_open(&epoll, &native_ops))
		return 1;
	if (call_with(p.fd, REPOLL_BATCH, &batch) != 1 || batch.failed ||
	    poller_del(&p, efd) || poller_add(&p, efd, EPOLLIN) ||
	    poller_mod(&p, efd, EPOLLIN | EPOLLOUT) ||
	    poller_count(&p) != 1)
		return 2;
	/* The topology, which all instances share. */
	if (poller_add(&inner, efd, EPOLLIN) ||
	    poller_add(&p, inner.fd, EPOLLIN) ||
	    poller_add(&p, epoll.fd, EPOLLIN) ||
	    poller_add(&epoll, inner.fd, EPOLLIN) ||
	    poller_count(&p) != 3 || poller_count(&epoll) != 1 ||
	    poller_del(&p, inner.fd))
		return 3;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p.fd);
	if (sysfile_read(path, text, sizeof(text)) < 0 ||
	    query_info(p.fd, &info) ||
	    query_find(s->node, 0, info.id, &found) ||
	    query_items(s->node, 0, info.id, items, ARRAY_SIZE(items)) != 2)
		return 4;
	close(efd);
	if (poller_count(&p))
		return 5;
	close(epoll.fd);
	close(inner.fd);
	close(p.fd);
	return 0;
}

FIXTURE(stuck) {
	struct stage stage;
	pid_t holder;
};

/* The operations on the file that does not answer. */
FIXTURE_VARIANT(stuck) {
	void (*act)(struct stage *s);
};

FIXTURE_VARIANT_ADD(stuck, wait) {
	.act = wait_for_p,
};

FIXTURE_VARIANT_ADD(stuck, wait_of_one_above) {
	.act = wait_above,
};

FIXTURE_VARIANT_ADD(stuck, wait_of_an_epoll_above) {
	.act = hold_epoll,
};

FIXTURE_VARIANT_ADD(stuck, add) {
	.act = add_file,
};

FIXTURE_VARIANT_ADD(stuck, modify) {
	.act = modify_file,
};

FIXTURE_VARIANT_ADD(stuck, poll) {
	.act = poll_p,
};

FIXTURE_VARIANT_ADD(stuck, select) {
	.act = select_p,
};

FIXTURE_VARIANT_ADD(stuck, add_to_epoll) {
	.act = add_to_epoll,
};

FIXTURE_VARIANT_ADD(stuck, add_to_instance) {
	.act = add_to_instance,
};

FIXTURE_SETUP(stuck) {
	struct stage *s = &self->stage;
	struct repoll_info info;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid() || fuse_start(&s->fuse, NULL))
		SKIP(return, "only root may mount a FUSE");
	s->node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, s->node);
	ASSERT_EQ(0, poller_open(&s->p, &repoll_ops));
	ASSERT_EQ(0, poller_open(&s->above, &repoll_ops));
	ASSERT_EQ(0, poller_open(&s->aside, &repoll_ops));
	ASSERT_EQ(0, poller_open(&s->epoll, &native_ops));
	ASSERT_EQ(0, poller_open(&s->held_epoll, &native_ops));
	ASSERT_EQ(0, query_info(s->p.fd, &info));
	s->id = info.id;
	/* The file is ready, so it will be polled. */
	fuse_set_events(&s->fuse, POLLIN);
	s->file = fuse_open(&s->fuse, FUSE_FILE);
	ASSERT_LE(0, s->file);
	s->copy = dup(s->file);
	ASSERT_EQ(0, poller_add(&s->p, s->file, EPOLLIN));
	s->efd = eventfd(0, EFD_CLOEXEC);
	s->spare = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&s->p, s->efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&s->p, s->spare, EPOLLIN));
	ASSERT_EQ(0, poller_add(&s->above, s->p.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&s->epoll, s->p.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&s->held_epoll, s->p.fd, EPOLLIN));
	fuse_hold_polls(&s->fuse);
	self->holder = start(s, variant->act);
	ASSERT_LE(0, self->holder);
	ASSERT_EQ(0, fuse_await_polls(&s->fuse, 1));
}

/* When the server has ended, nothing blocks any more. */
FIXTURE_TEARDOWN(stuck) {
	struct stage *s = &self->stage;

	kill(self->holder, SIGKILL);
	fuse_end(&s->fuse);
	EXPECT_LE(0, end_of(self->holder, now_ns() + SOON));
	EXPECT_EQ(0, poller_mod(&s->p, s->efd, EPOLLIN));
	close(s->file);
	close(s->copy);
	close(s->efd);
	close(s->spare);
	close(s->held_epoll.fd);
	close(s->epoll.fd);
	close(s->above.fd);
	close(s->aside.fd);
	close(s->p.fd);
	close(s->node);
}

/*
 *	holder ---> P ---> file that does not answer
 *	stranger ---> Q, with all operations
 */
TEST_F(stuck, strangers_get_through)
{
	struct stage *s = &self->stage;
	pid_t pid = fork_from(s);

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(become(NOBODY, false) ? 99 : use_ones_own(s));
	EXPECT_EQ(0, end_of(pid, now_ns() + SOON));
	kill(pid, SIGKILL);
	EXPECT_EQ(0, fuse_await_polls(&s->fuse, 1));
}

/*
 *	holder ---> P ---> file that does not answer
 *	SIGKILL ---> processes that wait for P, each in another call
 */
TEST_F(stuck, who_waits_for_it_can_be_killed)
{
	struct stage *s = &self->stage;
	pid_t pids[ARRAY_SIZE(acts)];
	int64_t deadline;
	int i;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		pids[i] = start(s, acts[i].act);
		ASSERT_LE(0, pids[i]);
	}
	deadline = now_ns() + SOON;
	for (i = 0; i < ARRAY_SIZE(acts); i++)
		while (!is_at_rest(pids[i]) && now_ns() < deadline)
			sched_yield();
	for (i = 0; i < ARRAY_SIZE(acts); i++)
		EXPECT_EQ(0, kill(pids[i], SIGKILL));
	deadline = now_ns() + PATIENCE;
	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		EXPECT_LE(0, end_of(pids[i], deadline))
			TH_LOG("%s", acts[i].name);
	}
	/* The file does not answer yet. */
	EXPECT_EQ(0, fuse_await_polls(&s->fuse, 1));
}

TEST_HARNESS_MAIN
