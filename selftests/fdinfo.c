// SPDX-License-Identifier: GPL-2.0
/*
 * The items of an instance, as /proc/<pid>/fdinfo/<fd> lists them.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fixture.h"
#include "pair.h"

#define LINES 1000

struct item {
	int tfd;
	unsigned int events;
	unsigned long long data, ino;
	long long pos;
	unsigned int sdev;
};

/* Reads the items that are listed, in ascending order of their descriptors. */
static int list_items(const struct poller *p, struct item *items)
{
	char path[64], line[256];
	struct item item;
	int n = 0, i;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p->fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (n < LINES && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "tfd:", 4))
			continue;
		if (sscanf(line,
			   "tfd: %d events: %x data: %llx pos:%lli ino:%llx sdev:%x",
			   &item.tfd, &item.events, &item.data, &item.pos,
			   &item.ino, &item.sdev) != 6) {
			n = -EPROTO;
			break;
		}
		for (i = n++; i > 0 && items[i - 1].tfd > item.tfd; i--)
			items[i] = items[i - 1];
		items[i] = item;
	}
	fclose(file);
	return n;
}

/*
 *	fdinfo of P ---> the usual four lines, and no item
 */
TEST_F(poller, empty_instance_lists_nothing)
{
	struct item items[LINES];

	EXPECT_EQ(0, list_items(&self->p, items));
}

/*
 *	fdinfo of P ---> a line for each item, with the values of its last change
 */
TEST_F(poller, items_are_listed)
{
	const uint64_t data = 0xfedcba9876543210;
	struct item items[LINES];
	struct stat st;
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_LT(fds[0], fds[1]);
	ASSERT_EQ(0, fstat(fds[0], &st));
	ASSERT_EQ(0, poller_add_data(&self->p, fds[0], EPOLLIN | EPOLLET,
				     data));
	ASSERT_EQ(0, poller_add(&self->p, fds[1], EPOLLOUT));

	ASSERT_EQ(2, list_items(&self->p, items));
	EXPECT_EQ(fds[0], items[0].tfd);
	EXPECT_EQ(EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, items[0].events);
	EXPECT_EQ(data, items[0].data);
	EXPECT_EQ(0, items[0].pos);
	EXPECT_EQ(st.st_ino, items[0].ino);
	EXPECT_EQ(fds[1], items[1].tfd);
	EXPECT_EQ(EPOLLOUT | EPOLLERR | EPOLLHUP, items[1].events);
	EXPECT_EQ(fds[1], items[1].data);
	EXPECT_EQ(items[0].sdev, items[1].sdev);
}

/*
 *	fdinfo of P ---> ADD, MOD, one-shot and its disarming, DEL, close
 */
TEST_F(poller, list_follows_the_changes)
{
	int a = eventfd(1, EFD_CLOEXEC), b = eventfd(1, EFD_CLOEXEC);
	struct item items[LINES];

	ASSERT_EQ(0, poller_add(&self->p, a, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, b, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(0, poller_mod(&self->p, a, EPOLLOUT));
	ASSERT_EQ(2, list_items(&self->p, items));
	EXPECT_EQ(EPOLLOUT | EPOLLERR | EPOLLHUP, items[0].events);
	EXPECT_EQ(EPOLLIN | EPOLLONESHOT | EPOLLERR | EPOLLHUP,
		  items[1].events);

	/* A disarmed item keeps only its mode. */
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, b));
	ASSERT_EQ(2, list_items(&self->p, items));
	EXPECT_EQ(EPOLLONESHOT, items[1].events);

	ASSERT_EQ(0, poller_del(&self->p, a));
	ASSERT_EQ(1, list_items(&self->p, items));
	EXPECT_EQ(b, items[0].tfd);
	close(b);
	EXPECT_EQ(0, list_items(&self->p, items));
	close(a);
}

/*
 *	fdinfo of P ---> 900 lines: more than one read(2) can take
 */
TEST_F(poller, long_list_is_complete)
{
	enum { ITEMS = 900 };
	struct item items[LINES];
	int efd = eventfd(1, EFD_CLOEXEC), fds[ITEMS], i;

	for (i = 0; i < ITEMS; i++) {
		fds[i] = dup(efd);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i], EPOLLIN, ~i));
	}
	ASSERT_EQ(ITEMS, list_items(&self->p, items));
	for (i = 0; i < ITEMS; i++) {
		ASSERT_EQ(fds[i], items[i].tfd);
		ASSERT_EQ((uint64_t)~i, items[i].data);
	}
}

