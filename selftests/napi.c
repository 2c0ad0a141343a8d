// SPDX-License-Identifier: GPL-2.0
/*
 * Busy polling of a network device, which is one of a pair of veth devices.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "require.h"
#include "veth.h"
#include "waiter.h"

#define USEC_PER_SEC 1000000
#define NSEC_PER_USEC 1000

/* The longest useful time: epoll spins until then, even if it is killed. */
static const struct epoll_params lasting = {
	.busy_poll_usecs = SOON / NSEC_PER_USEC,
	.busy_poll_budget = 8,
};

static const struct epoll_params brief = {
	.busy_poll_usecs = USEC_PER_SEC / 10,
	.busy_poll_budget = 8,
};

static const struct epoll_params none;

static int set(const struct poller *p, struct epoll_params params)
{
	return ioctl(p->fd, EPIOCSPARAMS, &params) ? -errno : 0;
}

FIXTURE(napi) {
	struct poller p;
	int tx;
	int rx;
};

FIXTURE_VARIANT(napi) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(napi, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(napi, repoll) {
	.ops = &repoll_ops,
};

FIXTURE_SETUP(napi) {
	int err;

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid())
		SKIP(return, "only root may make network devices");
	err = veth_sockets(&self->tx, &self->rx);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no veth devices");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, poller_open(&self->p, variant->ops));
	ASSERT_EQ(0, poller_add(&self->p, self->rx, EPOLLIN));
}

FIXTURE_TEARDOWN(napi) {
	close(self->p.fd);
	close(self->rx);
	close(self->tx);
}

static int receive(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/*
 * Sends a packet, from which the poller learns the queue if it busy-polls. Returns the
 * queue's number, or 0.
 */
static int teach(const struct poller *p, int tx, int rx)
{
	socklen_t size = sizeof(int);
	int id = 0;

	if (send(tx, "", 1, 0) != 1 ||
	    poller_next(p, rx) != EPOLLIN || receive(rx) ||
	    getsockopt(rx, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &size))
		return 0;
	return id;
}

/* How often the calling thread has slept. */
static long times_slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* A thread that waits once, and counts how often it sleeps meanwhile. */
struct spinner {
	struct poller p;
	pthread_t thread;
	pid_t tid;
	uint32_t events;
	long slept;
};

static void *spin(void *arg)
{
	struct spinner *s = arg;
	struct epoll_event event = {};
	long before = times_slept();

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	if (poller_wait(&s->p, &event, 1, SOON) == 1)
		s->events = event.events;
	s->slept = times_slept() - before;
	return NULL;
}

/*
 * Starts the thread. Returns true once it has used the processor for longer than it would
 * need to go to sleep; false if it sleeps.
 */
static bool spinner_start(struct spinner *s, const struct poller *p)
{
	int64_t deadline = now_ns() + SOON;
	struct timespec used = {};
	clockid_t clock;
	pid_t tid;

	*s = (struct spinner) { .p = *p };
	if (pthread_create(&s->thread, NULL, spin, s) ||
	    pthread_getcpuclockid(s->thread, &clock))
		return false;
	while (!used.tv_sec && used.tv_nsec < 20 * NSEC_PER_MSEC) {
		tid = __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE);
		if (is_waiting(tid, p->ops) || now_ns() > deadline)
			return false;
		sched_yield();
		clock_gettime(clock, &used);
	}
	return true;
}

/* The number of packets in this namespace that were taken by busy polling. */
static long packets_polled(void)
{
	char names[8192], values[8192], *name, *value, *n, *v;
	FILE *file = fopen("/proc/net/netstat", "re");
	long packets = -1;

	if (!file)
		return -1;
	while (packets < 0 && fgets(names, sizeof(names), file) &&
	       fgets(values, sizeof(values), file)) {
		name = strtok_r(names, "\n ", &n);
		value = strtok_r(values, "\n ", &v);
		while (name && value) {
			if (!strcmp(name, "BusyPollRxPackets"))
				packets = atol(value);
			name = strtok_r(NULL, "\n ", &n);
			value = strtok_r(NULL, "\n ", &v);
		}
	}
	fclose(file);
	return packets;
}

/*
 *	wait ---> P ---> rx: spins until a packet comes, and again
 */
