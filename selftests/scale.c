// SPDX-License-Identifier: GPL-2.0
/*
 * The costs of large numbers: REPOLL_ITEMS files in one instance (20,000 by
 * default), many instances, many waiters.
 *
 * The test prints the costs of epoll next to those of repoll, and judges how
 * they grow: an item needs no more memory than with epoll, finding an item
 * takes a few more steps, fetching an event takes no more. On a machine whose
 * clock counts instructions, the nanoseconds are instructions.
 */
#include <limits.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "pair.h"
#include "require.h"
#include "sysfile.h"
#include "waiter.h"

#define SMALL 20000
#define SIZES 4

/* A cost is the median of this many measurements of this many operations. */
#define BATCHES 21
#define BATCH 50

/* The costs that are measured for each number of items. */
enum cost { ADD, MODIFY, DELETE, FETCH, CLOSE, MEMORY, COSTS };

static const char *const names[COSTS] = {
	"add, ns", "modify, ns", "delete, ns", "wait for one event, ns",
	"close, ns for each", "memory, bytes for each",
};

/*
 * The factor by which a cost in time may exceed the expectation, on a busy
 * host.
 */
#define NOISE 4

struct costs {
	double of[COSTS][SIZES];
};

static long items_wanted(void)
{
	const char *wish = getenv("REPOLL_ITEMS");

	return wish ? atol(wish) : SMALL;
}

/* The numbers of items to measure, at most @items. */
static int sizes_up_to(long items, long sizes[SIZES])
{
	int n = 0;

	for (sizes[0] = 1000; sizes[n] < items && n < SIZES - 1; n++)
		sizes[n + 1] = sizes[n] * 10;
	sizes[n] = items;
	return n + 1;
}

/*
 * Raises the kernel's limits to this number of descriptors, files and watches.
 */
static int raise_limits(long descriptors)
{
	static const char *const limits[] = {
		"/proc/sys/fs/nr_open", "/proc/sys/fs/file-max",
		"/proc/sys/fs/epoll/max_user_watches",
		"/proc/sys/fs/repoll/max_user_watches",
	};
	const struct rlimit files = { descriptors, descriptors };
	char text[32];
	int i;

	snprintf(text, sizeof(text), "%ld\n", 2 * descriptors);
	for (i = 0; i < ARRAY_SIZE(limits); i++)
		if (sysfile_write(limits[i], text))
			return -EPERM;
	return setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0;
}

/* The bytes of all slabs of this kind, including free objects. */
static double slab_bytes(const char *kind)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	char line[512], name[64];
	double bytes = 0;
	long pages, slabs;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line,
			   "%63s %*d %*d %*d %*d %ld : %*s %*d %*d %*d : %*s %*d %ld",
			   name, &pages, &slabs) == 3 &&
		    !strncmp(name, kind, strlen(kind)))
			bytes += (double)slabs * pages * sysconf(_SC_PAGESIZE);
	}
	if (file)
		fclose(file);
	return bytes;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), ascending);
	return values[n / 2];
}

/* The same items in every run, spread over the set. */
static int next_item(uint32_t *state, const int *fds, long n)
{
	*state = *state * 1664525 + 1013904223;
	return fds[(uint64_t)*state * n >> 32];
}

static double cost_of_ctl(const struct poller *p, int op, const int *fds,
			  int *err)
{
	struct epoll_event event = { .events = EPOLLIN };
	int64_t start = now_ns();
	int i;

	for (i = 0; i < BATCH; i++) {
		event.data.u64 = fds[i];
		if (p->ops->ctl(p->fd, op, fds[i], &event))
			*err = -EPROTO;
	}
	return (double)(now_ns() - start) / BATCH;
}

/* The cost of one event, in the middle of idle items. */
static double cost_of_fetch(const struct poller *p, const int *fds, int *err)
{
	struct epoll_event events[2];
	int64_t start, took = 0;
	eventfd_t value;
	int i, n;

	for (i = 0; i < BATCH; i++) {
		eventfd_write(fds[i], 1);
		start = now_ns();
		n = poller_wait(p, events, ARRAY_SIZE(events), NOT_AT_ALL);
		took += now_ns() - start;
		if (n != 1 || events[0].data.u64 != fds[i])
			*err = -EPROTO;
		eventfd_read(fds[i], &value);
		if (poller_wait(p, events, ARRAY_SIZE(events), NOT_AT_ALL))
			*err = -EPROTO;
	}
	return (double)took / BATCH;
}

