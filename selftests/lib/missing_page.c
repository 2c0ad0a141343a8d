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

#include "missing_page.h"
#include "pair.h"

int missing_page_make(struct missing_page *missing)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	missing->size = getpagesize();
	missing->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (missing->uffd < 0)
		return -errno;
	missing->addr = mmap(NULL, missing->size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (missing->addr == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)missing->addr;
	reg.range.len = missing->size;
	if (ioctl(missing->uffd, UFFDIO_API, &api) ||
	    ioctl(missing->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int missing_page_await(const struct missing_page *missing)
{
	struct uffd_msg msg;

	if (await(missing->uffd, POLLIN) != POLLIN)
		return -ETIMEDOUT;
	return read(missing->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

int missing_page_provide(const struct missing_page *missing)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)missing->addr,
		.range.len = missing->size,
	};
	int err = ioctl(missing->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;

	close(missing->uffd);
	return err;
}
