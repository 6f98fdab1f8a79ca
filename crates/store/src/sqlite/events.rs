//! Events as rows, and what a new event does with older ones: see [`Record::Event`].
//!
//! [`Record::Event`]: hubbub_protocol::record::Record::Event

use super::convert::{int, json, optional, parsed, to_json, uint, unknown, word};
use super::reactions;
use hubbub_protocol::{
    Author, Body, Epoch, Event, Reaction, RoomId, Said, Seq, Text, UserId, UserName, WallMs,
};
use rusqlite::{Connection, OptionalExtension, Row, Statement};
use std::borrow::Cow;

const TEXT: i64 = 0;
const ACTION: i64 = 1;
const DELETED: i64 = 2;
const EDIT: i64 = 3;
const DELETE: i64 = 4;
const REACT: i64 = 5;
const PIN: i64 = 6;
/// The body as JSON: what is seldom, and only read.
const OTHER: i64 = 7;

/// What [`event`] reads, in this order.
pub(super) const COLUMNS: &str = "seq, epoch, time, kind, user, name, text, refers, edited, flags";

/// What [`bind`] binds, in this order. A second statement without the last three, for messages that
/// have nothing there, was measured: it saves 1 %.
pub(super) const BOUND: &str =
    "room, seq, epoch, time, kind, user, name, text, refers, edited, flags";

/// A body as it is kept.
struct Kept<'e> {
    kind: i64,
    text: Cow<'e, str>,
    edited: Option<Seq>,
    flag: bool,
}

fn kept(body: &Body) -> rusqlite::Result<Kept<'_>> {
    let message = |kind, said: &'_ Said| (kind, said.edited, said.everyone);
    let (kind, edited, flag) = match body {
        Body::Text(said) => message(TEXT, said),
        Body::Action(said) => message(ACTION, said),
        Body::Deleted { by } => (DELETED, Some(*by), false),
        Body::Edit { .. } => (EDIT, None, false),
        Body::Delete { .. } => (DELETE, None, false),
        Body::React { on, .. } => (REACT, None, *on),
        Body::Pin { on, .. } => (PIN, None, *on),
        Body::Changed(_)
        | Body::Role { .. }
        | Body::Kicked { .. }
        | Body::Restricted { .. }
        | Body::Lifted { .. } => (OTHER, None, false),
    };
    let text = match body {
        Body::Text(said) | Body::Action(said) => Cow::Borrowed(said.text.as_str()),
        Body::Edit { text, .. } => Cow::Borrowed(text.as_ref().map_or("", Text::as_str)),
        Body::React { reaction, .. } => Cow::Borrowed(reaction.as_str()),
        Body::Deleted { .. } | Body::Delete { .. } | Body::Pin { .. } => Cow::Borrowed(""),
        Body::Changed(_)
        | Body::Role { .. }
        | Body::Kicked { .. }
        | Body::Restricted { .. }
        | Body::Lifted { .. } => Cow::Owned(to_json(body)?),
    };
    Ok(Kept { kind, text, edited, flag })
}

/// Binds a row of the table, its first column to the parameter after `at`.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    at: usize,
    event: &Event,
) -> rusqlite::Result<()> {
    let number = |seq: Option<Seq>| seq.map(|seq| int(seq.0)).transpose();
    let kept = kept(&event.body)?;
    statement.raw_bind_parameter(at + 1, int(event.room.0)?)?;
    statement.raw_bind_parameter(at + 2, int(event.seq.0)?)?;
    statement.raw_bind_parameter(at + 3, event.epoch.0)?;
    statement.raw_bind_parameter(at + 4, int(event.time.0)?)?;
    statement.raw_bind_parameter(at + 5, kept.kind)?;
    statement.raw_bind_parameter(at + 6, int(event.from.id.0)?)?;
    statement.raw_bind_parameter(at + 7, event.from.name.as_str())?;
    statement.raw_bind_parameter(at + 8, &*kept.text)?;
    statement.raw_bind_parameter(at + 9, number(event.body.refers_to())?)?;
    statement.raw_bind_parameter(at + 10, number(kept.edited)?)?;
    statement.raw_bind_parameter(at + 11, kept.flag)
}

/// Whether it changes older events, and [`project`] has to be called after it was written.
pub(super) fn projects(event: &Event) -> bool {
    matches!(event.body, Body::Edit { .. } | Body::Delete { .. } | Body::React { .. })
}

