//! The doors: bytes → requests, answers and deliveries → bytes. A door translates; it decides
//! nothing, and knows nothing of others.

pub mod native;
pub mod plain;
mod unspoken;

use crate::admit::Asked;
use crate::reading::Hits;
use hubbub_hub::{Command, Delivery, Notice, Reply, Tag};
use hubbub_protocol::{CloseCode, DoorKind, Event, Position, RoomAddress, RoomId, UserId};
use hubbub_store::HistoryPage;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) use unspoken::{goodbye as goodbye_to_unspoken, tls_only as goodbye_of_tls_only};

/// How one connection is spoken to.
#[derive(Debug)]
pub enum Door {
    /// JSON lines.
    Native(native::Native),
    /// Lines of text.
    Plain(Box<plain::Plain>),
}

/// The forms that a delivery can have on the wire. Each is encoded once per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// A JSON line.
    Native,
    /// A line of the room in focus.
    PlainHere,
    /// A line of another room, with its name.
    PlainElsewhere,
    /// The same for a telnet that wants CR LF.
    PlainHereCrlf,
    /// The same for a telnet that wants CR LF.
    PlainElsewhereCrlf,
    /// A line of a private chat: one's own messages from another session say to whom they went.
    PlainPrivate {
        /// Who reads it.
        me: UserId,
        /// Whether it is a telnet that wants CR LF.
        crlf: bool,
    },
}

/// The forms of one delivery that were needed so far.
#[derive(Debug, Default)]
pub struct Encoded([Option<Rc<[u8]>>; 5]);

impl Encoded {
    /// The delivery in this form.
    pub fn get(&mut self, variant: Variant, delivery: &Delivery) -> Rc<[u8]> {
        let slot = match variant {
            Variant::Native => 0,
            Variant::PlainHere => 1,
            Variant::PlainElsewhere => 2,
            Variant::PlainHereCrlf => 3,
            Variant::PlainElsewhereCrlf => 4,
            // For few sessions of two users: not worth keeping.
            Variant::PlainPrivate { .. } => return encode(variant, delivery),
        };
        let slot = &mut self.0[slot];
        Rc::clone(slot.get_or_insert_with(|| encode(variant, delivery)))
    }
}

fn encode(variant: Variant, delivery: &Delivery) -> Rc<[u8]> {
    let mut out = Vec::with_capacity(256);
    let (here, me, crlf) = match variant {
        Variant::Native => {
            native::delivery(delivery, &mut out);
            return out.into();
        }
        Variant::PlainHere => (true, None, false),
        Variant::PlainElsewhere => (false, None, false),
        Variant::PlainHereCrlf => (true, None, true),
        Variant::PlainElsewhereCrlf => (false, None, true),
        Variant::PlainPrivate { me, crlf } => (false, Some(me), crlf),
    };
    plain::delivery(delivery, here, me, &mut out);
    if crlf {
        out = plain::with_crlf(&out);
    }
    out.into()
}

impl Door {
    /// Understands a line. `None`: nothing was asked (an empty line).
    pub fn decode(&mut self, line: &[u8]) -> Option<Asked> {
        match self {
            Door::Native(door) => door.decode(line),
            Door::Plain(door) => door.decode(line),
        }
    }

    /// A line was longer than these bytes and was skipped.
    pub fn too_long(&mut self, most: usize) -> Asked {
        match self {
            Door::Native(door) => door.too_long(most),
            Door::Plain(door) => door.too_long(most),
        }
    }

    /// Says an answer. Returns a command that belongs to the same request (the next page of a
    /// list, the rooms after the welcome): the request counts as unanswered until its answer.
    pub fn reply(&mut self, tag: Tag, reply: Reply, out: &mut Vec<u8>) -> Option<Command> {
        match self {
            Door::Native(_) => {
                native::reply(tag, reply, out);
                None
            }
            Door::Plain(door) => door.reply(tag, reply, out),
        }
    }

    /// Answers a request for history.
    pub fn history(
        &mut self,
        tag: Tag,
        address: &RoomAddress,
        page: HistoryPage,
        out: &mut Vec<u8>,
    ) {
        match self {
            Door::Native(_) => native::history(tag, address, page, out),
            Door::Plain(door) => door.history(&page, out),
        }
    }

    /// Answers a search.
    pub fn found(&mut self, tag: Tag, found: Hits, out: &mut Vec<u8>) {
        match self {
            Door::Native(_) => native::found(tag, found, out),
            Door::Plain(door) => door.found(&found, out),
        }
    }

    /// Says what was missed.
    pub fn page(&mut self, room: RoomId, events: &[Arc<Event>], out: &mut Vec<u8>) {
        match self {
            Door::Native(_) => native::page(room, events, out),
            Door::Plain(door) => door.page(room, events, out),
        }
    }

    /// Says that catching up is over.
    pub fn live(&mut self, head: Position, out: &mut Vec<u8>) {
        match self {
            Door::Native(_) => native::live(head, out),
            Door::Plain(door) => door.live(head),
        }
    }

    /// Says what was not asked for.
    pub fn notice(&mut self, notice: Notice, out: &mut Vec<u8>) {
        match self {
            Door::Native(_) => native::notice(notice, out),
            Door::Plain(door) => door.notice(notice, out),
        }
    }

    /// Which door it is.
    #[must_use]
    pub fn kind(&self) -> DoorKind {
        match self {
            Door::Native(_) => DoorKind::Native,
            Door::Plain(_) => DoorKind::Plain,
        }
    }

    /// Says goodbye.
    pub fn close(&mut self, code: CloseCode, out: &mut Vec<u8>) {
        match self {
            Door::Native(_) => native::close(code, out),
            Door::Plain(door) => door.close(code, out),
        }
    }

    /// The form in which this connection gets a room's deliveries.
    #[must_use]
    pub fn variant(&self, room: RoomId) -> Variant {
        match self {
            Door::Native(_) => Variant::Native,
            Door::Plain(door) => door.variant(room),
        }
    }

    /// Whether a user of this door is held when its connection is lost.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        matches!(self, Door::Native(_))
    }
}
