// SPDX-License-Identifier: GPL-2.0
/* Users and capabilities. */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "../helpers.h"

u32 rp_current_user(void)
{
	return __kuid_val(current_uid());
}

u32 rp_current_effective_user(void)
{
	return __kuid_val(current_euid());
}

u32 rp_current_effective_group(void)
{
	return __kgid_val(current_egid());
}

/* False in a set-user-ID or set-group-ID program. */
bool rp_current_is_one_user(void)
{
	const struct cred *cred = current_cred();

	return uid_eq(cred->uid, cred->euid) && uid_eq(cred->uid, cred->suid) &&
	       gid_eq(cred->gid, cred->egid) && gid_eq(cred->gid, cred->sgid);
}

/* The number in the caller's namespace. */
u32 rp_user_number(u32 user)
{
	return from_kuid_munged(current_user_ns(), KUIDT_INIT(user));
}

bool rp_may_administer_system(void)
{
	return capable(CAP_SYS_ADMIN);
}

bool rp_may_administer_network(void)
{
	return capable(CAP_NET_ADMIN);
}

/* Without sleep states, there is nothing to block. */
bool rp_may_block_suspend(void)
{
	return IS_ENABLED(CONFIG_PM_SLEEP) && capable(CAP_BLOCK_SUSPEND);
}
