// SPDX-License-Identifier: GPL-2.0
/*
 * Waits for packets from a network card: its interrupts wake the waiter, or the waiter
 * busy-polls the card.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cards.h"
#include "require.h"
#include "waiter.h"

#define NSEC_PER_USEC 1000
#define ROUNDS 100
/* Fewer than the receive ring and the socket hold. */
#define BURST 32

/* Spins up to the longest useful time, and defers interrupts meanwhile. */
static const struct epoll_params busily = {
	.busy_poll_usecs = SOON / NSEC_PER_USEC,
	.busy_poll_budget = 8,
	.prefer_busy_poll = 1,
};

FIXTURE(cards) {
	struct poller p;
	int left;
	int right;
};

FIXTURE_VARIANT(cards) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(cards, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(cards, repoll) {
	.ops = &repoll_ops,
};

FIXTURE_SETUP(cards) {
	int err;

	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (geteuid())
		SKIP(return, "only root may enter network namespaces");
	err = cards_sockets(&self->left, &self->right);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no network cards");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, poller_open(&self->p, variant->ops));
	ASSERT_EQ(0, poller_add(&self->p, self->right, EPOLLIN));
}

FIXTURE_TEARDOWN(cards) {
	cards_defer_interrupts(0);
	close(self->p.fd);
	close(self->right);
	close(self->left);
}

/* Sends back each packet, ROUNDS times. */
static void *echo(void *arg)
{
	int fd = *(int *)arg;
	char c;
	int i;

	for (i = 0; i < ROUNDS; i++)
		if (recv(fd, &c, 1, 0) != 1 || send(fd, &c, 1, 0) != 1)
			return "failed";
	return NULL;
}

/*
 * Sends a packet from the right and waits for its echo, ROUNDS times. Returns how many
 * interrupts this caused on the right, or -1.
 */
static long interrupts_of_rounds(const struct poller *p, int left, int right)
{
	pthread_t thread;
	void *failed;
	long before;
	char c;
	int i;

	before = cards_interrupts();
	if (before < 0 || pthread_create(&thread, NULL, echo, &left))
		return -1;
	for (i = 0; i < ROUNDS; i++)
		if (send(right, "", 1, 0) != 1 ||
		    poller_next(p, right) != EPOLLIN ||
		    recv(right, &c, 1, MSG_DONTWAIT) != 1)
			return -1;
	if (pthread_join(thread, &failed) || failed)
		return -1;
	return cards_interrupts() - before;
}

/*
 *	right ---> left ---> right ---> P: an interrupt wakes the waiter each time;
 *	with busy polling, it takes the packets itself, almost without interrupts
 */
TEST_F(cards, busy_polling_replaces_interrupts)
{
	const struct epoll_params none = {};
	struct epoll_params params;
	long usual, busy, polled;

	/* The poller learns the queue. */
	usual = interrupts_of_rounds(&self->p, self->left, self->right);
	ASSERT_LE(0, usual);
	polled = cards_polled();
	ASSERT_LE(0, polled);
	ASSERT_EQ(0, cards_defer_interrupts(NSEC_PER_SEC));
	ASSERT_EQ(0, ioctl(self->p.fd, EPIOCSPARAMS, &busily));
	ASSERT_EQ(0, ioctl(self->p.fd, EPIOCGPARAMS, &params));
	EXPECT_EQ(0, memcmp(&busily, &params, sizeof(params)));
	busy = interrupts_of_rounds(&self->p, self->left, self->right);
	ASSERT_EQ(0, ioctl(self->p.fd, EPIOCSPARAMS, &none));
	ASSERT_EQ(0, cards_defer_interrupts(0));
	polled = cards_polled() - polled;
	TH_LOG("%d packets: %ld interrupts; with busy polling %ld, and %ld packets polled",
	       ROUNDS, usual, busy, polled);
	EXPECT_LE(ROUNDS / 2, usual);
	EXPECT_LE(0, busy);
	EXPECT_LT(0, polled);
	if (cards_mask_interrupts()) {
		EXPECT_LE(ROUNDS * 3 / 4, polled);
		EXPECT_GE(ROUNDS / 2, busy);
	}
}

/* Answers each packet with BURST packets, ROUNDS times. */
static void *multiply(void *arg)
{
	int fd = *(int *)arg;
	char c;
	int i, n;

	for (i = 0; i < ROUNDS; i++) {
		if (recv(fd, &c, 1, 0) != 1)
			return "failed";
		for (n = 0; n < BURST; n++)
			if (send(fd, &c, 1, 0) != 1)
				return "failed";
	}
	return NULL;
}

/*
 *	right ---> left ===> right ---> P, EPOLLET: packets that interrupts deliver in
 *	the middle of a scan are reported, too
 */
TEST_F(cards, edges_during_scans_are_reported)
{
	pthread_t thread;
	int i, received;
	void *failed;
	char c;

	ASSERT_EQ(0, poller_mod(&self->p, self->right, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, pthread_create(&thread, NULL, multiply, &self->left));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(1, send(self->right, "", 1, 0));
		for (received = 0; received < BURST;) {
			ASSERT_EQ(EPOLLIN, poller_next(&self->p, self->right));
			while (recv(self->right, &c, 1, MSG_DONTWAIT) == 1)
				received++;
		}
		ASSERT_EQ(BURST, received);
	}
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
}

TEST_HARNESS_MAIN
