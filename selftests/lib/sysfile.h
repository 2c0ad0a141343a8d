/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files for settings of the kernel: sysctls, control groups.
 */
#ifndef SELFTESTS_SYSFILE_H
#define SELFTESTS_SYSFILE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Writes all of @text at once. Returns 0 or -errno. */
static inline int sysfile_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Reads all of a file as text. Returns its length or -errno. */
static inline int sysfile_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	size_t length = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1 &&
	       (n = read(fd, text + length, size - 1 - length)) > 0)
		length += n;
	if (n < 0)
		err = -errno;
	text[length] = '\0';
	close(fd);
	return err ?: (int)length;
}

#endif
