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

/* More watches than it takes to make a file crowded. */
#define CROWD 40

static int create(struct scene *scene)
{
	return scene->p.ops->create(false);
}

static int create_to_be_closed(struct scene *scene)
{
	return scene->p.ops->create(true);
}

static const char *check_created(struct scene *scene, int fd)
{
	struct poller p = { .ops = scene->p.ops, .fd = fd };
	int efd = eventfd(1, EFD_CLOEXEC);
	bool works = !poller_add(&p, efd, EPOLLIN) && poller_count(&p) == 1;

	close(efd);
	close(fd);
	return works ? NULL : "what was made does not work";
}

const struct action create_plain = { NULL, create, check_created };
const struct action create_cloexec = { NULL, create_to_be_closed, check_created };

static int open_file(struct scene *scene)
{
	return specimen_open(&scene->s, scene->kind);
}

static int add(struct scene *scene)
{
	return poller_add_data(&scene->p, scene->s.fd, scene->events, DATA);
}

/* It is heard of, and no longer once it was deleted. */
static const char *check_added(struct scene *scene, int result)
{
	(void)result;
	if (poller_count(&scene->p))
		return "it is ready too early";
	if (scene->kind->fire(&scene->s) ||
	    !(poller_next(&scene->p, DATA) & EPOLLIN))
		return "its event does not come";
	if (poller_del(&scene->p, scene->s.fd) || poller_count(&scene->p))
		return "it cannot be deleted";
	specimen_close(&scene->s);
	return NULL;
}

const struct action add_file = { open_file, add, check_added };

static const char *check_first(struct scene *scene, int result)
{
	int64_t deadline = now_ns() + SOON;
	long marks = slab_objects("fsnotify_mark_connector");
	const char *problem = check_added(scene, result);

	/* That there was one is forgotten with the instance; a worker sees to it. */
	close(scene->p.fd);
	if (poller_open(&scene->p, scene->p.ops))
		return "there is no other instance";
	while (scene->p.ops == &repoll_ops && marks > 0 &&
	       slab_objects("fsnotify_mark_connector") >= marks) {
		if (now_ns() > deadline)
			return "the mark is not removed";
		poll(NULL, 0, 1);
	}
	return problem;
}

const struct action add_first = { open_file, add, check_first };

static int open_fifo_alone(struct scene *scene)
{
	int err;

	if (mount("repoll", "/tmp", "tmpfs", 0, NULL))
		return -errno;
	err = open_file(scene);
	umount2("/tmp", MNT_DETACH);
	return err;
}

const struct action add_alone = { open_fifo_alone, add, check_added };

static int copies[CROWD];

static int open_crowded(struct scene *scene)
{
	int i, err = open_file(scene);

	for (i = 0; i < CROWD && !err; i++) {
		copies[i] = dup(scene->s.fd);
		err = poller_add(&scene->other, copies[i], EPOLLIN);
	}
	return err;
}

static const char *check_crowded(struct scene *scene, int result)
{
	const char *problem = check_added(scene, result);
	int i;

	for (i = 0; i < CROWD; i++)
		close(copies[i]);
	return problem;
}

const struct action add_crowded = { open_crowded, add, check_crowded };

static int open_file_and_outer(struct scene *scene)
{
	return open_file(scene) ?:
	       poller_add(&scene->other, scene->p.fd, EPOLLIN);
}

static const char *check_below(struct scene *scene, int result)
{
	const char *problem = check_added(scene, result);

	if (poller_del(&scene->other, scene->p.fd))
		return "the outer instance has lost it";
	return problem;
}

const struct action add_below = { open_file_and_outer, add, check_below };

static int open_file_and_instance(struct scene *scene)
{
	close(scene->p.fd);
	return poller_open(&scene->p, scene->other.ops) ?: open_file(scene);
}

const struct action add_to_new = { open_file_and_instance, add, check_added };

static int modify(struct scene *scene)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | EPOLLWAKEUP,
		.data.u64 = DATA + 1,
	};

	return scene->p.ops->ctl(scene->p.fd, EPOLL_CTL_MOD, scene->s.fd,
				 &event);
}

