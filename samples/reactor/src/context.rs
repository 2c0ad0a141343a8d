// SPDX-License-Identifier: GPL-2.0

//! The context of a thread that drives connections.

use crate::{
    figures::Figures,
    limits::Limits,
    response::{Date, Response},
    service::Service,
    status::Status,
};
use bytes::Bytes;
use std::sync::Arc;

/// The size of a read.
const READ: usize = 16 << 10;

/// Each thread has its own, so that connections need no read buffers.
#[derive(Debug)]
pub struct Context {
    /// Produces the responses.
    pub service: Arc<Service>,
    /// The limits for clients.
    pub limits: Limits,
    /// The thread's figures.
    pub figures: Figures,
    /// The buffer for reads.
    pub scratch: Box<[u8]>,
    date: Date,
}

impl Context {
    /// Creates a context.
    pub fn new(service: &Arc<Service>, limits: Limits) -> Self {
        Self {
            service: service.clone(),
            limits,
            figures: Figures::default(),
            scratch: vec![0; READ].into(),
            date: Date::new(),
        }
    }

    /// The head of a response. Counts the response.
    pub fn head(&mut self, response: &Response, old: bool, keep: bool) -> Bytes {
        self.figures.requests += 1;
        self.figures.refused += u64::from(response.status != Status::Ok);
        response.head(old, keep, &mut self.date)
    }
}
