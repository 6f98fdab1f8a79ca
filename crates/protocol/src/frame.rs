//! The frames of the native door: one JSON object a line, in both directions.
//!
//! `docs/protocol.md` describes them for people; `hubbub protocol --schema` prints their JSON
//! Schema, made from these types; a test keeps the three together.
//!
//! Names and texts of a client are plain strings here and are checked when the door makes a command
//! of the frame, so that a refusal has its own code instead of `bad_frame`.

mod client;
mod parts;
mod server;

pub use client::{ClientFrame, Request};
pub use parts::{
    CatchUp, Hit, Limits, LinkEntry, LinkState, LoginEntry, MemberChange, MemberEntry, MessageKind,
    Page, ReactionEntry, RestrictionEntry, Retention, RoleEntry, RoomEntry, RoomInfo, RoomSort,
    RoomWish, Target, Whom,
};
pub use server::ServerFrame;

use crate::limits;
use serde::Serialize;

/// The length of a text as a JSON string (RFC 8259, section 7), as serde_json writes it, in bytes with
/// its quotation marks.
#[must_use]
pub fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    });
    2 + escaped.sum::<usize>()
}

/// Whether a line has no more values than a frame may have ([`limits::FRAME_VALUES`]): counted without
/// memory, before it is taken apart. What is no JSON may have any number.
#[must_use]
pub fn has_few_values(line: &[u8]) -> bool {
    let (mut values, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in line {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' | b',' | b':' if !in_string => values += 1,
            _ => {}
        }
        if values > limits::FRAME_VALUES {
            return false;
        }
    }
    true
}

/// Writes a frame and its line end.
///
/// # Panics
/// Never: all our frames have string keys and finite numbers.
pub fn write_line<F: Serialize>(frame: &F, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, frame).expect("frames have string keys and no failing parts");
    out.push(b'\n');
}

/// The JSON Schema (draft 2020-12) of both directions.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hubbub native protocol, version 1",
        "client": direction("client", schemars::schema_for!(ClientFrame)),
        "server": direction("server", schemars::schema_for!(ServerFrame)),
    })
}

/// A schema of its own: with an `$id`, so that its `#/$defs/…` mean its own definitions.
#[cfg(feature = "schema")]
fn direction(name: &str, mut schema: schemars::Schema) -> schemars::Schema {
    schema.insert("$id".into(), format!("https://hubbub.invalid/native/1/{name}").into());
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Author, Body, Epoch, Event, RoomId, Seq, Text, UserId, UserName, WallMs};

    fn round_trip(line: &str) {
        let frame: ClientFrame = serde_json::from_str(line).unwrap();
        let mut out = Vec::new();
        write_line(&frame, &mut out);
        assert_eq!(serde_json::from_slice::<ClientFrame>(&out).unwrap(), frame);
    }

    #[test]
    fn values_are_counted_outside_of_strings() {
        let most = limits::FRAME_VALUES;
        let frame = |values: usize| format!("[{}1]", "1,".repeat(values - 1));
        assert!(has_few_values(frame(most).as_bytes()));
        assert!(!has_few_values(frame(most + 1).as_bytes()));
        assert!(!has_few_values("[".repeat(64 * 1024).as_bytes()));
        let text = r#"{"text":"a \" [[[{{{,,,::: \\"}"#.replace(",,,", &",".repeat(4000));
        assert!(has_few_values(text.as_bytes()));
        assert!(has_few_values(b"") && has_few_values(b"\\\"\xff"));
    }

    #[test]
    fn client_frames_read_as_documented() {
        round_trip(r#"{"cmd":"hello","id":1,"versions":[1],"name":"ann"}"#);
        round_trip(r#"{"cmd":"send","room":"lobby","text":"hi","counter":7}"#);
        round_trip(r#"{"cmd":"send","user":"bob","text":"hi","kind":"action"}"#);
        round_trip(r#"{"cmd":"history","room":"lobby","page":{"before":7},"limit":5}"#);
        round_trip(r#"{"cmd":"history","room":"lobby","page":"latest"}"#);
        round_trip(r#"{"cmd":"join","room":"a","after":{"room_id":1,"epoch":1,"seq":2}}"#);
        round_trip(r#"{"cmd":"ping","something_newer":[1,2]}"#);
        for target in ["", r#""room":"a","user":"b","#, r#""user":"b","room":"a","#] {
            let line = format!(r#"{{"cmd":"send",{target}"text":"hi"}}"#);
            assert!(serde_json::from_str::<ClientFrame>(&line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_message_is_flat() {
        let frame = ServerFrame::Message {
            target: Target::Room("lobby".into()),
            event: Event {
                room: RoomId(9),
                epoch: Epoch(2),
                seq: Seq(3),
                time: WallMs(4),
                from: Author { id: UserId(5), name: UserName::parse("ann").unwrap() },
                body: Body::text(Text::parse("hi").unwrap()),
            },
        };
        let line = serde_json::to_string(&frame).unwrap();
        assert_eq!(
            line,
            r#"{"ev":"message","room":"lobby","room_id":9,"epoch":2,"seq":3,"time":4,"from":{"id":5,"name":"ann"},"kind":"text","text":"hi"}"#
        );
        assert_eq!(serde_json::from_str::<ServerFrame>(&line).unwrap(), frame);
    }

    /// `user` beside `room` would be the recipient of a private message.
    #[test]
    fn who_was_kicked_is_not_taken_for_a_recipient() {
        let who = Author { id: UserId(7), name: UserName::parse("bob").unwrap() };
        let bodies = [
            Body::Role { user: who.clone(), role: None },
            Body::Kicked { user: who.clone(), reason: None },
            Body::Restricted {
                what: crate::RestrictionKind::Ban,
                whom: "bob".into(),
                user: Some(who),
                reason: None,
                until: None,
            },
        ];
        for body in bodies {
            let frame = ServerFrame::Message {
                target: Target::Room("lobby".into()),
                event: Event {
                    room: RoomId(9),
                    epoch: Epoch(2),
                    seq: Seq(3),
                    time: WallMs(4),
                    from: Author { id: UserId(5), name: UserName::parse("ann").unwrap() },
                    body,
                },
            };
            let line = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<ServerFrame>(&line).unwrap(), frame, "{line}");
        }
    }

    #[test]
    fn deeply_nested_json_is_an_error() {
        let line = format!(r#"{{"cmd":"ping","x":{}"#, "[".repeat(60_000));
        assert!(serde_json::from_str::<ClientFrame>(&line).is_err());
    }
}
