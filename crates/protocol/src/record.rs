//! What the hub asks to be made durable. Doors never see these; stores and the hub share them.

use crate::frame::Retention;
use crate::{Author, Counter, Epoch, Event, Instance, Position, RoomId, RoomName, Seq, WallMs};
use std::sync::Arc;

/// What kind of conversation a room is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// A room with a name, for everybody who comes.
    Named(RoomName),
    /// A private chat of two users, the smaller id first.
    Private([Author; 2]),
}

/// A room as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its identity.
    pub id: RoomId,
    /// What it is.
    pub kind: RoomKind,
    /// What it keeps.
    pub retention: Retention,
    /// When it was made.
    pub created: WallMs,
}

/// A send that was accepted, so that its repetition is answered and not done again (invariant 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendRecord {
    /// Whose counter.
    pub instance: Instance,
    /// Which send.
    pub counter: Counter,
    /// Where its event stands.
    pub position: Position,
    /// When the server took it.
    pub time: WallMs,
}

/// One thing to be made durable. A batch of these is one transaction, in order.
#[derive(Clone, Debug)]
pub enum Record {
    /// A room, before its first event. Said again after a failure that left it uncertain: a room that
    /// is there stays as it is.
    Room(RoomRecord),
    /// An event, and the send that it came from.
    Event {
        /// The event.
        event: Arc<Event>,
        /// The client instance and counter, where the client numbers its sends.
        send: Option<(Instance, Counter)>,
    },
    /// A room is no more: it and all its events go.
    RoomGone(RoomId),
}

/// A room as it is found at the start: the record and the place of its newest event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoom {
    /// The room.
    pub record: RoomRecord,
    /// The epoch of its newest event.
    pub head_epoch: Epoch,
    /// The number of its newest event.
    pub head_seq: Seq,
}
