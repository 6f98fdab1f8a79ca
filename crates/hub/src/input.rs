//! Everything that can happen to the hub.

use crate::{AdminCommand, HubConfig, Tag, Ticket};
use hubbub_protocol::account::Credentials;
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::SendRecord;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{
    Body, Counter, DoorKind, Epoch, Event, Instance, InviteCode, LoginId, NameError, NamePattern,
    Note, Password, Position, PrivatePolicy, Reaction, RestrictionKind, ResumeToken, Role,
    RoomAddress, RoomChange, RoomId, RoomName, RoomSecret, Seq, SessionId, Text, UserName, WallMs,
};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::sync::Arc;

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// A connection was opened.
    Connected {
        /// Its id: never used before (the caller counts generations).
        session: SessionId,
        /// Who it is.
        arrival: Arrival,
    },
    /// A session asks for something. A session's next command comes only after the answer to the
    /// one before; but sends may follow sends.
    Command {
        /// Who asks.
        session: SessionId,
        /// Goes back with the answer.
        tag: Tag,
        /// What.
        command: Command,
    },
    /// A connection is gone. Nothing reaches it any more.
    Disconnected {
        /// Which.
        session: SessionId,
        /// How.
        departure: Departure,
    },
    /// Answers [`crate::Effect::LoadSends`]; `None` if the store could not be read.
    SendsLoaded {
        /// Who waits for it.
        session: SessionId,
        /// Whose they are.
        instance: Instance,
        /// By rising counter.
        sends: Option<Vec<SendRecord>>,
    },
    /// Answers [`crate::Effect::Passwords`].
    PasswordsDone {
        /// Who waits for it.
        session: SessionId,
        /// What came of it.
        outcome: PasswordOutcome,
    },
    /// The operator wants something. Answered by [`crate::Effect::AdminReply`].
    Admin {
        /// Goes back with the answer.
        request: u64,
        /// The session of the admin who wants it; `None`: whoever runs the server does.
        by: Option<SessionId>,
        /// What.
        command: AdminCommand,
    },
    /// The operator has chosen otherwise. What a running hub can't change (its lobby, its key, how long it
    /// holds lost users) stays as it began. Nobody who is here goes.
    Configured(Box<HubConfig>),
    /// Answers [`crate::Effect::LoadMessage`].
    MessageLoaded {
        /// Who waits for it.
        session: SessionId,
        /// What was found.
        message: LoadedMessage,
    },
    /// Answers [`crate::Effect::FindExpired`]: the last of the room's oldest events that are too old.
    ExpiredFound {
        /// Which room.
        room: RoomId,
        /// `None`: none is, or the store could not be read.
        upto: Option<Seq>,
    },
    /// Answers [`crate::Effect::Read`].
    PageRead {
        /// Who catches up.
        session: SessionId,
        /// The position that was asked for.
        after: Position,
        /// What was found.
        page: PageRead,
    },
    /// The connection took enough of the last [`crate::Effect::Page`] to be given the next.
    PageTaken {
        /// Who catches up.
        session: SessionId,
        /// In which room.
        room: RoomId,
    },
    /// Everything up to this ticket is durable.
    Persisted {
        /// The newest of them.
        upto: Ticket,
    },
    /// A commit failed: nothing that waits is known to be durable, and nothing will be taken until
    /// [`Input::Recovered`].
    CommitFailed,
    /// The store was reopened and verified, and the epoch raised.
    Recovered {
        /// The new epoch.
        epoch: Epoch,
        /// What of the failed batch turned out to be durable, in its order.
        survivors: Vec<Survivor>,
    },
    /// Time passed. At least every second.
    Tick,
    /// The server stops: everybody is told.
    Shutdown,
}

/// A new connection.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Which door it came through.
    pub door: DoorKind,
    /// Whether its door hands out resume tokens, so that its user is held when it is lost.
    pub resumable: bool,
    /// Whether nobody on the way can read along: it is encrypted, or within this computer.
    pub is_private: bool,
}

/// What was found of a message that somebody wants to do something with.
#[derive(Debug)]
pub enum LoadedMessage {
    /// It is there.
    Here {
        /// As it stands now.
        event: Event,
        /// How many different reactions there are to it, beside the one that was asked for.
        reactions: u32,
        /// Whether the user has reacted so, if that was asked for.
        has_reacted: bool,
    },
    /// There is none of that number.
    Missing,
    /// The store could not be read.
    Failed,
}

