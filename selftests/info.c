// SPDX-License-Identifier: GPL-2.0
/*
 * The description of instances and their items from /dev/repoll. listing.c tests the
 * queries, counters.c the counters, rights.c the permissions.
 */
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "asked.h"
#include "sleeper.h"
#include "test_file.h"
#include "waiter.h"

#define MANY 100

/*
 *	P, just created ---> its creator, and zeros
 */
TEST_F(asked, new_instance)
{
	struct repoll_info expected = {
		.id = self->info.id,
		.uid = getuid(),
		.pid = getpid(),
	}, seen;
	char name[16] = "";

	ASSERT_EQ(0, prctl(PR_GET_NAME, name));
	memcpy(expected.comm, name, strnlen(name, sizeof(name)));
	EXPECT_LT(0, self->info.id);
	EXPECT_EQ(0, memcmp(&expected, &self->info, sizeof(expected)));
	ASSERT_EQ(0, query_find(self->node, 0, self->info.id, &seen));
	EXPECT_EQ(0, memcmp(&expected, &seen, sizeof(expected)));
}

/*
 *	CREATE, CREATE, close, CREATE ---> increasing ids
 */
TEST_F(asked, ids_are_not_used_again)
{
	uint64_t last = self->info.id;
	struct repoll_info info;
	struct poller p;
	int i;

	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, poller_open(&p, &repoll_ops));
		ASSERT_EQ(0, query_info(p.fd, &info));
		EXPECT_LT(last, info.id);
		last = info.id;
		close(p.fd);
		EXPECT_EQ(-ENOENT, query_find(self->node, 0, last, &info));
	}
}

/*
 *	CREATE with REPOLL_FIFO ---> the flag is reported
 */
TEST_F(asked, flags)
{
	struct repoll_create create = { .flags = REPOLL_FIFO | REPOLL_CLOEXEC };
	struct repoll_info info;
	int fd = ioctl(self->node, REPOLL_CREATE, &create);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, query_info(fd, &info));
	EXPECT_EQ(REPOLL_FIFO, info.flags);
	close(fd);
}

/*
 *	P P P P ... ---> the same, one at a time and all at once, by their ids
 */
TEST_F(asked, list_goes_on_where_it_ended)
{
	struct repoll_info infos[MANY], one, ids[MANY];
	uint64_t from = self->info.id + 1, next;
	struct poller p[MANY];
	int i;

	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, poller_open(&p[i], &repoll_ops));
		ASSERT_EQ(0, query_info(p[i].fd, &ids[i]));
	}
	next = from;
	ASSERT_EQ(MANY, query_list(self->node, 0, &next, infos, MANY));
	EXPECT_EQ(ids[MANY - 1].id + 1, next);
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(0, memcmp(&ids[i], &infos[i], sizeof(one)));
		ASSERT_EQ(1, query_list(self->node, 0, &from, &one, 1));
		EXPECT_EQ(ids[i].id, one.id);
		EXPECT_EQ(one.id + 1, from);
	}
	EXPECT_EQ(0, query_list(self->node, 0, &from, &one, 1));
	EXPECT_EQ(next, from);

	/* A closed instance is skipped. */
	close(p[1].fd);
	from = ids[0].id;
	ASSERT_EQ(2, query_list(self->node, 0, &from, infos, 2));
	EXPECT_EQ(ids[0].id, infos[0].id);
	EXPECT_EQ(ids[2].id, infos[1].id);
	from = UINT64_MAX;
	EXPECT_EQ(0, query_list(self->node, 0, &from, infos, 1));
	EXPECT_EQ(UINT64_MAX, from);
}

/*
 *	P ---> a file of each kind
 */
