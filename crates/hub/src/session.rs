//! A session: one connection, and how it is attached to rooms.

use crate::{Arrival, Tag};
use hubbub_protocol::{Instance, Position, ResumeToken, RoomId, UserId};

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) arrival: Arrival,
    pub(crate) user: Option<UserId>,
    pub(crate) instance: Option<Instance>,
    /// Answers of sends that wait in the sequencer.
    pub(crate) in_flight: u32,
    pub(crate) rooms: Vec<(RoomId, Attachment)>,
    /// The welcome that waits for the instance's sends.
    pub(crate) welcome: Option<PendingWelcome>,
}

/// A hello that is answered when the store was asked.
#[derive(Debug)]
pub(crate) struct PendingWelcome {
    pub(crate) tag: Tag,
    pub(crate) token: ResumeToken,
    pub(crate) resumed: bool,
}

/// How a session hears a room.
#[derive(Debug)]
pub(crate) enum Attachment {
    /// It gets what is delivered.
    Live,
    /// It reads what it missed; see `catch_up`.
    CatchingUp(CatchUpState),
}

/// Where a session stands that reads what it missed.
#[derive(Debug)]
pub(crate) struct CatchUpState {
    /// The last event that it has, as far as it was given out.
    pub(crate) at: Position,
    /// A page is being read; else the last one is on its way to the client.
    pub(crate) is_reading: bool,
    /// The unanswered `Join`.
    pub(crate) join: Option<PendingJoin>,
}

/// A join that is answered when the position was checked.
#[derive(Debug)]
pub(crate) struct PendingJoin {
    pub(crate) tag: Tag,
    pub(crate) created: bool,
}

impl Session {
    pub(crate) fn new(arrival: Arrival) -> Self {
        Self { arrival, user: None, instance: None, in_flight: 0, rooms: Vec::new(), welcome: None }
    }

    pub(crate) fn attachment(&mut self, room: RoomId) -> Option<&mut Attachment> {
        self.rooms.iter_mut().find(|(id, _)| *id == room).map(|(_, attachment)| attachment)
    }

    pub(crate) fn detach(&mut self, room: RoomId) -> Option<Attachment> {
        let at = self.rooms.iter().position(|(id, _)| *id == room)?;
        Some(self.rooms.swap_remove(at).1)
    }
}
