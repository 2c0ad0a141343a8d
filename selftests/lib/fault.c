// SPDX-License-Identifier: GPL-2.0

#include "fault.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sysfile.h"

#define DEBUG "/sys/kernel/debug/"
#define PRINTK "/proc/sys/kernel/printk"

static int nth_file = -1, log_file = -1;
static char printk_before[64];

/* The kinds of failures, all of which are logged with their stacks. */
static const struct {
	const char *path, *value;
} switches[] = {
	{ DEBUG "failslab/ignore-gfp-wait", "N" },
	{ DEBUG "failslab/verbose", "2" },
	{ DEBUG "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUG "fail_page_alloc/min-order", "0" },
	{ DEBUG "fail_page_alloc/verbose", "2" },
	{ DEBUG "fail_usercopy/verbose", "2" },
	{ NULL, NULL },
};

/*
 * Stacks are logged at the default level: make that the lowest, and make the console show
 * only warnings and more severe messages.
 */
static int quieten_console(void)
{
	int fd = open(PRINTK, O_RDONLY | O_CLOEXEC), lowest, initial;
	char text[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, printk_before, sizeof(printk_before) - 1);
	close(fd);
	if (n <= 0 ||
	    sscanf(printk_before, "%*d %*d %d %d", &lowest, &initial) != 2)
		return -EPROTO;
	snprintf(text, sizeof(text), "5 7 %d %d\n", lowest, initial);
	return sysfile_write(PRINTK, text);
}

int fault_open(void)
{
	unsigned int i;
	int err;

	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		return -errno;
	log_file = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (log_file < 0)
		return -errno;
	for (i = 0; switches[i].path; i++) {
		err = sysfile_write(switches[i].path, switches[i].value);
		if (err)
			return err;
	}
	/* Page faults of the test itself must not count. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return -errno;
	return quieten_console();
}

/* Finds the beginning of a function, and that of the next one. */
static int find_function(const char *function, unsigned long range[2])
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned long address;
	char line[512], name[256];
	int pass;

	if (!symbols)
		return -errno;
	range[0] = 0;
	range[1] = ~0UL;
	for (pass = 0; pass < 2; pass++) {
		rewind(symbols);
		while (fgets(line, sizeof(line), symbols)) {
			if (sscanf(line, "%lx %*c %255s", &address, name) != 2)
				continue;
			if (!pass && !strcmp(name, function))
				range[0] = address;
			if (pass && address > range[0] && address < range[1])
				range[1] = address;
		}
	}
	fclose(symbols);
	return range[0] ? 0 : -ENOENT;
}

/* Sets the range that stacks are required to include, or not to include. */
static int set_range(const char *which, unsigned long start, unsigned long end)
{
	static const char * const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[128], value[32];
	int i, err = 0;

	for (i = 0; i < 3 && !err; i++) {
		snprintf(path, sizeof(path), DEBUG "%s/%s-start", kinds[i],
			 which);
		snprintf(value, sizeof(value), "0x%lx", start);
		err = sysfile_write(path, value);
		snprintf(path, sizeof(path), DEBUG "%s/%s-end", kinds[i],
			 which);
		snprintf(value, sizeof(value), "0x%lx", end);
		err = err ?: sysfile_write(path, value);
	}
	return err;
}

static int lift_limit(void)
{
	return set_range("require", 0, ~0UL) ?: set_range("reject", 0, 0);
}

int fault_limit(const char *function, bool inside)
{
	unsigned long range[2];

	return find_function(function, range) ?: lift_limit() ?:
	       set_range(inside ? "require" : "reject", range[0], range[1]);
}

void fault_close(void)
{
	lift_limit();
	sysfile_write(PRINTK, printk_before);
	munlockall();
	close(log_file);
	close(nth_file);
}

static void set_nth(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	/* Setting it to 0 may itself fail: then it is also 0. */
	if (pwrite(nth_file, text, len, 0) != len && nth)
		abort();
}

void fault_arm(unsigned int nth)
{
	lseek(log_file, 0, SEEK_END);
	set_nth(nth);
}

bool fault_disarm(void)
{
	char text[16] = "";
	/* A failure that is left may hit this copy. */
	ssize_t n = pread(nth_file, text, sizeof(text) - 1, 0);

	set_nth(0);
	return n > 0 && !atoi(text);
}

/*
 * Whether a line of the log is a frame of a stack, " function+0x1a/0x2b [module]".
 * Uncertain frames begin with a question mark.
 */
static bool is_frame(const char *text)
{
	const char *end = strstr(text, "+0x");

	return text[0] == ' ' && (isalnum(text[1]) || text[1] == '_') && end &&
	       !memchr(text + 1, ' ', end - text - 1);
}

static bool begins(const char *frame, const char *function)
{
	return !strncmp(frame + 1, function, strlen(function));
}

static bool is_system_call(const char *frame)
{
	return begins(frame, "do_syscall") || begins(frame, "x64_sys_call");
}

static uint64_t hash(uint64_t id, const char *text)
{
	/* FNV-1a. */
	for (; *text; text++)
		id = (id ^ (unsigned char)*text) * 0x100000001b3;
	return id;
}

uint64_t fault_site(void)
{
	static char record[8192];
	bool inside = false, in_module = false;
	uint64_t id = 0;
	char *text, *end;
	ssize_t n;

	while ((n = read(log_file, record, sizeof(record) - 1)) > 0 ||
	       errno == EPIPE) {
		if (n < 0)
			continue;
		record[n] = '\0';
		text = strchr(record, ';');
		end = text ? strchr(text, '\n') : NULL;
		if (!end)
			continue;
		*end = '\0';
		text++;
		if (!is_frame(text))
			continue;
		if (begins(text, "should_fail")) {
			id = 0xcbf29ce484222325;
			inside = true;
			in_module = false;
		} else if (is_system_call(text)) {
			inside = false;
		} else if (inside) {
			id = hash(id, text);
			in_module |= !!strstr(text, "[repoll]");
		}
	}
	return id ? (id & ~1ULL) | in_module : 0;
}

static void add_site(struct fault_tally *tally, uint64_t site)
{
	unsigned int i;

	for (i = 0; i < tally->sites; i++)
		if (tally->site[i] == site)
			return;
	if (i < FAULT_SITES)
		tally->site[tally->sites++] = site;
}

void fault_count(struct fault_tally *tally, uint64_t site, bool error)
{
	tally->faults++;
	tally->errors += error;
	if (site)
		add_site(tally, site);
	else
		tally->silent++;
}

void fault_merge(struct fault_tally *tally, const struct fault_tally *other)
{
	unsigned int i;

	tally->faults += other->faults;
	tally->silent += other->silent;
	tally->errors += other->errors;
	for (i = 0; i < other->sites; i++)
		add_site(tally, other->site[i]);
}

const char *fault_summary(const struct fault_tally *tally)
{
	static char text[160];
	unsigned int i, in_module = 0;

	for (i = 0; i < tally->sites; i++)
		in_module += tally->site[i] & 1;
	snprintf(text, sizeof(text),
		 "%u faults (%u not logged), %u errors; %u sites, %u of them in the module",
		 tally->faults, tally->silent, tally->errors, tally->sites,
		 in_module);
	return text;
}
