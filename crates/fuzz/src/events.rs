//! What the doors make of arbitrary events.

use crate::doors::assert_reply_harmless;
use hubbub_hub::{Delivery, Refusal, Reply};
use hubbub_protocol::frame::MemberEntry;
use hubbub_protocol::frame::{MemberChange, Retention, RoomEntry, ServerFrame};
use hubbub_protocol::{
    Author, Body, CloseCode, Epoch, ErrorCode, Event, ResumeToken, RoomAddress, RoomId, RoomName,
    Seq, Text, UserId, UserName, WallMs,
};
use hubbub_server::door::native::Native;
use hubbub_server::door::plain::Plain;
use hubbub_server::door::{Door, Encoded, Variant};
use hubbub_store::HistoryPage;
use std::sync::Arc;

/// Takes an event, names and numbers from bytes. Names and texts that break the rules are left out,
/// as they are by the doors; everything that passes is used.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn string(&mut self) -> String {
        let length = usize::from(self.byte()).min(self.0.len());
        let (string, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(string).into_owned()
    }

    fn user(&mut self) -> Author {
        let name = UserName::known(&self.string());
        let name = name.unwrap_or_else(|_| UserName::known("ann").expect("valid"));
        Author { id: UserId(self.number()), name }
    }

    fn room(&mut self) -> RoomName {
        RoomName::known(&self.string()).unwrap_or_else(|_| RoomName::known("lobby").expect("valid"))
    }

    fn body(&mut self) -> Body {
        let is_action = self.byte().is_multiple_of(2);
        let text = Text::parse(&String::from_utf8_lossy(self.0));
        let text = text.unwrap_or_else(|_| Text::parse("hi").expect("valid"));
        if is_action { Body::action(text) } else { Body::text(text) }
    }
}

/// The plain door never says a control character, in whole lines, and never more lines than were
/// said; the native door says the same event that it got, on one line.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn door_encode(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (from, room, other) = (bytes.user(), bytes.room(), bytes.user());
    let (epoch, time, seq) = (Epoch(bytes.number() as u32), WallMs(bytes.number()), bytes.number());
    let body = bytes.body();
    let event = Arc::new(Event { room: RoomId(9), epoch, seq: Seq(seq), time, from, body });
    for address in [RoomAddress::Room(room.clone()), RoomAddress::User(other.name.clone())] {
        check_message(&Delivery::Message { address, event: Arc::clone(&event) }, &event);
    }
    let members = seq as u32;
    for change in [MemberChange::Joined, MemberChange::Left, MemberChange::Quit, MemberChange::Lost]
    {
        let (room, user) = (room.clone(), other.clone());
        check_plain(&Delivery::Member { room, user, change, members });
    }
    check_plain(&Delivery::Count { room: room.clone(), members });
    check_replies(&event, &room, &other);
}

fn check_plain(delivery: &Delivery) -> Vec<u8> {
    let mut encoded = Encoded::default();
    let private = |crlf| Variant::PlainPrivate { me: UserId(1), crlf };
    for variant in [
        Variant::PlainElsewhere,
        Variant::PlainHereCrlf,
        Variant::PlainElsewhereCrlf,
        private(false),
        private(true),
    ] {
        assert_reply_harmless(&encoded.get(variant, delivery));
    }
    let here = encoded.get(Variant::PlainHere, delivery);
    assert_reply_harmless(&here);
    here.to_vec()
}

fn check_message(delivery: &Delivery, event: &Event) {
    let shown = check_plain(delivery);
    let lines = shown.split_inclusive(|&b| b == b'\n').count();
    assert_eq!(lines, event.body.words().split('\n').count(), "lines appear or vanish");
    let name = event.from.name.as_str();
    for line in String::from_utf8_lossy(&shown).lines() {
        let rest = line.strip_prefix("[private] ").unwrap_or(line);
        let begins = [format!("<{name}> "), format!("* {name} ")];
        assert!(begins.iter().any(|begin| rest.starts_with(begin)), "no author: {line:?}");
    }
    let line = Encoded::default().get(Variant::Native, delivery);
    assert_eq!(line.iter().position(|&b| b == b'\n'), Some(line.len() - 1), "one line");
    match serde_json::from_slice(&line).expect("a frame") {
        ServerFrame::Message { event: told, .. } => assert_eq!(told, *event),
        other => panic!("{other:?}"),
    }
}

fn check_replies(event: &Event, room: &RoomName, other: &Author) {
    let text = event.body.words().to_string();
    let entry =
        RoomEntry { room: room.clone(), members: 2, retention: Retention::None, topic: None };
    let people = vec![other.clone(), event.from.clone()];
    let suggestion = Some(other.name.clone());
    let replies = [
        Reply::Left { room: room.clone(), id: RoomId(9) },
        Reply::Rooms { rooms: vec![entry], next: None },
        Reply::Members {
            room: room.clone(),
            members: people
                .iter()
                .cloned()
                .map(|user| MemberEntry { user, role: None, away: None })
                .collect(),
            count: 2,
            next: None,
        },
        Reply::Users { users: people, count: 2, next: None },
        Reply::Refused(Refusal { suggestion, ..Refusal::new(ErrorCode::NameTaken, text) }),
    ];
    let mut plain = Door::Plain(Box::new(Plain::new([ResumeToken([0; 16]); 2])));
    let mut native = Door::Native(Native::new([ResumeToken([0; 16]); 2]));
    let address = RoomAddress::Room(room.clone());
    let page = || HistoryPage { events: vec![event.clone()], more: false, reactions: Vec::new() };
    let (mut said, mut framed) = (Vec::new(), Vec::new());
    for reply in replies {
        plain.reply(Some(1), reply.clone(), &mut said);
        native.reply(Some(1), reply, &mut framed);
    }
    plain.history(Some(1), &address, page(), &mut said);
    native.history(Some(1), &address, page(), &mut framed);
    for code in CloseCode::ALL {
        plain.close(*code, &mut said);
        native.close(*code, &mut framed);
    }
    assert_reply_harmless(&said);
    for line in framed.split_inclusive(|&b| b == b'\n') {
        serde_json::from_slice::<ServerFrame>(line).expect("every line is a frame");
    }
}
