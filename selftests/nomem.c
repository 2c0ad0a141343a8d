// SPDX-License-Identifier: GPL-2.0
/*
 * A full memory cgroup. The cgroup is charged for the instances and items of its members.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "processor.h"
#include "sysfile.h"
#include "test_file.h"
#include "waiter.h"

#define CGROUPS "/sys/fs/cgroup"
#define FULL CGROUPS "/repoll_nomem"
#define LIMIT "524288"
#define COPIES 8000

/*
 * Makes copies of a ready eventfd under adjacent numbers, from *@first on. Then makes
 * sure that the kernel does not kill this process to free memory, that the group is not
 * charged for the process's own pages, and that it is charged for everything else. The
 * process stays on one processor, because each processor caches some memory that was
 * charged to the group. Returns an error text.
 */
static const char *enter_group(int *first)
{
	struct rlimit files = { COPIES + 256, COPIES + 256 };
	int i;

	if (stay_on(0, SCHED_OTHER))
		return "cannot stay on one processor";
	if (setrlimit(RLIMIT_NOFILE, &files))
		return "cannot raise the number of files";
	/* A place where all numbers are free. */
	*first = fcntl(eventfd(1, EFD_CLOEXEC), F_DUPFD_CLOEXEC, 128);
	for (i = 1; i < COPIES; i++)
		if (fcntl(*first, F_DUPFD_CLOEXEC, *first) != *first + i)
			return "cannot copy the eventfd";
	if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    sysfile_write("/proc/self/oom_score_adj", "-1000") ||
	    sysfile_write(FULL "/cgroup.procs", "0") ||
	    sysfile_write(FULL "/memory.max", LIMIT))
		return "cannot enter the group";
	return NULL;
}

/* Adds copies until one is refused with ENOMEM. Returns how many were added, or -1. */
static int add_copies(const struct poller *p, int first)
{
	int n, err;

	for (n = 0; n < COPIES; n++) {
		err = poller_add(p, first + n, EPOLLIN);
		if (err)
			return err == -ENOMEM ? n : -1;
	}
	return -1;
}

/* Fills the group with items and empties it again. Returns an error text. */
static const char *fill_and_empty(const struct poller *p)
{
	struct epoll_event event;
	int i, n, first;
	const char *problem;
	int64_t deadline;

	problem = enter_group(&first);
	if (problem)
		return problem;
	n = add_copies(p, first);
	if (n < 0)
		return "was not refused with ENOMEM";
	if (poller_del(p, first + n) != -ENOENT)
		return "a refused item exists";
	if (poller_wait(p, &event, 1, NOT_AT_ALL) != 1)
		return "events are not reported in a full group";
	for (i = 0; i < n; i++)
		if (poller_del(p, first + i))
			return "an item is missing";
	if (poller_wait(p, &event, 1, NOT_AT_ALL))
		return "something is left";
	/* The kernel's own items are freed a grace period later. */
	deadline = now_ns() + SOON;
	while (poller_add(p, first, EPOLLIN) && now_ns() < deadline)
		poll(NULL, 0, 1);
	if (poller_wait(p, &event, 1, NOT_AT_ALL) != 1)
		return "deleting items has not freed memory";
	return NULL;
}

/* Other operations in a full group: other instances, one above the other. */
struct rest {
	struct poller inner, outer;
	struct test_file files[KINDS];
};

static const char *prepare(struct rest *rest, const struct poller *p)
{
	int i;

	if (poller_open(&rest->inner, p->ops) ||
	    poller_open(&rest->outer, p->ops) ||
	    poller_add(&rest->outer, rest->inner.fd, EPOLLIN))
		return "cannot create the other instances";
	for (i = 0; i < KINDS; i++)
		if (test_file_open(&rest->files[i], &kinds[i]) ||
		    kinds[i].fire(&rest->files[i]))
			return "cannot open the files";
	return NULL;
}

