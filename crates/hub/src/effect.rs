//! Everything that the hub wants done.

use hubbub_protocol::frame::{CatchUp, MemberChange, Page, Retention, RoomEntry};
use hubbub_protocol::record::Record;
use hubbub_protocol::{
    Author, CloseCode, Epoch, ErrorCode, Event, Instance, Position, ResumeToken, RoomAddress,
    RoomId, RoomName, SessionId, UserName, WallMs,
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
    },
    /// Read the accepted sends of an instance and answer with [`crate::Input::SendsLoaded`].
    LoadSends {
        /// Who waits for it.
        session: SessionId,
        /// Whose.
        instance: Instance,
    },
    /// Say goodbye and close. The hub has forgotten the session already.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        code: CloseCode,
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
            Delivery::Member { .. } | Delivery::Count { .. } => true,
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
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), suggestion: None }
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
        members: Vec<Author>,
        /// How many in all.
        count: u32,
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
