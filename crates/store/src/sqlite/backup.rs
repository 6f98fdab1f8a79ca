//! Copies of a whole database: made beside a server, and at rest.
//!
//! A copy is what one read transaction sees (`VACUUM INTO`), so it ends under any load; SQLite's
//! incremental backup begins anew with each commit of another process. A *backup* is such a copy with
//! two more tables, `backup_info` and `backup_files`, which carry the rest of what makes a server this
//! one. Its application id is another, so that no server takes it for its data: the epoch must rise
//! before, see [`unpack`].
//!
//! Deliberately not here: which files belong to a server, where they go, and the checksum over the
//! file. That is `backup.rs` of `hubbub-server`.

use super::connect::{self, Context};
use super::migrate::{self, Found};
use super::schema::APPLICATION_ID;
use super::{SqliteConfig, convert, wal};
use crate::StoreError;
use hubbub_protocol::{Epoch, WallMs};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::path::Path;

/// Says that a SQLite file is a backup of Hubbub's: "HubK".
pub(super) const BACKUP_ID: i64 = 0x4875_624b;
/// The layout of the two tables. Rises when a program that knows this one would misread another.
const FORMAT: i64 = 1;
/// Instructions of SQLite between two looks at the caller's wish: some hundred a second.
const STEP_INSTRUCTIONS: i32 = 20_000;
/// Memory for the pages of a copy that is being made, in KiB.
const COPY_CACHE_KIB: i64 = 16 * 1024;
/// Faults that a check reports at most.
const FAULTS: u32 = 1;

/// Hears now and then that work goes on. Returns whether it is to stop.
pub type Step = Box<dyn FnMut() -> bool + Send>;

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The version of its tables.
    pub version: i64,
    /// The epoch last raised.
    pub epoch: Epoch,
    /// Rooms that are kept, without private chats.
    pub rooms: u64,
    /// Private chats that are kept.
    pub private_chats: u64,
    /// Messages that can be read.
    pub messages: u64,
    /// Accounts.
    pub accounts: u64,
    /// When the newest event was.
    pub newest: Option<WallMs>,
}

/// When and by whom a backup was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// When it began.
    pub created: WallMs,
    /// The version of the program.
    pub program: String,
}

/// A file that travels in a backup. It may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its path in the data folder, with `/`. Whoever writes it there has to check it.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carried").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A database whose server runs in another process, or doesn't run. Of any version that we know.
pub struct Beside {
    conn: Connection,
    context: Context,
}

