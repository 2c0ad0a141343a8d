// SPDX-License-Identifier: GPL-2.0

//! What repollctl prints about instances of this process, with the real module. repollctl
//! is in the same folder as this program, which runs as root.

use repoll::{CreateFlags, Events, Exclusive, Interest, Mode, Poller};
use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::AsRawFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const NOBODY: u32 = 65_534;
const SOON: Duration = Duration::from_secs(60);

fn repollctl(arguments: &[&str]) -> Command {
    let program = env::current_exe().unwrap().with_file_name("repollctl");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    repollctl(arguments).output().unwrap()
}

/// The output of repollctl, which has to succeed and to print nothing on stderr.
fn stdout(arguments: &[&str]) -> String {
    let output = output(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(arguments)).unwrap()
}

fn id(poller: &Poller) -> String {
    repoll::info::Instance::of(poller).unwrap().id.to_string()
}

fn show(poller: &Poller) -> Value {
    json(&["show", &id(poller), "--items", "--json"])
}

/// The item with this descriptor.
fn item(instance: &Value, fd: &impl AsRawFd) -> Value {
    let items = instance["watches"].as_array().unwrap();
    let fd = fd.as_raw_fd();
    items.iter().find(|item| item["fd"] == fd).unwrap().clone()
}

#[test]
fn an_instance_is_listed_with_its_maker() {
    let poller = Poller::with_flags(CreateFlags::FIFO).unwrap();
    let list = json(&["list", "--json"]);
    let list = list.as_array().unwrap();
    let number: u64 = id(&poller).parse().unwrap();
    let found = list.iter().find(|instance| instance["id"] == number);
    let found = found.expect("it is not listed");
    assert_eq!(found["pid"], std::process::id());
    assert_eq!(found["uid"], 0);
    assert_eq!(found["fifo"], true);
    let name = fs::read_to_string("/proc/thread-self/comm").unwrap();
    assert_eq!(found["command"], name.trim_end());

    let table = stdout(&["list"]);
    let row = table.lines().find(|line| {
        let mut fields = line.split_whitespace();
        fields.next() == Some(&id(&poller))
    });
    let row = row.expect("it is not in the table");
    assert!(row.contains(&std::process::id().to_string()), "{row}");

    let gone = id(&poller);
    drop(poller);
    // A child that another test is creating may hold it for a moment, until it executes
    // its program.
    let deadline = Instant::now() + SOON;
    let mut shown = output(&["show", &gone]);
    while shown.status.success() {
        assert!(Instant::now() < deadline, "it is still there");
        shown = output(&["show", &gone]);
    }
    assert_eq!(shown.status.code(), Some(1));
    let expected = format!("repollctl: there is no instance {gone}\n");
    assert_eq!(String::from_utf8(shown.stderr).unwrap(), expected);
}

