//! The native door: one JSON object a line (`docs/protocol.md`).

mod request;
mod room;

use crate::admit::Asked;
use crate::reading::Hits;
use hubbub_hub::{Delivery, Notice, Refusal, Reply, Tag};
use hubbub_protocol::frame::{
    ClientFrame, Hit, Limits, ServerFrame, Target, has_few_values, write_line,
};
use hubbub_protocol::{
    CloseCode, ErrorCode, Event, Position, ResumeToken, RoomAddress, RoomId, VERSIONS, limits,
    sanitize,
};
use hubbub_store::HistoryPage;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Lines in a row that are no frames, after which the connection is closed.
const BAD_LINES_MAX: u32 = 100;

/// The limits that a client is told of.
pub(crate) const LIMITS: Limits = Limits {
    frame_bytes: limits::FRAME_BYTES as u32,
    text_bytes: limits::TEXT_BYTES as u32,
    text_lines: limits::TEXT_LINES as u32,
    sends_in_flight: limits::SENDS_IN_FLIGHT,
    page: limits::PAGE,
};

/// The state of one native connection.
#[derive(Debug)]
pub struct Native {
    bad_lines: u32,
    fresh: [ResumeToken; 2],
}

impl Native {
    /// For a new connection; `fresh` are the random tokens that its user gets: at `hello`, and at a
    /// `login` after it.
    #[must_use]
    pub fn new(fresh: [ResumeToken; 2]) -> Self {
        Self { bad_lines: 0, fresh }
    }

    pub(crate) fn decode(&mut self, line: &[u8]) -> Option<Asked> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let Ok(line) = std::str::from_utf8(line) else {
            let text = "The line is not UTF-8; it was skipped.";
            return Some(self.bad(None, ErrorCode::NotUtf8, text.into()));
        };
        if !has_few_values(line.as_bytes()) {
            let most = limits::FRAME_VALUES;
            let text = format!("A frame may have {most} values; this one was skipped.");
            return Some(self.bad(None, ErrorCode::BadFrame, text));
        }
        let asked = match serde_json::from_str::<ClientFrame>(line) {
            Ok(frame) => {
                self.bad_lines = 0;
                match self.command(frame.request) {
                    Ok(command) => Asked::Command(frame.id, command),
                    Err(refusal) => Asked::Refused(frame.id, refusal),
                }
            }
            Err(error) => {
                let text = format!("Not a frame of this protocol: {error}.");
                self.bad(id_of(line), ErrorCode::BadFrame, text)
            }
        };
        Some(asked)
    }

    pub(crate) fn too_long(&mut self, most: usize) -> Asked {
        let text = format!("A line may have {most} bytes; this one was skipped.");
        self.bad(None, ErrorCode::TooLong, text)
    }

    fn bad(&mut self, tag: Tag, code: ErrorCode, text: String) -> Asked {
        self.bad_lines += 1;
        // serde's messages quote what came: keep it short and printable.
        let text: String = sanitize::for_terminal_line(&text).chars().take(300).collect();
        Asked::Refused(tag, Refusal::new(code, text))
    }

    /// Whether the peer evidently doesn't speak this protocol.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.bad_lines >= BAD_LINES_MAX
    }
}

/// The `id` of a frame that could not be understood otherwise.
fn id_of(line: &str) -> Tag {
    #[derive(Deserialize)]
    struct Id {
        id: Option<u64>,
    }
    serde_json::from_str::<Id>(line).ok().and_then(|frame| frame.id)
}

fn refuse(code: ErrorCode, text: impl ToString) -> Refusal {
    Refusal::new(code, text.to_string())
}

fn target(address: &RoomAddress) -> Target {
    match address {
        RoomAddress::Room(name) => Target::Room(name.as_str().to_owned()),
        RoomAddress::User(name) => Target::User(name.as_str().to_owned()),
    }
}

