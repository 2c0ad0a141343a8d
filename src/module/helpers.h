/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inline functions and macros of the kernel, which Rust cannot call, and a few
 * sequences of them that belong together. helpers/ has one file for each subject.
 */
#ifndef _REPOLL_HELPERS_H
#define _REPOLL_HELPERS_H

#include <linux/types.h>

struct epoll_event;
struct eventfd_ctx;
struct file;
struct fsnotify_group;
struct kmem_cache;
struct mutex;
struct pid;
struct repoll_change;
struct super_block;
struct wait_queue_entry;
struct wait_queue_head;
struct wakeup_source;

/* Users and capabilities. */
u32 rp_current_user(void);
u32 rp_current_effective_user(void);
u32 rp_current_effective_group(void);
bool rp_current_is_one_user(void);
u32 rp_user_number(u32 user);
bool rp_may_administer_system(void);
bool rp_may_administer_network(void);
bool rp_may_block_suspend(void);

/* Files, and the eventfds that belong to some of them. */
unsigned long rp_fdget(unsigned int fd);
bool rp_file_ref_get(struct file *file);
void rp_get_file(struct file *file);
bool rp_file_put_unless_last(struct file *file);
void rp_fput_by_worker(struct file *file);
unsigned long rp_file_refs(struct file *file);
loff_t rp_file_pos(const struct file *file);
void rp_file_set_reporting(struct file *file, bool on);
struct inode *rp_file_dentry_inode(struct file *file);
const unsigned char *rp_file_dentry_name(struct file *file);
bool rp_sb_is_internal(const struct super_block *sb);
const struct file *rp_file_of_path(const void *path);
struct eventfd_ctx *rp_eventfd_of(struct file *file);
void rp_eventfd_put(struct eventfd_ctx *ctx);

/* Groups of fsnotify marks. */
bool rp_fsnotify_has_marks(struct fsnotify_group *group);
bool rp_fsnotify_wait_for_users(struct fsnotify_group *group, unsigned int ms);

/* Slab caches, and the size of memory. */
struct kmem_cache *rp_cache_create(const char *name, unsigned int size,
				   unsigned int align);
unsigned long rp_lowmem_bytes(void);

/* Mutexes. */
int rp_mutex_lock_killable(struct mutex *lock, unsigned int subclass);
bool rp_mutex_lock_interruptible(struct mutex *lock);

/* Busy polling. In a kernel without it, no file has a queue. */
unsigned int rp_file_napi_id(struct file *file);
void rp_napi_busy_loop(unsigned int id,
		       bool (*loop_end)(void *arg, unsigned long start),
		       void *arg, bool prefer, u16 budget);
unsigned long rp_busy_loop_time(void);

/* Processes and threads by their numbers. */
int rp_task_number(struct task_struct *task);
struct pid *rp_current_process(void);
s32 rp_process_number(struct pid *process);
bool rp_process_is_known_here(struct pid *process);
void rp_process_put(struct pid *process);
void rp_current_name(u8 *to);

/* The current task: its state, its signals and its context. */
void rp_set_interruptible(void);
void rp_set_running(void);
void rp_cond_resched(void);
bool rp_irqs_disabled(void);
u64 rp_current_timer_slack(void);
bool rp_fatal_signal_pending(void);
int rp_sigmask_apply(unsigned long mask, size_t size);
void rp_sigmask_restore(bool interrupted);

/* User memory. */
bool rp_access_ok(unsigned long addr, unsigned long size);
bool rp_read_24(void *to, unsigned long from);
bool rp_read_32(void *to, unsigned long from);
bool rp_read_40(void *to, unsigned long from);
bool rp_read_64(void *to, unsigned long from);
size_t rp_read_changes(struct repoll_change *to, unsigned long from,
		       size_t count);
bool rp_write_result(unsigned long to, s32 result);
bool rp_write_done(unsigned long to, u32 done, u32 failed);
bool rp_read_event(struct epoll_event *to, unsigned long from);
size_t rp_write_events(unsigned long to, const struct epoll_event *from,
		       size_t count);
bool rp_write_struct(unsigned long to, size_t room, const void *from,
		     size_t size);

/* Wait queues, and tasks that are woken like the tasks in one. */
void rp_waitqueue_func_init(struct wait_queue_entry *entry,
			    int (*func)(struct wait_queue_entry *, unsigned int,
					int, void *));
void rp_wait_entry_del_init(struct wait_queue_entry *entry);
void rp_wait_entry_move_back(struct wait_queue_head *head,
			     struct wait_queue_entry *entry);
void rp_wake_pollers(struct wait_queue_head *head, void *key, u32 *level,
		     u32 subclass);
unsigned int rp_count_entries(struct wait_queue_head *head, unsigned int most);
bool rp_wake_task(struct task_struct *task, int flags);

/* Wake-up sources. */
struct wakeup_source *rp_wakeup_source_register(const char *name);
void rp_wakeup_source_unregister(struct wakeup_source *source);
void rp_wakeup_source_activate(struct wakeup_source *source, bool active);

#endif /* _REPOLL_HELPERS_H */
