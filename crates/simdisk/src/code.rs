//! How an operation of the disk fails: with the result code that SQLite gets.

use std::ffi::c_int;

use rusqlite::ffi;

/// An SQLite result code other than `SQLITE_OK`. There is no own error enum,
/// because the only caller who sees it is SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) c_int);

pub(crate) type DiskResult<T> = Result<T, Code>;

impl Code {
    /// Another connection holds the lock: SQLite asks its busy handler.
    pub(crate) const BUSY: Self = Self(ffi::SQLITE_BUSY);
    /// The file does not exist, or may not be made.
    pub(crate) const CANT_OPEN: Self = Self(ffi::SQLITE_CANTOPEN);
    /// The capacity is used up.
    pub(crate) const FULL: Self = Self(ffi::SQLITE_FULL);
    /// The power is off, or the handle is of before the power cut.
    pub(crate) const IO: Self = Self(ffi::SQLITE_IOERR);
    pub(crate) const DELETE: Self = Self(ffi::SQLITE_IOERR_DELETE);
    pub(crate) const DELETE_MISSING: Self = Self(ffi::SQLITE_IOERR_DELETE_NOENT);
    pub(crate) const LOCK: Self = Self(ffi::SQLITE_IOERR_LOCK);
    pub(crate) const SHARED_MEMORY: Self = Self(ffi::SQLITE_IOERR_SHMMAP);
    pub(crate) const SYNC: Self = Self(ffi::SQLITE_IOERR_FSYNC);
    pub(crate) const TRUNCATE: Self = Self(ffi::SQLITE_IOERR_TRUNCATE);
    pub(crate) const WRITE: Self = Self(ffi::SQLITE_IOERR_WRITE);
}
