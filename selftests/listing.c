// SPDX-License-Identifier: GPL-2.0
/*
 * Queries of /dev/repoll: invalid ones are refused; and a query does not delay other
 * tasks, and is not blocked for good.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "asked.h"
#include "missing_page.h"
#include "waiter.h"

/* A mistake in a query that is valid otherwise. */
struct mistake {
	int error;
	uint64_t to, cursor[2];
	uint32_t count, size, flags, pad;
};

/*
 *	a query with any mistake ---> refused, nothing written
 */
TEST_F(asked, bad_queries)
{
	enum { HERE = 1, SIZE = sizeof(struct repoll_info) };
	static const struct mistake mistakes[] = {
		{ .error = EINVAL, .to = HERE, .count = 0, .size = SIZE },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE, .flags = 2 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE, .flags = ~0U },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE, .pad = 1 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE, .cursor = { 1 } },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE, .cursor = { 0, 1 } },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = 0 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = REPOLL_ITEM_SIZE_1 - 8 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = SIZE + 4 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = 4104 },
		{ .error = EINVAL, .to = HERE, .count = 1, .size = ~0U },
		{ .error = EFAULT, .to = 0, .count = 1, .size = SIZE },
		{ .error = EFAULT, .to = ~0ULL, .count = 1, .size = SIZE },
		{ .error = EFAULT, .to = ~0ULL, .count = ~0U, .size = 4096 },
		{ .error = EFAULT, .to = 1ULL << 63, .count = 1, .size = SIZE },
	};
	static char buffer[4096], before[4096];
	int efd = eventfd(0, EFD_CLOEXEC), i;
	char *page = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(page != MAP_FAILED);
	ASSERT_EQ(0, mprotect(page + getpagesize(), getpagesize(), PROT_NONE));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		struct repoll_query query = {
			.id = self->info.id,
			.cursor = { m->cursor[0], m->cursor[1] },
			.to = m->to == HERE ? (uintptr_t)buffer : m->to,
			.count = m->count,
			.size = m->size,
			.flags = m->flags,
			.__pad = m->pad,
		};

		EXPECT_EQ(-1, ioctl(self->node, REPOLL_LIST, &query));
		EXPECT_EQ(m->error, errno)
			TH_LOG("mistake %d", i);
		EXPECT_EQ(-1, ioctl(self->node, REPOLL_ITEMS, &query));
		EXPECT_EQ(m->error, errno)
			TH_LOG("mistake %d", i);
		query.id = 0;
		EXPECT_EQ(-1, ioctl(self->p.fd, REPOLL_INFO, &query));
		EXPECT_EQ(query.count > 1 ? EINVAL : m->error, errno)
			TH_LOG("mistake %d", i);
	}
	EXPECT_EQ(0, memcmp(buffer, before, sizeof(before)));

	EXPECT_EQ(-1, ioctl(self->node, REPOLL_LIST, page + getpagesize() - 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->node, REPOLL_ITEMS, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->p.fd, REPOLL_INFO, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->p.fd, REPOLL_INFO, page + getpagesize() - 40));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EFAULT, query_info(self->p.fd, NULL));
	EXPECT_EQ(-EFAULT, query_info(self->p.fd,
				      (void *)(page + getpagesize() - 184)));
	EXPECT_EQ(-ENOENT, query_items(self->node, 0, 0, (void *)buffer, 1));
	EXPECT_EQ(-ENOENT, query_items(self->node, 0, ~0ULL, (void *)buffer, 1));

	/* Each query belongs to its kind of file. */
	EXPECT_EQ(-ENOTTY, query_info(self->node, (void *)buffer));
	EXPECT_EQ(-ENOTTY, query_items(self->p.fd, 0, 1, (void *)buffer, 1));
	close(efd);
}

/*
 *	a REPOLL_INFO with fields for other queries ---> refused, nothing written
 */