impl Beside {
    /// Opens it. Nothing of the data is ever changed: as [`super::open_reader`] says.
    ///
    /// # Errors
    /// As of [`super::open_reader`], but older versions are welcome.
    pub fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        let (conn, context) = (connect::open_beside(config)?, Context::new(&config.path));
        let beside = Self { conn, context };
        match migrate::inspect(&beside.conn, &beside.context, migrate::MIGRATIONS)? {
            Found::Version(_) => Ok(beside),
            Found::Fresh => Err(StoreError::Backend(format!(
                "{}: nothing is in it yet: start a server with it first",
                beside.context
            ))),
        }
    }

    /// What is in it. Reads all events.
    ///
    /// # Errors
    /// Of the backend.
    pub fn contents(&self) -> Result<Contents, StoreError> {
        contents(&self.conn).map_err(self.context.doing("counting"))
    }

    /// The epoch last raised.
    ///
    /// # Errors
    /// Of the backend.
    pub fn epoch(&self) -> Result<Epoch, StoreError> {
        epoch(&self.conn).map_err(self.context.doing("reading the epoch"))
    }

    /// Bytes of the database, with what is still in its log.
    ///
    /// # Errors
    /// Of the backend.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let bytes = || -> rusqlite::Result<u64> {
            let number = |sql| self.conn.query_row(sql, [], |row| convert::uint(row, 0));
            Ok(number("PRAGMA page_count")? * number("PRAGMA page_size")?)
        };
        bytes().map_err(self.context.doing("measuring"))
    }

    /// Looks at each page, but not whether the indices say the same as the tables.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and whatever the disk says; also when `step` stops it.
    pub fn quick_check(&mut self, step: Step) -> Result<(), StoreError> {
        check(&mut self.conn, &self.context, "quick_check", step)
    }

    /// Copies what one read transaction sees into an empty file. When it ends, the file is not yet
    /// synced.
    ///
    /// # Errors
    /// Of the backend; also when `step` stops it.
    pub fn copy(&mut self, to: &Path, step: Step) -> Result<(), StoreError> {
        let text = to.to_str().ok_or_else(|| {
            StoreError::Backend(format!("{}: the path of a copy must be UTF-8", to.display()))
        })?;
        let doing = self.context.doing("copying");
        // SQLite counts the new file as a write. The old one is only read.
        self.conn
            .pragma_update(None, "query_only", false)
            .and_then(|()| self.conn.pragma_update(None, "cache_size", -COPY_CACHE_KIB))
            .map_err(&doing)?;
        let copied =
            stepping(&mut self.conn, step, |conn| conn.execute("VACUUM INTO ?1", [text]).map(drop));
        let again = self.conn.pragma_update(None, "query_only", true);
        copied.and(again).map_err(|error| match error.sqlite_error_code() {
            // Of the new file: the old one is only read.
            Some(ErrorCode::DiskFull) => Context::new(to).doing("copying")(error),
            _ => doing(error),
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        wal::leave(&self.conn);
    }
}

/// The version of data that this program makes.
#[must_use]
pub fn newest_version() -> i64 {
    1 + migrate::MIGRATIONS.len() as i64
}

/// Makes a copy a backup: puts into it when and by whom it was made, and these files.
///
/// # Errors
/// Of the backend.
pub fn pack(copy: &Path, label: &Label, files: &[Carried]) -> Result<(), StoreError> {
    let context = Context::new(copy);
    let conn = open_alone(copy)?;
    let write = || -> rusqlite::Result<()> {
        let tx = conn.unchecked_transaction()?;
        tx.execute_batch(
            "CREATE TABLE backup_info (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
             CREATE TABLE backup_files (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;",
        )?;
        let info = "INSERT INTO backup_info VALUES (?1, ?2)";
        tx.execute(info, ("format", FORMAT))?;
        tx.execute(info, ("created", convert::int(label.created.0)?))?;
        tx.execute(info, ("program", &label.program))?;
        for file in files {
            tx.execute("INSERT INTO backup_files VALUES (?1, ?2)", (&file.name, &file.bytes))?;
        }
        tx.pragma_update(None, "application_id", BACKUP_ID)?;
        tx.commit()
    };
    write().map_err(context.doing("completing the backup"))
}

/// A copy of a database that nobody writes: a backup, or the copy that was made before an upgrade.
pub struct AtRest {
    conn: Connection,
    context: Context,
    is_backup: bool,
}

impl AtRest {
    /// Opens it for reading alone: nothing is made beside it.
    ///
    /// # Errors
    /// [`StoreError::Newer`]; [`StoreError::Damaged`], also for a file that is something else.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let context = Context::new(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)
            .map_err(context.doing("opening the backup"))?;
        let ask = |sql: &str| {
            conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(context.doing("reading"))
        };
        let known = newest_version();
        let application = ask("PRAGMA application_id")?;
        let version = ask("PRAGMA user_version")?;
        if application != BACKUP_ID && application != APPLICATION_ID {
            return Err(context.foreign("another program made it"));
        }
        if version > known {
            return Err(StoreError::Newer { found: version, known });
        }
        if version < 1 {
            return Err(context.damaged("it has no version"));
        }
        // We make no such things, and they would run inside our own writes.
        if ask("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')")? > 0 {
            return Err(context.foreign("somebody has added to it"));
        }
        let is_backup = application == BACKUP_ID;
        if is_backup {
            let found = ask("SELECT value FROM backup_info WHERE key = 'format'")?;
            if found != FORMAT {
                return Err(StoreError::Backend(format!(
                    "{context}: the backup is of format {found}, and this program knows format {FORMAT}: use a newer hubbub"
                )));
            }
        }
        Ok(Self { conn, context, is_backup })
    }

    /// When and by whom it was made; `None` for a copy that was made before an upgrade.
    ///
    /// # Errors
    /// Of the backend.
    pub fn label(&self) -> Result<Option<Label>, StoreError> {
        if !self.is_backup {
            return Ok(None);
        }
        let sql = "SELECT value FROM backup_info WHERE key = ?1";
        let read = || -> rusqlite::Result<Label> {
            let created = self.conn.query_row(sql, ["created"], |row| convert::uint(row, 0))?;
            let program = self.conn.query_row(sql, ["program"], |row| row.get(0))?;
            Ok(Label { created: WallMs(created), program })
        };
        read().map(Some).map_err(self.context.doing("reading what the backup says of itself"))
    }

    /// What is in it.
    ///
    /// # Errors
    /// Of the backend.
    pub fn contents(&self) -> Result<Contents, StoreError> {
        contents(&self.conn).map_err(self.context.doing("counting"))
    }

    /// Looks at every page, row and index.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and whatever the disk says; also when `step` stops it.
    pub fn check(&mut self, step: Step) -> Result<(), StoreError> {
        check(&mut self.conn, &self.context, "integrity_check", step)
    }

    /// The files that it carries and their sizes in bytes, by name, at most `limit`.
    ///
    /// # Errors
    /// Of the backend.
    pub fn files(&self, limit: u32) -> Result<Vec<(String, u64)>, StoreError> {
        if !self.is_backup {
            return Ok(Vec::new());
        }
        let read = || -> rusqlite::Result<Vec<(String, u64)>> {
            let sql = "SELECT name, length(bytes) FROM backup_files ORDER BY name LIMIT ?1";
            let mut statement = self.conn.prepare(sql)?;
            let rows =
                statement.query_map([limit], |row| Ok((row.get(0)?, convert::uint(row, 1)?)))?;
            rows.collect()
        };
        read().map_err(self.context.doing("listing the files in the backup"))
    }

    /// One of them.
    ///
    /// # Errors
    /// Of the backend.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.is_backup {
            return Ok(None);
        }
        let sql = "SELECT bytes FROM backup_files WHERE name = ?1";
        let found = self.conn.query_row(sql, [name], |row| row.get(0)).optional();
        found.map_err(self.context.doing("reading a file in the backup"))
    }
}

