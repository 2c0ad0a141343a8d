// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions: to open /dev/repoll is the only one required, except for queries about
 * other users' instances.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "query.h"
#include "require.h"
#include "sysfile.h"
#include "user.h"

/* The arguments of an attempt by another user. */
struct attempt {
	const struct poller_ops *ops;
	int node;
	mode_t mode;
	/* An instance that another user has created. */
	uint64_t other;
	/* A walk by another user through an instance. */
	struct walk walk;
};

/*
 * Tries as nobody, perhaps as root of a namespace. Returns 0 or -errno; -ENOSYS if no
 * such namespace is available.
 */
static int try(int (*what)(const struct attempt *a), const struct attempt *a,
	       bool root_of_namespace)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int err = become(NOBODY, root_of_namespace);

		_exit(err ? ENOSYS : -what(a));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

static int open_node(const struct attempt *a)
{
	return open(REPOLL_DEVICE, a->mode) < 0 ? -errno : 0;
}

static int make_node(const struct attempt *a)
{
	struct stat st;

	(void)a;
	if (stat(REPOLL_DEVICE, &st))
		return -errno;
	return mknod("/tmp/repoll", S_IFCHR | 0600, st.st_rdev) ? -errno : 0;
}

static int set_limit(const struct attempt *a)
{
	(void)a;
	return sysfile_write(repoll_ops.max_user_watches, "1000000000\n");
}

/* Creates an instance with the open node, and receives an event through it. */
static int use_node(const struct attempt *a)
{
	struct repoll_create create = {};
	struct poller p = { .ops = &repoll_ops };
	int efd = eventfd(1, EFD_CLOEXEC);

	p.fd = ioctl(a->node, REPOLL_CREATE, &create);
	if (p.fd < 0)
		return -errno;
	if (poller_add(&p, efd, EPOLLIN) || poller_now(&p, efd) != EPOLLIN)
		return -EPROTO;
	return 0;
}

/* Requests a higher budget than is allowed without privileges. */
static int poll_much(const struct attempt *a)
{
	const struct epoll_params params = { .busy_poll_budget = 65 };
	struct repoll_create create = {};
	int fd = a->ops == &repoll_ops ? ioctl(a->node, REPOLL_CREATE, &create) :
					 a->ops->create(true);

	return ioctl(fd, EPIOCSPARAMS, &params) ? -errno : 0;
}

/* Keeps the machine awake. */
static int keep_awake(const struct attempt *a)
{
	struct repoll_create create = {};
	struct poller p = { .ops = a->ops };
	char path[64], line[128];
	unsigned int events = 0;
	FILE *file;

	p.fd = a->ops == &repoll_ops ? ioctl(a->node, REPOLL_CREATE, &create) :
				       a->ops->create(true);
	if (poller_add(&p, eventfd(1, EFD_CLOEXEC), EPOLLIN | EPOLLWAKEUP))
		return -EPROTO;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p.fd);
	file = fopen(path, "re");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "tfd: %*d events: %x", &events) == 1)
			break;
	if (!(events & EPOLLIN))
		return -EPROTO;
	return events & EPOLLWAKEUP ? 0 : -EPERM;
}

/* Queries the instances of all users. */
static int ask_for_all(const struct attempt *a)
{
	struct repoll_info info;
	uint64_t from = 0;
	int n = query_list(a->node, REPOLL_ALL, &from, &info, 1);

	return n < 0 ? n : 0;
}

/* Queries the items of another user's instance, with REPOLL_ALL. */
static int ask_for_items(const struct attempt *a)
{
	struct repoll_item item;
	int n = query_items(a->node, REPOLL_ALL, a->other, &item, 1);

	return n < 0 ? n : 0;
}

/* Can the other user's instance be found in any way without a capability? */
static int find_other(const struct attempt *a)
{
	struct repoll_info info;
	struct repoll_item item;
	uint64_t from = 0;
	int n;

	if (query_items(a->node, 0, a->other, &item, 1) != -ENOENT)
		return -EPROTO;
	while ((n = query_list(a->node, 0, &from, &info, 1)) == 1)
		if (info.id == a->other)
			return 0;
	return n ?: -ENOENT;
}

