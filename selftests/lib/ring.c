// SPDX-License-Identifier: GPL-2.0

#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int ring_open(struct ring *r)
{
	size_t size;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, RING_ENTRIES, &r->params);
	if (r->fd < 0)
		return -errno;
	/* Both queues are in one mapping; the completions come last. */
	size = r->params.cq_off.cqes +
	       r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->queues = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, RING_ENTRIES * sizeof(struct io_uring_sqe),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		       IORING_OFF_SQES);
	if (r->queues == MAP_FAILED || r->sqes == MAP_FAILED)
		return -errno;
	return 0;
}

static unsigned int *ring_word(struct ring *r, unsigned int offset)
{
	return (unsigned int *)(r->queues + offset);
}

int ring_submit(struct ring *r, const struct io_uring_sqe *requests, int count)
{
	const struct io_sqring_offsets *sq = &r->params.sq_off;
	unsigned int tail = *ring_word(r, sq->tail);
	unsigned int mask = *ring_word(r, sq->ring_mask);
	int i;

	for (i = 0; i < count; i++) {
		r->sqes[(tail + i) & mask] = requests[i];
		ring_word(r, sq->array)[(tail + i) & mask] = (tail + i) & mask;
	}
	__atomic_store_n(ring_word(r, sq->tail), tail + count, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, r->fd, count, 0, 0, NULL, 0) == count ?
	       0 : -errno;
}

int ring_poll(struct ring *r, int fd, uint32_t flags)
{
	const struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.len = flags,
		.poll32_events = POLLIN,
	};

	return ring_submit(r, &request, 1);
}

bool ring_take(struct ring *r, int wanted, struct io_uring_cqe *cqe)
{
	const struct io_cqring_offsets *cq = &r->params.cq_off;
	unsigned int head = *ring_word(r, cq->head);
	struct io_uring_cqe *cqes = (void *)(r->queues + cq->cqes);

	syscall(SYS_io_uring_enter, r->fd, 0, wanted, IORING_ENTER_GETEVENTS,
		NULL, 0);
	if (__atomic_load_n(ring_word(r, cq->tail), __ATOMIC_ACQUIRE) == head)
		return false;
	*cqe = cqes[head & *ring_word(r, cq->ring_mask)];
	__atomic_store_n(ring_word(r, cq->head), head + 1, __ATOMIC_RELEASE);
	return true;
}

int ring_next(struct ring *r, uint32_t flags)
{
	struct io_uring_cqe cqe = {};

	if (!ring_take(r, 1, &cqe))
		return -ENODATA;
	return cqe.flags == flags ? cqe.res : -EPROTO;
}

bool ring_is_empty(struct ring *r)
{
	struct io_uring_cqe cqe;

	return !ring_take(r, 0, &cqe);
}
