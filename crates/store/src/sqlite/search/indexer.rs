//! Brings the index up to the log, a bounded step at a time, each one transaction of the index.
//!
//! In this order: what the index has beyond the log goes; then what has gone from rooms of which the
//! writer told; then the log is followed; and once after opening, when all that is done, the whole index is
//! compared with the log, which finds whatever nobody could tell (the process ended, a backup came back).

use super::super::SqliteConfig;
use super::super::connect::Context;
use super::super::wal::Gate;
use super::log::{Log, LogRow};
use super::{Notes, Progress, is_damage, make_anew, open, room_word};
use crate::{Indexer, StoreError};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Events that one step reads, and messages that it takes out, at most.
const STEP: usize = 512;

/// See [`super`].
pub(in super::super) struct SqliteIndexer {
    log_config: SqliteConfig,
    gate: Gate,
    notes: Notes,
    /// Opened by the first step, so that nothing about the index keeps a server from starting.
    open: Option<Open>,
}

struct Open {
    log: Log,
    index: Connection,
    config: SqliteConfig,
    /// What is still to be compared with the log.
    rest: Option<Rest>,
    /// The write-ahead log may have words that were taken out.
    is_dirty: bool,
}

/// A part of the index, from after an id up to another.
#[derive(Clone, Copy)]
struct Rest {
    after: i64,
    upto: i64,
}

/// What went wrong where: a damaged index is made anew, a damaged log is not ours to judge.
enum Fault {
    Log(StoreError),
    Index(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Log(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error)
    }
}

impl SqliteIndexer {
    pub(in super::super) fn new(log_config: &SqliteConfig, gate: Gate, notes: Notes) -> Self {
        Self { log_config: log_config.clone(), gate, notes, open: None }
    }

    fn opened(&mut self) -> Result<&mut Open, StoreError> {
        if self.open.is_none() {
            let log = Log::open(&self.log_config, self.gate.clone())?;
            // What was noted before is found by comparing all.
            self.notes.lock().is_unclear = true;
            let config = super::beside(&self.log_config);
            let index = open(&self.log_config)?;
            self.open = Some(Open { log, index, config, rest: None, is_dirty: true });
        }
        // Just set.
        self.open.as_mut().ok_or(StoreError::Unrecovered)
    }
}

impl Indexer for SqliteIndexer {
    fn step(&mut self) -> Result<bool, StoreError> {
        let notes = self.notes.clone();
        let open = self.opened()?;
        let context = Context::new(&open.config.path);
        if std::mem::take(&mut notes.lock().is_damaged) {
            return open.start_over("a search found it damaged").map(|()| true);
        }
        match open.step(&notes) {
            Ok(more) => Ok(more),
            Err(Fault::Log(error)) => Err(error),
            Err(Fault::Index(error)) if is_damage(&error) => {
                open.start_over(&error.to_string()).map(|()| true)
            }
            Err(Fault::Index(error)) => {
                // Perhaps a new connection does better.
                self.open = None;
                Err(context.doing("indexing")(error))
            }
        }
    }
}

impl Open {
    fn start_over(&mut self, why: &str) -> Result<(), StoreError> {
        let context = Context::new(&self.config.path);
        tracing::warn!(file = %context, why, "the search index is made anew");
        // All of it will be read from the log, so nothing is left to be compared.
        (self.rest, self.is_dirty) = (None, true);
        make_anew(&self.index, &self.config).map_err(context.doing("making the search index anew"))
    }

    /// All that is indexed by now will be compared with the log. What comes later is right by itself.
    fn compare_all(&mut self) -> rusqlite::Result<()> {
        let upto = Progress::read(&self.index)?.id;
        self.rest = (upto > 0).then_some(Rest { after: 0, upto });
        Ok(())
    }

