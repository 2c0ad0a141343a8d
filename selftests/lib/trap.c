// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pair.h"
#include "trap.h"

int trap_set(struct trap *trap)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	trap->size = getpagesize();
	trap->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (trap->uffd < 0)
		return -errno;
	trap->page = mmap(NULL, trap->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (trap->page == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)trap->page;
	reg.range.len = trap->size;
	if (ioctl(trap->uffd, UFFDIO_API, &api) ||
	    ioctl(trap->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int trap_await(const struct trap *trap)
{
	struct uffd_msg msg;

	if (await(trap->uffd, POLLIN) != POLLIN)
		return -ETIMEDOUT;
	return read(trap->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

int trap_open(const struct trap *trap)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)trap->page,
		.range.len = trap->size,
	};
	int err = ioctl(trap->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;

	close(trap->uffd);
	return err;
}
