/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file system whose files are as slow, or as unusual, as a test requires: a FUSE server
 * that implements the kernel's protocol itself.
 *
 *	FUSE_FIFO, FUSE_ALIAS	two names of one FIFO that has no links
 *	FUSE_FILE		a regular file that can be polled
 *
 * Each access to a name causes a new look-up.
 *
 * Functions that return an int return 0, or a descriptor, or -errno.
 */
#ifndef SELFTESTS_FUSE_H
#define SELFTESTS_FUSE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FUSE_FIFO "fifo"
#define FUSE_ALIAS "alias"
#define FUSE_FILE "file"

/* How many polls may wait for their answer at the same time. */
#define FUSE_POLLS 64

struct fuse {
	/* If set, the server calls this before it answers a look-up. */
	void (*look_up)(const char *name);
	/* Private. */
	char path[32];
	int dev;
	pthread_t server;
	pthread_mutex_t lock;
	bool hold;
	short events;
	unsigned int polls, releases;
	uint64_t unanswered[FUSE_POLLS];
};

/*
 * Mounts the file system and serves it in a thread: -EACCES, -EPERM or -ENOENT if this
 * process may not, or the kernel has no FUSE. Polls are answered with "no events".
 */
int fuse_start(struct fuse *fuse, void (*look_up)(const char *name));

/* Ends all pending requests, and unmounts. */
void fuse_end(struct fuse *fuse);

/* In a forked process, releases the server, which belongs to the parent. */
void fuse_leave(const struct fuse *fuse);

/* Opens a file there for reading and writing, without waiting. */
int fuse_open(const struct fuse *fuse, const char *name);
int fuse_unlink(const struct fuse *fuse, const char *name);

/* Sets the answer to polls from now on. */
void fuse_set_events(struct fuse *fuse, short events);

/* Stops answering polls. */
void fuse_hold_polls(struct fuse *fuse);

/* Waits until this many polls wait for their answer; -ETIMEDOUT if not soon. */
int fuse_await_polls(struct fuse *fuse, unsigned int polls);

/* Answers those polls, and all that follow. */
void fuse_answer_polls(struct fuse *fuse, short events);

/* How many open files have been released. */
unsigned int fuse_releases(struct fuse *fuse);

#endif
