// SPDX-License-Identifier: GPL-2.0
/*
 * Walks through the items of an instance with a small array and a cursor: while items
 * come and go, and with invalid cursors.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "query.h"
#include "require.h"

#define MANY 100

/* The largest number of items in a query. */
#define ROOM (MANY + 1)

/*
 * An instance that watches eventfds, with two descriptors each. The data of an item is
 * the index of its descriptor here.
 */
FIXTURE(walk) {
	struct poller p;
	struct walk walk;
	int fds[MANY];
};

FIXTURE_SETUP(walk) {
	struct repoll_info info;
	int i;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	ASSERT_EQ(0, query_info(self->p.fd, &info));
	self->walk.node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->walk.node);
	self->walk.flags = REPOLL_ALL;
	self->walk.id = info.id;
	for (i = 0; i < MANY; i++) {
		self->fds[i] = i % 2 ? dup(self->fds[i - 1]) :
				       eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add_data(&self->p, self->fds[i], EPOLLIN, i));
	}
}

FIXTURE_TEARDOWN(walk) {
	int i;

	for (i = 0; i < MANY; i++)
		close(self->fds[i]);
	close(self->p.fd);
	close(self->walk.node);
}

/*
 * Walks to the end, @room items at once, and counts how often each data below MANY is
 * reported. Returns how many items there were, or -errno; -EPROTO if more items come
 * after the end.
 */
static int count_by(struct walk walk, unsigned int room, unsigned int *seen)
{
	struct repoll_item items[ROOM];
	int n, i, all = 0;

	memset(seen, 0, MANY * sizeof(*seen));
	while ((n = query_next_items(&walk, items, room)) > 0) {
		for (i = 0; i < n; i++)
			if (items[i].data < MANY)
				seen[items[i].data]++;
		all += n;
	}
	if (!n && query_next_items(&walk, items, room))
		return -EPROTO;
	return n ?: all;
}

/*
 *	P ---> 100 x eventfd	with arrays of any length: each once
 */
TEST_F(walk, any_array_will_do)
{
	unsigned int room, seen[MANY];
	int i;

	for (room = 1; room <= ROOM; room++) {
		ASSERT_EQ(MANY, count_by(self->walk, room, seen));
		for (i = 0; i < MANY; i++)
			ASSERT_EQ(1, seen[i])
				TH_LOG("%u at once, item %d", room, i);
	}
}

/*
 *	P ---> nothing		the walk ends at once; then an item is added
 */
TEST_F(walk, from_the_end_on)
{
	struct repoll_item item;
	int i;

	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, poller_del(&self->p, self->fds[i]));
	EXPECT_EQ(0, query_next_items(&self->walk, &item, 1));
	ASSERT_EQ(0, poller_add(&self->p, self->fds[0], EPOLLIN));
	EXPECT_EQ(1, query_next_items(&self->walk, &item, 1));
	EXPECT_EQ(self->fds[0], item.fd);
	EXPECT_EQ(0, query_next_items(&self->walk, &item, 1));
	EXPECT_EQ(0, query_next_items(&self->walk, &item, 1));
}

/*
 *	P ---> 100 x eventfd	reported items are deleted, and others before they are reported
 */
TEST_F(walk, items_go_in_the_middle)
{
	struct repoll_item items[MANY], rest[MANY];
	struct walk walk = self->walk;
	int i, n = 0;

	ASSERT_EQ(MANY, query_next_items(&walk, items, MANY));
	walk = self->walk;
	ASSERT_EQ(10, query_next_items(&walk, rest, 10));
	/* The last of these, the next, and every second one after that. */
	for (i = 9; i < MANY; i += i < 11 ? 1 : 2)
		ASSERT_EQ(0, poller_del(&self->p, items[i].fd));
	ASSERT_EQ((MANY - 12) / 2, query_next_items(&walk, rest, MANY));
	for (i = 12; i < MANY; i += 2)
		EXPECT_EQ(items[i].fd, rest[n++].fd);
	EXPECT_EQ(0, query_next_items(&walk, rest, MANY));
}

/*
 * A thread that adds, deletes and closes other items, from before the first to the last.
 */
struct churner {
	const struct poller *p;
	pthread_t thread;
	bool stop;
	int err;
};

static void *churn(void *arg)
{
	struct churner *c = arg;
	int fds[MANY], i;

	while (!c->err && !__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < MANY; i++) {
			fds[i] = eventfd(0, EFD_CLOEXEC);
			c->err = c->err ?: poller_add_data(c->p, fds[i],
							   EPOLLIN, MANY);
		}
		for (i = 0; i < MANY; i++) {
			if (i % 2 && !c->err)
				c->err = poller_del(c->p, fds[i]);
			close(fds[i]);
		}
	}
	return NULL;
}

/*
 *	thread: ADD, DEL, close others ---> P <--- walks: items that stay are reported once each
 */
