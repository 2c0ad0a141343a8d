// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints: what they record, in which order, and that they are registered and
 * removed with the module. Each test has its own trace buffer, which keeps the events of
 * all processors in one order.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "calls.h"
#include "module.h"
#include "pair.h"
#include "query.h"
#include "require.h"
#include "sysfile.h"
#include "waiter.h"

#define TRACEFS "/sys/kernel/tracing"
#define BUFFER TRACEFS "/instances/repoll_selftest"
#define EVENTS BUFFER "/events/repoll"
#define LINES 32

/* The recorded events of an instance: name and fields of each. */
struct record {
	unsigned long long id;
	char text[1 << 16];
	char *lines[LINES];
	int count;
	char expected[512];
};

FIXTURE(trace) {
	struct poller p;
	struct record r;
};

/* The number of an instance; 0 if that is unknown. */
static unsigned long long instance_of(int pfd)
{
	struct repoll_info info;

	return query_info(pfd, &info) ? 0 : info.id;
}

static unsigned long long ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static int switch_all(bool on)
{
	return sysfile_write(EVENTS "/enable", on ? "1" : "0");
}

static int clear(void)
{
	int fd = open(BUFFER "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -errno : close(fd);
}

FIXTURE_SETUP(trace) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid())
		SKIP(return, "only root may trace");
	if (access(TRACEFS "/instances", F_OK) &&
	    mount("trace", TRACEFS, "tracefs", 0, NULL))
		SKIP(return, "the kernel has no tracefs");
	rmdir(BUFFER);
	ASSERT_EQ(0, mkdir(BUFFER, 0700));
	ASSERT_EQ(0, sysfile_write(BUFFER "/trace_clock", "counter"));
	ASSERT_EQ(0, switch_all(true));
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->r.id = instance_of(self->p.fd);
	ASSERT_NE(0, self->r.id);
}

FIXTURE_TEARDOWN(trace) {
	close(self->p.fd);
	EXPECT_EQ(0, rmdir(BUFFER));
}

/* Reads the recorded events of the instance so far. */
static int read_lines(struct record *r)
{
	char instance[32], *line, *rest, *event;
	int err = sysfile_read(BUFFER "/trace", r->text, sizeof(r->text));
	size_t length;

	if (err < 0)
		return err;
	length = snprintf(instance, sizeof(instance), "instance=%llu", r->id);
	r->count = 0;
	for (line = strtok_r(r->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		event = strstr(line, ": repoll_");
		line = event ? strstr(event, instance) : NULL;
		if (!line || !strchr(" ", line[length]))
			continue;
		if (r->count == LINES)
			return -E2BIG;
		r->lines[r->count++] = event + 2;
	}
	return 0;
}

/* The event with this number. */
static const char *recorded(const struct record *r, int i)
{
	return i < r->count ? r->lines[i] : "nothing";
}

/* The expected event: name, then fields. */
static const char *wanted(struct record *r, const char *name,
			  const char *format, ...)
{
	char fields[256];
	va_list args;

	va_start(args, format);
	vsnprintf(fields, sizeof(fields), format, args);
	va_end(args);
	snprintf(r->expected, sizeof(r->expected),
		 "repoll_%s: instance=%llu%s", name, r->id, fields);
	return r->expected;
}

#define EXPECT_EVENT(i, ...) \
	EXPECT_STREQ(wanted(&self->r, __VA_ARGS__), recorded(&self->r, i))

/*
 *	a waiter ---> P ---> pipe <--- write
 */
TEST_F(trace, from_creation_to_release)
{
	struct waiter w;
	int fds[2], fd;
	unsigned long long ino;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	fd = fds[0];
	ino = ino_of(fd);
	ASSERT_EQ(0, poller_add_data(&self->p, fd, EPOLLIN, 0x1234567890abcdef));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, 0x1234567890abcdef));
	ASSERT_EQ(0, poller_del(&self->p, fd));
	close(self->p.fd);

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(9, self->r.count);
	EXPECT_EVENT(0, "create", " fifo=0");
	EXPECT_EVENT(1, "add",
		     " fd=%d ino=%llu events=0x19(IN|ERR|HUP) data=0x1234567890abcdef found=0x0()",
		     fd, ino);
	EXPECT_EVENT(2, "wait_enter", " maxevents=1 timeout=%lld", SOON);
	EXPECT_EVENT(3, "callback",
		     " fd=%d ino=%llu data=0x1234567890abcdef events=0x41(IN|RDNORM) interest=0x19(IN|ERR|HUP) result=listed",
		     fd, ino);
	EXPECT_EVENT(4, "wake", " sync=1");
	EXPECT_EVENT(5, "deliver",
		     " fd=%d events=0x1(IN) data=0x1234567890abcdef", fd);
	EXPECT_EVENT(6, "wait_exit", " ret=1");
	EXPECT_EVENT(7, "del", " fd=%d ino=%llu", fd, ino);
	EXPECT_EVENT(8, "release", "");
	close(fds[0]);
	close(fds[1]);
}

