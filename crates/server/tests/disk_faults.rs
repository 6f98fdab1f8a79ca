//! The disk is full, read only, or fails to sync: senders are told, nothing is damaged, what is
//! stored can be read, and when the disk works again so does everything else.
#![allow(clippy::unwrap_used)]

mod load;
#[allow(unreachable_pub)]
mod machine;

use hubbub_protocol::{Instance, RoomName};
use hubbub_simdisk::SimDisk;
use hubbub_store::sqlite::Durability;
use load::raw::Raw;
use machine::Machine;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Messages that fail before the disk is repaired, at least.
const FAILURES: u64 = 3;
/// The server looks at a broken disk again after five seconds at the latest.
const REPAIRED_WITHIN: Duration = Duration::from_secs(7);

struct Case {
    machine: Machine,
    room: RoomName,
    client: Raw,
    counter: u64,
    stored: Vec<String>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut machine = Machine::new(seed, Durability::Full);
        machine.start().unwrap();
        let room = RoomName::parse("work").unwrap();
        let client = Self::client(&machine, &room);
        let mut case = Self { machine, room, client, counter: 0, stored: Vec::new() };
        for _ in 0..5 {
            assert_eq!(case.send_next()["ev"], "sent");
        }
        case
    }

    fn client(machine: &Machine, room: &RoomName) -> Raw {
        Raw::connect(machine.address(), "ann", Instance([7; 16]), std::slice::from_ref(room))
    }

    fn text(counter: u64) -> String {
        format!("{counter} {}", "x".repeat(2000))
    }

    /// Sends, or repeats, one message.
    fn send(&mut self, counter: u64) -> Value {
        let text = Self::text(counter);
        self.client.ask(json!({"cmd": "send", "room": "work", "text": text, "counter": counter}))
    }

    fn send_next(&mut self) -> Value {
        self.counter += 1;
        let answer = self.send(self.counter);
        if answer["ev"] == "sent" {
            self.stored.push(Self::text(self.counter));
        }
        answer
    }

    fn history(&mut self) -> Vec<String> {
        let events = self.client.history(&self.room);
        let seqs = events.iter().map(|event| event.seq.0);
        assert!(seqs.eq(1..=events.len() as u64), "the numbers have no holes");
        events.into_iter().map(|event| event.body.words().to_string()).collect()
    }

    /// Breaks the disk, and sends until it shows; then repairs it, and sees that all is well.
    fn check(mut self, break_it: impl Fn(&SimDisk), repair: impl Fn(&SimDisk)) {
        let epoch = self.client.welcome["epoch"].as_u64().unwrap();
        break_it(&self.machine.disk);
        let mut refused = Vec::new();
        while (refused.len() as u64) < FAILURES {
            let answer = self.send_next();
            if answer["ev"] != "sent" {
                assert_eq!(
                    (&answer["code"], &answer["next"]),
                    (&json!("not_stored"), &json!("retry"))
                );
                refused.push(self.counter);
            }
            assert!(self.counter < 1000, "the disk's fault does not show");
            assert_eq!(self.history(), self.stored, "what is stored can be read");
        }
        repair(&self.machine.disk);
        let repaired = Instant::now();
        let mut places = Vec::new();
        for &counter in &refused {
            let place = loop {
                let answer = self.send(counter);
                if answer["ev"] == "sent" {
                    break answer;
                }
                assert_eq!(answer["code"], "not_stored");
                assert!(repaired.elapsed() < REPAIRED_WITHIN, "it does not recover");
                std::thread::sleep(Duration::from_millis(2));
            };
            self.stored.push(Self::text(counter));
            places.push((counter, place));
        }
        assert!(places[0].1["epoch"].as_u64().unwrap() > epoch, "the epoch rises: {places:?}");
        for (counter, place) in &places {
            let again = self.send(*counter);
            assert_eq!(again["repeated"], true);
            for field in ["room_id", "epoch", "seq", "time"] {
                assert_eq!(again[field], place[field], "{field}");
            }
        }
        assert_eq!(self.send_next()["ev"], "sent");
        assert_eq!(self.history(), self.stored, "each once");
        self.restart();
        assert_eq!(self.history(), self.stored, "also after a restart");
    }

    fn restart(&mut self) {
        self.client.hang_up();
        self.machine.stop();
        self.machine.integrity().unwrap();
        self.machine.start().unwrap();
        self.client = Self::client(&self.machine, &self.room);
    }
}

#[test]
fn a_full_disk_is_told_and_survived() {
    Case::new(1).check(
        |disk| disk.set_capacity(Some(disk.used_bytes() + 6_000)),
        |disk| disk.set_capacity(None),
    );
}

#[test]
fn a_failed_sync_is_told_and_survived() {
    // As many as it takes, until it is repaired.
    Case::new(2).check(|disk| disk.fail_syncs(u64::MAX), |disk| disk.fail_syncs(0));
}

#[test]
fn a_disk_that_turns_read_only_is_told_and_survived() {
    Case::new(3).check(|disk| disk.read_only(true), |disk| disk.read_only(false));
}

#[test]
fn failed_writes_are_told_and_survived() {
    Case::new(4).check(|disk| disk.fail_writes(u64::MAX), |disk| disk.fail_writes(0));
}

/// One sync fails and the next would not: the kernel may have dropped the pages all the same, so
/// nothing may be built on them.
#[test]
fn one_failed_sync_is_enough_for_a_new_epoch() {
    let mut case = Case::new(5);
    let epoch = case.client.welcome["epoch"].as_u64().unwrap();
    case.machine.disk.fail_syncs(1);
    assert_eq!(case.send_next()["code"], "not_stored");
    let began = Instant::now();
    let place = loop {
        let answer = case.send(case.counter);
        if answer["ev"] == "sent" {
            break answer;
        }
        assert!(began.elapsed() < REPAIRED_WITHIN, "it does not recover");
        std::thread::sleep(Duration::from_millis(2));
    };
    case.stored.push(Case::text(case.counter));
    assert_eq!(place["seq"], 6);
    let after = case.send_next();
    assert_eq!((&after["seq"], after["epoch"].as_u64().unwrap() > epoch), (&json!(7), true));
    // The power goes at once: what was acknowledged since is durable.
    case.machine.disk.stop_after(0);
    case.client.hang_up();
    case.machine.stop();
    case.machine.disk.crash();
    case.machine.start().unwrap();
    case.client = Case::client(&case.machine, &case.room);
    assert_eq!(case.history(), case.stored);
}

/// Stopping does not wait for a disk that takes nothing: all senders have been told.
#[test]
fn a_server_whose_disk_is_broken_stops_at_once() {
    let mut case = Case::new(6);
    case.machine.disk.stop_after(0);
    assert_eq!(case.send_next()["code"], "not_stored");
    case.client.hang_up();
    let began = Instant::now();
    case.machine.stop();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
