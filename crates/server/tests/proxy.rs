//! The PROXY protocol on real sockets: from an address that the operator trusts it is needed, from
//! others it counts for nothing.

mod support;

use hubbub_server::proxy::SIGNATURE;
use serde_json::json;
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use support::tls::TlsWire;
use support::{Native, PASSWORD, TestServer, Wire};

const PASSWORD_WORD: &str = "correct-horse";

/// A server that trusts this computer as a proxy.
fn behind_proxy() -> TestServer {
    TestServer::with(|config| config.proxies = vec!["127.0.0.0/8".parse().expect("a network")])
}

fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a short block").to_be_bytes();
    [&SIGNATURE[..], &[0x20 | command, family], &length, block].concat()
}

/// For this client.
fn client(peer: &str) -> Vec<u8> {
    let (port, to) = match peer.parse().expect("an address") {
        SocketAddr::V4(peer) => {
            let to = [&peer.ip().octets()[..], &[10, 0, 0, 1]].concat();
            (peer.port(), (0x11, to))
        }
        SocketAddr::V6(peer) => {
            let to = [peer.ip().octets(), Ipv6Addr::LOCALHOST.octets()].concat();
            (peer.port(), (0x21, to))
        }
    };
    header(1, to.0, &[&to.1[..], &port.to_be_bytes(), &5000u16.to_be_bytes()].concat())
}

/// The address from which this account's only login was used last.
fn address_of(native: &mut Native) -> String {
    let logins = native.ask(json!({"cmd": "logins"}));
    logins["logins"][0]["peer"].as_str().unwrap_or_else(|| panic!("{logins}")).to_owned()
}

fn register(wire: Wire, name: &str) -> Native {
    Native::welcomed(wire, json!({"name": name, "password": PASSWORD, "register": true}))
}

#[test]
fn the_peer_is_whom_the_proxy_names() {
    let server = behind_proxy();
    for (name, peer) in [("ann", "192.0.2.7:1234"), ("bob", "[2001:db8::7]:1234")] {
        let wire = server.wire();
        wire.write(client(peer));
        assert_eq!(address_of(&mut register(wire, name)), peer);
    }
}

#[test]
fn packets_make_no_difference_and_what_follows_the_header_is_the_clients() {
    let server = behind_proxy();
    let mut wire = server.wire();
    wire.write([&client("192.0.2.7:1234")[..], b"ann\n/sync\n"].concat());
    assert_eq!(wire.line().unwrap(), "-- Welcome, ann! /help lists the commands.");
    let wire = server.wire();
    wire.write_byte_by_byte(client("192.0.2.8:1234"));
    assert_eq!(address_of(&mut register(wire, "bob")), "192.0.2.8:1234");
}

#[test]
fn a_client_that_is_silent_behind_its_proxy_is_greeted() {
    let server = behind_proxy();
    let mut wire = server.wire();
    wire.write(client("192.0.2.7:1234"));
    assert_eq!(wire.line().unwrap(), "-- This is a Hubbub chat server.");
}

#[test]
fn tls_begins_behind_the_header_also_where_nothing_else_is_spoken() {
    let server = TestServer::with(|config| {
        config.proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.listen_tls = config.listen.clone();
    });
    for address in [server.address(), server.config.listen_tls[0]] {
        let mut socket = TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut socket, &client("192.0.2.7:1234")).unwrap();
        let mut wire = TlsWire::over(socket, rustls::DEFAULT_VERSIONS);
        wire.write("ann\n");
        assert!(wire.line().unwrap().starts_with("-- Welcome, ann!"));
        wire.write("/quit\n");
        wire.until_end();
    }
    let mut clear = Wire::connect(server.config.listen_tls[0]);
    clear.write([&client("192.0.2.7:1234")[..], b"ann\n"].concat());
    assert!(clear.line().unwrap().starts_with("! This port speaks TLS."));
}