/* Each file is either added and reported, or refused without any effect. */
static const char *add_all(const struct rest *rest, int *refused)
{
	int i, fd, err;

	for (i = 0; i < KINDS; i++) {
		fd = rest->files[i].fd;
		err = poller_add(&rest->inner, fd, EPOLLIN);
		if (!err && !(poller_now(&rest->inner, fd) & EPOLLIN))
			return "an added item is not reported";
		if (!err && poller_count(&rest->outer) != 1)
			return "it is not reported above";
		if (err && err != -ENOMEM)
			return "a file was not refused with ENOMEM";
		if (err && poller_now(&rest->inner, fd))
			return "a refused item is reported";
		if (poller_del(&rest->inner, fd) != (err ? -ENOENT : 0))
			return "a refused item exists";
		*refused += !!err;
	}
	return NULL;
}

/* In a full group, tries everything else. Returns an error text. */
static const char *fill_and_try_all(const struct poller *p)
{
	int first, n, refused = 0, made[64];
	struct epoll_event events[8];
	struct rest rest;
	const char *problem;
	int64_t deadline;

	problem = prepare(&rest, p) ?: enter_group(&first);
	if (problem)
		return problem;
	n = add_copies(p, first);
	if (n < 0)
		return "was not refused with ENOMEM";

	problem = add_all(&rest, &refused);
	if (problem)
		return problem;
	if (!refused)
		return "no file was refused";
	for (refused = 0; refused < ARRAY_SIZE(made); refused++) {
		made[refused] = p->ops->create(true);
		if (made[refused] < 0)
			break;
	}
	if (refused == ARRAY_SIZE(made) || made[refused] != -ENOMEM)
		return "an instance was not refused with ENOMEM";
	if (poller_mod(p, first, EPOLLIN | EPOLLET | EPOLLWAKEUP))
		return "an item cannot be modified";
	if (poller_wait(p, events, ARRAY_SIZE(events), NOT_AT_ALL) !=
	    ARRAY_SIZE(events))
		return "events are not reported in a full group";

	while (refused-- > 0)
		close(made[refused]);
	while (n-- > 0)
		if (poller_del(p, first + n))
			return "an item is missing";
	/* The kernel's own items are freed a grace period later. */
	deadline = now_ns() + SOON;
	do {
		refused = 0;
		problem = add_all(&rest, &refused);
	} while (!problem && refused && now_ns() < deadline);
	return problem ?: refused ? "there is still no room" : NULL;
}

/* Runs it in a separate process, and checks the result. */
static int in_full_group(struct __test_metadata *_metadata,
			 const struct poller *p,
			 const char *(*act)(const struct poller *p))
{
	const char *problem;
	int status = -1;
	pid_t pid;

	pid = fork();
	if (!pid) {
		problem = act(p);
		if (problem)
			TH_LOG("%s", problem);
		_exit(!!problem);
	}
	waitpid(pid, &status, 0);
	return status;
}

static bool make_group(void)
{
	return !sysfile_write(CGROUPS "/cgroup.subtree_control", "+memory") &&
	       (!mkdir(FULL, 0755) || errno == EEXIST);
}

/*
 *	P ---> eventfd, under more and more numbers, until memory.max
 */
TEST_F(poller, full_memory_cgroup)
{
	if (!make_group())
		SKIP(return, "no memory cgroup available");
	EXPECT_EQ(0, in_full_group(_metadata, &self->p, fill_and_empty));
	EXPECT_EQ(0, rmdir(FULL));
}

/*
 *	then P'' ---> P' ---> a file of each kind; CREATE; MOD, WAIT ---> P
 */
TEST_F(poller, nothing_else_fits)
{
	if (!make_group())
		SKIP(return, "no memory cgroup available");
	EXPECT_EQ(0, in_full_group(_metadata, &self->p,
				   fill_and_try_all));
	EXPECT_EQ(0, rmdir(FULL));
}

#define PAYS CGROUPS "/repoll_pays"

