//! What a simulated user does with rooms and messages: edits, deletes, reacts, and keeps order where
//! it may (and tries where it may not).

use super::{Client, address};
use crate::check::Ledger;
use hubbub_protocol::frame::{Retention, RoomWish, Whom};
use hubbub_protocol::{
    Note, Reaction, RestrictionKind, Role, RoomAddress, RoomName, Seq, Text, UserName,
};

/// The room whose owner lets old messages go.
const SHORT: &str = "short";
/// The room whose owner keeps nothing.
const FLEETING: &str = "fleeting";
/// Rooms in which people are kicked and banned.
const STRICT: [&str; 2] = ["play", SHORT];

fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a valid name")
}

impl Client {
    /// Does something that no other message is.
    pub(super) fn keep_order(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        match rng.u8(0..12) {
            0..6 => self.change_a_message(rng, ledger),
            6 => {
                let wish = RoomWish::Retention { retention: Retention::Messages(rng.u32(5..30)) };
                let _ = self.core.set(&room(SHORT), wish);
            }
            7 => {
                let wish = RoomWish::Retention { retention: Retention::None };
                let _ = self.core.set(&room(FLEETING), wish);
            }
            8 => {
                let topic = Some(format!("topic {} of {}", self.said, self.name));
                let _ = self.core.set(&room("work"), RoomWish::Topic { topic });
            }
            _ => self.police(rng),
        }
    }

    fn change_a_message(&mut self, rng: &mut fastrand::Rng, ledger: &mut Ledger) {
        if self.acked.is_empty() {
            return;
        }
        let (name, seq) = self.acked[rng.usize(0..self.acked.len())].clone();
        let at = address(&name);
        let _ = match rng.u8(0..6) {
            0 | 1 => {
                self.said += 1;
                let text = format!("{}:{}@{name} changed", self.tag, self.said);
                ledger.say(&text, &name);
                let text = Text::parse(&text).expect("short");
                self.core.edit(&at, seq, &text)
            }
            2 => self.core.delete(&at, seq),
            // Somebody else's, perhaps.
            3 => self.core.delete(&at, Seq(rng.u64(1..40))),
            _ => {
                let reaction = Reaction::parse(["+1", "ok"][rng.usize(0..2)]).expect("short");
                self.core.react(&at, Seq(rng.u64(1..40)), &reaction, rng.bool())
            }
        };
    }

    fn police(&mut self, rng: &mut fastrand::Rng) {
        if self.others.is_empty() {
            return;
        }
        let strict = room(STRICT[rng.usize(0..STRICT.len())]);
        let other = self.others[rng.usize(0..self.others.len())].clone();
        let user = UserName::parse(&other).expect("a valid name");
        let what = [RestrictionKind::Ban, RestrictionKind::Mute][rng.usize(0..2)];
        let reason = Note::parse("a reason").expect("a line");
        let _ = match rng.u8(0..6) {
            0 => self.core.kick(&strict, &user, Some(&reason)),
            1 => {
                let seconds = Some(rng.u64(1..5));
                self.core.restrict(&strict, what, Whom::User(other), Some(&reason), seconds)
            }
            2 => self.core.lift(&strict, what, Whom::User(other)),
            3 => self.core.set_role(&strict, &user, Some(Role::Operator)),
            4 => self.core.set_role(&strict, &user, None),
            _ => self.core.set(&strict, RoomWish::SlowMode { seconds: rng.u32(0..2) }),
        };
    }

    /// Remembers where its messages stand, as far as it was told.
    pub(super) fn note_acked(&mut self, conversation: &RoomAddress, seq: Seq) {
        if let RoomAddress::Room(room) = conversation {
            self.acked.push((room.as_str().to_owned(), seq));
        }
    }
}
