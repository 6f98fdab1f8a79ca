//! The audit log as SQL.

use super::convert::{door, int, optional, parsed, uint, word};
use hubbub_protocol::audit::{AuditAct, AuditEntry, DoorKind};
use hubbub_protocol::{UserId, WallMs};
use rusqlite::{Connection, Row};

/// By the index on time, of which an old edge is read and usually nothing. In the order of the ids the
/// whole log would be.
const TRIM: &str = "
    DELETE FROM audit WHERE id IN (
        SELECT id FROM audit INDEXED BY audit_time WHERE time < ?1 ORDER BY id LIMIT ?2)";

/// In the order of the ids; `+` keeps SQLite from sorting what the index on time finds. For the first
/// page that index says where to begin, else all that is older than ?1 would be read.
const READ: &str = "
    SELECT id, time, act, user, name, peer, door, reason FROM audit
    WHERE +time >= ?1 AND id > CASE ?2
        WHEN 0 THEN (SELECT max(min(id) - 1, 0) FROM audit INDEXED BY audit_time WHERE time >= ?1)
        ELSE ?2 END
    ORDER BY id LIMIT ?3";

/// Adds an entry, if it is not there.
pub(super) fn write(conn: &Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO audit (id, time, act, user, name, peer, door, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
    )?
    .execute((
        int(entry.id)?,
        int(entry.time.0)?,
        entry.act.word(),
        entry.user.map(|user| int(user.0)).transpose()?,
        &entry.name,
        entry.peer.map(|peer| peer.to_string()),
        entry.door.map(DoorKind::word),
        &entry.reason,
    ))
    .map(drop)
}

/// Takes away the oldest entries from before then.
pub(super) fn trim(conn: &Connection, before: WallMs) -> rusqlite::Result<()> {
    conn.prepare_cached(TRIM)?.execute((int(before.0)?, crate::AUDIT_TRIM)).map(drop)
}

pub(super) fn read(
    conn: &Connection,
    since: WallMs,
    after_id: u64,
    limit: u32,
) -> rusqlite::Result<Vec<AuditEntry>> {
    // Nothing is stored at or beyond 2^63.
    let (Ok(since), Ok(after_id)) = (int(since.0), int(after_id)) else { return Ok(Vec::new()) };
    conn.prepare_cached(READ)?.query_map((since, after_id, limit), entry)?.collect()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: uint(row, 0)?,
        time: WallMs(uint(row, 1)?),
        act: word(row, 2, AuditAct::from_word)?,
        user: optional(row, 3, uint)?.map(UserId),
        name: row.get(4)?,
        peer: optional(row, 5, |row, at| parsed(row, at, str::parse))?,
        door: optional(row, 6, door)?,
        reason: row.get(7)?,
    })
}
