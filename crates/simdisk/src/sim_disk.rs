//! The handle for the owner of the disk: power cuts, faults, questions.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rusqlite::{Connection, OpenFlags};

use crate::{disk::Disk, ffi::Registration};

/// Gives each VFS of the process its own name.
static DISKS_MADE: AtomicU64 = AtomicU64::new(0);

/// A disk in memory, and the SQLite VFS to reach it.
///
/// Clones are the same disk; every method may be called from any thread. When
/// the last clone goes, the VFS name goes; connections still open keep working
/// until they are closed. SQLite gives no sign when it stops using a VFS, so
/// about 300 bytes per disk and per power cut stay allocated for ever.
#[derive(Clone, Debug)]
pub struct SimDisk {
    disk: Arc<Disk>,
    registration: Arc<Registration>,
}

impl SimDisk {
    /// An empty disk without limits. `seed` decides what survives
    /// [`crash_torn`](Self::crash_torn).
    ///
    /// # Panics
    ///
    /// When SQLite has no memory to register a VFS.
    pub fn new(seed: u64) -> Self {
        let number = DISKS_MADE.fetch_add(1, Ordering::Relaxed);
        let disk = Arc::new(Disk::new(seed));
        let registration = Arc::new(Registration::new(format!("simdisk-{number}"), &disk));
        Self { disk, registration }
    }

    /// The name to open connections with, see
    /// [`Connection::open_with_flags_and_vfs`]. It stays the same over power
    /// cuts.
    pub fn vfs_name(&self) -> &str {
        self.registration.name()
    }

    /// Opens a database on this disk for reading and writing, and creates it
    /// when it is missing.
    pub fn open(&self, name: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(name, flags, self.vfs_name())
    }

    /// The power cut: every write, truncate, creation and deletion that was not
    /// synced is gone. All connections of before are dead: they return I/O
    /// errors, and closing them changes nothing. New connections see the
    /// surviving state. Planned faults end; capacity and write protection stay.
    ///
    /// One thing gets through: a dead connection that runs `ATTACH` or
    /// `VACUUM INTO` opens that other file on the restarted disk, and creates
    /// it. End the threads of the old machine before you look at the new one.
    pub fn crash(&self) {
        self.registration.renew(&self.disk, false);
    }

    /// A power cut as [`crash`](Self::crash), but a random part of the unsynced
    /// changes survives: either all up to some moment, or any subset in any
    /// order; and writes may be torn, between sectors of 512 bytes and inside
    /// them.
    pub fn crash_torn(&self) {
        self.registration.renew(&self.disk, true);
    }

    /// The power goes in the middle of the work: `changes` more changes
    /// (writes, truncates, syncs, creations, deletions) are carried out, and
    /// then every operation fails with `SQLITE_IOERR`, until `crash` or
    /// `crash_torn` restarts the machine.
    pub fn stop_after(&self, changes: u64) {
        self.disk.lock().faults.stop_after(changes);
    }

    /// How many bytes all files together may use; what would need more fails
    /// with `SQLITE_FULL` and writes nothing. `None` lifts the limit. Files that
    /// are larger already stay.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.lock().faults.capacity_bytes = bytes;
    }

    /// The next `count` syncs fail with `SQLITE_IOERR_FSYNC`, and the data stays
    /// unsynced.
    pub fn fail_syncs(&self, count: u64) {
        self.disk.lock().faults.syncs_to_fail = count;
    }

    /// The next `count` writes fail with `SQLITE_IOERR_WRITE` and write nothing.
    pub fn fail_writes(&self, count: u64) {
        self.disk.lock().faults.writes_to_fail = count;
    }

    /// Write protection, as a file system remounted read only. Open connections
    /// that write get what a real disk gives them: `SQLITE_IOERR`, or
    /// `SQLITE_CANTOPEN` when they have to create a journal. New connections
    /// open read only and get `SQLITE_READONLY`. Syncs succeed.
    pub fn read_only(&self, on: bool) {
        self.disk.lock().faults.read_only = on;
    }

    /// Whether SQLite's sleeps (the busy handler's, above all) return at once.
    /// False at first: threads that wait for one another need the sleep. In a
    /// simulation on one thread nobody can release a lock meanwhile, so it
    /// should be true.
    pub fn skip_sleeps(&self, on: bool) {
        self.disk.lock().skip_sleeps = on;
    }

    /// What SQL's `'now'` is, in milliseconds since 1970. It stands still; at
    /// first it is 2000-01-01T00:00:00Z.
    pub fn set_clock_unix_ms(&self, unix_ms: i64) {
        self.disk.lock().clock_unix_ms = unix_ms;
    }

    /// How many syncs succeeded since the disk was made.
    pub fn syncs(&self) -> u64 {
        self.disk.lock().faults.syncs
    }

    /// How many changes were asked for since the disk was made, in the units of
    /// [`stop_after`](Self::stop_after).
    pub fn changes(&self) -> u64 {
        self.disk.lock().faults.changes
    }

    /// The size of a file in bytes as SQLite sees it; `None`: no such file.
    pub fn file_size(&self, name: &str) -> Option<u64> {
        self.disk.lock().file_size(name)
    }

    /// The names of all files, sorted.
    pub fn file_names(&self) -> Vec<String> {
        let state = self.disk.lock();
        state.names.all().map(str::to_owned).collect()
    }

    /// The bytes counted against the capacity: of all files, temporary ones and
    /// those deleted but still open included.
    pub fn used_bytes(&self) -> u64 {
        self.disk.lock().used_bytes()
    }
}
