// SPDX-License-Identifier: GPL-2.0

//! The queries to the module: their arguments and their answers.

use super::{
    calls::{bytes, elements},
    Thread,
};
use crate::{
    arena::{Region, CANARY},
    argument::{Id, Mask, Pointer, Query, Telling},
    coverage::{answered, Call},
    open,
    oracle::{self, Answer},
    program::Slot,
};
use repoll::uapi;
use std::{mem::size_of, os::fd::RawFd, ptr};

/// A query.
struct Question {
    command: u32,
    call: Call,
    /// The size of an element in bytes.
    known: usize,
    /// The address for the elements.
    to: Pointer,
    /// Whether signals come meanwhile.
    interrupted: bool,
}

impl Thread {
    pub(super) fn list(&mut self, query: &Query, interrupted: bool, argument: Pointer) {
        let args = self.query::<uapi::repoll_info>(query);
        let question = Question {
            command: uapi::REPOLL_LIST,
            call: Call::List,
            known: size_of::<uapi::repoll_info>(),
            to: query.to,
            interrupted,
        };
        let Some(answer) = self.ask_node(&question, &args, argument) else {
            return;
        };
        let memory = self.arena.region(Region::Answer);
        let mut next = args.id;
        for info in answer.elements::<uapi::repoll_info>(memory) {
            assert!(info.id >= next, "{} after {next}", info.id);
            oracle::check_info(&info);
            next = info.id + 1;
        }
        let from = answer.told.id;
        assert!(from >= next, "from {from} on after {next}");
    }

    pub(super) fn items(&mut self, query: &Query, interrupted: bool, argument: Pointer) {
        let args = self.query::<uapi::repoll_item>(query);
        let question = Question {
            command: uapi::REPOLL_ITEMS,
            call: Call::Items,
            known: size_of::<uapi::repoll_item>(),
            to: query.to,
            interrupted,
        };
        let Some(answer) = self.ask_node(&question, &args, argument) else {
            return;
        };
        self.cursor = answer.told.cursor;
        let memory = self.arena.region(Region::Answer);
        assert_eq!(
            answer.told.id, args.id,
            "the answer is about another instance"
        );
        for item in answer.elements::<uapi::repoll_item>(memory) {
            oracle::check_item(&item, query.all, &self.shared.handed);
        }
    }

    pub(super) fn info(&mut self, on: Slot, telling: &Telling, argument: Pointer) {
        let padding = u64::from(telling.padding.0);
        let args = uapi::repoll_query {
            id: padding,
            cursor: [padding; 2],
            to: 0,
            count: telling.more.0.saturating_add(1),
            size: telling.size.number(size_of::<uapi::repoll_info>()),
            flags: telling.flags.0,
            __pad: telling.padding.0,
        };
        let question = Question {
            command: uapi::REPOLL_INFO,
            call: Call::Info,
            known: size_of::<uapi::repoll_info>(),
            to: telling.to,
            interrupted: false,
        };
        let fd = self.shared.table.get(on);
        let Some(answer) = self.ask(fd, &question, &args, argument) else {
            return;
        };
        let memory = self.arena.region(Region::Answer);
        for info in answer.elements::<uapi::repoll_info>(memory) {
            oracle::check_info(&info);
        }
    }

    pub(super) fn features(
        &mut self,
        on: Slot,
        features: &uapi::repoll_features,
        argument: Pointer,
    ) {
        self.arena.region(Region::Argument).fill(CANARY);
        let place = self.arena.put(argument, Region::Argument, bytes(features));
        let (errno, _) = self.ioctl(on, uapi::REPOLL_FEATURES, place.address);
        answered(Call::Features, errno);
        if let Some(stored) = self.stored::<uapi::repoll_features>(place, errno) {
            oracle::check_features(features.word, &stored);
        }
    }

    /// The argument for the control node, for elements of this type.
    fn query<T>(&mut self, query: &Query) -> uapi::repoll_query {
        uapi::repoll_query {
            id: self.id(query.id),
            cursor: query.cursor.words(self.cursor),
            to: 0,
            count: query.count(),
            size: query.size.number(size_of::<T>()),
            flags: query.flags(),
            __pad: query.padding.0,
        }
    }

    /// Queries the control node, as [`Thread::ask`] does.
    fn ask_node(
        &mut self,
        question: &Question,
        args: &uapi::repoll_query,
        argument: Pointer,
    ) -> Option<Answer> {
        let control = open::control();
        let answer = self.ask(control, question, args, argument);
        // SAFETY: It was opened here, and nobody else uses it.
        unsafe { libc::close(control) };
        answer
    }

    /// Makes a query; only the address of the array remains to be set in its argument. Returns the
    /// answer, if there is one.
    fn ask(
        &mut self,
        fd: RawFd,
        question: &Question,
        args: &uapi::repoll_query,
        argument: Pointer,
    ) -> Option<Answer> {
        let size = args.size as usize;
        let to = (args.count as usize).saturating_mul(size);
        let to = self.arena.place(question.to, Region::Answer, to);
        self.arena.region(Region::Answer).fill(CANARY);
        self.arena.region(Region::Argument).fill(CANARY);
        let args = uapi::repoll_query {
            to: to.address,
            ..*args
        };
        let argument = self.arena.put(argument, Region::Argument, bytes(&args));
        let before = self.arena.region(Region::Argument).to_vec();
        self.expect_signals(question.interrupted, Mask::Same);
        let (command, at) = (question.command as libc::Ioctl, argument.address);
        // SAFETY: The kernel accesses only the arena, or unmapped memory.
        let (errno, stored) = self.call(|| unsafe { libc::ioctl(fd, command, at) });
        self.alarm.stop_if(question.interrupted);
        answered(question.call, errno);
        let filled = question.known.min(size);
        let after = self.arena.region(Region::Argument);
        let told = oracle::check_query(&before, after, argument.offset, filled, errno);
        // REPOLL_INFO does not return the number 1.
        let stored = match question.call {
            Call::Info => usize::from(errno == 0),
            _ => elements(stored),
        };
        let answer = Answer {
            told: told.unwrap_or_default(),
            offset: to.offset,
            size,
            filled,
            stored,
        };
        let memory = self.arena.region(Region::Answer);
        oracle::check_answer(memory, &answer, args.count as usize, errno);
        (errno == 0).then_some(answer)
    }

    /// The id for the query.
    fn id(&self, id: Id) -> u64 {
        match id {
            Id::Of(slot) => {
                let fd = self.shared.table.get(slot);
                let mut info = uapi::repoll_info::default();
                let mut query = uapi::repoll_query {
                    to: ptr::from_mut(&mut info).expose_provenance() as u64,
                    count: 1,
                    size: size_of::<uapi::repoll_info>() as u32,
                    ..Default::default()
                };
                // SAFETY: It writes one answer, if the file is an instance.
                unsafe { libc::ioctl(fd, uapi::REPOLL_INFO as libc::Ioctl, &mut query) };
                info.id
            }
            Id::Zero => 0,
            Id::Most => u64::MAX,
        }
    }
}
