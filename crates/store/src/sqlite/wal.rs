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
//! **Erasing.** What was deleted is still in older frames. So after a batch that took a text away the
//! WAL is moved and made empty, and [`super::erase`] sees to the database file: at once, or under load
//! some commits later, or when the caller says that nothing waits ([`crate::Store::settle`]). Where a
//! reader of another process is in the way, that is tried again with later commits. A failure takes nothing
//! back: the batch is durable, and a start empties the WAL in any case.
//!
//! **The database file** needs no such care. A checkpoint syncs it before it counts a frame as moved,
//! and the WAL starts anew only when all are moved. If that sync fails, the frames still count as not
//! moved, are read from the WAL, and are written again next time, which makes the pages dirty again.

use super::SqliteConfig;
use super::erase;
use super::file::File;
use rusqlite::Connection;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Bytes before the first frame of a WAL (<https://www.sqlite.org/fileformat2.html#walformat>).
pub(super) const HEADER_BYTES: i64 = 32;
/// Bytes before the page in each frame.
pub(super) const FRAME_HEADER_BYTES: i64 = 24;
/// Bytes that are rewritten in one call: see [`File`].
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
    /// Whether somebody was in the way.
    busy: bool,
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
        let (frames, moved) = (row.get::<_, i64>(1)?.max(0), row.get::<_, i64>(2)?.max(0));
        Ok(Progress { frames, moved, busy: row.get(0)? })
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
    erasing: Erasing,
}

/// Commits after emptying the WAL until it is emptied again, if something is erased all the time and
/// there is much in it. With each batch it made those of 64 to 512 messages take 4 to 15 times as long.
const ERASE_EVERY: u32 = 32;
/// Frames that are so few that it is emptied at once.
const FEW_FRAMES: i64 = 64;
/// Commits between two tries to empty the WAL when others are in the way, at most.
const PATIENCE: u32 = 64;

/// Whether the WAL has to be emptied, because a text was erased that is still in it.
#[derive(Clone, Copy, Default)]
struct Erasing {
    wanted: bool,
    /// Tries that were in vain since the last one that was not.
    in_vain: u32,
    /// Commits that pass before the next try: it may have to wait for other programs, or is costly.
    left: u32,
}

impl Checkpoints {
    /// Empties the WAL that was found, as far as readers of other processes let it be.
    pub(super) fn at_start(
        conn: &Connection,
        config: &SqliteConfig,
        gate: Gate,
    ) -> rusqlite::Result<Self> {
        let erasing = Erasing { wanted: true, ..Erasing::default() };
        let mut checkpoints = Self { first: 0, next: 0, wait: 0, gate, erasing };
        checkpoints.reopened(conn, config)?;
        checkpoints.erase(conn)?;
        if !checkpoints.erasing.wanted {
            checkpoints.erasing.left = 0;
        }
        Ok(checkpoints)
    }

    /// Goes on with another connection. What was to be erased still is.
    pub(super) fn reopened(
        &mut self,
        conn: &Connection,
        config: &SqliteConfig,
    ) -> rusqlite::Result<()> {
        let page_bytes: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let wal_bytes = i64::try_from(config.wal_bytes).unwrap_or(i64::MAX);
        self.first = (wal_bytes / (FRAME_HEADER_BYTES + page_bytes)).max(4);
        self.next = self.first;
        self.wait = self.first.saturating_mul(2);
        Ok(())
    }

    /// Makes a checkpoint if it is time, or if the commit erased a text.
    pub(super) fn after_commit(&mut self, conn: &Connection, erased: bool) -> rusqlite::Result<()> {
        self.erasing.wanted |= erased;
        let frames = checkpoint(conn, "NOOP")?.frames;
        if frames < self.first {
            self.next = self.first;
        }
        let large = frames >= self.next;
        if large {
            // Set first, so that a checkpoint which fails is not tried at every commit.
            self.next = frames + self.first / 4;
        }
        let cheap = frames <= FEW_FRAMES && self.erasing.in_vain == 0;
        // Also when it is large: else the WAL might begin anew, and which pages were in it be forgotten.
        if self.erasing.wanted && (self.erasing.left == 0 || cheap || large) {
            return self.erase(conn);
        }
        self.erasing.left = self.erasing.left.saturating_sub(1);
        if !large {
            return Ok(());
        }
        // PASSIVE usually moves everything, and then the next commit begins the WAL anew. Readers in the
        // middle of a page keep it from that. If they do so for long, they are stopped between two
        // pages: SQLite alone would poll for a moment without readers, which a busy server never has.
        let passed = if frames < self.wait {
            checkpoint(conn, "PASSIVE")?
        } else {
            let _stopped = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            checkpoint_with_others(conn, "RESTART")?
        };
        tracing::trace!(frames, moved = passed.moved, "checkpoint");
        Ok(())
    }

    /// Nothing waits: what was put off because others may have been waiting is done now.
    pub(super) fn when_idle(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let due = self.erasing.wanted && self.erasing.in_vain == 0;
        if due { self.erase(conn) } else { Ok(()) }
    }

    /// Before the connection closes: what was to be erased is tried once more.
    pub(super) fn before_close(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if self.erasing.wanted { self.erase(conn) } else { Ok(()) }
    }

    /// Leaves nothing in the WAL, and nothing in the database file that SQLite does not need.
    fn erase(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        // Set first, in case it fails.
        self.erasing.left = (1 << self.erasing.in_vain.min(16)).min(PATIENCE);
        self.erasing.in_vain += 1;
        // Most of the work, the sync above all, is done while readers go on.
        checkpoint(conn, "PASSIVE")?;
        let _stopped = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let found = checkpoint(conn, "PASSIVE")?;
        // Otherwise a reader of another process needs older pages.
        if found.moved == found.frames {
            erase::scrub(conn, found.frames)?;
            if !checkpoint_with_others(conn, "TRUNCATE")?.busy {
                self.erasing = Erasing { left: ERASE_EVERY, ..Erasing::default() };
                self.next = self.first;
            }
        }
        tracing::trace!(frames = found.frames, again = self.erasing.wanted, "erasing");
        Ok(())
    }
}

/// A checkpoint that waits for readers of other processes, but not for long.
fn checkpoint_with_others(conn: &Connection, mode: &str) -> rusqlite::Result<Progress> {
    conn.busy_timeout(OTHERS_WAIT)?;
    let passed = checkpoint(conn, mode);
    conn.busy_timeout(super::connect::BUSY)?;
    passed
}