/*
 *	P ---> eventfd, which is ready; then with other interests; then one-shot
 */
TEST_F(trace, what_an_item_is_watched_for)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	unsigned long long ino = ino_of(efd);
	int i = 0;

	ASSERT_EQ(0, poller_add_data(&self->p, efd, EPOLLIN | EPOLLET, 1));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	ASSERT_EQ(0, poller_del(&self->p, efd));
	ASSERT_EQ(0, poller_add_data(&self->p, efd, EPOLLRDHUP, 2));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLOUT | EPOLLONESHOT));
	EXPECT_EQ(EPOLLOUT, poller_next(&self->p, efd));
	ASSERT_EQ(0, eventfd_write(efd, 1));

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EVENT(i++, "create", " fifo=0");
	EXPECT_EVENT(i++, "add",
		     " fd=%d ino=%llu events=0x80000019(IN|ERR|HUP|ET) data=0x1 found=0x0()",
		     efd, ino);
	EXPECT_EVENT(i++, "callback",
		     " fd=%d ino=%llu data=0x1 events=0x1(IN) interest=0x80000019(IN|ERR|HUP|ET) result=listed",
		     efd, ino);
	EXPECT_EVENT(i++, "callback",
		     " fd=%d ino=%llu data=0x1 events=0x1(IN) interest=0x80000019(IN|ERR|HUP|ET) result=pending",
		     efd, ino);
	EXPECT_EVENT(i++, "del", " fd=%d ino=%llu", efd, ino);
	EXPECT_EVENT(i++, "add",
		     " fd=%d ino=%llu events=0x2018(ERR|HUP|RDHUP) data=0x2 found=0x0()",
		     efd, ino);
	EXPECT_EVENT(i++, "callback",
		     " fd=%d ino=%llu data=0x2 events=0x1(IN) interest=0x2018(ERR|HUP|RDHUP) result=ignored",
		     efd, ino);
	EXPECT_EVENT(i++, "mod",
		     " fd=%d ino=%llu events=0x4000001c(OUT|ERR|HUP|ONESHOT) data=%#x found=0x4(OUT)",
		     efd, ino, efd);
	EXPECT_EVENT(i++, "wait_enter", " maxevents=1 timeout=%lld", SOON);
	EXPECT_EVENT(i++, "deliver",
		     " fd=%d events=0x4(OUT) data=%#x", efd, efd);
	EXPECT_EVENT(i++, "wait_exit", " ret=1");
	/* The one-shot item is disarmed. */
	EXPECT_EVENT(i++, "callback",
		     " fd=%d ino=%llu data=%#x events=0x1(IN) interest=0x40000000(ONESHOT) result=ignored",
		     efd, ino, efd);
	EXPECT_EQ(i, self->r.count);
	close(efd);
}

/*
 *	P ---> socket, which is closed by both
 */
TEST_F(trace, closed_file)
{
	unsigned long long ino;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ino = ino_of(sv[0]);
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN));
	close(sv[0]);

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(3, self->r.count);
	EXPECT_EVENT(2, "drop",
		     " fd=%d ino=%llu data=%#x reason=closed", sv[0], ino,
		     sv[0]);
	close(sv[1]);
}

/* Waits for an event in the buffer, and reads its line. */
static int next_line(const char *event, char *line, size_t size)
{
	FILE *file = fopen(BUFFER "/trace_pipe", "re");
	int err = -ENOENT;

	if (!file)
		return -errno;
	while (err && fgets(line, size, file))
		if (strstr(line, event))
			err = 0;
	fclose(file);
	return err;
}