#[test]
fn items_are_shown_with_their_files() {
    let poller = Poller::new().unwrap();
    let inner = Poller::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (here, _) = listener.accept().unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    poller
        .add(
            &listener,
            Interest::READABLE,
            Exclusive::LEVEL.round_robin(),
            1,
        )
        .unwrap();
    poller
        .add(
            &here,
            Interest::READABLE | Interest::WRITABLE,
            Mode::EDGE,
            0xfeed,
        )
        .unwrap();
    poller
        .add(&reader, Interest::READABLE, Mode::ONE_SHOT, 3)
        .unwrap();
    poller
        .add(&inner, Interest::READABLE, Mode::LEVEL, 4)
        .unwrap();
    writer.write_all(b"x").unwrap();

    let shown = show(&poller);
    assert_eq!(shown["items"], 4);
    // The connection is writable.
    assert_eq!(shown["ready"], 2);
    assert_eq!(shown["counters"]["adds"], 4);
    assert_eq!(shown["counters"]["events"], 1);

    let watched = item(&shown, &listener);
    assert_eq!(watched["interest"], serde_json::json!(["IN", "EXCLUSIVE"]));
    assert_eq!(
        (&watched["round_robin"], &watched["ready"]),
        (&true.into(), &false.into())
    );
    let address = listener.local_addr().unwrap();
    assert_eq!(watched["file"], format!("tcp {address}"));

    let watched = item(&shown, &here);
    assert_eq!(watched["interest"], serde_json::json!(["IN", "OUT", "ET"]));
    assert_eq!(watched["data"], 0xfeed);
    let peer = there.local_addr().unwrap();
    assert_eq!(watched["file"], format!("tcp {address} - {peer}"));

    let watched = item(&shown, &reader);
    assert_eq!(
        (&watched["ready"], &watched["file"]),
        (&true.into(), &"unix".into())
    );

    let watched = item(&shown, &inner);
    assert_eq!(watched["kind"], "repoll");
    assert_eq!(watched["instance"].to_string(), id(&inner));
    assert_eq!(show(&inner)["watched"], true);

    let text = stdout(&["show", &id(&poller), "--items"]);
    for part in [
        &format!("tcp {address}"),
        "in turns",
        &format!("repoll instance {}", id(&inner)),
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
}

/// There are more items than one call returns.
#[test]
fn many_items_are_all_shown() {
    const ITEMS: u64 = 700;
    let poller = Poller::new().unwrap();
    let (reader, _writer) = UnixStream::pair().unwrap();
    let copies: Vec<_> = (0..ITEMS).map(|_| reader.try_clone().unwrap()).collect();
    for (copy, data) in copies.iter().zip(0..) {
        poller
            .add(copy, Interest::READABLE, Mode::LEVEL, data)
            .unwrap();
    }
    let shown = show(&poller);
    let items = shown["watches"].as_array().unwrap();
    let mut data: Vec<_> = items.iter().map(|item| item["data"].as_u64()).collect();
    data.sort();
    assert!(data.into_iter().eq((0..ITEMS).map(Some)));
}

#[test]
fn a_sleeping_waiter_is_named() {
    let poller = Poller::new().unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    poller
        .add(&reader, Interest::READABLE, Mode::EDGE, 7)
        .unwrap();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let waiter = thread::Builder::new().name("sleepy".into());
        let poller = &poller;
        let waiter = waiter
            .spawn_scoped(scope, move || {
                sender
                    .send(rustix::thread::gettid().as_raw_nonzero().get())
                    .unwrap();
                let mut events = Events::with_capacity(1);
                poller.wait(&mut events, Some(SOON)).unwrap()
            })
            .unwrap();
        let tid = receiver.recv().unwrap();
        // The waiter may not sleep yet.
        let deadline = Instant::now() + SOON;
        let mut shown = show(poller);
        while shown["waiters"] != 1 {
            assert!(Instant::now() < deadline, "nobody waits: {shown}");
            shown = show(poller);
        }
        assert_eq!(
            shown["waiting"],
            serde_json::json!([{ "tid": tid, "name": "sleepy" }])
        );
        // `shown` may hold counters that were read before the waiter went to sleep.
        assert_eq!(show(poller)["counters"]["sleeps"], 1);
        let text = stdout(&["show", &id(poller)]);
        assert!(text.contains(&format!("1: sleepy ({tid})")), "{text}");

        writer.write_all(b"x").unwrap();
        assert_eq!(waiter.join().unwrap(), 1);
    });
    let shown = show(&poller);
    assert_eq!(
        (&shown["waiters"], &shown["waiting"]),
        (&0.into(), &serde_json::json!([]))
    );
    let counters = &shown["counters"];
    assert_eq!(
        (&counters["wakeups"], &counters["delivered"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn top_tells_what_was_done_in_between() {
    let poller = Poller::new().unwrap();
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    poller
        .add(&reader, Interest::READABLE, Mode::LEVEL, 7)
        .unwrap();
    let number: u64 = id(&poller).parse().unwrap();
    let mut top = repollctl(&["top", "--interval", "0.05", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(top.stdout.take().unwrap()).lines();
    let mut next = || {
        let look: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let seconds = look["seconds"].as_f64().unwrap();
        let row = look["instances"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == number);
        let row = row.expect("it is not there").clone();
        let events = (row["per_second"]["events"].as_f64().unwrap() * seconds).round();
        (events as u64, row["counters"]["events"].as_u64().unwrap())
    };
    let (_, before) = next();
    const TIMES: u64 = 10;
    for _ in 0..TIMES {
        writer.write_all(b"x").unwrap();
        reader.read_exact(&mut [0]).unwrap();
    }
    let mut seen = 0;
    loop {
        let (events, total) = next();
        seen += events;
        assert_eq!(before + seen, total);
        if total == before + TIMES {
            break;
        }
    }
    top.kill().unwrap();
    top.wait().unwrap();

    let frames = stdout(&["top", "--interval", "0.05", "--count", "2"]);
    assert_eq!(
        frames.matches(" ready; per second, ").count(),
        2,
        "{frames}"
    );
    assert!(!frames.contains('\x1b'), "{frames}");
}

#[test]
fn who_may_not_ask_is_told_so() {
    let output = repollctl(&["list"])
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("/dev/repoll"), "{message}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_wrong_argument_is_one() {
    for arguments in [
        &["show"][..],
        &["show", "x"],
        &["top", "--interval", "0"],
        &["frobnicate"],
    ] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
