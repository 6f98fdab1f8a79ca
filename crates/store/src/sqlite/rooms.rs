//! Rooms, and what is kept with them beside their events: roles, bans and mutes.

use super::convert::{all, int, json, optional, parsed, to_json, uint, unknown};
use super::people;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{RoomKind, RoomRecord, Snapshot, StoredRoom};
use hubbub_protocol::room::RestrictionRecord;
use hubbub_protocol::{
    Epoch, Note, RestrictionKind, Role, RoomId, RoomName, SecretDigest, Seq, UserId, UserName,
    WallMs,
};
use rusqlite::{Connection, Params, Row};

fn run(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(values)
}

pub(super) fn write_room(conn: &Connection, room: &RoomRecord) -> rusqlite::Result<()> {
    let (retention, count) = match room.retention {
        Retention::Forever => (0, 0),
        Retention::None => (1, 0),
        Retention::Days(days) => (2, days),
        Retention::Messages(events) => (3, events),
    };
    let (kind, name) = match &room.kind {
        RoomKind::Named(name) => (0, Some(name)),
        RoomKind::Private { .. } => (1, None),
        RoomKind::Group { name, .. } => (2, Some(name)),
        RoomKind::Pin { name, .. } => (3, Some(name)),
    };
    let (mut owner, mut sides, mut open, mut pin) = (None, None, None, None);
    match &room.kind {
        RoomKind::Named(_) => {}
        RoomKind::Private { sides: [low, high], open: both } => {
            sides = Some((int(low.0)?, int(high.0)?));
            open = Some(*both);
        }
        RoomKind::Group { owner: user, .. } => owner = Some(int(user.0)?),
        RoomKind::Pin { pin: digest, .. } => pin = Some(digest.0),
    }
    run(
        conn,
        "INSERT INTO rooms (id, kind, name, owner, low_user, high_user, open, pin, retention,
                            retention_count, settings, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET kind = ?2, name = ?3, owner = ?4, low_user = ?5,
         high_user = ?6, open = ?7, pin = ?8, retention = ?9, retention_count = ?10,
         settings = ?11",
        (
            int(room.id.0)?,
            kind,
            name.map(RoomName::as_str),
            owner,
            sides.map(|(low, _)| low),
            sides.map(|(_, high)| high),
            open,
            pin,
            retention,
            count,
            to_json(&room.settings)?,
            int(room.created.0)?,
        ),
    )
    .map(drop)
}

/// Takes a room away, with all that is kept with it. Returns whether events went.
pub(super) fn delete_room(conn: &Connection, room: RoomId) -> rusqlite::Result<bool> {
    people::delete_room(conn, room)?;
    let room = [int(room.0)?];
    run(conn, "DELETE FROM reactions WHERE room = ?1", room)?;
    run(conn, "DELETE FROM roles WHERE room = ?1", room)?;
    run(conn, "DELETE FROM restrictions WHERE room = ?1", room)?;
    run(conn, "DELETE FROM rooms WHERE id = ?1", room)?;
    Ok(run(conn, "DELETE FROM events WHERE room = ?1", room)? > 0)
}

pub(super) fn write_role(
    conn: &Connection,
    room: RoomId,
    user: UserId,
    role: Option<Role>,
) -> rusqlite::Result<()> {
    let (room, user) = (int(room.0)?, int(user.0)?);
    let role = match role {
        None => {
            let sql = "DELETE FROM roles WHERE room = ?1 AND user = ?2";
            return run(conn, sql, (room, user)).map(drop);
        }
        Some(Role::Voice) => 0,
        Some(Role::Operator) => 1,
        Some(Role::Owner) => 2,
    };
    let sql = "REPLACE INTO roles (room, user, role) VALUES (?1, ?2, ?3)";
    run(conn, sql, (room, user, role)).map(drop)
}

pub(super) fn write_restriction(
    conn: &Connection,
    restriction: &RestrictionRecord,
) -> rusqlite::Result<()> {
    let kind = match restriction.kind {
        RestrictionKind::Ban => 0,
        RestrictionKind::Mute => 1,
    };
    run(
        conn,
        "REPLACE INTO restrictions (id, room, kind, whom, shown, by, reason, created, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            int(restriction.id)?,
            int(restriction.room.0)?,
            kind,
            to_json(&restriction.whom)?,
            &restriction.shown,
            restriction.by.as_str(),
            restriction.reason.as_ref().map(Note::as_str),
            int(restriction.created.0)?,
            restriction.until.map(|time| int(time.0)).transpose()?,
        ),
    )
    .map(drop)
}

