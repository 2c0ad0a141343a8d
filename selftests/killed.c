// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed during a long operation: they end soon, and nothing of theirs
 * is left.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "require.h"
#include "slab.h"
#include "waiter.h"

/* Enough items to keep a call busy for a while. */
#define ITEMS 4000

#define ROUNDS 5

/* The data that a process shares with its killer. */
struct common {
	/* Incremented right before the operation. */
	unsigned int *begun;
	struct poller p, outer;
	int efd;
};

FIXTURE(killed) {
	struct common common;
	long before;
};

FIXTURE_SETUP(killed) {
	struct rlimit files = { ITEMS + 64, ITEMS + 64 };
	struct common *common = &self->common;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (setrlimit(RLIMIT_NOFILE, &files))
		SKIP(return, "not enough descriptors");
	self->before = slab_count();
	if (self->before < 0)
		SKIP(return, "repoll's slab caches cannot be counted");
	common->begun = mmap(NULL, sizeof(*common->begun),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, common->begun);
	ASSERT_EQ(0, poller_open(&common->p, &repoll_ops));
	common->efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&common->p, common->efd, EPOLLIN));
}

/* The shared instance still works, and contains nothing of the killed processes. */
FIXTURE_TEARDOWN(killed) {
	struct common *common = &self->common;

	EXPECT_EQ(1, poller_count(&common->p));
	EXPECT_EQ(EPOLLIN, poller_now(&common->p, common->efd));
	close(common->p.fd);
	close(common->efd);
	EXPECT_EQ(self->before, slab_falls_to(self->before));
}

/* An instance that watches one file under many numbers. */
struct set {
	struct poller p;
	int fds[ITEMS];
};

static void fill(struct set *set, int efd)
{
	int i;

	if (poller_open(&set->p, &repoll_ops))
		_exit(1);
	for (i = 0; i < ITEMS; i++) {
		set->fds[i] = dup(efd);
		if (poller_add(&set->p, set->fds[i], EPOLLIN))
			_exit(2);
	}
}

static void begin(struct common *common)
{
	__atomic_fetch_add(common->begun, 1, __ATOMIC_RELEASE);
}

static void add_again_and_again(struct common *common, struct set *set)
{
	int i;

	for (;;) {
		begin(common);
		fill(set, common->efd);
		close(set->p.fd);
		for (i = 0; i < ITEMS; i++)
			close(set->fds[i]);
	}
}

static void close_full_set(struct common *common, struct set *set)
{
	fill(set, common->efd);
	begin(common);
	close(set->p.fd);
	pause();
}

static void fetch_all(struct common *common, struct set *set)
{
	static struct epoll_event events[ITEMS];

	fill(set, common->efd);
	begin(common);
	while (poller_wait(&set->p, events, ITEMS, FOR_EVER) == ITEMS)
		;
	_exit(3);
}

static void wait_in_vain(struct common *common, struct set *set)
{
	struct epoll_event event;

	fill(set, eventfd(0, 0));
	begin(common);
	poller_wait(&set->p, &event, 1, FOR_EVER);
	_exit(3);
}

/*
 * Starts a process that does the operation, and that also has an item in the shared
 * instance; kills it a while after the operation has begun; and waits for its end.
 */
static const char *kill_in(struct common *common,
			   void (*act)(struct common *, struct set *),
			   int64_t delay)
{
	static struct set set;
	unsigned int begun = *common->begun;
	int64_t until;
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return "cannot fork";
	if (!pid) {
		if (!poller_add(&common->p, eventfd(1, 0), EPOLLIN))
			act(common, &set);
		_exit(4);
	}
	until = now_ns() + 6 * SOON;
	while (__atomic_load_n(common->begun, __ATOMIC_ACQUIRE) == begun &&
	       now_ns() < until)
		sched_yield();
	until = now_ns() + delay;
	while (now_ns() < until)
		;
	if (kill(pid, SIGKILL))
		return "it cannot be killed";
	until = now_ns() + SOON;
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return "it has ended too early";
	return now_ns() < until ? NULL : "its end takes too long";
}

