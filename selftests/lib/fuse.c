// SPDX-License-Identifier: GPL-2.0
#include "fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waiter.h"

/* The numbers by which the kernel identifies the files. */
enum { NODE_FIFO = FUSE_ROOT_ID + 1, NODE_FILE };

struct request {
	struct fuse_in_header header;
	/* The room that the kernel requires. */
	char body[FUSE_MIN_READ_BUFFER];
};

static void reply(const struct fuse *fuse, uint64_t unique, int error,
		  const void *body, size_t size)
{
	struct {
		struct fuse_out_header header;
		char body[128];
	} answer = {
		.header.len = sizeof(answer.header) + size,
		.header.error = error,
		.header.unique = unique,
	};

	if (size)
		memcpy(answer.body, body, size);
	/* The requesting task may have been interrupted. */
	(void)!write(fuse->dev, &answer, answer.header.len);
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = {
		.ino = node,
		.blksize = 4096,
		.uid = getuid(),
		.gid = getgid(),
	};

	switch (node) {
	case NODE_FIFO:
		attr.mode = S_IFIFO | 0600;
		break;
	case NODE_FILE:
		attr.mode = S_IFREG | 0600;
		attr.nlink = 1;
		break;
	default:
		attr.mode = S_IFDIR | 0700;
		attr.nlink = 2;
	}
	return attr;
}

static void init(const struct fuse *fuse, uint64_t unique)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		/* The version with messages of the sizes used here. */
		.minor = 31,
		.max_write = 4096,
		.max_background = 64,
		.congestion_threshold = 48,
	};

	reply(fuse, unique, 0, &out, sizeof(out));
}

static void look_up(const struct fuse *fuse, uint64_t unique, const char *name)
{
	struct fuse_entry_out out = { .generation = 1 };

	if (fuse->look_up)
		fuse->look_up(name);
	if (!strcmp(name, FUSE_FIFO) || !strcmp(name, FUSE_ALIAS))
		out.nodeid = NODE_FIFO;
	else if (!strcmp(name, FUSE_FILE))
		out.nodeid = NODE_FILE;
	else
		return reply(fuse, unique, -ENOENT, NULL, 0);
	out.attr = attributes(out.nodeid);
	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_poll(const struct fuse *fuse, uint64_t unique, short events)
{
	const struct fuse_poll_out out = { .revents = events };

	reply(fuse, unique, 0, &out, sizeof(out));
}

static void poll_file(struct fuse *fuse, uint64_t unique)
{
	pthread_mutex_lock(&fuse->lock);
	if (fuse->hold && fuse->polls < FUSE_POLLS)
		fuse->unanswered[fuse->polls++] = unique;
	else
		reply_poll(fuse, unique, fuse->events);
	pthread_mutex_unlock(&fuse->lock);
}

static void release(struct fuse *fuse, uint64_t unique)
{
	__atomic_fetch_add(&fuse->releases, 1, __ATOMIC_RELEASE);
	reply(fuse, unique, 0, NULL, 0);
}

static void answer(struct fuse *fuse, const struct request *request)
{
	const uint64_t unique = request->header.unique;

	switch (request->header.opcode) {
	case FUSE_INIT:
		return init(fuse, unique);
	case FUSE_LOOKUP:
		return look_up(fuse, unique, request->body);
	case FUSE_GETATTR: {
		const struct fuse_attr_out out = {
			.attr = attributes(request->header.nodeid),
		};

		return reply(fuse, unique, 0, &out, sizeof(out));
	}
	case FUSE_OPEN: {
		const struct fuse_open_out out = {};

		return reply(fuse, unique, 0, &out, sizeof(out));
	}
	case FUSE_POLL:
		return poll_file(fuse, unique);
	case FUSE_RELEASE:
		return release(fuse, unique);
	case FUSE_UNLINK:
		return reply(fuse, unique, 0, NULL, 0);
	/* These requests have no answer. */
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return reply(fuse, unique, -ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	struct fuse *fuse = arg;
	struct request request;

	/* ENODEV means the end; ENOENT means that a request was cancelled. */
	for (;;) {
		if (read(fuse->dev, &request, sizeof(request)) >= 0)
			answer(fuse, &request);
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			return NULL;
	}
}

static int mount_at(const struct fuse *fuse)
{
	char options[96];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u",
		 fuse->dev, getuid(), getgid());
	return mount("fuse", fuse->path, "fuse.selftests", MS_NOSUID | MS_NODEV,
		     options) ? -errno : 0;
}

int fuse_start(struct fuse *fuse, void (*look_up)(const char *name))
{
	int err;

	*fuse = (struct fuse) {
		.look_up = look_up,
		.path = "/tmp/selftests.XXXXXX",
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	fuse->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse->dev < 0)
		return -errno;
	if (!mkdtemp(fuse->path)) {
		err = -errno;
		goto close_dev;
	}
	err = mount_at(fuse);
	if (err)
		goto remove;
	err = -pthread_create(&fuse->server, NULL, serve, fuse);
	if (!err)
		return 0;
	umount2(fuse->path, MNT_DETACH);
remove:
	rmdir(fuse->path);
close_dev:
	close(fuse->dev);
	return err;
}

void fuse_end(struct fuse *fuse)
{
	umount2(fuse->path, MNT_FORCE | MNT_DETACH);
	pthread_join(fuse->server, NULL);
	close(fuse->dev);
	rmdir(fuse->path);
}

void fuse_leave(const struct fuse *fuse)
{
	close(fuse->dev);
}

int fuse_open(const struct fuse *fuse, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuse->path, name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fuse_unlink(const struct fuse *fuse, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", fuse->path, name);
	return unlink(path) ? -errno : 0;
}

void fuse_set_events(struct fuse *fuse, short events)
{
	pthread_mutex_lock(&fuse->lock);
	fuse->events = events;
	pthread_mutex_unlock(&fuse->lock);
}

void fuse_hold_polls(struct fuse *fuse)
{
	pthread_mutex_lock(&fuse->lock);
	fuse->hold = true;
	pthread_mutex_unlock(&fuse->lock);
}

static unsigned int count_polls(struct fuse *fuse)
{
	unsigned int polls;

	pthread_mutex_lock(&fuse->lock);
	polls = fuse->polls;
	pthread_mutex_unlock(&fuse->lock);
	return polls;
}

int fuse_await_polls(struct fuse *fuse, unsigned int polls)
{
	int64_t deadline = now_ns() + SOON;

	while (count_polls(fuse) < polls) {
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

void fuse_answer_polls(struct fuse *fuse, short events)
{
	unsigned int i;

	pthread_mutex_lock(&fuse->lock);
	fuse->hold = false;
	fuse->events = events;
	for (i = 0; i < fuse->polls; i++)
		reply_poll(fuse, fuse->unanswered[i], events);
	fuse->polls = 0;
	pthread_mutex_unlock(&fuse->lock);
}

unsigned int fuse_releases(struct fuse *fuse)
{
	return __atomic_load_n(&fuse->releases, __ATOMIC_ACQUIRE);
}
