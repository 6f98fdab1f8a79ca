//! Searching. The index says which messages may be meant, the log whether they are.

use super::super::SqliteConfig;
use super::super::connect::Context;
use super::super::convert::int;
use super::super::wal::Gate;
use super::{
    HOUR_MS, Notes, Progress, beside, is_damage, log, name_word, open_to_search, room_word,
};
use crate::StoreError;
use crate::search::{Sieve, Wanted};
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{Event, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension};
use std::sync::PoisonError;

/// Rooms beyond which hits are first looked for in all rooms: the index goes through each room of a query
/// for each message that it may mean, which for hundreds of rooms costs more than a few wrong hits.
const ROOMS_BY_INDEX: usize = 16;
/// Wrong hits after which the index is asked for the rooms all the same.
const WRONG_HITS: usize = 1_000;

/// The index as one reader has it open.
pub(in super::super) struct SearchIndex {
    log_config: SqliteConfig,
    context: Context,
    notes: Notes,
    /// Opened when it is needed and there.
    conn: Option<Connection>,
}

/// What became of an id.
enum Taken {
    /// It is what is looked for.
    Right,
    /// It is not.
    Wrong,
    /// No more are wanted.
    Enough,
}

/// Which ids a page is from: `low..=high`.
struct Range {
    low: i64,
    high: i64,
}

impl SearchIndex {
    pub(in super::super) fn new(log_config: &SqliteConfig, notes: Notes) -> Self {
        let context = Context::new(&beside(log_config).path);
        Self { log_config: log_config.clone(), context, notes, conn: None }
    }

    /// One page. `read` reads an event of the log as it stands now.
    pub(in super::super) fn search(
        &mut self,
        log: &Connection,
        gate: &Gate,
        query: &Query,
        mut read: impl FnMut(RoomId, Seq) -> Result<Option<Event>, StoreError>,
    ) -> Result<Found, StoreError> {
        let sieve = Sieve::new(query);
        if sieve.is_blocked() {
            return Ok(Found::default());
        }
        let log_context = Context::new(&self.log_config.path);
        let mut found = Found::default();
        let mut fault = None;
        // Each hit is looked at as it comes, so that no list of hits is made.
        let take = |id: i64| match hit(log, &log_context, gate, &sieve, id, &mut read) {
            Ok(None) => Taken::Wrong,
            Ok(Some(_)) if found.events.len() == query.limit as usize => {
                found.next = found.events.last().map(|(place, _)| *place);
                Taken::Enough
            }
            Ok(Some(event)) => {
                found.events.push((id as u64, event));
                Taken::Right
            }
            Err(error) => {
                fault = Some(error);
                Taken::Enough
            }
        };
        let searched = self.candidates(query, &sieve, take);
        if let Some(error) = fault {
            return Err(error);
        }
        let progress = match searched {
            Ok(progress) => progress,
            Err(error) if is_damage(&error) => {
                tracing::warn!(file = %self.context, %error, "the search index is damaged");
                self.notes.lock().is_damaged = true;
                self.conn = None;
                return Ok(Found { behind: true, ..Found::default() });
            }
            Err(error) => {
                self.conn = None;
                return Err(self.context.doing("searching")(error));
            }
        };
        let _reading = gate.read().unwrap_or_else(PoisonError::into_inner);
        let reached = log::is_reached(log, progress);
        found.behind = !reached.map_err(log_context.doing("searching"))?;
        Ok(found)
    }

    /// Gives the ids of what may be meant, the newest first, as long as they are taken. Returns up to
    /// where the log was indexed then.
    fn candidates(
        &mut self,
        query: &Query,
        sieve: &Sieve<'_>,
        mut take: impl FnMut(i64) -> Taken,
    ) -> rusqlite::Result<Progress> {
        if self.conn.is_none() {
            self.conn = open_to_search(&self.log_config)?;
        }
        let Some(index) = &self.conn else { return Ok(Progress::default()) };
        // One snapshot for what is found and how far it goes.
        let tx = index.unchecked_transaction()?;
        let progress = Progress::read(&tx)?;
        if let Some(mut range) = range(&tx, query)? {
            let from = sieve.from.as_deref();
            let everywhere = matching(&[], &sieve.wanted, from);
            let is_done = query.rooms.len() > ROOMS_BY_INDEX
                && run(&tx, &everywhere, &mut range, WRONG_HITS, &mut take)?;
            if !is_done {
                let there = matching(&query.rooms, &sieve.wanted, from);
                run(&tx, &there, &mut range, usize::MAX, &mut take)?;
            }
        }
        tx.commit()?;
        Ok(progress)
    }
}

