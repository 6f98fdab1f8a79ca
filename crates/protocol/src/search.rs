//! What is looked for, and what was found: between the hub, which says where one may look, and the
//! store, which looks.

use crate::{Event, RoomId, UserName, WallMs};

/// One page of a search, the newest messages first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The words as they were typed. All must be there; quoted ones must follow each other; the last
    /// one may be the beginning of a word if it ends with `*`.
    pub words: String,
    /// Where: only in these rooms, 1 or more.
    pub rooms: Vec<RoomId>,
    /// Only what was said under this name, in any case.
    pub from: Option<UserName>,
    /// Only what was said then or later.
    pub since: Option<WallMs>,
    /// Only what was said before then.
    pub until: Option<WallMs>,
    /// Only what is older than this place in the order of all messages: `next` of the page before.
    pub before: Option<u64>,
    /// At most so many, 1–100.
    pub limit: u32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest first, each with its place in the order of all messages.
    pub events: Vec<(u64, Event)>,
    /// Where the next page begins, if there may be one: usually the place of the last event.
    pub next: Option<u64>,
    /// Whether some of the newest messages can't be found yet.
    pub behind: bool,
}
