//! Reading. A call reads its whole page into memory and ends its statement, so no reader keeps the
//! WAL from beginning anew, however slow the client is that the page is for.

use super::connect::{self, Context};
use super::convert::{all, int, optional, parsed, uint, unknown};
use super::migrate::{self, Found, Migration};
use super::wal::{self, Gate};
use super::{SqliteConfig, audit, people};
use crate::{HistoryPage, Loaded, Reader, StoreError};
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::{RoomKind, RoomRecord, SendRecord, Snapshot, StoredRoom};
use hubbub_protocol::{
    Author, Body, Counter, Epoch, Event, Instance, Position, RoomId, RoomName, Seq, Text, UserId,
    UserName, WallMs, limits,
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::PoisonError;

/// A connection that only reads.
pub(super) struct SqliteReader {
    pub(super) conn: Connection,
    context: Context,
    gate: Gate,
    /// Whether the writer, if there is one, is in another process.
    beside: bool,
}

impl SqliteReader {
    pub(super) fn open(config: &SqliteConfig, gate: Gate) -> Result<Self, StoreError> {
        let conn = connect::open_reader(config)?;
        Ok(Self { conn, context: Context::new(&config.path), gate, beside: false })
    }

    /// Opens what may be anything, and refuses what is not a Hubbub database of our version.
    pub(super) fn open_beside(
        config: &SqliteConfig,
        migrations: &[Migration],
    ) -> Result<Self, StoreError> {
        let (conn, context) = (connect::open_beside(config)?, Context::new(&config.path));
        let reader = Self { conn, context, gate: Gate::default(), beside: true };
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
            events.push(event(room, row)?);
        }
        Ok((events, false))
    }

    fn older(&self, room: RoomId, than: i64, limit: u32) -> rusqlite::Result<(Vec<Event>, bool)> {
        let sql = "SELECT seq, epoch, time, kind, user, name, text FROM events
                   WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        let (mut events, more) = self.events(sql, room, than, limit)?;
        events.reverse();
        Ok((events, more))
    }

    fn newer(&self, room: RoomId, than: i64, limit: u32) -> rusqlite::Result<(Vec<Event>, bool)> {
        let sql = "SELECT seq, epoch, time, kind, user, name, text FROM events
                   WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        self.events(sql, room, than, limit)
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
        Ok(HistoryPage { events, more })
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
    let rooms = all(
        conn,
        "SELECT r.id, r.kind, r.name, r.owner, r.low_user, r.high_user, r.open, r.retention,
                r.created, e.epoch, e.seq
         FROM rooms AS r LEFT JOIN events AS e ON e.id =
              (SELECT id FROM events WHERE room = r.id ORDER BY seq DESC LIMIT 1)
         ORDER BY r.id",
        stored_room,
    )?;
    Ok(Loaded { epoch: Epoch(epoch), snapshot: Snapshot { rooms, ..people::load(conn)? } })
}

fn stored_room(row: &Row<'_>) -> rusqlite::Result<StoredRoom> {
    let kind = match row.get(1)? {
        0 => RoomKind::Named(parsed(row, 2, RoomName::known)?),
        1 => RoomKind::Private {
            sides: [UserId(uint(row, 4)?), UserId(uint(row, 5)?)],
            open: row.get(6)?,
        },
        2 => {
            RoomKind::Group { name: parsed(row, 2, RoomName::known)?, owner: UserId(uint(row, 3)?) }
        }
        other => return Err(unknown(1, other)),
    };
    let retention = match row.get(7)? {
        0 => Retention::Forever,
        1 => Retention::None,
        other => return Err(unknown(7, other)),
    };
    let (id, created) = (RoomId(uint(row, 0)?), WallMs(uint(row, 8)?));
    let head_epoch = Epoch(row.get::<_, Option<u32>>(9)?.unwrap_or(0));
    let head_seq = Seq(optional(row, 10, uint)?.unwrap_or(0));
    let record = RoomRecord { id, kind, retention, created };
    Ok(StoredRoom { record, head_epoch, head_seq })
}

fn event(room: RoomId, row: &Row<'_>) -> rusqlite::Result<Event> {
    let text = parsed(row, 6, Text::parse)?;
    let body = match row.get(3)? {
        0 => Body::Text { text },
        1 => Body::Action { text },
        other => return Err(unknown(3, other)),
    };
    Ok(Event {
        room,
        seq: Seq(uint(row, 0)?),
        epoch: Epoch(row.get(1)?),
        time: WallMs(uint(row, 2)?),
        from: author(row, 4)?,
        body,
    })
}

/// An author whose id is in column `at` and whose name is in the next.
fn author(row: &Row<'_>, at: usize) -> rusqlite::Result<Author> {
    Ok(Author { id: UserId(uint(row, at)?), name: parsed(row, at + 1, UserName::known)? })
}