TEST_F(napi, spins_until_a_packet_comes)
{
	struct spinner s;
	int i;

	ASSERT_EQ(0, set(&self->p, lasting));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(spinner_start(&s, &self->p));
		ASSERT_EQ(1, send(self->tx, "", 1, 0));
		pthread_join(s.thread, NULL);
		EXPECT_EQ(EPOLLIN, s.events);
		EXPECT_EQ(0, s.slept);
		EXPECT_EQ(0, receive(self->rx));
	}
}

/*
 *	wait ---> P ---> rx: it takes packets from the device
 *
 * Not all of them: the sender's processor may take packets whenever the spinner lets
 * another task run. With one processor, it always does.
 */
TEST_F(napi, takes_packets)
{
	int64_t deadline = now_ns() + SOON;
	struct spinner s;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor");
	ASSERT_EQ(0, set(&self->p, lasting));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	ASSERT_EQ(0, packets_polled());
	while (!packets_polled() && now_ns() < deadline) {
		ASSERT_TRUE(spinner_start(&s, &self->p));
		ASSERT_EQ(1, send(self->tx, "", 1, 0));
		pthread_join(s.thread, NULL);
		ASSERT_EQ(0, receive(self->rx));
	}
	EXPECT_LT(0, packets_polled());
}

/*
 *	wait ---> P ---> rx: sleeps after the time, and is woken
 */
TEST_F(napi, sleeps_after_the_time)
{
	struct waiter w;
	int64_t start;

	ASSERT_EQ(0, set(&self->p, brief));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	start = now_ns();
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	EXPECT_LE(brief.busy_poll_usecs * NSEC_PER_USEC, now_ns() - start);
	ASSERT_EQ(1, send(self->tx, "", 1, 0));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->rx));
}

/*
 *	wait ---> P ---> rx, no packet: the next wait does not spin until a packet has come
 */
TEST_F(napi, forgets_an_idle_queue)
{
	struct epoll_event event;
	struct spinner s;
	struct waiter w;

	ASSERT_EQ(0, set(&self->p, brief));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	EXPECT_EQ(0, poller_wait(&self->p, &event, 1, NSEC_PER_MSEC));
	ASSERT_EQ(0, set(&self->p, lasting));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(1, send(self->tx, "", 1, 0));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->rx));
	EXPECT_EQ(0, receive(self->rx));
	ASSERT_TRUE(spinner_start(&s, &self->p));
	ASSERT_EQ(1, send(self->tx, "", 1, 0));
	pthread_join(s.thread, NULL);
	EXPECT_EQ(EPOLLIN, s.events);
}

/*
 *	wait ---> P, where busy polling was disabled: sleeps
 */
TEST_F(napi, sleeps_when_off)
{
	struct waiter w;

	ASSERT_EQ(0, set(&self->p, lasting));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	ASSERT_EQ(0, set(&self->p, none));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(1, send(self->tx, "", 1, 0));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->rx));
}

static void ignore(int signal)
{
	(void)signal;
}

/*
 *	signal ---> wait ---> P: ends without sleep; on epoll, after the time for
 *	spinning; on repoll, at once, and it still knows the queue
 */
TEST_F(napi, signal_ends_it)
{
	bool at_once = variant->ops == &repoll_ops;
	struct sigaction action = { .sa_handler = ignore };
	static const char unblocked[KERNEL_SIGSET_SIZE];
	struct epoll_event event;
	struct spinner s;
	sigset_t blocked;
	int64_t start, took;
	long slept;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &blocked, NULL));
	ASSERT_EQ(0, set(&self->p, at_once ? lasting : brief));
	ASSERT_NE(0, teach(&self->p, self->tx, self->rx));
	ASSERT_EQ(0, raise(SIGUSR1));
	slept = times_slept();
	start = now_ns();
	EXPECT_EQ(-EINTR, self->p.ops->wait(self->p.fd, &event, 1, SOON,
					    unblocked, KERNEL_SIGSET_SIZE));
	took = now_ns() - start;
	EXPECT_EQ(slept, times_slept());
	if (at_once) {
		EXPECT_GT(SOON / 2, took);
		ASSERT_TRUE(spinner_start(&s, &self->p));
		ASSERT_EQ(1, send(self->tx, "", 1, 0));
		pthread_join(s.thread, NULL);
		EXPECT_EQ(EPOLLIN, s.events);
	} else {
		EXPECT_LE(brief.busy_poll_usecs * NSEC_PER_USEC, took);
	}
}

TEST_HARNESS_MAIN