#[test]
fn a_health_check_is_the_proxy_itself() {
    let server = behind_proxy();
    let wire = server.wire();
    wire.write(header(0, 0, &[]));
    assert!(address_of(&mut register(wire, "ann")).starts_with("127.0.0.1:"));
    let mut check = server.wire();
    check.write(header(0, 0, &[]));
    check.close_our_side();
    assert_eq!(check.rest(), b"");
}

#[test]
fn without_a_header_nobody_comes_in_from_a_proxy() {
    let server = behind_proxy();
    let nobody = header(1, 0x00, &[]);
    for first in [
        &b"ann\n"[..],
        b"{\"cmd\":\"hello\",\"versions\":[1],\"name\":\"ann\"}\n",
        b"\x16\x03\x01\x00\xc8\x01",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 5000\r\nann\n",
        b"\r\nann\n",
        &nobody,
    ] {
        let wire = server.wire();
        wire.write(first);
        // It may end as a reset: nothing of it was read.
        let mut rest = Vec::new();
        let _ = std::io::Read::read_to_end(&mut wire.raw(), &mut rest);
        assert_eq!(rest, b"", "{:?}", String::from_utf8_lossy(first));
        assert_eq!(server.figures().sessions, 0);
    }
}

#[test]
fn a_proxy_that_says_nothing_is_gone_soon() {
    let server = behind_proxy();
    let mut silent = server.wire();
    assert_eq!(silent.rest(), b"");
    // Whoever has come through one has all the time that others have.
    let mut wire = server.wire();
    wire.write(client("192.0.2.7:1234"));
    let mut other = server.wire();
    assert_eq!(other.rest(), b"");
    wire.write("ann\n");
    let mut lines = std::iter::from_fn(|| wire.line());
    assert!(lines.any(|line| line.starts_with("-- Welcome, ann!")));
}

#[test]
fn a_password_that_others_could_read_is_refused_before_it_is_typed() {
    let server = TestServer::with(|config| {
        config.proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.hub.plaintext_passwords = false;
    });
    let mut wire = server.wire();
    wire.write([&client("192.0.2.7:1234")[..], b"/login ann\n/register ann\n"].concat());
    // On the line it has crossed already, and the hub says the same.
    wire.write(format!("/login ann {PASSWORD_WORD}\n/register ann {PASSWORD_WORD}\n"));
    for _ in 0..4 {
        let said = wire.line().unwrap();
        assert!(said.starts_with("! Passwords are not taken over this connection, "), "{said}");
        assert_eq!(wire.line().unwrap(), "What is your name?");
    }
    wire.write("ann\n/register\n");
    let mut said = std::iter::from_fn(|| wire.line());
    assert!(said.any(|line| line.starts_with("! Passwords are not taken over this connection")));
    // Within TLS it is asked for.
    let mut socket = TcpStream::connect(server.address()).unwrap();
    std::io::Write::write_all(&mut socket, &client("192.0.2.8:1234")).unwrap();
    let mut inside = TlsWire::over(socket, rustls::DEFAULT_VERSIONS);
    inside.write("/register bob\n");
    assert!(inside.line().unwrap().starts_with("A new password for bob"));
}

#[test]
fn half_a_header_ends_at_the_login_deadline_and_is_never_greeted() {
    let server = TestServer::with(|config| {
        config.proxies = vec!["127.0.0.0/8".parse().unwrap()];
        (config.sniff_ms, config.login_ms) = (50, 400);
    });
    for begun in [0, 2, 12, 15, 20] {
        let mut wire = server.wire();
        wire.write(&client("192.0.2.7:1234")[..begun]);
        assert_eq!(wire.rest(), b"", "after {begun} bytes");
    }
    let mut cut = server.wire();
    cut.write(&SIGNATURE[..2]);
    cut.close_our_side();
    assert_eq!(cut.rest(), b"");
}

#[test]
fn a_header_from_elsewhere_counts_for_nothing() {
    let server = TestServer::with(|config| {
        config.proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let mut wire = server.wire();
    wire.write([&client("192.0.2.7:1234")[..], b"ann\n"].concat());
    assert_eq!(wire.rest(), b"");
    server.wait_for(0, 0);
    server.plain("ann");
}