    fn step(&mut self, notes: &Notes) -> Result<bool, Fault> {
        if std::mem::take(&mut notes.lock().is_unclear) {
            self.compare_all()?;
        }
        let room = notes.lock().rooms.pop_first();
        let done = self.change(room);
        if let (Some(room), Ok(Done { room_is_done: false, .. }) | Err(_)) = (room, &done) {
            notes.room(room);
        }
        let Done { more, removed, rest, .. } = done?;
        self.rest = rest;
        self.is_dirty |= removed;
        if more || !notes.lock().rooms.is_empty() {
            return Ok(true);
        }
        if self.is_dirty {
            // A search that is under way is in the way: then the next step tries again.
            self.is_dirty = self
                .index
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
        }
        Ok(self.is_dirty)
    }

    /// One transaction. `gone` is a room from which events have gone.
    fn change(&mut self, gone: Option<u64>) -> Result<Done, Fault> {
        let tx = self.index.unchecked_transaction()?;
        let mut work = Work {
            log: &self.log,
            index: &tx,
            progress: Progress::read(&tx)?,
            hours: BTreeMap::new(),
            removed: 0,
        };
        let before = work.progress;
        let mut done = Done { more: true, rest: self.rest, ..Done::default() };
        if work.is_astray()? {
            work.take_back()?;
        } else {
            done.room_is_done = gone.map_or(Ok(true), |room| work.leave_room(room))?;
            if done.room_is_done && !work.follow()? {
                done.more = false;
                if let Some(rest) = done.rest {
                    done.rest = work.compare(rest)?;
                    done.more = done.rest.is_some();
                }
            }
        }
        work.write_hours()?;
        done.removed = work.removed > 0;
        let progress = work.progress;
        if progress != before {
            progress.write(&tx)?;
        }
        tx.commit()?;
        Ok(done)
    }
}

/// What a transaction did.
#[derive(Default)]
struct Done {
    /// Whether there is more to do.
    more: bool,
    /// Whether the room that was named has nothing in the index any more that the log has not.
    room_is_done: bool,
    /// Whether words were taken out.
    removed: bool,
    /// [`Open::rest`] from now on.
    rest: Option<Rest>,
}

/// A transaction under way.
struct Work<'o> {
    log: &'o Log,
    index: &'o Connection,
    progress: Progress,
    /// The lowest and highest new id in each hour.
    hours: BTreeMap<i64, (i64, i64)>,
    removed: usize,
}

