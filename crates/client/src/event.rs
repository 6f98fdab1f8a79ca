//! What the core tells its program.

use crate::config::Pass;
use crate::security::ChangedKey;
use hubbub_protocol::frame::{
    CatchUp, Hit, LinkEntry, LinkState, LoginEntry, MemberChange, MemberEntry, ReactionEntry,
    RestrictionEntry, Retention, RoleEntry, RoomEntry, RoomInfo,
};
use hubbub_protocol::mention::Mention;
use hubbub_protocol::{
    Author, CloseCode, Epoch, ErrorCode, Event, NextStep, Note, Position, ResumeToken, RoomAddress,
    RoomId, RoomName, Seq, Text, UserName, WallMs,
};

/// One send, from [`Core::send`](crate::Core::send) until it is acknowledged or failed. They
/// rise in the order of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u64);

/// One request that is answered by an event with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// How far a send has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendState {
    /// Not acknowledged yet. It is sent, and repeated after lost connections, until it is.
    Pending,
    /// The user was asked for a private chat and has not agreed. It goes out when they do, after
    /// what was said to them before.
    Held,
    /// The server has it: durable, in a room that keeps history.
    Sent {
        /// Its place in the conversation.
        position: Position,
        /// When the server took it.
        time: WallMs,
    },
    /// The server refused it for good; it is in nobody's conversation.
    Failed {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        text: String,
    },
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is none. [`Core::reconnect_delay_ms`](crate::Core::reconnect_delay_ms) says when to try.
    Offline,
    /// Connected; the server has not said welcome yet.
    Greeting,
    /// Connected, but the name was refused: waits for [`Core::set_name`](crate::Core::set_name).
    NameRefused,
    /// Connected, but not let in: waits for [`Core::set_login`](crate::Core::set_login).
    LoginRefused,
    /// Logged in.
    Ready,
    /// Of no more use (the server is silent, or closes it): drop it and say
    /// [`Core::disconnected`](crate::Core::disconnected).
    Dead,
    /// Over: the server said not to come back, or the program said quit.
    Stopped,
}

