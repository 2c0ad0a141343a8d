/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code that the programs printed by the differential tester need: the files, and the calls,
 * which are made on the kernel's epoll and on repoll alike, with both answers on standard output.
 * The program defines the constants.
 *
 *	cc -I src/uapi -I selftests/lib -I selftests/differential \
 *		program.c selftests/lib/poller.c selftests/lib/calls.c -lutil
 */
#ifndef SELFTESTS_REPLAY_H
#define SELFTESTS_REPLAY_H

/* The same value that a compiler option would define. */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "calls.h"
#include "poller.h"
#include "repoll.h"

/* An instance of the kernel's epoll, and one of repoll. */
struct pair {
	struct poller q[2];
};

static int f[FILES] = { [0 ... FILES - 1] = -1 };
static int fds[2];
static struct pair p[PAIRS];
static char buf[CHUNK];
static sigset_t signals;
static bool repoll_first;
/* Whether to use the calls on repoll that take a structure and have more features. */
static bool structures;
static int differences;

static char folder[32], fifo[64], file[64];

/* Room for events, right before an inaccessible page. */
static struct epoll_event *room[2];

static inline void remove_files(void)
{
	unlink(fifo);
	unlink(file);
	rmdir(folder);
}

/* Sets the form of the calls on repoll from now on. */
static inline void go(bool directly, bool by_structure)
{
	calls_go(directly ? DIRECTLY : BY_IOCTL);
	structures = by_structure;
}

