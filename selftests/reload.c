// SPDX-License-Identifier: GPL-2.0
/*
 * The module is loaded and unloaded: never while it is in use, and without leaving
 * anything behind; and a load that fails has no effect.
 *
 * These tests unload the module and load it again from the file that REPOLL_MODULE
 * in the environment names, and are skipped without it.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fault.h"
#include "module.h"
#include "pair.h"
#include "require.h"
#include "slab.h"
#include "sysfile.h"
#include "test_file.h"
#include "waiter.h"

/* What is left of a module that is not loaded; NULL if nothing is. */
static const char *left_over(void)
{
	static const char * const paths[] = {
		"/sys/module/repoll", "/proc/sys/fs/repoll", REPOLL_DEVICE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (!access(paths[i], F_OK))
			return paths[i];
	return slab_count() == -ENOENT ? NULL : "a slab cache";
}

FIXTURE(reload) {
	struct poller p;
	int efd;
};

FIXTURE_SETUP(reload) {
	if (!getenv("REPOLL_MODULE"))
		SKIP(return, "REPOLL_MODULE does not name the module's file");
	if (geteuid())
		SKIP(return, "only root may load and unload modules");
	ASSERT_EQ(0, access("/sys/module/repoll", F_OK));
	self->efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->efd);
}

/* Load it for other programs, whatever happened. */
FIXTURE_TEARDOWN(reload) {
	if (access("/sys/module/repoll", F_OK))
		EXPECT_EQ(0, load());
	EXPECT_EQ(0, poller_open(&self->p, &repoll_ops));
	close(self->p.fd);
	close(self->efd);
}

/* A user of the module, until it is released. */
struct hold {
	struct poller p;
	int efd;
	int fds[2];
	pid_t pid;
	struct waiter waiter;
};

static int hold_node(struct hold *hold)
{
	hold->p.fd = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	return hold->p.fd < 0 ? -errno : 0;
}

static int hold_instance(struct hold *hold)
{
	return poller_open(&hold->p, &repoll_ops) ?:
	       poller_add(&hold->p, hold->efd, EPOLLIN);
}

static int let_go_of_instance(struct hold *hold)
{
	return close(hold->p.fd);
}

/* Only another process, which has inherited it, has it open. */
static int hold_in_child(struct hold *hold)
{
	int err = hold_instance(hold);

	if (err || pipe2(hold->fds, O_CLOEXEC))
		return err ?: -errno;
	hold->pid = fork();
	if (!hold->pid) {
		close(hold->fds[1]);
		get(hold->fds[0]);
		_exit(0);
	}
	close(hold->p.fd);
	close(hold->fds[0]);
	return hold->pid < 0 ? -errno : 0;
}

static int let_child_go(struct hold *hold)
{
	close(hold->fds[1]);
	return waitpid(hold->pid, NULL, 0) == hold->pid ? 0 : -errno;
}

/* Its descriptor is closed, but a thread still waits on it. */
static int hold_by_waiter(struct hold *hold)
{
	int err = hold_instance(hold) ?:
		  waiter_start(&hold->waiter, &hold->p, 1, SOON);

	close(hold->p.fd);
	return err;
}

static int let_waiter_go(struct hold *hold)
{
	if (eventfd_write(hold->efd, 1))
		return -errno;
	return waiter_event(&hold->waiter, hold->efd) == EPOLLIN ? 0 : -EIO;
}

/* It was sent, but not received yet. */
static int hold_in_message(struct hold *hold)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int err = hold_instance(hold);

	if (err || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, hold->fds))
		return err ?: -errno;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &hold->p.fd, sizeof(int));
	if (sendmsg(hold->fds[0], &message, 0) != 1)
		return -errno;
	return close(hold->p.fd);
}

static int let_message_go(struct hold *hold)
{
	return close(hold->fds[0]) | close(hold->fds[1]);
}

static const struct {
	const char *name;
	int (*take)(struct hold *hold);
	int (*let_go)(struct hold *hold);
} holds[] = {
	{ "the node", hold_node, let_go_of_instance },
	{ "an instance", hold_instance, let_go_of_instance },
	{ "an inherited instance", hold_in_child, let_child_go },
	{ "a waiter", hold_by_waiter, let_waiter_go },
	{ "a message", hold_in_message, let_message_go },
};

/*
 *	delete_module(repoll) -X-> anything that refers to an instance, or to the node
 */
TEST_F_TIMEOUT(reload, refused_while_in_use, 300)
{
	struct hold hold;
	int i;

	for (i = 0; i < ARRAY_SIZE(holds); i++) {
		hold = (struct hold) { .efd = eventfd(0, EFD_CLOEXEC) };
		ASSERT_EQ(0, holds[i].take(&hold));
		EXPECT_EQ(-EWOULDBLOCK, unload())
			TH_LOG("%s", holds[i].name);
		EXPECT_EQ(0, holds[i].let_go(&hold));
		EXPECT_EQ(0, unload())
			TH_LOG("%s", holds[i].name);
		EXPECT_EQ(NULL, left_over());
		ASSERT_EQ(0, load());
		close(hold.efd);
	}
}

