// SPDX-License-Identifier: GPL-2.0
/* Processes and threads by their numbers. */

#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "../helpers.h"

/* The thread's number in the caller's namespace. */
int rp_task_number(struct task_struct *task)
{
	return task_pid_vnr(task);
}

struct pid *rp_current_process(void)
{
	return get_pid(task_tgid(current));
}

/* The number in the caller's namespace; 0 if there is none. */
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
