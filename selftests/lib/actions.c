// SPDX-License-Identifier: GPL-2.0

#include "actions.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <unistd.h>

#include "slab.h"
#include "waiter.h"

/* More watches than make a file crowded. */
#define CROWD 40

static int create(struct fault_test *test)
{
	return test->p.ops->create(false);
}

static int create_to_be_closed(struct fault_test *test)
{
	return test->p.ops->create(true);
}

static const char *check_created(struct fault_test *test, int fd)
{
	struct poller p = { .ops = test->p.ops, .fd = fd };
	int efd = eventfd(1, EFD_CLOEXEC);
	bool works = !poller_add(&p, efd, EPOLLIN) && poller_count(&p) == 1;

	close(efd);
	close(fd);
	return works ? NULL : "the new instance does not work";
}

const struct action create_plain = { NULL, create, check_created };
const struct action create_cloexec = { NULL, create_to_be_closed, check_created };

static int open_file(struct fault_test *test)
{
	return test_file_open(&test->s, test->kind);
}

static int add(struct fault_test *test)
{
	return poller_add_data(&test->p, test->s.fd, test->events, DATA);
}

/* The item reports events until it is deleted. */
static const char *check_added(struct fault_test *test, int result)
{
	(void)result;
	if (poller_count(&test->p))
		return "it is ready too early";
	if (test->kind->fire(&test->s) ||
	    !(poller_next(&test->p, DATA) & EPOLLIN))
		return "its event does not come";
	if (poller_del(&test->p, test->s.fd) || poller_count(&test->p))
		return "it cannot be deleted";
	test_file_close(&test->s);
	return NULL;
}

const struct action add_file = { open_file, add, check_added };

static const char *check_first(struct fault_test *test, int result)
{
	int64_t deadline = now_ns() + SOON;
	long marks = slab_objects("fsnotify_mark_connector");
	const char *problem = check_added(test, result);

	/* The mark is removed after the instance is closed; a worker does that. */
	close(test->p.fd);
	if (poller_open(&test->p, test->p.ops))
		return "cannot create another instance";
	while (test->p.ops == &repoll_ops && marks > 0 &&
	       slab_objects("fsnotify_mark_connector") >= marks) {
		if (now_ns() > deadline)
			return "the mark is not removed";
		poll(NULL, 0, 1);
	}
	return problem;
}

const struct action add_first = { open_file, add, check_first };

static int open_fifo_alone(struct fault_test *test)
{
	int err;

	if (mount("repoll", "/tmp", "tmpfs", 0, NULL))
		return -errno;
	err = open_file(test);
	umount2("/tmp", MNT_DETACH);
	return err;
}

const struct action add_alone = { open_fifo_alone, add, check_added };

static int copies[CROWD];

static int open_crowded(struct fault_test *test)
{
	int i, err = open_file(test);

	for (i = 0; i < CROWD && !err; i++) {
		copies[i] = dup(test->s.fd);
		err = poller_add(&test->other, copies[i], EPOLLIN);
	}
	return err;
}

static const char *check_crowded(struct fault_test *test, int result)
{
	const char *problem = check_added(test, result);
	int i;

	for (i = 0; i < CROWD; i++)
		close(copies[i]);
	return problem;
}

const struct action add_crowded = { open_crowded, add, check_crowded };

static int open_file_and_outer(struct fault_test *test)
{
	return open_file(test) ?:
	       poller_add(&test->other, test->p.fd, EPOLLIN);
}

static const char *check_below(struct fault_test *test, int result)
{
	const char *problem = check_added(test, result);

	if (poller_del(&test->other, test->p.fd))
		return "the outer instance has lost it";
	return problem;
}

const struct action add_below = { open_file_and_outer, add, check_below };

static int open_file_and_instance(struct fault_test *test)
{
	close(test->p.fd);
	return poller_open(&test->p, test->other.ops) ?: open_file(test);
}

const struct action add_to_new = { open_file_and_instance, add, check_added };

static int modify(struct fault_test *test)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | EPOLLWAKEUP,
		.data.u64 = DATA + 1,
	};

	return test->p.ops->ctl(test->p.fd, EPOLL_CTL_MOD, test->s.fd,
				 &event);
}

