// SPDX-License-Identifier: GPL-2.0
/*
 * Bad input, separately and in combination.
 *
 * Where native epoll offers the same call, both get every combination of arguments and must return
 * the same error, so this also compares the order in which errors take precedence. Tables contain
 * the input that only repoll has (flags, padding, numbers of ioctls).
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "calls.h"
#include "fixture.h"

#define MAX_EVENTS ((int)(INT_MAX / sizeof(struct epoll_event)))

/* An address that can neither be read nor written. */
static void *hole(void)
{
	void *page = mmap(NULL, getpagesize(), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* A kernel address. */
static void *kernel_address(void)
{
	return (void *)(uintptr_t)-4096;
}

enum target {
	NO_FD, CLOSED_FD, HUGE_FD, REGULAR_FILE, DIRECTORY, PATH_ONLY, ITSELF,
	COPY_OF_ITSELF, WATCHED, WATCHED_EXCLUSIVELY, UNWATCHED, TARGETS
};

static const char * const target_names[] = {
	"no fd", "closed fd", "huge fd", "regular file", "directory", "O_PATH",
	"itself", "copy of itself", "watched", "watched exclusively",
	"unwatched",
};

static int target_fd(enum target target, const struct poller *p, int self_copy,
		     const int *efds)
{
	static int closed, file, dir, path;

	if (!closed) {
		closed = dup(STDIN_FILENO);
		close(closed);
		closed += 100; /* far from descriptors that are opened later */
		file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		path = open("/dev/null", O_PATH | O_CLOEXEC);
	}
	switch (target) {
	case NO_FD:
		return -1;
	case CLOSED_FD:
		return closed;
	case HUGE_FD:
		return INT_MAX;
	case REGULAR_FILE:
		return file;
	case DIRECTORY:
		return dir;
	case PATH_ONLY:
		return path;
	case ITSELF:
		return p->fd;
	case COPY_OF_ITSELF:
		return self_copy;
	default:
		return efds[target - WATCHED];
	}
}

/* One call of ctl on a new instance that has two items. */
static int ctl_once(const struct poller_ops *ops, int op, enum target target,
		    struct epoll_event *event, const int *efds)
{
	struct poller p;
	int ret, copy;

	ret = poller_open(&p, ops);
	if (ret)
		return INT_MIN;
	copy = dup(p.fd);
	if (poller_add(&p, efds[0], EPOLLIN) ||
	    poller_add(&p, efds[1], EPOLLIN | EPOLLEXCLUSIVE))
		ret = INT_MIN;
	else
		ret = ops->ctl(p.fd, op, target_fd(target, &p, copy, efds),
			       event);
	close(copy);
	close(p.fd);
	return ret;
}

/* The same by ioctl and by a direct call, unless only an address can represent the event. */
static int ctl_both_ways(int op, enum target target, struct epoll_event *event,
			 const int *efds, bool readable)
{
	int by_ioctl, directly;

	calls_go(BY_IOCTL);
	by_ioctl = ctl_once(&repoll_ops, op, target, event, efds);
	if (!readable)
		return by_ioctl;
	calls_go(DIRECTLY);
	directly = ctl_once(&repoll_ops, op, target, event, efds);
	return by_ioctl == directly ? directly : INT_MIN;
}

/*
 *	                .---> native epoll ---------------.
 *	(op, fd, event)                                   compare
 *	                `---> repoll, ioctl and direct ---'
 */
TEST(ctl_errors_are_those_of_epoll)
{
	static const int ops[] = {
		EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, 0, 4, -1, INT_MIN,
	};
	static const uint32_t masks[] = {
		EPOLLIN, 0, EPOLLIN | EPOLLEXCLUSIVE, EPOLLPRI | EPOLLEXCLUSIVE,
		EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE, ~0u,
		~(uint32_t)EPOLLEXCLUSIVE,
	};
	int efds[3] = {
		eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
	};
	struct epoll_event event, *pointer;
	unsigned int op, mask, seen = 0;
	int target, native, repoll;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	for (op = 0; op < ARRAY_SIZE(ops); op++) {
		for (target = 0; target < TARGETS; target++) {
			/* The masks are followed by two bad pointers. */
			for (mask = 0; mask < ARRAY_SIZE(masks) + 2; mask++) {
				pointer = &event;
				if (mask == ARRAY_SIZE(masks))
					pointer = NULL;
				else if (mask > ARRAY_SIZE(masks))
					pointer = kernel_address();
				else
					event.events = masks[mask];
				native = ctl_once(&native_ops, ops[op], target,
						  pointer, efds);
				if (pointer == &event)
					event.events = masks[mask];
				repoll = ctl_both_ways(ops[op], target, pointer,
						       efds, pointer == &event);
				ASSERT_NE(INT_MIN, native);
				ASSERT_NE(INT_MIN, repoll);
				EXPECT_EQ(native, repoll)
					TH_LOG("op %d, %s, event %p (%#x)",
					       ops[op], target_names[target],
					       pointer, event.events);
				seen |= 1u << -native;
			}
		}
	}
	/* The native side must really have returned every error. */
	EXPECT_EQ(1u << 0 | 1u << EPERM | 1u << ENOENT | 1u << EBADF |
		  1u << EFAULT | 1u << EEXIST | 1u << EINVAL, seen);
}

/* Takes the last digit, of this base, off a number. */
static unsigned int take_digit(unsigned int *number, unsigned int base)
{
	unsigned int digit = *number % base;

	*number /= base;
	return digit;
}

/*
 *	                               .---> native epoll ---------------.
 *	(maxevents, array, mask, size)                                   compare
 *	                               `---> repoll, ioctl and direct ---'
 */
TEST(wait_errors_are_those_of_epoll)
{
	static const int counts[] = {
		INT_MIN, -1, 0, 1, MAX_EVENTS, MAX_EVENTS + 1, INT_MAX,
	};
	static const size_t sizes[] = { 0, 4, KERNEL_SIGSET_SIZE, 16, 128 };
	static struct epoll_event array[1];
	void *arrays[] = { array, NULL, hole(), kernel_address() };
	const uint64_t empty_mask = 0;
	const void *masks[] = { NULL, &empty_mask, hole(), kernel_address() };
	const unsigned int combinations = ARRAY_SIZE(counts) *
		ARRAY_SIZE(sizes) * ARRAY_SIZE(arrays) * ARRAY_SIZE(masks);
	unsigned int ready, i, rest, count, size, where, mask;
	int efd = eventfd(0, EFD_CLOEXEC), native, repoll;
	struct poller n, r;
	enum way way;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_TRUE(!!arrays[2]);
	ASSERT_TRUE(!!masks[2]);
	ASSERT_EQ(0, poller_open(&n, &native_ops));
	ASSERT_EQ(0, poller_open(&r, &repoll_ops));
	ASSERT_EQ(0, poller_add(&n, efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&r, efd, EPOLLIN));

	for (ready = 0; ready < 2; ready++) {
		for (i = 0; i < combinations; i++) {
			rest = i;
			count = take_digit(&rest, ARRAY_SIZE(counts));
			size = take_digit(&rest, ARRAY_SIZE(sizes));
			where = take_digit(&rest, ARRAY_SIZE(arrays));
			mask = take_digit(&rest, ARRAY_SIZE(masks));
			native = native_ops.wait(n.fd, arrays[where],
						 counts[count], NOT_AT_ALL,
						 masks[mask], sizes[size]);
			for (way = BY_IOCTL; way <= DIRECTLY; way++) {
				calls_go(way);
				repoll = repoll_ops.wait(r.fd, arrays[where],
							 counts[count], NOT_AT_ALL,
							 masks[mask], sizes[size]);
				EXPECT_EQ(native, repoll)
					TH_LOG("%d, array %p, mask %p, size %zu, ready %u, way %d",
					       counts[count], arrays[where],
					       masks[mask], sizes[size], ready, way);
			}
		}
		ASSERT_EQ(0, eventfd_write(efd, 1));
	}
	EXPECT_EQ(EPOLLIN, poller_now(&n, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&r, efd));
}

struct ioctl_case {
	const char *what;
	unsigned long cmd;
	const void *arg;
	int error;
};

static int ioctl_errno(int fd, const struct ioctl_case *c)
{
	return ioctl(fd, c->cmd, c->arg) < 0 ? errno : 0;
}

/*
 *	bad ioctl ---> /dev/repoll	without leaving a descriptor behind
 */
TEST(node_refuses_bad_input)
{
	static const struct repoll_create flag = { .flags = REPOLL_FIFO << 1 };
	static const struct repoll_create top_flag = { .flags = 1u << 31 };
	static const struct repoll_create native_flag = { .flags = O_CLOEXEC };
	static const struct repoll_create padding = { .__pad = 1 };
	static const struct repoll_create good;
	const struct ioctl_case cases[] = {
		{ "unknown flag", REPOLL_CREATE, &flag, EINVAL },
		{ "highest flag", REPOLL_CREATE, &top_flag, EINVAL },
		{ "epoll's flag", REPOLL_CREATE, &native_flag, EINVAL },
		{ "padding", REPOLL_CREATE, &padding, EINVAL },
		{ "null", REPOLL_CREATE, NULL, EFAULT },
		{ "hole", REPOLL_CREATE, hole(), EFAULT },
		{ "kernel address", REPOLL_CREATE, kernel_address(), EFAULT },
		{ "ctl", REPOLL_CTL, &good, ENOTTY },
		{ "wait", REPOLL_WAIT, &good, ENOTTY },
		{ "unknown number", _IO(REPOLL_IOC_TYPE, 0xff), &good, ENOTTY },
		{ "other size", _IOW(REPOLL_IOC_TYPE, 0, char), &good, ENOTTY },
		{ "other way", _IOR(REPOLL_IOC_TYPE, 0, struct repoll_create),
		  &good, ENOTTY },
		{ "terminal's", TCGETS, NULL, ENOTTY },
	};
	int node, before, after;
	unsigned int i;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);
	before = dup(node);
	close(before);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].error, ioctl_errno(node, &cases[i]))
			TH_LOG("%s", cases[i].what);
	}
	after = dup(node);
	EXPECT_EQ(before, after);
	close(after);
	close(node);
}

