//! Everything that the hub wants done.

use crate::AdminReply;
use hubbub_protocol::account::Credentials;
use hubbub_protocol::frame::{
    CatchUp, LinkEntry, LinkState, LoginEntry, MemberChange, MemberEntry, Page, RestrictionEntry,
    Retention, RoleEntry, RoomEntry, RoomInfo,
};
use hubbub_protocol::record::Record;
use hubbub_protocol::search::Query;
use hubbub_protocol::{
    Author, CloseCode, Epoch, ErrorCode, Event, Instance, Note, Password, Position, Reaction,
    ResumeToken, RoomAddress, RoomId, RoomName, Seq, SessionId, Text, UserId, UserName, WallMs,
};
use std::sync::Arc;

/// A client's number for a request, handed back with the answer.
pub type Tag = Option<u64>;

/// The number of a [`Effect::Persist`], rising by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One thing to do. The order of effects is part of their meaning.
#[derive(Debug)]
pub enum Effect {
    /// Make this durable, in the order of tickets, and report [`crate::Input::Persisted`].
    Persist {
        /// Its number.
        ticket: Ticket,
        /// What.
        record: Record,
    },
    /// The one answer to a command.
    Reply {
        /// To whom.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// What.
        reply: Reply,
    },
    /// Tell all sessions that are subscribed to the room at this point of the effects' order.
    Deliver {
        /// Which room.
        room: RoomId,
        /// What.
        delivery: Delivery,
        /// A session that doesn't get it: it gets its own answer.
        except: Option<SessionId>,
    },
    /// Write this to the room's transcript, in the order of effects. What is delivered comes as such just
    /// before it.
    Transcribe {
        /// Which room; never a private chat.
        room: RoomName,
        /// What: never that somebody is typing, nor how many there are.
        what: Delivery,
    },
    /// From here on the session gets the room's deliveries.
    Subscribe {
        /// Who.
        session: SessionId,
        /// To what.
        room: RoomId,
    },
    /// From here on it doesn't.
    Unsubscribe {
        /// Who.
        session: SessionId,
        /// From what.
        room: RoomId,
    },
    /// Read the events after a position, check that it belongs to this history (an event of this
    /// epoch stands there, or it is the beginning), and answer with [`crate::Input::PageRead`].
    Read {
        /// For whom.
        session: SessionId,
        /// Where the session stands.
        after: Position,
    },
    /// Give these events of before to a session; when it took them, report
    /// [`crate::Input::PageTaken`] if `paced`.
    Page {
        /// To whom.
        session: SessionId,
        /// Of which room.
        room: RoomId,
        /// Oldest first.
        events: Vec<Arc<Event>>,
        /// Whether a report is wanted.
        paced: bool,
    },
    /// Tell a session that it has caught up.
    Live {
        /// Whom.
        session: SessionId,
        /// The last event before.
        head: Position,
    },
    /// The session may read this: read the page from the store and answer the command with it.
    ReadHistory {
        /// Who asked.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// The conversation as the session calls it.
        address: RoomAddress,
        /// Its id.
        room: RoomId,
        /// Which part.
        page: Page,
        /// At most so many events.
        limit: u32,
        /// Who asks: which reactions are its own.
        me: UserId,
        /// The last event that it may know: what comes later, it may not hear any more.
        upto: Seq,
    },
    /// Read a message and answer with [`crate::Input::MessageLoaded`].
    LoadMessage {
        /// Who waits for it.
        session: SessionId,
        /// Where it is.
        room: RoomId,
        /// Its number.
        seq: Seq,
        /// Whether this user has reacted so is wanted, too.
        reacted: Option<(UserId, Reaction)>,
    },
    /// Look for events that are too old and answer with [`crate::Input::ExpiredFound`].
    FindExpired {
        /// Where.
        room: RoomId,
        /// Those from before then.
        before: WallMs,
    },
    /// The session may look there: look, and answer the command with what was found.
    Search {
        /// Who asked.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// What, and in which rooms.
        query: Query,
        /// How the session calls those rooms, and the last event of each that it may know, in the
        /// same order.
        addresses: Vec<(RoomAddress, Seq)>,
    },
    /// Read the accepted sends of an instance and answer with [`crate::Input::SendsLoaded`].
    LoadSends {
        /// Who waits for it.
        session: SessionId,
        /// Whose.
        instance: Instance,
    },
    /// Work on passwords, beside everything else, and answer with
    /// [`crate::Input::PasswordsDone`]. It takes long, and may be refused as `Busy`.
    Passwords {
        /// Who waits for it.
        session: SessionId,
        /// What.
        work: PasswordWork,
    },
    /// Tell one session something that it did not ask for.
    Tell {
        /// Whom.
        session: SessionId,
        /// What.
        notice: Notice,
    },
    /// It was too fast: look at nothing more of it for this time. What it has asked is done.
    Rest {
        /// Who.
        session: SessionId,
        /// How long, in milliseconds.
        ms: u64,
    },
    /// An admin said a verb: do it (asking with [`crate::Input::Admin`] and this session), and answer the
    /// command.
    Manage {
        /// Who.
        session: SessionId,
        /// The command's.
        tag: Tag,
        /// The verb with its arguments.
        line: String,
    },
    /// There is an admin now: what would have made the first one counts no more.
    SetUp,
    /// Answers [`crate::Input::Admin`].
    AdminReply {
        /// The question's.
        request: u64,
        /// The answer, or what is wrong.
        reply: Result<AdminReply, String>,
    },
    /// Say goodbye and close. The hub has forgotten the session already.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        code: CloseCode,
    },
}

