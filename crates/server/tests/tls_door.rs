//! TLS, as clients see it on a real socket: on the one port, on ports of its own, late, cut, broken,
//! slow; and the same doors inside.

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use support::tls::TlsWire;
use support::{PATIENCE, TestServer, Wire, eventually};

const HELLO: &str = "{\"cmd\":\"hello\",\"id\":1,\"versions\":[1],\"name\":\"zed\"}\n";
const PING: &str = "{\"cmd\":\"ping\",\"id\":9}\n";
const IN_SYNC: &str = "-- In sync: ";

/// A plain peer inside TLS, with its name given and in the lobby.
fn plain(server: &TestServer, name: &str) -> TlsWire {
    enter(TlsWire::connect(server.address()), name)
}

fn enter(mut wire: TlsWire, name: &str) -> TlsWire {
    wire.write(format!("{name}\n"));
    wire.line_with(&format!("-- Welcome, {name}!"));
    wire.line_with("-- You are in lobby: ");
    wire
}

/// Everything that came before the server had done all that was asked.
fn fence(wire: &mut TlsWire) -> Vec<String> {
    wire.write("/sync\n");
    let mut lines = Vec::new();
    loop {
        match wire.line().expect("the server goes on") {
            line if line.starts_with(IN_SYNC) => return lines,
            line => lines.push(line),
        }
    }
}