/// Makes the copy of a backup the data of a server again, with this epoch and without the files that
/// it carried. It is not yet synced.
///
/// # Errors
/// Of the backend.
pub fn unpack(path: &Path, epoch: Epoch) -> Result<(), StoreError> {
    let context = Context::new(path);
    let conn = open_alone(path)?;
    let write = || -> rusqlite::Result<()> {
        // The keys among the files are overwritten.
        conn.pragma_update(None, "secure_delete", 1)?;
        let tx = conn.unchecked_transaction()?;
        tx.execute_batch("DROP TABLE IF EXISTS backup_info; DROP TABLE IF EXISTS backup_files;")?;
        let rows = tx.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [epoch.0])?;
        if rows != 1 {
            return Err(rusqlite::Error::StatementChangedRows(rows));
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.commit()
    };
    write().map_err(context.doing("preparing the data"))
}

/// A file that nobody else knows of yet, and that is thrown away if anything fails: no journal.
fn open_alone(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        Ok(conn)
    };
    open().map_err(Context::new(path).doing("opening"))
}

fn check(
    conn: &mut Connection,
    context: &Context,
    which: &str,
    step: Step,
) -> Result<(), StoreError> {
    let sql = format!("PRAGMA {which}({FAULTS})");
    let found: String = stepping(conn, step, |conn| conn.query_row(&sql, [], |row| row.get(0)))
        .map_err(context.doing("checking"))?;
    if found == "ok" { Ok(()) } else { Err(context.damaged(&found)) }
}

/// Runs something long. `step` is called while it does, and may stop it.
fn stepping<T>(
    conn: &mut Connection,
    step: Step,
    run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    conn.progress_handler(STEP_INSTRUCTIONS, Some(step))?;
    let result = run(conn);
    conn.progress_handler(0, None::<Step>)?;
    result
}

fn epoch(conn: &Connection) -> rusqlite::Result<Epoch> {
    conn.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0).map(Epoch))
}

fn contents(conn: &Connection) -> rusqlite::Result<Contents> {
    let tx = conn.unchecked_transaction()?;
    let count = |sql: &str| tx.query_row(sql, [], |row| convert::uint(row, 0));
    let newest = tx.query_row("SELECT time FROM events ORDER BY id DESC LIMIT 1", [], |row| {
        convert::uint(row, 0)
    });
    Ok(Contents {
        version: tx.query_row("PRAGMA user_version", [], |row| row.get(0))?,
        epoch: epoch(&tx)?,
        rooms: count("SELECT count(*) FROM rooms WHERE kind != 1")?,
        private_chats: count("SELECT count(*) FROM rooms WHERE kind = 1")?,
        messages: count("SELECT count(*) FROM events WHERE kind IN (0, 1)")?,
        accounts: count("SELECT count(*) FROM accounts")?,
        newest: newest.optional()?.map(WallMs),
    })
}