static const char *check_modified(struct scene *scene, int result)
{
	(void)result;
	if (scene->kind->fire(&scene->s) ||
	    !(poller_next(&scene->p, DATA + 1) & EPOLLIN))
		return "its event does not come";
	if (poller_del(&scene->p, scene->s.fd))
		return "it cannot be deleted";
	specimen_close(&scene->s);
	return NULL;
}

const struct action modify_file = { scene_watch, modify, check_modified };

static int delete(struct scene *scene)
{
	return poller_del(&scene->p, scene->s.fd);
}

static const char *check_deleted(struct scene *scene, int result)
{
	(void)result;
	if (scene->kind->fire(&scene->s) || poller_count(&scene->p))
		return "it is not gone";
	specimen_close(&scene->s);
	return NULL;
}

const struct action delete_file = { scene_watch, delete, check_deleted };

static int close_watched(struct scene *scene)
{
	int fd = scene->s.fd;

	scene->s.fd = -1;
	return close(fd) ? -errno : 0;
}

static const char *check_closed(struct scene *scene, int result)
{
	(void)result;
	specimen_close(&scene->s);
	return poller_count(&scene->p) ? "it is not gone" : NULL;
}

const struct action close_file = { scene_watch, close_watched, check_closed };

static struct poller closed;

static int fill_another(struct scene *scene)
{
	return open_file(scene) ?: poller_open(&closed, scene->p.ops) ?:
	       poller_add(&closed, scene->s.fd, EPOLLIN);
}

static int close_another(struct scene *scene)
{
	(void)scene;
	return close(closed.fd) ? -errno : 0;
}

const struct action close_instance = { fill_another, close_another, check_closed };

static int ready[READY];

static int open_ready(struct scene *scene)
{
	int i, err = 0;

	for (i = 0; i < READY && !err; i++) {
		ready[i] = eventfd(1, EFD_CLOEXEC);
		err = poller_add_data(&scene->p, ready[i], scene->events, i);
	}
	return err;
}

static int wait_for_any(struct scene *scene)
{
	return poller_wait(&scene->p, scene->found, READY + 1, SOON);
}

/* The mask is that of the wait only. */
static int wait_with_mask(struct scene *scene)
{
	const uint64_t all = ~0ULL;
	sigset_t before = {}, after = {};
	int result;

	sigprocmask(SIG_BLOCK, NULL, &before);
	result = scene->p.ops->wait(scene->p.fd, scene->found, READY + 1, SOON,
				    &all, KERNEL_SIGSET_SIZE);
	sigprocmask(SIG_BLOCK, NULL, &after);
	return memcmp(&before, &after, sizeof(before)) ? -EPROTO : result;
}

/* Every event once; once more only those that are level-triggered. */
static const char *check_delivered(struct scene *scene, int result)
{
	bool again = !(scene->events & (EPOLLET | EPOLLONESHOT));
	int times[READY] = {}, i, rest;

	rest = poller_wait(&scene->p, scene->found + result, READY + 1,
			   NOT_AT_ALL);
	if (rest != (again ? READY : READY - result))
		return "the rest is not delivered";
	for (i = 0; i < result + rest; i++)
		times[scene->found[i].data.u64]++;
	for (i = 0; i < READY; i++)
		if (!times[i] || times[i] > 1 + again)
			return "an event is lost or doubled";
	for (i = 0; i < READY; i++)
		close(ready[i]);
	return poller_count(&scene->p) ? "something is left" : NULL;
}

const struct action wait_ready = { open_ready, wait_for_any, check_delivered };
const struct action wait_masked = { open_ready, wait_with_mask, check_delivered };

static int wait_a_moment(struct scene *scene)
{
	return poller_wait(&scene->p, scene->found, 1, NSEC_PER_MSEC);
}

static const char *check_in_vain(struct scene *scene, int result)
{
	(void)scene;
	return result ? "something came" : NULL;
}

const struct action wait_in_vain = { NULL, wait_a_moment, check_in_vain };

static int watch_and_fire(struct scene *scene)
{
	return scene_watch(scene) ?: scene->kind->fire(&scene->s);
}

static const char *check_fired(struct scene *scene, int result)
{
	if (result != 1 || scene->found[0].data.u64 != DATA)
		return "its event does not come";
	specimen_close(&scene->s);
	return poller_count(&scene->p) ? "it is not gone" : NULL;
}

const struct action wait_file = { watch_and_fire, wait_for_any, check_fired };
