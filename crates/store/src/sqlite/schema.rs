//! The tables, and how they are checked.
//!
//! Numbers are stored as SQLite's signed 64 bits. `events.id` is the order of all rooms together,
//! and what a full text index will refer to.

use super::connect::Context;
use crate::StoreError;
use rusqlite::Connection;

/// Says that a SQLite file is Hubbub's: "Hubb".
pub(super) const APPLICATION_ID: i64 = 0x4875_6262;

/// The tables of version 1. Never changed: a new version is a migration.
pub(super) const VERSION_1: &str = "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('epoch', 0);

    -- kind 0: named (name); 1: private chat of the users low and high.
    -- retention 0: everything; 1: nothing.
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        name TEXT,
        low_user INTEGER,
        low_name TEXT,
        high_user INTEGER,
        high_name TEXT,
        retention INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;

    -- kind 0: text; 1: action.
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        time INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (room, seq)
    ) STRICT;

    CREATE TABLE sends (
        instance BLOB NOT NULL,
        counter INTEGER NOT NULL,
        room INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (instance, counter)
    ) STRICT, WITHOUT ROWID;
";

/// Newest events that [`verify`] reads.
const VERIFIED_EVENTS: u32 = 4096;

/// Checks what a failed write can have touched, without reading all of a large file: the small tables
/// in full, and the newest events with their entries in the index, both ways from the right edge where
/// writes happen. Left out are old history (nobody wrote there; `cell_size_check` looks at each page
/// when it is read) and `sends` (spread all over its tree, and as large as there are clients).
pub(super) fn verify(conn: &Connection, context: &Context) -> Result<(), StoreError> {
    for table in ["meta", "rooms", "sqlite_schema"] {
        let found: String = conn
            .query_row(&format!("PRAGMA quick_check('{table}')"), [], |row| row.get(0))
            .map_err(context.doing("checking"))?;
        if found != "ok" {
            return Err(context.damaged(&found));
        }
    }
    let astray: i64 = conn
        .query_row(
            "SELECT count(*) FROM (SELECT * FROM events ORDER BY id DESC LIMIT ?1) AS e
             WHERE e.id IS NOT (SELECT id FROM events WHERE room = e.room AND seq = e.seq)
                OR length(e.text) IS 0",
            [VERIFIED_EVENTS],
            |row| row.get(0),
        )
        .map_err(context.doing("checking the newest events"))?;
    if astray > 0 {
        return Err(context.damaged(&format!("{astray} events are not where the index says")));
    }
    Ok(())
}
