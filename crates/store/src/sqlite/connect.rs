//! Opening connections, and what SQLite's errors mean to us.

use super::{Durability, SqliteConfig};
use crate::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection waits for another one's lock. Ours don't block each other for long; this
/// is for an operator's shell or a backup.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Memory for the writer's pages, in KiB. A transaction that needs more spills into the WAL, and the
/// windows of all instances that are sending should fit.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Memory for a reader's pages, in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Names the file in every error.
#[derive(Clone, Debug)]
pub(super) struct Context {
    path: PathBuf,
}

impl Context {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes an error of SQLite one of ours.
    pub(super) fn doing(&self, what: &str) -> impl Fn(rusqlite::Error) -> StoreError {
        move |error| {
            let text = format!("{self}: {what}: {error}");
            match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::Full(text),
                Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(text),
                Some(ErrorCode::NotADatabase) => self.foreign("it is no SQLite database"),
                // Also where only side files can't be made: SQLite calls that "read-only".
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => StoreError::Backend(format!(
                    "{text}: see that the folder exists and that this program may write in it"
                )),
                _ if is_bad_value(&error) => StoreError::Damaged(text),
                _ => StoreError::Backend(text),
            }
        }
    }

    /// The file is somebody else's.
    pub(super) fn foreign(&self, why: &str) -> StoreError {
        StoreError::Damaged(format!(
            "{self} is not a Hubbub database ({why}): give another file, or move this one away"
        ))
    }

    /// What was read does not hold together.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged(format!("{self}: {what}: restore a backup"))
    }
}

impl std::fmt::Display for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.display().fmt(f)
    }
}

/// A stored value that none of ours would be.
fn is_bad_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

fn open_flags(config: &SqliteConfig, flags: OpenFlags) -> Result<Connection, StoreError> {
    let opened = match &config.vfs {
        None => Connection::open_with_flags(&config.path, flags),
        Some(vfs) => Connection::open_with_flags_and_vfs(&config.path, flags, vfs.as_str()),
    };
    opened
        .and_then(|conn| {
            conn.busy_timeout(BUSY)?;
            conn.set_prepared_statement_cache_capacity(128);
            Ok(conn)
        })
        .map_err(Context::new(&config.path).doing("opening"))
}

/// A connection that may write. It has changed nothing yet, and closing it changes nothing either.
pub(super) fn open(config: &SqliteConfig) -> Result<Connection, StoreError> {
    // No mutex: a connection has one owner. No URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open_flags(config, flags)?;
    checkpoint_on_close(&conn, false);
    Ok(conn)
}

/// A connection that can only read, beside a writer in this process.
pub(super) fn open_reader(config: &SqliteConfig) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open_flags(config, flags)?;
    read_only(&conn, config)?;
    Ok(conn)
}

/// A connection that only reads, with no writer in this process and perhaps none at all. The file is
/// opened for writing: why, `wal` says. Nothing is made if it is not there.
pub(super) fn open_beside(config: &SqliteConfig) -> Result<Connection, StoreError> {
    let context = Context::new(&config.path);
    if config.vfs.is_none() && !config.path.exists() {
        return Err(StoreError::Backend(format!(
            "{context}: there is no such file: see that the path is right and that a server was started with it"
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open_flags(config, flags)?;
    checkpoint_on_close(&conn, false);
    read_only(&conn, config)?;
    Ok(conn)
}

fn read_only(conn: &Connection, config: &SqliteConfig) -> Result<(), StoreError> {
    conn.pragma_update(None, "query_only", true)
        .and_then(|()| conn.pragma_update(None, "cache_size", -READER_CACHE_KIB))
        .map_err(Context::new(&config.path).doing("opening a reader"))
}

/// Whether closing the last connection moves the WAL into the database file.
pub(super) fn checkpoint_on_close(conn: &Connection, wanted: bool) {
    let set = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !wanted);
    debug_assert!(set.is_ok(), "SQLite knows this option since 3.16");
}

/// Sets up the one writer. Page size and WAL mode stay in the file, the rest is the connection's.
pub(super) fn prepare_writer(conn: &Connection, config: &SqliteConfig) -> Result<(), StoreError> {
    let context = Context::new(&config.path);
    let set = |name: &str, value: i64| {
        conn.pragma_update(None, name, value).map_err(context.doing("setting up"))
    };
    set("page_size", i64::from(config.page_bytes))?;
    set("cache_size", -WRITER_CACHE_KIB)?;
    // Checks the cells of each page that is read, so damage is found before it spreads.
    set("cell_size_check", 1)?;
    // What is deleted is overwritten: see `erase`.
    set("secure_delete", 1)?;
    set("synchronous", if config.durability == Durability::Full { 2 } else { 0 })?;
    // On macOS a plain fsync stops at the drive's cache. No effect elsewhere.
    set("fullfsync", 1)?;
    set("checkpoint_fullfsync", 1)?;
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(context.doing("turning on the write-ahead log"))?;
    if mode != "wal" {
        return Err(StoreError::Backend(format!(
            "{context}: this disk can't keep a write-ahead log (is it a network share?): use a local disk"
        )));
    }
    set("wal_autocheckpoint", 0)?;
    set("journal_size_limit", i64::try_from(config.wal_bytes).unwrap_or(i64::MAX))
}
