// SPDX-License-Identifier: GPL-2.0
/*
 * Files that lose their names, and their mounts, while they are open and watched: they
 * are watched until they are closed, and not longer.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "fuse.h"
#include "pair.h"
#include "query.h"
#include "user.h"
#include "waiter.h"

/* How many items an instance has, or -errno. */
static int items(const struct poller *p)
{
	struct repoll_info info;
	char text[4096], *line;
	int err, n = 0;

	if (p->ops == &repoll_ops) {
		err = query_info(p->fd, &info);
		return err ?: (int)info.items;
	}
	snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", p->fd);
	err = sysfile_read(text, text, sizeof(text));
	if (err < 0)
		return err;
	for (line = text; (line = strstr(line, "tfd:")); line++)
		n++;
	return n;
}

/*
 * Almost as many listeners as a user may have by default. The kernel takes time to notify
 * each, after it has found an inode to be without names, and before it forgets the
 * listeners of the inode.
 */
#define LISTENERS 100

/* Actions at the same time as a close. */
struct race {
	struct fuse fuse;
	struct poller p;
	int listeners[LISTENERS];
	pthread_t adder;
	/* The alias must be opened and added now. */
	unsigned int told, done;
	int fd, err;
	bool stop;
};

/*
 * Between the server and the closing thread: "a look-up is in progress", "closing now".
 */
static bool asked, closing;
static int64_t delay;

static void answer_late(const char *name)
{
	int64_t until;

	if (strcmp(name, FUSE_ALIAS) ||
	    __atomic_load_n(&asked, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&asked, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE))
		;
	until = now_ns() + delay;
	while (now_ns() < until)
		;
}

static void *add_when_told(void *arg)
{
	struct race *race = arg;
	unsigned int n = 0;

	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&race->told, __ATOMIC_ACQUIRE) == n) {
			sched_yield();
			continue;
		}
		n++;
		race->fd = fuse_open(&race->fuse, FUSE_ALIAS);
		race->err = race->fd < 0 ? race->fd :
			    poller_add(&race->p, race->fd, EPOLLIN);
		__atomic_store_n(&race->done, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Makes all of them listen for the end of the file. */
static int listen_to(const struct race *race, int fd)
{
	char path[64], events[4096];
	int i;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (i = 0; i < LISTENERS; i++) {
		/* Drops what is left from the previous round. */
		while (read(race->listeners[i], events, sizeof(events)) > 0)
			;
		if (inotify_add_watch(race->listeners[i], path,
				      IN_DELETE_SELF) < 0)
			return -errno;
	}
	return 0;
}

/*
 * A close removes the last name of the FIFO; at the same time, another name is opened,
 * and that file is added. Returns how long the close took, or sets @failure.
 */
static int64_t run_once(struct race *race, const char **failure)
{
	int fd = fuse_open(&race->fuse, FUSE_FIFO);
	int64_t start, took;

	if (fd < 0 || fuse_unlink(&race->fuse, FUSE_FIFO) ||
	    listen_to(race, fd)) {
		*failure = "the FIFO cannot be prepared";
		return 0;
	}
	__atomic_store_n(&closing, false, __ATOMIC_RELEASE);
	__atomic_store_n(&asked, false, __ATOMIC_RELEASE);
	__atomic_fetch_add(&race->told, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE))
		sched_yield();
	start = now_ns();
	__atomic_store_n(&closing, true, __ATOMIC_RELEASE);
	close(fd);
	took = now_ns() - start;
	while (__atomic_load_n(&race->done, __ATOMIC_ACQUIRE) != race->told)
		sched_yield();
	if (race->err) {
		*failure = strerror(-race->err);
		return 0;
	}
	if (items(&race->p) != 1)
		*failure = "it is not watched";
	if (fuse_unlink(&race->fuse, FUSE_ALIAS))
		*failure = "its name stays";
	close(race->fd);
	if (items(&race->p))
		*failure = "it is watched after its close";
	return took;
}

static const char *run(const struct poller *p, long rounds)
{
	struct race race = { .p = *p };
	const char *failure = NULL;
	int64_t took = NSEC_PER_MSEC;
	long round;
	int i, err;

	err = fuse_start(&race.fuse, answer_late);
	if (err)
		return strerror(-err);
	for (i = 0; i < LISTENERS; i++) {
		race.listeners[i] = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (race.listeners[i] < 0)
			failure = strerror(errno);
	}
	if (!failure && pthread_create(&race.adder, NULL, add_when_told, &race))
		failure = "no thread";
	if (failure)
		goto out;
	/* Try every moment of a close that takes as long as the previous one. */
	for (round = 0; round < rounds && !failure; round++) {
		delay = round * 7919 % took;
		took = run_once(&race, &failure) ?: took;
	}
	if (failure)
		printf("# round %ld: %s\n", round, failure);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	pthread_join(race.adder, NULL);
out:
	for (i = 0; i < LISTENERS; i++)
		close(race.listeners[i]);
	fuse_end(&race.fuse);
	return failure;
}

