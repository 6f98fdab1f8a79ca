//! What frames are made of.

use crate::{Author, DoorKind, LoginId, RoomName, Seq, WallMs};
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
    /// Owns the group now, since its owner left.
    Owner,
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