impl Work<'_> {
    /// Whether the event up to which all is indexed is in the log no more.
    fn is_astray(&self) -> Result<bool, Fault> {
        if self.progress.id == 0 {
            return Ok(false);
        }
        let there = self.log.event(self.progress.id)?;
        Ok(there.is_none_or(|row| row.progress() != self.progress))
    }

    /// Goes back to the newest message that index and log both have. The log never had a higher id than
    /// its last one when it gave that message an id, so nothing up to there was given twice.
    fn take_back(&mut self) -> Result<(), Fault> {
        let mut newest = self.index.prepare_cached(
            "SELECT rowid, mark FROM messages WHERE rowid <= ?1 ORDER BY rowid DESC LIMIT ?2",
        )?;
        let newest: Vec<(i64, i64)> = newest
            .query_map((i64::MAX, STEP as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for &(id, mark) in &newest {
            if let Some(row) = self.log.event(id)?
                && row.is_message()
                && row.mark() == mark
            {
                self.progress = row.progress();
                return Ok(());
            }
            self.remove(id)?;
        }
        if newest.len() < STEP {
            self.progress = Progress::default();
        }
        Ok(())
    }

    /// Takes out what has gone from a room, which is always its oldest part. Whether that is all.
    fn leave_room(&mut self, room: u64) -> Result<bool, Fault> {
        let mut oldest = self.index.prepare_cached(
            "SELECT rowid, mark FROM messages WHERE messages MATCH ?1 ORDER BY rowid LIMIT ?2",
        )?;
        let oldest: Vec<(i64, i64)> = oldest
            .query_map((room_word(room), STEP as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for &(id, mark) in &oldest {
            match self.log.event(id)? {
                Some(row) if row.room() as u64 == room && row.mark() == mark => return Ok(true),
                // Not this one, but edited or deleted: the log will say so when it is followed.
                Some(row) if row.room() as u64 == room => self.settle(&row, Some(mark))?,
                _ => self.remove(id)?,
            }
        }
        Ok(oldest.len() < STEP)
    }

    /// Reads on in the log. Whether there is more.
    fn follow(&mut self) -> Result<bool, Fault> {
        let rows = self.log.after(self.progress.id, STEP)?;
        for row in &rows {
            if row.is_message() {
                let indexed = self.mark_of(row.id)?;
                self.settle(row, indexed)?;
            } else if let Some(refers) = row.refers
                && let Some(message) = self.log.numbered(row.room(), refers)?
            {
                // It may be edited or deleted.
                let indexed = self.mark_of(message.id)?;
                self.settle(&message, indexed)?;
            } else {
                // Nothing to find. It was a message if it is deleted and its id was indexed before.
                self.remove_if_there(row.id)?;
            }
        }
        if let Some(last) = rows.last() {
            self.progress = last.progress();
        }
        Ok(rows.len() == STEP)
    }

    /// Compares a part of the index with the log. What is left.
    fn compare(&mut self, rest: Rest) -> Result<Option<Rest>, Fault> {
        let Rest { after, mut upto } = rest;
        let mut rows = self.log.between(after, upto, STEP)?;
        if let (STEP, Some(last)) = (rows.len(), rows.last()) {
            upto = last.id;
        }
        let mut indexed = self.index.prepare_cached(
            "SELECT rowid, mark FROM messages WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid LIMIT ?3",
        )?;
        let mut indexed: BTreeMap<i64, i64> = indexed
            .query_map((after + 1, upto, STEP as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if let (STEP, Some((last, _))) = (indexed.len(), indexed.last_key_value()) {
            upto = *last;
            rows.retain(|row| row.id <= upto);
        }
        for row in &rows {
            let mark = indexed.remove(&row.id);
            self.settle(row, mark)?;
        }
        for id in indexed.into_keys() {
            self.remove(id)?;
        }
        Ok((upto < rest.upto).then_some(Rest { after: upto, ..rest }))
    }

    fn mark_of(&self, id: i64) -> Result<Option<i64>, Fault> {
        let mut found = self.index.prepare_cached("SELECT mark FROM messages WHERE rowid = ?1")?;
        Ok(found.query_row([id], |row| row.get(0)).optional()?)
    }

    /// Makes the index have an event as it is, where it has what `indexed` is the hash of.
    fn settle(&mut self, row: &LogRow, indexed: Option<i64>) -> Result<(), Fault> {
        let mark = row.is_message().then(|| row.mark());
        if mark == indexed {
            return Ok(());
        }
        if indexed.is_some() {
            self.remove(row.id)?;
        }
        if let Some(mark) = mark {
            self.index
                .prepare_cached("INSERT INTO messages (rowid, words, mark) VALUES (?1, ?2, ?3)")?
                .execute((row.id, row.words(), mark))?;
            let (low, high) = self.hours.entry(row.hour()).or_insert((row.id, row.id));
            (*low, *high) = ((*low).min(row.id), (*high).max(row.id));
        }
        Ok(())
    }

    fn remove_if_there(&mut self, id: i64) -> Result<(), Fault> {
        if self.mark_of(id)?.is_some() { self.remove(id) } else { Ok(()) }
    }

    fn remove(&mut self, id: i64) -> Result<(), Fault> {
        self.removed += 1;
        self.index.prepare_cached("DELETE FROM messages WHERE rowid = ?1")?.execute([id])?;
        Ok(())
    }

    fn write_hours(&self) -> Result<(), Fault> {
        let mut write = self.index.prepare_cached(
            "INSERT INTO hours (hour, low, high) VALUES (?1, ?2, ?3) ON CONFLICT (hour)
             DO UPDATE SET low = min(low, ?2), high = max(high, ?3)",
        )?;
        for (hour, (low, high)) in &self.hours {
            write.execute((hour, low, high))?;
        }
        Ok(())
    }
}