/// Slow work with passwords.
#[derive(Clone, Debug)]
pub enum PasswordWork {
    /// Is this the password?
    Check {
        /// What proves the account; `None`: there is no such account, which must not be found out by
        /// how long this takes.
        credentials: Option<Credentials>,
        /// The password.
        password: Password,
    },
    /// Make credentials of this password.
    Make {
        /// The password.
        password: Password,
    },
    /// Make credentials of the new password, if the old one is right.
    Change {
        /// What proves the account.
        credentials: Credentials,
        /// The old password.
        old: Password,
        /// The new one.
        new: Password,
    },
}

/// What a session is told without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// How somebody stands to the user has changed. With `dropped` private messages that waited in
    /// this session for that and will not be sent.
    Link {
        /// Who.
        user: Author,
        /// How.
        state: LinkState,
        /// Messages that are lost with it.
        dropped: u32,
    },
    /// The other side of a private chat took another name.
    LinkRenamed {
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// An invitation into a group.
    Invited {
        /// Which.
        room: RoomName,
        /// Who invites.
        from: Author,
    },
    /// An invitation was declined.
    Declined {
        /// Into which group.
        room: RoomName,
        /// Who.
        user: Author,
    },
    /// The user is called otherwise, or is an account now, by another session.
    You {
        /// Who it is now.
        user: Author,
        /// Whether it is an account.
        account: bool,
    },
    /// Another session of the user entered a room.
    Entered {
        /// Which.
        room: RoomName,
    },
    /// Another session of the user left a room, or it is no more.
    Gone {
        /// Which.
        room: RoomName,
        /// Its id.
        id: RoomId,
    },
    /// Another session of the user has read so far.
    Marked {
        /// Where.
        address: RoomAddress,
        /// The last event.
        seq: Seq,
    },
    /// Another session of the user has begun to write.
    Drafted {
        /// Where.
        address: RoomAddress,
        /// What.
        text: Option<Text>,
    },
    /// The user was sent out of a room, or banned from it.
    Kicked {
        /// Which.
        room: RoomName,
        /// Its id.
        id: RoomId,
        /// Who said so.
        by: UserName,
        /// Why.
        reason: Option<Note>,
        /// Whether it is banned, too.
        banned: bool,
    },
    /// Another session of the user said by which words it wants to be called.
    Highlights {
        /// All of them.
        words: Vec<String>,
    },
    /// Private messages that waited in this session are lost with it.
    Dropped {
        /// To whom, and how many.
        messages: Vec<(UserName, u32)>,
    },
    /// It is too fast, and will be closed with this code if it goes on.
    Warned {
        /// What follows.
        code: CloseCode,
        /// For people.
        text: String,
    },
    /// Somebody who runs the server tells everybody something.
    Announced {
        /// What.
        text: Note,
        /// The admin who does; `None`: whoever runs it.
        by: Option<UserName>,
    },
    /// A private message that had waited in this session could not be stored.
    NotStored {
        /// To whom.
        to: UserName,
    },
}

/// What goes to many.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A message.
    Message {
        /// The room, or the *recipient* of a private message.
        address: RoomAddress,
        /// What was said.
        event: Arc<Event>,
    },
    /// Somebody came or went. Ephemeral.
    Member {
        /// The room.
        room: RoomName,
        /// Who.
        user: Author,
        /// What happened.
        change: MemberChange,
        /// How many are there now.
        members: u32,
    },
    /// A member took another name. Ephemeral.
    Renamed {
        /// The room.
        room: RoomName,
        /// Who, with the new name.
        user: Author,
        /// The name before.
        old: UserName,
    },
    /// Somebody is typing. Ephemeral.
    Typing {
        /// The room, or the *recipient* in a private chat.
        address: RoomAddress,
        /// Who.
        from: Author,
    },
    /// A member is away, or back. Ephemeral.
    Away {
        /// The room.
        room: RoomName,
        /// Who.
        user: Author,
        /// Why; `None`: back.
        note: Option<Note>,
    },
    /// How many are in a large room. Ephemeral.
    Count {
        /// The room.
        room: RoomName,
        /// How many.
        members: u32,
    },
}

