// SPDX-License-Identifier: GPL-2.0
/* The current task: its state, its signals and its context. */

#include <linux/irqflags.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../helpers.h"

/* Without a barrier: before the task sleeps, it takes the lock that its wakers take. */
void rp_set_interruptible(void)
{
	__set_current_state(TASK_INTERRUPTIBLE);
}

void rp_set_running(void)
{
	__set_current_state(TASK_RUNNING);
}

void rp_cond_resched(void)
{
	cond_resched();
}

bool rp_irqs_disabled(void)
{
	return irqs_disabled();
}

u64 rp_current_timer_slack(void)
{
	return current->timer_slack_ns;
}

bool rp_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

/*
 * The kernel's own set_user_sigmask() is not exported. sigprocmask() is, but it does
 * not protect SIGKILL and SIGSTOP.
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
 * After an interruption, the kernel restores the mask when it has delivered the
 * signal, on the way to user space. A thread of io_uring never goes there: it would
 * keep the mask, and take signals that other threads should handle.
 */
void rp_sigmask_restore(bool interrupted)
{
	if (interrupted && !(current->flags & PF_USER_WORKER))
		return;
	if (test_and_clear_restore_sigmask())
		sigprocmask(SIG_SETMASK, &current->saved_sigmask, NULL);
}
