/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Actions that may fail: each call on an instance, with its preparation and the
 * check of its result.
 */
#ifndef SELFTESTS_ACTIONS_H
#define SELFTESTS_ACTIONS_H

#include "fault_test.h"

/* The number of open files that a waiter finds ready. */
#define READY 3

extern const struct action create_plain, create_cloexec;

/* For a file of the kind under test. */
extern const struct action add_file;
/* For the only file on its superblock that repoll watches. */
extern const struct action add_first;
/* For a FIFO on a file system that is mounted for it, on /tmp. */
extern const struct action add_alone;
/* For a file that another instance watches many times. */
extern const struct action add_crowded;
/* For an instance that another one watches. */
extern const struct action add_below;
/* For a new instance. */
extern const struct action add_to_new;

extern const struct action modify_file, delete_file, close_file, close_instance;

/* With READY ready files and the events under test, and then without events. */
extern const struct action wait_ready, wait_masked, wait_in_vain;
/* With one ready file of the kind under test. */
extern const struct action wait_file;

/* With READY ready files at once; the second one includes a wait. */
extern const struct action batch_add, batch_add_and_wait;

/* With one ready file, followed by a wait. */
extern const struct action change_and_wait;

/* Parameters; these return 1 if the kernel has no busy polling. */
extern const struct action set_params, get_params;

/* Actions on the instance by the kernel's own means. */
extern const struct action poll_instance, select_instance, epoll_instance;
extern const struct action list_instance;

/* Queries of repoll about the instance; nothing is done for an epoll. */
extern const struct action tell_info, tell_list, tell_features;
/* A query about an instance with an item. */
extern const struct action tell_items;

#endif
