// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queries: what they return, and to whom.

use crate::{errno, pair, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT};
use repoll::{
    info::{Control, Cursor, Instance, Item, Kind, Whose},
    uapi, CreateFlags, Events, Exclusive, Features, Interest, Mode, Poller,
};
use rustix::{
    event::epoll,
    fs::{fstat, major, minor},
    io::Errno,
    process::{getuid, Uid},
    thread::{gettid, set_thread_res_uid},
};
use std::{
    fs::{self, File},
    io::Write,
    os::fd::{AsFd, AsRawFd},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

const IN: Interest = Interest::READABLE;

fn id(poller: &Poller) -> u64 {
    Instance::of(poller).unwrap().id
}

/// The item with this descriptor, if the instance has one.
fn item(control: &Control, poller: &Poller, fd: impl AsFd) -> Option<Item> {
    let fd = fd.as_fd().as_raw_fd();
    let items = control.items(Whose::All, id(poller)).unwrap();
    items.into_iter().find(|item| item.fd == fd)
}

/// Waits until `condition` holds. A child that another test is creating may hold a closed
/// file open for a moment, until it executes its program.
#[track_caller]
fn comes_true(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "it does not come true");
        thread::yield_now();
    }
}

#[test]
fn an_instance_tells_who_made_it_and_how() {
    let plain = Instance::of(Poller::new().unwrap()).unwrap();
    let name = fs::read_to_string("/proc/thread-self/comm").unwrap();
    assert_eq!(plain.command, name.trim_end());
    assert_eq!(plain.pid, std::process::id() as i32);
    assert_eq!(plain.uid, getuid().as_raw());
    assert_eq!(plain.flags, CreateFlags::empty());
    assert_eq!((plain.items, plain.waiters, plain.pollers), (0, 0, 0));

    let fifo = Poller::with_flags(CreateFlags::FIFO).unwrap();
    let fifo = Instance::of(&fifo).unwrap();
    assert_eq!(fifo.flags, CreateFlags::FIFO);
    assert!(fifo.id > plain.id);
}

#[test]
fn what_is_no_instance_tells_nothing() {
    let file = File::open("/dev/null").unwrap();
    assert_eq!(errno(Instance::of(&file)), Some(Errno::NOTTY));
    let control = Control::open().unwrap();
    assert_eq!(errno(Instance::of(&control)), Some(Errno::NOTTY));
}

#[test]
fn an_instance_counts_what_it_does() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    poller.add(&a, Interest::WRITABLE, Mode::LEVEL, 1).unwrap();
    poller.add(&b, Interest::WRITABLE, Mode::LEVEL, 2).unwrap();
    poller.modify(&b, IN, Mode::LEVEL, 2).unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
    poller.delete(&a).unwrap();
    let before = Instance::of(&poller).unwrap();
    assert_eq!((before.adds, before.mods, before.dels), (2, 1, 1));
    assert_eq!((before.delivered, before.waits), (1, 1));
    assert_eq!((before.items, before.closed), (1, 0));
    drop(b);
    comes_true(|| Instance::of(&poller).unwrap().closed == 1);
    assert_eq!(Instance::of(&poller).unwrap().items, 0);
}

#[test]
fn who_waits_is_named() {
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller.add(&a, IN, Mode::LEVEL, 1).unwrap();
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        let waiter = scope.spawn({
            let poller = &poller;
            move || {
                sender.send(gettid().as_raw_nonzero().get()).unwrap();
                poller.wait(&mut Events::with_capacity(1), None).unwrap()
            }
        });
        let number = receiver.recv().unwrap();
        comes_true(|| Instance::of(&poller).unwrap().threads == [number]);
        assert_eq!(Instance::of(&poller).unwrap().waiters, 1);
        b.write_all(b"x").unwrap();
        assert_eq!(waiter.join().unwrap(), 1);
    });
    let awake = Instance::of(&poller).unwrap();
    assert_eq!((awake.waiters, awake.threads), (0, vec![]));
}

#[test]
fn an_instance_is_listed_until_it_is_closed() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let id = id(&poller);
    for whose in [Whose::Own, Whose::All] {
        let list = control.instances(whose).unwrap();
        let listed = list.iter().find(|instance| instance.id == id);
        assert_eq!(listed, Some(&Instance::of(&poller).unwrap()));
        let alone = control.instance(whose, id).unwrap();
        assert_eq!(alone.as_ref(), listed);
    }
    drop(poller);
    comes_true(|| control.instance(Whose::Own, id).unwrap().is_none());
    for whose in [Whose::Own, Whose::All] {
        let list = control.instances(whose).unwrap();
        assert!(list.iter().all(|instance| instance.id != id));
        assert_eq!(control.instance(whose, id).unwrap(), None);
        assert_eq!(errno(control.items(whose, id)), Some(Errno::NOENT));
    }
}

