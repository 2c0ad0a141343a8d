// SPDX-License-Identifier: GPL-2.0
/*
 * Direct calls: the result of each, compared with the ioctl that does the same; and that
 * fadvise64(2) does nothing else. errors.c compares combinations of bad arguments with
 * epoll.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "calls.h"
#include "query.h"
#include "require.h"
#include "user.h"

#define MAX_EVENTS ((int)(INT_MAX / sizeof(struct epoll_event)))

/* Reserved operation numbers. */
#define OPERATIONS 16
#define KNOWN (REPOLL_DIRECT_CHANGE_WAIT - REPOLL_DIRECT + 1)

FIXTURE(direct) {
	struct poller p;
	/* Not ready; ready. */
	int efd, ready;
	/* Two pages: the second one can neither be read nor written. */
	char *pages;
	size_t size;
};

FIXTURE_SETUP(direct) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	calls_go(BY_IOCTL);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->efd = eventfd(0, EFD_CLOEXEC);
	self->ready = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, self->ready);
	self->size = getpagesize();
	self->pages = mmap(NULL, 2 * self->size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(self->pages != MAP_FAILED);
	ASSERT_EQ(0, mprotect(self->pages + self->size, self->size, PROT_NONE));
}

FIXTURE_TEARDOWN(direct) {
	munmap(self->pages, 2 * self->size);
	close(self->ready);
	close(self->efd);
	close(self->p.fd);
}

/* The number of items; or -errno. */
static int items_of(const struct poller *p)
{
	struct repoll_info info;
	int err = query_info(p->fd, &info);

	return err ?: info.items;
}

static int direct_add(const struct poller *p, int fd, uint32_t events, uint64_t data)
{
	return call_directly(p->fd, data, REPOLL_DIRECT_PAIR(fd, events),
			     REPOLL_DIRECT_ADD);
}

static int direct_wait(const struct poller *p, struct epoll_event *events,
		       int room, int timeout)
{
	return call_directly(p->fd, (uintptr_t)events,
			     REPOLL_DIRECT_PAIR(room, timeout), REPOLL_DIRECT_WAIT);
}

/*
 *	ADD, MOD, DEL, WAIT ---> P ---> eventfd, with all bits of both words
 */
TEST_F(direct, item_lives_from_add_to_del)
{
	const uint64_t added = 0xfedcba9876543210, changed = ~added;
	const uint64_t what = REPOLL_DIRECT_PAIR(self->ready, EPOLLOUT | EPOLLET);
	struct epoll_event events[2];
	struct repoll_item item;
	struct repoll_info info;
	int node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);

	EXPECT_EQ(-ENOENT, call_directly(self->p.fd, changed, what, REPOLL_DIRECT_MOD));
	EXPECT_EQ(0, direct_add(&self->p, self->ready, EPOLLIN, added));
	EXPECT_EQ(-EEXIST, direct_add(&self->p, self->ready, EPOLLIN, added));
	ASSERT_EQ(1, direct_wait(&self->p, events, 2, 0));
	EXPECT_EQ(EPOLLIN, events[0].events);
	EXPECT_EQ(added, events[0].data.u64);

	EXPECT_EQ(0, call_directly(self->p.fd, changed, what, REPOLL_DIRECT_MOD));
	ASSERT_EQ(1, direct_wait(&self->p, events, 2, 0));
	EXPECT_EQ(EPOLLOUT, events[0].events);
	EXPECT_EQ(changed, events[0].data.u64);
	EXPECT_EQ(0, direct_wait(&self->p, events, 2, 0));
	ASSERT_EQ(0, query_info(self->p.fd, &info));
	ASSERT_EQ(1, query_items(node, REPOLL_ALL, info.id, &item, 1));
	EXPECT_EQ(changed, item.data);
	EXPECT_EQ(EPOLLOUT | EPOLLET | EPOLLERR | EPOLLHUP, item.events);
	EXPECT_EQ(self->ready, item.fd);

	EXPECT_EQ(0, call_directly(self->p.fd, 0, self->ready, REPOLL_DIRECT_DEL));
	EXPECT_EQ(-ENOENT, call_directly(self->p.fd, 0, self->ready, REPOLL_DIRECT_DEL));
	EXPECT_EQ(0, items_of(&self->p));
	close(node);
}

/*
 *	PWAIT, BATCH, BATCH_WAIT ---> P: the same effect and the same stores as the ioctls
 */
