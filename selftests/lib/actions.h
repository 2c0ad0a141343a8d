/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What may fail: each call on an instance, with what it needs and what it has to
 * have done.
 */
#ifndef SELFTESTS_ACTIONS_H
#define SELFTESTS_ACTIONS_H

#include "fault_test.h"

/* Of the open files that a waiter finds ready. */
#define READY 3

extern const struct action create_plain, create_cloexec;

/* Of the kind of file under test. */
extern const struct action add_file;
/* Of the only file on its superblock that repoll watches. */
extern const struct action add_first;
/* Of a FIFO on a file system that is mounted for it, on /tmp. */
extern const struct action add_alone;
/* Of a file that another instance watches many times. */
extern const struct action add_crowded;
/* To an instance that another one watches. */
extern const struct action add_below;
/* To an instance that is made for it. */
extern const struct action add_to_new;

extern const struct action modify_file, delete_file, close_file, close_instance;

/* Of READY files, with the events under test, and then of nothing. */
extern const struct action wait_ready, wait_masked, wait_in_vain;
/* Of one ready file of the kind under test. */
extern const struct action wait_file;

/* Of READY ready files at once, the second one with a wait behind it. */
extern const struct action batch_add, batch_add_and_wait;

/* Of one ready file, with a wait behind it. */
extern const struct action change_and_wait;

/* Of parameters; they succeed with 1 if the kernel has no busy polling. */
extern const struct action set_params, get_params;

/* Of the instance, by the kernel's own means. */
extern const struct action poll_instance, select_instance, epoll_instance;
extern const struct action list_instance;

/* Of the instance, by repoll's; nothing is done to the kernel's. */
extern const struct action tell_info, tell_list, tell_features;
/* Of an instance with an item. */
extern const struct action tell_items;

#endif
