//! `hubbub serve` as its operator sees it: exit codes, signals, restarts.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};
use support::{Serve, code, run, send};

#[test]
fn a_taken_port_is_the_users_to_put_right() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serve = Serve::new(one.path());
    let data = two.path().to_str().unwrap();
    let (exit, text) = code(&run(&["serve", "--listen", &serve.address, "--data", data]));
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains(&serve.address) && text.contains("is taken"), "{text}");
    assert!(text.contains("--listen"), "the way out: {text}");
}

#[test]
fn a_folder_in_use_is_the_users_to_put_right() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::new(data.path());
    let folder = data.path().to_str().unwrap();
    let (exit, text) = code(&run(&["serve", "--listen", "127.0.0.1:0", "--data", folder]));
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains(folder) && text.contains("--data"), "{text}");
    assert!(serve.process.is_running());
    send(&serve.address, "lobby", "still here");
}

#[test]
fn sigterm_and_ctrl_c_stop_it_in_good_order_and_in_time() {
    let data = tempfile::tempdir().unwrap();
    let mut address = String::from("127.0.0.1:0");
    for signal in ["TERM", "INT"] {
        let mut serve = Serve::at(&address, data.path());
        address.clone_from(&serve.address);
        // A connection that never says anything must not keep it.
        let _idle = std::net::TcpStream::connect(&address).unwrap();
        send(&address, "lobby", "before the end");
        let began = Instant::now();
        serve.process.signal(signal);
        assert_eq!(serve.process.wait().code(), Some(0), "{signal}");
        assert!(began.elapsed() < Duration::from_secs(5), "{signal}: {:?}", began.elapsed());
    }
}

#[test]
fn the_end_of_stdin_is_no_reason_to_stop() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::new(data.path());
    drop(serve.process.stdin.take());
    send(&serve.address, "lobby", "one");
    send(&serve.address, "lobby", "two");
    assert!(serve.process.is_running());
    assert_eq!(serve.stop().code(), Some(0));
}

#[test]
fn the_same_port_and_folder_can_be_used_at_once_after_a_crash() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::new(data.path());
    let address = serve.address.clone();
    for round in 1..=3 {
        send(&address, "lobby", "hello");
        serve = serve.crash(data.path());
        assert_eq!(serve.address, address);
        let output = run(&["send", &address, "--room", "lobby", "--verbose", "again"]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", round * 2));
    }
}