TEST_F(asked, bad_infos)
{
	struct repoll_info info, before;
	const struct repoll_query good = {
		.to = (uintptr_t)&info,
		.count = 1,
		.size = sizeof(info),
	};
	struct repoll_query bad[] = { good, good, good };
	int i;

	memset(&before, 0xa5, sizeof(before));
	info = before;
	bad[0].id = self->info.id;
	bad[1].count = 2;
	bad[2].flags = REPOLL_ALL;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, ioctl(self->p.fd, REPOLL_INFO, &bad[i]));
		EXPECT_EQ(EINVAL, errno)
			TH_LOG("mistake %d", i);
	}
	EXPECT_EQ(0, memcmp(&before, &info, sizeof(info)));
}

/* Longer than the description of an instance: the rest must be zero. */
struct longer_info {
	struct repoll_info info;
	uint8_t rest[256 - sizeof(struct repoll_info)];
};

/*
 *	elements that are longer than the module knows ---> zeros in the rest
 */
TEST_F(asked, longer_elements)
{
	enum { COUNT = 2 };
	struct longer_info told[COUNT + 1], one[2], before;
	static const uint8_t zeros[sizeof(before.rest)];
	struct repoll_query list = {
		.id = self->info.id,
		.to = (uintptr_t)told,
		.count = COUNT + 1,
		.size = sizeof(*told),
	}, info = {
		.to = (uintptr_t)one,
		.count = 1,
		.size = sizeof(*one),
	};
	struct repoll_info second;
	struct poller p;
	int i;

	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ASSERT_EQ(0, query_info(p.fd, &second));
	memset(&before, 0xa5, sizeof(before));
	memset(told, 0xa5, sizeof(told));
	memset(one, 0xa5, sizeof(one));
	ASSERT_EQ(COUNT, ioctl(self->node, REPOLL_LIST, &list));
	EXPECT_EQ(sizeof(second), list.size);
	EXPECT_EQ(COUNT + 1, list.count);
	EXPECT_EQ(0, memcmp(&self->info, &told[0].info, sizeof(second)));
	EXPECT_EQ(0, memcmp(&second, &told[1].info, sizeof(second)));
	for (i = 0; i < COUNT; i++)
		EXPECT_EQ(0, memcmp(zeros, told[i].rest, sizeof(zeros)));
	EXPECT_EQ(0, memcmp(&before, &told[COUNT], sizeof(before)));

	ASSERT_EQ(0, ioctl(p.fd, REPOLL_INFO, &info));
	EXPECT_EQ(sizeof(second), info.size);
	EXPECT_EQ(0, memcmp(&second, &one[0].info, sizeof(second)));
	EXPECT_EQ(0, memcmp(zeros, one[0].rest, sizeof(zeros)));
	EXPECT_EQ(0, memcmp(&before, &one[1], sizeof(before)));
	close(p.fd);
}

static void nothing(int signal)
{
	(void)signal;
}

/* A thread that queries the items. */
struct asker {
	int node;
	uint64_t id;
	pid_t tid;
	int result;
	struct repoll_item item;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	__atomic_store_n(&a->tid, gettid(), __ATOMIC_RELEASE);
	a->result = query_items(a->node, REPOLL_ALL, a->id, &a->item, 1);
	return NULL;
}

/*
 *	waiter, at a missing page with the mutex of P ---> LIST, INFO: answered at once
 *	                                                   ITEMS: until a signal
 */
TEST_F(asked, who_asks_is_not_held_up)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct asker a = { .node = self->node, .id = self->info.id };
	int efd = eventfd(1, EFD_CLOEXEC);
	pthread_t thread;
	struct waiter w;
	struct missing_page missing;

	if (missing_page_make(&missing))
		SKIP(return, "no userfaultfd available");
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start_into(&w, &self->p, missing.addr));
	ASSERT_EQ(0, missing_page_await(&missing));

	EXPECT_EQ(0, query_info(self->p.fd, &self->info));
	EXPECT_EQ(1, self->info.items);
	EXPECT_EQ(0, query_find(self->node, REPOLL_ALL, a.id, &self->info));
	EXPECT_EQ(1, self->info.adds);
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask, &a));
	while (!__atomic_load_n(&a.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	ASSERT_TRUE(falls_asleep(a.tid, &repoll_ops));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-EINTR, a.result);

	ASSERT_EQ(0, missing_page_provide(&missing));
	EXPECT_EQ(1, waiter_join(&w));
	EXPECT_EQ(1, query_items(self->node, REPOLL_ALL, a.id, &a.item, 1));
	close(efd);
}

