//! The requests that wait for an answer on this connection, by their number in the frames.

use crate::conversation::ConversationId;
use crate::event::{LocalId, RequestId};
use hubbub_protocol::{RoomAddress, RoomName};
use std::collections::BTreeMap;

/// Requests of the program (history, lists, pings) that may wait at once.
pub(crate) const ASKED_MAX: usize = 256;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    Hello,
    Join {
        conversation: ConversationId,
        asked: RoomAddress,
    },
    Leave {
        room: RoomName,
    },
    Send {
        local: LocalId,
    },
    /// Of the program: its answer carries the number.
    Asked,
    /// The core's own sign of life.
    KeepAlive,
}

/// Numbers rise over connections, so an answer never meets another connection's request.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
    asked: usize,
}

impl Requests {
    pub(crate) fn add(&mut self, waiting: Waiting) -> u64 {
        self.last += 1;
        self.asked += usize::from(matches!(waiting, Waiting::Asked));
        self.waiting.insert(self.last, waiting);
        self.last
    }

    pub(crate) fn answer(&mut self, id: Option<u64>) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id?)?;
        self.asked -= usize::from(matches!(waiting, Waiting::Asked));
        Some(waiting)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.asked >= ASKED_MAX
    }

    /// Forgets all; returns those of the program.
    pub(crate) fn disconnected(&mut self) -> Vec<RequestId> {
        self.asked = 0;
        std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|(_, waiting)| matches!(waiting, Waiting::Asked))
            .map(|(id, _)| RequestId(id))
            .collect()
    }
}
