/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queries to /dev/repoll: which instances exist, and what they watch.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_QUERY_H
#define SELFTESTS_QUERY_H

#include <stdint.h>
#include <sys/types.h>

#include "repoll.h"

/* Describes an instance, given its descriptor. */
int query_info(int fd, struct repoll_info *info);

/* Lists instances from *@from on, and advances it. */
int query_list(int node, uint32_t flags, uint64_t *from,
	       struct repoll_info *infos, uint32_t count);

/* Finds an instance in the list; -ENOENT if it is not listed. */
int query_find(int node, uint32_t flags, uint64_t id, struct repoll_info *info);

/* A walk through the items of an instance; initially all zero except these fields. */
struct walk {
	int node;
	uint32_t flags;
	uint64_t id, cursor[2];
};

/* Lists the next items of an instance. */
int query_next_items(struct walk *walk, struct repoll_item *items, uint32_t count);

/* Lists the first items of an instance. */
int query_items(int node, uint32_t flags, uint64_t id,
		struct repoll_item *items, uint32_t count);

/* The features from 64 * word on, as 64 bits. */
int query_features(int fd, uint32_t word, uint64_t *bits);

#endif