static const char *check_modified(struct fault_test *test, int result)
{
	(void)result;
	if (test->kind->fire(&test->s) ||
	    !(poller_next(&test->p, DATA + 1) & EPOLLIN))
		return "its event does not come";
	if (poller_del(&test->p, test->s.fd))
		return "it cannot be deleted";
	test_file_close(&test->s);
	return NULL;
}

const struct action modify_file = { fault_test_watch, modify, check_modified };

static int delete(struct fault_test *test)
{
	return poller_del(&test->p, test->s.fd);
}

static const char *check_deleted(struct fault_test *test, int result)
{
	(void)result;
	if (test->kind->fire(&test->s) || poller_count(&test->p))
		return "it is still reported";
	test_file_close(&test->s);
	return NULL;
}

const struct action delete_file = { fault_test_watch, delete, check_deleted };

static int close_watched(struct fault_test *test)
{
	int fd = test->s.fd;

	test->s.fd = -1;
	return close(fd) ? -errno : 0;
}

static const char *check_closed(struct fault_test *test, int result)
{
	(void)result;
	test_file_close(&test->s);
	return poller_count(&test->p) ? "it is still reported" : NULL;
}

const struct action close_file = { fault_test_watch, close_watched, check_closed };

static struct poller closed;

static int fill_another(struct fault_test *test)
{
	return open_file(test) ?: poller_open(&closed, test->p.ops) ?:
	       poller_add(&closed, test->s.fd, EPOLLIN);
}

static int close_another(struct fault_test *test)
{
	(void)test;
	return close(closed.fd) ? -errno : 0;
}

const struct action close_instance = { fill_another, close_another, check_closed };

static int ready[READY];

static int open_ready(struct fault_test *test)
{
	int i, err = 0;

	for (i = 0; i < READY && !err; i++) {
		ready[i] = eventfd(1, EFD_CLOEXEC);
		err = poller_add_data(&test->p, ready[i], test->events, i);
	}
	return err;
}

static int wait_for_any(struct fault_test *test)
{
	return poller_wait(&test->p, test->found, READY + 1, SOON);
}

/* The mask applies only to the wait. */
static int wait_with_mask(struct fault_test *test)
{
	const uint64_t all = ~0ULL;
	sigset_t before = {}, after = {};
	int result;

	sigprocmask(SIG_BLOCK, NULL, &before);
	result = test->p.ops->wait(test->p.fd, test->found, READY + 1, SOON,
				    &all, KERNEL_SIGSET_SIZE);
	sigprocmask(SIG_BLOCK, NULL, &after);
	return memcmp(&before, &after, sizeof(before)) ? -EPROTO : result;
}

/* Every event is reported once; afterwards, only level-triggered items report again. */
static const char *check_delivered(struct fault_test *test, int result)
{
	bool again = !(test->events & (EPOLLET | EPOLLONESHOT));
	int times[READY] = {}, i, rest;

	rest = poller_wait(&test->p, test->found + result, READY + 1,
			   NOT_AT_ALL);
	if (rest != (again ? READY : READY - result))
		return "the rest is not delivered";
	for (i = 0; i < result + rest; i++)
		times[test->found[i].data.u64]++;
	for (i = 0; i < READY; i++)
		if (!times[i] || times[i] > 1 + again)
			return "an event is lost or repeated";
	for (i = 0; i < READY; i++)
		close(ready[i]);
	return poller_count(&test->p) ? "something is left" : NULL;
}

const struct action wait_ready = { open_ready, wait_for_any, check_delivered };
const struct action wait_masked = { open_ready, wait_with_mask, check_delivered };

static int wait_a_moment(struct fault_test *test)
{
	return poller_wait(&test->p, test->found, 1, NSEC_PER_MSEC);
}

static const char *check_in_vain(struct fault_test *test, int result)
{
	(void)test;
	return result ? "an event was reported" : NULL;
}

const struct action wait_in_vain = { NULL, wait_a_moment, check_in_vain };

static int watch_and_fire(struct fault_test *test)
{
	return fault_test_watch(test) ?: test->kind->fire(&test->s);
}

static const char *check_fired(struct fault_test *test, int result)
{
	if (result != 1 || test->found[0].data.u64 != DATA)
		return "its event does not come";
	test_file_close(&test->s);
	return poller_count(&test->p) ? "it is still reported" : NULL;
}

const struct action wait_file = { watch_and_fire, wait_for_any, check_fired };