pub(crate) fn reply(id: Tag, reply: Reply, out: &mut Vec<u8>) {
    let frame = match reply {
        Reply::Welcome {
            user,
            token,
            resumed,
            account,
            epoch,
            lobby,
            time,
            rooms,
            privates,
            highlights,
        } => ServerFrame::Welcome {
            id,
            version: VERSIONS[0],
            server: concat!("hubbub ", env!("CARGO_PKG_VERSION")).into(),
            user,
            resume: token,
            resumed,
            account,
            epoch,
            lobby,
            rooms,
            privates,
            highlights,
            limits: LIMITS,
            time,
        },
        Reply::Joined {
            address,
            head,
            catch_up,
            retention,
            members,
            created,
            info,
            read,
            draft,
        } => {
            let target = target(&address);
            ServerFrame::Joined {
                id,
                target,
                head,
                catch_up,
                retention,
                members,
                created,
                info,
                read,
                draft,
            }
        }
        Reply::Done => ServerFrame::Done { id },
        Reply::You { user, account } => ServerFrame::You { id, user, account },
        // What waits, waits in the client: `held` is 0 on this door.
        Reply::Asked { .. } => ServerFrame::Done { id },
        Reply::Logins { logins } => ServerFrame::Logins { id, logins },
        Reply::Links { links, next } => ServerFrame::Links { id, links, next },
        Reply::Left { room, .. } => ServerFrame::Left { id, room },
        Reply::Sent { position, time, repeated } => {
            ServerFrame::Sent { id, position, time, repeated }
        }
        Reply::Rooms { rooms, next } => ServerFrame::Rooms { id, rooms, next },
        Reply::Members { room, members, count, next } => {
            ServerFrame::Members { id, room, members, count, next }
        }
        Reply::NothingFound => return found(id, Hits::default(), out),
        Reply::Info { room, info } => ServerFrame::Info { id, room, info },
        Reply::Roles { room, roles, next } => ServerFrame::Roles { id, room, roles, next },
        Reply::Restrictions { room, restrictions, next } => {
            ServerFrame::Restrictions { id, room, restrictions, next }
        }
        Reply::Users { users, count, next } => ServerFrame::Users { id, users, count, next },
        Reply::Managed { lines } => ServerFrame::Admin { id, lines },
        Reply::Pong { time } => ServerFrame::Pong { id, time },
        Reply::Refused(Refusal { code, text, suggestion, wait_ms }) => ServerFrame::Error {
            id,
            code,
            next: code.next(),
            text,
            suggestion: suggestion.map(|name| name.as_str().to_owned()),
            wait_ms,
        },
    };
    write_line(&frame, out);
}

pub(crate) fn history(id: Tag, address: &RoomAddress, page: HistoryPage, out: &mut Vec<u8>) {
    let HistoryPage { events, more, reactions } = page;
    let target = target(address);
    write_line(&ServerFrame::History { id, target, events, more, reactions }, out);
}

pub(crate) fn found(id: Tag, found: Hits, out: &mut Vec<u8>) {
    let Hits { hits, next, behind } = found;
    let hit = |(address, event): (RoomAddress, Event)| Hit { target: target(&address), event };
    let hits = hits.into_iter().map(hit).collect();
    let next = next.map(|next| next.to_string());
    write_line(&ServerFrame::Found { id, hits, next, behind }, out);
}

pub(crate) fn page(room_id: RoomId, events: &[Arc<Event>], out: &mut Vec<u8>) {
    // As many frames as it takes to keep each below the limit; a page from the store is one.
    let mut rest = events;
    while !rest.is_empty() {
        let bytes = rest.iter().scan(0, |bytes, event| {
            *bytes += crate::reading::event_bytes(event);
            Some(*bytes)
        });
        let fitting = bytes.take_while(|bytes| *bytes <= crate::reading::PAGE_BYTES).count();
        let (now, later) = rest.split_at(fitting.max(1));
        let events = now.iter().map(|event| (**event).clone()).collect();
        write_line(&ServerFrame::Page { room_id, events }, out);
        rest = later;
    }
}

pub(crate) fn live(head: Position, out: &mut Vec<u8>) {
    write_line(&ServerFrame::Live { head }, out);
}

pub(crate) fn notice(notice: Notice, out: &mut Vec<u8>) {
    let frame = match notice {
        Notice::Link { user, state, .. } => ServerFrame::Link { user, state },
        Notice::LinkRenamed { user, old } => ServerFrame::LinkRenamed { user, old },
        Notice::Invited { room, from } => ServerFrame::Invited { room, from },
        Notice::Declined { room, user } => ServerFrame::Declined { room, user },
        Notice::You { user, account } => ServerFrame::You { id: None, user, account },
        Notice::Entered { room } => ServerFrame::Entered { room },
        Notice::Gone { room, .. } => ServerFrame::Gone { room },
        Notice::Marked { address, seq } => ServerFrame::Marked { target: target(&address), seq },
        Notice::Drafted { address, text } => {
            ServerFrame::Drafted { target: target(&address), text }
        }
        Notice::Kicked { room, by, reason, banned, .. } => {
            ServerFrame::Kicked { room, by, reason, banned }
        }
        Notice::Highlights { words } => ServerFrame::Highlights { words },
        Notice::Announced { text, by } => ServerFrame::Announcement { text, by },
        Notice::Warned { code, text } => ServerFrame::Warning { code, text },
        // Nothing waits in a session of this door.
        Notice::Dropped { .. } | Notice::NotStored { .. } => return,
    };
    write_line(&frame, out);
}

