//! The search index: a SQLite file of its own beside the database, `NAME.search`.
//!
//! Its own file, so that whoever writes the index never holds the lock of the log, and a commit waits for
//! nothing. It has nothing that the log has not: if it is missing, damaged, of another version or of
//! another log, it is made anew.
//!
//! - `messages`, an FTS5 table: for each message, under its id in the log, its words ([`crate::search`]), and
//!   as words of their own the room (`_r…`) and the sender's name (`_u…`), so that a rare room or sender
//!   makes a common word as quick as a rare one. `mark` is a hash of what was indexed.
//! - `hours`: between which ids the messages of an hour lie, so that a search by date begins in the right
//!   place though clocks jump.
//! - `progress`: up to which event of the log all is indexed, in the same transaction as the words.
//!
//! **An id may come again**, when the newest events have gone with their room. So `progress` knows more of
//! its event than the id, and where that is no longer in the log, the index is taken back to the newest
//! message that both have. And it decides nothing: each hit is read from the log and held against the
//! query again, so an index that is late or wrong can hide a message and never show one.
//!
//! **Deleted words leave the file**: rows are taken out of the FTS5 segments at once (`secure-delete`), freed
//! bytes are overwritten (`PRAGMA secure_delete`), and the write-ahead log, which has the pages as they
//! were, is emptied. What may stay for a while: FTS5 finds its pages by the beginnings of words, each as
//! long as it takes to tell a page's first word from the word before it. When that word is deleted, this
//! beginning stays until its segment is merged: usually a few letters, in the worst case a word that is
//! one letter longer than another one. Without its message, room or sender.

mod indexer;
mod log;
mod reading;

pub(super) use indexer::SqliteIndexer;
pub(super) use reading::SearchIndex;

use super::connect::{self, Context};
use super::{Durability, SqliteConfig};
use crate::StoreError;
use crate::search::WORDS_VERSION;
use hubbub_protocol::record::Record;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Says that a SQLite file is an index of Hubbub's: "HubS".
const APPLICATION_ID: i64 = 0x4875_6253;
/// Of the tables below. Their version in the file has [`WORDS_VERSION`] in it as well.
const TABLES_VERSION: i64 = 1;
const VERSION: i64 = TABLES_VERSION * 1000 + WORDS_VERSION;

/// `ascii` takes all that is not ASCII as letters: the words come cut, and it only finds the spaces.
const TABLES: &str = "
    CREATE VIRTUAL TABLE messages USING fts5 (
        words, mark UNINDEXED, columnsize = 0, prefix = '1 2 3', tokenize = \"ascii tokenchars '_'\"
    );
    INSERT INTO messages (messages, rank) VALUES ('secure-delete', 1);
    CREATE TABLE hours (hour INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT;
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL
    ) STRICT;
";

/// How long one connection to the index waits for another: nothing but searches and the indexer wait.
const BUSY: Duration = Duration::from_secs(1);
/// Memory for the pages of each connection, in KiB.
const CACHE_KIB: i64 = 16 * 1024;
/// Size of the index's write-ahead log, in pages, at which it is moved into the file.
const CHECKPOINT_PAGES: i64 = 4096;
/// Rooms of which is remembered that events have gone; beyond, the whole index is looked through.
const ROOMS_NOTED: usize = 10_000;
const HOUR_MS: u64 = 3_600_000;

/// What the writer and the readers have to tell the indexer. Anything that gets lost here is found when
/// the index is opened again.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// Rooms from which events have gone.
    rooms: BTreeSet<u64>,
    /// Events may have gone from any room.
    is_unclear: bool,
    /// A search found the index damaged.
    is_damaged: bool,
}

impl Notes {
    /// To be told after each batch, also one that may have failed.
    pub(super) fn after(&self, batch: &[Record]) {
        for record in batch {
            if let Record::RoomGone(room) | Record::Trim { room, .. } = record {
                self.room(room.0);
            }
        }
    }

