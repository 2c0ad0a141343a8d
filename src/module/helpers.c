// SPDX-License-Identifier: GPL-2.0

#include <linux/bottom_half.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/eventfd.h>
#include <linux/eventpoll.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/unaligned.h>
#include <linux/wait.h>
#include <net/busy_poll.h>
#include <net/sock.h>

#include "helpers.h"
#include "uapi/repoll.h"

unsigned long rp_fdget(unsigned int fd)
{
	return fdget(fd).word;
}

bool rp_file_ref_get(struct file *file)
{
	return file_ref_get(&file->f_ref);
}

void rp_get_file(struct file *file)
{
	get_file(file);
}

/* The count is of the references besides the last one. */
bool rp_file_put_unless_last(struct file *file)
{
	BUILD_BUG_ON(FILE_REF_ONEREF);
	return atomic_long_dec_if_positive(&file->f_ref.refcnt) >= 0;
}

/*
 * Whether the release of the file, of which this is the last reference, does not
 * take long: there is one worker for all files of the machine.
 */
static bool rp_release_is_short(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	/* A terminal may have something to send yet. */
	if (!sock)
		return !S_ISCHR(file_inode(file)->i_mode);
	if (!sock->sk || sock_flag(sock->sk, SOCK_LINGER))
		return false;
	return sock->sk->sk_family == AF_UNIX ||
	       sock->sk->sk_family == AF_INET || sock->sk->sk_family == AF_INET6;
}

/*
 * fput() leaves the release to the task, for when it returns to user mode, unless
 * this is an interrupt: then to a worker.
 */
void rp_fput_by_worker(struct file *file)
{
	if (!rp_release_is_short(file)) {
		fput(file);
		return;
	}
	local_bh_disable();
	fput(file);
	local_bh_enable();
}

unsigned long rp_file_refs(struct file *file)
{
	return file_count(file);
}

loff_t rp_file_pos(const struct file *file)
{
	return file->f_pos;
}

/*
 * Permission events stay off either way: a file that was made to report must not
 * wait for anybody's permission.
 */
void rp_file_set_reporting(struct file *file, bool on)
{
	spin_lock(&file->f_lock);
	file_set_fsnotify_mode(file, on ? FMODE_NONOTIFY_PERM : FMODE_NONOTIFY);
	spin_unlock(&file->f_lock);
}

struct inode *rp_file_dentry_inode(struct file *file)
{
	return d_inode(file->f_path.dentry);
}

const unsigned char *rp_file_dentry_name(struct file *file)
{
	return file->f_path.dentry->d_name.name;
}

bool rp_sb_is_internal(const struct super_block *sb)
{
	return sb->s_flags & SB_NOUSER;
}

const struct file *rp_file_of_path(const void *path)
{
	return container_of((const struct path *)path, struct file, f_path);
}

struct eventfd_ctx *rp_eventfd_of(struct file *file)
{
	struct eventfd_ctx *ctx = ERR_PTR(-EINVAL);

	if (IS_ENABLED(CONFIG_EVENTFD))
		ctx = eventfd_ctx_fileget(file);
	return IS_ERR(ctx) ? NULL : ctx;
}

void rp_eventfd_put(struct eventfd_ctx *ctx)
{
	eventfd_ctx_put(ctx);
}

/* Each mark refers to its group until it is freed, whoever does that. */
bool rp_fsnotify_has_marks(struct fsnotify_group *group)
{
	return refcount_read(&group->refcnt) > 1;
}

/*
 * What fsnotify_destroy_group(), which is not exported, waits for. False if it takes
 * longer than @ms milliseconds.
 */
bool rp_fsnotify_wait_for_users(struct fsnotify_group *group, unsigned int ms)
{
	spin_lock(&group->notification_lock);
	group->shutdown = true;
	spin_unlock(&group->notification_lock);
	return wait_event_timeout(group->notification_waitq,
				  !atomic_read(&group->user_waits),
				  msecs_to_jiffies(ms));
}

