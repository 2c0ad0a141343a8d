// SPDX-License-Identifier: GPL-2.0
/*
 * Which graphs of instances are allowed: none with a cycle, none that is too
 * deep, and none with too many paths from a file to the instances that an event
 * may wake.
 *
 * A refusal leaves nothing behind: after each one, the graph is unchanged.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "fixture.h"

/* The length of the longest chain. */
#define DEPTH 5

static int open_all(struct poller *p, int n, const struct poller_ops *ops)
{
	int i, err = 0;

	for (i = 0; i < n && !err; i++)
		err = poller_open(&p[i], ops);
	return err;
}

static void close_all(struct poller *p, int n)
{
	while (n--)
		close(p[n].fd);
}

/* p[0] ---> p[1] ---> ... ---> p[n - 1] */
static int open_chain(struct poller *p, int n, const struct poller_ops *ops)
{
	int i, err = open_all(p, n, ops);

	for (i = 0; i + 1 < n && !err; i++)
		err = poller_add(&p[i], p[i + 1].fd, EPOLLIN);
	return err;
}

/*
 *	P ---> P, by its number or by a copy of it
 */
TEST_F(poller, loop)
{
	int copy = dup(self->p.fd);

	EXPECT_EQ(-EINVAL, poller_add(&self->p, self->p.fd, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_add(&self->p, copy, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_del(&self->p, copy));
	EXPECT_EQ(0, poller_count(&self->p));
	close(copy);
}

/*
 *	P1 ---> P2 ---> ... ---> Pn		n = 2 ... 5
 *	^------------- refused --'
 */
TEST_F(poller, cycle)
{
	int efd = eventfd(1, EFD_CLOEXEC), n, i;
	struct poller p[DEPTH];

	for (n = 2; n <= DEPTH; n++) {
		ASSERT_EQ(0, open_chain(p, n, variant->ops));
		for (i = 0; i < n - 1; i++) {
			EXPECT_EQ(-ELOOP, poller_add(&p[n - 1], p[i].fd,
						     EPOLLIN))
				TH_LOG("%d of %d", i, n);
			EXPECT_EQ(-ENOENT, poller_del(&p[n - 1], p[i].fd));
		}
		/* Not even a link without events. */
		EXPECT_EQ(-ELOOP, poller_add(&p[n - 1], p[0].fd, 0));
		EXPECT_EQ(-ELOOP, poller_add(&p[n - 1], p[0].fd, EPOLLET));
		ASSERT_EQ(0, poller_add(&p[n - 1], efd, EPOLLIN));
		EXPECT_EQ(EPOLLIN, poller_now(&p[0], p[1].fd));
		/* If the chain is broken, the same link is allowed. */
		ASSERT_EQ(0, poller_del(&p[0], p[1].fd));
		EXPECT_EQ(0, poller_add(&p[n - 1], p[0].fd, EPOLLIN));
		EXPECT_EQ(-ELOOP, poller_add(&p[0], p[1].fd, EPOLLIN));
		close_all(p, n);
	}
	close(efd);
}

/*
 *	  .---> P2 ---.
 *	P1             P4	two paths to a file are not a cycle
 *	  `---> P3 ---'
 */
TEST_F(poller, diamond)
{
	struct poller p[4];

	ASSERT_EQ(0, open_all(p, 4, variant->ops));
	ASSERT_EQ(0, poller_add(&p[0], p[1].fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&p[0], p[2].fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&p[1], p[3].fd, EPOLLIN));
	EXPECT_EQ(0, poller_add(&p[2], p[3].fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&p[3], p[0].fd, EPOLLIN));
	EXPECT_EQ(0, poller_add(&p[2], p[1].fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&p[1], p[2].fd, EPOLLIN));
	close_all(p, 4);
}

/*
 *	P1 ---> ... ---> Pm   --->   Q1 ---> ... ---> Qn
 *
 * Together at most five.
 */
TEST_F(poller, depth)
{
	struct poller upper[DEPTH], lower[DEPTH];
	int m, n, efd = eventfd(1, EFD_CLOEXEC);

	for (m = 1; m <= DEPTH; m++) {
		for (n = 1; n <= DEPTH; n++) {
			ASSERT_EQ(0, open_chain(upper, m, variant->ops));
			ASSERT_EQ(0, open_chain(lower, n, variant->ops));
			ASSERT_EQ(0, poller_add(&lower[n - 1], efd, EPOLLIN));
			EXPECT_EQ(m + n <= DEPTH ? 0 : -ELOOP,
				  poller_add(&upper[m - 1], lower[0].fd,
					     EPOLLIN))
				TH_LOG("%d above %d", m, n);
			EXPECT_EQ(m + n <= DEPTH, poller_count(&upper[0]));
			close_all(lower, n);
			/*
			 * The instance that lost its lower half may get another
			 * one.
			 */
			if (m < DEPTH) {
				EXPECT_EQ(0, poller_add(&upper[m - 1],
							self->p.fd, EPOLLIN));
			}
			close_all(upper, m);
		}
	}
	close(efd);
}

/*
 *	P1 ---> Q1 ---> Q2 ---> Q3 ---> Q4	the deepest branch of P1 counts
 *	  `---> R1
 */
TEST_F(poller, depth_of_branches)
{
	struct poller deep[DEPTH - 1], flat, above;

	ASSERT_EQ(0, open_chain(deep, DEPTH - 1, variant->ops));
	ASSERT_EQ(0, poller_open(&flat, variant->ops));
	ASSERT_EQ(0, poller_open(&above, variant->ops));
	ASSERT_EQ(0, poller_add(&self->p, deep[0].fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, flat.fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&above, self->p.fd, EPOLLIN));
	EXPECT_EQ(0, poller_add(&flat, deep[1].fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&flat, deep[0].fd, EPOLLIN));
	ASSERT_EQ(0, poller_del(&self->p, deep[0].fd));
	EXPECT_EQ(-ELOOP, poller_add(&above, self->p.fd, EPOLLIN));
	ASSERT_EQ(0, poller_del(&flat, deep[1].fd));
	EXPECT_EQ(0, poller_add(&above, self->p.fd, EPOLLIN));
	EXPECT_EQ(-ELOOP, poller_add(&self->p, deep[0].fd, EPOLLIN));
	close(above.fd);
	EXPECT_EQ(0, poller_add(&self->p, deep[0].fd, EPOLLIN));
	close(flat.fd);
	close_all(deep, DEPTH - 1);
}

FIXTURE(paths) {
	/* Any number of tops above them. */
	struct poller stem[DEPTH];
	struct poller *tops;
	int efd;
};

FIXTURE_VARIANT(paths) {
	const struct poller_ops *ops;
	/*
	 * The number of instances between the file and the tops, and the limit
	 * for tops.
	 */
	int stem, limit;
};

FIXTURE_VARIANT_ADD(paths, native_of_two) {
	.ops = &native_ops,
	.stem = 1,
	.limit = 500,
};

FIXTURE_VARIANT_ADD(paths, native_of_three) {
	.ops = &native_ops,
	.stem = 2,
	.limit = 100,
};

FIXTURE_VARIANT_ADD(paths, native_of_four) {
	.ops = &native_ops,
	.stem = 3,
	.limit = 50,
};

FIXTURE_VARIANT_ADD(paths, native_of_five) {
	.ops = &native_ops,
	.stem = 4,
	.limit = 10,
};

FIXTURE_VARIANT_ADD(paths, repoll_of_two) {
	.ops = &repoll_ops,
	.stem = 1,
	.limit = 500,
};

FIXTURE_VARIANT_ADD(paths, repoll_of_three) {
	.ops = &repoll_ops,
	.stem = 2,
	.limit = 100,
};

FIXTURE_VARIANT_ADD(paths, repoll_of_four) {
	.ops = &repoll_ops,
	.stem = 3,
	.limit = 50,
};

FIXTURE_VARIANT_ADD(paths, repoll_of_five) {
	.ops = &repoll_ops,
	.stem = 4,
	.limit = 10,
};

FIXTURE_SETUP(paths) {
	struct rlimit files = { 4096, 4096 };

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	self->efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_EQ(0, open_chain(self->stem, variant->stem, variant->ops));
	self->tops = calloc(variant->limit + 1, sizeof(struct poller));
	ASSERT_TRUE(!!self->tops);
	ASSERT_EQ(0, open_all(self->tops, variant->limit + 1, variant->ops));
}

FIXTURE_TEARDOWN(paths) {
	free(self->tops);
}

/*
 *	P1 ----.
 *	P2 -----+---> S1 ---> ... ---> eventfd
 *	...    /
 *	Pn ---'			and one more is refused
 */
TEST_F(paths, one_too_many_above)
{
	const int bottom = self->stem[variant->stem - 1].fd;
	int i, stem = self->stem[0].fd;
	struct poller lowest = { .ops = variant->ops, .fd = bottom };

	ASSERT_EQ(0, poller_add(&lowest, self->efd, EPOLLIN));
	for (i = 0; i < variant->limit; i++) {
		ASSERT_EQ(0, poller_add(&self->tops[i], stem, EPOLLIN))
			TH_LOG("path %d", i + 1);
	}
	EXPECT_EQ(-EINVAL, poller_add(&self->tops[i], stem, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&self->tops[i], stem));
	EXPECT_EQ(0, poller_count(&self->tops[i]));

	/* A deleted or closed top makes room for another one. */
	ASSERT_EQ(0, poller_del(&self->tops[0], stem));
	EXPECT_EQ(0, poller_add(&self->tops[i], stem, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_add(&self->tops[0], stem, EPOLLIN));
	close(self->tops[1].fd);
	EXPECT_EQ(0, poller_add(&self->tops[0], stem, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->tops[0], stem));
	/* A copy of the descriptor is another path. */
	EXPECT_EQ(-EINVAL, poller_add(&self->tops[0], dup(stem), EPOLLIN));
}

/*
 *	the same, but the file is added last, and is refused
 */
TEST_F(paths, one_too_many_below)
{
	struct poller lowest = self->stem[variant->stem - 1];
	int i;

	for (i = 0; i <= variant->limit; i++) {
		ASSERT_EQ(0, poller_add(&self->tops[i], self->stem[0].fd,
					EPOLLIN))
			TH_LOG("path %d", i + 1);
	}
	EXPECT_EQ(-EINVAL, poller_add(&lowest, self->efd, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&lowest, self->efd));
	EXPECT_EQ(0, poller_count(&self->tops[0]));
	close(self->tops[0].fd);
	EXPECT_EQ(0, poller_add(&lowest, self->efd, EPOLLIN));
	EXPECT_EQ(1, poller_count(&self->tops[1]));
	/* Each file has a separate count. */
	EXPECT_EQ(0, poller_add(&lowest, eventfd(0, EFD_CLOEXEC), EPOLLIN));
}

/*
 *	P1, P2, ... ---> eventfd	any number of paths without a link is allowed
 */
TEST_F(poller, any_number_may_watch_a_file)
{
	struct rlimit files = { 4096, 4096 };
	struct poller many[1010];
	int efd = eventfd(1, EFD_CLOEXEC), i;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, open_all(many, ARRAY_SIZE(many), variant->ops));
	for (i = 0; i < ARRAY_SIZE(many); i++) {
		ASSERT_EQ(0, poller_add(&many[i], efd, EPOLLIN));
	}
	close_all(many, ARRAY_SIZE(many));
	close(efd);
}

#define NODES 14

struct graph {
	struct poller p[NODES];
	int efd;
};

static int graph_open(struct graph *g, const struct poller_ops *ops)
{
	g->efd = eventfd(1, EFD_CLOEXEC);
	return open_all(g->p, NODES, ops);
}

/* One step: deletes a link, closes an instance, or adds a link. */
static int graph_step(struct graph *g, unsigned int random)
{
	int first = random % NODES;
	/* One of the others, or the eventfd. */
	int to = (first + 1 + random / NODES % NODES) % (NODES + 1);
	int fd = to < NODES ? g->p[to].fd : g->efd;
	struct poller *from = &g->p[first];

	switch (random / NODES / NODES % 16) {
	case 0:
		close(from->fd);
		return poller_open(from, from->ops);
	case 1 ... 3:
		return poller_del(from, fd);
	default:
		return poller_add(from, fd, EPOLLIN);
	}
}

/*
 *	a random graph of native epolls ---.
 *	                                    compare each answer
 *	the same of repolls ---------------'
 */
TEST(random_graphs_are_those_of_epoll)
{
	struct graph native, repoll;
	int step, i, n, r, seen[256] = {};
	unsigned int random, state = 20030503;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, graph_open(&native, &native_ops));
	ASSERT_EQ(0, graph_open(&repoll, &repoll_ops));
	for (step = 0; step < 20000; step++) {
		random = rand_r(&state);
		n = graph_step(&native, random);
		r = graph_step(&repoll, random);
		ASSERT_EQ(n, r)
			TH_LOG("step %d", step);
		seen[-n]++;
		/* Every instance with a path to the eventfd reports it. */
		for (i = 0; step % 100 == 0 && i < NODES; i++)
			ASSERT_EQ(poller_count(&native.p[i]),
				  poller_count(&repoll.p[i]));
	}
	/* The random steps must really have triggered every check. */
	EXPECT_LT(500, seen[0]);
	EXPECT_LT(500, seen[ELOOP]);
	EXPECT_LT(50, seen[EINVAL]);
	EXPECT_LT(50, seen[EEXIST]);
}

TEST_HARNESS_MAIN
