// SPDX-License-Identifier: GPL-2.0

#include "slab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "poller.h"
#include "sysfile.h"
#include "waiter.h"

long slab_objects(const char *prefix)
{
	char line[512], name[64], path[128];
	long count = 0, active;
	int caches = 0;
	FILE *file = fopen("/proc/slabinfo", "re");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s", name) != 1 ||
		    strncmp(name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 name);
		sysfile_write(path, "1");
		caches++;
	}
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", name, &active) == 2 &&
		    !strncmp(name, prefix, strlen(prefix)))
			count += active;
	}
	fclose(file);
	return caches ? count : -ENOENT;
}

long slab_count(void)
{
	return slab_objects("repoll");
}

long slab_falls_to(long limit)
{
	int64_t deadline = now_ns() + SOON;
	long count;

	while ((count = slab_count()) > limit && now_ns() < deadline)
		poll(NULL, 0, 10); /* the file does not announce changes */
	return count;
}
