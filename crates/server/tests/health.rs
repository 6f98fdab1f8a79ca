//! What a server tells of itself over HTTP, and to `hubbub health`: figures, whether it lives, whether it is
//! ready. And what happens to those who ask wrongly.
#![allow(clippy::unwrap_used)]

mod http;
mod load;
#[allow(unreachable_pub)]
mod machine;
mod support;

use http::{ask, get, raw, samples};
use hubbub_protocol::{Instance, RoomName};
use hubbub_server::ServerConfig;
use hubbub_server::admin::{self, AdminAnswer, AdminError, AdminRequest};
use hubbub_store::sqlite::Durability;
use load::raw::Raw;
use machine::Machine;
use serde_json::json;
use std::net::SocketAddr;
use support::{TestServer, eventually};

fn watched(change: impl FnOnce(&mut ServerConfig)) -> (TestServer, SocketAddr) {
    let server = TestServer::with(|config| {
        config.health = Some("127.0.0.1:0".parse().unwrap());
        // Who is silent stays so, however slow this machine is.
        config.sniff_ms = 60_000;
        change(config);
    });
    let address = server.handle().health_address().unwrap();
    assert_ne!(address.port(), 0);
    (server, address)
}

#[test]
fn the_figures_are_those_of_what_happened() {
    let (server, at) = watched(|_| {});
    let mut ann = server.account("ann");
    let mut bob = server.native("bob");
    let mut cat = server.plain("cat");
    let silent = server.wire();
    let refused = support::Native::hello(server.wire(), json!({"name": "ann", "password": "no"}));
    assert_eq!(refused.welcome["code"], "wrong_password");
    drop(refused);
    for n in 0..5 {
        ann.tell("lobby", &format!("{n}"));
    }
    cat.say("/me waves");
    cat.fence();
    // What is no message is not counted as one.
    ann.done(json!({"cmd": "react", "room": "lobby", "seq": 1, "reaction": "x", "on": true}));
    ann.fence();
    bob.fence();
    cat.fence();

    let read = || samples(&get(at, "/metrics").text);
    eventually(
        || format!("connections and deliveries: {:?}", read()),
        || {
            let read = read();
            read["hubbub_connections{door=\"none\"}"] == 1.0
                && read["hubbub_connections{door=\"native\"}"] == 2.0
                && read["hubbub_delivery_seconds_count"] >= 6.0
                && read["hubbub_outbox_bytes"] == 0.0
        },
    );
    let read = read();
    let is = |name: &str, value: f64| assert_eq!(read[name], value, "{name}: {read:#?}");
    is("hubbub_connections{door=\"plain\"}", 1.0);
    is("hubbub_messages_total{direction=\"in\"}", 6.0);
    // Each to the two others.
    is("hubbub_messages_total{direction=\"out\"}", 12.0);
    is("hubbub_auth_total{result=\"ok\"}", 3.0);
    is("hubbub_auth_total{result=\"wrong_password\"}", 1.0);
    is("hubbub_auth_total{result=\"other\"}", 0.0);
    is("hubbub_store_up", 1.0);
    is("hubbub_users", 3.0);
    is("hubbub_commit_queue", 0.0);
    is(&format!("hubbub_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    // On two lanes, each message is written once or twice.
    let written = read["hubbub_delivery_seconds_count"];
    assert!((6.0..=12.0).contains(&written), "{written}");
    assert!(read["hubbub_delivery_seconds_sum"] > 0.0);
    assert!(read["hubbub_store_seconds_count"] >= 6.0);
    assert!(read["hubbub_store_batch_records_sum"] >= read["hubbub_store_batch_records_count"]);
    if cfg!(target_os = "linux") {
        assert!(read["process_resident_memory_bytes"] > 1e6);
        assert!(read["process_open_fds"] > 5.0 && read["process_max_fds"] > 5.0);
        assert!(read["process_cpu_seconds_total"] > 0.0);
    }
    assert!(read["process_start_time_seconds"] > 1.5e9);

    let stats = server.handle().metrics().stats();
    assert_eq!((stats.messages_in.total, stats.deliveries_out.total), (6, 12));
    assert_eq!(
        (stats.connections.native, stats.connections.plain, stats.connections.none),
        (2, 1, 1)
    );
    assert_eq!((stats.users, stats.commits.failed, stats.commits.is_down), (3, 0, false));
    drop(silent);
    drop((ann, bob));
    eventually(
        || format!("one is left: {:?}", server.handle().metrics().stats()),
        || {
            let left = server.handle().metrics().stats().connections;
            (left.native, left.plain, left.none) == (0, 1, 0)
        },
    );
}

#[test]
fn what_was_missed_is_counted_when_it_is_read_and_a_repeated_send_is_not() {
    let (server, _) = watched(|_| {});
    let totals = || {
        let stats = server.handle().metrics().stats();
        (stats.messages_in.total, stats.deliveries_out.total)
    };
    let instance = Instance([7; 16]).to_hex();
    let hello = json!({"name": "ann", "instance": instance});
    let mut ann = support::Native::welcomed(server.wire(), hello);
    ann.join("work");
    let send = json!({"cmd": "send", "room": "work", "text": "x", "counter": 1});
    for repeated in [false, true] {
        assert_eq!(ann.ask(send.clone())["repeated"] == true, repeated);
    }
    let room = ann.ask(send)["room_id"].clone();
    assert_eq!(totals(), (1, 0));
    let mut bob = support::Native::welcomed(server.wire(), json!({"name": "bob"}));
    let after = json!({"room_id": room, "epoch": 0, "seq": 0});
    let joined = bob.ask(json!({"cmd": "join", "room": "work", "after": after}));
    assert_eq!(joined["ev"], "joined", "{joined}");
    // The page is read beside the hub, so a ping is no fence for it.
    while bob.frame().expect("the server goes on")["ev"] != "live" {}
    let (accepted, delivered) = totals();
    assert_eq!((accepted, delivered), (1, 1));
}

#[test]
fn a_server_that_is_well_says_so_everywhere() {
    let (server, at) = watched(|_| {});
    eventually(|| get(at, "/healthz/ready").text, || get(at, "/healthz/ready").status == 200);
    for path in ["/healthz/live", "/healthz/ready"] {
        let answer = get(at, path);
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok\n"), "{path}");
        assert!(answer.head.contains("content-type: text/plain"), "{}", answer.head);
    }
    let all = get(at, "/healthz/ready?verbose").text;
    for check in ["lanes: ok", "hub: ok", "commits: ok", "listening: ok", "store: ok"] {
        assert!(all.lines().any(|line| line == check), "{check}: {all}");
    }
    let figures = get(at, "/metrics");
    assert!(figures.head.contains("application/openmetrics-text; version=1.0.0"), "{figures:?}");
    let AdminAnswer::Health(report) = admin::ask(server.data(), &AdminRequest::Health).unwrap()
    else {
        panic!("another answer")
    };
    assert_eq!((report.live, report.ready, report.reasons.len()), (true, true, 0));
}

#[test]
fn where_nobody_asked_for_it_nothing_listens() {
    let server = TestServer::start();
    assert_eq!(server.handle().health_address(), None);
    // The operator's door tells it all the same, and the chat's port never answers HTTP with figures.
    assert!(matches!(
        admin::ask(server.data(), &AdminRequest::Health).unwrap(),
        AdminAnswer::Health(report) if report.live
    ));
    let answer = raw(server.address(), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!answer.contains("hubbub_connections"), "{answer}");
}

#[test]
fn a_taken_address_is_told_with_the_way_out() {
    let (server, at) = watched(|_| {});
    let mut config = server.config.clone();
    config.health = Some(at);
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let folder = tempfile::tempdir().unwrap();
    config.data = folder.path().join("data");
    let error = hubbub_server::Server::start(config).unwrap_err().to_string();
    assert!(error.contains(&at.to_string()) && error.contains("--health"), "{error}");
}

#[test]
fn without_a_server_there_is_nobody_to_ask() {
    let mut server = TestServer::start();
    server.stop();
    let answer = admin::ask(server.data(), &AdminRequest::Health);
    assert!(matches!(answer, Err(AdminError::NotRunning { .. })), "{answer:?}");
}

#[test]
fn a_store_that_fails_is_not_ready_and_lives() {
    let mut machine = Machine::new(11, Durability::Full);
    machine.health = Some("127.0.0.1:0".parse().unwrap());
    machine.start().unwrap();
    let (at, room) = (machine.health_address(), RoomName::parse("work").unwrap());
    let rooms = std::slice::from_ref(&room);
    let mut client = Raw::connect(machine.address(), "ann", Instance([7; 16]), rooms);
    let mut send = |counter: u64| {
        client.ask(json!({"cmd": "send", "room": "work", "text": "x", "counter": counter}))
    };
    assert_eq!(send(1)["ev"], "sent");
    assert_eq!(get(at, "/healthz/ready").status, 200);
    machine.disk.fail_syncs(u64::MAX);
    assert_eq!(send(2)["code"], "not_stored");
    let answer = get(at, "/healthz/ready");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.text.contains("the store takes nothing"), "{answer:?}");
    assert_eq!(get(at, "/healthz/live").status, 200, "a new start would not help");
    let figures = samples(&get(at, "/metrics").text);
    assert_eq!(figures["hubbub_store_up"], 0.0);
    assert!(figures["hubbub_store_failures_total"] >= 1.0);
    machine.disk.fail_syncs(0);
    eventually(|| get(at, "/healthz/ready").text, || get(at, "/healthz/ready").status == 200);
    assert_eq!(samples(&get(at, "/metrics").text)["hubbub_store_up"], 1.0);
    machine.stop();
}

#[test]
fn while_it_stops_it_lives_and_is_not_ready() {
    let (mut server, at) = watched(|_| {});
    // It does not close its side, so the server waits for a while.
    let plain = server.plain("ann");
    let stopped = std::thread::spawn(move || server.stop());
    eventually(|| "not ready".into(), || get(at, "/healthz/ready").status == 503);
    let answer = get(at, "/healthz/ready");
    assert_eq!((answer.status, answer.text.as_str()), (503, "this server is stopping\n"));
    assert_eq!(get(at, "/healthz/live").status, 200);
    drop(plain);
    stopped.join().unwrap();
    assert!(std::net::TcpStream::connect(at).is_err(), "the listener ends with the server");
}

#[test]
fn only_who_reads_and_names_this_computer_is_answered() {
    let (_server, at) = watched(|_| {});
    let request = |line: &str, host: &str| {
        let host = if host.is_empty() { String::new() } else { format!("Host: {host}\r\n") };
        ask(at, &format!("{line}\r\n{host}\r\n"))
    };
    let status = |line: &str, host: &str| request(line, host).status;
    let get = "GET /metrics HTTP/1.1";
    for host in ["localhost", "127.0.0.1", "[::1]:9464", "192.168.1.5"] {
        assert_eq!(status(get, host), 200, "{host}");
    }
    for host in ["evil.example", "evil.example:9464", "localhost.evil.example", ""] {
        let answer = request(get, host);
        assert_eq!(answer.status, 421, "{host}");
        assert!(!answer.text.contains("hubbub_"), "{answer:?}");
    }
    assert_eq!(status("GET http://evil.example/metrics HTTP/1.1", "127.0.0.1"), 421);
    assert_eq!(status(get, "localhost\r\nHost: evil.example"), 421);
    assert_eq!(status("GET /metrics HTTP/1.0", ""), 200, "no browser says that");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = request(&format!("{method} /healthz/ready HTTP/1.1"), "localhost");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{answer:?}");
    }
    let head = request("HEAD /metrics HTTP/1.1", "localhost");
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for path in ["/", "/metrics/", "/healthz", "/../metrics", "/healthz/live%00"] {
        assert_eq!(status(&format!("GET {path} HTTP/1.1"), "localhost"), 404, "{path}");
    }
    let twice = format!("{get}\r\nHost: localhost\r\n\r\n").repeat(2);
    let answers = raw(at, twice.as_bytes());
    assert_eq!(answers.matches("# EOF").count(), 1, "one for each connection");
}

#[test]
fn what_is_no_http_or_too_much_of_it_is_cut_off() {
    let (server, at) = watched(|_| {});
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000));
    let wide = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(5_000));
    let noise: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    for request in
        [long.as_bytes(), wide.as_bytes(), many.as_bytes(), &noise, b"\0\0\0", b"\r\n\r\n"]
    {
        let answer = raw(at, request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
    }
    // More than are served at once, who all say nothing: they have to go, and don't disturb the chat.
    let silent: Vec<_> = (0..40).map(|_| std::net::TcpStream::connect(at).unwrap()).collect();
    server.native("ann").fence();
    assert_eq!(get(at, "/healthz/live").status, 200);
    drop(silent);
}