struct kmem_cache *rp_cache_create(const char *name, unsigned int size,
				   unsigned int align)
{
	/* Not merged with others of that size: its objects can be counted. */
	return kmem_cache_create(name, size, align,
				 SLAB_ACCOUNT | SLAB_NO_MERGE, NULL);
}

bool rp_access_ok(unsigned long addr, unsigned long size)
{
	return access_ok((void __user *)addr, size);
}

/* Within a window of user access. False after a fault. */
static __always_inline bool rp_get_words(void *to, const void __user *from,
					 size_t size)
{
	const u64 __user *at = from;
	u64 *words = to;
	size_t i;

	BUILD_BUG_ON(size % sizeof(*words));
#pragma GCC unroll 16
	for (i = 0; i < size / sizeof(*at); i++)
		unsafe_get_user(words[i], &at[i], fault);
	return true;
fault:
	return false;
}

/*
 * Of a few words: copy_from_user() has more to set up than there is to do. False
 * after a fault.
 */
static __always_inline bool rp_read_words(void *to, unsigned long from,
					  size_t size)
{
	const void __user *at = (const void __user *)from;
	bool got;

	might_fault();
	if (!user_read_access_begin(at, size))
		return false;
	got = rp_get_words(to, at, size);
	user_read_access_end();
	return got;
}

/* Arguments, by their sizes. */
bool rp_read_24(void *to, unsigned long from)
{
	return rp_read_words(to, from, 24);
}

bool rp_read_32(void *to, unsigned long from)
{
	return rp_read_words(to, from, 32);
}

bool rp_read_40(void *to, unsigned long from)
{
	return rp_read_words(to, from, 40);
}

bool rp_read_64(void *to, unsigned long from)
{
	return rp_read_words(to, from, 64);
}

/*
 * Reads changes, and stores that each has succeeded, which is to be corrected if
 * it has not: so nothing is done whose result cannot be stored. Returns for how
 * many both was done before a fault.
 */
size_t rp_read_changes(struct repoll_change *to, unsigned long from,
		       size_t count)
{
	struct repoll_change __user *at = (struct repoll_change __user *)from;
	size_t n;

	might_fault();
	if (!user_access_begin(at, count * sizeof(*at)))
		return 0;
	for (n = 0; n < count; n++, at++, to++) {
		if (!rp_get_words(to, at, sizeof(*to)))
			break;
		unsafe_put_user(0, &at->result, fault);
	}
fault:
	user_access_end();
	return n;
}

bool rp_write_result(unsigned long to, s32 result)
{
	return !put_user(result, (s32 __user *)to);
}

bool rp_write_done(unsigned long to, u32 done, u32 failed)
{
	u32 __user *at = (u32 __user *)to;

	return !put_user(done, at) && !put_user(failed, at + 1);
}

bool rp_read_event(struct epoll_event *to, unsigned long from)
{
	const struct epoll_event __user *at =
		(const struct epoll_event __user *)from;
	__poll_t events;
	__u64 data;

	might_fault();
	if (!user_read_access_begin(at, sizeof(*at)))
		return false;
	unsafe_get_user(events, &at->events, fault);
	unsafe_get_user(data, &at->data, fault);
	user_read_access_end();
	to->events = events;
	to->data = data;
	return true;
fault:
	user_read_access_end();
	return false;
}

/* Words in two events; 0 if events have a gap, which is not to be written. */
#define RP_PAIR (sizeof(struct epoll_event) == 12 ? 3 : 0)

