//! An event: one entry of a room's append-only log, as it is stored, delivered and read back.

use crate::room::{Reaction, RestrictionKind, Role, RoomChange};
use crate::{Epoch, Note, RoomId, RoomName, Seq, Text, UserId, UserName, WallMs, limits};
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

/// What somebody said, as far as it is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Said {
    /// What was written; after an edit, the new text.
    pub text: Text,
    /// The event that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Seq>,
    /// The newest edit of it, when it is read after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Seq>,
    /// Whether it calls everybody in the room (`@room` of an operator): the server's word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everyone: bool,
}

impl From<Text> for Said {
    fn from(text: Text) -> Self {
        Self { text, reply: None, edited: None, everyone: false }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A message.
    Text(Said),
    /// A message about its sender in the third person (`/me waves`).
    Action(Said),
    /// A message that was deleted, when it is read after that.
    Deleted {
        /// The event that deleted it.
        by: Seq,
    },
    /// A message has another text from now on.
    Edit {
        /// Which.
        of: Seq,
        /// Which text. Left out when it was edited once more or deleted since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
    },
    /// A message is deleted: its text is nowhere any more.
    Delete {
        /// Which.
        of: Seq,
    },
    /// Somebody feels something about a message, or no longer.
    React {
        /// Which.
        of: Seq,
        /// What.
        reaction: Reaction,
        /// Whether.
        on: bool,
    },
    /// A message is pinned to its room, or no longer.
    Pin {
        /// Which.
        of: Seq,
        /// Whether.
        on: bool,
    },
    /// The room is otherwise from now on.
    Changed(RoomChange),
    /// A user has another role in the room.
    Role {
        /// Who. Not `user` on the wire: that is the recipient of a private message.
        #[serde(rename = "who")]
        user: Author,
        /// Left out: none any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
    },
    /// A user was sent out of the room.
    Kicked {
        /// Who. Not `user` on the wire: that is the recipient of a private message.
        #[serde(rename = "who")]
        user: Author,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Note>,
    },
    /// Somebody is banned or muted.
    Restricted {
        /// From what.
        what: RestrictionKind,
        /// Whom, for people. An address is not named.
        whom: String,
        /// Who, where it is a user.
        #[serde(rename = "who", default, skip_serializing_if = "Option::is_none")]
        user: Option<Author>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Note>,
        /// Until when. Left out: until it is lifted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<WallMs>,
    },
    /// A ban or a mute is over before its end.
    Lifted {
        /// From what.
        what: RestrictionKind,
        /// Whom, for people.
        whom: String,
    },
}

impl Body {
    /// A message that answers nothing.
    #[must_use]
    pub fn text(text: Text) -> Self {
        Body::Text(text.into())
    }

    /// The same in the third person.
    #[must_use]
    pub fn action(text: Text) -> Self {
        Body::Action(text.into())
    }

    /// What was said, if it is a message.
    #[must_use]
    pub fn said(&self) -> Option<&Said> {
        match self {
            Body::Text(said) | Body::Action(said) => Some(said),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn said_mut(&mut self) -> Option<&mut Said> {
        match self {
            Body::Text(said) | Body::Action(said) => Some(said),
            _ => None,
        }
    }

    /// The words of a message, for tests and where all else is nothing: empty for what is no message.
    #[must_use]
    pub fn words(&self) -> &str {
        self.said().map_or("", |said| said.text.as_str())
    }

    /// What it takes of memory and wire beyond a fixed part, in bytes, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Body::Text(said) | Body::Action(said) => said.text.as_str().len(),
            Body::Edit { text, .. } => text.as_ref().map_or(0, |text| text.as_str().len()),
            Body::Deleted { .. } | Body::Delete { .. } | Body::React { .. } | Body::Pin { .. } => 0,
            Body::Changed(_)
            | Body::Role { .. }
            | Body::Kicked { .. }
            | Body::Restricted { .. }
            | Body::Lifted { .. } => limits::NOTE_BYTES,
        }
    }

    /// The event of the same room that it is about.
    #[must_use]
    pub fn refers_to(&self) -> Option<Seq> {
        match self {
            Body::Text(said) | Body::Action(said) => said.reply,
            Body::Edit { of, .. }
            | Body::Delete { of }
            | Body::React { of, .. }
            | Body::Pin { of, .. } => Some(*of),
            Body::Deleted { .. }
            | Body::Changed(_)
            | Body::Role { .. }
            | Body::Kicked { .. }
            | Body::Restricted { .. }
            | Body::Lifted { .. } => None,
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