pub(super) fn delete_restriction(conn: &Connection, id: u64) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM restrictions WHERE id = ?1", [int(id)?]).map(drop)
}

/// Adds the rooms and what is kept with them to what the hub begins with.
pub(super) fn load(conn: &Connection, into: Snapshot) -> rusqlite::Result<Snapshot> {
    let roles = all(conn, "SELECT room, user, role FROM roles ORDER BY room, user", |row| {
        Ok((RoomId(uint(row, 0)?), UserId(uint(row, 1)?), role(row, 2)?))
    })?;
    let sql = "SELECT id, room, kind, whom, shown, by, reason, created, until FROM restrictions
               ORDER BY id";
    let restrictions = all(conn, sql, restriction)?;
    Ok(Snapshot { rooms: read_rooms(conn)?, roles, restrictions, ..into })
}

/// All rooms, by id.
pub(super) fn read_rooms(conn: &Connection) -> rusqlite::Result<Vec<StoredRoom>> {
    all(
        conn,
        "SELECT r.id, r.kind, r.name, r.owner, r.low_user, r.high_user, r.open, r.pin,
                r.retention, r.retention_count, r.settings, r.created, r.floor_epoch,
                r.floor_seq, e.epoch, e.seq
         FROM rooms AS r LEFT JOIN events AS e ON e.id =
              (SELECT id FROM events WHERE room = r.id ORDER BY seq DESC LIMIT 1)
         ORDER BY r.id",
        stored_room,
    )
}

fn stored_room(row: &Row<'_>) -> rusqlite::Result<StoredRoom> {
    let name = |row| parsed(row, 2, RoomName::known);
    let kind = match row.get(1)? {
        0 => RoomKind::Named(name(row)?),
        1 => RoomKind::Private {
            sides: [UserId(uint(row, 4)?), UserId(uint(row, 5)?)],
            open: row.get(6)?,
        },
        2 => RoomKind::Group { name: name(row)?, owner: UserId(uint(row, 3)?) },
        3 => RoomKind::Pin { name: name(row)?, pin: SecretDigest(row.get(7)?) },
        other => return Err(unknown(1, other)),
    };
    let retention = match row.get(8)? {
        0 => Retention::Forever,
        1 => Retention::None,
        2 => Retention::Days(row.get(9)?),
        3 => Retention::Messages(row.get(9)?),
        other => return Err(unknown(8, other)),
    };
    let (id, created) = (RoomId(uint(row, 0)?), WallMs(uint(row, 11)?));
    let record = RoomRecord { id, kind, retention, created, settings: json(row, 10)? };
    let floor = (Seq(uint(row, 13)?), Epoch(row.get(12)?));
    let newest = (
        Seq(optional(row, 15, uint)?.unwrap_or(0)),
        Epoch(row.get::<_, Option<u32>>(14)?.unwrap_or(0)),
    );
    // When all have gone, numbers still go on behind the last one.
    let (head_seq, head_epoch) = newest.max(floor);
    Ok(StoredRoom { record, head_epoch, head_seq, floor: floor.0 })
}

fn role(row: &Row<'_>, at: usize) -> rusqlite::Result<Role> {
    match row.get(at)? {
        0 => Ok(Role::Voice),
        1 => Ok(Role::Operator),
        2 => Ok(Role::Owner),
        other => Err(unknown(at, other)),
    }
}

fn restriction(row: &Row<'_>) -> rusqlite::Result<RestrictionRecord> {
    let kind = match row.get(2)? {
        0 => RestrictionKind::Ban,
        1 => RestrictionKind::Mute,
        other => return Err(unknown(2, other)),
    };
    Ok(RestrictionRecord {
        id: uint(row, 0)?,
        room: RoomId(uint(row, 1)?),
        kind,
        whom: json(row, 3)?,
        shown: row.get(4)?,
        by: parsed(row, 5, UserName::known)?,
        reason: optional(row, 6, |row, at| parsed(row, at, Note::parse))?,
        created: WallMs(uint(row, 7)?),
        until: optional(row, 8, uint)?.map(WallMs),
    })
}