/// Whether the server has ended this connection, whose peer reads nothing.
fn is_closed(wire: &Wire) -> bool {
    let socket = wire.raw();
    socket.set_nonblocking(true).expect("a socket");
    !matches!(socket.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn frame(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// A server that listens on a port for TLS alone, too.
fn with_tls_port() -> (TestServer, SocketAddr) {
    let server = TestServer::with(|config| config.listen_tls = config.listen.clone());
    let address = server.config.listen_tls[0];
    (server, address)
}

// ---- the doors inside

#[test]
fn every_door_is_found_inside_tls_as_outside() {
    let server = TestServer::with(|config| config.sniff_ms = 600_000);
    let mut native = TlsWire::connect(server.address());
    native.write(HELLO);
    assert_eq!(frame(&native.line().unwrap())["ev"], "welcome");

    let mut ann = plain(&server, "ann");
    ann.write("/who\n");
    assert!(fence(&mut ann).iter().any(|line| line.contains("ann")));

    let mut irc = TlsWire::connect(server.address());
    irc.write("NICK eve\r\n");
    assert!(irc.rest().starts_with(b"ERROR :"));

    let mut browser = TlsWire::connect(server.address());
    browser.write("GET / HTTP/1.1\r\nHost: chat\r\n\r\n");
    assert!(browser.rest().starts_with(b"HTTP/1.1 501 "));
}

#[test]
fn a_peer_that_is_silent_inside_tls_is_greeted_there() {
    let server = TestServer::with(|config| config.sniff_ms = 100);
    let mut wire = TlsWire::connect(server.address());
    assert_eq!(wire.line().unwrap(), "-- This is a Hubbub chat server.");
    assert_eq!(wire.line().unwrap(), "What is your name?");
    enter(wire, "ann");
}

#[test]
fn tls_inside_tls_is_refused_with_an_alert() {
    let server = TestServer::start();
    let mut wire = TlsWire::connect(server.address());
    wire.write(b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03");
    assert_eq!(wire.rest(), [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]);
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let server = TestServer::start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let socket = TcpStream::connect(server.address()).unwrap();
        let wire = TlsWire::over(socket, &[version]);
        assert_eq!(wire.version(), version.version);
        let mut ann = enter(wire, "ann");
        assert_eq!(fence(&mut ann), [""; 0]);
        ann.write("/quit\n");
        ann.until_end();
    }
}

// ---- late

#[test]
fn a_hello_that_comes_after_the_greeting_is_still_taken() {
    let server = TestServer::with(|config| config.sniff_ms = 100);
    let mut bob = server.plain("bob");
    bob.fence();
    for by_byte in [false, true] {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"name?\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("a greeting");
            greeting.push(byte[0]);
        }
        // Clients throw away what comes before the first record by this byte.
        assert!(!greeting.contains(&0x16), "{greeting:?}");
        server.wait_for(2, 1);
        let mut wire = TlsWire::begun(socket, rustls::DEFAULT_VERSIONS);
        if by_byte {
            let mut hello = Vec::new();
            wire.tls.write_tls(&mut hello).unwrap();
            for byte in hello {
                wire.socket.write_all(&[byte]).unwrap();
            }
        }
        wire.tls.complete_io(&mut wire.socket).expect("the two agree");
        // The plain session is over, and it begins again.
        server.wait_for(1, 1);
        wire.write(HELLO);
        assert_eq!(frame(&wire.line().unwrap())["ev"], "welcome");
        server.wait_for(2, 2);
        wire.write("{\"cmd\":\"quit\"}\n");
        wire.until_end();
    }
    assert_eq!(bob.fence(), [""; 0], "nobody came or went where bob is");
}

#[test]
fn whoever_has_said_a_word_in_the_clear_can_no_longer_begin_tls() {
    let server = TestServer::start();
    let mut wire = server.wire();
    wire.write("\n");
    wire.line();
    wire.line();
    wire.write(b"\x16\x03\x01\nann\n");
    assert!(wire.line().unwrap().starts_with("! "));
    assert_eq!(wire.line().unwrap(), "What is your name?");
    assert_eq!(wire.line().unwrap(), "-- Welcome, ann! /help lists the commands.");
}

#[test]
fn a_greeted_peer_whose_first_byte_only_looks_like_tls_stays_plain() {
    let server = TestServer::with(|config| config.sniff_ms = 100);
    let mut wire = server.wire();
    wire.line();
    wire.line();
    wire.write([0x16]);
    wire.write("ann\nann\n");
    assert!(wire.line().unwrap().starts_with("! "));
    assert_eq!(wire.line().unwrap(), "What is your name?");
    assert_eq!(wire.line().unwrap(), "-- Welcome, ann! /help lists the commands.");
}

// ---- a port of its own

#[test]
fn a_tls_port_takes_tls_and_tells_all_others_so_in_their_own_protocol() {
    let (server, tls_port) = with_tls_port();
    enter(TlsWire::connect(tls_port), "ann");
    for (first, answer) in [
        ("zed\n", "! This port speaks TLS. "),
        ("\n", "! This port speaks TLS. "),
        ("/", "! This port speaks TLS. "),
        ("Zed\n", "! This port speaks TLS. "),
        ("{", "{\"ev\":\"error\",\"code\":\"tls_needed\""),
        ("NICK eve\r\n", "ERROR :This port speaks TLS"),
        ("GET / HTTP/1.1\r\nHost: chat\r\n\r\n", "HTTP/1.1 400 "),
    ] {
        let mut wire = Wire::connect(tls_port);
        wire.write(first);
        let said = String::from_utf8(wire.rest()).unwrap();
        assert!(said.starts_with(answer), "{first:?}: {said:?}");
    }
    server.plain("bob");
}

#[test]
fn a_tls_port_never_greets_in_the_clear() {
    let server = TestServer::with(|config| {
        config.listen_tls = config.listen.clone();
        (config.sniff_ms, config.login_ms) = (50, 400);
    });
    let mut silent = Wire::connect(server.config.listen_tls[0]);
    assert_eq!(silent.rest(), b"", "closed at the login deadline, without a word");
}

// ---- what is broken

#[test]
fn broken_tls_gets_an_alert_and_disturbs_nobody() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    bob.fence();
    for broken in [
        &b"\x16\x03\x01\xff\xff"[..],
        b"\x16\xff\xff\x00\x01\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ] {
        let mut wire = server.wire();
        wire.write(broken);
        let alert = wire.rest();
        // A fatal alert (RFC 8446, section 6).
        assert!(matches!(alert[..], [0x15, 0x03, _, 0, 2, 2, _]), "{broken:?}: {alert:?}");
    }
    // A message that is longer than any, at once and bit by bit. rustls has no alert for it.
    let mut wire = server.wire();
    wire.write(b"\x16\x03\x01\x00\x05hello");
    assert_eq!(wire.rest(), b"");
    let wire = server.wire();
    for n in 0u8..10 {
        let size = 0x1000;
        let mut record = vec![0x16, 0x03, 0x01, 0x10, 0x00];
        let message = if n == 0 { &[0x01, 0x00, 0xff, 0x00][..] } else { &[] };
        record.extend_from_slice(message);
        record.resize(5 + size, 0);
        wire.try_write(record);
    }
    eventually(|| "never closed".into(), || is_closed(&wire));
    bob.tell("still here");

    // A record that was changed on its way.
    let mut eve = plain(&server, "eve");
    bob.expect("-- eve joined");
    let mut sealed = eve.sealed("hello\n");
    *sealed.last_mut().unwrap() ^= 1;
    eve.socket.write_all(&sealed).unwrap();
    bob.expect("-- eve lost the connection");
    let mut rest = Vec::new();
    eve.socket.read_to_end(&mut rest).expect("closed in good order");
    assert_eq!(rest[..1], [0x17], "an alert, encrypted");
    assert_eq!(bob.fence(), [""; 0]);
}

#[test]
fn bytes_that_were_changed_cut_or_repeated_on_their_way_disturb_nobody() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = TestServer::start();
    let mut witnesses = [server.plain("bob"), server.plain("cy")];
    for round in 0..120 {
        let socket = TcpStream::connect(server.address()).unwrap();
        let version: &[_] = match round % 3 {
            0 => &[&rustls::version::TLS12],
            _ => &[&rustls::version::TLS13],
        };
        // Now in the hello, now behind the handshake.
        let (mut wire, mut bytes) = if round % 2 == 0 {
            let mut wire = TlsWire::begun(socket, version);
            let mut hello = Vec::new();
            wire.tls.write_tls(&mut hello).unwrap();
            (wire, hello)
        } else {
            let mut wire = TlsWire::over(socket, version);
            let _ = wire.tls.refresh_traffic_keys();
            let bytes = (0..3).flat_map(|_| wire.sealed("x".repeat(rng.usize(1..300)))).collect();
            (wire, bytes)
        };
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..3) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.remove(at)),
                _ => bytes.extend_from_within(at..),
            }
        }
        let cut = rng.usize(..bytes.len());
        for part in [&bytes[..cut], &bytes[cut..]] {
            // The server may have closed by now.
            let _ = wire.socket.write_all(part);
        }
        if rng.bool() {
            let _ = wire.socket.shutdown(Shutdown::Write);
            let _ = wire.socket.read_to_end(&mut Vec::new());
        }
    }
    for witness in &mut witnesses {
        witness.fence();
    }
    server.wait_for(2, 2);
}

