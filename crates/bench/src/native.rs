//! Just enough of the native door to put load on it. What is said often is written and read by hand,
//! so that the client costs little; `docs/protocol.md` promises the order of fields that this needs.

use crate::Result;
use crate::load::Swarm;
use hubbub_protocol::frame::{ClientFrame, Request, Retention, Target, write_line};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{Instance, Position, ResumeToken, VERSIONS};
use std::io::Write;
use std::net::SocketAddr;

/// Connections that enter at once.
const ENTER_TOGETHER: usize = 200;

/// A line that interests a load client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// Somebody said this; the text as it stands in JSON.
    Message(&'a [u8]),
    /// The send with this id was taken.
    Sent(u64),
    /// The fence came back.
    Pong,
    /// Anything else that is in order: presence, answers to hello and join.
    Other,
}

/// Understands a line.
///
/// # Errors
/// A refusal or a goodbye: the load was not what it should be.
pub(crate) fn heard(line: &[u8]) -> Result<Heard<'_>> {
    if let Some(rest) = line.strip_prefix(br#"{"ev":"message","#) {
        return Ok(Heard::Message(text_of(rest).ok_or("a message without a text at its end")?));
    }
    if let Some(rest) = line.strip_prefix(br#"{"ev":"sent","id":"#) {
        return Ok(Heard::Sent(number(rest)));
    }
    if line.starts_with(br#"{"ev":"pong""#) {
        return Ok(Heard::Pong);
    }
    let unwanted: [&[u8]; 2] = [br#"{"ev":"error""#, br#"{"ev":"close""#];
    if unwanted.iter().any(|prefix| line.starts_with(prefix)) {
        return Err(format!("the server said {}", String::from_utf8_lossy(line)).into());
    }
    Ok(Heard::Other)
}

/// The text at the end of a message; ours hold no quotes.
fn text_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(br#""}"#)?;
    let begin = line.iter().rposition(|&byte| byte == b'"')?;
    Some(&line[begin + 1..])
}

/// The decimal digits in front.
pub(crate) fn number(digits: &[u8]) -> u64 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Says something in a room. `counter` is also the id of the answer.
pub(crate) fn write_send(out: &mut Vec<u8>, room: &str, counter: u64, text: &str) {
    let head = r#"{"cmd":"send","id":"#;
    writeln!(out, r#"{head}{counter},"room":"{room}","text":"{text}","counter":{counter}}}"#)
        .expect("writing to memory does not fail");
}

/// Says hello as an account, or to become one.
pub(crate) fn write_hello(out: &mut Vec<u8>, name: &str, password: &str, register: bool) {
    let request = Request::Hello {
        versions: VERSIONS.to_vec(),
        name: Some(name.to_owned()),
        instance: None,
        resume: None,
        password: Some(Hidden::new(password)),
        register,
        invite: None,
    };
    write_line(&ClientFrame { id: None, request }, out);
}

/// Says hello as a guest, whose client instance follows from its name.
pub(crate) fn write_guest(out: &mut Vec<u8>, name: &str, resume: Option<ResumeToken>) {
    // FNV-1a: different names have different ones.
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let request = Request::Hello {
        versions: VERSIONS.to_vec(),
        name: Some(name.to_owned()),
        instance: Some(Instance(hash.to_be_bytes())),
        resume,
        password: None,
        register: false,
        invite: None,
    };
    write_line(&ClientFrame { id: Some(1), request }, out);
}

/// Joins a room, from a position on where there is one.
pub(crate) fn write_join(out: &mut Vec<u8>, room: &str, after: Option<Position>) {
    let request = Request::Join {
        target: Target::Room(room.to_owned()),
        after,
        retention: None,
        pin: None,
        key: None,
    };
    write_line(&ClientFrame { id: Some(2), request }, out);
}

/// The number behind a field's name, if the line has the field.
pub(crate) fn field(line: &[u8], name: &[u8]) -> Option<u64> {
    let at = line.windows(name.len()).position(|window| window == name)?;
    Some(number(&line[at + name.len()..]))
}

/// Says hello as an account, with a number that the answer repeats.
pub(crate) fn write_numbered_hello(out: &mut Vec<u8>, id: u64, name: &str, password: &str) {
    let mut hello = Vec::new();
    write_hello(&mut hello, name, password, false);
    write!(out, "{{\"id\":{id},").expect("writing to memory does not fail");
    out.extend_from_slice(hello.strip_prefix(b"{").unwrap_or(&hello));
}

/// Whether a line refuses a password.
pub(crate) fn is_wrong_password(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"error","code":"wrong_password","#)
}

/// Who enters, and where.
pub(crate) struct Crowd<'a> {
    /// How many connections.
    pub(crate) sessions: usize,
    /// The room of a connection.
    pub(crate) room: &'a dyn Fn(usize) -> String,
    pub(crate) retention: Retention,
}

