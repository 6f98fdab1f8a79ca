//! What the index is made from: the events of the log, read beside its writer, a bounded page at a time.

use super::super::connect;
use super::super::wal::Gate;
use super::super::{Context, SqliteConfig};
use super::{HOUR_MS, Progress, name_word, room_word};
use crate::StoreError;
use crate::search::words;
use hubbub_protocol::UserName;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::sync::PoisonError;

/// A connection to the log that only reads.
pub(super) struct Log {
    conn: Connection,
    context: Context,
    gate: Gate,
    /// What every query begins with.
    select: String,
}

/// What the index needs of an event.
pub(super) struct LogRow {
    pub(super) id: i64,
    room: i64,
    seq: i64,
    epoch: i64,
    time: i64,
    kind: i64,
    /// The event that it is about.
    pub(super) refers: Option<i64>,
    name: String,
    text: String,
}

impl Log {
    pub(super) fn open(config: &SqliteConfig, gate: Gate) -> Result<Self, StoreError> {
        let conn = connect::open_reader(config)?;
        let context = Context::new(&config.path);
        let refers: bool = conn
            .query_row(
                "SELECT count(*) FROM pragma_table_info('events') WHERE name = 'refers'",
                [],
                |row| row.get(0),
            )
            .map_err(context.doing("looking at the tables"))?;
        let refers = if refers { "refers" } else { "NULL" };
        let select =
            format!("SELECT id, room, seq, epoch, time, kind, {refers}, name, text FROM events ");
        Ok(Self { conn, context, gate, select })
    }

    fn all(&self, rest: &str, params: impl Params) -> Result<Vec<LogRow>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.conn
            .prepare_cached(&format!("{}{rest}", self.select))
            .and_then(|mut found| found.query_map(params, LogRow::read)?.collect())
            .map_err(self.context.doing("reading what is to be indexed"))
    }

    /// Events with an id above that, by id.
    pub(super) fn after(&self, id: i64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.all("WHERE id > ?1 ORDER BY id LIMIT ?2", (id, limit as i64))
    }

    /// Events with an id above that and up to another, by id.
    pub(super) fn between(
        &self,
        after: i64,
        upto: i64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.all("WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3", (after, upto, limit as i64))
    }

    /// The event with an id.
    pub(super) fn event(&self, id: i64) -> Result<Option<LogRow>, StoreError> {
        Ok(self.all("WHERE id = ?1", [id])?.pop())
    }

    /// The event with a number in a room.
    pub(super) fn numbered(&self, room: i64, seq: i64) -> Result<Option<LogRow>, StoreError> {
        Ok(self.all("WHERE room = ?1 AND seq = ?2", [room, seq])?.pop())
    }
}

/// Whether the newest event of the log is the one up to which all is indexed.
pub(super) fn is_reached(log: &Connection, progress: Progress) -> rusqlite::Result<bool> {
    let newest = log
        .prepare_cached("SELECT id, room, seq, epoch FROM events ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Progress {
                id: row.get(0)?,
                room: row.get(1)?,
                seq: row.get(2)?,
                epoch: row.get(3)?,
            })
        })
        .optional()?;
    Ok(newest.unwrap_or_default() == progress)
}

impl LogRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            room: row.get(1)?,
            seq: row.get(2)?,
            epoch: row.get(3)?,
            time: row.get(4)?,
            kind: row.get(5)?,
            refers: row.get(6)?,
            name: row.get(7)?,
            text: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
        })
    }

    /// Whether it is a message now: text or action.
    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind, 0 | 1)
    }

    pub(super) fn room(&self) -> i64 {
        self.room
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { id: self.id, room: self.room, seq: self.seq, epoch: self.epoch }
    }

    pub(super) fn hour(&self) -> i64 {
        self.time / HOUR_MS as i64
    }

    /// A hash of all that is indexed and of what the message is (FNV-1a, 64 bits). It tells an edited
    /// message from what it was, and a message from another one that has got its id.
    pub(super) fn mark(&self) -> i64 {
        let numbers = [self.room, self.seq, self.epoch, self.time, self.name.len() as i64];
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        let bytes = numbers.chain(self.name.bytes()).chain(self.text.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash as i64
    }

    /// All its words, with those for room and sender.
    pub(super) fn words(&self) -> String {
        let mut all = words(&self.text);
        all.push(room_word(self.room as u64));
        // A name that breaks today's rules was allowed once.
        let folded =
            UserName::known(&self.name).map_or_else(|_| self.name.clone(), |name| name.fold());
        all.push(name_word(&folded));
        all.join(" ")
    }
}
