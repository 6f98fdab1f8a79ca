//! Limits over real sockets: who is too fast waits and loses nothing, who is one too many is told, and
//! the others never notice. No address is exempt here.

mod support;

use hubbub_hub::{Limited, Rate};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::tls::TlsWire;
use support::{Native, Plain, TestServer, Wire, eventually};

fn text(n: usize) -> String {
    format!("line {n}")
}

/// Whether a new connection is let in. One that is not may break at any step.
fn comes_in(server: &TestServer, name: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(server.address()) else { return false };
    let hello = json!({"cmd": "hello", "id": 1, "versions": [1], "name": name});
    let mut line = String::new();
    stream.write_all(format!("{hello}\n").as_bytes()).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.contains("welcome")
}

#[test]
fn a_pasted_page_arrives_whole_and_in_order_however_slowly() {
    let server = TestServer::with(|config| {
        config.hub.limits.user[Limited::Messages] = Rate::new(20, 6_000);
    });
    let mut bob = server.native("bob");
    let mut ann = Plain::enter(server.address(), "ann");
    let page: String = (0..120).map(|n| text(n) + "\n").collect();
    ann.wire.write(page);
    let came = ann.fence();
    assert!(!came.iter().any(|line| line.starts_with('!')), "{came:?}");
    assert_eq!(bob.texts(), (0..120).map(text).collect::<Vec<_>>());
}

#[test]
fn a_script_that_ends_its_side_is_heard_to_the_end() {
    let server = TestServer::with(|config| {
        config.hub.limits.user[Limited::Messages] = Rate::new(5, 3_000);
    });
    let mut bob = server.native("bob");
    let mut script = server.wire();
    let lines: String = (0..40).map(|n| text(n) + "\n").collect();
    script.write(format!("ann\n{lines}"));
    script.close_our_side();
    let said = String::from_utf8(script.rest()).expect("UTF-8");
    assert!(!said.contains("\n! "), "{said}");
    assert_eq!(bob.texts(), (0..40).map(text).collect::<Vec<_>>());
}

#[test]
fn who_rests_still_hears_and_others_do_not_rest() {
    let server = TestServer::with(|config| {
        config.hub.limits.user[Limited::Messages] = Rate::new(1, 60);
    });
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let began = Instant::now();
    for n in 0..4 {
        ann.put(&json!({"cmd": "send", "id": 100 + n, "room": "lobby", "text": text(n)}));
    }
    for n in 0..4 {
        assert_eq!(ann.answer(100 + n as u64)["ev"], "sent");
    }
    // It has a debt of 3 s.
    ann.put(&json!({"cmd": "ping", "id": 200}));
    bob.tell("lobby", "still here");
    assert_eq!(ann.answer(200)["ev"], "pong");
    assert!(began.elapsed() >= Duration::from_millis(2_900), "{:?}", began.elapsed());
    assert_eq!(ann.texts(), ["still here"]);
    assert_eq!(bob.texts(), (0..4).map(text).collect::<Vec<_>>());
}

#[test]
fn a_million_tiny_packets_are_read_in_larger_ones() {
    let server = TestServer::with(|config| {
        config.hub.limits.intake.reads = Rate::new(20, 6_000);
    });
    let mut bob = server.native("bob");
    let mut tiny = Native::over(server.wire());
    let words = "x".repeat(2_000);
    let hello = json!({"cmd": "hello", "id": 1, "versions": [1], "name": "tiny"});
    let join = json!({"cmd": "join", "id": 2, "room": "lobby"});
    let send = json!({"cmd": "send", "id": 3, "room": "lobby", "text": words});
    tiny.wire.write_byte_by_byte(format!("{hello}\n{join}\n{send}\n"));
    assert_eq!(tiny.answer(3)["ev"], "sent");
    assert_eq!(bob.texts(), [words]);
}

#[test]
fn what_tls_is_sent_for_itself_counts_as_well() {
    let server = TestServer::with(|config| {
        config.hub.limits.intake.bytes = Rate::new(20, 6_000);
    });
    let began = Instant::now();
    let socket = TcpStream::connect(server.address()).expect("it listens");
    let mut wire = TlsWire::begun(socket, rustls::DEFAULT_VERSIONS);
    let mut hello = Vec::new();
    wire.tls.write_tls(&mut hello).expect("memory");
    assert!(hello.len() > 200, "{}", hello.len());
    // The first byte says that it is TLS.
    for byte in hello {
        wire.socket.write_all(&[byte]).expect("the server reads");
    }
    while wire.tls.is_handshaking() {
        wire.tls.complete_io(&mut wire.socket).expect("the two agree");
    }
    wire.write("ann\n");
    wire.line_with("-- Welcome, ann!");
    assert!(began.elapsed() >= Duration::from_millis(1_800), "{:?}", began.elapsed());
}