    fn room(&self, room: u64) {
        let mut noted = self.lock();
        noted.rooms.insert(room);
        if noted.rooms.len() > ROOMS_NOTED {
            noted.rooms.clear();
            noted.is_unclear = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the index of a database is.
fn beside(log: &SqliteConfig) -> SqliteConfig {
    let mut path = log.path.clone().into_os_string();
    path.push(".search");
    SqliteConfig { path: path.into(), ..log.clone() }
}

/// Opens the index to write it, and makes it anew where it is not what it should be.
fn open(log: &SqliteConfig) -> Result<Connection, StoreError> {
    let config = beside(log);
    let context = Context::new(&config.path);
    if config.vfs.is_none() {
        keep_private(log, &config).map_err(|error| {
            StoreError::Backend(format!("{context}: making the search index: {error}"))
        })?;
    }
    let conn = connect::open(&config)?;
    match prepare(&conn, &config) {
        Ok(true) => return Ok(conn),
        Ok(false) => {}
        Err(error) if is_damage(&error) => {
            tracing::warn!(file = %context, %error, "the search index is damaged and is made anew");
        }
        Err(error) => return Err(context.doing("opening the search index")(error)),
    }
    make_anew(&conn, &config).map_err(context.doing("making the search index"))?;
    Ok(conn)
}

/// The words of private chats must be as private as the chats: the index gets the rights of the database.
fn keep_private(log: &SqliteConfig, config: &SqliteConfig) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&config.path)?.set_permissions(std::fs::metadata(&log.path)?.permissions())
}

/// Sets up a connection that writes. Whether the file is an index of our version.
fn prepare(conn: &Connection, config: &SqliteConfig) -> rusqlite::Result<bool> {
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update(None, "cell_size_check", 1)?;
    conn.pragma_update(None, "secure_delete", 1)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // A power cut may take the newest part, which is indexed again, but can't tear the file.
    let synchronous = if config.durability == Durability::Full { 1 } else { 0 };
    conn.pragma_update(None, "synchronous", synchronous)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connect::checkpoint_on_close(conn, true);
    is_ours(conn)
}

fn is_ours(conn: &Connection) -> rusqlite::Result<bool> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok(number("PRAGMA application_id")? == APPLICATION_ID
        && number("PRAGMA user_version")? == VERSION)
}

/// Empties the file, whatever is in it, and makes the tables. In place: searches have it open.
fn make_anew(conn: &Connection, config: &SqliteConfig) -> rusqlite::Result<()> {
    conn.flush_prepared_statement_cache();
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
    let emptied = conn.execute_batch("VACUUM");
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, false)?;
    emptied?;
    prepare(conn, config)?;
    let tx = conn.unchecked_transaction()?;
    tx.execute_batch(TABLES)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()
}

/// Opens the index to search in it; `None` if there is none (yet).
fn open_to_search(log: &SqliteConfig) -> rusqlite::Result<Option<Connection>> {
    let config = beside(log);
    if config.vfs.is_none() && !config.path.exists() {
        return Ok(None);
    }
    // For writing, since only so can SQLite make the files of a write-ahead log. `query_only` forbids it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match &config.vfs {
        None => Connection::open_with_flags(&config.path, flags),
        Some(vfs) => Connection::open_with_flags_and_vfs(&config.path, flags, vfs.as_str()),
    };
    let conn = match opened {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => return Ok(None),
        opened => opened?,
    };
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connect::checkpoint_on_close(&conn, false);
    Ok(is_ours(&conn)?.then_some(conn))
}

/// Whether an error means that the index is no good, and not that the disk is or the query.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, text) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            // SQLite has no number of its own for a table that is not there.
            ErrorCode::Unknown => text.as_ref().is_some_and(|text| {
                text.starts_with("no such table") || text.starts_with("vtable constructor failed")
            }),
            _ => false,
        },
        rusqlite::Error::SqlInputError { msg, .. } => msg.starts_with("no such table"),
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::QueryReturnedNoRows => true,
        _ => false,
    }
}

/// Up to where all is indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// The event's id; 0: nothing is indexed.
    id: i64,
    room: i64,
    seq: i64,
    epoch: i64,
}

impl Progress {
    fn read(index: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT id, room, seq, epoch FROM progress";
        let read = index.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self { id: row.get(0)?, room: row.get(1)?, seq: row.get(2)?, epoch: row.get(3)? })
        });
        Ok(read.optional()?.unwrap_or_default())
    }

    fn write(self, index: &Connection) -> rusqlite::Result<()> {
        index.prepare_cached("DELETE FROM progress")?.execute([])?;
        index
            .prepare_cached("INSERT INTO progress VALUES (?1, ?2, ?3, ?4)")?
            .execute((self.id, self.room, self.seq, self.epoch))
            .map(drop)
    }
}

/// The word that all messages of a room have.
fn room_word(room: u64) -> String {
    format!("_r{room:x}")
}

/// The word that all messages under a name have.
fn name_word(folded: &str) -> String {
    let mut word = String::from("_u");
    for byte in folded.bytes() {
        let _ = write!(word, "{byte:02x}");
    }
    word
}