/*
 * A regular file that can be polled: opening other files needs no permission.
 */
#define FILE_ON_TMP "/tmp/kernel/uevent_seqnum"

static void *open_file_on_tmp(void *arg)
{
	*(int *)arg = open(FILE_ON_TMP, O_RDONLY | O_CLOEXEC);
	return NULL;
}

struct unloader {
	pthread_t thread;
	pid_t tid;
	int result;
	bool done;
};

static void *unload_once(void *arg)
{
	struct unloader *unloader = arg;

	__atomic_store_n(&unloader->tid, gettid(), __ATOMIC_RELEASE);
	unloader->result = unload();
	__atomic_store_n(&unloader->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether it waits for the users of repoll's marks; it does so soon, or never. */
static bool unloader_waits(const struct unloader *unloader)
{
	int64_t deadline = now_ns() + SOON;
	char path[64], place[128];
	pid_t tid;

	while (!__atomic_load_n(&unloader->done, __ATOMIC_ACQUIRE) &&
	       now_ns() < deadline) {
		tid = __atomic_load_n(&unloader->tid, __ATOMIC_ACQUIRE);
		snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", tid);
		if (tid && sysfile_read(path, place, sizeof(place)) > 0 &&
		    strstr(place, "fsnotify_wait_for_users"))
			return true;
		sched_yield();
	}
	return false;
}

/* Waits for the module's message in the kernel's log. */
static bool unloader_says_so(int log)
{
	struct pollfd pfd = { .fd = log, .events = POLLIN };
	char line[1024];
	ssize_t n;

	while (poll(&pfd, 1, SOON_MS) > 0) {
		/* An error reports lines that were overwritten. */
		n = read(log, line, sizeof(line) - 1);
		line[n < 0 ? 0 : n] = '\0';
		if (strstr(line, "repoll: unloading waits for somebody's"))
			return true;
	}
	return false;
}

/* A listener that has to permit every open on /tmp. */
static int listen_on_tmp(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);

	if (fd < 0)
		return -errno;
	if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM,
			  AT_FDCWD, "/tmp")) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int permit(int listener)
{
	struct fanotify_event_metadata event;
	struct fanotify_response response = { .response = FAN_ALLOW };

	if (read(listener, &event, sizeof(event)) != sizeof(event))
		return -errno;
	response.fd = event.fd;
	close(event.fd);
	return write(listener, &response, sizeof(response)) < 0 ? -errno : 0;
}

/*
 *	P ---> file in sysfs <--- open <--- fanotify, which has not permitted it yet
 *
 * The event holds a reference to repoll's mark. So the module waits for the answer,
 * although it has no users any more, and logs that after a while.
 */
