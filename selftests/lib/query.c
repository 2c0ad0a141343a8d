// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "query.h"

int query_info(int fd, struct repoll_info *info)
{
	struct repoll_query query = {
		.to = (uintptr_t)info,
		.count = 1,
		.size = sizeof(*info),
	};

	return ioctl(fd, REPOLL_INFO, &query) ? -errno : 0;
}

int query_list(int node, uint32_t flags, uint64_t *from,
	       struct repoll_info *infos, uint32_t count)
{
	struct repoll_query query = {
		.id = *from,
		.to = (uintptr_t)infos,
		.count = count,
		.size = sizeof(*infos),
		.flags = flags,
	};
	int n = ioctl(node, REPOLL_LIST, &query);

	*from = query.id;
	return n < 0 ? -errno : n;
}

int query_find(int node, uint32_t flags, uint64_t id, struct repoll_info *info)
{
	uint64_t from = id;
	int n = query_list(node, flags, &from, info, 1);

	if (n < 0)
		return n;
	return n == 1 && info->id == id ? 0 : -ENOENT;
}

int query_next_items(struct walk *walk, struct repoll_item *items, uint32_t count)
{
	struct repoll_query query = {
		.id = walk->id,
		.cursor = { walk->cursor[0], walk->cursor[1] },
		.to = (uintptr_t)items,
		.count = count,
		.size = sizeof(*items),
		.flags = walk->flags,
	};
	int n = ioctl(walk->node, REPOLL_ITEMS, &query);

	memcpy(walk->cursor, query.cursor, sizeof(query.cursor));
	return n < 0 ? -errno : n;
}

int query_items(int node, uint32_t flags, uint64_t id,
		struct repoll_item *items, uint32_t count)
{
	struct walk walk = { .node = node, .flags = flags, .id = id };

	return query_next_items(&walk, items, count);
}

int query_features(int fd, uint32_t word, uint64_t *bits)
{
	struct repoll_features features = { .word = word };

	if (ioctl(fd, REPOLL_FEATURES, &features))
		return -errno;
	*bits = features.bits;
	return 0;
}