/// Does with older events what a new one says. Returns whether a text was taken away.
pub(super) fn project(conn: &Connection, event: &Event) -> rusqlite::Result<bool> {
    match &event.body {
        Body::Edit { of, text: Some(text) } => edit(conn, event, *of, text),
        Body::Delete { of } => delete(conn, event, *of),
        Body::React { of, reaction, on } => {
            if message_is_there(conn, event.room, *of)? {
                reactions::write(conn, event, *of, reaction, *on)?;
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn message_is_there(conn: &Connection, room: RoomId, seq: Seq) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM events WHERE room = ?1 AND seq = ?2 AND kind IN (0, 1)")?
        .exists((int(room.0)?, int(seq.0)?))
}

/// Of all edits of a message only the newest has its text, so there is one to take it from, however
/// often it was edited.
fn edit(conn: &Connection, event: &Event, of: Seq, text: &Text) -> rusqlite::Result<bool> {
    let (room, of, seq) = (int(event.room.0)?, int(of.0)?, int(event.seq.0)?);
    let before: Option<Option<i64>> = conn
        .prepare_cached(
            "SELECT edited FROM events WHERE room = ?1 AND seq = ?2 AND kind IN (0, 1)",
        )?
        .query_row((room, of), |row| row.get(0))
        .optional()?;
    let Some(before) = before else {
        // It was deleted meanwhile: what it would say now is nowhere either.
        conn.prepare_cached("UPDATE events SET text = '' WHERE room = ?1 AND seq = ?2")?
            .execute((room, seq))?;
        return Ok(true);
    };
    conn.prepare_cached("UPDATE events SET text = ?3, edited = ?4 WHERE room = ?1 AND seq = ?2")?
        .execute((room, of, text.as_str(), seq))?;
    if let Some(before) = before.filter(|before| *before != seq) {
        conn.prepare_cached(
            "UPDATE events SET text = ''
             WHERE room = ?1 AND seq = ?3 AND +refers = ?2 AND kind = 3",
        )?
        .execute((room, of, before))?;
    }
    Ok(true)
}

fn delete(conn: &Connection, event: &Event, of: Seq) -> rusqlite::Result<bool> {
    let (room, of) = (int(event.room.0)?, int(of.0)?);
    let deleted = conn
        .prepare_cached(
            "UPDATE events SET kind = 2, text = '', refers = NULL, edited = ?3, flags = 0
             WHERE room = ?1 AND seq = ?2 AND kind IN (0, 1)",
        )?
        .execute((room, of, int(event.seq.0)?))?;
    if deleted == 0 {
        return Ok(false);
    }
    conn.prepare_cached(
        "UPDATE events INDEXED BY events_refers SET text = ''
         WHERE room = ?1 AND refers = ?2 AND kind = 3 AND text <> ''",
    )?
    .execute((room, of))?;
    conn.prepare_cached("DELETE FROM reactions WHERE room = ?1 AND seq = ?2")?
        .execute((room, of))?;
    Ok(true)
}

/// The events of a room up to this one go, with the reactions to them and the texts of later edits of
/// them. Returns whether there were any.
pub(super) fn trim(conn: &Connection, room: RoomId, upto: Seq) -> rusqlite::Result<bool> {
    let values = (int(room.0)?, int(upto.0)?);
    // Before they go, the last of them is noted.
    conn.prepare_cached(
        "UPDATE rooms SET floor_epoch = e.epoch, floor_seq = e.seq
             FROM (SELECT epoch, seq FROM events WHERE room = ?1 AND seq <= ?2
                   ORDER BY seq DESC LIMIT 1) AS e
             WHERE id = ?1 AND floor_seq < e.seq",
    )?
    .execute(values)?;
    // Also where nothing was: a room that begins to keep goes on from the number that it has.
    conn.prepare_cached("UPDATE rooms SET floor_seq = ?2 WHERE id = ?1 AND floor_seq < ?2")?
        .execute(values)?;
    conn.prepare_cached(
        "UPDATE events INDEXED BY events_refers SET text = ''
         WHERE room = ?1 AND kind = 3 AND seq > ?2 AND text <> '' AND refers IN
               (SELECT seq FROM events WHERE room = ?1 AND seq <= ?2)",
    )?
    .execute(values)?;
    conn.prepare_cached("DELETE FROM reactions WHERE room = ?1 AND seq <= ?2")?.execute(values)?;
    let gone =
        conn.prepare_cached("DELETE FROM events WHERE room = ?1 AND seq <= ?2")?.execute(values)?;
    Ok(gone > 0)
}

/// An event whose row begins with [`COLUMNS`].
pub(super) fn event(room: RoomId, row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        room,
        seq: Seq(uint(row, 0)?),
        epoch: Epoch(row.get(1)?),
        time: WallMs(uint(row, 2)?),
        from: Author { id: UserId(uint(row, 4)?), name: parsed(row, 5, UserName::known)? },
        body: body(row)?,
    })
}

fn body(row: &Row<'_>) -> rusqlite::Result<Body> {
    let seq = |at| uint(row, at).map(Seq);
    let flag = || row.get::<_, bool>(9);
    Ok(match row.get(3)? {
        TEXT => Body::Text(said(row)?),
        ACTION => Body::Action(said(row)?),
        DELETED => Body::Deleted { by: seq(8)? },
        EDIT => {
            let text = match row.get_ref(6)?.as_str()? {
                "" => None,
                _ => Some(parsed(row, 6, Text::parse)?),
            };
            Body::Edit { of: seq(7)?, text }
        }
        DELETE => Body::Delete { of: seq(7)? },
        REACT => Body::React { of: seq(7)?, reaction: word(row, 6, Reaction::parse)?, on: flag()? },
        PIN => Body::Pin { of: seq(7)?, on: flag()? },
        OTHER => json(row, 6)?,
        other => return Err(unknown(3, other)),
    })
}

fn said(row: &Row<'_>) -> rusqlite::Result<Said> {
    Ok(Said {
        text: parsed(row, 6, Text::parse)?,
        reply: optional(row, 7, uint)?.map(Seq),
        edited: optional(row, 8, uint)?.map(Seq),
        everyone: row.get(9)?,
    })
}