TEST_F(direct, structures_are_those_of_the_ioctls)
{
	struct repoll_change changes[] = {
		{ .op = EPOLL_CTL_ADD, .fd = self->ready, .events = EPOLLIN, .data = 7 },
		{ .op = EPOLL_CTL_ADD, .fd = self->p.fd, .events = EPOLLIN },
	};
	struct epoll_event event = {};
	struct repoll_batch_wait both = {
		.batch = { .changes = (uintptr_t)changes, .count = 2 },
		.wait = { .events = (uintptr_t)&event, .maxevents = 1 },
	};
	const struct repoll_wait before = both.wait;

	EXPECT_EQ(2, call_directly(self->p.fd, (uintptr_t)&both.batch, 0,
				   REPOLL_DIRECT_BATCH));
	EXPECT_EQ(2, both.batch.done);
	EXPECT_EQ(1, both.batch.failed);
	EXPECT_EQ(0, changes[0].result);
	EXPECT_EQ(EINVAL, changes[1].result);

	EXPECT_EQ(1, call_directly(self->p.fd, (uintptr_t)&both.wait, 0,
				   REPOLL_DIRECT_PWAIT));
	EXPECT_EQ(7, event.data.u64);
	EXPECT_EQ(0, memcmp(&before, &both.wait, sizeof(before)));

	event.data.u64 = 0;
	EXPECT_EQ(1, call_directly(self->p.fd, (uintptr_t)&both, 0,
				   REPOLL_DIRECT_BATCH_WAIT));
	EXPECT_EQ(2, both.batch.failed);
	EXPECT_EQ(EEXIST, changes[0].result);
	EXPECT_EQ(7, event.data.u64);
	EXPECT_EQ(0, memcmp(&before, &both.wait, sizeof(before)));
}

/*
 *	no descriptor, a closed one, O_PATH ---> EBADF, before the words are checked;
 *	other files ---> their usual results
 */
TEST_F(direct, descriptor_is_no_instance)
{
	const int closed = dup(self->efd);
	char name[64];
	int fd, i;

	close(closed);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", self->p.fd);
	fd = open(name, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (i = 0; i < OPERATIONS; i++) {
		EXPECT_EQ(-EBADF, call_directly(-1, -1, -1, REPOLL_DIRECT + i));
		EXPECT_EQ(-EBADF, call_directly(closed, -1, -1, REPOLL_DIRECT + i));
		EXPECT_EQ(-EBADF, call_directly(fd, -1, -1, REPOLL_DIRECT + i));
	}
	close(fd);
	for (i = 0; i < OPERATIONS; i++) {
		fd = epoll_create1(EPOLL_CLOEXEC);
		EXPECT_EQ(-EINVAL, call_directly(fd, 0, self->efd, REPOLL_DIRECT + i));
		close(fd);
		fd = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
		EXPECT_EQ(-EINVAL, call_directly(fd, 0, self->efd, REPOLL_DIRECT + i));
		close(fd);
		EXPECT_EQ(-EINVAL, call_directly(self->efd, 0, self->efd,
						 REPOLL_DIRECT + i));
	}
}

/*
 *	unknown operations ---> EINVAL, without any effect
 */
TEST_F(direct, operation_is_unknown)
{
	const int others[] = {
		-1, INT_MIN, INT_MAX, 6, 7, REPOLL_DIRECT - 1,
		REPOLL_DIRECT + OPERATIONS, REPOLL_DIRECT << 8,
		REPOLL_DIRECT_ADD | 1 << 16, REPOLL_DIRECT_ADD | INT_MIN,
	};
	const uint64_t what = REPOLL_DIRECT_PAIR(self->ready, EPOLLIN);
	int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, what, others[i]))
			TH_LOG("operation %#x", others[i]);
	}
	for (i = KNOWN; i < OPERATIONS; i++) {
		EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, what, REPOLL_DIRECT + i))
			TH_LOG("operation %d", i);
	}
	EXPECT_EQ(0, items_of(&self->p));
}

/*
 *	a non-zero word that must be 0 ---> EINVAL, before all other errors
 */
TEST_F(direct, words_without_meaning_are_zero)
{
	static const int structures[] = {
		REPOLL_DIRECT_PWAIT, REPOLL_DIRECT_BATCH, REPOLL_DIRECT_BATCH_WAIT,
	};
	const uint64_t fd = self->efd, top = 1ULL << 63;
	struct repoll_batch_wait good = {};
	uint64_t bit;
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	for (bit = 1; bit; bit <<= 1) {
		EXPECT_EQ(-EINVAL, call_directly(self->p.fd, bit, fd, REPOLL_DIRECT_DEL));
		for (i = 0; i < ARRAY_SIZE(structures); i++) {
			EXPECT_EQ(-EINVAL, call_directly(self->p.fd, (uintptr_t)&good,
							 bit, structures[i]));
			EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, bit,
							 structures[i]));
		}
	}
	for (bit = 1ULL << 32; bit; bit <<= 1) {
		EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, fd | bit,
						 REPOLL_DIRECT_DEL));
	}
	EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 1, 0xffffffff, REPOLL_DIRECT_DEL));
	EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, 0xffffffff | top,
					 REPOLL_DIRECT_DEL));
	EXPECT_EQ(-EBADF, call_directly(self->p.fd, 0, 0xffffffff, REPOLL_DIRECT_DEL));
	EXPECT_EQ(1, items_of(&self->p));
}