/*
 *	fdinfo of P ---> files of many kinds, removed as soon as they are closed
 */
TEST_F(poller, closed_files_are_not_listed)
{
	struct item items[LINES];
	int fds[8], i;

	ASSERT_EQ(0, pipe(&fds[0]));
	ASSERT_EQ(0, tcp_pair(&fds[2]));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, &fds[4]));
	fds[6] = eventfd(0, EFD_CLOEXEC);
	fds[7] = dup(fds[6]);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, poller_add(&self->p, fds[i], EPOLLIN));
	}
	ASSERT_EQ(8, list_items(&self->p, items));
	for (i = 0; i < 6; i++) {
		close(fds[i]);
		ASSERT_EQ(8 - i - 1, list_items(&self->p, items));
	}
	/* The last two are one file: both items live until both are closed. */
	close(fds[6]);
	EXPECT_EQ(2, list_items(&self->p, items));
	close(fds[7]);
	EXPECT_EQ(0, list_items(&self->p, items));
}

/*
 *	native epoll ---.
 *	                 >--- the same files: the same lines
 *	repoll ---------'
 */
TEST(list_is_that_of_epoll)
{
	static const uint32_t masks[] = {
		0, EPOLLIN, EPOLLOUT | EPOLLET, EPOLLIN | EPOLLONESHOT, 0x1fff,
		EPOLLIN | EPOLLEXCLUSIVE,
	};
	struct item ours[LINES], theirs[LINES];
	struct poller native, repoll;
	int fds[2], i, fd;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&native, &native_ops));
	ASSERT_EQ(0, poller_open(&repoll, &repoll_ops));
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		if (i % 2) {
			ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
			fd = fds[0];
		} else {
			fd = eventfd(0, EFD_CLOEXEC);
		}
		ASSERT_EQ(0, poller_add_data(&native, fd, masks[i], ~i));
		ASSERT_EQ(0, poller_add_data(&repoll, fd, masks[i], ~i));
	}
	ASSERT_EQ(ARRAY_SIZE(masks), list_items(&native, theirs));
	ASSERT_EQ(ARRAY_SIZE(masks), list_items(&repoll, ours));
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		EXPECT_EQ(theirs[i].tfd, ours[i].tfd);
		EXPECT_EQ(theirs[i].events, ours[i].events);
		EXPECT_EQ(theirs[i].data, ours[i].data);
		EXPECT_EQ(theirs[i].pos, ours[i].pos);
		EXPECT_EQ(theirs[i].ino, ours[i].ino);
		EXPECT_EQ(theirs[i].sdev, ours[i].sdev);
	}
}

/*
 *	read fdinfo of P, again and again	while	ADD, DEL, close
 */
TEST_F(poller, list_is_read_while_it_changes)
{
	struct item items[LINES];
	int efd, i, status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (i = 0; i < 2000; i++) {
			efd = eventfd(1, EFD_CLOEXEC);
			if (poller_add(&self->p, efd, EPOLLIN))
				_exit(1);
			if (i % 2 && poller_del(&self->p, efd))
				_exit(2);
			close(efd);
		}
		_exit(0);
	}
	do {
		ASSERT_LE(0, list_items(&self->p, items));
	} while (waitpid(pid, &status, WNOHANG) == 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, list_items(&self->p, items));
}

/*
 *	/proc/self/fd/N ---> anon_inode:[...]
 */
TEST_F(poller, name_tells_the_kind)
{
	char path[64], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->p.fd);
	n = readlink(path, name, sizeof(name) - 1);
	ASSERT_LT(0, n);
	name[n] = '\0';
	EXPECT_STREQ(variant->ops == &repoll_ops ?
		     "anon_inode:[repoll]" : "anon_inode:[eventpoll]", name);
}

/* Whether the line is one that any file has. */
static bool is_usual(const char *line)
{
	static const char *const usual[] = { "pos:", "flags:", "mnt_id:", "ino:" };
	int i;

	for (i = 0; i < ARRAY_SIZE(usual); i++)
		if (!strncmp(line, usual[i], strlen(usual[i])))
			return true;
	return false;
}

/*
 *	fdinfo of P ---> each line consists of values that the user knows: no kernel
 *	address, and no byte of uninitialised memory
 */
