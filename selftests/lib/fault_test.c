// SPDX-License-Identifier: GPL-2.0

#include "fault_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sysfile.h"

int fault_test_open(struct fault_test *test, const struct poller_ops *ops)
{
	int err;

	*test = (struct fault_test) {
		.other = { .ops = ops, .fd = -1 },
		.s = { -1, -1 },
		.events = EPOLLIN,
	};
	err = poller_open(&test->p, ops);
	return err ?: poller_open(&test->other, ops);
}

void fault_test_close(struct fault_test *test)
{
	int i;

	close(test->other.fd);
	for (i = 0; i < KINDS; i++)
		test_file_close(&test->others[i]);
	test_file_close(&test->s);
	close(test->p.fd);
}

int fault_test_watch(struct fault_test *test)
{
	return test_file_open(&test->s, test->kind) ?:
	       poller_add_data(&test->p, test->s.fd, test->events, DATA);
}

int fault_test_watch_all(struct fault_test *test)
{
	int i, err = 0;

	for (i = 0; i < KINDS && !err; i++)
		err = test_file_open(&test->others[i], &kinds[i]) ?:
		      poller_add(&test->other, test->others[i].fd, EPOLLIN);
	return err;
}

/* The number of wakeup sources, which keep the system awake or may do so. */
static int count_wakeup_sources(void)
{
	DIR *dir = opendir("/sys/class/wakeup");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

int fault_test_list(const struct fault_test *test, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", test->p.fd);
	return sysfile_read(path, text, size);
}

int fault_test_look(const struct fault_test *test, struct state *state)
{
	char uses[32];
	int n;

	memset(state, 0, sizeof(*state));
	n = fault_test_list(test, state->items, sizeof(state->items));
	if (n < 0)
		return n;
	if (sysfile_read("/sys/module/repoll/refcnt", uses, sizeof(uses)) > 0)
		sscanf(uses, "%ld", &state->module_uses);
	state->wakeup_sources = count_wakeup_sources();
	state->lowest_fd = dup(0);
	close(state->lowest_fd);
	return 0;
}

/* The problem with an attempt that failed, or NULL. */
static const char *judge_failure(struct fault_test *test, bool struck,
				 const struct state *before)
{
	static struct state after;

	if (!struck)
		return "it fails without an injected fault";
	if (test->result != -ENOMEM && test->result != -EFAULT)
		return "the error is wrong";
	if (fault_test_look(test, &after))
		return "cannot examine the instance";
	/* The attempt may leave one source for later use, but must not lose any. */
	if (after.wakeup_sources < before->wakeup_sources ||
	    after.wakeup_sources > before->wakeup_sources + 1)
		return "wake-up sources are lost or left";
	after.wakeup_sources = before->wakeup_sources;
	return memcmp(&after, before, sizeof(after)) ?
	       "the failed attempt has changed something" : NULL;
}

const char *fail_each(struct fault_test *test, const struct action *action,
		      struct fault_tally *tally)
{
	static struct state before;
	const char *problem = NULL;
	bool struck = true;
	unsigned int nth;

	for (nth = 1; struck && !problem; nth++) {
		if (action->prepare && action->prepare(test))
			return "it cannot be prepared";
		if (fault_test_look(test, &before))
			return "cannot examine the instance";
		fault_arm(nth);
		test->result = action->act(test);
		struck = fault_disarm();
		if (struck)
			fault_count(tally, fault_site(), test->result < 0);
		if (test->result < 0) {
			problem = judge_failure(test, struck, &before);
			if (problem)
				return problem;
			test->result = action->act(test);
			if (test->result < 0)
				return "it fails when it is repeated";
		}
		problem = action->check(test, test->result);
	}
	return problem;
}