/// What came of slow work with passwords.
#[derive(Debug)]
pub enum PasswordOutcome {
    /// To `Check`: whether it was right.
    Checked(bool),
    /// To `Make`: what is to be kept.
    Made(Credentials),
    /// To `Change`: what is to be kept; `None` if the old password was wrong.
    Changed(Option<Credentials>),
    /// Too much waits already.
    Busy,
}

/// What a conversation's PIN or key is, as somebody gave it.
#[derive(Clone, Debug)]
pub enum JoinSecret {
    /// With the name, it finds the room.
    Pin(RoomSecret),
    /// It opens the room.
    Key(RoomSecret),
}

/// What somebody wants changed about a room.
#[derive(Clone, Debug)]
pub enum Setting {
    /// Anything but the key.
    Change(RoomChange),
    /// The key; `None`: without.
    Key(Option<RoomSecret>),
}

/// Whom somebody wants banned, muted, or no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This account or guest.
    User(UserName),
    /// Whoever comes from where this user, who is here, comes from.
    AddressOf(UserName),
    /// Whoever is called so.
    Pattern(NamePattern),
    /// Whoever comes from there.
    Network(IpNet),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The client said so, or closed its side in an orderly way on a door without resuming.
    Quit,
    /// It broke, or the server closed it.
    Lost,
}

/// What a page read for catching up found.
#[derive(Debug)]
pub enum PageRead {
    /// The events after the position.
    Events(Vec<Event>),
    /// The position is not part of this history.
    Diverged,
    /// The store could not be read.
    Failed,
}

/// An event of a failed batch that is durable after all.
#[derive(Debug)]
pub struct Survivor {
    /// The event.
    pub event: Arc<Event>,
    /// The send that it came from.
    pub send: Option<(Instance, Counter)>,
}

/// How a session becomes an account.
#[derive(Clone, Debug)]
pub enum Entry {
    /// It is the account of that name.
    Password(Password),
    /// It makes the account of that name.
    Register {
        /// Its password.
        password: Password,
        /// What lets it.
        invite: Option<InviteCode>,
    },
}

