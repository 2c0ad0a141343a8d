// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's emulation that counts how often each instruction is executed, while the
 * guest requests it. A call into the page MARKS of a program, at an offset that is the number
 * of a count, starts that count. A call at offset 0 stops counting. One processor.
 *
 *	-plugin profile.so,out=FILE
 *
 * FILE then has a line for each address: the address, and its counts from number 1 on.
 *
 * Debian does not package the header of QEMU's plugin interface, version 4, so this file
 * declares the parts that it uses.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARKS 0x70000000ULL
#define PAGE 4096
#define COUNTS 2

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

struct word_of_vcpu {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

enum { NO_REGISTERS = 0, NOT_EQUAL = 3 };

int qemu_plugin_version = 4;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*)(uint64_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t at);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*)(unsigned int, void *),
					    int registers, void *data);
void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn,
						 void (*)(unsigned int, void *),
						 int registers, int condition,
						 struct word_of_vcpu word,
						 uint64_t operand, void *data);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void qemu_plugin_u64_set(struct word_of_vcpu word, unsigned int vcpu,
			 uint64_t value);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*)(uint64_t, void *),
				    void *data);

struct instruction {
	struct instruction *next;
	uint64_t address;
	uint64_t counts[COUNTS];
};

/* By address, because code may be translated again. */
static struct instruction *buckets[1 << 16];
static struct word_of_vcpu counting;
static uint64_t number;
static const char *out;

static struct instruction *instruction_at(uint64_t address)
{
	struct instruction **head = &buckets[(address ^ address >> 16) & 0xffff];
	struct instruction *at;

	for (at = *head; at; at = at->next)
		if (at->address == address)
			return at;

	at = calloc(1, sizeof(*at));
	if (!at)
		abort();
	at->address = address;
	at->next = *head;
	*head = at;
	return at;
}

static void mark(unsigned int vcpu, void *data)
{
	number = (uintptr_t)data;
	qemu_plugin_u64_set(counting, vcpu, number);
}

static void count(unsigned int vcpu, void *data)
{
	struct instruction *at = data;

	(void)vcpu;
	at->counts[number - 1]++;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		if (address - MARKS <= COUNTS)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, NO_REGISTERS,
							       (void *)(address - MARKS));
		else if (address - MARKS >= PAGE)
			qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, count,
								    NO_REGISTERS,
								    NOT_EQUAL,
								    counting, 0,
								    instruction_at(address));
	}
}

static void ended(uint64_t id, void *data)
{
	FILE *file = fopen(out, "w");

	(void)id;
	(void)data;
	if (!file) {
		perror(out);
		return;
	}
	for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++)
		for (struct instruction *at = buckets[i]; at; at = at->next)
			if (at->counts[0] || at->counts[1])
				fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
					at->address, at->counts[0], at->counts[1]);
	fclose(file);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile: out=FILE is required\n");
		return -1;
	}
	out = strdup(argv[0] + 4);
	counting.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	if (!out || !counting.score)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
