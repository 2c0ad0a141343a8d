// SPDX-License-Identifier: GPL-2.0

//! Tests of the server as its clients see it, in each of its shapes: on epoll, which
//! needs no module, or on the poller that `REACTOR_BACKEND` names.

mod client;
mod limits;
mod protocol;
mod server;
mod shutdown;
mod slow;
mod stream;
