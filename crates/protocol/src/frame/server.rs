//! What the server says.

use super::{
    CatchUp, Hit, Limits, LinkEntry, LinkState, LoginEntry, MemberChange, MemberEntry,
    ReactionEntry, RestrictionEntry, Retention, RoleEntry, RoomEntry, RoomInfo, Target,
};
use crate::{
    Author, CloseCode, Epoch, ErrorCode, Event, NextStep, Note, Position, ResumeToken, RoomId,
    RoomName, Seq, Text, UserName, WallMs,
};
use serde::{Deserialize, Serialize};

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
        /// Whether the user is an account.
        account: bool,
        /// The present epoch.
        epoch: Epoch,
        /// The room to begin in.
        lobby: RoomName,
        /// The rooms that the user is in already.
        rooms: Vec<RoomName>,
        /// The users with whom there is a private chat already.
        privates: Vec<UserName>,
        /// The words by which the account wants to be called (see `highlights`).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        highlights: Vec<String>,
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
        /// How the room is set up; not of a private chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        info: Option<Box<RoomInfo>>,
        /// The last event that you have read, if you said so (see `mark`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Seq>,
        /// What you have begun to write here (see `draft`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draft: Option<Text>,
    },
    /// Answers what has no other answer: it is done, and kept.
    Done {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// Answers `nick`; without `id`, another session of yours took another name.
    You {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Who you are now.
        user: Author,
        /// Whether you are an account.
        account: bool,
    },
    /// Answers `logins`.
    Logins {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The newest first.
        logins: Vec<LoginEntry>,
    },
    /// Answers `links`.
    Links {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// In the order of the users' ids.
        links: Vec<LinkEntry>,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
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
        /// The reactions to these messages, by message.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reactions: Vec<ReactionEntry>,
    },
    /// Answers `info`.
    Info {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The room's name.
        room: RoomName,
        /// How it is set up.
        #[serde(flatten)]
        info: Box<RoomInfo>,
    },
    /// Answers `roles`.
    Roles {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The room's name.
        room: RoomName,
        /// In the order of the users' ids.
        roles: Vec<RoleEntry>,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Answers `restrictions`.
    Restrictions {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The room's name.
        room: RoomName,
        /// The oldest first.
        restrictions: Vec<RestrictionEntry>,
        /// For the next page, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Answers `search`.
    Found {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The newest first.
        hits: Vec<Hit>,
        /// For the next page, if there may be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// The newest messages can't be found yet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        behind: bool,
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
        members: Vec<MemberEntry>,
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
    /// Answers `admin`.
    Admin {
        /// Of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// For people: a line each.
        lines: Vec<String>,
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
    /// A member of a room that you are in took another name. Not kept.
    Renamed {
        /// The room's name.
        room: RoomName,
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// Somebody is typing. Not kept.
    Typing {
        /// Which conversation: the room, or the other side.
        #[serde(flatten)]
        target: Target,
        /// Who.
        from: Author,
    },
    /// A member of a room that you are in is away, or back. Not kept.
    Away {
        /// The room's name.
        room: RoomName,
        /// Who.
        user: Author,
        /// Why. Left out: they are back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Note>,
    },
    /// You were sent out of a room, or banned from it.
    Kicked {
        /// The room's name.
        room: RoomName,
        /// Who said so.
        by: UserName,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Note>,
        /// Whether you are banned, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        banned: bool,
    },
    /// Another session of yours said by which words you want to be called.
    Highlights {
        /// All of them.
        words: Vec<String>,
    },
    /// How a user stands to you has changed.
    Link {
        /// Who, with their present name.
        user: Author,
        /// How.
        state: LinkState,
    },
    /// The other side of a private chat took another name.
    LinkRenamed {
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// A user invites you into a group: `join` or `decline` it.
    Invited {
        /// The group.
        room: RoomName,
        /// Who invites.
        from: Author,
    },
    /// A user declined your invitation.
    Declined {
        /// The group.
        room: RoomName,
        /// Who.
        user: Author,
    },
    /// Another session of yours entered a room: `join` it to hear it.
    Entered {
        /// The room.
        room: RoomName,
    },
    /// Another session of yours left a room, or it is no more: you hear it no longer.
    Gone {
        /// The room.
        room: RoomName,
    },
    /// Another session of yours has read so far.
    Marked {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// The last event that was read.
        seq: Seq,
    },
    /// Another session of yours has begun to write this.
    Drafted {
        /// Where.
        #[serde(flatten)]
        target: Target,
        /// What; left out: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
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
        /// How long to wait before the next try, in milliseconds (with `too_fast`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Whoever runs the server, or an admin, tells everybody something. Not kept.
    Announcement {
        /// What.
        text: Note,
        /// The admin; left out: whoever runs the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserName>,
    },
    /// You are too fast: if you go on, the connection is closed with this code. Or it is closed at once,
    /// and this says why.
    Warning {
        /// Stable, for programs.
        code: CloseCode,
        /// For people.
        text: String,
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
            | ServerFrame::Admin { id, .. }
            | ServerFrame::Info { id, .. }
            | ServerFrame::Roles { id, .. }
            | ServerFrame::Restrictions { id, .. }
            | ServerFrame::Found { id, .. }
            | ServerFrame::Pong { id, .. }
            | ServerFrame::Done { id }
            | ServerFrame::You { id, .. }
            | ServerFrame::Logins { id, .. }
            | ServerFrame::Links { id, .. }
            | ServerFrame::Error { id, .. } => *id,
            ServerFrame::Message { .. }
            | ServerFrame::Page { .. }
            | ServerFrame::Live { .. }
            | ServerFrame::Member { .. }
            | ServerFrame::Count { .. }
            | ServerFrame::Renamed { .. }
            | ServerFrame::Typing { .. }
            | ServerFrame::Away { .. }
            | ServerFrame::Kicked { .. }
            | ServerFrame::Highlights { .. }
            | ServerFrame::Link { .. }
            | ServerFrame::LinkRenamed { .. }
            | ServerFrame::Invited { .. }
            | ServerFrame::Declined { .. }
            | ServerFrame::Entered { .. }
            | ServerFrame::Gone { .. }
            | ServerFrame::Marked { .. }
            | ServerFrame::Drafted { .. }
            | ServerFrame::Announcement { .. }
            | ServerFrame::Warning { .. }
            | ServerFrame::Close { .. } => None,
        }
    }
}
