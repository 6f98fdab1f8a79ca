//! Everything that can happen to the hub.

use crate::{Tag, Ticket};
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::SendRecord;
use hubbub_protocol::{
    Body, Counter, Epoch, Event, Instance, Position, ResumeToken, RoomAddress, RoomId, RoomName,
    SessionId, UserName,
};
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
    /// Whether its door hands out resume tokens, so that its user is held when it is lost.
    pub resumable: bool,
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
    },
    /// Enters a conversation, or attaches this session to it.
    Join {
        /// Which.
        address: RoomAddress,
        /// The last event that the client has.
        after: Option<Position>,
        /// What the room keeps if it is made.
        retention: Option<Retention>,
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
