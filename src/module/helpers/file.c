// SPDX-License-Identifier: GPL-2.0
/* Files, and the eventfds that belong to some of them. */

#include <linux/bottom_half.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/net.h>
#include <net/sock.h>

#include "../helpers.h"

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

/* The last reference is not part of the count. */
bool rp_file_put_unless_last(struct file *file)
{
	BUILD_BUG_ON(FILE_REF_ONEREF);
	return atomic_long_dec_if_positive(&file->f_ref.refcnt) >= 0;
}

/*
 * Whether the release of the file is short. The caller has the last reference.
 * There is one worker for all files of the machine.
 */
static bool rp_release_is_short(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	/* A terminal may still have something to send. */
	if (!sock)
		return !S_ISCHR(file_inode(file)->i_mode);
	if (!sock->sk || sock_flag(sock->sk, SOCK_LINGER))
		return false;
	return sock->sk->sk_family == AF_UNIX ||
	       sock->sk->sk_family == AF_INET || sock->sk->sk_family == AF_INET6;
}

/*
 * fput() releases a file when the current task returns to user mode; in an interrupt,
 * it makes a worker do that.
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
 * Permission events stay off in both cases: a file that reports only while it is
 * watched must not wait for permissions.
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
