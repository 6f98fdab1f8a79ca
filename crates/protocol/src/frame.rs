//! The frames of the native door: one JSON object a line, in both directions.
//!
//! `docs/protocol.md` describes them for people; `hubbub protocol --schema` prints their JSON
//! Schema, made from these types; a test keeps the three together.
//!
//! Names and texts of a client are plain strings here and are checked when the door makes a command
//! of the frame, so that a refusal has its own code instead of `bad_frame`.

use crate::{
    Author, CloseCode, Counter, Epoch, ErrorCode, Event, Instance, NextStep, Position, ResumeToken,
    RoomId, RoomName, Seq, UserName, WallMs,
};
use serde::{Deserialize, Serialize};

/// A frame from client to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientFrame {
    /// Chosen by the client; the answer repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

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

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Request {
    /// The first frame: who is there.
    Hello {
        /// The protocol versions that the client speaks, at most 16.
        versions: Vec<u32>,
        /// The wished name. May be left out where `resume` or `instance` gives a user back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The scope of this client's send counters: 16 random bytes, kept as long as it has sends
        /// that may have to be repeated. Gives its user back, like `resume`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<Instance>,
        /// The token of an earlier `welcome`: gives the user back within 90 s of a lost connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<ResumeToken>,
    },
    /// Enters a room, makes it if there is none, or attaches this session to it again.
    Join {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// The last event that the client has. All later ones follow, or `joined` says `reset`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Position>,
        /// What the room keeps, if this makes it. Default: the server's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention: Option<Retention>,
    },
    /// Leaves a room.
    Leave {
        /// The room's name.
        room: String,
    },
    /// Says something.
    Send {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// What is said.
        text: String,
        /// Said or done.
        #[serde(default)]
        kind: MessageKind,
        /// This send's number in the client instance, to repeat it safely.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counter: Option<Counter>,
    },
    /// Reads what was said.
    History {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// Which part.
        #[serde(default)]
        page: Page,
        /// Most events wanted, 1–100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    /// Lists the rooms, by name.
    Rooms {
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Lists the members of a room that one is in.
    Members {
        /// The room's name.
        room: String,
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Lists who is online, by name.
    Users {
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// A fence: the answer comes after the answers to everything before it.
    Ping,
    /// Ends the session. The name is free at once.
    Quit,
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
}

/// A frame from server to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum ServerFrame {
    /// Answers `hello`.
    Welcome {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The protocol version of this session.
        version: u32,
        /// Program and version of the server.
        server: String,
        /// Who you are.
        user: Author,
        /// Gives this user back after a lost connection.
        resume: ResumeToken,
        /// Whether the token or the instance in `hello` gave the user back.
        resumed: bool,
        /// The present epoch.
        epoch: Epoch,
        /// The room to begin in.
        lobby: RoomName,
        /// The rooms that the user is in already.
        rooms: Vec<RoomName>,
        /// The users with whom there is a private chat already.
        privates: Vec<UserName>,
        /// The limits of this session.
        limits: Limits,
        /// The server's clock.
        time: WallMs,
    },
    /// Answers `join`.
    Joined {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Which conversation, by the name that it has.
        #[serde(flatten)]
        target: Target,
        /// The newest event; `seq` 0 if there is none.
        #[serde(flatten)]
        head: Position,
        /// How what is missing comes.
        catch_up: CatchUp,
        /// What the room keeps.
        retention: Retention,
        /// How many users are in it.
        members: u32,
        /// Whether this made the room.
        created: bool,
    },
    /// Answers `leave`.
    Left {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The room's name.
        room: RoomName,
    },
    /// Answers `send`: the message is durable (in a room that keeps history) and has its place.
    Sent {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Its place in the room.
        #[serde(flatten)]
        position: Position,
        /// When the server took it.
        time: WallMs,
        /// Whether it had been accepted before.
        repeated: bool,
    },
    /// Answers `history`.
    History {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// Oldest first.
        events: Vec<Event>,
        /// Whether there are more in the asked direction (for `around`: older ones).
        more: bool,
    },
    /// Answers `rooms`.
    Rooms {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// By name.
        rooms: Vec<RoomEntry>,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Answers `members`.
    Members {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The room's name.
        room: RoomName,
        /// In the order in which they first came to the server.
        members: Vec<Author>,
        /// How many there are in all.
        count: u32,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Answers `users`.
    Users {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// By name.
        users: Vec<Author>,
        /// How many there are in all.
        count: u32,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Answers `ping`.
    Pong {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The server's clock.
        time: WallMs,
    },
    /// Somebody said something, just now.
    Message {
        /// Which conversation: the room, or the other side of a private chat as its *recipient*.
        #[serde(flatten)]
        target: Target,
        /// What was said.
        #[serde(flatten)]
        event: Event,
    },
    /// Events of before, after a `join` with `after`.
    Page {
        /// Which room.
        room_id: RoomId,
        /// Oldest first.
        events: Vec<Event>,
    },
    /// Catching up is over: what comes now is live, from `seq` + 1 on.
    Live {
        /// The last event before it.
        #[serde(flatten)]
        head: Position,
    },
    /// Somebody came or went. Not kept.
    Member {
        /// The room's name.
        room: RoomName,
        /// Who.
        user: Author,
        /// What happened.
        change: MemberChange,
        /// How many are in the room now.
        members: u32,
    },
    /// The number of members of a large room, in which nobody's coming and going is told. Not kept.
    Count {
        /// The room's name.
        room: RoomName,
        /// How many are in the room now.
        members: u32,
    },
    /// A request was refused.
    Error {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Stable, for programs.
        code: ErrorCode,
        /// What to do next.
        next: NextStep,
        /// For people.
        text: String,
        /// A name that is free (with `name_taken`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suggestion: Option<String>,
    },
    /// The last frame of a connection.
    Close {
        /// Stable, for programs.
        code: CloseCode,
        /// What to do next.
        next: NextStep,
        /// For people.
        text: String,
    },
}

impl ServerFrame {
    /// The answered request's number, where the frame is an answer that carries one.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        match self {
            ServerFrame::Welcome { id, .. }
            | ServerFrame::Joined { id, .. }
            | ServerFrame::Left { id, .. }
            | ServerFrame::Sent { id, .. }
            | ServerFrame::History { id, .. }
            | ServerFrame::Rooms { id, .. }
            | ServerFrame::Members { id, .. }
            | ServerFrame::Users { id, .. }
            | ServerFrame::Pong { id, .. }
            | ServerFrame::Error { id, .. } => *id,
            ServerFrame::Message { .. }
            | ServerFrame::Page { .. }
            | ServerFrame::Live { .. }
            | ServerFrame::Member { .. }
            | ServerFrame::Count { .. }
            | ServerFrame::Close { .. } => None,
        }
    }
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
    use crate::{Body, Text, UserId};

    fn round_trip(line: &str) {
        let frame: ClientFrame = serde_json::from_str(line).unwrap();
        let mut out = Vec::new();
        write_line(&frame, &mut out);
        assert_eq!(serde_json::from_slice::<ClientFrame>(&out).unwrap(), frame);
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
                body: Body::Text { text: Text::parse("hi").unwrap() },
            },
        };
        let line = serde_json::to_string(&frame).unwrap();
        assert_eq!(
            line,
            r#"{"ev":"message","room":"lobby","room_id":9,"epoch":2,"seq":3,"time":4,"from":{"id":5,"name":"ann"},"kind":"text","text":"hi"}"#
        );
        assert_eq!(serde_json::from_str::<ServerFrame>(&line).unwrap(), frame);
    }

    #[test]
    fn deeply_nested_json_is_an_error() {
        let line = format!(r#"{{"cmd":"ping","x":{}"#, "[".repeat(60_000));
        assert!(serde_json::from_str::<ClientFrame>(&line).is_err());
    }
}