#[test]
fn a_handshake_that_does_not_go_on_ends_at_the_login_deadline_and_is_never_greeted() {
    let server = TestServer::with(|config| (config.sniff_ms, config.login_ms) = (50, 400));
    let mut half = server.wire();
    half.write(b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03");
    assert_eq!(half.rest(), b"");
    // One that has agreed, but for its own last word.
    let socket = TcpStream::connect(server.address()).unwrap();
    let mut wire = TlsWire::begun(socket, &[&rustls::version::TLS13]);
    wire.tls.write_tls(&mut wire.socket).unwrap();
    let mut answer = Vec::new();
    wire.socket.read_to_end(&mut answer).expect("closed in good order");
    assert_eq!(answer[..2], [0x16, 0x03]);
    server.wait_for(0, 0);
}

#[test]
fn the_keys_can_be_changed_under_way() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    let socket = TcpStream::connect(server.address()).unwrap();
    let mut ann = enter(TlsWire::over(socket, &[&rustls::version::TLS13]), "ann");
    for n in 0..5 {
        // It asks the server for new keys, too.
        ann.tls.refresh_traffic_keys().unwrap();
        ann.write(format!("{n}\n"));
        assert_eq!(fence(&mut ann), [""; 0]);
    }
    let heard = bob.fence();
    assert!(heard.ends_with(&["<ann> 3".into(), "<ann> 4".into()]), "{heard:?}");
}

// ---- packets

#[test]
fn packets_make_no_difference() {
    let server = TestServer::with(|config| config.sniff_ms = 600_000);
    let mut bob = server.plain("bob");
    bob.fence();
    let mut ann = TlsWire::connect(server.address());
    // Each byte in a record of its own, all in one packet; then each byte of a record in its own.
    let name: Vec<u8> = "zo\u{eb}\n".bytes().flat_map(|byte| ann.sealed([byte])).collect();
    ann.socket.write_all(&name).unwrap();
    for byte in ann.sealed("h\u{e9}\n/sync\n") {
        ann.socket.write_all(&[byte]).unwrap();
    }
    ann.line_with(IN_SYNC);
    assert_eq!(bob.fence(), ["-- zo\u{eb} joined", "<zo\u{eb}> h\u{e9}"]);

    // More than the server reads at once.
    let all: String = (0..300).map(|n| format!("{n} {}\n", "x".repeat(1000))).collect();
    let (mut reader, burst) = (server.plain("eve"), ann.sealed(""));
    assert!(burst.is_empty());
    reader.fence();
    ann.write(&all);
    ann.write("/sync\n");
    ann.line_with(IN_SYNC);
    let heard = reader.fence();
    assert_eq!(heard.len(), 300);
    assert!(
        heard.iter().enumerate().all(|(n, line)| line.starts_with(&format!("<zo\u{eb}> {n} x")))
    );
}

