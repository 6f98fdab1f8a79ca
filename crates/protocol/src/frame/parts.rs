//! What frames are made of.

use crate::room::{Reaction, RestrictionKind, Role};
use crate::secret::Hidden;
use crate::{Author, DoorKind, Event, LoginId, Note, RoomName, Seq, UserName, WallMs};
use serde::{Deserialize, Serialize};

/// Which conversation: exactly one of `room` and `user`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A room, by its name.
    Room(String),
    /// The private chat with a user, by the other's name.
    User(String),
}

impl<'de> Deserialize<'de> for Target {
    /// By hand: serde's enum would take the first of the two and forget the other, and a private
    /// message would be said in a room.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Either {
            room: Option<String>,
            user: Option<String>,
        }
        let Either { room, user } = Either::deserialize(from)?;
        match (room, user) {
            (Some(room), None) => Ok(Target::Room(room)),
            (None, Some(user)) => Ok(Target::User(user)),
            _ => Err(serde::de::Error::custom("exactly one of `room` and `user` is needed")),
        }
    }
}

/// Whether a message is said or done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// `<ann> hello`
    #[default]
    Text,
    /// `* ann waves`
    Action,
}

/// What a room keeps of what is said in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// Everything.
    #[default]
    Forever,
    /// Nothing: who is not there when it is said will never read it.
    None,
    /// What was said in so many days, at least 1.
    Days(u32),
    /// So many of the newest events, at least 1.
    Messages(u32),
}

impl Retention {
    /// Whether anything is kept at all.
    #[must_use]
    pub fn keeps(self) -> bool {
        self != Retention::None
    }
}

/// Which page of history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// The newest events.
    #[default]
    Latest,
    /// The events just before this number.
    Before(Seq),
    /// The events just after this number.
    After(Seq),
    /// This event and those on both sides.
    Around(Seq),
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoomEntry {
    /// Its name.
    pub room: RoomName,
    /// How many users are in it.
    pub members: u32,
    /// What it keeps.
    pub retention: Retention,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Note>,
}

/// What a client can count on in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Longest frame in bytes, without its line end.
    pub frame_bytes: u32,
    /// Longest text in bytes.
    pub text_bytes: u32,
    /// Most lines in a text.
    pub text_lines: u32,
    /// Sends that may be unanswered at once.
    pub sends_in_flight: u32,
    /// Most entries in a page.
    pub page: u32,
}

/// How the events between `after` and now reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Nothing is missing: what comes now is live, from `seq` + 1 on.
    Live,
    /// `page` frames follow, then `live`.
    Pages,
    /// The position can't be continued (too old, or of a history that is no more): forget what you
    /// have of this room. What comes now is live, from `seq` + 1 on; older events are in `history`.
    Reset,
}

/// What became of a user in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MemberChange {
    /// Came in.
    Joined,
    /// Left the room.
    Left,
    /// Left the server.
    Quit,
    /// The connection was lost and did not come back in time.
    Lost,
    /// Owns the group now.
    Owner,
    /// Was sent out of the room; the log says why.
    Kicked,
}

/// How two users stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// They asked you: answer with `accept` or `reject`, or by writing to them.
    Asked,
    /// You asked them, and they have not answered.
    Waiting,
    /// You have a private chat.
    Open,
    /// They declined (in `link` alone).
    Rejected,
    /// The private chat, or the question for one, is over (in `link` alone).
    Ended,
    /// You block them (in `links` alone).
    Blocked,
}

/// An entry of the answer to `links`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkEntry {
    /// The other.
    pub user: Author,
    /// How you stand to each other.
    pub state: LinkState,
    /// Whether they are online.
    pub online: bool,
    /// They invite you into this group (then `state` is `asked`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<RoomName>,
}

/// An entry of the answer to `logins`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginEntry {
    /// Its number, for `revoke`.
    pub login: LoginId,
    /// When it began.
    pub created: WallMs,
    /// When it was last used.
    pub seen: WallMs,
    /// From where: address and port.
    pub peer: String,
    /// Through which door.
    pub door: DoorKind,
    /// Whether it is connected.
    pub online: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What somebody wants changed about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "setting", rename_all = "snake_case")]
