//! Peers that vanish without a word are noticed, whether the server waits for them to confirm
//! something or not.
//!
//! Needs a network of its own: the test runs itself again in one, where the system lets it.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod support;

use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;
use support::{Native, Plain, TestServer, Wire};

const INSIDE: &str = "HUBBUB_TEST_INSIDE";

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip runs");
    assert!(status.success(), "ip {arguments}");
}

/// Somebody on the plain door, who comes from there.
fn from(address: &str, server: &TestServer, name: &str) -> Plain {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    let address: SocketAddr = format!("{address}:0").parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.connect(&server.address().into()).unwrap();
    Plain::over(Wire::over(TcpStream::from(socket)), name)
}

#[test]
fn peers_that_vanish_are_noticed() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let can = Command::new("unshare").args(["-rn", "ip", "link"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("no network of its own here: only the options are tested (platform.rs)");
        return;
    }
    let me = std::env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.arg("-rn").arg(me).args(["--exact", "peers_that_vanish_are_noticed", "--nocapture"]);
    let output = again.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("both gone"), "{said}\n{output:?}");
}

fn inside() {
    ip("link set lo up");
    // The shortest that the system counts: gone after 3 s.
    let server = TestServer::with(|config| config.probe_ms = 1_000);
    let mut ann = Native::enter(server.address(), "ann");
    let _silent = from("127.0.0.2", &server, "silent");
    let _waited_for = from("127.0.0.3", &server, "waited-for");
    ann.fence();
    ann.heard.clear();
    // What they send still comes, but nothing reaches them: not even an answer to a probe.
    for address in ["127.0.0.2", "127.0.0.3"] {
        ip(&format!("route add blackhole {address} table local"));
    }
    let began = Instant::now();
    // One of the two gets something that it can't confirm.
    ann.refused(serde_json::json!({"cmd": "send", "user": "waited-for", "text": "hello?"}));
    let mut gone = Vec::new();
    while gone.len() < 2 {
        let frame = ann.heard.pop_front().or_else(|| ann.frame()).unwrap();
        if frame["ev"] == "member" {
            assert_eq!(frame["change"], "lost", "{frame}");
            gone.push((frame["user"]["name"].to_string(), began.elapsed()));
        }
    }
    println!("both gone: {gone:?}");
    server.wait_for(1, 1);
}