/* Continues with a cursor of another walk, through the same instance or its own. */
static int use_cursor(const struct attempt *a)
{
	struct repoll_create create = {};
	struct poller p = { .ops = &repoll_ops };
	struct walk walk = a->walk;
	struct repoll_info info;
	struct repoll_item item;

	walk.flags = 0;
	if (query_next_items(&walk, &item, 1) != -ENOENT)
		return -EPROTO;
	/* An invalid cursor does not reveal anything either. */
	walk.cursor[0]++;
	if (query_next_items(&walk, &item, 1) != -ENOENT)
		return -EPROTO;
	p.fd = ioctl(a->node, REPOLL_CREATE, &create);
	if (poller_add(&p, eventfd(1, EFD_CLOEXEC), EPOLLIN) ||
	    query_info(p.fd, &info))
		return -EPROTO;
	walk = a->walk;
	walk.flags = 0;
	walk.id = info.id;
	return query_next_items(&walk, &item, 1);
}

/* Creates an instance and sees it, but not its data. */
static int find_own(const struct attempt *a)
{
	struct repoll_create create = {};
	struct poller p = { .ops = &repoll_ops };
	struct repoll_info info, found;
	struct repoll_item item;
	int efd = eventfd(1, EFD_CLOEXEC);

	p.fd = ioctl(a->node, REPOLL_CREATE, &create);
	if (poller_add_data(&p, efd, EPOLLIN, 0x5eed) ||
	    query_info(p.fd, &info) || info.uid != getuid())
		return -EPROTO;
	if (query_find(a->node, 0, info.id, &found))
		return -ENOENT;
	if (query_items(a->node, 0, info.id, &item, 1) != 1 ||
	    item.fd != efd || item.data || !(item.state & REPOLL_ITEM_READY))
		return -EPROTO;
	return memcmp(&info, &found, sizeof(info)) ? -EPROTO : 0;
}

/* Creates an instance with the rights of two users: neither may see it. */
static int find_mixed(const struct attempt *a)
{
	struct repoll_create create = {};
	struct repoll_info info, found;
	int fd, err;

	if (seteuid(NOBODY))
		return -errno;
	fd = ioctl(a->node, REPOLL_CREATE, &create);
	if (query_info(fd, &info))
		return -EPROTO;
	err = query_find(a->node, 0, info.id, &found);
	if (err != -ENOENT)
		return -EPROTO;
	if (seteuid(0))
		return -errno;
	err = query_find(a->node, 0, info.id, &found);
	if (err != -ENOENT)
		return -EPROTO;
	return query_find(a->node, REPOLL_ALL, info.id, &found);
}

/* From inside a PID namespace in which this process is the first. */
static int look_out(const struct attempt *a)
{
	struct repoll_info info;
	int err = find_other(a);

	if (err != -ENOENT)
		return -EPROTO;
	err = query_find(a->node, REPOLL_ALL, a->other, &info);
	if (err || info.pid)
		return err ?: -EPROTO;
	return getpid() == 1 ? find_own(a) : -EPROTO;
}

/* Runs it in a new process and, if requested, in a new namespace. */
static int fork_and(int (*what)(const struct attempt *a),
		    const struct attempt *a, int namespace)
{
	int status;
	pid_t pid;

	if (namespace && unshare(namespace))
		return -ENOSYS;
	pid = fork();
	if (!pid)
		_exit(-what(a));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

FIXTURE(rights) {
	struct attempt attempt;
};

FIXTURE_SETUP(rights) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid())
		SKIP(return, "only root can become another user");
	self->attempt.ops = &repoll_ops;
	self->attempt.node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->attempt.node);
}

FIXTURE_TEARDOWN(rights) {
	close(self->attempt.node);
}

/*
 *	the user nobody ---> /dev/repoll: EACCES
 */
TEST_F(rights, node_is_closed_to_others)
{
	static const mode_t modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		self->attempt.mode = modes[i];
		EXPECT_EQ(-EACCES, try(open_node, &self->attempt, false));
	}
}

/*
 *	chmod ---> the user nobody ---> /dev/repoll
 */
TEST_F(rights, node_can_be_opened_to_others)
{
	struct stat st;

	self->attempt.mode = O_RDWR;
	ASSERT_EQ(0, stat(REPOLL_DEVICE, &st));
	ASSERT_EQ(0, chmod(REPOLL_DEVICE, 0666));
	EXPECT_EQ(0, try(open_node, &self->attempt, false));
	ASSERT_EQ(0, chmod(REPOLL_DEVICE, st.st_mode & 07777));
	EXPECT_EQ(-EACCES, try(open_node, &self->attempt, false));
}

/*
 *	root opens the node, forks; the user nobody creates an instance with it
 */
TEST_F(rights, open_node_may_be_passed_on)
{
	EXPECT_EQ(0, try(use_node, &self->attempt, false));
}

