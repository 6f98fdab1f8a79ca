//! The store in one SQLite file.
//!
//! One writer connection with `synchronous=FULL` in WAL mode: a commit is one transaction and one
//! fsync of the WAL. Readers are connections of their own, see `reader.rs`.
//!
//! Deliberately not here: threads. Everything, checkpoints too, happens inside the calls of
//! [`Store`], so that a simulation of the disk sees the same order each time.

mod audit;
pub mod backup;
mod connect;
mod convert;
mod erase;
mod events;
mod file;
mod migrate;
mod people;
mod reactions;
mod reader;
mod rooms;
mod schema;
mod search;
mod wal;
mod writer;

use crate::{Indexer, Loaded, Reader, Store, StoreError};
use connect::Context;
use hubbub_protocol::ServerKey;
use hubbub_protocol::record::Record;
use hubbub_protocol::{Epoch, WallMs};
use migrate::Migration;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::PathBuf;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// `synchronous=FULL`: a commit that returned survives a power cut.
    #[default]
    Full,
    /// `synchronous=OFF`, for tests only: quick, and a bug that a simulated power cut must find.
    Unsafe,
}

/// Where and how a [`SqliteStore`] keeps its data.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The database file. Its folder must exist; `-wal` and `-shm` files appear beside it.
    pub path: PathBuf,
    /// A VFS registered with SQLite; `None` for the operating system's own.
    pub vfs: Option<String>,
    /// Whether a commit waits for the disk.
    pub durability: Durability,
    /// Size of the WAL, in bytes, at which its pages are moved into the database file. A WAL that
    /// grew larger, because readers were in the way, is cut back to this.
    pub wal_bytes: u64,
    /// Page size of a new database, in bytes: a power of two from 512 to 65536.
    pub page_bytes: u32,
}

impl SqliteConfig {
    /// A durable store in the file `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            vfs: None,
            durability: Durability::Full,
            wal_bytes: 64 * 1024 * 1024,
            page_bytes: 4096,
        }
    }
}

/// Opens a reader of a file whose server runs in another process, or doesn't run. It may stay open
/// while that server starts, stops or crashes. Nothing of the data is changed: a WAL that a crash left
/// stays as it is, and beside it SQLite's `-shm` file.
///
/// It must be allowed to write in the folder, unless the server runs: see `wal.rs`.
///
/// # Errors
/// [`StoreError::Newer`]; [`StoreError::Damaged`], also for a file that is no Hubbub database;
/// [`StoreError::Backend`] if there is no file, an empty one, or an older one that a server has to
/// upgrade first; and whatever the disk says.
pub fn open_reader(config: &SqliteConfig) -> Result<Box<dyn Reader>, StoreError> {
    Ok(Box::new(reader::SqliteReader::open_beside(config, migrate::MIGRATIONS)?))
}

/// The writer of one SQLite file. One at a time for each file: who starts it sees to that.
pub struct SqliteStore {
    config: SqliteConfig,
    context: Context,
    conn: Connection,
    checkpoints: wal::Checkpoints,
    gate: wal::Gate,
    search_notes: search::Notes,
    scratch: writer::Scratch,
    migrations: &'static [Migration],
    /// Set by a write that failed, cleared by a `recover` that did not.
    failed: bool,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, and brings an older schema up to date after
    /// copying the file to `NAME.before-vN`.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Damaged`] (also for a file that is no Hubbub
    /// database) before anything is changed, and whatever the disk says.
    pub fn open(config: SqliteConfig) -> Result<Self, StoreError> {
        Self::open_with(config, migrate::MIGRATIONS)
    }

    fn open_with(
        config: SqliteConfig,
        migrations: &'static [Migration],
    ) -> Result<Self, StoreError> {
        let context = Context::new(&config.path);
        let conn = connect::open(&config)?;
        let found = migrate::inspect(&conn, &context, migrations)?;
        connect::prepare_writer(&conn, &config)?;
        // Before anything is built on what an earlier process left in the WAL: see `wal`.
        wal::rewrite(&conn).map_err(context.doing("settling the write-ahead log"))?;
        migrate::bring_up_to_date(&conn, &config, found, migrations)?;
        let gate = wal::Gate::default();
        let checkpoints = wal::Checkpoints::at_start(&conn, &config, gate.clone())
            .map_err(context.doing("emptying the log"))?;
        connect::checkpoint_on_close(&conn, true);
        Ok(Self {
            config,
            context,
            conn,
            checkpoints,
            gate,
            search_notes: search::Notes::default(),
            scratch: writer::Scratch::default(),
            migrations,
            failed: false,
        })
    }