/* How many attempts to make: each takes some 30 ms on an emulated processor. */
static long rounds(void)
{
	const char *wish = getenv("REPOLL_CYCLES");

	return wish ? atol(wish) : 200;
}

/*
 *	close(a), the last name of the inode	at the same time as	ADD
 *				P ---> b, another name of it <-----------'
 *
 * The kernel finds that the inode is dead, and notifies listeners later; meanwhile it is
 * not dead.
 */
TEST_F_TIMEOUT(poller, opened_while_its_inode_dies, 3600)
{
	const char *failure;

	if (access("/dev/fuse", R_OK | W_OK) || geteuid())
		SKIP(return, "only root may mount a FUSE");
	failure = run(&self->p, rounds());
	EXPECT_TRUE(!failure)
		TH_LOG("%s", failure);
}

/* Root whose mounts, user and group nobody else shares. */
static int become_lonely_root(void)
{
	int err = become(NOBODY, true);

	if (err)
		return err;
	err = sysfile_write("/proc/self/setgroups", "deny") ?:
	      sysfile_write("/proc/self/gid_map", "0 0 1");
	if (err)
		return err;
	return unshare(CLONE_NEWNS) ? -errno : 0;
}

/*
 *	nobody, with a FUSE in a namespace of its own: the same
 */
TEST_F_TIMEOUT(poller, the_same_by_anybody, 3600)
{
	const char *failure;
	struct stat st;
	int status;
	pid_t pid;

	if (stat("/dev/fuse", &st) || geteuid())
		SKIP(return, "no FUSE, or not root, to become another user");
	ASSERT_EQ(0, chmod("/dev/fuse", 0666));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (become_lonely_root())
			_exit(KSFT_SKIP);
		failure = run(&self->p, rounds());
		fflush(stdout);
		_exit(failure ? KSFT_FAIL : KSFT_PASS);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, chmod("/dev/fuse", st.st_mode & 07777));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "no namespaces available");
	EXPECT_EQ(0, status);
}

/* A private file system, which can be detached while files are open. */
static int mount_tmpfs(char *folder)
{
	if (!mkdtemp(folder))
		return -errno;
	if (!mount("selftests", folder, "tmpfs", MS_NOSUID | MS_NODEV, NULL))
		return 0;
	rmdir(folder);
	return -errno;
}

/* Written data is reported, and the close removes the item. */
static const char *check_life(const struct poller *p, int fd)
{
	if (items(p) != 1)
		return "it is not watched";
	if (put(fd) || poller_next(p, fd) != EPOLLIN || get(fd))
		return "it does not become ready";
	close(fd);
	if (items(p) || poller_count(p))
		return "it is watched after its close";
	return NULL;
}

/*
 *	P ---> a, and b, another name of it: both names are removed, then it is closed
 */
TEST_F(poller, hard_links_go_before_the_file)
{
	char folder[] = "/tmp/selftests.XXXXXX", path[2][64];
	const char *failure;
	int fd, other, opened, i;

	if (geteuid() || mount_tmpfs(folder))
		SKIP(return, "no tmpfs available");
	for (i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%c", folder, 'a' + i);
	for (opened = 0; opened < 4; opened++) {
		ASSERT_EQ(0, mkfifo(path[0], 0600));
		ASSERT_EQ(0, link(path[0], path[1]));
		fd = open(path[opened & 1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
		ASSERT_EQ(0, unlink(path[opened >> 1]));
		/*
		 * A file that is not watched is closed, and the name by which it was
		 * opened is removed.
		 */
		other = open(path[!(opened >> 1)], O_RDWR | O_NONBLOCK | O_CLOEXEC);
		ASSERT_LE(0, other);
		ASSERT_EQ(0, unlink(path[!(opened >> 1)]));
		close(other);
		failure = check_life(&self->p, fd);
		EXPECT_TRUE(!failure)
			TH_LOG("%s", failure);
	}
	umount2(folder, MNT_DETACH);
	rmdir(folder);
}

/*
 *	umount -l ---> file system of FIFO <--- P
 */
TEST_F(poller, mount_goes_before_the_file)
{
	char folder[] = "/tmp/selftests.XXXXXX", path[64];
	const char *failure;
	int fd;

	if (geteuid() || mount_tmpfs(folder))
		SKIP(return, "no tmpfs available");
	snprintf(path, sizeof(path), "%s/fifo", folder);
	ASSERT_EQ(0, mkfifo(path, 0600));
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
	ASSERT_EQ(0, umount2(folder, MNT_DETACH));
	failure = check_life(&self->p, fd);
	EXPECT_TRUE(!failure)
		TH_LOG("%s", failure);
	rmdir(folder);
}

TEST_HARNESS_MAIN
