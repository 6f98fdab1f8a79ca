//! A batch of records as SQL. This is the hot path: `examples/append.rs` measures it.

use super::convert::int;
use super::{audit, events, people, rooms};
use hubbub_protocol::record::Record;
use hubbub_protocol::{Counter, Instance, Position, WallMs, limits};
use rusqlite::{CachedStatement, Connection, Statement};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Rows of one INSERT: spreads the cost of starting a statement. Measured: 1 costs 15 % more, 64 the
/// same.
const ROWS: usize = 16;

// `OR FAIL` spares SQLite the journal that would take back the earlier rows of a failed statement: the
// whole transaction is rolled back anyway.
static INSERT_EVENTS: LazyLock<[String; 2]> = LazyLock::new(|| {
    inserts(&format!("INSERT OR FAIL INTO events ({}) VALUES", events::BOUND), 11)
});
static INSERT_SENDS: LazyLock<[String; 2]> = LazyLock::new(|| {
    inserts("INSERT OR FAIL INTO sends (instance, counter, room, epoch, seq, time) VALUES", 6)
});
/// Sends of one instance that may lie in the table beyond its window before they are pruned. Pruning
/// in each batch cost some 5 µs more per message when every message came from another client.
const PRUNE_EVERY: u32 = 16;
/// Instances whose unpruned sends are counted; beyond, the counts are forgotten.
const COUNTED: usize = 100_000;

/// Keeps the newest sends of one instance. The inner query steps along a page or two, since an
/// instance's sends lie together.
const PRUNE_SENDS: &str = "
    DELETE FROM sends WHERE instance = ?1 AND counter <= (
        SELECT counter FROM sends WHERE instance = ?1 ORDER BY counter DESC LIMIT 1 OFFSET ?2)";

/// The statements for one row and for [`ROWS`] rows.
fn inserts(head: &str, columns: usize) -> [String; 2] {
    let row = format!("({})", vec!["?"; columns].join(","));
    [format!("{head} {row}"), format!("{head} {}", vec![row; ROWS].join(","))]
}

/// What is used again from batch to batch.
#[derive(Default)]
pub(super) struct Scratch {
    sends: Vec<Send>,
    /// Sends since an instance was pruned. One that is not here has to be pruned, so after a restart
    /// nothing grows either.
    unpruned: HashMap<Instance, u32>,
    /// Whether the batch took a text away, which is not to be found in any file then: see
    /// [`super::erase`].
    pub(super) erased: bool,
}

struct Send {
    instance: Instance,
    counter: Counter,
    position: Position,
    time: WallMs,
}

/// Writes a batch, in the order of its records, into the transaction that is open.
pub(super) fn write(
    conn: &Connection,
    scratch: &mut Scratch,
    batch: &[Record],
) -> rusqlite::Result<()> {
    scratch.sends.clear();
    scratch.erased = false;
    let is_event = |record: &Record| matches!(record, Record::Event { .. });
    // Events that follow each other are written together, up to one that changes older ones; all else
    // one by one.
    for run in batch.chunk_by(|a, b| is_event(b) && is_plain_event(a)) {
        match &run[0] {
            Record::Event { .. } => {
                write_events(conn, run, &mut scratch.sends)?;
                if let Some(Record::Event { event, .. }) = run.last() {
                    scratch.erased |= events::project(conn, event)?;
                }
            }
            Record::Room(room) => rooms::write_room(conn, room)?,
            Record::RoomGone(room) => scratch.erased |= rooms::delete_room(conn, *room)?,
            Record::Trim { room, upto } => scratch.erased |= events::trim(conn, *room, *upto)?,
            Record::Role { room, user, role } => rooms::write_role(conn, *room, *user, *role)?,
            Record::Restriction(restriction) => rooms::write_restriction(conn, restriction)?,
            Record::RestrictionGone(id) => rooms::delete_restriction(conn, *id)?,
            Record::Account(account) => people::write_account(conn, account)?,
            Record::Credentials { user, credentials } => {
                people::write_credentials(conn, *user, credentials)?;
            }
            Record::Login(login) => people::write_login(conn, login)?,
            Record::LoginGone(login) => people::delete_login(conn, *login)?,
            Record::Place(place) => people::write_place(conn, place)?,
            Record::PlaceGone { user, room } => people::delete_place(conn, *user, *room)?,
            Record::Request(request) => people::write_request(conn, request)?,
            Record::RequestGone(request) => people::delete_request(conn, request)?,
            Record::Block { user, blocked, on } => {
                people::write_block(conn, *user, *blocked, *on)?;
            }
            Record::Invite(invite) => people::write_invite(conn, invite)?,
            Record::InviteGone(invite) => people::delete_invite(conn, *invite)?,
            Record::Audit(entry) => audit::write(conn, entry)?,
            Record::AuditTrim { before } => audit::trim(conn, *before)?,
        }
    }
    write_sends(conn, scratch)
}

