// SPDX-License-Identifier: GPL-2.0
/* Like the kernel's rust/helpers: one object, which includes one file for each subject. */

#include "helpers/credentials.c"
#include "helpers/file.c"
#include "helpers/fsnotify.c"
#include "helpers/memory.c"
#include "helpers/mutex.c"
#include "helpers/napi.c"
#include "helpers/process.c"
#include "helpers/task.c"
#include "helpers/user.c"
#include "helpers/wait_queue.c"
#include "helpers/wakeup_source.c"