static inline void prepare(void)
{
	long page = sysconf(_SC_PAGESIZE);
	int i;

	for (i = 0; i < 2; i++) {
		char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		mprotect(memory + page, page, PROT_NONE);
		room[i] = (struct epoll_event *)(memory + page) - ROOM;
	}
	snprintf(folder, sizeof(folder), "/tmp/replay.XXXXXX");
	if (!mkdtemp(folder))
		exit(EXIT_FAILURE);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(file, sizeof(file), "%s/file", folder);
	mkfifo(fifo, 0600);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	atexit(remove_files);

	go(false, false);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Which of a pair is called first, and which second. */
static inline int nth(int turn)
{
	return repoll_first ? !turn : turn;
}

static inline void judge(const char *what, const int answer[2], bool same)
{
	same = same && answer[0] == answer[1];
	printf("%s: epoll %d, repoll %d%s\n", what, answer[0], answer[1],
	       same ? "" : "\t<-- differ");
	differences += !same;
}

static inline void create(struct pair *pair)
{
	poller_open(&pair->q[0], &native_ops);
	poller_open(&pair->q[1], &repoll_ops);
}

static inline void destroy(struct pair *pair)
{
	int i;

	for (i = 0; i < 2; i++) {
		close(pair->q[i].fd);
		pair->q[i].fd = -1;
	}
}

static inline int change_one(const struct poller *q, int op, int fd,
			     struct epoll_event *event)
{
	struct repoll_change change = { .op = op, .fd = fd };
	struct repoll_batch batch = { .changes = (uintptr_t)&change, .count = 1 };
	int done;

	if (q->ops != &repoll_ops || !structures || !event)
		return q->ops->ctl(q->fd, op, fd, event);
	change.events = event->events;
	change.data = event->data.u64;
	done = call_with(q->fd, REPOLL_BATCH, &batch);
	return done == 1 ? -change.result : done;
}

static inline int wait_one(const struct poller *q, struct epoll_event *events,
			   int maxevents)
{
	struct repoll_wait wait = { .events = (uintptr_t)events,
				    .maxevents = maxevents };

	return q->ops == &repoll_ops && structures ?
	       call_with(q->fd, REPOLL_WAIT, &wait) :
	       poller_wait(q, events, maxevents, NOT_AT_ALL);
}

static inline int change_and_wait(const struct poller *q, int op, int fd,
				  struct epoll_event *event,
				  struct epoll_event *events, int maxevents)
{
	struct repoll_change_wait change = {
		.op = op, .fd = fd, .events = event->events,
		.data = event->data.u64, .to = (uintptr_t)events,
	};
	int err;

	if (q->ops == &repoll_ops && calls_next_directly())
		return call_directly(q->fd, (uintptr_t)&change,
				     REPOLL_DIRECT_PAIR(maxevents, 0),
				     REPOLL_DIRECT_CHANGE_WAIT);
	err = change_one(q, op, fd, event);
	return err ? err : wait_one(q, events, maxevents);
}

static inline void ctl_both(const struct pair *pair, int op, const int fd[2],
			    struct epoll_event *event)
{
	int answer[2], turn;

	for (turn = 0; turn < 2; turn++) {
		int i = nth(turn);
		const struct poller *q = &pair->q[i];

		answer[i] = change_one(q, op, fd[i], event);
	}
	judge("ctl", answer, true);
}

static inline void ctl(const struct pair *pair, int op, int fd,
		       uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	ctl_both(pair, op, (int[]) { fd, fd }, &event);
}

static inline void ctl_fault(const struct pair *pair, int op, int fd)
{
	ctl_both(pair, op, (int[]) { fd, fd }, NULL);
}

static inline void ctl_pair(const struct pair *pair, int op,
			    const struct pair *other, uint32_t events,
			    uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	ctl_both(pair, op, (int[]) { other->q[0].fd, other->q[1].fd }, &event);
}

static inline void judge_events(const char *what, const int answer[2], int usable)
{
	int i, n;

	judge(what, answer, !memcmp(room[0], room[1], ROOM * sizeof(*room[0])));
	for (i = 0; i < 2; i++)
		for (n = 0; n < answer[i]; n++) {
			struct epoll_event *event = room[i] + ROOM - usable + n;

			printf("\t%s: %#x %#llx\n", i ? "repoll" : "epoll",
			       event->events,
			       (unsigned long long)event->data.u64);
		}
}

/* A wait with room for @usable events before the end of memory. */
static inline void wait_events(const struct pair *pair, int maxevents, int usable)
{
	int answer[2], turn, i;

	for (turn = 0; turn < 2; turn++) {
		i = nth(turn);
		answer[i] = wait_one(&pair->q[i], room[i] + ROOM - usable, maxevents);
	}
	judge_events("wait", answer, usable);
}

/* A change, and then a wait if the change succeeded. */
static inline void change_wait(const struct pair *pair, int op, int fd,
			       uint32_t events, uint64_t data, int maxevents)
{
	struct epoll_event event = { .events = events, .data.u64 = data };
	int answer[2], turn, i;

	for (turn = 0; turn < 2; turn++) {
		i = nth(turn);
		answer[i] = change_and_wait(&pair->q[i], op, fd, &event,
					    room[i], maxevents);
	}
	judge_events("ctl, wait", answer, ROOM);
}

static inline void wait_at(const struct pair *pair, int maxevents,
			   unsigned long address)
{
	int answer[2], turn;

	for (turn = 0; turn < 2; turn++) {
		int i = nth(turn);

		answer[i] = wait_one(&pair->q[i],
				     (struct epoll_event *)address, maxevents);
	}
	judge("wait", answer, true);
}

static inline void poll_both(const struct pair *pair)
{
	int answer[2], turn;

	for (turn = 0; turn < 2; turn++) {
		int i = nth(turn);
		struct pollfd pollfd = {
			.fd = pair->q[i].fd,
			.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM,
		};

		answer[i] = poll(&pollfd, 1, 0) < 0 ? -errno : pollfd.revents;
	}
	judge("poll", answer, true);
}

/* Prints the items of an instance; returns a checksum of the fields that must agree. */
static inline int items(int fd)
{
	char name[64], line[256];
	int sum = 0;
	FILE *info;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	info = fopen(name, "r");
	while (info && fgets(line, sizeof(line), info)) {
		unsigned long long data;
		unsigned int events, i;

		if (sscanf(line, "tfd: %*d events: %x data: %llx", &events,
			   &data) != 2)
			continue;
		printf("\t%s", line);
		if (data & NESTED)
			sum += events + data;
		else
			for (i = 0; line[i]; i++)
				sum += (i + 1) * line[i];
	}
	if (info)
		fclose(info);
	return sum;
}

static inline void fdinfo(const struct pair *pair)
{
	int answer[2], turn;

	for (turn = 0; turn < 2; turn++)
		answer[nth(turn)] = items(pair->q[nth(turn)].fd);
	judge("fdinfo", answer, true);
}

static inline void set_number(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

static inline void open_fifo(int fd[2])
{
	fd[0] = open(fifo, O_RDONLY | O_NONBLOCK);
	fd[1] = open(fifo, O_WRONLY | O_NONBLOCK);
}

static inline void unix_pair(int type, int fd[2])
{
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd);
	set_number(fd[0], SOL_SOCKET, SO_SNDBUF, BUFFER);
	set_number(fd[1], SOL_SOCKET, SO_SNDBUF, BUFFER);
}

static inline void bind_any(int fd, int family)
{
	struct sockaddr_in addr = {
		.sin_family = family,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	bind(fd, (struct sockaddr *)&addr,
	     family == AF_INET ? sizeof(addr) : sizeof(addr.sin_family));
}

static inline void connect_to(int fd, int there)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	getsockname(there, (struct sockaddr *)&addr, &len);
	connect(fd, (struct sockaddr *)&addr, len);
}

static inline int listening(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	bind_any(fd, family);
	listen(fd, 64);
	return fd;
}

/* Small buffers, and no delay before sending. */
static inline void prepare_tcp(int fd)
{
	set_number(fd, SOL_SOCKET, SO_SNDBUF, BUFFER);
	set_number(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
	set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static inline int new_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	prepare_tcp(fd);
	return fd;
}

static inline int accept_from(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	/* Has no effect on a UNIX socket. */
	prepare_tcp(fd);
	return fd;
}

static inline void tcp_pair(int fd[2])
{
	int listener = listening(AF_INET);

	fd[0] = new_tcp();
	connect_to(fd[0], listener);
	fd[1] = accept_from(listener);
	close(listener);
}

static inline void udp_pair(int fd[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		bind_any(fd[i], AF_INET);
		set_number(fd[i], SOL_SOCKET, SO_SNDBUF, BUFFER);
		set_number(fd[i], SOL_SOCKET, SO_RCVBUF, BUFFER);
	}
	connect_to(fd[0], fd[1]);
	connect_to(fd[1], fd[0]);
}

/* Acknowledges at once what was received. */
static inline void quickack(int fd)
{
	set_number(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

static inline void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static inline void open_tty(int fd[2])
{
	struct termios raw = { 0 };

	cfmakeraw(&raw);
	openpty(&fd[0], &fd[1], NULL, &raw, NULL);
	fcntl(fd[0], F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(fd[1], F_SETFL, O_RDWR | O_NONBLOCK);
}

/* An inotify instance that reports touch_file(). */
static inline int watch_file(void)
{
	int fd = inotify_init1(IN_NONBLOCK);

	inotify_add_watch(fd, file, IN_ATTRIB);
	return fd;
}

static inline void touch_file(void)
{
	chmod(file, 0600);
}

/* Uses an absolute time if there are @nanoseconds, otherwise a relative one. */
static inline void set_timer(int fd, long seconds, long nanoseconds)
{
	struct itimerspec time = {
		.it_value = { .tv_sec = seconds, .tv_nsec = nanoseconds },
	};

	timerfd_settime(fd, nanoseconds ? TFD_TIMER_ABSTIME : 0, &time, NULL);
}

static inline void await(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	poll(&pollfd, 1, -1);
}

static inline void put(int fd, uint64_t number, size_t size)
{
	if (write(fd, &number, size) < 0)
		return;
}

static inline void get(int fd, size_t size)
{
	if (read(fd, buf, size) < 0)
		return;
}

static inline void fill(int fd, size_t size, int times)
{
	while (times-- && write(fd, buf, size) > 0)
		;
}

static inline void drain(int fd)
{
	int times = REPEAT;

	while (times-- && read(fd, buf, sizeof(buf)) > 0)
		;
}

#endif