/// What happened. Take all of them with [`Core::poll_event`](crate::Core::poll_event) after each input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Logged in. All wanted conversations are being joined again.
    Connected {
        /// Who you are.
        user: Author,
        /// Whether the user of the last connection came back. If not, a guest is somebody new.
        resumed: bool,
        /// Whether the user is an account.
        account: bool,
        /// What gives the user back, also to another core: a guest for a while, an account until it
        /// logs out. A secret.
        token: ResumeToken,
        /// Program and version of the server.
        server: String,
        /// The server's epoch.
        epoch: Epoch,
        /// The room to begin in.
        lobby: RoomName,
        /// The words by which the account wants to be called, beside its name.
        highlights: Vec<String>,
    },
    /// The wished name can't be had. The core does not come back before
    /// [`Core::set_name`](crate::Core::set_name).
    NameRefused {
        /// `name_taken` or `name_invalid`.
        code: ErrorCode,
        /// Why, for people.
        text: String,
        /// A name that is free.
        suggestion: Option<String>,
    },
    /// The server does not let the user in like that. The core does not come back before
    /// [`Core::set_login`](crate::Core::set_login) or [`Core::set_name`](crate::Core::set_name): it
    /// never tries a refused password again by itself.
    LoginRefused {
        /// `login_needed`, `wrong_password`, `password_invalid`, `registration_closed`,
        /// `invite_needed` or `invite_invalid`.
        code: ErrorCode,
        /// Why, for people.
        text: String,
        /// A name that is free.
        suggestion: Option<String>,
    },
    /// The user has another name, or became an account.
    You {
        /// Of the request; without it, another session of the account did that.
        request: Option<RequestId>,
        /// Who you are now.
        user: Author,
        /// Whether the user is an account.
        account: bool,
    },
    /// This session takes part in a conversation, for the first time or again.
    Joined {
        /// The conversation, by the name that it has.
        conversation: RoomAddress,
        /// How it was asked for: another spelling, perhaps, or the name of a room with a PIN.
        asked: RoomAddress,
        /// With what it was asked for, beside the name. A secret.
        pass: Option<Pass>,
        /// Its identity.
        room: RoomId,
        /// The number of its newest event.
        head: Seq,
        /// How what was missing comes.
        catch_up: CatchUp,
        /// What it keeps.
        retention: Retention,
        /// How many users are in it.
        members: u32,
        /// Whether this made it.
        created: bool,
        /// How it is set up; not of a private chat. Stands at `head`.
        info: Option<Box<RoomInfo>>,
        /// The last event that the user has read, if they said so.
        read: Option<Seq>,
        /// What the user has begun to write there.
        draft: Option<Text>,
    },
    /// Everything that was missing has come; what follows is said just now.
    CaughtUp {
        /// The conversation.
        conversation: RoomAddress,
    },
    /// The user is no longer in a room: left it here or elsewhere, or it is no more.
    Left {
        /// The room.
        room: RoomName,
    },
    /// The next event of a conversation: in order, without gaps, each exactly once, also one's own.
    NewEvent {
        /// The conversation.
        conversation: RoomAddress,
        /// The event.
        event: Event,
        /// The send that it comes from, where its acknowledgement brought it.
        local: Option<LocalId>,
        /// Whether it calls the user, and how. One's own messages never do.
        mention: Option<Mention>,
    },
    /// What is known of this conversation can't be continued: forget it. New events follow; older
    /// ones are in the history.
    Reset {
        /// The conversation.
        conversation: RoomAddress,
    },
    /// A send came further.
    Send {
        /// Which.
        local: LocalId,
        /// How far.
        state: SendState,
    },
    /// Somebody came or went.
    Member {
        /// The room.
        room: RoomName,
        /// Who.
        user: Author,
        /// What happened.
        change: MemberChange,
        /// How many are in it now.
        members: u32,
    },
    /// How many are in a large room, in which nobody's coming and going is told.
    Count {
        /// The room.
        room: RoomName,
        /// How many are in it now.
        members: u32,
    },
    /// A member of a room took another name.
    Renamed {
        /// The room.
        room: RoomName,
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// Somebody is typing.
    Typing {
        /// The conversation.
        conversation: RoomAddress,
        /// Who.
        from: Author,
    },
    /// A member of a room is away, or back.
    Away {
        /// The room.
        room: RoomName,
        /// Who.
        user: Author,
        /// Why; `None`: they are back.
        text: Option<Note>,
    },
    /// The user was sent out of a room. The core does not go back by itself, and has refused what
    /// had not gone out to it.
    Kicked {
        /// The room.
        room: RoomName,
        /// Who said so.
        by: UserName,
        /// Why.
        reason: Option<Note>,
        /// Whether the user is banned, too.
        banned: bool,
    },
    /// Another session of the account said by which words it wants to be called.
    Highlights {
        /// All of them.
        words: Vec<String>,
    },
    /// How a user stands to this one has changed.
    Link {
        /// Who.
        user: Author,
        /// How.
        state: LinkState,
    },
    /// The other side of a private chat took another name: the conversation with `old` is called
    /// by the new name from now on.
    LinkRenamed {
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// A user invites into a group: [`Core::join`](crate::Core::join) or
    /// [`Core::decline`](crate::Core::decline) it.
    Invited {
        /// The group.
        room: RoomName,
        /// Who invites.
        from: Author,
    },
    /// A user declined an invitation of this one.
    Declined {
        /// The group.
        room: RoomName,
        /// Who.
        user: Author,
    },
    /// Another session of the account entered a room. This one follows, if it is to.
    Entered {
        /// The room.
        room: RoomName,
    },
    /// Another session of the account has read so far.
    Marked {
        /// The conversation.
        conversation: RoomAddress,
        /// The last event that was read.
        seq: Seq,
    },
    /// Another session of the account has begun to write this.
    Drafted {
        /// The conversation.
        conversation: RoomAddress,
        /// What; `None`: nothing any more.
        text: Option<Text>,
    },
    /// Answers a request that has no other answer: it is done, and kept.
    Done {
        /// Of the request.
        request: RequestId,
    },
    /// Answers [`Core::logins`](crate::Core::logins).
    LoginList {
        /// Of the request.
        request: RequestId,
        /// The newest first.
        logins: Vec<LoginEntry>,
    },
    /// Answers [`Core::links`](crate::Core::links).
    LinkList {
        /// Of the request.
        request: RequestId,
        /// In the order of the users' ids.
        links: Vec<LinkEntry>,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::history`](crate::Core::history).
    HistoryPage {
        /// Of the request.
        request: RequestId,
        /// The conversation.
        conversation: RoomAddress,
        /// Oldest first.
        events: Vec<Event>,
        /// Whether there are more in the asked direction.
        more: bool,
        /// The reactions to these messages.
        reactions: Vec<ReactionEntry>,
    },
    /// Answers [`Core::rooms`](crate::Core::rooms).
    RoomList {
        /// Of the request.
        request: RequestId,
        /// By name.
        rooms: Vec<RoomEntry>,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::members`](crate::Core::members).
    MemberList {
        /// Of the request.
        request: RequestId,
        /// The room.
        room: RoomName,
        /// Its members, in the order in which they first came to the server.
        members: Vec<MemberEntry>,
        /// How many there are in all.
        count: u32,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::info`](crate::Core::info).
    Info {
        /// Of the request.
        request: RequestId,
        /// The room.
        room: RoomName,
        /// How it is set up.
        info: Box<RoomInfo>,
    },
    /// Answers [`Core::roles`](crate::Core::roles).
    RoleList {
        /// Of the request.
        request: RequestId,
        /// The room.
        room: RoomName,
        /// In the order of the users' ids.
        roles: Vec<RoleEntry>,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::restrictions`](crate::Core::restrictions).
    RestrictionList {
        /// Of the request.
        request: RequestId,
        /// The room.
        room: RoomName,
        /// The oldest first.
        restrictions: Vec<RestrictionEntry>,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::search`](crate::Core::search).
    Found {
        /// Of the request.
        request: RequestId,
        /// The newest first.
        hits: Vec<Hit>,
        /// For the next page, if there may be one.
        next: Option<String>,
        /// The newest messages can't be found yet.
        behind: bool,
    },
    /// Answers [`Core::users`](crate::Core::users).
    UserList {
        /// Of the request.
        request: RequestId,
        /// The users.
        users: Vec<Author>,
        /// How many there are in all.
        count: u32,
        /// For the next page, if there is one.
        next: Option<String>,
    },
    /// Answers [`Core::ping`](crate::Core::ping).
    Pong {
        /// Of the request.
        request: RequestId,
        /// The server's clock.
        time: WallMs,
    },
    /// The server refused something other than a send.
    Refused {
        /// The request, if it was one with a number.
        request: Option<RequestId>,
        /// The conversation that could not be joined or left, as it was asked for.
        conversation: Option<RoomAddress>,
        /// With what it should have been joined, beside the name. A secret.
        pass: Option<Pass>,
        /// Why, for programs.
        code: ErrorCode,
        /// What to do next.
        next: NextStep,
        /// Why, for people.
        text: String,
    },
    /// The connection was lost before this request was answered. Ask again.
    RequestLost {
        /// The request.
        request: RequestId,
    },
    /// The answer to [`Core::manage`](crate::Core::manage).
    Managed {
        /// The request.
        request: RequestId,
        /// For people: a line each.
        lines: Vec<String>,
    },
    /// Whoever runs the server, or an admin, tells everybody something.
    Announced {
        /// What.
        text: Note,
        /// The admin; `None`: whoever runs the server.
        by: Option<UserName>,
    },
    /// This client is too fast: if it goes on, the server closes the connection. Or it is closed at once,
    /// and this says why.
    Warned {
        /// With which code.
        code: CloseCode,
        /// For people.
        text: String,
    },
    /// The server closes the connection.
    Closed {
        /// Why, for programs.
        code: CloseCode,
        /// What the core does next.
        next: NextStep,
        /// Why, for people.
        text: String,
    },
    /// When it came back, the server showed another key than before. It was told nothing, and the
    /// client ends. Only the driver says this; it is its last event.
    KeyChanged(Box<ChangedKey>),
    /// When it came back, something answered that is not the server: it speaks no TLS, or proves no key.
    /// It was told nothing, and the client tries again. Only the driver says this, and of each kind
    /// once until it is back.
    Distrusted {
        /// What, for people.
        text: String,
    },
    /// The connection is gone.
    Disconnected {
        /// Whether the core wants another one.
        returns: bool,
    },
}