pub(crate) fn close(code: CloseCode, out: &mut Vec<u8>) {
    let text = code.text().to_owned();
    write_line(&ServerFrame::Close { code, next: code.next(), text }, out);
}

pub(crate) fn delivery(delivery: &Delivery, out: &mut Vec<u8>) {
    match delivery {
        // The hot path: the same line as `ServerFrame::Message`, without taking the event apart.
        Delivery::Message { address, event } => {
            #[derive(Serialize)]
            struct Message<'a> {
                ev: &'static str,
                #[serde(flatten)]
                address: &'a RoomAddress,
                #[serde(flatten)]
                event: &'a Event,
            }
            write_line(&Message { ev: "message", address, event }, out);
        }
        Delivery::Member { room, user, change, members } => {
            let (room, user) = (room.clone(), user.clone());
            write_line(
                &ServerFrame::Member { room, user, change: *change, members: *members },
                out,
            );
        }
        Delivery::Renamed { room, user, old } => {
            let (room, user, old) = (room.clone(), user.clone(), old.clone());
            write_line(&ServerFrame::Renamed { room, user, old }, out);
        }
        Delivery::Typing { address, from } => {
            let (target, from) = (target(address), from.clone());
            write_line(&ServerFrame::Typing { target, from }, out);
        }
        Delivery::Away { room, user, note } => {
            let (room, user, text) = (room.clone(), user.clone(), note.clone());
            write_line(&ServerFrame::Away { room, user, text }, out);
        }
        Delivery::Count { room, members } => {
            write_line(&ServerFrame::Count { room: room.clone(), members: *members }, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{Author, Body, Epoch, RoomName, Seq, Text, UserId, UserName, WallMs};
    use proptest::prelude::*;

    #[test]
    fn the_hot_path_writes_the_same_line_as_the_frame() {
        let event = Event {
            room: RoomId(9),
            epoch: Epoch(2),
            seq: Seq(3),
            time: WallMs(4),
            from: Author { id: UserId(5), name: UserName::parse("ann").unwrap() },
            body: Body::action(Text::parse("waves \"\u{1f44b}\"\nand more").unwrap()),
        };
        let room = RoomAddress::Room(RoomName::parse("lobby").unwrap());
        let bob = RoomAddress::User(UserName::parse("bob").unwrap());
        for address in [room, bob] {
            let mut fast = Vec::new();
            let event = Arc::new(event.clone());
            delivery(
                &Delivery::Message { address: address.clone(), event: event.clone() },
                &mut fast,
            );
            let mut slow = Vec::new();
            let frame = ServerFrame::Message { target: target(&address), event: (*event).clone() };
            write_line(&frame, &mut slow);
            assert_eq!(String::from_utf8(fast).unwrap(), String::from_utf8(slow).unwrap());
        }
    }

    #[test]
    fn a_refusal_keeps_the_id_and_names_the_rule() {
        let mut door = Native::new([ResumeToken([0; 16]); 2]);
        let refused = |asked| match asked {
            Some(Asked::Refused(tag, refusal)) => (tag, refusal.code),
            other => panic!("{other:?}"),
        };
        let asked = door.decode(br#"{"cmd":"send","id":3,"room":"a b","text":"x"}"#);
        assert_eq!(refused(asked), (Some(3), ErrorCode::RoomInvalid));
        let asked = door.decode(br#"{"cmd":"dance","id":4}"#);
        assert_eq!(refused(asked), (Some(4), ErrorCode::BadFrame));
        let asked = door.decode(b"{\"cmd\":\"ping\xff\"}");
        assert_eq!(refused(asked), (None, ErrorCode::NotUtf8));
        let asked = door.decode(br#"{"cmd":"hello","versions":[99],"name":"x"}"#);
        assert_eq!(refused(asked), (None, ErrorCode::Version));
        assert!(door.decode(b"  ").is_none());
        for _ in 0..BAD_LINES_MAX {
            door.decode(b"nonsense");
        }
        assert!(door.is_hopeless());
    }

    proptest! {
        #[test]
        fn no_line_panics_and_refusals_are_short_and_printable(line in any::<Vec<u8>>()) {
            if let Some(Asked::Refused(_, refusal)) = Native::new([ResumeToken([0; 16]); 2]).decode(&line) {
                prop_assert!(refusal.text.len() <= 1200);
                prop_assert_eq!(sanitize::for_terminal_line(&refusal.text), refusal.text.as_str());
            }
        }
    }
}