/* Returns how many were written before a fault. */
size_t rp_write_events(unsigned long to, const struct epoll_event *from,
		       size_t count)
{
	struct epoll_event __user *begin = (struct epoll_event __user *)to;
	struct epoll_event __user *at = begin;
	const struct epoll_event *event = from;
	size_t singles = RP_PAIR ? count % 2 : count;
	size_t pairs = (count - singles) / 2;
	size_t i;

	might_fault();
	if (!user_write_access_begin(at, count * sizeof(*at)))
		return 0;
	for (; singles; singles--, at++, event++) {
		unsafe_put_user(event->events, &at->events, fault);
		unsafe_put_user(event->data, &at->data, fault);
	}
	if (pairs) {
		do {
			u64 __user *to_words = (u64 __user *)at;
			const u64 *words = (const u64 *)event;

#pragma GCC unroll 4
			for (i = 0; i < RP_PAIR; i++)
				unsafe_put_user(get_unaligned(&words[i]),
						&to_words[i], fault);
			at += 2;
			event += 2;
		} while (--pairs);
	}
	user_write_access_end();
	return count;
fault:
	user_write_access_end();
	i = at - begin;
	/* Of a pair the first one may have been written. */
	if (!put_user(from[i].events, &begin[i].events) &&
	    !put_user(from[i].data, &begin[i].data))
		i++;
	return i;
}

/* As much of it as there is @room for, and zeros behind it. */
bool rp_write_struct(unsigned long to, size_t room, const void *from,
		     size_t size)
{
	return !copy_struct_to_user((void __user *)to, room, from, size, NULL);
}

void rp_waitqueue_func_init(struct wait_queue_entry *entry,
			    int (*func)(struct wait_queue_entry *, unsigned int,
					int, void *))
{
	init_waitqueue_func_entry(entry, func);
}

/* Of the current task, which is about to sleep under a lock that its wakers take. */
void rp_set_interruptible(void)
{
	__set_current_state(TASK_INTERRUPTIBLE);
}

void rp_set_running(void)
{
	__set_current_state(TASK_RUNNING);
}

/* False if the task did not sleep. @flags are those of a wait queue's wake-up. */
bool rp_wake_task(struct task_struct *task, int flags)
{
	struct wait_queue_entry entry = { .private = task };

	return default_wake_function(&entry, TASK_NORMAL, flags, NULL);
}

/* The thread's number in the caller's namespace. */
int rp_task_number(struct task_struct *task)
{
	return task_pid_vnr(task);
}

void rp_wait_entry_del_init(struct wait_queue_entry *entry)
{
	list_del_init(&entry->entry);
}

void rp_wait_entry_move_back(struct wait_queue_head *head,
			     struct wait_queue_entry *entry)
{
	unsigned long flags;

	spin_lock_irqsave(&head->lock, flags);
	if (!list_empty(&entry->entry))
		list_move_tail(&entry->entry, &head->head);
	spin_unlock_irqrestore(&head->lock, flags);
}

/* Like wake_up_poll(), for pollers that may be eventpolls one inside the other. */
void rp_wake_pollers(struct wait_queue_head *head, void *key, u32 *level,
		     u32 subclass)
{
	unsigned long flags;

	spin_lock_irqsave_nested(&head->lock, flags, subclass);
	WRITE_ONCE(*level, subclass + 1);
	__wake_up_locked_key(head, TASK_NORMAL, key);
	spin_unlock_irqrestore(&head->lock, flags);
}

/* Counts the entries, as far as @most. */
unsigned int rp_count_entries(struct wait_queue_head *head, unsigned int most)
{
	struct list_head *entry;
	unsigned int n = 0;
	unsigned long flags;

	spin_lock_irqsave(&head->lock, flags);
	list_for_each(entry, &head->head) {
		if (++n >= most)
			break;
	}
	spin_unlock_irqrestore(&head->lock, flags);
	return n;
}

/* An error if the task is being killed. */
int rp_mutex_lock_killable(struct mutex *lock, unsigned int subclass)
{
	return mutex_lock_killable_nested(lock, subclass);
}

/* False after a signal. */
bool rp_mutex_lock_interruptible(struct mutex *lock)
{
	return !mutex_lock_interruptible(lock);
}

bool rp_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

u64 rp_current_timer_slack(void)
{
	return current->timer_slack_ns;
}

void rp_cond_resched(void)
{
	cond_resched();
}

bool rp_irqs_disabled(void)
{
	return irqs_disabled();
}

