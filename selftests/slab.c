// SPDX-License-Identifier: GPL-2.0

#include "slab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "poller.h"
#include "waiter.h"

long slab_count(void)
{
	char line[512];
	long count = 0, active;
	int caches = 0;
	FILE *file = fopen("/proc/slabinfo", "re");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "repoll%*s %ld", &active) == 1) {
			count += active;
			caches++;
		}
	}
	fclose(file);
	return caches ? count : -ENOENT;
}

long slab_falls_to(long limit)
{
	int64_t deadline = now_ns() + SOON;
	long count;

	while ((count = slab_count()) > limit && now_ns() < deadline)
		poll(NULL, 0, 10); /* the file tells nobody that it changed */
	return count;
}
