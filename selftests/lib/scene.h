/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scene: an instance, a file that it watches or is to watch, and what there is
 * to see of both; and the attempts at one action in it, in each of which another
 * thing fails.
 */
#ifndef SELFTESTS_SCENE_H
#define SELFTESTS_SCENE_H

#include "fault.h"
#include "poller.h"
#include "specimen.h"

/* How many items everything in a scene may have together. */
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

struct scene {
	struct poller p;
	const struct kind *kind;
	struct specimen s;
	uint32_t events;
	/* Another instance, which watches a file of each kind, or one many times. */
	struct poller other;
	struct specimen others[KINDS];
	/* For actions to remember what they did. */
	int result;
	struct epoll_event found[8];
};

struct action {
	/* Makes what the action needs, before each attempt. */
	int (*prepare)(struct scene *scene);
	/* The action: its result, or -errno. */
	int (*act)(struct scene *scene);
	/*
	 * Judges, after an attempt that succeeded with this result, and undoes
	 * everything. Returns what is wrong.
	 */
	const char *(*check)(struct scene *scene, int result);
};

/* Makes an instance. Returns 0 or -errno. */
int scene_open(struct scene *scene, const struct poller_ops *ops);
void scene_close(struct scene *scene);

/* Has the instance watch a file of the scene's kind. Returns 0 or -errno. */
int scene_watch(struct scene *scene);

/* Has the other instance watch a file of each kind, so that they all are watched. */
int scene_watch_all(struct scene *scene);

/* Lists the items of the instance. Returns the length of the text or -errno. */
int scene_list(const struct scene *scene, char *text, size_t size);

/* Looks at everything. Returns 0 or -errno. */
int scene_look(const struct scene *scene, struct state *state);

/*
 * Does it with the first thing failing, with the second, and so on, until nothing
 * is left to fail. An attempt that fails must fail with ENOMEM or EFAULT, leave all
 * as it was, and succeed when it is repeated. Returns what is wrong.
 */
const char *fail_each(struct scene *scene, const struct action *action,
		      struct fault_tally *tally);

#endif
