//! The files below a connection, read and written as SQLite does it: for what SQL can't do with them.
//!
//! SQLite never asks a VFS for 128 KiB or more at once, and the one for Unix takes lengths modulo that.

use rusqlite::{Connection, ffi};
use std::os::raw::{c_int, c_void};

/// A file of a connection, through its VFS.
pub(super) struct File<'c> {
    file: *mut ffi::sqlite3_file,
    methods: &'c ffi::sqlite3_io_methods,
}

impl<'c> File<'c> {
    /// The WAL.
    pub(super) fn of_wal(conn: &'c Connection) -> rusqlite::Result<Self> {
        Self::of(conn, ffi::SQLITE_FCNTL_JOURNAL_POINTER)
    }

    /// The database file.
    pub(super) fn of_database(conn: &'c Connection) -> rusqlite::Result<Self> {
        Self::of(conn, ffi::SQLITE_FCNTL_FILE_POINTER)
    }

    fn of(conn: &'c Connection, which: c_int) -> rusqlite::Result<Self> {
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        // SAFETY: the handle is valid as long as `conn` is borrowed. These file controls store the
        // pager's pointer to the file. The one to the database lives as long as the connection, the
        // one to the WAL as long as it stays in WAL mode: and nobody changes that while `File` is in
        // use.
        let methods = unsafe {
            check(ffi::sqlite3_file_control(
                conn.handle(),
                c"main".as_ptr(),
                which,
                (&raw mut file).cast::<c_void>(),
            ))?;
            file.as_ref().and_then(|file| file.pMethods.as_ref())
        };
        let methods = methods.ok_or_else(|| failure(ffi::SQLITE_CANTOPEN))?;
        Ok(Self { file, methods })
    }

    /// Fills the buffer, of less than 128 KiB, with the bytes from `at` on.
    pub(super) fn read(&self, into: &mut [u8], at: i64) -> rusqlite::Result<()> {
        let read = self.methods.xRead.ok_or_else(|| failure(ffi::SQLITE_IOERR))?;
        // SAFETY: the file is open, and the buffer is as long as is said (less than 128 KiB).
        check(unsafe { read(self.file, into.as_mut_ptr().cast(), into.len() as c_int, at) })
    }

    /// Writes less than 128 KiB from `at` on.
    pub(super) fn write(&self, from: &[u8], at: i64) -> rusqlite::Result<()> {
        let write = self.methods.xWrite.ok_or_else(|| failure(ffi::SQLITE_IOERR))?;
        // SAFETY: as for `read`. We are the only writer, and between transactions.
        check(unsafe { write(self.file, from.as_ptr().cast(), from.len() as c_int, at) })
    }

    /// What was written is on the disk.
    pub(super) fn sync(&self) -> rusqlite::Result<()> {
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
