// SPDX-License-Identifier: GPL-2.0
/*
 * Every operation in a call that can fail does fail once: the first allocation or access
 * to user memory, the second, and so on until none is left. Each time the error is
 * correct, the instance is unchanged, and the call can be repeated.
 *
 * The last test prints the number of failures, for repoll.
 */
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>

#include "actions.h"
#include "calls.h"
#include "require.h"
#include "slab.h"
#include "sysfile.h"

/* Seconds for a test on an emulated processor. */
#define LONG 600

enum {
	CREATE, CTL, WAIT, BATCH, DIRECT_CTL, DIRECT_WAIT, DIRECT_BATCH, PARAMS, POLL,
	FDINFO, INFO, CLOSE, ALL, GROUPS
};

static const char * const groups[GROUPS] = {
	"open, REPOLL_CREATE", "REPOLL_CTL", "REPOLL_WAIT",
	"REPOLL_BATCH, REPOLL_BATCH_WAIT",
	"REPOLL_DIRECT_ADD, _MOD, _DEL", "REPOLL_DIRECT_WAIT, _PWAIT",
	"REPOLL_DIRECT_BATCH, _BATCH_WAIT, _CHANGE_WAIT", "EPIOC[SG]PARAMS",
	"poll, select, epoll", "fdinfo", "REPOLL_INFO, _LIST, _ITEMS, _FEATURES",
	"close",
	"all",
};

/* Each test is a process of its own. */
static struct fault_tally *tallies;

