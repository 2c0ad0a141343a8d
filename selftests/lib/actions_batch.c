// SPDX-License-Identifier: GPL-2.0
/*
 * Many changes at once, and a wait after them. The kernel's epoll makes them one by one.
 */

#include "actions.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "calls.h"
#include "repoll.h"

static int files[READY];

static int open_files(struct fault_test *test)
{
	int i;

	(void)test;
	for (i = 0; i < READY; i++) {
		files[i] = eventfd(1, EFD_CLOEXEC);
		if (files[i] < 0)
			return -errno;
	}
	return 0;
}

/* The changes, and their results. */
struct changes {
	struct repoll_change list[READY];
	struct repoll_batch batch;
};

static void add_all(struct changes *changes)
{
	int i;

	for (i = 0; i < READY; i++)
		changes->list[i] = (struct repoll_change) {
			.op = EPOLL_CTL_ADD, .fd = files[i],
			.events = EPOLLIN | EPOLLET, .data = i, .result = -1,
		};
	changes->batch = (struct repoll_batch) {
		.changes = (uintptr_t)changes->list, .count = READY,
	};
}

static void make_one_by_one(struct fault_test *test, struct changes *changes)
{
	struct repoll_change *change;
	struct epoll_event event;
	int i;

	for (i = 0; i < READY; i++) {
		change = &changes->list[i];
		event = (struct epoll_event) { .events = change->events,
					       .data.u64 = change->data };
		change->result = -test->p.ops->ctl(test->p.fd, change->op,
						    change->fd, &event);
		changes->batch.done++;
		changes->batch.failed += change->result != 0;
	}
}

/*
 * Undoes the changes that were made, if not all succeeded. Returns the value to judge:
 * @result, or the error of a change.
 */
static int judge(struct fault_test *test, const struct changes *changes, int result)
{
	unsigned int failed = 0;
	int i, err = result;

	if (result >= 0 && changes->batch.done != READY)
		return -EPROTO;
	for (i = 0; i < changes->batch.done; i++) {
		if (changes->list[i].result < 0)
			return -EPROTO;
		if (changes->list[i].result) {
			err = -changes->list[i].result;
			failed++;
		}
	}
	if (failed != changes->batch.failed)
		return -EPROTO;
	for (i = 0; i < changes->batch.done && err < 0; i++)
		if (!changes->list[i].result && poller_del(&test->p, files[i]))
			return -EPROTO;
	return err;
}

static int make(struct fault_test *test)
{
	struct changes changes;
	int done = READY;

	add_all(&changes);
	if (test->p.ops != &repoll_ops)
		make_one_by_one(test, &changes);
	else
		done = call_with(test->p.fd, REPOLL_BATCH, &changes.batch);
	return judge(test, &changes, done);
}

static const char *delete_all(struct fault_test *test)
{
	int i;

	for (i = 0; i < READY; i++) {
		if (poller_del(&test->p, files[i]))
			return "one cannot be deleted";
		close(files[i]);
	}
	return NULL;
}

static const char *check_made(struct fault_test *test, int result)
{
	if (result != READY || poller_count(&test->p) != READY)
		return "not all are watched";
	return delete_all(test);
}

const struct action batch_add = { open_files, make, check_made };

static int make_and_wait(struct fault_test *test)
{
	const uint64_t all = ~0ULL;
	struct repoll_batch_wait args;
	struct changes changes;
	int result;

	add_all(&changes);
	if (test->p.ops != &repoll_ops) {
		make_one_by_one(test, &changes);
		result = test->p.ops->wait(test->p.fd, test->found,
					    READY + 1, NOT_AT_ALL, &all,
					    KERNEL_SIGSET_SIZE);
		return judge(test, &changes, result);
	}
	args = (struct repoll_batch_wait) {
		.batch = changes.batch,
		.wait = {
			.events = (uintptr_t)test->found,
			.sigmask = (uintptr_t)&all,
			.sigsetsize = KERNEL_SIGSET_SIZE,
			.timeout_ns = SOON,
			.maxevents = READY + 1,
		},
	};
	result = call_with(test->p.fd, REPOLL_BATCH_WAIT, &args);
	changes.batch = args.batch;
	return judge(test, &changes, result);
}

/* Each event was reported once. */
static const char *check_made_and_found(struct fault_test *test, int result)
{
	bool found[READY] = {};
	int i;

	if (result != READY)
		return "not all events came";
	for (i = 0; i < result; i++)
		found[test->found[i].data.u64] = true;
	for (i = 0; i < READY; i++)
		if (!found[i])
			return "an event is lost";
	return delete_all(test);
}

const struct action batch_add_and_wait = {
	open_files, make_and_wait, check_made_and_found
};

/*
 * If the wait fails, the change stays; this undoes it, so that the failure can be judged.
 */
static int add_one_and_wait(struct fault_test *test)
{
	const struct repoll_change_wait change = {
		.op = EPOLL_CTL_ADD, .fd = files[0], .events = EPOLLIN, .data = DATA,
		.to = (uintptr_t)test->found,
	};
	int result;

	if (test->p.ops == &repoll_ops && calls_next_directly())
		result = call_directly(test->p.fd, (uintptr_t)&change,
				       REPOLL_DIRECT_PAIR(1, SOON_MS),
				       REPOLL_DIRECT_CHANGE_WAIT);
	else
		result = poller_add_data(&test->p, files[0], EPOLLIN, DATA) ?:
			 poller_wait(&test->p, test->found, 1, SOON);
	if (result < 0)
		poller_del(&test->p, files[0]);
	return result;
}

static const char *check_one(struct fault_test *test, int result)
{
	int i;

	if (result != 1 || test->found[0].data.u64 != DATA)
		return "its event does not come";
	if (poller_del(&test->p, files[0]))
		return "it cannot be deleted";
	for (i = 0; i < READY; i++)
		close(files[i]);
	return NULL;
}

const struct action change_and_wait = { open_files, add_one_and_wait, check_one };