/*
 *	bad ioctl ---> instance
 */
TEST(instance_refuses_bad_input)
{
	static struct epoll_event event = { .events = EPOLLIN };
	const uint64_t at = (uintptr_t)&event;
	int efd = eventfd(1, EFD_CLOEXEC);
	const struct repoll_create create = {};
	const struct repoll_ctl flag = {
		.op = EPOLL_CTL_ADD, .fd = efd, .event = at, .flags = 1,
	};
	const struct repoll_ctl padding = {
		.op = EPOLL_CTL_ADD, .fd = efd, .event = at, .__pad = 1,
	};
	const struct repoll_ctl flag_no_fd = {
		.op = EPOLL_CTL_ADD, .fd = -1, .event = at, .flags = 1u << 31,
	};
	const struct repoll_ctl flag_no_event = {
		.op = EPOLL_CTL_ADD, .fd = efd, .flags = 1,
	};
	const struct repoll_wait wait_flag = {
		.events = at, .maxevents = 1, .flags = 1,
	};
	const struct repoll_wait wait_padding = {
		.events = at, .maxevents = 1, .__pad = 1,
	};
	const struct ioctl_case cases[] = {
		{ "create", REPOLL_CREATE, &create, ENOTTY },
		{ "unknown number", _IO(REPOLL_IOC_TYPE, 0xff), NULL, ENOTTY },
		{ "other size", _IOW(REPOLL_IOC_TYPE, 1, char), &flag, ENOTTY },
		{ "other way", _IOR(REPOLL_IOC_TYPE, 2, struct repoll_wait),
		  &wait_flag, ENOTTY },
		{ "terminal's", TCGETS, NULL, ENOTTY },
		{ "ctl: null", REPOLL_CTL, NULL, EFAULT },
		{ "ctl: hole", REPOLL_CTL, hole(), EFAULT },
		{ "ctl: kernel address", REPOLL_CTL, kernel_address(), EFAULT },
		{ "ctl: flag", REPOLL_CTL, &flag, EINVAL },
		{ "ctl: padding", REPOLL_CTL, &padding, EINVAL },
		{ "ctl: flag, no fd", REPOLL_CTL, &flag_no_fd, EINVAL },
		{ "ctl: flag, no event", REPOLL_CTL, &flag_no_event, EFAULT },
		{ "wait: null", REPOLL_WAIT, NULL, EFAULT },
		{ "wait: hole", REPOLL_WAIT, hole(), EFAULT },
		{ "wait: kernel address", REPOLL_WAIT, kernel_address(), EFAULT },
		{ "wait: flag", REPOLL_WAIT, &wait_flag, EINVAL },
		{ "wait: padding", REPOLL_WAIT, &wait_padding, EINVAL },
	};
	struct poller p;
	unsigned int i;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].error, ioctl_errno(p.fd, &cases[i]))
			TH_LOG("%s", cases[i].what);
	}
	/* None of these calls has added the file or consumed the event. */
	EXPECT_EQ(0, poller_count(&p));
	EXPECT_EQ(0, poller_add(&p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&p, efd));
	close(p.fd);
	close(efd);
}