    /// Runs one write transaction. Whatever fails leaves the store waiting for `recover`.
    fn transact<T>(
        &mut self,
        doing: &str,
        write: impl FnOnce(&Connection, &mut writer::Scratch) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::Unrecovered);
        }
        let result = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .and_then(|tx| {
                let value = write(&tx, &mut self.scratch)?;
                tx.commit()?;
                Ok(value)
            });
        self.failed = result.is_err();
        let value = result.map_err(self.context.doing(doing))?;
        // The transaction is durable in the WAL. A checkpoint that fails takes nothing back and is
        // tried again, so it is the operator's to know and not the batch's to fail.
        let erased = std::mem::take(&mut self.scratch.erased);
        if let Err(error) = self.checkpoints.after_commit(&self.conn, erased) {
            tracing::warn!(file = %self.context, %error, "the checkpoint failed and will be repeated");
        }
        Ok(value)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.failed {
            connect::checkpoint_on_close(&self.conn, false);
        } else if let Err(error) = self.checkpoints.before_close(&self.conn) {
            tracing::warn!(file = %self.context, %error, "the last checkpoint failed");
        }
    }
}

impl Store for SqliteStore {
    fn server_key(&mut self, fresh: ServerKey) -> Result<ServerKey, StoreError> {
        self.transact("reading the server's key", |conn, _| {
            conn.execute(
                "INSERT INTO secrets VALUES ('server', ?1) ON CONFLICT DO NOTHING",
                [fresh.expose()],
            )?;
            let sql = "SELECT value FROM secrets WHERE key = 'server'";
            conn.query_row(sql, [], |row| row.get(0).map(ServerKey::new))
        })
    }

    fn indexer(&self) -> Result<Box<dyn Indexer>, StoreError> {
        let (gate, notes) = (self.gate.clone(), self.search_notes.clone());
        Ok(Box::new(search::SqliteIndexer::new(&self.config, gate, notes)))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        if self.failed {
            return Err(StoreError::Unrecovered);
        }
        reader::load(&self.conn, &self.context)
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.transact("raising the epoch", |conn, _| {
            conn.prepare_cached(
                "UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value",
            )?
            .query_row([], |row| row.get(0).map(Epoch))
        })
    }

    fn commit(&mut self, batch: &[Record]) -> Result<(), StoreError> {
        let result =
            self.transact("storing a batch", |conn, scratch| writer::write(conn, scratch, batch));
        self.search_notes.after(batch);
        result
    }

    fn settle(&mut self) {
        if self.failed {
            return;
        }
        if let Err(error) = self.checkpoints.when_idle(&self.conn) {
            tracing::warn!(file = %self.context, %error, "the checkpoint failed and will be repeated");
        }
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        self.failed = true;
        // The new connection is opened while the old one still is, so that SQLite goes on with the
        // index of the WAL that it has in memory, and doesn't make a new one from the file: see `wal`.
        let conn = connect::open(&self.config)?;
        if migrate::inspect(&conn, &self.context, self.migrations)? == migrate::Found::Fresh {
            return Err(self.context.damaged("the file is empty now"));
        }
        connect::checkpoint_on_close(&self.conn, false);
        self.conn = conn;
        connect::prepare_writer(&self.conn, &self.config)?;
        wal::rewrite(&self.conn).map_err(self.context.doing("rewriting the write-ahead log"))?;
        schema::verify(&self.conn, &self.context)?;
        // Overwrites what the failed transaction left behind the trusted part of the WAL.
        self.conn
            .execute(
                "INSERT INTO meta VALUES ('recoveries', 1)
                 ON CONFLICT DO UPDATE SET value = value + 1",
                [],
            )
            .map_err(self.context.doing("writing after a failure"))?;
        self.checkpoints
            .reopened(&self.conn, &self.config)
            .map_err(self.context.doing("reopening"))?;
        connect::checkpoint_on_close(&self.conn, true);
        self.failed = false;
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let (gate, notes) = (self.gate.clone(), self.search_notes.clone());
        Ok(Box::new(reader::SqliteReader::open(&self.config, gate, notes)?))
    }

    fn tidy(&mut self, sends_before: WallMs) -> Result<(), StoreError> {
        self.transact("forgetting old sends", |conn, _| {
            let before = convert::int(sends_before.0)?;
            conn.execute("DELETE FROM sends WHERE time < ?1", [before]).map(drop)
        })
    }
}

#[cfg(test)]
mod tests;
