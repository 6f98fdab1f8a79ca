//! The tour of the README, with the real netcat (`cargo xtask test` installs it).
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::process::Command;
use support::{Running, Serve, run_with};

/// `nc`, told to shut down its side at the end of its input.
fn netcat(serve: &Serve) -> Command {
    let (host, port) = serve.address.rsplit_once(':').unwrap();
    let mut command = Command::new("nc");
    command.args(["-N", host, port]);
    command
}

fn say(netcat: &mut Running, text: &str) {
    netcat.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn two_netcats_and_the_native_client_talk_in_one_room() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());

    // Somebody who waits is asked for a name.
    let mut ann = Running::start(netcat(&serve));
    ann.out.until("What is your name?");
    say(&mut ann, "ann\n");
    ann.out.until("You are in lobby");

    // A script that speaks first is not kept waiting: printf 'zed\nhi\n' | nc -N …
    let mut zed = Running::start(netcat(&serve));
    say(&mut zed, "zed\nhi\n");
    drop(zed.stdin.take());
    assert_eq!(ann.out.until("<zed>"), "<zed> hi");
    assert!(zed.wait().success());

    // The native client, in both directions.
    let sent = run_with(&["send", &serve.address, "--room", "lobby", "hello"], b"");
    assert!(sent.status.success(), "{sent:?}");
    ann.out.until("> hello");
    let tail = support::hubbub(&["tail", &serve.address, "--room", "lobby"]);
    let tail = Running::start(tail);
    tail.out.until("<zed> hi");
    tail.out.until("> hello");
    say(&mut ann, "welcome\n/sync\n");
    ann.out.until("In sync");
    tail.out.until("<ann> welcome");

    say(&mut ann, "exit\n");
    ann.out.until("Goodbye");
}