/// Connects so many sessions, with a name and a client instance each, as the client library does it,
/// and waits until all are in their rooms.
pub(crate) fn enter(server: SocketAddr, crowd: &Crowd<'_>) -> Result<Swarm> {
    let mut swarm = Swarm::new()?;
    let mut entered = 0;
    let mut out = Vec::new();
    while entered < crowd.sessions {
        let until = crowd.sessions.min(entered + ENTER_TOGETHER);
        for _ in entered..until {
            let number = swarm.connect(server)?;
            out.clear();
            hello(&mut out, number, (crowd.room)(number), crowd.retention);
            swarm.send(number, &out)?;
        }
        while entered < until {
            swarm.expect(|_, line| {
                entered += usize::from(heard(line)? == Heard::Pong);
                Ok(())
            })?;
        }
    }
    fence(&mut swarm)?;
    Ok(swarm)
}

fn hello(out: &mut Vec<u8>, number: usize, room: String, retention: Retention) {
    // Spread all over the tree that the store keeps them in, as random ones would be.
    let spread = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let requests = [
        Request::Hello {
            versions: VERSIONS.to_vec(),
            name: Some(format!("user{number:05}")),
            instance: Some(Instance(spread.to_be_bytes())),
            resume: None,
            password: None,
            register: false,
            invite: None,
        },
        Request::Join {
            target: Target::Room(room),
            after: None,
            retention: Some(retention),
            pin: None,
            key: None,
        },
        Request::Ping,
    ];
    for request in requests {
        write_line(&ClientFrame { id: None, request }, out);
    }
}

/// Waits until the server has done what it was asked, and all that it told everybody has come.
fn fence(swarm: &mut Swarm) -> Result<()> {
    let mut out = Vec::new();
    write_line(&ClientFrame { id: None, request: Request::Ping }, &mut out);
    swarm.send(0, &out)?;
    let mut is_back = false;
    while !is_back {
        swarm.expect(|_, line| {
            is_back |= heard(line)? == Heard::Pong;
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::frame::ServerFrame;
    use hubbub_protocol::{
        Author, Body, Epoch, ErrorCode, Event, NextStep, Position, RoomId, Seq, Text, UserId,
        UserName, WallMs,
    };

    fn line(frame: &ServerFrame) -> Vec<u8> {
        let mut out = Vec::new();
        write_line(frame, &mut out);
        out.pop();
        out
    }

    #[test]
    fn what_is_read_by_hand_is_what_the_server_writes() {
        let event = Event {
            room: RoomId(1),
            epoch: Epoch(2),
            seq: Seq(3),
            time: WallMs(4),
            from: Author { id: UserId(5), name: UserName::parse("ann").unwrap() },
            body: Body::text(Text::parse("00001 000000002").unwrap()),
        };
        let position = event.position();
        let message = line(&ServerFrame::Message { target: Target::Room("a".into()), event });
        assert_eq!(heard(&message).unwrap(), Heard::Message(b"00001 000000002"));
        let Position { room, epoch, seq } = position;
        let sent = ServerFrame::Sent {
            id: Some(77),
            position: Position { room, epoch, seq },
            time: WallMs(4),
            repeated: false,
        };
        assert_eq!(heard(&line(&sent)).unwrap(), Heard::Sent(77));
        let error = ServerFrame::Error {
            wait_ms: None,
            id: None,
            code: ErrorCode::WrongPassword,
            next: NextStep::Correct,
            text: "no".into(),
            suggestion: None,
        };
        assert!(is_wrong_password(&line(&error)));
        let pong = ServerFrame::Pong { id: None, time: WallMs(4) };
        assert_eq!(heard(&line(&pong)).unwrap(), Heard::Pong);
    }

    #[test]
    fn what_is_written_by_hand_is_a_frame() {
        let mut out = Vec::new();
        write_send(&mut out, "a", 7, "hello");
        let frame: ClientFrame = serde_json::from_slice(&out).unwrap();
        assert_eq!(frame.id, Some(7));
        assert!(
            matches!(frame.request, Request::Send { counter: Some(counter), .. } if counter.0 == 7)
        );
    }
}
