// SPDX-License-Identifier: GPL-2.0
/* The definitions of the tracepoints and, for each, a function that Rust can call. */

#include <linux/types.h>

#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "trace.h"
