/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unloads the module, and loads it again from the file in the environment
 * variable REPOLL_MODULE. Each function returns 0 or -errno.
 */
#ifndef SELFTESTS_MODULE_H
#define SELFTESTS_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int load_with(const char *parameters)
{
	int fd = open(getenv("REPOLL_MODULE"), O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return err;
}

static inline int load(void)
{
	return load_with("");
}

static inline int unload(void)
{
	return syscall(SYS_delete_module, "repoll", O_NONBLOCK) ? -errno : 0;
}

#endif