/*
 *	room: none, negative, too much ---> EINVAL, before the array is checked
 */
TEST_F(direct, room_is_limited)
{
	static const int wrong[] = { 0, -1, INT_MIN, INT_MAX, MAX_EVENTS + 1 };
	/* Not on the stack, which may end too soon after the event. */
	static struct epoll_event event;
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->ready, EPOLLIN));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, direct_wait(&self->p, &event, wrong[i], -1))
			TH_LOG("room for %d", wrong[i]);
		EXPECT_EQ(-EINVAL, direct_wait(&self->p, NULL, wrong[i], 0));
	}
	EXPECT_EQ(1, direct_wait(&self->p, &event, 1, -1));
	EXPECT_EQ(1, direct_wait(&self->p, &event, MAX_EVENTS, -1));
}

/*
 *	an array that cannot be written ---> EFAULT, and the event stays pending
 */
TEST_F(direct, array_cannot_be_written)
{
	struct epoll_event event, *bad[] = {
		NULL, (void *)(self->pages + self->size), (void *)(uintptr_t)-4096,
		(void *)(self->pages + self->size - 1), (void *)self->pages,
	};
	int i;

	ASSERT_EQ(0, mprotect(self->pages, self->size, PROT_READ));
	ASSERT_EQ(0, poller_add(&self->p, self->ready, EPOLLIN | EPOLLET));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, direct_wait(&self->p, bad[i], 1, -1))
			TH_LOG("array %d", i);
	}
	ASSERT_EQ(1, direct_wait(&self->p, &event, 1, 0));
	EXPECT_EQ(self->ready, event.data.u64);
	EXPECT_EQ(0, direct_wait(&self->p, &event, 1, 0));
}

/*
 *	a structure that cannot be read, or not as a whole ---> EFAULT, as with the ioctl
 */
TEST_F(direct, structure_cannot_be_read)
{
	static const struct {
		int operation;
		unsigned long command;
		size_t size;
	} calls[] = {
		{ REPOLL_DIRECT_PWAIT, REPOLL_WAIT, sizeof(struct repoll_wait) },
		{ REPOLL_DIRECT_BATCH, REPOLL_BATCH, sizeof(struct repoll_batch) },
		{ REPOLL_DIRECT_BATCH_WAIT, REPOLL_BATCH_WAIT,
		  sizeof(struct repoll_batch_wait) },
		{ REPOLL_DIRECT_CHANGE_WAIT, 0, sizeof(struct repoll_change_wait) },
	};
	const uint64_t room = REPOLL_DIRECT_PAIR(1, 0);
	char *const end = self->pages + self->size;
	int i, k;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char *const bad[] = {
			NULL, end, (char *)(uintptr_t)-4096, end - 8,
			end - calls[i].size + 8, end - calls[i].size + 1,
		};
		const uint64_t how = calls[i].command ? 0 : room;

		for (k = 0; k < ARRAY_SIZE(bad); k++) {
			EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)bad[k],
							 how, calls[i].operation))
				TH_LOG("operation %d, place %d", i, k);
			if (!calls[i].command)
				continue;
			EXPECT_EQ(-1, ioctl(self->p.fd, calls[i].command, bad[k]));
			EXPECT_EQ(EFAULT, errno);
		}
		/* Unknown flags. */
		memset(self->pages, 0xff, self->size);
		EXPECT_EQ(-EINVAL,
			  call_directly(self->p.fd, (uintptr_t)(end - calls[i].size),
					how, calls[i].operation))
			TH_LOG("operation %d", i);
	}
}

/*
 *	address + a bit above all user addresses: EFAULT
 */