pub enum RoomWish {
    /// What it is about.
    Topic {
        /// Left out or empty: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
    },
    /// What it is for.
    Description {
        /// Left out or empty: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// Whether only who is invited can join.
    InviteOnly {
        /// Whether.
        on: bool,
    },
    /// With what one joins.
    Key {
        /// Left out: without a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Hidden>,
    },
    /// Whether only who has a role can speak.
    Moderated {
        /// Whether.
        on: bool,
    },
    /// Whether lists leave it out for those who are not in it.
    Secret {
        /// Whether.
        on: bool,
    },
    /// How many users may be in it.
    MemberLimit {
        /// Left out: as many as come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        members: Option<u32>,
    },
    /// How long who has no role waits between two messages.
    SlowMode {
        /// In seconds; 0: not at all.
        seconds: u32,
    },
    /// What it keeps of what is said.
    Retention {
        /// Also of what was said before.
        retention: Retention,
    },
}

/// Whom a ban or a mute is for: exactly one of `user`, `pattern` and `network`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// An account, whatever it is called later; or a guest, as long as it is here.
    User(String),
    /// Everybody who comes from where this user, who is here, comes from.
    AddressOf(String),
    /// Everybody who is called so: `*` for any characters, `?` for one.
    Pattern(String),
    /// Everybody who comes from this address or network.
    Network(String),
}

impl<'de> Deserialize<'de> for Whom {
    /// By hand, like that of [`Target`].
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct One {
            user: Option<String>,
            address_of: Option<String>,
            pattern: Option<String>,
            network: Option<String>,
        }
        let One { user, address_of, pattern, network } = One::deserialize(from)?;
        match (user, address_of, pattern, network) {
            (Some(user), None, None, None) => Ok(Whom::User(user)),
            (None, Some(user), None, None) => Ok(Whom::AddressOf(user)),
            (None, None, Some(pattern), None) => Ok(Whom::Pattern(pattern)),
            (None, None, None, Some(network)) => Ok(Whom::Network(network)),
            _ => Err(serde::de::Error::custom(
                "exactly one of `user`, `address_of`, `pattern` and `network` is needed",
            )),
        }
    }
}

/// A member in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberEntry {
    /// Who.
    #[serde(flatten)]
    pub user: Author,
    /// What they may do there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// They said that they are away, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<Note>,
}

/// Somebody with a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleEntry {
    /// Who.
    #[serde(flatten)]
    pub user: Author,
    /// What they may do there.
    pub role: Role,
    /// Whether they are in the room now.
    pub here: bool,
}

/// A ban or a mute in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RestrictionEntry {
    /// From what.
    pub what: RestrictionKind,
    /// Whom, in the words with which it is lifted.
    #[serde(flatten)]
    pub whom: Whom,
    /// Who said so.
    pub by: UserName,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Note>,
    /// Since when.
    pub created: WallMs,
    /// Until when. Left out: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WallMs>,
}

/// How a room is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoomInfo {
    /// What it is.
    pub sort: RoomSort,
    /// What it keeps.
    pub retention: Retention,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Note>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Note>,
    /// Only who is invited can join.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invite_only: bool,
    /// Joining needs a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// Only who has a role can speak.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moderated: bool,
    /// Lists leave it out for those who are not in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// How many users may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_limit: Option<u32>,
    /// Seconds between two messages of who has no role.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow_s: u32,
    /// Pinned messages, in the order in which they were pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<Seq>,
    /// What happens there is also written to a file by the server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transcribed: bool,
    /// What you may do there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When it was made.
    pub created: WallMs,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoomSort {
    /// A room for everybody who comes.
    Room,
    /// A room for invited users, which an owner made.
    Group,
    /// A room that is found by its name and a PIN. The server can read it.
    Pin,
}

/// A reaction to a message in a page of history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReactionEntry {
    /// To which message.
    pub seq: Seq,
    /// What.
    pub reaction: Reaction,
    /// How many users.
    pub count: u32,
    /// Some of them, the first at most 5.
    pub users: Vec<Author>,
    /// Whether you are one of all of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mine: bool,
}

/// A message that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hit {
    /// Where it was said.
    #[serde(flatten)]
    pub target: Target,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}
