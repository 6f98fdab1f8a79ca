//! What a client may say.

use super::{MessageKind, Page, Retention, RoomWish, Target, Whom};
use crate::room::{RestrictionKind, Role};
use crate::secret::Hidden;
use crate::{Counter, Instance, LoginId, Position, PrivatePolicy, ResumeToken, Seq, WallMs};
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

fn yes() -> bool {
    true
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
        /// The token of an earlier `welcome`: gives a guest back within 90 s of a lost connection, an
        /// account at any time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<ResumeToken>,
        /// The password of the account `name`: logs in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Hidden>,
        /// Makes the account `name` with this `password`, and logs in.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        register: bool,
        /// The code that lets one `register`, where that needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invite: Option<Hidden>,
    },
    /// Makes an account of the guest that one is. Name and rooms stay.
    Register {
        /// From now on needed to log in: 8 characters or more.
        password: Hidden,
        /// The code that lets one register, where that needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invite: Option<Hidden>,
    },
    /// Leaves the guest that one is, and becomes an account. Answered by `welcome`.
    Login {
        /// The account's name.
        name: String,
        /// Its password.
        password: Hidden,
    },
    /// Ends the session and forgets its token.
    Logout,
    /// Changes the account's password.
    Password {
        /// The present one.
        old: Hidden,
        /// The new one.
        new: Hidden,
    },
    /// Lists the logins of one's account.
    Logins,
    /// Ends a login of one's account, with its connection.
    Revoke {
        /// Which, as `logins` lists it.
        login: LoginId,
    },
    /// Takes another name.
    Nick {
        /// The wished name.
        name: String,
    },
    /// Asks a user for a private chat.
    Ask {
        /// Whom.
        user: String,
    },
    /// Agrees to a private chat that a user asked for.
    Accept {
        /// Who asked.
        user: String,
    },
    /// Declines a private chat that a user asked for.
    Reject {
        /// Who asked.
        user: String,
    },
    /// Ends a private chat, or takes back the question for one.
    End {
        /// With whom.
        user: String,
    },
    /// Lists one's private chats, questions for them, and invitations into groups.
    Links {
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Hears no more questions of a user, who does not hear of that. Ends a private chat with them.
    Block {
        /// Whom.
        user: String,
    },
    /// Hears a user's questions again.
    Unblock {
        /// Whom.
        user: String,
    },
    /// Says who may begin a private chat with one.
    Policy {
        /// Left out: what the server says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        private: Option<PrivatePolicy>,
    },
    /// Makes a group, a room for invited users alone, and enters it. Answered by `joined`.
    Group {
        /// Its name.
        room: String,
        /// What it keeps. Default: the server's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention: Option<Retention>,
    },
    /// Invites a user into a group that one owns. They accept with `join`.
    Invite {
        /// The group.
        room: String,
        /// Whom.
        user: String,
    },
    /// Declines an invitation into a group.
    Decline {
        /// The group.
        room: String,
    },
    /// Says how far one has read, for all sessions of one's account.
    Mark {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// The last event that was read.
        seq: Seq,
    },
    /// Says what one has begun to write, for all sessions of one's account.
    Draft {
        /// Where.
        #[serde(flatten)]
        target: Target,
        /// What; left out or empty: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Enters a room, makes it if there is none, or attaches this session to it again.
    Join {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// The last event that the client has. All later ones follow, or `joined` says `reset`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Position>,
        /// What the room keeps, if this makes it. Default: the server's default; of a room with a
        /// PIN nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention: Option<Retention>,
        /// Finds the room of this name *and* PIN, or makes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pin: Option<Hidden>,
        /// Opens a room that has a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Hidden>,
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
        /// The message that this answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<Seq>,
        /// This send's number in the client instance, to repeat it safely.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counter: Option<Counter>,
    },
    /// Gives a message of one's own another text.
    Edit {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// Which message.
        seq: Seq,
        /// The new text.
        text: String,
    },
    /// Deletes a message of one's own; an operator of the room: anybody's.
    Delete {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// Which message.
        seq: Seq,
    },
    /// Says what one feels about a message, or takes it back.
    React {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
        /// Which message.
        seq: Seq,
        /// An emoji, or a short word.
        reaction: String,
        /// Left out: it is said.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        on: bool,
    },
    /// Pins a message to its room, or no longer.
    Pin {
        /// The room's name.
        room: String,
        /// Which message.
        seq: Seq,
        /// Left out: it is pinned.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        on: bool,
    },
    /// Says that one is typing. Not answered but by `done`; nobody is told more often than every 3 s.
    Typing {
        /// Which conversation.
        #[serde(flatten)]
        target: Target,
    },
    /// Says that one is away, or back.
    Away {
        /// Why. Left out: one is back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Says by which words one wants to be called, beside one's name, for all sessions of one's
    /// account.
    Highlights {
        /// All of them.
        words: Vec<String>,
    },
    /// Asks how a room is set up, and what one may do there.
    Info {
        /// The room's name.
        room: String,
    },
    /// Changes something about a room.
    Set {
        /// The room's name.
        room: String,
        /// What.
        #[serde(flatten)]
        wish: RoomWish,
    },
    /// Gives a user a role in a room, or takes it.
    Role {
        /// The room's name.
        room: String,
        /// Whom.
        user: String,
        /// Left out: none any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
    },
    /// Lists who has a role in a room.
    Roles {
        /// The room's name.
        room: String,
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Sends a user out of a room.
    Kick {
        /// The room's name.
        room: String,
        /// Whom.
        user: String,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Bans or mutes somebody in a room.
    Restrict {
        /// The room's name.
        room: String,
        /// From what.
        what: RestrictionKind,
        /// Whom.
        #[serde(flatten)]
        whom: Whom,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// For how long, in seconds. Left out: until it is lifted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
    /// Lifts a ban or a mute.
    Lift {
        /// The room's name.
        room: String,
        /// From what.
        what: RestrictionKind,
        /// Whom, as it was said.
        #[serde(flatten)]
        whom: Whom,
    },
    /// Lists the bans and mutes of a room.
    Restrictions {
        /// The room's name.
        room: String,
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Looks for words in all that one may read now, the newest first.
    Search {
        /// The words: all must be there. Quoted ones must follow each other.
        query: String,
        /// Only in this room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// Only in the private chat with this user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Only what was said by who is or was called so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// Only what was said then or later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<WallMs>,
        /// Only what was said before then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<WallMs>,
        /// The `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// Most hits wanted, 1–100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
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
    /// Tells the server what whoever runs it could: a verb with its arguments, as on its console. For
    /// admins.
    Admin {
        /// For example `kick bob too loud`; `help` lists the verbs.
        line: String,
    },
    /// Makes one's account the first admin.
    Setup {
        /// What the server showed to whoever started it.
        token: Hidden,
    },
    /// A fence: the answer comes after the answers to everything before it.
    Ping,
    /// Ends the session. The name is free at once.
    Quit,
}
