// SPDX-License-Identifier: GPL-2.0

//! What a thread has that drives connections.

use crate::{
    figures::Figures,
    limits::Limits,
    response::{Date, Response},
    service::Service,
    status::Status,
};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of one read.
const READ: usize = 16 << 10;

/// The thread's own, so that no connection has a buffer that is not filled.
#[derive(Debug)]
pub struct Context {
    /// What is answered.
    pub service: Arc<Service>,
    /// What clients may take.
    pub limits: Limits,
    /// What was done.
    pub figures: Figures,
    /// Where it is read to.
    pub scratch: Box<[u8]>,
    date: Date,
}

impl Context {
    /// Makes one.
    pub fn new(service: &Arc<Service>, limits: Limits) -> Self {
        Self {
            service: service.clone(),
            limits,
            figures: Figures::default(),
            scratch: vec![0; READ].into(),
            date: Date::new(),
        }
    }

    /// The head of a response, which is counted.
    pub fn head(&mut self, response: &Response, old: bool, keep: bool) -> Bytes {
        self.figures.requests += 1;
        self.figures.refused += u64::from(response.status != Status::Ok);
        response.head(old, keep, &mut self.date)
    }
}
