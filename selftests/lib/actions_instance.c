// SPDX-License-Identifier: GPL-2.0
/*
 * Actions on an instance as a whole: parameters, polls by other means, and
 * queries.
 */

#include "actions.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include "query.h"

static const struct epoll_params some = {
	.busy_poll_usecs = 10,
	.busy_poll_budget = 8,
	.prefer_busy_poll = 1,
}, none;

static int reset_params(struct fault_test *test)
{
	ioctl(test->p.fd, EPIOCSPARAMS, &none);
	return 0;
}

static int params_result(int result)
{
	if (!result)
		return 0;
	return errno == EOPNOTSUPP ? 1 : -errno;
}

static int set(struct fault_test *test)
{
	return params_result(ioctl(test->p.fd, EPIOCSPARAMS, &some));
}

static struct epoll_params params;

static int get(struct fault_test *test)
{
	return params_result(ioctl(test->p.fd, EPIOCGPARAMS, &params));
}

static const char *check_set(struct fault_test *test, int result)
{
	if (result)
		return NULL;
	if (get(test) || memcmp(&params, &some, sizeof(some)))
		return "the parameters differ";
	reset_params(test);
	return NULL;
}

static const char *check_got(struct fault_test *test, int result)
{
	(void)test;
	return result || !memcmp(&params, &none, sizeof(none)) ?
	       NULL : "the parameters differ";
}

const struct action set_params = { reset_params, set, check_set };
const struct action get_params = { reset_params, get, check_got };

/* Many times, so that the kernel must allocate memory for it. */
static int poll_it(struct fault_test *test)
{
	struct pollfd fds[64];
	int i;

	for (i = 0; i < 64; i++)
		fds[i] = (struct pollfd) { test->p.fd, POLLIN, 0 };
	return poll(fds, 64, 1) < 0 ? -errno : 0;
}

/* With a high number, for the same reason. */
static int select_it(struct fault_test *test)
{
	struct timeval soon = { .tv_usec = 1000 };
	int fd = dup2(test->p.fd, FD_SETSIZE - 1), result;
	fd_set set;

	if (fd < 0)
		return -errno;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	result = select(FD_SETSIZE, &set, NULL, NULL, &soon) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static const char *check_polled(struct fault_test *test, int result)
{
	struct pollfd pfd = { .fd = test->p.fd, .events = POLLIN };
	int n;

	(void)result;
	if (test->kind->fire(&test->s))
		return "cannot make it ready";
	n = poll(&pfd, 1, SOON_MS);
	test_file_close(&test->s);
	return n == 1 ? NULL : "it does not become ready";
}

const struct action poll_instance = { fault_test_watch, poll_it, check_polled };
const struct action select_instance = { fault_test_watch, select_it, check_polled };

static struct poller epoll;

static int watch_and_open_epoll(struct fault_test *test)
{
	return fault_test_watch(test) ?: poller_open(&epoll, &native_ops);
}

static int add_it(struct fault_test *test)
{
	return poller_add_data(&epoll, test->p.fd, EPOLLIN, DATA);
}

static const char *check_outside(struct fault_test *test, int result)
{
	bool heard;

	(void)result;
	heard = !test->kind->fire(&test->s) &&
		poller_next(&epoll, DATA) == EPOLLIN;
	test_file_close(&test->s);
	close(epoll.fd);
	return heard ? NULL : "the epoll does not report it";
}

const struct action epoll_instance = { watch_and_open_epoll, add_it, check_outside };

static int list(struct fault_test *test)
{
	static char text[8192];

	return fault_test_list(test, text, sizeof(text));
}

static const char *check_listed(struct fault_test *test, int result)
{
	if (list(test) != result)
		return "the list differs";
	test_file_close(&test->s);
	return NULL;
}

const struct action list_instance = { fault_test_watch, list, check_listed };

static struct repoll_info told;

static int ask_info(struct fault_test *test)
{
	return test->p.ops == &repoll_ops ?
	       query_info(test->p.fd, &told) : 0;
}

/* Through a node that is opened before, because opening it may also fail. */
static int node = -1;

static int open_node(struct fault_test *test)
{
	if (test->p.ops == &repoll_ops && node < 0)
		node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	return ask_info(test);
}

static int ask_list(struct fault_test *test)
{
	struct repoll_info info;

	return test->p.ops == &repoll_ops ?
	       query_find(node, REPOLL_ALL, told.id, &info) : 0;
}

static int ask_features(struct fault_test *test)
{
	uint64_t bits;

	return test->p.ops == &repoll_ops ? query_features(node, 0, &bits) : 0;
}

static int watch_and_open_node(struct fault_test *test)
{
	int err = fault_test_watch(test);

	return err ?: open_node(test);
}

static int ask_items(struct fault_test *test)
{
	struct repoll_item item;
	int n = 1;

	if (test->p.ops == &repoll_ops)
		n = query_items(node, REPOLL_ALL, told.id, &item, 1);
	return n < 0 ? n : n - 1;
}

static const char *check_told(struct fault_test *test, int result)
{
	(void)test;
	return result ? "the item is not reported" : NULL;
}

static const char *check_items_told(struct fault_test *test, int result)
{
	test_file_close(&test->s);
	return check_told(test, result);
}

const struct action tell_info = { open_node, ask_info, check_told };
const struct action tell_list = { open_node, ask_list, check_told };
const struct action tell_features = { open_node, ask_features, check_told };
const struct action tell_items = {
	watch_and_open_node, ask_items, check_items_told
};
