//! What words are, and what a query asks for: the part of searching that all backends share, so that
//! they find the same.
//!
//! Deliberately not here: where one may look (the hub says it), and any index.

mod query;
mod words;

pub(crate) use query::Wanted;
pub(crate) use words::words;

use hubbub_protocol::search::Query;
use hubbub_protocol::{Event, RoomId, UserName};

/// Changes whenever a text is cut into other words than before: an index made before is then made anew.
pub(crate) const WORDS_VERSION: i64 = 1;

/// A query, read once and then held against many events.
pub(crate) struct Sieve<'q> {
    query: &'q Query,
    /// The words.
    pub(crate) wanted: Wanted,
    /// The folded name of the sender.
    pub(crate) from: Option<String>,
}

impl<'q> Sieve<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let from = query.from.as_ref().map(UserName::fold);
        Self { query, wanted: Wanted::parse(&query.words), from }
    }

    /// Whether nothing at all can be found.
    pub(crate) fn is_blocked(&self) -> bool {
        self.wanted.is_nothing() || self.query.rooms.is_empty() || self.query.limit == 0
    }

    /// Whether one may look in a room.
    pub(crate) fn is_from(&self, room: RoomId) -> bool {
        self.query.rooms.contains(&room)
    }

    /// Whether an event, as it stands now, is what is looked for.
    pub(crate) fn passes(&self, event: &Event) -> bool {
        let Some(said) = event.body.said() else { return false };
        let Query { since, until, .. } = self.query;
        self.is_from(event.room)
            && since.is_none_or(|since| event.time >= since)
            && until.is_none_or(|until| event.time < until)
            && self.from.as_ref().is_none_or(|from| event.from.name.fold() == *from)
            && self.wanted.is_in(said.text.as_str())
    }
}