/* All costs of an instance with @n items. */
static int measure(const struct poller_ops *ops, const int *fds, long n,
		   struct costs *costs, int at)
{
	const char *kind = ops == &repoll_ops ? "repoll_" : "eventpoll_";
	double values[COSTS][BATCHES];
	int batch, some[BATCH], i, err = 0;
	uint32_t state = 1;
	struct poller p;
	int64_t start;

	if (poller_open(&p, ops))
		return -EMFILE;
	for (i = 0; i < n && !err; i++)
		err = poller_add(&p, fds[i], EPOLLIN);
	costs->of[MEMORY][at] = slab_bytes(kind) / n;

	for (batch = 0; batch < BATCHES && !err; batch++) {
		for (i = 0; i < BATCH; i++)
			some[i] = next_item(&state, fds + (n / BATCH) * i,
					    n / BATCH);
		values[MODIFY][batch] =
			cost_of_ctl(&p, EPOLL_CTL_MOD, some, &err);
		values[FETCH][batch] = cost_of_fetch(&p, some, &err);
		values[DELETE][batch] =
			cost_of_ctl(&p, EPOLL_CTL_DEL, some, &err);
		values[ADD][batch] =
			cost_of_ctl(&p, EPOLL_CTL_ADD, some, &err);
	}
	for (i = 0; i < CLOSE && !err; i++)
		costs->of[i][at] = median(values[i], BATCHES);
	start = now_ns();
	close(p.fd);
	costs->of[CLOSE][at] = (double)(now_ns() - start) / n;
	return err;
}

static void print_costs(const struct costs costs[2], const long *sizes, int n)
{
	int cost, kind, i;

	printf("# %-32s", "items");
	for (i = 0; i < n; i++)
		printf("%9ld", sizes[i]);
	printf("\n");
	for (cost = 0; cost < COSTS; cost++) {
		for (kind = 0; kind < 2; kind++) {
			printf("# %-24s%-8s", kind ? "" : names[cost],
			       kind ? "epoll" : "repoll");
			for (i = 0; i < n; i++)
				printf("%9.0f", costs[kind].of[cost][i]);
			printf("\n");
		}
	}
}

static double log2_of(long n)
{
	return 63 - __builtin_clzll(n);
}

FIXTURE(scale) {
};

FIXTURE_SETUP(scale) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
}

FIXTURE_TEARDOWN(scale) {
}

/*
 *	P ---> 1,000, 10,000, 100,000, 1,000,000 eventfds
 */
TEST_F_TIMEOUT(scale, items, 1800)
{
	const struct poller_ops *const kinds[] = { &repoll_ops, &native_ops };
	long sizes[SIZES], items = items_wanted(), i;
	struct costs costs[2], *ours = &costs[0];
	int n = sizes_up_to(items, sizes), kind, at, cost;
	int *fds = calloc(items, sizeof(*fds));

	ASSERT_LT(0, items)
		TH_LOG("REPOLL_ITEMS must be a number of files");
	if (raise_limits(items + 1024))
		SKIP(return, "only root may raise the limits");
	for (i = 0; i < items; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	for (at = 0; at < n; at++) {
		for (kind = 0; kind < 2; kind++) {
			ASSERT_EQ(0, measure(kinds[kind], fds, sizes[at],
					     &costs[kind], at));
		}
	}
	print_costs(costs, sizes, n);

	for (at = 1; at < n; at++) {
		double deeper = log2_of(sizes[at]) / log2_of(sizes[0]);

		for (cost = ADD; cost <= DELETE; cost++)
			EXPECT_GT(ours->of[cost][0] * deeper * NOISE,
				  ours->of[cost][at]);
		EXPECT_GT(ours->of[FETCH][0] * NOISE, ours->of[FETCH][at]);
		/* This cost is measured once, with all disturbances. */
		EXPECT_GT(ours->of[CLOSE][0] * deeper * NOISE * NOISE,
			  ours->of[CLOSE][at]);
	}
	/*
	 * With fewer items, whole pages matter too much. A kernel with KASAN
	 * also counts the freed items that it keeps back; for epoll, too.
	 */
	for (at = 2; at < n; at++) {
		const double *epolls = costs[1].of[MEMORY];
		double growth = epolls[1] ? epolls[at] / epolls[1] : 1;

		EXPECT_GT(ours->of[MEMORY][1] * 1.2 * (growth > 1 ? growth : 1),
			  ours->of[MEMORY][at]);
		EXPECT_LT(ours->of[MEMORY][1] * 0.8 * (growth < 1 ? growth : 1),
			  ours->of[MEMORY][at]);
	}
	free(fds);
}

/*
 *	P ---> sockets, a fifth of the items: each one is reported, and no other
 */
TEST_F_TIMEOUT(scale, sockets, 1800)
{
	long pairs = items_wanted() / 10, i;
	int (*pair)[2] = calloc(pairs, sizeof(*pair));
	struct epoll_event events[2];
	struct poller p;

	if (raise_limits(2 * pairs + 1024))
		SKIP(return, "only root may raise the limits");
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	for (i = 0; i < pairs; i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
					pair[i]));
		ASSERT_EQ(0, poller_add(&p, pair[i][0], EPOLLIN));
		ASSERT_EQ(0, poller_add(&p, pair[i][1], EPOLLIN));
	}
	for (i = 0; i < pairs; i += 97) {
		ASSERT_EQ(0, put(pair[i][0]));
		ASSERT_EQ(1, poller_wait(&p, events, 2, NOT_AT_ALL));
		ASSERT_EQ(pair[i][1], events[0].data.u64);
		ASSERT_EQ(0, get(pair[i][1]));
		close(pair[i][1]);
		ASSERT_EQ(1, poller_wait(&p, events, 2, NOT_AT_ALL));
		ASSERT_EQ(pair[i][0], events[0].data.u64);
		ASSERT_EQ(EPOLLIN | EPOLLHUP, events[0].events);
		close(pair[i][0]);
	}
	EXPECT_EQ(0, poller_wait(&p, events, 2, NOT_AT_ALL));
	close(p.fd);
	free(pair);
}

