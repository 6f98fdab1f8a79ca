//! A small table whose rows prove themselves, for all tests.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use hubbub_simdisk::SimDisk;
use rusqlite::Connection;

pub(crate) const DB: &str = "hub.db";

/// A journal mode with the weakest `synchronous` that makes a commit safe in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) journal: &'static str,
    pub(crate) synchronous: &'static str,
}

pub(crate) const WAL: Mode = Mode { journal: "WAL", synchronous: "FULL" };

pub(crate) const DURABLE_MODES: [Mode; 4] = [
    WAL,
    Mode { journal: "TRUNCATE", synchronous: "FULL" },
    Mode { journal: "PERSIST", synchronous: "FULL" },
    Mode { journal: "DELETE", synchronous: "EXTRA" },
];

/// A database with the empty table, everything safe.
pub(crate) fn create(disk: &SimDisk, mode: Mode) -> Connection {
    let db = connect(disk, mode).expect("a new disk opens");
    // EXTRA, so that no old journal comes back.
    let sql = "PRAGMA synchronous = EXTRA; CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB NOT NULL);";
    db.execute_batch(sql).expect("create the table");
    db.pragma_update(None, "synchronous", mode.synchronous).expect("set synchronous");
    db
}

pub(crate) fn connect(disk: &SimDisk, mode: Mode) -> rusqlite::Result<Connection> {
    let db = disk.open(DB)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.pragma_update(None, "synchronous", "EXTRA")?;
    db.pragma_update_and_check(None, "journal_mode", mode.journal, |row| row.get::<_, String>(0))?;
    db.pragma_update(None, "synchronous", mode.synchronous)?;
    Ok(db)
}

/// Commits one row.
pub(crate) fn insert(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO entries (id, body) VALUES (?1, ?2)";
    db.execute(sql, (id, body(id))).map(|_| ())
}

/// From 0 to about 9,000 bytes: inside one page, and over several.
pub(crate) fn body(id: i64) -> Vec<u8> {
    let len = (id * 2_713).rem_euclid(9_001) as usize;
    (0..len).map(|at| (at as i64 * 31 + id) as u8).collect()
}

/// The ids in the table, after checking the database and each row.
pub(crate) fn verified_ids(db: &Connection, what: &str) -> Vec<i64> {
    let report: String = db
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap_or_else(|error| panic!("{what}: integrity_check: {error}"));
    assert_eq!(report, "ok", "{what}");
    let rows = rows(db).unwrap_or_else(|error| panic!("{what}: read all: {error}"));
    for (id, found) in &rows {
        assert!(*found == body(*id), "{what}: row {id} has a wrong body");
    }
    rows.into_iter().map(|(id, _)| id).collect()
}

pub(crate) fn rows(db: &Connection) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let mut statement = db.prepare("SELECT id, body FROM entries ORDER BY id")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The extended result code of a failed call.
pub(crate) fn code_of<T>(result: rusqlite::Result<T>) -> i32 {
    match result {
        Ok(_) => rusqlite::ffi::SQLITE_OK,
        Err(error) => {
            error.sqlite_error().unwrap_or_else(|| panic!("not from SQLite: {error}")).extended_code
        }
    }
}
