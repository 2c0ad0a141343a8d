/* SPDX-License-Identifier: GPL-2.0 */
/* The input from which bindgen creates bindings_generated.rs. */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fsnotify_backend.h>
#include <linux/netdevice.h>
#include <linux/poll.h>
#include <uapi/linux/eventpoll.h>

#include "helpers.h"
#include "trace.h"
#include "uapi/repoll.h"

/* Casts and enums that bindgen cannot evaluate, or whose names it would mangle. */
static const u32 RP_CLOSE_MASK = FS_CLOSE_WRITE | FS_CLOSE_NOWRITE;
static const int RP_EVENT_PATH = FSNOTIFY_EVENT_PATH;
static const unsigned int RP_MARK_ATTACHED = FSNOTIFY_MARK_FLAG_ATTACHED;
static const unsigned int RP_OBJ_SB = FSNOTIFY_OBJ_TYPE_SB;
static const u32 RP_FMODE_FSNOTIFY = (__force u32)FMODE_FSNOTIFY_MASK;
static const u32 RP_FMODE_NONOTIFY = (__force u32)FMODE_NONOTIFY;
static const unsigned long RP_FDPUT_FPUT = FDPUT_FPUT;
static const unsigned long RP_FDPUT_FLAGS = FDPUT_FPUT | FDPUT_POS_UNLOCK;
static const u32 RP_DEFAULT_POLLMASK = (__force u32)DEFAULT_POLLMASK;
static const u32 RP_POLLFREE = (__force u32)POLLFREE;
static const u32 RP_POLLHUP = (__force u32)EPOLLHUP;

/* repoll.h, eventpoll.h: bindgen does not evaluate the _IOW() of a structure. */
static const u32 RP_IOC_CREATE = REPOLL_CREATE;
static const u32 RP_IOC_CTL = REPOLL_CTL;
static const u32 RP_IOC_WAIT = REPOLL_WAIT;
static const u32 RP_IOC_BATCH = REPOLL_BATCH;
static const u32 RP_IOC_BATCH_WAIT = REPOLL_BATCH_WAIT;
static const u32 RP_IOC_LIST = REPOLL_LIST;
static const u32 RP_IOC_ITEMS = REPOLL_ITEMS;
static const u32 RP_IOC_INFO = REPOLL_INFO;
static const u32 RP_IOC_FEATURES = REPOLL_FEATURES;
static const u32 RP_IOC_SET_PARAMS = EPIOCSPARAMS;
static const u32 RP_IOC_GET_PARAMS = EPIOCGPARAMS;