TEST_F(asked, items_are_told_of)
{
	struct repoll_item items[KINDS + 1], *item;
	struct repoll_info inner = {};
	struct test_file s[KINDS];
	struct stat st;
	int i, n;

	for (i = 0; i < KINDS; i++) {
		ASSERT_EQ(0, test_file_open(&s[i], &kinds[i]));
		ASSERT_EQ(0, poller_add_data(&self->p, s[i].fd,
					     EPOLLIN | EPOLLET, ~0ULL - i));
		if (!strcmp(kinds[i].name, "repoll"))
			ASSERT_EQ(0, query_info(s[i].fd, &inner));
	}
	ASSERT_EQ(KINDS, query_items(self->node, REPOLL_ALL, self->info.id,
				     items, KINDS + 1));
	for (i = 0; i < KINDS; i++) {
		const char *name = kinds[i].name;
		bool is_repoll = !strcmp(name, "repoll");

		item = NULL;
		for (n = 0; n < KINDS; n++)
			if (items[n].fd == s[i].fd)
				item = &items[n];
		ASSERT_TRUE(!!item);
		ASSERT_EQ(0, fstat(s[i].fd, &st));
		EXPECT_EQ(~0ULL - i, item->data);
		EXPECT_EQ(st.st_ino, item->ino);
		EXPECT_EQ(major(st.st_dev), item->dev_major);
		EXPECT_EQ(minor(st.st_dev), item->dev_minor);
		EXPECT_EQ(EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, item->events);
		EXPECT_EQ(is_repoll ? REPOLL_KIND_REPOLL :
			  !strcmp(name, "epoll") ? REPOLL_KIND_EPOLL :
			  REPOLL_KIND_FILE, item->kind);
		EXPECT_EQ(is_repoll ? inner.id : 0, item->watched);
		EXPECT_EQ(!strcmp(name, "terminal, master") ?
			  REPOLL_ITEM_LATE_CLOSE : !strcmp(name, "epoll") ?
			  REPOLL_ITEM_LATE_POLLERS : 0,
			  item->state & (REPOLL_ITEM_LATE_CLOSE |
					 REPOLL_ITEM_LATE_POLLERS))
			TH_LOG("%s", name);
	}
	ASSERT_EQ(0, query_info(self->p.fd, &self->info));
	EXPECT_EQ(KINDS, self->info.items);
	EXPECT_EQ(REPOLL_WATCHES_EPOLL, self->info.state);
	ASSERT_EQ(0, query_find(self->node, 0, inner.id, &inner));
	EXPECT_EQ(REPOLL_WATCHED, inner.state);
	EXPECT_EQ(1, inner.pollers);
	for (i = 0; i < KINDS; i++)
		test_file_close(&s[i]);
}

/*
 *	P ---> eventfd, ready; not; disarmed; exclusive, in turns
 */
TEST_F(asked, states_of_items)
{
	struct repoll_ctl turns = {
		.op = EPOLL_CTL_ADD,
		.flags = REPOLL_ROUND_ROBIN,
	};
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct repoll_item item;
	int fd = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(1, query_items(self->node, REPOLL_ALL, self->info.id, &item, 1));
	EXPECT_EQ(0, item.state);
	ASSERT_EQ(0, eventfd_write(fd, 1));
	ASSERT_EQ(1, query_items(self->node, REPOLL_ALL, self->info.id, &item, 1));
	EXPECT_EQ(REPOLL_ITEM_READY, item.state);
	EXPECT_TRUE(item.events & EPOLLIN);
	ASSERT_EQ(1, poller_count(&self->p));
	ASSERT_EQ(1, query_items(self->node, REPOLL_ALL, self->info.id, &item, 1));
	EXPECT_EQ(0, item.state);
	EXPECT_EQ(EPOLLONESHOT, item.events);
	ASSERT_EQ(0, poller_del(&self->p, fd));
	ASSERT_EQ(0, query_items(self->node, REPOLL_ALL, self->info.id, &item, 1));

	turns.fd = fd;
	turns.event = (uintptr_t)&event;
	ASSERT_EQ(0, ioctl(self->p.fd, REPOLL_CTL, &turns));
	ASSERT_EQ(1, query_items(self->node, REPOLL_ALL, self->info.id, &item, 1));
	EXPECT_EQ(REPOLL_ITEM_READY | REPOLL_ITEM_ROUND_ROBIN, item.state);
	close(fd);
}

/*
 *	P ---> 100 x eventfd	into an array of any length
 */