#define FILES 20

/* A thread that creates instances with items in them, changes and closes them. */
struct maker {
	pthread_t thread;
	bool stop;
	int err;
	long rounds;
};

static void *make_and_close(void *arg)
{
	struct maker *m = arg;
	struct poller p, inner;
	int fds[FILES], i;

	while (!m->err && !__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		if (poller_open(&p, &repoll_ops) ||
		    poller_open(&inner, &repoll_ops)) {
			m->err = -EMFILE;
			break;
		}
		m->err = poller_add(&p, inner.fd, EPOLLIN);
		for (i = 0; !m->err && i < FILES; i++) {
			const struct poller *to = i % 2 ? &p : &inner;

			fds[i] = eventfd(1, EFD_CLOEXEC);
			m->err = poller_add(to, fds[i], EPOLLIN);
			if (!m->err && i % 3 == 1)
				m->err = poller_del(to, fds[i]);
			if (i % 3 == 0)
				close(fds[i]);
		}
		if (poller_count(&p) < 1)
			m->err = -EPROTO;
		close(m->rounds % 2 ? p.fd : inner.fd);
		close(m->rounds % 2 ? inner.fd : p.fd);
		for (i = 0; i < FILES; i++)
			if (i % 3)
				close(fds[i]);
		__atomic_add_fetch(&m->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/*
 *	threads: CREATE, ADD, close, ... <--- LIST, ITEMS, again and again
 */
TEST_F(asked, while_instances_come_and_go)
{
	enum { MAKERS = 3, ROUNDS = 300, ROOM = 4 };
	struct repoll_item items[ROOM * 8];
	struct maker m[MAKERS] = {};
	struct repoll_info infos[ROOM];
	uint64_t from, last;
	long rounds, seen = 0;
	int i, n, got;

	for (i = 0; i < MAKERS; i++)
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, make_and_close,
					    &m[i]));
	do {
		from = self->info.id + 1;
		last = self->info.id;
		while ((n = query_list(self->node, REPOLL_ALL, &from, infos,
				       ROOM)) > 0) {
			for (i = 0; i < n; i++) {
				ASSERT_LT(last, infos[i].id);
				last = infos[i].id;
				ASSERT_GE(FILES, infos[i].items);
				ASSERT_GE(infos[i].adds, infos[i].closed);
				seen += infos[i].items > 0;
				got = query_items(self->node, REPOLL_ALL, last,
						  items, ARRAY_SIZE(items));
				ASSERT_TRUE(got >= 0 || got == -ENOENT);
				ASSERT_GE(FILES, got);
			}
			ASSERT_LT(last, from);
		}
		ASSERT_EQ(0, n);
		for (rounds = ROUNDS, i = 0; i < MAKERS; i++) {
			long done = __atomic_load_n(&m[i].rounds,
						    __ATOMIC_ACQUIRE);
			rounds = done < rounds ? done : rounds;
			ASSERT_EQ(0, m[i].err);
		}
	} while (rounds < ROUNDS || !seen);
	for (i = 0; i < MAKERS; i++) {
		__atomic_store_n(&m[i].stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_join(m[i].thread, NULL));
		EXPECT_EQ(0, m[i].err);
	}
	from = self->info.id + 1;
	EXPECT_EQ(0, query_list(self->node, 0, &from, infos, ROOM));
}

TEST_HARNESS_MAIN