/*
 *	SIGKILL ---> process: ADD, ADD, ADD ... ---> P
 */
TEST_F_TIMEOUT(killed, while_it_adds, 300)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(NULL, kill_in(&self->common, add_again_and_again,
					round * NSEC_PER_MSEC * 10));
	}
}

/*
 *	SIGKILL ---> process: WAIT for 4000 events, again and again ---> P
 */
TEST_F_TIMEOUT(killed, while_it_fetches_events, 300)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(NULL, kill_in(&self->common, fetch_all,
					round * NSEC_PER_MSEC));
	}
}

/*
 *	SIGKILL ---> process: sleeps in WAIT ---> P with 4000 items
 */
TEST_F_TIMEOUT(killed, while_it_waits, 300)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(NULL, kill_in(&self->common, wait_in_vain,
					round * NSEC_PER_MSEC));
	}
}

/*
 *	SIGKILL ---> process: close(P with 4000 items)
 */
TEST_F_TIMEOUT(killed, while_it_closes, 300)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(NULL, kill_in(&self->common, close_full_set,
					round * NSEC_PER_MSEC / 2));
	}
}

static void wait_outside(struct common *common, struct set *set)
{
	struct epoll_event event;

	(void)set;
	begin(common);
	for (;;)
		poller_wait(&common->outer, &event, 1, FOR_EVER);
}

/* Makes all files of the set ready, in turn, but only the last one stays ready. */
static bool fire(struct set *set)
{
	eventfd_t value;
	int i;

	for (i = 0; i < ITEMS; i++)
		if (eventfd_write(set->fds[i], 1) ||
		    (i < ITEMS - 1 && eventfd_read(set->fds[i], &value)))
			return false;
	return true;
}

/*
 *	SIGKILL ---> process: WAIT ---> outer ---> P with 4000 items, most of them no longer ready
 *
 * A process that is being killed does not check all of them. It takes no event with it,
 * so that in every other round, the next waiter receives the event. In the other rounds
 * there is no event, and the item is one-shot: if the end of the check were mistaken for
 * an event, it would disarm the item, and later events would not be reported.
 */
TEST_F_TIMEOUT(killed, while_it_looks_inside, 300)
{
	struct common *common = &self->common;
	struct poller *outer = &common->outer;
	struct epoll_event event;
	static struct set set;
	eventfd_t value;
	uint32_t mode;
	int round, i;

	ASSERT_EQ(0, poller_open(&set.p, &repoll_ops));
	ASSERT_EQ(0, poller_open(outer, &repoll_ops));
	ASSERT_EQ(0, poller_add(outer, set.p.fd, 0));
	for (i = 0; i < ITEMS; i++) {
		set.fds[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add(&set.p, set.fds[i], EPOLLIN));
	}
	for (round = 0; round < 4 * ROUNDS; round++) {
		mode = round % 2 ? EPOLLIN | EPOLLONESHOT : EPOLLIN;
		ASSERT_EQ(0, poller_mod(outer, set.p.fd, mode));
		ASSERT_TRUE(fire(&set));
		if (mode & EPOLLONESHOT) {
			ASSERT_EQ(0, eventfd_read(set.fds[ITEMS - 1], &value));
		}
		EXPECT_EQ(NULL, kill_in(common, wait_outside,
					round * NSEC_PER_MSEC / 4));
		if (mode & EPOLLONESHOT) {
			ASSERT_EQ(0, eventfd_write(set.fds[ITEMS - 1], 1));
		}
		ASSERT_EQ(1, poller_wait(outer, &event, 1, SOON));
		ASSERT_EQ(0, eventfd_read(set.fds[ITEMS - 1], &value));
		ASSERT_EQ(0, poller_count(&set.p));
	}
	close(outer->fd);
	close(set.p.fd);
}

TEST_HARNESS_MAIN