#[test]
fn a_record_in_a_thousand_packets_is_read_in_larger_ones() {
    let server = TestServer::with(|config| {
        config.hub.limits.intake.reads = Rate::new(20, 6_000);
    });
    let mut bob = server.native("bob");
    let mut tiny = TlsWire::connect(server.address());
    let words = "x".repeat(2_000);
    for byte in tiny.sealed(format!("tiny\n{words}\n/sync\n")) {
        tiny.socket.write_all(&[byte]).expect("the server reads");
    }
    tiny.line_with("-- In sync");
    assert_eq!(bob.texts(), [words]);
}

#[test]
fn who_asks_the_door_itself_too_much_rests_too() {
    const BURST: u32 = 1_000;
    let server = TestServer::with(|config| {
        config.hub.limits.intake.bytes = Rate::new(BURST, 120_000);
    });
    for (name, line, count) in [("ann", "/help\n", 3), ("bob", "/nonsense\n", 40)] {
        let mut asker = Plain::enter(server.address(), name);
        let began = Instant::now();
        asker.wire.write(line.repeat(count));
        let said = asker.fence();
        let bytes: usize = said.iter().map(|line| line.len() + 1).sum();
        let owed_ms = bytes.saturating_sub(BURST as usize) / 2;
        assert!(owed_ms > 300, "{bytes} bytes");
        let waited = began.elapsed().as_millis() as usize;
        assert!(waited >= owed_ms * 3 / 4, "{waited} ms for {bytes} bytes");
    }
}

#[test]
fn who_is_one_too_many_and_says_nothing_is_gone_soon() {
    let server = TestServer::with(|config| {
        config.hub.limits.connections_per_address = 1;
        config.sniff_ms = 600_000;
    });
    let _ann = server.native("ann");
    let mut silent = server.wire();
    assert_eq!(silent.rest(), b"");
}

#[test]
fn who_is_one_too_many_from_its_address_is_told_so_on_its_door() {
    let server = TestServer::with(|config| {
        config.hub.limits.connections_per_address = 2;
        config.sniff_ms = 50;
    });
    let (ann, _bob) = (server.native("ann"), server.native("bob"));
    let mut native = Native::over(server.wire());
    native.put(&json!({"cmd": "hello", "id": 1, "versions": [1], "name": "cem"}));
    let close = native.frame().expect("a close");
    assert_eq!(
        (&close["ev"], &close["code"], &close["next"]),
        (&json!("close"), &json!("full"), &json!("resume"))
    );
    assert!(native.frame().is_none());
    let mut silent = server.wire();
    let said = String::from_utf8(silent.rest()).expect("UTF-8");
    assert!(said.contains("too many connections"), "{said}");
    // When one goes, the next one may come.
    drop(ann);
    eventually(|| "nobody else gets in".into(), || comes_in(&server, "dan"));
}

#[test]
fn who_connects_much_too_often_finds_the_door_shut_and_who_is_here_stays() {
    let server = TestServer::with(|config| {
        config.hub.limits.connects = Rate::new(10, 6_000);
    });
    let (mut ann, mut bob) = (server.native("ann"), server.plain("bob"));
    let shut = (0..200).filter(|n| !comes_in(&server, &format!("x{n}"))).count();
    assert!((50..195).contains(&shut), "{shut} of 200 were shut out");
    ann.tell("lobby", "are you there?");
    assert!(bob.fence().contains(&"<ann> are you there?".to_owned()));
    eventually(|| "nobody gets in any more".into(), || comes_in(&server, "late"));
}

#[test]
fn a_full_server_tells_so_and_takes_who_comes_when_somebody_went() {
    let server = TestServer::with(|config| config.hub.limits.connections = 3);
    let (ann, _bob, _cem) = (server.native("ann"), server.native("bob"), server.native("cem"));
    let mut native = Native::over(server.wire());
    native.put(&json!({"cmd": "hello", "id": 1, "versions": [1], "name": "dan"}));
    assert_eq!(native.frame().expect("a close")["code"], "full");
    drop(ann);
    eventually(|| "nobody else gets in".into(), || comes_in(&server, "eve"));
}

#[test]
fn who_does_not_listen_is_warned_and_closed() {
    let server = TestServer::with(|config| {
        config.hub.limits.user[Limited::Renames] = Rate::new(1, 1);
    });
    let mut ann = Plain::enter(server.address(), "ann");
    let mut cem = Wire::connect(server.address());
    cem.write("cem\n");
    for n in 0..80 {
        cem.try_write(format!("/nick cem{n}\n"));
    }
    let said: Vec<String> = std::iter::from_fn(|| cem.line()).collect();
    let at = |what: &str| said.iter().position(|line| line.contains(what));
    let (warned, closed) = (at("! You are much too fast"), at("in spite of the warning"));
    assert!(warned.is_some() && closed > warned, "{said:?}");
    ann.tell("still here");
}
