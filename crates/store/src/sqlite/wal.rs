//! The write-ahead log: what of it is trusted after a failure, and how it stays small.
//!
//! **What is trusted.** A commit appends frames to the WAL, syncs it, and only then enters the frames
//! in the wal-index, the shared memory that says which frames count. So while a connection is open:
//!
//! - Frames in the wal-index were synced successfully, or were rewritten by [`rewrite`]: trusted.
//! - Frames behind them belong to a transaction that failed, or is under way. They may be whole in
//!   the kernel's page cache and yet not on the disk: after a failed fsync Linux marks the pages as
//!   clean, and a second fsync says "fine" without having written them ("fsyncgate"). Not trusted.
//!
//! When all connections close, the wal-index is gone, and the next one makes it anew by reading
//! the WAL: then untrusted frames count, if they look whole. Copying such frames into the database
//! file would tear it, when the power goes in the middle and the WAL on the disk lacks them.
//!
//! **After a failed commit** the new connection is opened before the old one closes. The wal-index
//! lives on, the failed transaction is not in it, and readers never see it. Then:
//!
//! 1. [`rewrite`] writes all trusted frames once more with the bytes that they have. That makes their
//!    pages dirty, so the sync which follows does reach the disk, or fails. Strictly they were synced
//!    before; but the last page is shared with the first untrusted frame and was part of the failed
//!    write. A power cut in between finds old or new bytes, and they are the same.
//! 2. The tables are verified.
//! 3. A small transaction is committed. Its frames lie where the failed transaction's began, so
//!    from then on that can't come back: frames after it fail their chained checksum. (Until then a
//!    power cut may bring the failed batch back, whole. That is why its fate is "uncertain".)
//!
//! **At the start** nothing is known about the process before. So [`rewrite`] comes before anything
//! else is done with what the WAL holds, and makes everything that can be read durable, whether the
//! process before was killed before its fsync or after one that failed.
//!
//! **A reader in another process** ([`super::open_reader`]) may be the only connection. SQLite then
//! makes the `-shm` file, and an empty `-wal` file where the server was stopped in order. It needs
//! both to read, and so leave to write in the folder; where a server runs they are there. A WAL that
//! a crash left is only read, and never moved into the database file, since its end is not trusted:
//! the next server finds it as it was. If that server starts while the reader is open, it takes over
//! the reader's wal-index, and [`rewrite`] makes durable what that says. A connection opened as
//! read-only could do all this, but it can't take the lock under which SQLite removes the two files:
//! they would stay in the folder of a stopped server. So the file is opened for writing, `query_only`
//! forbids all writes, and [`leave`] lets the last connection clear up an empty WAL.
//!
//! **The database file** needs no such care. A checkpoint syncs it before it counts a frame as moved,
//! and the WAL starts anew only when all are moved. If that sync fails, the frames still count as not
//! moved, are read from the WAL, and are written again next time, which makes the pages dirty again.

use super::SqliteConfig;
use rusqlite::{Connection, ffi};
use std::os::raw::{c_int, c_void};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Bytes before the first frame of a WAL (<https://www.sqlite.org/fileformat2.html#walformat>).
const HEADER_BYTES: i64 = 32;
/// Bytes before the page in each frame.
const FRAME_HEADER_BYTES: i64 = 24;
/// Bytes that are rewritten in one call. SQLite never asks a VFS for 128 KiB or more at once, and the
/// one for Unix writes the length modulo that.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long a commit waits for other programs that read the file, when the WAL is much too large.
const OTHERS_WAIT: Duration = Duration::from_millis(100);

/// What a checkpoint found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Frames in the WAL.
    pub(super) frames: i64,
    /// Frames that were moved into the database file.
    moved: i64,
}

/// Moves pages from the WAL into the database file. Modes: NOOP only counts; PASSIVE waits for nobody;
/// RESTART waits for readers, so that the WAL begins anew; TRUNCATE also makes it empty.
pub(super) fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<Progress> {
    let sql = match mode {
        "NOOP" => "PRAGMA wal_checkpoint(NOOP)",
        "PASSIVE" => "PRAGMA wal_checkpoint(PASSIVE)",
        "RESTART" => "PRAGMA wal_checkpoint(RESTART)",
        _ => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    conn.prepare_cached(sql)?.query_row([], |row| {
        Ok(Progress { frames: row.get::<_, i64>(1)?.max(0), moved: row.get::<_, i64>(2)?.max(0) })
    })
}

/// Writes the trusted frames once more and syncs them: see the module.
pub(super) fn rewrite(conn: &Connection) -> rusqlite::Result<()> {
    // Reading opens the WAL.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let frames = checkpoint(conn, "NOOP")?.frames;
    if frames == 0 {
        return Ok(());
    }
    let page_bytes: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let end = HEADER_BYTES + frames * (FRAME_HEADER_BYTES + page_bytes);
    let file = File::of_wal(conn)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    while at < end {
        let length = usize::try_from(end - at).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES));
        let piece = &mut chunk[..length];
        file.read(piece, at)?;
        file.write(piece, at)?;
        at += length as i64;
    }
    file.sync()
}