/*
 *	10,000 instances ---> one eventfd, and one eventfd each
 */
TEST_F_TIMEOUT(scale, instances, 600)
{
	enum { INSTANCES = 10000 };
	static struct poller many[INSTANCES];
	static int own[INSTANCES];
	int all = eventfd(0, EFD_CLOEXEC), i;
	double before = slab_bytes("");
	eventfd_t value;

	if (raise_limits(2 * INSTANCES + 1024))
		SKIP(return, "only root may raise the limits");
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(0, poller_open(&many[i], &repoll_ops));
	}
	printf("# %d instances: %.0f bytes for each, with its file\n",
	       INSTANCES, (slab_bytes("") - before) / INSTANCES);
	for (i = 0; i < INSTANCES; i++) {
		own[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add(&many[i], all, EPOLLIN));
		ASSERT_EQ(0, poller_add(&many[i], own[i], EPOLLIN));
	}
	ASSERT_EQ(0, eventfd_write(all, 1));
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(1, poller_count(&many[i]));
		ASSERT_EQ(EPOLLIN, poller_now(&many[i], all));
	}
	ASSERT_EQ(0, eventfd_read(all, &value));
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(0, eventfd_write(own[i], 1));
		ASSERT_EQ(1, poller_count(&many[i]));
		ASSERT_EQ(EPOLLIN, poller_now(&many[i], own[i]));
		ASSERT_EQ(0, poller_count(&many[(i + 1) % INSTANCES]));
		ASSERT_EQ(0, eventfd_read(own[i], &value));
	}
}

/* Takes one of the available events, and ends. */
static void *take_one(void *arg)
{
	const struct poller *p = arg;
	struct epoll_event event;
	eventfd_t value;

	do {
		if (poller_wait(p, &event, 1, FOR_EVER) != 1)
			return "wait failed";
	} while (eventfd_read(event.data.u64, &value));
	return NULL;
}

/*
 *	1,000 waiters ---> P ---> a semaphore that is raised 1,000 times
 */
TEST_F_TIMEOUT(scale, waiters, 600)
{
	enum { WAITERS = 1000 };
	static pthread_t threads[WAITERS];
	int semaphore, i;
	pthread_attr_t attr;
	int64_t start;
	struct poller p;
	void *failure;

	semaphore = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ASSERT_EQ(0, poller_add(&p, semaphore, EPOLLIN));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + 65536);
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], &attr, take_one, &p));
	}
	start = now_ns();
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, eventfd_write(semaphore, 1));
	}
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failure));
		ASSERT_EQ(NULL, failure);
	}
	printf("# %d waiters: %.0f ns for each to get its event\n", WAITERS,
	       (double)(now_ns() - start) / WAITERS);
	EXPECT_EQ(0, poller_count(&p));
}

TEST_HARNESS_MAIN