#[test]
fn long_answers_come_whole_and_in_order() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let mut bob = plain(&server, "bob");
    fence(&mut bob);
    for round in 0..5 {
        let texts = (0..64).map(|n| format!("{round}.{n} {}", "x".repeat(4000)));
        ann.tell_all("lobby", texts);
        let heard = fence(&mut bob);
        let begins: Vec<_> =
            heard.iter().map(|line| line[..10].trim_end_matches([' ', 'x'])).collect();
        let expected: Vec<_> = (0..64).map(|n| format!("<ann> {round}.{n}")).collect();
        assert_eq!(begins, expected);
    }
}

// ---- ends

#[test]
fn a_line_without_end_counts_when_tls_says_that_it_was_the_last() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    bob.fence();
    let mut ann = TlsWire::connect(server.address());
    ann.write("ann\nfirst\nlast");
    ann.close_our_side();
    assert!(ann.until_end().iter().any(|line| line.contains("Welcome, ann!")));
    assert_eq!(
        bob.fence(),
        ["-- ann joined", "<ann> first", "<ann> last", "-- ann left the server"]
    );
    // The very first one, too.
    let mut cy = TlsWire::connect(server.address());
    cy.write("cy");
    cy.close_our_side();
    assert!(cy.until_end().iter().any(|line| line.contains("Welcome, cy!")));
}

#[test]
fn a_line_that_was_cut_on_its_way_does_not_count() {
    let server = TestServer::start();
    let mut bob = server.plain("bob");
    bob.fence();
    let mut ann = TlsWire::connect(server.address());
    ann.write("ann\nfirst\nI never said this to any");
    ann.cut_our_side();
    assert!(ann.until_end().iter().any(|line| line.contains("Welcome, ann!")));
    assert_eq!(bob.fence(), ["-- ann joined", "<ann> first", "-- ann left the server"]);
    let mut cy = TlsWire::connect(server.address());
    cy.write("cyn");
    cy.cut_our_side();
    let mut rest = Vec::new();
    cy.socket.read_to_end(&mut rest).unwrap();
    assert_eq!(bob.fence(), [""; 0], "half a name is nobody's");
}

#[test]
fn a_server_that_stops_says_goodbye_inside_tls() {
    let mut server = TestServer::start();
    let mut native = TlsWire::connect(server.address());
    native.write(HELLO);
    native.line();
    let mut ann = plain(&server, "ann");
    server.stop();
    let last = native.until_end();
    assert_eq!(frame(last.last().unwrap())["code"], "shutdown", "{last:?}");
    let last = ann.until_end();
    assert!(last.last().unwrap().contains("shutting down"), "{last:?}");
}

// ---- slow readers

/// A native peer inside TLS, in the lobby, that reads no more and whose system takes little.
fn slow_reader(server: &TestServer) -> TlsWire {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket");
    socket.connect(&server.address().into()).expect("a socket");
    let mut slow = TlsWire::over(socket.into(), rustls::DEFAULT_VERSIONS);
    slow.write(HELLO);
    slow.write("{\"cmd\":\"join\",\"room\":\"lobby\"}\n");
    slow.write(PING);
    slow.line_with("{\"ev\":\"pong\"");
    slow
}

#[test]
fn a_reader_that_stops_reading_is_closed_as_slow_and_others_get_everything() {
    let server = TestServer::with(|config| config.outbox.bytes = 64 * 1024);
    let mut slow = slow_reader(&server);
    let (mut ann, mut bob) = (server.native("ann"), server.native("bob"));
    let text = "x".repeat(4096);
    let mut said = 0;
    while server.figures().sessions == 3 {
        ann.tell_all("lobby", (0..20).map(|_| text.clone()));
        said += 20;
        assert_eq!(bob.texts().len(), 20, "others get everything");
        assert!(said < 20_000, "80 MB wait for one connection");
    }
    let last = slow.until_end();
    let last = frame(last.last().expect("a last word"));
    assert_eq!((&last["ev"], &last["code"]), (&json!("close"), &json!("slow")));
}

#[test]
fn a_reader_that_takes_nothing_for_long_is_closed_as_slow() {
    let server = TestServer::with(|config| config.outbox.age_ms = 200);
    let mut slow = slow_reader(&server);
    let mut ann = server.native("ann");
    let text = "x".repeat(4096);
    let mut said = 0;
    while server.figures().sessions == 2 {
        ann.tell_all("lobby", (0..20).map(|_| text.clone()));
        said += 20;
        assert!(said < 20_000, "80 MB were said, and it is still there");
    }
    let last = slow.until_end();
    assert_eq!(frame(last.last().expect("a last word"))["code"], "slow");
}