/*
 *	repoll ---> itself, /dev/repoll; or, exclusively, repoll, native epoll: none of
 *	these can be watched
 */
TEST(what_cannot_be_watched)
{
	struct poller p, other, native;
	int node;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ASSERT_EQ(0, poller_open(&other, &repoll_ops));
	ASSERT_EQ(0, poller_open(&native, &native_ops));
	node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);

	EXPECT_EQ(-EINVAL, poller_add(&p, p.fd, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_add(&p, other.fd, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(-EINVAL, poller_add(&p, native.fd, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(-ENOENT, poller_mod(&p, other.fd, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&p, native.fd));
	EXPECT_EQ(-EPERM, poller_add(&p, node, EPOLLIN));
	close(node);
	close(native.fd);
	close(other.fd);
	close(p.fd);
}

/*
 *	ctl, wait ---> a descriptor that is not open
 */
TEST_F(poller, closed_instance)
{
	struct poller gone = { .ops = variant->ops };
	int efd = eventfd(1, EFD_CLOEXEC);

	gone.fd = dup(self->p.fd);
	ASSERT_LE(0, gone.fd);
	close(gone.fd);
	EXPECT_EQ(-EBADF, poller_add(&gone, efd, EPOLLIN));
	EXPECT_EQ(-EBADF, poller_count(&gone));
	close(efd);
}

TEST_HARNESS_MAIN