impl Delivery {
    /// Whether it may be dropped when queues are full: nothing is lost for good with it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        match self {
            Delivery::Message { .. } => false,
            Delivery::Member { .. }
            | Delivery::Renamed { .. }
            | Delivery::Typing { .. }
            | Delivery::Away { .. }
            | Delivery::Count { .. } => true,
        }
    }
}

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable.
    pub code: ErrorCode,
    /// For people.
    pub text: String,
    /// A free name.
    pub suggestion: Option<UserName>,
    /// How long to wait before the next try, in milliseconds.
    pub wait_ms: Option<u64>,
}

impl Refusal {
    /// A refusal with nothing but a reason.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), suggestion: None, wait_ms: None }
    }
}

/// The answer to a command.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To `Hello`.
    Welcome {
        /// Who you are.
        user: Author,
        /// Gives the user back after a lost connection.
        token: ResumeToken,
        /// Whether it was given back now.
        resumed: bool,
        /// Whether it is an account.
        account: bool,
        /// The present epoch.
        epoch: Epoch,
        /// The room to begin in.
        lobby: RoomName,
        /// The server's clock.
        time: WallMs,
        /// The rooms that the user is in.
        rooms: Vec<RoomName>,
        /// With whom there is a private chat.
        privates: Vec<UserName>,
        /// The words by which the account wants to be called.
        highlights: Vec<String>,
    },
    /// To `Join`.
    Joined {
        /// The conversation as the session calls it.
        address: RoomAddress,
        /// The newest event.
        head: Position,
        /// How what is missing comes.
        catch_up: CatchUp,
        /// What the room keeps.
        retention: Retention,
        /// How many are in it.
        members: u32,
        /// Whether it was made.
        created: bool,
        /// How it is set up; `None` of a private chat.
        info: Option<Box<RoomInfo>>,
        /// How far the user said to have read.
        read: Option<Seq>,
        /// What the user has begun to write.
        draft: Option<Text>,
    },
    /// It is done, and kept.
    Done,
    /// To `Register` and `Nick`: who you are now. A token stays as it is, and lasts from now on if you
    /// are an account.
    You {
        /// Who you are now.
        user: Author,
        /// Whether you are an account.
        account: bool,
    },
    /// To `Ask`, and to a `Send` that waits: they were asked.
    Asked {
        /// Whom.
        user: Author,
        /// Whether they are online to see it.
        online: bool,
        /// Messages that wait in this session for their answer.
        held: u32,
    },
    /// To `Logins`.
    Logins {
        /// The newest first.
        logins: Vec<LoginEntry>,
    },
    /// To `Links`.
    Links {
        /// In the order of the users' ids.
        links: Vec<LinkEntry>,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Leave`.
    Left {
        /// Which room.
        room: RoomName,
        /// Its id.
        id: RoomId,
    },
    /// To `Send`.
    Sent {
        /// Its place.
        position: Position,
        /// When it was taken.
        time: WallMs,
        /// Whether it had been accepted before.
        repeated: bool,
    },
    /// To `Rooms`.
    Rooms {
        /// By name.
        rooms: Vec<RoomEntry>,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Members`.
    Members {
        /// The room.
        room: RoomName,
        /// In the order of their ids.
        members: Vec<MemberEntry>,
        /// How many in all.
        count: u32,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Manage`, from whoever does it.
    Managed {
        /// For people.
        lines: Vec<String>,
    },
    /// To `Search`, where there is nothing to look in.
    NothingFound,
    /// To `Info`.
    Info {
        /// The room.
        room: RoomName,
        /// How it is set up.
        info: Box<RoomInfo>,
    },
    /// To `Roles`.
    Roles {
        /// The room.
        room: RoomName,
        /// In the order of the users' ids.
        roles: Vec<RoleEntry>,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Restrictions`.
    Restrictions {
        /// The room.
        room: RoomName,
        /// The oldest first.
        restrictions: Vec<RestrictionEntry>,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Users`.
    Users {
        /// By name.
        users: Vec<Author>,
        /// How many in all.
        count: u32,
        /// The cursor of the next page.
        next: Option<String>,
    },
    /// To `Ping`.
    Pong {
        /// The server's clock.
        time: WallMs,
    },
    /// To anything that can't be done.
    Refused(Refusal),
}
