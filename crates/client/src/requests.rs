//! The requests that wait for an answer on this connection, by their number in the frames.

use crate::config::Pass;
use crate::conversation::ConversationId;
use crate::event::{LocalId, RequestId};
use hubbub_protocol::{Password, ResumeToken, RoomAddress, RoomName};
use std::collections::BTreeMap;

/// Requests of the program (history, lists, changes) that may wait at once.
pub(crate) const ASKED_MAX: usize = 256;

/// How a conversation was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) address: RoomAddress,
    pub(crate) pass: Option<Pass>,
}

impl From<RoomAddress> for Asked {
    fn from(address: RoomAddress) -> Self {
        Self { address, pass: None }
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    Hello,
    Join {
        conversation: ConversationId,
        asked: Asked,
    },
    Leave {
        room: RoomName,
    },
    Send {
        local: LocalId,
    },
    /// Of the program: its answer carries the number.
    Asked,
    /// Of the program: to make an account of the guest.
    Register {
        password: Password,
    },
    /// Of the program: to become another user.
    Login {
        password: Password,
    },
    /// Of the program.
    NewPassword {
        password: Password,
    },
    /// Of the program.
    Highlights {
        words: Vec<String>,
    },
    /// Of the program: to make a group.
    Group {
        room: RoomName,
    },
    /// To end the session for good; with the token that is then no more.
    Logout {
        token: Option<ResumeToken>,
    },
    /// The core's own sign of life.
    KeepAlive,
}

impl Waiting {
    /// Whether the program waits for an answer with the number.
    fn is_asked(&self) -> bool {
        match self {
            Waiting::Asked
            | Waiting::Register { .. }
            | Waiting::Login { .. }
            | Waiting::NewPassword { .. }
            | Waiting::Highlights { .. }
            | Waiting::Group { .. } => true,
            Waiting::Hello
            | Waiting::Join { .. }
            | Waiting::Leave { .. }
            | Waiting::Send { .. }
            | Waiting::Logout { .. }
            | Waiting::KeepAlive => false,
        }
    }
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
        self.asked += usize::from(waiting.is_asked());
        self.waiting.insert(self.last, waiting);
        self.last
    }

    pub(crate) fn answer(&mut self, id: Option<u64>) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id?)?;
        self.asked -= usize::from(waiting.is_asked());
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
            .filter(|(_, waiting)| waiting.is_asked())
            .map(|(id, _)| RequestId(id))
            .collect()
    }
}