/*
 *	the user nobody, with all capabilities in its own namespace: still nobody
 */
TEST_F(rights, namespaces_give_no_rights)
{
	if (try(use_node, &self->attempt, true) == -ENOSYS)
		SKIP(return, "no user namespace available");
	EXPECT_EQ(0, try(use_node, &self->attempt, true));
	self->attempt.mode = O_RDWR;
	EXPECT_EQ(-EACCES, try(open_node, &self->attempt, true));
	EXPECT_EQ(-EPERM, try(make_node, &self->attempt, true));
	EXPECT_EQ(-EACCES, try(set_limit, &self->attempt, true));
	EXPECT_EQ(-EPERM, try(poll_much, &self->attempt, true));
	EXPECT_EQ(-EPERM, try(keep_awake, &self->attempt, true));

	/* epoll behaves in the same way. */
	self->attempt.ops = &native_ops;
	EXPECT_EQ(-EPERM, try(poll_much, &self->attempt, true));
	EXPECT_EQ(-EPERM, try(keep_awake, &self->attempt, true));
}

/*
 *	the user nobody ---> LIST, ITEMS: its own; with REPOLL_ALL: EPERM
 */
TEST_F(rights, others_instances_are_theirs)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
	struct repoll_info info;
	int fd = ioctl(self->attempt.node, REPOLL_CREATE, &create);
	bool root;

	ASSERT_EQ(0, query_info(fd, &info));
	self->attempt.other = info.id;
	EXPECT_EQ(0, query_find(self->attempt.node, 0, info.id, &info));
	for (root = false;; root = true) {
		if (try(find_own, &self->attempt, root) == -ENOSYS)
			break;
		EXPECT_EQ(-EPERM, try(ask_for_all, &self->attempt, root));
		EXPECT_EQ(-EPERM, try(ask_for_items, &self->attempt, root));
		EXPECT_EQ(-ENOENT, try(find_other, &self->attempt, root));
		/* In a namespace, the creator has a different number. */
		EXPECT_EQ(0, try(find_own, &self->attempt, root));
		if (root)
			break;
	}
	close(fd);
}

/*
 *	a cursor of root's walk ---> the user nobody: useless
 */
TEST_F(rights, others_cursors_tell_nothing)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
	struct poller p = { .ops = &repoll_ops };
	struct walk *walk = &self->attempt.walk;
	int efd = eventfd(1, EFD_CLOEXEC);
	struct repoll_info info;
	struct repoll_item item;

	p.fd = ioctl(self->attempt.node, REPOLL_CREATE, &create);
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	ASSERT_EQ(0, query_info(p.fd, &info));
	walk->node = self->attempt.node;
	walk->id = info.id;
	ASSERT_EQ(1, query_next_items(walk, &item, 1));
	EXPECT_EQ(-EINVAL, try(use_cursor, &self->attempt, false));
	EXPECT_EQ(0, query_next_items(walk, &item, 1));
	close(efd);
	close(p.fd);
}

/*
 *	a task that runs with another user's rights creates P ---> neither user sees it
 */
TEST_F(rights, mixed_rights_are_nobodys)
{
	EXPECT_EQ(0, fork_and(find_mixed, &self->attempt, 0));
}

/*
 *	root in a PID namespace ---> sees instances that were created in there
 */
TEST_F(rights, containers_do_not_look_out)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
	struct repoll_info info;
	int fd = ioctl(self->attempt.node, REPOLL_CREATE, &create), err;

	ASSERT_EQ(0, query_info(fd, &info));
	self->attempt.other = info.id;
	err = fork_and(look_out, &self->attempt, CLONE_NEWPID);
	if (err == -ENOSYS)
		SKIP(return, "no PID namespace available");
	EXPECT_EQ(0, err);
	close(fd);
}

/*
 *	read, write, mmap, any other ioctl ---> the node: an error
 */
TEST_F(rights, node_does_nothing_else)
{
	int node = self->attempt.node;
	char byte = 0;
	int command;

	EXPECT_EQ(-1, read(node, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(node, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(mmap(NULL, 1, PROT_READ, MAP_SHARED, node, 0) == MAP_FAILED);
	EXPECT_EQ(ENODEV, errno);
	for (command = 0; command < 256; command++) {
		if (command == _IOC_NR(REPOLL_CREATE))
			continue;
		ASSERT_EQ(-1, ioctl(node, _IOW(REPOLL_IOC_TYPE, command,
					       struct repoll_create), &byte));
		ASSERT_EQ(ENOTTY, errno);
	}
}

TEST_HARNESS_MAIN