TEST_F(poller, list_tells_nothing_else)
{
	enum { ITEMS = 100 };
	char path[64], line[256], known[256];
	int efd, fd, i, items = 0;
	struct stat st;
	FILE *file;

	for (i = 0; i < ITEMS; i++) {
		efd = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	}
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->p.fd);
	file = fopen(path, "re");
	ASSERT_FALSE(!file);
	while (fgets(line, sizeof(line), file)) {
		if (is_usual(line))
			continue;
		ASSERT_EQ(0, strncmp(line, "tfd:", 4));
		fd = atoi(line + 4);
		ASSERT_EQ(0, fstat(fd, &st));
		snprintf(known, sizeof(known),
			 "tfd: %8d events: %8x data: %16x  pos:0 ino:%lx sdev:%x\n",
			 fd, EPOLLIN | EPOLLERR | EPOLLHUP, fd,
			 (unsigned long)st.st_ino,
			 major(st.st_dev) << 20 | minor(st.st_dev));
		EXPECT_STREQ(known, line);
		items++;
	}
	EXPECT_EQ(ITEMS, items);
	fclose(file);
}

/* Much more than the longest list requires. */
#define ROOM (16 << 20)

struct reader {
	char path[64];
	char *text;
	bool done;
};

/* Reads everything at once, so that the kernel prints it in one go. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, r->text, ROOM - 1);

	r->text[n < 0 ? 0 : n] = '\0';
	close(fd);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The user data in the line for the item with this descriptor, or -1. */
static long long data_in(const char *text, int fd)
{
	unsigned long long data;
	char start[32];
	const char *line;

	snprintf(start, sizeof(start), "tfd: %8d ", fd);
	line = strstr(text, start);
	if (!line || sscanf(line, "tfd: %*d events: %*x data: %llx", &data) != 1)
		return -1;
	return data;
}

/*
 *	read fdinfo of 10,000 items	while	MOD first, MOD last, write, wait
 *
 * The user data of both items contains the number of the round. In the output,
 * the difference of the two is the number of rounds in between. Native epoll
 * blocks all rounds while it prints.
 */
TEST_F(poller, long_list_does_not_stop_events)
{
	enum { ITEMS = 10000, READS = 5 };
	struct rlimit files = { ITEMS + 100, ITEMS + 100 };
	int idle = eventfd(0, EFD_CLOEXEC), efd, first, i, reads;
	struct reader r = { .text = malloc(ROOM) };
	struct epoll_event event = {};
	long long rounds = 0, begun;
	pthread_t thread;
	eventfd_t value;

	if (setrlimit(RLIMIT_NOFILE, &files))
		SKIP(return, "only root may open that many files");
	efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add_data(&self->p, efd, EPOLLIN, UINT64_MAX));
	first = fcntl(idle, F_DUPFD_CLOEXEC, 50);
	for (i = 0; i < ITEMS; i++) {
		ASSERT_EQ(first + i, i ? fcntl(idle, F_DUPFD_CLOEXEC, first + i)
				       : first);
		ASSERT_EQ(0, poller_add_data(&self->p, first + i, EPOLLIN, 0));
	}
	snprintf(r.path, sizeof(r.path), "/proc/self/fdinfo/%d", self->p.fd);
	for (reads = 0; reads < READS; reads++) {
		r.done = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_all, &r));
		while (!__atomic_load_n(&r.done, __ATOMIC_ACQUIRE)) {
			event.data.u64++;
			ASSERT_EQ(0, variant->ops->ctl(self->p.fd, EPOLL_CTL_MOD,
						       first, &event));
			ASSERT_EQ(0, variant->ops->ctl(self->p.fd, EPOLL_CTL_MOD,
						       first + ITEMS - 1,
						       &event));
			ASSERT_EQ(0, eventfd_write(efd, 1));
			ASSERT_EQ(EPOLLIN, poller_next(&self->p, UINT64_MAX));
			ASSERT_EQ(0, eventfd_read(efd, &value));
		}
		ASSERT_EQ(0, pthread_join(thread, NULL));
		begun = data_in(r.text, first);
		ASSERT_LE(0, begun);
		ASSERT_LE(begun - 1, data_in(r.text, first + ITEMS - 1));
		rounds += data_in(r.text, first + ITEMS - 1) - begun;
	}
	if (variant->ops == &repoll_ops) {
		EXPECT_LT(10, rounds);
	} else {
		EXPECT_GE(0, rounds);
	}
	free(r.text);
}

TEST_HARNESS_MAIN
