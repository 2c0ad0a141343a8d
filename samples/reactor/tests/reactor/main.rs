// SPDX-License-Identifier: GPL-2.0

//! The server as its clients see it, in each of its shapes: on epoll, for which no
//! module is needed, or on what `REACTOR_BACKEND` names.

mod client;
mod limits;
mod protocol;
mod server;
mod shutdown;
mod slow;
mod stream;