/// Gives ids of a range until enough are taken or so many were wrong, and cuts off the range what was
/// given. Whether it is done.
fn run(
    index: &Connection,
    matching: &str,
    range: &mut Range,
    wrong_max: usize,
    take: &mut impl FnMut(i64) -> Taken,
) -> rusqlite::Result<bool> {
    let mut statement = index.prepare_cached(
        "SELECT rowid FROM messages WHERE messages MATCH ?1 AND rowid BETWEEN ?2 AND ?3
         ORDER BY rowid DESC",
    )?;
    let mut rows = statement.query((matching, range.low, range.high))?;
    let mut wrong = 0;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        range.high = id - 1;
        match take(id) {
            Taken::Enough => return Ok(true),
            Taken::Right => {}
            Taken::Wrong => wrong += 1,
        }
        if wrong == wrong_max {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The event with an id, if it is what is looked for.
fn hit(
    log: &Connection,
    log_context: &Context,
    gate: &Gate,
    sieve: &Sieve<'_>,
    id: i64,
    read: &mut impl FnMut(RoomId, Seq) -> Result<Option<Event>, StoreError>,
) -> Result<Option<Event>, StoreError> {
    let place = {
        let _reading = gate.read().unwrap_or_else(PoisonError::into_inner);
        log.prepare_cached("SELECT room, seq FROM events WHERE id = ?1")
            .and_then(|mut found| {
                found.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(log_context.doing("looking for a hit"))?
    };
    let Some((room, seq)) = place else { return Ok(None) };
    let (room, seq): (i64, i64) = (room, seq);
    let (room, seq) = (RoomId(room as u64), Seq(seq as u64));
    if !sieve.is_from(room) {
        return Ok(None);
    }
    let event = read(room, seq)?;
    Ok(event.filter(|event| sieve.passes(event)))
}

/// Which ids can be meant; `None`: none.
fn range(index: &Connection, query: &Query) -> rusqlite::Result<Option<Range>> {
    let mut range = Range { low: 1, high: i64::MAX };
    if let Some(before) = query.before {
        range.high = int(before).unwrap_or(i64::MAX).saturating_sub(1);
    }
    if query.since.is_some() || query.until.is_some() {
        let hour = |time: u64| int(time / HOUR_MS).unwrap_or(i64::MAX);
        let first = query.since.map_or(0, |since| hour(since.0));
        let last = query.until.map_or(i64::MAX, |until| hour(until.0));
        let (low, high): (Option<i64>, Option<i64>) = index
            .prepare_cached("SELECT min(low), max(high) FROM hours WHERE hour BETWEEN ?1 AND ?2")?
            .query_row((first, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(low), Some(high)) = (low, high) else { return Ok(None) };
        range = Range { low, high: range.high.min(high) };
    }
    Ok((range.low <= range.high).then_some(range))
}

/// The query in the language of FTS5, in these rooms or (none) in all. A word has nothing that means something there, and stands in
/// quotation marks.
fn matching(rooms: &[RoomId], wanted: &Wanted, from: Option<&str>) -> String {
    let mut terms: Vec<String> = Vec::new();
    for term in &wanted.terms {
        let star = if term.open { " *" } else { "" };
        terms.push(format!("\"{}\"{star}", term.words.join(" ")));
    }
    terms.extend(from.map(|name| format!("\"{}\"", name_word(name))));
    if !rooms.is_empty() {
        let rooms: Vec<String> =
            rooms.iter().map(|room| format!("\"{}\"", room_word(room.0))).collect();
        terms.push(format!("({})", rooms.join(" OR ")));
    }
    terms.join(" AND ")
}
