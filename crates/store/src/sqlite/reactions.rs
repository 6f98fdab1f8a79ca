//! Reactions to messages as SQL.

use super::convert::{int, parsed, uint, word};
use hubbub_protocol::frame::ReactionEntry;
use hubbub_protocol::{Author, Event, Reaction, RoomId, Seq, UserId, UserName, limits};
use rusqlite::{Connection, Row};

/// One row for each reaction. All of it is in the index, in this order but for the last sorting.
const COUNTS: &str = "
    SELECT seq, reaction, count(*), max(user = ?4), min(event) AS first
    FROM reactions INDEXED BY reactions_first
    WHERE room = ?1 AND seq BETWEEN ?2 AND ?3
    GROUP BY seq, reaction ORDER BY seq, first, reaction";

const FIRST: &str = "
    SELECT user, name FROM reactions
    WHERE room = ?1 AND seq = ?2 AND reaction = ?3 ORDER BY event, user LIMIT ?4";

/// Counts a user's reaction, or no longer. Who has reacted so already did it then. One that would be more
/// different ones than there may be is not counted: the hub, which reads before others have written,
/// can't see them all.
pub(super) fn write(
    conn: &Connection,
    event: &Event,
    of: Seq,
    reaction: &Reaction,
    on: bool,
) -> rusqlite::Result<()> {
    let (room, of, user) = (int(event.room.0)?, int(of.0)?, int(event.from.id.0)?);
    if !on {
        let sql = "DELETE FROM reactions
                   WHERE room = ?1 AND seq = ?2 AND reaction = ?3 AND user = ?4";
        return conn.prepare_cached(sql)?.execute((room, of, reaction.as_str(), user)).map(drop);
    }
    let others = count(conn, room, of, Some(reaction))?;
    if others as usize >= limits::REACTIONS_PER_EVENT {
        return Ok(());
    }
    conn.prepare_cached(
        "INSERT INTO reactions (room, seq, reaction, user, name, event)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (room, seq, reaction, user) DO NOTHING",
    )?
    .execute((room, of, reaction.as_str(), user, event.from.name.as_str(), int(event.seq.0)?))
    .map(drop)
}

/// The reactions to the messages from `first` to `last`, as a reader gives them. Call it in a
/// transaction.
pub(super) fn read(
    conn: &Connection,
    room: RoomId,
    [first, last]: [i64; 2],
    me: Option<i64>,
) -> rusqlite::Result<Vec<ReactionEntry>> {
    let room = int(room.0)?;
    let mut counts = conn.prepare_cached(COUNTS)?;
    let mut found: Vec<ReactionEntry> =
        counts.query_map((room, first, last, me), entry)?.collect::<rusqlite::Result<_>>()?;
    let mut firsts = conn.prepare_cached(FIRST)?;
    for entry in &mut found {
        let values =
            (room, int(entry.seq.0)?, entry.reaction.as_str(), limits::REACTION_NAMES as i64);
        let users = firsts.query_map(values, |row| {
            Ok(Author { id: UserId(uint(row, 0)?), name: parsed(row, 1, UserName::known)? })
        })?;
        entry.users = users.collect::<rusqlite::Result<_>>()?;
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<ReactionEntry> {
    Ok(ReactionEntry {
        seq: Seq(uint(row, 0)?),
        reaction: word(row, 1, Reaction::parse)?,
        count: row.get(2)?,
        users: Vec::new(),
        mine: row.get::<_, Option<bool>>(3)?.unwrap_or(false),
    })
}

/// How many different reactions there are to a message, beside one.
pub(super) fn count(
    conn: &Connection,
    room: i64,
    seq: i64,
    beside: Option<&Reaction>,
) -> rusqlite::Result<u32> {
    let sql = "SELECT count(DISTINCT reaction) FROM reactions
               WHERE room = ?1 AND seq = ?2 AND reaction IS NOT ?3";
    let beside = beside.map(Reaction::as_str);
    conn.prepare_cached(sql)?.query_row((room, seq, beside), |row| row.get(0))
}

/// Whether a user has reacted so to a message.
pub(super) fn has(
    conn: &Connection,
    [room, seq, user]: [i64; 3],
    reaction: &Reaction,
) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM reactions
               WHERE room = ?1 AND seq = ?2 AND reaction = ?3 AND user = ?4";
    conn.prepare_cached(sql)?.exists((room, seq, reaction.as_str(), user))
}