TEST_F(asked, items_fill_the_array)
{
	struct repoll_item items[MANY + 1], before;
	bool seen[MANY] = {};
	int fds[MANY], i, n;

	memset(&before, 0xa5, sizeof(before));
	for (i = 0; i < MANY; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i], EPOLLIN, i));
	}
	for (n = 1; n <= MANY + 1; n++) {
		memset(items, 0xa5, sizeof(items));
		i = query_items(self->node, REPOLL_ALL, self->info.id, items, n);
		ASSERT_EQ(n < MANY ? n : MANY, i);
		for (; i < MANY + 1; i++)
			EXPECT_EQ(0, memcmp(&before, &items[i], sizeof(before)));
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_GT(MANY, items[i].data);
		EXPECT_FALSE(seen[items[i].data]);
		seen[items[i].data] = true;
	}
	for (i = 0; i < MANY; i++)
		close(fds[i]);
	EXPECT_EQ(0, query_items(self->node, 0, self->info.id, items, 1));
}

/*
 *	waiters --8, 70--> P <--3-- poll
 */
TEST_F(asked, waiters_and_pollers)
{
	enum { WAITERS = REPOLL_MAX_COUNT + 6, SLEEPERS = 3 };
	static struct waiter w[WAITERS];
	struct sleeper s[SLEEPERS];
	int efd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE), i;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, waiter_start(&w[i], &self->p, 1, FOR_EVER));
		ASSERT_EQ(0, query_info(self->p.fd, &self->info));
		EXPECT_EQ(i < REPOLL_MAX_COUNT ? i + 1 : REPOLL_MAX_COUNT,
			  self->info.waiters);
		/* The waiter that came last is the next. */
		EXPECT_EQ(w[i].tid, self->info.tids[0]);
		if (i < REPOLL_TIDS) {
			EXPECT_EQ(w[0].tid, self->info.tids[i]);
			if (i < REPOLL_TIDS - 1)
				EXPECT_EQ(0, self->info.tids[i + 1]);
		}
	}
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(1, waiter_join(&w[WAITERS - 1 - i]));
	}
	for (i = 0; i < SLEEPERS; i++) {
		ASSERT_EQ(0, sleeper_start(&s[i], self->p.fd));
		ASSERT_EQ(0, query_find(self->node, 0, self->info.id,
					&self->info));
		EXPECT_EQ(i + 1, self->info.pollers);
	}
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(1, sleeper_join(&s[i]));
	ASSERT_EQ(0, query_info(self->p.fd, &self->info));
	EXPECT_EQ(0, self->info.waiters);
	EXPECT_EQ(0, self->info.pollers);
	EXPECT_EQ(0, self->info.tids[0]);
	close(efd);
}

/*
 *	the node, P ---> the features of this module, and no unknown ones
 */
TEST_F(asked, features)
{
	const uint64_t known = 1ULL << REPOLL_FEATURE_FIFO |
		1ULL << REPOLL_FEATURE_ROUND_ROBIN | 1ULL << REPOLL_FEATURE_BATCH |
		1ULL << REPOLL_FEATURE_BATCH_WAIT | 1ULL << REPOLL_FEATURE_LIST |
		1ULL << REPOLL_FEATURE_ITEMS | 1ULL << REPOLL_FEATURE_INFO;
	static const uint32_t beyond[] = { 1, 2, 1 << 26, INT32_MAX, UINT32_MAX };
	struct repoll_features padded = { .__pad = 1 };
	struct epoll_params params;
	uint64_t by_node, by_instance;
	int i;

	ASSERT_EQ(0, query_features(self->node, 0, &by_node));
	ASSERT_EQ(0, query_features(self->p.fd, 0, &by_instance));
	EXPECT_EQ(by_node, by_instance);
	EXPECT_EQ(known, by_node & known);
	EXPECT_EQ(!ioctl(self->p.fd, EPIOCGPARAMS, &params),
		  by_node >> REPOLL_FEATURE_BUSY_POLL & 1);
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		by_node = 1;
		ASSERT_EQ(0, query_features(self->node, beyond[i], &by_node));
		EXPECT_EQ(0, by_node);
	}
	EXPECT_EQ(-1, ioctl(self->node, REPOLL_FEATURES, &padded));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->node, REPOLL_FEATURES, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_HARNESS_MAIN
