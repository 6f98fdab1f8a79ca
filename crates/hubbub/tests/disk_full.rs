//! The real program on a real disk of a few megabytes that becomes full: senders are told,
//! nothing that was acknowledged is lost, and it goes on when the disk does.
//!
//! Needs a disk of its own: a mount in a namespace, where the system lets us. Elsewhere the same is
//! tested on a simulated disk alone (`server/tests/disk_faults.rs`).
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../../server/tests/load/mod.rs"]
mod load;
mod support;

use hubbub_protocol::{Instance, RoomName};
use load::raw::Raw;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{LIMIT, Running, hubbub};

const DISK: &str = "size=6m";

/// A server on a small disk, in a namespace of its own.
struct Small {
    _process: Running,
    address: String,
    /// The folder as that process sees it, seen from here.
    seen: PathBuf,
}

fn can_mount() -> bool {
    let try_it = "mount -t tmpfs -o size=1m none /tmp";
    let output = Command::new("unshare").args(["-rm", "sh", "-c", try_it]).output();
    let can = output.is_ok_and(|output| output.status.success());
    if !can {
        println!("no mounts here: only a simulated disk is tested (server/tests/disk_faults.rs)");
    }
    can
}

/// `hubbub serve` on a new disk with these options.
fn serve_on(folder: &str, options: &str) -> Command {
    let serve = hubbub(&["serve", "--listen", "127.0.0.1:0", "--data", folder]);
    let mut command = Command::new("unshare");
    let script = format!("mount -t tmpfs -o {options} none '{folder}' && exec \"$0\" \"$@\"");
    command.args(["-rm", "sh", "-c", &script]).arg(serve.get_program()).args(serve.get_args());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

impl Small {
    fn start(folder: &str) -> Self {
        let process = Running::start(serve_on(folder, DISK));
        let line = process.out.until("listening on ");
        let address = line.split(' ').nth(2).unwrap().to_owned();
        let seen = PathBuf::from(format!("/proc/{}/root{folder}", process.id()));
        Self { _process: process, address, seen }
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut file = File::create(self.seen.join("ballast")).unwrap();
        let mut bytes = 1 << 20;
        while bytes > 0 {
            // Smaller and smaller pieces, until not a byte goes.
            if file.write_all(&vec![1; bytes]).is_err() {
                bytes /= 2;
            }
        }
    }
}

struct Talker {
    raw: Raw,
    room: RoomName,
    counter: u64,
    stored: Vec<String>,
}

impl Talker {
    fn new(address: &str) -> Self {
        let room = RoomName::parse("work").unwrap();
        let rooms = std::slice::from_ref(&room);
        let raw = Raw::connect(address.parse().unwrap(), "ann", Instance([7; 16]), rooms);
        Self { raw, room, counter: 0, stored: Vec::new() }
    }

    fn send(&mut self) -> Value {
        self.counter += 1;
        self.again()
    }

    fn again(&mut self) -> Value {
        let text = format!("{} {}", self.counter, "x".repeat(3_000));
        let send = json!({"cmd": "send", "room": "work", "text": text, "counter": self.counter});
        let answer = self.raw.ask(send);
        if answer["ev"] == "sent" && answer["repeated"] == false {
            self.stored.push(text);
        }
        answer
    }

    fn assert_kept(&mut self) {
        let events = self.raw.history(&self.room);
        let texts: Vec<String> = events.iter().map(|e| e.body.words().to_string()).collect();
        assert_eq!(texts, self.stored, "what was acknowledged can be read");
    }

    /// It breaks, is told, and goes on after the repair, on the same connection.
    fn survives(&mut self, break_it: impl Fn(), repair: impl Fn()) {
        for _ in 0..5 {
            assert_eq!(self.send()["ev"], "sent");
        }
        break_it();
        // The log may have room for a few more, also after it was mended.
        let mut refused = 0;
        while refused < 3 {
            let answer = self.send();
            assert!(self.counter < 10_000, "the fault does not show");
            if answer["ev"] != "sent" {
                let said = (&answer["code"], &answer["next"]);
                assert_eq!(said, (&json!("not_stored"), &json!("retry")), "{answer}");
                refused += 1;
                self.assert_kept();
            }
        }
        repair();
        let began = Instant::now();
        while self.again()["ev"] != "sent" {
            assert!(began.elapsed() < LIMIT, "it does not recover");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.send()["ev"], "sent");
        self.assert_kept();
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing() {
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let small = Small::start(folder);
    let mut ann = Talker::new(&small.address);
    for _ in 0..2 {
        ann.survives(|| small.fill(), || std::fs::remove_file(small.seen.join("ballast")).unwrap());
    }
}

#[test]
fn a_read_only_folder_is_named_with_the_way_out() {
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let mut process = Running::start(serve_on(folder, "ro,size=1m"));
    assert_eq!(process.wait().code(), Some(2));
    let told: Vec<String> = std::iter::from_fn(|| process.err.next()).collect();
    assert!(told.iter().any(|line| line.contains(folder) && line.contains("--data")), "{told:?}");
}