TEST_F(reload, waits_for_a_permission_event)
{
	struct unloader unloader = {};
	int watched, listener, log, opened = -1;
	pthread_t opener;

	if (unshare(CLONE_NEWNS))
		SKIP(return, "mounting needs CAP_SYS_ADMIN");
	/* In a chroot, "/" may not be a mount. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		ASSERT_EQ(EINVAL, errno);
	}
	ASSERT_EQ(0, mount("repoll", "/tmp", "sysfs", 0, NULL));
	watched = open(FILE_ON_TMP, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, watched);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->p, watched, EPOLLPRI));
	listener = listen_on_tmp();
	if (listener < 0)
		SKIP(goto out, "no permission events in this kernel");
	ASSERT_EQ(0, pthread_create(&opener, NULL, open_file_on_tmp,
				    &opened));
	ASSERT_EQ(POLLIN, await(listener, POLLIN));

	EXPECT_EQ(-EWOULDBLOCK, unload());
	close(self->p.fd);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, log);
	ASSERT_EQ(0, lseek(log, 0, SEEK_END));
	ASSERT_EQ(0, pthread_create(&unloader.thread, NULL, unload_once,
				    &unloader));
	EXPECT_TRUE(unloader_waits(&unloader));
	EXPECT_TRUE(unloader_says_so(log));
	EXPECT_FALSE(__atomic_load_n(&unloader.done, __ATOMIC_ACQUIRE));
	EXPECT_EQ(0, permit(listener));
	pthread_join(opener, NULL);
	EXPECT_LE(0, opened);
	pthread_join(unloader.thread, NULL);
	EXPECT_EQ(0, unloader.result);
	EXPECT_EQ(NULL, left_over());
	close(opened);
	close(log);
	close(listener);
out:
	close(watched);
	umount2("/tmp", MNT_DETACH);
}

/*
 * The data of processes that use the module repeatedly: how often they have done so, and
 * any error.
 */
struct visits {
	unsigned int uses;
	bool stop;
	int error;
};

/*
 * Watches a file and waits for it through an outer instance, if the module is loaded.
 * Returns whether it is, or -errno.
 */
static int use_once(const struct file_kind *kind)
{
	struct poller p, outer;
	struct test_file s;
	int err;

	err = poller_open(&p, &repoll_ops);
	/* There is no node, or one whose device is just being registered or removed. */
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		return 0;
	/* The module cannot be unloaded while p is open. */
	err = err ?: poller_open(&outer, &repoll_ops);
	err = err ?: poller_add(&outer, p.fd, EPOLLIN);
	err = err ?: test_file_open(&s, kind);
	if (err)
		return err;
	err = poller_add(&p, s.fd, EPOLLIN) ?: kind->fire(&s);
	if (!err && (poller_next(&outer, p.fd) != EPOLLIN ||
		     !(poller_next(&p, s.fd) & EPOLLIN)))
		err = -EIO;
	test_file_close(&s);
	close(outer.fd);
	close(p.fd);
	return err ?: 1;
}

static void use_again_and_again(struct visits *visits)
{
	int64_t begin;
	int result, i;

	for (i = 0; !__atomic_load_n(&visits->stop, __ATOMIC_ACQUIRE); i++) {
		begin = now_ns();
		result = use_once(&kinds[i % KINDS]);
		if (result < 0)
			visits->error = result;
		else
			__atomic_fetch_add(&visits->uses, result,
					   __ATOMIC_RELEASE);
		/* Pause for as long as this took. */
		poll(NULL, 0, (now_ns() - begin) / NSEC_PER_MSEC + 1);
	}
}

/* Waits until there was another use, and then until there are no users. */
static const char *unload_after_use(struct visits *visits,
				    unsigned int *refusals)
{
	unsigned int uses = __atomic_load_n(&visits->uses, __ATOMIC_ACQUIRE);
	int64_t deadline = now_ns() + 3 * SOON;
	int err;

	while (__atomic_load_n(&visits->uses, __ATOMIC_ACQUIRE) == uses) {
		if (now_ns() > deadline)
			return "nobody uses it";
		sched_yield();
	}
	while ((err = unload()) == -EWOULDBLOCK && now_ns() < deadline)
		++*refusals;
	return err ? "it cannot be unloaded" : left_over();
}

/*
 *	load, unload, load, unload ...	at the same time as
 *	2 processes: open, CREATE, ADD, WAIT, close
 */
TEST_F_TIMEOUT(reload, with_visitors, 600)
{
	enum { ROUNDS = 12, AT_MOST = 40 * ROUNDS, VISITORS = 2 };
	const char *problem = NULL;
	unsigned int refusals = 0;
	struct visits *visits;
	int i;

	visits = mmap(NULL, sizeof(*visits), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, visits);
	for (i = 0; i < VISITORS; i++) {
		if (!fork()) {
			use_again_and_again(visits);
			_exit(0);
		}
	}
	/* Perhaps there are no users at each unload, but not forever. */
	for (i = 0; !problem && (i < ROUNDS || (!refusals && i < AT_MOST)); i++) {
		problem = unload_after_use(visits, &refusals);
		if (!problem && load())
			problem = "it cannot be loaded";
	}
	__atomic_store_n(&visits->stop, true, __ATOMIC_RELEASE);
	while (wait(NULL) > 0)
		;
	EXPECT_EQ(NULL, problem)
		TH_LOG("%s", problem);
	EXPECT_EQ(0, visits->error);
	EXPECT_LT(0, refusals);
	TH_LOG("loaded %d times, %u uses, %u refusals to unload it", i,
	       visits->uses, refusals);
}

/*
 * Loads the module while the first operation that can fail fails, then the one that is
 * @stride further, and so on, until none is left. Returns an error text.
 */
static const char *fail_loads(unsigned int stride, struct fault_tally *tally)
{
	const char *problem = NULL;
	bool struck = true;
	unsigned int nth;
	int err;

	for (nth = 1; struck && !problem; nth += stride) {
		fault_arm(nth);
		err = load();
		struck = fault_disarm();
		if (struck)
			fault_count(tally, fault_site(), err);
		else if (err)
			return "it fails without an injected fault";
		if (err && err != -ENOMEM && err != -EFAULT)
			return "the error is wrong";
		/* The failed operation was optional, or nothing failed. */
		if (!err && unload())
			return "it cannot be unloaded";
		problem = left_over();
	}
	return problem;
}

/*
 *	finit_module(repoll), in which the first thing fails, the second, ...
 *
 * First only in the module itself; then in everything that the kernel does to load it,
 * which is so much that only a part is tried. The fields of tracepoints are left out: if
 * they cannot be described, the kernel warns, for any module.
 */
TEST_F_TIMEOUT(reload, every_load_that_fails, 1500)
{
	static struct fault_tally own, all;
	const char *problem;
	int err;

	err = fault_open();
	if (err == -ENOENT)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, unload());
	EXPECT_EQ(0, fault_limit("do_one_initcall", true));
	problem = fail_loads(1, &own);
	EXPECT_EQ(NULL, problem)
		TH_LOG("the module: %s", problem);
	EXPECT_LT(0, own.errors);
	TH_LOG("the module: %s", fault_summary(&own));
	EXPECT_EQ(0, fault_limit("event_define_fields", false));
	problem = fail_loads(8, &all);
	EXPECT_EQ(NULL, problem)
		TH_LOG("with the loader: %s", problem);
	TH_LOG("with the loader: %s", fault_summary(&all));
	fault_close();
}

TEST_HARNESS_MAIN
