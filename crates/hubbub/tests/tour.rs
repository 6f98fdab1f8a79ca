//! The tour of the README, with the real netcat (`cargo xtask test` installs it).
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use support::{Running, Serve, hubbub, netcat, run, run_with};

#[test]
fn two_netcats_and_the_native_client_talk_in_one_room() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());

    // Somebody who waits is asked for a name.
    let mut ann = netcat(&serve);
    ann.out.until("What is your name?");
    ann.type_line("ann");
    ann.out.until("You are in lobby");

    // A script that speaks first is not kept waiting: printf 'zed\nhi\n' | nc -N …
    let mut zed = netcat(&serve);
    zed.type_line("zed\nhi");
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
    ann.type_line("welcome\n/sync");
    ann.out.until("In sync");
    tail.out.until("<ann> welcome");

    ann.type_line("exit");
    ann.out.until("Goodbye");
}

#[test]
fn an_account_writes_privately_to_a_guest_who_agrees() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::new(data.path());
    let mut ann = netcat(&serve);
    ann.type_line("ann");
    ann.out.until("You are in lobby");

    let mut bob = netcat(&serve);
    bob.type_line("/register bob opensesame");
    drop(bob.stdin.take());
    bob.out.until("You are registered");
    assert!(bob.wait().success());

    let mut send = hubbub(&["send", &serve.address, "--name", "bob", "--user", "ann", "hi"]);
    send.env("HUBBUB_PASSWORD", "opensesame");
    let mut send = Running::start(send);
    ann.out.until("bob asks for a private chat");
    ann.type_line("/accept bob");
    assert_eq!(ann.out.until("<bob>"), "[private] <bob> hi");
    assert!(send.wait().success());
}

#[test]
fn an_operator_makes_an_invite_while_the_server_runs() {
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::with("127.0.0.1:0", data.path(), &["--registration", "invite"]);
    let made = run(&["invite", "new", "--data", data.path().to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let code = String::from_utf8(made.stdout).unwrap();
    let mut ann = netcat(&serve);
    ann.type_line(&format!("REGISTER ann opensesame {}", code.trim_end()));
    ann.out.until("You are registered");
}