/// There are more instances than one call returns.
#[test]
fn many_instances_are_listed_by_their_ids() {
    let control = Control::open().unwrap();
    let pollers: Vec<_> = (0..100).map(|_| Poller::new().unwrap()).collect();
    let made: Vec<_> = pollers.iter().map(id).collect();
    let list = control.instances(Whose::Own).unwrap();
    assert!(list.is_sorted_by(|a, b| a.id < b.id));
    let listed = list.iter().map(|instance| instance.id);
    let listed: Vec<_> = listed.filter(|id| made.contains(id)).collect();
    assert_eq!(listed, made);
}

#[test]
fn items_tell_what_they_watch_and_for_what() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller.add(&a, IN, Mode::EDGE, u64::MAX).unwrap();
    poller
        .add(&b, Interest::WRITABLE, Mode::ONE_SHOT, 2)
        .unwrap();

    let quiet = item(&control, &poller, &a).unwrap();
    let stat = fstat(&a).unwrap();
    assert_eq!(quiet.events, EPOLLIN | EPOLLERR | EPOLLHUP | (1 << 31));
    assert_eq!((quiet.data, quiet.kind), (u64::MAX, Kind::File));
    assert_eq!(quiet.inode, stat.st_ino);
    assert_eq!(quiet.device, (major(stat.st_dev), minor(stat.st_dev)));
    assert!(!quiet.ready && !quiet.round_robin && !quiet.late_close && !quiet.late_pollers);
    b.write_all(b"x").unwrap();
    assert!(item(&control, &poller, &a).unwrap().ready);

    // A one-shot item that has reported its event watches for nothing.
    let armed = item(&control, &poller, &b).unwrap();
    assert!(armed.ready && armed.events & EPOLLOUT != 0);
    let mut events = Events::with_capacity(2);
    assert_eq!(poller.wait(&mut events, None).unwrap(), 2);
    let disarmed = item(&control, &poller, &b).unwrap();
    assert_eq!((disarmed.ready, disarmed.events), (false, 1 << 30));

    poller.modify(&b, IN, Mode::LEVEL, 3).unwrap();
    let modified = item(&control, &poller, &b).unwrap();
    assert_eq!(modified.events, EPOLLIN | EPOLLERR | EPOLLHUP);
    assert_eq!(modified.data, 3);
}

#[test]
fn items_go_when_they_are_deleted_or_closed() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    poller.add(&a, IN, Mode::LEVEL, 1).unwrap();
    poller.add(&b, IN, Mode::LEVEL, 2).unwrap();
    poller.delete(&a).unwrap();
    assert_eq!(item(&control, &poller, &a), None);
    assert!(item(&control, &poller, &b).is_some());
    drop(b);
    comes_true(|| control.items(Whose::Own, id(&poller)).unwrap().is_empty());
}

#[test]
fn items_that_are_eventpolls_are_told_apart() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let inner = Poller::new().unwrap();
    let native = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let (a, _b) = pair();
    poller.add(&inner, IN, Mode::LEVEL, 1).unwrap();
    poller.add(&native, IN, Mode::LEVEL, 2).unwrap();
    let turns = Exclusive::LEVEL.round_robin();
    poller.add(&a, IN, turns, 3).unwrap();

    let kind = |fd| item(&control, &poller, fd).unwrap().kind;
    assert_eq!(kind(inner.as_fd()), Kind::Repoll(id(&inner)));
    assert_eq!(kind(native.as_fd()), Kind::Epoll);
    assert!(item(&control, &poller, &native).unwrap().late_pollers);
    assert!(item(&control, &poller, &a).unwrap().round_robin);
    let outer = Instance::of(&poller).unwrap();
    assert!(outer.watches_epoll && !outer.watched);
    let inner = Instance::of(&inner).unwrap();
    assert!(inner.watched && !inner.watches_epoll);
    assert_eq!(inner.pollers, 1);
}

/// More items arrive during the query than it has room for. The earlier ones are all
/// returned, and none twice.
#[test]
fn items_that_come_meanwhile_leave_room_for_others() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let (first, _peer) = pair();
    poller.add(&first, IN, Mode::LEVEL, 0).unwrap();
    let id = id(&poller);
    thread::scope(|scope| {
        let adder = scope.spawn(|| {
            let pairs: Vec<_> = (0..150).map(|_| pair()).collect();
            for (a, b) in &pairs {
                poller.add(a, IN, Mode::LEVEL, 1).unwrap();
                poller.add(b, IN, Mode::LEVEL, 2).unwrap();
            }
            let items = control.items(Whose::Own, id).unwrap();
            assert_eq!(items.len(), 301);
        });
        while !adder.is_finished() {
            let items = control.items(Whose::Own, id).unwrap();
            let mut fds: Vec<_> = items.iter().map(|item| item.fd).collect();
            assert!(fds.contains(&first.as_raw_fd()));
            fds.sort();
            fds.dedup();
            assert_eq!(fds.len(), items.len());
        }
        adder.join().unwrap();
    });
    comes_true(|| control.items(Whose::Own, id).unwrap().len() == 1);
}