/// An event that changes no other.
fn is_plain_event(record: &Record) -> bool {
    matches!(record, Record::Event { event, .. } if !events::projects(event))
}

/// Runs a statement over all rows, [`ROWS`] at a time as long as there are so many.
fn insert<T>(
    conn: &Connection,
    [one, many]: &[String; 2],
    rows: &[T],
    mut bind: impl FnMut(&mut Statement<'_>, usize, &T) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut run = |mut statement: CachedStatement<'_>, rows: &[T], size: usize| {
        let columns = statement.parameter_count() / size;
        for chunk in rows.chunks_exact(size) {
            for (n, row) in chunk.iter().enumerate() {
                bind(&mut statement, n * columns, row)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    };
    let (whole, rest) = rows.split_at(rows.len() - rows.len() % ROWS);
    if !whole.is_empty() {
        run(conn.prepare_cached(many)?, whole, ROWS)?;
    }
    if rest.is_empty() { Ok(()) } else { run(conn.prepare_cached(one)?, rest, 1) }
}

fn write_events(conn: &Connection, run: &[Record], sends: &mut Vec<Send>) -> rusqlite::Result<()> {
    insert(conn, &INSERT_EVENTS, run, |statement, at, record| {
        let Record::Event { event, send } = record else { return Ok(()) };
        if let Some((instance, counter)) = *send {
            sends.push(Send { instance, counter, position: event.position(), time: event.time });
        }
        events::bind(statement, at, event)
    })
}

/// Writes the sends in the order of their tree, so that those of one instance meet on one page.
fn write_sends(conn: &Connection, scratch: &mut Scratch) -> rusqlite::Result<()> {
    let Scratch { sends, unpruned, .. } = scratch;
    if sends.is_empty() {
        return Ok(());
    }
    sends.sort_unstable_by_key(|send| (send.instance, send.counter));
    insert(conn, &INSERT_SENDS, sends, |statement, at, send| {
        statement.raw_bind_parameter(at + 1, &send.instance.0[..])?;
        statement.raw_bind_parameter(at + 2, int(send.counter.0)?)?;
        statement.raw_bind_parameter(at + 3, int(send.position.room.0)?)?;
        statement.raw_bind_parameter(at + 4, send.position.epoch.0)?;
        statement.raw_bind_parameter(at + 5, int(send.position.seq.0)?)?;
        statement.raw_bind_parameter(at + 6, int(send.time.0)?)
    })?;
    if unpruned.len() > COUNTED {
        unpruned.clear();
    }
    let mut prune = conn.prepare_cached(PRUNE_SENDS)?;
    prune.raw_bind_parameter(2, int(limits::INSTANCE_WINDOW)?)?;
    for of_one in sends.chunk_by(|a, b| a.instance == b.instance) {
        let count = unpruned.entry(of_one[0].instance).or_insert(PRUNE_EVERY);
        *count = count.saturating_add(u32::try_from(of_one.len()).unwrap_or(u32::MAX));
        if *count >= PRUNE_EVERY {
            *count = 0;
            prune.raw_bind_parameter(1, &of_one[0].instance.0[..])?;
            prune.raw_execute()?;
        }
    }
    Ok(())
}
