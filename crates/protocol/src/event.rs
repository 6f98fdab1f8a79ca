//! An event: one entry of a room's append-only log, as it is stored, delivered and read back.

use crate::{Epoch, RoomId, RoomName, Seq, Text, UserId, UserName, WallMs};
use serde::{Deserialize, Serialize};

/// A user as others see it: always the server's word (invariant 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// Stable, also when the name changes.
    pub id: UserId,
    /// The name at that time.
    pub name: UserName,
}

/// What was said. More kinds follow (edits, deletions, reactions, topic …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A message.
    Text {
        /// What was written.
        text: Text,
    },
    /// A message about its sender in the third person (`/me waves`).
    Action {
        /// What the sender does.
        text: Text,
    },
}

impl Body {
    /// The text of a message.
    #[must_use]
    pub fn text(&self) -> &Text {
        match self {
            Body::Text { text } | Body::Action { text } => text,
        }
    }
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Which room.
    #[serde(rename = "room_id")]
    pub room: RoomId,
    /// The epoch in which it was given its number.
    pub epoch: Epoch,
    /// Its number in the room.
    pub seq: Seq,
    /// When the server took it, in milliseconds since 1970.
    pub time: WallMs,
    /// Who did it.
    pub from: Author,
    /// What it is.
    #[serde(flatten)]
    pub body: Body,
}

impl Event {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { room: self.room, epoch: self.epoch, seq: self.seq }
    }
}

/// A place in a room's log: never means two things (see [`Epoch`]). `seq` 0 is before the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Position {
    /// Which room.
    #[serde(rename = "room_id")]
    pub room: RoomId,
    /// The epoch of the event there.
    pub epoch: Epoch,
    /// Its number.
    pub seq: Seq,
}

/// How a conversation is addressed: `{"room":"lobby"}` or `{"user":"bob"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoomAddress {
    /// A room, by its name.
    Room(RoomName),
    /// The private chat with a user, by the other's name.
    User(UserName),
}

impl std::fmt::Display for RoomAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RoomAddress::Room(name) => name.fmt(f),
            RoomAddress::User(name) => write!(f, "@{name}"),
        }
    }
}