/*
 *	P ---> the master of a pseudo-terminal, whose close nothing shows
 */
TEST_F(trace, closed_file_that_was_held)
{
	char line[512], expected[128];
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0)
		SKIP(return, "no pseudo-terminals");
	snprintf(expected, sizeof(expected),
		 "instance=%llu fd=%d ino=%llu data=%#x reason=abandoned",
		 self->r.id, master, ino_of(master), master);
	ASSERT_EQ(0, poller_add(&self->p, master, EPOLLIN));
	close(master);
	/* If the event does not come, the harness ends the wait. */
	ASSERT_EQ(0, next_line(": repoll_drop:", line, sizeof(line)));
	EXPECT_TRUE(!!strstr(line, expected))
		TH_LOG("%s", line);
}

/*
 *	waits without events, and one that is refused
 */
TEST_F(trace, waits_that_get_nothing)
{
	struct epoll_event event;
	int i = 1;

	EXPECT_EQ(0, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	EXPECT_EQ(0, poller_wait(&self->p, &event, 8, 1000));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, 0, NOT_AT_ALL));

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EVENT(i++, "wait_enter", " maxevents=1 timeout=0");
	EXPECT_EVENT(i++, "wait_exit", " ret=0");
	EXPECT_EVENT(i++, "wait_enter", " maxevents=8 timeout=1000");
	EXPECT_EVENT(i++, "wait_exit", " ret=0");
	EXPECT_EVENT(i++, "wait_enter", " maxevents=0 timeout=0");
	EXPECT_EVENT(i++, "wait_exit", " ret=%d", -EINVAL);
	EXPECT_EQ(i, self->r.count);
}

/*
 *	direct calls: WAIT, and CHANGE_WAIT, some of which are refused
 */
TEST_F(trace, waits_by_direct_calls)
{
	struct epoll_event event;
	int efd = eventfd(1, EFD_CLOEXEC), pfd = self->p.fd, i = 1;
	const struct repoll_change_wait change = {
		.op = EPOLL_CTL_ADD, .fd = efd, .events = EPOLLIN, .data = 7,
		.to = (uintptr_t)&event,
	};

	EXPECT_EQ(0, call_directly(pfd, (uintptr_t)&event, REPOLL_DIRECT_PAIR(8, 3),
				   REPOLL_DIRECT_WAIT));
	EXPECT_EQ(-EINVAL, call_directly(pfd, 0, REPOLL_DIRECT_PAIR(-1, 0),
					 REPOLL_DIRECT_WAIT));
	EXPECT_EQ(-EINVAL, call_directly(pfd, (uintptr_t)&change, 0,
					 REPOLL_DIRECT_CHANGE_WAIT));
	EXPECT_EQ(1, call_directly(pfd, (uintptr_t)&change, REPOLL_DIRECT_PAIR(2, 5),
				   REPOLL_DIRECT_CHANGE_WAIT));
	EXPECT_EQ(-EEXIST, call_directly(pfd, (uintptr_t)&change,
					 REPOLL_DIRECT_PAIR(2, 5),
					 REPOLL_DIRECT_CHANGE_WAIT));
	EXPECT_EQ(1, call_directly(pfd, (uintptr_t)&event, REPOLL_DIRECT_PAIR(1, -1),
				   REPOLL_DIRECT_WAIT));

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EVENT(i++, "wait_enter", " maxevents=8 timeout=%lld", 3 * NSEC_PER_MSEC);
	EXPECT_EVENT(i++, "wait_exit", " ret=0");
	EXPECT_EVENT(i++, "wait_enter", " maxevents=-1 timeout=0");
	EXPECT_EVENT(i++, "wait_exit", " ret=%d", -EINVAL);
	/* A failed change prevents the wait; an invalid wait prevents the change. */
	EXPECT_EVENT(i++, "add",
		     " fd=%d ino=%llu events=0x19(IN|ERR|HUP) data=0x7 found=0x1(IN)",
		     efd, ino_of(efd));
	EXPECT_EVENT(i++, "wait_enter", " maxevents=2 timeout=%lld", 5 * NSEC_PER_MSEC);
	EXPECT_EVENT(i++, "deliver", " fd=%d events=0x1(IN) data=0x7", efd);
	EXPECT_EVENT(i++, "wait_exit", " ret=1");
	EXPECT_EVENT(i++, "wait_enter", " maxevents=1 timeout=%lld", -NSEC_PER_MSEC);
	EXPECT_EVENT(i++, "deliver", " fd=%d events=0x1(IN) data=0x7", efd);
	EXPECT_EVENT(i++, "wait_exit", " ret=1");
	EXPECT_EQ(i, self->r.count);
	close(efd);
}

