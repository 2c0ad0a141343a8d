// SPDX-License-Identifier: GPL-2.0
/* Wake-up sources. */

#include <linux/device.h>
#include <linux/pm_wakeup.h>

#include "../helpers.h"

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