#[test]
fn items_are_told_of_by_a_few_at_a_time() {
    let control = Control::open().unwrap();
    let (poller, other) = (Poller::new().unwrap(), Poller::new().unwrap());
    let pairs: Vec<_> = (0..50).map(|_| pair()).collect();
    for (n, (a, b)) in pairs.iter().enumerate() {
        poller.add(a, IN, Mode::LEVEL, n as u64).unwrap();
        other.add(b, IN, Mode::LEVEL, 0).unwrap();
    }
    let (id, of_other) = (id(&poller), id(&other));
    let mut cursor = Cursor::BEGIN;
    let mut seen = Vec::new();
    loop {
        let items = control.next_items(Whose::All, id, &mut cursor, 7).unwrap();
        assert!(items.len() <= 7);
        if items.is_empty() {
            break;
        }
        seen.extend(items.iter().map(|item| item.data));
        let wrong = control.next_items(Whose::All, of_other, &mut { cursor }, 7);
        assert_eq!(errno(wrong), Some(Errno::INVAL));
    }
    seen.sort();
    assert!(seen.into_iter().eq(0..50));
    let none = control.next_items(Whose::All, id, &mut cursor, 0);
    assert_eq!(errno(none), Some(Errno::INVAL));
}

#[test]
fn features_are_those_of_the_module() {
    let by_node = Control::open().unwrap().features().unwrap();
    let poller = Poller::new().unwrap();
    assert_eq!(poller.features().unwrap(), by_node);
    assert!(by_node.contains(Features::all() - Features::BUSY_POLL));
    let busy_poll = by_node.contains(Features::BUSY_POLL);
    assert_eq!(poller.busy_poll().is_ok(), busy_poll);
}

/// Uses the interface directly, as a program with a later version of it would.
#[test]
fn an_array_is_filled_as_far_as_it_goes() {
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Longer {
        item: uapi::repoll_item,
        more: u64,
    }

    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let pairs = [pair(), pair(), pair()];
    for (a, _) in &pairs {
        poller.add(a, IN, Mode::LEVEL, 1).unwrap();
    }
    let item = uapi::repoll_item::default();
    let mut items = [Longer { item, more: 7 }; 2];
    let mut query = uapi::repoll_query {
        id: id(&poller),
        to: items.as_mut_ptr().expose_provenance() as u64,
        count: items.len() as u32,
        size: size_of::<Longer>() as u32,
        ..Default::default()
    };
    let node = control.as_fd().as_raw_fd();
    // SAFETY: REPOLL_ITEMS takes a `repoll_query`, which points to an array of this many
    // elements of this size.
    let stored = unsafe { libc::ioctl(node, uapi::REPOLL_ITEMS.into(), &mut query) };
    assert_eq!((stored, query.count), (2, 2));
    assert_eq!(query.size, uapi::REPOLL_ITEM_SIZE_1);
    // Fields that the module does not know are zero.
    let fds = pairs.each_ref().map(|(a, _)| a.as_raw_fd());
    for Longer { item, more } in items {
        assert!(fds.contains(&item.fd), "{item:?}");
        assert_eq!(more, 0);
    }
    assert_ne!(items[0].item.fd, items[1].item.fd);
}

/// What a thread without rights sees through a node that it inherited.
#[test]
fn others_are_told_of_their_own_alone() {
    let control = Control::open().unwrap();
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    poller.add(&a, IN, Mode::LEVEL, 7).unwrap();
    let id = id(&poller);
    let own = control.items(Whose::Own, id).unwrap();
    assert_eq!((own.len(), own[0].data), (1, 0));

    thread::scope(|scope| {
        let poor = scope.spawn(|| {
            let nobody = Uid::from_raw(65534);
            set_thread_res_uid(nobody, nobody, nobody).unwrap();
            assert_eq!(errno(control.instances(Whose::All)), Some(Errno::PERM));
            assert_eq!(errno(control.instance(Whose::All, id)), Some(Errno::PERM));
            assert_eq!(errno(control.items(Whose::All, id)), Some(Errno::PERM));
            let listed = control.instances(Whose::Own).unwrap();
            assert!(listed.iter().all(|instance| instance.id != id));
            assert_eq!(control.instance(Whose::Own, id).unwrap(), None);
            assert_eq!(errno(control.items(Whose::Own, id)), Some(Errno::NOENT));
            // Every holder of the descriptor may query the instance.
            assert_eq!(Instance::of(&poller).unwrap().items, 1);
        });
        poor.join().unwrap();
    });
}
