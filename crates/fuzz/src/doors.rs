//! The first line, and the plain door.

use crate::{assert_harmless, split};
use hubbub_hub::{Command, Reply};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{
    Author, Epoch, Position, ResumeToken, RoomAddress, RoomId, RoomName, Seq, UserId, UserName,
    WallMs, limits, sanitize,
};
use hubbub_server::admit::Asked;
use hubbub_server::door::plain::{Plain, Telnet};
use hubbub_server::door::{Door, plain};
use hubbub_server::proxy::{self, Parsed};
use hubbub_server::sniff::{Spoken, sniff as find_door};

/// The first bytes of a connection: a decision never changes when more comes, JSON and TLS are seen
/// in the first byte, and a request of a browser never gets another door.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn sniff(bytes: &[u8]) {
    let whole = find_door(bytes);
    let step = 1 + bytes.len() / 64;
    for end in (0..bytes.len()).step_by(step) {
        if let Some(decided) = find_door(&bytes[..end]) {
            assert_eq!(whole, Some(decided), "decided too early, at byte {end}");
        }
    }
    match bytes.first() {
        None => assert_eq!(whole, None),
        Some(b'{') => assert_eq!(whole, Some(Spoken::Native)),
        Some(0x16) => assert_eq!(whole, Some(Spoken::Tls)),
        Some(_) => assert!(!matches!(whole, Some(Spoken::Native | Spoken::Tls))),
    }
    if bytes.contains(&b'\n') {
        assert!(whole.is_some(), "a whole line decides");
    }
    for request in [&b"GET / HTTP/1.1\r\n"[..], b"POST /x HTTP/1.1\n"] {
        let request = [request, bytes].concat();
        assert_eq!(find_door(&request), Some(Spoken::Http));
    }
}

/// What a proxy says first: a verdict never changes when more comes, and a header is as long as it says,
/// within its limit. The bytes are looked at as they are, and behind the beginning of a header.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn proxy_header(bytes: &[u8]) {
    let begun = [&proxy::SIGNATURE[..], &[0x21, 0x11, 0, 32]].concat();
    for bytes in [bytes.to_vec(), [&proxy::SIGNATURE[..], bytes].concat(), [&begun, bytes].concat()]
    {
        let whole = proxy::parse(&bytes);
        for end in 0..bytes.len().min(proxy::HEADER_BYTES_MAX + 1) {
            let early = proxy::parse(&bytes[..end]);
            if early != Parsed::Unfinished {
                assert_eq!(whole, early, "decided too early, at byte {end}");
                break;
            }
        }
        match whole {
            Parsed::Header { bytes: length, .. } => {
                let said = u16::from_be_bytes([bytes[14], bytes[15]]);
                assert_eq!(length, 16 + usize::from(said));
                assert!(length <= bytes.len() && length <= proxy::HEADER_BYTES_MAX);
                assert_eq!(proxy::parse(&bytes[..length - 1]), Parsed::Unfinished);
            }
            Parsed::Unfinished => {
                assert!(bytes.len() < proxy::HEADER_BYTES_MAX, "it waits for ever")
            }
            Parsed::Bad => {}
        }
    }
}

/// A whole plain connection: the first byte is the length of the packets, the rest goes through the
/// telnet filter, the line buffer and the door, before and after the name is given. A command is
/// never said, and whatever the door answers is harmless.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn plain_line(bytes: &[u8]) {
    let (size, stream) = split(bytes);
    let (text, answer) = filtered(stream, stream.len().max(1));
    assert_eq!((&text, &answer), (&filtered(stream, 1 + size).0, &filtered(stream, 1 + size).1));
    check_telnet_answer(&answer);
    let mut lines = LineBuffer::default();
    lines.push(&text);
    let mut plain = Plain::new([ResumeToken([0; 16]); 2]);
    plain.take_passwords(true);
    plain.telnet.filter(stream, &mut Vec::new(), &mut Vec::new());
    let mut door = Door::Plain(Box::new(plain));
    let mut named = size % 2 == 1;
    if named {
        log_in(&mut door);
    }
    while let Some(line) = lines.next_line() {
        let answers = matches!(&door, Door::Plain(plain) if plain.is_asking());
        let asked = match line {
            Line::Whole(line) => {
                let asked = door.decode(line);
                if answers {
                    check_answer(asked.as_ref());
                } else if named {
                    check_meaning(line, asked.as_ref());
                }
                asked
            }
            Line::TooLong => Some(door.too_long(limits::FRAME_BYTES)),
        };
        match asked {
            Some(Asked::Refused(tag, refusal)) => {
                let mut out = Vec::new();
                door.reply(tag, Reply::Refused(refusal), &mut out);
                assert_reply_harmless(&out);
            }
            Some(Asked::Answer(answer)) => assert_reply_harmless(&answer),
            Some(Asked::Command(_, command @ (Command::Hello { .. } | Command::Login { .. }))) => {
                let is_hello = matches!(command, Command::Hello { .. });
                assert_eq!(is_hello, !named, "a second hello, or a login before the first");
                named = true;
                log_in(&mut door);
            }
            Some(Asked::Command(..)) => {}
            None => assert!(line_is_blank_or_unnamed(&text), "a line without an answer"),
        }
    }
}

