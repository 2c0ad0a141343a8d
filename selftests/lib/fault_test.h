/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test of what happens when an action fails: an instance, a file that it watches
 * or is to watch, and what can be seen of both. It repeats the action, and each time
 * the kernel fails another allocation or copy (see fault.h).
 */
#ifndef SELFTESTS_FAULT_TEST_H
#define SELFTESTS_FAULT_TEST_H

#include "fault.h"
#include "poller.h"
#include "test_file.h"

/* The limit on items of all instances in a test together. */
#define WATCHES 100
/* The user data of the item in question. */
#define DATA 0x5eed

/* What may change, or leak. */
struct state {
	char items[8192];
	int lowest_fd;
	long module_uses;
	int wakeup_sources;
};

struct fault_test {
	struct poller p;
	const struct file_kind *kind;
	struct test_file s;
	uint32_t events;
	/* Another instance, which watches a file of each kind, or one many times. */
	struct poller other;
	struct test_file others[KINDS];
	/* For actions to remember what they did. */
	int result;
	struct epoll_event found[8];
};

struct action {
	/* Makes what the action needs, before each attempt. */
	int (*prepare)(struct fault_test *test);
	/* The action: its result, or -errno. */
	int (*act)(struct fault_test *test);
	/*
	 * Judges, after an attempt that succeeded with this result, and undoes
	 * everything. Returns what is wrong.
	 */
	const char *(*check)(struct fault_test *test, int result);
};

/* Makes an instance. Returns 0 or -errno. */
int fault_test_open(struct fault_test *test, const struct poller_ops *ops);
void fault_test_close(struct fault_test *test);

/* Makes the instance watch a file of the test's kind. Returns 0 or -errno. */
int fault_test_watch(struct fault_test *test);

/* Makes the other instance watch a file of each kind. Returns 0 or -errno. */
int fault_test_watch_all(struct fault_test *test);

/* Lists the items of the instance. Returns the length of the text or -errno. */
int fault_test_list(const struct fault_test *test, char *text, size_t size);

/* Looks at everything. Returns 0 or -errno. */
int fault_test_look(const struct fault_test *test, struct state *state);

/*
 * Does it with the first thing failing, with the second, and so on, until nothing
 * is left to fail. An attempt that fails must fail with ENOMEM or EFAULT, leave all
 * as it was, and succeed when it is repeated. Returns what is wrong.
 */
const char *fail_each(struct fault_test *test, const struct action *action,
		      struct fault_tally *tally);

#endif