/// Before a reader in another process closes: if the WAL is empty, SQLite may remove its files, if
/// nobody else has them open. See the module. Should a server start and crash right then, what it put
/// into the wal-index is trusted, and moving that into the database file does no harm.
pub(super) fn leave(conn: &Connection) {
    if checkpoint(conn, "NOOP").is_ok_and(|found| found.frames == 0) {
        super::connect::checkpoint_on_close(conn, true);
    }
}

/// The WAL of a connection, through its VFS.
struct File<'c> {
    file: *mut ffi::sqlite3_file,
    methods: &'c ffi::sqlite3_io_methods,
}

impl<'c> File<'c> {
    fn of_wal(conn: &'c Connection) -> rusqlite::Result<Self> {
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        // SAFETY: the handle is valid as long as `conn` is borrowed. This file control stores the
        // pager's pointer to the WAL file, which lives as long as the connection stays in WAL mode:
        // and nobody changes that while `File` is in use.
        let methods = unsafe {
            check(ffi::sqlite3_file_control(
                conn.handle(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_JOURNAL_POINTER,
                (&raw mut file).cast::<c_void>(),
            ))?;
            file.as_ref().and_then(|file| file.pMethods.as_ref())
        };
        let methods = methods.ok_or_else(|| failure(ffi::SQLITE_CANTOPEN))?;
        Ok(Self { file, methods })
    }

    fn read(&self, into: &mut [u8], at: i64) -> rusqlite::Result<()> {
        let read = self.methods.xRead.ok_or_else(|| failure(ffi::SQLITE_IOERR))?;
        // SAFETY: the file is open, and the buffer is as long as is said (at most CHUNK_BYTES).
        check(unsafe { read(self.file, into.as_mut_ptr().cast(), into.len() as c_int, at) })
    }

    fn write(&self, from: &[u8], at: i64) -> rusqlite::Result<()> {
        let write = self.methods.xWrite.ok_or_else(|| failure(ffi::SQLITE_IOERR))?;
        // SAFETY: as for `read`. We are the only writer of the WAL, and between transactions.
        check(unsafe { write(self.file, from.as_ptr().cast(), from.len() as c_int, at) })
    }

    fn sync(&self) -> rusqlite::Result<()> {
        let sync = self.methods.xSync.ok_or_else(|| failure(ffi::SQLITE_IOERR))?;
        // SAFETY: the file is open.
        check(unsafe { sync(self.file, ffi::SQLITE_SYNC_FULL) })
    }
}

fn check(code: c_int) -> rusqlite::Result<()> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(failure(code)) }
}

fn failure(code: c_int) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

/// Held shared by a reader during a call, and exclusively by a checkpoint that has to wait for them.
pub(super) type Gate = Arc<RwLock<()>>;

/// When the WAL is moved into the database file: after the commit that made it large.
///
/// SQLite's own autocheckpoint does the same at a fixed size, but repeats it after every commit when a
/// reader is in the way, and never waits for readers however large the WAL grows.
pub(super) struct Checkpoints {
    /// Frames at which the first checkpoint is made.
    first: i64,
    /// Frames at which the next one is made.
    next: i64,
    /// Frames at which readers are waited for.
    wait: i64,
    gate: Gate,
}

impl Checkpoints {
    pub(super) fn new(
        conn: &Connection,
        config: &SqliteConfig,
        gate: Gate,
    ) -> rusqlite::Result<Self> {
        let page_bytes: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let wal_bytes = i64::try_from(config.wal_bytes).unwrap_or(i64::MAX);
        let first = (wal_bytes / (FRAME_HEADER_BYTES + page_bytes)).max(4);
        Ok(Self { first, next: first, wait: first.saturating_mul(2), gate })
    }

    /// Makes a checkpoint if it is time.
    pub(super) fn after_commit(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let frames = checkpoint(conn, "NOOP")?.frames;
        if frames < self.first {
            self.next = self.first;
            return Ok(());
        }
        if frames < self.next {
            return Ok(());
        }
        // Set first, so that a checkpoint which fails is not tried at every commit.
        self.next = frames + self.first / 4;
        // PASSIVE usually moves everything, and then the next commit begins the WAL anew. Readers in the
        // middle of a page keep it from that. If they do so for long, they are stopped between two
        // pages: SQLite alone would poll for a moment without readers, which a busy server never has.
        let passed = if frames < self.wait {
            checkpoint(conn, "PASSIVE")?
        } else {
            let _stopped = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            conn.busy_timeout(OTHERS_WAIT)?;
            let passed = checkpoint(conn, "RESTART");
            conn.busy_timeout(super::connect::BUSY)?;
            passed?
        };
        tracing::trace!(frames, moved = passed.moved, "checkpoint");
        Ok(())
    }
}