/* A number of bytes, by its name in a kernel file; or -errno. */
static long bytes_in(const char *path, const char *name)
{
	long value, found = -ENOENT;
	char line[128], unit[8];
	size_t len = strlen(name);
	FILE *file = fopen(path, "re");
	int n;

	if (!file)
		return -errno;
	while (found < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) || (line[len] != ' ' && line[len] != ':'))
			continue;
		n = sscanf(line + len + 1, "%ld %7s", &value, unit);
		if (n >= 1)
			found = n == 2 ? value * 1024 : value;
	}
	fclose(file);
	return found;
}

static int add_a_copy(const struct poller *p, int fd)
{
	return poller_add(p, fcntl(fd, F_DUPFD_CLOEXEC, 0), EPOLLIN);
}

static int make_another(const struct poller *p, int fd)
{
	struct poller other;
	int err = poller_open(&other, p->ops);

	return err ?: poller_add(&other, fd, EPOLLIN);
}

static int add_a_fifo(const struct poller *p, int fd)
{
	static const char path[] = "/tmp/repoll_nomem";
	int err, fifo;

	(void)fd;
	if (mkfifo(path, 0600))
		return -errno;
	fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	err = poller_add(p, fifo, EPOLLIN);
	unlink(path);
	return err;
}

/*
 * Repeats an operation as a member of a group. Returns how much the kernel's slabs have
 * grown without a charge to the group, in percent of the charge; or -errno.
 */
static long percent_unpaid(const struct poller *p, int times,
			   int (*something)(const struct poller *p, int fd))
{
	struct rlimit files = { COPIES + 64, COPIES + 64 };
	int efd = eventfd(1, EFD_CLOEXEC), i, err;
	long all, paid;

	if (setrlimit(RLIMIT_NOFILE, &files) ||
	    sysfile_write(PAYS "/cgroup.procs", "0"))
		return -errno;
	/* One-time costs do not count. */
	for (i = 0; i < 64; i++) {
		err = something(p, efd);
		if (err)
			return err;
	}
	all = -bytes_in("/proc/meminfo", "Slab");
	paid = -bytes_in(PAYS "/memory.stat", "slab");
	for (i = 0; i < times; i++) {
		err = something(p, efd);
		if (err)
			return err;
	}
	all += bytes_in("/proc/meminfo", "Slab");
	paid += bytes_in(PAYS "/memory.stat", "slab");
	/* An item with its entry needs at least that much. */
	if (paid < times * 150L)
		return -ENOMSG;
	return (all - paid) * 100 / paid;
}

FIXTURE(pays) {
	struct poller p;
};

FIXTURE_VARIANT(pays) {
	int (*something)(const struct poller *p, int fd);
	int times;
};

FIXTURE_VARIANT_ADD(pays, items) {
	.something = add_a_copy,
	.times = COPIES - 200,
};

FIXTURE_VARIANT_ADD(pays, instances) {
	.something = make_another,
	.times = 2000,
};

FIXTURE_VARIANT_ADD(pays, inodes) {
	.something = add_a_fifo,
	.times = 2000,
};

FIXTURE_SETUP(pays) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "kmemleak's records of objects are not charged");
	if (sysfile_write(CGROUPS "/cgroup.subtree_control", "+memory") ||
	    (mkdir(PAYS, 0755) && errno != EEXIST))
		SKIP(return, "no memory cgroup available");
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
}

FIXTURE_TEARDOWN(pays) {
	close(self->p.fd);
	EXPECT_EQ(0, rmdir(PAYS));
}

/*
 *	a member of a group: items, instances, marks on inodes ---> the group is charged
 */
TEST_F(pays, group_pays_for_its_members)
{
	long percent = -EPROTO;
	int result[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe2(result, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		percent = percent_unpaid(&self->p, variant->times,
					 variant->something);
		_exit(write(result[1], &percent, sizeof(percent)) !=
		      sizeof(percent));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(sizeof(percent), read(result[0], &percent, sizeof(percent)));
	TH_LOG("%ld %% not charged", percent);
	EXPECT_GT(20, percent);
}

TEST_HARNESS_MAIN
