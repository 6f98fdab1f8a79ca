//! What the terminal of a telnet is told to show, as bytes.

use super::*;

const WILL_ECHO: &[u8] = &[255, 251, 1];
const WONT_ECHO: &[u8] = &[255, 252, 1];

fn bytes_of(asked: Option<Asked>) -> Vec<u8> {
    match asked {
        Some(Asked::Answer(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

/// A door that heard these bytes of its peer.
fn peer(mut door: Plain, bytes: &[u8]) -> Plain {
    door.telnet.filter(bytes, &mut Vec::new(), &mut Vec::new());
    door
}

#[test]
fn a_telnet_hides_a_password_and_nothing_else() {
    for proof in [&b"\xff\xfb\x1f"[..], b"\r\n"] {
        let end: &[u8] = if proof == b"\r\n" { b"\r\n" } else { b"\n" };
        let mut door = peer(stranger(), proof);
        let said = bytes_of(door.decode(b"login bob"));
        let question = b"Password for bob (an empty line cancels):";
        assert_eq!(said, [WILL_ECHO, question, end].concat());
        let mut answer: Vec<u8> = Vec::new();
        door.telnet.filter(&[255, 253, 1], &mut Vec::new(), &mut answer);
        assert!(answer.is_empty(), "its agreement needs no answer");
        assert!(matches!(door.decode(b"secret"), Some(Asked::Command(..))));
        let mut out = Vec::new();
        let refusal = Refusal::new(ErrorCode::NameTaken, "No.");
        door.reply(AWAITED, Reply::Refused(refusal), &mut out);
        let rest = [b"! No.", end, b"What is your name?", end].concat();
        assert_eq!(out, [WONT_ECHO, b"\r\n", &rest].concat());
        door.telnet.filter(&[255, 254, 1], &mut Vec::new(), &mut answer);
        assert!(answer.is_empty());
    }
}

#[test]
fn between_two_passwords_a_telnet_goes_on_hiding() {
    let mut door = peer(account(), b"\xff\xf1");
    let said = bytes_of(door.decode(b"/passwd"));
    assert!(said.starts_with(WILL_ECHO));
    let said = bytes_of(door.decode(b"the old one"));
    assert_eq!(said, b"\r\nA new password (an empty line cancels):\n");
    // What comes meanwhile changes nothing.
    let mut out = Vec::new();
    door.notice(Notice::Entered { room: room("work") }, &mut out);
    assert!(out.starts_with(b"-- You entered work"), "{out:?}");
    assert_eq!(bytes_of(door.decode(b"the new one")), b"\r\nAgain:\n");
    let said = bytes_of(door.decode(b""));
    assert_eq!(said, [WONT_ECHO, b"\r\n-- Cancelled.\n"].concat());
    assert_eq!(bytes_of(door.decode(b"/time"))[..3], *b"-- ");
}

#[test]
fn a_telnet_shows_an_invite_code_and_ends_with_its_echo() {
    let mut door = peer(guest(), b"\r\n");
    let said = bytes_of(door.decode(b"/register sesame-open x"));
    assert!(said.starts_with(b"! An invite code"), "{said:?}");
    let mut door = peer(guest(), b"\r\n");
    bytes_of(door.decode(b"/login bob"));
    let mut out = Vec::new();
    door.close(CloseCode::Shutdown, &mut out);
    assert!(out.starts_with(&[WONT_ECHO, b"-- The server"].concat()), "{out:?}");
}

#[test]
fn who_is_no_telnet_gets_no_telnet_command() {
    let mut door = guest();
    let said = bytes_of(door.decode(b"/login bob"));
    assert!(!said.contains(&255));
}