/* Without sleep states there is nothing to block. */
bool rp_may_block_suspend(void)
{
	return IS_ENABLED(CONFIG_PM_SLEEP) && capable(CAP_BLOCK_SUSPEND);
}

bool rp_may_administer_network(void)
{
	return capable(CAP_NET_ADMIN);
}

u32 rp_current_user(void)
{
	return __kuid_val(current_uid());
}

struct pid *rp_current_process(void)
{
	return get_pid(task_tgid(current));
}

/* By the caller's namespace; 0 if it has none there. */
s32 rp_process_number(struct pid *process)
{
	return pid_has_task(process, PIDTYPE_TGID) ? pid_vnr(process) : 0;
}

bool rp_process_is_known_here(struct pid *process)
{
	return pid_vnr(process);
}

void rp_process_put(struct pid *process)
{
	put_pid(process);
}

void rp_current_name(u8 *to)
{
	strscpy_pad((char *)to, current->comm, TASK_COMM_LEN);
}

u32 rp_current_effective_user(void)
{
	return __kuid_val(current_euid());
}

u32 rp_current_effective_group(void)
{
	return __kgid_val(current_egid());
}

/* Not one who runs a program with the rights of another user or group. */
bool rp_current_is_one_user(void)
{
	const struct cred *cred = current_cred();

	return uid_eq(cred->uid, cred->euid) && uid_eq(cred->uid, cred->suid) &&
	       gid_eq(cred->gid, cred->egid) && gid_eq(cred->gid, cred->sgid);
}

/* By the caller's namespace. */
u32 rp_user_number(u32 user)
{
	return from_kuid_munged(current_user_ns(), KUIDT_INIT(user));
}

bool rp_may_administer_system(void)
{
	return capable(CAP_SYS_ADMIN);
}

/*
 * The kernel's own set_user_sigmask() is not exported; sigprocmask() is, but it
 * does not shield SIGKILL and SIGSTOP.
 */
int rp_sigmask_apply(unsigned long mask, size_t size)
{
	sigset_t set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, (const void __user *)mask, sizeof(set)))
		return -EFAULT;

	set_restore_sigmask();
	current->saved_sigmask = current->blocked;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	return sigprocmask(SIG_SETMASK, &set, NULL);
}

/*
 * After an interruption the mask is put back when the signal has been delivered, on the way
 * to user space. A thread of io_uring's never goes there: it would keep the mask, and take
 * signals that are others' to handle.
 */
void rp_sigmask_restore(bool interrupted)
{
	if (interrupted && !(current->flags & PF_USER_WORKER))
		return;
	if (test_and_clear_restore_sigmask())
		sigprocmask(SIG_SETMASK, &current->saved_sigmask, NULL);
}

struct wakeup_source *rp_wakeup_source_register(const char *name)
{
	return wakeup_source_register(NULL, name);
}

void rp_wakeup_source_unregister(struct wakeup_source *source)
{
	wakeup_source_unregister(source);
}

void rp_wakeup_source_activate(struct wakeup_source *source, bool active)
{
	if (active)
		__pm_stay_awake(source);
	else
		__pm_relax(source);
}

/* The queue that the file's packets come from, or 0. */
unsigned int rp_file_napi_id(struct file *file)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? READ_ONCE(sock->sk) : NULL;
	unsigned int id = sk ? READ_ONCE(sk->sk_napi_id) : 0;

	return napi_id_valid(id) ? id : 0;
#else
	return 0;
#endif
}

void rp_napi_busy_loop(unsigned int id,
		       bool (*loop_end)(void *arg, unsigned long start),
		       void *arg, bool prefer, u16 budget)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	napi_busy_loop(id, loop_end, arg, prefer, budget ?: BUSY_POLL_BUDGET);
#endif
}

unsigned long rp_busy_loop_time(void)
{
	return busy_loop_current_time();
}

unsigned long rp_lowmem_bytes(void)
{
	struct sysinfo si;

	si_meminfo(&si);
	return (si.totalram - si.totalhigh) << PAGE_SHIFT;
}
