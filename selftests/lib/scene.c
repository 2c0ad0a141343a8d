// SPDX-License-Identifier: GPL-2.0

#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sysfile.h"

int scene_open(struct scene *scene, const struct poller_ops *ops)
{
	int err;

	*scene = (struct scene) {
		.other = { .ops = ops, .fd = -1 },
		.s = { -1, -1 },
		.events = EPOLLIN,
	};
	err = poller_open(&scene->p, ops);
	return err ?: poller_open(&scene->other, ops);
}

void scene_close(struct scene *scene)
{
	int i;

	close(scene->other.fd);
	for (i = 0; i < KINDS; i++)
		specimen_close(&scene->others[i]);
	specimen_close(&scene->s);
	close(scene->p.fd);
}

int scene_watch(struct scene *scene)
{
	return specimen_open(&scene->s, scene->kind) ?:
	       poller_add_data(&scene->p, scene->s.fd, scene->events, DATA);
}

int scene_watch_all(struct scene *scene)
{
	int i, err = 0;

	for (i = 0; i < KINDS && !err; i++)
		err = specimen_open(&scene->others[i], &kinds[i]) ?:
		      poller_add(&scene->other, scene->others[i].fd, EPOLLIN);
	return err;
}

/* How many things keep, or may keep, the system awake. */
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

int scene_list(const struct scene *scene, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", scene->p.fd);
	return sysfile_read(path, text, size);
}

int scene_look(const struct scene *scene, struct state *state)
{
	char uses[32];
	int n;

	memset(state, 0, sizeof(*state));
	n = scene_list(scene, state->items, sizeof(state->items));
	if (n < 0)
		return n;
	if (sysfile_read("/sys/module/repoll/refcnt", uses, sizeof(uses)) > 0)
		sscanf(uses, "%ld", &state->module_uses);
	state->wakeup_sources = count_wakeup_sources();
	state->lowest_fd = dup(0);
	close(state->lowest_fd);
	return 0;
}

/* Why an attempt is wrong that has failed, for whatever reason. */
static const char *judge_failure(struct scene *scene, bool struck,
				 const struct state *before)
{
	static struct state after;

	if (!struck)
		return "it fails though nothing was made to";
	if (scene->result != -ENOMEM && scene->result != -EFAULT)
		return "the error is a wrong one";
	if (scene_look(scene, &after))
		return "cannot look at the instance";
	/* One that is there to be used later does not come from nowhere. */
	if (after.wakeup_sources < before->wakeup_sources ||
	    after.wakeup_sources > before->wakeup_sources + 1)
		return "wake-up sources are lost or left";
	after.wakeup_sources = before->wakeup_sources;
	return memcmp(&after, before, sizeof(after)) ?
	       "what failed has changed something" : NULL;
}

const char *fail_each(struct scene *scene, const struct action *action,
		      struct fault_tally *tally)
{
	static struct state before;
	const char *problem = NULL;
	bool struck = true;
	unsigned int nth;

	for (nth = 1; struck && !problem; nth++) {
		if (action->prepare && action->prepare(scene))
			return "it cannot be prepared";
		if (scene_look(scene, &before))
			return "cannot look at the instance";
		fault_arm(nth);
		scene->result = action->act(scene);
		struck = fault_disarm();
		if (struck)
			fault_count(tally, fault_site(), scene->result < 0);
		if (scene->result < 0) {
			problem = judge_failure(scene, struck, &before);
			if (problem)
				return problem;
			scene->result = action->act(scene);
			if (scene->result < 0)
				return "it fails when it is repeated";
		}
		problem = action->check(scene, scene->result);
	}
	return problem;
}
