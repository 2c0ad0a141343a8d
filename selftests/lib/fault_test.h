/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test of an action that fails: an instance, a file that it watches or will watch, and
 * the observable state of both. It repeats the action, and each time the kernel fails
 * another allocation or copy (see fault.h).
 */
#ifndef SELFTESTS_FAULT_TEST_H
#define SELFTESTS_FAULT_TEST_H

#include "fault.h"
#include "poller.h"
#include "test_file.h"

/* The limit on items in all instances of a test. */
#define WATCHES 100
/* The user data of the tested item. */
#define DATA 0x5eed

/* State that may change, or leak. */
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
	/* Results that actions keep. */
	int result;
	struct epoll_event found[8];
};

struct action {
	/* Prepares for the action, before each attempt. */
	int (*prepare)(struct fault_test *test);
	/* The action: returns its result, or -errno. */
	int (*act)(struct fault_test *test);
	/*
	 * Checks the state after a successful attempt with this result, and undoes
	 * everything. Returns an error text.
	 */
	const char *(*check)(struct fault_test *test, int result);
};

/* Creates an instance. Returns 0 or -errno. */
int fault_test_open(struct fault_test *test, const struct poller_ops *ops);
void fault_test_close(struct fault_test *test);

/* Makes the instance watch a file of the test's kind. Returns 0 or -errno. */
int fault_test_watch(struct fault_test *test);

/* Makes the other instance watch a file of each kind. Returns 0 or -errno. */
int fault_test_watch_all(struct fault_test *test);

/* Lists the items of the instance. Returns the length of the text or -errno. */
int fault_test_list(const struct fault_test *test, char *text, size_t size);

/* Reads the whole state. Returns 0 or -errno. */
int fault_test_look(const struct fault_test *test, struct state *state);

/*
 * Runs the action with the first operation failing, then with the second, and so on,
 * until none is left. A failing attempt must fail with ENOMEM or EFAULT, change nothing,
 * and succeed when it is repeated. Returns an error text.
 */
const char *fail_each(struct fault_test *test, const struct action *action,
		      struct fault_tally *tally);

#endif
