// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to an instance as a whole: parameters, its being watched by other
 * means, and questions about it.
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

static int reset_params(struct scene *scene)
{
	ioctl(scene->p.fd, EPIOCSPARAMS, &none);
	return 0;
}

static int params_result(int result)
{
	if (!result)
		return 0;
	return errno == EOPNOTSUPP ? 1 : -errno;
}

static int set(struct scene *scene)
{
	return params_result(ioctl(scene->p.fd, EPIOCSPARAMS, &some));
}

static struct epoll_params params;

static int get(struct scene *scene)
{
	return params_result(ioctl(scene->p.fd, EPIOCGPARAMS, &params));
}

static const char *check_set(struct scene *scene, int result)
{
	if (result)
		return NULL;
	if (get(scene) || memcmp(&params, &some, sizeof(some)))
		return "they are others now";
	reset_params(scene);
	return NULL;
}

static const char *check_got(struct scene *scene, int result)
{
	(void)scene;
	return result || !memcmp(&params, &none, sizeof(none)) ?
	       NULL : "they are others now";
}

const struct action set_params = { reset_params, set, check_set };
const struct action get_params = { reset_params, get, check_got };

/* Many times, so that the kernel must make room for it. */
static int poll_it(struct scene *scene)
{
	struct pollfd fds[64];
	int i;

	for (i = 0; i < 64; i++)
		fds[i] = (struct pollfd) { scene->p.fd, POLLIN, 0 };
	return poll(fds, 64, 1) < 0 ? -errno : 0;
}

/* Under a high number, as above. */
static int select_it(struct scene *scene)
{
	struct timeval soon = { .tv_usec = 1000 };
	int fd = dup2(scene->p.fd, FD_SETSIZE - 1), result;
	fd_set set;

	if (fd < 0)
		return -errno;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	result = select(FD_SETSIZE, &set, NULL, NULL, &soon) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static const char *check_polled(struct scene *scene, int result)
{
	struct pollfd pfd = { .fd = scene->p.fd, .events = POLLIN };
	int n;

	(void)result;
	if (scene->kind->fire(&scene->s))
		return "cannot make it ready";
	n = poll(&pfd, 1, SOON_MS);
	specimen_close(&scene->s);
	return n == 1 ? NULL : "it does not become ready";
}

const struct action poll_instance = { scene_watch, poll_it, check_polled };
const struct action select_instance = { scene_watch, select_it, check_polled };

static struct poller epoll;

static int watch_and_open_epoll(struct scene *scene)
{
	return scene_watch(scene) ?: poller_open(&epoll, &native_ops);
}

static int add_it(struct scene *scene)
{
	return poller_add_data(&epoll, scene->p.fd, EPOLLIN, DATA);
}

static const char *check_outside(struct scene *scene, int result)
{
	bool heard;

	(void)result;
	heard = !scene->kind->fire(&scene->s) &&
		poller_next(&epoll, DATA) == EPOLLIN;
	specimen_close(&scene->s);
	close(epoll.fd);
	return heard ? NULL : "the epoll does not hear of it";
}

const struct action epoll_instance = { watch_and_open_epoll, add_it, check_outside };

static int list(struct scene *scene)
{
	static char text[8192];

	return scene_list(scene, text, sizeof(text));
}

static const char *check_listed(struct scene *scene, int result)
{
	if (list(scene) != result)
		return "the list is another one now";
	specimen_close(&scene->s);
	return NULL;
}

const struct action list_instance = { scene_watch, list, check_listed };

static struct repoll_info told;

static int ask_info(struct scene *scene)
{
	return scene->p.ops == &repoll_ops ?
	       query_info(scene->p.fd, &told) : 0;
}

/* By a node that is opened before, as opening it may fail, too. */
static int node = -1;

static int open_node(struct scene *scene)
{
	if (scene->p.ops == &repoll_ops && node < 0)
		node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	return ask_info(scene);
}

static int ask_list(struct scene *scene)
{
	struct repoll_info info;

	return scene->p.ops == &repoll_ops ?
	       query_find(node, REPOLL_ALL, told.id, &info) : 0;
}

static int ask_features(struct scene *scene)
{
	uint64_t bits;

	return scene->p.ops == &repoll_ops ? query_features(node, 0, &bits) : 0;
}

static int watch_and_open_node(struct scene *scene)
{
	int err = scene_watch(scene);

	return err ?: open_node(scene);
}

static int ask_items(struct scene *scene)
{
	struct repoll_item item;
	int n = 1;

	if (scene->p.ops == &repoll_ops)
		n = query_items(node, REPOLL_ALL, told.id, &item, 1);
	return n < 0 ? n : n - 1;
}

static const char *check_told(struct scene *scene, int result)
{
	(void)scene;
	return result ? "it is not told" : NULL;
}

static const char *check_items_told(struct scene *scene, int result)
{
	specimen_close(&scene->s);
	return check_told(scene, result);
}

const struct action tell_info = { open_node, ask_info, check_told };
const struct action tell_list = { open_node, ask_list, check_told };
const struct action tell_features = { open_node, ask_features, check_told };
const struct action tell_items = {
	watch_and_open_node, ask_items, check_items_told
};