__attribute__((constructor)) static void share_tallies(void)
{
	tallies = mmap(NULL, GROUPS * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

FIXTURE(failnth) {
	struct fault_test test;
	long objects;
	char limit[32];
};

FIXTURE_VARIANT(failnth) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(failnth, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(failnth, repoll) {
	.ops = &repoll_ops,
};

/* The number of items that the user may still add. */
static int count_room(void)
{
	int fds[WATCHES + 1], n = 0, i;
	struct poller p;

	if (poller_open(&p, &repoll_ops))
		return -1;
	do {
		fds[n] = n ? dup(fds[0]) : eventfd(0, EFD_CLOEXEC);
	} while (!poller_add(&p, fds[n], EPOLLIN) && n++ < WATCHES);
	for (i = 0; i <= n && i <= WATCHES; i++)
		close(fds[i]);
	close(p.fd);
	return n;
}

FIXTURE_SETUP(failnth) {
	char limit[32];
	int err;

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	err = fault_open();
	if (err == -ENOENT)
		SKIP(return, "no fault injection in this kernel");
	if (err == -EACCES)
		SKIP(return, "only root may inject faults");
	ASSERT_EQ(0, err);
	if (variant->ops == &repoll_ops) {
		self->objects = slab_count();
		ASSERT_LT(0, sysfile_read(repoll_ops.max_user_watches,
					  self->limit, sizeof(self->limit)));
		snprintf(limit, sizeof(limit), "%d\n", WATCHES);
		ASSERT_EQ(0, sysfile_write(repoll_ops.max_user_watches, limit));
	}
	ASSERT_EQ(0, fault_test_open(&self->test, variant->ops));
	self->test.kind = file_kind_named("eventfd");
}

/* Nothing is left: no item, no charge, no object in a slab cache. */
FIXTURE_TEARDOWN(failnth) {
	fault_test_close(&self->test);
	if (variant->ops == &repoll_ops) {
		EXPECT_EQ(WATCHES, count_room());
		EXPECT_EQ(0, sysfile_write(repoll_ops.max_user_watches,
					   self->limit));
		if (self->objects >= 0)
			EXPECT_EQ(self->objects, slab_falls_to(self->objects));
	}
	fault_close();
}

/* With ioctls and, if they exist, with direct calls. */
static const char *attempt(struct fault_test *test, const struct action *action,
			   int group)
{
	static struct fault_tally native;
	const char *problem;

	if (test->p.ops != &repoll_ops)
		return fail_each(test, action, &native);
	calls_go(BY_IOCTL);
	problem = fail_each(test, action, &tallies[group]);
	if (problem || group < CTL || group > BATCH)
		return problem;
	calls_go(DIRECTLY);
	return fail_each(test, action, &tallies[group - CTL + DIRECT_CTL]);
}

/* Runs the action, and expects no problem. */
#define EXPECT_FAILS_WELL(_group, _action) do {				\
	const char *_problem = attempt(&self->test, _action, _group);	\
									\
	EXPECT_EQ(NULL, _problem)					\
		TH_LOG(#_action ", %s: %s (%d)", self->test.kind->name, \
		       _problem, self->test.result);			\
} while (0)

/*
 *	open(/dev/repoll), CREATE ---> P'
 */
TEST_F(failnth, create)
{
	EXPECT_FAILS_WELL(CREATE, &create_plain);
	EXPECT_FAILS_WELL(CREATE, &create_cloexec);
}

/*
 *	ADD ---> P ---> a file of each kind, while another one of its kind is watched
 */
TEST_F_TIMEOUT(failnth, add, LONG)
{
	int i;

	ASSERT_EQ(0, fault_test_watch_all(&self->test));
	for (i = 0; i < KINDS; i++) {
		self->test.kind = &kinds[i];
		EXPECT_FAILS_WELL(CTL, &add_file);
	}
}

/*
 *	ADD ---> P with each flag ---> eventfd
 */
TEST_F_TIMEOUT(failnth, add_with_flags, LONG)
{
	static const uint32_t flags[] = {
		EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP | EPOLLPRI,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		self->test.events = EPOLLIN | flags[i];
		EXPECT_FAILS_WELL(CTL, &add_file);
	}
}

/*
 *	ADD ---> P ---> an anonymous file, pipe, socket: the only watched one
 */
TEST_F_TIMEOUT(failnth, add_the_first_of_its_kind, LONG)
{
	static const char * const names[] = { "eventfd", "pipe", "UNIX stream" };
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		self->test.kind = file_kind_named(names[i]);
		EXPECT_FAILS_WELL(CTL, &add_first);
	}
}

/*
 *	ADD ---> P ---> FIFO: the first file ever watched on its file system
 */
TEST_F_TIMEOUT(failnth, add_on_a_new_file_system, LONG)
{
	if (unshare(CLONE_NEWNS))
		SKIP(return, "mounting needs CAP_SYS_ADMIN");
	/* In a chroot, "/" may not be a mount. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		ASSERT_EQ(EINVAL, errno);
	}
	self->test.kind = file_kind_named("FIFO");
	EXPECT_FAILS_WELL(CTL, &add_alone);
}

/*
 *	P ---------.
 *	            eventfd
 *	P' --40 x--'
 */
TEST_F_TIMEOUT(failnth, add_to_a_crowd, LONG)
{
	EXPECT_FAILS_WELL(CTL, &add_crowded);
}

/*
 *	P' ---> P ---> eventfd, another instance
 */
TEST_F_TIMEOUT(failnth, add_to_a_watched_instance, LONG)
{
	EXPECT_FAILS_WELL(CTL, &add_below);
	self->test.kind = file_kind_named("repoll");
	EXPECT_FAILS_WELL(CTL, &add_below);
}

/*
 *	ADD with EPOLLWAKEUP ---> P, just created ---> eventfd
 */
TEST_F_TIMEOUT(failnth, add_what_keeps_awake, LONG)
{
	static struct state before, after;

	ASSERT_EQ(0, fault_test_look(&self->test, &before));
	self->test.events = EPOLLIN | EPOLLWAKEUP;
	EXPECT_FAILS_WELL(CTL, &add_to_new);
	close(self->test.p.fd);
	ASSERT_EQ(0, poller_open(&self->test.p, variant->ops));
	ASSERT_EQ(0, fault_test_look(&self->test, &after));
	EXPECT_EQ(before.wakeup_sources, after.wakeup_sources);
}

/*
 *	MOD, DEL ---> P ---> a file of each kind
 */
TEST_F_TIMEOUT(failnth, modify_and_delete, LONG)
{
	int i;

	for (i = 0; i < KINDS; i++) {
		self->test.kind = &kinds[i];
		EXPECT_FAILS_WELL(CTL, &modify_file);
		EXPECT_FAILS_WELL(CTL, &delete_file);
	}
}

/*
 *	close(file), close(P)	with any failure in it
 */
TEST_F_TIMEOUT(failnth, close, LONG)
{
	int i;

	for (i = 0; i < KINDS; i++) {
		self->test.kind = &kinds[i];
		EXPECT_FAILS_WELL(CLOSE, &close_file);
		EXPECT_FAILS_WELL(CLOSE, &close_instance);
	}
}

/*
 *	WAIT ---> P ---> three eventfds that are ready	(with each trigger)
 */
TEST_F_TIMEOUT(failnth, wait, LONG)
{
	static const uint32_t triggers[] = { 0, EPOLLET, EPOLLONESHOT };
	int i;

	for (i = 0; i < ARRAY_SIZE(triggers); i++) {
		self->test.events = EPOLLIN | triggers[i];
		EXPECT_FAILS_WELL(WAIT, &wait_ready);
		EXPECT_FAILS_WELL(WAIT, &wait_masked);
	}
	EXPECT_FAILS_WELL(WAIT, &wait_in_vain);
}

/*
 *	WAIT ---> P ---> a file of each kind, ready
 */
TEST_F_TIMEOUT(failnth, wait_for_files, LONG)
{
	int i;

	for (i = 0; i < KINDS; i++) {
		self->test.kind = &kinds[i];
		EXPECT_FAILS_WELL(WAIT, &wait_file);
	}
}

/*
 *	BATCH, BATCH_WAIT, CHANGE_WAIT ---> P ---> three eventfds that are ready
 *
 * If a change fails, this does not affect the others.
 */
TEST_F_TIMEOUT(failnth, batch, LONG)
{
	EXPECT_FAILS_WELL(BATCH, &batch_add);
	EXPECT_FAILS_WELL(BATCH, &batch_add_and_wait);
	EXPECT_FAILS_WELL(BATCH, &change_and_wait);
}

/*
 *	EPIOCSPARAMS, EPIOCGPARAMS ---> P
 */
TEST_F_TIMEOUT(failnth, params, LONG)
{
	EXPECT_FAILS_WELL(PARAMS, &set_params);
	EXPECT_FAILS_WELL(PARAMS, &get_params);
}

/*
 *	poll, select, epoll ---> P
 */
TEST_F_TIMEOUT(failnth, pollers, LONG)
{
	EXPECT_FAILS_WELL(POLL, &poll_instance);
	EXPECT_FAILS_WELL(POLL, &select_instance);
	EXPECT_FAILS_WELL(POLL, &epoll_instance);
}

/*
 *	fdinfo of P ---> an item of each kind
 */
TEST_F_TIMEOUT(failnth, fdinfo, LONG)
{
	int i;

	for (i = 0; i < KINDS; i++) {
		self->test.kind = &kinds[i];
		EXPECT_FAILS_WELL(FDINFO, &list_instance);
	}
}

/*
 *	INFO ---> P;  LIST, ITEMS ---> P ---> eventfd
 */
TEST_F_TIMEOUT(failnth, what_is_told, LONG)
{
	EXPECT_FAILS_WELL(INFO, &tell_info);
	EXPECT_FAILS_WELL(INFO, &tell_list);
	EXPECT_FAILS_WELL(INFO, &tell_features);
	EXPECT_FAILS_WELL(INFO, &tell_items);
}

FIXTURE(failures) {};
FIXTURE_SETUP(failures) {}
FIXTURE_TEARDOWN(failures) {}

/*
 * Prints the totals of all tests above; in each of these calls, something can fail.
 */
TEST_F(failures, are_counted)
{
	int group;

	for (group = 0; group < ALL; group++)
		fault_merge(&tallies[ALL], &tallies[group]);
	if (!tallies[ALL].faults)
		SKIP(return, "no fault was injected");
	for (group = 0; group < GROUPS; group++) {
		TH_LOG("%s: %s", groups[group], fault_summary(&tallies[group]));
		if (group != CLOSE && group != PARAMS)
			EXPECT_LT(0, tallies[group].errors);
	}
}

TEST_HARNESS_MAIN