/*
 *	only repoll_add is enabled, for that instance; then nothing is
 */
TEST_F(trace, events_that_are_off_are_not_recorded)
{
	struct poller other;
	char filter[64];
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, switch_all(false));
	ASSERT_EQ(0, clear());
	snprintf(filter, sizeof(filter), "instance == %llu", self->r.id);
	ASSERT_EQ(0, sysfile_write(EVENTS "/repoll_add/filter", filter));
	ASSERT_EQ(0, sysfile_write(EVENTS "/repoll_add/enable", "1"));
	ASSERT_EQ(0, poller_open(&other, &repoll_ops));
	ASSERT_EQ(0, poller_add(&other, efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, efd));
	ASSERT_EQ(0, switch_all(false));
	ASSERT_EQ(0, poller_del(&self->p, efd));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));

	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(1, self->r.count);
	EXPECT_EVENT(0, "add",
		     " fd=%d ino=%llu events=0x19(IN|ERR|HUP) data=%#x found=0x1(IN)",
		     efd, ino_of(efd), efd);
	self->r.id = instance_of(other.fd);
	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(0, self->r.count);
	close(other.fd);
	close(efd);
}

struct switcher {
	pthread_t thread;
	bool stop;
	int result;
	int rounds;
};

static void *switch_on_and_off(void *arg)
{
	struct switcher *switcher = arg;

	while (!__atomic_load_n(&switcher->stop, __ATOMIC_RELAXED)) {
		switcher->result |= switch_all(true) | switch_all(false);
		__atomic_add_fetch(&switcher->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 *	a waiter ---> P ---> pipe <--- write, while all events are enabled and disabled
 */
TEST_F(trace, switched_under_load)
{
	struct switcher switcher = {};
	struct waiter w;
	int fds[2];

	ASSERT_EQ(0, pthread_create(&switcher.thread, NULL, switch_on_and_off,
				    &switcher));
	while (__atomic_load_n(&switcher.rounds, __ATOMIC_RELAXED) < 40) {
		ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
		ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, put(fds[1]));
		ASSERT_EQ(EPOLLIN, waiter_event(&w, fds[0]));
		ASSERT_EQ(0, get(fds[0]));
		ASSERT_EQ(0, poller_mod(&self->p, fds[0], EPOLLIN | EPOLLET));
		ASSERT_EQ(0, poller_count(&self->p));
		close(fds[0]);
		close(fds[1]);
	}
	__atomic_store_n(&switcher.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(switcher.thread, NULL));
	EXPECT_EQ(0, switcher.result);
}

/*
 *	unload while the module's events are enabled; then load again
 */
TEST_F(trace, events_go_with_the_module)
{
	char text[8];

	if (!getenv("REPOLL_MODULE"))
		SKIP(return, "REPOLL_MODULE does not name the module's file");
	close(self->p.fd);
	ASSERT_EQ(0, read_lines(&self->r));
	ASSERT_EQ(2, self->r.count);
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-1, access(EVENTS, F_OK));
	EXPECT_EQ(-1, access(TRACEFS "/events/repoll", F_OK));
	/* The recorded events can no longer be decoded. */
	EXPECT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(0, self->r.count);

	ASSERT_EQ(0, load());
	EXPECT_EQ(2, sysfile_read(EVENTS "/enable", text, sizeof(text)));
	EXPECT_EQ('0', text[0]);
	ASSERT_EQ(0, switch_all(true));
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->r.id = instance_of(self->p.fd);
	ASSERT_EQ(0, read_lines(&self->r));
	EXPECT_EQ(1, self->r.count);
	EXPECT_EVENT(0, "create", " fifo=0");
}

TEST_HARNESS_MAIN
