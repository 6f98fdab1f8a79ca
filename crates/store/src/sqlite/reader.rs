//! Reading. A call reads its whole page into memory and ends its statement, so no reader keeps the
//! WAL from beginning anew, however slow the client is that the page is for.

use super::connect::{self, Context};
use super::convert::{int, uint};
use super::migrate::{self, Found, Migration};
use super::search::{Notes, SearchIndex};
use super::wal::{self, Gate};
use super::{SqliteConfig, audit, events, people, reactions, rooms};
use crate::{HistoryPage, Loaded, Message, Reader, StoreError};
use hubbub_protocol::Reaction;
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::{Page, ReactionEntry};
use hubbub_protocol::record::{SendRecord, StoredRoom};
use hubbub_protocol::search::{self, Query};
use hubbub_protocol::{
    Counter, Epoch, Event, Instance, Position, RoomId, Seq, UserId, WallMs, limits,
};
use rusqlite::{Connection, OptionalExtension};
use std::cell::RefCell;
use std::sync::{LazyLock, PoisonError};

static OLDER: LazyLock<String> =
    LazyLock::new(|| select("WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"));
static NEWER: LazyLock<String> =
    LazyLock::new(|| select("WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"));
static ONE: LazyLock<String> = LazyLock::new(|| select("WHERE room = ?1 AND seq = ?2"));

fn select(which: &str) -> String {
    format!("SELECT {} FROM events {which}", events::COLUMNS)
}

/// A connection that only reads.
pub(super) struct SqliteReader {
    pub(super) conn: Connection,
    context: Context,
    gate: Gate,
    /// Borrowed by one search at a time, which reads what it finds through the rest.
    search: RefCell<SearchIndex>,
    /// Whether the writer, if there is one, is in another process.
    beside: bool,
}

impl SqliteReader {
    pub(super) fn open(
        config: &SqliteConfig,
        gate: Gate,
        notes: Notes,
    ) -> Result<Self, StoreError> {
        let conn = connect::open_reader(config)?;
        let search = SearchIndex::new(config, notes).into();
        Ok(Self { conn, context: Context::new(&config.path), gate, search, beside: false })
    }

    /// Opens what may be anything, and refuses what is not a Hubbub database of our version.
    pub(super) fn open_beside(
        config: &SqliteConfig,
        migrations: &[Migration],
    ) -> Result<Self, StoreError> {
        let (conn, context) = (connect::open_beside(config)?, Context::new(&config.path));
        let search = SearchIndex::new(config, Notes::default()).into();
        let reader = Self { conn, context, gate: Gate::default(), search, beside: true };
        let (conn, context) = (&reader.conn, &reader.context);
        match migrate::inspect(conn, context, migrations)? {
            Found::Fresh => Err(StoreError::Backend(format!(
                "{context}: nothing is in it yet: start a server with it first"
            ))),
            Found::Version(version) if version <= migrations.len() as i64 => {
                Err(StoreError::Backend(format!(
                    "{context}: the data are of version {version}, older than this program: start the server with it, which upgrades them"
                )))
            }
            Found::Version(_) => Ok(reader),
        }
    }

    /// Events in the order of the statement, at most `limit`, and whether there are more.
    fn events(
        &self,
        sql: &str,
        room: RoomId,
        seq: i64,
        limit: u32,
    ) -> rusqlite::Result<(Vec<Event>, bool)> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query((int(room.0)?, seq, i64::from(limit) + 1))?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            if events.len() == limit as usize {
                return Ok((events, true));
            }
            events.push(events::event(room, row)?);
        }
        Ok((events, false))
    }

    fn older(&self, room: RoomId, than: i64, limit: u32) -> rusqlite::Result<(Vec<Event>, bool)> {
        let (mut events, more) = self.events(&OLDER, room, than, limit)?;
        events.reverse();
        Ok((events, more))
    }

    fn newer(&self, room: RoomId, than: i64, limit: u32) -> rusqlite::Result<(Vec<Event>, bool)> {
        self.events(&NEWER, room, than, limit)
    }

    fn read_message(
        &self,
        room: RoomId,
        seq: Seq,
        reacted: Option<(UserId, &Reaction)>,
    ) -> rusqlite::Result<Option<Message>> {
        // Nothing is stored at or beyond 2^63.
        let (Ok(place), Ok(number)) = (int(room.0), int(seq.0)) else { return Ok(None) };
        let tx = self.conn.unchecked_transaction()?;
        let event = tx
            .prepare_cached(&ONE)?
            .query_row((place, number), |row| events::event(room, row))
            .optional()?;
        let Some(event) = event else { return Ok(None) };
        let has_reacted = match reacted.map(|(user, reaction)| (int(user.0), reaction)) {
            Some((Ok(user), reaction)) => reactions::has(&tx, [place, number, user], reaction)?,
            _ => false,
        };
        let beside = reacted.map(|(_, reaction)| reaction);
        let reactions = reactions::count(&tx, place, number, beside)?;
        tx.commit()?;
        Ok(Some(Message { event, reactions, has_reacted }))
    }

    fn read_expired(&self, room: RoomId, before: WallMs) -> rusqlite::Result<Option<Seq>> {
        let Ok(room) = int(room.0) else { return Ok(None) };
        let mut statement = self
            .conn
            .prepare_cached("SELECT seq, time FROM events WHERE room = ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = statement.query((room, int(limits::TRIM_EVENTS)?))?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            if WallMs(uint(row, 1)?) >= before {
                break;
            }
            last = Some(Seq(uint(row, 0)?));
        }
        Ok(last)
    }

    fn read_page(&self, room: RoomId, page: Page, limit: u32) -> rusqlite::Result<HistoryPage> {
        // No seq is near 2^63: a number beyond means "the end".
        let place = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
        let (events, more) = match page {
            Page::Latest => self.older(room, i64::MAX, limit)?,
            Page::Before(seq) => self.older(room, place(seq), limit)?,
            Page::After(seq) => self.newer(room, place(seq), limit)?,
            Page::Around(seq) => {
                // One snapshot for both halves, else a room could go in between.
                let tx = self.conn.unchecked_transaction()?;
                let (mut events, more) = self.older(room, place(seq), limit / 2)?;
                let newer = limit - limit / 2;
                events.extend(self.newer(room, place(seq).saturating_sub(1), newer)?.0);
                tx.commit()?;
                (events, more)
            }
        };
        Ok(HistoryPage { events, more, reactions: Vec::new() })
    }

    fn read_sends(&self, instance: Instance) -> rusqlite::Result<Vec<SendRecord>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT counter, room, epoch, seq, time FROM sends
             WHERE instance = ?1 ORDER BY counter DESC LIMIT ?2",
        )?;
        let window = int(limits::INSTANCE_WINDOW)?;
        let rows = statement.query_map((&instance.0[..], window), |row| {
            let (room, epoch, seq) =
                (RoomId(uint(row, 1)?), Epoch(row.get(2)?), Seq(uint(row, 3)?));
            Ok(SendRecord {
                instance,
                counter: Counter(uint(row, 0)?),
                position: Position { room, epoch, seq },
                time: WallMs(uint(row, 4)?),
            })
        })?;
        let mut sends = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        sends.reverse();
        Ok(sends)
    }
}

