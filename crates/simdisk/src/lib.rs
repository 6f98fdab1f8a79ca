//! A simulated disk below SQLite, for the simulator and the crash tests.
//!
//! [`SimDisk`] is an SQLite VFS in memory. Each file has two states: what was
//! written, and what a power cut would leave, that is, what was written *and*
//! synced. The real SQLite runs on it, in WAL mode with several connections and
//! threads, and in the rollback-journal modes.
//!
//! ```
//! use hubbub_simdisk::SimDisk;
//!
//! let disk = SimDisk::new(7);
//! let db = disk.open("hub.db")?;
//! db.execute_batch("PRAGMA synchronous = EXTRA; CREATE TABLE kept (n INTEGER);")?;
//! db.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE lost (n INTEGER);")?;
//! disk.crash();
//! assert!(db.execute_batch("SELECT * FROM kept").is_err(), "the old machine is gone");
//!
//! let db = disk.open("hub.db")?;
//! db.execute_batch("SELECT * FROM kept")?;
//! assert!(db.execute_batch("SELECT * FROM lost").is_err());
//! # Ok::<(), rusqlite::Error>(())
//! ```
//!
//! # What survives
//!
//! The rules are those of a journaling file system under Linux, as far as
//! SQLite's own Unix VFS relies on it:
//!
//! * A synced file keeps its bytes, its size and its name.
//! * The first sync of a new journal or WAL syncs the directory, that is, all
//!   creations and deletions before it.
//! * A deletion is safe after a sync of the directory. SQLite asks for one only
//!   with `synchronous = EXTRA`: with `journal_mode = DELETE` and `FULL` a power
//!   cut may bring back the journal and so undo the last commit.
//!
//! # What is not here
//!
//! * Real files, other processes, directories, memory-mapped reads.
//! * Bit rot: bytes that were synced, or that no write touched, stay right.
//! * Control over SQLite's own random numbers. It seeds them once per process
//!   from the default VFS, so WAL salts, journal nonces and SQL's `random()` do
//!   not depend on the seed. Which writes survive does.

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod code;
mod content;
mod disk;
mod faults;
#[allow(unsafe_code)]
mod ffi;
mod handle;
mod locks;
mod names;
mod outage;
mod rng;
mod shm;
mod sim_disk;

pub use sim_disk::SimDisk;