TEST_F(walk, those_that_stay_are_told_of)
{
	enum { WALKS = 200 };
	struct churner c = { .p = &self->p };
	unsigned int seen[MANY];
	long others = 0;
	int i, n, all;

	ASSERT_EQ(0, pthread_create(&c.thread, NULL, churn, &c));
	for (n = 0; n < WALKS || !others; n++) {
		all = count_by(self->walk, n % 20 + 1, seen);
		/* Others may have been added after the end. */
		if (all != -EPROTO)
			ASSERT_LE(MANY, all);
		for (i = 0; i < MANY; i++)
			ASSERT_EQ(1, seen[i])
				TH_LOG("walk %d, item %d", n, i);
		others += all > MANY;
		ASSERT_EQ(0, __atomic_load_n(&c.err, __ATOMIC_ACQUIRE));
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(c.thread, NULL));
	EXPECT_EQ(0, c.err);
}

/*
 *	an array with a few items' room, then an unmapped page ---> these items; then the rest
 */
TEST_F(walk, faults_lose_nothing)
{
	enum { FEW = 3 };
	const long page = getpagesize();
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct repoll_item *few = (void *)(pages + page) - FEW * sizeof(*few) - 8;
	struct repoll_item items[MANY], rest[MANY];
	struct walk walk = self->walk;

	ASSERT_TRUE(pages != MAP_FAILED);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	ASSERT_EQ(MANY, query_next_items(&walk, items, MANY));
	walk = self->walk;
	ASSERT_EQ(FEW, query_next_items(&walk, few, MANY));
	EXPECT_EQ(0, memcmp(items, few, FEW * sizeof(*few)));
	EXPECT_EQ(-EFAULT, query_next_items(&walk, (void *)(pages + page), MANY));
	ASSERT_EQ(MANY - FEW, query_next_items(&walk, rest, MANY));
	EXPECT_EQ(0, memcmp(items + FEW, rest, sizeof(rest) - sizeof(*few) * FEW));
	munmap(pages, 2 * page);
}

/* Some number, a different one each time. */
static uint64_t any_number(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/*
 *	a value that was never returned as a cursor ---> EINVAL, nothing written
 */
TEST_F(walk, cursors_that_are_none)
{
	static const uint64_t words[] = {
		0, 1, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX,
		0x00007fffffffffff, 0xffff888000000000, 0xffffffff81000000,
	};
	struct repoll_item item, before;
	struct walk good = self->walk, bad;
	int i, k, bit;

	memset(&before, 0xa5, sizeof(before));
	item = before;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (k = !i; k < ARRAY_SIZE(words); k++) {
			bad = self->walk;
			bad.cursor[0] = words[i];
			bad.cursor[1] = words[k];
			EXPECT_EQ(-EINVAL, query_next_items(&bad, &item, 1));
		}
	}
	for (i = 0; i < 10000; i++) {
		bad = self->walk;
		bad.cursor[0] = any_number();
		bad.cursor[1] = any_number();
		ASSERT_EQ(-EINVAL, query_next_items(&bad, &item, 1));
	}
	EXPECT_EQ(0, memcmp(&before, &item, sizeof(item)));
	ASSERT_EQ(1, query_next_items(&good, &item, 1));
	item = before;
	for (bit = 0; bit < 128; bit++) {
		bad = good;
		bad.cursor[bit / 64] ^= 1ULL << bit % 64;
		ASSERT_EQ(-EINVAL, query_next_items(&bad, &item, 1));
	}
	EXPECT_EQ(0, memcmp(&before, &item, sizeof(item)));
}

/*
 *	P, Q ---> the same files	a cursor of one ---> the other: EINVAL
 */
TEST_F(walk, cursors_belong_to_their_instance)
{
	struct walk of_p = self->walk, of_q = self->walk, mixed;
	struct repoll_info info;
	struct repoll_item item;
	struct poller q;
	int i;

	ASSERT_EQ(0, poller_open(&q, &repoll_ops));
	ASSERT_EQ(0, query_info(q.fd, &info));
	of_q.id = info.id;
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, poller_add(&q, self->fds[i], EPOLLIN));
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(1, query_next_items(&of_p, &item, 1));
		ASSERT_EQ(1, query_next_items(&of_q, &item, 1));
		ASSERT_NE(0, memcmp(of_p.cursor, of_q.cursor, sizeof(of_p.cursor)));
		mixed = of_p;
		mixed.id = of_q.id;
		ASSERT_EQ(-EINVAL, query_next_items(&mixed, &item, 1));
	}
	/* When that is closed, the walk cannot continue. */
	close(q.fd);
	EXPECT_EQ(-ENOENT, query_next_items(&of_q, &item, 1));
	mixed = of_p;
	mixed.id = of_q.id;
	EXPECT_EQ(-ENOENT, query_next_items(&mixed, &item, 1));
}

/*
 *	cursors of many items: no two have words with a common beginning, as addresses in
 *	the kernel, and their differences to some number, would have; nor do they grow
 */
TEST_F(walk, cursors_tell_nothing)
{
	uint64_t words[2 * MANY];
	struct repoll_item item;
	int i, k, up = 0;

	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(1, query_next_items(&self->walk, &item, 1));
		memcpy(&words[2 * i], self->walk.cursor, sizeof(self->walk.cursor));
		up += i && words[2 * i] > words[2 * i - 2];
		for (k = 0; k < 2 * i; k++) {
			ASSERT_NE(words[k] >> 32, words[2 * i] >> 32);
			ASSERT_NE(words[k] >> 32, words[2 * i + 1] >> 32);
		}
	}
	EXPECT_LT(MANY / 10, up);
	EXPECT_GT(MANY - MANY / 10, up);
}

TEST_HARNESS_MAIN