/// What a session may ask.
#[derive(Clone, Debug)]
pub enum Command {
    /// Says who is there.
    Hello {
        /// The wished name.
        name: Option<UserName>,
        /// The scope of the client's send counters.
        instance: Option<Instance>,
        /// The token of an earlier session.
        resume: Option<ResumeToken>,
        /// A fresh random token for this session.
        fresh: ResumeToken,
        /// How the session becomes an account; without it, a guest.
        entry: Option<Entry>,
    },
    /// A wished name broke the rules: refused with a free name that is near.
    NameInvalid {
        /// What is wrong with it.
        error: NameError,
        /// What was wished, as far as it could be kept.
        near: Option<UserName>,
    },
    /// Makes an account of the guest that the session is.
    Register {
        /// Its password.
        password: Password,
        /// What lets it.
        invite: Option<InviteCode>,
    },
    /// Leaves the guest that the session is, and becomes an account.
    Login {
        /// Which.
        name: UserName,
        /// Its password.
        password: Password,
        /// A fresh random token for this session.
        fresh: ResumeToken,
    },
    /// Ends the session and its login.
    Logout,
    /// Changes the account's password.
    Password {
        /// The present one.
        old: Password,
        /// The new one.
        new: Password,
    },
    /// Lists the logins of the account.
    Logins,
    /// Ends a login of the account.
    Revoke {
        /// Which.
        login: LoginId,
    },
    /// Takes another name.
    Nick {
        /// Which.
        name: UserName,
    },
    /// Asks for a private chat.
    Ask {
        /// Whom.
        name: UserName,
    },
    /// Agrees to one.
    Accept {
        /// Who asked.
        name: UserName,
    },
    /// Declines one.
    Reject {
        /// Who asked.
        name: UserName,
    },
    /// Ends one, or takes the question back.
    End {
        /// With whom.
        name: UserName,
    },
    /// The user's private chats, questions for them and invitations, from `after` on.
    Links {
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// Hears no more of somebody's questions, or hears them again.
    Block {
        /// Whom.
        name: UserName,
        /// Whether.
        on: bool,
    },
    /// Says who may begin a private chat with the user.
    Policy {
        /// `None`: what the server says.
        policy: Option<PrivatePolicy>,
    },
    /// Makes a group and enters it.
    Group {
        /// Its name.
        room: RoomName,
        /// What it keeps.
        retention: Option<Retention>,
    },
    /// Invites somebody into a group.
    Invite {
        /// Which.
        room: RoomName,
        /// Whom.
        name: UserName,
    },
    /// Declines an invitation.
    Decline {
        /// Into which group.
        room: RoomName,
    },
    /// Says how far the user has read.
    Mark {
        /// Where.
        address: RoomAddress,
        /// The last event.
        seq: Seq,
    },
    /// Says what the user has begun to write.
    Draft {
        /// Where.
        address: RoomAddress,
        /// What.
        text: Option<Text>,
    },
    /// Enters a conversation, or attaches this session to it.
    Join {
        /// Which.
        address: RoomAddress,
        /// The last event that the client has.
        after: Option<Position>,
        /// What the room keeps if it is made.
        retention: Option<Retention>,
        /// What finds or opens it.
        secret: Option<JoinSecret>,
    },
    /// Leaves a room, with all sessions of the user.
    Leave {
        /// Which.
        room: RoomName,
    },
    /// Says something.
    Send {
        /// Where.
        address: RoomAddress,
        /// What.
        body: Body,
        /// The client's number for it.
        counter: Option<Counter>,
        /// Whether a private message to somebody who has not agreed yet waits in this session until
        /// they do: for doors whose client can't keep it. Else it is refused.
        hold: bool,
    },
    /// Gives a message of one's own another text.
    Edit {
        /// Where.
        address: RoomAddress,
        /// Which.
        of: Seq,
        /// The new text.
        text: Text,
    },
    /// Deletes a message.
    Delete {
        /// Where.
        address: RoomAddress,
        /// Which.
        of: Seq,
    },
    /// Reacts to a message, or takes that back.
    React {
        /// Where.
        address: RoomAddress,
        /// Which.
        of: Seq,
        /// What.
        reaction: Reaction,
        /// Whether.
        on: bool,
    },
    /// Pins a message to its room, or no longer.
    Pin {
        /// Where.
        room: RoomName,
        /// Which.
        of: Seq,
        /// Whether.
        on: bool,
    },
    /// Says that one is typing.
    Typing {
        /// Where.
        address: RoomAddress,
    },
    /// Says that one is away, and why; or back.
    Away {
        /// Why; `None`: one is back.
        note: Option<Note>,
    },
    /// Says by which words the account wants to be called.
    Highlights {
        /// All of them.
        words: Vec<String>,
    },
    /// How is a room set up?
    Info {
        /// Which.
        room: RoomName,
    },
    /// Changes something about a room.
    Set {
        /// Which.
        room: RoomName,
        /// What.
        setting: Setting,
    },
    /// Gives a user a role in a room, or takes it.
    Role {
        /// Where.
        room: RoomName,
        /// Whom.
        name: UserName,
        /// `None`: none any more.
        role: Option<Role>,
    },
    /// Who has a role in a room, from `after` on.
    Roles {
        /// Where.
        room: RoomName,
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// Sends a user out of a room.
    Kick {
        /// Where.
        room: RoomName,
        /// Whom.
        name: UserName,
        /// Why.
        reason: Option<Note>,
    },
    /// Bans or mutes somebody in a room.
    Restrict {
        /// Where.
        room: RoomName,
        /// From what.
        what: RestrictionKind,
        /// Whom.
        whom: Whom,
        /// Why.
        reason: Option<Note>,
        /// For how long, in milliseconds; `None`: until it is lifted.
        for_ms: Option<u64>,
    },
    /// Lifts a ban or a mute.
    Lift {
        /// Where.
        room: RoomName,
        /// From what.
        what: RestrictionKind,
        /// Whom, as it was said.
        whom: Whom,
    },
    /// The bans and mutes of a room, from `after` on.
    Restrictions {
        /// Where.
        room: RoomName,
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// Looks for words.
    Search {
        /// The words.
        words: String,
        /// Only there.
        address: Option<RoomAddress>,
        /// Only what was said under this name.
        from: Option<UserName>,
        /// Only what was said then or later.
        since: Option<WallMs>,
        /// Only what was said before then.
        until: Option<WallMs>,
        /// The cursor of the page before.
        after: Option<String>,
        /// At most so many hits.
        limit: u32,
    },
    /// A verb of whoever runs the server, from an admin.
    Manage {
        /// The verb with its arguments.
        line: String,
    },
    /// Makes one the first admin.
    Setup {
        /// What was shown to whoever started the server.
        token: Hidden,
    },
    /// May this session read a conversation's history?
    History {
        /// Which.
        address: RoomAddress,
        /// Which part.
        page: Page,
        /// At most so many events.
        limit: u32,
    },
    /// The rooms by name, from `after` on.
    Rooms {
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// The members of a room, from `after` on.
    Members {
        /// Which.
        room: RoomName,
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// Who is online, by name, from `after` on.
    Users {
        /// The cursor of the page before.
        after: Option<String>,
    },
    /// A fence.
    Ping,
    /// Ends the session.
    Quit,
}