impl Reader for SqliteReader {
    fn message(
        &mut self,
        room: RoomId,
        seq: Seq,
        reacted: Option<(UserId, &Reaction)>,
    ) -> Result<Option<Message>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.read_message(room, seq, reacted)
            .map_err(self.context.doing(&format!("reading event {seq} of room {room}")))
    }

    fn reactions(
        &mut self,
        room: RoomId,
        first: Seq,
        last: Seq,
        me: UserId,
    ) -> Result<Vec<ReactionEntry>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let place = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
        self.conn
            .unchecked_transaction()
            .and_then(|tx| {
                let found =
                    reactions::read(&tx, room, [place(first), place(last)], int(me.0).ok())?;
                tx.commit()?;
                Ok(found)
            })
            .map_err(self.context.doing(&format!("reading the reactions in room {room}")))
    }

    fn expired(&mut self, room: RoomId, before: WallMs) -> Result<Option<Seq>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.read_expired(room, before)
            .map_err(self.context.doing(&format!("looking for old events of room {room}")))
    }

    fn rooms(&mut self) -> Result<Vec<StoredRoom>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        rooms::read_rooms(&self.conn).map_err(self.context.doing("reading the rooms"))
    }

    fn search(&mut self, query: &Query) -> Result<search::Found, StoreError> {
        let read = |room: RoomId, seq: Seq| {
            let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.read_page(room, Page::After(Seq(seq.0.saturating_sub(1))), 1)
                .map(|page| page.events.into_iter().find(|event| event.seq == seq))
                .map_err(self.context.doing(&format!("reading a hit in room {room}")))
        };
        self.search.borrow_mut().search(&self.conn, &self.gate, query, read)
    }

    fn page(&mut self, room: RoomId, page: Page, limit: u32) -> Result<HistoryPage, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.read_page(room, page, limit)
            .map_err(self.context.doing(&format!("reading the history of room {room}")))
    }

    fn epoch_at(&mut self, room: RoomId, seq: Seq) -> Result<Option<Epoch>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let (Ok(place), Ok(number)) = (int(room.0), int(seq.0)) else { return Ok(None) };
        self.conn
            .prepare_cached("SELECT epoch FROM events WHERE room = ?1 AND seq = ?2")
            .and_then(|mut statement| {
                statement.query_row((place, number), |row| row.get(0).map(Epoch)).optional()
            })
            .map_err(self.context.doing(&format!("looking for event {seq} of room {room}")))
    }

    fn sends(&mut self, instance: Instance) -> Result<Vec<SendRecord>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.read_sends(instance).map_err(self.context.doing("reading a client's sends"))
    }

    fn audit(
        &mut self,
        since: WallMs,
        after_id: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let _reading = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        audit::read(&self.conn, since, after_id, limit)
            .map_err(self.context.doing("reading the audit log"))
    }
}

impl Drop for SqliteReader {
    fn drop(&mut self) {
        if self.beside {
            wal::leave(&self.conn);
        }
    }
}

/// Reads what the hub begins with.
pub(super) fn load(conn: &Connection, context: &Context) -> Result<Loaded, StoreError> {
    read_all(conn).map_err(context.doing("loading"))
}

fn read_all(conn: &Connection) -> rusqlite::Result<Loaded> {
    let epoch =
        conn.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0))?;
    let snapshot = rooms::load(conn, people::load(conn)?)?;
    Ok(Loaded { epoch: Epoch(epoch), snapshot })
}