fn line_is_blank_or_unnamed(text: &[u8]) -> bool {
    // Some line is blank once what was typed is cleaned: only such a line asks for nothing.
    text.split(|&b| b == b'\n').any(|line| {
        std::str::from_utf8(line).is_ok_and(|line| sanitize::typed(line).trim().is_empty())
    })
}

fn filtered(stream: &[u8], size: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut telnet, mut text, mut answer) = (Telnet::default(), Vec::new(), Vec::new());
    for packet in stream.chunks(size) {
        telnet.filter(packet, &mut text, &mut answer);
    }
    assert!(text.len() + answer.len() <= stream.len(), "the filter makes more of it");
    (text, answer)
}

/// Every offer is declined (IAC DONT x, IAC WONT x), and nothing else is said.
fn check_telnet_answer(answer: &[u8]) {
    for triple in answer.chunks(3) {
        assert!(matches!(triple, [255, 252 | 254, _]), "{answer:?}");
    }
}

/// What answers a question is never a message, a name or a command.
fn check_answer(asked: Option<&Asked>) {
    let takes_entry = match asked {
        Some(Asked::Answer(_)) => true,
        Some(Asked::Command(_, command)) => matches!(
            command,
            Command::Hello { entry: Some(_), .. }
                | Command::Login { .. }
                | Command::Register { .. }
                | Command::Password { .. }
        ),
        _ => false,
    };
    assert!(takes_entry, "an answer was taken for something else: {asked:?}");
}

fn check_meaning(line: &[u8], asked: Option<&Asked>) {
    let Ok(line) = std::str::from_utf8(line) else {
        assert!(matches!(asked, Some(Asked::Refused(..))), "not UTF-8, and not refused");
        return;
    };
    let typed = sanitize::typed(line);
    let Some(Asked::Command(_, Command::Send { body, .. })) = asked else { return };
    assert!(!body.words().chars().any(sanitize::is_forbidden_in_text));
    if typed.starts_with('/') && !typed.starts_with("//") {
        let word = typed[1..].split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let says = ["msg", "query", "me", "shout", "reply", "re"].contains(&word.as_str());
        assert!(says, "a command was said: {typed:?}");
    }
    assert!(matches!(plain::parse(&typed), p if format!("{p:?}") != "Nothing"));
}

fn log_in(door: &mut Door) {
    let mut out = Vec::new();
    let user = Author { id: UserId(1), name: UserName::known("ann").expect("valid") };
    let lobby = RoomName::parse("lobby").expect("valid");
    let (token, epoch, time) = (ResumeToken([0; 16]), Epoch(1), WallMs(0));
    let (rooms, privates, resumed) = (Vec::new(), Vec::new(), false);
    let (account, lobby_too) = (false, lobby.clone());
    let welcome = Reply::Welcome {
        highlights: Vec::new(),
        user,
        token,
        resumed,
        account,
        epoch,
        lobby: lobby_too,
        time,
        rooms,
        privates,
    };
    let follow_up = door.reply(None, welcome, &mut out);
    assert!(matches!(follow_up, Some(Command::Join { .. })), "the lobby comes next");
    let joined = Reply::Joined {
        info: None,
        address: RoomAddress::Room(lobby),
        head: Position { room: RoomId(1), epoch, seq: Seq(0) },
        catch_up: hubbub_protocol::frame::CatchUp::Live,
        retention: hubbub_protocol::frame::Retention::Forever,
        members: 1,
        created: true,
        read: None,
        draft: None,
    };
    door.reply(None, joined, &mut out);
    assert_reply_harmless(&out);
}

/// As [`assert_harmless`], but telnet gets CR LF, and is told when to show what is typed.
pub(crate) fn assert_reply_harmless(out: &[u8]) {
    let mut rest = out;
    while let [255, 251 | 252, 1, after @ ..] = rest {
        rest = after;
    }
    let out = rest;
    let text = String::from_utf8_lossy(out).replace("\r\n", "\n");
    assert_harmless(text.as_bytes(), "an answer of the plain door");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text:?}");
}