TEST_F(direct, addresses_are_not_cut_off)
{
	const uint64_t beyond = 1ULL << (sizeof(void *) == 4 ? 32 : 63);
	struct epoll_event event;
	struct repoll_change_wait change = {
		.op = EPOLL_CTL_MOD, .fd = self->ready, .events = EPOLLIN,
		.to = (uintptr_t)&event,
	};
	struct repoll_batch_wait both = {
		.wait = { .events = (uintptr_t)&event, .maxevents = 1 },
	};
	const uint64_t room = REPOLL_DIRECT_PAIR(1, 0);

	ASSERT_EQ(0, poller_add(&self->p, self->ready, EPOLLIN));
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&event + beyond, room,
					 REPOLL_DIRECT_WAIT));
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&both.wait + beyond, 0,
					 REPOLL_DIRECT_PWAIT));
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&both.batch + beyond, 0,
					 REPOLL_DIRECT_BATCH));
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&both + beyond, 0,
					 REPOLL_DIRECT_BATCH_WAIT));
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&change + beyond, room,
					 REPOLL_DIRECT_CHANGE_WAIT));
	change.to += beyond;
	EXPECT_EQ(-EFAULT, call_directly(self->p.fd, (uintptr_t)&change, room,
					 REPOLL_DIRECT_CHANGE_WAIT));
	change.to -= beyond;
	EXPECT_EQ(1, call_directly(self->p.fd, (uintptr_t)&change, room,
				   REPOLL_DIRECT_CHANGE_WAIT));
}

/*
 *	posix_fadvise's six values, with all kinds of ranges ---> the result of an epoll
 *	and of an eventfd, without any effect
 */
TEST_F(direct, advice_is_taken_as_ever)
{
	static const int64_t numbers[] = {
		0, 1, 4096, -1, INT64_MIN, INT64_MAX, UINT32_MAX, 1LL << 32,
	};
	const int native = epoll_create1(EPOLL_CLOEXEC);
	unsigned int seen[2] = {};
	int advice, i, k, answer;

	for (advice = POSIX_FADV_NORMAL - 1; advice <= POSIX_FADV_NOREUSE + 1; advice++)
		for (i = 0; i < ARRAY_SIZE(numbers); i++)
			for (k = 0; k < ARRAY_SIZE(numbers); k++) {
				answer = call_directly(self->p.fd, numbers[i], numbers[k],
						       advice);
				EXPECT_EQ(call_directly(native, numbers[i], numbers[k],
							advice), answer)
					TH_LOG("%d: %#llx, %#llx", advice,
					       (long long)numbers[i],
					       (long long)numbers[k]);
				EXPECT_EQ(call_directly(self->efd, numbers[i],
							numbers[k], advice), answer);
				seen[answer == 0]++;
			}
	/* Negative numbers and unknown advice are invalid. */
	EXPECT_EQ(6 * 6 * 6, seen[1]);
	EXPECT_EQ(8 * 8 * 8 - 6 * 6 * 6, seen[0]);
	EXPECT_EQ(0, posix_fadvise(self->p.fd, 0, 0, POSIX_FADV_DONTNEED));
	close(native);
}

/*
 *	other ways to give advice: the result of an epoll, without any effect
 */
TEST_F(direct, other_advice_does_no_harm)
{
	const int native = epoll_create1(EPOLL_CLOEXEC);
	const int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	struct iovec page = { self->pages, self->size };
	int ours, advice;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ours = readahead(self->p.fd, 0, 4096) ? errno : 0;
	EXPECT_EQ(readahead(native, 0, 4096) ? errno : 0, ours);
	/* An instance has no memory to map. */
	EXPECT_TRUE(mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->p.fd, 0) ==
		    MAP_FAILED);
	for (advice = REPOLL_DIRECT; advice < REPOLL_DIRECT + OPERATIONS; advice++) {
		EXPECT_EQ(-1, madvise(self->pages, self->size, advice));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, syscall(SYS_process_madvise, pidfd, &page, 1, advice, 0));
		EXPECT_EQ(-1, syscall(SYS_process_madvise, self->p.fd, &page, 1, advice, 0));
		EXPECT_EQ(EBADF, errno);
	}
	EXPECT_EQ(1, items_of(&self->p));
	close(pidfd);
	close(native);
}

/* Uses an instance that another user has created. */
static int use_as_nobody(const struct poller *p, int efd)
{
	struct epoll_event event;

	if (become(NOBODY, false))
		return 1;
	if (open(REPOLL_DEVICE, O_RDWR) >= 0 || errno != EACCES)
		return 2;
	if (direct_add(p, efd, EPOLLIN, 5))
		return 3;
	if (direct_wait(p, &event, 1, -1) != 1 || event.data.u64 != 5)
		return 4;
	return call_directly(p->fd, 0, efd, REPOLL_DIRECT_DEL) ? 5 : 0;
}

/*
 *	root creates P, forks; the user nobody uses P
 */
TEST_F(direct, descriptor_is_right_enough)
{
	int status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become another user");
	pid = fork();
	if (!pid)
		_exit(use_as_nobody(&self->p, self->ready));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, items_of(&self->p));
}

TEST_HARNESS_MAIN
