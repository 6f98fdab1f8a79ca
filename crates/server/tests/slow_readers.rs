//! Readers that stop, on real sockets: what waits for them is counted and not in the system, others
//! get everything meanwhile, and afterwards they resume without a gap.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Native, TestServer, Wire, eventually, position_of, seq_of};

/// Messages of a batch, after which whoever reads has read.
const BATCH: usize = 40;

fn texts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{number} {}", "x".repeat(2_000)))
}

/// Somebody in the lobby whose system takes little while it does not read.
///
/// Says where the room was then.
fn narrow(server: &TestServer, name: &str) -> (Native, Value) {
    let mut native = Native::welcomed(Wire::narrow(server.address()), json!({"name": name}));
    let joined = native.join("lobby");
    native.fence();
    (native, position_of(&joined))
}

/// What the system holds for a reader that has stopped is little, so the budget knows of the rest.
/// Without a limit it would be all of the 3 MB.
#[cfg(target_os = "linux")]
#[test]
fn the_system_holds_little_of_what_waits() {
    const HELD_MAX: usize = 300 * 1024;
    let server = TestServer::with(|config| {
        config.outbox.bytes = 16 << 20;
        // So that ann's fence is one for all that goes to the other, too.
        config.lanes = 1;
    });
    let mut ann = server.native("ann");
    let (mut deaf, _) = narrow(&server, "deaf");
    for _ in 0..1_500 / BATCH {
        ann.tell_all("lobby", texts(BATCH));
    }
    let last = seq_of(&ann.tell("lobby", "last"));
    ann.fence();
    let queued = server.queued_bytes();
    let mut came = 0;
    loop {
        let line = deaf.wire.raw_line().expect("it is not closed");
        came += line.len();
        let frame: Value = serde_json::from_slice(&line).unwrap();
        if frame["seq"] == last {
            break;
        }
    }
    assert!(came > 2_900_000, "{came}");
    let held = came - queued;
    assert!(held <= HELD_MAX, "{held} of {came} bytes were in the system");
    deaf.fence();
    assert_eq!(server.queued_bytes(), 0);
}

/// Readers stop while a few megabytes flow to the others.
fn readers_that_stop(count: usize) {
    let server = TestServer::with(|config| config.outbox.bytes = 256 * 1024);
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let mut stopped: Vec<_> =
        (0..count).map(|number| narrow(&server, &format!("deaf{number}"))).collect();
    let mut seqs: Vec<u64> = Vec::new();
    for _ in 0..12 {
        ann.tell_all("lobby", texts(BATCH));
        seqs.extend(bob.messages().iter().map(seq_of));
    }
    let last = 12 * BATCH as u64;
    assert!(seqs.into_iter().eq(1..=last), "the others get everything, in order");
    // The last word to somebody who takes nothing is thrown away with the connection.
    eventually(|| format!("{} bytes", server.queued_bytes()), || server.queued_bytes() == 0);
    for (deaf, begin) in &mut stopped {
        resume(&server, deaf, begin.clone(), last);
    }
    ann.fence();
    bob.fence();
    eventually(|| format!("{} bytes", server.queued_bytes()), || server.queued_bytes() == 0);
}

/// It reads what it has, and comes back for the rest.
fn resume(server: &TestServer, deaf: &mut Native, begin: Value, last: u64) {
    let mut seqs: Vec<u64> = Vec::new();
    let mut place = begin;
    let mut close = None;
    deaf.heard.clear();
    while let Some(line) = deaf.wire.raw_line_if_any() {
        // The connection may have been cut in the middle of a line that nobody took.
        let Ok(frame) = serde_json::from_slice::<Value>(&line) else { break };
        if frame["ev"] == "message" {
            seqs.push(seq_of(&frame));
            place = position_of(&frame);
        }
        close = (frame["ev"] == "close").then(|| frame["code"].clone());
    }
    assert!(close.is_none_or(|code| code == "slow"));
    assert!((seqs.len() as u64) < last, "it was closed");
    let hello = json!({"name": deaf.name(), "resume": deaf.welcome["resume"]});
    let mut again = Native::welcomed(server.wire(), hello);
    assert_eq!(again.welcome["resumed"], true, "{}", again.welcome);
    let joined = again.ask(json!({"cmd": "join", "room": "lobby", "after": place}));
    assert_eq!(joined["ev"], "joined", "{joined}");
    while seqs.last() != Some(&last) {
        let frame = again.heard.pop_front().or_else(|| again.frame()).expect("more comes");
        match frame["ev"].as_str() {
            Some("page") => seqs.extend(frame["events"].as_array().unwrap().iter().map(seq_of)),
            Some("message") => seqs.push(seq_of(&frame)),
            _ => {}
        }
    }
    assert!(seqs.into_iter().eq(1..=last), "each once, without a gap");
}

#[test]
fn one_reader_that_stops_harms_nobody_and_resumes() {
    readers_that_stop(1);
}

#[test]
fn fifty_readers_that_stop_harm_nobody_and_resume() {
    readers_that_stop(50);
}
